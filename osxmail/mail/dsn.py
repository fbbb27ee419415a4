# -*- test-case-name: tests.unit.mail.test_dsn -*-
"""
Delivery status notifications (RFC 3461 6, RFC 3464, RFC 6522; RFC 6533 for addresses outside ASCII): bounces, delay
notices, and word of success where it was asked for.

A report is ASCII with lines of less than 998 octets, whatever the message it is about was.
"""

from __future__ import annotations

import quopri
import re
import textwrap
from collections.abc import Sequence
from enum import Enum

from attrs import frozen

from osxmail.mail.address import Address
from osxmail.mail.decision import DeliveryStatus
from osxmail.mail.header import firstFields, headerOf
from osxmail.mail.headerdate import formatDate
from osxmail.mail.smtpreply import Reply

MAX_RETURNED_HEADER_OCTETS = 65_536
MAX_RETURNED_OCTETS = 131_072  # of a message that is returned whole; of larger ones the header is
MAX_DIAGNOSTIC_CHARACTERS = 900
MAX_FIELD_CHARACTERS = 990
MAX_LINE_OCTETS = 998  # RFC 5322 2.1.1

_MESSAGE_ID = re.compile(rb"<[!-;=?-~]{1,500}>")


class ReportKind(Enum):
    """
    What a report says; the value is the Action field (RFC 3464 2.3.3).
    """

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


_SUBJECTS = {
    ReportKind.FAILED: "Your message could not be delivered",
    ReportKind.DELAYED: "Your message is delayed",
    ReportKind.DELIVERED: "Your message was delivered",
    ReportKind.RELAYED: "Your message was passed on",
}
_EXPLANATIONS = {
    ReportKind.FAILED: "Your message could not be delivered to the recipients below. It will not be tried again.",
    ReportKind.DELAYED: (
        "Your message could not be delivered yet to the recipients below. You need not send it again: it is kept "
        "here, and delivery is tried again by itself."
    ),
    ReportKind.DELIVERED: "Your message was delivered to the recipients below. You asked to be told.",
    ReportKind.RELAYED: (
        "Your message was passed on to the mail servers of the recipients below. They do not report what becomes "
        "of it, so that this is the last you hear of it from here."
    ),
}


@frozen
class ReportedRecipient:
    """
    What happened for one recipient.

    @ivar status: how it went.
    @ivar original: ORCPT, decoded (C{"rfc822;a@b"}), or C{""}.
    """

    status: DeliveryStatus
    original: str = ""


@frozen
class ReportedMessage:
    """
    The message that a report is about.

    @ivar sender: its envelope's sender, who gets the report.  There is none for mail from the null sender.
    @ivar queueId: our name for it.
    @ivar arrival: when it came, seconds since the epoch.
    @ivar octets: its octets; the header section is enough where it is not to be returned whole.
    @ivar isWhole: return all of it (RET=FULL), not just the header.
    @ivar envelopeId: ENVID, decoded, or C{""}.
    """

    sender: Address
    queueId: str
    arrival: float
    octets: bytes
    isWhole: bool = False
    envelopeId: str = ""


