# -*- test-case-name: tests.contracts -*-
"""
May it come in, where does it lead, and who brings it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from osxmail.mail.acceptance import QueueLease
from osxmail.mail.address import Address
from osxmail.mail.decision import Decision, DeliveryStatus, Route
from osxmail.mail.envelope import Client, Envelope, Recipient
from osxmail.mail.verdict import Verdict

if TYPE_CHECKING:
    from osxmail.interfaces.messages import IIncoming, IMessage

# mypy: disable-error-code="empty-body"


class IFilter(Interface):
    """
    Looks at what strangers bring, and says what it thinks: a verdict, or C{None} where there is nothing to say.  Fails
    with L{osxmail.errors.TemporaryError} where it cannot say now; that stops no mail.  Changes nothing.
    """

    name: str = Attribute("what the setting C{filter.NAME} and the trace call it")

    def mode() -> str:
        """
        C{"off"}, C{"observe"} or C{"on"}, at this moment.
        """

    def checkConnection(client: Client) -> Deferred[Verdict | None]:
        """
        Asked once for each connection and EHLO, at the first MAIL.
        """

    def checkSender(client: Client, sender: Address | None) -> Deferred[Verdict | None]: ...

    def checkRecipient(
        client: Client, sender: Address | None, recipient: Recipient, route: Route
    ) -> Deferred[Verdict | None]: ...

    def checkMessage(client: Client, envelope: Envelope, incoming: IIncoming) -> Deferred[Verdict | None]:
        """
        Asked once, at the end of DATA.
        """


class IRouter(Interface):
    def route(address: Address) -> Deferred[Route]:
        """
        Where mail for this address goes.  Never fails: what cannot be said now is a DEFER refusal.
        """


class IReception(Interface):
    """
    Takes responsibility for mail, whatever protocol it comes by.  None of these ever fails: what cannot be said now
    is a DEFER decision.
    """

    def checkSender(client: Client, sender: Address | None, sizeOctets: int) -> Deferred[Decision]:
        """
        May this client send as this sender, now, a message of this size (0: not stated)?
        """

    def checkRecipient(
        client: Client, sender: Address | None, recipient: Recipient
    ) -> Deferred[tuple[Decision, Route]]: ...

    def incoming(client: Client) -> IIncoming:
        """
        A place for the message, with the limit that counts for this client.
        """

    def accept(client: Client, envelope: Envelope, routes: Sequence[Route], incoming: IIncoming) -> Deferred[Decision]:
        """
        The end of DATA: one durable act.  C{routes} are the recipients' in the order of the envelope.
        An ACCEPT is on disk.
        """


class IDeliveryAgent(Interface):
    def deliver(lease: QueueLease, message: IMessage) -> Deferred[tuple[DeliveryStatus, ...]]:
        """
        Try it once: a status for each recipient, in order.  The Deferred never fails.  Where the statuses say
        C{isReported}, the agent has told the queue itself and the lease has ended: report nothing.
        """
