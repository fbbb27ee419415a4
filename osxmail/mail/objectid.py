# -*- test-case-name: tests.unit.mail.test_objectid -*-
"""
MAILBOXID (RFC 8474 4), EMAILID and THREADID (RFC 8474 5): derived from what a mailbox or a message is, never stored.

A MAILBOXID is the store's number for the mailbox, which it keeps when it is renamed and which no other ever gets.

An EMAILID names the octets and the prefix of a message, neither of which ever changes: C{E123-1}, or C{E123} where
there is no prefix.  COPY and MOVE keep it (RFC 8474 5.1).

A THREADID is a hash of the identifier with which the conversation began, as far as the message says it: so a reply
lands in the thread of its root without any look-up, whichever comes first and wherever they are.  Half of a SHA-256 is
enough that nobody finds two identifiers with one hash.
"""

from __future__ import annotations

import re
from hashlib import sha256

from osxmail.mail.mimestructure import SortKeys

THREADID_DIGITS = 32  # hexadecimal: 128 bits

_EMAILID = re.compile(r"E([1-9][0-9]{0,17})(?:-([1-9][0-9]{0,8}))?")


def mailboxId(number: int) -> str:
    """
    The MAILBOXID of the mailbox that has this number in the store.
    """
    return f"M{number}"


def emailId(octetsId: int, prefix: int) -> str:
    """
    The EMAILID of octets with a prefix.

    @param octetsId: the store's number for the octets, above zero.
    @param prefix: the prefix's number, 0 for none.
    """
    return f"E{octetsId}-{prefix}" if prefix else f"E{octetsId}"


def parseEmailId(objectId: str) -> tuple[int, int] | None:
    """
    The octets' and the prefix' number, or C{None} where it is no EMAILID of ours.
    """
    match = _EMAILID.fullmatch(objectId)
    return (int(match[1]), int(match[2] or 0)) if match is not None else None


def threadId(keys: SortKeys, octetsId: int, prefix: int) -> str:
    """
    The THREADID of a message.

    @param keys: what it is threaded by: the first identifier of its References counts, else of its In-Reply-To, else
        its own Message-ID; a message without any is a thread of its own.
    """
    root = keys.references[0] if keys.references else keys.messageId
    # No identifier begins with a blank: a message without one cannot land in the thread of another.
    text = root or " " + emailId(octetsId, prefix)
    return "T" + sha256(text.encode("utf-8", "replace")).hexdigest()[:THREADID_DIGITS]
