# -*- test-case-name: tests.integration.test_daemon -*-
"""
The doors of the house: sockets that are bound early, while we may, and opened late, when everything stands.
"""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

from osxmail.app.terminal import cannotStart
from osxmail.net.tls import ServerCertificates
from osxmail.protocols.base import GateFactory


def _advice(error: BaseException) -> str:
    """
    What to do about a port that cannot be had.
    """
    number = getattr(error.socketError if isinstance(error, CannotListenError) else error, "errno", 0)
    return {
        errno.EADDRINUSE: "; another server has it (ss -ltnp shows which): stop that one, or choose another port",
        errno.EACCES: "; ports below 1024 are for root: start as root, with --uid",
        errno.EADDRNOTAVAIL: "; this machine does not have that address",
        errno.ENOENT: "; the folder of a Unix socket has to be there before",
    }.get(number, "")


class Door(Factory):
    """
    Turns everybody away until it is opened.
    """

    noisy = False

    def __init__(self) -> None:
        self._behind: IProtocolFactory | None = None

    def open(self, factory: GateFactory, certificates: ServerCertificates) -> None:
        """
        From now on connections are C{factory}'s sessions, in TLS if it says so.
        """
        self._behind = TLSMemoryBIOFactory(certificates, False, factory) if factory.entrance.isTLS else factory

    def close(self) -> None:
        """
        Turn everybody away again.
        """
        self._behind = None

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        return self._behind.buildProtocol(addr) if self._behind is not None else None  # type: ignore[arg-type]


class Listener(Service):
    """
    One endpoint of one service.  Bound in C{privilegedStartService}, so that ports below 1024 are ours before
    C{--uid} takes effect.

    @ivar bound: fires when it is.
    @ivar owner: user and group that a Unix socket is for, where they are not those who bind it.
    """

    def __init__(self, name: str, endpoint: str) -> None:
        self.name = f"{name} {endpoint}"
        self.service = name
        self.endpoint = endpoint
        self.door = Door()
        self.bound: Deferred[None] = Deferred()
        self.owner: tuple[int, int] | None = None
        self._listening: IListeningPort | None = None

    @property
    def address(self) -> str:
        """
        What it listens on, with the real port.
        """
        if self._listening is None:
            return ""
        host: Any = self._listening.getHost()
        if hasattr(host, "port"):
            return f"[{host.host}]:{host.port}" if ":" in host.host else f"{host.host}:{host.port}"
        name = getattr(host, "name", b"")
        return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)

    @property
    def place(self) -> tuple[str, int]:
        """
        The IP address and port that it listens on; C{("", 0)} for a Unix socket, and before it is bound.
        """
        host: Any = self._listening.getHost() if self._listening is not None else None
        return (host.host, host.port) if hasattr(host, "port") else ("", 0)

    def privilegedStartService(self) -> None:
        from twisted.internet import reactor

        super().privilegedStartService()
        port = serverFromString(reactor, self.endpoint).listen(self.door)
        problems: list[BaseException] = []

        def listening(result: IListeningPort) -> None:
            self._listening = result
            self._giveAway()
            self.bound.callback(None)

        port.addCallback(listening)
        port.addErrback(lambda failure: problems.append(failure.value))
        if problems:
            error = problems[0]
            reason = error.socketError if isinstance(error, CannotListenError) else error
            raise cannotStart(f"listen.{self.service}: {self.endpoint}: {reason}{_advice(error)}")

    def _giveAway(self) -> None:
        if self.owner is not None and self.endpoint.startswith("unix:"):
            for path in (self.address, f"{self.address}.lock"):
                if os.path.lexists(path):
                    os.lchown(path, *self.owner)

    def startService(self) -> None:
        super().startService()
        if self._listening is None:
            self.privilegedStartService()

    def stopService(self) -> Deferred[None]:
        """
        Stop taking connections; those that are open go on.
        """
        super().stopService()
        self.door.close()
        listening, self._listening = self._listening, None
        if listening is None:
            return succeed(None)
        stopped = listening.stopListening()
        return stopped.addCallback(lambda _: None) if isinstance(stopped, Deferred) else succeed(None)
