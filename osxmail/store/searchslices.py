# -*- test-case-name: tests.unit.store.test_search -*-
"""
Messages to be looked through, a slice of them at a time: one statement for the rows, the structures and as much of the
octets as is likely to be needed; larger ones are read when somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from osxmail.mail.header import headerEnd
from osxmail.mail.mime import Rendering, renderMessage
from osxmail.store.connection import Transaction
from osxmail.store.numbers import UidCondition, numbersFrom
from osxmail.store.octets import MAX_READ_OCTETS, Octets, Place
from osxmail.store.searchtests import Candidate

FIRST_HEAD_OCTETS = 4096  # of a message in a row that are read for its header; most headers are smaller
MAX_HEADER_OCTETS = 262_144  # of a header that are searched

_SLICE = """
SELECT group_concat(uid), group_concat(flags), group_concat(internal_date), group_concat(size), group_concat(modseq),
    group_concat(saved_date), group_concat(id), group_concat(number),
    group_concat(octets), group_concat(segment), group_concat(place),
    CAST(group_concat(prefix, '') AS BLOB), group_concat(length(prefix)),
    CAST(group_concat(head, '') AS BLOB), group_concat(length(head)),
    CAST(group_concat(structure, '') AS BLOB), group_concat(length(structure))
FROM (SELECT m.uid, m.flags, m.internal_date, m.size, m.modseq, m.saved_date, o.id, m.prefix AS number,
        o.size AS octets,
        coalesce(o.segment, -1) AS segment, coalesce(o.place, -1) AS place,
        coalesce(p.data, x'') AS prefix,
        CASE WHEN :head > 0 THEN coalesce(substr(o.data, 1, :head), x'') ELSE x'' END AS head,
        coalesce(r.structure, x'') AS structure
    FROM message m JOIN octets o ON o.id = m.octets_id
    LEFT JOIN prefix p ON p.octets_id = m.octets_id AND p.number = m.prefix
    LEFT JOIN rendering r ON r.octets_id = m.octets_id
    WHERE m.mailbox_id = :mailbox{condition} ORDER BY m.uid)
"""
_ROWS_SLICE = """
SELECT group_concat(uid), group_concat(flags), group_concat(internal_date), group_concat(size), group_concat(modseq),
    group_concat(saved_date), group_concat(octets_id), group_concat(prefix)
FROM (SELECT uid, flags, internal_date, size, modseq, saved_date, octets_id, prefix FROM message
    WHERE mailbox_id = :mailbox{condition} ORDER BY uid)
"""


class Moved(Exception):
    """
    The octets are not where the row said: compaction has moved them since.
    """


class More(Exception):
    """
    More of the message is needed than was read with its row.
    """


def sliceReader(
    mailboxId: int, uids: Sequence[int], head: int, isRowOnly: bool = False
) -> Callable[[Transaction], Any]:
    """
    What reads a slice, in one statement.

    @param uids: ascending, not empty.
    @param head: so many octets of each message that stands in a row.
    @param isRowOnly: nothing but the rows is needed.
    """

    def read(txn: Transaction) -> Any:
        condition = UidCondition(uids)
        args: dict[str, Any] = {"mailbox": mailboxId, **condition.args}
        if isRowOnly:
            return txn.execute(_ROWS_SLICE.format(condition=condition.sql), args).fetchone()
        return txn.execute(_SLICE.format(condition=condition.sql), {**args, "head": head}).fetchone()

    return read


def candidates(row: Sequence[Any], octets: Octets) -> Iterator[Candidate]:
    """
    The messages of a slice.

    @param row: what the function of L{sliceReader} has given.
    """
    uids, flags, dates, sizes, modseqs, saved, octetsIds, numbers = (
        numbersFrom(text, code) for text, code in zip(row[:8], "IQqQQqqI", strict=True)
    )
    isRowOnly = len(row) == 8
    if not isRowOnly:
        lengths, segments, places = (numbersFrom(text, "q") for text in row[8:11])
        prefixes = _cut(row[11], row[12])
        heads = _cut(row[13], row[14])
        structures = _cut(row[15], row[16])
    for index, uid in enumerate(uids):
        source = None
        if not isRowOnly:
            place = None
            if segments[index] >= 0:
                place = Place(octetsIds[index], lengths[index], segments[index], places[index])
            source = _Source(octets, prefixes[index], heads[index], structures[index], lengths[index], place)
        yield Candidate(
            uid,
            flags[index],
            dates[index],
            sizes[index],
            modseqs[index],
            source,
            saved[index],
            octetsIds[index],
            numbers[index],
        )


class _Source:
    """
    The octets of one candidate.
    """

    __slots__ = ("_head", "_octets", "_place", "_prefix", "_size", "_structure")

    def __init__(
        self, octets: Octets, prefix: bytes, head: bytes, structure: bytes, size: int, place: Place | None
    ) -> None:
        self._octets = octets
        self._prefix = prefix
        self._head = head
        self._structure = structure
        self._size = size
        self._place = place

    def read(self, offset: int, length: int) -> bytes:
        """
        Octets after the prefix.
        """
        if self._place is None:
            if min(offset + length, self._size) > len(self._head):
                raise More
            return self._head[offset : offset + length]
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        try:
            data = self._octets.reader.read(self._place, offset, min(length, MAX_READ_OCTETS))
        except FileNotFoundError:
            raise Moved from None
        if not offset:
            self._head = data
        return data

    def header(self) -> bytes:
        """
        Prefix and header section; at most L{MAX_HEADER_OCTETS} of the latter.
        """
        limit = min(self._size, MAX_HEADER_OCTETS)
        wanted = FIRST_HEAD_OCTETS
        while True:
            data = self._head if self._place is None else self.read(0, min(wanted, limit))
            end = headerEnd(data)
            if end < len(data) or len(data) >= limit:
                return self._prefix + data[:end]
            if self._place is None:
                raise More
            wanted *= 8

    def rendering(self) -> Rendering:
        """
        Structure and sort keys.
        """
        if self._structure:
            return Rendering.decode(self._structure)
        # Not rendered when it came: it was for the queue alone then.
        data = bytearray()
        while len(data) < self._size:
            piece = self.read(len(data), MAX_READ_OCTETS)
            if not piece:
                break
            data += piece
        return renderMessage(bytes(data), self._prefix)


def _cut(joined: bytes | None, lengths: str | None) -> list[bytes]:
    pieces = []
    at = 0
    for length in numbersFrom(lengths, "I"):
        pieces.append((joined or b"")[at : at + length])
        at += length
    return pieces
