from __future__ import annotations

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.faults import localFault
from osxmail.mail.decision import Action, Step


class FaultTests(SynchronousTestCase):
    def test_fault(self) -> None:
        events = []
        before = Step("a.b", "x")
        try:
            raise RuntimeError("the secret text")
        except RuntimeError:
            decision = localFault(Logger("t", observer=events.append), "accept", (before,), queueId="Q1")
        reference = events[0]["reference"]
        self.assertEqual(decision.action, Action.DEFER)
        self.assertEqual(str(decision.reply)[:10], "451 4.3.0 ")
        self.assertIn(reference, decision.reply.text)
        self.assertNotIn("secret", decision.reply.text)
        self.assertEqual(decision.steps, (before, decision.step))
        self.assertEqual(events[0]["log_failure"].type, RuntimeError)
        self.assertEqual((events[0]["event"], events[0]["queueId"]), ("fault.happened", "Q1"))
