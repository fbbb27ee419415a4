# -*- test-case-name: tests.unit.store.test_incoming -*-
"""
Messages on their way into the store: small ones in memory, larger ones in a spool file that threads write.
"""

from __future__ import annotations

import mmap
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from osxmail.errors import MailError, Overloaded, StoreAway, TooLarge
from osxmail.interfaces import IIncoming
from osxmail.net.threads import Pool
from osxmail.store.spool import SpoolFile, removeLeftovers

T = TypeVar("T")

log = Logger(namespace="osxmail.store")

MEMORY_OCTETS = 64 * 1024  # what is larger goes to a spool file
MAX_HEADER_OCTETS = 256 * 1024  # see IIncoming.header
WAITING_OCTETS = 256 * 1024  # above that a writer is asked to wait for the disk
SYNCED_FROM_OCTETS = 1024 * 1024  # from here on a spool file becomes a segment of its own; below, it is copied
SPOOL_THREADS = 4
MAX_WAITING_CALLS = 20_000  # each message has one at most


def headerEnd(data: bytes, start: int = 0) -> int:
    """
    Where the header section ends, blank line included; -1 while there is none.

    @param start: no header ends before this.
    """
    if data[:2] == b"\r\n":
        return 2
    if data[:1] == b"\n":
        return 1
    ends = []
    for blank in (b"\n\r\n", b"\n\n"):
        found = data.find(blank, max(0, start - len(blank)))
        if found >= 0:
            ends.append(found + len(blank))
    return min(ends, default=-1)


