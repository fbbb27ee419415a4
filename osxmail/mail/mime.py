# -*- test-case-name: tests.unit.mail.test_mime -*-
"""
The structure of a message (RFC 2045, RFC 2046) as IMAP shows it: made once, when the message arrives, in one walk
that copies nothing and never raises.

A broken message has a structure too:

  - a multipart without a boundary, or whose boundary never comes, has one part, text/plain: all of its body;
  - what never ends, ends where its parent ends;
  - what is nested deeper than L{MAX_DEPTH} is C{application/octet-stream}; what follows part L{MAX_PARTS}, or
    the one with which BODYSTRUCTURE has L{MAX_RENDERED_OCTETS}, belongs to it;
  - a message/rfc822 that is base64 or quoted-printable (RFC 2046 5.2.1 forbids it) is not looked into.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from mmap import mmap
from typing import NamedTuple, TypeAlias

from attrs import frozen

from osxmail.mail.encodedword import decodeWords
from osxmail.mail.header import MAX_HEADER_OCTETS, firstFields, looksLikeHeader, messageIds, parseMessageId
from osxmail.mail.headerdate import SentDate, parseDate
from osxmail.mail.imapenvelope import ENVELOPE_FIELDS, renderedEnvelope
from osxmail.mail.mediatype import (
    MESSAGE_RFC822,
    OCTET_STREAM,
    TEXT_PLAIN,
    MediaType,
    Quote,
    firstWord,
    nstring,
    parseMediaType,
    quoted,
    quotedUtf8,
    renderedDisposition,
    renderedLanguage,
)
from osxmail.mail.mimestructure import LEAF, MESSAGE, MULTIPART, TEXT, Part, SortKeys, decoded, encoded
from osxmail.mail.subject import baseSubject

MAX_DEPTH = 30  # of parts within parts
MAX_PARTS = 2_000  # in one message
MAX_RENDERED_OCTETS = 1 << 20  # of BODYSTRUCTURE, after which no further part is looked for
MAX_UTF8_OCTETS = 1 << 30  # likewise for clients that take UTF-8: what ends the other one ends this one
MAX_CANDIDATES = 50_000  # lines that begin like a delimiter, in one message
MAX_PADDING_OCTETS = 998  # of white space after a delimiter
WINDOW_OCTETS = 262_144  # that are looked at without a pause
_PART_COST_OCTETS = 4_096  # to look at a part takes as long as to search so many

_PART_FIELDS = frozenset(
    {
        b"content-type",
        b"content-transfer-encoding",
        b"content-id",
        b"content-description",
        b"content-disposition",
        b"content-language",
        b"content-location",
        b"content-md5",
    }
)
_MESSAGE_FIELDS = _PART_FIELDS | frozenset(ENVELOPE_FIELDS) | {b"references"}
_IDENTITY = frozenset({b"7bit", b"8bit", b"binary"})
_MESSAGES = frozenset({b"rfc822", b"global"})  # RFC 6532 3.7
_DELIMITER_END = re.compile(rb"(--)?[ \t]*+(?:\r?\n|\r?\Z)")

Octets: TypeAlias = bytes | bytearray | memoryview | mmap


@frozen
class Rendering:
    """
    A message as IMAP shows it.

    @ivar envelope: ENVELOPE, ready-made; ASCII, without literals.
    @ivar body: BODY, likewise.
    @ivar bodystructure: BODYSTRUCTURE, likewise.
    @ivar part: the message itself, and its parts below.
    @ivar keys: what it is sorted and threaded by.
    @ivar utf8: ENVELOPE, BODY and BODYSTRUCTURE for clients that take UTF-8 in quoted strings (RFC 6855 3); C{None}
        where they do not differ, or where it comes from L{decode}.
    """

    envelope: bytes
    body: bytes
    bodystructure: bytes
    part: Part
    keys: SortKeys
    utf8: tuple[bytes, bytes, bytes] | None = None

    @property
    def headerOctets(self) -> int:
        """
        How many of the octets are header, blank line included; without the prefix.
        """
        return self.part.bodyOffset

    def encode(self) -> bytes:
        """
        L{part} and L{keys}, to be kept beside the three ready-made answers.
        """
        return encoded(self.part, self.keys)

    @classmethod
    def decode(
        cls, structure: bytes, envelope: bytes = b"", body: bytes = b"", bodystructure: bytes = b""
    ) -> Rendering:
        """
        What L{encode} and the three ready-made answers say.

        @raise osxmail.errors.ParseError: C{structure} is not from L{encode}.
        """
        part, keys = decoded(structure)
        return cls(envelope, body, bodystructure, part, keys)


def sectionRange(rendering: Rendering, path: tuple[int, ...], what: str = "") -> tuple[int, int] | None:
    """
    Where a section is (RFC 3501 6.4.5), or C{None} if there is no such.

    @param path: the part numbers; empty for the message itself.
    @param what: C{""}, C{"HEADER"} (also for its FIELDS), C{"TEXT"} or C{"MIME"}.
    @return: offset and length, counted without the prefix.  Of the message itself, C{""} and C{"HEADER"} begin with
        the prefix, which the caller puts before.
    """
    if not path:
        part = rendering.part
        if what == "HEADER":
            return 0, part.bodyOffset
        if what == "TEXT":
            return part.bodyOffset, part.endOffset - part.bodyOffset
        return (0, part.endOffset) if what == "" else None
    found = partAt(rendering, path)
    if found is None:
        return None
    part = found
    if what == "":
        return part.bodyOffset, part.endOffset - part.bodyOffset
    if what == "MIME":
        return part.headerOffset, part.bodyOffset - part.headerOffset
    if part.kind != MESSAGE:
        # RFC 3501 6.4.5: HEADER and TEXT of a part are for MESSAGE/RFC822 only.
        return None
    inner = part.children[0]
    if what == "HEADER":
        return inner.headerOffset, inner.bodyOffset - inner.headerOffset
    return (inner.bodyOffset, inner.endOffset - inner.bodyOffset) if what == "TEXT" else None


def partAt(rendering: Rendering, path: tuple[int, ...]) -> Part | None:
    """
    The part of these numbers (RFC 3501 6.4.5), or C{None} if there is none.

    @param path: not empty.
    """
    part = rendering.part
    children: tuple[Part, ...] = part.children if part.kind == MULTIPART else (part,)
    for number in path:
        if not 0 < number <= len(children):
            return None
        part = children[number - 1]
        if part.kind == MESSAGE:
            # RFC 3501 6.4.5: the numbers below a message are those of the message within.
            inner = part.children[0]
            children = inner.children if inner.kind == MULTIPART else (inner,)
        else:
            children = part.children
    return part


def renderMessage(data: Octets, prefix: bytes = b"") -> Rendering:
    """
    The rendering of a message, in one go: for small ones, or in a thread.

    @param data: the octets of the message.
    @param prefix: header fields that stand before them; they count for ENVELOPE and the sort keys alone.
    """
    steps = scanSteps(data, prefix)
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            rendering: Rendering = finished.value
            return rendering


def scanSteps(data: Octets, prefix: bytes = b"") -> Generator[None, None, Rendering]:
    """
    As L{renderMessage}, with a pause (a C{yield}) after each L{WINDOW_OCTETS} or so; the rendering is the
    generator's value.
    """
    octets = data if isinstance(data, bytes) else _Windowed(data) if len(data) > WINDOW_OCTETS else bytes(data)
    scan = _Scan(octets)
    found = yield from scan.message(0, len(data), 0, prefix)
    utf8 = None
    if scan.isEightBit:
        # In UTF-8 it is shorter: what ended the first walk has to end the second at the same place.
        again = _Scan(octets, quotedUtf8, scan.lastCandidate)
        other = yield from again.message(0, len(data), 0, prefix)
        utf8 = (other.envelope, other.body, other.structure)
        if utf8 == (found.envelope, found.body, found.structure):
            utf8 = None
    return Rendering(found.envelope, found.body, found.structure, found.part, found.keys, utf8)


class _Windowed:
    """
    Octets that are no C{bytes}, with what the scan needs of those.
    """

    def __init__(self, data: bytearray | memoryview | mmap) -> None:
        self._data = data

    def __getitem__(self, part: slice) -> bytes:
        return bytes(self._data[part])

    def find(self, wanted: bytes, start: int, end: int) -> int:
        at = bytes(self._data[start:end]).find(wanted)
        return at + start if at >= 0 else -1

    def count(self, wanted: bytes, start: int, end: int) -> int:
        return bytes(self._data[start:end]).count(wanted)

    def startswith(self, wanted: bytes, start: int, end: int) -> bool:
        return bytes(self._data[start : min(end, start + len(wanted))]) == wanted


class _Found(NamedTuple):
    """
    A part, and how it is shown; C{envelope} and C{keys} count for a message only.
    """

    part: Part
    body: bytes
    structure: bytes
    envelope: bytes
    keys: SortKeys


_NO_KEYS = SortKeys()
_Steps: TypeAlias = Generator[None, None, _Found]


class _Scan:
    """
    One walk over one message.

    @ivar isEightBit: some header has octets that are not ASCII, or a part shows them to clients that take UTF-8 alone.
    @ivar lastCandidate: how many candidates there were when the first was not looked at for want of room.
    """

    def __init__(self, data: bytes | _Windowed, quote: Quote = quoted, lastCandidate: int = MAX_CANDIDATES) -> None:
        """
        @param lastCandidate: where another walk over the same message has ended.
        """
        self.data = data
        self.quote = quote
        self.lastCandidate = lastCandidate
        self.maxRenderedOctets = MAX_RENDERED_OCTETS if quote is quoted else MAX_UTF8_OCTETS
        self.isEightBit = False
        self.parts = 0
        self.renderedOctets = 0
        self.candidates = 0
        self.unpaused = 0

    # ------------------------------------------------------------------------------------------- searching

    def find(self, wanted: bytes, start: int, end: int) -> Generator[None, None, int]:
        data = self.data
        overlap = len(wanted) - 1
        while end - start > WINDOW_OCTETS:
            at = data.find(wanted, start, start + WINDOW_OCTETS)
            if at >= 0:
                return at
            start += WINDOW_OCTETS - overlap
            yield
        return data.find(wanted, start, end)

    def lines(self, start: int, end: int) -> Generator[None, None, int]:
        data = self.data
        count = 0
        while end - start > WINDOW_OCTETS:
            count += data.count(b"\n", start, start + WINDOW_OCTETS)
            start += WINDOW_OCTETS
            yield
        return count + data.count(b"\n", start, end)

    def headerEnd(self, start: int, end: int) -> Generator[None, None, int]:
        """
        Where the body of what is between C{start} and C{end} begins.
        """
        data = self.data
        if data.startswith(b"\r\n", start, end):
            return start + 2
        if data.startswith(b"\n", start, end):
            return start + 1
        at = yield from self.find(b"\n\r\n", start, end)
        bare = yield from self.find(b"\n\n", start, at + 2 if at >= 0 else end)
        if bare >= 0:
            return bare + 2
        if at >= 0:
            return at + 3
        # No blank line: all header, unless it does not begin like one.
        return end if looksLikeHeader(data[start : min(end, start + 1000)]) else start

    # --------------------------------------------------------------------------------------------- entities

    def message(self, start: int, end: int, depth: int, prefix: bytes = b"") -> _Steps:
        bodyAt = yield from self.headerEnd(start, end)
        header = self.data[start : min(bodyAt, start + MAX_HEADER_OCTETS)]
        self.isEightBit = self.isEightBit or not header.isascii()
        given = firstFields(prefix + header if prefix else header, _MESSAGE_FIELDS)
        found = yield from self.entity(given, TEXT_PLAIN, start, bodyAt, end, depth)
        envelope, mailboxes = renderedEnvelope(given, self.quote)
        self.renderedOctets += len(envelope)
        keys = _NO_KEYS
        if depth == 0:
            subject, isReply = baseSubject(decodeWords(given.get(b"subject", b"")))
            # RFC 5256 3: where References has no identifier, the first of In-Reply-To.
            references = messageIds(given.get(b"references", b"")) or messageIds(given.get(b"in-reply-to", b""))[:1]
            sender, to, cc = (decodeWords(each).casefold() if each else "" for each in mailboxes)
            sent: SentDate | None = parseDate(given[b"date"]) if b"date" in given else None
            identifier = parseMessageId(given.get(b"message-id", b""))
            keys = SortKeys(subject, isReply, sent, sender, to, cc, identifier, references)
        return found._replace(envelope=envelope, keys=keys)

    def bodyPart(self, start: int, end: int, depth: int, default: MediaType) -> _Steps:
        bodyAt = yield from self.headerEnd(start, end)
        header = self.data[start : min(bodyAt, start + MAX_HEADER_OCTETS)]
        self.isEightBit = self.isEightBit or not header.isascii()
        given = firstFields(header, _PART_FIELDS)
        return (yield from self.entity(given, default, start, bodyAt, end, depth))

    def entity(
        self, given: dict[bytes, bytes], default: MediaType, start: int, bodyAt: int, end: int, depth: int
    ) -> _Steps:
        self.parts += 1
        value = given.get(b"content-type")
        media = parseMediaType(value, self.quote) if value else default
        if media.kind == b"multipart":
            if depth < MAX_DEPTH:
                return (yield from self.multipart(media, given, start, bodyAt, end, depth))
        elif media.kind == b"text":
            count = yield from self.lines(bodyAt, end)
            basic = self.basic(media.renderedType, media.renderedParameters, given, end - bodyAt) + b" %d" % count
            return self.shown(Part(TEXT, start, bodyAt, end), basic, given)
        elif media.kind == b"message" and media.subtype in _MESSAGES and depth < MAX_DEPTH:
            encoding = firstWord(given.get(b"content-transfer-encoding"))
            if encoding is None or encoding.lower() in _IDENTITY:
                inner = yield from self.message(bodyAt, end, depth + 1)
                count = yield from self.lines(bodyAt, end)
                basic = self.basic(media.renderedType, media.renderedParameters, given, end - bodyAt)
                part = Part(MESSAGE, start, bodyAt, end, (inner.part,))
                if media.subtype == b"global":
                    # RFC 9051 9: media-message; to a client of IMAP4rev1 it is a type like any other.
                    self.isEightBit = True
                    if self.quote is quoted:
                        return self.shown(part, basic, given)
                head = basic + b" " + inner.envelope + b" "
                return _Found(
                    part,
                    head + inner.body + b" %d)" % count,
                    head + inner.structure + b" %d" % count + self.extension(given) + b")",
                    b"",
                    _NO_KEYS,
                )
        isOpaque = media.kind == b"multipart" or (media.kind == b"message" and media.subtype in _MESSAGES)
        kind = OCTET_STREAM if isOpaque else media.renderedType
        return self.shown(
            Part(LEAF, start, bodyAt, end), self.basic(kind, media.renderedParameters, given, end - bodyAt), given
        )

    def basic(self, kind: bytes, parameters: bytes, given: dict[bytes, bytes], size: int) -> bytes:
        # RFC 3501 7.4.2: type, subtype, parameters, id, description, encoding, size.
        get = given.get
        encoding = firstWord(get(b"content-transfer-encoding"))
        return b"(%b %b %b %b %b %d" % (
            kind,
            parameters,
            nstring(get(b"content-id"), self.quote),
            nstring(get(b"content-description"), self.quote),
            self.quote(encoding) if encoding is not None else b'"7bit"',
            size,
        )

    def shown(self, part: Part, basic: bytes, given: dict[bytes, bytes]) -> _Found:
        structure = basic + self.extension(given) + b")"
        self.renderedOctets += len(structure)
        return _Found(part, basic + b")", structure, b"", _NO_KEYS)

    def extension(self, given: dict[bytes, bytes]) -> bytes:
        return b" " + nstring(given.get(b"content-md5"), self.quote) + self.place(given)

    def place(self, given: dict[bytes, bytes]) -> bytes:
        get = given.get
        return b" %b %b %b" % (
            renderedDisposition(get(b"content-disposition"), self.quote),
            renderedLanguage(get(b"content-language"), self.quote),
            nstring(get(b"content-location"), self.quote),
        )

    # ------------------------------------------------------------------------------------------- multiparts

    def multipart(
        self, media: MediaType, given: dict[bytes, bytes], start: int, bodyAt: int, end: int, depth: int
    ) -> _Steps:
        # RFC 2046 5.1.5: what has no Content-Type in a digest is a message.
        default = MESSAGE_RFC822 if media.subtype == b"digest" else TEXT_PLAIN
        found: list[_Found] = []
        boundary = media.boundary
        if boundary is not None:
            partAt = -1
            at = bodyAt
            while True:
                delimiterAt, after, isLast = yield from self.delimiter(boundary, at, end)
                if partAt >= 0 and not (delimiterAt < 0 and partAt >= end and found):
                    partEnd = self.lineEnd(partAt, delimiterAt) if delimiterAt >= 0 else end
                    found.append((yield from self.bodyPart(partAt, partEnd, depth + 1, default)))
                    self.unpaused += partEnd - partAt + _PART_COST_OCTETS
                    if self.unpaused > WINDOW_OCTETS:
                        self.unpaused = 0
                        yield
                if delimiterAt < 0 or isLast:
                    break
                partAt = at = after
        if not found:
            self.parts += 1
            count = yield from self.lines(bodyAt, end)
            basic = self.basic(TEXT_PLAIN.renderedType, TEXT_PLAIN.renderedParameters, {}, end - bodyAt)
            found.append(self.shown(Part(TEXT, bodyAt, bodyAt, end), basic + b" %d" % count, {}))
        subtype = b" " + self.quote(media.subtype)
        return _Found(
            Part(MULTIPART, start, bodyAt, end, tuple([each.part for each in found])),
            b"(" + b"".join([each.body for each in found]) + subtype + b")",
            b"(%b%b %b%b)"
            % (b"".join([each.structure for each in found]), subtype, media.renderedParameters, self.place(given)),
            b"",
            _NO_KEYS,
        )

    def delimiter(self, boundary: bytes, at: int, end: int) -> Generator[None, None, tuple[int, int, bool]]:
        """
        The next line that is a delimiter, from C{at}, the start of a line: where it begins, where what follows it
        begins, and whether it is the closing one (RFC 2046 5.1.1).  Or -1, and whatever.
        """
        data = self.data
        wanted = b"\n--" + boundary
        if data.startswith(wanted[1:], at, end):
            place = at - 1
        else:
            place = yield from self.find(wanted, at, end)
        while place >= 0:
            self.candidates += 1
            if (
                self.candidates > self.lastCandidate
                or self.parts >= MAX_PARTS
                or self.renderedOctets >= self.maxRenderedOctets
            ):
                self.lastCandidate = min(self.lastCandidate, self.candidates - 1)
                return -1, end, True
            if self.candidates % 1024 == 0:
                yield
            after = place + len(wanted)
            stop = min(end, after + MAX_PADDING_OCTETS)
            # A longer boundary that begins like this one is another one.
            rest = data[after:stop]
            match = _DELIMITER_END.match(rest)
            if match is not None and (rest[match.end() - 1 : match.end()] == b"\n" or stop == end):
                return place + 1, after + match.end(), match.group(1) is not None
            place = yield from self.find(wanted, after, end)
        return -1, end, False

    def lineEnd(self, start: int, delimiterAt: int) -> int:
        """
        The end of a part before a delimiter: the line end before that belongs to the delimiter.
        """
        end = delimiterAt - 1
        if end > start and self.data[end - 1 : end] == b"\r":
            end -= 1
        return max(start, end)
