# -*- test-case-name: tests.unit.store.test_writer -*-
"""
The one writer: a thread that takes everything that waits, makes one transaction of it, and answers after the commit.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import apsw
from attrs import define
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from osxmail.errors import Overloaded, StoreAway
from osxmail.store.connection import BUSY_TIMEOUT_SECONDS, Transaction, translateError

MAX_WAITING_REQUESTS = 10_000
MAX_WAITING_OCTETS = 512 * 1024 * 1024
MAX_BATCH_REQUESTS = 500
MAX_BATCH_OCTETS = 32 * 1024 * 1024
#: Pages in the write-ahead log after which it is copied into the database between two batches, or as soon as
#: nothing waits.
CHECKPOINT_PAGES = 8_000
CHECKPOINT_IDLE_PAGES = 1_000
#: A log this long has readers that never let go: wait for them, a little.
RESTART_PAGES = 100_000
RESTART_WAIT_SECONDS = 0.5
#: After a checkpoint that failed (a full disk), the next is tried when the log has grown by so many pages.
CHECKPOINT_RETRY_PAGES = 2_000
_ANSWERS_AT_ONCE = 100  # Deferreds fired in one step of the reactor


@define(eq=False, slots=True)
class _Request:
    function: Callable[..., Any]
    sizeOctets: int
    deferred: Deferred[Any]
    item: Any = None
    isTogether: bool = False
    result: Any = None
    error: BaseException | None = None
    callbacks: list[Callable[[], object]] | None = None


class Writer:
    """
    See the module.  Everything that is not named C{inThread} is called on the reactor.

    @ivar beforeCommit: called in the writer's thread before each commit (a segment's fdatasync); what one raises
        fails the whole batch.
    @ivar committed: called in the writer's thread after each commit; must not raise.
    @ivar afterRollback: called in the writer's thread when something was undone, so that what was remembered about
        the database in that thread is forgotten.
    """

    log = Logger(namespace="osxmail.store")

    def __init__(self, reactor: IReactorFromThreads, openConnection: Callable[[], apsw.Connection]) -> None:
        self.beforeCommit: list[Callable[[], object]] = []
        self.committed: list[Callable[[], object]] = []
        self.afterRollback: list[Callable[[], object]] = []
        self._reactor = reactor
        self._openConnection = openConnection
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._unanswered: deque[_Request] = deque()
        self._waitingRequests = 0
        self._waitingOctets = 0
        self._isStopping = False
        self._isStarted = False
        self._isStopped = False
        self._whenStopped: list[Deferred[None]] = []
        self._walPages = 0
        self._checkpointAt = CHECKPOINT_PAGES
        self._lastError = ""

    # -------------------------------------------------------------------------------------- on the reactor

    def start(self) -> Deferred[None]:
        """
        Open the connection in the new thread.  Fires when writes are served; fails with what opening it raised.
        """
        started: Deferred[None] = Deferred()
        self._isStarted = True
        threading.Thread(target=self._run_inThread, args=(started,), name="store-writer", daemon=True).start()
        return started

    @property
    def isBusy(self) -> bool:
        """
        Does a request wait, or its answer?
        """
        return self._waitingRequests > 0

    def write(self, function: Callable[[Transaction], Any], sizeOctets: int = 0) -> Deferred[Any]:
        """
        Run C{function} in the next batch, inside a savepoint of its own.

        @param sizeOctets: how much memory the request holds on to, beyond the ordinary.
        @return: fires with its result after the commit.
        @raise Overloaded: (in the Deferred) too much waits.
        @raise StoreFull: (in the Deferred) nothing was changed.
        @raise StoreAway: (in the Deferred).
        """
        return self._enqueue(_Request(function, sizeOctets, Deferred()))

    def writeTogether(
        self, function: Callable[[Transaction, list[Any]], list[Any]], item: Any, sizeOctets: int = 0
    ) -> Deferred[Any]:
        """
        Like L{write}, for what comes often: C{function} is called once for all the items that share a batch, and gives
        a result for each, in order; a result that is an exception fails that item alone, and then C{function} must
        not have written anything for it.  If C{function} raises, it is called again for each item by itself.
        """
        return self._enqueue(_Request(function, sizeOctets, Deferred(), item, True))

    def _enqueue(self, request: _Request) -> Deferred[Any]:
        deferred, sizeOctets = request.deferred, request.sizeOctets
        if self._isStopping or not self._isStarted:
            deferred.errback(StoreAway("the store is stopping"))
        elif self._waitingRequests >= MAX_WAITING_REQUESTS or (
            self._waitingRequests and self._waitingOctets + sizeOctets > MAX_WAITING_OCTETS
        ):
            deferred.errback(Overloaded("too many writes wait"))
        else:
            self._waitingRequests += 1
            self._waitingOctets += sizeOctets
            self._waiting.put(request)
        return deferred

    def stop(self) -> Deferred[None]:
        """
        Take no more, finish what waits, close.
        """
        if not self._isStarted:
            return succeed(None)
        if not self._isStopping:
            self._isStopping = True
            self._waiting.put(None)
        stopped: Deferred[None] = Deferred()
        self._whenStopped.append(stopped)
        if self._isStopped:
            self._stoppedNow()
        return stopped

    def _answer(self, batch: list[_Request]) -> None:
        for request in batch:
            self._waitingRequests -= 1
            self._waitingOctets -= request.sizeOctets
        isAnswering = bool(self._unanswered)
        self._unanswered.extend(batch)
        if not isAnswering:
            self._answerSome()

    def _answerSome(self) -> None:
        # In slices, and in the order of the commits, also when the next batch is done before all of this is answered.
        for _ in range(min(_ANSWERS_AT_ONCE, len(self._unanswered))):
            request = self._unanswered[0]
            for callback in request.callbacks or ():
                try:
                    callback()
                except Exception:  # noqa: BLE001  one listener's fault is not the others'
                    self.log.failure("{event}", event="store.callback_failed")
            if request.error is not None:
                request.deferred.errback(request.error)
            else:
                request.deferred.callback(request.result)
            self._unanswered.popleft()
        if self._unanswered:
            self._reactor.callFromThread(self._answerSome)

    # --------------------------------------------------------------------------------- in the writer's thread

    def _run_inThread(self, started: Deferred[None]) -> None:
        try:
            connection = self._openConnection()
            connection.set_wal_hook(self._noteWAL_inThread)
        except BaseException as error:  # noqa: BLE001  whatever it is, the one who waits must hear of it
            self._isStopping = True
            self._reactor.callFromThread(started.errback, translateError(error))
            self._reactor.callFromThread(self._stoppedNow)
            return
        self._connection = connection
        self._reactor.callFromThread(started.callback, None)
        isRunning = True
        while isRunning:
            batch, isRunning = self._take_inThread()
            if batch:
                self._commitBatch_inThread(batch)
            if self._walPages >= self._checkpointAt or (
                self._walPages >= CHECKPOINT_IDLE_PAGES and self._checkpointAt == CHECKPOINT_PAGES and self._isIdle()
            ):
                self._checkpoint_inThread()
            # An idle writer keeps nothing of its last batch alive.
            batch = []
        self._checkpoint_inThread()
        try:
            connection.close()
        except apsw.Error as error:
            self._report_inThread("store.close_failed", error)
        self._reactor.callFromThread(self._stoppedNow)

    def _stoppedNow(self) -> None:
        self._isStopped = True
        waiting, self._whenStopped = self._whenStopped, []
        for deferred in waiting:
            deferred.callback(None)

    def _isIdle(self) -> bool:
        return self._waiting.empty()

    def _take_inThread(self) -> tuple[list[_Request], bool]:
        batch: list[_Request] = []
        octets = 0
        take = self._waiting.get
        try:
            request = take()
            while request is not None:
                batch.append(request)
                octets += request.sizeOctets
                if len(batch) >= MAX_BATCH_REQUESTS or octets >= MAX_BATCH_OCTETS:
                    return batch, True
                request = take(block=False)
        except queue.Empty:
            return batch, True
        return batch, False

    def _commitBatch_inThread(self, batch: list[_Request]) -> None:
        connection = self._connection
        transaction = Transaction(connection)
        execute = connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            together: dict[Any, list[_Request]] = {}
            for request in batch:
                if request.isTogether:
                    together.setdefault(request.function, []).append(request)
            for function, requests in together.items():
                self._runTogether_inThread(transaction, function, requests)
            # Answered in the order in which they were carried out.
            batch = [each for group in together.values() for each in group] + [
                each for each in batch if not each.isTogether
            ]
            for request in batch:
                if not request.isTogether:
                    self._runRequest_inThread(transaction, request, request.function)
            for hook in self.beforeCommit:
                hook()
            execute("COMMIT")
            for hook in self.committed:
                hook()
            self._lastError = ""
        except BaseException as error:  # noqa: BLE001  the thread must live, and everyone who waits must hear
            systemErrno = connection.system_errno
            self._rollBack_inThread(transaction)
            meaning = translateError(error, systemErrno)
            if meaning is error:
                meaning = StoreAway(f"the commit failed: {error!r}")
            self._report_inThread("store.commit_failed", error)
            for request in batch:
                request.callbacks = None
                if request.error is None:
                    request.error = meaning
                    request.result = None
        self._reactor.callFromThread(self._answer, batch)

    def _runTogether_inThread(
        self, transaction: Transaction, function: Callable[..., list[Any]], requests: list[_Request]
    ) -> None:
        whole = _Request(function, 0, requests[0].deferred)
        self._runRequest_inThread(transaction, whole, partial(function, items=[each.item for each in requests]))
        if whole.error is None:
            for request, result in zip(requests, whole.result, strict=True):
                if isinstance(result, BaseException):
                    request.error = translateError(result)
                else:
                    request.result = result
            requests[0].callbacks = whole.callbacks
        elif len(requests) == 1:
            requests[0].error = whole.error
        else:
            for request in requests:
                self._runTogether_inThread(transaction, function, [request])

    def _runRequest_inThread(
        self, transaction: Transaction, request: _Request, function: Callable[[Transaction], Any]
    ) -> None:
        execute = transaction.execute
        execute("SAVEPOINT request")
        try:
            request.result = function(transaction)
        except Exception as error:
            transaction.takeCallbacks()
            transaction.batch.clear()
            if not self._connection.in_transaction:
                raise  # SQLite has rolled everything back (disk full, I/O error): the batch is lost
            execute("ROLLBACK TO request")
            execute("RELEASE request")
            for hook in self.afterRollback:
                hook()
            # Whoever keeps the error must not keep the octets that its frames have.
            traceback.clear_frames(error.__traceback__)
            request.error = translateError(error)
            return
        execute("RELEASE request")
        request.callbacks = transaction.takeCallbacks()

    def _rollBack_inThread(self, transaction: Transaction) -> None:
        transaction.takeCallbacks()
        try:
            if self._connection.in_transaction:
                transaction.execute("ROLLBACK")
        except apsw.Error as error:
            self._report_inThread("store.rollback_failed", error)
        for hook in self.afterRollback:
            hook()

    def _noteWAL_inThread(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._walPages = pages
        return 0

    def _checkpoint_inThread(self) -> None:
        started = time.monotonic()
        try:
            mode = apsw.SQLITE_CHECKPOINT_PASSIVE
            if self._walPages >= RESTART_PAGES:
                mode = apsw.SQLITE_CHECKPOINT_TRUNCATE
                self._connection.set_busy_timeout(int(RESTART_WAIT_SECONDS * 1000))
            try:
                pages, done = self._connection.wal_checkpoint(mode=mode)
            finally:
                if mode != apsw.SQLITE_CHECKPOINT_PASSIVE:
                    self._connection.set_busy_timeout(int(BUSY_TIMEOUT_SECONDS * 1000))
        except apsw.Error as error:
            self._checkpointAt = self._walPages + CHECKPOINT_RETRY_PAGES
            self._report_inThread("store.checkpoint_failed", error)
            return
        if pages == done:
            # The next commit starts the log anew.
            self._walPages = 0
            self._checkpointAt = CHECKPOINT_PAGES
        else:
            self._checkpointAt = self._walPages + CHECKPOINT_RETRY_PAGES
        if time.monotonic() - started > 1.0:
            self._reactor.callFromThread(
                self.log.info,
                "{event}",
                event="store.checkpoint_slow",
                pages=pages,
                tookSeconds=round(time.monotonic() - started, 3),
            )

    def _report_inThread(self, event: str, error: BaseException) -> None:
        # Once for each new cause: a full disk would say the same thing a thousand times a second.
        text = f"{event}: {type(error).__name__}: {error}"
        if text != self._lastError:
            self._lastError = text
            self._reactor.callFromThread(
                self.log.error, "{event}", event=event, error=type(error).__name__, reason=str(error)
            )
