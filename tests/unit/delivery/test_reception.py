from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from osxmail.delivery.quotas import FULL_LIFE_SECONDS
from osxmail.delivery.reception import COPIES_IN_A_SLICE, Reception
from osxmail.delivery.router import Router
from osxmail.delivery.traceheaders import MAX_RECEIVED
from osxmail.errors import DirectoryAway, Overloaded, StoreAway, StoreFull, TooLarge
from osxmail.filters.access import AccessFilter
from osxmail.interfaces import IReception
from osxmail.mail.acceptance import Acceptance, Accepted, Appended, Domain, Quota
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, Decision
from osxmail.mail.envelope import OURSELVES, Client, Envelope, Recipient
from osxmail.mail.record import AccountState
from osxmail.mail.verdict import Severity, Verdict
from tests.fakes.directory import FakeDirectory, record
from tests.fakes.domains import FakeDomains
from tests.fakes.settings import FakeSettings
from tests.unit.delivery.realstore import MESSAGE, RealStoreTestCase

ANN = Address.parse("ann@example.test")
FAR = Address.parse("x@far.test")
STRANGER = Client("192.0.2.1", helo="client.test", protocol="ESMTP", sessionId="s1")
PERSON = evolve(STRANGER, service="submission", protocol="ESMTPSA", login=ANN, accountId="id-ann")
PLAIN = b"Date: x\r\nMessage-ID: <1@far.test>\r\nSubject: x\r\n\r\n"


class Arriving:
    """
    A message that is all there.
    """

    def __init__(self, header: bytes, sizeOctets: int = 4096) -> None:
        self.head = header
        self.sizeOctets = sizeOctets
        self.isAborted = False

    def header(self) -> bytes:
        return self.head

    def abort(self) -> None:
        self.isAborted = True


class Ledger:
    """
    What reception hands to a store, and what a store may say to it; the real store has its own tests below.
    """

    def __init__(self) -> None:
        self.acceptances: list[Acceptance] = []
        self.failure: Exception | None = None
        self.full: set[str] = set()
        self.usedOctets = 0
        self.setOctets: int | None = None
        self.setMessages: int | None = None
        self.asked = 0

    def newQueueId(self) -> str:
        return f"Q{len(self.acceptances) + 1}"

    def incoming(self, limitOctets: int) -> int:
        return limitOctets

    def accept(self, acceptance: Acceptance, incoming: Arriving) -> Deferred[Accepted]:
        if self.failure is not None:
            return fail(self.failure)
        self.acceptances.append(acceptance)
        refused = tuple(a.recipient for a in acceptance.appends if a.accountId in self.full)
        kept = tuple(Appended(a.accountId, 1, 1, 1) for a in acceptance.appends if a.accountId not in self.full)
        return succeed(Accepted(acceptance.queueId, kept, refused, len(acceptance.queued) + len(refused)))

    def existingAccount(self, accountId: str) -> Deferred[Ledger]:
        self.asked += 1
        return succeed(self)

    def quota(self) -> Deferred[Quota]:
        return succeed(Quota(self.usedOctets, 1, 0, setOctets=self.setOctets, setMessages=self.setMessages))


class ReceptionTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.store = Ledger()
        self.domains = FakeDomains("example.test")
        self.directory = FakeDirectory()
        self.settings = FakeSettings()
        self.time = 1772445600.0
        self.router = Router("mail.test", self.domains, self.directory, self.settings, self.store, clock=self.clock)
        self.reception = Reception(
            "mail.test", self.store, self.router, self.directory, self.settings, lambda: self.time, self.clock
        )
        self.directory.add(record("ann@example.test"))
        self.directory.add(record("bob@example.test", quotaOctets=1000))

    def rcpt(self, address: str | Recipient, client: Client = STRANGER) -> Decision:
        recipient = address if isinstance(address, Recipient) else Recipient(Address.parse(address))
        return self.successResultOf(self.reception.checkRecipient(client, FAR, recipient))[0]

    def accept(
        self,
        *to: str | Recipient,
        client: Client = STRANGER,
        sender: Address | None = FAR,
        header: bytes = PLAIN,
        sizeOctets: int = 4096,
    ) -> Decision:
        recipients = tuple(one if isinstance(one, Recipient) else Recipient(Address.parse(one)) for one in to)
        routes = [self.successResultOf(self.router.route(one.address)) for one in recipients]
        self.arriving = Arriving(header, sizeOctets)
        return self.successResultOf(self.reception.accept(client, Envelope(sender, recipients), routes, self.arriving))

    @property
    def last(self) -> Acceptance:
        return self.store.acceptances[-1]

    def assertDecision(self, decision: Decision, action: Action, code: int, enhanced: str) -> None:
        self.assertEqual(
            (decision.action, decision.reply.code, decision.reply.enhanced), (action, code, enhanced), decision
        )
        self.assertEqual(decision.steps[-1], decision.step)


