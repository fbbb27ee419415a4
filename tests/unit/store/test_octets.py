from __future__ import annotations

import os
import resource
from pathlib import Path

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from osxmail.errors import NoSuchMessage, StoreDamaged, StoreFull
from osxmail.store.counter import nextNumber_txn
from osxmail.store.incoming import MEMORY_OCTETS, SYNCED_FROM_OCTETS
from osxmail.store.octets import MAX_READ_OCTETS, ROW_OCTETS, Place
from tests.contracts.engines import SQLiteEngine


class OctetsTests(SQLiteEngine, TestCase):
    async def incoming(self, data):
        incoming = self.store.incoming(1 << 30)
        for start in range(0, len(data), 65536):
            waiting = incoming.write(data[start : start + 65536])
            if waiting is not None:
                await waiting
        waiting = incoming.seal()
        if waiting is not None:
            await waiting
        return incoming

    async def put(self, *datas, fail=None):
        incomings = [await self.incoming(data) for data in datas]

        def write(txn):
            ids = self.store.octets.putAll_txn(txn, incomings)
            if fail is not None:
                raise fail
            return ids

        try:
            return await self.store.database.write(write)
        except BaseException:
            for incoming in incomings:
                incoming.release()
                incoming.abort()
            raise

    async def row(self, octetsId):
        return await self.store.database.read(
            lambda txn: txn.execute(
                "SELECT size, segment, place, data FROM octets WHERE id = ?", (octetsId,)
            ).fetchone()
        )

    async def whole(self, octetsId):
        size, segment, place, data = await self.row(octetsId)
        if data is not None:
            return data
        pieces = []
        at = Place(octetsId, size, segment, place)
        for offset in range(0, size, MAX_READ_OCTETS):
            pieces.append(await self.store.octets.read(at, offset, MAX_READ_OCTETS))
        return b"".join(pieces)

    def segments(self):
        return sorted(os.listdir(self.data / "segments"))

    def spooled(self):
        return os.listdir(self.data / "spool")

    SIZES = (
        0, 1, ROW_OCTETS, ROW_OCTETS + 1, MEMORY_OCTETS, MEMORY_OCTETS + 1, SYNCED_FROM_OCTETS - 1, SYNCED_FROM_OCTETS,
        3_000_000,
    )  # fmt: skip

    async def test_everySize(self):
        datas = [bytes([n + 1]) * size for n, size in enumerate(self.SIZES)]
        ids = await self.put(*datas)
        self.assertEqual(len(set(ids)), len(ids))
        inRows = [(await self.row(each))[3] is not None for each in ids]
        self.assertEqual(inRows, [size <= ROW_OCTETS for size in self.SIZES])
        # One for what is appended, and one for each that is large enough to be one.
        self.assertEqual(len(self.segments()), 3)
        for _ in range(2):
            self.assertEqual([await self.whole(each) for each in ids], datas)
            await self.reopen()
        self.assertEqual(self.spooled(), [])

    async def test_idsGoOn(self):
        (first,) = await self.put(b"x")
        await self.reopen()
        second, third = await self.put(b"y", b"z")
        self.assertEqual([second, third], [first + 1, first + 2])

    async def test_nothing(self):
        self.assertEqual(await self.put(), [])

    async def test_rolledBack(self):
        """
        A request that fails leaves no row and no file, and what shares its batch is not touched.
        """
        good = [self.put(b"a" * 20_000, b"b" * 2_000_000) for _ in range(3)]
        bad = self.put(b"c" * 20_000, b"d" * 2_000_000, fail=StoreFull("test"))
        with self.assertRaises(StoreFull):
            await bad
        for each in good:
            one, two = await each
            self.assertEqual(await self.whole(one), b"a" * 20_000)
            self.assertEqual(await self.whole(two), b"b" * 2_000_000)
        await self.store.octets.spool.stop()
        self.assertEqual(self.spooled(), [])
        self.assertEqual(len(self.segments()), 4)

    async def test_aCounterThatIsMissing(self):
        def write(txn):
            txn.execute("DELETE FROM counter WHERE name = 'octets'")
            nextNumber_txn(txn, "octets")

        with self.assertRaises(StoreDamaged):
            await self.store.database.write(write)

    # ----------------------------------------------------------------------------------------------- reading

    async def place(self, octetsId):
        size, segment, place, _ = await self.row(octetsId)
        return Place(octetsId, size, segment, place)

    async def test_parts(self):
        data = os.urandom(600_000)
        (octetsId,) = await self.put(data)
        at = await self.place(octetsId)
        for offset, length in ((0, 0), (0, 10), (1, 262_144), (599_990, 100), (600_000, 10), (700_000, 10)):
            self.assertEqual(await self.store.octets.read(at, offset, length), data[offset : offset + length])
        for offset, length in ((0, MAX_READ_OCTETS + 1), (-1, 10), (0, -1)):
            with self.assertRaises(ValueError):
                await self.store.octets.read(at, offset, length)

    async def test_rotten(self):
        (octetsId,) = await self.put(b"x" * 100_000)
        at = await self.place(octetsId)
        path = self.data / "segments" / self.segments()[0]
        with path.open("r+b") as file:
            file.seek(at.place + 90_000)
            file.write(b"y")
        # Wherever one reads: the whole record is looked at.
        with self.assertRaises(StoreDamaged):
            await self.store.octets.read(at, 0, 10)

    async def test_checkedOnce(self):
        (octetsId,) = await self.put(b"x" * 100_000)
        at = await self.place(octetsId)
        await self.store.octets.read(at, 0, 10)
        path = self.data / "segments" / self.segments()[0]
        with path.open("r+b") as file:
            file.seek(at.place + 90_000)
            file.write(b"y")
        await self.store.octets.read(at, 0, 10)
        await self.reopen()
        with self.assertRaises(StoreDamaged):
            await self.store.octets.read(at, 0, 10)

    async def test_moved(self):
        """
        A reader that knows an old place finds the new one.
        """
        (octetsId,) = await self.put(b"x" * 100_000)
        at = await self.place(octetsId)
        old = Place(octetsId, at.size, 4711, 0)
        self.assertEqual(await self.store.octets.read(old, 99_999, 10), b"x")

    async def test_goneRow(self):
        with self.assertRaises(NoSuchMessage):
            await self.store.octets.read(Place(4711, 5, 4711, 0), 0, 5)

    async def test_goneFile(self):
        (octetsId,) = await self.put(b"x" * 100_000)
        at = await self.place(octetsId)
        (self.data / "segments" / self.segments()[0]).unlink()
        with self.assertRaises(StoreDamaged):
            await self.store.octets.read(at, 0, 5)

    # ------------------------------------------------------------------------------------------------- limits

    async def test_largeMessageInLittleMemory(self):
        """
        100 MB go in and out, and the process grows by a small part of that.
        """
        piece = os.urandom(65536)
        incoming = self.store.incoming(1 << 30)
        before = _residentOctets()
        for _ in range(1600):
            waiting = incoming.write(piece)
            if waiting is not None:
                await waiting
        waiting = incoming.seal()
        await waiting
        (octetsId,) = await self.store.database.write(lambda txn: self.store.octets.putAll_txn(txn, [incoming]))
        at = await self.place(octetsId)
        for offset in range(0, at.size, MAX_READ_OCTETS):
            data = await self.store.octets.read(at, offset, MAX_READ_OCTETS)
            self.assertEqual(data[:65536], piece)
        self.assertLess(_residentOctets() - before, 20_000_000)

    async def test_fullDisk(self):
        """
        The one that is too large for the disk is refused; what was there and what comes after is whole.
        """
        (before,) = await self.put(b"a" * 50_000)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        soft = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
        try:
            full = 0
            kept = []
            for n in range(12):
                try:
                    (octetsId,) = await self.put(bytes([n]) * 60_000)
                    kept.append((n, octetsId))
                except StoreFull:
                    full += 1
            self.assertGreaterEqual(full, 3)
            self.assertGreaterEqual(len(kept), 3)
            self.assertEqual(await self.whole(before), b"a" * 50_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        (after,) = await self.put(b"b" * 500_000)
        await self.reopen()
        for n, octetsId in kept:
            self.assertEqual(await self.whole(octetsId), bytes([n]) * 60_000)
        self.assertEqual(await self.whole(after), b"b" * 500_000)

    async def test_manyReadersAtOnce(self):
        datas = [os.urandom(70_000) for _ in range(10)]
        ids = await self.put(*datas)
        places = [await self.place(each) for each in ids]
        reads = [self.store.octets.read(at, 0, 70_000) for at in places for _ in range(20)]
        found = await gatherResults(reads)
        self.assertEqual(found, [data for data in datas for _ in range(20)])


def _residentOctets() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
