# -*- test-case-name: tests.unit.mail.test_sequenceset -*-
"""
Sets of message numbers and UIDs (RFC 3501 9: sequence-set), bounded, and with costs in proportion to their text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from osxmail.errors import ParseError

MAX_RANGES = 33_000  # in one set: a line of 64 KiB full of them; clients that name thousands one by one exist
MAX_NUMBER = 0xFFFFFFFF
STAR = 0  # no message has this number, so it can stand for "*"

_BLOCK = 64  # numbers that are looked at together, when ranges are made of them

#: A range that is resolved: first and last, both included.
Range = tuple[int, int]


@frozen
class SequenceSet:
    """
    A set as it was written.

    @ivar parts: pairs of bounds in the order they came; a single number is a pair of equal bounds; L{STAR} is the
        largest number in use.
    @ivar hasSaved: C{$} is in it: what the last SEARCH has saved (RFC 5182), which only a session knows.
    """

    parts: tuple[Range, ...]
    hasSaved: bool = False

    @classmethod
    def parse(cls, text: str) -> SequenceSet:
        """
        A set out of C{2,4:7,9,12:*}, or C{$}.

        @raise ParseError: it is none, a number is not in 1 to 4294967295, or there are more than L{MAX_RANGES} parts.
        """
        if text.count(",") >= MAX_RANGES:
            raise ParseError("too many ranges in a set of messages")
        parts = []
        hasSaved = False
        for part in text.split(","):
            if part == "$":
                hasSaved = True
                continue
            first, colon, last = part.partition(":")
            low = _number(first)
            parts.append((low, _number(last) if colon else low))
        return cls(tuple(parts), hasSaved)

    def resolved(self, largest: int) -> tuple[Range, ...]:
        """
        Ascending ranges that neither overlap nor touch, with C{largest} in the place of C{*}.

        @param largest: the largest number in use; 0 when there is none, and then C{*} names nothing.
        """
        ranges = []
        for first, last in self.parts:
            low = first or largest
            high = last or largest
            if low > high:  # RFC 3501 9: 7:3 is 3:7, and *:4 is 4:*
                low, high = high, low
            if high:
                ranges.append((low or 1, high))
        return merged(ranges)

    @property
    def isOpen(self) -> bool:
        """
        Every number of it has a C{*} beside it: in an empty mailbox it names nothing, and is no error.
        """
        return all(STAR in part for part in self.parts)

    @property
    def highestNumber(self) -> int:
        """
        The greatest number that is written in it; 0 when there is none.
        """
        return max((max(part) for part in self.parts), default=0)


def _number(text: str) -> int:
    if text == "*":
        return STAR
    if len(text) > 10 or not (text.isascii() and text.isdigit()) or text[0] == "0":
        raise ParseError("not a set of messages")
    number = int(text)
    if number > MAX_NUMBER:
        raise ParseError("a message number is at most 4294967295")
    return number


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """
    The same numbers as ascending ranges that neither overlap nor touch.
    """
    out: list[Range] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1] + 1:
            if high > out[-1][1]:
                out[-1] = (out[-1][0], high)
        else:
            out.append((low, high))
    return tuple(out)


def rangesOf(numbers: Sequence[int]) -> list[Range]:
    """
    Ascending numbers, each once, as ranges.
    """
    out: list[Range] = []
    if not numbers:
        return out
    low = high = numbers[0]
    for start in range(0, len(numbers), _BLOCK):
        block = numbers[start : start + _BLOCK]
        if block[-1] - block[0] == len(block) - 1:
            # They follow one another, so that one look is enough.
            if block[0] > high + 1:
                out.append((low, high))
                low = block[0]
            high = block[-1]
            continue
        for number in block:
            if number > high + 1:
                out.append((low, high))
                low = number
            high = number
    out.append((low, high))
    return out


def renderRanges(ranges: Iterable[Range]) -> bytes:
    """
    Ranges in the order given, as a set: C{1,3:7}.
    """
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges)


def renderSet(numbers: Sequence[int]) -> bytes:
    """
    Ascending numbers as a set, as short as it can be.
    """
    return renderRanges(rangesOf(numbers))


def renderPairs(sources: Sequence[int], targets: Sequence[int]) -> tuple[bytes, bytes]:
    """
    The two sets of COPYUID (RFC 4315 3): the n-th number of one belongs to the n-th of the other.  Neither is sorted,
    so that this holds whatever order they have; runs that ascend together become ranges.
    """
    return renderRanges(runsOf(sources)), renderRanges(runsOf(targets))


def runsOf(numbers: Sequence[int]) -> list[Range]:
    """
    Numbers in whatever order as ranges that keep it: what ascends one by one becomes a range (RFC 5267 3.2).
    """
    out: list[Range] = []
    for number in numbers:
        if out and number == out[-1][1] + 1:
            out[-1] = (out[-1][0], number)
        else:
            out.append((number, number))
    return out
