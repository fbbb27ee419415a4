from __future__ import annotations

import os

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from osxmail.errors import StoreFull
from osxmail.mail.acceptance import TraceEvent
from osxmail.mail.address import Address
from osxmail.store import collection
from osxmail.store.collection import GRACE_SECONDS, ROUND_SECONDS, Collection
from tests.contracts.engines import SQLiteEngine, acceptance, append, incomingOf
from tests.fakes.settings import FakeSettings

ANNA = "anna@example.test"
BERT = "bert@example.test"


class CollectionTests(SQLiteEngine, TestCase):
    def setUp(self):
        self.clock = Clock()
        self.patch(collection, "deferLater", lambda clock, delay: _soon())

        def opened(result):
            self.collection = self.makeCollection()

        return super().setUp().addCallback(opened)

    def makeCollection(self):
        store = self.store
        return Collection(store.database, store.octets, FakeSettings(), self.clock, lambda: self.wallTime)

    async def collect(self):
        """
        Two rounds, with the grace between them.
        """
        first = await self.collection.collect()
        self.clock.advance(GRACE_SECONDS)
        second = await self.collection.collect()
        first.octets += second.octets
        first.segments += second.segments
        first.moved += second.moved
        return first

    async def deliver(self, data, *addresses, queued=()):
        appends = tuple(append(address) for address in addresses)
        sent = acceptance(self.store.newQueueId(), *queued, received=self.wallTime, appends=appends)
        incoming = self.store.incoming(1 << 30)
        for start in range(0, len(data), 65536):
            waiting = incoming.write(data[start : start + 65536])
            if waiting is not None:
                await waiting
        return await self.store.accept(sent, incoming)

    async def inbox(self, address=ANNA):
        account = await self.store.account(address, Address.parse(address))
        return await account.mailbox("INBOX")

    async def contents(self, address=ANNA):
        inbox = await self.inbox(address)
        uids = [row[0] for row in (await inbox.changesSince(0)).changed]
        found = {}
        for uid, message in await inbox.messages(uids):
            pieces = []
            while piece := await message.read(sum(map(len, pieces)), 262_144):
                pieces.append(piece)
            found[uid] = b"".join(pieces)
        return found

    async def count(self, table):
        return await self.store.database.read(lambda txn: txn.execute(f"SELECT count(*) FROM {table}").get)

    def segments(self):
        return sorted(os.listdir(self.data / "segments"))

    async def test_nothing(self):
        self.assertTrue((await self.collect()).isNothing)

    async def test_whatNobodyNamesGoes(self):
        for _ in range(3):
            await self.deliver(b"A: b\r\n\r\nx", ANNA)
        await (await self.inbox()).remove([1, 3])
        self.assertEqual((await self.collect()).octets, 2)
        for table in ("octets", "rendering", "unended_octets"):
            self.assertEqual(await self.count(table), 1)
        self.assertEqual(await self.count("loose_octets"), 0)
        self.assertEqual(await self.contents(), {2: b"A: b\r\n\r\nx"})

    async def test_whatAnotherMailboxNamesStays(self):
        await self.deliver(b"A: b\r\n\r\nx", ANNA, BERT)
        await (await self.inbox()).remove([1])
        self.assertEqual((await self.collect()).octets, 0)
        self.assertEqual(await self.contents(BERT), {1: b"A: b\r\n\r\nx"})
        await (await self.inbox(BERT)).remove([1])
        self.assertEqual((await self.collect()).octets, 1)

    async def test_whatTheQueueNamesStays(self):
        await self.deliver(b"A: b\r\n\r\nx", ANNA, queued=("x@a.test",))
        await (await self.inbox()).remove([1])
        self.assertEqual((await self.collect()).octets, 0)
        (item,) = await self.store.queue.list()
        self.assertEqual((await self.store.queue.message(item.queueId)).inline, b"A: b\r\n\r\nx")
        await self.store.queue.remove([item.queueId])
        self.assertEqual((await self.collect()).octets, 1)
        self.assertEqual(await self.count("octets"), 0)

    async def test_movedMessagesStay(self):
        await self.deliver(b"A: b\r\n\r\nx", ANNA)
        account = await self.store.account(ANNA, Address.parse(ANNA))
        other = await account.createMailbox("Other")
        await (await self.inbox()).move([1], other)
        self.assertEqual((await self.collect()).octets, 0)
        ((_, message),) = await other.messages([1])
        self.assertEqual(message.inline, b"A: b\r\n\r\nx")

    async def test_anAccountThatIsRemoved(self):
        for size in (10, 100_000):
            await self.deliver(b"A: b\r\n\r\n" + b"x" * size, ANNA)
        await self.store.removeAccount(ANNA)
        self.assertEqual((await self.collect()).octets, 2)
        self.assertEqual(await self.count("octets"), 0)

    async def test_inSteps(self):
        self.patch(collection, "OCTETS_A_STEP", 3)
        for _ in range(10):
            await self.deliver(b"x", ANNA)
        await (await self.inbox()).remove(range(1, 11))
        self.assertEqual((await self.collect()).octets, 10)

    # ----------------------------------------------------------------------------------------------- segments

    async def test_deadSegments(self):
        """
        One that was a spool file goes when its message does, after the grace; the current one stays.
        """
        await self.deliver(b"a" * 2_000_000, ANNA)
        await self.deliver(b"b" * 50_000, ANNA)
        self.assertEqual(len(self.segments()), 2)
        await (await self.inbox()).remove([1, 2])
        first = await self.collection.collect()
        self.assertEqual((first.octets, first.segments), (2, 0))
        self.clock.advance(GRACE_SECONDS - 1)
        self.assertEqual((await self.collection.collect()).segments, 0)
        self.clock.advance(1)
        self.assertEqual((await self.collection.collect()).segments, 1)
        self.assertEqual(len(self.segments()), 1)
        await self.reopen()
        self.collection = self.makeCollection()
        self.assertEqual((await self.collect()).segments, 1)
        self.assertEqual(self.segments(), [])

    async def test_whatACrashHasLeft(self):
        (self.data / "segments" / "0000000123").write_bytes(b"x")
        self.assertEqual((await self.collect()).segments, 1)

    async def test_anotherProcessAppendsToIt(self):
        other = await self.secondStore()
        await other.accept(acceptance("Q1", "x@a.test"), incomingOf(other, b"x" * 50_000))
        await other.queue.remove(["Q1"])
        self.assertEqual((await self.collect()).segments, 0)
        await other.accept(acceptance("Q2", "x@a.test"), incomingOf(other, b"y" * 50_000))
        self.assertEqual(await (await self.store.queue.message("Q2")).read(0, 60_000), b"y" * 50_000)

    async def test_aNumberIsNotReused(self):
        await self.deliver(b"a" * 2_000_000, ANNA)
        name = self.segments()
        await (await self.inbox()).remove([1])
        await self.collect()
        await self.deliver(b"b" * 2_000_000, ANNA)
        self.assertEqual(len(self.segments()), 1)
        self.assertNotEqual(self.segments(), name)

    async def test_compaction(self):
        """
        What lives of a mostly dead segment moves; who knew the old places reads on.
        """
        for n in range(40):
            await self.deliver(bytes([65 + n]) * 60_000, ANNA)
        inbox = await self.inbox()
        await self.reopen()
        self.collection = self.makeCollection()
        inbox = await self.inbox()
        known = dict(await inbox.messages([7, 39]))
        await inbox.remove([uid for uid in range(1, 41) if uid not in (7, 20, 39)])
        first = await self.collection.collect()
        self.assertEqual((first.octets, first.moved), (37, 3))
        self.clock.advance(GRACE_SECONDS)
        self.assertTrue((await self.collection.collect()).segments == 0)
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual((await self.collection.collect()).segments, 1)
        expected = {uid: bytes([64 + uid]) * 60_000 for uid in (7, 20, 39)}
        self.assertEqual(await self.contents(), expected)
        for uid, message in known.items():
            self.assertEqual(await message.read(0, 100_000), expected[uid])
        await self.reopen()
        self.assertEqual(await self.contents(), expected)

    async def test_livingSegmentsAreLeftAlone(self):
        for n in range(30):
            await self.deliver(bytes([65 + n]) * 60_000, ANNA)
        await self.reopen()
        self.collection = self.makeCollection()
        await (await self.inbox()).remove(range(1, 11))
        collected = await self.collect()
        self.assertEqual((collected.octets, collected.moved), (10, 0))

    async def test_aDamagedRecordStaysForWhoeverLooks(self):
        for n in range(30):
            await self.deliver(bytes([65 + n]) * 60_000, ANNA)
        await self.reopen()
        self.collection = self.makeCollection()
        await (await self.inbox()).remove(range(3, 31))
        path = self.data / "segments" / self.segments()[0]
        with path.open("r+b") as file:
            file.seek(100)
            file.write(b"rotten")
        collected = await self.collect()
        self.assertEqual((collected.moved, collected.segments), (1, 0))
        ((_, message),) = await (await self.inbox()).messages([2])
        self.assertEqual(await message.read(0, 10), b"BBBBBBBBBB")

    # ------------------------------------------------------------------------------------------------- rounds

    async def test_trace(self):
        days = FakeSettings().number("trace.days")
        await self.store.recordTrace(
            [
                TraceEvent(self.wallTime - days * 86400 - 1, "message.accepted", "OLD", "", (ANNA,)),
                TraceEvent(self.wallTime - days * 86400 + 1, "message.accepted", "NEW", "", (ANNA,)),
            ]
        )
        await self.collect()
        self.assertEqual([each.queueId for each in await self.store.trace(ANNA, 0.0, 10)], ["NEW"])

    async def test_spool(self):
        leftover = self.data / "spool" / "leftover"
        leftover.write_bytes(b"x")
        await self.collect()
        self.assertTrue(leftover.exists())
        os.utime(leftover, (1, 1))
        await self.collect()
        self.assertFalse(leftover.exists())

    async def rounds(self):
        await self.store.database.write(lambda txn: None)
        await self.store.database.read(lambda txn: None)
        for _ in range(20):
            await _soon()

    async def test_runsByItself(self):
        await self.deliver(b"x", ANNA)
        await (await self.inbox()).remove([1])
        self.collection.start()
        self.clock.advance(ROUND_SECONDS - 1)
        await self.rounds()
        self.assertEqual(await self.count("octets"), 1)
        self.clock.advance(1)
        while self.collection._round is not None:
            await self.rounds()
        self.assertEqual(await self.count("octets"), 0)
        await self.deliver(b"x", ANNA)
        await (await self.inbox()).remove([2])
        self.clock.advance(ROUND_SECONDS)
        while self.collection._round is not None:
            await self.rounds()
        self.assertEqual(await self.count("octets"), 0)
        await self.collection.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_stopInARound(self):
        self.patch(collection, "OCTETS_A_STEP", 1)
        for _ in range(20):
            await self.deliver(b"x", ANNA)
        await (await self.inbox()).remove(range(1, 21))
        self.collection.start()
        self.clock.advance(ROUND_SECONDS)
        await self.collection.stop()
        self.assertGreater(await self.count("octets"), 10)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_aFailureIsTriedAgain(self):
        await self.deliver(b"x" * 50_000, ANNA)
        await (await self.inbox()).remove([1])
        write = self.store.database.write
        self.collection.start()

        def full(function, sizeOctets=0):
            raise StoreFull("test")

        self.patch(self.store.database, "write", full)
        self.clock.advance(ROUND_SECONDS)
        self.assertIsNone(self.collection._round)
        self.patch(self.store.database, "write", write)
        self.clock.advance(ROUND_SECONDS)
        while self.collection._round is not None:
            await self.rounds()
        self.assertEqual(await self.count("octets"), 0)
        await self.collection.stop()

    async def test_aCrashInTheMiddleOfACompaction(self):
        """
        The copies are in the segment, and the transaction was lost: the old places count.
        """
        for n in range(30):
            await self.deliver(bytes([65 + n]) * 60_000, ANNA)
        await self.reopen()
        self.collection = self.makeCollection()
        await (await self.inbox()).remove(range(3, 31))
        move = Collection._move_txn

        def crash(self, txn, records):
            move(self, txn, records)
            raise StoreFull("test")

        self.patch(Collection, "_move_txn", crash)
        with self.assertRaises(StoreFull):
            await self.collect()
        self.patch(Collection, "_move_txn", move)
        expected = {1: b"A" * 60_000, 2: b"B" * 60_000}
        self.assertEqual(await self.contents(), expected)
        self.assertEqual((await self.collect()).moved, 2)
        self.assertEqual(await self.contents(), expected)


def _soon() -> Deferred[None]:
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    return deferLater(reactor, 0)
