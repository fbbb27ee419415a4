"""
Tests of L{osxmail.protocols.compression}: RFC 4978, on a gate in memory and in IMAP sessions.
"""

from __future__ import annotations

import random
import zlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from osxmail.protocols.base import MAX_BUFFERED_OCTETS, GateFactory, LineTooLong
from osxmail.protocols.compression import (
    LEAST_WANTED_OCTETS,
    BrokenStream,
    CompressibleGate,
    Deflater,
    Inflater,
)
from osxmail.protocols.sessions import SessionEnd
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.imap.sessions import Client, SessionCase
from tests.unit.protocols.transports import Transport, entrance


def compressor() -> Any:
    return zlib.compressobj(9, zlib.DEFLATED, -15)


def flushed(deflater: Any, data: bytes) -> bytes:
    result: bytes = deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return result


class StreamTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.binary(max_size=300)), st.integers(1, 500))
    def test_thereAndBack(self, pieces: list[bytes], most: int) -> None:
        """
        What was handed over is there at once, in portions of no more than was asked for.
        """
        deflater, inflater = Deflater(), Inflater()
        for piece in pieces:
            inflater.add(deflater.deflated(piece * 3))
            got = b""
            while inflater.hasMore:
                portion = inflater.take(most)
                self.assertLessEqual(len(portion), most)
                got += portion
            self.assertEqual(got, piece * 3)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200))
    def test_anything(self, octets: bytes) -> None:
        """
        Data that is none says so, and nothing else happens.
        """
        inflater = Inflater()
        inflater.add(octets)
        try:
            while inflater.hasMore:
                inflater.take(100)
        except BrokenStream:
            pass

    def test_itIsOver(self) -> None:
        """
        A stream that ends before the connection does is broken.
        """
        deflater = compressor()
        inflater = Inflater()
        inflater.add(deflater.compress(b"abc") + deflater.flush())
        self.assertEqual(inflater.take(100), b"abc")
        inflater.add(b"x")
        self.assertRaises(BrokenStream, inflater.take, 100)


class Echo(CompressibleGate):
    """
    Says each line back; C{compress} compresses; C{data N} takes N octets, and says how full the buffer was at most.
    """

    protocolName = "echo"

    async def session(self) -> None:
        self.ends: list[SessionEnd] = []
        self.fullest = 0
        try:
            while True:
                try:
                    line = await self.readLine(MAX_BUFFERED_OCTETS)
                except LineTooLong:
                    self.write(b"too long\r\n")
                    continue
                if line == b"compress":
                    self.write(b"go\r\n")
                    self.startCompression()
                elif line.startswith(b"data "):
                    rest = int(line[5:])
                    while rest:
                        rest -= len(await self.readChunk(min(rest, 65536)))
                        self.fullest = max(self.fullest, len(self._buffer))
                    self.write(b"taken\r\n")
                else:
                    self.write(b"<" + line + b">\r\n")
        except SessionEnd as end:
            self.ends.append(end)
            raise


class GateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.gate = Echo(GateFactory(entrance("echo", FakeSettings(), self.clock)))
        self.transport = Transport()
        self.gate.makeConnection(self.transport)
        self.deflater = compressor()
        self.inflater = zlib.decompressobj(-15)

    def turn(self, count: int = 1) -> None:
        for _ in range(count):
            self.clock.advance(0)

    def start(self) -> None:
        self.gate.dataReceived(b"compress\r\n")
        self.assertEqual(self.transport.take(), b"go\r\n")

    def heard(self) -> bytes:
        return self.inflater.decompress(self.transport.take())

    def test_bothWays(self) -> None:
        self.start()
        self.gate.dataReceived(flushed(self.deflater, b"one\r\ntwo\r\n"))
        said = self.transport.take()
        self.assertNotIn(b"one", said)
        self.assertEqual(self.inflater.decompress(said), b"<one>\r\n<two>\r\n")
        # Half an octet at a time.
        for octet in flushed(self.deflater, b"three\r\n"):
            self.gate.dataReceived(bytes([octet]))
        self.assertEqual(self.heard(), b"<three>\r\n")

    def test_rightBehindTheCommand(self) -> None:
        """
        What comes with the command that compresses, but behind it, is compressed already.
        """
        self.gate.dataReceived(b"plain\r\ncompress\r\n" + flushed(self.deflater, b"one\r\n"))
        self.turn(3)
        said = self.transport.take()
        self.assertTrue(said.startswith(b"<plain>\r\ngo\r\n"), said)
        self.assertEqual(self.inflater.decompress(said[13:]), b"<one>\r\n")

    def test_bomb(self) -> None:
        """
        64 MB that come as 64 KB are never in memory: what is inflated waits until it is read.
        """
        self.start()
        size = 64 << 20
        bomb = flushed(self.deflater, b"data %d\r\n" % size + bytes(size))
        self.assertLess(len(bomb), 80_000)
        self.gate.dataReceived(bomb)
        self.assertEqual(self.transport.producerState, "paused")
        self.turn(2 * size // MAX_BUFFERED_OCTETS)
        self.assertEqual(self.heard(), b"taken\r\n")
        self.assertLessEqual(self.gate.fullest, MAX_BUFFERED_OCTETS + LEAST_WANTED_OCTETS)
        self.assertEqual(self.transport.producerState, "producing")
        self.gate.dataReceived(flushed(self.deflater, b"still here\r\n"))
        self.assertEqual(self.heard(), b"<still here>\r\n")

    def test_bombOfOneLine(self) -> None:
        self.start()
        self.gate.dataReceived(flushed(self.deflater, bytes(64 << 20)))
        self.turn(200)
        self.assertEqual([type(end).__name__ for end in self.gate.ends], ["Flooded"])

    def test_aLineAsLongAsTheBuffer(self) -> None:
        self.start()
        line = b"x" * (MAX_BUFFERED_OCTETS - 2)
        for _ in range(2):
            self.gate.dataReceived(flushed(self.deflater, line + b"\r\n" + line + b"y\r\n"))
            self.turn(10)
            self.assertEqual(self.heard(), b"<" + line + b">\r\ntoo long\r\n")

    def test_broken(self) -> None:
        self.start()
        self.gate.dataReceived(b"\xff\xff\xff this is no deflate")
        self.turn()
        self.assertEqual([type(end) for end in self.gate.ends], [BrokenStream])
        self.assertTrue(self.transport.disconnecting)

    def test_othersHaveTheirTurn(self) -> None:
        """
        However many lines a few octets stand for, the reactor goes on between them.
        """
        self.start()
        self.gate.dataReceived(flushed(self.deflater, b"a\r\n" * 100_000))
        self.assertLess(len(self.heard()), 100 * 5)
        self.turn(5000)
        self.assertEqual(self.gate.octetsOut, 4 + 100_000 * 5)

    def test_random(self) -> None:
        """
        What does not compress, in pieces of any size.
        """
        self.start()
        chance = random.Random(4978)
        data = chance.randbytes(300_000)
        stream = flushed(self.deflater, b"data 300000\r\n" + data)
        while stream:
            size = chance.randrange(1, 40_000)
            self.gate.dataReceived(stream[:size])
            stream = stream[size:]
            self.turn(10)
        self.turn(20)
        self.assertEqual(self.heard(), b"taken\r\n")


class CompressedClient(Client):
    """
    A client that has agreed on DEFLATE.
    """

    deflater: Any = None

    def send(self, octets: bytes) -> None:
        super().send(octets if self.deflater is None else flushed(self.deflater, octets))

    def start(self) -> None:
        self.deflater = compressor()
        inflater = zlib.decompressobj(-15)
        take = self.transport.take
        self.transport.take = lambda: inflater.decompress(take())  # type: ignore[method-assign]


class ImapTests(SessionCase):
    async def test_session(self) -> None:
        await self.fill(b"Subject: one\r\n\r\n" + b"x" * 200_000, b"Subject: two\r\n\r\n2\r\n")
        gate = self.factory().buildProtocol(None)
        client = CompressedClient(gate)  # type: ignore[arg-type]
        self.clients.append(client)
        self.assertIn(b"BAD Not now", await client.do(b"COMPRESS DEFLATE"))
        self.assertIn(b" COMPRESS=DEFLATE", await client.do(b"LOGIN anna secret"))
        self.assertIn(b"BAD", await client.do(b"COMPRESS"))
        self.assertIn(b"BAD", await client.do(b"COMPRESS LZW"))
        self.assertIn(b"OK DEFLATE is on", await client.do(b"compress deflate"))
        client.start()
        self.assertNotIn(b"COMPRESS", await client.do(b"CAPABILITY"))
        self.assertIn(b"NO [COMPRESSIONACTIVE]", await client.do(b"COMPRESS DEFLATE"))
        await client.do(b"SELECT INBOX")
        said = await client.do(b"FETCH 1 BODY.PEEK[TEXT]")
        self.assertIn(b"x" * 200_000 + b")\r\n", said)
        # A literal that is waited for, and commands right behind DONE.
        client.send(b"a APPEND INBOX {100000}\r\n")
        await client.until(b"+ Go ahead\r\n")
        client.send(b"Subject: three\r\n\r\n" + b"y" * (100_000 - 18) + b"\r\n")
        self.assertIn(b"* 3 EXISTS\r\n", await client.until(b"a OK [APPENDUID"))
        await client.until(b"\r\n")
        client.send(b"b IDLE\r\n")
        await client.until(b"+ idling\r\n")
        await self.fill(b"Subject: four\r\n\r\n")
        await client.until(b"* 4 EXISTS\r\n")
        client.send(b"DONE\r\nc NOOP\r\nd LOGOUT\r\n")
        said = await client.until(b"d OK LOGOUT completed\r\n")
        self.assertIn(b"b OK IDLE completed\r\nc OK Done\r\n* BYE", said)

    async def test_backPressure(self) -> None:
        """
        Who does not read what is compressed is written no more.
        """
        await self.fill(random.Random(1).randbytes(3_000_000).replace(b"\0", b"x"))
        gate = self.factory().buildProtocol(None)
        client = CompressedClient(gate)  # type: ignore[arg-type]
        self.clients.append(client)
        await client.do(b"LOGIN anna secret")
        await client.do(b"COMPRESS DEFLATE")
        client.start()
        await client.do(b"SELECT INBOX")
        client.gate.pauseProducing()
        client.send(b"a FETCH 1 BODY.PEEK[]\r\n")
        for _ in range(20):
            await client.gate.letOthers()
        written = len(client.transport.value())
        self.assertLess(written, 300_000)
        client.gate.resumeProducing()
        self.assertGreater(len(await client.until(b"a OK FETCH completed\r\n")), 3_000_000)

    async def test_brokenStream(self) -> None:
        client = await self.selected()
        await client.do(b"COMPRESS DEFLATE")
        client.send(b"\xff\xff\xff\xff")
        inflater = zlib.decompressobj(-15)
        await client.gate.letOthers()
        said = inflater.decompress(client.transport.take())
        self.assertEqual(said, b"* BYE the client sent compressed data that is none\r\n")
        self.assertTrue(client.transport.disconnecting)
