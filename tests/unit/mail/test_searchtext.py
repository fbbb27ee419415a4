"""
Tests for L{osxmail.mail.searchtext}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.header import fields
from osxmail.mail.mime import renderMessage
from osxmail.mail.searchtext import (
    MAX_PATTERNS,
    MAX_TRIGRAMS,
    MAX_WORD_CHARACTERS,
    WORD_STEP,
    WordPattern,
    bodyWords,
    fieldTexts,
    indexedForm,
    indexedHeader,
    isOneWord,
    trigrams,
    wordPatterns,
    wordsOf,
)
from osxmail.mail.text import folded, headerText


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


class HeaderTests(SynchronousTestCase):
    def test_everything(self) -> None:
        """
        The header, and addresses as people know them.
        """
        text = indexedHeader(b'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nSender: "S" (c) <s @x>\r\nX: \0\ty\r\n\r\n')
        for wanted in ("subject: grusse", '"s" (c) <s @x>', "s <s@x>", "x:   y"):
            self.assertIn(wanted, text)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=150))
    def test_any(self, value: bytes) -> None:
        """
        Whatever a key could find stands in it.
        """
        header = b"Subject: " + value + b"\r\nFrom: " + value + b"\r\n\r\n"
        text = indexedHeader(header)
        self.assertIn(indexedForm(folded(headerText(header))), text)
        for name, each in fields(header):
            for found in fieldTexts(name, each):
                self.assertIn(indexedForm(found), text)


class WordTests(SynchronousTestCase):
    def test_words(self) -> None:
        """
        Runs of letters, digits and accents, in text parts and in the headers of parts.
        """
        message = (
            b"Subject: not me\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
            b"Content-Type: text/html\r\n\r\n<b>bo</b>ld_x1y a-bc-def\r\n"
            b"--b\r\nX-Part: needle\r\n\r\nGr\xc3\xbc\xc3\x9fe 42\r\n--b--\r\n"
        )
        part = renderMessage(message).part

        def read(at: int, length: int) -> bytes:
            return message[at : at + length]

        words, isWhole = bodyWords(part, read, 10_000)
        self.assertTrue(isWhole)
        expected = {"bold", "x1y", "def", "content", "type", "text", "html", "part", "needle", "gru\u0308sse"}
        self.assertEqual(words, expected)
        fewer, isWhole = bodyWords(part, read, 40)
        self.assertFalse(isWhole)
        self.assertLess(len(fewer), len(words))

    def test_long(self) -> None:
        """
        Whatever is not longer than a step stands in a part of a long word as a whole.
        """
        for length in (63, 64, 65, 95, 96, 97, 128, 129, 500):
            text = "".join(chr(0x4E00 + number) for number in range(length))
            words = wordsOf(f"a {text}.")
            self.assertTrue(all(len(word) <= MAX_WORD_CHARACTERS for word in words))
            for size in (3, WORD_STEP):
                for start in range(length - size + 1):
                    self.assertTrue(any(text[start : start + size] in word for word in words), (length, size, start))
            self.assertTrue(any(word.startswith(text[:WORD_STEP]) for word in words))
            self.assertTrue(any(word.endswith(text[-WORD_STEP:]) for word in words))

    def test_one(self) -> None:
        for wanted, isOne in (
            ("abc", True), ("gru\u0308sse", True), ("中文字", True), ("a1b2", True), ("x" * WORD_STEP, True),
            ("ab", False), ("a b", False), ("a_b", False), ("abc.", False), ("", False), ("x" * (WORD_STEP + 1), False),
        ):  # fmt: skip
            self.assertEqual(isOneWord(wanted), isOne, wanted)

    def test_patterns(self) -> None:
        self.assertEqual(
            wordPatterns("long-enough, it is"), [WordPattern("enough", True, True), WordPattern("long", False, True)]
        )
        self.assertEqual(wordPatterns("-.-"), [])
        self.assertEqual(wordPatterns("x" * 50), [WordPattern("x" * WORD_STEP, False, False)])
        self.assertEqual(len(wordPatterns("aaa bbb ccc ddd eee fff")), MAX_PATTERNS)

    @settings(deadline=None, max_examples=500)
    @given(st.text(alphabet="abß .\n中é_", max_size=60), st.integers(0, 50), st.integers(1, 20))
    def test_any(self, text: str, start: int, length: int) -> None:
        """
        What stands in a text has words for all of its patterns; and one word stands in it if and only if it stands in
        one of its words.
        """
        text = folded(text)
        words = wordsOf(text)
        wanted = text[start : start + length]
        for pattern in wordPatterns(wanted):
            self.assertTrue(any(pattern.matches(word) for word in words), pattern)
        for one in ("abc", "bab", "aba", "sss", wanted):
            if isOneWord(one):
                self.assertEqual(any(one in word for word in words), one in text, one)
