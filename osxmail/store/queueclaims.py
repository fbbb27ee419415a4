# -*- test-case-name: tests.unit.store.test_queuetable -*-
"""
Claiming: leases on what is due in the queue, oldest first, in few statements.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

from attrs import define

from osxmail.mail.acceptance import QueueLease, QueueRecipient
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.store.connection import Transaction
from osxmail.store.queuerows import addressOf, refresh_txn

MAX_LEASE_RECIPIENTS = 100  # RFC 5321 4.5.3.1.8: so many any server takes in one transaction
MAX_DESTINATIONS_A_STEP = 64  # that one statement looks at
LEAST_PAGE_RECIPIENTS = 8  # that are read of a destination at a time
MOST_PAGE_RECIPIENTS = 400


@define(eq=False, slots=True)
class _Row:
    """
    A recipient that is due.
    """

    destination: str
    queueId: str
    position: int
    due: float
    address: str
    nextHop: str
    local: int
    original: str
    notify: str
    attempts: int
    delayNotified: int

    @property
    def kind(self) -> tuple[object, ...]:
        # What is tried together has the same way to go and the same past.
        return (self.queueId, self.nextHop, self.local, self.attempts, self.delayNotified)

    @property
    def order(self) -> tuple[float, str, int]:
        return (self.due, self.queueId, self.position)


def claim_txn(
    txn: Transaction,
    now: float,
    limit: int,
    leaseUntil: float,
    full: Collection[str],
    isLocalOnly: bool,
    leaseIds: Iterator[str],
) -> list[QueueLease]:
    """
    See L{osxmail.interfaces.IQueue.claim}.
    """
    chosen: list[tuple[str, list[_Row]]] = []
    touched: set[str] = set()
    heads = _heads_txn(txn, now, limit, full, isLocalOnly)
    while heads and len(chosen) < limit:
        missing = limit - len(chosen)
        # Some more than are wanted, since recipients of one item share a lease.
        page = min(MOST_PAGE_RECIPIENTS, max(LEAST_PAGE_RECIPIENTS, 2 * missing // len(heads)))
        rows = _due_txn(txn, heads, now, page, isLocalOnly)
        # Where a whole page was due there may be more.
        heads = [name for name, of in rows.items() if len(of) == page]
        groups = _oldest(rows, missing)
        ends = {id(group[-1]) for group in groups}
        cut = [name for name in heads if id(rows[name][-1]) in ends]
        if cut:
            # The page's end went through the recipients of one item, which belong together: read more, and leave the
            # item that is cut now for the next round.
            for name, of in _due_txn(txn, cut, now, page + MAX_LEASE_RECIPIENTS, isLocalOnly).items():
                whole = _grouped(of)
                if len(of) == page + MAX_LEASE_RECIPIENTS and len(whole) > 1:
                    whole = [group for group in whole if group[-1] is not of[-1]]
                rows[name] = [row for group in whole for row in group]
            groups = _oldest(rows, missing)
        leased = [(next(leaseIds), group) for group in groups]
        _lease_txn(txn, leased, leaseUntil)
        chosen += leased
        touched.update(group[0].destination for group in groups)
    refresh_txn(txn, touched)
    return _leases_txn(txn, chosen)


def _heads_txn(txn: Transaction, now: float, limit: int, full: Collection[str], isLocalOnly: bool) -> list[str]:
    # Each destination has one lease at least: no more of them than this can have one of the oldest.
    if isLocalOnly:
        return [] if "local" in full else ["local"]
    names = txn.execute(
        "SELECT json_group_array(name) FROM (SELECT name FROM queue_destination WHERE due <= ? ORDER BY due LIMIT ?)",
        (now, limit + len(full)),
    ).get
    return [name for name in json.loads(names) if name not in full][:limit]


_DUE = (
    "SELECT * FROM (SELECT destination, queue_id, position, due, address, next_hop, local, original, notify, attempts,"
    " delay_notified FROM queue_recipient WHERE destination = ? AND due <= ?{more} ORDER BY due, queue_id, position"
    " LIMIT ?)"
)


def _due_txn(
    txn: Transaction, destinations: Sequence[str], now: float, limit: int, isLocalOnly: bool
) -> dict[str, list[_Row]]:
    """
    The C{limit} recipients that are due first, for each destination, in order.
    """
    select = _DUE.format(more=" AND local = 1" if isLocalOnly else "")
    found: dict[str, list[_Row]] = {}
    for start in range(0, len(destinations), MAX_DESTINATIONS_A_STEP):
        names: list[str | None] = list(destinations[start : start + MAX_DESTINATIONS_A_STEP])
        # Powers of two: few different texts, so that all of them stay prepared.
        count = 1 << (len(names) - 1).bit_length()
        names += [None] * (count - len(names))
        text = txn.execute(
            "SELECT json_group_array(json_array(destination, queue_id, position, printf('%!.17g', due), address,"
            " next_hop, local, original, notify, attempts, delay_notified)) FROM ("
            + " UNION ALL ".join([select] * count)
            + ")",
            [value for name in names for value in (name, now, limit)],
        ).get
        for name, queueId, position, due, *others in json.loads(text):
            found.setdefault(name, []).append(_Row(name, queueId, position, float(due), *others))
    for rows in found.values():
        rows.sort(key=lambda row: row.order)
    return found


def _oldest(rows: dict[str, list[_Row]], limit: int) -> list[list[_Row]]:
    groups = [group for of in rows.values() for group in _grouped(of)]
    groups.sort(key=lambda group: group[0].order)
    return groups[:limit]


def _grouped(rows: Sequence[_Row]) -> list[list[_Row]]:
    """
    Recipients of one destination that go into one lease.
    """
    groups: list[list[_Row]] = []
    open_: dict[tuple[object, ...], list[_Row]] = {}
    for row in rows:
        group = open_.get(row.kind)
        if group is None or len(group) == MAX_LEASE_RECIPIENTS:
            group = open_[row.kind] = []
            groups.append(group)
        group.append(row)
    return groups


def _lease_txn(txn: Transaction, leased: Sequence[tuple[str, list[_Row]]], until: float) -> None:
    txn.execute(
        "UPDATE queue_recipient SET lease_id = new.value ->> 2, lease_until = ?2, due = ?2"
        " FROM json_each(?1) AS new WHERE queue_id = new.value ->> 0 AND position = new.value ->> 1",
        (json.dumps([(row.queueId, row.position, name) for name, rows in leased for row in rows]), until),
    )


def _leases_txn(txn: Transaction, chosen: Sequence[tuple[str, list[_Row]]]) -> list[QueueLease]:
    if not chosen:
        return []
    text = txn.execute(
        "SELECT json_group_array(json_array(id, sender, envelope, printf('%!.17g', received), size)) FROM queue"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps([rows[0].queueId for _, rows in chosen]),),
    ).get
    items = {item[0]: item for item in json.loads(text)}
    leases = []
    for leaseId, rows in chosen:
        queueId, sender, parameters, received, size = items[rows[0].queueId]
        recipients = tuple(
            QueueRecipient(
                addressOf(row.address),
                row.nextHop,
                bool(row.local),
                row.original,
                frozenset(row.notify.split()) if row.notify else frozenset(),
            )
            for row in rows
        )
        leases.append(
            QueueLease(
                leaseId=leaseId,
                queueId=queueId,
                envelope=envelopeOf(sender, parameters, recipients),
                recipients=recipients,
                destination=rows[0].destination,
                received=float(received),
                attempts=rows[0].attempts,
                delayNotified=bool(rows[0].delayNotified),
                sizeOctets=size,
            )
        )
    return leases


def envelopeOf(sender: str | None, parameters: str, recipients: Sequence[QueueRecipient]) -> Envelope:
    """
    The envelope for some recipients of an item.
    """
    body, smtputf8, envelopeId, returnContent = json.loads(parameters)
    return Envelope(
        None if sender is None else addressOf(sender),
        tuple(Recipient(each.address, each.original, each.notify) for each in recipients),
        body,
        smtputf8,
        envelopeId,
        returnContent,
    )