def buildReport(
    kind: ReportKind,
    message: ReportedMessage,
    recipients: Sequence[ReportedRecipient],
    *,
    hostname: str,
    postmaster: Address,
    identifier: str,
    boundary: str,
    now: float,
    retryUntil: float | None = None,
) -> bytes:
    """
    A whole message, header and body, to be sent from the null sender (RFC 3464 2) to the sender of C{message}.

    @param hostname: our own (Reporting-MTA).
    @param postmaster: whom it is from.
    @param identifier: for the Message-ID, without brackets.
    @param boundary: letters and digits that nobody could have guessed; made longer if the message has them
        nevertheless.
    @param now: seconds since the epoch.
    @param retryUntil: for a delay, when we shall give up.
    """
    text, textEncoding = _sevenBit(_text(kind, message, recipients, hostname, retryUntil))
    status = _deliveryStatus(kind, message, recipients, hostname, now, retryUntil)
    returnedType, returned, returnedEncoding = _returned(message)
    content = text + status + returned
    while boundary.encode("ascii") in content:
        boundary += "0"
    original = firstFields(message.octets, (b"message-id",)).get(b"message-id", b"")
    match = _MESSAGE_ID.search(original)
    references = f"In-Reply-To: {match[0].decode('ascii')}\nReferences: {match[0].decode('ascii')}\n" if match else ""
    head = (
        f"From: Mail delivery <{_ascii(str(postmaster))}>\n"
        f"To: <{_ascii(str(message.sender))}>\n"
        f"Subject: {_SUBJECTS[kind]}\n"
        f"Date: {formatDate(now)}\n"
        f"Message-ID: <{identifier}>\n"
        f"{references}"
        "Auto-Submitted: auto-replied\n"  # RFC 3834 2
        "MIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type=delivery-status;\n boundary="{boundary}"\n'
        "\n"
        "This is a report about a message of yours, in MIME format.\n"
        "\n"
        f"--{boundary}\n"
        "Content-Description: What happened\n"
        "Content-Type: text/plain; charset=utf-8\n"
        f"Content-Transfer-Encoding: {textEncoding}\n"
        "\n"
    )
    middle = f"\n--{boundary}\nContent-Description: The same, for programs\nContent-Type: message/delivery-status\n\n"
    last = (
        f"\n--{boundary}\n"
        f"Content-Description: Your message\n"
        f"Content-Type: {returnedType}\n"
        f"Content-Transfer-Encoding: {returnedEncoding}\n"
        "\n"
    )
    return b"".join(
        (
            _crlf(head),
            text,
            _crlf(middle),
            status,
            _crlf(last),
            returned,
            _crlf(f"\n--{boundary}--\n"),
        )
    )


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("ascii")


def _ascii(text: str) -> str:
    """
    Text for a field of ours: no control characters, and RFC 6533 3's form of what is not ASCII.
    """
    return "".join(c if " " <= c <= "~" else f"\\x{{{ord(c):02X}}}" if c > "\x7f" else " " for c in text)


