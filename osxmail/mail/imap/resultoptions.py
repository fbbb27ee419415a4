# -*- test-case-name: tests.unit.mail.imap.test_resultoptions -*-
"""
What a searching command is to answer with: RETURN (…) of SEARCH, SORT and ESEARCH (RFC 4731, RFC 5182, RFC 5267,
RFC 6203, RFC 9394).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from attrs import frozen

from osxmail.mail.imap.fetchattributes import FetchItems, parseFetchItems
from osxmail.mail.imap.reader import BadCommand, Cursor

MAX_OPTIONS = 20  # in one RETURN

_Item = TypeVar("_Item")

#: Options that ask for something to be said.
_DATA = frozenset({"MIN", "MAX", "ALL", "COUNT", "RELEVANCY"})
_NAMES = _DATA | {"SAVE", "CONTEXT", "UPDATE"}


@frozen
class PartialRange:
    """
    A window into results (RFC 9394 3.1): both numbers positive, counted from the first result, or both negative,
    counted from the last.
    """

    first: int
    last: int

    def window(self, count: int) -> slice:
        """
        Where it is in so many results; they keep their order.
        """
        low, high = min(self.first, self.last), max(self.first, self.last)
        if low > 0:
            return slice(min(low - 1, count), min(high, count))
        return slice(max(count + low, 0), max(count + high + 1, 0))

    def of(self, results: Sequence[_Item]) -> Sequence[_Item]:
        """
        Those of the results that are in it.
        """
        return results[self.window(len(results))]

    def render(self) -> bytes:
        """
        As it was asked for.
        """
        return b"%d:%d" % (self.first, self.last)


@frozen
class ResultOptions:
    """
    @ivar names: MIN, MAX, ALL, COUNT, RELEVANCY, SAVE, CONTEXT and UPDATE, as far as they were given; an empty list of
        options is ALL.
    @ivar partial: of PARTIAL, or C{None}.
    @ivar newItems: what FETCH responses are to say of new messages that join the results of UPDATE (RFC 5465 7), or
        C{None}.
    """

    names: frozenset[str] = frozenset({"ALL"})
    partial: PartialRange | None = None
    newItems: FetchItems | None = None

    @property
    def isSilent(self) -> bool:
        """
        SAVE alone (RFC 5182 2.1): nothing is to be said.
        """
        return self.names == {"SAVE"} and self.partial is None

    @property
    def isAboutAll(self) -> bool:
        """
        What is kept by SAVE, and what MODSEQ is the highest of, is everything that was found; otherwise what MIN, MAX
        and PARTIAL name (RFC 5182 2.4, RFC 9394 3.2, RFC 4731 3.2).
        """
        return not self.names.isdisjoint(("ALL", "COUNT")) or (
            self.names.isdisjoint(("MIN", "MAX")) and self.partial is None
        )


def takeResultOptions(cursor: Cursor) -> ResultOptions | None:
    """
    C{RETURN (…)} and the space behind it, if it stands here; C{None} if it does not.

    @raise BadCommand: it holds what is no option, or options that exclude one another.
    """
    if not cursor.takes(b"RETURN ("):
        return None
    names: set[str] = set()
    partial: PartialRange | None = None
    newItems: FetchItems | None = None

    def option() -> None:
        nonlocal partial, newItems
        name = cursor.atom("a return option")
        if name == "PARTIAL":
            if partial is not None:
                raise BadCommand("one PARTIAL only")
            cursor.space()
            partial = parsePartialRange(cursor)
            return
        if name not in _NAMES:
            raise BadCommand("no such return option")
        names.add(name)
        if name == "UPDATE" and cursor.looksAt(b" ("):
            cursor.space()
            newItems = parseFetchItems(cursor)

    for _ in cursor.restOfList(option, MAX_OPTIONS, mayBeEmpty=True):
        pass
    cursor.space()
    if partial is not None and "ALL" in names:
        raise BadCommand("either ALL or PARTIAL")  # RFC 9394 3.1
    if not names and partial is None:
        names.add("ALL")  # RFC 4731 3.1
    return ResultOptions(frozenset(names), partial, newItems)


def parsePartialRange(cursor: Cursor) -> PartialRange:
    """
    C{1:100} or C{-1:-100} (RFC 9394 4).

    @raise BadCommand: it is neither.
    """
    first = _place(cursor)
    cursor.expect(b":", "a range of results")
    last = _place(cursor)
    if (first < 0) != (last < 0):
        raise BadCommand("a range of results is counted from one end")
    return PartialRange(first, last)


def _place(cursor: Cursor) -> int:
    sign = -1 if cursor.takes(b"-") else 1
    number = cursor.number(what="a number of a result")
    if not number:
        raise BadCommand("results are counted from 1")
    return sign * number
