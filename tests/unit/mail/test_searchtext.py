"""
Tests for L{osxmail.mail.searchtext}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.header import headerOf
from osxmail.mail.mime import renderMessage
from osxmail.mail.searchtext import MAX_TRIGRAMS, fieldTexts, indexedForm, indexedPieces, trigrams
from osxmail.mail.text import BREAK, bodyTexts, folded, headerText


def indexed(message: bytes) -> str:
    part = renderMessage(message).part
    return "".join(indexedPieces(headerOf(message), part, lambda at, length: message[at : at + length]))


class FieldTests(SynchronousTestCase):
    def test_texts(self) -> None:
        self.assertEqual(fieldTexts(b"subject", b"=?utf-8?q?=C3=84?= B\tc"), ("a\u0308 b c",))
        self.assertEqual(fieldTexts(b"to", b'"Q" (x) <q@X>'), ('"q" (x) <q@x>', "q <q@x>"))


class TrigramTests(SynchronousTestCase):
    def test_trigrams(self) -> None:
        for wanted, expected in (
            ("", []),
            ("ab", []),
            ("abc", ["abc"]),
            ("abcd", ["abc", "bcd"]),
            ("aaaaaa", ["aaa"]),
            ("a\tb", ["a b"]),
            ("u\u0308b", []),
            ("u\u0308ber", ["ber", "ube"]),
            ("a\0bc", []),
        ):
            self.assertEqual(trigrams(wanted), expected, wanted)
        many = trigrams("".join(map(chr, range(0x4E00, 0x4F00))))
        self.assertEqual(len(many), MAX_TRIGRAMS)

    @settings(deadline=None, max_examples=300)
    @given(st.text(alphabet="aäß \tZ\n", max_size=30), st.integers(0, 20), st.integers(1, 10))
    def test_found(self, text: str, start: int, length: int) -> None:
        """
        The trigrams of a text that stands in another one stand there too.
        """
        wanted = folded(text)[start : start + length]
        for each in trigrams(wanted):
            self.assertIn(each, indexedForm(folded(text)))


class PiecesTests(SynchronousTestCase):
    def test_everything(self) -> None:
        """
        Header, addresses as people know them, text parts, headers of parts.
        """
        text = indexed(
            b'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nSender: "S" (c) <s @x>\r\n'
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>bo</b>ld\r\n"
            b"--b\r\nX-Part: needle\r\n\r\nplain\r\n--b--\r\n"
        )
        for wanted in ("grusse", "s <s@x>", "bold", "needle", "plain"):
            self.assertIn(wanted, text)
        self.assertNotIn("\0", indexed(b"\r\na\0b"))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=150), st.binary(max_size=150))
    def test_any(self, header: bytes, body: bytes) -> None:
        """
        Whatever a key could find stands in it.
        """
        message = b"Subject: " + header + b"\r\nFrom: " + header + b"\r\n\r\n" + body
        text = indexed(message)
        part = renderMessage(message).part
        self.assertIn(indexedForm(folded(headerText(headerOf(message)))), text)
        whole = ""
        for piece in [*bodyTexts(part, lambda at, length: message[at : at + length]), BREAK]:
            if piece == BREAK:
                self.assertIn(whole, text)
                whole = ""
            else:
                whole += indexedForm(folded(piece))
