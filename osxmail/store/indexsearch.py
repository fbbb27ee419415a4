# -*- test-case-name: tests.unit.store.test_indexing -*-
"""
What an index knows of a search: the same tree with the UIDs that it finds in place of what it was asked for.

A text of a field is found as it is, so that nothing need be read.  What the trigrams find may match, and is looked
through by whoever looks through messages anyway.  What the index does not have yet, or not as a whole, may match too.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import compress

import apsw
from attrs import frozen

from osxmail.mail import searchkeys as keys
from osxmail.mail.indexentry import TEXT_BREAK, TEXT_FIELDS, isKept, isUnicode, threadNumber
from osxmail.mail.searchkeys import SearchKey
from osxmail.mail.searchtext import spaced, trigrams
from osxmail.mail.sequenceset import MAX_NUMBER
from osxmail.mail.text import folded
from osxmail.store.indexblocks import (
    DOCUMENTS,
    FIELD_TEXTS,
    NOTHING_KEPT,
    ODD,
    SENT_DAYS,
    THREADS,
    UIDS,
    findInColumn,
    linesWith,
    numbersOf,
    readColumns,
)
from osxmail.store.numbers import numbersFrom


@frozen(eq=False)
class Narrowed:
    """
    A search that an index has helped.

    @ivar key: finds exactly what the key that was asked for finds.
    @ivar uids: of the messages up to L{lastUid} only these may match, ascending; C{None} where all may.
    @ivar lastUid: the index has all messages up to this UID.
    """

    key: SearchKey
    uids: array[int] | None
    lastUid: int


def narrowed(connection: apsw.Connection, mailboxId: int, key: SearchKey) -> Narrowed | None:
    """
    What the index makes of a search.

    @return: C{None} where it has nothing of the mailbox, or knows nothing of what is looked for.
    """
    if not any(isinstance(leaf, _HELPED) for leaf in keys.leaves(key)):
        return None
    row = connection.execute("SELECT columns_uid, text_uid FROM progress WHERE mailbox_id = ?", (mailboxId,)).fetchone()
    if row is None or not row[0]:
        return None
    narrowing = _Narrowing(connection, mailboxId, row[0], row[1])
    made, uids = narrowing.narrow(keys.loosened(key))
    return Narrowed(made, uids, row[0]) if narrowing.hasHelped else None


_HELPED = (
    keys.Header | keys.Text | keys.Body | keys.Loose | keys.SentBefore | keys.SentOn | keys.SentSince | keys.ThreadId
)


class _Narrowing:
    def __init__(self, connection: apsw.Connection, mailboxId: int, columnsUid: int, textUid: int) -> None:
        self._connection = connection
        self._mailboxId = mailboxId
        self._textUid = textUid
        #: Messages that the index does not have.
        self._unknown = keys.UidSet(((columnsUid + 1, MAX_NUMBER),) if columnsUid < MAX_NUMBER else ())
        self.hasHelped = False

    def narrow(self, key: SearchKey) -> tuple[SearchKey, array[int] | None]:
        """
        The tree to be used instead, and the UIDs that may match, of those that the index has; C{None}: all may.
        """
        match key:
            case keys.And(several):
                found = [self.narrow(each) for each in several]
                known = [uids for _, uids in found if uids is not None]
                return keys.And(tuple(made for made, _ in found)), _inAll(known) if known else None
            case keys.Or(left, right):
                first, firstUids = self.narrow(left)
                second, secondUids = self.narrow(right)
                isKnown = firstUids is not None and secondUids is not None
                return keys.Or(first, second), _inAny((firstUids or (), secondUids or ())) if isKnown else None
            case keys.Not(inner):
                return keys.Not(self.narrow(inner)[0]), None
        helped = self._leaf(key)
        if helped is None:
            return key, None
        self.hasHelped = True
        return helped

    def _leaf(self, key: SearchKey) -> tuple[SearchKey, array[int]] | None:
        match key:
            case keys.Header(name, text) if name.lower().encode("ascii", "replace") in TEXT_FIELDS:
                return self._field(key, TEXT_FIELDS.index(name.lower().encode("ascii")), spaced(folded(text)))
            case keys.Header(_, text) | keys.Text(text) | keys.Body(text):
                return self._text(key, text)
            case keys.Loose(inner):
                return self._text(key, inner.text)
            case keys.SentBefore(day):
                ordinal = day.toordinal()
                return self._sent(key, lambda sent: 0 < sent < ordinal)
            case keys.SentOn(day):
                ordinal = day.toordinal()
                return self._sent(key, lambda sent: sent == ordinal)
            case keys.SentSince(day):
                ordinal = day.toordinal()
                return self._sent(key, lambda sent: sent >= ordinal)
            case keys.ThreadId(objectId):
                return self._thread(key, threadNumber(objectId))
        return None

    # ------------------------------------------------------------------------------------------------- columns

    @cached_property
    def _blockUids(self) -> list[array[int]]:
        return [numbersOf(uids, UIDS) for (uids,) in readColumns(self._connection, self._mailboxId, (UIDS,))]

    def _column(self, kind: int) -> list[array[int]]:
        return [numbersOf(piece, kind) for (piece,) in readColumns(self._connection, self._mailboxId, (kind,))]

    @cached_property
    def _odd(self) -> list[array[int]]:
        return self._column(ODD)

    @cached_property
    def _documents(self) -> list[array[int]]:
        return self._column(DOCUMENTS)

    @cached_property
    def _days(self) -> list[array[int]]:
        return self._column(SENT_DAYS)

    def _exactly(self, key: SearchKey, hits: array[int], odd: array[int]) -> tuple[SearchKey, array[int]]:
        """
        These match, none of the others that the index has does, and of C{odd} it does not know.
        """
        unknown: SearchKey = keys.Or(self._unknown, keys.Uids(odd)) if len(odd) else self._unknown
        return keys.Or(keys.Uids(hits), keys.And((unknown, key))), _inAny((hits, odd)) if len(odd) else hits

    def _atMost(self, key: SearchKey, uids: array[int]) -> tuple[SearchKey, array[int]]:
        """
        These may match, none of the others that the index has does.
        """
        return keys.And((keys.Or(keys.Uids(uids), self._unknown), key)), uids

    def _field(self, key: SearchKey, number: int, wanted: str) -> tuple[SearchKey, array[int]] | None:
        if not isKept(wanted):
            return None
        hits: array[int] = array("I")
        # Before each text stands a break: there is one where there is a field.
        octets = (wanted or TEXT_BREAK).encode("utf-8")
        for uids, lines in findInColumn(self._connection, self._mailboxId, FIELD_TEXTS[number], octets):
            column = numbersOf(uids, UIDS)
            hits.extend([column[line] for line in linesWith(lines, octets)])
        return self._exactly(key, hits, self._oddOnes(lambda bits: bits >> number & 1 == 1))

    def _sent(self, key: SearchKey, matches: Callable[[int], bool]) -> tuple[SearchKey, array[int]]:
        hits: array[int] = array("I")
        for column, days in zip(self._blockUids, self._days, strict=True):
            hits.extend(compress(column, map(matches, days)))
        return self._exactly(key, hits, self._unreadable())

    def _thread(self, key: SearchKey, number: int) -> tuple[SearchKey, array[int]]:
        found: array[int] = array("I")
        for column, threads in zip(self._blockUids, self._column(THREADS), strict=True):
            found.extend([uid for uid, each in zip(column, threads, strict=True) if each == number])
        return self._atMost(key, _inAny((found, self._unreadable())))

    def _unreadable(self) -> array[int]:
        """
        Messages that could not be read when they were to be put into the index.
        """
        return self._oddOnes(lambda bits: bits == NOTHING_KEPT)

    def _oddOnes(self, isOdd: Callable[[int], bool]) -> array[int]:
        odd: array[int] = array("I")
        for column, bits in zip(self._blockUids, self._odd, strict=True):
            if any(bits):
                odd.extend([uid for uid, each in zip(column, bits, strict=True) if isOdd(each)])
        return odd

    # ---------------------------------------------------------------------------------------------------- texts

    def _text(self, key: SearchKey, text: str) -> tuple[SearchKey, array[int]] | None:
        words = trigrams(folded(text)) if isUnicode(text) else []
        if not words or not self._textUid:
            return None
        found: array[int] = array("I")
        wanted = self._documentsWith(words)
        textUid = self._textUid
        for uids, documents in zip(self._blockUids, self._documents, strict=True):
            # Of what is behind, and of what has no number, the texts are not there.
            known = bisect_right(uids, textUid)
            found.extend(
                [uid for uid, each in zip(uids[:known], documents[:known], strict=True) if each in wanted or each < 0]
            )
            found.extend(uids[known:])
        return self._atMost(key, found)

    def _documentsWith(self, words: Sequence[str]) -> set[int]:
        """
        Documents that have all these trigrams, and those of which the index does not have all.
        """
        query = " AND ".join('"' + word.replace('"', '""') + '"' for word in words)
        first = min((min(each) for each in self._documents), default=0)
        last = max((max(each) for each in self._documents), default=0)
        execute = self._connection.execute
        row = execute(
            "SELECT group_concat(rowid) FROM text WHERE text MATCH ? AND rowid BETWEEN ? AND ?",
            (query, max(first, 0), last),
        ).fetchone()
        found = set(numbersFrom(_textOrNone(row), "q"))
        found.update(numbersFrom(_textOrNone(execute(_PARTS).fetchone()), "q"))
        return found


_PARTS = "SELECT group_concat(id) FROM document WHERE whole = 0"


def _textOrNone(row: Sequence[object] | None) -> str | None:
    return None if row is None or row[0] is None else str(row[0])


def _inAny(several: Iterable[Iterable[int]]) -> array[int]:
    found: set[int] = set()
    for each in several:
        found.update(each)
    return array("I", sorted(found))


def _inAll(several: Sequence[array[int]]) -> array[int]:
    if len(several) == 1:
        return several[0]
    least = min(several, key=len)
    found = set(least)
    for each in several:
        if each is not least:
            found.intersection_update(each)
    return array("I", sorted(found))
