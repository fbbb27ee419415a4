# -*- test-case-name: tests.unit.delivery.test_commands -*-
"""
The commands of an outgoing transaction, made of an envelope and of what the next hop has said it can do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from osxmail.mail.envelope import Envelope, Recipient
from osxmail.mail.smtpcommand import encodeXtext
from osxmail.mail.smtpreply import Reply

Extensions = Mapping[str, str]

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")

TOO_LARGE = Reply(552, "5.3.4", ("The message is larger than the next host accepts",))
NEEDS_8BIT = Reply(554, "5.6.3", ("The message has 8-bit content, and the next host does not take it",))
NEEDS_UTF8 = Reply(550, "5.6.7", ("The message needs SMTPUTF8, and the next host does not have it",))
ADDRESS_NEEDS_UTF8 = Reply(553, "5.6.7", ("The address needs SMTPUTF8, and the next host does not have it",))


def parseExtensions(reply: Reply) -> dict[str, str]:
    """
    What the reply to EHLO offers: parameters by keyword in upper case (RFC 5321 4.1.1.1).
    """
    found: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.strip().partition(" ")
        if keyword.upper().startswith("AUTH="):
            # A form that is older than RFC 2554; the real keyword wins.
            found.setdefault("AUTH", f"{keyword[5:]} {parameters}".strip())
        elif _KEYWORD.fullmatch(keyword):
            found[keyword.upper()] = parameters.strip()
    return found


def sizeLimit(extensions: Extensions) -> int:
    """
    The next hop's SIZE in octets; 0 if it states none (RFC 1870 4).
    """
    text = extensions.get("SIZE", "").partition(" ")[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0


@frozen
class Content:
    """
    What has to be known about the content of a message.

    @ivar sizeOctets: as the queue knows it.
    @ivar is8bit: an octet above 127 is in it.
    @ivar headerIs8bit: an octet above 127 is in its header section (RFC 6532).
    """

    sizeOctets: int
    is8bit: bool
    headerIs8bit: bool


def obstacle(envelope: Envelope, content: Content, extensions: Extensions) -> Reply | None:
    """
    Why this message cannot go to this next hop at all; C{None} if it can.
    """
    limit = sizeLimit(extensions)
    if limit and content.sizeOctets > limit:
        # RFC 1870 6.1: it would be refused anyway.
        return TOO_LARGE
    if "SMTPUTF8" not in extensions:
        sender = envelope.sender
        # RFC 6531 3.2: neither the address nor the header may go where they would not be understood.
        if (sender is not None and not sender.isASCII) or (envelope.smtputf8 and content.headerIs8bit):
            return NEEDS_UTF8
    if envelope.body == "8BITMIME" and content.is8bit and "8BITMIME" not in extensions:
        # RFC 6152 3: convert or return.
        return NEEDS_8BIT
    return None


def mailCommand(envelope: Envelope, content: Content, extensions: Extensions) -> bytes:
    """
    MAIL with the parameters that the next hop understands, CRLF included.
    """
    words = [f"MAIL FROM:<{envelope.sender if envelope.sender is not None else ''}>"]
    if "SIZE" in extensions:
        words.append(f"SIZE={content.sizeOctets}")
    if "8BITMIME" in extensions and (content.is8bit or envelope.body == "8BITMIME"):
        words.append("BODY=8BITMIME")
    if envelope.smtputf8 and "SMTPUTF8" in extensions:
        words.append("SMTPUTF8")
    if "DSN" in extensions:
        # RFC 3461 5.2.1: the parameters go on unchanged.
        if envelope.returnContent:
            words.append(f"RET={envelope.returnContent}")
        if envelope.envelopeId:
            words.append(f"ENVID={encodeXtext(envelope.envelopeId)}")
    return (" ".join(words) + "\r\n").encode("utf-8")


def rcptCommand(recipient: Recipient, extensions: Extensions) -> bytes | Reply:
    """
    RCPT with the parameters that the next hop understands, CRLF included; or why it cannot be said.
    """
    address = recipient.address
    if not address.isASCII and "SMTPUTF8" not in extensions:
        return ADDRESS_NEEDS_UTF8
    command = f"RCPT TO:<{address}>"
    if "DSN" in extensions:
        if recipient.notify:
            command += f" NOTIFY={','.join(sorted(recipient.notify))}"
        kind, _, text = recipient.original.partition(";")
        if text and text.isascii():
            command += f" ORCPT={kind};{encodeXtext(text)}"
    return (command + "\r\n").encode("utf-8")
