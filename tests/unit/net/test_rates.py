"""
L{osxmail.net.rates}: token buckets.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from osxmail.net.rates import Rates


class RatesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.rates = Rates(burst=3, perSecond=0.5, clock=self.clock, maxKeys=4)

    def test_burstThenFlow(self) -> None:
        self.assertEqual([self.rates.take("a") for _ in range(4)], [True, True, True, False])
        self.assertEqual(self.rates.waitSeconds("a"), 2.0)
        self.clock.advance(1.9)
        self.assertFalse(self.rates.take("a"))
        self.clock.advance(0.2)
        self.assertTrue(self.rates.take("a"))
        self.assertFalse(self.rates.take("a"))

    def test_keysAreApart(self) -> None:
        self.assertTrue(self.rates.take("a", 3))
        self.assertTrue(self.rates.take("b", 3))

    def test_neverMoreThanABurst(self) -> None:
        self.rates.take("a")
        self.clock.advance(1e6)
        self.assertFalse(self.rates.take("a", 3.5))
        self.assertTrue(self.rates.take("a", 3))
        self.assertEqual(self.rates.waitSeconds("a", 3.5), float("inf"))

    def test_giveBack(self) -> None:
        self.rates.take("a", 3)
        self.rates.giveBack("a", 2)
        self.assertTrue(self.rates.take("a", 2))
        self.rates.giveBack("a", 100)
        self.assertFalse(self.rates.take("a", 4))

    def test_memoryIsBounded(self) -> None:
        for number in range(100):
            self.rates.take(f"k{number}", 3)
        self.assertEqual(len(self.rates), 4)
        self.assertFalse(self.rates.take("k99"))
        self.assertTrue(self.rates.take("k0"))

    def test_nonsense(self) -> None:
        for burst, perSecond, keys in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
            with self.assertRaises(ValueError):
                Rates(burst, perSecond, self.clock, keys)

    @given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 3)), max_size=50))
    @settings(deadline=None, max_examples=200)
    def test_neverOverTheRate(self, steps: list[tuple[float, float]]) -> None:
        clock = Clock()
        rates = Rates(3, 0.5, clock)
        taken = 0.0
        for wait, amount in steps:
            clock.advance(wait)
            if rates.take("a", amount):
                taken += amount
        self.assertLessEqual(taken, 3 + 0.5 * clock.seconds() + 1e-6)
