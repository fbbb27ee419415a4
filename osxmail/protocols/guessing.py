# -*- test-case-name: tests.unit.protocols.test_guessing -*-
"""
Against guessing passwords: how many logins from one place are looked at together, and when a place has to wait.

What costs is the password's hash (21 ms of CPU and more), so that who guesses with many connections would keep
everybody else waiting.  Of one place, a few logins are looked at together, in order; and after some different wrong
ones nothing that comes from there is looked at for a while, which doubles.

A place is an IPv4 address or an IPv6 network of 64 bits.  In networks that are spared (C{connections.spared_networks}:
this machine, a webmail server) many people may come from one address: there each name is a place of its own, and nobody
is ever made to wait for a time.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from osxmail.errors import Overloaded, TooManyFailures
from osxmail.interfaces import ISettings
from osxmail.protocols.networks import Networks, placeOf

log = Logger(namespace="osxmail.protocols")

#: Logins from one place that are looked at together.
AT_ONCE = 4
#: Logins from one place that wait for that; more are told to come again.
MAX_WAITING = 100
#: Places that are remembered; the one that failed longest ago is forgotten first.
MAX_PLACES = 20_000
#: After so long without a failure a place is forgotten.
FORGET_SECONDS = 3600.0
#: The longest time that a place has to wait.
MOST_WAIT_SECONDS = 3600.0
#: Of one place, the different wrong logins that are remembered.
MAX_TRIED = 100


@define(eq=False)
class _Failures:
    """
    @ivar tried: keyed hashes of the names and passwords that were wrong; a program that says the same old password
        again and again is no guesser.
    @ivar until: nothing is looked at before.
    @ivar times: how often it had to wait.
    """

    tried: dict[bytes, bytes] = field(factory=dict, repr=False)
    last: float = 0.0
    until: float = 0.0
    times: int = 0


@define(eq=False)
class _Queue:
    busy: int = 0
    waiting: deque[Deferred[None]] = field(factory=deque)


class Guard:
    """
    Of all logins of this process.
    """

    def __init__(self, settings: ISettings, clock: IReactorTime) -> None:
        self._settings = settings
        self._clock = clock
        self._spared = Networks(lambda: settings.words("connections.spared_networks"))
        self._failures: dict[str, _Failures] = {}
        self._queues: dict[str, _Queue] = {}
        # What is remembered of passwords is worth nothing to anybody else.
        self._key = secrets.token_bytes(32)

    def __len__(self) -> int:
        return len(self._failures)

    @property
    def waitingPlaces(self) -> int:
        """
        Places that have to wait now.
        """
        now = self._clock.seconds()
        return sum(each.until > now for each in self._failures.values())

    async def enter(self, host: str, username: str) -> str:
        """
        Wait until the login may be looked at.

        @return: for L{leave}, which has to follow.
        @raise TooManyFailures: it is not looked at.
        @raise Overloaded: too many wait.
        """
        isSpared = host in self._spared
        place = f"{host} {username.lower()}" if isSpared else placeOf(host)
        if not isSpared:
            self._check(place)
        queue = self._queues.get(place)
        if queue is None:
            queue = self._queues[place] = _Queue()
        if queue.busy < AT_ONCE:
            queue.busy += 1
            return place
        if len(queue.waiting) >= MAX_WAITING:
            raise Overloaded("too many logins from one address wait")
        turn: Deferred[None] = Deferred()
        queue.waiting.append(turn)
        # Whoever leaves gives us its place.
        await turn
        return place

    def leave(self, place: str) -> None:
        """
        The login was looked at.
        """
        queue = self._queues[place]
        if queue.waiting:
            queue.waiting.popleft().callback(None)
            return
        queue.busy -= 1
        if not queue.busy:
            del self._queues[place]

    def _check(self, place: str) -> None:
        failures = self._failures.get(place)
        if failures is None:
            return
        now = self._clock.seconds()
        if now < failures.until:
            raise TooManyFailures(f"{place} has to wait for {failures.until - now:.0f} s")
        if now - failures.last >= FORGET_SECONDS:
            del self._failures[place]

    def failed(self, host: str, username: str, password: str) -> None:
        """
        Name or password was wrong.
        """
        most = self._settings.number("auth.failures_per_address")
        if not most or host in self._spared:
            return
        place = placeOf(host)
        failures = self._failures.pop(place, None) or _Failures()
        # The one that failed last stands last.
        self._failures[place] = failures
        if len(self._failures) > MAX_PLACES:
            del self._failures[next(iter(self._failures))]
        now = failures.last = self._clock.seconds()
        name = self._hash(username)
        login = self._hash(f"{username}\0{password}")
        if login in failures.tried:
            return
        failures.tried[login] = name
        if len(failures.tried) > MAX_TRIED:
            del failures.tried[next(iter(failures.tried))]
        if len(failures.tried) < most:
            return
        seconds = min(MOST_WAIT_SECONDS, self._settings.seconds("auth.wait_after_failures") * 2.0**failures.times)
        if seconds < MOST_WAIT_SECONDS:
            failures.times += 1
        failures.until = now + seconds
        queue = self._queues.get(place)
        if queue is not None:
            waiting, queue.waiting = queue.waiting, deque()
            for turn in waiting:
                turn.errback(TooManyFailures(f"{place} has to wait for {seconds:.0f} s"))
        log.warn("{event}", event="address.held", host=host, failures=len(failures.tried), seconds=round(seconds, 1))

    def succeeded(self, host: str, username: str) -> None:
        """
        Somebody has come in: who was wrong about the own password and then right is no guesser.
        """
        failures = self._failures.get(placeOf(host)) if self._failures else None
        if failures is None:
            return
        name = self._hash(username)
        failures.tried = {login: each for login, each in failures.tried.items() if each != name}

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=8).digest()
