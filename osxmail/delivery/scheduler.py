# -*- test-case-name: tests.unit.delivery.test_scheduler -*-
"""
The queue's loop: lease, attempt, report; then gone, later, or back to the sender.

Leases stand in one line for each destination; a few workers for each line carry them out one after another, so that a
connection that has just delivered takes the next message.  The report of an attempt does not hold up the worker: the
store commits many of them at once.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from attrs import define, field, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from osxmail.delivery.bounces import Bounces, Notice
from osxmail.delivery.outcomes import Patience, Verdict, describe, judge, withoutNotice
from osxmail.errors import InUse, MailError, TemporaryError
from osxmail.interfaces import IDeliveryAgent, IMessage, IQueue, ISettings
from osxmail.mail.acceptance import QueueLease, QueueOutcome, TraceEvent
from osxmail.mail.decision import Action, DeliveryStatus

MAX_LEASED = 500  # leases in hand at once
CLAIM_LEASES = 100  # of one claim
#: A lease runs out only if this process dies: it covers the wait in line, an attempt, and its report.
LEASE_SECONDS = 3600.0
LINE_SECONDS = 1200.0  # a lease that stood in line for longer is given back
CLAIM_INTERVAL_SECONDS = 0.05  # between two claims: what comes meanwhile is claimed together
FAULT_SECONDS = 5.0  # how long to wait after the queue could not be asked
POLL_SECONDS = 5.0  # when something is due that is not wanted now
MAX_NAP_SECONDS = 60.0  # settings and clocks change
REPORT_RETRY_SECONDS = 10.0
STOP_SECONDS = 5.0  # what running attempts get at a stop
ABORT_SECONDS = 2.0  # … and what they get after that


class IRelay(Protocol):
    """
    The agent for other servers, which can be told to end.
    """

    def deliver(self, lease: QueueLease, message: IMessage) -> Deferred[tuple[DeliveryStatus, ...]]: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


@frozen
class _Job:
    """
    A lease in hand.

    @ivar since: when it was claimed, by the reactor's clock.
    """

    lease: QueueLease
    message: IMessage
    since: float


@define(eq=False)
class _Line:
    """
    What is to be done for one destination.

    @ivar done: attempts since the last claim: a line that moves on may be longer.
    """

    destination: str
    waiting: deque[_Job] = field(factory=deque)
    workers: int = 0
    done: int = 0


class Scheduler(Service):
    """
    Carries out the queue.
    """

    log = Logger(namespace="osxmail.delivery")

    def __init__(
        self,
        queue: IQueue,
        remote: IRelay,
        local: IDeliveryAgent,
        bounces: Bounces,
        settings: ISettings,
        reactor: Any = None,
        now: Callable[[], float] = time.time,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._queue = queue
        self._remote = remote
        self._local = local
        self._bounces = bounces
        self._settings = settings
        self._reactor = reactor
        self._now = now
        self._jitter = jitter
        self._lines: dict[str, _Line] = {}
        self._workers = 0
        self._leased = 0
        self._isListening = False
        self._isClaiming = False
        self._isWanted = False
        self._hasMore = False
        self._isHiring = False
        self._isHireWanted = False
        self._isAborting = False
        self._notBefore = 0.0
        self._timer: IDelayedCall | None = None
        self._emptied: Deferred[None] | None = None
        self._readSettings()

    def _readSettings(self) -> None:
        settings = self._settings
        self._most = settings.number("relay.concurrency")
        self._mostOfOne = settings.number("relay.destination_concurrency")
        self._patience = Patience(
            settings.seconds("relay.backoff_first"),
            settings.seconds("relay.backoff_most"),
            settings.seconds("relay.expire_after"),
            settings.seconds("relay.delay_notice_after"),
        )

    @property
    def leased(self) -> int:
        """
        How many leases are in hand.
        """
        return self._leased

    # ---------------------------------------------------------------------------------------- start and stop

    def startService(self) -> None:
        """
        Begin.
        """
        super().startService()
        self._isAborting = False
        self._remote.open()
        if not self._isListening:
            self._isListening = True
            self._queue.addListener(self.wake)
        self.wake()

    def stopService(self) -> Deferred[None]:
        """
        Claim nothing more, give back what waits, and let what runs come to its end for a short while.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting = [job.lease for line in self._lines.values() for job in line.waiting]
        for line in self._lines.values():
            line.waiting.clear()
        self._remote.close()
        await self._giveBack(waiting)
        if not await self._empty(STOP_SECONDS):
            self._isAborting = True
            self._remote.abort()
            if not await self._empty(ABORT_SECONDS):
                self.log.warn("{event}", event="scheduler.abandoned", leases=self._leased)

    async def _empty(self, seconds: float) -> bool:
        if self._leased or self._isClaiming:
            emptied = self._emptied = Deferred()
            late = self._reactor.callLater(seconds, emptied.callback, None)
            await emptied
            self._emptied = None
            if late.active():
                late.cancel()
        return not self._leased and not self._isClaiming

    async def _giveBack(self, leases: list[QueueLease]) -> None:
        if not leases:
            return
        try:
            await self._queue.giveBack(leases)
        except MailError as error:
            # They run out by themselves.
            self.log.warn("{event}", event="queue.give_back_failed", leases=len(leases), reason=_text(error))
        self._settled(len(leases))

    def _settled(self, leases: int = 1) -> None:
        self._leased -= leases
        self._checkEmpty()

    def _checkEmpty(self) -> None:
        if self._emptied is not None and not self._leased and not self._isClaiming and not self._emptied.called:
            self._emptied.callback(None)

    # ---------------------------------------------------------------------------------------------- claiming

    def wake(self) -> None:
        """
        Something may have become due.
        """
        if not self.running:
            return
        if self._isClaiming:
            self._isWanted = True
        else:
            self._nap(self._notBefore - self._reactor.seconds())

    def _nap(self, seconds: float) -> None:
        # The earlier of two wishes wins.
        seconds = max(0.0, seconds)
        if self._timer is None:
            self._timer = self._reactor.callLater(seconds, self._begin)
        elif self._timer.getTime() > self._reactor.seconds() + seconds:
            self._timer.reset(seconds)

    def _begin(self) -> None:
        self._timer = None
        if self.running and not self._isClaiming:
            self._isClaiming = True
            self._isWanted = False
            Deferred.fromCoroutine(self._claim())

    async def _claim(self) -> None:
        isFault = True
        pause = FAULT_SECONDS
        try:
            pause = await self._claimSome()
            isFault = False
        except MailError as error:
            self.log.warn("{event}", event="queue.claim_failed", reason=_text(error))
        except Exception:  # noqa: BLE001 -- the loop must not end by a fault of ours
            self.log.failure("{event}", Failure(), event="fault.happened", where="claim")
        self._isClaiming = False
        self._notBefore = self._reactor.seconds() + (pause if isFault else CLAIM_INTERVAL_SECONDS)
        self._checkEmpty()
        if self.running:
            self._nap(CLAIM_INTERVAL_SECONDS if self._isWanted and not isFault else pause)

    async def _claimSome(self) -> float:
        """
        Claim and begin.

        @return: how many seconds until the next claim, if nothing happens before.
        """
        self._readSettings()
        isHeld = self._settings.flag("relay.hold_outbound")
        if isHeld:
            await self._holdBack()
        if self._leased >= MAX_LEASED:
            await self._relieve()
        limit = min(CLAIM_LEASES, MAX_LEASED - self._leased)
        if limit <= 0:
            self._hasMore = True
            return MAX_NAP_SECONDS
        full = [name for name, line in self._lines.items() if self._isFull(line)]
        for line in self._lines.values():
            line.done = 0
        leases = await self._queue.claim(limit, LEASE_SECONDS, full, isHeld)
        self._leased += len(leases)
        if leases:
            await self._take(leases)
        # What waits in a full line is claimed as soon as the line has room.
        self._hasMore = bool(full) or len(leases) >= limit
        if len(leases) >= limit or any(self._hasRoom(name) for name in full):
            return CLAIM_INTERVAL_SECONDS
        due = await self._queue.nextDue()
        if due is None:
            return MAX_NAP_SECONDS
        seconds = due - self._now()
        if seconds <= 0:
            # Due and not claimed: it is held, its line is full, or it came just now.
            return POLL_SECONDS if full or isHeld else 0.5
        return min(seconds, MAX_NAP_SECONDS)

    def _isFull(self, line: _Line) -> bool:
        return len(line.waiting) >= max(self._mostOfOne, 2 * line.done)

    def _hasRoom(self, destination: str) -> bool:
        line = self._lines.get(destination)
        return line is None or not self._isFull(line)

    async def _relieve(self) -> None:
        # Long lines that hardly move must not take the leases of all others.
        excess: list[QueueLease] = []
        for line in self._lines.values():
            while len(line.waiting) > self._mostOfOne:
                excess.append(line.waiting.pop().lease)
        await self._giveBack(excess)

    async def _holdBack(self) -> None:
        held: list[QueueLease] = []
        for line in self._lines.values():
            if line.waiting and not line.waiting[0].lease.recipients[0].local:
                held += [job.lease for job in line.waiting]
                line.waiting.clear()
        await self._giveBack(held)

    async def _take(self, leases: list[QueueLease]) -> None:
        try:
            messages = await self._queue.messages([*dict.fromkeys(lease.queueId for lease in leases)])
        except MailError:
            await self._giveBack(leases)
            raise
        if not self.running:
            await self._giveBack(leases)
            return
        now = self._reactor.seconds()
        gone: list[QueueLease] = []
        for lease in leases:
            message = messages.get(lease.queueId)
            if message is None:
                # An administrator has removed it just now.
                gone.append(lease)
                continue
            line = self._lines.get(lease.destination)
            if line is None:
                line = self._lines[lease.destination] = _Line(lease.destination)
            line.waiting.append(_Job(lease, message, now))
        self._hire()
        await self._giveBack(gone)

    # --------------------------------------------------------------------------------------------- attempting

    def _hire(self) -> None:
        # Workers that come to their end at once ask for this from within it.
        self._isHireWanted = True
        if self._isHiring:
            return
        self._isHiring = True
        try:
            while self._isHireWanted:
                self._isHireWanted = False
                # First a worker for each line that has none, then more for those that are long.
                for mostOfOne in (1, self._mostOfOne):
                    for line in list(self._lines.values()):
                        while line.waiting and line.workers < mostOfOne and self._workers < self._most:
                            line.workers += 1
                            self._workers += 1
                            Deferred.fromCoroutine(self._work(line))
                        if not line.waiting and not line.workers:
                            self._lines.pop(line.destination, None)
        finally:
            self._isHiring = False

    async def _work(self, line: _Line) -> None:
        try:
            while line.waiting:
                job = line.waiting.popleft()
                try:
                    await self._attempt(job)
                except Exception:  # noqa: BLE001 -- a fault of ours with one message must not stop the others
                    queueId = job.lease.queueId
                    self.log.failure("{event}", Failure(), event="fault.happened", where="deliver", queueId=queueId)
                    # The lease runs out by itself.
                    self._settled()
                line.done += 1
                if self._hasMore and not self._isFull(line):
                    self.wake()
                if self._workers >= self._most and line.workers > 1 and self._isSomebodyWaiting():
                    break
        finally:
            line.workers -= 1
            self._workers -= 1
            self._hire()

    def _isSomebodyWaiting(self) -> bool:
        return any(line.waiting and not line.workers for line in self._lines.values())

    async def _attempt(self, job: _Job) -> None:
        lease = job.lease
        begun = self._reactor.seconds()
        if begun - job.since > LINE_SECONDS:
            await self._giveBack([lease])
            return
        agent = self._local if lease.recipients[0].local else self._remote
        statuses = await agent.deliver(lease, job.message)
        if self._isAborting and all(status.action is Action.DEFER for status in statuses):
            # It was we who ended it: that is no failure of theirs.
            await self._giveBack([lease])
            return
        if statuses and statuses[0].isReported:
            # The agent has told the queue, the log and the trace; who is left is due again.
            self._settled()
            self.wake()
            return
        now = self._now()
        verdict = judge(lease, statuses, now, self._patience, self._jitter)
        trace = []
        for name, fields, line in describe(lease, verdict, now, self._reactor.seconds() - begun):
            self._log(lease, name, fields)
            trace.append(line)
        if verdict.failed or verdict.late:
            await self._tell(job, verdict, trace)
        else:
            self._report(job, verdict.outcomes, trace)

    def _log(self, lease: QueueLease, name: str, fields: dict[str, object]) -> None:
        sender = str(lease.envelope.sender or "")
        self.log.info("{event}", event=name, queueId=lease.queueId, sender=sender, **fields)

    # ---------------------------------------------------------------------------------------------- reporting

    def _report(self, job: _Job, outcomes: tuple[QueueOutcome, ...], trace: list[TraceEvent]) -> None:
        # Not waited for: the worker goes on while the store commits.
        reported = self._queue.report(job.lease, outcomes, trace)
        reported.addCallbacks(
            lambda _: self._reported(outcomes), lambda failure: self._reportFailed(failure, job, outcomes, trace)
        )
        reported.addErrback(
            lambda failure: self.log.failure("{event}", failure, event="fault.happened", where="report")
        )

    def _reported(self, outcomes: tuple[QueueOutcome, ...]) -> None:
        self._settled()
        waiting = [outcome.nextTry for outcome in outcomes if not outcome.isDone]
        if not waiting or not self.running:
            return
        if self._isClaiming:
            # That claim may have asked what is due next before this was known.
            self._isWanted = True
        else:
            self._nap(min(waiting) - self._now())

    def _reportFailed(
        self, failure: Failure, job: _Job, outcomes: tuple[QueueOutcome, ...], trace: list[TraceEvent]
    ) -> None:
        error = failure.value
        lease = job.lease
        isLeased = self._reactor.seconds() - job.since + REPORT_RETRY_SECONDS < LEASE_SECONDS
        if isinstance(error, TemporaryError) and isLeased and self.running:
            # Without its report a message that was delivered would be delivered again.
            self.log.warn("{event}", event="queue.report_failed", queueId=lease.queueId, reason=_text(error))
            self._reactor.callLater(REPORT_RETRY_SECONDS, self._report, job, outcomes, trace)
            return
        self._settled()
        if isinstance(error, InUse):
            self.log.warn("{event}", event="queue.lease_lost", queueId=lease.queueId, leaseId=lease.leaseId)
        else:
            self.log.failure("{event}", failure, event="queue.report_lost", queueId=lease.queueId)

    async def _tell(self, job: _Job, verdict: Verdict, trace: list[TraceEvent]) -> None:
        lease = job.lease
        notice: Notice | None
        try:
            if verdict.failed:
                notice = await self._bounces.failure(lease, verdict.failed, job.message)
            else:
                notice = await self._bounces.delay(lease, verdict.late, job.message, verdict.giveUpAt)
            if notice is None:
                self._report(job, verdict.outcomes, trace)
                return
            await self._queue.bounce(lease, verdict.outcomes, notice.acceptance, notice.incoming, trace)
        except Exception as error:  # noqa: BLE001 -- whatever it was, nobody leaves without a notice
            # InUse: the lease is lost, or an administrator has removed somebody; the report finds out which.
            if isinstance(error, TemporaryError | InUse):
                self.log.warn("{event}", event="notice.deferred", queueId=lease.queueId, reason=_text(error))
            else:
                self.log.failure(
                    "{event}",
                    Failure(),
                    event="fault.happened",
                    where="notice",
                    queueId=lease.queueId,
                )
            self._report(job, withoutNotice(lease, verdict, self._now()), trace)
            return
        self._reported(verdict.outcomes)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
