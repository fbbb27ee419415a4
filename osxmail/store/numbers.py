# -*- test-case-name: tests.unit.store.test_numbers -*-
"""
Many numbers in one step: sets of UIDs going into a statement, and columns of numbers coming out of it in one row.

See the manual, "Few statements".
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import apsw

_NUMBERS_AT_ONCE = 5_000  # the GIL is held while so many are read: half a millisecond


class UidCondition:
    """
    A set of UIDs as a condition of a statement.

    @ivar sql: to be put after C{WHERE mailbox_id = :mailbox}; C{""} for every message.
    @ivar args: the named arguments that it needs.
    """

    __slots__ = ("args", "sql")

    def __init__(self, uids: Sequence[int] | None) -> None:
        """
        @param uids: ascending, not empty; C{None} is every message.
        """
        self.args: dict[str, Any] = {}
        if uids is None:
            self.sql = ""
        elif uids[-1] - uids[0] + 1 == len(uids):
            self.sql = " AND uid BETWEEN :firstUid AND :lastUid"
            self.args = {"firstUid": uids[0], "lastUid": uids[-1]}
        else:
            self.sql = " AND uid IN (SELECT value FROM carray(:uids))"
            self.args = {"uids": apsw.carray(array("q", uids))}

    def rows(self, before: str) -> str:
        """
        A SELECT of these UIDs, which all exist, each after the expressions C{before}.
        """
        if "uids" in self.args:
            return f"SELECT {before}, value FROM carray(:uids)"
        return f"SELECT {before}, uid FROM message WHERE mailbox_id = :mailbox{self.sql}"


def numbersFrom(text: str | None, typecode: str) -> array[int]:
    """
    The numbers of a C{group_concat} with commas; none of C{None}.
    """
    numbers = array(typecode)
    while text:
        # In parts, so that no thread holds the GIL for long.
        parts = text.split(",", _NUMBERS_AT_ONCE)
        text = parts.pop() if len(parts) > _NUMBERS_AT_ONCE else None
        numbers.extend(map(int, parts))
    return numbers


def ascending(first: int | None, last: int | None, count: int, text: str | None) -> array[int]:
    """
    Ascending UIDs out of a C{group_concat}, without reading it where they have no gap.
    """
    if first is not None and last is not None and last - first + 1 == count:
        return array("I", range(first, last + 1))
    return numbersFrom(text, "I")