class FilterTests(ReceptionTestCase):
    """
    What filters say counts for strangers, and stands in the trace.
    """

    def setUp(self) -> None:
        super().setUp()
        self.reception = Reception(
            "mail.test", self.store, self.router, self.directory, self.settings, lambda: self.time, self.clock,
            (AccessFilter(self.settings),),
        )  # fmt: skip

    def mail(self, client: Client, sender: Address | None = FAR) -> Decision:
        return self.successResultOf(self.reception.checkSender(client, sender, 0))

    def test_refusedHosts(self) -> None:
        self.settings.change("filter.refused_networks", "192.0.2.0/24")
        decision = self.mail(STRANGER)
        self.assertDecision(decision, Action.REFUSE, 554, "5.7.1")
        self.assertEqual(decision.step.rule, "filter.access")
        # Whoever has logged in, may relay or is trusted by name is no stranger.
        self.assertTrue(self.mail(PERSON, ANN).accepted)
        for key in ("relay.approved_networks", "filter.trusted_networks"):
            self.settings.change(key, "192.0.2.1/32")
            self.assertTrue(self.mail(STRANGER).accepted, key)
            self.settings.change(key, "")
        self.assertFalse(self.mail(STRANGER).accepted)

    def test_refusedSendersAndRecipients(self) -> None:
        self.settings.change("filter.refused_senders", "far.test")
        self.assertDecision(self.mail(STRANGER), Action.REFUSE, 554, "5.7.1")
        self.assertTrue(self.mail(STRANGER, None).accepted)
        self.settings.change("filter.refused_recipients", "ann@example.test")
        self.assertDecision(self.rcpt("ann@example.test"), Action.REFUSE, 554, "5.7.1")
        self.assertTrue(self.rcpt("bob@example.test").accepted)
        self.assertDecision(self.rcpt("x@far.test"), Action.REFUSE, 550, "5.7.1")

    def test_observed(self) -> None:
        self.settings.change("filter.refused_networks", "192.0.2.0/24")
        self.settings.change("filter.access", "observe")
        decision = self.mail(STRANGER)
        self.assertDecision(decision, Action.ACCEPT, 250, "2.1.0")
        self.assertIn("observed only, else refuse", decision.steps[0].text)
        self.assertTrue(self.accept("ann@example.test").accepted)
        self.assertNotIn(b"X-Osxmail-Reason", self.last.appends[0].prefix)
        self.assertTrue(any("observed only" in step for step in self.last.trace[0].fields["steps"]))

    def test_atTheEndOfData(self) -> None:
        """
        A network that was refused meanwhile.
        """
        self.settings.change("filter.refused_networks", "192.0.2.0/24")
        self.assertDecision(self.accept("ann@example.test"), Action.REFUSE, 554, "5.7.1")
        self.assertTrue(self.arriving.isAborted)

    def test_marked(self) -> None:
        class Marks(AccessFilter):
            def mode(self) -> str:
                return "on"

            def checkSender(self, client: Client, sender: Address | None) -> Deferred[Verdict | None]:
                return succeed(self.verdict(Severity.TAG, "far.test is " + "far " * 30 + "\r\nSubject: für"))

        self.reception = Reception(
            "mail.test", self.store, self.router, self.directory, self.settings, lambda: self.time, self.clock,
            (Marks(self.settings),),
        )  # fmt: skip
        self.assertTrue(self.accept("ann@example.test").accepted)
        prefix = self.last.appends[0].prefix
        field = prefix[prefix.index(b"X-Osxmail-Reason: ") :]
        self.assertTrue(field.startswith(b"X-Osxmail-Reason: access: far.test is far far"))
        self.assertIn(b"\r\n\tfar ", field)
        self.assertEqual([line for line in field.split(b"\r\n") if line and not line.startswith((b"\t", b"X-"))], [])
        self.assertTrue(max(map(len, field.split(b"\r\n"))) < 80)


