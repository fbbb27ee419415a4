"""
L{osxmail.delivery.outcomes}: done, tried again, or given up.
"""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.outcomes import NOTICE_RETRY_SECONDS, Patience, describe, judge, withoutNotice
from osxmail.mail.acceptance import QueueLease, QueueRecipient
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, DeliveryStatus, Step
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.mail.smtpreply import Reply

PATIENCE = Patience(300.0, 14400.0, 432000.0, 14400.0)
ANN, BOB, EVE = (Address.parse(f"{name}@far.test") for name in ("ann", "bob", "eve"))
OK = DeliveryStatus(ANN, Action.ACCEPT, Reply(250, "2.0.0", ("taken",)), "mx [192.0.2.1]:25", "TLSv1.3 X")
LATER = DeliveryStatus(BOB, Action.DEFER, Reply(451, "4.3.0", ("busy",)), "mx [192.0.2.1]:25")
NEVER = DeliveryStatus(EVE, Action.REFUSE, Reply(550, "5.1.1", ("who",)), "mx [192.0.2.1]:25", "", (Step("a", "b"),))
LEASE = QueueLease(
    "1", "Q1", Envelope(ANN, (Recipient(ANN),)), (QueueRecipient(ANN),), "far.test", 1000.0, 0, False, 10
)


def middle(low: float, high: float) -> float:
    return (low + high) / 2


class WaitTests(SynchronousTestCase):
    def test_doublesUpToTheMost(self) -> None:
        waits = [PATIENCE.wait(attempts, middle) for attempts in range(9)]
        self.assertEqual(waits, [300, 600, 1200, 2400, 4800, 9600, 14400, 14400, 14400])

    @given(st.integers(0, 10**9))
    @settings(deadline=None, max_examples=200)
    def test_anyNumber(self, attempts: int) -> None:
        import random

        self.assertTrue(270 <= PATIENCE.wait(attempts, random.uniform) <= 15840)


class JudgeTests(SynchronousTestCase):
    def judge(self, *statuses: DeliveryStatus, age: float = 60.0, **lease: object):
        self.lease = evolve(LEASE, **lease)
        self.now = 1000.0 + age
        return judge(self.lease, statuses, self.now, PATIENCE, middle)

    def test_eachItsOwn(self) -> None:
        verdict = self.judge(OK, LATER, NEVER)
        self.assertEqual([(o.address, o.isDone, o.nextTry) for o in verdict.outcomes], [
            (ANN, True, 0.0), (BOB, False, 1360.0), (EVE, True, 0.0),
        ])  # fmt: skip
        self.assertEqual((verdict.failed, verdict.late), ((NEVER,), ()))
        self.assertEqual([o.reply for o in verdict.outcomes], [OK.reply, LATER.reply, NEVER.reply])

    def test_expired(self) -> None:
        verdict = self.judge(OK, LATER, age=432000.0)
        (failed,) = verdict.failed
        self.assertEqual(
            (failed.action, failed.reply, failed.steps[-1].rule), (Action.REFUSE, LATER.reply, "relay.expired")
        )
        self.assertEqual([o.isDone for o in verdict.outcomes], [True, True])
        self.assertEqual(self.judge(LATER, age=431999.0).failed, ())

    def test_lastAttemptIsAtTheEnd(self) -> None:
        (outcome,) = self.judge(LATER, age=431000.0, attempts=20).outcomes
        self.assertEqual(outcome.nextTry, 433000.0)
        (outcome,) = self.judge(LATER, age=431990.0, attempts=20).outcomes
        self.assertEqual(outcome.nextTry, self.now + 300)

    def test_delayIsToldOnce(self) -> None:
        self.assertEqual(self.judge(LATER, age=14399.0).late, ())
        verdict = self.judge(LATER, OK, age=14400.0)
        self.assertEqual(verdict.late, (LATER,))
        self.assertEqual([o.delayNotified for o in verdict.outcomes], [True, False])
        self.assertEqual(verdict.giveUpAt, 433000.0)
        verdict = self.judge(LATER, age=20000.0, delayNotified=True)
        self.assertEqual((verdict.late, verdict.outcomes[0].delayNotified), ((), True))

    def test_failureGoesFirst(self) -> None:
        verdict = self.judge(LATER, NEVER, age=20000.0)
        self.assertEqual((verdict.failed, verdict.late), ((NEVER,), ()))
        self.assertFalse(verdict.outcomes[0].delayNotified)

    def test_delayIsNeverToldWithoutTheSetting(self) -> None:
        patience = evolve(PATIENCE, delayNoticeAfter=0.0)
        self.assertEqual(judge(LEASE, [LATER], 90000.0, patience, middle).late, ())

    def test_nobodyLeavesWithoutNotice(self) -> None:
        verdict = self.judge(OK, LATER, NEVER)
        outcomes = withoutNotice(self.lease, verdict, self.now)
        self.assertEqual(
            [(o.isDone, o.nextTry) for o in outcomes],
            [(True, 0.0), (False, 1360.0), (False, self.now + NOTICE_RETRY_SECONDS)],
        )
        outcomes = withoutNotice(self.lease, self.judge(LATER, age=20000.0), self.now)
        self.assertFalse(outcomes[0].delayNotified)


class DescribeTests(SynchronousTestCase):
    def test_alikeTogether(self) -> None:
        both = (OK, evolve(OK, address=BOB), NEVER)
        events = describe(LEASE, judge(LEASE, both, 1060.0, PATIENCE, middle), 1060.0, 0.51234)
        self.assertEqual([name for name, _, _ in events], ["delivery.succeeded", "delivery.failed"])
        fields = events[0][1]
        self.assertEqual(
            fields,
            {
                "destination": "far.test",
                "host": "mx [192.0.2.1]:25",
                "tls": "TLSv1.3 X",
                "reply": "250 2.0.0 taken",
                "seconds": 0.512,
                "attempt": 1,
                "recipients": ("ann@far.test", "bob@far.test"),
            },
        )
        line = events[1][2]
        self.assertEqual((line.time, line.event, line.queueId), (1060.0, "delivery.failed", "Q1"))
        self.assertEqual(line.addresses, ("eve@far.test",))
        self.assertEqual(line.fields["steps"], ("a: b",))

    def test_nextTry(self) -> None:
        ((name, fields, _),) = describe(LEASE, judge(LEASE, (LATER,), 1060.0, PATIENCE, middle), 1060.0, 1.0)
        self.assertEqual((name, fields["nextTry"]), ("delivery.deferred", 1360.0))
