# -*- test-case-name: tests.unit.protocols.test_base -*-
"""
Who is connected: the limits on it, the list of it, and its end.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from osxmail.interfaces import ISettings

if TYPE_CHECKING:
    from osxmail.protocols.base import Gate


#: How long sessions with much to do take turns before the reactor looks after everything else.
TURNS_SECONDS = 0.005


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
    Every session of this process.
    """

    def __init__(self, settings: ISettings, clock: IReactorTime) -> None:
        self._settings = settings
        self._clock = clock
        self._gates: dict[str, Gate] = {}
        self._byHost: dict[str, int] = {}
        self._isStopping = False
        self._whenEmpty: Deferred[None] | None = None
        self._turns: deque[Deferred[None]] = deque()

    def __len__(self) -> int:
        return len(self._gates)

    def admit(self, gate: Gate) -> str:
        """
        Let a session in.

        @return: C{""}, or why not, in plain words.
        """
        host = gate.peerHost
        if self._isStopping:
            return "the server stops"
        count = self._byHost.get(host, 0)
        if not gate.isAlwaysAdmitted:
            if len(self._gates) >= self._settings.number("connections.most"):
                return "too many connections"
            if count >= self._settings.number("connections.per_address") and not isLoopback(host):
                return "too many connections from your address"
        self._gates[gate.sessionId] = gate
        self._byHost[host] = count + 1
        return ""

    def leave(self, gate: Gate) -> None:
        """
        It is over.
        """
        if self._gates.pop(gate.sessionId, None) is None:
            return
        count = self._byHost[gate.peerHost] - 1
        if count:
            self._byHost[gate.peerHost] = count
        else:
            del self._byHost[gate.peerHost]
        if not self._gates and self._whenEmpty is not None:
            whenEmpty, self._whenEmpty = self._whenEmpty, None
            whenEmpty.callback(None)

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
        End one, once its command is done.

        @return: there was one of this id.
        """
        gate = self._gates.get(sessionId)
        if gate is None:
            return False
        gate.goAway(Ended())
        return True

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


def isLoopback(host: str) -> bool:
    """
    Is it this machine's own address?
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
