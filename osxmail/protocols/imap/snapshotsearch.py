# -*- test-case-name: tests.unit.protocols.imap.test_snapshotsearch -*-
"""
SEARCH in the snapshot's arrays: flags, UIDs, internal dates, sizes and MODSEQs, a slice of messages at a time, each key
as one pass over one column.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import date
from itertools import compress
from typing import TypeAlias

from osxmail.interfaces import ISnapshot
from osxmail.mail.flags import FIRST_KEYWORD_BIT
from osxmail.mail.searchkeys import (
    All,
    And,
    ArrivedSince,
    Before,
    Flag,
    Fuzzy,
    Larger,
    Modseq,
    Not,
    On,
    Or,
    SaveDateSupported,
    SearchKey,
    Since,
    Smaller,
    UidSet,
)
from osxmail.protocols.imap.selected import Indexes, Located, picked

_EPOCH = date(1970, 1, 1)
_SECONDS_A_DAY = 86400

#: For messages at these places, whether each matches.
Column: TypeAlias = Callable[[ISnapshot, Indexes], list[bool]]
#: The sequence numbers of those that match.
Test: TypeAlias = Callable[[ISnapshot, Located], list[int]]


def compiled(key: SearchKey, keywords: tuple[str, ...]) -> Test | None:
    """
    A test of this key.

    @param keywords: of the mailbox, in the order of their bits.
    @return: C{None} when the arrays do not say enough.
    """
    column = _column(key, tuple(name.lower() for name in keywords))
    if column is None:
        return None

    def test(snapshot: ISnapshot, located: Located) -> list[int]:
        return list(compress(located.numbers, column(snapshot, located.places)))

    return test


def _column(key: SearchKey, keywords: tuple[str, ...]) -> Column | None:
    match key:
        case All() | SaveDateSupported():
            return lambda snapshot, places: [True] * len(places)
        case And():
            return _conjunction(key, keywords)
        case Or(left, right):
            return _joined(_column(left, keywords), _column(right, keywords), lambda a, b: a or b)
        case Not(inner):
            return _inverted(_column(inner, keywords))
        case Fuzzy(inner):
            # RFC 6203 5: for what is no text, an exact match makes sense.
            return _column(inner, keywords)
        case Flag():
            bit = _bit(key, keywords)
            return lambda snapshot, places: [bits & bit != 0 for bits in picked(snapshot.flags, places)]
        case UidSet(ranges):
            bounds = [bound for low, high in ranges for bound in (low, high + 1)]
            # Between a lower and an upper bound, the number of bounds passed is odd.
            return lambda snapshot, places: [
                bisect_right(bounds, uid) % 2 == 1 for uid in picked(snapshot.uids, places)
            ]
    return _comparison(key)


def _comparison(key: SearchKey) -> Column | None:
    match key:
        case Before(day):
            start = _seconds(day)
            return lambda snapshot, places: [moment < start for moment in picked(snapshot.dates, places)]
        case Since(day):
            start = _seconds(day)
            return lambda snapshot, places: [moment >= start for moment in picked(snapshot.dates, places)]
        case On(day):
            start = _seconds(day)
            end = start + _SECONDS_A_DAY
            return lambda snapshot, places: [start <= moment < end for moment in picked(snapshot.dates, places)]
        case ArrivedSince(time):
            return lambda snapshot, places: [moment >= time for moment in picked(snapshot.dates, places)]
        case Larger(octets):
            return lambda snapshot, places: [size > octets for size in picked(snapshot.sizes, places)]
        case Smaller(octets):
            return lambda snapshot, places: [size < octets for size in picked(snapshot.sizes, places)]
        case Modseq(modseq):
            return lambda snapshot, places: [value >= modseq for value in picked(snapshot.modseqs, places)]
    return None


def _conjunction(key: And, keywords: tuple[str, ...]) -> Column | None:
    """
    Flags that must be there and flags that must not are one pass, however many.
    """
    mask = wanted = 0
    others: Column | None = None
    for each in key.keys:
        isNot = isinstance(each, Not)
        flag = each.key if isinstance(each, Not) else each
        bit = _bit(flag, keywords) if isinstance(flag, Flag) else 0
        if bit and not mask & bit:
            mask |= bit
            wanted |= 0 if isNot else bit
            continue
        column = _column(each, keywords)
        if column is None:
            return None
        others = column if others is None else _joined(others, column, lambda a, b: a and b)
    if not mask:
        return others

    def flags(snapshot: ISnapshot, places: Indexes) -> list[bool]:
        return [bits & mask == wanted for bits in picked(snapshot.flags, places)]

    return flags if others is None else _joined(flags, others, lambda a, b: a and b)


def _joined(left: Column | None, right: Column | None, join: Callable[[bool, bool], bool]) -> Column | None:
    if left is None or right is None:
        return None
    return lambda snapshot, places: list(map(join, left(snapshot, places), right(snapshot, places)))


def _inverted(column: Column | None) -> Column | None:
    if column is None:
        return None
    return lambda snapshot, places: [not value for value in column(snapshot, places)]


def _bit(key: Flag, keywords: tuple[str, ...]) -> int:
    if key.bits:
        return key.bits
    try:
        return 1 << (FIRST_KEYWORD_BIT + keywords.index(key.keyword.lower()))
    except ValueError:
        return 0  # on no message


def _seconds(day: date) -> int:
    return (day - _EPOCH).days * _SECONDS_A_DAY
