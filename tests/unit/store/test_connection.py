"""
Which SQLite may serve, and what its errors mean.
"""

from __future__ import annotations

import errno

import apsw
from twisted.trial.unittest import SynchronousTestCase

from osxmail import errors
from osxmail.store.connection import checkSQLiteVersion, openConnection, translateError


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
