# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
The store as a whole: its parts, put together, as the L{IMailStore} of the other rooms.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from osxmail.errors import NoSuchAccount
from osxmail.interfaces import IAccount, IIncoming, IMailStore, IMailStoreWatcher
from osxmail.mail.acceptance import (
    Acceptance,
    Accepted,
    AnnotationChange,
    Annotations,
    SharedMailbox,
    TraceEvent,
)
from osxmail.mail.address import Address
from osxmail.store.accepting import Accepting
from osxmail.store.access import forgetIdentifier_txn, readGroups, readNumbered, readShared
from osxmail.store.account import Account
from osxmail.store.accountrows import (
    SHARED_ACCOUNT,
    findAccount_txn,
    makeAccount_txn,
    removeAccount_txn,
    setAddress_txn,
    sharedAccount_txn,
)
from osxmail.store.annotations import SERVER, readManyAnnotations
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.incoming import Incoming
from osxmail.store.index import Index
from osxmail.store.message import MessageRows
from osxmail.store.octets import Octets
from osxmail.store.parts import Parts
from osxmail.store.placing import Placed
from osxmail.store.previews import Previews
from osxmail.store.queueid import QueueIds
from osxmail.store.queuetable import QueueTable
from osxmail.store.renderings import RenderingRows
from osxmail.store.search import Search
from osxmail.store.shelf import Shelf
from osxmail.store.sorting import Sorting
from osxmail.store.trace import TraceTable

DATABASE_NAME = "osxmail.sqlite"
INDEX_FOLDER = "index"


def _onlyOne(accounts: tuple[IAccount, ...]) -> IAccount | None:
    return accounts[0] if accounts else None


