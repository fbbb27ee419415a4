# -*- test-case-name: tests.unit.store.test_indexing -*-
"""
What an index knows of a search: the same tree with the UIDs that it finds in place of what it was asked for.

A text of a field, and a word in a body, is found as it is, so that nothing need be read.  What trigrams and words of
longer texts find may match, and is looked through by whoever looks through messages anyway.  What the index does not
have yet, or not as a whole, may match too.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from itertools import chain, compress
from typing import NamedTuple

import apsw
from attrs import frozen

from osxmail.mail import searchkeys as keys
from osxmail.mail.indexentry import TEXT_BREAK, TEXT_FIELDS, isKept, isUnicode, threadNumber
from osxmail.mail.searchkeys import SearchKey
from osxmail.mail.searchtext import ADDRESS_FIELDS, spaced
from osxmail.mail.sequenceset import MAX_NUMBER
from osxmail.mail.text import folded, withoutAccents
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
from osxmail.store.indextexts import IndexTexts

MANY_HEADERS = 300  # that are looked through rather than that all texts of fields are


@frozen(eq=False)
class Narrowed:
    """
    A search that an index has helped.

    @ivar key: finds exactly what the key that was asked for finds.
    @ivar certain: these match if they are there, ascending.
    @ivar unsure: of the others up to L{lastUid} only these may match, ascending; C{None} where all may, and then
        nothing is certain.
    @ivar lastUid: the index has all messages up to this UID.
    """

    key: SearchKey
    certain: array[int]
    unsure: array[int] | None
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
    made, certain, most = narrowing.narrow(keys.loosened(key))
    if not narrowing.hasHelped:
        return None
    if most is None:
        return Narrowed(made, _NONE, None, row[0])
    return Narrowed(made, certain, _without(most, certain), row[0])


_HELPED = (
    keys.Header | keys.Text | keys.Body | keys.Loose | keys.SentBefore | keys.SentOn | keys.SentSince | keys.ThreadId
)


class _Known(NamedTuple):
    """
    What is known of a tree, or a leaf, about the messages that the index has.

    @ivar key: to be used instead.
    @ivar certain: these match, ascending.
    @ivar most: none but these may match, ascending; C{None}: all may.
    """

    key: SearchKey
    certain: array[int]
    most: array[int] | None


_NONE: array[int] = array("I")


class _Narrowing:
    def __init__(self, connection: apsw.Connection, mailboxId: int, columnsUid: int, textUid: int) -> None:
        self._connection = connection
        self._mailboxId = mailboxId
        self._textUid = textUid
        #: Messages that the index does not have.
        self._unknown = keys.UidSet(((columnsUid + 1, MAX_NUMBER),) if columnsUid < MAX_NUMBER else ())
        self.hasHelped = False

    def narrow(self, key: SearchKey) -> _Known:
        """
        What is known of a tree.
        """
        match key:
            case keys.And(several):
                found = [self.narrow(each) for each in several]
                most = [each.most for each in found if each.most is not None]
                return _Known(
                    keys.And(tuple(each.key for each in found)),
                    _inAll([each.certain for each in found]),
                    _inAll(most) if most else None,
                )
            case keys.Or(left, right):
                first, second = self.narrow(left), self.narrow(right)
                isKnown = first.most is not None and second.most is not None
                return _Known(
                    keys.Or(first.key, second.key),
                    _inAny((first.certain, second.certain)),
                    _inAny((first.most or (), second.most or ())) if isKnown else None,
                )
            case keys.Not(inner):
                known = self.narrow(inner)
                if known.most is None:
                    return _Known(keys.Not(known.key), _NONE, None)
                return _Known(
                    keys.Not(known.key), _without(self._allUids, known.most), _without(self._allUids, known.certain)
                )
        helped = self._leaf(key)
        if helped is None:
            return _Known(key, _NONE, None)
        self.hasHelped = True
        return helped

    def _leaf(self, key: SearchKey) -> _Known | None:
        match key:
            case keys.Header(name, text) if name.lower().encode("ascii", "replace") in TEXT_FIELDS:
                return self._field(key, TEXT_FIELDS.index(name.lower().encode("ascii")), spaced(folded(text)))
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
        if not self._textUid or not isUnicode(_textIn(key)):
            return None
        match key:
            case keys.Header(_, text) | keys.Loose(keys.Header(_, text)):
                return self._inHeader(key, text)
            case keys.Text(text):
                return self._anywhere(key, text, False)
            case keys.Loose(keys.Text(text)):
                return self._anywhere(key, text, True)
            case keys.Body(text):
                return self._inBody(key, text, False)
            case keys.Loose(keys.Body(text)):
                return self._inBody(key, text, True)
        return None

    # ------------------------------------------------------------------------------------------------- columns

    @cached_property
    def _allUids(self) -> array[int]:
        return array("I", chain.from_iterable(self._blockUids))

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

    def _exactly(self, key: SearchKey, hits: array[int], odd: array[int]) -> _Known:
        """
        These match, none of the others that the index has does, and of C{odd} it does not know.
        """
        unknown: SearchKey = keys.Or(self._unknown, keys.Uids(odd)) if len(odd) else self._unknown
        return _Known(
            keys.Or(keys.Uids(hits), keys.And((unknown, key))),
            _without(hits, odd),
            _inAny((hits, odd)) if len(odd) else hits,
        )

    def _atMost(self, key: SearchKey, uids: array[int]) -> _Known:
        """
        These may match, none of the others that the index has does.
        """
        return _Known(keys.And((keys.Or(keys.Uids(uids), self._unknown), key)), _NONE, uids)

    def _field(self, key: SearchKey, number: int, wanted: str) -> _Known | None:
        if not isKept(wanted):
            return None
        hits: array[int] = array("I")
        # Before each text stands a break: there is one where there is a field.
        octets = (wanted or TEXT_BREAK).encode("utf-8")
        for uids, lines in findInColumn(self._connection, self._mailboxId, FIELD_TEXTS[number], octets):
            column = numbersOf(uids, UIDS)
            hits.extend([column[line] for line in linesWith(lines, octets)])
        return self._exactly(key, hits, self._oddOnes(lambda bits: bits >> number & 1 == 1))

    def _sent(self, key: SearchKey, matches: Callable[[int], bool]) -> _Known:
        hits: array[int] = array("I")
        for column, days in zip(self._blockUids, self._days, strict=True):
            hits.extend(compress(column, map(matches, days)))
        return self._exactly(key, hits, self._unreadable())

    def _thread(self, key: SearchKey, number: int) -> _Known:
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

    @cached_property
    def _texts(self) -> IndexTexts:
        first = min((min(each) for each in self._documents), default=0)
        last = max((max(each) for each in self._documents), default=0)
        return IndexTexts(self._connection, max(first, 0), last)

    def _inHeader(self, key: SearchKey, text: str) -> _Known | None:
        found = self._texts.inHeader(folded(text))
        return None if found is None else self._atMost(key, _inAny((self._uidsOf(found), self._unsureUids)))

    def _inBody(self, key: SearchKey, text: str, isLoose: bool) -> _Known | None:
        wanted = withoutAccents(folded(text)) if isLoose else folded(text)
        found, isCertain = self._texts.inBody(wanted, isLoose)
        if found is None:
            return None
        uids = self._uidsOf(found)
        if isCertain:
            return self._exactly(key, uids, self._unsureUids)
        return self._atMost(key, _inAny((uids, self._unsureUids)))

    def _anywhere(self, key: SearchKey, text: str, isLoose: bool) -> _Known | None:
        wanted = withoutAccents(folded(text)) if isLoose else folded(text)
        inHeader = self._texts.inHeader(wanted)
        inBody, isCertain = self._texts.inBody(wanted, isLoose)
        if inHeader is None or inBody is None:
            return None
        if not isCertain:
            return self._atMost(key, _inAny((self._uidsOf(inHeader | inBody), self._unsureUids)))
        # It stands in these bodies, and in no other: of the rest, the headers are enough to know.
        certain = self._uidsOf(inBody)
        rest = self._uidsOf(inHeader - inBody)
        if len(rest) > MANY_HEADERS:
            known = set(chain.from_iterable(self._linesOf(kind, wanted) for kind in FIELD_TEXTS))
            certain = _inAny((certain, known))
            rest = _without(rest, known)
        unsure = self._unsureUids
        unknown: SearchKey = keys.Or(self._unknown, keys.Uids(unsure)) if len(unsure) else self._unknown
        made = keys.Or(
            keys.Or(keys.Uids(certain), keys.And((keys.Uids(rest), keys.InHeader(text)))), keys.And((unknown, key))
        )
        most = _inAny((certain, rest, unsure)) if len(rest) or len(unsure) else certain
        return _Known(made, certain, most)

    def _linesOf(self, kind: int, wanted: str) -> list[int]:
        """
        UIDs of messages that have it, which is one word, in the decoded value of such a field; not those that only have
        it in the addresses as ENVELOPE has them.
        """
        octets = wanted.encode("utf-8")
        isAddress = TEXT_FIELDS[kind - FIELD_TEXTS[0]] in ADDRESS_FIELDS
        found: list[int] = []
        for piece, lines in findInColumn(self._connection, self._mailboxId, kind, octets):
            uids = numbersOf(piece, UIDS)
            numbers = linesWith(lines, octets)
            if isAddress and numbers:
                split = lines.split(b"\n")
                breaks = TEXT_BREAK.encode()
                # After each value stand its addresses.
                numbers = [number for number in numbers if octets in b"\n".join(split[number].split(breaks)[1::2])]
            found += [uids[number] for number in numbers]
        return found

    @cached_property
    def _unsureUids(self) -> array[int]:
        """
        Messages whose texts are not there, or not as a whole.
        """
        parts = self._texts.parts()
        unsure: array[int] = array("I")
        for uids, documents in zip(self._blockUids, self._documents, strict=True):
            known = bisect_right(uids, self._textUid)
            if parts or min(documents) < 0:
                unsure.extend(
                    [uid for uid, each in zip(uids[:known], documents, strict=False) if each < 0 or each in parts]
                )
            unsure.extend(uids[known:])
        return unsure

    def _uidsOf(self, wanted: set[int]) -> array[int]:
        """
        Messages that have these documents.
        """
        found: array[int] = array("I")
        if wanted:
            for uids, documents in zip(self._blockUids, self._documents, strict=True):
                found.extend([uid for uid, each in zip(uids, documents, strict=True) if each in wanted])
        return found


def _textIn(key: SearchKey) -> str:
    match key:
        case keys.Header(_, text) | keys.Text(text) | keys.Body(text):
            return text
        case keys.Loose(inner):
            return inner.text
    return ""


def _inAny(several: Iterable[Iterable[int]]) -> array[int]:
    some = [each for each in several if each]
    if len(some) == 1 and isinstance(some[0], array):
        return some[0]
    found: set[int] = set()
    for each in some:
        found.update(each)
    return array("I", sorted(found))


def _inAll(several: Sequence[array[int]]) -> array[int]:
    least = min(several, key=len)
    if len(several) == 1 or not len(least):
        return least
    found = set(least)
    for each in several:
        if each is not least:
            found.intersection_update(each)
    return array("I", sorted(found))


def _without(uids: array[int], others: Collection[int]) -> array[int]:
    if not others:
        return uids
    found = set(others)
    return array("I", [uid for uid in uids if uid not in found])
