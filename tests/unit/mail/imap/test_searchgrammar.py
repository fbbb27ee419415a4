"""
Tests of L{osxmail.mail.imap.searchgrammar}.
"""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail import searchkeys as k
from osxmail.mail.flags import ANSWERED, SEEN
from osxmail.mail.imap.reader import BadCharset, BadCommand, Cursor
from osxmail.mail.imap.searchgrammar import parseSearch
from osxmail.mail.sequenceset import SequenceSet


def parse(*pieces: bytes) -> k.SearchKey:
    cursor = Cursor(pieces)
    command = parseSearch(cursor)
    cursor.end()
    return command.key


class SearchTests(SynchronousTestCase):
    def test_everyKey(self) -> None:
        """
        RFC 3501 6.4.4.
        """
        for raw, expected in [
            (b"ALL", k.All()),
            (b"answered", k.Flag(ANSWERED)),
            (b"UNSEEN", k.Not(k.Flag(SEEN))),
            (b"NEW", k.And((k.Recent(), k.Not(k.Flag(SEEN))))),
            (b"OLD", k.Not(k.Recent())),
            (b"BCC a", k.Header("bcc", "a")),
            (b"SUBJECT {3}"[:8], k.Header("subject", "a b")),
            (b'HEADER List-Id ""', k.Header("list-id", "")),
            (b'BODY "x\\"y"', k.Body('x"y')),
            (b"TEXT x", k.Text("x")),
            (b"BEFORE 1-Feb-1994", k.Before(date(1994, 2, 1))),
            (b"ON 1-Feb-1994", k.On(date(1994, 2, 1))),
            (b"SINCE 1-Feb-1994", k.Since(date(1994, 2, 1))),
            (b"SENTBEFORE 1-Feb-1994", k.SentBefore(date(1994, 2, 1))),
            (b"SENTON 1-Feb-1994", k.SentOn(date(1994, 2, 1))),
            (b"SENTSINCE 1-Feb-1994", k.SentSince(date(1994, 2, 1))),
            (b"LARGER 5", k.Larger(5)),
            (b"SMALLER 5", k.Smaller(5)),
            (b"KEYWORD $Junk", k.Flag(keyword="$Junk")),
            (b"UNKEYWORD $Junk", k.Not(k.Flag(keyword="$Junk"))),
            (b"UID 3:*", k.Sequence(SequenceSet(((3, 0),)), isUid=True)),
            (b"2,4", k.Sequence(SequenceSet(((2, 2), (4, 4))), isUid=False)),
            (b"*", k.Sequence(SequenceSet(((0, 0),)), isUid=False)),
            (b"MODSEQ 620162338", k.Modseq(620162338)),
            (b"$", k.Sequence(SequenceSet((), True), isUid=False)),
            (b"UID $", k.Sequence(SequenceSet((), True), isUid=True)),
            (b"YOUNGER 60", k.Younger(60)),
            (b"OLDER 4294967295", k.Older(4294967295)),
            (b"SAVEDBEFORE 1-Feb-1994", k.SavedBefore(date(1994, 2, 1))),
            (b"SAVEDON 1-Feb-1994", k.SavedOn(date(1994, 2, 1))),
            (b"SAVEDSINCE 1-Feb-1994", k.SavedSince(date(1994, 2, 1))),
            (b"SAVEDATESUPPORTED", k.SaveDateSupported()),
            (b"EMAILID E12-3", k.EmailId("E12-3")),
            (b"THREADID Tab_c", k.ThreadId("Tab_c")),
            (b"FUZZY TEXT x", k.Fuzzy(k.Text("x"))),
            (b"FUZZY (TEXT x FUZZY NOT SEEN)", k.Fuzzy(k.And((k.Text("x"), k.Not(k.Flag(SEEN)))))),
            (b"FUZZY TEXT x FUZZY TEXT y", k.And((k.Fuzzy(k.Text("x")), k.Fuzzy(k.Text("y"))))),
            (b'MODSEQ "/flags/\\\\draft" all 620162338', k.Modseq(620162338)),
            (b"OR SEEN (ANSWERED ALL)", k.Or(k.Flag(SEEN), k.And((k.Flag(ANSWERED), k.All())))),
            (b"NOT (SEEN)", k.Not(k.Flag(SEEN))),
            (b"SEEN ANSWERED", k.And((k.Flag(SEEN), k.Flag(ANSWERED)))),
        ]:
            with self.subTest(raw=raw):
                pieces = (raw, b"a b", b"") if raw == b"SUBJECT " else (raw,)
                self.assertEqual(parse(*pieces), expected)

    def test_charset(self) -> None:
        self.assertEqual(parse(b"CHARSET UTF-8 TEXT ", "ü".encode(), b""), k.Text("ü"))
        self.assertEqual(parse(b"charset us-ascii TEXT x"), k.Text("x"))
        self.assertEqual(parse('TEXT "ü"'.encode()), k.Text("ü"))
        self.assertRaises(BadCharset, parse, b"CHARSET X-NONE TEXT x")

    def test_refused(self) -> None:
        for raw in [
            b"",
            b" ",
            b"NONSENSE",
            b"()",
            b"(SEEN",
            b"NOT",
            b"OR SEEN",
            b"SEEN  SEEN",
            b"TEXT",
            b"ON 1994",
            b"LARGER x",
            b"UID x",
            b"KEYWORD \\Seen",
            b"CHARSET UTF-8",
            b"MODSEQ -1",
            b'TEXT "\xff"',
            b"SEEN)",
            b"HEADER a",
            b"0",
            b'MODSEQ "/flags/a" foo 1',
            b"YOUNGER 0",
            b"OLDER x",
            b"YOUNGER 4294967296",
            b"SAVEDON yesterday",
            b"EMAILID a.b",
            b"THREADID " + b"x" * 256,
            b"FUZZY",
            b"FUZZY x",
            b"$:3",
        ]:
            with self.subTest(raw=raw):
                self.assertRaises(BadCommand, parse, raw)

    def test_limits(self) -> None:
        parse(b"NOT " * k.MAX_DEPTH + b"SEEN")
        self.assertRaises(BadCommand, parse, b"NOT " * (k.MAX_DEPTH + 1) + b"SEEN")
        parse(b"(" * k.MAX_DEPTH + b"SEEN" + b")" * k.MAX_DEPTH)
        self.assertRaises(BadCommand, parse, b"(" * 60_000)
        parse(b" ".join([b"SEEN"] * k.MAX_KEYS))
        self.assertRaises(BadCommand, parse, b" ".join([b"SEEN"] * (k.MAX_KEYS + 1)))
        parse(b"TEXT " + b"a" * k.MAX_TEXT_OCTETS)
        self.assertRaises(BadCommand, parse, b"TEXT " + b"a" * (k.MAX_TEXT_OCTETS + 1))

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"OR",
                    b"NOT",
                    b"(",
                    b")",
                    b" ",
                    b"SEEN",
                    b"TEXT",
                    b'"a"',
                    b"1:*",
                    b"UID",
                    b"\xff",
                    b"ON",
                    b"1-Feb-1994",
                    b"CHARSET",
                    b"FUZZY",
                    b"$",
                    b"YOUNGER",
                    b"EMAILID",
                    b"RETURN",
                    b"(MIN)",
                ]
            ),
            max_size=14,
        )
    )
    def test_parsesOrSaysNot(self, tokens: list[bytes]) -> None:
        try:
            list(k.leaves(parse(b"".join(tokens))))
        except BadCommand:
            pass
