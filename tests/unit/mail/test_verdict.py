"""
Tests of L{osxmail.mail.verdict}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.decision import Step
from osxmail.mail.verdict import Severity, Verdict, strongest


def verdict(name: str, severity: Severity) -> Verdict:
    return Verdict(name, severity, Step(f"filter.{name}", f"{name} found it", (("list", "x"),)))


class VerdictTests(SynchronousTestCase):
    def test_strongest(self) -> None:
        tag, junk, other = verdict("a", Severity.TAG), verdict("b", Severity.JUNK), verdict("c", Severity.JUNK)
        refuse = evolve(verdict("d", Severity.REFUSE), isObserved=True)
        self.assertIs(strongest([tag, junk, other, refuse]), junk)
        self.assertIsNone(strongest([verdict("a", Severity.ACCEPT), refuse]))
        self.assertIsNone(strongest([]))

    def test_whatIsObservedSaysSo(self) -> None:
        refuse = verdict("d", Severity.REFUSE)
        self.assertEqual(refuse.shown, refuse.step)
        shown = evolve(refuse, isObserved=True).shown
        self.assertEqual(shown.text, "observed only, else refuse: d found it")
        self.assertEqual((shown.rule, shown.evidence), ("filter.d", (("list", "x"),)))
        accepted = evolve(verdict("e", Severity.ACCEPT), isObserved=True)
        self.assertEqual(accepted.shown, accepted.step)
