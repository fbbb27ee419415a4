"""
L{osxmail.delivery.connections}: connections are kept for a moment, and never without end.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery import connections
from osxmail.delivery.connections import Connections
from osxmail.delivery.smtpclient import SMTPClient, Terms


class Wire(StringTransport):
    def setTcpNoDelay(self, enabled: bool) -> None: ...


class PoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.connections = Connections(self.reactor)

    def client(self) -> SMTPClient:
        client = SMTPClient(Terms("us.test", "x"), Clock())
        client.makeConnection(Wire())
        client.isUsable = True
        return client

    def quitted(self, client: Any) -> bool:
        return client.transport.value() == b"QUIT\r\n"

    def test_lastUsedFirst(self) -> None:
        one, two = self.client(), self.client()
        self.connections.giveBack("a", one)
        self.connections.giveBack("a", two)
        self.assertIsNone(self.connections.borrow("b", 99.0))
        self.assertIs(self.connections.borrow("a", 99.0), two)
        self.assertEqual(two.giveUpAt, 99.0)
        self.assertIs(self.connections.borrow("a", 99.0), one)
        self.assertIsNone(self.connections.borrow("a", 99.0))

    def test_brokenAreNotLent(self) -> None:
        one, two = self.client(), self.client()
        self.connections.giveBack("a", one)
        self.connections.giveBack("a", two)
        two.isUsable = False
        self.assertIs(self.connections.borrow("a", 99.0), one)
        one.isUsable = False
        self.connections.giveBack("a", one)
        self.assertIsNone(self.connections.borrow("a", 99.0))

    def test_closedAfterAMoment(self) -> None:
        one = self.client()
        self.connections.giveBack("a", one)
        self.reactor.advance(connections.REUSE_SECONDS - 0.1)
        self.assertFalse(self.quitted(one))
        self.reactor.advance(connections.REUSE_SECONDS)
        self.assertTrue(self.quitted(one))
        self.assertIsNone(self.connections.borrow("a", 99.0))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_closedAfterManyMessages(self) -> None:
        one = self.client()
        one.transactions = connections.REUSE_MESSAGES
        self.connections.giveBack("a", one)
        self.assertTrue(self.quitted(one))

    def test_closedAfterALongTime(self) -> None:
        one = self.client()
        self.reactor.advance(connections.REUSE_MOST_SECONDS)
        self.connections.giveBack("a", one)
        self.assertTrue(self.quitted(one))

    def test_idleAreBounded(self) -> None:
        self.patch(connections, "MAX_IDLE", 2)
        kept = [self.client() for _ in range(3)]
        for client in kept:
            self.connections.giveBack("a", client)
        self.assertEqual([self.quitted(client) for client in kept], [False, False, True])

    def test_close(self) -> None:
        one, two = self.client(), self.client()
        self.connections.giveBack("a", one)
        self.connections.close()
        self.connections.giveBack("a", two)
        self.assertTrue(self.quitted(one))
        self.assertTrue(self.quitted(two))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.connections.open()
        three = self.client()
        self.connections.giveBack("a", three)
        self.assertIs(self.connections.borrow("a", 99.0), three)
