# -*- test-case-name: tests.unit.store.test_indexing -*-
"""
Fills the indexes, in the background: those of accounts in which somebody selects or searches, and after that whatever
comes into such an account.

A step of L{Filling} takes a few hundred messages; between two steps others have their turn, and where mail comes in it
waits.  Accounts take turns of some seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import apsw
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from osxmail.errors import MailError
from osxmail.interfaces import ISettings
from osxmail.net.threads import Pool
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.index import DAMAGE, Index
from osxmail.store.indexfile import removeIndex
from osxmail.store.indexfilling import LEAST_REST_SECONDS, Filling, Stopped, TurnOver
from osxmail.store.numbers import numbersFrom
from osxmail.store.octets import Octets

SOON_SECONDS = 1.0  # after somebody has selected or searched
LATER_SECONDS = 20.0  # after something has come: what comes in the meantime is filled with it
FAILED_SECONDS = 60.0  # after something went wrong
MAX_MAILBOXES = 20_000  # that are watched for what comes
MANY_MESSAGES = 1_000  # are worth an event

log = Logger(namespace="osxmail.store")


class Indexing:
    """
    See the module.
    """

    def __init__(
        self,
        database: Database,
        octets: Octets,
        index: Index,
        settings: ISettings,
        clock: IReactorTime,
        pool: Pool | None = None,
    ) -> None:
        """
        @param settings: C{imap.search_index}.
        @param pool: a thread that fills; one of its own if it is C{None}.
        """
        self._database = database
        self._index = index
        self._settings = settings
        self._clock = clock
        self._pool = pool or Pool("store-indexing", 1, 100)
        self._filling = Filling(database, octets, index, clock, self._pool, self._othersWait)
        self._isRunning = False
        self._due: dict[int, float] = {}  # by mailbox
        self._watched: OrderedDict[int, None] = OrderedDict()
        self._restsUntil = 0.0
        self._next: IDelayedCall | None = None
        self._round: Deferred[None] | None = None
        self._whenDone: list[Deferred[None]] = []

    def start(self) -> None:
        """
        Watch what people do.
        """
        self._isRunning = True
        self._pool.start()
        self._index.wantedListeners.append(self._wanted)
        self._index.changedListeners.append(self._changed)
        self._round = Deferred.fromCoroutine(self.sweep())
        self._round.addErrback(self._failed, 0).addCallback(self._ended)

    def stop(self) -> Deferred[None]:
        """
        No more steps; fires when the one that runs is done, and all is on disk.
        """
        return Deferred.fromCoroutine(self._stop())

    async def sweep(self) -> None:
        """
        Remove indexes of accounts that there are no more: one whose account was removed just before a crash.
        """
        there = set(await self._pool.run(self._index.accounts))
        known = await self._database.read(_readAccountNumbers, isSingle=True)
        for account in there - known:
            await self._pool.run(removeIndex, self._index.path(account))

    async def _stop(self) -> None:
        if not self._isRunning:
            return
        self._isRunning = False
        self._filling.stop()
        self._index.wantedListeners.remove(self._wanted)
        self._index.changedListeners.remove(self._changed)
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._round is not None:
            done: Deferred[None] = Deferred()
            self._whenDone.append(done)
            await done
        await self._filling.close()
        await self._pool.stop()

    def caughtUp(self) -> Deferred[None]:
        """
        Fires when nothing is known that is not in the indexes; does at once what could wait.
        """
        return Deferred.fromCoroutine(self._catchUp())

    async def _catchUp(self) -> None:
        while self._isRunning and (self._due or self._round is not None):
            if self._round is None:
                now = self._clock.seconds()
                self._due = dict.fromkeys(self._due, now)
                self._schedule()
            await deferLater(self._clock, LEAST_REST_SECONDS)

    # ------------------------------------------------------------------------------------------------- notes

    def _wanted(self, mailboxId: int) -> None:
        self._watched[mailboxId] = None
        self._watched.move_to_end(mailboxId)
        while len(self._watched) > MAX_MAILBOXES:
            self._watched.popitem(last=False)
        self._note(mailboxId, SOON_SECONDS)

    def _changed(self, mailboxIds: Iterable[int]) -> None:
        for mailboxId in mailboxIds:
            if mailboxId in self._watched:
                self._note(mailboxId, LATER_SECONDS)

    def _note(self, mailboxId: int, delaySeconds: float) -> None:
        due = self._clock.seconds() + delaySeconds
        if len(self._due) >= MAX_MAILBOXES:
            # Whoever searches there later notes it again.
            return
        if due < self._due.get(mailboxId, due + 1.0):
            self._due[mailboxId] = due
            self._schedule()

    def _othersWait(self) -> bool:
        now = self._clock.seconds()
        return any(due <= now for due in self._due.values())

    def _schedule(self) -> None:
        if not self._isRunning or self._round is not None or not self._due:
            return
        delay = max(0.0, max(self._restsUntil, min(self._due.values())) - self._clock.seconds())
        if self._next is not None:
            self._next.cancel()
        self._next = self._clock.callLater(delay, self._begin)

    def _begin(self) -> None:
        self._next = None
        mailboxId = min(self._due, key=self._due.__getitem__)
        self._round = Deferred.fromCoroutine(self._fillAccountOf(mailboxId))
        self._round.addErrback(self._failed, mailboxId).addCallback(self._ended)

    def _failed(self, failure: Failure, mailboxId: int) -> None:
        self._due.pop(mailboxId, None)
        if failure.check(Stopped):
            return
        self._restsUntil = self._clock.seconds() + FAILED_SECONDS
        if failure.check(MailError, apsw.Error, OSError):
            # Whoever searches next makes it try again: a full disk, a folder that cannot be written.
            log.warn("{event}", event="index.failed", mailboxId=mailboxId, reason=str(failure.value))
        else:
            log.failure("{event}", failure, event="index.failed")

    def _ended(self, result: None) -> None:
        self._round = None
        waiting, self._whenDone = self._whenDone, []
        for deferred in waiting:
            deferred.callback(None)
        self._schedule()

    # ------------------------------------------------------------------------------------------------ filling

    async def _fillAccountOf(self, mailboxId: int) -> None:
        noted = self._due.pop(mailboxId, 0.0)
        if not self._settings.flag("imap.search_index"):
            return
        account = await self._filling.account(mailboxId)
        if account is None:
            self._watched.pop(mailboxId, None)
            return
        # What is filled now need not be later on; what comes meanwhile is noted anew.
        for each in account.mailboxes:
            if self._due.get(each.mailboxId, noted + 1.0) <= noted:
                del self._due[each.mailboxId]
        try:
            filled = await self._filling.fill(account, mailboxId)
        except TurnOver:
            self._due.setdefault(mailboxId, self._clock.seconds())
            return
        except DAMAGE as error:
            log.error("{event}", event="index.damaged", account=account.account, reason=str(error))
            await self._filling.forget(account.account)
            return
        if filled >= MANY_MESSAGES:
            log.info("{event}", event="index.filled", account=account.account, messages=filled)


def _readAccountNumbers(txn: Transaction) -> set[int]:
    row = txn.execute("SELECT group_concat(id) FROM account").fetchone()
    return set(numbersFrom(row[0], "q"))
