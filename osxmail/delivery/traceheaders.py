# -*- test-case-name: tests.unit.delivery.test_traceheaders -*-
"""
The header fields that this server puts before a message, and what it reads of those that are there already.

Stored octets are never rewritten: all that is added is a prefix.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from functools import lru_cache

from attrs import frozen

from osxmail.mail.address import Address
from osxmail.mail.envelope import Client
from osxmail.mail.headerdate import formatDate

#: RFC 5321 6.3 asks for 100 at least as the limit where hops are counted; ours is lower because nothing honest comes
#: near: a message that has passed so many servers goes in a circle.
MAX_RECEIVED = 50
#: Octets of a Message-ID that the trace keeps (RFC 5322 2.1.1).
MAX_MESSAGE_ID_OCTETS = 998

#: Reasons that a message is marked with, and characters of each.
MAX_REASONS = 10
MAX_REASON_CHARACTERS = 500
#: Where the lines of a reason are folded (RFC 5322 2.1.1 likes 78).
FOLDED_CHARACTERS = 60

# What EHLO's argument may hold outside a comment (RFC 5321 4.1.1.1); everything else is shown as "?".
_NOT_IN_HELO = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_NOT_IN_COMMENT = re.compile(r"[^A-Za-z0-9.:_ /\[\]-]")
_PROTOCOL = re.compile(r"[A-Z0-9a-z]{1,32}")


@lru_cache(maxsize=8)
def _date(seconds: int) -> str:
    # A busy second has thousands of messages.
    return formatDate(seconds)


@frozen
class HeaderFacts:
    """
    What reception wants to know of a header.

    @ivar received: how many Received fields it has.
    @ivar deliveredTo: the addresses in its Delivered-To fields, in lower case.
    @ivar messageId: without brackets, or C{""}; printable ASCII, bounded.
    @ivar hasMessageId: there is a Message-ID field.
    @ivar hasDate: there is a Date field.
    """

    received: int
    deliveredTo: frozenset[str]
    messageId: str
    hasMessageId: bool
    hasDate: bool


def headerFacts(header: bytes) -> HeaderFacts:
    """
    Read a header section; takes time in proportion to it and never fails.

    Obsolete blanks between a field's name and its colon (RFC 5322 4.5) make it another field here: nothing that
    counts depends on them.
    """
    # Not the whole scanner of mail.header: five plain searches are a tenth of its time, for every message.
    folded = b"\n" + header.lower()
    hasMessageId = b"\nmessage-id:" in folded
    return HeaderFacts(
        folded.count(b"\nreceived:"),
        _deliveredTo(folded) if b"\ndelivered-to:" in folded else frozenset(),
        _messageId(header, folded) if hasMessageId else "",
        hasMessageId,
        b"\ndate:" in folded,
    )


def _deliveredTo(folded: bytes) -> frozenset[str]:
    found: list[str] = []
    at = folded.find(b"\ndelivered-to:")
    while at >= 0 and len(found) < MAX_RECEIVED:
        start = at + len(b"\ndelivered-to:")
        end = folded.find(b"\n", start)
        value = folded[start : end if end >= 0 else len(folded)]
        found.append(value.strip().strip(b"<>").decode("utf-8", "replace"))
        at = folded.find(b"\ndelivered-to:", start)
    return frozenset(found)


def _messageId(header: bytes, folded: bytes) -> str:
    # Offsets in folded are one more than in header, for the newline before it.
    start = folded.find(b"\nmessage-id:") + len(b"message-id:")
    value = header[start : start + MAX_MESSAGE_ID_OCTETS + 4]
    end = value.find(b"\n")
    while 0 <= end < len(value) - 1 and value[end + 1 : end + 2] in (b" ", b"\t"):
        end = value.find(b"\n", end + 1)
    text = (value[:end] if end >= 0 else value).decode("ascii", "replace").strip()
    if text.startswith("<"):
        text = text[1:].partition(">")[0]
    return "".join(c for c in text if "!" <= c <= "~")[:MAX_MESSAGE_ID_OCTETS]


def receivedField(client: Client, hostname: str, queueId: str, recipient: Address | None, seconds: int) -> bytes:
    """
    The Received field (RFC 5321 4.4; RFC 3848 for the protocol word; TLS in a comment).

    @param recipient: for the C{for} clause, when there is one recipient only: more would tell one of another.
    """
    lines = []
    if client.service != "local":
        helo = _NOT_IN_HELO.sub("?", client.helo)[:255] or "unknown"
        host = _NOT_IN_HELO.sub("?", client.host)[:64]
        literal = f"IPv6:{host}" if ":" in host else host
        protocol = client.protocol if _PROTOCOL.fullmatch(client.protocol) else "SMTP"
        lines.append(f"Received: from {helo} ([{literal}])")
        lines.append(f"by {hostname} with {protocol}")
        if client.tls:
            lines.append(f"({_NOT_IN_COMMENT.sub('?', client.tls)[:100]})")
        lines.append(f"id {queueId}")
    else:
        lines.append(f"Received: by {hostname} id {queueId}")
    if recipient is not None:
        lines.append(f"for <{recipient}>")
    return ("\r\n\t".join(lines) + f";\r\n\t{_date(seconds)}\r\n").encode("utf-8", "replace")


def missingFields(facts: HeaderFacts, hostname: str, queueId: str, seconds: int) -> bytes:
    """
    Date and Message-ID, where a message handed in by one of our people has none (RFC 6409 8.1, 8.2).
    """
    missing = ""
    if not facts.hasDate:
        missing += f"Date: {_date(seconds)}\r\n"
    if not facts.hasMessageId:
        missing += f"Message-ID: <{queueId}@{hostname}>\r\n"
    return missing.encode("ascii")


def reasonField(reasons: Sequence[str]) -> bytes:
    """
    C{X-Osxmail-Reason}: in plain words why a message was marked; C{b""} where it was not.
    """
    fields = []
    for reason in reasons[:MAX_REASONS]:
        text = "".join(c if " " <= c <= "~" else "?" for c in reason)[:MAX_REASON_CHARACTERS]
        lines = textwrap.wrap(text, FOLDED_CHARACTERS) or ["?"]
        fields.append("X-Osxmail-Reason: " + "\r\n\t".join(lines) + "\r\n")
    return "".join(fields).encode("ascii")


def returnPath(sender: Address | None) -> bytes:
    """
    The Return-Path field, put in at final delivery (RFC 5321 4.4).
    """
    return f"Return-Path: <{sender or ''}>\r\n".encode("utf-8", "replace")


def deliveredToField(address: Address) -> bytes:
    """
    The Delivered-To field: who this copy was delivered for, by which loops are seen.
    """
    return f"Delivered-To: {address}\r\n".encode("utf-8", "replace")
