# -*- test-case-name: tests.unit.mail.test_indexentry -*-
"""
What an index keeps of a message's header: what it is sorted and threaded by (RFC 5256, RFC 5957), and the texts of the
fields that people look for something in.
"""

from __future__ import annotations

from hashlib import blake2b

from attrs import frozen

from osxmail.mail.addresslist import entries
from osxmail.mail.encodedword import decodeWords
from osxmail.mail.header import fields
from osxmail.mail.mimestructure import SortKeys
from osxmail.mail.objectid import threadId
from osxmail.mail.searchtext import fieldTexts
from osxmail.mail.text import collated

MAX_FIELD_CHARACTERS = 4_096  # of the texts of a field that are kept
MAX_SORTED_CHARACTERS = 500  # of a text that is sorted by

#: Fields whose texts are kept, in the order of L{IndexEntry.texts}.
TEXT_FIELDS = (b"from", b"to", b"cc", b"bcc", b"subject")

#: Stands between two texts of one field, and before the first: what has it is not looked for in an index.
TEXT_BREAK = "\x1f"

#: Stands for "no Date field that can be read".
NO_DATE = -(1 << 63)


@frozen
class IndexEntry:
    """
    See the module.  No text has a line feed.

    @ivar sent: what the Date field says, seconds since the epoch, or L{NO_DATE}.
    @ivar sentDay: the day as it is written there, as C{date.toordinal} counts, or 0.
    @ivar isReply: the subject says that it is a reply or a forward.
    @ivar subject: the base subject, to be sorted by.
    @ivar sender: the local part of the first address in From, to be sorted by.
    @ivar to: of To.
    @ivar cc: of Cc.
    @ivar displayFrom: the name of the first address in From, or else that address, to be sorted by.
    @ivar displayTo: of To.
    @ivar identifier: L{identifierNumber} of the Message-ID, 0 where there is none.
    @ivar references: likewise, of those that it refers to, the oldest first.
    @ivar thread: L{threadNumber} of the THREADID.
    @ivar texts: of each of L{TEXT_FIELDS} the L{fieldTexts} of all such fields, each after a L{TEXT_BREAK}; C{""} where
        there is no such field, C{None} where they are too long to be kept, or no text.
    """

    sent: int
    sentDay: int
    isReply: bool
    subject: str
    sender: str
    to: str
    cc: str
    displayFrom: str
    displayTo: str
    identifier: int
    references: tuple[int, ...]
    thread: int
    texts: tuple[str | None, ...]


def identifierNumber(identifier: str) -> int:
    """
    A number of 64 bits for a Message-ID, never 0: two that are different have different ones, but for once in many
    thousand million pairs.
    """
    octets = identifier.encode("utf-8", "replace")
    return int.from_bytes(blake2b(octets, digest_size=8).digest(), "little") or 1


def threadNumber(objectId: str) -> int:
    """
    The first 64 bits of a THREADID; 0 where it is none of ours.
    """
    try:
        return int(objectId[1:17], 16)
    except ValueError:
        return 0


def sortText(text: str) -> str:
    """
    As it is sorted by.
    """
    return collated(text[:MAX_SORTED_CHARACTERS]).replace("\n", " ")


def displayName(value: bytes) -> str:
    """
    What DISPLAYFROM and DISPLAYTO sort by (RFC 5957 3): the name of the first address in the value of a field, or else
    the address.
    """
    for name, _, mailbox, host in entries(value):
        if mailbox is None or host is None:
            continue
        text = decodeWords(name).strip() if name else ""
        return text or f"{decodeWords(mailbox)}@{decodeWords(host)}"
    return ""


def indexEntry(header: bytes, keys: SortKeys, octetsId: int, prefix: int) -> IndexEntry:
    """
    The entry of a message.

    @param header: prefix and header section.
    @param octetsId: the store's number for the octets.
    @param prefix: the prefix's number, 0 for none.
    """
    texts: dict[bytes, str] = {}
    names = {b"from": "", b"to": ""}
    for name, value in fields(header):
        if name not in TEXT_FIELDS:
            continue
        if name in names and name not in texts:
            names[name] = sortText(displayName(value))
        known = texts.get(name, "")
        if len(known) <= MAX_FIELD_CHARACTERS:
            texts[name] = known + "".join(
                TEXT_BREAK + text.replace("\n", TEXT_BREAK) for text in fieldTexts(name, value)
            )
    sent = keys.sent
    return IndexEntry(
        sent=sent.time if sent is not None else NO_DATE,
        sentDay=sent.day if sent is not None else 0,
        isReply=keys.isReply,
        subject=sortText(keys.subject),
        sender=sortText(keys.sender),
        to=sortText(keys.to),
        cc=sortText(keys.cc),
        displayFrom=names[b"from"],
        displayTo=names[b"to"],
        identifier=identifierNumber(keys.messageId) if keys.messageId else 0,
        references=tuple(identifierNumber(each) for each in keys.references),
        thread=threadNumber(threadId(keys, octetsId, prefix)),
        texts=tuple(
            text if len(text) <= MAX_FIELD_CHARACTERS and isUnicode(text) else None
            for text in (texts.get(name, "") for name in TEXT_FIELDS)
        ),
    )


def isKept(wanted: str) -> bool:
    """
    Can it be looked for in L{IndexEntry.texts}?

    @param wanted: folded.
    """
    return TEXT_BREAK not in wanted and "\n" not in wanted and isUnicode(wanted)


def isUnicode(text: str) -> bool:
    """
    Is it text that can be encoded?  Half a surrogate pair, out of broken input, cannot.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
