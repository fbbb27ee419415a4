"""
IMAP sessions in memory, over the real store.
"""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from osxmail.interfaces import IMailbox
from osxmail.protocols.imap.session import Imap, ImapFactory
from osxmail.protocols.realm import MailRealm
from osxmail.store.store import Store
from tests.fakes.mailstores import closeStore, inboxOf, openStore, put
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import Checker, Transport, entrance, person

PATIENCE_SECONDS = 10.0
clock: Any = reactor


class Turns:
    """
    How long the reactor's longest turn was, in CPU time of its thread: what a busy machine does is not counted, nor
    what it takes to collect the garbage of all tests before.

    @ivar longestSeconds: so far.
    """

    def __enter__(self) -> Turns:
        gc.disable()
        self.longestSeconds = 0.0
        self._last = time.thread_time()
        self._next = clock.callLater(0, self._turn)
        return self

    def _turn(self) -> None:
        now = time.thread_time()
        self.longestSeconds = max(self.longestSeconds, now - self._last)
        self._last = now
        self._next = clock.callLater(0.001, self._turn)

    def __exit__(self, *exc: object) -> None:
        self._next.cancel()
        gc.enable()


class Client:
    """
    The other end of one session.
    """

    def __init__(self, gate: Imap) -> None:
        self.gate = gate
        self.transport = Transport()
        self.heard = b""
        self._tags = 0
        gate.makeConnection(self.transport)

    def send(self, octets: bytes) -> None:
        self.gate.dataReceived(octets)

    async def until(self, wanted: bytes) -> bytes:
        """
        What is said up to and with these octets.
        """
        limit = clock.seconds() + PATIENCE_SECONDS
        while wanted not in self.heard:
            self.heard += self.transport.take()
            if wanted in self.heard:
                break
            assert clock.seconds() < limit, f"expected {wanted!r}, got {self.heard[-300:]!r}"
            await deferLater(clock, 0.001)
        end = self.heard.index(wanted) + len(wanted)
        said, self.heard = self.heard[:end], self.heard[end:]
        return said

    async def do(self, line: bytes) -> bytes:
        """
        A command; everything that is said up to the end of its tagged response.
        """
        self._tags += 1
        tag = b"t%d" % self._tags
        self.send(tag + b" " + line + b"\r\n")
        said = await self.until(tag + b" ")
        return said + await self.until(b"\r\n")

    def hangUp(self) -> None:
        self.gate.connectionLost(Failure(ConnectionDone()))


class SessionCase(TestCase):
    """
    A store, a listener with TLS from the start, and anna's INBOX.
    """

    settingTexts: dict[str, str] = {}
    store: Store
    folder: Path
    inbox: IMailbox

    async def setUp(self) -> None:
        self.settings = FakeSettings({"auth.failure_delay": "0s", **self.settingTexts})
        self.store, self.folder = await openStore(reactor)
        self.inbox = await inboxOf(self.store, "anna")
        self.clients: list[Client] = []

    async def tearDown(self) -> None:
        for client in self.clients:
            client.hangUp()
        await closeStore(self.store, self.folder)

    def factory(self, gateClock: Any = reactor) -> ImapFactory:
        store: Any = self.store
        checker: Any = Checker(person("anna"))
        portal = Portal(MailRealm(store, self.settings), [checker])
        return ImapFactory(entrance("imaps", self.settings, gateClock, isTLS=True), portal, store)

    def connect(self, gateClock: Any = reactor) -> Client:
        gate = self.factory(gateClock).buildProtocol(None)
        assert isinstance(gate, Imap)
        client = Client(gate)
        self.clients.append(client)
        return client

    async def selected(self, command: bytes = b"SELECT INBOX") -> Client:
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        said = await client.do(command)
        assert b" OK [READ-" in said, said
        return client

    async def fill(self, *messages: bytes) -> list[int]:
        return [await put(self.store, self.inbox, message) for message in messages]
