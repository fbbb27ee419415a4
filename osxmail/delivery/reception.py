# -*- test-case-name: tests.unit.delivery.test_reception -*-
"""
Taking responsibility for mail: may it come in, and the one durable act at the end of DATA.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from osxmail.delivery.copies import Copies
from osxmail.delivery.faults import notNow
from osxmail.delivery.quotas import FullMailboxes
from osxmail.delivery.relayrules import (
    SUBMISSION_SERVICES,
    TOO_LARGE,
    approvedNetwork,
    recipientDecision,
    rulesOf,
    senderDecision,
)
from osxmail.delivery.traceheaders import (
    MAX_RECEIVED,
    HeaderFacts,
    headerFacts,
    missingFields,
    reasonField,
    receivedField,
)
from osxmail.errors import TooLarge
from osxmail.filters.access import networkOf
from osxmail.filters.pipeline import NOTHING, Judgement, Pipeline
from osxmail.interfaces import IDirectory, IFilter, IIncoming, IMailStore, IReception, IRouter, ISettings
from osxmail.mail.acceptance import Acceptance, Accepted, TraceEvent
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, Decision, Route, Step
from osxmail.mail.envelope import Client, Envelope, Recipient
from osxmail.mail.record import Record
from osxmail.mail.smtpreply import Reply

#: Addresses of one message that the trace can be searched by.
MAX_TRACE_ADDRESSES = 1000
#: Steps of one message that the trace keeps.
MAX_TRACE_STEPS = 200

#: Copies of one message that other work waits for: under 5 ms.
COPIES_IN_A_SLICE = 200
#: Copies of one message, in mailboxes and in the queue together: what one transaction is to hold.
MAX_COPIES = 20000

TOO_MANY_COPIES = Reply(452, "4.5.3", ("The recipients lead to too many; send to fewer at once",))
TOO_MANY_HOPS = Reply(554, "5.4.6", ("Too many hops: the message goes in a circle",))
DELIVERED_BEFORE = Reply(554, "5.4.6", ("The message has been delivered here before: it goes in a circle",))


@implementer(IReception)
class Reception:
    """
    The one way in, for every protocol.

    Quota is not asked at RCPT: an append that finds no room becomes a queue row and is tried again.  But a mailbox
    that had no room for a message is remembered for five minutes, and while there is still none for that message,
    further mail for it is answered at RCPT by 452 4.2.2 (or 552 5.2.2: C{mail.over_quota}), so that a full mailbox
    does not fill the queue.  Those who have authenticated are exempt: mail programs give up on a 452.

    An LMTP client wants a reply for each recipient (RFC 2033 4.2): as all of them share one durable act, each gets the
    same one.

    @ivar hostname: this server's name, in Received fields and Message-IDs.
    """

    log = Logger(namespace="osxmail.delivery")

    def __init__(
        self,
        hostname: str,
        store: IMailStore,
        router: IRouter,
        directory: IDirectory,
        settings: ISettings,
        now: Callable[[], float] = time.time,
        clock: IReactorTime | None = None,
        filters: Sequence[IFilter] = (),
    ) -> None:
        """
        @param filters: asked about what strangers bring, in this order.
        """
        if clock is None:
            from twisted.internet import reactor

            clock = IReactorTime(reactor)
        self._clock = clock
        self.hostname = hostname
        self._store = store
        self._router = router
        self._directory = directory
        self._settings = settings
        self._now = now
        self._full = FullMailboxes(store, settings, now)
        self._filters = Pipeline(filters)

    # ------------------------------------------------------------------------------------------ MAIL and RCPT

    def checkSender(self, client: Client, sender: Address | None, sizeOctets: int) -> Deferred[Decision]:
        return Deferred.fromCoroutine(self._checkSender(client, sender, sizeOctets))

    async def _checkSender(self, client: Client, sender: Address | None, sizeOctets: int) -> Decision:
        decision = await self._decideSender(client, sender, sizeOctets)
        if not decision.accepted:
            self._logRefusal(client, "sender.refused", decision, sender=str(sender or ""), recipient="")
        return decision

    async def _decideSender(self, client: Client, sender: Address | None, sizeOctets: int) -> Decision:
        try:
            record: Record | None = None
            if client.login is not None:
                record = await self._directory.recordWithAddress(client.login)
            decision = senderDecision(rulesOf(self._settings), client, sender, sizeOctets, record)
            if decision.accepted and self._isFiltered(client):
                return _together(decision, await self._filters.checkSender(client, sender))
            return decision
        except Exception as error:  # noqa: BLE001 — the contract never fails
            return notNow(error, self.log, "checkSender", session=client.sessionId)

    def checkRecipient(
        self, client: Client, sender: Address | None, recipient: Recipient
    ) -> Deferred[tuple[Decision, Route]]:
        return Deferred.fromCoroutine(self._checkRecipient(client, sender, recipient))

    async def _checkRecipient(
        self, client: Client, sender: Address | None, recipient: Recipient
    ) -> tuple[Decision, Route]:
        decision, route = await self._decideRecipient(client, sender, recipient)
        if not decision.accepted:
            self._logRefusal(
                client, "recipient.refused", decision, sender=str(sender or ""), recipient=str(recipient.address)
            )
        return decision, route

    async def _decideRecipient(
        self, client: Client, sender: Address | None, recipient: Recipient
    ) -> tuple[Decision, Route]:
        route = Route(recipient.address)
        try:
            route = await self._router.route(recipient.address)
            decision = recipientDecision(rulesOf(self._settings), client, route)
            if len(self._full) and decision.accepted and client.login is None and client.service != "local":
                decision = await self._full.check(decision, route)
            if decision.accepted and self._isFiltered(client):
                judgement = await self._filters.checkRecipient(client, sender, recipient, route)
                decision = _together(decision, judgement)
            return decision, route
        except Exception as error:  # noqa: BLE001 — the contract never fails
            return notNow(error, self.log, "checkRecipient", route.steps, session=client.sessionId), route

    def _isFiltered(self, client: Client) -> bool:
        """
        Filters are for strangers: not for who has logged in, may relay, or is trusted by name.
        """
        if client.service != "smtp" or client.login is not None or self._filters.isIdle:
            return False
        if approvedNetwork(rulesOf(self._settings), client) is not None:
            return False
        return networkOf(client.host, self._settings.words("filter.trusted_networks")) is None

    # ---------------------------------------------------------------------------------------------- the message

    def incoming(self, client: Client) -> IIncoming:
        return self._store.incoming(self._settings.octets("smtp.message_size_limit"))

    def accept(
        self, client: Client, envelope: Envelope, routes: Sequence[Route], incoming: IIncoming
    ) -> Deferred[Decision]:
        return Deferred.fromCoroutine(self._accept(client, envelope, routes, incoming))

    async def _accept(
        self, client: Client, envelope: Envelope, routes: Sequence[Route], incoming: IIncoming
    ) -> Decision:
        sizeOctets = incoming.sizeOctets
        queueId, messageId = "", ""
        try:
            queueId = self._store.newQueueId()
            facts = headerFacts(incoming.header())
            messageId = facts.messageId
            judgement = NOTHING
            if self._isFiltered(client):
                judgement = await self._filters.checkMessage(client, envelope, incoming)
            if judgement.refusal is not None:
                decision, acceptance = judgement.refusal, None
            else:
                decision, acceptance = await self._prepare(
                    client, envelope, routes, facts, queueId, sizeOctets, judgement
                )
            if acceptance is not None:
                accepted = await self._store.accept(acceptance, incoming)
                self._full.remember(acceptance, accepted, sizeOctets)
                self._logAccepted(client, acceptance, accepted, sizeOctets)
                return decision
        except TooLarge:
            step = Step("smtp.size", "the message is larger than allowed", (("setting", "smtp.message_size_limit"),))
            decision = Decision(Action.REFUSE, step, TOO_LARGE, (step,))
        except Exception as error:  # noqa: BLE001 — the contract never fails
            decision = notNow(error, self.log, "accept", session=client.sessionId, queueId=queueId)
        incoming.abort()
        self.log.info(
            "{event}",
            event="message.refused",
            queueId=queueId,
            messageId=messageId,
            session=client.sessionId,
            host=client.host,
            service=client.service,
            sender=str(envelope.sender or ""),
            recipients=len(envelope.recipients),
            sizeOctets=sizeOctets,
            rule=decision.step.rule,
            text=decision.step.text,
            reply=str(decision.reply),
        )
        return decision

    async def _prepare(
        self,
        client: Client,
        envelope: Envelope,
        routes: Sequence[Route],
        facts: HeaderFacts,
        queueId: str,
        sizeOctets: int,
        judgement: Judgement,
    ) -> tuple[Decision, Acceptance | None]:
        if facts.received > MAX_RECEIVED:
            step = Step("loop.received", f"{facts.received} Received fields; {MAX_RECEIVED} are the most")
            return Decision(Action.REFUSE, step, TOO_MANY_HOPS, (step,)), None
        received = self._now()
        recipients = envelope.recipients
        only = recipients[0].address if len(recipients) == 1 else None
        prefix = receivedField(client, self.hostname, queueId, only, int(received))
        if client.service in SUBMISSION_SERVICES or client.login is not None:
            # RFC 6409 8: only what our own people hand in is completed; a relay leaves mail as it is.
            prefix += missingFields(facts, self.hostname, queueId, int(received))
            if not facts.hasMessageId:
                facts = evolve(facts, messageId=f"{queueId}@{self.hostname}", hasMessageId=True)
        prefix += reasonField(judgement.reasons)
        # Who has logged in is no loop, whatever Delivered-To a message has that is sent once more.
        before = facts.deliveredTo if client.login is None else frozenset()
        copies = Copies(self._settings, envelope.sender, prefix, before)
        work = 0
        for recipient, route in zip(recipients, routes, strict=True):
            copies.add(recipient, route)
            if len(copies) > MAX_COPIES:
                step = Step("accept.limit", f"the recipients lead to more than {MAX_COPIES} mailboxes and addresses")
                return Decision(Action.DEFER, step, TOO_MANY_COPIES, (step,)), None
            work += 1 + len(route.mailboxes) + len(route.remotes)
            if work >= COPIES_IN_A_SLICE:
                work = 0
                await deferLater(self._clock, 0)
        if not copies:
            step = copies.skipped[0] if copies.skipped else Step("accept.nobody", "no recipient is left")
            return Decision(Action.REFUSE, step, DELIVERED_BEFORE, (*copies.skipped, step)), None
        step = Step("store.accept", f"on disk as {queueId}", (("queueId", queueId),))
        steps = (*copies.skipped, step)
        trace = _trace(client, envelope, routes, copies, queueId, facts.messageId, received, sizeOctets, judgement)
        acceptance = Acceptance(
            queueId,
            envelope,
            received,
            tuple(copies.appends.values()),
            tuple(copies.queued.values()),
            copies.queuePrefix,
            (trace,),
        )
        return Decision(Action.ACCEPT, step, Reply(250, "2.0.0", (f"queued as {queueId}",)), steps), acceptance

    # ------------------------------------------------------------------------------------------------ afterwards

    def _logRefusal(self, client: Client, event: str, decision: Decision, sender: str, recipient: str) -> None:
        if client.isHypothetical:
            return
        self.log.info(
            "{event}",
            event=event,
            session=client.sessionId,
            host=client.host,
            service=client.service,
            login=str(client.login or ""),
            sender=sender,
            recipient=recipient,
            action=decision.action.value,
            rule=decision.step.rule,
            text=decision.step.text,
            reply=str(decision.reply),
        )

    def _logAccepted(self, client: Client, acceptance: Acceptance, accepted: Accepted, sizeOctets: int) -> None:
        envelope = acceptance.envelope
        self.log.info(
            "{event}",
            event="message.accepted",
            queueId=acceptance.queueId,
            messageId=acceptance.trace[0].messageId,
            session=client.sessionId,
            host=client.host,
            service=client.service,
            protocol=client.protocol,
            login=str(client.login or ""),
            sender=str(envelope.sender or ""),
            recipients=tuple(str(r.address) for r in envelope.recipients[:20]),
            recipientCount=len(envelope.recipients),
            sizeOctets=sizeOctets,
            appended=len(accepted.appended),
            queued=accepted.queued,
            overQuota=len(accepted.overQuota),
        )


def _together(decision: Decision, judgement: Judgement) -> Decision:
    """
    A decision to accept, and what the filters say of that.
    """
    refusal = judgement.refusal
    if refusal is not None:
        return evolve(refusal, steps=(*decision.steps, *refusal.steps))
    return evolve(decision, steps=(*judgement.steps, *decision.steps)) if judgement.verdicts else decision


def _trace(
    client: Client,
    envelope: Envelope,
    routes: Sequence[Route],
    copies: Copies,
    queueId: str,
    messageId: str,
    received: float,
    sizeOctets: int,
    judgement: Judgement,
) -> TraceEvent:
    addresses = [str(envelope.sender)] if envelope.sender is not None else []
    steps: list[str] = []
    for recipient, route in zip(envelope.recipients[:MAX_TRACE_ADDRESSES], routes, strict=False):
        addresses.append(str(recipient.address))
        if len(steps) < MAX_TRACE_STEPS:
            steps += [f"{step.rule}: {step.text}" for step in route.steps[: MAX_TRACE_STEPS - len(steps)]]
    known = set(addresses)
    owners = map(str, (append.address for append in islice(copies.appends.values(), MAX_TRACE_ADDRESSES)))
    addresses += [owner for owner in owners if owner not in known]
    fields: dict[str, object] = {
        "sender": str(envelope.sender or ""),
        "recipients": [str(r.address) for r in envelope.recipients[:MAX_TRACE_ADDRESSES]],
        "host": client.host,
        "helo": client.helo,
        "service": client.service,
        "protocol": client.protocol,
        "tls": client.tls,
        "login": str(client.login or ""),
        "session": client.sessionId,
        "sizeOctets": sizeOctets,
        "mailboxes": [f"{a.address}/{a.mailbox}" for a in islice(copies.appends.values(), MAX_TRACE_ADDRESSES)],
        "queued": [str(q.address) for q in islice(copies.queued.values(), MAX_TRACE_ADDRESSES)],
        "steps": steps + [f"{step.rule}: {step.text}" for step in (*judgement.steps, *copies.skipped)],
    }
    return TraceEvent(received, "message.accepted", queueId, messageId, tuple(addresses[:MAX_TRACE_ADDRESSES]), fields)
