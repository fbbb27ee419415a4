"""
Tests of L{osxmail.mail.imap.sortgrammar}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.reader import BadCharset, BadCommand, Cursor
from osxmail.mail.imap.resultoptions import PartialRange, ResultOptions
from osxmail.mail.imap.searchcommand import CancelUpdate, Sort, Thread
from osxmail.mail.imap.sortgrammar import MAX_TAGS, parseCancelUpdate, parseSort, parseThread
from osxmail.mail.searchkeys import All, And, Fuzzy, Header, Text
from osxmail.mail.sortcriteria import MAX_CRITERIA, SortCriterion


def sort(raw: bytes) -> Sort:
    cursor = Cursor([raw])
    command = parseSort(cursor)
    cursor.end()
    return command


class SortTests(SynchronousTestCase):
    def test_everyForm(self) -> None:
        """
        RFC 5256 5, RFC 5957 5, RFC 6203 7, RFC 5267 5.
        """
        for raw, expected in [
            (b"(DATE) UTF-8 ALL", Sort((SortCriterion("DATE"),), All())),
            (
                b"(reverse date Subject) us-ascii TEXT x FROM y",
                Sort(
                    (SortCriterion("DATE", True), SortCriterion("SUBJECT")),
                    And((Text("x"), Header("from", "y"))),
                ),
            ),
            (
                b'RETURN (PARTIAL 1:10) (RELEVANCY) "UTF-8" FUZZY TEXT x',
                Sort(
                    (SortCriterion("RELEVANCY"),),
                    Fuzzy(Text("x")),
                    options=ResultOptions(frozenset(), PartialRange(1, 10)),
                ),
            ),
        ]:
            with self.subTest(raw=raw):
                self.assertEqual(sort(raw), expected)
        names = b"ARRIVAL CC DATE FROM SIZE SUBJECT TO DISPLAYFROM DISPLAYTO RELEVANCY"
        self.assertEqual(len(sort(b"(%b) UTF-8 ALL" % names).criteria), 10)

    def test_refused(self) -> None:
        for raw in [
            b"",
            b"()",
            b"(DATE)",
            b"(DATE) UTF-8",
            b"DATE UTF-8 ALL",
            b"(DATE REVERSE) UTF-8 ALL",
            b"(REVERSE REVERSE DATE) UTF-8 ALL",
            b"(COLOUR) UTF-8 ALL",
            b"(DATE)UTF-8 ALL",
            b"(DATE) UTF-8 ALL RETURN (MIN)",
            b"(%b) UTF-8 ALL" % b" ".join([b"DATE"] * (MAX_CRITERIA + 1)),
        ]:
            with self.subTest(raw=raw):
                self.assertRaises(BadCommand, sort, raw)
        sort(b"(%b) UTF-8 ALL" % b" ".join([b"DATE"] * MAX_CRITERIA))
        self.assertRaises(BadCharset, sort, b"(DATE) X-NONE ALL")

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                [b"(", b")", b"(DATE)", b"REVERSE", b"SIZE", b"UTF-8", b"ALL", b"RETURN", b"(MIN)", b"FUZZY", b"x"]
            ),
            max_size=9,
        ).map(b" ".join)
        | st.binary(max_size=40)
    )
    def test_parsesOrSaysNot(self, raw: bytes) -> None:
        for parse in (parseSort, parseThread, parseCancelUpdate):
            try:
                parse(Cursor([raw]))
            except BadCommand:
                pass


class ThreadTests(SynchronousTestCase):
    def test_everyForm(self) -> None:
        for name in ["ORDEREDSUBJECT", "REFERENCES", "REFS"]:
            raw = name.lower().encode() + b" UTF-8 ALL"
            self.assertEqual(parseThread(Cursor([raw]), True), Thread(name, All(), True))

    def test_refused(self) -> None:
        for raw in [b"JWZ UTF-8 ALL", b"REFS ALL", b"REFS UTF-8", b"REFS"]:
            with self.subTest(raw=raw):
                self.assertRaises(BadCommand, parseThread, Cursor([raw]))


class CancelTests(SynchronousTestCase):
    def test_everyForm(self) -> None:
        self.assertEqual(parseCancelUpdate(Cursor([b'"B01"'])), CancelUpdate((b"B01",)))
        self.assertEqual(parseCancelUpdate(Cursor([b'"B01" "\\"x"'])), CancelUpdate((b"B01", b'"x')))

    def test_refused(self) -> None:
        for raw in [b"", b"B01", b'""', b'"B01","B02"', b'"' + b"x" * 200 + b'"', b" ".join([b'"x"'] * (MAX_TAGS + 1))]:
            with self.subTest(raw=raw):
                self.assertRaises(BadCommand, parseCancelUpdate, Cursor([raw]))
