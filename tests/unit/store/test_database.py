"""
The database: what a read sees, bounds, opening and closing.
"""

from __future__ import annotations

import sys
import threading

from twisted.internet import reactor
from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.trial.unittest import TestCase

from osxmail.errors import Overloaded, StoreAway
from osxmail.store import database, reader
from osxmail.store.database import Database


class DatabaseTests(TestCase):
    @inlineCallbacks
    def setUp(self):
        self.database = Database(self.mktemp(), reactor)
        yield self.database.open()
        self.addCleanup(self.database.close)

    @inlineCallbacks
    def test_aReadSeesWhatWasAnswered(self):
        order = []

        def put(txn):
            txn.execute("INSERT INTO setting VALUES ('a', '1')")
            txn.afterCommit(lambda: order.append("hook"))
            return "done"

        result = yield self.database.write(put)
        order.append(result)
        rows = yield self.database.read(lambda txn: txn.execute("SELECT key, value FROM setting").fetchall())
        self.assertEqual((order, rows), (["hook", "done"], [("a", "1")]))

    @inlineCallbacks
    def test_aFaultTouchesOnlyItsRequest(self):
        def put(txn, key, fail=False):
            txn.execute("INSERT INTO setting VALUES (?, '')", (key,))
            if fail:
                raise StoreAway("test")

        good = [self.database.write(lambda txn, key=key: put(txn, key)) for key in "ab"]
        bad = self.database.write(lambda txn: put(txn, "c", True))
        good.append(self.database.write(lambda txn: put(txn, "d")))
        yield gatherResults(good)
        yield self.assertFailure(bad, StoreAway)
        rows = yield self.database.read(lambda txn: txn.execute("SELECT key FROM setting ORDER BY key").fetchall())
        self.assertEqual(rows, [("a",), ("b",), ("d",)])

    @inlineCallbacks
    def test_readersCannotWrite(self):
        yield self.assertFailure(self.database.read(lambda txn: txn.execute("DELETE FROM setting")), StoreAway)

    @inlineCallbacks
    def test_closedRefuses(self):
        yield self.database.close()
        yield self.assertFailure(self.database.read(lambda txn: None), StoreAway)
        yield self.assertFailure(self.database.write(lambda txn: None), StoreAway)

    @inlineCallbacks
    def test_cannotBeOpened(self):
        database = Database("/nowhere/at/all", reactor)
        yield self.assertFailure(database.open(), StoreAway)
        yield database.close()

    @inlineCallbacks
    def test_longReadsKeepNobodyWaiting(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        long = [self.database.read(lambda txn: gate.wait(10) and None, isLong=True) for _ in range(20)]
        rows = yield self.database.read(lambda txn: txn.execute("SELECT 1").fetchall())
        self.assertEqual(rows, [(1,)])
        gate.set()
        yield gatherResults(long)

    @inlineCallbacks
    def test_readsAreBounded(self):
        self.patch(reader, "MAX_WAITING_READS", 5)
        gate = threading.Event()
        self.addCleanup(gate.set)
        held = [self.database.read(lambda txn: gate.wait(10) and None) for _ in range(5)]
        yield self.assertFailure(self.database.read(lambda txn: None), Overloaded)
        gate.set()
        yield gatherResults(held)
        yield self.database.read(lambda txn: None)

    @inlineCallbacks
    def test_aFailedReadHoldsNoOldState(self):
        """
        The exception of a read that failed in the middle of its rows is kept by somebody: later reads see what was
        written since.
        """
        yield self.database.write(
            lambda txn: txn.insertRows("INSERT INTO setting (key, value)", [("a", ""), ("b", "")])
        )

        def readAndFail(txn):
            rows = txn.execute("SELECT key FROM setting")
            next(iter(rows))
            raise KeyError("test")

        kept = []
        for _ in range(database.READER_THREADS * 2):
            yield self.database.read(readAndFail, isSingle=True).addErrback(kept.append)
        yield self.database.write(lambda txn: txn.insertRows("INSERT INTO setting (key, value)", [("c", "")]))
        for _ in range(database.READER_THREADS * 2):
            count = yield self.database.read(
                lambda txn: txn.execute("SELECT count(*) FROM setting").fetchone()[0], isSingle=True
            )
            self.assertEqual(count, 3)

    def test_theGilIsHandedOverSoon(self):
        self.assertLessEqual(sys.getswitchinterval(), database.SWITCH_INTERVAL_SECONDS + 1e-6)
