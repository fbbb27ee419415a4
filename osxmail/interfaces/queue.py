# -*- test-case-name: tests.contracts -*-
"""
What has been accepted for somebody who could not have it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from zope.interface import Interface

from osxmail.mail.acceptance import Acceptance, Accepted, QueueItem, QueueLease, QueueOutcome, TraceEvent

if TYPE_CHECKING:
    from osxmail.interfaces.messages import IIncoming, IMessage

# mypy: disable-error-code="empty-body"


class IQueue(Interface):
    """
    What has been accepted for somebody who could not have it yet.
    """

    def claim(
        limit: int, leaseSeconds: float, full: Sequence[str], localOnly: bool = False
    ) -> Deferred[list[QueueLease]]:
        """
        Lease what is due, oldest first, grouped by item and destination.
        @param limit: at most so many leases.
        @param full: destinations of which nothing is wanted now.
        @param localOnly: only what is for our own mailboxes (C{relay.hold_outbound}).
        """

    def message(queueId: str) -> Deferred[IMessage]:
        """
        @raise osxmail.errors.NoSuchMessage:
        """

    def messages(queueIds: Sequence[str]) -> Deferred[dict[str, IMessage]]:
        """
        Several messages in one hop, at most 100; those that are gone are not in the answer.
        """

    def report(lease: QueueLease, outcomes: Sequence[QueueOutcome], trace: Sequence[TraceEvent]) -> Deferred[None]:
        """
        What became of a lease: its recipients leave or wait, the lease ends, the trace is kept; one transaction.
        Recipients without an outcome are given back.  What an administrator has removed meanwhile is passed over.

        @raise osxmail.errors.InUse: the lease ran out and somebody else has it.
        """

    def giveBack(leases: Sequence[QueueLease]) -> Deferred[None]:
        """
        End leases without an attempt (a clean stop).
        """

    def bounce(
        lease: QueueLease,
        outcomes: Sequence[QueueOutcome],
        acceptance: Acceptance,
        incoming: IIncoming,
        trace: Sequence[TraceEvent],
    ) -> Deferred[Accepted]:
        """
        C{report} and C{accept} in one transaction: a recipient never leaves without its notice, nor twice with one.

        @raise osxmail.errors.InUse: the lease ran out, or an administrator has removed a recipient meanwhile: nothing
            was accepted.
        """

    def nextDue() -> Deferred[float | None]:
        """
        When something may be claimed next, seconds since the epoch: a recipient that is neither held nor leased is
        due, or a lease runs out whose holder may have died.
        """

    def addListener(listener: Callable[[], None]) -> None:
        """
        Called on the reactor when something may have become due.
        """

    def list(
        queueId: str = "", sender: str = "", recipient: str = "", destination: str = "", limit: int = 1000
    ) -> Deferred[tuple[QueueItem, ...]]:
        """
        Items that match all that is given, in order of arrival, each with all its recipients; C{sender} and
        C{recipient} may hold C{*}; the sender C{<>} is the null sender.
        """

    def retry(queueIds: Sequence[str]) -> Deferred[int]:
        """
        Make them due now; how many recipients.
        """

    def hold(queueIds: Sequence[str]) -> Deferred[int]: ...
    def release(queueIds: Sequence[str]) -> Deferred[int]: ...

    def remove(queueIds: Sequence[str]) -> Deferred[int]:
        """
        Delete without telling anybody; how many recipients.
        """