def _clean(text: str) -> str:
    """
    Text for people on one line: what a peer has said holds no control characters here.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_DIAGNOSTIC_CHARACTERS]


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, 76, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


# ------------------------------------------------------------------------------------------------ for people


def _text(
    kind: ReportKind,
    message: ReportedMessage,
    recipients: Sequence[ReportedRecipient],
    hostname: str,
    retryUntil: float | None,
) -> str:
    paragraphs = [_wrapped(_EXPLANATIONS[kind])]
    if kind is ReportKind.DELAYED and retryUntil is not None:
        paragraphs.append(_wrapped(f"If it has not succeeded by {formatDate(retryUntil)}, you will be told."))
    for recipient in recipients:
        status = recipient.status
        lines = [f"<{_clean(str(status.address))}>"]
        original = recipient.original.partition(";")[2]
        if original and original.lower() != str(status.address).lower():
            lines.append(_wrapped(f"(you wrote to <{_clean(original)}>)", "    "))
        said = _clean(str(status.reply))
        host = _clean(status.remoteHost)
        if kind is ReportKind.DELIVERED:
            lines.append("    delivered")
        else:
            lines.append(_wrapped(f"{host} said: {said}" if host else said, "    "))
        paragraphs.append("\n".join(lines))
    paragraphs.append(
        _wrapped(
            f"Your message came here on {formatDate(message.arrival)} and had the number {message.queueId}. What "
            f"identifies it is attached. If you need help, write to the postmaster of {hostname} and quote this report."
        )
    )
    return "\n\n".join(paragraphs) + "\n"


def _sevenBit(text: str) -> tuple[bytes, str]:
    raw = text.encode("utf-8", "replace").replace(b"\n", b"\r\n")
    if _isPlain(raw):
        return raw, "7bit"
    return _quotedPrintable(raw), "quoted-printable"


def _isPlain(octets: bytes) -> bool:
    """
    7-bit data as RFC 2045 2.7 has it.
    """
    lines = octets.count(b"\r\n")
    return (
        octets.isascii()
        and b"\0" not in octets
        and octets.count(b"\n") == lines
        and octets.count(b"\r") == lines
        and max(map(len, octets.split(b"\r\n"))) <= MAX_LINE_OCTETS
    )


def _quotedPrintable(octets: bytes) -> bytes:
    # RFC 2045 6.7: line ends are hard ones, everything odd is =XX.
    lines = octets.replace(b"\r\n", b"\n").split(b"\n")
    encoded = b"\n".join(quopri.encodestring(line.replace(b"\r", b" "), quotetabs=False) for line in lines)
    return encoded.replace(b"\n", b"\r\n")


# ---------------------------------------------------------------------------------------------- for programs


def _deliveryStatus(
    kind: ReportKind,
    message: ReportedMessage,
    recipients: Sequence[ReportedRecipient],
    hostname: str,
    now: float,
    retryUntil: float | None,
) -> bytes:
    # RFC 3464 2.2: about the message.
    fields = [f"Reporting-MTA: dns; {hostname}"]
    if message.envelopeId:
        fields.append(f"Original-Envelope-Id: {_ascii(message.envelopeId)}")
    fields.append(f"Arrival-Date: {formatDate(message.arrival)}")
    fields.append(f"X-Queue-Id: {_ascii(message.queueId)}")
    for recipient in recipients:
        # RFC 3464 2.3: about each recipient.
        status = recipient.status
        fields.append("")
        if recipient.original:
            addressType, _, text = recipient.original.partition(";")
            fields.append(f"Original-Recipient: {_ascii(addressType)};{_ascii(text)}")
        fields.append(f"Final-Recipient: {_typedAddress(status.address)}")
        fields.append(f"Action: {kind.value}")
        fields.append(f"Status: {_statusCode(kind, status.reply)}")
        if status.remoteHost:
            host = _ascii(status.remoteHost).split(" ", 1)[0]
            fields.append(f"Remote-MTA: dns; {host}")
        said = _ascii(_clean(str(status.reply)))[:MAX_DIAGNOSTIC_CHARACTERS]
        if said:
            # RFC 3464 2.3.6: "smtp" is what an SMTP server has said; the rest is ours.
            diagnostic = f"Diagnostic-Code: {'smtp' if status.remoteHost else 'x-osxmail'}; {said}"
            fields.append(_wrapped(diagnostic, " ")[1:])
        fields.append(f"Last-Attempt-Date: {formatDate(now)}")
        if kind is ReportKind.DELAYED and retryUntil is not None:
            fields.append(f"Will-Retry-Until: {formatDate(retryUntil)}")
    # Nothing is that long but what somebody made up.
    return _crlf("\n".join(line[:MAX_FIELD_CHARACTERS] for line in fields) + "\n")


def _typedAddress(address: Address) -> str:
    # RFC 6533 3: what is not ASCII has a type, and a form of seven bits, of its own.
    return f"rfc822; {address}" if address.isASCII else f"utf-8; {_ascii(str(address))}"


def _statusCode(kind: ReportKind, reply: Reply) -> str:
    # RFC 3464 2.3.4: a status is always there; its class agrees with the action.
    if kind in (ReportKind.DELIVERED, ReportKind.RELAYED):
        return reply.enhanced if reply.enhanced.startswith("2.") else "2.0.0"
    if kind is ReportKind.DELAYED:
        return reply.enhanced if reply.enhanced.startswith("4.") else "4.0.0"
    if reply.enhanced[:2] in ("4.", "5."):
        return reply.enhanced
    return "4.4.7" if reply.isTransient else "5.0.0"


def _returned(message: ReportedMessage) -> tuple[str, bytes, str]:
    octets = message.octets
    if message.isWhole and len(octets) <= MAX_RETURNED_OCTETS and _isPlain(octets):
        # RFC 2046 5.2.1: a message within a message is never encoded, so that one with 8-bit octets stays here.
        return "message/rfc822", octets, "7bit"
    header = headerOf(octets[:MAX_RETURNED_HEADER_OCTETS])
    if _isPlain(header):
        return "text/rfc822-headers", header, "7bit"
    return "text/rfc822-headers; charset=utf-8", _quotedPrintable(header), "quoted-printable"
