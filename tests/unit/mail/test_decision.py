"""
Tests for L{osxmail.mail.decision}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.decision import Action, Decision, Step
from osxmail.mail.smtpreply import Reply


class DecisionTests(SynchronousTestCase):
    """
    Decisions are values.
    """

    def test_accepted(self) -> None:
        """
        Only ACCEPT is: "not now" is not.
        """
        step = Step("relay.authenticated", "logged in")
        answers = {action: Decision(action, step, Reply(250, "", ("",))).accepted for action in Action}
        self.assertEqual(answers, {Action.ACCEPT: True, Action.REFUSE: False, Action.DEFER: False})
