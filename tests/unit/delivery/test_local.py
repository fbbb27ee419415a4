from __future__ import annotations

from twisted.internet.defer import fail
from zope.interface.verify import verifyObject

from osxmail.delivery.local import LocalDelivery
from osxmail.errors import StoreAway, StoreFull
from osxmail.interfaces import IDeliveryAgent
from osxmail.mail.acceptance import Alias, Domain
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, DeliveryStatus
from osxmail.mail.envelope import Recipient
from osxmail.mail.record import AccountState
from tests.fakes.directory import record
from tests.unit.delivery.realstore import FAR, MESSAGE, RealStoreTestCase

ROOM = 2000


class LocalDeliveryTests(RealStoreTestCase):
    """
    Bob's mailbox has room for one message.
    """

    async def setUp(self) -> None:
        await super().setUp()
        await self.domains.addDomain(Domain("example.test"))
        self.directory.add(record("ann@example.test"))
        self.directory.add(record("bob@example.test", quotaOctets=ROOM))
        self.agent = LocalDelivery(self.store, self.store.queue, self.router, self.settings, lambda: self.time)
        await self.receive("bob@example.test")
        self.assertEqual(len(await self.inbox("id-bob")), 1)

    async def attempt(self) -> tuple[DeliveryStatus, ...]:
        self.leased = await self.lease()
        self.assertEqual(self.leased.destination, "local")
        message = await self.store.queue.message(self.leased.queueId)
        statuses = await self.agent.deliver(self.leased, message)
        self.assertEqual([s.address for s in statuses], [r.address for r in self.leased.recipients])
        return statuses

    def test_interface(self) -> None:
        verifyObject(IDeliveryAgent, self.agent)

    async def test_roomAgain(self) -> None:
        queueId = await self.receive("ann@example.test", "bob@example.test")
        self.assertEqual(len(await self.inbox("id-ann")), 1)
        await self.empty("id-bob")
        (status,) = await self.attempt()
        self.assertEqual((status.action, status.isReported), (Action.ACCEPT, True))
        self.assertEqual(await self.queue(), ())
        (copy,) = await self.inbox("id-bob")
        head, body = copy[: -len(MESSAGE)], copy[-len(MESSAGE) :]
        self.assertEqual(body, MESSAGE)
        self.assertTrue(
            head.startswith(b"Return-Path: <x@far.test>\r\nDelivered-To: bob@example.test\r\nReceived: "), head
        )
        self.assertEqual(head.count(b"Received:"), 1)
        self.assertIn(queueId.encode(), head)
        self.assertEqual(len(await self.inbox("id-ann")), 1)
        events = [event.event for event in await self.store.trace(queueId, 0, 10)]
        self.assertEqual(events, ["message.accepted", "message.delivered"])

    async def test_stillFull(self) -> None:
        await self.receive("bob@example.test")
        (status,) = await self.attempt()
        self.assertEqual((status.action, status.isReported), (Action.DEFER, False))
        self.assertEqual((status.reply.code, status.reply.enhanced), (452, "4.2.2"))
        self.assertEqual(status.steps[-1].rule, "quota.full")
        self.assertEqual(len(await self.queue()), 1)
        self.assertEqual(len(await self.inbox("id-bob")), 1)

    async def test_fullIsRefusedWhereTheSettingSaysSo(self) -> None:
        await self.receive("bob@example.test")
        self.settings.change("mail.over_quota", "refuse")
        (status,) = await self.attempt()
        self.assertEqual((status.action, status.reply.code, status.reply.enhanced), (Action.REFUSE, 552, "5.2.2"))
        self.assertFalse(status.isReported)

    async def test_quotaWasRaised(self) -> None:
        await self.receive("bob@example.test")
        self.directory.add(record("bob@example.test", quotaOctets=0))
        await self.attempt()
        self.assertEqual(len(await self.inbox("id-bob")), 2)

    async def test_largeMessage(self) -> None:
        large = MESSAGE + b"x" * 998 + b"\r\n" + (b"y" * 76 + b"\r\n") * 10000
        await self.receive("bob@example.test", message=large)
        self.directory.add(record("bob@example.test", quotaOctets=10_000_000))
        await self.attempt()
        copies = await self.inbox("id-bob")
        self.assertTrue(copies[1].endswith(large))

    async def test_someCanHaveIt(self) -> None:
        """
        Who cannot have it now stays in the queue as before, and the next attempt is the scheduler's to judge.
        """
        self.directory.add(record("cyd@example.test", quotaOctets=ROOM))
        await self.receive("cyd@example.test")
        await self.receive("bob@example.test", "cyd@example.test")
        await self.empty("id-cyd")
        statuses = await self.attempt()
        self.assertEqual([s.action for s in statuses], [Action.DEFER, Action.ACCEPT])
        self.assertTrue(all(s.isReported for s in statuses))
        self.assertEqual(len(await self.inbox("id-cyd")), 1)
        (item,) = await self.queue()
        (state,) = item.recipients
        self.assertEqual((str(state.address), state.attempts, state.leased), ("bob@example.test", 0, False))
        (status,) = await self.attempt()
        self.assertEqual((status.action, status.isReported), (Action.DEFER, False))
        self.assertEqual(len(await self.inbox("id-cyd")), 1)

    async def test_twoCopiesShareTheRoom(self) -> None:
        account = await self.store.existingAccount("id-bob")
        await account.createMailbox("Lists")
        await self.receive("bob@example.test", "bob+lists@example.test")
        await self.empty("id-bob")
        statuses = await self.attempt()
        self.assertEqual([s.action for s in statuses], [Action.ACCEPT, Action.DEFER])
        self.assertEqual(len(await self.queue()), 1)

    async def test_detail(self) -> None:
        account = await self.store.existingAccount("id-bob")
        await account.createMailbox("Lists")
        await self.receive("bob+lists@example.test")
        await self.empty("id-bob")
        await self.attempt()
        self.assertEqual(len(await self.inbox("id-bob", "Lists")), 1)

    async def test_copyOfOneWhoForwards(self) -> None:
        """
        The forwarding was done when the message came: only the copy is made now.
        """
        self.directory.add(
            record("bob@example.test", quotaOctets=ROOM, state=AccountState.FORWARD, forwardTo=(FAR,), keepCopy=True)
        )
        await self.receive("bob@example.test")
        (item,) = await self.queue()
        self.assertEqual(sorted(state.destination for state in item.recipients), ["far.test", "local"])
        await self.empty("id-bob")
        leases = await self.store.queue.claim(10, 600.0, ("far.test",))
        message = await self.store.queue.message(leases[0].queueId)
        await self.agent.deliver(leases[0], message)
        (item,) = await self.queue()
        self.assertEqual([state.destination for state in item.recipients], ["far.test"])
        self.assertEqual(len(await self.inbox("id-bob")), 1)

    async def test_nowForwards(self) -> None:
        await self.receive(Recipient(Address.parse("bob@example.test"), "rfc822;b@x.test", frozenset({"FAILURE"})))
        there = Address.parse("bob@elsewhere.test")
        self.directory.add(record("bob@example.test", state=AccountState.FORWARD, forwardTo=(there,)))
        (status,) = await self.attempt()
        self.assertTrue(status.isReported)
        (lease,) = await self.store.queue.claim(10, 600.0, ())
        (row,) = lease.recipients
        self.assertEqual((row.address, row.original, row.notify), (there, "rfc822;b@x.test", frozenset({"FAILURE"})))
        self.assertNotEqual(lease.queueId, self.leased.queueId)
        message = await self.store.queue.message(lease.queueId)
        self.assertTrue(message.prefix.startswith(b"Delivered-To: bob@example.test\r\nReceived:"), message.prefix)

    async def test_memberOfAnAlias(self) -> None:
        """
        Ann has had her copy: trying Bob again does not reach her.
        """
        await self.domains.addAlias(
            Alias(
                Address.parse("all@example.test"),
                (Address.parse("ann@example.test"), Address.parse("bob@example.test")),
            )
        )
        await self.receive("all@example.test")
        await self.empty("id-bob")
        await self.attempt()
        self.assertEqual((len(await self.inbox("id-ann")), len(await self.inbox("id-bob"))), (1, 1))

    async def test_gone(self) -> None:
        await self.receive("bob@example.test")
        self.directory.remove("id-bob")
        (status,) = await self.attempt()
        self.assertEqual((status.action, status.reply.code), (Action.REFUSE, 550))
        self.assertFalse(status.isReported)

    async def test_directoryAway(self) -> None:
        await self.receive("bob@example.test")
        self.directory.isAway = True
        (status,) = await self.attempt()
        self.assertEqual((status.action, status.reply.code), (Action.DEFER, 451))

    async def test_leaseRanOut(self) -> None:
        """
        Somebody else has delivered it: no second copy.
        """
        await self.receive("bob@example.test")
        await self.empty("id-bob")
        late = await self.lease()
        message = await self.store.queue.message(late.queueId)
        self.time += 601
        (status,) = await self.attempt()
        self.assertEqual(status.action, Action.ACCEPT)
        (status,) = await self.agent.deliver(late, message)
        self.assertEqual((status.action, status.isReported), (Action.DEFER, False))
        self.assertEqual(len(await self.inbox("id-bob")), 1)

    async def test_failures(self) -> None:
        await self.receive("bob@example.test")
        await self.empty("id-bob")
        lease = await self.lease()
        message = await self.store.queue.message(lease.queueId)
        for failure, code, enhanced in (
            (StoreFull("disk"), 452, "4.3.1"),
            (StoreAway("x"), 451, "4.3.0"),
            (ZeroDivisionError("x"), 451, "4.3.0"),
        ):
            with self.subTest(failure):
                bounce = self.patch(self.store.queue, "bounce", lambda *a, failure=failure: fail(failure))
                (status,) = await self.agent.deliver(lease, message)
                bounce.restore()
                self.assertEqual((status.action, status.isReported), (Action.DEFER, False))
                self.assertEqual((status.reply.code, status.reply.enhanced), (code, enhanced))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(await self.inbox("id-bob"), [])
        (status,) = await self.agent.deliver(lease, message)
        self.assertEqual(status.action, Action.ACCEPT)
