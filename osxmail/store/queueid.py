# -*- test-case-name: tests.unit.store.test_queueid -*-
"""
Queue IDs: the name of a message for as long as anybody remembers it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

#: Crockford's: digits and capitals without I, L, O and U; in this order it sorts as the numbers do.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TIME_DIGITS = 11  # 55 bits of microseconds: until the year 3111
RANDOM_DIGITS = 4


#: Two digits at once: half the steps.
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


def digits(number: int, count: int) -> str:
    """
    The C{count} last digits of a number.
    """
    text = ""
    for _ in range(0, count, 2):
        text = _PAIRS[number & 1023] + text
        number >>= 10
    return text[-count:]


class QueueIds:
    """
    Makes queue IDs of 15 capitals and digits.

    The time in microseconds makes them sortable, and unique in this process, since none is given twice even when the
    clock goes back; 20 random bits keep processes apart that count the same microsecond.
    """

    def __init__(self, now: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        """
        @param now: microseconds since the epoch.
        """
        self._now = now
        self._last = 0
        # Seeded by the system, each process differently; asking it for each ID costs 18 µs.  Nothing is secret here.
        self._random = random.Random()  # noqa: S311

    def new(self) -> str:
        """
        A fresh one.
        """
        self._last = max(self._now(), self._last + 1)
        return digits(self._last, TIME_DIGITS) + digits(self._random.getrandbits(5 * RANDOM_DIGITS), RANDOM_DIGITS)
