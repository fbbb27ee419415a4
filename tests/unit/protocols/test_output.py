"""
The way out: joined, in order, nothing lost; on real sockets and in memory.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Protocol, ServerFactory
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase

from osxmail.protocols.output import GATHERED_OCTETS, GATHERED_PIECES, Output


class Transport(StringTransport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)


class GatheringTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.transport = Transport()
        self.output = Output(self.transport)

    def test_atOnce(self) -> None:
        self.output.write(b"a")
        self.output.write(b"b")
        self.assertEqual(self.transport.writes, [b"a", b"b"])

    def test_inOnePiece(self) -> None:
        self.output.isGathering = True
        self.output.write(b"a")
        self.output.write(b"b")
        self.assertEqual(self.transport.writes, [])
        self.output.flush()
        self.output.flush()
        self.assertEqual(self.transport.writes, [b"ab"])

    def test_bounds(self) -> None:
        self.output.isGathering = True
        self.output.write(b"a")
        self.output.write(b"x" * (GATHERED_OCTETS + 1))
        self.assertEqual(self.transport.writes, [b"a" + b"x" * (GATHERED_OCTETS + 1)])
        for _ in range(GATHERED_PIECES + 1):
            self.output.write(b"y")
        self.assertEqual(self.transport.writes[1:], [b"y" * (GATHERED_PIECES + 1)])


class DeflatedTests(SynchronousTestCase):
    def test_once(self) -> None:
        """
        What is gathered is compressed in one piece; nothing is nothing (RFC 4978).
        """
        transport = Transport()
        output = Output(transport)
        output.deflated = lambda data: b"<%b>" % data
        output.isGathering = True
        output.write(b"a")
        output.write(b"b")
        output.flush()
        output.write(b"")
        output.flush()
        self.assertEqual(transport.writes, [b"<ab>", b""])


class SocketTests(TestCase):
    """
    A peer that reads slowly: part of it goes by the direct way, part by the reactor's, all in order.
    """

    async def test_order(self) -> None:
        served: Deferred[Any] = Deferred()
        connected: Deferred[Any] = Deferred()
        got: list[bytes] = []
        finished: Deferred[None] = Deferred()

        class Server(Protocol):
            def connectionMade(self) -> None:
                served.callback(self)

        class Client(Protocol):
            def connectionMade(self) -> None:
                self.transport.pauseProducing()
                connected.callback(self)

            def dataReceived(self, data: bytes) -> None:
                got.append(data)

            def connectionLost(self, reason: object = None) -> None:
                finished.callback(None)

        port = reactor.listenTCP(0, ServerFactory.forProtocol(Server), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        reactor.connectTCP("127.0.0.1", port.getHost().port, ClientFactory.forProtocol(Client))
        client, server = await connected, await served
        output = Output(server.transport)
        self.assertTrue(output.isPlain)
        pieces = [b"%08d" % number * 2000 for number in range(1000)]
        for piece in pieces:
            output.write(piece)
        self.assertTrue(server.transport.dataBuffer or server.transport._tempDataBuffer, "nothing had to wait")
        client.transport.resumeProducing()
        server.transport.loseConnection()
        await finished
        self.assertEqual(b"".join(got), b"".join(pieces))

    async def test_peerThatIsGone(self) -> None:
        """
        A write after the end is no error of the writer.
        """
        served: Deferred[Any] = Deferred()
        lost: Deferred[None] = Deferred()

        class Server(Protocol):
            def connectionMade(self) -> None:
                served.callback(self)

            def connectionLost(self, reason: object = None) -> None:
                lost.callback(None)

        port = reactor.listenTCP(0, ServerFactory.forProtocol(Server), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        connector = reactor.connectTCP("127.0.0.1", port.getHost().port, ClientFactory.forProtocol(Protocol))
        server = await served
        output = Output(server.transport)
        connector.transport.abortConnection()
        for _ in range(50):
            output.write(b"x" * 10000)
        await lost
        output.write(b"after")
