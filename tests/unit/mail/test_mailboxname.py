"""
Tests of L{osxmail.mail.mailboxname}.
"""

from __future__ import annotations

import re
from time import perf_counter

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import LimitExceeded, ParseError
from osxmail.mail.mailboxname import (
    MAX_LEVELS,
    MAX_NAME_OCTETS,
    MAX_PATTERN_LENGTH,
    MAX_WILDCARDS,
    Pattern,
    decodeModifiedUTF7,
    encodeModifiedUTF7,
    normalizeMailboxName,
    parents,
)


class NameTests(SynchronousTestCase):
    def test_inbox(self) -> None:
        """
        RFC 3501 5.1: INBOX is INBOX in any case.
        """
        self.assertEqual(normalizeMailboxName("inBox"), "INBOX")
        self.assertEqual(normalizeMailboxName("inbox/Old"), "INBOX/Old")
        self.assertEqual(normalizeMailboxName("Inboxes"), "Inboxes")

    def test_oneFormOfUnicode(self) -> None:
        self.assertEqual(normalizeMailboxName("Entwu\u0308rfe"), "Entwürfe")

    def test_refused(self) -> None:
        for name in ["", "/", "a//b", "/a", "a/", "a\x00b", "a\r\nb", "a\x7f", "a\u2028b", "\ud800"]:
            with self.subTest(name=name):
                self.assertRaises(ParseError, normalizeMailboxName, name)

    def test_limits(self) -> None:
        normalizeMailboxName("a" * MAX_NAME_OCTETS)
        self.assertRaises(LimitExceeded, normalizeMailboxName, "a" * (MAX_NAME_OCTETS + 1))
        self.assertRaises(LimitExceeded, normalizeMailboxName, "ü" * (MAX_NAME_OCTETS // 2 + 1))
        normalizeMailboxName("/".join("a" * MAX_LEVELS))
        self.assertRaises(LimitExceeded, normalizeMailboxName, "/".join("a" * (MAX_LEVELS + 1)))

    def test_parents(self) -> None:
        self.assertEqual(parents("a/b/c"), ["a", "a/b"])
        self.assertEqual(parents("a"), [])


class ModifiedUTF7Tests(SynchronousTestCase):
    def test_examples(self) -> None:
        """
        RFC 3501 5.1.3, its example and its rule about C{&}.
        """
        for name, raw in [
            ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("A & B", b"A &- B"),
            ("Entwürfe", b"Entw&APw-rfe"),
            ("😀", b"&2D3eAA-"),
        ]:
            with self.subTest(name=name):
                self.assertEqual(encodeModifiedUTF7(name), raw)
                self.assertEqual(decodeModifiedUTF7(raw), name)

    def test_refused(self) -> None:
        for raw in [b"&", b"a&b", b"&A-", b"&AAAA-", b"&2D0-", b"&U/BT-", b"\xc3\xbc", b"&APw"]:
            with self.subTest(raw=raw):
                self.assertRaises(ParseError, decodeModifiedUTF7, raw)

    @settings(deadline=None, max_examples=300)
    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
    def test_bothWays(self, name: str) -> None:
        raw = encodeModifiedUTF7(name)
        self.assertEqual(decodeModifiedUTF7(raw), name)
        self.assertTrue(all(32 <= octet < 127 for octet in raw))

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=30) | st.text(alphabet="&-AZaz09+,/ ", max_size=30).map(str.encode))
    def test_parsesOrSaysNot(self, raw: bytes) -> None:
        try:
            decodeModifiedUTF7(raw)
        except ParseError:
            pass


def slowMatch(pattern: str, name: str) -> bool:
    expression = "".join(".*" if c == "*" else "[^/]*" if c == "%" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, name, re.DOTALL) is not None


class PatternTests(SynchronousTestCase):
    def test_examples(self) -> None:
        for pattern, name, expected in [
            ("*", "a/b", True),
            ("%", "a", True),
            ("%", "a/b", False),
            ("a/%", "a/b", True),
            ("a/%", "a/b/c", False),
            ("a/*", "a/b/c", True),
            ("%/%", "a/b", True),
            ("*%", "a/b", True),
            ("a", "a", True),
            ("A", "a", False),
            ("inbox", "INBOX", True),
            ("inb%", "INBOX", True),
            ("InBox/%", "INBOX/x", True),
            ("inb*", "INBOX/x", True),
            ("inbox*", "INBOX/x", True),
            ("inbox*x", "INBOX/X", False),
            ("inboxes*", "INBOX/x", False),
            ("i*", "I/x", False),
            ("", "a", False),
        ]:
            with self.subTest(pattern=pattern, name=name):
                self.assertEqual(Pattern(pattern).matches(name), expected)

    @settings(deadline=None, max_examples=500)
    @given(st.text(alphabet="ab/%*", max_size=8), st.text(alphabet="ab/", max_size=12))
    def test_likeTheDefinition(self, pattern: str, name: str) -> None:
        self.assertEqual(Pattern(pattern).matches(name), slowMatch(pattern, name))

    def test_nothingToBacktrack(self) -> None:
        """
        The pattern that is exponential for a naive matcher.
        """
        pattern = Pattern("%a*" * (MAX_WILDCARDS // 2) + "b")
        started = perf_counter()
        self.assertFalse(pattern.matches("a" * 1000))
        self.assertLess(perf_counter() - started, 0.5)

    def test_limit(self) -> None:
        Pattern("a" * MAX_PATTERN_LENGTH)
        self.assertRaises(LimitExceeded, Pattern, "a" * (MAX_PATTERN_LENGTH + 1))
        Pattern("a*" * MAX_WILDCARDS)
        self.assertRaises(LimitExceeded, Pattern, "a*" * (MAX_WILDCARDS + 1))
