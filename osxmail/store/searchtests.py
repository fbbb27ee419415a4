# -*- test-case-name: tests.unit.store.test_searchplan -*-
"""
The truth about one message: what a search asks of those that rows and index leave in doubt, cheap keys before dear
ones.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import date
from typing import Protocol, TypeAlias

from osxmail.mail import searchkeys as keys
from osxmail.mail.header import fields
from osxmail.mail.mime import Rendering
from osxmail.mail.objectid import parseEmailId, threadId
from osxmail.mail.searchtext import ADDRESS_FIELDS, fieldTexts, spaced
from osxmail.mail.text import bodyTexts, contains, folded, headerText, withoutAccents

#: What a key needs to see, the cheapest first: the row, the sort keys, the header, the body.
ROW, SENT, HEADER, BODY = range(4)

SECONDS_A_DAY = 86_400

# Signs of an address that ENVELOPE has otherwise than it stands: comments, quotes, blanks beside signs or in brackets.
_BETWEEN = frozenset("<>,")
_ODD = re.compile(rb'[("\\\x00]|\s[@.>]|[@.<]\s|<[^>]*\s')
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Source(Protocol):
    """
    The octets of a message.
    """

    def header(self) -> bytes:
        """
        Prefix and header section.
        """

    def read(self, offset: int, length: int) -> bytes:
        """
        Octets, counted after the prefix; fewer than C{length} only at the end.
        """

    def rendering(self) -> Rendering:
        """
        Structure and sort keys.
        """


class Candidate:
    """
    A message that may match.
    """

    __slots__ = (
        "_fields",
        "_header",
        "_isPlain",
        "_lowered",
        "_rendering",
        "date",
        "flags",
        "modseq",
        "octetsId",
        "prefix",
        "saved",
        "size",
        "source",
        "uid",
    )

    def __init__(
        self,
        uid: int,
        flags: int,
        date: int,
        size: int,
        modseq: int,
        source: Source | None = None,
        saved: int = 0,
        octetsId: int = 0,
        prefix: int = 0,
    ) -> None:
        self.uid = uid
        self.flags = flags
        self.date = date
        self.size = size
        self.modseq = modseq
        self.source = source
        self.saved = saved
        self.octetsId = octetsId
        self.prefix = prefix
        self._header: bytes | None = None
        self._lowered = b""
        self._isPlain = False
        self._fields: list[tuple[bytes, bytes]] | None = None
        self._rendering: Rendering | None = None

    def header(self) -> bytes:
        """
        Prefix and header section.
        """
        if self._header is None:
            assert self.source is not None
            self._header = self.source.header()
            self._lowered = self._header.lower()
            self._isPlain = self._header.isascii() and b"=?" not in self._header
        return self._header

    def mayHave(self, name: bytes, word: bytes | None) -> bool:
        """
        Can a field of this name hold this word?  A quick look at the header as it stands.
        """
        self.header()
        return name in self._lowered and (word is None or not self._isPlain or word in self._lowered)

    def isOdd(self, name: bytes) -> bool:
        """
        Does a field of this name hold comments, quotes or blanks, so that an address may not stand there as it is?
        """
        self.header()
        lowered = self._lowered
        at = 0 if lowered.startswith(name) else lowered.find(b"\n" + name) + 1
        while at or lowered.startswith(name):
            end = lowered.find(b"\n", at)
            while 0 <= end < len(lowered) - 1 and lowered[end + 1] in b" \t":
                end = lowered.find(b"\n", end + 1)
            if _ODD.search(lowered, at, end if end >= 0 else len(lowered)) is not None:
                return True
            if end < 0:
                break
            at = lowered.find(b"\n" + name, end) + 1
            if not at:
                break
        return False

    def fields(self) -> list[tuple[bytes, bytes]]:
        """
        The header's fields.
        """
        if self._fields is None:
            self._fields = list(fields(self.header()))
        return self._fields

    def rendering(self) -> Rendering:
        """
        Structure and sort keys.
        """
        if self._rendering is None:
            assert self.source is not None
            self._rendering = self.source.rendering()
        return self._rendering


Test: TypeAlias = Callable[[Candidate], bool]
Fold: TypeAlias = Callable[[str], str]


def testOf(key: keys.SearchKey, keywords: Mapping[str, int]) -> tuple[int, Test]:
    """
    What the key needs, and its test.
    """
    match key:
        case keys.And(several):
            tests = sorted((testOf(each, keywords) for each in several), key=_need)
            return tests[-1][0], _all([test for _, test in tests])
        case keys.Or(left, right):
            tests = sorted((testOf(left, keywords), testOf(right, keywords)), key=_need)
            return tests[-1][0], _either(tests[0][1], tests[1][1])
        case keys.Not(inner):
            need, test = testOf(inner, keywords)
            return need, lambda candidate: not test(candidate)
        case keys.Header(name, text):
            return HEADER, _header(name, text, folded)
        case keys.Body(text) if text:
            return BODY, _body(folded(text), folded)
        case keys.Text(text) if text:
            return BODY, _text(folded(text), folded)
        case keys.InHeader(text):
            return HEADER, _inHeader(folded(text), folded)
        case keys.Loose(keys.Header(name, text)):
            return HEADER, _header(name, text, _loose)
        case keys.Loose(keys.Body(text)):
            return BODY, _body(_loose(text), _loose)
        case keys.Loose(keys.Text(text)):
            return BODY, _text(_loose(text), _loose)
        case keys.ThreadId(objectId):
            return SENT, _thread(objectId)
        case keys.SentBefore(day):
            return SENT, _sent(operator.lt, day)
        case keys.SentOn(day):
            return SENT, _sent(operator.eq, day)
        case keys.SentSince(day):
            return SENT, _sent(operator.ge, day)
    return ROW, _rowTest(key, keywords)


def _need(pair: tuple[int, Test]) -> int:
    return pair[0]


def _all(tests: list[Test]) -> Test:
    def matches(candidate: Candidate) -> bool:
        for test in tests:  # noqa: SIM110  a generator more for each candidate
            if not test(candidate):
                return False
        return True

    return matches


def _either(first: Test, second: Test) -> Test:
    return lambda candidate: first(candidate) or second(candidate)


def _rowTest(key: keys.SearchKey, keywords: Mapping[str, int]) -> Test:
    match key:
        case keys.All() | keys.SaveDateSupported() | keys.Body() | keys.Text():
            return lambda candidate: True
        case keys.Flag():
            bits = bitsOf(key, keywords)
            return lambda candidate: candidate.flags & bits != 0
        case keys.UidSet(ranges):
            return _inRanges(ranges)
        case keys.Before(day):
            start = startOf(day)
            return lambda candidate: candidate.date < start
        case keys.On(day):
            start = startOf(day)
            return lambda candidate: start <= candidate.date < start + SECONDS_A_DAY
        case keys.Since(day):
            start = startOf(day)
            return lambda candidate: candidate.date >= start
        case keys.Larger(octets):
            return lambda candidate: candidate.size > octets
        case keys.Smaller(octets):
            return lambda candidate: candidate.size < octets
        case keys.Modseq(modseq):
            return lambda candidate: candidate.modseq >= modseq
        case keys.ArrivedSince(time):
            return lambda candidate: candidate.date >= time
        case keys.SavedBefore(day):
            start = startOf(day)
            return lambda candidate: candidate.saved < start
        case keys.SavedOn(day):
            start = startOf(day)
            return lambda candidate: start <= candidate.saved < start + SECONDS_A_DAY
        case keys.SavedSince(day):
            start = startOf(day)
            return lambda candidate: candidate.saved >= start
        case keys.EmailId(objectId):
            wanted = parseEmailId(objectId)
            return lambda candidate: (candidate.octetsId, candidate.prefix) == wanted
        case keys.Uids(uids):
            known = frozenset(uids)
            return lambda candidate: candidate.uid in known
    raise ValueError(f"the store is not asked for {type(key).__name__}")


def _inRanges(ranges: tuple[tuple[int, int], ...]) -> Test:
    firsts = [first for first, _ in ranges]

    def matches(candidate: Candidate) -> bool:
        index = bisect_right(firsts, candidate.uid) - 1
        return index >= 0 and candidate.uid <= ranges[index][1]

    return matches


def _sent(compare: Callable[[int, int], bool], day: date) -> Test:
    ordinal = day.toordinal()

    def matches(candidate: Candidate) -> bool:
        sent = candidate.rendering().keys.sent
        return sent is not None and compare(sent.day, ordinal)

    return matches


def _thread(objectId: str) -> Test:
    return lambda candidate: threadId(candidate.rendering().keys, candidate.octetsId, candidate.prefix) == objectId


def _header(name: str, text: str, fold: Fold) -> Test:
    field = name.lower().encode("ascii", "replace")
    wanted = spaced(fold(text))
    isAddress = field in ADDRESS_FIELDS
    # Brackets and commas stand in addresses as ENVELOPE has them, whatever stands in the field.
    word = None if isAddress and not _BETWEEN.isdisjoint(wanted) else _word(wanted)

    def matches(candidate: Candidate) -> bool:
        if not candidate.mayHave(field, word) and not (isAddress and candidate.isOdd(field)):
            return False
        for each, value in candidate.fields():
            if each == field:
                texts = fieldTexts(field, value)
                if any(wanted in (each if fold is folded else fold(each)) for each in texts):
                    return True
        return False

    return matches


def _loose(text: str) -> str:
    return withoutAccents(folded(text))


def _word(wanted: str) -> bytes | None:
    """
    What stands in a header as it is, unless it is encoded: ASCII without blanks, which may be the fold of a field.
    """
    return wanted.encode("ascii") if wanted.isascii() and not any(c.isspace() for c in wanted) else None


def _inBody(candidate: Candidate, wanted: str, fold: Fold) -> bool:
    assert candidate.source is not None
    return contains(bodyTexts(candidate.rendering().part, candidate.source.read), wanted, fold)


def _body(wanted: str, fold: Fold) -> Test:
    return lambda candidate: _inBody(candidate, wanted, fold)


def _inHeader(wanted: str, fold: Fold) -> Test:
    word = _word(wanted)
    return lambda candidate: candidate.mayHave(b"", word) and wanted in fold(headerText(candidate.header()))


def _text(wanted: str, fold: Fold) -> Test:
    inHeader = _inHeader(wanted, fold)
    return lambda candidate: inHeader(candidate) or _inBody(candidate, wanted, fold)


def bitsOf(key: keys.Flag, keywords: Mapping[str, int]) -> int:
    """
    The bits of a flag in this mailbox; 0 for a keyword that it does not know.
    """
    if key.bits:
        return key.bits
    bit = keywords.get(key.keyword.lower())
    return 0 if bit is None else 1 << bit


def startOf(day: date) -> int:
    """
    When a day begins in UTC, seconds since the epoch.
    """
    return (day.toordinal() - _EPOCH_DAY) * SECONDS_A_DAY
