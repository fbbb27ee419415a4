from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import apsw
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from osxmail.errors import ConfigurationError, StoreDamaged
from osxmail.store import migrate
from osxmail.store.connection import openConnection
from osxmail.store.database import Database
from osxmail.store.migrate import BACKUPS_KEPT, knownVersions, prepareSchema, schemaFiles, schemaVersion

FIRST = "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied REAL NOT NULL); CREATE TABLE a (x);"
SECOND = "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x * 2;"
THIRD = "CREATE TABLE b (z); INSERT INTO b SELECT sum(y) FROM a;"


class MigrateTests(SynchronousTestCase):
    def setUp(self):
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "osxmail.sqlite"
        self.events = []
        self.time = 1_700_000_000.0

    def schema(self, *texts):
        folder = Path(self.mktemp())
        folder.mkdir()
        for number, text in enumerate(texts, 1):
            (folder / f"{number:03d}.sql").write_text(text)
        return folder

    def prepare(self, *texts):
        connection = openConnection(str(self.path), isWriter=True)
        self.addCleanup(connection.close)
        prepareSchema(
            connection, self.path, lambda **fields: self.events.append(fields), self.schema(*texts), lambda: self.time
        )
        return connection

    def backups(self):
        return sorted(self.folder.glob("*.backup*"))

    def test_new(self):
        connection = self.prepare(FIRST, SECOND, THIRD)
        self.assertEqual(schemaVersion(connection), 3)
        self.assertEqual(
            connection.execute("SELECT version, applied FROM schema_version").fetchall(),
            [(1, self.time), (2, self.time), (3, self.time)],
        )
        self.assertEqual(self.backups(), [])
        self.assertEqual(self.events, [])

    def test_upToDate(self):
        self.prepare(FIRST)
        connection = self.prepare(FIRST)
        self.assertEqual(connection.execute("SELECT count(*) FROM schema_version").get, 1)
        self.assertEqual(self.backups(), [])

    def test_upgrade(self):
        old = self.prepare(FIRST)
        old.execute("INSERT INTO a VALUES (20), (1)")
        connection = self.prepare(FIRST, SECOND, THIRD)
        self.assertEqual(connection.execute("SELECT x, y FROM a ORDER BY x").fetchall(), [(1, 2), (20, 40)])
        self.assertEqual(connection.execute("SELECT z FROM b").get, 42)
        (backup,) = self.backups()
        self.assertEqual(backup.name, "osxmail.sqlite.schema001.20231114T221320Z.backup")
        self.assertEqual(backup.stat().st_mode & 0o777, 0o600)
        kept = apsw.Connection(str(backup))
        self.addCleanup(kept.close)
        self.assertEqual(schemaVersion(kept), 1)
        self.assertEqual(kept.execute("SELECT x FROM a ORDER BY x").fetchall(), [(1,), (20,)])
        (event,) = self.events
        self.assertEqual(
            (event["event"], event["fromVersion"], event["toVersion"], event["backup"]),
            ("store.upgraded", 1, 3, str(backup)),
        )

    def test_anUpgradeThatFails(self):
        """
        Nothing is changed, whichever step failed, and the next attempt starts from the same.
        """
        self.prepare(FIRST).execute("INSERT INTO a VALUES (1)")
        self.assertRaises(
            apsw.SQLError, self.prepare, FIRST, SECOND, "CREATE TABLE b (z); INSERT INTO nowhere VALUES (1);"
        )
        connection = self.prepare(FIRST)
        self.assertEqual(schemaVersion(connection), 1)
        self.assertEqual(connection.execute("SELECT * FROM a").fetchall(), [(1,)])
        self.assertFalse(connection.table_exists("main", "b"))
        self.assertEqual(schemaVersion(self.prepare(FIRST, SECOND, THIRD)), 3)

    def test_noBackupNoUpgrade(self):
        self.prepare(FIRST).execute("INSERT INTO a VALUES (1)")

        def full(path):
            raise OSError(errno.ENOSPC, "full")

        self.patch(migrate, "syncFolder", full)
        self.assertRaises(OSError, self.prepare, FIRST, SECOND)
        self.assertEqual(schemaVersion(self.prepare(FIRST)), 1)
        self.assertEqual(list(self.folder.glob("*.partial")), [])

    def test_killedInABackup(self):
        """
        What was begun does not stay: it is as large as the store, and a server that is started again and again would
        fill the disk.
        """
        self.prepare(FIRST).execute("INSERT INTO a VALUES (1)")
        for end in ("", "-journal"):
            (self.folder / f"osxmail.sqlite.schema001.20220101T000000Z.backup.partial{end}").write_bytes(b"x" * 1000)
        self.assertEqual(schemaVersion(self.prepare(FIRST, SECOND)), 2)
        self.assertEqual(len(self.backups()), 1)

    def test_newer(self):
        self.prepare(FIRST, SECOND)
        before = self.path.read_bytes()
        error = self.assertRaises(ConfigurationError, self.prepare, FIRST)
        self.assertIn("schema 2", str(error))
        self.assertIn(str(self.path), str(error))
        self.assertEqual(self.path.read_bytes(), before)

    def test_backupsAreBounded(self):
        texts = [FIRST]
        for number in range(BACKUPS_KEPT + 2):
            self.prepare(*texts)
            texts.append(f"CREATE TABLE t{number} (x)")
            self.time += 1
            for position, backup in enumerate(self.backups()):
                os.utime(backup, (position, position))
        self.prepare(*texts)
        self.assertEqual(len(self.backups()), BACKUPS_KEPT)
        self.assertEqual(self.backups()[-1].name.split(".")[2], f"schema{BACKUPS_KEPT + 2:03d}")

    def test_twoProcessesAtOnce(self):
        self.prepare(FIRST).execute("INSERT INTO a VALUES (1)")
        threads = [threading.Thread(target=self.prepare, args=(FIRST, SECOND, THIRD)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(self.events), 1)
        self.assertEqual(len(self.backups()), 1)

    def test_missingFile(self):
        folder = self.schema(FIRST, SECOND, THIRD)
        (folder / "002.sql").unlink()
        self.assertRaises(StoreDamaged, knownVersions, folder)
        self.assertRaises(StoreDamaged, knownVersions, self.schema())

    def test_ourOwn(self):
        self.assertIn(1, knownVersions(schemaFiles()))


class DatabaseTests(TestCase):
    async def test_newer(self):
        path = self.mktemp()
        database = Database(path, reactor)
        await database.open()
        await database.write(lambda txn: txn.execute("INSERT INTO schema_version VALUES (9999, 0)") and None)
        await database.close()
        with self.assertRaises(ConfigurationError):
            await Database(path, reactor).open()
