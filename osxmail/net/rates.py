# -*- test-case-name: tests.unit.net.test_rates -*-
"""
Rates by key: so many at once, so many a second after that.
"""

from __future__ import annotations

from collections import OrderedDict

from twisted.internet.interfaces import IReactorTime

MAX_KEYS = 50_000


class Rates:
    """
    A token bucket for each key (an address, an account).  A key that nobody asks about is forgotten: first those that
    were asked about longest ago, whose buckets have filled up again most.

    @ivar burst: what a full bucket holds.
    @ivar perSecond: what flows back into each.
    """

    def __init__(self, burst: float, perSecond: float, clock: IReactorTime, maxKeys: int = MAX_KEYS) -> None:
        if burst <= 0 or perSecond <= 0 or maxKeys < 1:
            raise ValueError("a rate has a burst, a flow and room for a key")
        self.burst = burst
        self.perSecond = perSecond
        self._clock = clock
        self._maxKeys = maxKeys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def _level(self, key: str) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self.burst
        level, since = bucket
        return min(self.burst, level + (self._clock.seconds() - since) * self.perSecond)

    def take(self, key: str, amount: float = 1.0) -> bool:
        """
        Take C{amount} out of the key's bucket.

        @return: whether there was enough; if not, nothing was taken.
        """
        level = self._level(key)
        if level < amount:
            return False
        self._put(key, level - amount)
        return True

    def waitSeconds(self, key: str, amount: float = 1.0) -> float:
        """
        How long until L{take} succeeds: 0 now, infinity for more than a bucket holds.
        """
        if amount > self.burst:
            return float("inf")
        return max(0.0, (amount - self._level(key)) / self.perSecond)

    def giveBack(self, key: str, amount: float = 1.0) -> None:
        """
        What was taken was not used after all.
        """
        self._put(key, min(self.burst, self._level(key) + amount))

    def _put(self, key: str, level: float) -> None:
        self._buckets[key] = (level, self._clock.seconds())
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._maxKeys:
            self._buckets.popitem(last=False)
