from __future__ import annotations

from twisted.trial.unittest import TestCase

from osxmail.mail.acceptance import TraceEvent
from osxmail.store import trace
from osxmail.store.trace import MAX_TERM_CHARACTERS, collectTrace
from tests.contracts.engines import SQLiteEngine, acceptance, incomingOf


def line(time, queueId, messageId="", *addresses, event="message.accepted", **fields):
    return TraceEvent(time, event, queueId, messageId, addresses, fields)


class TraceTests(SQLiteEngine, TestCase):
    async def found(self, term, since=0.0, limit=100):
        return [(each.queueId, each.time) for each in await self.store.trace(term, since, limit)]

    async def test_roundTrip(self):
        event = line(12.5, "Q1", "id@x", "Anna@example.test", "b@x", size=5, steps=[{"rule": "ö"}], nothing=None)
        await self.store.recordTrace([event])
        self.assertEqual(await self.store.trace("Q1", 0.0, 1), (event,))

    async def test_found(self):
        await self.store.recordTrace(
            [
                line(3.0, "Q1", "Some-ID@x", "Anna@Example.test", event="delivery.done"),
                line(1.0, "Q1", "Some-ID@x", "bert@example.test"),
                line(2.0, "Q2", "other@x", "anna@example.test"),
                line(4.0, "", "lost@x", "anna@example.test"),
            ]
        )
        both = [("Q1", 1.0), ("Q2", 2.0), ("Q1", 3.0)]
        self.assertEqual(await self.found("Q1"), [("Q1", 1.0), ("Q1", 3.0)])
        self.assertEqual(await self.found("q1"), [("Q1", 1.0), ("Q1", 3.0)])
        self.assertEqual(await self.found("Some-ID@x"), [("Q1", 1.0), ("Q1", 3.0)])
        self.assertEqual(await self.found(" <some-id@X> "), [("Q1", 1.0), ("Q1", 3.0)])
        self.assertEqual(await self.found("ANNA@example.test"), both)
        self.assertEqual(await self.found("ANNA@example.test", since=2.0), both[1:])
        self.assertEqual(await self.found("ANNA@example.test", limit=2), both[1:])
        self.assertEqual(await self.found("bert@example.test"), [("Q1", 1.0), ("Q1", 3.0)])
        for nothing in ("", " ", "<>", "%", "anna", "Q", "\ud800", "a\0b"):
            self.assertEqual(await self.found(nothing), [])
        self.assertEqual(await self.found("Q1", limit=0), [])

    async def test_strangeText(self):
        """
        A Message-ID is what a stranger wrote.
        """
        long = "x" * 100_000
        await self.store.recordTrace([line(1.0, "Q1", long), line(1.0, "Q2", "a\ud800\0b")])
        self.assertEqual(await self.found(long), [("Q1", 1.0)])
        self.assertEqual(await self.found("a?\0b"), [("Q2", 1.0)])
        terms = await self.store.database.read(lambda txn: txn.execute("SELECT max(length(term)) FROM trace_term").get)
        self.assertEqual(terms, MAX_TERM_CHARACTERS)

    async def test_ofAnAcceptance(self):
        event = line(1.0, "Q1", "id@x")
        await self.store.accept(acceptance("Q1", "x@a.test", trace=(event,)), incomingOf(self.store))
        self.assertEqual(await self.store.trace("id@x", 0.0, 10), (event,))

    async def test_nothing(self):
        await self.store.recordTrace([])
        self.assertEqual(await self.found("Q1"), [])

    async def collect(self, before):
        step = collectTrace(self.store.database, lambda: before)
        steps = 1
        while await step():
            steps += 1
        return steps

    async def rows(self):
        return await self.store.database.read(
            lambda txn: (
                [row[0] for row in txn.execute("SELECT queue_id FROM trace ORDER BY id")],
                [row[0] for row in txn.execute("SELECT term FROM trace_term ORDER BY term")],
            )
        )

    async def test_collection(self):
        await self.store.recordTrace(
            [
                line(10.0, "OLD", "old@x", "anna@x"),
                line(11.0, "LONG", "long@x", "bert@x"),
                line(12.0, "", "", "carl@x"),
                line(13.0, "OLD", "old@x", "dora@x"),
                line(30.0, "LONG", "long@x", "emil@x"),
                line(31.0, "NEW", "new@x"),
            ]
        )
        await self.collect(5.0)
        self.assertEqual(len((await self.rows())[0]), 6)
        await self.collect(20.0)
        self.assertEqual(await self.rows(), (["LONG", "LONG", "NEW"], ["bert@x", "emil@x", "long@x", "new@x"]))
        await self.collect(30.5)
        self.assertEqual(await self.rows(), (["NEW"], ["new@x"]))

    async def test_collectionInSteps(self):
        self.patch(trace, "COLLECTED_AT_ONCE", 10)
        # A message that lives long stands before those that go.
        await self.store.recordTrace([line(1.0, "LONG"), *[line(2.0, f"Q{n}", f"{n}@x") for n in range(55)]])
        await self.store.recordTrace([line(100.0, "LONG"), line(100.0, "NEW")])
        self.assertEqual(await self.collect(50.0), 6)
        self.assertEqual(await self.rows(), (["LONG", "LONG", "NEW"], []))
