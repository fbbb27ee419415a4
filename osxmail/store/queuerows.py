# -*- test-case-name: tests.unit.store.test_queuetable -*-
"""
The rows of the queue: what runs in the writer's transactions, for a whole batch in few statements.

C{queue_recipient.due} says when a recipient may be claimed: its next try; the end of its lease while it is leased, so
that a lease whose holder died runs out by itself; C{NULL} while it is held.  C{queue_destination} has the earliest of
these for each destination, and every change ends with L{refresh_txn}: neither the number of recipients that wait for
one host nor the number of hosts counts for what a claim costs.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from attrs import define, frozen

from osxmail.errors import InUse
from osxmail.mail.acceptance import Acceptance, QueueLease, QueueOutcome, QueueRecipient, TraceEvent
from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.store.connection import Transaction

MAX_LEASE_RECIPIENTS = 100  # RFC 5321 4.5.3.1.8: so many any server takes in one transaction
MAX_REPLY_CHARACTERS = 1_000  # of a reply that is kept
MAX_DESTINATIONS_A_STEP = 64  # that one statement looks at
LEAST_PAGE_RECIPIENTS = 8  # that are read of a destination at a time
MOST_PAGE_RECIPIENTS = 400


@frozen
class QueueEntry:
    """
    What the queue is to keep of an acceptance.

    @ivar octetsId: of its octets.
    @ivar prefix: the number of its prefix among those of the octets, 0 for none.
    @ivar sizeOctets: prefix and octets together.
    """

    acceptance: Acceptance
    octetsId: int
    prefix: int
    sizeOctets: int
    recipients: tuple[QueueRecipient, ...]


@frozen
class Report:
    """
    What became of a lease.
    """

    lease: QueueLease
    outcomes: Sequence[QueueOutcome]
    trace: Sequence[TraceEvent]


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


def enqueue_txn(txn: Transaction, entries: Sequence[QueueEntry]) -> bool:
    """
    Items, each with its recipients.

    @return: something may be due.
    """
    items: list[tuple[Any, ...]] = []
    recipients: list[tuple[Any, ...]] = []
    dues: dict[str, float] = {}
    for entry in entries:
        acceptance = entry.acceptance
        envelope = acceptance.envelope
        due = acceptance.received + acceptance.heldSeconds
        items.append(
            (
                acceptance.queueId,
                entry.octetsId,
                entry.prefix,
                entry.sizeOctets,
                acceptance.received,
                None if envelope.sender is None else str(envelope.sender),
                json.dumps([envelope.body, envelope.smtputf8, envelope.envelopeId, envelope.returnContent]),
                int(acceptance.isHeld),
            )
        )
        for position, each in enumerate(entry.recipients):
            destination = each.destination
            recipients.append(
                (
                    acceptance.queueId,
                    position,
                    str(each.address),
                    destination,
                    each.nextHop,
                    int(each.local),
                    each.original,
                    " ".join(sorted(each.notify)) if each.notify else "",
                    due,
                    None if acceptance.isHeld else due,
                    0,
                    0,
                    "",
                    "",
                )
            )
            if not acceptance.isHeld and due < dues.get(destination, float("inf")):
                dues[destination] = due
    txn.insertRows("INSERT INTO queue (id, octets_id, prefix, size, received, sender, envelope, held)", items)
    txn.insertRows(
        "INSERT INTO queue_recipient (queue_id, position, address, destination, next_hop, local, original, notify,"
        " next_try, due, attempts, delay_notified, last_reply, remote_host)",
        recipients,
    )
    if dues:
        txn.execute(
            "INSERT INTO queue_destination (name, due)"
            " SELECT value ->> 0, CAST(value ->> 1 AS REAL) FROM json_each(?) WHERE true"
            " ON CONFLICT (name) DO UPDATE SET due = excluded.due WHERE excluded.due < queue_destination.due",
            (json.dumps(list(dues.items())),),
        )
    return bool(dues)


def refresh_txn(txn: Transaction, destinations: Iterable[str]) -> None:
    """
    Look up anew when the earliest recipient of each of these destinations is due.
    """
    names = json.dumps(sorted(set(destinations)))
    if names == "[]":
        return
    txn.execute(
        "INSERT INTO queue_destination (name, due) SELECT value, earliest FROM"
        " (SELECT value, (SELECT min(due) FROM queue_recipient WHERE destination = value AND due IS NOT NULL) AS"
        " earliest FROM json_each(?)) WHERE earliest IS NOT NULL"
        " ON CONFLICT (name) DO UPDATE SET due = excluded.due WHERE excluded.due <> queue_destination.due",
        (names,),
    )
    txn.execute(
        "DELETE FROM queue_destination WHERE name IN (SELECT value FROM json_each(?)) AND NOT EXISTS"
        " (SELECT 1 FROM queue_recipient WHERE destination = name AND due IS NOT NULL)",
        (names,),
    )


def addressOf(text: str) -> Address:
    """
    An address as the queue keeps it, without the cost of looking at each character again.
    """
    if text.startswith('"'):
        return Address.parse(text)
    local, _, domain = text.rpartition("@")
    return Address(local, domain)


# ---------------------------------------------------------------------------------------------------- claiming


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


# --------------------------------------------------------------------------------------------------- reporting


@define(eq=False, slots=True)
class _Leased:
    """
    What the rows say of a lease: positions by address, and whether the item is held.
    """

    places: dict[str, list[tuple[int, float]]]
    count: int = 0
    isHeld: bool = False


def report_txn(txn: Transaction, reports: Sequence[Report], needsAll: bool = False) -> list[InUse | None]:
    """
    See L{osxmail.interfaces.IQueue.report}; all of a batch.

    @param needsAll: refuse also when an administrator has removed some of the recipients.
    @return: for each report, C{None}, or why it was refused.
    """
    leased = _leased_txn(txn, [each.lease.leaseId for each in reports])
    gone: list[tuple[str, int]] = []
    changed: list[tuple[object, ...]] = []
    results: list[InUse | None] = []
    for report in reports:
        lease = report.lease
        mine = leased.pop(lease.leaseId, None) or _Leased({})
        if mine.count < len(lease.recipients) and (needsAll or _othersHave_txn(txn, lease)):
            results.append(InUse("the lease ran out"))
            continue
        results.append(None)
        for outcome in report.outcomes:
            places = mine.places.get(outcome.address.key)
            if not places:
                continue  # an administrator has removed it
            position, _ = places.pop(0)
            if outcome.isDone:
                gone.append((lease.queueId, position))
                continue
            reply = "" if outcome.reply is None else str(outcome.reply)[:MAX_REPLY_CHARACTERS]
            host = outcome.remoteHost[:MAX_REPLY_CHARACTERS]
            due = None if mine.isHeld else outcome.nextTry
            notified = int(outcome.delayNotified)
            changed.append((lease.queueId, position, outcome.nextTry, due, 1, notified, reply, host))
        for places in mine.places.values():
            for position, nextTry in places:
                due = None if mine.isHeld else nextTry
                changed.append((lease.queueId, position, nextTry, due, 0, 0, None, None))
    _write_txn(txn, gone, changed)
    refresh_txn(txn, {each.lease.destination for each in reports})
    return results


def _leased_txn(txn: Transaction, leaseIds: Sequence[str]) -> dict[str, _Leased]:
    text = txn.execute(
        "SELECT json_group_array(json_array(lease_id, address, position, printf('%!.17g', next_try),"
        " (SELECT held FROM queue WHERE id = queue_id)))"
        " FROM queue_recipient WHERE lease_id IN (SELECT value FROM json_each(?)) AND lease_id IS NOT NULL",
        (json.dumps(leaseIds),),
    ).get
    leased: dict[str, _Leased] = {}
    for leaseId, address, position, nextTry, held in sorted(json.loads(text), key=lambda row: row[2]):
        lease = leased.setdefault(leaseId, _Leased({}))
        lease.places.setdefault(addressOf(address).key, []).append((position, float(nextTry)))
        lease.count += 1
        lease.isHeld = bool(held)
    return leased


def _write_txn(txn: Transaction, gone: Sequence[tuple[str, int]], changed: Sequence[tuple[object, ...]]) -> None:
    if changed:
        txn.execute(
            "UPDATE queue_recipient SET next_try = CAST(new.value ->> 2 AS REAL),"
            " due = CAST(new.value ->> 3 AS REAL), attempts = attempts + (new.value ->> 4),"
            " delay_notified = delay_notified OR (new.value ->> 5),"
            " last_reply = coalesce(new.value ->> 6, last_reply),"
            " remote_host = coalesce(new.value ->> 7, remote_host), lease_id = NULL, lease_until = NULL"
            " FROM json_each(?) AS new WHERE queue_id = new.value ->> 0 AND position = new.value ->> 1",
            (json.dumps(changed),),
        )
    if gone:
        txn.execute(
            "DELETE FROM queue_recipient WHERE (queue_id, position) IN"
            " (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
            (json.dumps(gone),),
        )
        txn.execute(
            "DELETE FROM queue WHERE id IN (SELECT value FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM queue_recipient WHERE queue_id = id)",
            (json.dumps(sorted({queueId for queueId, _ in gone})),),
        )


def _othersHave_txn(txn: Transaction, lease: QueueLease) -> bool:
    wanted = {each.address.key for each in lease.recipients}
    return any(
        addressOf(address).key in wanted
        for (address,) in txn.execute(
            "SELECT address FROM queue_recipient WHERE queue_id = ? AND destination = ? AND lease_id IS NOT ?",
            (lease.queueId, lease.destination, lease.leaseId),
        )
    )


def endLeases_txn(txn: Transaction, prefix: str) -> int:
    """
    End the leases whose ids begin so.

    @return: how many recipients are free again.
    """
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return _changed_txn(
        txn,
        "UPDATE queue_recipient SET lease_id = NULL, lease_until = NULL,"
        " due = CASE WHEN (SELECT held FROM queue WHERE id = queue_id) THEN NULL ELSE next_try END"
        " WHERE lease_id >= ? AND lease_id < ? RETURNING destination",
        (prefix, after),
    )


# ---------------------------------------------------------------------------------------------- administration


def retry_txn(txn: Transaction, queueIds: Sequence[str], now: float) -> int:
    """
    Make recipients due that are neither held nor leased.

    @return: how many.
    """
    return _changed_txn(
        txn,
        "UPDATE queue_recipient SET next_try = min(next_try, ?2), due = min(next_try, ?2)"
        " WHERE queue_id IN (SELECT value FROM json_each(?1)) AND due IS NOT NULL AND lease_id IS NULL"
        " RETURNING destination",
        (json.dumps(queueIds), now),
    )


def hold_txn(txn: Transaction, queueIds: Sequence[str]) -> int:
    """
    Let nobody claim them; who has them now goes on.

    @return: how many recipients.
    """
    names = json.dumps(queueIds)
    txn.execute("UPDATE queue SET held = 1 WHERE id IN (SELECT value FROM json_each(?))", (names,))
    return _changed_txn(
        txn,
        "UPDATE queue_recipient SET due = NULL WHERE queue_id IN (SELECT value FROM json_each(?))"
        " AND due IS NOT NULL RETURNING destination",
        (names,),
    )


def release_txn(txn: Transaction, queueIds: Sequence[str]) -> int:
    """
    Let them be claimed again, when their time has come.

    @return: how many recipients.
    """
    names = json.dumps(queueIds)
    txn.execute("UPDATE queue SET held = 0 WHERE id IN (SELECT value FROM json_each(?))", (names,))
    return _changed_txn(
        txn,
        "UPDATE queue_recipient SET due = coalesce(lease_until, next_try)"
        " WHERE queue_id IN (SELECT value FROM json_each(?)) AND due IS NULL RETURNING destination",
        (names,),
    )


def remove_txn(txn: Transaction, queueIds: Sequence[str]) -> int:
    """
    Delete items.

    @return: how many recipients.
    """
    names = json.dumps(queueIds)
    count = _changed_txn(
        txn,
        "DELETE FROM queue_recipient WHERE queue_id IN (SELECT value FROM json_each(?)) RETURNING destination",
        (names,),
    )
    txn.execute("DELETE FROM queue WHERE id IN (SELECT value FROM json_each(?))", (names,))
    return count


def _changed_txn(txn: Transaction, statement: str, arguments: tuple[object, ...]) -> int:
    destinations = [name for (name,) in txn.execute(statement, arguments)]
    refresh_txn(txn, destinations)
    return len(destinations)