@implementer(IIncoming)
class Incoming:
    """
    One message that arrives.  Besides what L{IIncoming} says, the store calls L{seal} before it uses it: from then on
    it is the store's, and an L{abort} waits, until L{taken} (after the commit) or L{release} (it was not committed).
    """

    def __init__(self, limitOctets: int, pool: Pool, folder: Path) -> None:
        self.sizeOctets = 0
        self.ending = b""  # the last two octets
        self._limitOctets = limitOctets
        self._pool = pool
        self._folder = folder
        self._pieces: list[bytes] = []  # the whole message, or what the spool file does not have yet
        self._waitingOctets = 0
        self._head = b""  # of a message in a spool file
        self._isHeadKnown = False
        self._isSpooled = False
        self._isSealed = False
        self._isWorking = False  # a thread has the spool file
        self._isAborted = False
        self._isGone = False
        self._isTaken = False
        self._spoolFile: SpoolFile | None = None
        self._failure: MailError | None = None
        self._room: list[Deferred[None]] = []
        self._whenIdle: list[Deferred[None]] = []

    # -------------------------------------------------------------------------------------------- IIncoming

    def write(self, data: bytes) -> Deferred[None] | None:
        """
        See L{IIncoming.write}.
        """
        if self._failure is not None:
            if isinstance(self._failure, TooLarge):
                raise self._failure
            return fail(self._failure)
        if self._isGone:
            return None
        size = self.sizeOctets + len(data)
        if size > self._limitOctets:
            self._failure = TooLarge(f"the message is larger than {self._limitOctets} octets")
            self.abort()
            raise self._failure
        self.sizeOctets = size
        self._pieces.append(data)
        self.ending = data[-2:] if len(data) > 1 else (self.ending + data)[-2:]
        if size <= MEMORY_OCTETS:
            return None
        self._waitingOctets += len(data)
        if self._isSpooled:
            if not self._isHeadKnown:
                self._extendHead(data)
        else:
            self._isSpooled = True
            self._extendHead(self._joined())
        if not self._isWorking:
            self._flush()
        if self._waitingOctets <= WAITING_OCTETS:
            return None
        room: Deferred[None] = Deferred()
        self._room.append(room)
        return room

    def header(self) -> bytes:
        """
        See L{IIncoming.header}.
        """
        if self._isSpooled:
            return self._head
        data = self._joined()
        end = headerEnd(data)
        return data if end < 0 else data[:end]

    def abort(self) -> None:
        """
        See L{IIncoming.abort}.
        """
        self._isAborted = True
        if not self._isSealed:
            self._leave()

    # ------------------------------------------------------------------------------------------- the store's

    @property
    def isInMemory(self) -> bool:
        """
        L{content} has it; else L{spoolFile} has, once sealed.
        """
        return not self._isSpooled

    def seal(self) -> Deferred[None] | None:
        """
        Nothing more is written.  A Deferred means: wait for it; the file is then complete, and on disk where it is
        to become a segment.

        @raise StoreFull: (in the Deferred) it could not be written.
        @raise StoreAway: (in the Deferred) the same; or it was aborted, or taken before.
        """
        if self._failure is not None:
            return fail(self._failure)
        if self._isGone:
            return fail(StoreAway("the message is gone"))
        self._isSealed = True
        return Deferred.fromCoroutine(self._finish()) if self._isSpooled else None

    async def _finish(self) -> None:
        if self._isWorking:
            idle: Deferred[None] = Deferred()
            self._whenIdle.append(idle)
            await idle
        if self._failure is None and self.sizeOctets >= SYNCED_FROM_OCTETS:
            try:
                await self._pool.run(self.spoolFile.sync)
            except MailError as error:
                self._failure = error
        if self._failure is not None:
            self.release()
            raise self._failure

    def content(self) -> bytes:
        """
        The message, where it is in memory.
        """
        assert not self._isSpooled and not self._isGone
        return self._joined()

    @property
    def spoolFile(self) -> SpoolFile:
        """
        The file it is in, when it is sealed and not in memory.
        """
        assert self._spoolFile is not None
        return self._spoolFile

    @property
    def checksum(self) -> int:
        """
        The CRC-32 of the message, when it is sealed.
        """
        return self.spoolFile.checksum if self._isSpooled else zlib.crc32(self._joined())

    def examine(self, function: Callable[[bytes | mmap.mmap], T]) -> Deferred[T]:
        """
        What C{function} makes of the sealed message: called at once where it is in memory, else in a thread with the
        file mapped into memory.
        """
        assert self._isSealed
        if self._isSpooled:
            return self._pool.run(self.spoolFile.examine, function)
        try:
            return succeed(function(self._joined()))
        except Exception:  # noqa: BLE001  it goes where it belongs, into the Deferred
            return fail(Failure())

    def examineInThread(self, function: Callable[[bytes | mmap.mmap], T]) -> Deferred[T]:
        """
        As L{examine}, in a thread in any case.
        """
        assert self._isSealed
        if self._isSpooled:
            return self._pool.run(self.spoolFile.examine, function)
        return self._pool.run(function, self._joined())

    def taken(self) -> None:
        """
        The store has it, after the commit: nothing here is needed any more.
        """
        self._isTaken = True
        self._leave()

    def release(self) -> None:
        """
        The store could not take it: it is again the one's who has it.
        """
        self._isSealed = False
        if self._isAborted or self._failure is not None:
            self._leave()

    # ----------------------------------------------------------------------------------------------- private

    def _extendHead(self, data: bytes) -> None:
        known = len(self._head)
        self._head += data[: MAX_HEADER_OCTETS - known]
        end = headerEnd(self._head, known)
        if end >= 0:
            self._head = self._head[:end]
        self._isHeadKnown = end >= 0 or len(self._head) >= MAX_HEADER_OCTETS

    def _joined(self) -> bytes:
        if len(self._pieces) != 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        self._waitingOctets = 0
        self._isWorking = True
        self._pool.run(self._write_inThread, pieces).addCallbacks(self._written, self._failed)

    def _write_inThread(self, pieces: list[bytes]) -> None:
        if self._spoolFile is None:
            self._spoolFile = SpoolFile(self._folder)
        self._spoolFile.write(pieces)

    def _written(self, result: None) -> None:
        self._isWorking = False
        if self._isGone:
            self._remove()
        elif self._pieces:
            self._flush()
        if not self._isWorking:
            self._tell(self._whenIdle)
        self._tell(self._room)

    def _failed(self, failure: Failure) -> None:
        self._isWorking = False
        error = failure.value
        self._failure = error if isinstance(error, MailError) else StoreAway(f"the spool fails: {error!r}")
        waiting, self._room = self._room, []
        if self._isGone:
            self._remove()
        elif not self._isSealed:
            self._leave()
        self._tell(self._whenIdle)
        for deferred in waiting:
            deferred.errback(self._failure)

    @staticmethod
    def _tell(waiting: list[Deferred[None]]) -> None:
        while waiting:
            waiting.pop(0).callback(None)

    def _leave(self) -> None:
        if self._isGone:
            return
        self._isGone = True
        self._pieces = []
        self._waitingOctets = 0
        if not self._isWorking:
            self._remove()
        self._tell(self._room)

    def _remove(self) -> None:
        spoolFile, self._spoolFile = self._spoolFile, None
        if spoolFile is not None:
            self._pool.run(spoolFile.remove, self._isTaken).addErrback(self._notRemoved, spoolFile)

    def _notRemoved(self, failure: Failure, spoolFile: SpoolFile) -> None:
        if failure.check(Overloaded):
            # The pool is full, or has stopped: rather wait here than leave the file.
            spoolFile.remove(self._isTaken)
        else:
            log.failure("{event}", failure, event="spool.remove_failed")


class Spool:
    """
    Makes places for messages to arrive in.
    """

    def __init__(self, folder: Path, pool: Pool | None = None, now: Callable[[], float] = time.time) -> None:
        """
        @param folder: on the file system of the segments.
        @param pool: threads for the files; one of its own if it is C{None}.
        """
        self._folder = folder
        self._pool = pool or Pool("store-spool", SPOOL_THREADS, MAX_WAITING_CALLS)
        self._now = now

    def start(self) -> Deferred[None]:
        """
        Make the folder, and remove what a crash has left.

        @raise StoreAway: (in the Deferred) the folder cannot be used.
        """
        self._pool.start()
        return self.removeLeftovers()

    def removeLeftovers(self) -> Deferred[None]:
        """
        Remove what crashes have left.

        @raise StoreAway: (in the Deferred) the folder cannot be used.
        """

        def removed(count: int) -> None:
            if count:
                log.info("{event}", event="spool.leftovers_removed", files=count)

        def failed(failure: Failure) -> None:
            failure.trap(OSError)
            raise StoreAway(f"the folder {self._folder} cannot be used: {failure.value}")

        return self._pool.run(removeLeftovers, self._folder, self._now()).addCallbacks(removed, failed)

    def stop(self) -> Deferred[None]:
        """
        Finish what the threads have.
        """
        return self._pool.stop()

    def incoming(self, limitOctets: int) -> Incoming:
        """
        A place for one message.
        """
        return Incoming(limitOctets, self._pool, self._folder)
