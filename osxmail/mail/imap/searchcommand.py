# -*- test-case-name: tests.unit.mail.imap.test_sortgrammar -*-
"""
Commands that search, sort and watch, as values, but for SEARCH (RFC 5256, RFC 5267, RFC 5465, RFC 7377).
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from osxmail.mail.imap.fetchattributes import FetchItems
from osxmail.mail.imap.resultoptions import ResultOptions
from osxmail.mail.searchkeys import SearchKey
from osxmail.mail.sortcriteria import SortCriterion


@frozen
class Sort:
    """
    @ivar options: of RETURN (…) (RFC 5267 3), or C{None} where there is none.
    """

    criteria: tuple[SortCriterion, ...]
    key: SearchKey
    isUid: bool = False
    options: ResultOptions | None = None


@frozen
class Thread:
    """
    @ivar algorithm: one of L{osxmail.mail.threading.ALGORITHMS}.
    """

    algorithm: str
    key: SearchKey
    isUid: bool = False


@frozen
class CancelUpdate:
    """
    The tags of searches whose results are to be watched no longer (RFC 5267 4.3.5).
    """

    tags: tuple[bytes, ...]


@frozen
class MailboxFilter:
    """
    Which mailboxes (RFC 5465 6, RFC 7377 2.2).

    @ivar kind: SELECTED, SELECTED-DELAYED, INBOXES, PERSONAL, SUBSCRIBED, SUBTREE, SUBTREE-ONE or MAILBOXES.
    @ivar names: for the last three.
    """

    kind: str
    names: tuple[str, ...] = ()


@frozen
class MultiSearch:
    """
    ESEARCH.

    @ivar sources: of IN (…); the selected mailbox where there is none.
    """

    sources: tuple[MailboxFilter, ...]
    key: SearchKey
    options: ResultOptions
    hasCharset: bool = False


@frozen
class EventGroup:
    """
    Events of some mailboxes.

    @ivar events: names in upper case; empty for NONE.
    @ivar newItems: what FETCH responses are to say of new messages, or C{None}.
    """

    mailboxes: MailboxFilter
    events: frozenset[str]
    newItems: FetchItems | None = None


@frozen
class Notify:
    """
    @ivar groups: of SET; C{None} for NONE.
    @ivar isStatus: tell how the mailboxes are now.
    """

    groups: tuple[EventGroup, ...] | None
    isStatus: bool = False


SearchCommand: TypeAlias = Sort | Thread | CancelUpdate | MultiSearch | Notify
