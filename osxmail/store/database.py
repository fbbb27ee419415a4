# -*- test-case-name: tests.unit.store.test_database -*-
"""
The SQLite database: one writer thread with group commit, and a bounded pool of reader threads, each with its own
connection.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from osxmail.store.connection import Transaction, openConnection
from osxmail.store.migrate import prepareSchema
from osxmail.store.reader import Readers
from osxmail.store.writer import Writer

T = TypeVar("T")

READER_THREADS = 4
LONG_READER_THREADS = 2
SWITCH_INTERVAL_SECONDS = 0.001


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
        self._readers = Readers(reactor, self._openReader_inThread, "store-reader", readerThreads)
        self._longReaders = Readers(reactor, self._openReader_inThread, "store-long-reader", LONG_READER_THREADS)

    def open(self) -> Deferred[None]:
        """
        Open the file, making or upgrading it where that is needed.  Fires when reads and writes are served.

        @raise StoreAway: (in the Deferred) it cannot be opened.
        @raise ConfigurationError: (in the Deferred) this SQLite can damage a store.
        """

        # A thread that wants the GIL back from a busy reactor waits for this long, at each step of a statement.
        # With Python's 5 ms, a reactor without a pause lets 360 messages a second in; with 1 ms, 1,400.
        sys.setswitchinterval(min(SWITCH_INTERVAL_SECONDS, sys.getswitchinterval()))

        def opened(result: None) -> None:
            self._readers.start()
            self._longReaders.start()

        return self._writer.start().addCallback(opened)

    def write(self, function: Callable[[Transaction], T], sizeOctets: int = 0) -> Deferred[T]:
        """
        See L{osxmail.store.writer.Writer.write}.
        """
        return self._writer.write(function, sizeOctets)

    @property
    def isWriting(self) -> bool:
        """
        Does something wait to be written, or to be answered?
        """
        return self._writer.isBusy

    def writeTogether(
        self, function: Callable[[Transaction, list[Any]], list[Any]], item: Any, sizeOctets: int = 0
    ) -> Deferred[Any]:
        """
        See L{osxmail.store.writer.Writer.writeTogether}.  C{function}'s second parameter is named C{items}.
        """
        return self._writer.writeTogether(function, item, sizeOctets)

    def read(self, function: Callable[[Transaction], T], isSingle: bool = False, isLong: bool = False) -> Deferred[T]:
        """
        Run C{function} in a reader's thread, in one read transaction: it sees one state of the database, with
        everything in it that was answered before this call.

        @param isSingle: C{function} makes one statement only: it needs no BEGIN and END.
        @param isLong: it may take longer than some milliseconds: it goes to threads that are for such.
        @raise Overloaded: (in the Deferred) too many wait.
        @raise StoreAway: (in the Deferred).
        """
        return (self._longReaders if isLong else self._readers).read(function, isSingle)

    def close(self) -> Deferred[None]:
        """
        Take no more, finish what was taken, close the file.
        """
        stops = [self._readers.stop(), self._longReaders.stop(), self._writer.stop()]
        return gatherResults(stops).addCallback(lambda _: None)

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

    def _openReader_inThread(self) -> apsw.Connection:
        return openConnection(str(self.path), isWriter=False)
