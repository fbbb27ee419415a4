"""
Tests for L{osxmail.mail.flags}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.flags import (
    DELETED,
    FIRST_KEYWORD_BIT,
    MAX_KEYWORD_OCTETS,
    MAX_KEYWORDS,
    SEEN,
    SYSTEM_FLAGS,
    flagNames,
    normalizeFlag,
)


class FlagsTests(SynchronousTestCase):
    """
    Flags as names and as bits.
    """

    def test_normal(self) -> None:
        self.assertEqual(normalizeFlag("\\sEEN"), "\\Seen")
        self.assertEqual(normalizeFlag("$Junk"), "$Junk")
        self.assertEqual(normalizeFlag("x" * MAX_KEYWORD_OCTETS), "x" * MAX_KEYWORD_OCTETS)

    def test_wrong(self) -> None:
        for name in (
            "",
            "\\Recent",
            "\\Other",
            "\\",
            "a b",
            "a(b",
            "a]",
            "a\\b",
            'a"',
            "ö",
            "a\r",
            "x" * (MAX_KEYWORD_OCTETS + 1),
        ):
            self.assertRaises(ParseError, normalizeFlag, name)

    def test_bits(self) -> None:
        """
        System flags first, keywords by the mailbox's table; a bit that has no name yet has none.
        """
        bits = SEEN | DELETED | 1 << FIRST_KEYWORD_BIT | 1 << (FIRST_KEYWORD_BIT + 2)
        self.assertEqual(flagNames(bits, ("$A", "$B", "$C")), ("\\Seen", "\\Deleted", "$A", "$C"))
        self.assertEqual(flagNames(bits, ("$A",)), ("\\Seen", "\\Deleted", "$A"))
        self.assertEqual(flagNames(0, ("$A",)), ())

    def test_room(self) -> None:
        """
        System flags keep clear of keywords, and the last keyword of a mailbox has a bit that SQLite can hold.
        """
        self.assertLess(max(SYSTEM_FLAGS.values()), 1 << FIRST_KEYWORD_BIT)
        self.assertLess(1 << (FIRST_KEYWORD_BIT + MAX_KEYWORDS - 1), 1 << 63)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=20))
    def test_garbage(self, name: str) -> None:
        try:
            normal = normalizeFlag(name)
        except ParseError:
            return
        self.assertEqual(normalizeFlag(normal), normal)
        self.assertTrue(normal.isascii() and normal.isprintable())
