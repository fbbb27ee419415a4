# -*- test-case-name: tests.unit.protocols.imap.test_fetch -*-
"""
Sections of one message for BODY[…] (RFC 3501 6.4.5): where they are, and their octets.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from osxmail.interfaces import IMessage
from osxmail.mail.header import MAX_HEADER_OCTETS, headerEnd, headerFields
from osxmail.mail.imap.fetchattributes import BodySection
from osxmail.mail.mime import Rendering, scanSteps, sectionRange

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

CHUNK_OCTETS = 65536
#: Octets of headers that are looked through, and of bodies that are scanned, before others have their turn: a
#: millisecond or two, however many lines and parts they have.
WORK_OCTETS = 65536
PIECE_OCTETS = 16384
#: A line that begins a field.
_FIELD = re.compile(rb"\n(?![ \t])")


class Pace:
    """
    Lets others have their turn after so much work.
    """

    __slots__ = ("_letOthers", "_octets")

    def __init__(self, letOthers: Callable[[], Awaitable[None]]) -> None:
        self._letOthers = letOthers
        self._octets = 0

    async def worked(self, octets: int) -> None:
        """
        So much was looked through.
        """
        self._octets += octets
        if self._octets >= WORK_OCTETS:
            await self.pause()

    async def pause(self) -> None:
        """
        Others have their turn now.
        """
        self._octets = 0
        await self._letOthers()


@frozen
class Found:
    """
    A section.

    @ivar announcement: its label and the size of its literal, or NIL.
    @ivar octets: what it holds, when that is in memory; C{None} when it is to be streamed.
    @ivar offset: else where it begins in the message, prefix included.
    @ivar length: and how long it is.
    """

    announcement: bytes
    octets: bytes | None
    offset: int = 0
    length: int = 0


class Sections:
    """
    The sections of one message.
    """

    __slots__ = ("_fields", "_first", "_header", "_inline", "_message", "_pace", "_prefixOctets", "_rendering")

    def __init__(self, message: IMessage, pace: Pace) -> None:
        self._message = message
        self._pace = pace
        self._inline = message.inline
        self._prefixOctets = len(message.prefix)
        self._rendering: Rendering | None = None
        self._header = -1
        self._fields: dict[bytes, bytes] = {}
        self._first = b""

    async def prepare(self, sections: Sequence[BodySection]) -> None:
        """
        Read what has to be known before the first octet of an answer is written: after that, there is no going back.

        @raise osxmail.errors.MailError: the message cannot be read.
        """
        for section in sections:
            if section.part or section.what:
                await self._locate(section)
            if section.what.startswith("HEADER.FIELDS"):
                await self._selectFields(section)
        if self._inline is None and not self._first:
            # A damaged message says so now, and not in the middle of a literal.
            self._first = await self._message.read(0, CHUNK_OCTETS)

    async def _locate(self, section: BodySection) -> None:
        inline = self._inline
        if section.part:
            if self._rendering is None:
                self._rendering = await (self._message.rendering() if inline is None else self._scan(inline))
        elif self._header < 0:
            if inline is not None:
                octets = inline[self._prefixOctets :]
                end = headerEnd(octets)
                await self._pace.worked(end)
                if end == len(octets):
                    # No blank line: the scanner has the last word on whether it is all header or all body.
                    end = (await self._scan(inline)).headerOctets
                self._header = end
            else:
                self._rendering = self._rendering or await self._message.rendering()
                self._header = self._rendering.headerOctets

    async def _scan(self, inline: bytes) -> Rendering:
        steps = scanSteps(inline[self._prefixOctets :], self._message.prefix)
        while True:
            try:
                next(steps)
            except StopIteration as finished:
                rendering: Rendering = finished.value
                await self._pace.worked(len(inline))
                return rendering
            await self._pace.pause()

    def _range(self, section: BodySection) -> tuple[int, int] | None:
        """
        Offset, prefix included, and length.
        """
        prefix, size = self._prefixOctets, self._message.sizeOctets
        what = "HEADER" if section.what.startswith("HEADER") else section.what
        if not section.part:
            if what == "":
                return 0, size
            end = prefix + self._header
            return (0, end) if what == "HEADER" else (end, size - end)
        assert self._rendering is not None
        found = sectionRange(self._rendering, section.part, what)
        return None if found is None else (prefix + found[0], found[1])

    async def _selectFields(self, section: BodySection) -> None:
        place = self._range(section)
        if place is None:
            return
        offset, length = place
        header = await self._read(offset, min(length, MAX_HEADER_OCTETS))
        fields = await self._fieldsOf(header, section.fields, section.what.endswith("NOT"))
        if length > MAX_HEADER_OCTETS:
            # Fields beyond that are not looked for; the blank line is always there (RFC 3501 6.4.5).
            fields += b"\r\n"
        self._fields[section.label] = fields

    async def _fieldsOf(self, header: bytes, names: frozenset[bytes], exclude: bool) -> bytes:
        """
        L{headerFields}, a piece at a time; each begins with a field.
        """
        found = []
        start, end = 0, len(header)
        while start < end:
            last = _FIELD.search(header, start + PIECE_OCTETS - 1, end - 1)
            stop = last.end() if last is not None else end
            found.append(headerFields(header[start:stop], names, exclude))
            await self._pace.worked(stop - start)
            start = stop
        return b"".join(found)

    async def _read(self, offset: int, length: int) -> bytes:
        if self._inline is not None:
            return self._inline[offset : offset + length]
        chunks = []
        while length > 0:
            chunk = await self._message.read(offset, min(length, CHUNK_OCTETS))
            if not chunk:
                break
            chunks.append(chunk)
            offset += len(chunk)
            length -= len(chunk)
        return b"".join(chunks)

    def find(self, section: BodySection) -> Found:
        """
        A section of those that L{prepare} was given.
        """
        origin, most = section.origin, section.length
        if section.label in self._fields or section.what.startswith("HEADER.FIELDS"):
            octets = self._fields.get(section.label)
            if octets is None:
                return Found(section.label + b" NIL", b"")
            part = octets[origin:] if most is None else octets[origin : origin + most]
            return Found(b"%b {%d}\r\n" % (section.label, len(part)), part)
        place = self._range(section)
        if place is None:
            return Found(section.label + b" NIL", b"")
        offset, length = place
        # RFC 3501 6.4.5: what lies past the end is an empty string.
        skipped = min(origin, length)
        offset += skipped
        length = length - skipped if most is None else min(most, length - skipped)
        announcement = b"%b {%d}\r\n" % (section.label, length)
        if self._inline is not None:
            return Found(announcement, self._inline[offset : offset + length])
        if offset + length <= len(self._first):
            return Found(announcement, self._first[offset : offset + length])
        return Found(announcement, None, offset, length)

    async def stream(self, session: Imap, found: Found) -> None:
        """
        Write a section that is not in memory, chunk by chunk, as the client takes it.

        @raise osxmail.errors.StoreDamaged: in the middle of it; only the end of the session is left then.
        """
        offset, length = found.offset, found.length
        while length:
            chunk = b""
            if offset < len(self._first):
                chunk = self._first[offset : offset + length]
            if not chunk:
                chunk = await self._message.read(offset, min(length, CHUNK_OCTETS))
            if not chunk:
                raise TruncatedMessage
            session.write(chunk)
            offset += len(chunk)
            length -= len(chunk)
            await session.drain()


class TruncatedMessage(Exception):
    """
    A message has fewer octets than its size says: a fault of the store, told by the end of the session.
    """
