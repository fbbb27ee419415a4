# -*- test-case-name: tests.unit.store.test_segments -*-
"""
Segment files: append-only files of records, where octets stand that are too large for a row.

A record is a header (magic, flags, id, length, checksum of the octets, checksum of the header) and the octets.  A row
of C{octets} names a record by segment and by the offset of its header, its I{place}.  What no row names is dead: what
a crash or a rolled back transaction leaves behind is harmless, and collected later.

The checksum is a CRC-32: it is there to find torn writes and rotten disks, and runs at the speed of memory without
the GIL.  It is no defence against somebody who can write to our files; he could write the checksum too.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from osxmail.errors import MailError, StoreAway, StoreDamaged, StoreFull
from osxmail.store.counter import nextNumber_txn

if TYPE_CHECKING:
    from osxmail.store.connection import Transaction

SEGMENT_OCTETS = 64 * 1024 * 1024  # from this length on, the next record goes to a new segment
COPY_SLICE_OCTETS = 1024 * 1024  # what is read or copied in one step

#: Where the octets begin in a spool file that is to become a segment of its own: a multiple of every page size, so
#: that it can be mapped.  What stands before the header is a hole and takes no room.
ADOPTED_OCTETS_START = 65536

_MAGIC = b"OXM1"
_FIELDS = struct.Struct("<4sIQQI")
_CHECK = struct.Struct("<I")
HEADER_OCTETS = _FIELDS.size + _CHECK.size
ADOPTED_PLACE = ADOPTED_OCTETS_START - HEADER_OCTETS

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def fileError(error: OSError) -> MailError:
    """
    What an operating system's error means to those who use the store.
    """
    if error.errno in _FULL:
        return StoreFull(f"the disk is full: {error.strerror}")
    return StoreAway(f"the disk fails: {error.strerror or error}")


def packHeader(octetsId: int, length: int, checksum: int) -> bytes:
    """
    The header of a record.
    """
    fields = _FIELDS.pack(_MAGIC, 0, octetsId, length, checksum)
    return fields + _CHECK.pack(zlib.crc32(fields))


@frozen
class Header:
    """
    The header of a record as it was read.
    """

    octetsId: int
    length: int
    checksum: int

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """
        @raise StoreDamaged: this is no header.
        """
        if len(data) != HEADER_OCTETS:
            raise StoreDamaged("a record's header is cut off")
        fields = data[: _FIELDS.size]
        magic, _, octetsId, length, checksum = _FIELDS.unpack(fields)
        if magic != _MAGIC or _CHECK.unpack(data[_FIELDS.size :])[0] != zlib.crc32(fields):
            raise StoreDamaged("a record's header does not match its checksum")
        return cls(octetsId, length, checksum)


def writeAll(fd: int, pieces: Sequence[bytes], offset: int) -> None:
    """
    Write all of C{pieces} at C{offset}.  Blocking.

    @raise StoreFull: there may be a part of it in the file.
    @raise StoreAway: the same.
    """
    views = [memoryview(piece) for piece in pieces if piece]
    try:
        while views:
            written = os.pwritev(fd, views[:512], offset)
            offset += written
            while views and written >= len(views[0]):
                written -= len(views[0])
                del views[0]
            if written:
                views[0] = views[0][written:]
    except OSError as error:
        raise fileError(error) from error


def copyRange(source: int, sourceOffset: int, target: int, targetOffset: int, length: int) -> None:
    """
    Copy C{length} octets between two open files, inside the kernel where it can.  Blocking.

    @raise StoreFull: there may be a part of it in the target.
    @raise StoreAway: the same; also when the source is too short.
    """
    inKernel = True
    while length:
        amount = min(length, COPY_SLICE_OCTETS)
        try:
            if inKernel:
                done = os.copy_file_range(source, target, amount, sourceOffset, targetOffset)
            else:
                data = os.pread(source, amount, sourceOffset)
                writeAll(target, (data,), targetOffset)
                done = len(data)
        except OSError as error:
            if inKernel and error.errno in (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM):
                inKernel = False
                continue
            raise fileError(error) from error
        if not done:
            raise StoreAway("a file is shorter than it should be")
        length -= done
        sourceOffset += done
        targetOffset += done


def syncFolder(path: Path) -> None:
    """
    Make the names in a folder durable.  Blocking.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def segmentName(segment: int) -> str:
    """
    The name of a segment's file: digits that sort as the numbers do.
    """
    return f"{segment:010d}"


