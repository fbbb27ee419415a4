# -*- test-case-name: tests.unit.mail.test_text -*-
"""
The text of a message, for searching (RFC 3501 6.4.4): decoded from its transfer encodings and charsets, in pieces.

Text parts count (of HTML, what a reader sees), the header fields of parts and of messages within, and what stands
before and after the parts of a multipart.  Parts that are no text (attachments) have no text.

Texts are compared as i;unicode-casemap does (RFC 5051, which RFC 5255 4.3 asks for): what is equal there is equal here.
We go further in one thing: full case folding, so that also C{ß} and C{SS} are equal.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from osxmail.mail.charset import codecName, decodeText
from osxmail.mail.encodedword import decodeWords
from osxmail.mail.header import MAX_FIELDS, MAX_HEADER_OCTETS, firstFields, unfolded
from osxmail.mail.htmltext import HtmlText
from osxmail.mail.mediatype import firstWord, parseMediaType
from osxmail.mail.mimestructure import MESSAGE, MULTIPART, TEXT, Part
from osxmail.mail.transferencoding import Identity, Transform, decoderOf

PIECE_OCTETS = 65_536  # that are decoded at once

#: Gives octets of a message: offset and length; fewer only at its end.
Reader: TypeAlias = Callable[[int, int], bytes]

_ACCENTS = re.compile("[\u0300-\u036f]+")

#: Stands between texts that do not belong together: nothing matches across it.
BREAK = ""


def folded(text: str) -> str:
    """
    Text as it is compared: decomposed (NFKD), case folded.  Folding twice changes nothing, nor does an upper case
    before it.
    """
    if text.isascii():
        return text.lower()
    # Decomposing gives capitals (of U+210C), folding gives what is to be decomposed.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    # RFC 5051 2: the title case of a dotless i is I.
    return text.replace("ı", "i")


def collated(text: str) -> str:
    """
    Text as it is sorted: in the order of the code points of what is L{folded}, as capitals (RFC 5051 2; RFC 5256 2.2).
    """
    return folded(text).upper()


def withoutAccents(text: str) -> str:
    """
    Folded text without the marks that stand above and below letters.
    """
    return text if text.isascii() else _ACCENTS.sub("", text)


def contains(pieces: Iterable[str], wanted: str, fold: Callable[[str], str] = folded) -> bool:
    """
    Does C{wanted}, which is folded already, stand in the text that comes in pieces, across their borders too?
    """
    overlap = len(wanted) - 1
    rest = ""
    for piece in pieces:
        if piece == BREAK:
            rest = ""
            continue
        text = rest + fold(piece)
        if wanted in text:
            return True
        rest = text[-overlap:] if overlap > 0 else ""
    return wanted == ""


def headerText(header: bytes) -> str:
    """
    A header section as text, a line a field, decoded.
    """
    lines = unfolded(header[:MAX_HEADER_OCTETS]).rstrip(b"\n")
    if lines.isascii() and b"=?" not in lines:
        return lines.decode("ascii")
    return "\n".join(decodeWords(line) for line in lines.split(b"\n", MAX_FIELDS))


def bodyTexts(part: Part, read: Reader) -> Iterator[str]:
    """
    The text of a message's body in pieces, with L{BREAK} between what does not belong together.  The header of the
    message itself is not part of it.
    """
    if part.kind == TEXT:
        yield from leafText(part, read)
    elif part.kind == MULTIPART:
        at = part.bodyOffset
        for child in part.children:
            yield from _plain(at, child.headerOffset, read)
            yield from _childHeader(child, read)
            yield from bodyTexts(child, read)
            yield BREAK
            at = child.endOffset
        yield from _plain(at, part.endOffset, read)
    elif part.kind == MESSAGE:
        yield from _childHeader(part.children[0], read)
        yield from bodyTexts(part.children[0], read)


def _childHeader(part: Part, read: Reader) -> Iterator[str]:
    if part.bodyOffset > part.headerOffset:
        yield headerText(_readUpTo(read, part.headerOffset, part.bodyOffset, MAX_HEADER_OCTETS))
        yield BREAK


def _plain(start: int, end: int, read: Reader) -> Iterator[str]:
    while start < end:
        octets = read(start, min(PIECE_OCTETS, end - start))
        if not octets:
            break
        yield decodeText(octets)
        start += len(octets)
    yield BREAK


def _readUpTo(read: Reader, start: int, end: int, limit: int) -> bytes:
    end = min(end, start + limit)
    octets = read(start, min(PIECE_OCTETS, end - start))
    if start + len(octets) >= end:
        return octets
    pieces = [octets]
    start += len(octets)
    while start < end and octets:
        octets = read(start, min(PIECE_OCTETS, end - start))
        pieces.append(octets)
        start += len(octets)
    return b"".join(pieces)


def leafText(part: Part, read: Reader, isBodyOnly: bool = False) -> Iterator[str]:
    """
    The text of a part of the kind L{TEXT} in pieces; of HTML, what a reader sees.

    @param isBodyOnly: without the title of HTML.
    """
    header = _readUpTo(read, part.headerOffset, part.bodyOffset, MAX_HEADER_OCTETS)
    found = firstFields(header, (b"content-type", b"content-transfer-encoding"))
    media = parseMediaType(found[b"content-type"]) if b"content-type" in found else None
    charset = media.charset if media is not None else ""
    # What is encoded in a way that nobody knows is taken as it is.
    decoder = decoderOf(firstWord(found.get(b"content-transfer-encoding"))) or Identity()
    texts = _decoded(_bodyOctets(part, read, decoder), charset)
    return _seen(texts, isBodyOnly) if media is not None and media.subtype == b"html" else texts


def _seen(pieces: Iterator[str], isBodyOnly: bool) -> Iterator[str]:
    html = HtmlText(isBodyOnly)
    for piece in pieces:
        text = html.feed(piece)
        if text:
            yield text
    text = html.feed("", True)
    if text:
        yield text


def _bodyOctets(part: Part, read: Reader, decoder: Transform) -> Iterator[bytes]:
    at = part.bodyOffset
    while at < part.endOffset:
        octets = read(at, min(PIECE_OCTETS, part.endOffset - at))
        if not octets:
            break
        yield decoder.feed(octets)
        at += len(octets)
    yield decoder.finish()


def _decoded(pieces: Iterator[bytes], charset: str) -> Iterator[str]:
    name = codecName(charset) or "utf-8"
    # What says that it is UTF-8 or ASCII, or says nothing, and is not, is windows-1252 nearly always.
    errors = "strict" if name == "utf-8" else "replace"
    decoder = codecs.getincrementaldecoder(name)(errors)
    for octets in pieces:
        try:
            text = decoder.decode(octets)
        except (UnicodeError, ValueError):
            decoder = codecs.getincrementaldecoder("cp1252")("replace")
            text = decoder.decode(octets)
        if text:
            yield text
    try:
        text = decoder.decode(b"", True)
    except (UnicodeError, ValueError):
        return
    if text:
        yield text
