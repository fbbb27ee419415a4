# -*- test-case-name: tests.unit.store.test_searchplan -*-
"""
What a search does with each message: a condition for the statement that reads rows, and a test for those messages
whose octets must be seen.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import apsw
from attrs import frozen

from osxmail.mail import searchkeys as keys
from osxmail.mail.objectid import parseEmailId
from osxmail.store.searchtests import SECONDS_A_DAY, Test, bitsOf, startOf, testOf

MAX_RANGES = 30  # of UIDs in a statement; more are looked up in a tree of our own


@frozen
class Plan:
    """
    What to do.

    @ivar need: the dearest thing that a candidate is asked for.
    @ivar atMost: a condition in SQL, over the columns of C{message}: what it leaves out does not match.
    @ivar atLeast: a condition in SQL: what it takes matches.
    @ivar args: named arguments of both.
    @ivar matches: the whole truth about one candidate.
    """

    need: int
    atMost: str
    atLeast: str
    args: dict[str, Any]
    matches: Test


def plan(key: keys.SearchKey, keywords: Mapping[str, int]) -> Plan:
    """
    A plan for a tree of keys.

    @param keywords: bits of the mailbox's keywords by name in lower case.
    """
    key = keys.loosened(key)
    need, test = testOf(key, keywords)
    sql = _Sql(keywords)
    return Plan(need, sql.condition(key, True), sql.condition(key, False), sql.args, test)


# ----------------------------------------------------------------------------------------------- conditions


class _Sql:
    """
    Keys in SQL, and the arguments that they need.
    """

    def __init__(self, keywords: Mapping[str, int]) -> None:
        self.args: dict[str, Any] = {}
        self._keywords = keywords
        self._names: dict[int, str] = {}

    def condition(self, key: keys.SearchKey, unknown: bool) -> str:
        """
        The key in SQL, as if what rows do not know were C{unknown}.
        """
        if isinstance(key, keys.And):
            return "(" + " AND ".join(self.condition(each, unknown) for each in key.keys) + ")"
        if isinstance(key, keys.Or):
            return f"({self.condition(key.left, unknown)} OR {self.condition(key.right, unknown)})"
        if isinstance(key, keys.Not):
            return f"(NOT {self.condition(key.key, not unknown)})"
        if isinstance(key, keys.Uids):
            return self._uids(key)
        known = _row(key, self._keywords)
        return known if known is not None else str(int(unknown))

    def _uids(self, key: keys.Uids) -> str:
        if not len(key.uids):
            return "0"
        name = self._names.setdefault(id(key), f"uids{len(self._names)}")
        if name not in self.args:
            self.args[name] = apsw.carray(array("q", key.uids))
        return f"(uid IN (SELECT value FROM carray(:{name})))"


def _row(key: keys.SearchKey, keywords: Mapping[str, int]) -> str | None:
    """
    A leaf in SQL, C{None} if rows do not know.  Numbers only are put in: they are ours.
    """
    match key:
        case keys.All() | keys.SaveDateSupported():
            return "1"
        case keys.Flag():
            bits = bitsOf(key, keywords)
            return f"(flags & {bits} <> 0)" if bits else "0"
        case keys.UidSet(ranges):
            if len(ranges) > MAX_RANGES:
                return None
            return "(" + " OR ".join(f"uid BETWEEN {int(a)} AND {int(b)}" for a, b in ranges) + ")" if ranges else "0"
        case keys.Before(day):
            return f"(internal_date < {startOf(day)})"
        case keys.On(day):
            return f"(internal_date >= {startOf(day)} AND internal_date < {startOf(day) + SECONDS_A_DAY})"
        case keys.Since(day):
            return f"(internal_date >= {startOf(day)})"
        case keys.ArrivedSince(time):
            return f"(internal_date >= {int(time)})"
        case keys.SavedBefore(day):
            return f"(saved_date < {startOf(day)})"
        case keys.SavedOn(day):
            return f"(saved_date >= {startOf(day)} AND saved_date < {startOf(day) + SECONDS_A_DAY})"
        case keys.SavedSince(day):
            return f"(saved_date >= {startOf(day)})"
        case keys.EmailId(objectId):
            wanted = parseEmailId(objectId)
            return f"(octets_id = {wanted[0]} AND prefix = {wanted[1]})" if wanted is not None else "0"
        case keys.Larger(octets):
            return f"(size > {int(octets)})"
        case keys.Smaller(octets):
            return f"(size < {int(octets)})"
        case keys.Modseq(modseq):
            return f"(modseq >= {int(modseq)})"
        case keys.Body(text) | keys.Text(text) if not text:
            return "1"
    return None
