"""
Tests of L{osxmail.protocols.imap.results}.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.resultoptions import PartialRange, ResultOptions
from osxmail.mail.sequenceset import SequenceSet
from osxmail.protocols.imap import results
from osxmail.protocols.imap.results import concerned, correlator, writeExtended, writePlain


class Session:
    """
    What results are written to.
    """

    tag = b"a1"

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    async def drain(self) -> None: ...
    async def letOthers(self) -> None: ...


class ResultTests(SynchronousTestCase):
    def written(self, function: Any, *args: Any, **named: Any) -> bytes:
        session = Session()
        self.successResultOf(Deferred.fromCoroutine(function(session, *args, **named)))
        return b"".join(session.pieces)

    def extended(self, numbers: list[int], *names: str, **named: Any) -> bytes:
        options = ResultOptions(frozenset(names), named.pop("partial", None))
        session: Any = Session()
        return self.written(writeExtended, correlator(session), False, numbers, options, **named)

    def test_plain(self) -> None:
        self.assertEqual(self.written(writePlain, b"SEARCH", [1, 5, 6]), b"* SEARCH 1 5 6\r\n")
        self.assertEqual(self.written(writePlain, b"SORT", [], 0), b"* SORT\r\n")
        self.assertEqual(self.written(writePlain, b"SORT", [5, 1], 9), b"* SORT 5 1 (MODSEQ 9)\r\n")

    def test_inSlices(self) -> None:
        """
        A set that is written in slices is the same set; a range goes on over the border.
        """
        self.patch(results, "SLICE_NUMBERS", 3)
        for numbers, expected in [
            ([1, 2, 3, 4, 5, 6, 7], b"1:7"),
            ([1, 2, 4, 5, 6, 9, 10], b"1:2,4:6,9:10"),
            ([1, 3, 5, 7, 9], b"1,3,5,7,9"),
        ]:
            self.assertEqual(self.extended(numbers, "ALL"), b'* ESEARCH (TAG "a1") ALL %b\r\n' % expected)

    def test_sorted(self) -> None:
        """
        RFC 5267 3.2: no range runs backwards.
        """
        said = self.extended([7, 6, 1, 2, 3], "ALL", "MIN", "MAX", isAscending=False)
        self.assertEqual(said, b'* ESEARCH (TAG "a1") MIN 7 MAX 3 ALL 7,6,1:3\r\n')

    def test_relevancy(self) -> None:
        self.assertEqual(
            self.extended([1, 5, 10], "ALL", "RELEVANCY", scores=[4, 99, 42]),
            b'* ESEARCH (TAG "a1") ALL 1,5,10 RELEVANCY (4 99 42)\r\n',
        )
        self.assertEqual(self.extended([], "RELEVANCY"), b'* ESEARCH (TAG "a1") RELEVANCY ()\r\n')

    def test_partial(self) -> None:
        said = self.extended([1, 5, 10], partial=PartialRange(-1, -2))
        self.assertEqual(said, b'* ESEARCH (TAG "a1") PARTIAL (-1:-2 5,10)\r\n')
        said = self.extended([1], partial=PartialRange(2, 3))
        self.assertEqual(said, b'* ESEARCH (TAG "a1") PARTIAL (2:3 NIL)\r\n')

    def test_tag(self) -> None:
        """
        A tag may hold what must be escaped in a string.
        """
        session: Any = Session()
        session.tag = b"a'"
        self.assertEqual(correlator(session, b"MAILBOX INBOX"), b'(TAG "a\'" MAILBOX INBOX)')

    def test_concerned(self) -> None:
        """
        RFC 5182 2.4, RFC 9394 3.2: table 1.
        """
        found = [2, 4, 6, 8]
        for names, partial, expected in [
            ({"SAVE"}, None, [2, 4, 6, 8]),
            ({"SAVE", "MIN"}, None, [2]),
            ({"SAVE", "MAX"}, None, [8]),
            ({"SAVE", "MIN", "MAX"}, None, [2, 8]),
            ({"SAVE", "MIN", "COUNT"}, None, [2, 4, 6, 8]),
            ({"SAVE"}, PartialRange(2, 3), [4, 6]),
            ({"SAVE", "MIN"}, PartialRange(1, 2), [2, 4]),
            ({"SAVE", "MAX"}, PartialRange(1, 2), [2, 4, 8]),
            ({"SAVE", "COUNT"}, PartialRange(1, 2), [2, 4, 6, 8]),
        ]:
            with self.subTest(names=names, partial=partial):
                self.assertEqual(list(concerned(ResultOptions(frozenset(names), partial), found)), expected)
        self.assertEqual(list(concerned(ResultOptions(frozenset({"MIN"})), [])), [])

    @settings(deadline=None, max_examples=200)
    @given(st.sets(st.integers(1, 400)).map(sorted), st.integers(1, 9))
    def test_likeTheSet(self, numbers: list[int], slice: int) -> None:
        kept, results.SLICE_NUMBERS = results.SLICE_NUMBERS, slice
        try:
            said = self.extended(numbers, "ALL", "COUNT")
        finally:
            results.SLICE_NUMBERS = kept
        start = b'* ESEARCH (TAG "a1") COUNT %d' % len(numbers)
        if not numbers:
            self.assertEqual(said, start + b"\r\n")
            return
        told = SequenceSet.parse(said.removeprefix(start + b" ALL ").removesuffix(b"\r\n").decode())
        self.assertEqual([n for low, high in told.parts for n in range(low, high + 1)], numbers)
        self.assertEqual(told.resolved(0), told.parts)
