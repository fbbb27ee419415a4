# -*- test-case-name: tests.unit.mail.test_surrogate -*-
"""
The header of an internationalized message (RFC 6532) for a client that takes ASCII only (RFC 6856 2.1, RFC 6855 6,
after RFC 6858): display names and texts as encoded words, addresses that no such client can write to as an empty group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from osxmail.mail.addresslist import GROUP_END, MISSING_DOMAIN, MISSING_MAILBOX, Entry, entries
from osxmail.mail.encodedword import encodeEightBit, encodeWhole

#: Of a header that is rewritten; what follows has a question mark in place of each octet that is not ASCII.
MAX_REWRITTEN_OCTETS = 262_144
#: Of one field that is rewritten; the same for what is longer.
MAX_FIELD_OCTETS = 4_096
#: Lines are folded near here (RFC 5322 2.1.1).
_LINE_OCTETS = 76

_ADDRESS_FIELDS = frozenset(
    {
        b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"resent-from", b"resent-sender", b"resent-to",
        b"resent-cc", b"resent-bcc", b"resent-reply-to", b"return-path", b"disposition-notification-to",
    }
)  # fmt: skip
_NOT_ASCII = bytes(range(128)) + b"?" * 128
_FIELD = re.compile(rb"[^\n]*+\n(?:[ \t][^\n]*+\n)*+|[^\n]++\Z")
_FOLD = re.compile(rb"\r?\n")
_ATOMS = re.compile(rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


def asciiHeader(header: bytes) -> bytes:
    """
    A header section without octets above 127.  Fields that have none stay as they are, octet by octet.

    @param header: with its blank line, if it has one.
    """
    return header if header.isascii() else b"".join(asciiFields(header))


def asciiFields(header: bytes) -> Iterator[bytes]:
    """
    L{asciiHeader} in pieces, for who has to let others have their turn: each takes less than 5 ms.
    """
    for match in _FIELD.finditer(header, 0, MAX_REWRITTEN_OCTETS):
        field = match[0]
        yield field if field.isascii() else _rewritten(field)
    if len(header) > MAX_REWRITTEN_OCTETS:
        yield header[MAX_REWRITTEN_OCTETS:].translate(_NOT_ASCII)


def _rewritten(raw: bytes) -> bytes:
    ending = b"\r\n" if raw.endswith(b"\r\n") else b"\n" if raw.endswith(b"\n") else b""
    name, colon, value = raw.partition(b":")
    if not colon or not name.isascii() or len(raw) > MAX_FIELD_OCTETS:
        # No field at all, where an encoded word could stand; or one that would take too long.
        return raw.translate(_NOT_ASCII)
    text = _FOLD.sub(b"", value).strip()
    if name.rstrip(b" \t").lower() in _ADDRESS_FIELDS:
        text = _addresses(text)
    return _folded(name + b": " + encodeEightBit(text)) + ending


def _addresses(value: bytes) -> bytes:
    out: list[bytes] = []
    isOpen = False  # a group has begun, and has no member yet
    for entry in entries(value):
        if entry == GROUP_END:
            if out:
                out[-1] += b";"
            isOpen = False
            continue
        text = _address(entry)
        if isOpen:
            out[-1] += b" " + text
        else:
            out.append(text)
        isOpen = entry.host is None
    return b", ".join(out)


def _address(entry: Entry) -> bytes:
    if entry.host is None:
        return _phrase(entry.mailbox or b"") + b":"
    mailbox = entry.mailbox or b""
    if mailbox == MISSING_MAILBOX or entry.host == MISSING_DOMAIN:
        return _phrase(entry.name or mailbox or entry.host)
    address = mailbox + b"@" + entry.host
    if not address.isascii():
        # RFC 6858 2.1: no client of ours could write to it.
        return _phrase(b" ".join(filter(None, (entry.name, address)))) + b" Removed:;"
    return _phrase(entry.name) + b" <" + address + b">" if entry.name else address


def _phrase(text: bytes) -> bytes:
    if not text.isascii():
        return encodeWhole(text)
    if _ATOMS.fullmatch(text):
        return text
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _folded(line: bytes) -> bytes:
    if len(line) <= _LINE_OCTETS:
        return line
    out: list[bytes] = []
    current = b""
    for word in line.split(b" "):
        if current.strip() and word and len(current) + 1 + len(word) > _LINE_OCTETS:
            out.append(current)
            current = b" " + word
        else:
            current = current + b" " + word if current else word
    out.append(current)
    return b"\r\n".join(out)
