# -*- test-case-name: tests.unit.delivery.test_bounces -*-
"""
Notices to senders: mail that cannot be delivered, and mail that is late (RFC 3464, RFC 5321 6.1).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from secrets import token_hex

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from osxmail.delivery.copies import mailboxCopy, queueRow
from osxmail.delivery.traceheaders import receivedField
from osxmail.errors import StoreDamaged
from osxmail.interfaces import IIncoming, IMailStore, IMessage, IRouter, ISettings
from osxmail.mail.acceptance import Acceptance, QueueLease, QueueRecipient, TraceEvent
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, DeliveryStatus, Route
from osxmail.mail.dsn import (
    MAX_RETURNED_HEADER_OCTETS,
    MAX_RETURNED_OCTETS,
    ReportedMessage,
    ReportedRecipient,
    ReportKind,
    buildReport,
)
from osxmail.mail.envelope import OURSELVES, Envelope, Recipient

#: The largest notice: what is returned, and a paragraph for each of a lease's recipients.
MAX_NOTICE_OCTETS = 4 << 20


@frozen
class Notice:
    """
    A notice, ready for L{osxmail.interfaces.IQueue.bounce}.

    @ivar incoming: its octets; to be aborted if it is not handed on.
    """

    acceptance: Acceptance
    incoming: IIncoming


class Bounces:
    """
    Makes notices.  They come from the null sender, and none is made about a message that did (RFC 5321 4.5.5): two
    servers never notify each other about notices.

    @ivar hostname: this server's name, the reporting MTA.
    """

    log = Logger(namespace="osxmail.delivery")

    def __init__(
        self,
        hostname: str,
        store: IMailStore,
        router: IRouter,
        settings: ISettings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.hostname = hostname
        self._store = store
        self._router = router
        self._settings = settings
        self._now = now

    def failure(
        self, lease: QueueLease, failed: Sequence[DeliveryStatus], message: IMessage
    ) -> Deferred[Notice | None]:
        """
        The notice that some of a lease's recipients will not get it, for C{IQueue.bounce} with the lease's outcomes.

        @param failed: those, each with its last status.
        @return: C{None} when nobody is to be told: the null sender, NOTIFY (RFC 3461 4.1), or a sender of ours whom
            nobody knows.  Then C{IQueue.report} is what is left to do.
        @raise TemporaryError: (in the Deferred) not now; nothing was changed.
        """
        return Deferred.fromCoroutine(self._notice(ReportKind.FAILED, "FAILURE", lease, failed, message, None))

    def delay(
        self, lease: QueueLease, delayed: Sequence[DeliveryStatus], message: IMessage, giveUpAt: float
    ) -> Deferred[Notice | None]:
        """
        The notice that some of a lease's recipients do not have it yet, and are tried again; else as L{failure}.

        @param giveUpAt: when they are given up, seconds since the epoch.
        """
        return Deferred.fromCoroutine(self._notice(ReportKind.DELAYED, "DELAY", lease, delayed, message, giveUpAt))

    async def _notice(
        self,
        kind: ReportKind,
        word: str,
        lease: QueueLease,
        statuses: Sequence[DeliveryStatus],
        message: IMessage,
        giveUpAt: float | None,
    ) -> Notice | None:
        sender = lease.envelope.sender
        if sender is None:
            return None
        rows = {recipient.address: recipient for recipient in lease.recipients}
        told = [status for status in statuses if wants(rows.get(status.address), word)]
        if not told:
            return None
        route = await self._router.route(sender)
        if route.refusal is not None and route.refusal.action is Action.REFUSE:
            self.log.warn(
                "{event}",
                event="notice.undeliverable",
                queueId=lease.queueId,
                sender=str(sender),
                rule=route.refusal.step.rule,
                text=route.refusal.step.text,
            )
            return None
        now = self._now()
        queueId = self._store.newQueueId()
        # RFC 3461 4.3: RET is about failures; the whole message is returned to who has asked for it.
        isWhole = kind is ReportKind.FAILED and lease.envelope.returnContent == "FULL"
        limit = (
            MAX_RETURNED_OCTETS if isWhole and message.sizeOctets <= MAX_RETURNED_OCTETS else MAX_RETURNED_HEADER_OCTETS
        )
        try:
            octets = await message.read(0, min(limit, message.sizeOctets))
        except StoreDamaged as error:
            # The sender is told all the same, and more so.
            self.log.error("{event}", event="message.damaged", queueId=lease.queueId, detail=str(error))
            octets, isWhole = message.prefix, False
        reported = ReportedMessage(
            sender,
            lease.queueId,
            lease.received,
            octets,
            isWhole and message.sizeOctets <= limit,
            lease.envelope.envelopeId,
        )
        report = buildReport(
            kind,
            reported,
            [ReportedRecipient(status, rows[status.address].original) for status in told],
            hostname=self.hostname,
            postmaster=Address("postmaster", self.hostname),
            identifier=f"{queueId}@{self.hostname}",
            boundary=token_hex(16),
            now=now,
            retryUntil=giveUpAt,
        )
        acceptance = self._acceptance(kind, lease, route, sender, queueId, now, told, len(report))
        incoming = self._store.incoming(MAX_NOTICE_OCTETS)
        waiting = incoming.write(report)
        if waiting is not None:
            await waiting
        return Notice(acceptance, incoming)

    def _acceptance(
        self,
        kind: ReportKind,
        lease: QueueLease,
        route: Route,
        sender: Address,
        queueId: str,
        now: float,
        told: Sequence[DeliveryStatus],
        sizeOctets: int,
    ) -> Acceptance:
        recipient = Recipient(sender)
        prefix = receivedField(OURSELVES, self.hostname, queueId, sender, int(now))
        appends = tuple(mailboxCopy(self._settings, target, None, recipient, prefix) for target in route.mailboxes)
        if route.refusal is not None:
            # Where the sender's mailbox is cannot be said now.  The agent for local recipients asks again.
            queued: tuple[QueueRecipient, ...] = (QueueRecipient(sender, local=True),)
        else:
            queued = tuple(queueRow(remote, recipient) for remote in route.remotes)
        about = tuple(str(status.address) for status in told)
        fields: dict[str, object] = {
            "kind": kind.value,
            "about": lease.queueId,
            "sender": "",
            "recipients": [str(sender)],
            "concerns": list(about),
            "replies": [str(status.reply) for status in told],
            "sizeOctets": sizeOctets,
            "steps": [f"{step.rule}: {step.text}" for step in route.steps],
        }
        trace = (
            TraceEvent(now, "notice.queued", lease.queueId, "", (str(sender), *about), {**fields, "notice": queueId}),
            TraceEvent(now, "message.accepted", queueId, f"{queueId}@{self.hostname}", (str(sender),), fields),
        )
        envelope = Envelope(None, (recipient,), smtputf8=not sender.isASCII)
        return Acceptance(queueId, envelope, now, appends, queued, prefix, trace)


def wants(recipient: QueueRecipient | None, kind: str) -> bool:
    """
    Does the sender want to hear of this (RFC 3461 4.1)?  Without NOTIFY: of failures and of delays.

    @param kind: C{"FAILURE"} or C{"DELAY"}.
    """
    return recipient is not None and (not recipient.notify or kind in recipient.notify)
