# -*- test-case-name: tests.unit.store.test_indexing -*-
"""
The file of an account's index: a SQLite database of its own, which can be made anew from the mail at any time.

It is written without waiting for the disk, so that after a crash of the whole machine nobody knows what is in it.  So
it says itself whether it may be trusted: before the first change it is marked, durably, with this boot of the machine,
and once all of it is on disk the mark is taken away.  A file with the mark of another boot, of another version, with a
later counter than the store's, that is a copy, or that is damaged, is thrown away.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import apsw

from osxmail.store.connection import checkSQLiteVersion

VERSION = 1
BUSY_TIMEOUT_SECONDS = 5.0
WRITER_CACHE_KIB = 8_192
READER_CACHE_KIB = 2_048
CHECKPOINT_PAGES = 2_000

_BOOT_ID = "/proc/sys/kernel/random/boot_id"

_SCHEMA = """
-- One row.  boot: '', or the boot of the machine in which it was changed since all of it was on disk.
-- octets: the last id of octets that the store had given when it was changed.
-- inode: of this file; a copy, which may have been made while somebody wrote, has another.
CREATE TABLE state (version INTEGER NOT NULL, boot TEXT NOT NULL, octets INTEGER NOT NULL, inode INTEGER NOT NULL);

-- How far each mailbox is in the index: up to these UIDs, all messages that were there.
CREATE TABLE progress (
    mailbox_id INTEGER PRIMARY KEY,
    columns_uid INTEGER NOT NULL,
    text_uid INTEGER NOT NULL
);

-- Messages of a mailbox, ascending, and their columns, each in a piece of its own: see indexblocks.
CREATE TABLE block (
    id INTEGER PRIMARY KEY,
    mailbox_id INTEGER NOT NULL,
    first_uid INTEGER NOT NULL,
    last_uid INTEGER NOT NULL,
    messages INTEGER NOT NULL
);
CREATE INDEX block_mailbox ON block (mailbox_id, first_uid);
CREATE TABLE piece (
    id INTEGER PRIMARY KEY,             -- the block's, times 32, and the kind
    data BLOB NOT NULL
);

-- Texts by document, which is octets with a prefix: a message that is copied or moved is there already.
CREATE TABLE document (
    id INTEGER PRIMARY KEY,             -- see indexblocks.documentOf
    whole INTEGER NOT NULL              -- 0: its text is too long to be in the index as a whole
);
CREATE INDEX document_part ON document (id) WHERE whole = 0;

-- Headers by what stands anywhere in them.
CREATE VIRTUAL TABLE header USING fts5 (
    text, content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1'
);
-- Bodies by their words, each once; the tokenizer splits where there is a blank.
CREATE VIRTUAL TABLE body USING fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');
-- All words, and those by what stands in them, without accents.
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE part USING fts5 (
    word, content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1'
);
"""


def bootId() -> str:
    """
    Names this boot of the machine; C{""} where the system does not say.  Blocking.
    """
    try:
        return Path(_BOOT_ID).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def removeIndex(path: Path) -> None:
    """
    Throw an index away.  Blocking.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")


def _isTrusted(connection: apsw.Connection, path: Path, octets: int, boot: str) -> bool:
    row = connection.execute("SELECT version, boot, octets, inode FROM state").fetchone()
    return (
        row is not None
        and row[0] == VERSION
        and row[1] in ("", boot or None)
        and int(str(row[2])) <= octets
        and row[3] == os.stat(path).st_ino
    )


def openForReading(path: Path, octets: int, boot: str) -> apsw.Connection | None:
    """
    A connection that reads.  Blocking.

    @param octets: the last id of octets that the store has given.
    @param boot: see L{bootId}.
    @return: C{None} where there is none that may be trusted.
    @raise apsw.Error: it cannot be read.
    """
    if not path.exists():
        return None
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        _prepare(connection, READER_CACHE_KIB)
        connection.execute("PRAGMA query_only = 1").fetchall()
        if _isTrusted(connection, path, octets, boot):
            return connection
    except apsw.SQLError:
        # There are no tables yet: it is just being made, or was when the machine stopped.  Who writes sees to that.
        pass
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def openForWriting(path: Path, octets: int, boot: str) -> apsw.Connection:
    """
    A connection that writes; a file that is missing, or may not be trusted, is made anew.  The file is marked.
    Blocking.

    @raise apsw.Error: it cannot be written.
    @raise OSError: nor its folder.
    """
    checkSQLiteVersion(apsw.sqlite_lib_version())
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    if path.exists():
        connection = None
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            _prepare(connection, WRITER_CACHE_KIB)
            if _isTrusted(connection, path, octets, boot):
                _mark(connection, boot)
                return connection
        except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError):
            # Damaged, or no index at all.
            pass
        if connection is not None:
            connection.close()
        removeIndex(path)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        _prepare(connection, WRITER_CACHE_KIB)
        with connection:
            connection.execute(_SCHEMA).fetchall()
            # Marked from the beginning, by a boot that never was: a file that is not whole is never trusted.
            row = (VERSION, "?", octets, os.stat(path).st_ino)
            connection.execute("INSERT INTO state VALUES (?, ?, ?, ?)", row).fetchall()
        _mark(connection, boot)
    except BaseException:
        connection.close()
        raise
    return connection


def closeWritten(connection: apsw.Connection) -> None:
    """
    Put all of it on disk, take the mark away, and close.  Blocking.

    @raise apsw.Error: it stays marked.
    """
    try:
        connection.execute("PRAGMA synchronous = FULL").fetchall()
        if _settle(connection):
            connection.execute("UPDATE state SET boot = ''").fetchall()
    finally:
        connection.close()


def _settle(connection: apsw.Connection) -> bool:
    """
    Put everything that was written into the file, and that on disk.

    @return: was that possible?  Not while somebody reads an older state.
    """
    # A checkpoint that has nothing to do waits for nothing on its way to the disk: it gets something.
    connection.execute("UPDATE state SET version = version").fetchall()
    pages, done = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    return pages == done


def _prepare(connection: apsw.Connection, cacheKib: int) -> None:
    connection.set_busy_timeout(int(BUSY_TIMEOUT_SECONDS * 1000))
    connection.execute(f"PRAGMA cache_size = -{cacheKib}").fetchall()
    connection.execute("PRAGMA temp_store = MEMORY").fetchall()


def _mark(connection: apsw.Connection, boot: str) -> None:
    connection.execute("PRAGMA synchronous = FULL").fetchall()
    # A system that does not name its boots has only marks that nobody trusts.
    connection.execute("UPDATE state SET boot = ?", (boot or "?",)).fetchall()
    # In the file itself before anything else is: what is in the log alone may be lost with what comes after it.
    if not _settle(connection):
        raise apsw.BusyError("somebody reads the index")
    connection.execute("PRAGMA synchronous = OFF").fetchall()
    connection.wal_autocheckpoint(CHECKPOINT_PAGES)
