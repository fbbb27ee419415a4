# -*- test-case-name: tests.unit.protocols.imap.test_results -*-
"""
How the results of searching commands are written: SEARCH and SORT responses, and ESEARCH responses (RFC 4731, RFC 5267,
RFC 6203, RFC 9394), in slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from osxmail.mail.imap.response import renderString
from osxmail.mail.imap.resultoptions import ResultOptions
from osxmail.mail.sequenceset import Range, rangesOf, renderRanges, runsOf

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

_Item = TypeVar("_Item")

#: Numbers that are written in one step.
SLICE_NUMBERS = 8000


def concerned(options: ResultOptions, results: Sequence[_Item]) -> Sequence[_Item]:
    """
    Those of the results that SAVE keeps, and whose highest MODSEQ is told (RFC 5182 2.4, RFC 9394 3.2, RFC 4731 3.2).
    """
    if options.isAboutAll or not results:
        return results
    some = list(options.partial.of(results)) if options.partial is not None else []
    if "MIN" in options.names:
        some.append(results[0])
    if "MAX" in options.names:
        some.append(results[-1])
    return list(dict.fromkeys(some))


async def writePlain(session: Imap, kind: bytes, numbers: Sequence[int], highestModseq: int = 0) -> None:
    """
    A SEARCH or SORT response (RFC 3501 7.2.5, RFC 5256 4).

    @param highestModseq: RFC 7162 3.1.5, 3.1.6: of what was found; 0 where it is not to be told.
    """
    session.write(b"* %b" % kind)
    for start in range(0, len(numbers), SLICE_NUMBERS):
        part = numbers[start : start + SLICE_NUMBERS]
        session.write(b" " + _spaced(part))
        await session.drain()
        await session.letOthers()
    session.write(b" (MODSEQ %d)\r\n" % highestModseq if highestModseq else b"\r\n")


def _spaced(numbers: Sequence[int]) -> bytes:
    """
    Numbers with blanks between them: as Python shows a list, which is three times as fast as one after the other.
    """
    return repr(list(numbers))[1:-1].replace(",", "").encode("ascii")


def correlator(session: Imap, *more: bytes) -> bytes:
    """
    What an ESEARCH response is about; the tag is a string always (RFC 4466 2.6.2), as some clients insist.
    """
    return b"(" + b" ".join((b"TAG " + renderString(session.tag), *more)) + b")"


async def writeExtended(
    session: Imap,
    about: bytes,
    isUid: bool,
    numbers: Sequence[int],
    options: ResultOptions,
    isAscending: bool = True,
    highestModseq: int = 0,
    scores: Sequence[int] = (),
) -> None:
    """
    An ESEARCH response.

    @param about: from L{correlator}.
    @param numbers: what was found, in the order that was asked for.
    @param isAscending: that order is the mailbox's.
    @param highestModseq: of what is told; 0 where it is not to be told.
    @param scores: RFC 6203 4: of the numbers that ALL or PARTIAL tell, where RELEVANCY was asked for.
    """
    names = options.names
    session.write(b"* ESEARCH " + about + (b" UID" if isUid else b""))
    if numbers:
        if "MIN" in names:
            session.write(b" MIN %d" % numbers[0])
        if "MAX" in names:
            session.write(b" MAX %d" % numbers[-1])
    if "COUNT" in names:
        session.write(b" COUNT %d" % len(numbers))
    if "ALL" in names and numbers:
        session.write(b" ALL ")
        await _writeSet(session, numbers, isAscending)
    partial = options.partial
    if partial is not None:
        window = partial.of(numbers)
        session.write(b" PARTIAL (%b " % partial.render())
        if window:
            await _writeSet(session, window, isAscending)
        else:
            session.write(b"NIL")
        session.write(b")")
    if "RELEVANCY" in names:
        session.write(b" RELEVANCY (")
        for start in range(0, len(scores), SLICE_NUMBERS):
            part = scores[start : start + SLICE_NUMBERS]
            session.write((b" " if start else b"") + _spaced(part))
            await session.drain()
            await session.letOthers()
        session.write(b")")
    if highestModseq:
        session.write(b" MODSEQ %d" % highestModseq)
    session.write(b"\r\n")


async def _writeSet(session: Imap, numbers: Sequence[int], isAscending: bool) -> None:
    ranged = rangesOf if isAscending else runsOf
    pending: list[Range] = []
    isFirst = True
    for start in range(0, len(numbers), SLICE_NUMBERS):
        ranges = ranged(numbers[start : start + SLICE_NUMBERS])
        if pending and ranges[0][0] == pending[-1][1] + 1:
            # A range that goes on where the last slice ended.
            ranges[0] = (pending.pop()[0], ranges[0][1])
        pending += ranges
        if start + SLICE_NUMBERS >= len(numbers):
            break
        if len(pending) > 1:
            session.write((b"" if isFirst else b",") + renderRanges(pending[:-1]))
            isFirst = False
            del pending[:-1]
            await session.drain()
        await session.letOthers()
    session.write((b"" if isFirst else b",") + renderRanges(pending))
