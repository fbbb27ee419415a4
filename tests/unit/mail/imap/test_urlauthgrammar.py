"""
L{osxmail.mail.imap.urlauthgrammar}, by way of the grammar.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.command import Command, FetchUrls, GenerateUrls, ResetKeys
from osxmail.mail.imap.grammar import parseCommand
from osxmail.mail.imap.reader import BadCommand, Cursor
from osxmail.mail.imap.urlauthgrammar import MAX_MECHANISMS, MAX_URLS


def parse(name: str, *pieces: bytes) -> Command:
    return parseCommand(name, Cursor(pieces))


class CommandTests(SynchronousTestCase):
    def test_everyForm(self) -> None:
        self.assertEqual(parse("GENURLAUTH", b"u internal"), GenerateUrls(((b"u", "INTERNAL"),)))
        self.assertEqual(parse("GENURLAUTH", b'"a b" X ', b"c", b" Y"), GenerateUrls(((b"a b", "X"), (b"c", "Y"))))
        self.assertEqual(parse("URLFETCH", b'u "v"'), FetchUrls((b"u", b"v")))
        self.assertEqual(parse("RESETKEY", b""), ResetKeys(""))
        self.assertEqual(parse("RESETKEY", b"inbox"), ResetKeys("INBOX"))
        self.assertEqual(parse("RESETKEY", b"a b C"), ResetKeys("a", ("B", "C")))

    def test_bounds(self) -> None:
        parse("URLFETCH", b" ".join([b"u"] * MAX_URLS))
        parse("GENURLAUTH", b" ".join([b"u X"] * MAX_URLS))
        parse("RESETKEY", b"a " + b" ".join([b"X"] * MAX_MECHANISMS))
        for name, raw in [
            ("URLFETCH", b" ".join([b"u"] * (MAX_URLS + 1))),
            ("GENURLAUTH", b" ".join([b"u X"] * (MAX_URLS + 1))),
            ("RESETKEY", b"a " + b" ".join([b"X"] * (MAX_MECHANISMS + 1))),
        ]:
            self.assertRaises(BadCommand, parse, name, raw)

    def test_refused(self) -> None:
        for name, raw in [("GENURLAUTH", b""), ("GENURLAUTH", b"u"), ("GENURLAUTH", b"u X v"), ("URLFETCH", b"")]:
            with self.subTest(name=name, raw=raw):
                self.assertRaises(BadCommand, parse, name, raw)

    @settings(deadline=None, max_examples=200)
    @given(
        st.sampled_from(["GENURLAUTH", "URLFETCH", "RESETKEY"]),
        st.lists(st.sampled_from([b" ", b"a", b'"', b"X", b"\\", b"(", b"\xff", b"\0"])),
    )
    def test_anything(self, name: str, words: list[bytes]) -> None:
        """
        It parses, or says that it does not.
        """
        try:
            parse(name, b"".join(words))
        except BadCommand:
            pass
