# -*- test-case-name: tests.unit.delivery.test_local -*-
"""
Delivery out of the queue into mailboxes of ours: for recipients whose mailbox had no room when the message came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from osxmail.delivery.copies import Copies
from osxmail.delivery.faults import notNow
from osxmail.delivery.quotas import Room, fullDecision
from osxmail.delivery.traceheaders import deliveredToField, returnPath
from osxmail.errors import InUse
from osxmail.interfaces import IDeliveryAgent, IIncoming, IMailStore, IMessage, IQueue, IRouter, ISettings
from osxmail.mail.acceptance import Acceptance, QueueLease, QueueOutcome, QueueRecipient, TraceEvent
from osxmail.mail.decision import Action, Decision, DeliveryStatus, Route, Step
from osxmail.mail.envelope import Recipient
from osxmail.mail.smtpreply import Reply

#: Octets that are read and written at once.
PIECE_OCTETS = 256 * 1024
#: The queue's rows may be larger than what is accepted now: the setting may have changed meanwhile.
MAX_OCTETS = 1 << 40

DELIVERED = Reply(250, "2.1.5", ("Delivered",))
LEASE_LOST = Reply(451, "4.3.0", ("The lease ended; somebody else may be trying",))


@frozen
class _Way:
    """
    Where one recipient goes now, or why not.
    """

    recipient: QueueRecipient
    route: Route
    status: DeliveryStatus | None = None


@implementer(IDeliveryAgent)
class LocalDelivery:
    """
    The agent of the queue's destination C{local}.

    The recipient is looked up again: the person may forward by now, or be gone.  What can be delivered is one
    transaction with the queue's report (L{IQueue.bounce}): a crash neither loses nor doubles a copy.  Those of the
    same lease who cannot have it now are due again at once, and as nobody of the next lease can be delivered to, the
    scheduler decides when they are tried again, or that the sender is told.
    """

    log = Logger(namespace="osxmail.delivery")

    def __init__(
        self,
        store: IMailStore,
        queue: IQueue,
        router: IRouter,
        settings: ISettings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._queue = queue
        self._router = router
        self._settings = settings
        self._now = now

    def deliver(self, lease: QueueLease, message: IMessage) -> Deferred[tuple[DeliveryStatus, ...]]:
        return Deferred.fromCoroutine(self._deliver(lease, message))

    async def _deliver(self, lease: QueueLease, message: IMessage) -> tuple[DeliveryStatus, ...]:
        incoming: IIncoming | None = None
        try:
            ways = await self._ways(lease)
            delivered = [way for way in ways if way.status is None]
            if not delivered:
                return tuple(way.status for way in ways if way.status is not None)
            incoming = self._store.incoming(MAX_OCTETS)
            await _copy(message, incoming)
            return await self._commit(lease, ways, message, incoming)
        except InUse:
            return _all(lease, LEASE_LOST, Step("queue.lease", "the lease ended during the delivery"))
        except Exception as error:  # noqa: BLE001 — the contract never fails
            decision = notNow(error, self.log, "local", queueId=lease.queueId)
            return _all(lease, decision.reply, decision.step)
        finally:
            if incoming is not None:
                incoming.abort()

    async def _ways(self, lease: QueueLease) -> list[_Way]:
        room = Room(self._store, self._settings)
        ways = []
        for recipient in lease.recipients:
            route = await self._router.route(recipient.address)
            ways.append(await self._way(lease, recipient, route, room))
        return ways

    async def _way(self, lease: QueueLease, recipient: QueueRecipient, route: Route, room: Room) -> _Way:
        if route.refusal is not None:
            return _Way(recipient, route, _status(recipient, route.refusal))
        # The queue's row stands for the copy of one mailbox.  Where the person forwards and keeps a copy, the
        # forwarding was done when the message was accepted; only when the mailbox is no longer what the address
        # leads to is the new way taken in full.
        own = tuple(target for target in route.mailboxes if target.deliveredTo == recipient.address)
        if own:
            route = evolve(route, mailboxes=own, remotes=())
        for target in route.mailboxes:
            octets = lease.sizeOctets + len(returnPath(lease.envelope.sender) + deliveredToField(target.deliveredTo))
            if not await room.has(target, octets):
                return _Way(recipient, route, _status(recipient, fullDecision(self._settings, target, route.steps)))
            room.take(target, octets)
        return _Way(recipient, route)

    async def _commit(
        self, lease: QueueLease, ways: Sequence[_Way], message: IMessage, incoming: IIncoming
    ) -> tuple[DeliveryStatus, ...]:
        copies = Copies(self._settings, lease.envelope.sender, message.prefix)
        outcomes, statuses = [], []
        for way in ways:
            if way.status is not None:
                # No outcome: it stays as it was, and is due.
                statuses.append(evolve(way.status, isReported=True))
                continue
            row = way.recipient
            copies.add(Recipient(row.address, row.original, row.notify), way.route)
            outcomes.append(QueueOutcome(row.address, True, reply=DELIVERED))
            statuses.append(DeliveryStatus(row.address, Action.ACCEPT, DELIVERED, isReported=True))
        newId = self._store.newQueueId()
        delivered = tuple(str(outcome.address) for outcome in outcomes)
        fields: dict[str, object] = {
            "recipients": list(delivered),
            "mailboxes": [f"{append.address}/{append.mailbox}" for append in copies.appends.values()],
            "queued": [str(row.address) for row in copies.queued.values()],
            "newQueueId": newId,
            "attempts": lease.attempts + 1,
        }
        trace = TraceEvent(self._now(), "message.delivered", lease.queueId, "", delivered, fields)
        acceptance = Acceptance(
            newId,
            lease.envelope,
            lease.received,
            tuple(copies.appends.values()),
            tuple(copies.queued.values()),
            copies.queuePrefix,
        )
        accepted = await self._queue.bounce(lease, outcomes, acceptance, incoming, (trace,))
        self.log.info(
            "{event}",
            event="message.delivered",
            queueId=lease.queueId,
            newQueueId=newId,
            destination=lease.destination,
            recipients=delivered,
            appended=len(accepted.appended),
            queued=accepted.queued,
            overQuota=len(accepted.overQuota),
            attempts=lease.attempts + 1,
            sizeOctets=lease.sizeOctets,
        )
        return tuple(statuses)


async def _copy(message: IMessage, incoming: IIncoming) -> None:
    """
    Write the message's octets, without the prefix, into C{incoming}.
    """
    offset = len(message.prefix)
    while offset < message.sizeOctets:
        data = await message.read(offset, PIECE_OCTETS)
        if not data:
            raise ValueError(f"the message ends at {offset} of {message.sizeOctets} octets")
        offset += len(data)
        waiting = incoming.write(data)
        if waiting is not None:
            await waiting


def _status(recipient: QueueRecipient, decision: Decision) -> DeliveryStatus:
    return DeliveryStatus(recipient.address, decision.action, decision.reply, steps=decision.steps)


def _all(lease: QueueLease, reply: Reply, step: Step) -> tuple[DeliveryStatus, ...]:
    return tuple(
        DeliveryStatus(recipient.address, Action.DEFER, reply, steps=(step,)) for recipient in lease.recipients
    )
