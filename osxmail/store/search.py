# -*- test-case-name: tests.unit.store.test_search -*-
"""
SEARCH over a mailbox (RFC 3501 6.4.4).

What rows know (UIDs, flags, dates, sizes, MODSEQs) one statement decides, for every message at once: it gives those
that match whatever their octets are, and those that may.  Only the latter are read, in slices, each a statement of
its own: no transaction is open while text is decoded, and what is in memory is bounded.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from osxmail.errors import NoSuchMailbox, StoreDamaged
from osxmail.mail.header import headerEnd
from osxmail.mail.mime import Rendering, renderMessage
from osxmail.mail.searchkeys import Body, Header, SearchKey, Text, leaves
from osxmail.net.threads import Pool
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.numbers import UidCondition, numbersFrom
from osxmail.store.octets import MAX_READ_OCTETS, ROW_OCTETS, Octets, Place
from osxmail.store.searchplan import BODY, ROW, SENT, Candidate, Plan, plan

SEARCH_THREADS = 2
MAX_WAITING_SEARCHES = 10_000
SLICE_MESSAGES = 256
SLICES_AT_ONCE = 2  # of one search
TEXTS_A_SLICE = 4  # that are looked for in so many messages and octets; with more, a slice is smaller
SLICE_ROWS = 5_000  # where nothing but rows is looked at
SLICE_OCTETS = 2 * 1024 * 1024  # of messages that are looked through in one go
FIRST_HEAD_OCTETS = 4096  # of a message in a row that are read for its header; most headers are smaller
MAX_HEADER_OCTETS = 262_144  # of a header that are searched
MAX_TRIES = 3  # of a message whose octets move while it is read

log = Logger(namespace="osxmail.store")

_SLICE = """
SELECT group_concat(uid), group_concat(flags), group_concat(internal_date), group_concat(size), group_concat(modseq),
    group_concat(id), group_concat(octets), group_concat(segment), group_concat(place),
    CAST(group_concat(prefix, '') AS BLOB), group_concat(length(prefix)),
    CAST(group_concat(head, '') AS BLOB), group_concat(length(head)),
    CAST(group_concat(structure, '') AS BLOB), group_concat(length(structure))