class AcceptTests(ReceptionTestCase):
    def test_interface(self) -> None:
        verifyObject(IReception, self.reception)

    def test_local(self) -> None:
        decision = self.accept("ann@example.test")
        self.assertDecision(decision, Action.ACCEPT, 250, "2.0.0")
        self.assertEqual(str(decision.reply), "250 2.0.0 queued as Q1")
        (append,) = self.last.appends
        self.assertEqual((append.accountId, append.mailbox, append.recipient), ("id-ann", "INBOX", ANN))
        self.assertEqual(
            append.prefix,
            b"Return-Path: <x@far.test>\r\nDelivered-To: ann@example.test\r\n"
            b"Received: from client.test ([192.0.2.1])\r\n\tby mail.test with ESMTP\r\n\tid Q1\r\n"
            b"\tfor <ann@example.test>;\r\n\tMon, 2 Mar 2026 10:00:00 +0000\r\n",
        )
        self.assertEqual((self.last.queued, self.last.received), ((), self.time))
        self.assertFalse(self.arriving.isAborted)

    def test_nullSender(self) -> None:
        self.accept("ann@example.test", sender=None)
        self.assertTrue(self.last.appends[0].prefix.startswith(b"Return-Path: <>\r\n"))

    def test_forOnlyWithOneRecipient(self) -> None:
        self.accept("ann@example.test", "bob@example.test")
        self.assertEqual(len(self.last.appends), 2)
        for append in self.last.appends:
            self.assertNotIn(b"for <", append.prefix)
        self.assertNotIn(b"ann@", self.last.appends[1].prefix)
        self.assertNotIn(b"@example.test", self.last.queuePrefix)

    def test_quota(self) -> None:
        self.settings.change("account.quota", "7K")
        self.settings.change("account.quota_messages", "5")
        self.accept("ann@example.test", "bob@example.test")
        self.assertEqual([append.quotaOctets for append in self.last.appends], [7 * 1024, 1000])
        self.assertEqual([append.quotaMessages for append in self.last.appends], [5, 5])

    def test_eachMailboxOnce(self) -> None:
        self.domains.lead("sales@example.test", "ann@example.test", "bob@example.test")
        self.accept("ann@example.test", "sales@example.test", "ANN@example.test")
        self.assertEqual([append.accountId for append in self.last.appends], ["id-ann", "id-bob"])

    def test_queueRowOfAFullMailboxLeadsToItAlone(self) -> None:
        """
        Were the alias queued, trying it again would reach its other members twice.
        """
        self.domains.lead("sales@example.test", "ann@example.test", "bob@example.test")
        self.accept(Recipient(Address.parse("sales@example.test"), "", frozenset({"NEVER"})))
        self.assertEqual([str(a.recipient) for a in self.last.appends], ["ann@example.test", "bob@example.test"])
        self.assertEqual({a.original for a in self.last.appends}, {"rfc822;sales@example.test"})
        self.assertEqual({a.notify for a in self.last.appends}, {frozenset({"NEVER"})})

    def test_remote(self) -> None:
        asked = Recipient(FAR, "rfc822;y@far.test", frozenset({"FAILURE"}))
        self.directory.add(record("kept@example.test", mailHost="mail2.test"))
        self.accept(asked, "X@far.test", "kept@example.test", client=PERSON, sender=ANN)
        self.assertEqual(self.last.appends, ())
        first, second = self.last.queued
        self.assertEqual((first.address, first.original, first.notify), (FAR, asked.original, asked.notify))
        self.assertEqual(
            (str(second.address), second.nextHop, second.local), ("kept@example.test", "mail2.test", False)
        )
        self.assertTrue(self.last.queuePrefix.startswith(b"Received: from client.test"))

    def test_originalOfAForward(self) -> None:
        self.domains.lead("sales@example.test", "x@far.test")
        self.accept("sales@example.test")
        self.assertEqual(self.last.queued[0].original, "rfc822;sales@example.test")

    def test_trace(self) -> None:
        self.accept("ann@example.test", header=b"Message-ID: <abc@far.test>\r\n\r\n")
        (event,) = self.last.trace
        self.assertEqual((event.event, event.queueId, event.messageId), ("message.accepted", "Q1", "abc@far.test"))
        self.assertEqual(event.addresses, ("x@far.test", "ann@example.test"))
        self.assertIn("route.mailbox: ann@example.test is ann", event.fields["steps"])

    def test_manyRecipientsLetOthersWork(self) -> None:
        self.domains.lead("all@example.test", *[f"n{n}@far.test" for n in range(COPIES_IN_A_SLICE)])
        deferred = self.router.route(Address.parse("all@example.test"))
        while not deferred.called:
            self.clock.advance(0)
        envelope = Envelope(FAR, (Recipient(Address.parse("all@example.test")),))
        accepted = self.reception.accept(STRANGER, envelope, [self.successResultOf(deferred)], Arriving(PLAIN))
        self.assertNoResult(accepted)
        self.clock.advance(0)
        self.assertTrue(self.successResultOf(accepted).accepted)
        self.assertEqual(len(self.last.queued), COPIES_IN_A_SLICE)

    def test_tooManyCopies(self) -> None:
        self.patch(__import__("osxmail.delivery.reception").delivery.reception, "MAX_COPIES", 1)
        self.assertTrue(self.accept("ann@example.test").accepted)
        self.assertDecision(self.accept("ann@example.test", "bob@example.test"), Action.DEFER, 452, "4.5.3")
        self.assertTrue(self.arriving.isAborted)

    def test_limit(self) -> None:
        self.settings.change("smtp.message_size_limit", "70000")
        self.assertEqual(self.reception.incoming(STRANGER), 70000)


