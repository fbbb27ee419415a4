# -*- test-case-name: tests.unit.mail.test_mimestructure -*-
"""
Where the parts of a message are, and what it is sorted by: values, and the octets in which a store keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from osxmail.errors import ParseError
from osxmail.mail.headerdate import SentDate

#: The kinds of parts: a leaf that is no text, a leaf that is, a multipart, a message/rfc822 that is looked into.
LEAF, TEXT, MULTIPART, MESSAGE = range(4)

VERSION = 1
_KEPT_TEXTS = 5
_HAS_DATE, _IS_REPLY = 1, 2
_DAY_BASE = 1 << 40  # sent times before the epoch are kept as numbers above zero


@frozen
class Part:
    """
    A part of a message, or the message itself.  Offsets count from its first octet, without a prefix.

    @ivar kind: L{LEAF}, L{TEXT}, L{MULTIPART} or L{MESSAGE}.
    @ivar headerOffset: where its header begins.
    @ivar bodyOffset: where its header, blank line included, ends and its body begins.
    @ivar endOffset: where its body ends.
    @ivar children: the parts of a multipart; of a message/rfc822, the message within.
    """

    kind: int
    headerOffset: int
    bodyOffset: int
    endOffset: int
    children: tuple[Part, ...] = ()

    def walk(self) -> Iterator[Part]:
        """
        This part and all below it, in order.
        """
        yield self
        for child in self.children:
            yield from child.walk()


@frozen
class SortKeys:
    """
    What a message is sorted and threaded by (RFC 5256).

    @ivar subject: the base subject, case folded.
    @ivar isReply: the subject says that it is a reply or a forward.
    @ivar sent: what the Date field says, or C{None}.
    @ivar sender: the local part of the first address in From, case folded, or C{""}.
    @ivar to: of To.
    @ivar cc: of Cc.
    @ivar messageId: without brackets, or C{""}.
    @ivar references: the identifiers of References, or else In-Reply-To, the oldest first.
    """

    subject: str = ""
    isReply: bool = False
    sent: SentDate | None = None
    sender: str = ""
    to: str = ""
    cc: str = ""
    messageId: str = ""
    references: tuple[str, ...] = ()


def _append(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def encoded(part: Part, keys: SortKeys) -> bytes:
    """
    Both in few octets: a version, then numbers of seven bits an octet.
    """
    out = bytearray((VERSION,))
    _appendPart(out, part, 0)
    sent = keys.sent
    out.append((_HAS_DATE if sent is not None else 0) | (_IS_REPLY if keys.isReply else 0))
    if sent is not None:
        _append(out, sent.time + _DAY_BASE)
        _append(out, sent.day)
    texts = (keys.subject, keys.sender, keys.to, keys.cc, keys.messageId, *keys.references)
    _append(out, len(texts))
    for text in texts:
        raw = text.encode("utf-8", "replace")
        _append(out, len(raw))
        out += raw
    return bytes(out)


def _appendPart(out: bytearray, part: Part, base: int) -> None:
    out.append(part.kind)
    _append(out, part.headerOffset - base)
    _append(out, part.bodyOffset - part.headerOffset)
    _append(out, part.endOffset - part.bodyOffset)
    if part.kind in (MULTIPART, MESSAGE):
        _append(out, len(part.children))
        for child in part.children:
            _appendPart(out, child, part.bodyOffset)


class _Reading:
    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 1

    def number(self) -> int:
        octets, at = self.octets, self.at
        result = shift = 0
        while True:
            octet = octets[at]
            at += 1
            result |= (octet & 0x7F) << shift
            if octet < 0x80:
                self.at = at
                return result
            shift += 7
            if shift > 63:
                raise ParseError("a number of a structure is too long")

    def text(self) -> str:
        length = self.number()
        start = self.at
        self.at = start + length
        if self.at > len(self.octets):
            raise ParseError("a structure is cut short")
        return self.octets[start : self.at].decode("utf-8")

    def part(self, base: int, depth: int) -> Part:
        kind = self.octets[self.at]
        self.at += 1
        headerOffset = base + self.number()
        bodyOffset = headerOffset + self.number()
        endOffset = bodyOffset + self.number()
        if kind in (LEAF, TEXT):
            return Part(kind, headerOffset, bodyOffset, endOffset)
        if kind not in (MULTIPART, MESSAGE) or depth > 200:
            raise ParseError("not a structure")
        count = self.number()
        if count > len(self.octets) or (kind == MESSAGE and count != 1):
            raise ParseError("not a structure")
        children = tuple([self.part(bodyOffset, depth + 1) for _ in range(count)])
        return Part(kind, headerOffset, bodyOffset, endOffset, children)


def decoded(structure: bytes) -> tuple[Part, SortKeys]:
    """
    What L{encoded} has encoded.

    @raise ParseError: something else did.
    """
    if structure[:1] != bytes((VERSION,)):
        raise ParseError("a structure of another version")
    reading = _Reading(structure)
    try:
        part = reading.part(0, 0)
        bits = structure[reading.at]
        reading.at += 1
        sent = SentDate(reading.number() - _DAY_BASE, reading.number()) if bits & _HAS_DATE else None
        count = reading.number()
        if not _KEPT_TEXTS <= count <= len(structure):
            raise ParseError("not a structure")
        texts = [reading.text() for _ in range(count)]
    except (IndexError, UnicodeDecodeError):
        raise ParseError("a structure is cut short") from None
    subject, sender, to, cc, messageId, *references = texts
    keys = SortKeys(subject, bool(bits & _IS_REPLY), sent, sender, to, cc, messageId, tuple(references))
    return part, keys
