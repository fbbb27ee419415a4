# -*- test-case-name: tests.unit.protocols.test_compression -*-
"""
COMPRESS=DEFLATE (RFC 4978): a gate whose two directions can be compressed.

What has come is inflated as it is read and no further than the gate's buffer goes: a few octets that stand for many
cost time, and no room.  A session that compresses has some 110 KB more than others: 64 KB to deflate (that is why its
window is small), 45 KB to inflate.  The octets that the log counts are those of what was said.
"""

from __future__ import annotations

import zlib
from typing import ClassVar

from osxmail.protocols.base import MAX_BUFFERED_OCTETS, Gate
from osxmail.protocols.sessions import SessionEnd

#: Between speed and size: 64 KB of answers take a millisecond.
LEVEL = 3
#: 8 KB of window and as many hash entries: see the module.
WINDOW_BITS = -13
MEMORY_LEVEL = 6
#: What is inflated at least for a reader who asks for more.
LEAST_WANTED_OCTETS = 4096
#: Whatever the client chose, without zlib's header (RFC 4978 3).
LARGEST_WINDOW_BITS = -15


class BrokenStream(SessionEnd):
    """
    What the client sends cannot be inflated.
    """

    why: ClassVar[str] = "the client sent compressed data that is none"


class Deflater:
    """
    The way out: everything that is handed over can be read by the peer at once.
    """

    __slots__ = ("_deflater",)

    def __init__(self) -> None:
        self._deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW_BITS, MEMORY_LEVEL)

    def deflated(self, data: bytes) -> bytes:
        return self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)


class Inflater:
    """
    The way in.
    """

    __slots__ = ("_inflater", "_rest", "hasMore")

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(LARGEST_WINDOW_BITS)
        self._rest = b""
        # There may be something to inflate: of the last octets, too, a part may still be inside.
        self.hasMore = False

    def add(self, data: bytes) -> None:
        """
        So much has come.
        """
        self._rest = self._rest + data if self._rest else data
        self.hasMore = True

    def take(self, most: int) -> bytes:
        """
        Inflate.

        @param most: so many octets, one at least.
        @raise BrokenStream: it is no compressed data, or says that it is over, which it is only with the connection.
        """
        try:
            inflated = self._inflater.decompress(self._rest, most)
        except zlib.error:
            raise BrokenStream from None
        self._rest = self._inflater.unconsumed_tail
        self.hasMore = bool(self._rest) or len(inflated) == most
        if self._inflater.eof and not inflated:
            raise BrokenStream
        return inflated


class CompressibleGate(Gate):
    """
    See the module.
    """

    _inflater: Inflater | None = None

    @property
    def isCompressed(self) -> bool:
        """
        Both directions are compressed.
        """
        return self._inflater is not None

    def startCompression(self) -> None:
        """
        From now on, both directions are compressed; the reply that says so has been written.  What the peer has sent
        behind its command is compressed already.
        """
        self._output.flush()
        self._output.deflated = Deflater().deflated
        behind = self._buffer[self._offset :]
        self._consume(len(self._buffer))
        self._inflater = Inflater()
        if behind:
            self._inflater.add(behind)

    def dataReceived(self, data: bytes) -> None:
        if self._inflater is None:
            super().dataReceived(data)
            return
        self._inflater.add(data)
        self._inflate(self._waiting is not None)
        if self._inflater.hasMore and not self._isPaused and self._end is None:
            self._isPaused = True
            self.transport.pauseProducing()

    def _inflate(self, isWanted: bool) -> bool:
        """
        Inflate what there is room for.

        @param isWanted: the reader asks for more than what is in the buffer, however full it is.
        @return: there was something.
        """
        assert self._inflater is not None
        room = MAX_BUFFERED_OCTETS - (len(self._buffer) - self._offset)
        if isWanted:
            room = max(room, LEAST_WANTED_OCTETS)
        elif room <= 0:
            return False
        try:
            inflated = self._inflater.take(room)
        except BrokenStream as end:
            self._inflater.hasMore = False
            self._endWith(end)
            return False
        if inflated:
            super().dataReceived(inflated)
        return bool(inflated)

    async def _more(self, atRest: bool) -> None:
        if self._inflater is not None and self._inflater.hasMore and self._end is None and self._inflate(True):
            await self.letOthers()
            return
        await super()._more(atRest)
