"""
Tests of L{osxmail.mail.preview}.
"""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail import preview as module
from osxmail.mail.mime import renderMessage
from osxmail.mail.preview import MAX_CHARACTERS, preview


def of(message: bytes) -> str:
    return preview(renderMessage(message).part, lambda offset, length: message[offset : offset + length])


def multipart(kind: bytes, *parts: bytes, boundary: bytes = b"b") -> bytes:
    out = b"Content-Type: multipart/%b; boundary=%b\r\n\r\n" % (kind, boundary)
    return out + b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts) + b"--%b--\r\n" % boundary


PLAIN = b"Content-Type: text/plain\r\n\r\nplain text"
HTML = b"Content-Type: text/html\r\n\r\n<style>p {}</style><p>of <b>HTML</b>&nbsp;&amp;</p>"
QUOTED_PRINTABLE = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
IMAGE = b"Content-Type: image/png\r\n\r\nPNG"


class PreviewTests(SynchronousTestCase):
    def test_oneLine(self) -> None:
        self.assertEqual(of(b"Subject: x\r\n\r\n  Hello,\r\n\r\n\tyou  there\r\n"), "Hello, you there")
        for nothing in (b"", b"Subject: x", b"\r\n", b"\r\n \r\n\t\r\n", b"Content-Type: image/png\r\n\r\nPNG"):
            self.assertEqual(of(nothing), "")

    def test_encodings(self) -> None:
        text = "Grüße – 你好".encode()
        for encoding, body in ((b"base64", base64.encodebytes(text)), (b"8bit", text), (b"quoted-printable", text)):
            message = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n" % encoding
            self.assertEqual(of(message + body), "Grüße – 你好")
        self.assertEqual(of(b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe4"), "ä")
        self.assertEqual(of(b"Content-Type: text/plain; charset=x-none\r\n\r\n\xff\xfe"), "ÿþ")

    def test_characters(self) -> None:
        """
        Characters count, not octets, and none is parted from its marks.
        """
        for text, expected in (
            ("ä" * 300, "ä" * 200),
            ("a" * 199 + " bc", "a" * 199),
            ("a" * 198 + " bc", "a" * 198 + " b"),
            ("a" * 199 + "e\u0301xyz", "a" * 199),
            ("a" * 198 + "\U0001f468\u200d\U0001f469", "a" * 198),
            ("word " * 100, ("word " * 40).strip()),
            ("x" * 100_000, "x" * 200),
        ):
            self.assertEqual(of(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()), expected)

    def test_unseen(self) -> None:
        text = "\u200b\u200e\ufeffa\u00adb\x07c \u202edef\u034f \u2063 \x00 \ue000"
        self.assertEqual(of(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()), "abc def")
        # What joins the parts of a character stays.
        family = "\U0001f468\u200d\U0001f469"
        self.assertEqual(of(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + family.encode()), family)

    def test_whichPart(self) -> None:
        for message, expected in (
            (HTML, "of HTML &"),
            (multipart(b"alternative", PLAIN, HTML), "plain text"),
            (multipart(b"alternative", HTML, PLAIN), "plain text"),
            (multipart(b"alternative", HTML), "of HTML &"),
            (multipart(b"mixed", HTML, PLAIN), "of HTML &"),
            (multipart(b"mixed", IMAGE, PLAIN), "plain text"),
            (multipart(b"mixed", b"Content-Disposition: ATTACHMENT; x=y\r\n" + PLAIN, HTML), "of HTML &"),
            (multipart(b"mixed", b"\r\n \r\n", HTML), "of HTML &"),
            (multipart(b"mixed", b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninner"), "inner"),
            (multipart(b"mixed", multipart(b"alternative", HTML, PLAIN, boundary=b"c"), PLAIN), "plain text"),
        ):
            self.assertEqual(of(message), expected, message)

    def test_title(self) -> None:
        """
        Newsletters have their name there.
        """
        html = b"Content-Type: text/html\r\n\r\n<html><head><TITLE>News</TITLE></head><body><p>Today: rain"
        self.assertEqual(of(html), "Today: rain")

    def test_encrypted(self) -> None:
        """
        RFC 8970 3.2: of what is encrypted there is nothing to be shown.
        """
        octets = b"Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----"
        self.assertEqual(of(multipart(b"encrypted", b"Content-Type: text/plain\r\n\r\nVersion: 1", octets)), "")
        self.assertEqual(of(b"\r\n-----BEGIN PGP MESSAGE-----\r\nwcBMA\r\n"), "")
        self.assertEqual(
            of(b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIB"), ""
        )

    def test_quoted(self) -> None:
        self.assertEqual(of(b"\r\nYes.\r\n> Shall we?\r\n  >> When?\r\nNow > then.\r\n"), "Yes. Now > then.")
        self.assertEqual(of(b"\r\n> Shall we?\r\n"), "> Shall we?")

    def test_bounded(self) -> None:
        """
        However many parts there are, and however long they are.
        """
        empty = b"Content-Type: text/plain\r\n\r\n "
        self.assertEqual(of(multipart(b"mixed", *[empty] * 4, PLAIN)), "plain text")
        self.assertEqual(of(multipart(b"mixed", *[empty] * 5, PLAIN)), "")
        self.assertEqual(of(multipart(b"mixed", *[IMAGE] * 1000, PLAIN)), "")
        reads: list[int] = []
        message = b"Content-Type: text/plain\r\n\r\n" + b"word " * 1_000_000

        def read(offset: int, length: int) -> bytes:
            reads.append(length)
            return message[offset : offset + length]

        self.assertEqual(len(preview(renderMessage(message).part, read)), 199)
        self.assertLess(sum(reads), 3 * module.MAX_TEXT_CHARACTERS)
        # Nothing to be seen, and much of it.
        for start, nothing in (
            (b"Content-Type: text/html\r\n\r\n", b"<div>"),
            (QUOTED_PRINTABLE, b"=\r\n"),
            (b"\r\n", b" "),
        ):
            reads.clear()
            message = start + nothing * 2_000_000 + b"seen"
            self.assertEqual(preview(renderMessage(message).part, read), "")
            self.assertLessEqual(sum(reads), module.MAX_READ_OCTETS)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.sampled_from(
                [b"Content-Type: text/", b"html", b"plain", b"; charset=utf-7", b"utf-16", b"\r\n", b"--b", b"--"]
                + [
                    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n",
                    b"<p>",
                    b"&amp",
                    b"+2AE-",
                    b"\xc3",
                    b"\0",
                ]
                + [b"Content-Transfer-Encoding: base64", b"> ", b"word ", b"\xf0\x9f\x91\xa8\xe2\x80\x8d" * 90]
            ),
            max_size=30,
        ).map(b"".join)
    )
    def test_anything(self, message: bytes) -> None:
        """
        It never fails, and what comes out is one line that can be told.
        """
        shown = of(message)
        self.assertLessEqual(len(shown), MAX_CHARACTERS)
        shown.encode("utf-8")
        self.assertEqual(" ".join(shown.split()), shown)
        self.assertFalse({"\0", "\r", "\n"} & set(shown))
