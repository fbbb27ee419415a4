"""
Group commit: what shares a commit, who hears of a failure, what is bounded.
"""

from __future__ import annotations

import threading

from twisted.internet import reactor
from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.trial.unittest import TestCase

from osxmail.errors import Overloaded, StoreAway, StoreFull
from osxmail.store import writer as writerModule
from osxmail.store.database import Database


def put(key):
    return lambda txn: txn.execute("INSERT INTO setting VALUES (?, '')", (key,)) and None


class WriterTests(TestCase):
    @inlineCallbacks
    def setUp(self):
        self.database = Database(self.mktemp(), reactor)
        yield self.database.open()
        self.addCleanup(self.database.close)
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

    def keys(self):
        return self.database.read(lambda txn: [key for (key,) in txn.execute("SELECT key FROM setting ORDER BY key")])

    def holdWriter(self):
        """
        Make the writer wait for C{self.gate}, so that what follows shares the next batch.
        """
        entered = threading.Event()

        def hold(txn):
            entered.set()
            self.gate.wait(10)

        held = self.database.write(hold)
        self.assertTrue(entered.wait(10))
        return held

    @inlineCallbacks
    def test_whatWaitsSharesACommit(self):
        commits = []
        self.database.beforeCommit.append(lambda: commits.append(1))
        held = self.holdWriter()
        rest = [self.database.write(put(f"k{number}")) for number in range(50)]
        self.gate.set()
        yield gatherResults([held, *rest])
        self.assertEqual(len((yield self.keys())), 50)
        self.assertEqual(len(commits), 2)

    @inlineCallbacks
    def test_batchesAreBounded(self):
        self.patch(writerModule, "MAX_BATCH_REQUESTS", 10)
        commits = []
        self.database.beforeCommit.append(lambda: commits.append(1))
        held = self.holdWriter()
        rest = [self.database.write(put(f"k{number}")) for number in range(50)]
        self.gate.set()
        yield gatherResults([held, *rest])
        self.assertEqual(len(commits), 6)

    @inlineCallbacks
    def test_waitingIsBounded(self):
        self.patch(writerModule, "MAX_WAITING_REQUESTS", 3)
        held = self.holdWriter()
        good = [self.database.write(put("a")), self.database.write(put("b"))]
        yield self.assertFailure(self.database.write(put("c")), Overloaded)
        self.gate.set()
        yield gatherResults([held, *good])
        yield self.database.write(put("d"))
        self.assertEqual((yield self.keys()), ["a", "b", "d"])

    @inlineCallbacks
    def test_waitingOctetsAreBounded(self):
        self.patch(writerModule, "MAX_WAITING_OCTETS", 100)
        held = self.holdWriter()
        good = self.database.write(put("a"), 90)
        yield self.assertFailure(self.database.write(put("b"), 11), Overloaded)
        self.gate.set()
        yield gatherResults([held, good])
        # One request alone is let in, whatever its size: the limit of a message is not the writer's.
        yield self.database.write(put("c"), 1000)
        self.assertEqual((yield self.keys()), ["a", "c"])

    @inlineCallbacks
    def test_aFailedCommitFailsAll(self):
        def fail():
            raise OSError(28, "No space left on device")

        self.database.beforeCommit.append(fail)
        called = []

        def putAndTell(txn):
            put("a")(txn)
            txn.afterCommit(lambda: called.append(1))

        yield self.assertFailure(self.database.write(putAndTell), StoreFull)
        self.database.beforeCommit.remove(fail)
        self.assertEqual(((yield self.keys()), called), ([], []))
        yield self.database.write(put("a"))
        self.assertEqual((yield self.keys()), ["a"])
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    @inlineCallbacks
    def test_aFullDiskChangesNothing(self):
        """
        Full, then readable, then serving again when there is room.
        """
        yield self.database.write(put("before"))

        def limit(txn):
            pages = txn.execute("PRAGMA page_count").fetchone()[0]
            txn.execute(f"PRAGMA max_page_count = {pages + 5}").fetchall()

        yield self.database.write(limit)

        def putMuch(txn):
            txn.executemany("INSERT INTO setting VALUES (?, ?)", ((f"k{n}", "x" * 3000) for n in range(100)))

        other = self.database.write(put("other"))
        yield self.assertFailure(self.database.write(putMuch), StoreFull)
        # What shared the batch was either kept as a whole or refused: never half.
        failed = []
        yield other.addErrback(lambda failure: failed.append(failure.trap(StoreFull)))
        expected = ["before"] if failed else ["before", "other"]
        self.assertEqual((yield self.keys()), expected)
        yield self.database.write(lambda txn: txn.execute("PRAGMA max_page_count = 1000000").fetchall())
        yield self.database.write(putMuch)
        self.assertEqual(len((yield self.keys())), 100 + len(expected))

    @inlineCallbacks
    def test_whatWasRememberedIsForgotten(self):
        forgotten = []
        self.database.afterRollback.append(lambda: forgotten.append(1))
        held = self.holdWriter()
        seen = []

        def remember(txn):
            txn.batch["test"] = 1

        def fail(txn):
            raise StoreAway("test")

        first = self.database.write(remember)
        second = self.database.write(lambda txn: seen.append("test" in txn.batch))
        third = self.database.write(fail)
        fourth = self.database.write(lambda txn: seen.append("test" in txn.batch))
        self.gate.set()
        yield gatherResults([held, first, second, fourth])
        yield self.assertFailure(third, StoreAway)
        self.assertEqual(forgotten, [1])
        self.assertEqual(seen, [True, False])

    @inlineCallbacks
    def test_aCallbackThatFailsIsAlone(self):
        called = []

        def tell(txn):
            txn.afterCommit(lambda: 1 / 0)
            txn.afterCommit(lambda: called.append(1))
            return "kept"

        self.assertEqual((yield self.database.write(tell)), "kept")
        self.assertEqual(called, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    @inlineCallbacks
    def test_stopFinishesWhatWaits(self):
        held = self.holdWriter()
        rest = [self.database.write(put(f"k{number}")) for number in range(5)]
        closed = self.database.close()
        yield self.assertFailure(self.database.write(put("late")), StoreAway)
        self.gate.set()
        yield gatherResults([held, *rest, closed])
        again = Database(self.database.path, reactor)
        yield again.open()
        self.addCleanup(again.close)
        keys = yield again.read(lambda txn: txn.execute("SELECT count(*) FROM setting").fetchone())
        self.assertEqual(keys, (5,))

    @inlineCallbacks
    def test_checkpoints(self):
        self.patch(writerModule, "CHECKPOINT_PAGES", 10)
        self.database._writer._checkpointAt = 10
        for number in range(100):
            yield self.database.write(
                lambda txn, number=number: (
                    txn.execute("INSERT INTO setting VALUES (?, ?)", (f"k{number}", "x" * 4000)) and None
                )
            )
        wal = self.database.path.with_name(self.database.path.name + "-wal")
        self.assertLess(wal.stat().st_size, 100 * 4096)

    @inlineCallbacks
    def test_together(self):
        """
        One call for all that share a batch; an item that is refused, or that breaks the others, is alone with it.
        """
        calls = []

        def putAll(txn, items):
            calls.append(list(items))
            txn.insertRows("INSERT INTO setting (key, value)", [(item, "") for item in items if item != "refused"])
            if "broken" in items:
                raise KeyError("broken")
            return [StoreFull("refused") if item == "refused" else f"put {item}" for item in items]

        held = self.holdWriter()
        keys = [f"k{number:03}" for number in range(130)]
        good = gatherResults([self.database.writeTogether(putAll, key) for key in keys])
        refused = self.database.writeTogether(putAll, "refused")
        self.gate.set()
        yield held
        self.assertEqual((yield good), [f"put {key}" for key in keys])
        yield self.assertFailure(refused, StoreFull)
        self.assertEqual(len(calls), 1)
        self.assertEqual((yield self.keys()), keys)

        self.gate.clear()
        held = self.holdWriter()
        good = gatherResults([self.database.writeTogether(putAll, key) for key in ("a", "b")])
        broken = self.database.writeTogether(putAll, "broken")
        self.gate.set()
        yield held
        yield good
        yield self.assertFailure(broken, KeyError)
        self.assertEqual((yield self.keys()), ["a", "b", *keys])

    @inlineCallbacks
    def test_answersKeepTheirOrder(self):
        """
        In slices, so that the reactor does not stall; in the order of the commits all the same.
        """
        self.patch(writerModule, "_ANSWERS_AT_ONCE", 7)
        self.patch(writerModule, "MAX_BATCH_REQUESTS", 20)
        held = self.holdWriter()
        order = []
        rest = [
            self.database.write(lambda txn, n=n: txn.afterCommit(lambda: order.append(n))).addCallback(
                lambda _, n=n: order.append(n)
            )
            for n in range(100)
        ]
        self.gate.set()
        yield gatherResults([held, *rest])
        self.assertEqual(order, sorted(list(range(100)) * 2))
