# -*- test-case-name: tests.unit.mail.test_imapenvelope -*-
"""
A header as IMAP's ENVELOPE (RFC 3501 7.4.2), in ASCII.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import idna

from osxmail.mail.addresslist import Entry, entries
from osxmail.mail.mediatype import MAX_CACHED_OCTETS, nstring, quoted

#: The fields that an ENVELOPE is made of.
ENVELOPE_FIELDS = (
    b"date",
    b"subject",
    b"from",
    b"sender",
    b"reply-to",
    b"to",
    b"cc",
    b"bcc",
    b"in-reply-to",
    b"message-id",
)


def renderedEnvelope(fields: Mapping[bytes, bytes]) -> tuple[bytes, tuple[bytes, bytes, bytes]]:
    """
    The ENVELOPE, and the local parts of the first addresses of From, To and Cc, C{b""} for none, for sorting by.

    @param fields: the first field of each name, unfolded.
    """
    get = fields.get
    sender, fromKey = _field(get(b"from"))
    to, toKey = _field(get(b"to"))
    cc, ccKey = _field(get(b"cc"))
    given, _ = _field(get(b"sender"))
    replyTo, _ = _field(get(b"reply-to"))
    bcc, _ = _field(get(b"bcc"))
    envelope = b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(get(b"date")),
        nstring(get(b"subject")),
        sender,
        # RFC 3501 7.4.2: where these are absent or empty, they are as From.
        sender if given == b"NIL" else given,
        sender if replyTo == b"NIL" else replyTo,
        to,
        cc,
        bcc,
        nstring(get(b"in-reply-to")),
        nstring(get(b"message-id")),
    )
    return envelope, (fromKey, toKey, ccKey)


def _rendered(value: bytes) -> tuple[bytes, bytes]:
    found = entries(value)
    return renderedAddresses(found), (found[0].mailbox or b"") if found else b""


_cachedRendered = lru_cache(maxsize=2048)(_rendered)


def _field(value: bytes | None) -> tuple[bytes, bytes]:
    if not value:
        return b"NIL", b""
    # The same people write, and are written to, again and again.
    return _cachedRendered(value) if len(value) <= MAX_CACHED_OCTETS else _rendered(value)


def renderedAddresses(found: list[Entry]) -> bytes:
    """
    An IMAP address list, or NIL.
    """
    if not found:
        return b"NIL"
    return b"(" + b"".join([_renderedEntry(entry) for entry in found]) + b")"


def _renderedEntry(entry: Entry) -> bytes:
    name, route, mailbox, host = entry
    if host is not None and not host.isascii():
        host = _asciiHost(host)
    return b"(%b %b %b %b)" % (
        b"NIL" if name is None else quoted(name),
        b"NIL" if route is None else quoted(route),
        b"NIL" if mailbox is None else quoted(mailbox),
        b"NIL" if host is None else quoted(host),
    )


def _asciiHost(host: bytes) -> bytes:
    try:
        return idna.encode(host.decode("utf-8"), uts46=True)
    except (idna.IDNAError, UnicodeError):
        return host
