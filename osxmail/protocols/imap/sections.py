# -*- test-case-name: tests.unit.protocols.imap.test_sections -*-
"""
Sections of one message for BODY[…] (RFC 3501 6.4.5) and BINARY[…] (RFC 3516): where they are, and their octets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from osxmail.errors import MailError
from osxmail.interfaces import IMessage
from osxmail.mail.header import MAX_HEADER_OCTETS, FieldPicker, firstFields, headerEnd, headerFields
from osxmail.mail.imap.fetchattributes import BodySection
from osxmail.mail.mediatype import firstWord
from osxmail.mail.mime import Rendering, partAt, scanSteps, sectionRange
from osxmail.mail.mimestructure import MESSAGE, MULTIPART
from osxmail.mail.transferencoding import IDENTITY, Transform, decoderOf
from osxmail.protocols.imap.derived import Derived, Pace
from osxmail.protocols.sessions import SessionEnd

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

CHUNK_OCTETS = 65536
#: Of a larger header, fields are chosen in pieces.
PIECE_OCTETS = 16384
#: Octets that are kept of what is made for one message; larger sections are made twice.
KEPT_OCTETS = 262144
#: Where in a part's header its encoding is looked for.
_ENCODING_OCTETS = MAX_HEADER_OCTETS

_ENCODING_FIELD = b"content-transfer-encoding"


def withoutNuls(octets: bytes) -> bytes:
    """
    Octets for a literal, which has no NUL (RFC 9051 4.3.1, 9: CHAR8): 0x80 stands in its place.  BINARY has them all.
    """
    return octets.replace(b"\0", b"\x80")


class UnknownEncoding(Exception):
    """
    A body has a transfer encoding that we do not know (RFC 3516 4.3: UNKNOWN-CTE).
    """


class CutShort(SessionEnd):
    """
    A message could not be read to its end in the middle of a literal: only the end of the session is left then.
    """

    why: ClassVar[str] = "a message could not be read to its end"


@frozen
class Found:
    """
    A section.

    @ivar announcement: its label and the size of its literal, or what there is in place of that.
    @ivar octets: what it holds, when that is in memory; C{None} when it is to be streamed.
    @ivar offset: else where it begins in the message, prefix included.
    @ivar length: and how long it is.
    @ivar derived: else what makes it.
    @ivar isExact: it may hold NULs: a literal8.
    """

    announcement: bytes
    octets: bytes | None
    offset: int = 0
    length: int = 0
    derived: Derived | None = None
    isExact: bool = False

    @property
    def told(self) -> bytes:
        """
        L{octets}, as a client is told them.
        """
        assert self.octets is not None
        return self.octets if self.isExact else withoutNuls(self.octets)


class QuickSection:
    """
    A section of messages in memory that can be told without knowing their parts.

    @ivar looked: so many octets were looked through.
    """

    __slots__ = ("_isPartial", "_section", "_what", "looked")

    def __init__(self, section: BodySection) -> None:
        self._section = section
        self._what = section.what
        self._isPartial = section.origin > 0 or section.length is not None
        self.looked = 0

    @classmethod
    def ofAll(cls, sections: Sequence[BodySection]) -> QuickSection | None:
        """
        That of a FETCH that asks for one such section only, else C{None}.
        """
        section = sections[0] if len(sections) == 1 else None
        return cls(section) if section is not None and not (section.part or section.isDecoded) else None

    def of(self, message: bytes) -> bytes | None:
        """
        What it holds, or C{None} if that is not to be told so.

        @param message: prefix and octets.
        """
        what = self._what
        if what:
            end = headerEnd(message)
            if end == len(message) or end > PIECE_OCTETS:
                # Whether it is all header or all body is not seen here; and what is long is done in pieces.
                return None
            self.looked += end
            if what == "HEADER":
                message = message[:end]
            elif what == "TEXT":
                message = message[end:]
            else:
                message = headerFields(message[:end], self._section.fields, what == "HEADER.FIELDS.NOT")
        return _window(message, self._section) if self._isPartial else message


class Sections:
    """
    The sections of one message.
    """

    __slots__ = ("_first", "_header", "_inline", "_message", "_pace", "_prefixOctets", "_rendering", "_room")

    def __init__(self, message: IMessage, pace: Pace, structure: bytes | None = None) -> None:
        """
        @param structure: C{Rendering.encode()} of the message, if it is known.
        """
        self._message = message
        self._pace = pace
        self._inline = message.inline
        self._prefixOctets = len(message.prefix)
        self._rendering = None if structure is None else Rendering.decode(structure)
        self._header = -1
        self._room = KEPT_OCTETS
        self._first = b""

    async def find(self, sections: Sequence[BodySection], first: bytes = b"") -> list[Found]:
        """
        What has to be known before the first octet of an answer is written: after that, there is no going back.

        @param first: the first octets of the message, where it is not in memory.
        @raise osxmail.errors.MailError: the message cannot be read.
        @raise UnknownEncoding: a section of BINARY cannot be decoded.
        """
        self._first = first
        found = []
        for section in sections:
            if section.part or section.what:
                await self._locate(section)
            if section.isDecoded:
                found.append(await self._decoded(section))
            elif section.what.startswith("HEADER.FIELDS"):
                found.append(await self._fields(section))
            else:
                found.append(self._plain(section, self._range(section)))
        return found

    # -------------------------------------------------------------------------------------------- where it is

    async def _locate(self, section: BodySection) -> None:
        inline = self._inline
        if section.part:
            if self._rendering is None:
                self._rendering = await (self._message.rendering() if inline is None else self._scan(inline))
        elif self._header < 0:
            known = (self._first if inline is None else inline)[self._prefixOctets :]
            end = headerEnd(known)
            await self._pace.worked(end)
            if end < len(known):
                self._header = end
                return
            # No blank line: the scanner has the last word on whether it is all header or all body.
            if self._rendering is None:
                self._rendering = await (self._message.rendering() if inline is None else self._scan(inline))
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

    async def _chunk(self, offset: int, length: int) -> bytes:
        """
        Octets of the message, fewer only at its end.
        """
        if self._inline is not None:
            return self._inline[offset : offset + length]
        if offset + length <= len(self._first):
            return self._first[offset : offset + length]
        return await self._message.read(offset, length)

    async def _read(self, offset: int, length: int) -> bytes:
        chunks = []
        while length > 0:
            chunk = await self._chunk(offset, min(length, CHUNK_OCTETS))
            if not chunk:
                break
            chunks.append(chunk)
            offset += len(chunk)
            length -= len(chunk)
        return b"".join(chunks)

    # -------------------------------------------------------------------------------------------- what it holds

    def _plain(self, section: BodySection, place: tuple[int, int] | None, mayHaveNul: bool = False) -> Found:
        if place is None:
            return Found(section.label + b" NIL", b"")
        offset, length = place
        # RFC 3501 6.4.5: what lies past the end is an empty string.
        skipped = min(section.origin, length)
        offset += skipped
        length = length - skipped if section.length is None else min(section.length, length - skipped)
        known = self._first if self._inline is None else self._inline
        if offset + length <= len(known):
            octets = known[offset : offset + length]
            return _literal(section.label, octets, mayHaveNul and b"\0" in octets)
        # RFC 3516 4.4: literal8 may hold a NUL, and need not.
        form = b"%b ~{%d}\r\n" if mayHaveNul else b"%b {%d}\r\n"
        return Found(form % (section.label, length), None, offset, length, None, mayHaveNul)

    async def _fields(self, section: BodySection) -> Found:
        place = self._range(section)
        if place is None:
            return Found(section.label + b" NIL", b"")
        offset, length = place
        names, exclude = section.fields, section.what.endswith("NOT")
        if length <= PIECE_OCTETS:
            fields = headerFields(await self._read(offset, length), names, exclude)
            await self._pace.worked(length)
            return _literal(section.label, _window(fields, section))
        return await self._derived(section, place, partial(FieldPicker, names, exclude), False)

    async def _decoded(self, section: BodySection) -> Found:
        """
        BINARY and BINARY.SIZE (RFC 3516 4.2).
        """
        place = self._range(section)
        if section.isSize:
            return await self._decodedSize(section, place)
        encoding = await self._encoding(section.part)
        if place is None or encoding in IDENTITY:
            return self._plain(section, place, mayHaveNul=True)
        return await self._derived(section, place, _decoder(encoding), True)

    async def _decodedSize(self, section: BodySection, place: tuple[int, int] | None) -> Found:
        if place is None:
            # RFC 3516 7: there is no NIL for a number.
            return Found(section.label + b" 0", b"")
        encoding = await self._encoding(section.part)
        size = place[1]
        if encoding not in IDENTITY:
            derived = Derived(self._chunk, *place, _decoder(encoding), 0, None, self._pace)
            await derived.measure(0)
            size = derived.length
        return Found(b"%b %d" % (section.label, size), b"")

    async def _encoding(self, path: tuple[int, ...]) -> bytes:
        """
        The transfer encoding of a part, in lower case.
        """
        if not path or self._rendering is None:
            return b""
        part = partAt(self._rendering, path)
        # RFC 2045 6.4: what has parts is not encoded itself.
        if part is None or part.kind in (MULTIPART, MESSAGE):
            return b""
        length = min(part.bodyOffset - part.headerOffset, _ENCODING_OCTETS)
        header = await self._read(self._prefixOctets + part.headerOffset, length)
        await self._pace.worked(length)
        return (firstWord(firstFields(header, (_ENCODING_FIELD,)).get(_ENCODING_FIELD)) or b"").lower()

    async def _derived(
        self, section: BodySection, place: tuple[int, int], make: Callable[[], Transform], mayHaveNul: bool
    ) -> Found:
        derived = Derived(self._chunk, *place, make, section.origin, section.length, self._pace)
        await derived.measure(min(self._room, CHUNK_OCTETS))
        hasNul = mayHaveNul and derived.hasNul
        if derived.kept is not None:
            self._room -= len(derived.kept)
            return _literal(section.label, derived.kept, hasNul)
        form = b"%b ~{%d}\r\n" if hasNul else b"%b {%d}\r\n"
        return Found(form % (section.label, derived.length), None, 0, derived.length, derived, hasNul)

    # ---------------------------------------------------------------------------------------------- writing it

    async def stream(self, session: Imap, found: Found) -> None:
        """
        Write a section that is not in memory, piece by piece, as the client takes it.

        @raise CutShort: in the middle of it.
        """
        try:
            written = await (self._streamMade if found.derived is not None else self._streamPlain)(session, found)
        except MailError as error:
            session.log.error("{event}", event="message.cut_short", session=session.sessionId, why=str(error))
            raise CutShort from error
        if written != found.length:
            why = f"{written} of {found.length} octets"
            session.log.error("{event}", event="message.cut_short", session=session.sessionId, why=why)
            raise CutShort

    async def _streamPlain(self, session: Imap, found: Found) -> int:
        offset, end = found.offset, found.offset + found.length
        while offset < end:
            chunk = self._first[offset:end]
            if not chunk:
                chunk = await self._message.read(offset, min(end - offset, CHUNK_OCTETS))
            if not chunk:
                break
            session.write(chunk if found.isExact else withoutNuls(chunk))
            offset += len(chunk)
            await session.drain()
        return offset - found.offset

    async def _streamMade(self, session: Imap, found: Found) -> int:
        assert found.derived is not None
        making = found.derived.making()
        written = 0
        while piece := await making.next():
            session.write(piece if found.isExact else withoutNuls(piece))
            written += len(piece)
            await session.drain()
        return written


def _window(octets: bytes, section: BodySection) -> bytes:
    if section.length is None:
        return octets[section.origin :] if section.origin else octets
    return octets[section.origin : section.origin + section.length]


def _literal(label: bytes, octets: bytes, hasNul: bool = False) -> Found:
    # RFC 3516 4.3: what has a NUL is a literal8.
    form = b"%b ~{%d}\r\n" if hasNul else b"%b {%d}\r\n"
    return Found(form % (label, len(octets)), octets, 0, len(octets), None, hasNul)


def _decoder(encoding: bytes) -> Callable[[], Transform]:
    """
    @raise UnknownEncoding:
    """
    if decoderOf(encoding) is None:
        raise UnknownEncoding

    def make() -> Transform:
        decoder = decoderOf(encoding)
        assert decoder is not None
        return decoder

    return make
