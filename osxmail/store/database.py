# -*- test-case-name: tests.unit.store.test_database -*-
"""
The SQLite database: one writer thread with group commit, and a bounded pool of reader threads, each with its own
connection.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from osxmail.errors import Overloaded, StoreAway
from osxmail.store.connection import Transaction, openConnection, translateError
from osxmail.store.migrate import prepareSchema
from osxmail.store.writer import Writer

T = TypeVar("T")

READER_THREADS = 4
MAX_WAITING_READS = 20_000


class Database:
    """
    The database file of a store.

    @ivar path: the file.
    @ivar beforeCommit: see L{osxmail.store.writer.Writer}.
    @ivar committed: see L{osxmail.store.writer.Writer}.
    @ivar afterRollback: see L{osxmail.store.writer.Writer}.
    """

    log = Logger(namespace="osxmail.store")

    def __init__(
        self,
        path: str | Path,
        reactor: IReactorFromThreads,
        prepare: Callable[..., None] = prepareSchema,
        readerThreads: int = READER_THREADS,
    ) -> None:
        """
        @param prepare: makes or upgrades the schema: see L{prepareSchema}; called in the writer's thread before
            anything else is.
        """
        self.path = Path(path)
        self.reactor = reactor
        self._prepare = prepare
        self._writer = Writer(reactor, self._openWriter_inThread)
        self.beforeCommit = self._writer.beforeCommit
        self.committed = self._writer.committed
        self.afterRollback = self._writer.afterRollback
        self._readerThreads = readerThreads
        self._reads: queue.SimpleQueue[tuple[Callable[[Transaction], Any], bool, Deferred[Any]] | None]
        self._reads = queue.SimpleQueue()
        self._waitingReads = 0
        self._isReading = False
        self._runningReaders = 0
        self._readersGone: Deferred[None] | None = None
        self._answers: deque[tuple[Deferred[Any], bool, Any]] = deque()
        self._answersLock = threading.Lock()
        self._isAnswering = False

    def open(self) -> Deferred[None]:
        """
        Open the file, making or upgrading it where that is needed.  Fires when reads and writes are served.

        @raise StoreAway: (in the Deferred) it cannot be opened.
        @raise ConfigurationError: (in the Deferred) this SQLite can damage a store.
        """

        def opened(result: None) -> None:
            self._isReading = True
            for number in range(self._readerThreads):
                self._runningReaders += 1
                threading.Thread(target=self._read_inThread, name=f"store-reader-{number}", daemon=True).start()

        return self._writer.start().addCallback(opened)

    def write(self, function: Callable[[Transaction], T], sizeOctets: int = 0) -> Deferred[T]:
        """
        See L{osxmail.store.writer.Writer.write}.
        """
        return self._writer.write(function, sizeOctets)

    def writeTogether(
        self, function: Callable[[Transaction, list[Any]], list[Any]], item: Any, sizeOctets: int = 0
    ) -> Deferred[Any]:
        """
        See L{osxmail.store.writer.Writer.writeTogether}.  C{function}'s second parameter is named C{items}.
        """
        return self._writer.writeTogether(function, item, sizeOctets)

    def read(self, function: Callable[[Transaction], T], isSingle: bool = False) -> Deferred[T]:
        """
        Run C{function} in a reader's thread, in one read transaction: it sees one state of the database, with
        everything in it that was answered before this call.

        @param isSingle: C{function} makes one statement only: it needs no BEGIN and END.
        @raise Overloaded: (in the Deferred) too many wait.
        @raise StoreAway: (in the Deferred).
        """
        deferred: Deferred[T] = Deferred()
        if not self._isReading:
            deferred.errback(StoreAway("the store is not open"))
        elif self._waitingReads >= MAX_WAITING_READS:
            deferred.errback(Overloaded("too many reads wait"))
        else:
            self._waitingReads += 1
            self._reads.put((function, isSingle, deferred))
        return deferred

    def close(self) -> Deferred[None]:
        """
        Take no more, finish what was taken, close the file.
        """

        self._isReading = False
        gone: Deferred[None] = Deferred()
        if not self._runningReaders:
            gone.callback(None)
        else:
            self._readersGone = gone
            for _ in range(self._runningReaders):
                self._reads.put(None)
        return gatherResults([gone, self._writer.stop()]).addCallback(lambda _: None)

    # --------------------------------------------------------------------------------------- in the threads

    def _openWriter_inThread(self) -> apsw.Connection:
        connection = openConnection(str(self.path), isWriter=True)
        try:
            self._prepare(connection, self.path, report=self._report_inThread)
        except BaseException:
            connection.close()
            raise
        return connection

    def _report_inThread(self, **fields: Any) -> None:
        self.reactor.callFromThread(partial(self.log.info, "{event}", **fields))

    def _read_inThread(self) -> None:
        connection: apsw.Connection | None = None
        while True:
            job = self._reads.get()
            if job is None:
                break
            function, isSingle, deferred = job
            isGood = True
            try:
                if connection is None:
                    connection = openConnection(str(self.path), isWriter=False)
                result: Any = self._runRead_inThread(connection, function, isSingle)
            except BaseException as error:  # noqa: BLE001  the thread must live, and the one who waits must hear
                isGood, result = False, translateError(error)
            self._answer_inThread(deferred, isGood, result)
            # An idle thread keeps nothing of its last job alive.
            job = function = deferred = result = None  # type: ignore[assignment]
        if connection is not None:
            connection.close()
        self.reactor.callFromThread(self._readerGone)

    @staticmethod
    def _runRead_inThread(connection: apsw.Connection, function: Callable[[Transaction], Any], isSingle: bool) -> Any:
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
        self.reactor.callFromThread(self._fireAnswers)

    # --------------------------------------------------------------------------------------- on the reactor

    def _fireAnswers(self) -> None:
        with self._answersLock:
            answers, self._answers = self._answers, deque()
            self._isAnswering = False
        self._waitingReads -= len(answers)
        for deferred, isGood, result in answers:
            if isGood:
                deferred.callback(result)
            else:
                deferred.errback(result)

    def _readerGone(self) -> None:
        self._runningReaders -= 1
        if not self._runningReaders and self._readersGone is not None:
            gone, self._readersGone = self._readersGone, None
            gone.callback(None)
