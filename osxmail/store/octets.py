# -*- test-case-name: tests.unit.store.test_octets -*-
"""
A message's octets, stored once however many mailboxes hold them: in a row, or as a record of a segment.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from osxmail.errors import NoSuchMessage, StoreAway, StoreDamaged
from osxmail.net.threads import Pool
from osxmail.store.connection import Transaction
from osxmail.store.counter import nextNumbers_txn
from osxmail.store.database import Database
from osxmail.store.incoming import SYNCED_FROM_OCTETS, Incoming, Spool
from osxmail.store.segments import (
    ADOPTED_OCTETS_START,
    COPY_SLICE_OCTETS,
    HEADER_OCTETS,
    SEGMENT_OCTETS,
    Header,
    SegmentWriter,
    fileError,
    segmentName,
    syncFolder,
)

T = TypeVar("T")

ROW_OCTETS = 16 * 1024  # what is larger goes to a segment
MAX_READ_OCTETS = 256 * 1024  # in one call: see IMessage.read
OPEN_SEGMENTS = 64  # files that are kept open for reading
CHECKED_RECORDS = 65_536  # records of which is remembered that their checksum was right
READER_THREADS = 4
MAX_WAITING_READS = 20_000

log = Logger(namespace="osxmail.store")


@frozen
class Place:
    """
    Where a record stands, as its row of C{octets} says.

    @ivar size: of the octets.
    @ivar segment: the segment's number.
    @ivar place: the offset of the record's header in it.
    """

    octetsId: int
    size: int
    segment: int
    place: int


class _OpenSegment:
    """
    A file that closes when the last one who has it lets go.
    """

    __slots__ = ("fd",)

    def __init__(self, path: Path) -> None:
        self.fd = -1
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class SegmentReader:
    """
    Reads records.  Its methods block, and may be called from several threads at once.
    """

    def __init__(self, folder: Path, openSegments: int = OPEN_SEGMENTS) -> None:
        self._folder = folder
        self._openSegments = openSegments
        self._lock = threading.Lock()
        self._files: OrderedDict[int, _OpenSegment] = OrderedDict()
        self._checked: OrderedDict[tuple[int, int], None] = OrderedDict()

    def read(self, place: Place, offset: int, length: int) -> bytes:
        """
        Octets of a record; fewer than C{length} only at its end.

        @raise FileNotFoundError: the segment is gone: the record was moved, or its message is no more.
        @raise StoreDamaged: the checksum does not match, which is looked at when a record is first read.
        @raise StoreAway: the disk fails.
        """
        file = self._open(place.segment)
        try:
            self._check(file, place)
            return self._pread(file, place.place + HEADER_OCTETS + offset, max(0, min(length, place.size - offset)))
        except OSError as error:
            raise fileError(error) from error

    def readWhole(self, place: Place) -> tuple[bytes, int]:
        """
        A record as it is to be copied: its octets, and their checksum, which was looked at.

        @raise StoreDamaged: it does not match.
        @raise StoreAway: the disk fails.
        """
        file = self._open(place.segment)
        try:
            header = self._header(file, place)
            data = self._pread(file, place.place + HEADER_OCTETS, place.size)
        except OSError as error:
            raise fileError(error) from error
        if zlib.crc32(data) != header.checksum:
            raise StoreDamaged(f"octets {place.octetsId} in segment {place.segment} do not match their checksum")
        return data, header.checksum

    @staticmethod
    def _header(file: _OpenSegment, place: Place) -> Header:
        header = Header.unpack(os.pread(file.fd, HEADER_OCTETS, place.place))
        if header.octetsId != place.octetsId or header.length != place.size:
            raise StoreDamaged(f"segment {place.segment} has no record {place.octetsId} at {place.place}")
        return header

    def forget(self, segment: int) -> None:
        """
        Close it: its file is gone.
        """
        with self._lock:
            self._files.pop(segment, None)

    def close(self) -> None:
        """
        Close every file.
        """
        with self._lock:
            self._files.clear()

    @staticmethod
    def _pread(file: _OpenSegment, offset: int, length: int) -> bytes:
        data = os.pread(file.fd, length, offset)
        while len(data) < length:
            more = os.pread(file.fd, length - len(data), offset + len(data))
            if not more:
                raise StoreDamaged("a record is cut off")
            data += more
        return data

    def _open(self, segment: int) -> _OpenSegment:
        with self._lock:
            file = self._files.get(segment)
            if file is not None:
                self._files.move_to_end(segment)
                return file
        try:
            file = _OpenSegment(self._folder / segmentName(segment))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise fileError(error) from error
        with self._lock:
            file = self._files.setdefault(segment, file)
            while len(self._files) > self._openSegments:
                self._files.popitem(last=False)
        return file

    def _check(self, file: _OpenSegment, place: Place) -> None:
        key = (place.segment, place.place)
        with self._lock:
            if key in self._checked:
                self._checked.move_to_end(key)
                return
        header = self._header(file, place)
        checksum = 0
        offset = 0
        start = place.place + HEADER_OCTETS
        while offset < place.size:
            data = self._pread(file, start + offset, min(COPY_SLICE_OCTETS, place.size - offset))
            checksum = zlib.crc32(data, checksum)
            offset += len(data)
        if checksum != header.checksum:
            raise StoreDamaged(f"octets {place.octetsId} in segment {place.segment} do not match their checksum")
        with self._lock:
            self._checked[key] = None
            while len(self._checked) > CHECKED_RECORDS:
                self._checked.popitem(last=False)


class Octets:
    """
    The octets of the store, and the way of a message into it.

    @ivar segments: the writer's side; L{Database}'s hooks are ours from L{start} on.
    @ivar reader: the readers' side.
    @ivar folder: where the segments are.
    """

    def __init__(
        self, database: Database, data: Path, pool: Pool | None = None, segmentOctets: int = SEGMENT_OCTETS
    ) -> None:
        """
        @param data: the folder in which C{segments} and C{spool} are.
        @param pool: threads that read; one of its own if it is C{None}.
        """
        self.database = database
        self.folder = data / "segments"
        self.segments = SegmentWriter(self.folder, segmentOctets)
        self.reader = SegmentReader(self.folder)
        self.spool = Spool(data / "spool")
        self._pool = pool or Pool("store-octets", READER_THREADS, MAX_WAITING_READS)

    def start(self) -> Deferred[None]:
        """
        Make the folders, remove what a crash has left in the spool, join the writer.

        @raise StoreAway: (in the Deferred) the folders cannot be used.
        """
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        self._pool.start()
        try:
            await self._pool.run(self._makeFolder_inThread)
        except OSError as error:
            raise StoreAway(f"the folder {self.folder} cannot be used: {error}") from error
        await self.spool.start()
        self.database.beforeCommit.append(self.segments.sync)
        self.database.committed.append(self.segments.committed)

    def _makeFolder_inThread(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        syncFolder(self.folder.parent)

    def stop(self) -> Deferred[None]:
        """
        After the database has closed.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self.spool.stop()
        await self._pool.stop()
        self.segments.close()
        self.reader.close()

    def incoming(self, limitOctets: int) -> Incoming:
        """
        A place for a message to arrive in.
        """
        return self.spool.incoming(limitOctets)

    def inThread(self, function: Callable[[], T]) -> Deferred[T]:
        """
        Call C{function}, which blocks, in one of the threads that read.
        """
        return self._pool.run(function)

    # ---------------------------------------------------------------------------------------------- writing

    def putAll_txn(self, txn: Transaction, incomings: Sequence[Incoming]) -> list[int]:
        """
        Store the octets of sealed messages.  After the commit they are taken; when there is none, their owner
        calls C{release}.

        @return: their ids, never given before.
        @raise StoreFull: nothing was kept of any.
        """
        if not incomings:
            return []
        ids = nextNumbers_txn(txn, "octets", len(incomings))
        rows: list[tuple[int, int, bytes]] = []
        records: list[tuple[int, int, int, int]] = []
        unended: list[tuple[int, int]] = []
        for octetsId, incoming in zip(ids, incomings, strict=True):
            if incoming.isInMemory and incoming.sizeOctets <= ROW_OCTETS:
                rows.append((octetsId, incoming.sizeOctets, incoming.content()))
            else:
                records.append((octetsId, incoming.sizeOctets, *self._putRecord_txn(txn, octetsId, incoming)))
            if incoming.ending != b"\r\n" and incoming.sizeOctets:
                unended.append((octetsId, 1 if incoming.ending.endswith(b"\r") else 2))
        txn.insertRows("INSERT INTO octets (id, size, data)", rows)
        txn.insertRows("INSERT INTO octets (id, size, segment, place)", records)
        txn.insertRows("INSERT INTO unended_octets (octets_id, missing)", unended)
        for incoming in incomings:
            txn.afterCommit(incoming.taken)
        return list(ids)

    def _putRecord_txn(self, txn: Transaction, octetsId: int, incoming: Incoming) -> tuple[int, int]:
        size, checksum = incoming.sizeOctets, incoming.checksum
        if incoming.isInMemory:
            return self.segments.append_txn(txn, octetsId, incoming.content(), checksum)
        file = incoming.spoolFile
        if size < SYNCED_FROM_OCTETS:
            return self.segments.copy_txn(txn, octetsId, file.fd, ADOPTED_OCTETS_START, size, checksum)
        segment, place = self.segments.adopt_txn(txn, octetsId, file.path, size, checksum)
        file.links.append(self.segments.path(segment))
        return segment, place

    # ---------------------------------------------------------------------------------------------- reading

    def read(self, place: Place, offset: int, length: int) -> Deferred[bytes]:
        """
        Octets of a record, from C{offset}; fewer than C{length} only at the end.

        @raise StoreDamaged: (in the Deferred) the checksum does not match.
        @raise NoSuchMessage: (in the Deferred) the octets were collected meanwhile.
        """
        if length > MAX_READ_OCTETS or length < 0 or offset < 0:
            return fail(ValueError(f"read of {length} octets from {offset}"))
        return Deferred.fromCoroutine(self._read(place, offset, length))

    async def _read(self, place: Place, offset: int, length: int) -> bytes:
        try:
            try:
                return await self._pool.run(self.reader.read, place, offset, length)
            except FileNotFoundError:
                # Compaction has moved it since its row was read, or its message is gone.
                return await self._readMoved(place, offset, length)
        except StoreDamaged as error:
            log.error(
                "{event}", event="store.damaged", octetsId=place.octetsId, segment=place.segment, reason=str(error)
            )
            raise

    def whole(self, place: Place, function: Callable[[bytes], T]) -> Deferred[T]:
        """
        What C{function} makes of a whole record, in a thread.

        @raise StoreDamaged: (in the Deferred) the checksum does not match.
        @raise NoSuchMessage: (in the Deferred) the octets were collected meanwhile.
        """
        return Deferred.fromCoroutine(self._whole(place, function))

    async def _whole(self, place: Place, function: Callable[[bytes], T]) -> T:
        offsets = range(0, place.size, MAX_READ_OCTETS)
        pieces = [await self._read(place, offset, MAX_READ_OCTETS) for offset in offsets]
        return await self._pool.run(lambda: function(b"".join(pieces)))

    async def _readMoved(self, place: Place, offset: int, length: int) -> bytes:
        def find(txn: Transaction) -> tuple[int, int] | None:
            row: tuple[int, int] | None
            row = txn.execute("SELECT segment, place FROM octets WHERE id = ?", (place.octetsId,)).fetchone()
            return row

        row = await self.database.read(find)
        if row is None:
            raise NoSuchMessage("the message is gone")
        moved = Place(place.octetsId, place.size, row[0], row[1])
        try:
            return await self._pool.run(self.reader.read, moved, offset, length)
        except FileNotFoundError:
            raise StoreDamaged(f"segment {moved.segment} is missing") from None
