"""
The contract of L{IQueue}, on every engine of the store.
"""

from __future__ import annotations

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from osxmail.errors import InUse, LimitExceeded, NoSuchMessage
from osxmail.interfaces import IQueue
from osxmail.mail.acceptance import QueueOutcome, QueueRecipient, TraceEvent
from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.mail.smtpreply import Reply
from tests.contracts.engines import MESSAGE, SQLiteEngine, acceptance, append, incomingOf, recipients

BERT = Address.parse("bert@a.test")


def done(lease):
    return [QueueOutcome(each.address, True) for each in lease.recipients]


def later(lease, when, **more):
    return [QueueOutcome(each.address, False, when, **more) for each in lease.recipients]


class QueueContract:
    def setUp(self):
        def opened(result):
            self.queue = self.store.queue
            self.told = 0
            self.queue.addListener(self.tell)

        return super().setUp().addCallback(opened)

    def tell(self):
        self.told += 1

    async def put(self, *addresses, queueId=None, data=MESSAGE, received=None, **more):
        queueId = queueId or self.store.newQueueId()
        received = self.wallTime if received is None else received
        await self.store.accept(
            acceptance(queueId, *addresses, received=received, **more), incomingOf(self.store, data)
        )
        return queueId

    async def claim(self, limit=100, seconds=600.0, full=(), **more):
        return await self.queue.claim(limit, seconds, full, **more)

    async def claimed(self, **more):
        return [(lease.queueId, lease.destination) for lease in await self.claim(**more)]

    def test_interface(self):
        verifyObject(IQueue, self.queue)

    async def test_aLeaseSaysEverything(self):
        queued = (
            QueueRecipient(BERT, "", False, "rfc822;bert@old.test", frozenset({"NEVER"})),
            QueueRecipient(Address.parse('"a b"@a.test')),
        )
        envelope = Envelope(
            Address.parse("Anna@Example.test"),
            tuple(Recipient(each.address, each.original, each.notify) for each in queued),
            "8BITMIME",
            True,
            "ENVID",
            "HDRS",
        )
        sent = acceptance("Q1", queued=queued, received=self.wallTime, queuePrefix=b"X: y\r\n")
        from attrs import evolve

        sent = evolve(sent, envelope=envelope)
        accepted = await self.store.accept(sent, incomingOf(self.store))
        self.assertEqual((accepted.queueId, accepted.queued, accepted.appended), ("Q1", 2, ()))
        (lease,) = await self.claim()
        self.assertEqual(lease.queueId, "Q1")
        self.assertEqual(lease.recipients, queued)
        self.assertEqual(lease.envelope, envelope)
        self.assertEqual(lease.destination, "a.test")
        self.assertEqual(lease.received, self.wallTime)
        self.assertEqual((lease.attempts, lease.delayNotified), (0, False))
        self.assertEqual(lease.sizeOctets, len(MESSAGE) + 6)
        self.assertEqual([each.address.local for each in lease.recipients], ["bert", "a b"])

    async def test_nullSender(self):
        await self.put("bert@a.test", sender=None)
        (lease,) = await self.claim()
        self.assertIsNone(lease.envelope.sender)

    async def test_message(self):
        queueId = await self.put("bert@a.test", queuePrefix=b"Received: x\r\n")
        message = await self.queue.message(queueId)
        self.assertEqual(await message.read(0, 1000), b"Received: x\r\n" + MESSAGE)
        self.assertEqual(message.sizeOctets, len(MESSAGE) + 13)
        with self.assertRaises(NoSuchMessage):
            await self.queue.message("NONE")

    async def test_messages(self):
        ids = [await self.put("bert@a.test", data=MESSAGE + b"%d" % n) for n in range(3)]
        found = await self.queue.messages([*ids, "NONE"])
        self.assertEqual(sorted(found), ids)
        self.assertEqual(found[ids[1]].inline, MESSAGE + b"1")
        with self.assertRaises(LimitExceeded):
            await self.queue.messages(["x"] * 101)

    async def test_groupedByItemAndDestination(self):
        first = await self.put("a@a.test", "b@b.test", "c@a.test")
        second = await self.put("d@a.test")
        leases = await self.claim()
        self.assertEqual(
            sorted((lease.queueId, lease.destination, len(lease.recipients)) for lease in leases),
            sorted([(first, "a.test", 2), (first, "b.test", 1), (second, "a.test", 1)]),
        )
        self.assertEqual(len({lease.leaseId for lease in leases}), 3)

    async def test_nextHopIsADestination(self):
        await self.put(queued=recipients("a@a.test", "b@b.test", nextHop="mail.c.test") + recipients("c@mail.c.test"))
        leases = await self.claim()
        self.assertEqual({lease.destination for lease in leases}, {"mail.c.test"})
        # The one is looked up by MX, the others are not: they do not share an attempt.
        self.assertEqual(sorted(len(lease.recipients) for lease in leases), [1, 2])

    async def test_leasedOnce(self):
        await self.put("bert@a.test")
        self.assertEqual(len(await self.claim()), 1)
        self.assertEqual(await self.claim(), [])

    async def test_leasedOnceByTwoProcesses(self):
        for _ in range(20):
            await self.put("bert@a.test")
        other = await self.secondStore()
        both = await gatherResults(
            [q.claim(3, 600.0, ()) for q in (self.queue, other.queue) for _ in range(5)], consumeErrors=True
        )
        claimed = [lease.queueId for leases in both for lease in leases]
        self.assertEqual((len(claimed), len(set(claimed))), (20, 20))

    async def test_oldestFirst(self):
        received = [self.wallTime - n for n in (5, 40, 10, 30, 20)]
        ids = [await self.put(f"x@{n}.test", received=when) for n, when in enumerate(received)]
        self.assertEqual(await self.claimed(limit=3), [(ids[1], "1.test"), (ids[3], "3.test"), (ids[4], "4.test")])
        self.assertEqual(await self.claimed(limit=3), [(ids[2], "2.test"), (ids[0], "0.test")])

    async def test_oldestFirstWithinADestination(self):
        ids = [await self.put("x@a.test", received=self.wallTime - n) for n in range(30)]
        claimed = [queueId for n in (1, 4, 25) for queueId, _ in await self.claimed(limit=n)]
        self.assertEqual(claimed, ids[::-1])

    async def test_fullDestinations(self):
        busy = await self.put("x@busy.test", received=self.wallTime - 100)
        free = await self.put("x@free.test")
        self.assertEqual(await self.claimed(limit=1, full=("busy.test",)), [(free, "free.test")])
        self.assertEqual(await self.claimed(limit=1), [(busy, "busy.test")])

    async def test_localOnly(self):
        local = await self.put(queued=recipients("x@example.test", local=True))
        remote = await self.put("x@a.test")
        self.assertEqual(await self.claimed(localOnly=True), [(local, "local")])
        self.assertEqual(await self.claimed(localOnly=True), [])
        self.assertEqual(await self.claimed(), [(remote, "a.test")])

    async def test_aDomainThatIsCalledLocal(self):
        remote = await self.put("x@local")
        local = await self.put(queued=recipients("x@example.test", local=True))
        self.assertEqual(await self.claimed(localOnly=True), [(local, "local")])
        self.assertEqual(await self.claimed(), [(remote, "local")])

    async def test_manyRecipientsAtOneDestination(self):
        """
        A lease has 100 recipients at most (RFC 5321 4.5.3.1.8), and as many as that, however few leases are wanted.
        """
        await self.put(*[f"x{n}@a.test" for n in range(250)])
        sizes = [len(lease.recipients) for _ in range(4) for lease in await self.claim(limit=1)]
        self.assertEqual(sizes, [100, 100, 50])

    async def test_recipientsOfAnItemStayTogetherAmongMany(self):
        for number in range(40):
            await self.put(*[f"x{n}@{number}.test" for n in range(20)])
        leases = await self.claim(limit=40)
        self.assertEqual([len(lease.recipients) for lease in leases], [20] * 40)

    async def test_noLimit(self):
        await self.put("bert@a.test")
        self.assertEqual(await self.claim(limit=0), [])

    async def test_done(self):
        queueId = await self.put("bert@a.test", "c@a.test")
        (lease,) = await self.claim()
        await self.queue.report(lease, done(lease), ())
        self.assertEqual(await self.queue.list(), ())
        with self.assertRaises(NoSuchMessage):
            await self.queue.message(queueId)
        self.assertIsNone(await self.queue.nextDue())

    async def test_later(self):
        queueId = await self.put("bert@a.test", "c@a.test")
        (lease,) = await self.claim()
        reply = Reply.make(451, "4.7.1", "greylisted")
        outcomes = [
            QueueOutcome(BERT, True),
            QueueOutcome(
                Address.parse("c@a.test"), False, self.wallTime + 300, reply, "mx.a.test [192.0.2.1]:25", True
            ),
        ]
        await self.queue.report(lease, outcomes, ())
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.queue.nextDue(), self.wallTime + 300)
        (item,) = await self.queue.list()
        (state,) = item.recipients
        self.assertEqual(
            (str(state.address), state.attempts, state.nextTry, state.leased, state.lastReply, state.remoteHost),
            ("c@a.test", 1, self.wallTime + 300, False, "451 4.7.1 greylisted", "mx.a.test [192.0.2.1]:25"),
        )
        self.wallTime += 301
        (again,) = await self.claim()
        self.assertEqual((again.queueId, again.attempts, again.delayNotified), (queueId, 1, True))
        self.assertNotEqual(again.leaseId, lease.leaseId)

    async def test_theDelayNoticeIsRememberedForGood(self):
        await self.put("bert@a.test")
        for notified in (True, False):
            (lease,) = await self.claim()
            await self.queue.report(lease, later(lease, self.wallTime, delayNotified=notified), ())
        (lease,) = await self.claim()
        self.assertTrue(lease.delayNotified)

    async def test_whatHasADifferentPastIsTriedApart(self):
        await self.put("bert@a.test", "c@a.test")
        (lease,) = await self.claim()
        outcomes = later(lease, self.wallTime)
        await self.queue.report(lease, [outcomes[0]], ())
        self.assertEqual(sorted(lease.attempts for lease in await self.claim()), [0, 1])

    async def test_recipientsWithoutOutcomeAreGivenBack(self):
        await self.put("bert@a.test", "c@a.test")
        (lease,) = await self.claim()
        await self.queue.report(lease, [QueueOutcome(BERT, True)], ())
        (again,) = await self.claim()
        self.assertEqual([str(each.address) for each in again.recipients], ["c@a.test"])
        self.assertEqual(again.attempts, 0)

    async def test_oneAddressTwice(self):
        await self.put("bert@a.test", "bert@a.test")
        (lease,) = await self.claim()
        await self.queue.report(lease, [QueueOutcome(BERT, True), QueueOutcome(BERT, False, self.wallTime)], ())
        (again,) = await self.claim()
        self.assertEqual(len(again.recipients), 1)

    async def test_aLeaseRunsOut(self):
        await self.put("bert@a.test")
        (lost,) = await self.claim(seconds=60.0)
        self.wallTime += 59
        self.assertEqual(await self.claim(), [])
        self.wallTime += 2
        (lease,) = await self.claim()
        with self.assertRaises(InUse):
            await self.queue.report(lost, done(lost), [TraceEvent(1.0, "delivery.done", "LOST")])
        self.assertEqual(await self.store.trace("LOST", 0.0, 10), ())
        await self.queue.report(lease, done(lease), ())
        self.assertEqual(await self.queue.list(), ())

    async def test_whoeverWasSlowButAloneIsHeard(self):
        await self.put("bert@a.test")
        (lease,) = await self.claim(seconds=60.0)
        self.wallTime += 100
        await self.queue.report(lease, done(lease), ())
        self.assertEqual(await self.queue.list(), ())

    async def test_aLeaseThatRunsOutIsDue(self):
        """
        Somebody has to look then: its holder may have died.
        """
        await self.put("bert@a.test")
        self.assertEqual(await self.queue.nextDue(), self.wallTime)
        await self.claim(seconds=60.0)
        self.assertEqual(await self.queue.nextDue(), self.wallTime + 60)

    async def test_aReportTwice(self):
        """
        The second one changes nothing: not what somebody else has meanwhile, either.
        """
        await self.put("bert@a.test")
        (lease,) = await self.claim()
        await self.queue.report(lease, later(lease, self.wallTime), ())
        (other,) = await self.claim()
        with self.assertRaises(InUse):
            await self.queue.report(lease, done(lease), ())
        await self.queue.report(other, done(other), ())
        await self.queue.report(other, done(other), ())

    async def test_giveBack(self):
        await self.put("bert@a.test")
        await self.put("bert@b.test")
        leases = await self.claim()
        told = self.told
        await self.queue.giveBack(leases)
        self.assertGreater(self.told, told)
        again = await self.claim()
        self.assertEqual([lease.attempts for lease in again], [0, 0])
        with self.assertRaises(InUse):
            await self.queue.report(leases[0], done(leases[0]), ())

    async def test_giveBackOfWhatRanOut(self):
        await self.put("bert@a.test")
        leases = await self.claim(seconds=1.0)
        self.wallTime += 2
        (lease,) = await self.claim()
        await self.queue.giveBack(leases)
        await self.queue.report(lease, done(lease), ())

    async def test_leasesOfADeadProcess(self):
        """
        After a restart a process has its leases back, and leaves those of others alone.
        """
        other = await self.secondStore()
        await self.put("bert@a.test")
        await self.put("bert@b.test")
        (mine,) = await self.claim(limit=1)
        (theirs,) = await other.queue.claim(1, 600.0, ())
        await self.reopen()
        self.queue = self.store.queue
        self.assertEqual(await self.claimed(), [(mine.queueId, mine.destination)])
        await other.queue.report(theirs, done(theirs), ())

    async def test_traceOfAReport(self):
        queueId = await self.put("bert@a.test")
        (lease,) = await self.claim()
        event = TraceEvent(self.wallTime, "delivery.done", queueId, "1@example.test", ("bert@a.test",), {"code": 250})
        await self.queue.report(lease, done(lease), [event])
        self.assertEqual(await self.store.trace(queueId, 0.0, 10), (event,))

    # ------------------------------------------------------------------------------------------------ bounce

    async def test_bounce(self):
        await self.put("bert@a.test", "c@a.test")
        (lease,) = await self.claim()
        notice = acceptance("NOTICE", received=self.wallTime, appends=(append("anna@example.test"),))
        event = TraceEvent(self.wallTime, "message.bounced", lease.queueId)
        accepted = await self.queue.bounce(
            lease, [QueueOutcome(BERT, True)], notice, incomingOf(self.store, b"Subject: sorry\r\n\r\n"), [event]
        )
        self.assertEqual(len(accepted.appended), 1)
        (item,) = await self.queue.list()
        self.assertEqual([str(each.address) for each in item.recipients], ["c@a.test"])
        self.assertEqual(await self.store.trace(lease.queueId, 0.0, 10), (event,))
        account = await self.store.existingAccount("anna@example.test")
        inbox = await account.mailbox("INBOX")
        self.assertEqual((await inbox.status()).messages, 1)

    async def test_aBounceIntoTheQueueTellsTheListeners(self):
        await self.put("bert@a.test")
        (lease,) = await self.claim()
        told = self.told
        notice = acceptance("NOTICE", "x@b.test", received=self.wallTime, sender=None)
        accepted = await self.queue.bounce(lease, done(lease), notice, incomingOf(self.store), ())
        self.assertEqual(accepted.queued, 1)
        self.assertGreater(self.told, told)
        self.assertEqual(await self.claimed(), [("NOTICE", "b.test")])

    async def test_noBounceForALostLease(self):
        await self.put("bert@a.test")
        (lost,) = await self.claim(seconds=1.0)
        self.wallTime += 2
        await self.claim()
        await self.refusedBounce(lost)

    async def test_noSecondBounce(self):
        await self.put("bert@a.test")
        (lease,) = await self.claim()
        notice = acceptance("FIRST", "x@b.test", received=self.wallTime, sender=None)
        await self.queue.bounce(lease, done(lease), notice, incomingOf(self.store), ())
        await self.refusedBounce(lease)

    async def test_noBounceForWhatWasRemoved(self):
        queueId = await self.put("bert@a.test")
        (lease,) = await self.claim()
        await self.queue.remove([queueId])
        await self.refusedBounce(lease)

    async def refusedBounce(self, lease):
        before = [item.queueId for item in await self.queue.list()]
        notice = acceptance("NOTICE", "x@b.test", received=self.wallTime, sender=None)
        incoming = incomingOf(self.store)
        with self.assertRaises(InUse):
            await self.queue.bounce(lease, done(lease), notice, incoming, ())
        incoming.abort()
        self.assertEqual([item.queueId for item in await self.queue.list()], before)

    # --------------------------------------------------------------------------------------- when it is due

    async def test_listeners(self):
        queueId = await self.put("bert@a.test")
        self.assertEqual(self.told, 1)
        await self.queue.hold([queueId])
        await self.queue.release([queueId])
        await self.queue.retry([queueId])
        self.assertGreaterEqual(self.told, 3)

    async def test_aBrokenListenerHarmsNobody(self):
        self.queue.addListener(lambda: 1 // 0)
        told = []
        self.queue.addListener(lambda: told.append(1))
        await self.put("bert@a.test")
        self.assertEqual((self.told, told), (1, [1]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_heldSeconds(self):
        queueId = await self.put("bert@a.test", heldSeconds=30.0)
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.queue.nextDue(), self.wallTime + 30)
        self.wallTime += 30
        self.assertEqual(await self.claimed(), [(queueId, "a.test")])

    async def test_nextDueOfNothing(self):
        self.assertIsNone(await self.queue.nextDue())

    # ---------------------------------------------------------------------------------------- administration

    async def test_acceptedOnHold(self):
        queueId = await self.put("bert@a.test", isHeld=True)
        self.assertEqual(await self.claim(), [])
        self.assertIsNone(await self.queue.nextDue())
        (item,) = await self.queue.list()
        self.assertTrue(item.held)
        self.assertEqual(await self.queue.release([queueId]), 1)
        self.assertEqual(await self.claimed(), [(queueId, "a.test")])

    async def test_holdAndRelease(self):
        queueId = await self.put("bert@a.test", "c@b.test")
        other = await self.put("d@a.test")
        self.assertEqual(await self.queue.hold([queueId, "NONE"]), 2)
        self.assertEqual(await self.queue.hold([queueId]), 0)
        self.assertEqual(await self.claimed(), [(other, "a.test")])
        self.assertEqual(await self.queue.release([queueId]), 2)
        self.assertEqual(await self.queue.release([queueId]), 0)
        self.assertEqual(sorted(await self.claimed()), [(queueId, "a.test"), (queueId, "b.test")])

    async def test_heldWhileItIsTried(self):
        queueId = await self.put("bert@a.test")
        (lease,) = await self.claim()
        await self.queue.hold([queueId])
        await self.queue.report(lease, later(lease, self.wallTime + 5), ())
        self.wallTime += 10
        self.assertEqual(await self.claim(), [])
        self.assertIsNone(await self.queue.nextDue())
        await self.queue.release([queueId])
        self.assertEqual(len(await self.claim()), 1)

    async def test_heldAndGivenBack(self):
        queueId = await self.put("bert@a.test")
        leases = await self.claim()
        await self.queue.hold([queueId])
        await self.queue.giveBack(leases)
        self.assertEqual(await self.claim(), [])

    async def test_releasedWhileItIsTried(self):
        queueId = await self.put("bert@a.test")
        (lease,) = await self.claim(seconds=60.0)
        await self.queue.hold([queueId])
        await self.queue.release([queueId])
        self.assertEqual(await self.claim(), [])
        await self.queue.report(lease, done(lease), ())

    async def test_retry(self):
        queueId = await self.put("bert@a.test", "c@b.test")
        for lease in await self.claim():
            await self.queue.report(lease, later(lease, self.wallTime + 3600), ())
        self.assertEqual(await self.claim(), [])
        self.assertEqual(await self.queue.retry([queueId]), 2)
        self.assertEqual(await self.queue.nextDue(), self.wallTime)
        self.assertEqual(len(await self.claim()), 2)

    async def test_retryOfWhatIsHeldOrLeased(self):
        held = await self.put("bert@a.test", isHeld=True)
        leased = await self.put("bert@b.test")
        await self.claim()
        self.assertEqual(await self.queue.retry([held, leased]), 0)
        self.assertEqual(await self.claim(), [])

    async def test_remove(self):
        queueId = await self.put("bert@a.test", "c@b.test")
        other = await self.put("d@a.test")
        self.assertEqual(await self.queue.remove([queueId, "NONE"]), 2)
        self.assertEqual([item.queueId for item in await self.queue.list()], [other])
        self.assertEqual(await self.claimed(), [(other, "a.test")])

    async def test_removedWhileItIsTried(self):
        queueId = await self.put("bert@a.test")
        (lease,) = await self.claim()
        self.assertEqual(await self.queue.remove([queueId]), 1)
        await self.queue.report(lease, later(lease, self.wallTime), [])
        self.assertEqual(await self.queue.list(), ())
        self.assertIsNone(await self.queue.nextDue())

    async def test_manyAtOnce(self):
        ids = [self.store.newQueueId() for _ in range(1100)]
        await gatherResults(
            [
                self.store.accept(acceptance(each, "x@a.test", received=self.wallTime), incomingOf(self.store))
                for each in ids
            ]
        )
        self.assertEqual(await self.queue.hold(ids), 1100)
        self.assertEqual(await self.queue.release(ids), 1100)
        self.assertEqual(len(await self.queue.list(limit=1050)), 1050)
        self.assertEqual([item.queueId for item in await self.queue.list(limit=5000)], sorted(ids))
        self.assertEqual(await self.queue.remove(ids), 1100)
        self.assertIsNone(await self.queue.nextDue())

    # -------------------------------------------------------------------------------------------------- list

    async def test_list(self):
        queueId = await self.put("bert@a.test", "c@b.test", queuePrefix=b"X: y\r\n")
        (lease,) = await self.claim(limit=1)
        (item,) = await self.queue.list()
        self.assertEqual(
            (item.queueId, str(item.sender), item.received, item.sizeOctets, item.held),
            (queueId, "anna@example.test", self.wallTime, len(MESSAGE) + 6, False),
        )
        self.assertEqual(
            [(str(each.address), each.destination, each.leased) for each in item.recipients],
            [
                ("bert@a.test", "a.test", lease.destination == "a.test"),
                ("c@b.test", "b.test", lease.destination == "b.test"),
            ],
        )

    async def test_listSome(self):
        one = await self.put("bert@a.test", sender="anna@example.test")
        two = await self.put("carl_x@b.test", "bert@c.test", sender="Dora@Example.org")
        three = await self.put("carlyx@b.test", sender=None)

        async def found(**which):
            return [item.queueId for item in await self.queue.list(**which)]

        self.assertEqual(await found(), [one, two, three])
        self.assertEqual(await found(limit=2), [one, two])
        self.assertEqual(await found(queueId=two), [two])
        self.assertEqual(await found(queueId=two.lower()), [two])
        self.assertEqual(await found(queueId="NONE"), [])
        self.assertEqual(await found(sender="dora@example.org"), [two])
        self.assertEqual(await found(sender="*@example.*"), [one, two])
        self.assertEqual(await found(sender="<>"), [three])
        self.assertEqual(await found(recipient="bert@*"), [one, two])
        self.assertEqual(await found(recipient="BERT@a.test"), [one])
        self.assertEqual(await found(recipient="carl_x@*"), [two])
        self.assertEqual(await found(recipient="%"), [])
        self.assertEqual(await found(recipient="ert"), [])
        self.assertEqual(await found(destination="b.test"), [two, three])
        self.assertEqual(await found(destination="b.test", sender="<>"), [three])
        self.assertEqual(await found(recipient="bert@*", destination="b.test"), [])
        self.assertEqual(await found(recipient="\ud800"), [])
        self.assertEqual(await found(recipient="' OR 1=1 --\0"), [])


class SQLiteQueueTests(QueueContract, SQLiteEngine, TestCase):
    async def test_aDeadHostSlowsNobody(self):
        """
        What waits for one host does not count for what a claim or nextDue costs: in steps of SQLite's machine.
        """
        steps = 0

        def step():
            nonlocal steps
            steps += 1
            return False

        async def put(count):
            for _ in range(count):
                names = [f"x{n}@dead.test" for n in range(100)]
                await self.put(*names, received=self.wallTime - 50)

        async def cost():
            queueId = await self.put("x@free.test")
            await self.store.database.write(lambda txn: txn.connection.set_progress_handler(step, 5))
            before = steps
            (lease,) = await self.claim(limit=10, full=("dead.test",))
            self.assertEqual(lease.queueId, queueId)
            await self.queue.report(lease, done(lease), ())
            await self.store.database.write(lambda txn: txn.connection.set_progress_handler(None))
            return steps - before

        await put(1)
        await cost()
        few = await cost()
        await put(100)
        many = await cost()
        self.assertGreater(few, 10)
        self.assertLess(many, 1.3 * few)
        # And what the dead host itself costs, when it is tried.
        self.assertEqual([len(lease.recipients) for lease in await self.claim(limit=3)], [100] * 3)