FROM (SELECT m.uid, m.flags, m.internal_date, m.size, m.modseq, o.id, o.size AS octets,
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
SELECT group_concat(uid), group_concat(flags), group_concat(internal_date), group_concat(size), group_concat(modseq)
FROM (SELECT uid, flags, internal_date, size, modseq FROM message WHERE mailbox_id = :mailbox{condition} ORDER BY uid)
"""


@frozen
class _Found:
    """
    What the rows say.

    @ivar uids: messages that may match, ascending.
    @ivar isCertain: a C{1} for each that does, whatever its octets are.
    @ivar sizes: of each.
    """

    uids: array[int]
    isCertain: array[int]
    sizes: array[int]


class _Moved(Exception):
    """
    The octets are not where the row said: compaction has moved them since.
    """


class _More(Exception):
    """
    More of the message is needed than was read with its row.
    """


class Search:
    """
    Searches mailboxes; one for each store.
    """

    def __init__(self, database: Database, octets: Octets, pool: Pool | None = None) -> None:
        """
        @param pool: threads that look through text; one of its own if it is C{None}.
        """
        self._database = database
        self._octets = octets
        self._pool = pool or Pool("store-search", SEARCH_THREADS, MAX_WAITING_SEARCHES)

    def start(self) -> None:
        """
        Accept searches.
        """
        self._pool.start()

    def stop(self) -> Deferred[None]:
        """
        Accept no more; fires when those that run have finished their slice.
        """
        return self._pool.stop()

    def search(self, mailboxId: int, key: SearchKey, uids: Sequence[int] | None = None) -> Deferred[list[int]]:
        """
        See L{osxmail.interfaces.IMailbox.search}.

        @raise NoSuchMailbox: (in the Deferred) it was deleted.
        @raise Overloaded: (in the Deferred) too many searches wait.
        """
        return Deferred.fromCoroutine(self._search(mailboxId, key, uids))

    async def _search(self, mailboxId: int, key: SearchKey, uids: Sequence[int] | None) -> list[int]:
        if uids is not None and not len(uids):
            return []
        found, made = await self._database.read(lambda txn: _readRows(txn, mailboxId, key, uids), isLong=True)
        if all(found.isCertain):
            return list(found.uids)
        matching: list[int] = [uid for uid, isCertain in zip(found.uids, found.isCertain, strict=True) if isCertain]
        # While one slice is looked through, the next is read.
        running: deque[Deferred[list[int]]] = deque()
        try:
            for piece in _slices(found, made.need, _textCount(key)):
                running.append(Deferred.fromCoroutine(self._lookThrough(mailboxId, piece, made)))
                if len(running) >= SLICES_AT_ONCE:
                    matching.extend(await running.popleft())
            while running:
                matching.extend(await running.popleft())
        finally:
            for left in running:
                # The search has failed or was given up: why, the first one has said.
                left.addErrback(lambda failure: None)
                left.cancel()
        matching.sort()
        return matching

    async def _lookThrough(self, mailboxId: int, uids: Sequence[int], made: Plan) -> list[int]:
        matching: list[int] = []
        head = ROW_OCTETS if made.need >= BODY else FIRST_HEAD_OCTETS if made.need > SENT else 0
        for _ in range(MAX_TRIES):
            read = _sliceReader(mailboxId, uids, head, isRowOnly=made.need == ROW)
            row = await self._database.read(read, isSingle=True)
            good, again = await self._pool.run(self._match_inThread, row, made)
            matching.extend(good)
            if not again:
                return matching
            uids, head = again, ROW_OCTETS
        for uid in again:
            log.error("{event}", event="search.passed_over", mailboxId=mailboxId, uid=uid)
        return matching

    def _match_inThread(self, row: Sequence[Any], made: Plan) -> tuple[list[int], list[int]]:
        """
        UIDs that match, and those to be read again.
        """
        good: list[int] = []
        again: list[int] = []
        for candidate in self._candidates(row):
            try:
                if made.matches(candidate):
                    good.append(candidate.uid)
            except (_Moved, _More):
                again.append(candidate.uid)
            except StoreDamaged as error:
                # One damaged message must not keep all others from being found.
                log.error("{event}", event="store.damaged", uid=candidate.uid, reason=str(error))
        return good, again

    def _candidates(self, row: Sequence[Any]) -> Iterator[Candidate]:
        uids, flags, dates, sizes, modseqs = (
            numbersFrom(text, code) for text, code in zip(row[:5], "IQqQQ", strict=True)
        )
        if len(row) == 5:
            for index, uid in enumerate(uids):
                yield Candidate(uid, flags[index], dates[index], sizes[index], modseqs[index])
            return
        octetsIds, lengths, segments, places = (numbersFrom(text, "q") for text in row[5:9])
        prefixes = _cut(row[9], row[10])
        heads = _cut(row[11], row[12])
        structures = _cut(row[13], row[14])
        for index, uid in enumerate(uids):
            place = None
            if segments[index] >= 0:
                place = Place(octetsIds[index], lengths[index], segments[index], places[index])
            source = _Source(self._octets, prefixes[index], heads[index], structures[index], lengths[index], place)
            yield Candidate(uid, flags[index], dates[index], sizes[index], modseqs[index], source)


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
                raise _More
            return self._head[offset : offset + length]
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        try:
            data = self._octets.reader.read(self._place, offset, min(length, MAX_READ_OCTETS))
        except FileNotFoundError:
            raise _Moved from None
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
                raise _More
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


def _readRows(txn: Transaction, mailboxId: int, key: SearchKey, uids: Sequence[int] | None) -> tuple[_Found, Plan]:
    if txn.execute("SELECT 1 FROM mailbox WHERE id = ?", (mailboxId,)).fetchone() is None:
        raise NoSuchMailbox("deleted meanwhile")
    row = txn.execute(
        "SELECT group_concat(bit), group_concat(name, ' ') FROM keyword WHERE mailbox_id = ?", (mailboxId,)
    )
    bits, names = row.fetchone()
    keywords = dict(zip((names or "").lower().split(), numbersFrom(bits, "I"), strict=True))
    made = plan(key, keywords)
    condition = UidCondition(uids)
    texts = txn.execute(
        f"""SELECT group_concat(uid), group_concat(certain), group_concat(size) FROM
            (SELECT uid, {made.atLeast} AS certain, size FROM message
                WHERE mailbox_id = :mailbox{condition.sql} AND {made.atMost} ORDER BY uid)""",
        {"mailbox": mailboxId, **condition.args},
    ).fetchone()
    return _Found(numbersFrom(texts[0], "I"), numbersFrom(texts[1], "B"), numbersFrom(texts[2], "Q")), made


def _textCount(key: SearchKey) -> int:
    return sum(isinstance(leaf, Text | Body | Header) for leaf in leaves(key))


def _slices(found: _Found, need: int, texts: int) -> Iterator[list[int]]:
    """
    The UIDs to be looked at, in pieces of so many messages and so many octets: other people's searches wait for the
    pieces of this one, so that each is about as much work, whatever is looked for.
    """
    piece: list[int] = []
    octets = 0
    times = max(1, texts // TEXTS_A_SLICE)
    limit = max(1, SLICE_MESSAGES // times) if need > ROW else SLICE_ROWS
    most = SLICE_OCTETS // times
    for uid, isCertain, size in zip(found.uids, found.isCertain, found.sizes, strict=True):
        if isCertain:
            continue
        octets += (size if need >= BODY else min(size, ROW_OCTETS)) if need > SENT else 0
        if piece and (len(piece) >= limit or octets > most):
            yield piece
            piece, octets = [], size
        piece.append(uid)
    if piece:
        yield piece


def _sliceReader(mailboxId: int, uids: Sequence[int], head: int, isRowOnly: bool) -> Callable[[Transaction], Any]:
    def read(txn: Transaction) -> Any:
        condition = UidCondition(uids)
        args: dict[str, Any] = {"mailbox": mailboxId, **condition.args}
        if isRowOnly:
            return txn.execute(_ROWS_SLICE.format(condition=condition.sql), args).fetchone()
        return txn.execute(_SLICE.format(condition=condition.sql), {**args, "head": head}).fetchone()

    return read