class SubmissionTests(ReceptionTestCase):
    def test_missingFields(self) -> None:
        self.accept("x@far.test", client=PERSON, sender=ANN, header=b"Subject: x\r\n\r\n")
        self.assertIn(
            b"\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <Q1@mail.test>\r\n", self.last.queuePrefix
        )
        self.assertEqual(self.last.trace[0].messageId, "Q1@mail.test")

    def test_nothingMissing(self) -> None:
        self.accept("x@far.test", client=PERSON, sender=ANN)
        self.assertNotIn(b"Date:", self.last.queuePrefix)

    def test_strangersAreLeftAlone(self) -> None:
        self.accept("ann@example.test", header=b"Subject: x\r\n\r\n")
        self.assertNotIn(b"Message-ID", self.last.appends[0].prefix)

    def test_senderChecks(self) -> None:
        check = self.reception.checkSender
        self.assertTrue(self.successResultOf(check(PERSON, ANN, 0)).accepted)
        self.assertDecision(self.successResultOf(check(PERSON, FAR, 0)), Action.REFUSE, 553, "5.7.1")
        self.assertDecision(self.successResultOf(check(STRANGER, FAR, 1 << 40)), Action.REFUSE, 552, "5.3.4")
        asked = len(self.directory.asked)
        self.assertTrue(self.successResultOf(check(STRANGER, FAR, 0)).accepted)
        self.assertEqual(len(self.directory.asked), asked)


class LoopTests(ReceptionTestCase):
    def test_received(self) -> None:
        field = b"Received: from a\r\n\tby b\r\n"
        self.assertTrue(self.accept("ann@example.test", header=field * MAX_RECEIVED + PLAIN).accepted)
        decision = self.accept("ann@example.test", header=field * (MAX_RECEIVED + 1) + PLAIN)
        self.assertDecision(decision, Action.REFUSE, 554, "5.4.6")
        self.assertEqual(len(self.store.acceptances), 1)
        self.assertTrue(self.arriving.isAborted)

    def test_deliveredTo(self) -> None:
        header = b"Delivered-To: Ann@Example.Test\r\n" + PLAIN
        self.assertDecision(self.accept("ann@example.test", header=header), Action.REFUSE, 554, "5.4.6")
        decision = self.accept("ann@example.test", "bob@example.test", header=header)
        self.assertTrue(decision.accepted)
        self.assertEqual([append.accountId for append in self.last.appends], ["id-bob"])
        self.assertEqual([step.rule for step in decision.steps], ["loop.delivered", "store.accept"])

    def test_whoLogsInIsNoLoop(self) -> None:
        header = b"Delivered-To: ann@example.test\r\n" + PLAIN
        self.assertTrue(self.accept("ann@example.test", client=PERSON, sender=ANN, header=header).accepted)

    def test_forwarder(self) -> None:
        """
        What comes back from where it was forwarded to is not forwarded again.
        """
        self.directory.add(record("fred@example.test", state=AccountState.FORWARD, forwardTo=(FAR,)))
        self.assertTrue(self.accept("fred@example.test").accepted)
        sent = self.last.queuePrefix
        self.assertTrue(sent.startswith(b"Delivered-To: fred@example.test\r\nReceived:"), sent)
        self.assertDecision(self.accept("fred@example.test", header=sent + PLAIN), Action.REFUSE, 554, "5.4.6")

    def test_forwardersAreNotToldOfEachOther(self) -> None:
        self.directory.add(record("fred@example.test", state=AccountState.FORWARD, forwardTo=(FAR,)))
        self.directory.add(
            record("gina@example.test", state=AccountState.FORWARD, forwardTo=(Address.parse("g@far.test"),))
        )
        self.accept("fred@example.test", "gina@example.test")
        self.assertNotIn(b"Delivered-To", self.last.queuePrefix)
        self.accept("fred@example.test", "y@far.test", client=PERSON, sender=ANN)
        self.assertNotIn(b"Delivered-To", self.last.queuePrefix)


