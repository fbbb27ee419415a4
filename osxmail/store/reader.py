# -*- test-case-name: tests.unit.store.test_database -*-
"""
The readers: a few threads, each with a connection of its own.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import apsw
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads

from osxmail.errors import Overloaded, StoreAway
from osxmail.store.connection import Transaction, translateError

T = TypeVar("T")

MAX_WAITING_READS = 20_000
_ANSWERS_AT_ONCE = 100  # Deferreds fired in one step of the reactor


class Readers:
    """
    See the module.  Everything that is not named C{inThread} is called on the reactor.
    """

    def __init__(
        self, reactor: IReactorFromThreads, openConnection: Callable[[], apsw.Connection], name: str, threads: int
    ) -> None:
        """
        @param name: of the threads.
        @param threads: how many.
        """
        self._reactor = reactor
        self._openConnection = openConnection
        self._name = name
        self._threads = threads
        self._jobs: queue.SimpleQueue[tuple[Callable[[Transaction], Any], bool, Deferred[Any]] | None]
        self._jobs = queue.SimpleQueue()
        self._waiting = 0
        self._isRunning = False
        self._running = 0
        self._gone: Deferred[None] | None = None
        self._answers: deque[tuple[Deferred[Any], bool, Any]] = deque()
        self._answersLock = threading.Lock()
        self._isAnswering = False

    def start(self) -> None:
        """
        Serve.
        """
        self._isRunning = True
        for number in range(self._threads):
            self._running += 1
            threading.Thread(target=self._run_inThread, name=f"{self._name}-{number}", daemon=True).start()

    def read(self, function: Callable[[Transaction], T], isSingle: bool) -> Deferred[T]:
        """
        See L{osxmail.store.database.Database.read}.
        """
        deferred: Deferred[T] = Deferred()
        if not self._isRunning:
            deferred.errback(StoreAway("the store is not open"))
        elif self._waiting >= MAX_WAITING_READS:
            deferred.errback(Overloaded("too many reads wait"))
        else:
            self._waiting += 1
            self._jobs.put((function, isSingle, deferred))
        return deferred

    def stop(self) -> Deferred[None]:
        """
        Take no more; fires when what was taken is answered.
        """
        self._isRunning = False
        if not self._running:
            return succeed(None)
        self._gone = gone = Deferred[None]()
        for _ in range(self._running):
            self._jobs.put(None)
        return gone

    def _answer(self) -> None:
        with self._answersLock:
            answers = [self._answers.popleft() for _ in range(min(len(self._answers), _ANSWERS_AT_ONCE))]
            self._isAnswering = bool(self._answers)
        if self._isAnswering:
            self._reactor.callFromThread(self._answer)
        self._waiting -= len(answers)
        for deferred, isGood, result in answers:
            if isGood:
                deferred.callback(result)
            else:
                deferred.errback(result)

    def _oneGone(self) -> None:
        self._running -= 1
        if not self._running and self._gone is not None:
            gone, self._gone = self._gone, None
            gone.callback(None)

    # --------------------------------------------------------------------------------------- in the threads

    def _run_inThread(self) -> None:
        connection: apsw.Connection | None = None
        while True:
            job = self._jobs.get()
            if job is None:
                break
            function, isSingle, deferred = job
            isGood = True
            try:
                if connection is None:
                    connection = self._openConnection()
                result: Any = self._read_inThread(connection, function, isSingle)
            except BaseException as error:  # noqa: BLE001  the thread must live, and the one who waits must hear
                # A cursor in one of its frames would hold on to an old state of the database.
                traceback.clear_frames(error.__traceback__)
                isGood, result = False, translateError(error)
            self._answer_inThread(deferred, isGood, result)
            # An idle thread keeps nothing of its last job alive.
            job = function = deferred = result = None  # type: ignore[assignment]
        if connection is not None:
            connection.close()
        self._reactor.callFromThread(self._oneGone)

    @staticmethod
    def _read_inThread(connection: apsw.Connection, function: Callable[[Transaction], Any], isSingle: bool) -> Any:
        if isSingle:
            return function(Transaction(connection))
        connection.execute("BEGIN")
        try:
            return function(Transaction(connection))
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _answer_inThread(self, deferred: Deferred[Any], isGood: bool, result: Any) -> None:
        with self._answersLock:
            self._answers.append((deferred, isGood, result))
            if self._isAnswering:
                return
            self._isAnswering = True
        self._reactor.callFromThread(self._answer)
