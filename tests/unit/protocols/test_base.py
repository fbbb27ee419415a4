"""
The gate, on a transport in memory and a clock of the test's.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from osxmail.protocols.base import (
    FLOODED_LINGER_SECONDS,
    LINGER_SECONDS,
    MAX_BUFFERED_OCTETS,
    MAX_BURST_LINES,
    MAX_DISCARDED_OCTETS,
    Gate,
    GateFactory,
    LineTooLong,
)
from osxmail.protocols.sessions import Disconnected, SessionEnd, Sessions, TimedOut
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import Transport, entrance


class Echo(Gate):
    """
    Says each line back; C{data N} takes N octets; C{flood} writes until told not to; C{tls}.
    """

    protocolName = "echo"

    async def session(self) -> None:
        self.ends: list[SessionEnd] = []
        self.write(b"hello\r\n")
        try:
            while True:
                try:
                    line = await self.readLine(100, atRest=True)
                except LineTooLong:
                    self.write(b"too long\r\n")
                    continue
                if line == b"quit":
                    return
                if line == b"boom":
                    raise RuntimeError("secret detail")
                if line == b"tls":
                    self.write(b"go\r\n")
                    self.startTLS()
                    continue
                if line.startswith(b"data "):
                    wanted = int(line[5:])
                    got = b""
                    while len(got) < wanted:
                        got += await self.readChunk(wanted - len(got))
                    self.write(b"%d\r\n" % len(got))
                    continue
                if line == b"flood":
                    while True:
                        self.write(b"x" * 1000)
                        await self.drain()
                self.write(b"<" + line + b">\r\n")
        except SessionEnd as end:
            self.ends.append(end)
            raise

    def notLetIn(self, why: str) -> bytes:
        return f"no: {why}\r\n".encode()

    def lastWords(self, end: SessionEnd) -> bytes:
        return f"bye: {end.why}\r\n".encode()

    def brokenWords(self, errorId: str) -> bytes:
        return b"broken\r\n"


class EchoFactory(GateFactory):
    def gate(self) -> Gate:
        return Echo(self)


class GateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.settings = FakeSettings({"connections.most": "10", "connections.per_address": "2"})
        self.sessions = Sessions(self.settings, self.clock)
        self.factory = EchoFactory(entrance("echo", self.settings, self.clock, self.sessions, tls=object()))

    def connect(self, host: str = "192.0.2.1") -> tuple[Any, Transport]:
        gate = self.factory.buildProtocol(None)
        transport = Transport(peerAddress=IPv4Address("TCP", host, 4321))
        gate.makeConnection(transport)
        return gate, transport

    def test_linesInOrder(self) -> None:
        gate, transport = self.connect()
        gate.dataReceived(b"a\r\nb\nc")
        gate.dataReceived(b"d\r")
        gate.dataReceived(b"\n")
        self.assertEqual(transport.value(), b"hello\r\n<a>\r\n<b>\r\n<cd>\r\n")

    def test_octetByOctet(self) -> None:
        gate, transport = self.connect()
        for octet in b"one\r\ndata 3\r\nx\r\n" + b"two\r\n":
            gate.dataReceived(bytes([octet]))
        self.assertEqual(transport.value(), b"hello\r\n<one>\r\n3\r\n<two>\r\n")

    def test_rawDataEndsWhereItEnds(self) -> None:
        gate, transport = self.connect()
        gate.dataReceived(b"data 5\r\n12345after\r\n")
        self.assertEqual(transport.value(), b"hello\r\n5\r\n<after>\r\n")

    def test_unread(self) -> None:
        gate, _transport = self.connect()
        gate.dataReceived(b"data 5\r\n123")
        gate.unread(b"45")
        self.assertEqual(gate._buffer, b"45")

    def test_longestLine(self) -> None:
        gate, transport = self.connect()
        gate.dataReceived(b"x" * 98 + b"\r\n" + b"y" * 99 + b"\r\n" + b"ok\r\n")
        self.assertEqual(transport.value(), b"hello\r\n<" + b"x" * 98 + b">\r\ntoo long\r\n<ok>\r\n")

    def test_longLineIsPassedOverInPieces(self) -> None:
        gate, transport = self.connect()
        for _ in range(50):
            gate.dataReceived(b"x" * 1000)
        self.assertEqual(gate._buffer, b"")
        gate.dataReceived(b"\r\nok\r\n")
        self.assertEqual(transport.value(), b"hello\r\ntoo long\r\n<ok>\r\n")

    def test_lineWithoutEndEndsTheSession(self) -> None:
        gate, transport = self.connect()
        sent = 0
        while not transport.disconnecting:
            gate.dataReceived(b"x" * 10000)
            sent += 10000
            self.assertLessEqual(sent, MAX_DISCARDED_OCTETS + 20000)
        self.assertIn(b"bye: the client sent a line without end", transport.value())
        self.assertEqual(gate._buffer, b"")
        self.clock.advance(FLOODED_LINGER_SECONDS)
        self.assertTrue(transport.aborted)

    def test_burstsLetOthersHaveTheirTurn(self) -> None:
        gate, transport = self.connect()
        gate.dataReceived(b"n\r\n" * 1000)
        self.assertLessEqual(transport.value().count(b"<n>"), MAX_BURST_LINES)
        for _ in range(1000 // MAX_BURST_LINES + 1):
            self.clock.advance(0)
        self.assertEqual(transport.value().count(b"<n>"), 1000)

    def test_turns(self) -> None:
        """
        Sessions with much to do have a few milliseconds together; what else the reactor has to do comes in between.
        """
        clock = Clock()
        sessions = Sessions(FakeSettings(), clock)
        done: list[str] = []

        async def busy(name: str) -> None:
            for number in range(3):
                await sessions.turn()
                done.append(f"{name}{number}")
                clock.rightNow += 0.002

        for name in "abcde":
            Deferred.fromCoroutine(busy(name))
        clock.callLater(0, done.append, "other")
        clock.advance(0)
        while clock.calls:
            clock.advance(0)
        self.assertEqual(done[:4], ["a0", "b0", "c0", "other"])
        self.assertEqual(sorted(done), sorted([*(f"{name}{n}" for name in "abcde" for n in range(3)), "other"]))
        self.assertEqual([each for each in done if each != "other"][:6], ["a0", "b0", "c0", "d0", "e0", "a1"])

    def test_nobodyReadsNothingIsTaken(self) -> None:
        """
        While a command waits (here: for its turn), what comes is bounded by pausing the transport.
        """
        gate, transport = self.connect()
        gate.dataReceived(b"n\r\n" * 1000)
        gate.dataReceived(b"n" * 90 + b"\r\n" + b"m\r\n" * (MAX_BUFFERED_OCTETS // 3))
        self.assertEqual(transport.producerState, "paused")
        for _ in range(MAX_BUFFERED_OCTETS // MAX_BURST_LINES):
            self.clock.advance(0)
        self.assertEqual(transport.producerState, "producing")

    def test_slowReaderHoldsItselfUp(self) -> None:
        gate, transport = self.connect()
        transport.clear()
        original = transport.write

        def write(data: bytes) -> None:
            original(data)
            if len(transport.value()) > 5000:
                gate.pauseProducing()

        transport.write = write  # type: ignore[method-assign]
        gate.dataReceived(b"flood\r\n")
        self.assertEqual(len(transport.value()), 6000)
        transport.clear()
        gate.resumeProducing()
        self.assertEqual(len(transport.value()), 6000)
        self.clock.advance(61)
        self.assertIsInstance(gate.ends[0], TimedOut)

    def test_silence(self) -> None:
        gate, transport = self.connect()
        self.clock.advance(59)
        gate.dataReceived(b"a\r\n")
        self.clock.advance(59)
        self.assertFalse(transport.disconnecting)
        self.clock.advance(2)
        self.assertTrue(transport.disconnecting)
        self.assertTrue(transport.value().endswith(b"bye: the client was silent for too long\r\n"))
        self.assertEqual(len(self.sessions), 0)

    def test_deadlineCountsWhateverHappens(self) -> None:
        gate, transport = self.connect()
        gate.setDeadline(30)
        for _ in range(29):
            self.clock.advance(1)
            gate.dataReceived(b"a\r\n")
        self.assertFalse(transport.disconnecting)
        self.clock.advance(1.5)
        self.assertTrue(transport.disconnecting)

    def test_deadlineTakenBack(self) -> None:
        gate, transport = self.connect()
        gate.setDeadline(30)
        gate.setDeadline(0)
        self.clock.advance(40)
        self.assertFalse(transport.disconnecting)

    def test_disconnected(self) -> None:
        gate, transport = self.connect()
        gate.connectionLost(Failure(ConnectionDone()))
        self.assertIsInstance(gate.ends[0], Disconnected)
        self.assertEqual(len(self.sessions), 0)
        self.assertEqual(transport.value(), b"hello\r\n")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_disconnectedInTheMiddleOfWork(self) -> None:
        """
        What was sent before the end is still worked through.
        """
        gate, transport = self.connect()
        gate.dataReceived(b"n\r\n" * (MAX_BURST_LINES + 5))
        gate.connectionLost(Failure(ConnectionDone()))
        self.clock.advance(0)
        self.assertEqual(transport.value().count(b"<n>"), MAX_BURST_LINES + 5)
        self.assertEqual(len(self.sessions), 0)

    def test_peerThatDoesNotLetGo(self) -> None:
        gate, transport = self.connect()
        gate.dataReceived(b"quit\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.aborted)
        self.clock.advance(LINGER_SECONDS)
        self.assertTrue(transport.aborted)
        gate.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_ourFault(self) -> None:
        gate, transport = self.connect()
        gate.dataReceived(b"boom\r\n")
        self.assertEqual(transport.value(), b"hello\r\nbroken\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_startTLSForgets(self) -> None:
        gate, transport = self.connect()
        gate.dataReceived(b"tls\r\ninjected\r\n")
        self.assertTrue(gate.isSecure)
        gate.dataReceived(b"after\r\n")
        self.assertEqual(transport.value(), b"hello\r\ngo\r\n<after>\r\n")

    def test_limits(self) -> None:
        self.connect()
        self.connect()
        _gate, refused = self.connect()
        self.assertEqual(refused.value(), b"no: too many connections from your address\r\n")
        self.assertTrue(refused.disconnecting)
        for _ in range(8):
            _gate, last = self.connect("127.0.0.1")
        self.assertEqual(last.value(), b"hello\r\n")
        _gate, refused = self.connect("127.0.0.1")
        self.assertEqual(refused.value(), b"no: too many connections\r\n")

    def test_placesAreGivenBack(self) -> None:
        for _ in range(5):
            gate, transport = self.connect()
            self.assertEqual(transport.value(), b"hello\r\n")
            gate.dataReceived(b"quit\r\n")
            gate.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.sessions._counts, {})

    def test_stopTellsWhoRests(self) -> None:
        gate, transport = self.connect()
        working, other = self.connect()
        working.dataReceived(b"data 3\r\nx")
        done = self.sessions.stop(10)
        self.assertTrue(transport.value().endswith(b"bye: the server stops\r\n"))
        self.assertNoResult(done)
        self.assertFalse(other.disconnecting)
        working.dataReceived(b"yz")
        self.assertEqual(other.value(), b"hello\r\n3\r\nbye: the server stops\r\n")
        self.successResultOf(done)
        self.assertEqual(gate.login, "")

    def test_stopDoesNotWaitForEver(self) -> None:
        working, transport = self.connect()
        working.dataReceived(b"data 3\r\nx")
        done = self.sessions.stop(10)
        self.clock.advance(10)
        self.successResultOf(done)
        self.assertTrue(transport.aborted)

    def test_endOne(self) -> None:
        gate, transport = self.connect()
        listed = self.sessions.list()
        self.assertEqual([(c.protocol, c.host, c.service) for c in listed], [("echo", "192.0.2.1", "echo")])
        self.assertTrue(self.sessions.end(listed[0].sessionId))
        self.assertTrue(transport.value().endswith(b"bye: an administrator ended it\r\n"))
        self.assertFalse(self.sessions.end(gate.sessionId))