class FailureTests(ReceptionTestCase):
    def test_store(self) -> None:
        for failure, action, code, enhanced in (
            (StoreFull("disk"), Action.DEFER, 452, "4.3.1"),
            (StoreAway("stopping"), Action.DEFER, 451, "4.3.0"),
            (Overloaded("x"), Action.DEFER, 451, "4.3.0"),
            (TooLarge("x"), Action.REFUSE, 552, "5.3.4"),
        ):
            self.store.failure = failure
            self.assertDecision(self.accept("ann@example.test"), action, code, enhanced)
            self.assertTrue(self.arriving.isAborted)

    def test_fault(self) -> None:
        self.store.failure = ZeroDivisionError("the secret text")
        decision = self.accept("ann@example.test")
        self.assertDecision(decision, Action.DEFER, 451, "4.3.0")
        self.assertNotIn("secret", decision.reply.text)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertTrue(self.arriving.isAborted)

    def test_routesThatDoNotFit(self) -> None:
        envelope = Envelope(FAR, (Recipient(ANN),))
        decision = self.successResultOf(self.reception.accept(STRANGER, envelope, [], Arriving(PLAIN)))
        self.assertDecision(decision, Action.DEFER, 451, "4.3.0")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        decision = self.accept("nobody@example.test")
        self.assertDecision(decision, Action.DEFER, 451, "4.3.0")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_directoryAway(self) -> None:
        self.directory.isAway = True
        self.assertDecision(self.rcpt("ann@example.test"), Action.DEFER, 451, "4.3.0")
        decision = self.successResultOf(self.reception.checkSender(PERSON, ANN, 0))
        self.assertDecision(decision, Action.DEFER, 451, "4.3.0")
        self.assertIn(("error", "DirectoryAway"), decision.step.evidence)

    def test_storeAwayIsNoRelayDenied(self) -> None:
        self.domains.isAway = True
        self.assertDecision(self.rcpt("ann@example.test"), Action.DEFER, 451, "4.3.0")

    def test_faultsOfTheDirectory(self) -> None:
        self.directory.recordWithAddress = lambda address: 1 / 0
        decision = self.successResultOf(self.reception.checkSender(PERSON, ANN, 0))
        self.assertDecision(decision, Action.DEFER, 451, "4.3.0")
        self.assertDecision(self.rcpt("ann@example.test"), Action.DEFER, 451, "4.3.0")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class RecipientTests(ReceptionTestCase):
    def test_decisions(self) -> None:
        self.assertDecision(self.rcpt("ann@example.test"), Action.ACCEPT, 250, "2.1.5")
        self.assertDecision(self.rcpt("nobody@example.test"), Action.REFUSE, 550, "5.1.1")
        self.assertDecision(self.rcpt("x@far.test"), Action.REFUSE, 550, "5.7.1")
        self.assertDecision(self.rcpt("x@far.test", PERSON), Action.ACCEPT, 250, "2.1.5")
        self.assertDecision(self.rcpt("x@far.test", OURSELVES), Action.ACCEPT, 250, "2.1.5")


