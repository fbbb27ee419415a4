# -*- test-case-name: tests.unit.mail.imap.test_listgrammar -*-
"""
The grammar of LIST with all its options (RFC 3501 6.3.8, RFC 5258, 5819, 6154, 8440, 9590), of LSUB and STATUS.
"""

from __future__ import annotations

from osxmail.errors import LimitExceeded
from osxmail.mail.imap.accessgrammar import parseEntries
from osxmail.mail.imap.command import ListMailboxes, Status
from osxmail.mail.imap.reader import BadCommand, BadName, Cursor
from osxmail.mail.mailboxname import Pattern

MAX_PATTERNS = 20  # in one LIST
MAX_OPTIONS = 30  # in one list of options, or of items of STATUS

STATUS_ITEMS = frozenset(
    # SIZE: RFC 8438; DELETED: RFC 9051 6.3.11; HIGHESTMODSEQ: RFC 7162 3.1.2.1; DELETED-STORAGE: RFC 9208 4.1.4
    {"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ", "SIZE", "DELETED", "DELETED-STORAGE"}
    | {"MAILBOXID", "APPENDLIMIT"}  # RFC 8474 4.3; RFC 7889 3.1
)

_SELECTIONS = frozenset({"SUBSCRIBED", "SPECIAL-USE", "RECURSIVEMATCH", "REMOTE"})
_RETURNS = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "MYRIGHTS"})


def parseList(cursor: Cursor) -> ListMailboxes:
    """
    LIST.
    """
    select: frozenset[str] = frozenset()
    isExtended = False
    if cursor.takes(b"("):
        isExtended = True
        select = _selections(cursor)
        cursor.space()
    reference = cursor.reference()
    cursor.space()
    patterns: list[str] = []
    if cursor.takes(b"("):
        isExtended = True
        patterns += cursor.restOfList(lambda: _pattern(cursor), MAX_PATTERNS)
    else:
        patterns.append(_pattern(cursor))
    wanted: set[str] = set()
    statusItems: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    if cursor.takes(b" RETURN ("):
        isExtended = True
        for name in cursor.restOfList(lambda: cursor.atom("an option"), MAX_OPTIONS, mayBeEmpty=True):
            if name == "STATUS":
                cursor.space()
                statusItems = parseStatusItems(cursor)
            elif name == "METADATA":  # RFC 9590 4
                cursor.space()
                entries = parseEntries(cursor)
            elif name in _RETURNS:
                wanted.add(name)
            else:
                raise BadCommand("no such option of LIST")
    return ListMailboxes(reference, tuple(patterns), select, frozenset(wanted), statusItems, isExtended, entries)


def _selections(cursor: Cursor) -> frozenset[str]:
    names = frozenset(cursor.restOfList(lambda: cursor.atom("an option"), MAX_OPTIONS, mayBeEmpty=True))
    if not names <= _SELECTIONS:
        raise BadCommand("no such option of LIST")
    if "RECURSIVEMATCH" in names and not names & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise BadCommand("RECURSIVEMATCH needs another option")  # RFC 5258 3.1
    return names


def _pattern(cursor: Cursor) -> str:
    text = cursor.listPattern()
    try:
        Pattern(text)
    except LimitExceeded as error:
        raise BadName(str(error)) from None
    return text


def parseLsub(cursor: Cursor) -> ListMailboxes:
    """
    LSUB.
    """
    reference = cursor.reference()
    cursor.space()
    return ListMailboxes(reference, (_pattern(cursor),))


def parseStatusItems(cursor: Cursor) -> tuple[str, ...]:
    """
    The items of STATUS in parentheses, each once.
    """
    cursor.expect(b"(", "a list of items")
    items = dict.fromkeys(cursor.restOfList(lambda: cursor.atom("an item"), MAX_OPTIONS))
    if not items.keys() <= STATUS_ITEMS:
        raise BadCommand("no such item of STATUS")
    return tuple(items)


def parseStatus(cursor: Cursor) -> Status:
    """
    STATUS.
    """
    mailbox = cursor.mailbox()
    cursor.space()
    return Status(mailbox, parseStatusItems(cursor))
