# -*- test-case-name: tests.unit.mail.imap.test_accessgrammar -*-
"""
The grammar of commands about access lists (RFC 4314 7), quotas (RFC 9208 7) and annotations (RFC 5464 5).
"""

from __future__ import annotations

import re
import stringprep
import unicodedata

from osxmail.errors import ParseError
from osxmail.mail.imap.accesscommand import AccessOf, GetMetadata, QuotaOf, SetAccess, SetMetadata, SetQuota
from osxmail.mail.imap.reader import BadCommand, BadName, Cursor
from osxmail.mail.rights import parseRights

MAX_IDENTIFIER_OCTETS = 1024
MAX_ROOT_OCTETS = 1024
MAX_RESOURCES = 20  # in one SETQUOTA
MAX_LIMIT = 0x7FFFFFFFFFFFFFFF  # RFC 9208 7: number64
MAX_ENTRIES = 100  # in one GETMETADATA or SETMETADATA
MAX_ENTRY_OCTETS = 512
MAX_METADATA_OPTIONS = 10

_ENTRY = re.compile(r"/(?:shared|private)(?:/[^/*%\x00-\x1f\x7f-\U0010ffff]+)+")

# RFC 4013 2.3
_PROHIBITED = (
    stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4,
    stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8,
    stringprep.in_table_c9,
)  # fmt: skip


def prepared(text: str) -> str:
    """
    SASLprep (RFC 4013).

    @raise ParseError: it has characters that are prohibited, or runs in both directions at once.
    """
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c)
    )  # RFC 4013 2.1
    result = unicodedata.normalize("NFKC", mapped)
    if any(prohibits(c) for c in result for prohibits in _PROHIBITED):
        raise ParseError("a character that is prohibited")
    if any(map(stringprep.in_table_d1, result)) and (
        any(map(stringprep.in_table_d2, result))
        or not (stringprep.in_table_d1(result[0]) and stringprep.in_table_d1(result[-1]))
    ):
        raise ParseError("text that runs both ways")  # RFC 3454 6
    return result


def _identifier(cursor: Cursor) -> tuple[str, bytes]:
    written = cursor.astring("an identifier")
    if len(written) > MAX_IDENTIFIER_OCTETS:
        raise BadCommand("the identifier is too long")
    try:
        text = prepared(written.decode("utf-8"))
    except (UnicodeDecodeError, ParseError):
        raise BadCommand("an identifier expected") from None
    if not text.removeprefix("-"):
        raise BadCommand("an identifier expected")  # RFC 4314 3: an empty one is BAD
    return text, written


def parseSetAccess(cursor: Cursor) -> SetAccess:
    """
    SETACL.
    """
    mailbox = cursor.mailbox()
    cursor.space()
    identifier, _written = _identifier(cursor)
    cursor.space()
    try:
        text = cursor.astring("rights").decode("ascii")
        operation = text[:1] if text[:1] in ("+", "-") else "="
        return SetAccess(mailbox, identifier, operation, parseRights(text.removeprefix(operation)))
    except UnicodeDecodeError:
        raise BadCommand("there is no such right") from None
    except ParseError as error:
        raise BadCommand(str(error)) from None


def parseAccessOf(cursor: Cursor) -> AccessOf:
    """
    DELETEACL and LISTRIGHTS.
    """
    mailbox = cursor.mailbox()
    cursor.space()
    return AccessOf(mailbox, *_identifier(cursor))


def _root(cursor: Cursor) -> str:
    written = cursor.astring("a quota root")
    if len(written) > MAX_ROOT_OCTETS:
        raise BadCommand("the name is too long")
    try:
        return written.decode("utf-8")
    except UnicodeDecodeError:
        raise BadCommand("a quota root in UTF-8 expected") from None


def parseQuotaOf(cursor: Cursor) -> QuotaOf:
    """
    GETQUOTA.
    """
    return QuotaOf(_root(cursor))


