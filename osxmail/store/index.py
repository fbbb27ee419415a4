# -*- test-case-name: tests.unit.store.test_indexing -*-
"""
The indexes of a store: a file for each account that has been searched, asked in threads.

An index only ever helps: where there is none, or none that may be trusted, whoever asks is told so and looks through
the mail itself.  L{osxmail.store.indexing.Indexing} fills them.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import apsw
from attrs import define
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from osxmail.net.threads import Pool
from osxmail.store.indexfile import bootId, openForReading, removeIndex

T = TypeVar("T")

INDEX_THREADS = 2
MAX_WAITING_QUESTIONS = 10_000
OPEN_INDEXES = 8  # that each thread keeps open
#: Faults that a damaged file leads to.  Other faults of SQLite are those of the moment: a full disk, a lock.
DAMAGE = (
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.SQLError,
    apsw.ConstraintError,
    apsw.MismatchError,
    ValueError,
    IndexError,
    OverflowError,
)

log = Logger(namespace="osxmail.store")


@define(eq=False, slots=True)
class _Opened:
    connection: apsw.Connection
    inode: int


class Index:
    """
    See the module.

    @ivar folder: where the files are.
    @ivar wantedListeners: called on the reactor with a mailbox's number when somebody has opened it, or looks for
        something in it: it is worth an index.
    @ivar changedListeners: called on the reactor with the numbers of mailboxes into which something has come.
    """

    def __init__(self, folder: Path, pool: Pool | None = None) -> None:
        """
        @param pool: threads that ask; one of its own if it is C{None}.
        """
        self.folder = folder
        self.wantedListeners: list[Callable[[int], object]] = []
        self.changedListeners: list[Callable[[Iterable[int]], object]] = []
        self._pool = pool or Pool("store-index", INDEX_THREADS, MAX_WAITING_QUESTIONS)
        self._local = threading.local()
        self._boot: str | None = None

    def start(self) -> None:
        """
        Answer questions.
        """
        self._pool.start()

    def stop(self) -> Deferred[None]:
        """
        Answer no more; fires when those that run are done.
        """
        return self._pool.stop()

    def path(self, account: int) -> Path:
        """
        The file of an account, by the number of its row.
        """
        return self.folder / f"{account % 256:02x}" / f"{account}.sqlite"

    def accounts(self) -> list[int]:
        """
        The accounts that have a file.  Blocking.
        """
        return [int(path.stem) for path in self.folder.glob("??/*.sqlite") if path.stem.isdecimal()]

    def wanted(self, mailboxId: int) -> None:
        """
        Tell L{wantedListeners}.
        """
        for listener in self.wantedListeners:
            listener(mailboxId)

    def changed(self, mailboxIds: Iterable[int]) -> None:
        """
        Tell L{changedListeners}.
        """
        for listener in self.changedListeners:
            listener(mailboxIds)

    def ask(self, account: int, octets: int, question: Callable[[apsw.Connection], T]) -> Deferred[T | None]:
        """
        Ask an account's index.

        @param octets: the last id of octets that the store has given: an index that knows of later ones is another's.
        @param question: called in a thread, in a read transaction.
        @return: C{None} where there is no index that may be trusted.
        @raise osxmail.errors.Overloaded: (in the Deferred) too many wait.
        """
        return self._pool.run(self._ask_inThread, account, octets, question)

    def remove(self, account: int) -> Deferred[None]:
        """
        Throw an account's index away.  Never fails: what is left is removed at the next start.
        """
        return self._pool.run(removeIndex, self.path(account)).addErrback(
            lambda failure: log.warn("{event}", event="index.left", account=account, reason=str(failure.value))
        )

    # ----------------------------------------------------------------------------------------- in the threads

    def _ask_inThread(self, account: int, octets: int, question: Callable[[apsw.Connection], T]) -> T | None:
        path = self.path(account)
        opened: OrderedDict[int, _Opened] = self._local.__dict__.setdefault("opened", OrderedDict())
        try:
            connection = self._connection_inThread(opened, account, path, octets)
            if connection is None:
                return None
            connection.execute("BEGIN").fetchall()
            try:
                return question(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK").fetchall()
        except DAMAGE as error:
            log.error("{event}", event="index.damaged", account=account, error=type(error).__name__, reason=str(error))
            removeIndex(path)
        except (apsw.Error, OSError) as error:
            log.warn("{event}", event="index.away", account=account, error=type(error).__name__, reason=str(error))
        self._close_inThread(opened, account)
        return None

    def _connection_inThread(
        self, opened: OrderedDict[int, _Opened], account: int, path: Path, octets: int
    ) -> apsw.Connection | None:
        try:
            inode = os.stat(path).st_ino
        except FileNotFoundError:
            self._close_inThread(opened, account)
            return None
        known = opened.get(account)
        if known is not None:
            # While it is open its inode is nobody else's.
            if known.inode == inode:
                opened.move_to_end(account)
                return known.connection
            self._close_inThread(opened, account)
        if self._boot is None:
            self._boot = bootId()
        connection = openForReading(path, octets, self._boot)
        if connection is not None:
            opened[account] = _Opened(connection, inode)
            while len(opened) > OPEN_INDEXES:
                opened.popitem(last=False)[1].connection.close()
        return connection

    @staticmethod
    def _close_inThread(opened: OrderedDict[int, _Opened], account: int) -> None:
        known = opened.pop(account, None)
        if known is not None:
            known.connection.close()
