"""
Tests for L{osxmail.mail.indexentry}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.header import headerOf
from osxmail.mail.indexentry import (
    MAX_FIELD_CHARACTERS,
    MAX_SORTED_CHARACTERS,
    NO_DATE,
    TEXT_FIELDS,
    IndexEntry,
    identifierNumber,
    indexEntry,
    isKept,
    threadNumber,
)
from osxmail.mail.mime import renderMessage
from osxmail.mail.objectid import threadId


def entry(message: bytes) -> IndexEntry:
    return indexEntry(headerOf(message), renderMessage(message).keys, 7, 0)


class EntryTests(SynchronousTestCase):
    def test_whole(self) -> None:
        message = (
            b"From: =?utf-8?q?=C3=84nn?= (Comment) <Ann@Example.test>\r\nTo: bob@x, eve@x\r\nCC: c@x\r\ncc: d@x\r\n"
            b"Subject: Re: [l] =?utf-8?q?Gr=C3=BC=C3=9Fe?=\tx\r\nMessage-ID: <m@x>\r\nReferences: <r@x> <s@x>\r\n"
            b"Date: Thu, 1 Jan 1970 00:00:10 +0100\r\n\r\nbody\r\n"
        )
        found = entry(message)
        self.assertEqual((found.sent, found.sentDay, found.isReply), (10 - 3600, 719163, True))
        self.assertEqual(found.subject, "GRU\u0308SSE X")
        self.assertEqual((found.sender, found.to, found.cc), ("ANN", "BOB", "C"))
        self.assertEqual((found.displayFrom, found.displayTo), ("A\u0308NN", "BOB@X"))
        self.assertEqual(found.identifier, identifierNumber("m@x"))
        self.assertEqual(found.references, (identifierNumber("r@x"), identifierNumber("s@x")))
        self.assertEqual(found.thread, threadNumber(threadId(renderMessage(message).keys, 7, 0)))
        self.assertEqual(
            dict(zip(TEXT_FIELDS, found.texts, strict=True)),
            {
                b"from": "\x1fa\u0308nn (comment) <ann@example.test>\x1fa\u0308nn <ann@example.test>",
                b"to": "\x1fbob@x, eve@x\x1f <bob@x>,  <eve@x>",
                b"cc": "\x1fc@x\x1f <c@x>\x1fd@x\x1f <d@x>",
                b"bcc": "",
                b"subject": "\x1fre: [l] gru\u0308sse x",
            },
        )

    def test_empty(self) -> None:
        found = entry(b"\r\nbody\r\n")
        self.assertEqual((found.sent, found.sentDay, found.identifier, found.references), (NO_DATE, 0, 0, ()))
        self.assertEqual(found.texts, ("",) * len(TEXT_FIELDS))
        self.assertEqual(entry(b"Subject:\r\n\r\n").texts[-1], "\x1f")

    def test_limits(self) -> None:
        """
        What is too long, or no text, is not kept; sort texts are cut.
        """
        long = entry(b"Subject: " + b"x" * (MAX_FIELD_CHARACTERS + 1) + b"\r\nTo: ok@x\r\n\r\n")
        self.assertIsNone(long.texts[TEXT_FIELDS.index(b"subject")])
        self.assertEqual(long.texts[TEXT_FIELDS.index(b"to")], "\x1fok@x\x1f <ok@x>")
        self.assertLessEqual(len(long.subject), MAX_SORTED_CHARACTERS)
        many = entry(b"To: a@x\r\n" * 1_900 + b"\r\n")
        self.assertIsNone(many.texts[TEXT_FIELDS.index(b"to")])
        self.assertIsNone(entry(b"Subject: =?utf-7?q?+2AA-?=\r\n\r\n").texts[TEXT_FIELDS.index(b"subject")])

    def test_numbers(self) -> None:
        self.assertEqual(len({identifierNumber(f"{n}@x") for n in range(10_000)}), 10_000)
        self.assertEqual((threadNumber("nothing"), threadNumber("")), (0, 0))
        self.assertEqual(threadNumber("T" + "0" * 15 + "f" + "1" * 16), 15)

    def test_kept(self) -> None:
        for wanted, kept in (("x y", True), ("", True), ("a\nb", False), ("a\x1fb", False), ("\ud800", False)):
            self.assertEqual(isKept(wanted), kept)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200))
    def test_any(self, value: bytes) -> None:
        """
        Whatever stands in a header, nothing that is kept has a line feed, and all of it can be encoded.
        """
        found = entry(b"From: " + value + b"\r\nSubject: =?utf-7?q?" + value + b"?=\r\nTo: " + value + b"\r\n\r\n")
        for text in (found.subject, found.sender, found.to, found.cc, found.displayFrom, found.displayTo, *found.texts):
            self.assertNotIn("\n", text or "")
        for text in found.texts:
            (text or "").encode("utf-8")
