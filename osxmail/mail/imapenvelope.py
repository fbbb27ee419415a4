# -*- test-case-name: tests.unit.mail.test_imapenvelope -*-
"""
A header as IMAP's ENVELOPE (RFC 3501 7.4.2): in ASCII, and for clients that take it in UTF-8.

What stands there in ASCII for an address whose local part is not in ASCII is no address: an answer would go to somebody
else, or nowhere.  Its display name tells what it was (RFC 6858 2.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import idna

from osxmail.mail.addresslist import MISSING_DOMAIN, Entry, entries
from osxmail.mail.mediatype import MAX_CACHED_OCTETS, Quote, nstring, quoted

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


#: What stands for an address that cannot be told (RFC 6858 2.1).
_INVALID = b'"invalid" "internationalized-address.invalid"'


def renderedEnvelope(fields: Mapping[bytes, bytes], quote: Quote = quoted) -> tuple[bytes, tuple[bytes, bytes, bytes]]:
    """
    The ENVELOPE, and the local parts of the first addresses of From, To and Cc, C{b""} for none, for sorting by.

    @param fields: the first field of each name, unfolded.
    @param quote: L{quoted} or L{osxmail.mail.mediatype.quotedUtf8}.
    """
    get = fields.get
    sender, fromKey = _field(get(b"from"), quote)
    to, toKey = _field(get(b"to"), quote)
    cc, ccKey = _field(get(b"cc"), quote)
    given, _ = _field(get(b"sender"), quote)
    replyTo, _ = _field(get(b"reply-to"), quote)
    bcc, _ = _field(get(b"bcc"), quote)
    envelope = b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(get(b"date"), quote),
        nstring(get(b"subject"), quote),
        sender,
        # RFC 3501 7.4.2: where these are absent or empty, they are as From.
        sender if given == b"NIL" else given,
        sender if replyTo == b"NIL" else replyTo,
        to,
        cc,
        bcc,
        nstring(get(b"in-reply-to"), quote),
        nstring(get(b"message-id"), quote),
    )
    return envelope, (fromKey, toKey, ccKey)


def _rendered(value: bytes, quote: Quote) -> tuple[bytes, bytes]:
    found = entries(value)
    return renderedAddresses(found, quote), (found[0].mailbox or b"") if found else b""


_cachedRendered = lru_cache(maxsize=2048)(_rendered)


def _field(value: bytes | None, quote: Quote) -> tuple[bytes, bytes]:
    if not value:
        return b"NIL", b""
    # The same people write, and are written to, again and again.
    return _cachedRendered(value, quote) if len(value) <= MAX_CACHED_OCTETS else _rendered(value, quote)


def renderedAddresses(found: list[Entry], quote: Quote = quoted) -> bytes:
    """
    An IMAP address list, or NIL.
    """
    if not found:
        return b"NIL"
    return b"(" + b"".join([_renderedEntry(entry, quote) for entry in found]) + b")"


def _renderedEntry(entry: Entry, quote: Quote) -> bytes:
    name, route, mailbox, host = entry
    if host is not None and quote is quoted:
        if mailbox is not None and not mailbox.isascii() and host != MISSING_DOMAIN:
            told = b"%b <%b@%b>" % (name, mailbox, host) if name else b"<%b@%b>" % (mailbox, host)
            return b"(%b NIL %b)" % (quoted(told), _INVALID)
        if not host.isascii():
            host = _asciiHost(host)
    return b"(%b %b %b %b)" % (
        b"NIL" if name is None else quote(name),
        b"NIL" if route is None else quote(route),
        b"NIL" if mailbox is None else quote(mailbox),
        b"NIL" if host is None else quote(host),
    )


def _asciiHost(host: bytes) -> bytes:
    try:
        return idna.encode(host.decode("utf-8"), uts46=True)
    except (idna.IDNAError, UnicodeError):
        return host
