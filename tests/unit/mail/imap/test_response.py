"""
Tests of L{osxmail.mail.imap.response}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.flags import DELETED, SEEN
from osxmail.mail.imap.reader import Cursor, announcedLiteral
from osxmail.mail.imap.response import (
    RECENT,
    FlagTexts,
    renderDate,
    renderListing,
    renderMailbox,
    renderStatus,
    renderString,
)


class StringTests(SynchronousTestCase):
    def test_forms(self) -> None:
        self.assertEqual(renderString(rb"a\"b"), rb'"a\\\"b"')
        self.assertEqual(renderString("ü".encode()), b"{2}\r\n\xc3\xbc")
        self.assertEqual(renderString(b"a\r\nb"), b"{4}\r\na\r\nb")
        self.assertEqual(renderMailbox("a b"), b'"a b"')
        self.assertEqual(renderMailbox("Entwürfe"), b"Entw&APw-rfe")
        self.assertEqual(renderMailbox("nil"), b'"nil"')
        self.assertEqual(renderMailbox('"Entwürfe" & \\', isUtf8=True), '"\\"Entwürfe\\" & \\\\"'.encode())
        self.assertEqual(renderMailbox("Sent", isUtf8=True), b"Sent")

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=30))
    def test_bothWays(self, value: bytes) -> None:
        """
        What we write, the grammar reads; nothing in a string can end it early.
        """
        raw = renderString(value)
        if raw.startswith(b'"'):
            self.assertEqual(Cursor([raw]).string(), value)
        else:
            line, _, rest = raw.partition(b"\r\n")
            literal = announcedLiteral(line)
            assert literal is not None
            self.assertEqual((literal[0], rest), (len(value), value))


class ItemTests(SynchronousTestCase):
    def test_flags(self) -> None:
        texts = FlagTexts(("$Junk",))
        self.assertEqual(texts[SEEN | DELETED | 1 << 8], b"(\\Seen \\Deleted $Junk)")
        self.assertEqual(texts[0], b"()")
        self.assertEqual(texts[RECENT], b"(\\Recent)")
        self.assertEqual(len(texts), 3)

    def test_dates(self) -> None:
        self.assertEqual(renderDate(837596665), b'"17-Jul-1996 09:44:25 +0000"')
        self.assertEqual(renderDate(-1), b'"31-Dec-1969 23:59:59 +0000"')
        self.assertEqual(renderDate(2**62), b'"31-Dec-9999 ' + renderDate(2**62)[13:])

    def test_listing(self) -> None:
        self.assertEqual(
            renderListing(b"LIST", ["\\HasNoChildren", "\\Sent"], "a/b c"),
            b'* LIST (\\HasNoChildren \\Sent) "/" "a/b c"\r\n',
        )
        self.assertEqual(
            renderListing(b"LIST", [], "a", ["SUBSCRIBED"]), b'* LIST () "/" a ("CHILDINFO" ("SUBSCRIBED"))\r\n'
        )

    def test_status(self) -> None:
        self.assertEqual(
            renderStatus("INBOX", [("MESSAGES", 3), ("UNSEEN", 0)]), b"* STATUS INBOX (MESSAGES 3 UNSEEN 0)\r\n"
        )
