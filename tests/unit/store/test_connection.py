"""
Which SQLite may serve, and what its errors mean.
"""

from __future__ import annotations

import errno

import apsw
from twisted.trial.unittest import SynchronousTestCase

from osxmail import errors
from osxmail.store.connection import Transaction, checkSQLiteVersion, openConnection, translateError


class VersionTests(SynchronousTestCase):
    def test_refusesTheFaultyOnes(self):
        for version in ("3.40.1", "3.51.2"):
            self.assertRaises(errors.ConfigurationError, checkSQLiteVersion, version)
        for version in ("3.51.3", "3.54.1", "4.0.0"):
            checkSQLiteVersion(version)


class TranslateTests(SynchronousTestCase):
    def test_meanings(self):
        own = errors.OverQuota("x")
        self.assertIs(translateError(own), own)
        fault = KeyError("x")
        self.assertIs(translateError(fault), fault)
        for error, meaning in [
            (apsw.FullError("x"), errors.StoreFull),
            (OSError(errno.ENOSPC, "x"), errors.StoreFull),
            (OSError(errno.EIO, "x"), errors.StoreAway),
            (apsw.IOError("x"), errors.StoreAway),
            (apsw.CorruptError("x"), errors.StoreDamaged),
        ]:
            self.assertIsInstance(translateError(error), meaning)


class OpenTests(SynchronousTestCase):
    def test_durable(self):
        """
        NORMAL would lose acknowledged messages at a power cut, and only the writer may checkpoint.
        """
        path = self.mktemp()
        for isWriter in (True, False):
            connection = openConnection(path, isWriter)
            self.addCleanup(connection.close)
            self.assertEqual(connection.pragma("synchronous"), 2)
            self.assertEqual(connection.pragma("journal_mode"), "wal")
            self.assertEqual(connection.pragma("wal_autocheckpoint"), 0)


class InsertRowsTests(SynchronousTestCase):
    def test_everyNumber(self):
        connection = apsw.Connection(":memory:")
        self.addCleanup(connection.close)
        connection.execute("CREATE TABLE t (a, b)")
        txn = Transaction(connection)
        for count in [*range(70), 127, 128, 200]:
            rows = [(number, b"x" * number) for number in range(count)]
            txn.insertRows("INSERT INTO t (a, b)", rows)
            self.assertEqual(connection.execute("SELECT a, b FROM t ORDER BY a").fetchall(), rows)
            connection.execute("DELETE FROM t")

    def test_fewSteps(self):
        """
        What 20 senders write at once goes in by one step.
        """
        steps = []
        connection = apsw.Connection(":memory:")
        self.addCleanup(connection.close)
        connection.execute("CREATE TABLE t (a)")
        txn = Transaction(connection)
        txn.execute = lambda sql, args: steps.append(len(args))
        for count in (20, 32, 60, 200):
            del steps[:]
            txn.insertRows("INSERT INTO t (a)", [(1,)] * count)
            self.assertEqual(sum(steps), count)
            self.assertLessEqual(len(steps), -(-count // 32))
