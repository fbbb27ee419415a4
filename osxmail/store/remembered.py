# -*- test-case-name: tests.unit.store.test_remembered -*-
"""
Answers of the database that are asked for with every message, remembered for a moment.

What this process writes counts at once; what another one writes, after L{REMEMBERED_SECONDS} at the latest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

T = TypeVar("T")

REMEMBERED_SECONDS = 2.0
MAX_REMEMBERED = 10_000


class Remembered(Generic[T]):
    """
    A bounded number of answers, each by its key.
    """

    def __init__(self, clock: IReactorTime, most: int = MAX_REMEMBERED) -> None:
        self._clock = clock
        self._most = most
        self._answers: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()
        self._generation = 0

    def ask(self, key: Hashable, question: Callable[[], Deferred[T]]) -> Deferred[T]:
        """
        The answer that is remembered, or the one that C{question} finds.  A failure is not remembered.
        """
        known = self._answers.get(key)
        if known is not None and known[0] > self._clock.seconds():
            return succeed(known[1])
        generation = self._generation
        until = self._clock.seconds() + REMEMBERED_SECONDS

        def remember(answer: T) -> T:
            # An answer that was on its way while something changed may be of before.
            if generation == self._generation:
                self._answers[key] = (until, answer)
                self._answers.move_to_end(key)
                while len(self._answers) > self._most:
                    self._answers.popitem(last=False)
            return answer

        return question().addCallback(remember)

    def forget(self) -> None:
        """
        Something has changed.
        """
        self._generation += 1
        self._answers.clear()
