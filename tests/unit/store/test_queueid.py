from __future__ import annotations

from twisted.trial.unittest import TestCase

from osxmail.store.queueid import ALPHABET, QueueIds, digits


class QueueIdTests(TestCase):
    def test_lettersAndDigitsOnly(self) -> None:
        new = QueueIds().new()
        self.assertEqual(len(new), 15)
        self.assertTrue(set(new) <= set(ALPHABET))
        self.assertTrue(new.isalnum() and new.isascii())

    def test_sortedByTime(self) -> None:
        times = iter([1_700_000_000_000_000, 1_700_000_000_000_001, 1_900_000_000_000_000])
        ids = QueueIds(lambda: next(times))
        made = [ids.new() for _ in range(3)]
        self.assertEqual(made, sorted(made))

    def test_theClockGoesBack(self) -> None:
        times = iter([2_000_000, 1_000_000, 1_000_000, 3_000_000])
        ids = QueueIds(lambda: next(times))
        made = [ids.new()[:11] for _ in range(4)]
        self.assertEqual(made, [digits(n, 11) for n in (2_000_000, 2_000_001, 2_000_002, 3_000_000)])

    def test_twoProcessesInOneMicrosecond(self) -> None:
        made = {QueueIds(lambda: 5).new() for _ in range(20)}
        self.assertGreater(len(made), 15)

    def test_digitsSort(self) -> None:
        numbers = [0, 1, 31, 32, 33, 1023, 1024, 1 << 54]
        self.assertEqual(sorted(digits(n, 11) for n in numbers), [digits(n, 11) for n in numbers])
