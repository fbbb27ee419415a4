# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
A mailbox: a log of changes with UIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from osxmail.errors import NoSuchMailbox
from osxmail.interfaces import IMailbox, IMailboxListener, IMessage, ISnapshot, NewMessage
from osxmail.mail.acceptance import Annotations, Appended, Changes, Copied, FlagsStored, MailboxStatus
from osxmail.mail.rights import AccessEntry
from osxmail.mail.searchkeys import SearchKey
from osxmail.mail.sortcriteria import SortCriterion
from osxmail.mail.threading import Threads
from osxmail.store.access import readAccess, setAccess_txn
from osxmail.store.changes import LISTING_SLICE, Delta, FlagChange, readDelta, readExpunged
from osxmail.store.connection import Transaction
from osxmail.store.copying import copy_txn
from osxmail.store.expunging import expunge_txn, remove_txn
from osxmail.store.flagging import storeFlags_txn
from osxmail.store.maildroprows import noteFetched_txn, readFetchedBefore, readUnended
from osxmail.store.parts import Parts
from osxmail.store.search import Progress
from osxmail.store.statuses import readStatus
from osxmail.store.urlkeys import makeUrlKey_txn, readUrlKey

T = TypeVar("T")


@implementer(IMailbox)
class Mailbox:
    """
    See L{IMailbox}.

    What changes the mailbox fires when its snapshot, where somebody listens to it, has caught up with the change.
    """

    __slots__ = ("_accountId", "_parts", "mailboxId")

    def __init__(self, parts: Parts, accountId: str, mailboxId: int) -> None:
        self.mailboxId = mailboxId
        self._accountId = accountId
        self._parts = parts

    def __repr__(self) -> str:
        return f"<Mailbox {self.mailboxId} of {self._accountId}>"

    # --------------------------------------------------------------------------------------------- reading

    def access(self) -> Deferred[tuple[AccessEntry, ...]]:
        """
        See L{IMailbox.access}.
        """
        return self._parts.database.read(lambda txn: readAccess(txn, self.mailboxId), isSingle=True)

    def setAccess(self, identifier: str, operation: str, rights: str) -> Deferred[None]:
        """
        See L{IMailbox.setAccess}.
        """

        def write_txn(txn: Transaction) -> None:
            setAccess_txn(txn, self.mailboxId, identifier, operation, rights)
            txn.afterCommit(self._parts.accessChanged)

        return self._parts.database.write(write_txn)

    def annotations(
        self, owner: str, entries: Sequence[str], depth: int | None, maxOctets: int | None
    ) -> Deferred[Annotations]:
        """
        See L{IMailbox.annotations}.
        """
        return self._parts.readAnnotations(self.mailboxId, owner, entries, depth, maxOctets)

    def setAnnotations(self, owner: str, values: Mapping[str, bytes | None], author: str = "") -> Deferred[None]:
        """
        See L{IMailbox.setAnnotations}.
        """
        return self._parts.setAnnotations(self.mailboxId, owner, values, author)

    def deletedOctets(self) -> Deferred[int]:
        """
        See L{IMailbox.deletedOctets}.
        """

        def read(txn: Transaction) -> int:
            row = txn.execute("SELECT total(size) FROM message WHERE mailbox_id = ? AND flags & 8", (self.mailboxId,))
            return int(row.fetchone()[0])

        return self._parts.database.read(read, isSingle=True, isLong=True)

    def status(self) -> Deferred[MailboxStatus]:
        """
        See L{IMailbox.status}.
        """
        return self._kept().addCallback(self._announced)

    def _kept(self) -> Deferred[MailboxStatus]:
        return self._parts.database.read(lambda txn: readStatus(txn, self.mailboxId), isSingle=True)

    def _announced(self, status: MailboxStatus) -> MailboxStatus:
        # RFC 3501 2.3.2: what a session has been told of is recent to no other; that session writes it when it ends.
        announced = self._parts.shelf.announcedUid(self.mailboxId)
        return status if announced < status.firstRecentUid else evolve(status, firstRecentUid=announced + 1)

    def messages(self, uids: Sequence[int]) -> Deferred[list[tuple[int, IMessage]]]:
        """
        See L{IMailbox.messages}.
        """
        return self._parts.rows.messages(self.mailboxId, uids)

    def renderings(
        self, uids: Sequence[int], columns: Sequence[str], isUtf8: bool = False
    ) -> Deferred[list[tuple[int, tuple[bytes, ...]]]]:
        """
        See L{IMailbox.renderings}.
        """
        return self._parts.renderings.renderings(self.mailboxId, uids, columns, isUtf8)

    def previews(self, uids: Sequence[int], isLazy: bool = False) -> Deferred[list[tuple[int, bytes | None]]]:
        """
        See L{IMailbox.previews}.
        """
        return self._parts.previews.previews(self.mailboxId, uids, isLazy)

    def search(
        self, key: SearchKey, uids: Sequence[int] | None = None, progress: Progress | None = None
    ) -> Deferred[list[int]]:
        """
        See L{IMailbox.search}.
        """
        return self._parts.search.search(self.mailboxId, key, uids, progress)

    def sort(
        self,
        key: SearchKey,
        criteria: Sequence[SortCriterion],
        uids: Sequence[int] | None = None,
        progress: Progress | None = None,
    ) -> Deferred[list[int]]:
        """
        See L{IMailbox.sort}.
        """
        return self._parts.sorting.sort(self.mailboxId, key, criteria, uids, progress)

    def thread(
        self, key: SearchKey, algorithm: str, uids: Sequence[int] | None = None, progress: Progress | None = None
    ) -> Deferred[Threads]:
        """
        See L{IMailbox.thread}.
        """
        return self._parts.sorting.thread(self.mailboxId, key, algorithm, uids, progress)

    def relevancies(self, key: SearchKey, uids: Sequence[int]) -> Deferred[list[int]]:
        """
        See L{IMailbox.relevancies}.
        """
        return self._parts.sorting.relevancies(self.mailboxId, key, uids)

    def urlKey(self) -> Deferred[bytes]:
        """
        See L{IMailbox.urlKey}.
        """
        return self._parts.database.read(lambda txn: readUrlKey(txn, self.mailboxId), isSingle=True)

    def makeUrlKey(self, isNew: bool) -> Deferred[bytes]:
        """
        See L{IMailbox.makeUrlKey}.
        """
        return self._parts.database.write(lambda txn: makeUrlKey_txn(txn, self.mailboxId, isNew))

    def changesSince(self, modseq: int) -> Deferred[Changes]:
        """
        See L{IMailbox.changesSince}.
        """
        return self._parts.database.read(
            lambda txn: _asChanges(readDelta(txn, self.mailboxId, modseq)), isSingle=True, isLong=True
        )

    def expungedSince(self, modseq: int) -> Deferred[Sequence[int] | None]:
        """
        See L{IMailbox.expungedSince}.
        """
        return self._parts.database.read(lambda txn: readExpunged(txn, self.mailboxId, modseq), isSingle=True)

    def snapshot(self, listener: IMailboxListener) -> Deferred[ISnapshot]:
        """
        See L{IMailbox.snapshot}.
        """
        return self._parts.shelf.obtain(self.mailboxId, listener)  # type: ignore[return-value]

    def release(self, listener: IMailboxListener) -> None:
        """
        See L{IMailbox.release}.
        """
        self._parts.shelf.release(self.mailboxId, listener)

    # --------------------------------------------------------------------------------------- for POP3 alone

    def unended(self) -> Deferred[list[tuple[int, int]]]:
        """
        See L{IMailbox.unended}.
        """
        return self._parts.database.read(lambda txn: readUnended(txn, self.mailboxId), isSingle=True)

    def noteFetched(self, uids: Sequence[int]) -> Deferred[None]:
        """
        See L{IMailbox.noteFetched}.
        """
        now = self._parts.now()
        return self._parts.database.write(lambda txn: noteFetched_txn(txn, self.mailboxId, uids, now))

    def fetchedBefore(self, seconds: float, limit: int) -> Deferred[list[int]]:
        """
        See L{IMailbox.fetchedBefore}.
        """
        moment = self._parts.now() - seconds
        return self._parts.database.read(
            lambda txn: readFetchedBefore(txn, self.mailboxId, moment, limit), isSingle=True
        )

    # --------------------------------------------------------------------------------------------- changing

    def claimRecent(self) -> Deferred[tuple[int, int]]:
        """
        See L{IMailbox.claimRecent}.
        """
        return Deferred.fromCoroutine(self._claimRecent())

    async def _claimRecent(self) -> tuple[int, int]:
        # Somebody has selected it, and may be about to search.
        self._parts.index.wanted(self.mailboxId)
        status = await self._kept()
        if status.firstRecentUid == status.uidnext:
            # Mostly nothing has come: no need to write.
            return status.uidnext, status.uidnext
        return await self._parts.database.write(self._claimRecent_txn)

    def _claimRecent_txn(self, txn: Transaction) -> tuple[int, int]:
        row = txn.execute("SELECT first_recent_uid, uidnext FROM mailbox WHERE id = ?", (self.mailboxId,)).fetchone()
        if row is None:
            raise NoSuchMailbox("deleted meanwhile")
        txn.execute("UPDATE mailbox SET first_recent_uid = uidnext WHERE id = ?", (self.mailboxId,))
        return row[0], row[1]

    def appendAll(self, messages: Sequence[NewMessage]) -> Deferred[tuple[Appended, ...]]:
        """
        See L{IMailbox.appendAll}.
        """
        appended = self._parts.accepting.append(self._accountId, self.mailboxId, messages)
        return appended.addCallback(self._caughtUp, (self.mailboxId,))

    def replace(self, uid: int, target: IMailbox, message: NewMessage) -> Deferred[Appended]:
        """
        See L{IMailbox.replace}.
        """
        assert isinstance(target, Mailbox)
        replaced = self._parts.accepting.replace(
            self.mailboxId, uid, target._accountId, target.mailboxId, message, self._parts.shelf.offer
        )
        return replaced.addCallback(self._caughtUp, (self.mailboxId, target.mailboxId))

    def storeFlags(
        self, uids: Sequence[int], operation: str, flags: Sequence[str], unchangedSince: int | None = None
    ) -> Deferred[FlagsStored]:
        """
        See L{IMailbox.storeFlags}.
        """
        if operation not in ("+", "-", "="):
            raise ValueError(operation)

        def write_txn(txn: Transaction) -> FlagsStored:
            stored, change = storeFlags_txn(txn, self.mailboxId, uids, operation, flags, unchangedSince)
            self._offer_txn(txn, change)
            return stored

        return self._change(write_txn)

    def copy(self, uids: Sequence[int], target: IMailbox, flags: int = -1) -> Deferred[Copied]:
        """
        See L{IMailbox.copy}.
        """
        return self._copy(uids, target, flags, isMove=False)

    def move(self, uids: Sequence[int], target: IMailbox, flags: int = -1) -> Deferred[Copied]:
        """
        See L{IMailbox.move}.
        """
        return self._copy(uids, target, flags, isMove=True)

    def _copy(self, uids: Sequence[int], target: IMailbox, flags: int, isMove: bool) -> Deferred[Copied]:
        now = self._parts.now()

        def write_txn(txn: Transaction) -> Copied:
            copied, vanished = copy_txn(txn, self.mailboxId, uids, target.mailboxId, now, isMove, flags)
            self._offer_txn(txn, vanished)
            if copied.targets:
                txn.afterCommit(partial(self._parts.shelf.changed, (target.mailboxId,)))
                txn.afterCommit(partial(self._parts.index.changed, (target.mailboxId,)))
            return copied

        return self._change(write_txn, target.mailboxId)

    def expunge(self, uids: Sequence[int] | None = None) -> Deferred[tuple[int, ...]]:
        """
        See L{IMailbox.expunge}.
        """
        return self._remove(lambda txn: expunge_txn(txn, self.mailboxId, uids))

    def remove(self, uids: Sequence[int]) -> Deferred[tuple[int, ...]]:
        """
        See L{IMailbox.remove}.
        """
        return self._remove(lambda txn: remove_txn(txn, self.mailboxId, uids))

    def _remove(self, function: Callable[[Transaction], Delta | None]) -> Deferred[tuple[int, ...]]:
        def write_txn(txn: Transaction) -> tuple[int, ...]:
            vanished = function(txn)
            self._offer_txn(txn, vanished)
            return () if vanished is None else tuple(vanished.vanished)

        return self._change(write_txn)

    def _offer_txn(self, txn: Transaction, change: Delta | FlagChange | None) -> None:
        if change is not None:
            txn.afterCommit(partial(self._parts.shelf.offer, self.mailboxId, change))

    def _change(self, function: Callable[[Transaction], T], *others: int) -> Deferred[T]:
        mailboxIds = (self.mailboxId, *others)
        return self._parts.database.write(function).addCallback(self._caughtUp, mailboxIds)

    def _caughtUp(self, result: T, mailboxIds: Sequence[int]) -> T | Deferred[T]:
        waits = [wait for each in mailboxIds if (wait := self._parts.shelf.caughtUp(each)) is not None]
        if not waits:
            return result
        return gatherResults(waits).addCallback(lambda _: result)


def _asChanges(delta: Delta) -> Changes:
    changed = delta.changed
    columns = (changed.uids, changed.flags, changed.modseqs, changed.sizes, changed.dates)
    rows: list[tuple[int, int, int, int, int]] = []
    for start in range(0, len(changed.uids), LISTING_SLICE):
        # In slices, so that no thread holds the GIL for long.
        rows.extend(zip(*(column[start : start + LISTING_SLICE] for column in columns), strict=True))
    return Changes(delta.highestModseq, tuple(rows), tuple(delta.vanished))
