"""
Tests of L{osxmail.mail.sequenceset}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.sequenceset import (
    MAX_RANGES,
    SequenceSet,
    merged,
    rangesOf,
    renderPairs,
    renderSet,
)


class ParsingTests(SynchronousTestCase):
    def test_everyForm(self) -> None:
        """
        RFC 3501 9: numbers, ranges, C{*} on either side.
        """
        self.assertEqual(SequenceSet.parse("2,4:7,9,12:*").parts, ((2, 2), (4, 7), (9, 9), (12, 0)))
        self.assertEqual(SequenceSet.parse("*:4").parts, ((0, 4),))
        self.assertEqual(SequenceSet.parse("4294967295").parts, ((4294967295, 4294967295),))

    def test_saved(self) -> None:
        """
        RFC 5182 5: C{$}, alone or with others.
        """
        self.assertEqual(SequenceSet.parse("$"), SequenceSet((), True))
        self.assertEqual(SequenceSet.parse("2,$,4"), SequenceSet(((2, 2), (4, 4)), True))
        for text in ["$:4", "4:$", "$$", "$1"]:
            self.assertRaises(ParseError, SequenceSet.parse, text)
        self.assertEqual(SequenceSet.parse("$").resolved(7), ())

    def test_refused(self) -> None:
        for text in ["", "0", "01", "1,", ",1", "1:", ":1", "1:2:3", "-1", "1-2", "a", "4294967296", "9" * 5000, "**"]:
            with self.subTest(text=text):
                self.assertRaises(ParseError, SequenceSet.parse, text)

    def test_limit(self) -> None:
        """
        As many parts as are allowed, and not one more.
        """
        self.assertEqual(len(SequenceSet.parse(",".join(["1"] * MAX_RANGES)).parts), MAX_RANGES)
        self.assertRaises(ParseError, SequenceSet.parse, ",".join(["1"] * (MAX_RANGES + 1)))

    @settings(deadline=None, max_examples=300)
    @given(st.text(alphabet="0123456789:,* a", max_size=40) | st.text(max_size=20))
    def test_parsesOrSaysNot(self, text: str) -> None:
        try:
            numbers = SequenceSet.parse(text)
        except ParseError:
            return
        ranges = numbers.resolved(7)
        self.assertEqual(list(ranges), sorted(ranges))
        self.assertTrue(all(0 < low <= high for low, high in ranges))


class ResolvingTests(SynchronousTestCase):
    def test_star(self) -> None:
        self.assertEqual(SequenceSet.parse("*").resolved(9), ((9, 9),))
        self.assertEqual(SequenceSet.parse("12:*").resolved(9), ((9, 12),))
        self.assertEqual(SequenceSet.parse("3,*:5").resolved(9), ((3, 3), (5, 9)))

    def test_starOfNothing(self) -> None:
        self.assertEqual(SequenceSet.parse("*").resolved(0), ())

    def test_ordersAndJoins(self) -> None:
        self.assertEqual(SequenceSet.parse("9:7,1,2,3,8:12").resolved(20), ((1, 3), (7, 12)))

    @settings(deadline=None, max_examples=200)
    @given(st.sets(st.integers(1, 60)))
    def test_rangesHoldTheSameNumbers(self, numbers: set[int]) -> None:
        ascending = sorted(numbers)
        ranges = rangesOf(ascending)
        self.assertEqual([n for low, high in ranges for n in range(low, high + 1)], ascending)
        self.assertEqual(tuple(ranges), merged((n, n) for n in numbers))
        if ascending:
            text = renderSet(ascending).decode()
            self.assertEqual(SequenceSet.parse(text).resolved(99), tuple(ranges))


class RenderingTests(SynchronousTestCase):
    def test_pairsKeepTheirOrder(self) -> None:
        """
        RFC 4315 3: the n-th of one set is the n-th of the other.
        """
        self.assertEqual(renderPairs([3, 4, 5, 9], [20, 21, 22, 23]), (b"3:5,9", b"20:23"))
        self.assertEqual(renderPairs([9, 3], [1, 2]), (b"9,3", b"1:2"))
