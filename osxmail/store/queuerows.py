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
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import define, frozen

from osxmail.errors import InUse
from osxmail.mail.acceptance import Acceptance, QueueLease, QueueOutcome, QueueRecipient, TraceEvent
from osxmail.mail.address import Address
from osxmail.store.connection import Transaction

MAX_REPLY_CHARACTERS = 1_000  # of a reply that is kept


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
    return _change_txn(
        txn,
        "UPDATE queue_recipient SET lease_id = NULL, lease_until = NULL,"
        " due = CASE WHEN (SELECT held FROM queue WHERE id = queue_id) THEN NULL ELSE next_try END",
        "lease_id >= :prefix AND lease_id < :after",
        prefix=prefix,
        after=after,
    )


# ---------------------------------------------------------------------------------------------- administration

_NAMED = "queue_id IN (SELECT value FROM json_each(:names))"


def retry_txn(txn: Transaction, queueIds: Sequence[str], now: float) -> int:
    """
    Make recipients due that are neither held nor leased.

    @return: how many.
    """
    return _change_txn(
        txn,
        "UPDATE queue_recipient SET next_try = min(next_try, :now), due = min(next_try, :now)",
        _NAMED + " AND due IS NOT NULL AND lease_id IS NULL",
        names=json.dumps(queueIds),
        now=now,
    )


def hold_txn(txn: Transaction, queueIds: Sequence[str]) -> int:
    """
    Let nobody claim them; who has them now goes on.

    @return: how many recipients.
    """
    names = json.dumps(queueIds)
    txn.execute("UPDATE queue SET held = 1 WHERE id IN (SELECT value FROM json_each(?))", (names,))
    return _change_txn(txn, "UPDATE queue_recipient SET due = NULL", _NAMED + " AND due IS NOT NULL", names=names)


def release_txn(txn: Transaction, queueIds: Sequence[str]) -> int:
    """
    Let them be claimed again, when their time has come.

    @return: how many recipients.
    """
    names = json.dumps(queueIds)
    txn.execute("UPDATE queue SET held = 0 WHERE id IN (SELECT value FROM json_each(?))", (names,))
    return _change_txn(
        txn,
        "UPDATE queue_recipient SET due = coalesce(lease_until, next_try)",
        _NAMED + " AND due IS NULL",
        names=names,
    )


def remove_txn(txn: Transaction, queueIds: Sequence[str]) -> int:
    """
    Delete items.

    @return: how many recipients.
    """
    names = json.dumps(queueIds)
    count = _change_txn(txn, "DELETE FROM queue_recipient", _NAMED, names=names)
    txn.execute("DELETE FROM queue WHERE id IN (SELECT value FROM json_each(?))", (names,))
    return count


def _change_txn(txn: Transaction, action: str, condition: str, **arguments: object) -> int:
    destinations = json.loads(
        txn.execute(
            f"SELECT json_group_array(DISTINCT destination) FROM queue_recipient WHERE {condition}", arguments
        ).get
    )
    txn.execute(f"{action} WHERE {condition}", arguments)
    count = txn.changedRows
    refresh_txn(txn, destinations)
    return count
