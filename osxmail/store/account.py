# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
One person's mailboxes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred, fail, gatherResults
from zope.interface import implementer

from osxmail.errors import InUse, LimitExceeded, MailError, NoSuchAccount, NoSuchMailbox
from osxmail.interfaces import IAccount, IMailbox
from osxmail.mail.acceptance import MailboxStatus, Quota
from osxmail.mail.mailboxname import normalizeMailboxName
from osxmail.mail.rights import AccessEntry
from osxmail.store.access import findWithAccess
from osxmail.store.accountrows import (
    MAX_SUBSCRIPTIONS,
    findMailbox_txn,
    makeMailbox_txn,
    removeMailbox_txn,
    renameMailbox_txn,
)
from osxmail.store.connection import Transaction
from osxmail.store.mailbox import Mailbox
from osxmail.store.parts import Parts
from osxmail.store.quota import overrideQuota_txn, readQuota, setQuota_txn
from osxmail.store.statuses import readStatuses
from osxmail.store.urlkeys import removeUrlKeys_txn

P = ParamSpec("P")
T = TypeVar("T")


def _inDeferred(method: Callable[P, Deferred[T]]) -> Callable[P, Deferred[T]]:
    """
    What a method raises (a name that is none) goes into its Deferred.
    """

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        try:
            return method(*args, **kwargs)
        except MailError as error:
            return fail(error)

    return call


