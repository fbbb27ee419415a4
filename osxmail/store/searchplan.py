# -*- test-case-name: tests.unit.store.test_searchplan -*-
"""
What a search does with each message: a condition for the statement that reads rows, and a test for those messages
whose octets must be seen, cheap keys before dear ones.
"""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import date
from typing import Protocol, TypeAlias

from attrs import frozen

from osxmail.mail import searchkeys as keys
from osxmail.mail.addresslist import entries
from osxmail.mail.encodedword import decodeWords
from osxmail.mail.header import fields
from osxmail.mail.mime import Rendering
from osxmail.mail.text import bodyTexts, contains, folded, headerText

#: What a key needs to see, the cheapest first: the row, the sort keys, the header, the body.
ROW, SENT, HEADER, BODY = range(4)

_ADDRESS_FIELDS = frozenset({b"from", b"to", b"cc", b"bcc", b"sender", b"reply-to"})

MAX_RANGES = 30  # of UIDs in a statement; more are looked up in a tree of our own

_SECONDS_A_DAY = 86_400
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
        "size",
        "source",
        "uid",
    )

    def __init__(self, uid: int, flags: int, date: int, size: int, modseq: int, source: Source | None = None) -> None:
        self.uid = uid
        self.flags = flags
        self.date = date
        self.size = size
        self.modseq = modseq
        self.source = source
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
        Does the first field of this name hold comments or quotes, so that an address may not stand there as it is?
        """
        self.header()
        at = self._lowered.find(b"\n" + name) + 1
        end = self._lowered.find(b"\n", at)
        while 0 <= end < len(self._lowered) - 1 and self._lowered[end + 1] in b" \t":
            end = self._lowered.find(b"\n", end + 1)
        value = self._lowered[at : end if end >= 0 else None]
        return value.startswith(name) and (b"(" in value or b'"' in value or b" @" in value or b"@ " in value)

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


@frozen
class Plan:
    """
    What to do.

    @ivar need: the dearest thing that a candidate is asked for.
    @ivar atMost: a condition in SQL, over the columns of C{message}: what it leaves out does not match.
    @ivar atLeast: a condition in SQL: what it takes matches.
    @ivar matches: the whole truth about one candidate.
    """

    need: int
    atMost: str
    atLeast: str
    matches: Test


def plan(key: keys.SearchKey, keywords: Mapping[str, int]) -> Plan:
    """
    A plan for a tree of keys.

    @param keywords: bits of the mailbox's keywords by name in lower case.
    """
    need, test = _test(key, keywords)
    return Plan(need, _condition(key, keywords, True), _condition(key, keywords, False), test)


# ----------------------------------------------------------------------------------------------- conditions


def _condition(key: keys.SearchKey, keywords: Mapping[str, int], unknown: bool) -> str:
    """
    The key in SQL, as if what rows do not know were C{unknown}.
    """
    if isinstance(key, keys.And):
        return "(" + " AND ".join(_condition(each, keywords, unknown) for each in key.keys) + ")"
    if isinstance(key, keys.Or):
        return f"({_condition(key.left, keywords, unknown)} OR {_condition(key.right, keywords, unknown)})"
    if isinstance(key, keys.Not):
        return f"(NOT {_condition(key.key, keywords, not unknown)})"
    known = _row(key, keywords)
    return known if known is not None else str(int(unknown))


def _row(key: keys.SearchKey, keywords: Mapping[str, int]) -> str | None:
    """
    A leaf in SQL, C{None} if rows do not know.  Numbers only are put in: they are ours.
    """
    match key:
        case keys.All():
            return "1"
        case keys.Flag():
            bits = _bits(key, keywords)
            return f"(flags & {bits} <> 0)" if bits else "0"
        case keys.UidSet(ranges):
            if len(ranges) > MAX_RANGES:
                return None
            return "(" + " OR ".join(f"uid BETWEEN {int(a)} AND {int(b)}" for a, b in ranges) + ")" if ranges else "0"
        case keys.Before(day):
            return f"(internal_date < {_start(day)})"
        case keys.On(day):
            return f"(internal_date >= {_start(day)} AND internal_date < {_start(day) + _SECONDS_A_DAY})"
        case keys.Since(day):
            return f"(internal_date >= {_start(day)})"
        case keys.Larger(octets):
            return f"(size > {int(octets)})"
        case keys.Smaller(octets):
            return f"(size < {int(octets)})"
        case keys.Modseq(modseq):
            return f"(modseq >= {int(modseq)})"
        case keys.Body(text) | keys.Text(text) if not text:
            return "1"
    return None


def _bits(key: keys.Flag, keywords: Mapping[str, int]) -> int:
    if key.bits:
        return key.bits
    bit = keywords.get(key.keyword.lower())
    return 0 if bit is None else 1 << bit


def _start(day: date) -> int:
    return (day.toordinal() - _EPOCH_DAY) * _SECONDS_A_DAY


# ------------------------------------------------------------------------------------------------------ tests


def _test(key: keys.SearchKey, keywords: Mapping[str, int]) -> tuple[int, Test]:
    """
    What the key needs, and its test.
    """
    match key:
        case keys.And(several):
            tests = sorted((_test(each, keywords) for each in several), key=_need)
            return tests[-1][0], _all([test for _, test in tests])
        case keys.Or(left, right):
            tests = sorted((_test(left, keywords), _test(right, keywords)), key=_need)
            return tests[-1][0], _either(tests[0][1], tests[1][1])
        case keys.Not(inner):
            need, test = _test(inner, keywords)
            return need, lambda candidate: not test(candidate)
        case keys.Header(name, text):
            return HEADER, _header(name, text)
        case keys.Body(text) if text:
            return BODY, _body(folded(text))
        case keys.Text(text) if text:
            return BODY, _text(folded(text))
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
        case keys.All() | keys.Body() | keys.Text():
            return lambda candidate: True
        case keys.Flag():
            bits = _bits(key, keywords)
            return lambda candidate: candidate.flags & bits != 0
        case keys.UidSet(ranges):
            return _inRanges(ranges)
        case keys.Before(day):
            start = _start(day)
            return lambda candidate: candidate.date < start
        case keys.On(day):
            start = _start(day)
            return lambda candidate: start <= candidate.date < start + _SECONDS_A_DAY
        case keys.Since(day):
            start = _start(day)
            return lambda candidate: candidate.date >= start
        case keys.Larger(octets):
            return lambda candidate: candidate.size > octets
        case keys.Smaller(octets):
            return lambda candidate: candidate.size < octets
        case keys.Modseq(modseq):
            return lambda candidate: candidate.modseq >= modseq
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


def _header(name: str, text: str) -> Test:
    field = name.lower().encode("ascii", "replace")
    wanted = _spaced(folded(text))
    word = _word(wanted)
    isAddress = field in _ADDRESS_FIELDS

    def matches(candidate: Candidate) -> bool:
        if not candidate.mayHave(field, word) and not (isAddress and candidate.isOdd(field)):
            return False
        for each, value in candidate.fields():
            if each == field and (
                wanted in _spaced(folded(decodeWords(value))) or (isAddress and wanted in folded(_addresses(value)))
            ):
                return True
        return False

    return matches


def _spaced(text: str) -> str:
    # A fold may be a tab, which nobody types.
    return text.replace("\t", " ")


def _addresses(value: bytes) -> str:
    """
    A list of addresses without comments and quotes, as ENVELOPE has them: what people take for the address.
    """
    return ", ".join(
        f"{decodeWords(name or b'')} <{decodeWords(mailbox)}@{decodeWords(host)}>"
        for name, _, mailbox, host in entries(value)
        if mailbox is not None and host is not None
    )


def _word(wanted: str) -> bytes | None:
    """
    What stands in a header as it is, unless it is encoded: ASCII without blanks, which may be the fold of a field.
    """
    return wanted.encode("ascii") if wanted.isascii() and not any(c.isspace() for c in wanted) else None


def _inBody(candidate: Candidate, wanted: str) -> bool:
    assert candidate.source is not None
    return contains(bodyTexts(candidate.rendering().part, candidate.source.read), wanted)


def _body(wanted: str) -> Test:
    return lambda candidate: _inBody(candidate, wanted)


def _text(wanted: str) -> Test:
    word = _word(wanted)

    def matches(candidate: Candidate) -> bool:
        if candidate.mayHave(b"", word) and wanted in folded(headerText(candidate.header())):
            return True
        return _inBody(candidate, wanted)

    return matches
