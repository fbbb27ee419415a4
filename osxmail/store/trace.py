# -*- test-case-name: tests.unit.store.test_trace -*-
"""
The life of each message, as it can be looked up.

A message's lines stay and go together: what is older than the limit goes when its last line is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import takewhile

from twisted.internet.defer import Deferred

from osxmail.mail.acceptance import TraceEvent
from osxmail.store.connection import Transaction
from osxmail.store.database import Database

MAX_TERM_CHARACTERS = 320  # longer Message-IDs are found by their beginning
MAX_TERMS = 1_000  # of one event
MAX_MESSAGES = 1_000  # that one term leads to, the newest
MAX_LINES = 10_000  # that one question is answered with
COLLECTED_AT_ONCE = 200  # lines looked at in one step of a collection

_INSERT = "INSERT INTO trace (time, event, queue_id, message_id, addresses, fields)"
_INSERT_TERM = "INSERT OR IGNORE INTO trace_term (term, queue_id)"


def normalizeTerm(text: str) -> str:
    """
    An address or a Message-ID, with or without brackets, as it stands in the table.
    """
    text = _text(text).strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    return text.lower()[:MAX_TERM_CHARACTERS]


def _text(text: str) -> str:
    # A Message-ID is what a stranger wrote: half a surrogate pair must not fail the whole act.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def recordTrace_txn(txn: Transaction, events: Sequence[TraceEvent]) -> None:
    """
    Keep some lines.
    """
    if not events:
        return
    rows = []
    terms: dict[tuple[str, str], None] = {}
    dump = json.dumps
    for event in events:
        rows.append(
            (
                event.time,
                event.event,
                event.queueId,
                _text(event.messageId),
                dump(event.addresses) if event.addresses else "[]",
                dump(event.fields) if event.fields else "{}",
            )
        )
        if event.queueId:
            for term in (event.messageId, *event.addresses[:MAX_TERMS]):
                if term:
                    terms[normalizeTerm(term), event.queueId] = None
    txn.insertRows(_INSERT, rows)
    if terms:
        # In the order of the table: its pages are touched once.
        txn.insertRows(_INSERT_TERM, sorted(terms))


class TraceTable:
    """
    The trace of a store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def recordTrace(self, events: Sequence[TraceEvent]) -> Deferred[None]:
        """
        See L{osxmail.interfaces.IMailStore.recordTrace}.
        """
        return self._database.write(lambda txn: recordTrace_txn(txn, events))

    def trace(self, term: str, since: float, limit: int) -> Deferred[tuple[TraceEvent, ...]]:
        """
        See L{osxmail.interfaces.IMailStore.trace}.  Of more lines than C{limit} these are the newest.

        @param since: no line before this, seconds since the epoch.
        @param limit: at most so many lines; 10,000 at most.
        """
        return self._database.read(lambda txn: trace_txn(txn, term, since, min(limit, MAX_LINES)))


def trace_txn(txn: Transaction, term: str, since: float, limit: int) -> tuple[TraceEvent, ...]:
    """
    See L{osxmail.interfaces.IMailStore.trace}.
    """
    word = _text(term).strip()
    if not word or limit < 1:
        return ()
    # Queue IDs are in capitals.
    rows = txn.execute(
        """
        WITH found (queue_id) AS (
            SELECT ?1 UNION SELECT upper(?1) UNION
            SELECT queue_id FROM (SELECT queue_id FROM trace_term WHERE term = ?2 ORDER BY queue_id DESC LIMIT ?3)
        )
        SELECT t.time, t.event, t.queue_id, t.message_id, t.addresses, t.fields
        FROM found CROSS JOIN trace t WHERE t.queue_id = found.queue_id AND t.time >= ?4
        ORDER BY t.time DESC, t.id DESC LIMIT ?5
        """,
        (word, normalizeTerm(word), MAX_MESSAGES, since, limit),
    ).fetchall()
    return tuple(
        TraceEvent(time, event, queueId, messageId, tuple(json.loads(addresses)), json.loads(fields))
        for time, event, queueId, messageId, addresses, fields in reversed(rows)
    )


def collectTrace_txn(txn: Transaction, before: float, after: int) -> int:
    """
    One step of removing old lines, in the order in which they came.

    @param before: messages whose last line is older than this go.
    @param after: the step before ended at the line of this id; 0 starts.
    @return: where this step has ended; 0 at the end.
    """
    # Lines come in the order of time, nearly: what follows the first that is not old is not old either.
    text = txn.execute(
        "SELECT json_group_array(json_array(id, time < ?1, queue_id)) FROM"
        " (SELECT id, time, queue_id FROM trace WHERE id > ?2 ORDER BY id LIMIT ?3)",
        (before, after, COLLECTED_AT_ONCE),
    ).get
    rows = sorted(json.loads(text))
    old = list(takewhile(lambda row: row[1], rows))
    alone = [lineId for lineId, _, queueId in old if not queueId]
    if alone:
        txn.execute("DELETE FROM trace WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(alone),))
    _removeMessages_txn(txn, {queueId for _, _, queueId in old if queueId}, before)
    return int(old[-1][0]) if len(old) == COLLECTED_AT_ONCE else 0


def _removeMessages_txn(txn: Transaction, queueIds: set[str], before: float) -> None:
    """
    Of these messages, remove those whose last line is old, with everything they are found by.
    """
    text = txn.execute(
        "SELECT json_group_array(json_array(queue_id, message_id, json(addresses))) FROM trace WHERE queue_id IN"
        " (SELECT value FROM json_each(?1) WHERE (SELECT max(time) FROM trace WHERE queue_id = value) < ?2)",
        (json.dumps(sorted(queueIds)), before),
    ).get
    terms: set[tuple[str, str]] = set()
    gone: set[str] = set()
    for queueId, messageId, addresses in json.loads(text):
        gone.add(queueId)
        terms.update((normalizeTerm(term), queueId) for term in (messageId, *addresses))
    if not gone:
        return
    txn.execute("DELETE FROM trace WHERE queue_id IN (SELECT value FROM json_each(?))", (json.dumps(sorted(gone)),))
    txn.execute(
        "DELETE FROM trace_term WHERE (term, queue_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
        (json.dumps(sorted(terms)),),
    )


def collectTrace(database: Database, before: Callable[[], float]) -> Callable[[], Deferred[bool]]:
    """
    The collection of old lines.

    @param before: what is older goes, seconds since the epoch; asked at each step.
    @return: a function that does the next step; its result is whether there is more to do now.
    """
    after = 0

    def step() -> Deferred[bool]:
        def stepped(end: int) -> bool:
            nonlocal after
            after = end
            return end != 0

        return database.write(lambda txn: collectTrace_txn(txn, before(), after)).addCallback(stepped)

    return step
