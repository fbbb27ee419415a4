"""
L{osxmail.mail.imap.appendgrammar}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.appendgrammar import (
    MAX_URL_OCTETS,
    Content,
    MessageHead,
    PartKind,
    closesUtf8,
    parseMessageHead,
    parsePartHead,
    parseUrl,
)
from osxmail.mail.imap.reader import BadCommand, Cursor

DATE = b'"17-Jul-1996 02:44:25 -0700" '


class HeadTests(SynchronousTestCase):
    def test_everyForm(self) -> None:
        for raw, expected in [
            (b" ", MessageHead((), None, Content.LITERAL)),
            (b" ~", MessageHead((), None, Content.BINARY)),
            (b" (\\seen x) " + DATE, MessageHead(("\\Seen", "x"), 837596665, Content.LITERAL)),
            (b" " + DATE + b"~", MessageHead((), 837596665, Content.BINARY)),
            (b" () UTF8 (~", MessageHead((), None, Content.UTF8)),
            (b" utf8 (", MessageHead((), None, Content.UTF8)),
            (b" (\\Draft) catenate (", MessageHead(("\\Draft",), None, Content.CATENATE)),
        ]:
            with self.subTest(raw=raw):
                cursor = Cursor((raw,))
                self.assertEqual(parseMessageHead(cursor), expected)
                self.assertTrue(cursor.isAtEnd)

    def test_refused(self) -> None:
        for raw in (b"", b" (\\x) ", b" (\\Seen)", b' "x" ', b" " + DATE[:-1], b"(\\Seen) "):
            with self.subTest(raw=raw):
                self.assertRaises(BadCommand, parseMessageHead, Cursor((raw,)))

    def test_parts(self) -> None:
        for raw, expected in [
            (b"TEXT ", PartKind.TEXT),
            (b"text ~", PartKind.TEXT),
            (b"UTF8 (~", PartKind.UTF8),
            (b"URL ", PartKind.URL),
        ]:
            cursor = Cursor((raw,))
            self.assertEqual(parsePartHead(cursor), expected)
            self.assertTrue(cursor.isAtEnd)
        for raw in (b"", b"TEXT", b"X ", b"URL"):
            self.assertRaises(BadCommand, parsePartHead, Cursor((raw,)))

    def test_urls(self) -> None:
        self.assertEqual(parseUrl(Cursor((b'"/a/;UID=1")',))), b"/a/;UID=1")
        self.assertEqual(parseUrl(Cursor((b"", b"x" * MAX_URL_OCTETS, b""))), b"x" * MAX_URL_OCTETS)
        self.assertRaises(BadCommand, parseUrl, Cursor((b"", b"x" * (MAX_URL_OCTETS + 1), b"")))

    def test_utf8(self) -> None:
        closesUtf8(Cursor((b")",)))
        self.assertRaises(BadCommand, closesUtf8, Cursor((b" )",)))

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.sampled_from([b" ", b"(", b")", b"\\Seen", DATE, b"UTF8", b"CATENATE", b"~", b"TEXT", b"URL"])))
    def test_anything(self, words: list[bytes]) -> None:
        """
        It parses, or says that it does not.
        """
        for parse in (parseMessageHead, parsePartHead, parseUrl):
            try:
                parse(Cursor((b"".join(words),)))
            except BadCommand:
                pass