@implementer(IAccount)
class Account:
    """
    See L{IAccount}.
    """

    __slots__ = ("_parts", "_row", "accountId", "address")

    def __init__(self, parts: Parts, accountId: str, row: int, address: str) -> None:
        """
        @param row: the store's number for the account.
        """
        self.accountId = accountId
        self.address = address
        self._parts = parts
        self._row = row

    def __repr__(self) -> str:
        return f"<Account {self.accountId}>"

    def listMailboxes(self) -> Deferred[tuple[MailboxStatus, ...]]:
        """
        See L{IAccount.listMailboxes}.
        """
        return self._parts.database.read(lambda txn: readStatuses(txn, self._row), isSingle=True)

    def subscriptions(self) -> Deferred[tuple[str, ...]]:
        """
        See L{IAccount.subscriptions}.
        """

        def read(txn: Transaction) -> tuple[str, ...]:
            row = txn.execute(
                """SELECT json_group_array(name) FROM
                    (SELECT name FROM subscription WHERE account_id = ? ORDER BY name)""",
                (self._row,),
            ).fetchone()
            return tuple(json.loads(row[0]))

        return self._parts.database.read(read, isSingle=True)

    @_inDeferred
    def subscribe(self, name: str, subscribed: bool) -> Deferred[None]:
        """
        See L{IAccount.subscribe}.

        @raise LimitExceeded: (in the Deferred) there are too many.
        """
        name = normalizeMailboxName(name)

        def write_txn(txn: Transaction) -> None:
            if not subscribed:
                txn.execute("DELETE FROM subscription WHERE account_id = ? AND name = ?", (self._row, name))
                self._tellWatchers_txn(txn)
                return
            self._require_txn(txn)
            count = txn.execute("SELECT count(*) FROM subscription WHERE account_id = ?", (self._row,)).fetchone()[0]
            if count >= MAX_SUBSCRIPTIONS:
                raise LimitExceeded(f"an account has at most {MAX_SUBSCRIPTIONS} subscriptions")
            txn.execute("INSERT OR IGNORE INTO subscription (account_id, name) VALUES (?, ?)", (self._row, name))
            self._tellWatchers_txn(txn)

        return self._parts.database.write(write_txn)

    @_inDeferred
    def mailbox(self, name: str) -> Deferred[IMailbox]:
        """
        See L{IAccount.mailbox}.
        """
        name = normalizeMailboxName(name)

        def found(mailboxId: int | None) -> IMailbox:
            if mailboxId is None:
                raise NoSuchMailbox(name)
            return self.mailboxAt(mailboxId)

        return self._parts.database.read(lambda txn: findMailbox_txn(txn, self._row, name), isSingle=True).addCallback(
            found
        )

    @_inDeferred
    def find(self, name: str) -> Deferred[tuple[IMailbox, tuple[AccessEntry, ...]]]:
        """
        See L{IAccount.find}.
        """
        name = normalizeMailboxName(name)

        def found(row: tuple[int, tuple[AccessEntry, ...]] | None) -> tuple[IMailbox, tuple[AccessEntry, ...]]:
            if row is None:
                raise NoSuchMailbox(name)
            return self.mailboxAt(row[0]), row[1]

        reading = self._parts.database.read(lambda txn: findWithAccess(txn, self._row, name), isSingle=True)
        return reading.addCallback(found)

    def mailboxAt(self, mailboxId: int) -> IMailbox:
        """
        See L{IAccount.mailboxAt}.
        """
        return Mailbox(self._parts, self.accountId, mailboxId)

    @_inDeferred
    def createMailbox(self, name: str, specialUse: str = "") -> Deferred[IMailbox]:
        """
        See L{IAccount.createMailbox}.
        """
        name = normalizeMailboxName(name)

        def write_txn(txn: Transaction) -> int:
            mailboxId = makeMailbox_txn(txn, self._row, name, specialUse)
            self._tellWatchers_txn(txn)
            return mailboxId

        return self._parts.database.write(write_txn).addCallback(self.mailboxAt)

    @_inDeferred
    def deleteMailbox(self, name: str) -> Deferred[None]:
        """
        See L{IAccount.deleteMailbox}.
        """
        name = normalizeMailboxName(name)

        def write_txn(txn: Transaction) -> None:
            mailboxId = removeMailbox_txn(txn, self._row, name)
            self._tellWatchers_txn(txn)
            txn.afterCommit(self._parts.accessChanged)
            txn.afterCommit(lambda: self._parts.shelf.gone([mailboxId]))

        return self._parts.database.write(write_txn)

    @_inDeferred
    def renameMailbox(self, name: str, newName: str) -> Deferred[None]:
        """
        See L{IAccount.renameMailbox}.

        @raise NoSuchMailbox: (in the Deferred) there is none of that name.
        @raise AlreadyExists: (in the Deferred) there is one of the new name.
        @raise NotAllowed: (in the Deferred) into itself.
        @raise LimitExceeded: (in the Deferred) the new names would be too long.
        """
        name, newName = normalizeMailboxName(name), normalizeMailboxName(newName)
        now = self._parts.now()

        def write_txn(txn: Transaction) -> list[int]:
            changed = renameMailbox_txn(txn, self._row, name, newName, now)
            self._tellWatchers_txn(txn)
            txn.afterCommit(self._parts.accessChanged)
            txn.afterCommit(lambda: self._parts.shelf.changed(changed))
            return changed

        def written(changed: list[int]) -> Deferred[None] | None:
            waits = [wait for each in changed if (wait := self._parts.shelf.caughtUp(each)) is not None]
            return gatherResults(waits).addCallback(lambda _: None) if waits else None

        # Whoever has it selected is told of messages that have moved.
        return self._parts.database.write(write_txn).addCallback(written)

    def quota(self) -> Deferred[Quota]:
        """
        See L{IAccount.quota}.

        @raise NoSuchAccount: (in the Deferred) removed meanwhile.
        """
        return self._parts.database.read(lambda txn: readQuota(txn, self._row), isSingle=True)

    def setQuota(self, limitOctets: int, limitMessages: int = 0) -> Deferred[None]:
        """
        See L{IAccount.setQuota}.
        """
        return self._parts.database.write(lambda txn: setQuota_txn(txn, self._row, limitOctets, limitMessages))

    def overrideQuota(self, limitOctets: int | None, limitMessages: int | None) -> Deferred[None]:
        """
        See L{IAccount.overrideQuota}.

        @raise NoSuchAccount: (in the Deferred) removed meanwhile.
        """
        return self._parts.database.write(lambda txn: overrideQuota_txn(txn, self._row, limitOctets, limitMessages))

    def removeUrlKeys(self) -> Deferred[None]:
        """
        See L{IAccount.removeUrlKeys}.
        """
        return self._parts.database.write(lambda txn: removeUrlKeys_txn(txn, self._row))

    def lockMaildrop(self) -> Callable[[], None]:
        """
        See L{IAccount.lockMaildrop}.
        """
        locked = self._parts.lockedMaildrops
        if self.accountId in locked:
            raise InUse("another session has the maildrop")
        locked.add(self.accountId)
        isHeld = True

        def unlock() -> None:
            nonlocal isHeld
            if isHeld:
                isHeld = False
                locked.discard(self.accountId)

        return unlock

    def _tellWatchers_txn(self, txn: Transaction) -> None:
        txn.afterCommit(partial(self._parts.shelf.watchers.mailboxesChanged, self.accountId))

    def _require_txn(self, txn: Transaction) -> None:
        if txn.execute("SELECT 1 FROM account WHERE id = ?", (self._row,)).fetchone() is None:
            raise NoSuchAccount("removed meanwhile")
