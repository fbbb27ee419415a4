"""
The database: what a read sees, bounds, opening and closing.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.trial.unittest import TestCase

from osxmail.errors import StoreAway
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
