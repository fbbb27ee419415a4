"""
Tests for L{osxmail.mail.headerdate}.
"""

from __future__ import annotations

from datetime import date
from email.utils import parsedate_to_datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.headerdate import MAX_TIME, SentDate, formatDate, parseDate


class ParseTests(SynchronousTestCase):
    """
    Reading dates.
    """

    def test_forms(self) -> None:
        noon = SentDate(1_704_110_400, date(2024, 1, 1).toordinal())
        for value in (
            b"Mon, 01 Jan 2024 12:00:00 +0000",
            b"Mon, 1 Jan 2024 12:00:00 GMT",
            b"1 jan 2024 12:00:00 +0000 (UTC)",
            b"Mon,1 Jan 2024 12:00 Z",
            b"Monday, 01-Jan-24 12:00:00 UT",
            b"Mon, 01 Jan 2024 14:00:00 +0200",
            b"Mon, 01 Jan 2024 14:00:00 +02:00",
            b"Mon, 01 Jan 2024 07:00:00 EST",
            b"Mon, 01 Jan 124 12:00:00 +0000",
            b"Mon Jan  1 12:00:00 2024",
            b"Mon, 01 January 2024 12.00.00 +0000",
            b"Xyz, 01 Jan 2024 12:00:00",
        ):
            self.assertEqual(parseDate(value), noon, value)
        self.assertEqual(parseDate(b"1 Jan 2024"), SentDate(noon.time - 43_200, noon.day))

    def test_day(self) -> None:
        """
        The day is as it is written, wherever that was.
        """
        sent = parseDate(b"Mon, 01 Jan 2024 23:30:00 -0800")
        self.assertEqual(sent, SentDate(1_704_180_600, date(2024, 1, 1).toordinal()))

    def test_years(self) -> None:
        for year, full in ((b"49", 2049), (b"50", 1950), (b"99", 1999), (b"100", 2000), (b"1969", 1969)):
            sent = parseDate(b"1 Jan " + year + b" 00:00:00 +0000")
            self.assertEqual(sent and sent.day, date(full, 1, 1).toordinal())

    def test_leapSecond(self) -> None:
        self.assertEqual(parseDate(b"31 Dec 2016 23:59:60 +0000"), parseDate(b"31 Dec 2016 23:59:59 +0000"))

    def test_wrong(self) -> None:
        for value in (
            b"",
            b"yesterday",
            b"32 Jan 2024 00:00:00 +0000",
            b"30 Feb 2024",
            b"1 Foo 2024",
            b"1 Jan 2024 25:00:00",
            b"1 Jan 2024 00:61:00",
            b"0 Jan 2024",
            b"1 Jan 0000",
            b"Mon, 01 Jan",
            b"\xff",
        ):
            self.assertIsNone(parseDate(value), value)

    @settings(deadline=None, max_examples=300)
    @given(st.integers(0, MAX_TIME), st.integers(-14 * 60, 14 * 60))
    def test_roundTrip(self, time: int, offset: int) -> None:
        """
        What is written reads back, here and by Python's email package.
        """
        text = formatDate(time, offset)
        sent = parseDate(text.encode())
        self.assertEqual(sent and sent.time, time)
        self.assertEqual(int(parsedate_to_datetime(text).timestamp()), time)

    @settings(deadline=None, max_examples=300)
    @given(
        st.one_of(
            st.binary(max_size=60),
            st.lists(
                st.sampled_from(
                    [
                        b"Mon, ",
                        b"1 ",
                        b"31 ",
                        b"Jan ",
                        b"Feb ",
                        b"2024 ",
                        b"9999 ",
                        b"00",
                        b":",
                        b"+",
                        b"-",
                        b"0000",
                        b"EST",
                        b" ",
                    ]
                ),
                max_size=15,
            ).map(b"".join),
        )
    )
    def test_garbage(self, value: bytes) -> None:
        sent = parseDate(value)
        if sent is not None:
            date.fromordinal(sent.day)


class FormatTests(SynchronousTestCase):
    """
    Writing dates.
    """

    def test_zone(self) -> None:
        self.assertEqual(formatDate(1_704_110_400.9), "Mon, 1 Jan 2024 12:00:00 +0000")
        self.assertEqual(formatDate(1_704_110_400, -210), "Mon, 1 Jan 2024 08:30:00 -0330")

    def test_ends(self) -> None:
        self.assertEqual(formatDate(-5), "Thu, 1 Jan 1970 00:00:00 +0000")
        self.assertTrue(formatDate(1e18).endswith(" 9999 12:26:40 +0000"), formatDate(1e18))
