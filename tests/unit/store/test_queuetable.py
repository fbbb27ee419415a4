"""
What the queue's contract (tests.contracts.test_queue) does not say.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from osxmail.mail.acceptance import QueueOutcome
from osxmail.mail.address import Address
from osxmail.mail.smtpreply import Reply
from osxmail.store import queueclaims
from osxmail.store.queuerows import addressOf
from osxmail.store.queuetable import MAX_LEASES_A_CLAIM
from tests.contracts.engines import SQLiteEngine, acceptance, incomingOf


class AddressTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()))
    def test_asItWas(self, local):
        address = Address(local, "example.test")
        self.assertEqual(addressOf(str(address)).local, local)


class QueueTableTests(SQLiteEngine, TestCase):
    async def put(self, *addresses):
        queueId = self.store.newQueueId()
        await self.store.accept(acceptance(queueId, *addresses, received=self.wallTime), incomingOf(self.store))
        return queueId

    async def test_aClaimIsBounded(self):
        self.patch(queueclaims, "MAX_DESTINATIONS_A_STEP", 4)
        await self.put(*[f"x@{n}.test" for n in range(MAX_LEASES_A_CLAIM + 10)])
        leases = await self.store.queue.claim(1 << 30, 600.0, ())
        self.assertEqual(len(leases), MAX_LEASES_A_CLAIM)

    async def test_roundsOfAClaim(self):
        """
        Few destinations, of which one has much: it fills what is left.
        """
        self.patch(queueclaims, "MOST_PAGE_RECIPIENTS", 8)
        for _ in range(30):
            await self.put("x@many.test")
        await self.put("x@few.test")
        leases = await self.store.queue.claim(25, 600.0, ())
        self.assertEqual(len({lease.queueId for lease in leases}), 25)
        rest = await self.store.queue.claim(25, 600.0, ())
        self.assertEqual(len(rest), 6)

    async def test_aLongReplyIsCut(self):
        await self.put("x@a.test")
        (lease,) = await self.store.queue.claim(1, 600.0, ())
        reply = Reply.make(451, "4.0.0", "x" * 100_000)
        outcome = QueueOutcome(lease.recipients[0].address, False, self.wallTime, reply, "h" * 100_000)
        await self.store.queue.report(lease, [outcome], ())
        (item,) = await self.store.queue.list()
        self.assertEqual(len(item.recipients[0].lastReply), 1000)
        self.assertEqual(len(item.recipients[0].remoteHost), 1000)

    async def test_octetsBecomeLoose(self):
        queueId = await self.put("x@a.test")
        loose = "SELECT count(*) FROM loose_octets"
        self.assertEqual(await self.store.database.read(lambda txn: txn.execute(loose).get), 0)
        await self.store.queue.remove([queueId])
        self.assertEqual(await self.store.database.read(lambda txn: txn.execute(loose).get), 1)

    async def test_destinationsThatHaveNothingHaveNoRow(self):
        await self.put("x@a.test", "x@b.test")
        for lease in await self.store.queue.claim(10, 600.0, ()):
            await self.store.queue.report(lease, [QueueOutcome(each.address, True) for each in lease.recipients], ())
        rows = await self.store.database.read(lambda txn: txn.execute("SELECT * FROM queue_destination").fetchall())
        self.assertEqual(rows, [])
