"""
Tests of L{osxmail.filters.pipeline} and L{osxmail.filters.base}.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from osxmail.errors import ResolverAway
from osxmail.filters.base import Filter
from osxmail.filters.pipeline import MAX_REMEMBERED, Pipeline
from osxmail.interfaces import IFilter
from osxmail.mail.address import Address
from osxmail.mail.decision import Action
from osxmail.mail.envelope import Client, Envelope
from osxmail.mail.smtpreply import Reply
from osxmail.mail.verdict import Severity, Verdict

CLIENT = Client("192.0.2.1", helo="a.test", sessionId="s1")
SENDER = Address.parse("x@far.test")


class One(Filter):
    """
    A filter that says what the test wants.
    """

    def __init__(self, name: str, mode: str = "on", severity: Severity = Severity.ACCEPT, fault: object = None) -> None:
        self.name = name  # type: ignore[misc]
        self.now = mode
        self.severity = severity
        self.fault = fault
        self.asked = 0

    def mode(self) -> str:
        return self.now

    def checkConnection(self, client: Client) -> Deferred[Verdict | None]:
        self.asked += 1
        if isinstance(self.fault, Exception):
            return fail(self.fault)
        return succeed(self.verdict(self.severity, f"{self.name} says so", reply=Reply(554, "5.7.1", (self.name,))))


class PipelineTests(SynchronousTestCase):
    def judged(self, *filters: One, client: Client = CLIENT):
        self.pipeline = Pipeline(filters)
        return self.successResultOf(Deferred.fromCoroutine(self.pipeline.checkSender(client, SENDER)))

    def test_contract(self) -> None:
        verifyObject(IFilter, One("a"))
        self.assertRaises(NotImplementedError, Filter().mode)
        for asked in (Filter().checkSender(CLIENT, None), Filter().checkConnection(CLIENT)):
            self.assertIsNone(self.successResultOf(asked))

    def test_theMostSevereCounts(self) -> None:
        judged = self.judged(One("a", severity=Severity.JUNK), One("b", severity=Severity.REFUSE), One("c"))
        refusal = judged.refusal
        self.assertEqual((refusal.action, str(refusal.reply)), (Action.REFUSE, "554 5.7.1 b"))
        self.assertEqual([step.rule for step in refusal.steps], ["filter.a", "filter.c", "filter.b"])

    def test_off(self) -> None:
        off = One("a", mode="off", severity=Severity.REFUSE)
        self.assertEqual(self.judged(off).verdicts, ())
        self.assertEqual(off.asked, 0)
        self.assertTrue(self.pipeline.isIdle)
        off.now = "observe"
        self.assertFalse(self.pipeline.isIdle)

    def test_observe(self) -> None:
        judged = self.judged(One("a", mode="observe", severity=Severity.REFUSE), One("b", severity=Severity.TAG))
        self.assertIsNone(judged.refusal)
        self.assertEqual(judged.reasons, ("b: b says so",))
        self.assertEqual([step.text for step in judged.steps], ["observed only, else refuse: a says so", "b says so"])

    def test_faultsStopNoMail(self) -> None:
        with capturedLogs() as logs:
            judged = self.judged(
                One("a", fault=ResolverAway("away")), One("b", fault=ValueError()), One("c", severity=Severity.TAG)
            )
        self.assertEqual([verdict.name for verdict in judged.verdicts], ["c"])
        self.assertEqual([log["event"] for log in logs], ["filter.away", "filter.failed"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_aConnectionIsJudgedOnce(self) -> None:
        one = One("a", severity=Severity.TAG)
        self.judged(one)
        envelope = Envelope(SENDER, ())
        judged = self.successResultOf(Deferred.fromCoroutine(self.pipeline.checkMessage(CLIENT, envelope, None)))  # type: ignore[arg-type]
        self.assertEqual((one.asked, judged.reasons), (1, ("a: a says so",)))
        other = Client("192.0.2.1", helo="b.test", sessionId="s1")
        self.successResultOf(Deferred.fromCoroutine(self.pipeline.checkSender(other, SENDER)))
        self.assertEqual(one.asked, 2)

    def test_whatIsRememberedIsBounded(self) -> None:
        one = One("a")
        pipeline = Pipeline([one])
        for n in range(MAX_REMEMBERED + 10):
            client = Client("192.0.2.1", sessionId=f"s{n}")
            self.successResultOf(Deferred.fromCoroutine(pipeline.checkSender(client, None)))
        self.assertEqual(len(pipeline._connections), MAX_REMEMBERED)
