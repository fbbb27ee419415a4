# -*- test-case-name: tests.unit.store.test_connection -*-
"""
One SQLite connection as the store uses it, the transaction that runs on it, and what its errors mean to others.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import apsw

from osxmail.errors import ConfigurationError, MailError, StoreAway, StoreDamaged, StoreFull

#: The first SQLite without the WAL-reset fault, which can corrupt a database that is checkpointed while it is written.
OLDEST_SQLITE = (3, 51, 3)
BUSY_TIMEOUT_SECONDS = 10.0
STATEMENT_CACHE = 800  # statements a connection keeps prepared
MAX_ROWS_A_STEP = 64
MAX_ROWS_EXACTLY = 32  # for each number of rows up to this, there is a statement
WRITER_CACHE_KIB = 65536
READER_CACHE_KIB = 8192

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_AWAY = (
    apsw.IOError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.NoMemError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.InterruptError,
    apsw.ConnectionClosedError,
)


def checkSQLiteVersion(version: str) -> None:
    """
    @raise ConfigurationError: this SQLite can damage a store.
    """
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if numbers < OLDEST_SQLITE:
        oldest = ".".join(str(part) for part in OLDEST_SQLITE)
        raise ConfigurationError(
            [f"SQLite {version} can damage a store (the WAL-reset fault): install an apsw with {oldest} or later"]
        )


def openConnection(path: str, isWriter: bool) -> apsw.Connection:
    """
    A connection with the store's pragmas.  Blocking.

    @raise apsw.Error: it cannot be opened.
    @raise ConfigurationError: see L{checkSQLiteVersion}.
    """
    checkSQLiteVersion(apsw.sqlite_lib_version())
    if isWriter:
        _makePrivate(path)
    connection = apsw.Connection(path, statementcachesize=STATEMENT_CACHE)
    connection.set_busy_timeout(int(BUSY_TIMEOUT_SECONDS * 1000))
    # Only the writer checkpoints, and when it chooses: never in the middle of somebody's commit.
    connection.wal_autocheckpoint(0)
    if isWriter:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    # NORMAL lost 700 of 3,620 acknowledged messages at a simulated power cut.
    connection.execute("PRAGMA synchronous = FULL").fetchall()
    connection.execute("PRAGMA temp_store = MEMORY").fetchall()
    connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB if isWriter else READER_CACHE_KIB}").fetchall()
    if not isWriter:
        connection.execute("PRAGMA query_only = 1").fetchall()
    return connection


def _makePrivate(path: str) -> None:
    """
    A new database is its owner's alone, in whatever folder; SQLite gives the files beside it the same permissions.
    """
    # What is wrong with the place, SQLite says.  Never an existing file: to close it would end SQLite's locks on it.
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def translateError(error: BaseException, systemErrno: int = 0) -> BaseException:
    """
    What a failure in a database thread is to the other rooms: one of L{osxmail.errors}; a fault in our own code
    (a wrong statement, a C{KeyError}) stays what it is.

    @param systemErrno: the connection's: to SQLite a quota that is used up is an I/O error like any other.
    """
    if isinstance(error, MailError):
        return error
    if isinstance(error, apsw.FullError) or (isinstance(error, apsw.IOError) and systemErrno in _FULL):
        return StoreFull("the disk is full")
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return StoreFull(f"the disk is full: {error}")
        return StoreAway(f"the disk fails: {error}")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StoreDamaged(f"the database is damaged: {error}")
    if isinstance(error, _AWAY):
        return StoreAway(f"the database cannot serve: {error}")
    return error


class Rows(Protocol):
    """
    What a statement gives: tuples.  Read to the end, or dropped, before the next statement changes them.
    """

    @property
    def get(self) -> Any: ...  # all rows, simplified: one row, or one value, where there is just that; None for none
    def __iter__(self) -> Iterator[Any]: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


def isText(text: str) -> bool:
    """
    Can it be a database's text?  Half a surrogate pair, out of broken input, cannot: no row has it.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class Transaction:
    """
    What a function that runs in a database thread is handed.  Never leaves the store, never outlives the call.

    @ivar execute: run a statement: C{execute(sql, args)} gives a cursor, to be iterated, or asked C{fetchone()},
        C{fetchall()}.
    @ivar executemany: run a statement for each of many tuples of arguments.
    @ivar batch: free to use by the functions of one commit (a key is C{"room.what"}): emptied after each batch, and
        whenever a savepoint is rolled back, since what it remembers may have been undone.
    """

    __slots__ = ("_afterCommit", "batch", "connection", "execute", "executemany")

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.execute: Callable[..., Rows] = connection.execute
        self.executemany: Callable[[str, Iterable[Sequence[Any]]], Rows] = connection.executemany
        self.batch: dict[str, Any] = {}
        self._afterCommit: list[Callable[[], object]] = []

    @property
    def lastRowId(self) -> int:
        """
        The rowid of the last INSERT into a table that has them.
        """
        return self.connection.last_insert_rowid()

    @property
    def changedRows(self) -> int:
        """
        How many rows the last INSERT, UPDATE or DELETE changed.
        """
        return self.connection.changes()

    def insertRows(self, head: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """
        Insert many rows in few steps.

        Each step of a statement lets go of the GIL, and a thread that wants it back waits for a busy reactor's
        switch interval: 1 to 5 ms a step (measured), where the step itself takes 1 µs.  So C{executemany} is for idle
        times only, and rows go in by statements with up to 64 of them.

        @param head: C{"INSERT INTO table (columns)"}: what stands before VALUES.
        @param rows: all of one length.
        """
        done, total = 0, len(rows)
        if not total:
            return
        row = "(" + ",".join("?" * len(rows[0])) + ")"
        while done < total:
            # Few different texts, so that all of them stay prepared.
            count = total - done
            if count > MAX_ROWS_EXACTLY:
                count = min(MAX_ROWS_A_STEP, 1 << (count.bit_length() - 1))
            values: list[Any] = []
            for each in rows[done : done + count]:
                values.extend(each)
            self.execute(f"{head} VALUES {','.join([row] * count)}", values)
            done += count

    def afterCommit(self, function: Callable[[], object]) -> None:
        """
        Call it on the reactor once this is committed, in the order of the commits; forget it otherwise.  It runs
        before the request's own Deferred fires.
        """
        self._afterCommit.append(function)

    def takeCallbacks(self) -> list[Callable[[], object]]:
        """
        What L{afterCommit} was given since the last time.
        """
        taken, self._afterCommit = self._afterCommit, []
        return taken
