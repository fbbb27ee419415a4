# -*- test-case-name: tests.unit.store.test_snapshot -*-
"""
The snapshots of this process: made when a mailbox is selected, kept up to date while somebody listens, kept a little
while longer, within bounds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from osxmail.errors import NoSuchMailbox, StoreAway
from osxmail.interfaces import IMailboxListener
from osxmail.store.changes import Columns, Delta, FlagChange, Opening, readDelta, readSnapshot
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.placing import Placed
from osxmail.store.snapshot import Snapshot
from osxmail.store.watchers import Watchers

#: Snapshots without a listener that are kept, and messages in all of them: 36 octets each.
MAX_IDLE_SNAPSHOTS = 20
MAX_IDLE_MESSAGES = 300_000
#: How long listeners are told of a change before others have their turn.
TELLING_SECONDS = 0.005


def _steps(snapshot: Snapshot, change: Delta | FlagChange) -> Generator[None, None, bool]:
    return snapshot.applyFlags(change) if isinstance(change, FlagChange) else snapshot.apply(change)


class _Slot:
    """
    A mailbox that has a snapshot, or is about to.
    """

    __slots__ = ("announced", "comers", "isCatchingUp", "isGone", "isStale", "mailboxId", "snapshot", "waiters")

    def __init__(self, mailboxId: int) -> None:
        self.mailboxId = mailboxId
        self.snapshot: Snapshot | None = None
        # Who waits for the UIDs of a new snapshot, and who for a reading that begins later than now.
        self.announced: list[Deferred[None]] = []
        self.waiters: list[Deferred[None]] = []
        # How many are about to listen.
        self.comers = 0
        self.isCatchingUp = True
        self.isStale = False
        self.isGone = False

    @property
    def isWanted(self) -> bool:
        """
        Somebody listens, or is about to.
        """
        return self.comers > 0 or (self.snapshot is not None and bool(self.snapshot.listeners))


class Shelf:
    """
    See the module.

    @ivar watchers: who is told of changes whether there is a snapshot or not.
    """

    log = Logger(namespace="osxmail.store")

    def __init__(self, database: Database, reactor: IReactorTime) -> None:
        self._database = database
        self._reactor = reactor
        self._slots: dict[int, _Slot] = {}
        self._idle: OrderedDict[int, int] = OrderedDict()  # to the number of their messages
        self._idleMessages = 0
        self.watchers = Watchers()

    def obtain(self, mailboxId: int, listener: IMailboxListener) -> Deferred[Snapshot]:
        """
        The mailbox's snapshot, as the database is now or later.

        @raise NoSuchMailbox: (in the Deferred) it was deleted.
        """
        return Deferred.fromCoroutine(self._obtain(mailboxId, listener))

    async def _obtain(self, mailboxId: int, listener: IMailboxListener) -> Snapshot:
        slot = self._slots.get(mailboxId)
        if slot is None:
            slot = self._slots[mailboxId] = _Slot(mailboxId)
            ready: Deferred[None] = Deferred()
            slot.announced.append(ready)
            self._load(slot)
        elif slot.snapshot is None:
            ready = Deferred()
            slot.announced.append(ready)
        else:
            # Another process may have changed it, and while nobody listened we did not look.
            ready = self._catchUp(slot)
        slot.comers += 1
        self._wanted(slot)
        try:
            await ready
        finally:
            slot.comers -= 1
        snapshot = slot.snapshot
        if snapshot is None or slot.isGone:
            raise NoSuchMailbox("deleted meanwhile")
        snapshot.listeners.add(listener)
        return snapshot

    def release(self, mailboxId: int, listener: IMailboxListener) -> None:
        """
        This one no longer listens.
        """
        slot = self._slots.get(mailboxId)
        if slot is None or slot.snapshot is None:
            return
        slot.snapshot.listeners.discard(listener)
        if not slot.isWanted and not slot.isGone:
            self._unwanted(slot, slot.snapshot)

    def changed(self, mailboxIds: Iterable[int]) -> None:
        """
        These have changed, here or elsewhere.  Costs nothing where nobody listens.
        """
        mailboxIds = tuple(mailboxIds)
        for mailboxId in mailboxIds:
            slot = self._slots.get(mailboxId)
            if slot is not None and slot.isWanted:
                slot.isStale = True
                self._run(slot)
        self.watchers.messagesChanged(mailboxIds)

    def offer(self, mailboxId: int, change: Delta | FlagChange) -> None:
        """
        What a commit of this process has changed; called in the order of the commits.  Taken over at once where
        nothing is missing in between; else the log is read.
        """
        slot = self._slots.get(mailboxId)
        if slot is None:
            self.watchers.messagesChanged((mailboxId,))
            return
        snapshot = slot.snapshot
        if snapshot is None or slot.isCatchingUp or slot.isStale:
            self.changed((mailboxId,))
            return
        if slot.isWanted and change.highestModseq > snapshot.highestModseq:
            if not snapshot.canTake(change):
                self.changed((mailboxId,))
                return
            slot.isCatchingUp = True
            steps = _steps(snapshot, change)
            if self._advance(steps):
                slot.isCatchingUp = False
                self._tellAll(snapshot)
            else:
                self._start(slot, steps)
        self.watchers.messagesChanged((mailboxId,))

    def placed(self, placed: Iterable[Placed]) -> None:
        """
        What a commit of this process has put into mailboxes.
        """
        for each in placed:
            if each.mailboxId in self._slots:
                self.offer(each.mailboxId, each.delta())
            else:
                self.watchers.messagesChanged((each.mailboxId,))

    def gone(self, mailboxIds: Iterable[int]) -> None:
        """
        These were deleted.
        """
        for mailboxId in mailboxIds:
            slot = self._slots.get(mailboxId)
            if slot is not None:
                self._remove(slot)

    def caughtUp(self, mailboxId: int) -> Deferred[None] | None:
        """
        C{None} where nobody listens, or where nothing is known that the snapshot has not; else fires when it has
        everything that is committed now.  Never fails.
        """
        slot = self._slots.get(mailboxId)
        if slot is None or slot.snapshot is None or not slot.snapshot.listeners:
            return None
        if not slot.isCatchingUp and not slot.isStale:
            return None
        return self._catchUp(slot)

    def announcedUid(self, mailboxId: int) -> int:
        """
        See L{osxmail.interfaces.ISnapshot}; 0 where nobody has the mailbox.
        """
        slot = self._slots.get(mailboxId)
        return 0 if slot is None or slot.snapshot is None else slot.snapshot.announcedUid

    @property
    def count(self) -> int:
        """
        How many snapshots there are.
        """
        return len(self._slots)

    # --------------------------------------------------------------------------------------------- loading

    def _load(self, slot: _Slot) -> None:
        reactor: IReactorFromThreads = self._database.reactor
        openings: list[Opening] = []

        def announce_inThread(opening: Opening) -> None:
            openings.append(opening)
            reactor.callFromThread(self._announced, slot, opening)

        def read(txn: Transaction) -> Columns:
            return readSnapshot(txn, slot.mailboxId, announce_inThread)

        def filled(columns: Columns) -> None:
            # Answers of several readers come together: this one may be earlier than what was announced before it.
            self._announced(slot, openings[0])
            self._filled(slot, columns)

        self._database.read(read, isLong=True).addCallbacks(filled, lambda failure: self._failed(slot, failure.value))

    def _announced(self, slot: _Slot, opening: Opening) -> None:
        if slot.isGone or slot.snapshot is not None:
            return
        slot.snapshot = Snapshot(slot.mailboxId, opening)
        waiting, slot.announced = slot.announced, []
        for deferred in waiting:
            deferred.callback(None)

    def _filled(self, slot: _Slot, columns: Columns) -> None:
        if slot.isGone:
            return
        assert slot.snapshot is not None
        slot.snapshot.fill(columns)
        slot.isCatchingUp = False
        if slot.isWanted:
            self._run(slot)
        else:
            self._unwanted(slot, slot.snapshot)

    def _failed(self, slot: _Slot, error: BaseException) -> None:
        self._remove(slot, error)

    # ------------------------------------------------------------------------------------------- catching up

    def _catchUp(self, slot: _Slot) -> Deferred[None]:
        deferred: Deferred[None] = Deferred()
        slot.waiters.append(deferred)
        self._run(slot)
        return deferred

    def _run(self, slot: _Slot) -> None:
        if not slot.isCatchingUp and (slot.waiters or slot.isStale):
            slot.isCatchingUp = True
            # A turn later: all that one commit has changed, and who waits for it, share one reading.
            self._reactor.callLater(0.0, self._start, slot)

    def _start(self, slot: _Slot, steps: Generator[None, None, bool] | None = None) -> None:
        Deferred.fromCoroutine(self._catchUpUntilCurrent(slot, steps)).addErrback(
            lambda failure: self.log.failure("{event}", failure, event="store.snapshot_failed")
        )

    async def _catchUpUntilCurrent(self, slot: _Slot, steps: Generator[None, None, bool] | None) -> None:
        """
        @param steps: what is to be taken over first, without reading.
        """
        snapshot = slot.snapshot
        assert snapshot is not None
        try:
            if steps is not None:
                await self._finish(steps)
                self._tellAll(snapshot)
            while (slot.waiters or slot.isStale) and not slot.isGone:
                waiters, slot.waiters = slot.waiters, []
                slot.isStale = False
                try:
                    changed = await self._step(slot.mailboxId, snapshot)
                except NoSuchMailbox:
                    self._remove(slot)
                    changed = False
                except Exception as error:  # noqa: BLE001  the next change tries again
                    self.log.warn("{event}", event="store.snapshot_behind", mailboxId=slot.mailboxId, reason=str(error))
                    changed = False
                if changed:
                    self._tellAll(snapshot)
                for deferred in waiters:
                    deferred.callback(None)
        finally:
            slot.isCatchingUp = False
            waiters, slot.waiters = slot.waiters, []
            for deferred in waiters:
                deferred.callback(None)

    async def _step(self, mailboxId: int, snapshot: Snapshot) -> bool:
        since = snapshot.highestModseq
        delta = await self._database.read(lambda txn: readDelta(txn, mailboxId, since), isSingle=True)
        return await self._finish(snapshot.apply(delta))

    async def _finish(self, steps: Generator[None, None, bool]) -> bool:
        while True:
            try:
                next(steps)
            except StopIteration as finished:
                return bool(finished.value)
            await deferLater(self._reactor, 0.0)

    @staticmethod
    def _advance(steps: Generator[None, None, bool]) -> bool:
        """
        One step; is it done?
        """
        try:
            next(steps)
        except StopIteration:
            return True
        return False

    def _tellAll(self, snapshot: Snapshot) -> None:
        self._tellSome(snapshot, iter(tuple(snapshot.listeners)))

    def _tellSome(self, snapshot: Snapshot, listeners: Iterator[IMailboxListener]) -> None:
        # A hundred sessions in IDLE that have thousands of changes to write are not to be served in one go.
        end = self._reactor.seconds() + TELLING_SECONDS
        for listener in listeners:
            if listener in snapshot.listeners:
                self._tell(listener)
                if self._reactor.seconds() >= end:
                    self._reactor.callLater(0.0, self._tellSome, snapshot, listeners)
                    return

    def _tell(self, listener: IMailboxListener) -> None:
        try:
            listener.mailboxChanged()
        except Exception:  # noqa: BLE001  one listener's fault is not the others'
            self.log.failure("{event}", event="store.listener_failed")

    # ------------------------------------------------------------------------------------------------ bounds

    def _wanted(self, slot: _Slot) -> None:
        self._idleMessages -= self._idle.pop(slot.mailboxId, 0)

    def _unwanted(self, slot: _Slot, snapshot: Snapshot) -> None:
        self._wanted(slot)
        messages = len(snapshot.uids)
        self._idle[slot.mailboxId] = messages
        self._idleMessages += messages
        while self._idle and (len(self._idle) > MAX_IDLE_SNAPSHOTS or self._idleMessages > MAX_IDLE_MESSAGES):
            mailboxId, messages = self._idle.popitem(last=False)
            self._idleMessages -= messages
            del self._slots[mailboxId]

    def _remove(self, slot: _Slot, error: BaseException | None = None) -> None:
        if slot.isGone:
            return
        slot.isGone = True
        self._wanted(slot)
        if self._slots.get(slot.mailboxId) is slot:
            del self._slots[slot.mailboxId]
        waiting, slot.announced = slot.announced, []
        for deferred in waiting:
            deferred.errback(error or NoSuchMailbox("deleted meanwhile"))
        waiting, slot.waiters = slot.waiters, []
        for deferred in waiting:
            deferred.callback(None)
        if slot.snapshot is not None:
            slot.snapshot.abandon(error or StoreAway("the mailbox was deleted"))
            listeners, slot.snapshot.listeners = slot.snapshot.listeners, set()
            for listener in listeners:
                try:
                    listener.mailboxGone()
                except Exception:  # noqa: BLE001  one listener's fault is not the others'
                    self.log.failure("{event}", event="store.listener_failed")
