from __future__ import annotations

import email
import email.policy

from twisted.internet.defer import fail

from osxmail.delivery.bounces import Bounces, Notice
from osxmail.errors import InUse, StoreDamaged
from osxmail.mail.acceptance import Domain, QueueLease, QueueOutcome
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, DeliveryStatus
from osxmail.mail.envelope import Recipient
from osxmail.mail.smtpreply import Reply
from tests.fakes.directory import record
from tests.unit.delivery.realstore import FAR, MESSAGE, RealStoreTestCase

ANN = Address.parse("ann@example.test")
REMOTE_HOST = "mx.far.test [192.0.2.7]:25"
UNKNOWN = Reply(550, "5.1.1", ("No such user",))
BUSY = Reply(451, "4.3.2", ("Busy",))


class BouncesTests(RealStoreTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        await self.domains.addDomain(Domain("example.test"))
        self.directory.add(record("ann@example.test"))
        self.bounces = Bounces("mail.test", self.store, self.router, self.settings, lambda: self.time)
        self.settings.change("relay.approved_networks", "192.0.2.0/24")

    async def leased(self, *to: Recipient | str, sender: Address | None = ANN, **more) -> QueueLease:
        self.queueId = await self.receive(*to, sender=sender, **more)
        lease = await self.lease()
        self.message = await self.store.queue.message(lease.queueId)
        return lease

    def statuses(self, lease: QueueLease, reply: Reply = UNKNOWN) -> list[DeliveryStatus]:
        action = Action.REFUSE if reply.isPermanent else Action.DEFER
        return [DeliveryStatus(r.address, action, reply, REMOTE_HOST) for r in lease.recipients]

    async def commit(self, lease: QueueLease, notice: Notice | None) -> None:
        assert notice is not None
        outcomes = [QueueOutcome(r.address, True, reply=UNKNOWN) for r in lease.recipients]
        await self.store.queue.bounce(lease, outcomes, notice.acceptance, notice.incoming, ())

    def parts(self, message: bytes):
        parsed = email.message_from_bytes(message, policy=email.policy.default)
        self.assertEqual(parsed.get_content_type(), "multipart/report")
        self.assertEqual(parsed["Content-Type"].params["report-type"], "delivery-status")
        text, status, returned = parsed.iter_parts()
        return parsed, text.get_content(), status, returned

    async def test_failureToOneOfOurs(self) -> None:
        lease = await self.leased("x@far.test", "y@far.test", envelopeId="env1")
        notice = await self.bounces.failure(lease, self.statuses(lease), self.message)
        self.assertIsNone(notice.acceptance.envelope.sender)
        await self.commit(lease, notice)
        self.assertEqual(await self.queue(), ())
        (got,) = await self.inbox("id-ann")
        self.assertTrue(
            got.startswith(b"Return-Path: <>\r\nDelivered-To: ann@example.test\r\nReceived: by mail.test id "), got
        )
        parsed, text, status, returned = self.parts(got)
        self.assertEqual(parsed["To"], "ann@example.test")
        self.assertEqual(parsed["Auto-Submitted"], "auto-replied")
        self.assertIn("x@far.test", text)
        self.assertIn("No such user", text)
        fields = [dict(part.items()) for part in status.get_payload()]
        self.assertEqual(fields[0]["Reporting-MTA"], "dns; mail.test")
        self.assertEqual(fields[0]["Original-Envelope-Id"], "env1")
        self.assertEqual([f["Final-Recipient"] for f in fields[1:]], ["rfc822; x@far.test", "rfc822; y@far.test"])
        self.assertEqual({(f["Action"], f["Status"]) for f in fields[1:]}, {("failed", "5.1.1")})
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        self.assertIn(self.queueId, returned.get_content())
        self.assertNotIn(b"0123456789abcdef", got)
        events = [e.event for e in await self.store.trace(self.queueId, 0, 10)]
        self.assertEqual(events, ["message.accepted", "notice.queued"])
        noticed = await self.store.trace(notice.acceptance.queueId, 0, 10)
        self.assertEqual([e.event for e in noticed], ["message.accepted"])

    async def test_failureToSomebodyElsewhere(self) -> None:
        lease = await self.leased("y@else.test", sender=FAR)
        await self.commit(lease, await self.bounces.failure(lease, self.statuses(lease), self.message))
        onwards = await self.lease()
        self.assertEqual((onwards.envelope.sender, onwards.destination), (None, "far.test"))
        self.assertEqual([r.address for r in onwards.recipients], [FAR])

    async def test_neverAboutANotice(self) -> None:
        lease = await self.leased("x@far.test", sender=None)
        self.assertIsNone(await self.bounces.failure(lease, self.statuses(lease), self.message))
        self.assertIsNone(await self.bounces.delay(lease, self.statuses(lease, BUSY), self.message, self.time))

    async def test_delay(self) -> None:
        lease = await self.leased("x@far.test")
        notice = await self.bounces.delay(lease, self.statuses(lease, BUSY), self.message, self.time + 86400)
        outcomes = [QueueOutcome(r.address, False, self.time + 60, BUSY, delayNotified=True) for r in lease.recipients]
        await self.store.queue.bounce(lease, outcomes, notice.acceptance, notice.incoming, ())
        (got,) = await self.inbox("id-ann")
        _, text, status, _ = self.parts(got)
        self.assertIn("tried again", text)
        fields = [dict(part.items()) for part in status.get_payload()]
        self.assertEqual((fields[1]["Action"], fields[1]["Status"]), ("delayed", "4.3.2"))
        self.assertIn("Tue, 3 Mar 2026", fields[1]["Will-Retry-Until"])
        self.assertEqual(len(await self.queue()), 1)

    async def test_notify(self) -> None:
        """
        RFC 3461 4.1: who wants to hear of what.
        """
        lease = await self.leased(
            *(
                Recipient(Address.parse(f"{word.lower() or 'default'}@far.test"), "", frozenset({word} - {""}))
                for word in ("", "NEVER", "SUCCESS", "FAILURE", "DELAY")
            )
        )
        self.assertEqual(len(lease.recipients), 5)
        failure = await self.bounces.failure(lease, self.statuses(lease), self.message)
        self.assertEqual(failure.acceptance.trace[0].fields["concerns"], ["default@far.test", "failure@far.test"])
        delay = await self.bounces.delay(lease, self.statuses(lease, BUSY), self.message, self.time)
        self.assertEqual(delay.acceptance.trace[0].fields["concerns"], ["default@far.test", "delay@far.test"])
        never = [s for s in self.statuses(lease) if s.address.local == "never"]
        self.assertIsNone(await self.bounces.failure(lease, never, self.message))
        failure.incoming.abort()
        delay.incoming.abort()

    async def test_wholeMessage(self) -> None:
        """
        RFC 3461 4.3: RET=FULL, and not for a delay.
        """
        lease = await self.leased("x@far.test", returnContent="FULL")
        delay = await self.bounces.delay(lease, self.statuses(lease, BUSY), self.message, self.time)
        self.assertNotIn(b"0123456789abcdef", delay.incoming.content())
        delay.incoming.abort()
        await self.commit(lease, await self.bounces.failure(lease, self.statuses(lease), self.message))
        (got,) = await self.inbox("id-ann")
        *_, returned = self.parts(got)
        self.assertEqual(returned.get_content_type(), "message/rfc822")
        self.assertIn(MESSAGE, got)

    async def test_largeMessageIsNotReturned(self) -> None:
        lease = await self.leased("x@far.test", returnContent="FULL", message=MESSAGE + b"z" * 70 + b"\r\n" * 70000)
        await self.commit(lease, await self.bounces.failure(lease, self.statuses(lease), self.message))
        (got,) = await self.inbox("id-ann")
        *_, returned = self.parts(got)
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        self.assertLess(len(got), 10000)

    async def test_original(self) -> None:
        lease = await self.leased(Recipient(FAR, "rfc822;old@far.test"))
        await self.commit(lease, await self.bounces.failure(lease, self.statuses(lease), self.message))
        (got,) = await self.inbox("id-ann")
        self.assertIn(b"\r\nOriginal-Recipient: rfc822;old@far.test\r\n", got)

    async def test_senderOfOursWhomNobodyKnows(self) -> None:
        lease = await self.leased("x@far.test", sender=Address.parse("gone@example.test"))
        self.assertIsNone(await self.bounces.failure(lease, self.statuses(lease), self.message))

    async def test_directoryAway(self) -> None:
        """
        The notice is kept, and the agent for local recipients looks again.
        """
        lease = await self.leased("x@far.test")
        self.directory.isAway = True
        await self.commit(lease, await self.bounces.failure(lease, self.statuses(lease), self.message))
        onwards = await self.lease()
        self.assertEqual((onwards.destination, onwards.envelope.sender), ("local", None))
        self.assertEqual([r.address for r in onwards.recipients], [ANN])

    async def test_fullMailboxOfTheSender(self) -> None:
        self.directory.add(record("ann@example.test", quotaOctets=10))
        lease = await self.leased("x@far.test")
        await self.commit(lease, await self.bounces.failure(lease, self.statuses(lease), self.message))
        onwards = await self.lease()
        self.assertEqual((onwards.destination, onwards.envelope.sender), ("local", None))

    async def test_damagedMessage(self) -> None:
        lease = await self.leased("x@far.test")

        class Damaged:
            prefix = self.message.prefix
            sizeOctets = self.message.sizeOctets

            def read(self, offset: int, length: int):
                return fail(StoreDamaged("checksum"))

        await self.commit(lease, await self.bounces.failure(lease, self.statuses(lease), Damaged()))
        (got,) = await self.inbox("id-ann")
        self.assertIn(self.queueId, self.parts(got)[3].get_content())

    async def test_onceWithTheRecipient(self) -> None:
        """
        A lease that somebody else has finished makes no second notice.
        """
        lease = await self.leased("x@far.test")
        notice = await self.bounces.failure(lease, self.statuses(lease), self.message)
        self.time += 601
        other = await self.lease()
        await self.commit(other, await self.bounces.failure(other, self.statuses(other), self.message))
        await self.assertFailure(
            self.store.queue.bounce(
                lease, [QueueOutcome(FAR, True, reply=UNKNOWN)], notice.acceptance, notice.incoming, ()
            ),
            InUse,
        )
        self.assertEqual(len(await self.inbox("id-ann")), 1)
