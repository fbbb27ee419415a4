# -*- test-case-name: tests.unit.mail.imap.test_sortgrammar -*-
"""
The grammar of SORT, THREAD and CANCELUPDATE (RFC 5256 5, RFC 5267 5, RFC 5957 5, RFC 6203 7).
"""

from __future__ import annotations

from osxmail.mail.imap.reader import MAX_TAG_OCTETS, BadCommand, Cursor
from osxmail.mail.imap.resultoptions import takeResultOptions
from osxmail.mail.imap.searchcommand import CancelUpdate, Sort, Thread
from osxmail.mail.imap.searchgrammar import parseCharset, parseKeys
from osxmail.mail.sortcriteria import MAX_CRITERIA, NAMES, SortCriterion
from osxmail.mail.threading import ALGORITHMS

MAX_TAGS = 100  # in one CANCELUPDATE


def parseSort(cursor: Cursor, isUid: bool = False) -> Sort:
    """
    The arguments of SORT.

    @raise osxmail.mail.imap.reader.BadCharset:
    @raise BadCommand:
    """
    options = takeResultOptions(cursor)
    cursor.expect(b"(", "a list of sort criteria")
    criteria = tuple(cursor.restOfList(lambda: _criterion(cursor), MAX_CRITERIA))
    cursor.space()
    codec = parseCharset(cursor, options)
    cursor.space()
    return Sort(criteria, parseKeys(cursor, codec), isUid, options)


def _criterion(cursor: Cursor) -> SortCriterion:
    isReversed = cursor.takes(b"REVERSE ")
    name = cursor.atom("a sort criterion")
    if name not in NAMES:
        raise BadCommand("no such sort criterion")
    return SortCriterion(name, isReversed)


def parseThread(cursor: Cursor, isUid: bool = False) -> Thread:
    """
    The arguments of THREAD.

    @raise osxmail.mail.imap.reader.BadCharset:
    @raise BadCommand:
    """
    algorithm = cursor.atom("an algorithm")
    if algorithm not in ALGORITHMS:
        raise BadCommand("no such algorithm")
    cursor.space()
    codec = parseCharset(cursor, None)
    cursor.space()
    return Thread(algorithm, parseKeys(cursor, codec), isUid)


def parseCancelUpdate(cursor: Cursor) -> CancelUpdate:
    """
    The arguments of CANCELUPDATE.

    @raise BadCommand:
    """
    tags = [_tag(cursor)]
    while not cursor.isAtEnd:
        cursor.space()
        if len(tags) >= MAX_TAGS:
            raise BadCommand("too many tags")
        tags.append(_tag(cursor))
    return CancelUpdate(tuple(tags))


def _tag(cursor: Cursor) -> bytes:
    tag = cursor.string("a tag in quotes")
    if not 0 < len(tag) <= MAX_TAG_OCTETS:
        raise BadCommand("not a tag")
    return tag
