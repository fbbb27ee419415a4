from __future__ import annotations

import gc
import os
import zlib
from pathlib import Path

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from osxmail.errors import StoreAway, StoreDamaged, StoreFull
from osxmail.store.connection import Transaction
from osxmail.store.octets import Place, SegmentReader
from osxmail.store.segments import (
    ADOPTED_OCTETS_START,
    HEADER_OCTETS,
    Header,
    SegmentWriter,
    copyRange,
    fileError,
    isCurrent,
    packHeader,
    segmentNumbers,
    writeAll,
)


def counterDatabase() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
    connection.execute("INSERT INTO counter VALUES ('segment', 0), ('octets', 0)")
    return connection


class HeaderTests(TestCase):
    def test_roundTrip(self) -> None:
        header = Header.unpack(packHeader(7, 1 << 40, 0xFFFFFFFF))
        self.assertEqual(header, Header(7, 1 << 40, 0xFFFFFFFF))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(min_size=HEADER_OCTETS - 2, max_size=HEADER_OCTETS + 2))
    def test_whatIsNoHeaderIsDamage(self, data: bytes) -> None:
        self.assertRaises(StoreDamaged, Header.unpack, data)

    @settings(deadline=None, max_examples=200)
    @given(st.integers(0, HEADER_OCTETS * 8 - 1))
    def test_everyBitCounts(self, bit: int) -> None:
        data = bytearray(packHeader(7, 4096, 12345))
        data[bit // 8] ^= 1 << bit % 8
        self.assertRaises(StoreDamaged, Header.unpack, bytes(data))


class FileErrorTests(TestCase):
    def test_full(self) -> None:
        for number in ("ENOSPC", "EDQUOT", "EFBIG"):
            self.assertIsInstance(fileError(OSError(getattr(__import__("errno"), number), "x")), StoreFull)

    def test_failing(self) -> None:
        self.assertIsInstance(fileError(OSError(5, "I/O error")), StoreAway)


class SegmentTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.connection = counterDatabase()
        self.writer = SegmentWriter(self.folder, segmentOctets=10_000)
        self.addCleanup(lambda: self.writer.close())
        self.reader = SegmentReader(self.folder, openSegments=2)
        self.addCleanup(lambda: self.reader.close())
        self.txn = Transaction(self.connection)

    def append(self, octetsId: int, data: bytes) -> Place:
        return Place(octetsId, len(data), *self.writer.append_txn(self.txn, octetsId, data, zlib.crc32(data)))

    def commit(self) -> None:
        self.writer.sync()
        self.writer.committed()
        self.txn = Transaction(self.connection)

    def test_whatWasAppendedIsRead(self) -> None:
        places = [(self.append(n, bytes([n]) * n * 100), bytes([n]) * n * 100) for n in range(1, 20)]
        self.commit()
        for place, data in places:
            self.assertEqual(self.reader.read(place, 0, place.size), data)
            self.assertEqual(self.reader.read(place, 10, 20), data[10:30])
            self.assertEqual(self.reader.read(place, place.size - 5, 100), data[-5:])
            self.assertEqual(self.reader.read(place, place.size + 5, 100), b"")
        # One record past the limit ends a segment: 19,000 octets of records and their headers.
        self.assertEqual(sorted(segmentNumbers(self.folder)), [1, 2])

    def test_aNewWriterTakesANewSegment(self) -> None:
        first = self.append(1, b"a" * 100)
        self.commit()
        self.writer.close()
        self.writer = SegmentWriter(self.folder)
        second = self.append(2, b"b" * 100)
        self.assertEqual((first.segment, second.segment), (1, 2))

    def test_numbersOfFilesAreNotReused(self) -> None:
        """
        A transaction that made a segment was rolled back, and its number with it: the file is passed over.
        """
        self.append(1, b"a" * 100)
        self.connection.execute("UPDATE counter SET value = 0")
        other = SegmentWriter(self.folder)
        self.addCleanup(other.close)
        self.assertEqual(other.append_txn(self.txn, 1, b"b", zlib.crc32(b"b")), (2, 0))

    def test_currentSegmentIsLocked(self) -> None:
        place = self.append(1, b"a")
        self.assertTrue(isCurrent(self.writer.path(place.segment)))
        self.writer.close()
        self.assertFalse(isCurrent(self.writer.path(place.segment)))
        self.assertFalse(isCurrent(self.writer.path(77)))

    def test_lostBatchGivesItsRoomBack(self) -> None:
        kept = self.append(1, b"a" * 100)
        self.commit()
        lost = self.append(2, b"b" * 100)
        self.txn = Transaction(self.connection)
        again = self.append(3, b"c" * 50)
        self.commit()
        self.assertEqual(lost.place, again.place)
        self.assertEqual(self.reader.read(kept, 0, 100), b"a" * 100)
        self.assertEqual(self.reader.read(again, 0, 50), b"c" * 50)
        self.assertEqual(os.path.getsize(self.writer.path(1)), again.place + HEADER_OCTETS + 50)

    def test_rolledBackSavepointKeepsItsRoom(self) -> None:
        """
        What another request of the same transaction has appended stays.
        """
        self.append(1, b"a" * 100)
        lost = self.append(2, b"b" * 100)
        kept = self.append(2, b"c" * 100)
        self.commit()
        self.assertGreater(kept.place, lost.place)
        self.assertEqual(self.reader.read(kept, 0, 100), b"c" * 100)

    def test_wrongId(self) -> None:
        place = self.append(1, b"a" * 100)
        self.assertRaises(StoreDamaged, self.reader.read, Place(2, 100, place.segment, place.place), 0, 1)

    def test_everyRottenOctetIsFound(self) -> None:
        place = self.append(1, b"a" * 100)
        self.commit()
        path = self.writer.path(place.segment)
        whole = path.read_bytes()
        for index in range(HEADER_OCTETS + 100):
            path.write_bytes(whole[:index] + bytes([whole[index] ^ 16]) + whole[index + 1 :])
            reader = SegmentReader(self.folder)
            self.assertRaises(StoreDamaged, reader.read, place, 50, 1)
            reader.close()

    def test_cutOff(self) -> None:
        place = self.append(1, b"a" * 100)
        self.commit()
        os.truncate(self.writer.path(place.segment), HEADER_OCTETS + 99)
        self.assertRaises(StoreDamaged, self.reader.read, place, 0, 1)

    def test_openFilesAreBounded(self) -> None:
        places = []
        for number in range(1, 6):
            places.append(self.append(number, bytes(9_990)))
        self.commit()
        # What other tests have left is not to go in the middle of this.
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for place in places:
            self.reader.read(place, 0, 10)
        self.assertEqual(len({place.segment for place in places}), 5)
        self.assertEqual(len(os.listdir("/proc/self/fd")) - before, 2)

    def test_goneSegment(self) -> None:
        self.assertRaises(FileNotFoundError, self.reader.read, Place(1, 1, 9, 0), 0, 1)

    def test_copy(self) -> None:
        source = self.folder / "source"
        source.write_bytes(b"xx" + b"d" * 3000)
        with source.open("rb") as file:
            at = self.writer.copy_txn(self.txn, 5, file.fileno(), 2, 3000, zlib.crc32(b"d" * 3000))
        self.commit()
        self.assertEqual(self.reader.read(Place(5, 3000, *at), 0, 3000), b"d" * 3000)

    def test_copyOfAShortFile(self) -> None:
        source = self.folder / "source"
        source.write_bytes(b"short")
        with source.open("r+b") as file, (self.folder / "target").open("w+b") as target:
            self.assertRaises(StoreAway, copyRange, file.fileno(), 0, target.fileno(), 0, 6)

    def test_adopt(self) -> None:
        source = self.folder / "source"
        with source.open("wb") as file:
            writeAll(file.fileno(), (b"e" * 500,), ADOPTED_OCTETS_START)
        at = self.writer.adopt_txn(self.txn, 6, source, 500, zlib.crc32(b"e" * 500))
        source.unlink()
        self.commit()
        self.assertEqual(self.reader.read(Place(6, 500, *at), 100, 400), b"e" * 400)

    def test_writeManyPieces(self) -> None:
        path = self.folder / "many"
        with path.open("w+b") as file:
            writeAll(file.fileno(), [b"", *[b"ab"] * 3000, b""], 3)
        self.assertEqual(path.read_bytes(), b"\0\0\0" + b"ab" * 3000)

    def test_fullDisk(self) -> None:
        """
        A record that does not fit leaves nothing, and the next that fits is stored.
        """
        import resource

        kept = self.append(1, b"a" * 1000)
        self.commit()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
        try:
            self.assertRaises(StoreFull, self.append, 2, b"b" * 5000)
            self.assertEqual(os.path.getsize(self.writer.path(1)), HEADER_OCTETS + 1000)
            small = self.append(3, b"c" * 100)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.commit()
        self.assertEqual(self.reader.read(kept, 0, 1000), b"a" * 1000)
        self.assertEqual(self.reader.read(small, 0, 100), b"c" * 100)
