# -*- test-case-name: tests.unit.store.test_renderings -*-
"""
What is ready-made of each message: its renderings, and what follows from its rows without its octets.

Many messages in one hop and one row: see the manual, "Few statements".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, fail, succeed

from osxmail.mail.mime import Rendering
from osxmail.mail.mimestructure import decoded
from osxmail.mail.objectid import emailId, threadId
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.message import requireMailbox
from osxmail.store.numbers import UidCondition, numbersFrom

MAX_RENDERINGS_AT_ONCE = 2_000
RENDERINGS_OCTETS = 4 * 1024 * 1024  # of one answer; one rendering may be larger


@frozen
class _Column:
    """
    One kind of answer.

    @ivar raw: SQL of what it is made of, each of which gives a BLOB or ASCII.
    @ivar made: what makes the answer out of those; C{None} where it is the only one.
    @ivar needsRendering: it reads the table of renderings.
    """

    raw: tuple[str, ...]
    made: Callable[..., bytes] | None = None
    needsRendering: bool = True


def _numbers(name: bytes) -> tuple[int, int]:
    octetsId, _dash, prefix = name.partition(b"-")
    return int(octetsId), int(prefix)


def _emailId(name: bytes) -> bytes:
    return emailId(*_numbers(name)).encode("ascii")


def _threadId(name: bytes, structure: bytes) -> bytes:
    return threadId(decoded(structure)[1], *_numbers(name)).encode("ascii")


_NAME = "m.octets_id || '-' || m.prefix"

_COLUMNS = {
    "envelope": _Column(("r.envelope",)),
    "body": _Column(("r.body",)),
    "bodystructure": _Column(("r.bodystructure",)),
    "savedate": _Column(("m.saved_date",), None, False),
    "emailid": _Column((_NAME,), _emailId, False),
    "threadid": _Column((_NAME, "r.structure"), _threadId),
    "structure": _Column(("r.structure",)),
}


# See L{packedUtf8}.
_ENVELOPE_LENGTH = "CAST(substr(r.utf8, 1, 8) AS INTEGER)"
_BODY_LENGTH = "CAST(substr(r.utf8, 9, 8) AS INTEGER)"


def _utf8(column: str, start: str, length: str) -> _Column:
    # Most messages have nothing there.
    return _Column((f"CASE WHEN r.utf8 IS NULL THEN r.{column} ELSE substr(r.utf8, {start}, {length}) END",))


_UTF8_COLUMNS = {
    "envelope": _utf8("envelope", "17", _ENVELOPE_LENGTH),
    "body": _utf8("body", f"17 + {_ENVELOPE_LENGTH}", _BODY_LENGTH),
    "bodystructure": _utf8("bodystructure", f"17 + {_ENVELOPE_LENGTH} + {_BODY_LENGTH}", "length(r.utf8)"),
}


def packedUtf8(rendering: Rendering) -> bytes | None:
    """
    What the column C{utf8} holds: the lengths of the first two in eight digits each, then all three.
    """
    if rendering.utf8 is None:
        return None
    envelope, body, bodystructure = rendering.utf8
    return b"%08d%08d%b%b%b" % (len(envelope), len(body), envelope, body, bodystructure)


class RenderingRows:
    """
    Reads what is ready-made of the messages of mailboxes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def renderings(
        self, mailboxId: int, uids: Sequence[int], columns: Sequence[str], isUtf8: bool = False
    ) -> Deferred[list[tuple[int, tuple[bytes, ...]]]]:
        """
        See L{osxmail.interfaces.IMailbox.renderings}.
        """
        if len(uids) > MAX_RENDERINGS_AT_ONCE:
            return fail(ValueError(f"{len(uids)} renderings at once"))
        if not _COLUMNS.keys() >= set(columns):
            return fail(ValueError(f"no such columns: {columns}"))
        if not uids or not columns:
            return succeed([])
        known = {**_COLUMNS, **_UTF8_COLUMNS} if isUtf8 else _COLUMNS
        reading = _Reading(mailboxId, [known[name] for name in columns])
        return self._database.read(lambda txn: reading.bounded(txn, uids), isSingle=True)


class _Reading:
    """
    One call of L{RenderingRows.renderings}, in a reader's thread.
    """

    def __init__(self, mailboxId: int, columns: Sequence[_Column]) -> None:
        self._mailboxId = mailboxId
        self._columns = columns
        self._raw = list(dict.fromkeys(raw for column in columns for raw in column.raw))
        self._source = "FROM message m"
        if any(column.needsRendering for column in columns):
            self._source += " JOIN rendering r ON r.octets_id = m.octets_id"
        self._source += " WHERE m.mailbox_id = :mailbox"

    def bounded(self, txn: Transaction, uids: Sequence[int]) -> list[tuple[int, tuple[bytes, ...]]]:
        """
        Those that fit.  Lengths stand in front of the rows and are read without what they are the lengths of.
        """
        length = " + ".join(f"length({raw})" for raw in self._raw)
        condition = UidCondition(uids)
        args = {"mailbox": self._mailboxId, **condition.args}
        total = txn.execute(f"SELECT sum({length}) {self._source}{condition.sql}", args).fetchone()[0] or 0
        if total <= RENDERINGS_OCTETS:
            return self._all(txn, condition)
        row = txn.execute(
            f"SELECT group_concat(uid), group_concat(octets) FROM (SELECT m.uid, {length} AS octets"
            f" {self._source}{condition.sql} ORDER BY m.uid)",
            args,
        ).fetchone()
        # Each statement sees its own state: what is removed between them is passed over.
        fitting: list[int] = []
        octets = 0
        for uid, size in zip(numbersFrom(row[0], "I"), numbersFrom(row[1], "I"), strict=True):
            if fitting and octets + size > RENDERINGS_OCTETS:
                found = self._all(txn, UidCondition(fitting))
                if found:
                    return found
                fitting, octets = [], 0
            fitting.append(uid)
            octets += size
        return self._all(txn, UidCondition(fitting))

    def _all(self, txn: Transaction, condition: UidCondition) -> list[tuple[int, tuple[bytes, ...]]]:
        # All in one row: the texts joined, and their lengths to cut them by.
        names = [f"c{index}" for index in range(len(self._raw))]
        joined = ", ".join(f"CAST(group_concat({name}, '') AS BLOB), group_concat(length({name}))" for name in names)
        chosen = ", ".join(f"{raw} AS {name}" for raw, name in zip(self._raw, names, strict=True))
        row = txn.execute(
            f"""SELECT group_concat(uid), {joined} FROM
                (SELECT m.uid, {chosen} {self._source}{condition.sql} ORDER BY m.uid)""",
            {"mailbox": self._mailboxId, **condition.args},
        ).fetchone()
        uids = numbersFrom(row[0], "I")
        if not uids:
            requireMailbox(txn, self._mailboxId)
            return []
        raw = {
            name: _cut(row[1 + 2 * index], numbersFrom(row[2 + 2 * index], "I")) for index, name in enumerate(self._raw)
        }
        made = []
        for column in self._columns:
            texts = [raw[name] for name in column.raw]
            made.append(texts[0] if column.made is None else list(map(column.made, *texts)))
        return list(zip(uids, zip(*made, strict=True), strict=True))


def _cut(whole: bytes, lengths: Sequence[int]) -> list[bytes]:
    position = 0
    cut = []
    for length in lengths:
        cut.append(whole[position : position + length])
        position += length
    return cut