class FullMailboxTests(ReceptionTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store.full = {"id-bob"}
        self.store.usedOctets = 900

    def test_queuedThenDeferred(self) -> None:
        self.assertTrue(self.rcpt("bob@example.test").accepted)
        self.assertEqual(self.store.asked, 0)
        self.assertTrue(self.accept("bob@example.test", sizeOctets=200).accepted)
        self.assertDecision(self.rcpt("bob@example.test"), Action.DEFER, 452, "4.2.2")
        self.assertTrue(self.rcpt("ann@example.test").accepted)
        self.assertTrue(self.rcpt("bob@example.test", PERSON).accepted)

    def test_refused(self) -> None:
        self.settings.change("mail.over_quota", "refuse")
        self.accept("bob@example.test", sizeOctets=200)
        self.assertDecision(self.rcpt("bob@example.test"), Action.REFUSE, 552, "5.2.2")

    def test_roomAgain(self) -> None:
        self.accept("bob@example.test", sizeOctets=200)
        self.store.usedOctets = 800
        self.assertTrue(self.rcpt("bob@example.test").accepted)
        self.store.usedOctets = 900
        self.assertTrue(self.rcpt("bob@example.test").accepted)

    def test_forgottenInTime(self) -> None:
        self.accept("bob@example.test", sizeOctets=200)
        self.time += FULL_LIFE_SECONDS
        self.assertTrue(self.rcpt("bob@example.test").accepted)

    def test_storeAway(self) -> None:
        self.accept("bob@example.test", sizeOctets=200)
        self.store.existingAccount = lambda accountId: fail(DirectoryAway("x"))
        self.assertDecision(self.rcpt("bob@example.test"), Action.DEFER, 451, "4.3.0")


class RealStoreTests(RealStoreTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        await self.domains.addDomain(Domain("example.test"))
        self.directory.add(record("ann@example.test"))
        self.directory.add(record("bob@example.test", quotaOctets=100))

    async def test_oneAct(self) -> None:
        """
        A mailbox, a full mailbox and another server: all of it by one acceptance, none of it in part.
        """
        self.settings.change("relay.approved_networks", "192.0.2.0/24")
        queueId = await self.receive("ann@example.test", "bob@example.test", "x@far.test")
        (copy,) = await self.inbox("id-ann")
        self.assertTrue(copy.startswith(b"Return-Path: <x@far.test>\r\nDelivered-To: ann@example.test\r\nReceived: "))
        self.assertTrue(copy.endswith(MESSAGE))
        self.assertEqual(await self.inbox("id-bob"), [])
        (item,) = await self.queue()
        self.assertEqual(item.queueId, queueId)
        self.assertEqual(sorted(state.destination for state in item.recipients), ["far.test", "local"])
        message = await self.store.queue.message(queueId)
        self.assertTrue(message.prefix.startswith(b"Received: from client.test"))
        (event,) = await self.store.trace("1@far.test", 0, 10)
        self.assertEqual(event.queueId, queueId)
        self.assertEqual(len(await self.store.trace("ann@example.test", 0, 10)), 1)

    async def test_fullMailbox(self) -> None:
        await self.receive("bob@example.test")
        decision, _ = await self.realReception.checkRecipient(
            STRANGER, FAR, Recipient(Address.parse("bob@example.test"))
        )
        self.assertEqual((decision.reply.code, decision.reply.enhanced), (452, "4.2.2"))
        self.directory.add(record("bob@example.test", quotaOctets=100_000))
        await self.receive("bob@example.test")
        self.assertEqual(len(await self.inbox("id-bob")), 1)

    async def test_detail(self) -> None:
        await self.receive("ann@example.test")
        account = await self.store.existingAccount("id-ann")
        await account.createMailbox("Lists")
        await self.receive("ann+LISTS@example.test", "ann+other@example.test", "ann+sent@example.test")
        self.assertEqual(len(await self.inbox("id-ann", "Lists")), 1)
        self.assertEqual(len(await self.inbox("id-ann")), 2)

    async def test_closing(self) -> None:
        """
        A store that is stopping is a 451, and nothing is kept.
        """
        incoming = self.realReception.incoming(STRANGER)
        incoming.write(MESSAGE)
        route = await self.router.route(ANN)
        await self.store.close()
        decision = await self.realReception.accept(STRANGER, Envelope(FAR, (Recipient(ANN),)), [route], incoming)
        self.assertEqual((decision.action, decision.reply.code), (Action.DEFER, 451))
