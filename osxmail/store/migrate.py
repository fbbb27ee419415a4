# -*- test-case-name: tests.unit.store.test_migrate -*-
"""
The schema of the database: made in a new one, upgraded in an old one.

C{schema/001.sql} makes version 1, C{schema/002.sql} makes version 2 out of it, and so on: a new database goes the same
way as an old one.  All that is missing is applied in one transaction, after a backup of the database beside it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import apsw

from osxmail.errors import ConfigurationError, StoreDamaged
from osxmail.store.segments import syncFolder

BACKUPS_KEPT = 5  # of former upgrades; the oldest goes first

_read: dict[str, Mapping[int, str]] = {}


def schemaFiles() -> Traversable:
    """
    The folder of our own schema.
    """
    return files("osxmail.store").joinpath("schema")


def knownVersions(schema: Traversable) -> Mapping[int, str]:
    """
    The statements that make each version out of the one before.  Read once in a process: asked for early, they are
    there when the process may no longer read where Python is installed.

    @raise StoreDamaged: one of them is missing: this is no whole osxmail.
    """
    if str(schema) in _read:
        return _read[str(schema)]
    found = {
        int(file.name.removesuffix(".sql")): file.read_text("utf-8")
        for file in schema.iterdir()
        if file.name.endswith(".sql") and file.name.removesuffix(".sql").isdigit()
    }
    if not found or sorted(found) != list(range(1, len(found) + 1)):
        raise StoreDamaged(f"the schema's files are not complete: {sorted(found)}")
    return _read.setdefault(str(schema), dict(sorted(found.items())))


def schemaVersion(connection: apsw.Connection) -> int:
    """
    The version of a database; 0 is an empty one.
    """
    if not connection.table_exists("main", "schema_version"):
        return 0
    version: int | None = connection.execute("SELECT max(version) FROM schema_version").get
    return version or 0


def prepareSchema(
    connection: apsw.Connection,
    path: Path,
    report: Callable[..., object] = lambda **fields: None,
    schema: Traversable | None = None,
    now: Callable[[], float] = time.time,
) -> None:
    """
    Bring a database to the newest version.  Blocking; several processes may do it at once.

    @param report: called with the fields of an event when something was upgraded.
    @param schema: the folder of the statements; our own if it is C{None}.
    @raise ConfigurationError: the database was made by a newer osxmail; nothing was changed.
    @raise apsw.Error: it could not be done; nothing was changed.
    @raise OSError: the backup could not be made; nothing was changed.
    """
    versions = knownVersions(schema or schemaFiles())
    newest = max(versions)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        version = schemaVersion(connection)
        if version > newest:
            raise ConfigurationError(
                [
                    f"{path}: this store has schema {version}, and this osxmail knows up to {newest}: install the"
                    " osxmail that made it, or restore the backup that stands beside it"
                ]
            )
        if version == newest:
            return
        backup = ""
        started = time.monotonic()
        if version:
            backup = str(_backUp(connection, path, version, now()))
        connection.execute("BEGIN IMMEDIATE")
        try:
            for number in range(version + 1, newest + 1):
                connection.execute(versions[number])
                connection.execute("INSERT INTO schema_version (version, applied) VALUES (?, ?)", (number, now()))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if version:
            report(
                event="store.upgraded",
                fromVersion=version,
                toVersion=newest,
                backup=backup,
                tookSeconds=round(time.monotonic() - started, 3),
            )
    finally:
        os.close(lock)


def _backUp(connection: apsw.Connection, path: Path, version: int, now: float) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    target = path.with_name(f"{path.name}.schema{version:03d}.{stamp}.backup")
    partial = target.with_name(target.name + ".partial")
    # What a start that was killed here has left behind, SQLite's journal of it included: as large as the database.
    for left in path.parent.glob(f"{path.name}.schema*.backup.partial*"):
        left.unlink()
    try:
        # For its owner alone, as the database itself.
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        # One consistent state, whoever else reads or writes meanwhile.
        connection.execute("VACUUM INTO ?", (str(partial),))
        fd = os.open(partial, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(partial, target)
        syncFolder(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        partial.with_name(partial.name + "-journal").unlink(missing_ok=True)
        raise
    backups = sorted(path.parent.glob(f"{path.name}.schema*.backup"), key=lambda each: each.stat().st_mtime)
    for old in backups[:-BACKUPS_KEPT]:
        old.unlink()
    return target
