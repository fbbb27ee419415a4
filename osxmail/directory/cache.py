# -*- test-case-name: tests.unit.directory.test_cache -*-
"""
What a directory has just said, for a short while.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from osxmail.directory.decoy import IDecoy
from osxmail.interfaces import IDirectory
from osxmail.mail.address import MAX_PATH_OCTETS, Address
from osxmail.mail.record import Group, Record

MAX_ENTRIES = 20_000
MAX_WAITING = 1_000  # for one answer; the next question goes out again
#: "Nobody" is forgotten sooner: a person who was added now wants to log in now.
NEGATIVE_PART = 1 / 6

_Answer = TypeVar("_Answer")


@implementer(IDirectory, IDecoy)
class CachedDirectory:
    """
    Another directory with a memory.  "Cannot say" is never remembered, and no password is.

    Equal questions while one is out wait for its answer.
    """

    def __init__(
        self,
        directory: IDirectory,
        lifeSeconds: float,
        clock: IReactorTime | None = None,
        maxEntries: int = MAX_ENTRIES,
    ) -> None:
        """
        @param lifeSeconds: how long an answer is good for; 0 keeps none (and still joins equal questions).
        """
        if clock is None:
            from twisted.internet import reactor

            clock = cast(IReactorTime, reactor)
        self._directory = directory
        self._lifeSeconds = lifeSeconds
        self._clock = clock
        self._maxEntries = maxEntries
        self._answers: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._waiting: dict[Hashable, list[Deferred[Any]]] = {}
        self._generation = 0

    def forget(self) -> None:
        """
        Remember nothing; answers that are on their way are not kept either.
        """
        self._answers.clear()
        self._generation += 1

    def __len__(self) -> int:
        return len(self._answers)

    def recordWithAddress(self, address: Address) -> Deferred[Record | None]:
        # By the very spelling: what the directory makes of case is its business.
        return self._remembered(("address", str(address)), lambda: self._directory.recordWithAddress(address))

    def recordWithLogin(self, login: str) -> Deferred[Record | None]:
        if len(login) > MAX_PATH_OCTETS:
            return self._directory.recordWithLogin(login)
        return self._remembered(("login", login), lambda: self._directory.recordWithLogin(login))

    def groupWithAddress(self, address: Address) -> Deferred[Group | None]:
        return self._remembered(("group", str(address)), lambda: self._directory.groupWithAddress(address))

    def verifyPassword(self, record: Record, password: str) -> Deferred[bool]:
        return self._directory.verifyPassword(record, password)

    def spendTime(self, password: str) -> Deferred[None]:
        decoy = IDecoy(self._directory, None)
        return succeed(None) if decoy is None else decoy.spendTime(password)

    def _remembered(self, key: Hashable, ask: Callable[[], Deferred[_Answer | None]]) -> Deferred[_Answer | None]:
        known = self._answers.get(key)
        if known is not None:
            if known[0] > self._clock.seconds():
                self._answers.move_to_end(key)
                return succeed(known[1])
            del self._answers[key]
        waiting = self._waiting.get(key)
        if waiting is not None and len(waiting) < MAX_WAITING:
            answer: Deferred[_Answer | None] = Deferred()
            waiting.append(answer)
            return answer
        return self._ask(key, ask)

    def _ask(self, key: Hashable, ask: Callable[[], Deferred[_Answer | None]]) -> Deferred[_Answer | None]:
        first: Deferred[_Answer | None] = Deferred()
        waiting: list[Deferred[Any]] = [first]
        self._waiting[key] = waiting
        generation = self._generation

        def told(result: _Answer | Failure | None) -> None:
            if self._waiting.get(key) is waiting:
                del self._waiting[key]
            if not isinstance(result, Failure) and generation == self._generation:
                self._keep(key, result)
            for deferred in waiting:
                deferred.callback(result)

        ask().addBoth(told)
        return first

    def _keep(self, key: Hashable, answer: object) -> None:
        life = self._lifeSeconds * (NEGATIVE_PART if answer is None else 1.0)
        if life <= 0:
            return
        self._answers[key] = (self._clock.seconds() + life, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > self._maxEntries:
            self._answers.popitem(last=False)
