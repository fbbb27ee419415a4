from __future__ import annotations

import gc
import os
import resource
import time
import zlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from osxmail.errors import Overloaded, StoreAway, StoreFull, TooLarge
from osxmail.interfaces import IIncoming
from osxmail.net.threads import Pool
from osxmail.store.incoming import (
    MAX_HEADER_OCTETS,
    MEMORY_OCTETS,
    SYNCED_FROM_OCTETS,
    WAITING_OCTETS,
    Spool,
    headerEnd,
)
from osxmail.store.spool import LEFTOVER_SECONDS, SpoolFile

HEADER = b"From: a@example.test\r\nSubject: x\r\n\r\n"


class HeaderEndTests(SynchronousTestCase):
    def test_ends(self):
        for data, end in [
            (b"A: b\r\n\r\nbody\r\n\r\n", 8),
            (b"\r\nbody", 2),
            (b"\nbody", 1),
            (b"A: b\n\nbody", 6),
            (b"A: b\n\r\nbody\r\n\r\n", 7),
            (b"A: b\r\n\nbody", 7),
            (b"A: b\r\nC: d\r\n", -1),
            (b"", -1),
            (b"\r", -1),
        ]:
            self.assertEqual(headerEnd(data), end, data)

    @settings(deadline=None, max_examples=200)
    @given(st.text(alphabet="a:\r\n", max_size=30), st.integers(0, 30))
    def test_fromWhereNoneHasEndedYet(self, text, start):
        """
        To look at what is new finds what to look at everything finds.
        """
        data = text.encode()
        if headerEnd(data[:start]) < 0:
            self.assertEqual(headerEnd(data, start), headerEnd(data))


