# -*- test-case-name: tests.unit.net.test_threads -*-
"""
Named, bounded pools of threads for blocking work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread, current_thread
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from osxmail.errors import Overloaded

LONG_WAIT_SECONDS = 1.0  # from where on a wait for a thread is worth an event
EVENT_INTERVAL_SECONDS = 10.0  # at most one event of a kind and a pool in so long
ANSWERS_PER_TURN = 64  # how many results one turn of the reactor hands out
STOP_SECONDS = 10.0  # how long a stop waits for calls that run

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Pool:
    """
    A few threads with a name, for one kind of blocking work.

    Threads are made when they are first needed.  They are daemons: a call that hangs for ever cannot keep the
    process from ending.  Results of several calls come back to the reactor in one wake-up.

    @ivar name: what events and the threads are called by.
    @ivar size: at most so many calls run at once.
    @ivar maxWaiting: at most so many more wait for a thread.
    """

    log = Logger(namespace="osxmail.net")

    def __init__(self, name: str, size: int, maxWaiting: int, reactor: Any = None) -> None:
        """
        @param reactor: an L{IReactorFromThreads} and L{IReactorTime}; the global one if it is C{None}.
        """
        if size < 1 or maxWaiting < 0:
            raise ValueError("a pool has a thread at least, and a waiting room of 0 or more")
        if reactor is None:
            from twisted.internet import reactor
        self._reactor: IReactorFromThreads = reactor
        self._clock: IReactorTime = reactor
        self.name = name
        self.size = size
        self.maxWaiting = maxWaiting
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._answers: deque[tuple[Deferred[Any], bool, Any, float]] = deque()
        self._isWoken = False
        self._threads: list[Thread] = []
        self._pending = 0
        self._isRunning = False
        self._stopped: Deferred[None] | None = None
        self._late: IDelayedCall | None = None
        self._lastEvent: dict[str, float] = {}

    @property
    def running(self) -> int:
        """
        How many calls have a thread now.
        """
        return min(self._pending, self.size)

    @property
    def waiting(self) -> int:
        """
        How many calls wait for a thread now.
        """
        return max(0, self._pending - self.size)

    def start(self) -> None:
        """
        Accept calls.  Harmless when it runs already.
        """
        self._isRunning = True

    def stop(self, graceSeconds: float = STOP_SECONDS) -> Deferred[None]:
        """
        Accept no more calls; those that were accepted still run.

        @return: fires when all of them are done, or after C{graceSeconds}: what still runs then is left behind.
        """
        self._isRunning = False
        if self._stopped is not None:
            return succeed(None)
        if not self._pending:
            self._dismiss()
            return succeed(None)
        self._stopped = Deferred()
        self._late = self._clock.callLater(graceSeconds, self._abandon)
        return self._stopped

    def run(
        self, function: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
    ) -> Deferred[_Result]:
        """
        Call C{function} in a thread.

        @return: its result, or its exception.  Cancelling gives up the result, not the call.
        @raise Overloaded: (in the Deferred) the waiting room is full, or the pool does not run.
        """
        if not self._isRunning:
            return fail(Overloaded(f"the pool {self.name} does not run"))
        if self._pending >= self.size + self.maxWaiting:
            self._tell("threads.overloaded", waiting=self.waiting)
            return fail(Overloaded(f"the pool {self.name} is full"))
        deferred: Deferred[_Result] = Deferred()
        queued = monotonic()

        def call() -> None:
            waited = monotonic() - queued
            answer: Any
            try:
                answer = function(*args, **kwargs)
            except BaseException:  # noqa: BLE001 -- whatever it is, it is the caller's
                self._answer(deferred, False, Failure(), waited)
            else:
                self._answer(deferred, True, answer, waited)

        self._pending += 1
        if self._pending > len(self._threads) and len(self._threads) < self.size:
            thread = Thread(target=self._work, name=f"{self.name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._calls.put(call)
        return deferred

    def _work(self) -> None:
        calls = self._calls
        while (call := calls.get()) is not None:
            call()
            del call

    def _answer(self, deferred: Deferred[Any], isResult: bool, answer: Any, waited: float) -> None:
        # In the thread.  The flag is cleared before the answers are taken, so that none is left behind.
        self._answers.append((deferred, isResult, answer, waited))
        if not self._isWoken:
            self._isWoken = True
            self._reactor.callFromThread(self._handOut)

    def _handOut(self) -> None:
        self._isWoken = False
        answers = self._answers
        for _ in range(ANSWERS_PER_TURN):
            if not answers:
                break
            deferred, isResult, answer, waited = answers.popleft()
            self._pending -= 1
            if waited > LONG_WAIT_SECONDS:
                self._tell("threads.waited", seconds=round(waited, 3), waiting=self.waiting)
            if isResult:
                deferred.callback(answer)
            else:
                deferred.errback(answer)
        else:
            if not self._isWoken:
                self._isWoken = True
                self._clock.callLater(0, self._handOut)
        if not self._pending and self._stopped is not None:
            if self._late is not None:
                self._late.cancel()
            self._dismiss()
            self._tellStopped()

    def _dismiss(self) -> None:
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            if thread is not current_thread():
                thread.join(STOP_SECONDS)
        self._threads = []

    def _abandon(self) -> None:
        self.log.warn("{event}", event="threads.abandoned", pool=self.name, running=self.running, waiting=self.waiting)
        for _ in self._threads:
            self._calls.put(None)
        self._threads = []
        self._tellStopped()

    def _tellStopped(self) -> None:
        stopped, self._stopped, self._late = self._stopped, None, None
        if stopped is not None:
            stopped.callback(None)

    def _tell(self, event: str, **fields: object) -> None:
        now = self._clock.seconds()
        if now - self._lastEvent.get(event, float("-inf")) >= EVENT_INTERVAL_SECONDS:
            self._lastEvent[event] = now
            self.log.warn("{event}", event=event, pool=self.name, size=self.size, **fields)
