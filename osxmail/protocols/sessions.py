# -*- test-case-name: tests.unit.protocols.test_sessions -*-
"""
Who is connected: the limits on it, the list of it, and its end.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from osxmail.errors import LoginTooSoon, TooManySessions
from osxmail.interfaces import ISettings
from osxmail.protocols.guessing import Guard
from osxmail.protocols.networks import Networks

if TYPE_CHECKING:
    from osxmail.protocols.base import Gate


#: How long sessions with much to do take turns before the reactor looks after everything else.
TURNS_SECONDS = 0.005
#: A session that an administrator ends has so long to finish the command that is under way.
END_SECONDS = 10.0
#: Protocols with limits of their own: how many sessions there may be, and how many from one address.
LIMITED: dict[str, Callable[[ISettings], tuple[int, int]]] = {
    "imap": lambda settings: (settings.number("imap.most_sessions"), settings.number("imap.sessions_per_address")),
    "pop3": lambda settings: (settings.number("pop3.most_sessions"), settings.number("pop3.sessions_per_address")),
}
#: POP3 logins that are remembered for C{pop3.login_delay}.
MAX_RECENT = 100_000


class SessionEnd(Exception):
    """
    The session is over; raised in the coroutine by whatever waits.
    """

    why: ClassVar[str] = ""


class Disconnected(SessionEnd):
    why = "the client left"


class TimedOut(SessionEnd):
    why = "the client was silent for too long"


class Flooded(SessionEnd):
    why = "the client sent a line without end"


class GoingAway(SessionEnd):
    why = "the server stops"


class Ended(SessionEnd):
    why = "an administrator ended it"


@frozen
class Connection:
    """
    A line of C{osxmail connections}.

    @ivar seconds: since when.
    @ivar details: what the protocol adds: mailbox, client …
    """

    sessionId: str
    protocol: str
    service: str
    host: str
    port: int
    login: str
    tls: str
    seconds: float
    details: dict[str, str]


class Sessions:
    """
    Every session of this process, and who has come in in them.

    @ivar guard: against guessing passwords.
    """

    def __init__(self, settings: ISettings, clock: IReactorTime) -> None:
        self._settings = settings
        self._clock = clock
        self.guard = Guard(settings, clock)
        self._spared = Networks(lambda: settings.words("connections.spared_networks"))
        self._gates: dict[str, Gate] = {}
        # How many there are: of an address, of a protocol, of a protocol and an address, of a protocol and a person.
        self._counts: dict[tuple[str, ...], int] = {}
        # By session: who has come in, as counted.
        self._inside: dict[str, tuple[str, str, str]] = {}
        # When each person last logged in by POP3; the last one stands last.
        self._recent: dict[str, float] = {}
        self._isStopping = False
        self._whenEmpty: Deferred[None] | None = None
        self._turns: deque[Deferred[None]] = deque()

    def __iter__(self) -> Iterator[Gate]:
        """
        Those there are now.
        """
        return iter(tuple(self._gates.values()))

    def __len__(self) -> int:
        return len(self._gates)

    def admit(self, gate: Gate) -> str:
        """
        Let a session in.

        @return: C{""}, or why not, in plain words.
        """
        if self._isStopping:
            return "the server stops"
        if not gate.isAlwaysAdmitted:
            why = self._objection(gate.protocolName, gate.peerHost)
            if why:
                return why
        self._gates[gate.sessionId] = gate
        for key in _keys(gate):
            self._counts[key] = self._counts.get(key, 0) + 1
        return ""

    def _objection(self, protocol: str, host: str) -> str:
        settings, counts = self._settings, self._counts
        if len(self._gates) >= settings.number("connections.most"):
            return "too many connections"
        isTooMany = counts.get(("host", host), 0) >= settings.number("connections.per_address")
        if protocol in LIMITED:
            most, mostOfHost = LIMITED[protocol](settings)
            if counts.get(("protocol", protocol), 0) >= most:
                return "too many connections"
            isTooMany = isTooMany or counts.get((protocol, host), 0) >= mostOfHost
        return "too many connections from your address" if isTooMany and host not in self._spared else ""

    def leave(self, gate: Gate) -> None:
        """
        It is over.
        """
        if self._gates.pop(gate.sessionId, None) is None:
            return
        self.goOut(gate)
        for key in _keys(gate):
            self._uncount(key)
        if not self._gates and self._whenEmpty is not None:
            whenEmpty, self._whenEmpty = self._whenEmpty, None
            whenEmpty.callback(None)

    def _uncount(self, key: tuple[str, ...]) -> None:
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]

    def comeIn(self, gate: Gate, accountId: str) -> None:
        """
        Somebody whose password was right comes in.

        @raise TooManySessions: there are C{imap.sessions_per_user} already.
        @raise LoginTooSoon: the last POP3 login is not C{pop3.login_delay} ago.
        """
        protocol = gate.protocolName
        key = ("person", protocol, accountId)
        if protocol == "imap":
            if self._counts.get(key, 0) >= self._settings.number("imap.sessions_per_user"):
                raise TooManySessions("too many sessions of this account")
        elif protocol == "pop3":
            self._checkDelay(accountId)
        self._inside[gate.sessionId] = key
        self._counts[key] = self._counts.get(key, 0) + 1

    def _checkDelay(self, accountId: str) -> None:
        # RFC 2449 6.5.
        delay = self._settings.seconds("pop3.login_delay")
        if not delay:
            self._recent.clear()
            return
        now = self._clock.seconds()
        last = self._recent.get(accountId)
        if last is not None and now - last < delay:
            raise LoginTooSoon("the last login was a moment ago")
        self._recent.pop(accountId, None)
        self._recent[accountId] = now
        if len(self._recent) > MAX_RECENT:
            del self._recent[next(iter(self._recent))]

    def goOut(self, gate: Gate) -> None:
        """
        Whoever has come in in this session logs out; harmless when nobody has.
        """
        key = self._inside.pop(gate.sessionId, None)
        if key is not None:
            self._uncount(key)

    def turn(self) -> Deferred[None]:
        """
        Fires when the reactor has looked after everything else, and it is the caller's turn among the sessions that
        have more to do: they get L{TURNS_SECONDS} together, and then the reactor looks around again.
        """
        if not self._turns:
            self._clock.callLater(0, self._takeTurns)
        turn: Deferred[None] = Deferred()
        self._turns.append(turn)
        return turn

    def _takeTurns(self) -> None:
        turns = self._turns
        end = self._clock.seconds() + TURNS_SECONDS
        # Who wants another turn gets it in the next round.
        for _ in range(len(turns)):
            # Still in the queue while it is called: whoever asks meanwhile needs no call of its own.
            turns[0].callback(None)
            turns.popleft()
            if self._clock.seconds() >= end:
                break
        if turns:
            self._clock.callLater(0, self._takeTurns)

    def list(self) -> tuple[Connection, ...]:
        """
        The oldest first.
        """
        now = self._clock.seconds()
        return tuple(
            Connection(
                gate.sessionId, gate.protocolName, gate.entrance.service, gate.peerHost, gate.peerPort, gate.login,
                gate.tlsDescription(), round(now - gate.startedAt, 1), gate.describe(),
            )
            for gate in self._gates.values()
        )  # fmt: skip

    def end(self, sessionId: str) -> bool:
        """
        End one, once its command is done, or after L{END_SECONDS}.

        @return: there was one of this id.
        """
        gate = self._gates.get(sessionId)
        if gate is None:
            return False
        gate.goAway(Ended())
        if sessionId in self._gates:
            self._clock.callLater(END_SECONDS, self._cut, gate)
        return True

    def endAllOf(self, accountId: str) -> int:
        """
        End every session in which this person has come in, as L{end} does.

        @return: how many.
        """
        found = [sessionId for sessionId, key in self._inside.items() if key[2] == accountId]
        for sessionId in found:
            self.end(sessionId)
        return len(found)

    def _cut(self, gate: Gate) -> None:
        if gate.sessionId in self._gates:
            gate.transport.abortConnection()

    def stop(self, graceSeconds: float) -> Deferred[None]:
        """
        Let nobody in any more, tell everybody, and wait until they are gone or C{graceSeconds} have passed; who is
        still here then is cut off.
        """
        self._isStopping = True
        done: Deferred[None] = Deferred()
        for gate in list(self._gates.values()):
            gate.goAway()
        if not self._gates:
            done.callback(None)
            return done
        self._whenEmpty = done
        limit = self._clock.callLater(graceSeconds, self._cutOff)

        def settle(result: None) -> None:
            if limit.active():
                limit.cancel()

        return done.addCallback(settle)

    def _cutOff(self) -> None:
        for gate in list(self._gates.values()):
            gate.transport.abortConnection()
        whenEmpty, self._whenEmpty = self._whenEmpty, None
        if whenEmpty is not None:
            whenEmpty.callback(None)


def _keys(gate: Gate) -> tuple[tuple[str, str], ...]:
    """
    What a session counts for.
    """
    host, protocol = gate.peerHost, gate.protocolName
    if protocol in LIMITED:
        return ("host", host), ("protocol", protocol), (protocol, host)
    return (("host", host),)


def isLoopback(host: str) -> bool:
    """
    Is it this machine's own address?
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
