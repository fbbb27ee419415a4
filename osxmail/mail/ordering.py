# -*- test-case-name: tests.unit.mail.test_ordering -*-
"""
Long sorts in short pieces: one sort of a hundred thousand holds Python's interpreter for 50 ms, and nobody else gets a
turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

SORTED_AT_ONCE = 4_096  # a millisecond or two
_SAMPLES = 8  # that are taken for each piece


def inOrder(places: Sequence[int], column: Sequence[Any] | Mapping[int, Any], isReversed: bool = False) -> list[int]:
    """
    Places by the values that they have in C{column}, in pieces of about L{SORTED_AT_ONCE}; those with equal values stay
    as they are.

    @param isReversed: the greatest first.
    """
    get = column.__getitem__
    if len(places) <= SORTED_AT_ONCE:
        return sorted(places, key=get, reverse=isReversed)
    pieces = len(places) // SORTED_AT_ONCE + 1
    sample = sorted([get(place) for place in places[:: max(1, len(places) // (pieces * _SAMPLES))]])
    borders = sorted(set(sample[_SAMPLES::_SAMPLES]))
    buckets: list[list[int]] = [[] for _ in range(len(borders) + 1)]
    appends = [bucket.append for bucket in buckets]
    for place in places:
        appends[bisect_left(borders, get(place))](place)
    if isReversed:
        buckets.reverse()
    done: list[int] = []
    for bucket in buckets:
        bucket.sort(key=get, reverse=isReversed)
        done += bucket
    return done
