# -*- test-case-name: tests.unit.mail.test_mediatype -*-
"""
Content-Type and the fields that are built like it (RFC 2045 5.1, RFC 2183), read with tolerance, and strings as
IMAP's ENVELOPE and BODYSTRUCTURE have them (RFC 3501 9).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from attrs import frozen

from osxmail.mail.encodedword import encodeEightBit

MAX_PARAMETERS = 100  # of one field, empty ones included
MAX_VALUE_OCTETS = 16_384  # of one field that are looked at
MAX_CACHED_OCTETS = 200
MAX_BOUNDARY_OCTETS = 200  # RFC 2046 5.1.1 allows 70

_PARAMETER = re.compile(rb"[^;]*+;\s*+([^\s=;\"]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)(?:\"|\\?\Z)|([^;]*+))", re.DOTALL)
_EMPTY_PARAMETER = re.compile(rb"[^;]*+;")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_TYPE = re.compile(rb"\s*+([^\s/;\"()<>@,=]++)\s*+/\s*+([^\s/;\"()<>@,=]++)")
_WORD = re.compile(rb"\s*+([^\s;,()\"]++)")
# A string that does not end goes on to the end, whatever that is: its quotes are not tried as beginnings of others.
_COMMENT_OR_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|\(', re.DOTALL)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_COMMENT_MARK = re.compile(rb"[()\\]")
_PLAIN = re.compile(rb"[ !#-\[\]-~]*+")
_TO_SPACE = bytes(range(256)).translate(bytes.maketrans(bytes(range(32)) + b"\x7f", b" " * 33))


def quoted(value: bytes) -> bytes:
    """
    An IMAP quoted string: 8-bit octets as encoded words, control characters as spaces.
    """
    if _PLAIN.fullmatch(value):
        return b'"' + value + b'"'
    if not value.isascii():
        value = encodeEightBit(value)
    value = value.translate(_TO_SPACE)
    if b'"' in value or b"\\" in value:
        value = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + value + b'"'


def quotedUtf8(value: bytes) -> bytes:
    """
    An IMAP quoted string for a client that takes UTF-8 in it (RFC 9051 9: QUOTED-CHAR): what is no UTF-8 as encoded
    words, control characters as spaces.
    """
    if value.isascii() or not _isUtf8(value):
        return quoted(value)
    value = value.translate(_TO_SPACE).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + value + b'"'


def _isUtf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


#: L{quoted} or L{quotedUtf8}.
Quote: TypeAlias = Callable[[bytes], bytes]


def nstring(value: bytes | None, quote: Quote = quoted) -> bytes:
    """
    An IMAP quoted string, or NIL.
    """
    return b"NIL" if value is None else quote(value)


@frozen
class MediaType:
    """
    A Content-Type.

    @ivar kind: the type in lower case.
    @ivar subtype: in lower case.
    @ivar parameters: names as they came, values without quoting.
    @ivar renderedType: both as two IMAP strings, in the case in which they came.
    @ivar renderedParameters: an IMAP list, or NIL.
    """

    kind: bytes
    subtype: bytes
    parameters: tuple[tuple[bytes, bytes], ...]
    renderedType: bytes
    renderedParameters: bytes

    def parameter(self, name: bytes) -> bytes | None:
        """
        The value of the first parameter of this name (in lower case).
        """
        for each, value in self.parameters:
            if each.lower() == name:
                return value
        return None

    @property
    def boundary(self) -> bytes | None:
        """
        The boundary, if there is one that can be looked for (RFC 2046 5.1.1).
        """
        value = self._extended(b"boundary")
        # RFC 2046 5.1.1: it does not end in white space.
        value = value.rstrip() if value is not None else None
        return value if value and len(value) <= MAX_BOUNDARY_OCTETS and b"\n" not in value else None

    @property
    def charset(self) -> str:
        """
        The charset parameter, or C{""}.
        """
        return (self._extended(b"charset") or b"").decode("ascii", "replace")

    def _extended(self, name: bytes) -> bytes | None:
        """
        A parameter in its plain form, or else in that of RFC 2231 3 and 4: in sections, with octets as C{%} and two
        digits.
        """
        value = self.parameter(name)
        if value is not None:
            return value
        # A charset and a language stand before the first section's text.
        value = self.parameter(name + b"*")
        if value is not None:
            return _percentDecoded(value.split(b"'", 2)[-1])
        sections: list[bytes] = []
        given = {each.lower(): text for each, text in reversed(self.parameters)}
        for number in range(MAX_PARAMETERS):
            section = b"%b*%d" % (name, number)
            if section in given:
                sections.append(given[section])
            elif section + b"*" in given:
                text = given[section + b"*"]
                sections.append(_percentDecoded(text if number else text.split(b"'", 2)[-1]))
            else:
                break
        return b"".join(sections) if sections else None


def _percentDecoded(value: bytes) -> bytes:
    return _PERCENT.sub(lambda match: bytes((int(match.group(1), 16),)), value)


def _withoutComments(value: bytes) -> bytes:
    value = value[:MAX_VALUE_OCTETS]
    if b"(" not in value:
        return value
    out = []
    at = 0
    while True:
        match = _COMMENT_OR_STRING.search(value, at)
        if match is None:
            out.append(value[at:])
            return b"".join(out)
        if match.group() != b"(":
            out.append(value[at : match.end()])
            at = match.end()
            continue
        out.append(value[at : match.start()])
        at = match.end()
        depth = 1
        while depth:
            mark = _COMMENT_MARK.search(value, at)
            if mark is None:
                return b"".join(out)
            at = mark.end()
            if mark.group() == b"\\":
                at += 1
            else:
                depth += 1 if mark.group() == b"(" else -1


def parameters(value: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """
    The parameters of an unfolded field value, those of RFC 2231 as they stand.
    """
    found: list[tuple[bytes, bytes]] = []
    at = 0
    for _ in range(MAX_PARAMETERS):
        match = _PARAMETER.match(value, at)
        if match is None:
            empty = _EMPTY_PARAMETER.match(value, at)
            if empty is None:
                break
            at = empty.end()
            continue
        name, text, bare = match.groups()
        if text is None:
            text = bare.strip()
        elif b"\\" in text:
            text = _ESCAPED.sub(rb"\1", text)
        found.append((name, text))
        at = match.end()
    return tuple(found)


def renderedParameters(pairs: tuple[tuple[bytes, bytes], ...], quote: Quote = quoted) -> bytes:
    """
    An IMAP body-fld-param.
    """
    if not pairs:
        return b"NIL"
    return b"(" + b" ".join(quote(name) + b" " + quote(value) for name, value in pairs) + b")"


def _parse(value: bytes, quote: Quote) -> MediaType:
    value = _withoutComments(value)
    match = _TYPE.match(value)
    if match is None:
        # RFC 2045 5.2: what cannot be read is text/plain in ASCII.
        return TEXT_PLAIN
    kind, subtype = match.groups()
    pairs = parameters(value[match.end() :])
    kind, subtype = kind[:127], subtype[:127]  # RFC 6838 4.2
    if not pairs and kind.lower() == b"text":
        pairs = _DEFAULT_CHARSET
    return MediaType(
        kind.lower(), subtype.lower(), pairs, quote(kind) + b" " + quote(subtype), renderedParameters(pairs, quote)
    )


_DEFAULT_CHARSET = ((b"charset", b"us-ascii"),)  # RFC 2045 5.2
TEXT_PLAIN = MediaType(b"text", b"plain", _DEFAULT_CHARSET, b'"text" "plain"', renderedParameters(_DEFAULT_CHARSET))
MESSAGE_RFC822 = MediaType(b"message", b"rfc822", (), b'"message" "rfc822"', b"NIL")
OCTET_STREAM = b'"application" "octet-stream"'

_cachedParse = lru_cache(maxsize=1024)(_parse)


def parseMediaType(value: bytes, quote: Quote = quoted) -> MediaType:
    """
    The meaning of a Content-Type field's unfolded value.
    """
    # Few values are many messages', but those with a boundary are one message's each.
    isOwn = len(value) > MAX_CACHED_OCTETS or b"oundary" in value
    return _parse(value, quote) if isOwn else _cachedParse(value, quote)


def firstWord(value: bytes | None) -> bytes | None:
    """
    The first token of a field like Content-Transfer-Encoding, without comments.
    """
    if value is None:
        return None
    match = _WORD.match(_withoutComments(value))
    return match.group(1) if match else None


def renderedDisposition(value: bytes | None, quote: Quote = quoted) -> bytes:
    """
    An IMAP body-fld-dsp out of a Content-Disposition's unfolded value (RFC 2183).
    """
    if value is None:
        return b"NIL"
    value = _withoutComments(value)
    match = _WORD.match(value)
    if match is None:
        return b"NIL"
    return b"(" + quote(match.group(1)) + b" " + renderedParameters(parameters(value), quote) + b")"


def renderedLanguage(value: bytes | None, quote: Quote = quoted) -> bytes:
    """
    An IMAP body-fld-lang out of a Content-Language's unfolded value (RFC 3282).
    """
    if value is None:
        return b"NIL"
    tags = [tag.strip() for tag in _withoutComments(value).split(b",", MAX_PARAMETERS)]
    tags = [tag for tag in tags if tag]
    if not tags:
        return b"NIL"
    return quote(tags[0]) if len(tags) == 1 else b"(" + b" ".join(map(quote, tags)) + b")"
