# -*- test-case-name: tests.unit.delivery.test_connections -*-
"""
Connections to other servers: how they are made, and kept for a moment for the next message.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall
from twisted.internet.protocol import ClientFactory
from twisted.python.failure import Failure

from osxmail.delivery.nexthops import Candidate
from osxmail.delivery.smtpclient import HostFailed, SMTPClient, Terms
from osxmail.mail.smtpreply import Reply

CONNECT_SECONDS = 30.0
REUSE_SECONDS = 3.0  # how long a connection waits for the next message
REUSE_MESSAGES = 100  # after so many it is closed: the server may want to balance its load …
REUSE_MOST_SECONDS = 60.0  # … and after so long: names may lead elsewhere by now
MAX_IDLE = 500


class _Connecting(ClientFactory):
    noisy = False

    def __init__(self, client: SMTPClient, made: Deferred[None]) -> None:
        self._client = client
        self._made = made

    def buildProtocol(self, addr: IAddress | None) -> SMTPClient:
        made = self._made
        self._client.onConnected = lambda: made.callback(None)
        return self._client

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._made.errback(reason)


class Connections:
    """
    Makes connections, and lends those that have come back to whoever wants the same destination.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._live: set[SMTPClient] = set()
        self._idle: dict[Hashable, list[tuple[SMTPClient, float]]] = {}
        self._idleCount = 0
        self._sweeping: IDelayedCall | None = None
        self._isStopped = False

    async def connect(self, candidate: Candidate, terms: Terms, giveUpAt: float) -> SMTPClient:
        """
        A new connection, ready for a transaction.

        @param giveUpAt: by the reactor's clock, when the attempt has to be over.
        @raise HostFailed:
        """
        if self._isStopped:
            raise HostFailed(Reply(451, "4.3.2", ("This server is stopping",)))
        client = SMTPClient(terms, self._reactor)
        client.giveUpAt = giveUpAt
        made: Deferred[None] = Deferred()
        seconds = max(0.1, min(CONNECT_SECONDS, giveUpAt - self._reactor.seconds()))
        self._reactor.connectTCP(candidate.address, candidate.port, _Connecting(client, made), timeout=seconds)
        try:
            await made
        except ConnectionRefusedError:
            raise HostFailed(Reply(451, "4.4.1", ("Connection refused",))) from None
        except TimeoutError:
            raise HostFailed(Reply(451, "4.4.1", ("No answer to the connection attempt",))) from None
        except ConnectError as error:
            raise HostFailed(Reply(451, "4.4.1", (f"No connection: {error}"[:300],))) from None
        self._live.add(client)
        client.onLost = lambda: self._live.discard(client)
        if self._isStopped:
            client.abort("This server is stopping")
        await client.open()
        return client

    def borrow(self, key: Hashable, giveUpAt: float) -> SMTPClient | None:
        """
        A connection that waits for the next message to this destination; the one that was used last.
        """
        waiting = self._idle.get(key)
        while waiting:
            client, _ = waiting.pop()
            self._idleCount -= 1
            if client.isUsable:
                client.giveUpAt = giveUpAt
                break
            client.quit()
        else:
            client = None
        if waiting is not None and not waiting:
            del self._idle[key]
        return client

    def giveBack(self, key: Hashable, client: SMTPClient) -> None:
        """
        Nothing is under way on this connection any more.
        """
        if (
            client.isUsable
            and not self._isStopped
            and client.transactions < REUSE_MESSAGES
            and self._reactor.seconds() - client.madeAt < REUSE_MOST_SECONDS
            and self._idleCount < MAX_IDLE
        ):
            client.giveUpAt = None
            self._idle.setdefault(key, []).append((client, self._reactor.seconds() + REUSE_SECONDS))
            self._idleCount += 1
            if self._sweeping is None:
                self._sweeping = self._reactor.callLater(REUSE_SECONDS, self._sweep)
        else:
            client.quit()

    def _sweep(self) -> None:
        self._sweeping = None
        now = self._reactor.seconds()
        for key, waiting in list(self._idle.items()):
            kept = []
            for client, until in waiting:
                if client.isUsable and until > now:
                    kept.append((client, until))
                else:
                    self._idleCount -= 1
                    client.quit()
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        if self._idle:
            self._sweeping = self._reactor.callLater(REUSE_SECONDS / 2, self._sweep)

    def open(self) -> None:
        """
        Make connections, again.
        """
        self._isStopped = False

    def close(self) -> None:
        """
        Make no more connections, and keep none.  What is under way goes on.
        """
        self._isStopped = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for waiting in self._idle.values():
            for client, _ in waiting:
                client.quit()
        self._idle = {}
        self._idleCount = 0

    def abort(self, why: str) -> None:
        """
        End everything that is under way.
        """
        for client in list(self._live):
            client.abort(why)