class IncomingTests(TestCase):
    def setUp(self):
        self.folder = Path(self.mktemp())
        self.pool = Pool("test-spool", 2, 100)
        self.spool = Spool(self.folder, self.pool)
        self.addCleanup(self.spool.stop)
        return self.spool.start()

    async def write(self, incoming, *pieces):
        for piece in pieces:
            waiting = incoming.write(piece)
            if waiting is not None:
                await waiting

    async def sealed(self, incoming):
        waiting = incoming.seal()
        if waiting is not None:
            await waiting

    async def idle(self):
        # The pool's threads have done what was asked for before.
        await gatherResults([self.pool.run(time.sleep, 0.01) for _ in range(2)])

    def files(self):
        return os.listdir(self.folder)

    def test_interface(self):
        verifyObject(IIncoming, self.spool.incoming(100))

    async def test_small(self):
        incoming = self.spool.incoming(1 << 20)
        pieces = [HEADER, b"", b"x" * 1000, b"y" * (MEMORY_OCTETS - 1000 - len(HEADER))]
        self.assertEqual([incoming.write(piece) for piece in pieces], [None] * 4)
        self.assertEqual(incoming.sizeOctets, MEMORY_OCTETS)
        self.assertEqual(incoming.header(), HEADER)
        self.assertIsNone(incoming.seal())
        self.assertTrue(incoming.isInMemory)
        self.assertEqual(incoming.content(), b"".join(pieces))
        self.assertEqual(incoming.checksum, zlib.crc32(b"".join(pieces)))
        self.assertEqual(await incoming.examine(len), MEMORY_OCTETS)
        self.assertEqual(await incoming.examineInThread(len), MEMORY_OCTETS)
        self.assertEqual(self.files(), [])

    async def test_oneOctetMore(self):
        incoming = self.spool.incoming(1 << 20)
        data = HEADER + b"x" * (MEMORY_OCTETS - len(HEADER))
        await self.write(incoming, data, b"y")
        await self.sealed(incoming)
        self.assertFalse(incoming.isInMemory)
        self.assertEqual(incoming.sizeOctets, MEMORY_OCTETS + 1)
        self.assertEqual(incoming.header(), HEADER)
        self.assertEqual(await incoming.examine(lambda view: view[:]), data + b"y")
        self.assertEqual(incoming.checksum, zlib.crc32(data + b"y"))
        self.assertEqual(len(self.files()), 1)
        incoming.taken()
        await self.idle()
        self.assertEqual(self.files(), [])

    async def test_large(self):
        incoming = self.spool.incoming(1 << 30)
        pieces = [bytes([n]) * 65536 for n in range(64)]
        await self.write(incoming, *pieces)
        await self.sealed(incoming)
        self.assertGreater(incoming.sizeOctets, SYNCED_FROM_OCTETS)
        self.assertEqual(await incoming.examine(lambda view: view[:]), b"".join(pieces))
        incoming.abort()
        incoming.release()
        await self.idle()
        self.assertEqual(self.files(), [])

    async def test_backPressure(self):
        """
        Whoever writes faster than the disk is asked to wait, and what waits is bounded.
        """
        block = Deferred()
        gate = []

        def slow():
            while not gate:
                time.sleep(0.005)

        busy = [self.pool.run(slow) for _ in range(2)]
        incoming = self.spool.incoming(1 << 30)
        piece = b"x" * 32768
        written = 0
        while True:
            waiting = incoming.write(piece)
            written += len(piece)
            if waiting is not None:
                break
        self.assertLessEqual(written, MEMORY_OCTETS + WAITING_OCTETS + 3 * len(piece))
        self.assertNoResult(waiting)
        gate.append(1)
        await waiting
        await gatherResults(busy)
        await self.sealed(incoming)
        self.assertEqual(incoming.sizeOctets, written)
        incoming.release()
        incoming.abort()
        block.callback(None)

    async def test_limit(self):
        incoming = self.spool.incoming(100)
        incoming.write(b"x" * 100)
        for _ in range(2):
            self.assertRaises(TooLarge, incoming.write, b"y")
        with self.assertRaises(TooLarge):
            await self.sealed(incoming)

    async def test_limitOfAFile(self):
        incoming = self.spool.incoming(300_000)
        await self.write(incoming, b"x" * 300_000)
        self.assertRaises(TooLarge, incoming.write, b"y")
        await self.idle()
        self.assertEqual(self.files(), [])

    async def test_nothing(self):
        incoming = self.spool.incoming(100)
        self.assertEqual(incoming.header(), b"")
        self.assertIsNone(incoming.seal())
        self.assertEqual(incoming.content(), b"")

    async def test_header(self):
        """
        In memory and in a file, in one piece and octet by octet, ended and not.
        """
        long = b"X: " + b"y" * (MAX_HEADER_OCTETS + 1000)
        for data, header in [
            (HEADER + b"x" * 100_000, HEADER),
            (b"A: " + b"b" * 100_000 + b"\r\n\r\nbody", b"A: " + b"b" * 100_000 + b"\r\n\r\n"),
            (long, long[:MAX_HEADER_OCTETS]),
            (b"\r\nbody" * 20_000, b"\r\n"),
        ]:
            for size in (7_777, 1 << 20):
                incoming = self.spool.incoming(1 << 20)
                await self.write(incoming, *[data[n : n + size] for n in range(0, len(data), size)])
                self.assertEqual(incoming.header(), header)
                incoming.abort()

    async def test_headerInPieces(self):
        incoming = self.spool.incoming(1 << 20)
        await self.write(incoming, b"A: " + b"b" * MEMORY_OCTETS)
        for octet in b"\r\n\r\nbody\r\n\r\n":
            await self.write(incoming, bytes([octet]))
        self.assertEqual(len(incoming.header()), MEMORY_OCTETS + 7)
        incoming.abort()

    async def test_abortWhileAThreadWrites(self):
        incoming = self.spool.incoming(1 << 30)
        waiting = incoming.write(b"x" * 1_000_000) or incoming.write(b"y" * 1_000_000)
        incoming.abort()
        await waiting
        await self.idle()
        self.assertEqual(self.files(), [])
        self.assertIsNone(incoming.write(b"z"))
        with self.assertRaises(StoreAway):
            await self.sealed(incoming)

    async def test_abortWhileTheStoreHasIt(self):
        """
        The store goes on with a whole message.
        """
        incoming = self.spool.incoming(1 << 30)
        await self.write(incoming, b"x" * 100_000)
        await self.sealed(incoming)
        incoming.abort()
        self.assertEqual(await incoming.examine(len), 100_000)
        incoming.release()
        await self.idle()
        self.assertEqual(self.files(), [])

    async def test_abortOfASmallOneWhileTheStoreHasIt(self):
        incoming = self.spool.incoming(100)
        incoming.write(b"x")
        await self.sealed(incoming)
        incoming.abort()
        self.assertEqual(incoming.content(), b"x")

    async def test_abortAfterItWasTaken(self):
        incoming = self.spool.incoming(100)
        incoming.write(b"x")
        await self.sealed(incoming)
        incoming.taken()
        incoming.abort()
        with self.assertRaises(StoreAway):
            await self.sealed(incoming)

    async def test_asecondAttempt(self):
        incoming = self.spool.incoming(1 << 30)
        await self.write(incoming, b"x" * 100_000)
        await self.sealed(incoming)
        incoming.release()
        await self.sealed(incoming)
        self.assertEqual(await incoming.examine(len), 100_000)
        incoming.taken()
        await self.idle()
        self.assertEqual(self.files(), [])

    async def test_dropped(self):
        """
        Whoever forgets it leaves no file.
        """
        incoming = self.spool.incoming(1 << 30)
        await self.write(incoming, b"x" * 100_000)
        await self.idle()
        self.assertEqual(len(self.files()), 1)
        del incoming
        await self.idle()
        gc.collect()
        self.assertEqual(self.files(), [])

    async def test_fullDisk(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        incoming = self.spool.incoming(1 << 30)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            with self.assertRaises(StoreFull):
                for _ in range(100):
                    await self.write(incoming, b"x" * 50_000)
                    await self.idle()
            with self.assertRaises(StoreFull):
                await self.sealed(incoming)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await self.idle()
        self.assertEqual(self.files(), [])
        again = self.spool.incoming(1 << 30)
        await self.write(again, b"x" * 500_000)
        await self.sealed(again)
        again.taken()

    async def test_fullDiskWhileItWaits(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        incoming = self.spool.incoming(1 << 30)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            incoming.write(b"x" * 300_000)
            waiting = incoming.write(b"y" * 300_000)
            with self.assertRaises(StoreFull):
                await waiting
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await self.idle()
        self.assertEqual(self.files(), [])

    async def test_fullDiskAtTheEnd(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        incoming = self.spool.incoming(1 << 30)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            incoming.write(b"x" * 300_000)
            with self.assertRaises(StoreFull):
                await self.sealed(incoming)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await self.idle()
        self.assertEqual(self.files(), [])

    async def test_noThreads(self):
        incoming = self.spool.incoming(1 << 30)
        await self.pool.stop()
        incoming.write(b"x" * 100_000)
        with self.assertRaises(Overloaded):
            await self.sealed(incoming)

    async def test_leftovers(self):
        """
        What a crash has left goes; what somebody writes stays, and what was just made.
        """
        old = time.time() - LEFTOVER_SECONDS - 1
        (self.folder / "old").write_bytes(b"x")
        (self.folder / "new").write_bytes(b"x")
        writing = SpoolFile(self.folder)
        for path in (self.folder / "old", writing.path):
            os.utime(path, (old, old))
        await Spool(self.folder, self.pool).start()
        self.assertEqual(sorted(self.files()), sorted(["new", writing.path.name]))
        writing.remove()

    async def test_noFolder(self):
        file = Path(self.mktemp())
        file.write_bytes(b"")
        with self.assertRaises(StoreAway):
            await Spool(file / "spool", self.pool).start()
