"""
Tests of L{osxmail.mail.imap.reader}.
"""

from __future__ import annotations

from datetime import date

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.reader import MAX_FLAGS, BadCommand, BadName, Cursor, announcedLiteral, splitFirstLine


class LineTests(SynchronousTestCase):
    def test_firstLine(self) -> None:
        for line, expected in [
            (b"a1 noop", (b"a1", "NOOP", b"")),
            (b"a1 select INBOX", (b"a1", "SELECT", b"INBOX")),
            (b"a1 fetch ", (b"a1", "FETCH", b"")),
            (b"a1", (b"a1", "", b"")),
            (b"a1 ", (b"a1", "", b"")),
            (b"a1 n(op", (b"a1", "", b"")),
            (b"", (b"", "", b"")),
            (b"+ noop", (b"", "", b"")),
            (b" noop", (b"", "", b"")),
            (b"a\xff noop", (b"", "", b"")),
            (b"a(1 noop", (b"", "", b"")),
            (b"a" * 129 + b" noop", (b"", "", b"")),
        ]:
            with self.subTest(line=line):
                self.assertEqual(splitFirstLine(line), expected)

    def test_literal(self) -> None:
        """
        RFC 3501 4.3 and RFC 7888: only at the very end, with and without C{+}.
        """
        self.assertEqual(announcedLiteral(b"a login {4}"), (4, True, 8))
        self.assertEqual(announcedLiteral(b"a login {0004+}"), (4, False, 8))
        self.assertEqual(announcedLiteral(b"{99999999999999999999}"), (99999999999999999999, True, 0))
        for line in [b"", b"{4} ", b"{}", b"{+}", b"{-4}", b"{4-}", b"{" + b"9" * 30 + b"}", b"4}"]:
            with self.subTest(line=line):
                self.assertIsNone(announcedLiteral(line))


class CursorTests(SynchronousTestCase):
    def test_strings(self) -> None:
        """
        RFC 3501 9: an astring is an atom, a quoted string or a literal, wherever it stands.
        """
        cursor = Cursor([rb'a]b "c\"\\ d" ', b"e\r\nf", b" ", b"", b""])
        self.assertEqual(cursor.astring(), b"a]b")
        cursor.space()
        self.assertEqual(cursor.astring(), b'c"\\ d')
        cursor.space()
        self.assertEqual(cursor.astring(), b"e\r\nf")
        cursor.space()
        self.assertFalse(cursor.isAtEnd)
        self.assertEqual(cursor.astring(), b"")
        self.assertTrue(cursor.isAtEnd)
        cursor.end()

    def test_brokenStrings(self) -> None:
        for pieces in [[b'"abc'], [rb'"a\b"'], [b'"a\rb"'], [b'"a\0b"'], [b""], [b"("], [b"", b"a\0", b""], [b"\xff"]]:
            with self.subTest(pieces=pieces):
                self.assertRaises(BadCommand, Cursor(pieces).astring)

    def test_aLiteralThatNobodyAskedFor(self) -> None:
        cursor = Cursor([b"a", b"b", b""])
        cursor.atom()
        self.assertRaises(BadCommand, cursor.end)

    def test_numbers(self) -> None:
        self.assertEqual(Cursor([b"4294967295"]).number(), 4294967295)
        self.assertRaises(BadCommand, Cursor([b"4294967296"]).number)
        self.assertEqual(Cursor([b"9223372036854775807"]).modseq(), 2**63 - 1)
        self.assertRaises(BadCommand, Cursor([b"9223372036854775808"]).modseq)
        self.assertRaises(BadCommand, Cursor([b"x"]).number)

    def test_flags(self) -> None:
        self.assertEqual(Cursor([rb"(\SEEN $Junk \recent \Seen)"]).flags(), ("\\Seen", "$Junk"))
        self.assertEqual(Cursor([b"()"]).flags(), ())
        self.assertEqual(Cursor([rb"\Seen $a"]).flagsBareOrListed(), ("\\Seen", "$a"))
        for text in [b"(", b"(a", b"(a  b)", rb"(\Nonsense)", b"( a)", b"(a{1})", rb"(\*)"]:
            with self.subTest(text=text):
                self.assertRaises(BadCommand, Cursor([text]).flags)

    def test_mostFlags(self) -> None:
        names = [b"k%d" % n for n in range(MAX_FLAGS + 1)]
        self.assertEqual(len(Cursor([b"(" + b" ".join(names[:-1]) + b")"]).flags()), MAX_FLAGS)
        self.assertRaises(BadCommand, Cursor([b"(" + b" ".join(names) + b")"]).flags)

    def test_dates(self) -> None:
        self.assertEqual(Cursor([b"1-Feb-1994"]).day(), date(1994, 2, 1))
        self.assertEqual(Cursor([b'"01-FEB-1994"']).day(), date(1994, 2, 1))
        for text in [b"30-Feb-1994", b"1-Foo-1994", b'"1-Feb-1994', b"1-Feb-94", b"1-Feb-0000", b"x"]:
            with self.subTest(text=text):
                self.assertRaises(BadCommand, Cursor([text]).day)

    def test_dateTimes(self) -> None:
        self.assertEqual(Cursor([b'"17-Jul-1996 02:44:25 -0700"']).dateTime(), 837596665)
        self.assertEqual(Cursor([b'" 1-Jan-1970 01:00:00 +0100"']).dateTime(), 0)
        self.assertEqual(Cursor([b'"31-Dec-1998 23:59:60 +0000"']).dateTime(), 915148799)
        for text in [
            b'"17-Jul-1996 24:44:25 -0700"',
            b'"17-Jul-1996 02:44:25 -9900"',
            b'"17-Jul-1996"',
            b'"32-Jul-1996 02:44:25 -0700"',
            b'"01-Jan-0000 00:00:00 +0000"',
        ]:
            with self.subTest(text=text):
                self.assertRaises(BadCommand, Cursor([text]).dateTime)

    def test_mailboxes(self) -> None:
        self.assertEqual(Cursor([b"inbox"]).mailbox(), "INBOX")
        self.assertEqual(Cursor([b'"Entw&APw-rfe"']).mailbox(), "Entwürfe")
        self.assertEqual(Cursor([b"a/b/"]).mailbox(isNew=True), "a/b")
        self.assertEqual(Cursor(['"Entwürfe&-"'.encode()], isUtf8=True).mailbox(), "Entwürfe&-")
        self.assertRaises(BadName, Cursor([b'"\xfc"'], isUtf8=True).mailbox)
        for raw in [b"a/b/", b"&", b'""', b"a//b", b"a" * 1001]:
            with self.subTest(raw=raw):
                self.assertRaises(BadName, Cursor([raw]).mailbox)
