# -*- test-case-name: tests.unit.mail.imap.test_appendgrammar -*-
"""
The arguments of APPEND and REPLACE between their literals (RFC 3502, RFC 4466 2.5, RFC 4469 5, RFC 6855 4, RFC 8508 5).
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from osxmail.mail.imap.reader import BadCommand, Cursor
from osxmail.mail.sequenceset import SequenceSet

MAX_URL_OCTETS = 4096


class Content(Enum):
    """
    How a message's octets are given.
    """

    LITERAL = "a literal"
    BINARY = "a literal8"  # RFC 3516 4.4
    UTF8 = "UTF8 and a literal8 in parentheses"  # RFC 6855 4
    CATENATE = "a list of parts"  # RFC 4469 3


class PartKind(Enum):
    """
    A part of what is catenated.
    """

    TEXT = "a literal"
    UTF8 = "a literal8 in parentheses"
    URL = "octets that the server has"


@frozen
class MessageHead:
    """
    What stands before the octets of one message.

    @ivar internalDate: seconds since the epoch, or C{None}.
    """

    flags: tuple[str, ...]
    internalDate: float | None
    content: Content


def parseReplaced(cursor: Cursor) -> SequenceSet:
    """
    The one message that REPLACE names, and the space behind it.

    @raise BadCommand:
    """
    messages = cursor.sequenceSet()
    if messages.hasSaved or len(messages.parts) != 1 or messages.parts[0][0] != messages.parts[0][1]:
        raise BadCommand("one message expected")
    cursor.space()
    return messages


def parseMessageHead(cursor: Cursor) -> MessageHead:
    """
    From the space before a message to where its literal stands; of a CATENATE, to behind its opening parenthesis.

    @raise BadCommand:
    """
    cursor.space()
    flags: tuple[str, ...] = ()
    internalDate = None
    if cursor.looksAt(b"("):
        flags = cursor.flags()
        cursor.space()
    if cursor.looksAt(b'"'):
        internalDate = cursor.dateTime()
        cursor.space()
    if cursor.takes(b"CATENATE ("):
        return MessageHead(flags, internalDate, Content.CATENATE)
    content = Content.LITERAL
    if cursor.takes(b"UTF8 ("):
        _literal8(cursor)
        content = Content.UTF8
    elif cursor.takes(b"~"):
        content = Content.BINARY
    return MessageHead(flags, internalDate, content)


def parsePartHead(cursor: Cursor) -> PartKind:
    """
    From the beginning of a part of a CATENATE to where its literal or its URL stands.

    @raise BadCommand:
    """
    if cursor.takes(b"URL "):
        return PartKind.URL
    if cursor.takes(b"TEXT "):
        cursor.takes(b"~")
        return PartKind.TEXT
    if cursor.takes(b"UTF8 ("):
        _literal8(cursor)
        return PartKind.UTF8
    raise BadCommand("TEXT, UTF8 or URL expected")


def parseUrl(cursor: Cursor) -> bytes:
    """
    The URL of such a part.

    @raise BadCommand:
    """
    url = cursor.astring("a URL")
    if len(url) > MAX_URL_OCTETS:
        raise BadCommand("the URL is too long")
    return url


def closesUtf8(cursor: Cursor) -> None:
    """
    What stands behind the literal of UTF8.

    @raise BadCommand:
    """
    cursor.expect(b")", "a closing parenthesis")


def _literal8(cursor: Cursor) -> None:
    # RFC 6855 4 wants literal8; a plain literal says the same.
    cursor.takes(b"~")