def segmentNumbers(folder: Path) -> Iterator[int]:
    """
    The segments that have a file.  Blocking.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.isascii() and entry.name.isdigit():
                yield int(entry.name)


def isCurrent(path: Path) -> bool:
    """
    Does some process still append to this segment?  Blocking, a little.
    """
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class SegmentWriter:
    """
    Appends records to the current segment.  Everything here runs in the writer's thread, inside its transaction;
    L{sync} is its hook before the commit.

    Each process has a current segment of its own, and a new one at each start; it holds a lock on the file, by which
    the collection of other processes knows to leave it alone.
    """

    def __init__(self, folder: Path, segmentOctets: int = SEGMENT_OCTETS) -> None:
        self._folder = folder
        self._segmentOctets = segmentOctets
        self._fd = -1
        self._segment = 0
        self._end = 0
        self._isDirty = False
        self._isFolderDirty = False
        self._adopted: list[int] = []
        self._txn: Transaction | None = None
        self._isCommitted = True
        self._committedEnd = 0

    def append_txn(self, txn: Transaction, octetsId: int, data: bytes, checksum: int) -> tuple[int, int]:
        """
        A record of octets that are in memory.

        @return: the segment and the place.
        @raise StoreFull: nothing was kept.
        """
        place = self._room_txn(txn)
        self._guard(lambda: writeAll(self._fd, (packHeader(octetsId, len(data), checksum), data), place))
        self._end = place + HEADER_OCTETS + len(data)
        return self._segment, place

    def copy_txn(
        self, txn: Transaction, octetsId: int, source: int, offset: int, length: int, checksum: int
    ) -> tuple[int, int]:
        """
        A record of octets that stand in another file.

        @param source: its file descriptor.
        @return: the segment and the place.
        @raise StoreFull: nothing was kept.
        """
        place = self._room_txn(txn)

        def copy() -> None:
            writeAll(self._fd, (packHeader(octetsId, length, checksum),), place)
            copyRange(source, offset, self._fd, place + HEADER_OCTETS, length)

        self._guard(copy)
        self._end = place + HEADER_OCTETS + length
        return self._segment, place

    def adopt_txn(self, txn: Transaction, octetsId: int, spool: Path, length: int, checksum: int) -> tuple[int, int]:
        """
        Make a spool file a segment of its own, by a second name for it.  Its octets begin at C{ADOPTED_OCTETS_START}
        and are on disk already.

        @return: the segment and the place.
        @raise StoreFull: nothing was kept.
        """
        segment = self._number_txn(txn, lambda path: os.link(spool, path))
        self._isFolderDirty = True
        try:
            fd = os.open(self.path(segment), os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise fileError(error) from error
        self._adopted.append(fd)
        writeAll(fd, (packHeader(octetsId, length, checksum),), ADOPTED_PLACE)
        return segment, ADOPTED_PLACE

    def path(self, segment: int) -> Path:
        """
        A segment's file.
        """
        return self._folder / segmentName(segment)

    def committed(self) -> None:
        """
        The transaction that used us was committed: the writer's hook after each commit.
        """
        self._isCommitted = True
        self._committedEnd = self._end

    def sync(self) -> None:
        """
        Put everything on disk that was appended.  Blocking; before the commit that names it.

        @raise StoreFull: (a file system may find out only now) the batch must not be committed.
        @raise StoreAway: the same.
        """
        adopted, self._adopted = self._adopted, []
        try:
            for fd in adopted:
                os.fdatasync(fd)
            if self._isDirty:
                os.fdatasync(self._fd)
            if self._isFolderDirty:
                syncFolder(self._folder)
        except OSError as error:
            # After a failed sync the kernel may have dropped the pages and call the file clean: never trust it again.
            self._leave()
            raise fileError(error) from error
        finally:
            for fd in adopted:
                os.close(fd)
        self._isDirty = self._isFolderDirty = False

    def close(self) -> None:
        """
        Let go of the current segment.
        """
        adopted, self._adopted = self._adopted, []
        for fd in adopted:
            os.close(fd)
        self._leave()

    def _leave(self) -> None:
        fd, self._fd = self._fd, -1
        self._isDirty = False
        if fd >= 0:
            os.close(fd)

    def _room_txn(self, txn: Transaction) -> int:
        if txn is not self._txn:
            if not self._isCommitted and self._fd >= 0 and self._end > self._committedEnd:
                # The last batch was lost, most likely to a full disk: give its room back.
                self._end = self._committedEnd
                self._truncate()
            self._txn = txn
            self._isCommitted = False
        if self._fd < 0 or self._end >= self._segmentOctets:
            if self._isDirty:
                self.sync()
            self._leave()
            fd = -1

            def make(path: Path) -> None:
                nonlocal fd
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                # Waits for nobody but a collection that has a look.
                fcntl.flock(fd, fcntl.LOCK_EX)

            self._segment = self._number_txn(txn, make)
            self._fd = fd
            self._end = self._committedEnd = 0
            self._isFolderDirty = True
        self._isDirty = True
        return self._end

    def _number_txn(self, txn: Transaction, make: Callable[[Path], None]) -> int:
        # A transaction that was rolled back gives its number to the next one, but its file stays: take the next.
        while True:
            segment = nextNumber_txn(txn, "segment")
            try:
                make(self.path(segment))
            except FileExistsError:
                continue
            except OSError as error:
                raise fileError(error) from error
            return segment

    def _guard(self, write: Callable[[], None]) -> None:
        try:
            write()
        except StoreFull:
            # Give back what was written of it: on a full disk every page counts.
            self._truncate()
            raise

    def _truncate(self) -> None:
        try:
            os.ftruncate(self._fd, self._end)
        except OSError:
            self._leave()
