from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.quantities import formatDuration, formatSize, parseDuration, parseSize


class QuantityTests(SynchronousTestCase):
    def test_durations(self) -> None:
        for text, seconds in [("0", 0), ("90s", 90), ("5m", 300), ("4h", 14400), ("1d 12h", 129600), ("0.5s", 0.5)]:
            self.assertEqual(parseDuration(text), seconds)

    def test_noDurations(self) -> None:
        for text in ["", "5", "h", "-5m", "5 minutes", "1e3s", "5m" * 100]:
            self.assertRaises(ParseError, parseDuration, text)

    def test_sizes(self) -> None:
        pairs = [("0", 0), ("512", 512), ("10M", 10 << 20), ("2g", 2 << 30), ("1 TB", 1 << 40), ("3KiB", 3 << 10)]
        for text, octets in pairs:
            self.assertEqual(parseSize(text), octets)

    def test_noSizes(self) -> None:
        for text in ["", "M", "-1", "1.5G", "10X", "9" * 30]:
            self.assertRaises(ParseError, parseSize, text)

    @given(st.integers(0, 10**9))
    def test_roundTrip(self, number: int) -> None:
        self.assertEqual(parseDuration(formatDuration(number)), number)
        self.assertEqual(parseSize(formatSize(number)), number)
