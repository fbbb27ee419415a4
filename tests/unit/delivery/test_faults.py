from __future__ import annotations

from typing import Any

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.faults import localFault, notNow
from osxmail.errors import DirectoryAway, StoreAway, StoreFull
from osxmail.mail.decision import Action, Decision, Step

BEFORE = Step("a.b", "x")


class FaultTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.log = Logger("t", observer=self.events.append)

    def decided(self, error: Exception) -> Decision:
        try:
            raise error
        except Exception:
            return notNow(error, self.log, "accept", (BEFORE,), queueId="Q1")

    def assertNotNow(self, decision: Decision, code: int, enhanced: str, rule: str) -> None:
        self.assertEqual(
            (decision.action, decision.reply.code, decision.reply.enhanced), (Action.DEFER, code, enhanced)
        )
        self.assertEqual((decision.step.rule, decision.steps), (rule, (BEFORE, decision.step)))
        self.assertNotIn("secret", decision.reply.text)

    def test_fault(self) -> None:
        decision = self.decided(RuntimeError("the secret text"))
        self.assertNotNow(decision, 451, "4.3.0", "fault.local")
        (event,) = self.events
        self.assertIn(event["errorId"], decision.reply.text)
        self.assertEqual(event["log_failure"].type, RuntimeError)
        self.assertEqual((event["event"], event["where"], event["queueId"]), ("fault.happened", "accept", "Q1"))

    def test_whatIsAwayIsNoFault(self) -> None:
        for error in (DirectoryAway("secret"), StoreAway("secret")):
            self.assertNotNow(self.decided(error), 451, "4.3.0", "service.away")
        self.assertNotNow(self.decided(StoreFull("secret")), 452, "4.3.1", "store.full")
        self.assertEqual(self.events, [])

    def test_idsDiffer(self) -> None:
        ids = set()
        for _ in range(2):
            try:
                raise RuntimeError
            except RuntimeError:
                ids.add(localFault(self.log, "route").reply.text)
        self.assertEqual(len(ids), 2)
