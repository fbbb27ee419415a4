# -*- test-case-name: tests.unit.mail.test_verdict -*-
"""
What a filter says of a connection, a sender, a recipient or a message: a value with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from attrs import frozen

from osxmail.mail.decision import Step
from osxmail.mail.smtpreply import Reply


class Severity(IntEnum):
    """
    What a verdict asks for, the mildest first.
    """

    ACCEPT = 0
    TAG = 1
    JUNK = 2
    DEFER = 3
    REFUSE = 4

    @property
    def word(self) -> str:
        """
        As people read it.
        """
        return self.name.lower()


@frozen
class Verdict:
    """
    One filter's answer.

    @ivar name: the filter's: C{"dnsbl"}.
    @ivar severity: what it asks for.
    @ivar step: why, and on what evidence.
    @ivar reply: what an SMTP peer is told; given where C{severity} is DEFER or REFUSE.
    @ivar results: clauses for Authentication-Results (RFC 8601 2.2): C{"spf=pass smtp.mailfrom=a@b"}.
    @ivar isObserved: the filter only watches: nothing is done for it.
    """

    name: str
    severity: Severity
    step: Step
    reply: Reply | None = None
    results: tuple[str, ...] = ()
    isObserved: bool = False

    @property
    def shown(self) -> Step:
        """
        The step as the trace and C{explain} have it.
        """
        if not self.isObserved or self.severity is Severity.ACCEPT:
            return self.step
        return Step(self.step.rule, f"observed only, else {self.severity.word}: {self.step.text}", self.step.evidence)


def strongest(verdicts: Iterable[Verdict]) -> Verdict | None:
    """
    The verdict that counts: the most severe of those that are not only observed, the first of equals; C{None} where
    all accept.
    """
    found: Verdict | None = None
    for verdict in verdicts:
        if not verdict.isObserved and verdict.severity > (found.severity if found else Severity.ACCEPT):
            found = verdict
    return found
