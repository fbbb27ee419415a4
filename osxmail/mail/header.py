# -*- test-case-name: tests.unit.mail.test_header -*-
"""
Header sections and their fields (RFC 5322 2.2), read as they come and written as they ought to be.

A header section here is octets up to and including the blank line, or without it.  Fields are found in one pass;
octets that are no field (a C{From } line, garbage) are passed over, and nothing ever raises.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

MAX_HEADER_OCTETS = 262_144  # of a header that are looked at for their meaning
MAX_LINE_OCTETS = 65_536  # of a line of a header that is read in pieces, which are looked at as one
MAX_FIELDS = 2_000  # in one header that are looked at for their meaning

_MESSAGE_ID = re.compile(rb"<([^<>\s]{1,990})>")
_FIELD_LINE = re.compile(rb"[!-9;-~]+[ \t]*:")


def unfolded(header: bytes) -> bytes:
    """
    A header section with one line a field and LF as the end of each (RFC 5322 2.2.3: the blank after the line end
    stays).
    """
    if b"\r" in header:
        header = header.replace(b"\r\n", b"\n")
    return header.replace(b"\n ", b" ").replace(b"\n\t", b"\t")


def fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """
    The fields in order, as pairs: the name in lower case, the value unfolded and without blanks at its ends.
    """
    for line in unfolded(header[:MAX_HEADER_OCTETS]).split(b"\n", MAX_FIELDS):
        if not line or line == b"\r":
            return
        name, colon, value = line.partition(b":")
        if colon:
            yield name.rstrip(b" \t").lower(), value.strip()


def firstFields(header: bytes, names: Collection[bytes]) -> dict[bytes, bytes]:
    """
    The first field of each of these names (in lower case) that there is, unfolded.
    """
    found: dict[bytes, bytes] = {}
    for line in unfolded(header[:MAX_HEADER_OCTETS]).split(b"\n", MAX_FIELDS):
        if not line or line == b"\r":
            break
        name, colon, value = line.partition(b":")
        name = name.lower()
        if name not in names:
            name = name.rstrip(b" \t")
            if name not in names:
                continue
        if colon and name not in found:
            found[name] = value.strip()
    return found


def parseMessageId(value: bytes) -> str:
    """
    The first identifier in a field's value without its brackets, or C{""}.
    """
    match = _MESSAGE_ID.search(value)
    return match.group(1).decode("ascii", "replace") if match else ""


def messageIds(value: bytes, limit: int = 100) -> tuple[str, ...]:
    """
    The identifiers in a field's value (References): of more than C{limit} the first, which is the root of the thread,
    and the last.
    """
    found = _MESSAGE_ID.findall(value)
    if len(found) > limit:
        found = [found[0], *found[1 - limit :]]
    return tuple(each.decode("ascii", "replace") for each in found)


def headerEnd(octets: bytes) -> int:
    """
    Where the body begins: after the blank line that ends the header; the length of C{octets} when there is none.
    """
    if octets.startswith(b"\r\n"):
        return 2
    if octets.startswith(b"\n"):
        return 1
    crlf = octets.find(b"\n\r\n")
    bare = octets.find(b"\n\n", 0, len(octets) if crlf < 0 else crlf + 2)
    if bare >= 0 and (crlf < 0 or bare < crlf):
        return bare + 2
    return crlf + 3 if crlf >= 0 else len(octets)


def headerOf(octets: bytes) -> bytes:
    """
    The header section at the beginning of a message, blank line included; all of it when there is no blank line.
    """
    return octets[: headerEnd(octets)]


def looksLikeHeader(octets: bytes) -> bool:
    """
    Does this begin with a field?
    """
    return _FIELD_LINE.match(octets) is not None


class FieldPicker:
    """
    L{headerFields} of a header that comes in pieces, however large it and its lines are
    (a L{osxmail.mail.transferencoding.Transform}).
    """

    __slots__ = ("_exclude", "_isInLine", "_isOver", "_isTaking", "_names", "_rest")

    def __init__(self, names: Collection[bytes], exclude: bool = False) -> None:
        self._names = names
        self._exclude = exclude
        self._rest = b""
        self._isTaking = False
        self._isInLine = False  # of the line that goes on the beginning has been seen
        self._isOver = False

    def feed(self, octets: bytes) -> bytes:
        if self._isOver:
            return b""
        data = self._rest + octets
        out: list[bytes] = []
        if self._isInLine:
            end = data.find(b"\n") + 1
            self._isInLine = not end
            end = end or len(data)
            if self._isTaking:
                out.append(data[:end])
            data = data[end:]
        end = data.rfind(b"\n") + 1
        for line in _lines(data[:end]):
            self._line(line, out)
            if self._isOver:
                return b"".join(out)
        self._rest = data[end:]
        if len(self._rest) > MAX_LINE_OCTETS:
            # A name is not as long: what there is decides.
            self._isInLine = True
            line, self._rest = self._rest, b""
            self._line(line, out)
        return b"".join(out)

    def finish(self) -> bytes:
        out: list[bytes] = []
        if self._rest and not self._isOver:
            self._line(self._rest, out, isWhole=False)
        return b"".join(out)

    def _line(self, line: bytes, out: list[bytes], isWhole: bool = True) -> None:
        if line[:1] not in (b" ", b"\t"):
            if isWhole and line in (b"\n", b"\r\n"):
                self._isOver = True
                out.append(line)
                return
            name, colon, _ = line.partition(b":")
            # A line that is no field belongs to "all others".
            self._isTaking = (name.rstrip(b" \t").lower() in self._names and colon != b"") != self._exclude
        if self._isTaking:
            out.append(line)


def _lines(data: bytes) -> Iterator[bytes]:
    if data:
        for line in data[:-1].split(b"\n"):
            yield line + b"\n"


def headerFields(header: bytes, names: Collection[bytes], exclude: bool = False) -> bytes:
    """
    The fields of these names (in lower case), or all others, octet by octet as they stand, and the blank line if
    C{header} has one (RFC 3501 6.4.5: HEADER.FIELDS, HEADER.FIELDS.NOT).
    """
    *lines, rest = header.split(b"\n")
    out: list[bytes] = []
    taking = False
    for line in lines:
        first = line[:1]
        if first != b" " and first != b"\t":
            if not line or line == b"\r":
                out.append(line + b"\n")
                return b"\n".join(out)
            name, colon, _ = line.partition(b":")
            # A line that is no field belongs to "all others".
            taking = (name.rstrip(b" \t").lower() in names and colon != b"") != exclude
        if taking:
            out.append(line)
    out.append(b"")
    if rest:
        name, colon, _ = rest.partition(b":")
        if rest[:1] not in (b" ", b"\t"):
            taking = (name.rstrip(b" \t").lower() in names and colon != b"") != exclude
        if taking:
            out[-1] = rest
    return b"\n".join(out)