def parseSetQuota(cursor: Cursor) -> SetQuota:
    """
    SETQUOTA.
    """
    root = _root(cursor)
    cursor.expect(b" (", "a list")
    return SetQuota(root, dict(cursor.restOfList(lambda: _limit(cursor), MAX_RESOURCES, mayBeEmpty=True)))


def _limit(cursor: Cursor) -> tuple[str, int]:
    resource = cursor.atom("a resource")
    cursor.space()
    return resource, cursor.number(MAX_LIMIT, "a limit")


# ---------------------------------------------------------------------------------------------- annotations


def _entry(cursor: Cursor) -> str:
    written = cursor.astring("the name of an entry")
    if len(written) > MAX_ENTRY_OCTETS:
        raise BadName("the name of an entry is too long")
    entry = written.decode("latin-1").lower()
    if _ENTRY.fullmatch(entry) is None:
        # RFC 5464 3.2: BAD in any command
        raise BadCommand("the name of an entry begins with /shared/ or /private/")
    if entry.split("/")[2] == "vendor" and entry.count("/") < 4:
        raise BadCommand("an entry of a vendor has four parts")
    return entry


def parseEntries(cursor: Cursor) -> tuple[str, ...]:
    """
    A list of entries in parentheses, each once, lower case.
    """
    cursor.expect(b"(", "a list of entries")
    return tuple(dict.fromkeys(cursor.restOfList(lambda: _entry(cursor), MAX_ENTRIES)))


def _metadataMailbox(cursor: Cursor) -> str:
    """
    A mailbox name, or C{""} for the server.
    """
    return cursor.mailbox(mayBeEmpty=True)


def parseGetMetadata(cursor: Cursor) -> GetMetadata:
    """
    GETMETADATA: its options stand before the mailbox (RFC 5464 5) or behind it (its examples).
    """
    options = None
    if cursor.takes(b"("):
        options = _metadataOptions(cursor)
        cursor.space()
    mailbox = _metadataMailbox(cursor)
    cursor.space()
    if options is None and cursor.takes(b"("):
        if not cursor.looksAt(b"/") and not cursor.isAtString:
            options = _metadataOptions(cursor)
            cursor.space()
            entries = _oneOrMore(cursor)
        else:
            entries = tuple(dict.fromkeys(cursor.restOfList(lambda: _entry(cursor), MAX_ENTRIES)))
    else:
        entries = _oneOrMore(cursor)
    maxOctets, depth = options or (None, 0)
    return GetMetadata(mailbox, entries, maxOctets, depth)


def _oneOrMore(cursor: Cursor) -> tuple[str, ...]:
    return parseEntries(cursor) if cursor.looksAt(b"(") else (_entry(cursor),)


def _metadataOptions(cursor: Cursor) -> tuple[int | None, int | None]:
    maxOctets: int | None = None
    depth: int | None = 0
    for name in cursor.restOfList(lambda: cursor.atom("an option"), MAX_METADATA_OPTIONS):
        cursor.space()
        if name == "MAXSIZE":
            maxOctets = cursor.number(what="a size")
        elif name == "DEPTH":
            written = cursor.astring("a depth").lower()
            if written not in _DEPTHS:
                raise BadCommand("a depth is 0, 1 or infinity")
            depth = _DEPTHS[written]
        else:
            raise BadCommand("no such option of GETMETADATA")
    return maxOctets, depth


_DEPTHS: dict[bytes, int | None] = {b"0": 0, b"1": 1, b"infinity": None}


def parseSetMetadata(cursor: Cursor) -> SetMetadata:
    """
    SETMETADATA.
    """
    mailbox = _metadataMailbox(cursor)
    cursor.expect(b" (", "a list")
    return SetMetadata(mailbox, dict(cursor.restOfList(lambda: _entryAndValue(cursor), MAX_ENTRIES)))


def _entryAndValue(cursor: Cursor) -> tuple[str, bytes | None]:
    entry = _entry(cursor)
    cursor.space()
    return entry, cursor.nvalue()
