# -*- test-case-name: tests.unit.protocols.imap.test_resync -*-
"""
What has become of a mailbox since a client saw it last (RFC 7162 3.2): what has vanished, out of the mailbox's log or,
where that has forgotten, out of the UIDs that are missing; and what has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from osxmail.mail.imap.command import Resync
from osxmail.mail.sequenceset import MAX_NUMBER, Range, SequenceSet, rangesOf, renderRanges
from osxmail.protocols.imap.changes import SLICE_MESSAGES, tellKeywords
from osxmail.protocols.imap.lines import Lines
from osxmail.protocols.imap.selected import SelectedView, slices

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: Ranges of UIDs in one VANISHED response, and messages looked at in one step.
SLICE_RANGES = 2000
SLICE_LOOKED_AT = 20_000
#: Pieces of what a client knows with sequence numbers that are looked at, the last ones.
MAX_MATCHED = 500


async def resynchronize(session: Imap, view: SelectedView, resync: Resync) -> None:
    """
    The answer to the parameter QRESYNC of SELECT: what has happened to the UIDs that the client knows.
    """
    if resync.modseq >= view.modseq:
        return
    known = knownRanges(view, resync.known)
    await tellVanished(session, view, resync.modseq, known, _matchedUid(view, resync))
    await view.snapshot.loaded()
    tellKeywords(session, view)
    lines = Lines(view, ["UID", "FLAGS", "MODSEQ"])
    since = resync.modseq
    for first in range(0, len(known), SLICE_RANGES):
        for indexes in slices(view.indexesInUids(known[first : first + SLICE_RANGES]), SLICE_LOOKED_AT):
            await session.letOthers()
            located = view.located(indexes)
            modseqs = view.snapshot.modseqs
            changed = [
                number - 1
                for number, place in zip(located.numbers, located.places, strict=True)
                if modseqs[place] > since
            ]
            for start in range(0, len(changed), SLICE_MESSAGES):
                await session.letOthers()
                # Looked up anew: places may be others after each turn.
                session.write(lines.render(view.located(changed[start : start + SLICE_MESSAGES])))
                await session.drain()


def knownRanges(view: SelectedView, messages: SequenceSet | None) -> list[Range]:
    """
    The UIDs that a set names, whether they are there or not; C{*} reaches beyond the last.

    @param messages: C{None} for all.
    """
    highest = max(view.uidnext - 1, view.lastUid)
    if messages is None:
        return [(1, highest)] if highest else []
    return [(low, min(high, highest)) for low, high in messages.resolved(MAX_NUMBER) if low <= highest]


async def tellVanished(
    session: Imap, view: SelectedView, since: int, ranges: Sequence[Range], matchedUid: int = 0
) -> None:
    """
    VANISHED (EARLIER) (RFC 7162 3.2.10): of these UIDs, those that have vanished since a MODSEQ.

    @param matchedUid: where the log has forgotten, what is missing up to this UID the client knows of.
    """
    expunged = await view.mailbox.expungedSince(since)
    if expunged is None:
        # RFC 7162 3.2.5.2: more may be named than has vanished since.
        beyond = [(max(low, matchedUid + 1), high) for low, high in ranges if high > matchedUid]
        gaps = view.gapsIn(beyond)
    else:
        # What this session still has, it is told of later, by VANISHED without EARLIER.
        gaps = view.gapsIn(_common(_rangesOf(expunged), ranges))
    while part := list(islice(gaps, SLICE_RANGES)):
        session.write(b"* VANISHED (EARLIER) %b\r\n" % renderRanges(part))
        await session.drain()
        await session.letOthers()


def _rangesOf(uids: Sequence[int]) -> Iterator[Range]:
    for start in range(0, len(uids), SLICE_MESSAGES):
        yield from rangesOf(uids[start : start + SLICE_MESSAGES])


def _common(left: Iterable[Range], right: Iterable[Range]) -> Iterator[Range]:
    """
    What two ascending sets have in common.
    """
    others = iter(right)
    other = next(others, None)
    for low, high in left:
        while other is not None and other[1] < low:
            other = next(others, None)
        while other is not None and other[0] <= high:
            yield max(low, other[0]), min(high, other[1])
            if other[1] > high:
                break
            other = next(others, None)


def _matchedUid(view: SelectedView, resync: Resync) -> int:
    """
    RFC 7162 3.2.5.2: the greatest of the UIDs that the client names with their sequence numbers which has the same
    number here: nothing below it has vanished that the client does not know of.
    """
    if resync.numbers is None or resync.uids is None:
        return 0
    for number, uid, length in reversed(_aligned(resync.numbers.parts, resync.uids.parts)[-MAX_MATCHED:]):
        # The n-th UID here is never less than the n-th there, and their distance never shrinks.
        low, high = 0, min(length, max(0, view.count - number + 1))
        while low < high:
            middle = (low + high) // 2
            if view.uidsOf([number + middle - 1])[0] > uid + middle:
                high = middle
            else:
                low = middle + 1
        if low and view.uidsOf([number + low - 2])[0] == uid + low - 1:
            return uid + low - 1
    return 0


def _aligned(numbers: Sequence[Range], uids: Sequence[Range]) -> list[tuple[int, int, int]]:
    """
    Two sets of the same size as pieces that run side by side: first of one, first of the other, length.
    """
    pieces = []
    others = iter(uids)
    low, high = next(others)
    for first, last in numbers:
        while first <= last:
            if low > high:
                low, high = next(others)
            length = min(last - first, high - low) + 1
            pieces.append((first, low, length))
            first += length
            low += length
    return pieces
