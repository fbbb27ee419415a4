# -*- test-case-name: tests.unit.mail.imap.test_sortgrammar -*-
"""
Commands that search, sort and watch, as values, but for SEARCH (RFC 5256, RFC 5267, RFC 5465, RFC 7377).
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

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


SearchCommand: TypeAlias = Sort | Thread | CancelUpdate
