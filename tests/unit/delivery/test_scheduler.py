"""
L{osxmail.delivery.scheduler}: the loop over a real store; agents that a test commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher

from osxmail.delivery import scheduler as module
from osxmail.delivery.bounces import Bounces
from osxmail.delivery.local import LocalDelivery
from osxmail.delivery.remote import RemoteDelivery
from osxmail.delivery.scheduler import Scheduler
from osxmail.errors import StoreAway, StoreFull
from osxmail.mail.acceptance import Domain, QueueLease
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, DeliveryStatus
from osxmail.mail.envelope import Recipient
from osxmail.mail.smtpreply import Reply
from osxmail.net.dns import Resolver
from osxmail.net.dnswire import Server, Wire
from tests.fakes.directory import record
from tests.fakes.dnsserver import FakeNameServer
from tests.fakes.sink import SILENT, Sink
from tests.unit.delivery.realstore import RealStoreTestCase

ANN = Address.parse("ann@example.test")
OK = Reply(250, "2.0.0", ("taken",))
LATER = Reply(451, "4.3.0", ("busy",))
NEVER = Reply(550, "5.1.1", ("who",))


class Agent:
    """
    Answers at once by C{reply}, or when the test says so.
    """

    def __init__(self) -> None:
        self.reply: Reply | Callable[[Address], Reply] = OK
        self.leases: list[QueueLease] = []
        self.holds = False
        self.running: list[tuple[QueueLease, Deferred[Any]]] = []
        self.most: dict[str, int] = {}
        self.mostInAll = 0
        self.isClosed = False

    def statuses(self, lease: QueueLease) -> tuple[DeliveryStatus, ...]:
        found = []
        for recipient in lease.recipients:
            reply = self.reply if isinstance(self.reply, Reply) else self.reply(recipient.address)
            action = Action.ACCEPT if reply.isPositive else Action.REFUSE if reply.isPermanent else Action.DEFER
            found.append(DeliveryStatus(recipient.address, action, reply, "mx.far.test [192.0.2.7]:25"))
        return tuple(found)

    def deliver(self, lease: QueueLease, message: Any) -> Deferred[tuple[DeliveryStatus, ...]]:
        self.leases.append(lease)
        if not self.holds:
            return succeed(self.statuses(lease))
        answer: Deferred[Any] = Deferred()
        self.running.append((lease, answer))
        now = sum(1 for other, _ in self.running if other.destination == lease.destination)
        self.most[lease.destination] = max(self.most.get(lease.destination, 0), now)
        self.mostInAll = max(self.mostInAll, len(self.running))
        return answer

    def finish(self, count: int = 10**6) -> None:
        for _ in range(min(count, len(self.running))):
            lease, answer = self.running.pop(0)
            answer.callback(self.statuses(lease))

    def open(self) -> None:
        self.isClosed = False

    def close(self) -> None:
        self.isClosed = True

    def abort(self) -> None:
        self.reply = Reply(451, "4.3.2", ("stopping",))
        self.finish()


class SchedulerCase(RealStoreTestCase):
    async def setUp(self) -> None:
        await super().setUp()
        await self.domains.addDomain(Domain("example.test"))
        self.directory.add(record("ann@example.test"))
        self.settings.change("relay.approved_networks", "192.0.2.0/24")
        self.patch(module, "STOP_SECONDS", 0.05)
        self.agent = Agent()
        self.bounces = Bounces("mail.test", self.store, self.router, self.settings, lambda: self.time)
        self.scheduler = self.make(self.agent)
        self.claims = 0
        claim = self.store.queue.claim

        def counted(*args: Any) -> Any:
            self.claims += 1
            return claim(*args)

        self.patch(self.store.queue, "claim", counted)
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def make(self, agent: Any) -> Scheduler:
        local = LocalDelivery(self.store, self.store.queue, self.router, self.settings, lambda: self.time)
        scheduler = Scheduler(
            self.store.queue,
            agent,
            local,
            self.bounces,
            self.settings,
            now=lambda: self.time,
            jitter=lambda low, high: 1.0,
        )
        self.addCleanup(lambda: scheduler.stopService() if scheduler.running else None)
        return scheduler

    async def until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        end = reactor.seconds() + seconds
        while not condition():
            if reactor.seconds() > end:
                self.fail("it did not come about")
            await deferLater(reactor, 0.005)

    async def idle(self) -> None:
        """
        Everything that is due has been claimed and carried out.
        """
        claims = self.claims
        self.scheduler.wake()
        await self.until(lambda: self.claims > claims and not self.scheduler.leased and not self.scheduler._isClaiming)

    async def go(self) -> None:
        if not self.scheduler.running:
            self.scheduler.startService()
        await self.idle()

    async def mail(self, *to: Recipient | str, **more: Any) -> str:
        return await self.receive(*(to or ("x@far.test",)), sender=more.pop("sender", ANN), **more)

    def named(self, *names: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("event") in names]


class OutcomeTests(SchedulerCase):
    async def test_delivered(self) -> None:
        queueId = await self.mail()
        await self.go()
        self.assertEqual(await self.queue(), ())
        (event,) = self.named("delivery.succeeded")
        self.assertEqual((event["queueId"], event["destination"], event["attempt"]), (queueId, "far.test", 1))
        self.assertEqual(event["recipients"], ("x@far.test",))
        trace = [line.event for line in await self.store.trace(queueId, 0, 10)]
        self.assertEqual(trace, ["message.accepted", "delivery.succeeded"])

    async def test_wokenByNewMail(self) -> None:
        await self.go()
        await self.mail()
        await self.until(lambda: self.agent.leases)
        await self.idle()
        self.assertEqual(await self.queue(), ())

    async def test_deferredAndTriedAgain(self) -> None:
        await self.mail()
        self.agent.reply = LATER
        for attempt, wait in ((1, 300.0), (2, 600.0), (3, 1200.0)):
            await self.go()
            ((state,),) = [item.recipients for item in await self.queue()]
            self.assertEqual((state.attempts, state.nextTry), (attempt, self.time + wait))
            self.assertEqual((state.lastReply, state.leased), ("451 4.3.0 busy", False))
            self.time += wait - 1
            await self.go()
            self.assertEqual(len(self.agent.leases), attempt)
            self.time += 1
        self.assertEqual(len(self.named("delivery.deferred")), 3)

    async def test_wakesByItselfWhenDue(self) -> None:
        await self.mail()
        self.agent.reply = LATER
        self.settings.change("relay.backoff_first", "1s")
        await self.go()
        began = self.time
        self.store.queue._now = self.scheduler._now = lambda: began + (reactor.seconds() - start)
        start = reactor.seconds()
        await self.until(lambda: len(self.agent.leases) == 2)
        self.assertGreater(reactor.seconds() - start, 0.8)

    async def test_refusedGoesBack(self) -> None:
        queueId = await self.mail()
        self.agent.reply = NEVER
        await self.go()
        self.assertEqual(await self.queue(), ())
        (notice,) = await self.inbox("id-ann")
        self.assertIn(b"550 5.1.1 who", notice)
        self.assertEqual([e["queueId"] for e in self.named("delivery.failed")], [queueId])

    async def test_noNoticeForTheNullSender(self) -> None:
        await self.mail(sender=None)
        self.agent.reply = NEVER
        await self.go()
        self.assertEqual(await self.queue(), ())
        self.assertEqual(len(self.named("delivery.failed")), 1)

    async def test_noNoticeWhereNotifySaysSo(self) -> None:
        await self.mail(Recipient(Address.parse("x@far.test"), notify=frozenset({"NEVER"})))
        self.agent.reply = NEVER
        await self.go()
        self.assertEqual((await self.queue(), await self.inbox("id-ann")), ((), []))

    async def test_eachRecipientItsOwn(self) -> None:
        await self.mail("a@far.test", "b@far.test", "c@far.test")
        self.agent.reply = lambda address: {"a": OK, "b": LATER, "c": NEVER}[address.local]
        await self.go()
        ((state,),) = [item.recipients for item in await self.queue()]
        self.assertEqual((str(state.address), state.attempts), ("b@far.test", 1))
        (notice,) = await self.inbox("id-ann")
        self.assertIn(b"c@far.test", notice)
        self.assertNotIn(b"b@far.test", notice)

    async def test_delayNoticeOnceThenExpiry(self) -> None:
        await self.mail()
        self.agent.reply = LATER
        self.time += 4 * 3600
        await self.go()
        self.assertEqual(len(await self.inbox("id-ann")), 1)
        self.time += 4 * 3600
        await self.go()
        self.assertEqual(len(await self.inbox("id-ann")), 1)
        self.time += 5 * 86400
        await self.go()
        self.assertEqual(await self.queue(), ())
        notices = await self.inbox("id-ann")
        self.assertEqual(len(notices), 2)
        self.assertIn(b"Action: failed", notices[1])

    async def test_noticeThatCannotBeMadeKeepsTheRecipient(self) -> None:
        await self.mail("a@far.test", "c@far.test")
        self.agent.reply = lambda address: {"a": OK, "c": NEVER}[address.local]
        self.patch(self.bounces, "failure", lambda *args: fail(StoreFull("no room")))
        await self.go()
        ((state,),) = [item.recipients for item in await self.queue()]
        self.assertEqual((str(state.address), state.nextTry), ("c@far.test", self.time + 300))
        self.assertEqual(len(self.named("notice.deferred")), 1)

    async def test_mailboxOfOurs(self) -> None:
        """
        What waits for room is delivered by the local agent.
        """
        self.directory.add(record("bob@example.test", quotaOctets=2000))
        await self.mail("bob@example.test")
        await self.mail("bob@example.test")
        await self.go()
        ((state,),) = [item.recipients for item in await self.queue()]
        self.assertEqual((state.destination, state.attempts), ("local", 1))
        await self.empty("id-bob")
        self.time += 300
        await self.go()
        self.assertEqual((await self.queue(), len(await self.inbox("id-bob"))), ((), 1))
        self.assertEqual(self.agent.leases, [])


class LimitTests(SchedulerCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.agent.holds = True

    async def started(self) -> None:
        self.scheduler.startService()
        await self.until(lambda: self.agent.running)
        await deferLater(reactor, 0.05)

    async def test_destination(self) -> None:
        self.settings.change("relay.destination_concurrency", "3")
        for _ in range(12):
            await self.mail()
        await self.mail("x@other.test")
        await self.started()
        self.assertEqual(len(self.agent.running), 4)
        while self.agent.running:
            self.agent.finish(1)
            await deferLater(reactor, 0.01)
        await self.idle()
        self.assertEqual((len(self.agent.leases), self.agent.most), (13, {"far.test": 3, "other.test": 1}))
        self.assertEqual(await self.queue(), ())

    async def test_all(self) -> None:
        self.settings.change("relay.concurrency", "5")
        for number in range(20):
            await self.mail(f"x@d{number % 4}.test")
        await self.started()
        while self.agent.running:
            self.agent.finish(1)
            await deferLater(reactor, 0.01)
        await self.idle()
        self.assertEqual((len(self.agent.leases), self.agent.mostInAll), (20, 5))
        # A long line does not keep the others from beginning.
        self.assertEqual(len({lease.destination for lease in self.agent.leases[:4]}), 4)

    async def test_manyLinesAtOnce(self) -> None:
        """
        Attempts that end at once do not pile up on the stack.
        """
        self.agent.holds = False
        self.agent.reply = LATER
        for number in range(300):
            await self.mail(f"x@d{number}.test")
        self.settings.change("relay.concurrency", "1")
        self.patch(module, "CLAIM_LEASES", 400)
        self.patch(self.store.queue, "messages", self.inParts)
        self.scheduler.startService()
        await self.until(lambda: len(self.agent.leases) == 300)
        await self.idle()
        self.assertEqual(self.scheduler._lines, {})

    def inParts(self, queueIds: list[str]) -> Deferred[Any]:
        async def get() -> dict[str, Any]:
            found = {}
            for start in range(0, len(queueIds), 100):
                found.update(await type(self.store.queue).messages(self.store.queue, queueIds[start : start + 100]))
            return found

        return Deferred.fromCoroutine(get())

    async def test_leases(self) -> None:
        self.patch(module, "MAX_LEASED", 6)
        self.patch(module, "CLAIM_LEASES", 4)
        self.settings.change("relay.destination_concurrency", "2")
        for _ in range(20):
            await self.mail()
        await self.started()
        most = 0
        while self.agent.running:
            most = max(most, self.scheduler.leased)
            self.agent.finish(1)
            await deferLater(reactor, 0.03)
        self.assertLessEqual(most, 6)
        self.assertEqual(len(self.agent.leases), 20)

    async def test_slowLinesDoNotTakeAllLeases(self) -> None:
        self.patch(module, "MAX_LEASED", 10)
        self.settings.change("relay.destination_concurrency", "2")
        for _ in range(15):
            await self.mail()
        await self.started()
        await self.mail("x@other.test")
        await self.until(lambda: any(lease.destination == "other.test" for lease, _ in self.agent.running))

    async def test_claimedAgainAsSoonAsALineHasRoom(self) -> None:
        """
        A line that empties while a claim is on its way is not forgotten until the next poll.
        """
        self.agent.holds = False
        claim, claims = self.store.queue.claim, []

        async def slowClaim(*args: Any) -> list[QueueLease]:
            claims.append(args)
            leases = await claim(*args)
            await deferLater(reactor, 0.05)
            return leases

        self.patch(self.store.queue, "claim", lambda *args: Deferred.fromCoroutine(slowClaim(*args)))
        self.patch(module, "CLAIM_LEASES", 5)
        self.settings.change("relay.destination_concurrency", "1")
        for _ in range(30):
            await self.mail()
        self.scheduler.startService()
        await self.until(lambda: len(self.agent.leases) == 30, seconds=3.0)

    async def test_oneMessageOneLease(self) -> None:
        await self.mail("a@far.test", "b@far.test", "c@other.test")
        await self.started()
        self.assertEqual(sorted(len(lease.recipients) for lease in self.agent.leases), [1, 2])

    async def test_stoodInLineForTooLong(self) -> None:
        self.settings.change("relay.destination_concurrency", "1")
        await self.mail()
        await self.mail()
        await self.started()
        self.patch(module, "LINE_SECONDS", 0.0)
        self.agent.finish(1)
        await self.until(lambda: not self.agent.running and not self.scheduler.leased)
        self.assertEqual(len(await self.queue()), 1)


class HoldTests(SchedulerCase):
    async def test_holdOutbound(self) -> None:
        self.settings.change("relay.hold_outbound", "yes")
        self.directory.add(record("bob@example.test", quotaOctets=2000))
        await self.mail("bob@example.test")
        await self.mail("bob@example.test")
        await self.mail()
        await self.empty("id-bob")
        self.scheduler.startService()
        await self.idle()
        self.assertEqual(len(await self.inbox("id-bob")), 1)
        self.assertEqual(self.agent.leases, [])
        self.settings.change("relay.hold_outbound", "no")
        self.scheduler.wake()
        await self.until(lambda: self.agent.leases)

    async def test_whatStandsInLineIsGivenBack(self) -> None:
        self.agent.holds = True
        self.settings.change("relay.destination_concurrency", "1")
        for _ in range(3):
            await self.mail()
        self.scheduler.startService()
        await self.until(lambda: self.agent.running)
        self.settings.change("relay.hold_outbound", "yes")
        self.scheduler.wake()
        await self.until(lambda: self.scheduler.leased == 1)
        self.agent.finish()
        await self.idle()
        self.assertEqual((len(await self.queue()), len(self.agent.leases)), (2, 1))


class StopTests(SchedulerCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.agent.holds = True
        self.settings.change("relay.destination_concurrency", "1")
        for _ in range(3):
            await self.mail()
        self.scheduler.startService()
        await self.until(lambda: self.agent.running)

    async def free(self) -> int:
        return len([s for item in await self.queue() for s in item.recipients if not s.leased and s.attempts == 0])

    async def test_runningAttemptsComeToTheirEnd(self) -> None:
        self.patch(module, "STOP_SECONDS", 5.0)
        stopped = self.scheduler.stopService()
        await deferLater(reactor, 0.05)
        self.assertTrue(self.agent.isClosed)
        self.assertFalse(stopped.called)
        self.assertEqual(await self.free(), 2)
        self.agent.finish()
        await stopped
        self.assertEqual((await self.free(), len(await self.queue())), (2, 2))

    async def test_abortedAttemptsAreNoFailures(self) -> None:
        await self.scheduler.stopService()
        self.assertEqual((await self.free(), len(await self.queue())), (3, 3))
        self.assertEqual(self.named("delivery.deferred"), [])

    async def test_hangingAgentDoesNotHoldTheStop(self) -> None:
        self.patch(module, "ABORT_SECONDS", 0.02)
        self.agent.abort = lambda: None  # type: ignore[method-assign]
        await self.scheduler.stopService()
        self.assertEqual([e["leases"] for e in self.named("scheduler.abandoned")], [1])
        self.agent.finish()
        await self.until(lambda: not self.scheduler.leased)

    async def test_startAgain(self) -> None:
        self.agent.finish()
        await self.scheduler.stopService()
        self.agent.holds, self.agent.reply = False, OK
        self.scheduler.startService()
        await self.idle()
        self.assertEqual(await self.queue(), ())
        self.assertFalse(self.agent.isClosed)


class FaultTests(SchedulerCase):
    async def test_queueCannotBeAsked(self) -> None:
        self.patch(module, "FAULT_SECONDS", 0.05)
        claims = []
        claim = self.store.queue.claim

        def away(*args: Any) -> Any:
            claims.append(args)
            return fail(StoreAway("no")) if len(claims) < 3 else claim(*args)

        self.patch(self.store.queue, "claim", away)
        await self.mail()
        self.scheduler.startService()
        await self.until(lambda: self.agent.leases)
        self.assertEqual(len(self.named("queue.claim_failed")), 2)

    async def test_reportIsTriedAgain(self) -> None:
        """
        A message that was delivered is not delivered again because the disk was full for a moment.
        """
        self.patch(module, "REPORT_RETRY_SECONDS", 0.02)
        report, calls = self.store.queue.report, []

        def full(*args: Any) -> Any:
            calls.append(args)
            return fail(StoreFull("no room")) if len(calls) < 3 else report(*args)

        self.patch(self.store.queue, "report", full)
        await self.mail()
        self.scheduler.startService()
        await self.until(lambda: len(calls) == 3)
        await self.idle()
        self.assertEqual((await self.queue(), len(self.agent.leases)), ((), 1))

    async def test_removedMeanwhile(self) -> None:
        self.agent.holds = True
        queueId = await self.mail()
        self.scheduler.startService()
        await self.until(lambda: self.agent.running)
        await self.store.queue.remove([queueId])
        self.agent.reply = NEVER
        self.agent.finish()
        await self.until(lambda: not self.scheduler.leased)
        self.assertEqual(await self.queue(), ())
        self.assertEqual(await self.inbox("id-ann"), [])

    async def test_agentThatFails(self) -> None:
        self.patch(self.agent, "deliver", lambda lease, message: fail(ZeroDivisionError()))
        await self.mail()
        self.scheduler.startService()
        await self.until(lambda: self.named("fault.happened"))
        self.assertEqual(self.scheduler.leased, 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class RelayTests(SchedulerCase):
    """
    The whole way: store, scheduler, name server, SMTP server.
    """

    async def setUp(self) -> None:
        await super().setUp()
        self.names = FakeNameServer()
        self.names.start()
        self.addCleanup(self.names.stop)
        self.sink = Sink()
        self.sink.start()
        self.addCleanup(self.sink.stop)
        self.names.add("far.test", "MX", (10, "mx.far.test"))
        self.names.add("mx.far.test", "A", "127.0.0.1")
        self.settings.change("relay.port", str(self.sink.port))
        resolver = Resolver(wire=Wire((Server("127.0.0.1", self.names.port),), roundSeconds=(0.3,)))
        self.scheduler = self.make(RemoteDelivery("mail.test", resolver, self.settings))

    async def test_manyMessagesOverFewConnections(self) -> None:
        for number in range(100):
            await self.mail(f"x{number}@far.test")
        self.settings.change("relay.destination_concurrency", "4")
        self.scheduler.startService()
        await self.sink.took(100)
        await self.idle()
        self.assertEqual(await self.queue(), ())
        self.assertLessEqual(len(self.sink.sessions), 4)
        self.assertEqual(len({tuple(taken.recipients) for taken in self.sink.taken}), 100)
        self.assertTrue(self.sink.taken[0].data.startswith(b"Received: from client.test"))

    async def test_stopAmidADelivery(self) -> None:
        self.sink.script = {"MAIL": SILENT}
        await self.mail()
        self.scheduler.startService()
        await self.until(lambda: self.sink.sessions and "DATA" in self.sink.verbs())
        await self.scheduler.stopService()
        ((state,),) = [item.recipients for item in await self.queue()]
        self.assertEqual((state.attempts, state.leased), (0, False))
