# -*- test-case-name: tests.unit.mail.test_transferencoding -*-
"""
Content transfer encodings (RFC 2045 6), undone in pieces: what is large is never in memory as a whole.
"""

from __future__ import annotations

import binascii
import re
from typing import Protocol

#: A longer "line" of quoted-printable is cut where it may be wrong.
MAX_LINE_OCTETS = 65_536
#: More white space at the end of what came so far is taken for text.
MAX_TRAILING_OCTETS = 998

IDENTITY = frozenset({b"", b"7bit", b"8bit", b"binary"})

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(range(256)).translate(None, _BASE64)
_HEX_TAIL = re.compile(rb"=[0-9A-Fa-f]?\Z")
_BLANK_LINE_END = re.compile(rb"[ \t]\r?\n")


class Transform(Protocol):
    """
    Makes other octets of octets, piece by piece.
    """

    def feed(self, octets: bytes) -> bytes:
        """
        What can be said after the next piece.
        """

    def finish(self) -> bytes:
        """
        What is left after the last.
        """


def decoderOf(encoding: bytes | None) -> Transform | None:
    """
    What undoes a Content-Transfer-Encoding; C{None} if it is none that we know.

    @param encoding: its name in any case; C{None} where there is no such field (RFC 2045 6.1: 7bit).
    """
    name = (encoding or b"").lower()
    if name in IDENTITY:
        return Identity()
    if name == b"base64":
        return Base64()
    return QuotedPrintable() if name == b"quoted-printable" else None


class Identity:
    """
    7bit, 8bit and binary (RFC 2045 6.2).
    """

    def feed(self, octets: bytes) -> bytes:
        return octets

    def finish(self) -> bytes:
        return b""


class Base64:
    """
    RFC 2045 6.8: characters of no meaning are passed over, padding ends it.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._isOver = False

    def feed(self, octets: bytes) -> bytes:
        if self._isOver:
            return b""
        clean = self._rest + octets.translate(None, _NOT_BASE64)
        end = clean.find(b"=")
        if end >= 0:
            self._isOver = True
            self._rest = b""
            return _unpadded(clean[:end])
        whole = len(clean) & ~3
        self._rest = clean[whole:]
        return binascii.a2b_base64(clean[:whole])

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return _unpadded(rest)


def _unpadded(clean: bytes) -> bytes:
    """
    The octets of base64 without its padding; a last character that is alone says nothing.
    """
    odd = len(clean) & 3
    if odd == 1:
        clean = clean[:-1]
    elif odd:
        clean += b"=" * (4 - odd)
    return binascii.a2b_base64(clean)


class QuotedPrintable:
    """
    RFC 2045 6.7: white space at the end of a line is not text; an equals sign that is no code is itself.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        octets = self._rest + octets
        cut = octets.rfind(b"\n") + 1
        if not cut:
            if len(octets) < MAX_LINE_OCTETS:
                self._rest = octets
                return b""
            cut = len(octets.rstrip(b" \t\r"))
            if len(octets) - cut > MAX_TRAILING_OCTETS:
                cut = len(octets)
            match = _HEX_TAIL.search(octets, max(0, cut - 2), cut)
            cut = match.start() if match else cut
        self._rest = octets[cut:]
        return _unquoted(octets[:cut])

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return _unquoted(rest.rstrip(b" \t"))


def _unquoted(octets: bytes) -> bytes:
    if _BLANK_LINE_END.search(octets):
        octets = b"\n".join(map(_withoutTrailingBlanks, octets.split(b"\n")))
    return binascii.a2b_qp(octets)


def _withoutTrailingBlanks(line: bytes) -> bytes:
    if line.endswith(b"\r"):
        return line[:-1].rstrip(b" \t") + b"\r"
    return line.rstrip(b" \t")
