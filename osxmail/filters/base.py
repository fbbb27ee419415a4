# -*- test-case-name: tests.unit.filters.test_pipeline -*-
"""
What filters have in common.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from osxmail.interfaces import IFilter, IIncoming
from osxmail.mail.address import Address
from osxmail.mail.decision import Route, Step
from osxmail.mail.envelope import Client, Envelope, Recipient
from osxmail.mail.smtpreply import Reply
from osxmail.mail.verdict import Severity, Verdict


@implementer(IFilter)
class Filter:
    """
    A filter that has nothing to say; others say what they can.
    """

    name: ClassVar[str] = ""

    def mode(self) -> str:
        """
        See L{IFilter.mode}.
        """
        raise NotImplementedError

    def checkConnection(self, client: Client) -> Deferred[Verdict | None]:
        """
        See L{IFilter.checkConnection}.
        """
        return succeed(None)

    def checkSender(self, client: Client, sender: Address | None) -> Deferred[Verdict | None]:
        """
        See L{IFilter.checkSender}.
        """
        return succeed(None)

    def checkRecipient(
        self, client: Client, sender: Address | None, recipient: Recipient, route: Route
    ) -> Deferred[Verdict | None]:
        """
        See L{IFilter.checkRecipient}.
        """
        return succeed(None)

    def checkMessage(self, client: Client, envelope: Envelope, incoming: IIncoming) -> Deferred[Verdict | None]:
        """
        See L{IFilter.checkMessage}.
        """
        return succeed(None)

    def verdict(
        self,
        severity: Severity,
        text: str,
        *evidence: tuple[str, str],
        reply: Reply | None = None,
        results: tuple[str, ...] = (),
    ) -> Verdict:
        """
        A verdict of this filter.
        """
        return Verdict(self.name, severity, Step(f"filter.{self.name}", text, evidence), reply, results)
