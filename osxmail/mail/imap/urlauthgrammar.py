# -*- test-case-name: tests.unit.mail.imap.test_urlauthgrammar -*-
"""
The arguments of GENURLAUTH, URLFETCH and RESETKEY (RFC 4467 9).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from osxmail.mail.imap.appendgrammar import parseUrl
from osxmail.mail.imap.command import FetchUrls, GenerateUrls, ResetKeys
from osxmail.mail.imap.reader import BadCommand, Cursor

_Item = TypeVar("_Item")

MAX_URLS = 100  # in one command
MAX_MECHANISMS = 10


def parseGenerateUrls(cursor: Cursor) -> GenerateUrls:
    """
    URLs, each with a mechanism behind it.

    @raise BadCommand:
    """
    return GenerateUrls(_severalOf(cursor, lambda: _pair(cursor), MAX_URLS))


def parseFetchUrls(cursor: Cursor) -> FetchUrls:
    """
    URLs.

    @raise BadCommand:
    """
    return FetchUrls(_severalOf(cursor, lambda: parseUrl(cursor), MAX_URLS))


def parseResetKeys(cursor: Cursor) -> ResetKeys:
    """
    Nothing, or a mailbox and mechanisms.

    @raise BadCommand:
    """
    if cursor.isAtEnd:
        return ResetKeys("")
    mailbox = cursor.mailbox()
    if not cursor.takes(b" "):
        return ResetKeys(mailbox)
    return ResetKeys(mailbox, _severalOf(cursor, lambda: cursor.atom("a mechanism"), MAX_MECHANISMS))


def _pair(cursor: Cursor) -> tuple[bytes, str]:
    url = parseUrl(cursor)
    cursor.space()
    return url, cursor.atom("a mechanism")


def _severalOf(cursor: Cursor, item: Callable[[], _Item], most: int) -> tuple[_Item, ...]:
    items = [item()]
    while cursor.takes(b" "):
        if len(items) >= most:
            raise BadCommand("too many arguments")
        items.append(item())
    return tuple(items)
