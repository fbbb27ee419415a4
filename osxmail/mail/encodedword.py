# -*- test-case-name: tests.unit.mail.test_encodedword -*-
"""
Encoded words in header fields (RFC 2047), both ways.
"""

from __future__ import annotations

import binascii
import re

from osxmail.mail.charset import decodeText

# RFC 2047 2: an encoded word has at most 75 octets; "=?unknown-8bit?B?" and "?=" take 19 of them.
_UTF8_ROOM = 45  # octets of text: 60 of base64, 72 with the frame
_UNKNOWN_ROOM = 39  # octets of text: 52 of base64, 71 with the frame

# RFC 2047 2, loosely: real mail has blanks within the encoded text.  RFC 2231 5 adds "*language".
_WORD = re.compile(rb"=\?([!-)+->@-~]{1,40})(?:\*[A-Za-z0-9-]*)?\?([BbQq])\?([^?\r\n]*)\?=")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_BLANKS = re.compile(rb"([ \t]+)")


def decodeWords(value: bytes) -> str:
    """
    An unfolded field value as text: encoded words decoded, raw octets as UTF-8 or else windows-1252.  Never fails.
    """
    if b"=?" not in value:
        return decodeText(value)
    out: list[str] = []
    at = 0
    pending = b""  # octets of a charset that an encoded word may have cut within a character
    charset = ""
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        name = match.group(1).decode("ascii").lower()
        # RFC 2047 6.2: white space between encoded words is not shown.
        adjacent = at > 0 and not between.strip()
        if pending and not (adjacent and name == charset):
            out.append(decodeText(pending, charset))
            pending = b""
        if not adjacent and between:
            out.append(decodeText(between))
        charset = name
        pending += _wordOctets(match.group(2), match.group(3))
        at = match.end()
    if pending:
        out.append(decodeText(pending, charset))
    if at < len(value):
        out.append(decodeText(value[at:]))
    return "".join(out)


def _wordOctets(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"Qq":
        # RFC 2047 4.2: the underscore is a space.
        return _HEX.sub(lambda match: bytes((int(match.group(1), 16),)), text.replace(b"_", b" "))
    return decodeBase64Loosely(text)


def decodeBase64Loosely(text: bytes) -> bytes:
    """
    What base64 says, as far as it says anything: other characters are passed over (RFC 2045 6.8), missing
    padding is added, a last character that is alone is dropped.
    """
    clean = _NOT_BASE64.sub(b"", text.replace(b"-", b"+").replace(b"_", b"/"))
    rest = len(clean) % 4
    if rest == 1:
        clean = clean[:-1]
    elif rest:
        clean += b"=" * (4 - rest)
    return binascii.a2b_base64(clean)


def encodeEightBit(value: bytes) -> bytes:
    """
    The value with no 8-bit octet: runs of words that have some become encoded words, as UTF-8 where they are
    that, and as C{unknown-8bit} (RFC 1428 3) otherwise.  ASCII words stay as they are.
    """
    if value.isascii():
        return value
    tokens = _BLANKS.split(value)  # words and the blanks between them, in turns
    out: list[bytes] = []
    at = 0
    while at < len(tokens):
        if tokens[at].isascii():
            out.append(tokens[at])
            at += 1
            continue
        end = at + 1
        while end + 1 < len(tokens) and not tokens[end + 1].isascii():
            end += 2
        out.append(_encodedRun(b"".join(tokens[at:end])))
        at = end
    return b"".join(out)


def encodeWhole(value: bytes) -> bytes:
    """
    All of a value as encoded words, as in a phrase (RFC 2047 5 (3)), where specials could not stand between them.
    """
    return _encodedRun(value)


def _encodedRun(octets: bytes) -> bytes:
    words = []
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        for at in range(0, len(octets), _UNKNOWN_ROOM):
            piece = octets[at : at + _UNKNOWN_ROOM]
            words.append(b"=?unknown-8bit?B?" + binascii.b2a_base64(piece, newline=False) + b"?=")
        return b" ".join(words)
    if len(octets) <= _UTF8_ROOM:
        return b"=?utf-8?B?" + binascii.b2a_base64(octets, newline=False) + b"?="
    at = 0
    while at < len(octets):
        end = min(at + _UTF8_ROOM, len(octets))
        # RFC 2047 5: no character is cut in two.
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        words.append(b"=?utf-8?B?" + binascii.b2a_base64(octets[at:end], newline=False) + b"?=")
        at = end
    return b" ".join(words)
