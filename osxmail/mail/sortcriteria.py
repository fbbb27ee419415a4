# -*- test-case-name: tests.unit.mail.test_sortcriteria -*-
"""
What SORT sorts by (RFC 5256 3, RFC 5957, RFC 6203 5).
"""

from __future__ import annotations

from attrs import frozen

MAX_CRITERIA = 32  # in one command

#: RFC 5256 3, RFC 5957 3, RFC 6203 5.
NAMES = frozenset({"ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO", "RELEVANCY"})


@frozen
class SortCriterion:
    """
    One thing to sort by; where two messages are equal in it the next counts, and at last the sequence number.

    @ivar name: one of L{NAMES}.
    @ivar isReversed: the greatest first.  RELEVANCY has the most relevant first unless it is reversed.
    """

    name: str
    isReversed: bool = False