@implementer(IMailStore)
class Store:
    """
    See L{IMailStore}.

    @ivar database: the database, for the other parts of this room.
    @ivar queue: the L{osxmail.interfaces.IQueue}.
    @ivar index: what helps to search; L{osxmail.store.indexing.Indexing} fills it.
    """

    def __init__(
        self, data: Path, reactor: Any = None, now: Callable[[], float] = time.time, holder: str = "1"
    ) -> None:
        """
        @param data: the folder of the store; it exists.
        @param reactor: an L{IReactorFromThreads} and L{IReactorTime}; the global one if it is C{None}.
        @param now: the wall clock, seconds since the epoch.
        @param holder: names this process among those that share the store.
        """
        if reactor is None:
            from twisted.internet import reactor
        self.database = Database(data / DATABASE_NAME, reactor)
        self.octets = Octets(self.database, data)
        self.queue = QueueTable(self.database, self.octets, holder, now)
        self._trace = TraceTable(self.database)
        self._queueIds = QueueIds()
        self._now = now
        shelf = Shelf(self.database, reactor)
        self.index = Index(data / INDEX_FOLDER)
        search = Search(self.database, self.octets, self.index)

        def placed(several: Iterable[Placed]) -> None:
            several = tuple(several)
            shelf.placed(several)
            self.index.changed([each.mailboxId for each in several])

        accepting = Accepting(self.database, self.octets, placed, self.queue.tellListeners, now)
        self.queue.join(accepting)
        self.parts = Parts(
            self.database,
            self.octets,
            accepting,
            MessageRows(self.database, self.octets),
            RenderingRows(self.database),
            shelf,
            search,
            Sorting(search),
            Previews(self.database, search),
            self.index,
            now,
            set(),
        )

    def open(self) -> Deferred[None]:
        """
        Open the files, upgrade what is old.  Fires when the store serves.

        @raise StoreAway: (in the Deferred) it cannot be opened.
        """
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> None:
        await self.database.open()
        try:
            await self.octets.start()
            await self.queue.start()
            self.index.start()
            self.parts.search.start()
            self.parts.sorting.start()
        except BaseException:
            await self.close()
            raise

    def close(self) -> Deferred[None]:
        """
        Take no more, finish what was taken, close the files.
        """
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        self.parts.previews.stop()
        await self.parts.sorting.stop()
        await self.parts.search.stop()
        await self.index.stop()
        await self.database.close()
        await self.octets.stop()

    # -------------------------------------------------------------------------------------------- IMailStore

    def incoming(self, limitOctets: int) -> IIncoming:
        """
        See L{IMailStore.incoming}.
        """
        return self.octets.incoming(limitOctets)

    def newQueueId(self) -> str:
        """
        See L{IMailStore.newQueueId}.
        """
        return self._queueIds.new()

    def accept(self, acceptance: Acceptance, incoming: IIncoming) -> Deferred[Accepted]:
        """
        See L{IMailStore.accept}.
        """
        assert isinstance(incoming, Incoming), "a message comes in by the store's own incoming()"
        return self.parts.accepting.accept(acceptance, incoming)

    def account(self, accountId: str, address: Address) -> Deferred[IAccount]:
        """
        See L{IMailStore.account}.
        """
        return Deferred.fromCoroutine(self._account(accountId, address))

    async def _account(self, accountId: str, address: Address) -> IAccount:
        known = await self._accounts(
            "identifier = ? AND address = ? AND key = ?", (accountId, str(address), address.key)
        )
        if known:
            return known[0]

        def write_txn(txn: Transaction) -> int:
            row = findAccount_txn(txn, accountId)
            if row is None:
                return makeAccount_txn(txn, accountId, str(address), self._now())
            # The directory has given its owner another one.
            setAddress_txn(txn, row, address)
            return row

        return Account(self.parts, accountId, await self.database.write(write_txn), str(address))

    def existingAccount(self, accountId: str) -> Deferred[IAccount | None]:
        """
        See L{IMailStore.existingAccount}.
        """
        return self._accounts("identifier = ?", (accountId,)).addCallback(_onlyOne)

    def accountWithAddress(self, address: Address) -> Deferred[IAccount | None]:
        """
        See L{IMailStore.accountWithAddress}.
        """
        # Who had the address before, and whose mail was kept, comes first in the table.
        return self._accounts("key = ? ORDER BY id DESC LIMIT 1", (address.key,)).addCallback(_onlyOne)

    def accountsAfter(self, key: str, limit: int) -> Deferred[tuple[IAccount, ...]]:
        """
        See L{IMailStore.accountsAfter}.
        """
        return self._accounts(
            "key > ? AND id = (SELECT max(id) FROM account b WHERE b.key = account.key) ORDER BY key LIMIT ?",
            (key, limit),
        )

    def _accounts(self, where: str, arguments: tuple[object, ...]) -> Deferred[tuple[IAccount, ...]]:
        def read(txn: Transaction) -> tuple[IAccount, ...]:
            row = txn.execute(
                f"""SELECT json_group_array(json_array(identifier, id, address))
                    FROM (SELECT identifier, id, address FROM account WHERE {where})""",
                arguments,
            ).fetchone()
            return tuple(Account(self.parts, *each) for each in json.loads(row[0]))

        return self.database.read(read, isSingle=True)

    def sharedAccount(self) -> Deferred[IAccount]:
        """
        See L{IMailStore.sharedAccount}.
        """
        return Deferred.fromCoroutine(self._sharedAccount())

    async def _sharedAccount(self) -> IAccount:
        account = await self.existingAccount(SHARED_ACCOUNT)
        if account is not None:
            return account
        row = await self.database.write(lambda txn: sharedAccount_txn(txn, self._now()))
        return Account(self.parts, SHARED_ACCOUNT, row, "")

    def watch(self, watcher: IMailStoreWatcher, mailboxIds: Collection[int], accountIds: Collection[str]) -> None:
        """
        See L{IMailStore.watch}.
        """
        self.parts.shelf.watchers.watch(watcher, mailboxIds, accountIds)

    def unwatch(self, watcher: IMailStoreWatcher) -> None:
        """
        See L{IMailStore.unwatch}.
        """
        self.parts.shelf.watchers.unwatch(watcher)

    @property
    def accessVersion(self) -> int:
        """
        See L{IMailStore.accessVersion}.
        """
        return self.parts.accessVersion

    def sharedWith(self, identifiers: Sequence[str]) -> Deferred[tuple[SharedMailbox, ...]]:
        """
        See L{IMailStore.sharedWith}.
        """
        return self.database.read(lambda txn: readShared(txn, identifiers), isSingle=True, isLong=True)

    def groupsWithAccess(self) -> Deferred[tuple[str, ...]]:
        """
        See L{IMailStore.groupsWithAccess}.
        """
        return self.database.read(readGroups)

    def removeAccount(self, accountId: str) -> Deferred[None]:
        """
        See L{IMailStore.removeAccount}.
        """

        def write_txn(txn: Transaction) -> int:
            row = findAccount_txn(txn, accountId)
            if row is None:
                raise NoSuchAccount(accountId)
            mailboxIds = removeAccount_txn(txn, row)
            txn.afterCommit(self.parts.accessChanged)
            txn.afterCommit(lambda: self.parts.shelf.gone(mailboxIds))
            return row

        return self.database.write(write_txn).addCallback(self.index.remove)

    def forgetRights(self, address: Address) -> Deferred[None]:
        """
        See L{IMailStore.forgetRights}.
        """

        def write_txn(txn: Transaction) -> None:
            forgetIdentifier_txn(txn, address.key)
            txn.afterCommit(self.parts.accessChanged)

        return self.database.write(write_txn)

    def mailboxNumbered(self, mailboxId: int) -> Deferred[SharedMailbox | None]:
        """
        See L{IMailStore.mailboxNumbered}.
        """
        return self.database.read(lambda txn: readNumbered(txn, mailboxId), isSingle=True)

    def annotations(
        self, owner: str, entries: Sequence[str], depth: int | None, maxOctets: int | None
    ) -> Deferred[Annotations]:
        """
        See L{IMailStore.annotations}.
        """
        return self.parts.readAnnotations(SERVER, owner, entries, depth, maxOctets)

    def annotationsOf(
        self, mailboxIds: Sequence[int], owner: str, entries: Sequence[str]
    ) -> Deferred[dict[int, dict[str, bytes]]]:
        """
        See L{IMailStore.annotationsOf}.
        """
        return self.database.read(lambda txn: readManyAnnotations(txn, mailboxIds, owner, entries), isSingle=True)

    def setAnnotations(self, owner: str, values: Mapping[str, bytes | None], author: str = "") -> Deferred[None]:
        """
        See L{IMailStore.setAnnotations}.
        """
        return self.parts.setAnnotations(SERVER, owner, values, author)

    def addAnnotationListener(self, listener: Callable[[AnnotationChange], None]) -> None:
        """
        See L{IMailStore.addAnnotationListener}.
        """
        self.parts.annotationListeners.append(listener)

    def removeAnnotationListener(self, listener: Callable[[AnnotationChange], None]) -> None:
        """
        See L{IMailStore.removeAnnotationListener}.
        """
        if listener in self.parts.annotationListeners:
            self.parts.annotationListeners.remove(listener)

    def recordTrace(self, events: Sequence[TraceEvent]) -> Deferred[None]:
        """
        See L{IMailStore.recordTrace}.
        """
        return self._trace.recordTrace(events)

    def trace(self, term: str, since: float, limit: int) -> Deferred[tuple[TraceEvent, ...]]:
        """
        See L{IMailStore.trace}.
        """
        return self._trace.trace(term, since, limit)

    def mailboxesChanged(self, mailboxIds: Sequence[int]) -> None:
        """
        Another process says that it has changed these.
        """
        self.parts.shelf.changed(mailboxIds)
