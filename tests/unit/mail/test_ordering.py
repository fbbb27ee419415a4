"""
Tests for L{osxmail.mail.ordering}.
"""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.ordering import SORTED_AT_ONCE, inOrder


class OrderTests(SynchronousTestCase):
    """
    Sorting in pieces.
    """

    @settings(deadline=None, max_examples=60)
    @given(st.integers(0, 5), st.booleans(), st.sampled_from([1, 2, 10, 1_000_000]), st.integers())
    def test_order(self, pieces: int, isReversed: bool, spread: int, seed: int) -> None:
        source = random.Random(seed)
        count = pieces * SORTED_AT_ONCE // 2 + 7
        column = [source.randrange(spread) for _ in range(count)]
        order = list(range(count))
        source.shuffle(order)
        self.assertEqual(inOrder(order, column, isReversed), sorted(order, key=column.__getitem__, reverse=isReversed))

    def test_texts(self) -> None:
        column = [str(number % 977) for number in range(20_000)]
        self.assertEqual(inOrder(range(20_000), column, False), sorted(range(20_000), key=column.__getitem__))
