# -*- test-case-name: tests.unit.store.test_queuetable -*-
"""
The queue: what has been accepted for somebody who could not have it yet.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from osxmail.errors import LimitExceeded, NoSuchMessage
from osxmail.interfaces import IIncoming, IMessage, IQueue
from osxmail.mail.acceptance import (
    Acceptance,
    Accepted,
    QueueItem,
    QueueLease,
    QueueOutcome,
    QueueState,
    TraceEvent,
)
from osxmail.store.accepting import Accepting
from osxmail.store.connection import Transaction, isText
from osxmail.store.database import Database
from osxmail.store.incoming import Incoming
from osxmail.store.message import messagesOfQueue
from osxmail.store.octets import Octets
from osxmail.store.queueclaims import claim_txn
from osxmail.store.queuerows import (
    Report,
    addressOf,
    endLeases_txn,
    hold_txn,
    release_txn,
    remove_txn,
    report_txn,
    retry_txn,
)
from osxmail.store.trace import recordTrace_txn

MAX_LEASES_A_CLAIM = 1_000
MAX_MESSAGES_AT_ONCE = 100
IDS_AT_ONCE = 500  # items that one transaction of an administrator changes
LISTED_AT_ONCE = 200  # items that are read in one go

log = Logger(namespace="osxmail.store")


@implementer(IQueue)
class QueueTable:
    """
    See L{IQueue}.
    """

    def __init__(
        self,
        database: Database,
        octets: Octets,
        holder: str = "1",
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param holder: names this process among those that share the store, the same after a restart: so that it
            finds the leases that it had when it died.
        """
        self._database = database
        self._octets = octets
        self._now = now
        self._leasePrefix = f"{holder}."
        self._leaseIds: Iterator[str] = map(f"{holder}.{secrets.token_hex(6)}.{{}}".format, count())
        self._listeners: list[Callable[[], None]] = []
        self._accepting: Accepting | None = None

    def join(self, accepting: Accepting) -> None:
        """
        What L{bounce} accepts with.
        """
        self._accepting = accepting

    def start(self) -> Deferred[None]:
        """
        Give back what this process had leased when it died.
        """

        def started(recipients: int) -> None:
            if recipients:
                log.info("{event}", event="queue.leases_ended", recipients=recipients)

        return self._database.write(lambda txn: endLeases_txn(txn, self._leasePrefix)).addCallback(started)

    # ------------------------------------------------------------------------------------------- deliveries

    def claim(
        self, limit: int, leaseSeconds: float, full: Sequence[str], localOnly: bool = False
    ) -> Deferred[list[QueueLease]]:
        """
        See L{IQueue.claim}.
        """
        now = self._now()
        wanted = min(limit, MAX_LEASES_A_CLAIM)
        if wanted < 1:
            return succeed([])
        names = frozenset(full)
        return self._database.write(
            lambda txn: claim_txn(txn, now, wanted, now + leaseSeconds, names, localOnly, self._leaseIds)
        )

    def message(self, queueId: str) -> Deferred[IMessage]:
        """
        See L{IQueue.message}.
        """

        def only(found: dict[str, IMessage]) -> IMessage:
            try:
                return found[queueId]
            except KeyError:
                raise NoSuchMessage(f"nothing in the queue is called {queueId!r}") from None

        return self.messages((queueId,)).addCallback(only)

    def messages(self, queueIds: Sequence[str]) -> Deferred[dict[str, IMessage]]:
        """
        See L{IQueue.messages}.
        """
        if len(queueIds) > MAX_MESSAGES_AT_ONCE:
            return fail(LimitExceeded(f"more than {MAX_MESSAGES_AT_ONCE} messages at once"))
        ids = tuple(queueIds)
        return self._database.read(lambda txn: messagesOfQueue(txn, self._octets, ids), isSingle=True)

    def report(
        self, lease: QueueLease, outcomes: Sequence[QueueOutcome], trace: Sequence[TraceEvent]
    ) -> Deferred[None]:
        """
        See L{IQueue.report}.
        """
        return self._database.writeTogether(self._reportAll_txn, Report(lease, tuple(outcomes), tuple(trace)))

    @staticmethod
    def _reportAll_txn(txn: Transaction, items: list[Report]) -> list[Any]:
        results = report_txn(txn, items)
        recordTrace_txn(
            txn,
            [event for item, refusal in zip(items, results, strict=True) if refusal is None for event in item.trace],
        )
        return results

    def giveBack(self, leases: Sequence[QueueLease]) -> Deferred[None]:
        """
        See L{IQueue.giveBack}.
        """
        if not leases:
            return succeed(None)
        reports = [Report(lease, (), ()) for lease in leases]

        def write(txn: Transaction) -> None:
            # A lease that ran out is given back already.
            report_txn(txn, reports)
            txn.afterCommit(self.tellListeners)

        return self._database.write(write)

    def bounce(
        self,
        lease: QueueLease,
        outcomes: Sequence[QueueOutcome],
        acceptance: Acceptance,
        incoming: IIncoming,
        trace: Sequence[TraceEvent],
    ) -> Deferred[Accepted]:
        """
        See L{IQueue.bounce}.

        @raise InUse: (in the Deferred) the lease ran out, or an administrator has removed a recipient meanwhile:
            nothing was accepted.
        """
        assert isinstance(incoming, Incoming)
        report = Report(lease, tuple(outcomes), tuple(trace))
        return Deferred.fromCoroutine(self._bounce(report, acceptance, incoming))

    async def _bounce(self, report: Report, acceptance: Acceptance, incoming: Incoming) -> Accepted:
        accepting = self._accepting
        assert accepting is not None
        arrival = await accepting.prepare(acceptance, incoming)

        def write(txn: Transaction) -> Accepted:
            (refusal,) = report_txn(txn, [report], needsAll=True)
            if refusal is not None:
                raise refusal
            recordTrace_txn(txn, report.trace)
            return accepting.acceptAll_txn(txn, [arrival])[0]

        try:
            return await self._database.write(write, incoming.sizeOctets if incoming.isInMemory else 0)
        except BaseException:
            incoming.release()
            raise

    def nextDue(self) -> Deferred[float | None]:
        """
        See L{IQueue.nextDue}.
        """

        def earliest(txn: Transaction) -> float | None:
            due: float | None = txn.execute("SELECT min(due) FROM queue_destination").get
            return due

        return self._database.read(earliest, isSingle=True)

    def addListener(self, listener: Callable[[], None]) -> None:
        """
        See L{IQueue.addListener}.
        """
        self._listeners.append(listener)

    def tellListeners(self) -> None:
        """
        Something may have become due.
        """
        for listener in self._listeners:
            try:
                listener()
            except Exception:  # noqa: BLE001  one listener's fault is not the others'
                log.failure("{event}", Failure(), event="store.listener_failed")

    # --------------------------------------------------------------------------------------- administration

    def list(
        self, queueId: str = "", sender: str = "", recipient: str = "", destination: str = "", limit: int = 1000
    ) -> Deferred[tuple[QueueItem, ...]]:
        """
        See L{IQueue.list}.  In order of arrival.

        @param sender: C{<>} is the null sender.
        """
        return Deferred.fromCoroutine(self._list(queueId, sender, recipient, destination, limit))

    async def _list(
        self, queueId: str, sender: str, recipient: str, destination: str, limit: int
    ) -> tuple[QueueItem, ...]:
        if not isText(queueId + sender + recipient + destination):
            return ()
        conditions = ["id > ?"]
        arguments: list[object] = []
        if queueId:
            conditions.append("id = ?")
            arguments.append(queueId.upper())
        if sender == "<>":
            conditions.append("sender IS NULL")
        elif sender:
            conditions.append("sender LIKE ? ESCAPE '\\'")
            arguments.append(_pattern(sender))
        if recipient or destination:
            conditions.append(
                "EXISTS (SELECT 1 FROM queue_recipient r WHERE r.queue_id = queue.id"
                + (" AND r.address LIKE ? ESCAPE '\\'" if recipient else "")
                + (" AND r.destination = ?" if destination else "")
                + ")"
            )
            arguments += [_pattern(recipient)] if recipient else []
            arguments += [destination.lower()] if destination else []
        select = (
            "SELECT json_group_array(json_array(id, sender, printf('%!.17g', received), size, held)) FROM"
            " (SELECT id, sender, received, size, held FROM queue WHERE "
            + " AND ".join(conditions)
            + " ORDER BY id LIMIT ?)"
        )
        found: list[QueueItem] = []
        after = ""
        # In parts, so that no thread holds the GIL for long.
        while len(found) < limit:
            page = min(LISTED_AT_ONCE, limit - len(found))
            values = (after, *arguments, page)
            items = await self._database.read(lambda txn, values=values: _items(txn, select, values, self._now()))  # type: ignore[misc]
            found += items
            if len(items) < page:
                break
            after = items[-1].queueId
        return tuple(found)

    def retry(self, queueIds: Sequence[str]) -> Deferred[int]:
        """
        See L{IQueue.retry}.
        """
        now = self._now()
        return self._change(lambda txn, ids: retry_txn(txn, ids, now), queueIds)

    def hold(self, queueIds: Sequence[str]) -> Deferred[int]:
        """
        See L{IQueue.hold}.
        """
        return self._change(hold_txn, queueIds)

    def release(self, queueIds: Sequence[str]) -> Deferred[int]:
        """
        See L{IQueue.release}.
        """
        return self._change(release_txn, queueIds)

    def remove(self, queueIds: Sequence[str]) -> Deferred[int]:
        """
        See L{IQueue.remove}.
        """
        return self._change(remove_txn, queueIds)

    def _change(self, function: Callable[[Transaction, Sequence[str]], int], queueIds: Sequence[str]) -> Deferred[int]:
        return Deferred.fromCoroutine(self._changeInParts(function, tuple(queueIds)))

    async def _changeInParts(
        self, function: Callable[[Transaction, Sequence[str]], int], queueIds: Sequence[str]
    ) -> int:
        total = 0
        for start in range(0, len(queueIds), IDS_AT_ONCE):
            part = queueIds[start : start + IDS_AT_ONCE]

            def write(txn: Transaction, part: Sequence[str] = part) -> int:
                txn.afterCommit(self.tellListeners)
                return function(txn, part)

            total += await self._database.write(write)
        return total


def _pattern(text: str) -> str:
    """
    What is written with C{*} as a pattern of LIKE, which does not tell ASCII letters by case.
    """
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


def _items(txn: Transaction, select: str, values: Sequence[object], now: float) -> list[QueueItem]:
    items = json.loads(txn.execute(select, values).get)
    states: dict[str, list[QueueState]] = {item[0]: [] for item in items}
    text = txn.execute(
        "SELECT json_group_array(json_array(queue_id, position, address, destination, attempts,"
        " printf('%!.17g', next_try), lease_id IS NOT NULL AND lease_until > ?, last_reply, remote_host))"
        " FROM queue_recipient WHERE queue_id IN (SELECT value FROM json_each(?))",
        (now, json.dumps(list(states))),
    ).get
    for queueId, _, address, destination, attempts, nextTry, leased, reply, host in sorted(
        json.loads(text), key=lambda row: row[:2]
    ):
        states[queueId].append(
            QueueState(addressOf(address), destination, attempts, float(nextTry), bool(leased), reply, host)
        )
    return [
        QueueItem(
            queueId,
            None if sender is None else addressOf(sender),
            float(received),
            size,
            bool(held),
            tuple(states[queueId]),
        )
        for queueId, sender, received, size, held in items
    ]
