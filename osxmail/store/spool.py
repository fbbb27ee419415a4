# -*- test-case-name: tests.unit.store.test_incoming -*-
"""
Spool files: where a message stands that is too large for memory, while it arrives.

A spool file is laid out as a segment with one record (see L{osxmail.store.segments}), so that it can become one by a
second name.  Whoever has one holds a lock on it; one without a lock is what a crash has left, and is removed.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from osxmail.store.segments import ADOPTED_OCTETS_START, fileError, syncFolder, writeAll

T = TypeVar("T")

#: A file without a lock that is younger may just have been made, by another process.
LEFTOVER_SECONDS = 60.0


class SpoolFile:
    """
    One spool file.  Its methods block: they run in the spool's threads, one at a time.

    @ivar path: its name.
    @ivar sizeOctets: the octets of the message that are in it.
    @ivar checksum: the CRC-32 of those.
    @ivar links: segments' files that are other names of it.  They stay if their transaction was committed.
    """

    def __init__(self, folder: Path) -> None:
        """
        @raise StoreFull: there is no room for a file.
        """
        self.path = folder / f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"
        self.sizeOctets = 0
        self.checksum = 0
        self.links: list[Path] = []
        try:
            self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self.fd = -1
            raise fileError(error) from error
        fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, pieces: Sequence[bytes]) -> None:
        """
        Append.

        @raise StoreFull:
        @raise StoreAway:
        """
        writeAll(self.fd, pieces, ADOPTED_OCTETS_START + self.sizeOctets)
        for piece in pieces:
            self.checksum = zlib.crc32(piece, self.checksum)
            self.sizeOctets += len(piece)

    def sync(self) -> None:
        """
        Put the octets on disk.

        @raise StoreFull: some file systems find out only now.
        @raise StoreAway:
        """
        try:
            os.fdatasync(self.fd)
        except OSError as error:
            raise fileError(error) from error

    def examine(self, function: Callable[[mmap.mmap], T]) -> T:
        """
        What C{function} makes of the message, mapped into memory: it must not keep the map.
        """
        with mmap.mmap(self.fd, self.sizeOctets, prot=mmap.PROT_READ, offset=ADOPTED_OCTETS_START) as view:
            return function(view)

    def remove(self, isTaken: bool = False) -> None:
        """
        The file goes; its last other name stays if the store has taken the message by it.
        """
        fd, self.fd = self.fd, -1
        if fd < 0:
            return
        try:
            for path in [self.path, *(self.links[:-1] if isTaken else self.links)]:
                path.unlink(missing_ok=True)
        finally:
            os.close(fd)

    def __del__(self) -> None:
        # The net below those who neither hand a message over nor abort it.  The other names stay: a process that ends
        # may not have heard yet that they were committed.
        self.links = []
        self.remove()


def removeLeftovers(folder: Path, now: float) -> int:
    """
    Make the folder, and remove what a crash has left in it.  Blocking.

    @return: how many files went.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    syncFolder(folder.parent)
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if now - entry.stat(follow_symlinks=False).st_mtime < LEFTOVER_SECONDS:
                    continue
                fd = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(entry.path)
                count += 1
            except (BlockingIOError, FileNotFoundError):
                continue
            finally:
                os.close(fd)
    return count
