# -*- test-case-name: tests.unit.store.test_watchers -*-
"""
Who wants to know that mailboxes have changed, whether anybody has them selected or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from twisted.logger import Logger

from osxmail.interfaces import IMailStoreWatcher

_Key = TypeVar("_Key", int, str)


class Watchers:
    """
    Those of this process.  Called on the reactor, after commits; where nobody watches, it costs nothing.
    """

    log = Logger(namespace="osxmail.store")

    def __init__(self) -> None:
        self._byMailbox: dict[int, set[IMailStoreWatcher]] = {}
        self._byAccount: dict[str, set[IMailStoreWatcher]] = {}
        self._watched: dict[IMailStoreWatcher, tuple[frozenset[int], frozenset[str]]] = {}

    def watch(self, watcher: IMailStoreWatcher, mailboxIds: Collection[int], accountIds: Collection[str]) -> None:
        """
        See L{osxmail.interfaces.IMailStore.watch}.
        """
        self.unwatch(watcher)
        if mailboxIds or accountIds:
            self._watched[watcher] = frozenset(mailboxIds), frozenset(accountIds)
            for mailboxId in mailboxIds:
                self._byMailbox.setdefault(mailboxId, set()).add(watcher)
            for accountId in accountIds:
                self._byAccount.setdefault(accountId, set()).add(watcher)

    def unwatch(self, watcher: IMailStoreWatcher) -> None:
        """
        See L{osxmail.interfaces.IMailStore.unwatch}.
        """
        mailboxIds, accountIds = self._watched.pop(watcher, ((), ()))
        for mailboxId in mailboxIds:
            _discard(self._byMailbox, mailboxId, watcher)
        for accountId in accountIds:
            _discard(self._byAccount, accountId, watcher)

    def messagesChanged(self, mailboxIds: Iterable[int]) -> None:
        """
        Messages have come, changed or gone in these.
        """
        if self._byMailbox:
            for mailboxId in mailboxIds:
                for watcher in tuple(self._byMailbox.get(mailboxId, ())):
                    self._tell(watcher, mailboxId)

    def mailboxesChanged(self, accountId: str) -> None:
        """
        This account has other mailboxes, or other subscriptions, than before.
        """
        for watcher in tuple(self._byAccount.get(accountId, ())):
            self._tell(watcher)

    def accessChanged(self) -> None:
        """
        Some access list is another: who watches anybody's mailboxes may see others now.
        """
        if self._byAccount:
            for watcher in {each for some in self._byAccount.values() for each in some}:
                self._tell(watcher)

    def _tell(self, watcher: IMailStoreWatcher, mailboxId: int = 0) -> None:
        try:
            if mailboxId:
                watcher.messagesChanged(mailboxId)
            else:
                watcher.mailboxesChanged()
        except Exception:  # noqa: BLE001  one watcher's fault is not the others'
            self.log.failure("{event}", event="store.watcher_failed")


def _discard(index: dict[_Key, set[IMailStoreWatcher]], key: _Key, watcher: IMailStoreWatcher) -> None:
    watchers = index.get(key)
    if watchers is not None:
        watchers.discard(watcher)
        if not watchers:
            del index[key]
