"""
Tests for L{osxmail.mail.text}.
"""

from __future__ import annotations

import base64
import quopri
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.mime import renderMessage
from osxmail.mail.text import (
    BREAK,
    PIECE_OCTETS,
    bodyTexts,
    collated,
    contains,
    folded,
    headerText,
    withoutAccents,
)


def texts(message: bytes, limit: int = PIECE_OCTETS) -> list[str]:
    """
    The texts of a message's body, read at most C{limit} octets at a time, each whole.
    """
    part = renderMessage(message).part
    whole = [""]
    for piece in bodyTexts(part, lambda offset, length: message[offset : offset + min(length, limit)]):
        if piece == BREAK:
            whole.append("")
        else:
            whole[-1] += piece
    return [text for text in whole if text]


def leaf(body: bytes, charset: str = "utf-8", encoding: str = "8bit") -> bytes:
    return (
        f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body
    )


class BodyTests(SynchronousTestCase):
    """
    The text of bodies.
    """

    def test_encodings(self) -> None:
        text = "Grüße, " * 50
        self.assertEqual(texts(leaf(text.encode())), [text])
        self.assertEqual(texts(leaf(base64.encodebytes(text.encode("cp1252")), "iso-8859-1", "BASE64")), [text])
        self.assertEqual(texts(leaf(quopri.encodestring(text.encode()), "UTF-8", "Quoted-Printable")), [text])
        self.assertEqual(texts(leaf(text.encode("utf-16"), "utf-16", "binary")), [text])
        self.assertEqual(texts(b"\r\n" + text.encode("cp1252")), [text])
        self.assertEqual(texts(leaf(b"abc", "no-such")), ["abc"])

    def test_html(self) -> None:
        """
        What a reader sees, across the pieces in which it is read.
        """
        html = "<html><style>p {}</style><p>Gr&uuml;<b>ße</b>" + " <i>x</i>" * 20_000 + "<p title=secret>end</html>"
        message = leaf(html.encode()).replace(b"text/plain", b"text/HTML")
        self.assertEqual(texts(message), ["Grüße" + " x" * 20_000 + " end "])

    def test_parts(self) -> None:
        message = (
            b"Subject: not me\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nbefore\r\n"
            b"--b\r\n\r\none\r\n"
            b"--b\r\nContent-Type: application/pdf; name*=utf-8''x\r\nX: =?utf-8?Q?=C3=B6?=\r\n\r\nsecret\r\n"
            b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntwo\r\n"
            b"--b--\r\nafter\r\n"
        )
        self.assertEqual(
            [text.strip("\r\n") for text in texts(message)],
            [
                "before\r\n--b",
                "one",
                "--b",
                "Content-Type: application/pdf; name*=utf-8''x\nX: ö",
                "--b",
                "Content-Type: message/rfc822",
                "Subject: inner",
                "two",
                "--b--\r\nafter",
            ],
        )

    @settings(deadline=None, max_examples=200)
    @given(
        st.text("aö日\n=", max_size=60),
        st.sampled_from(["utf-8", "utf-16", "iso2022_jp", "gb18030", "utf-7"]),
        st.sampled_from(["8bit", "base64", "quoted-printable"]),
        st.integers(1, 9),
    )
    def test_pieces(self, text: str, charset: str, encoding: str, limit: int) -> None:
        """
        However small the pieces that are read: the same text.
        """
        if charset == "iso2022_jp":
            text = text.replace("ö", "o")
        raw = text.encode(charset)
        if encoding == "base64":
            raw = base64.encodebytes(raw)
        elif encoding == "quoted-printable":
            raw = quopri.encodestring(raw)
        self.assertEqual("".join(texts(leaf(raw, charset, encoding), limit)), text)

    @settings(deadline=None, max_examples=300)
    @given(
        st.binary(max_size=200),
        st.sampled_from(["utf-8", "utf-16", "utf-7", "iso-2022-jp", "gb2312", "hz", "big5", "x", "idna", "utf-8-sig"]),
        st.sampled_from(["8bit", "base64", "quoted-printable", "x-uuencode", ""]),
        st.integers(1, 50),
    )
    def test_garbage(self, body: bytes, charset: str, encoding: str, limit: int) -> None:
        for text in texts(leaf(body, charset, encoding), limit):
            self.assertIsInstance(text, str)

    def test_longLine(self) -> None:
        body = b"=C3=B6" * PIECE_OCTETS
        self.assertEqual(texts(leaf(body, "utf-8", "quoted-printable")), ["ö" * PIECE_OCTETS])


class HeaderTextTests(SynchronousTestCase):
    """
    The text of headers.
    """

    def test_decoded(self) -> None:
        self.assertEqual(headerText(b"A: b\r\n c\r\nD: =?utf-8?Q?=C3=B6?=\r\n\r\n"), "A: b c\nD: ö")
        self.assertEqual(headerText(b"A: b\r\n c\r\n\r\n"), "A: b c")
        self.assertEqual(headerText(b""), "")


class ContainsTests(SynchronousTestCase):
    """
    Substrings over pieces.
    """

    def test_folded(self) -> None:
        self.assertEqual(folded("Straße"), folded("STRASSE"))
        self.assertEqual(folded("e\u0301"), folded("\u00c9"))

    def test_unicodeCasemap(self) -> None:
        """
        RFC 5051 2: what i;unicode-casemap makes equal, simple title case and then decomposition, is equal here; and
        folding again, before or after an upper case, changes nothing.
        """
        count = 0
        for number in range(0x20000):
            character = chr(number)
            title = character.title()
            if len(title) != 1:
                title = character  # only full case mapping has more than one; RFC 5051 takes the simple one
            if title == character and not unicodedata.decomposition(character):
                continue
            count += 1
            known = folded(character)
            self.assertEqual(known, folded(unicodedata.normalize("NFKD", title)), hex(number))
            self.assertEqual(known, folded(known), hex(number))
            self.assertEqual(known, folded(collated(character)), hex(number))
            self.assertEqual(collated(character), collated(known), hex(number))
        self.assertGreater(count, 5000)

    def test_collated(self) -> None:
        """
        RFC 4790 9.2.1, RFC 5051 2: letters are compared as capitals, so that an underscore comes after them.
        """
        self.assertEqual(sorted(["_", "b", "A", "c", "Ä", "1"], key=collated), ["1", "A", "Ä", "b", "c", "_"])

    def test_accents(self) -> None:
        self.assertEqual(withoutAccents(folded("Ångström, naïve, Ελλάδα")), "angstrom, naive, ελλαδα")

    def test_break(self) -> None:
        self.assertTrue(contains(["ab", "cd"], "bc"))
        self.assertFalse(contains(["ab", BREAK, "cd"], "bc"))
        self.assertTrue(contains([], ""))

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.text("abß", min_size=1, max_size=5), max_size=10), st.text("abß", min_size=1, max_size=6))
    def test_anyPieces(self, pieces: list[str], wanted: str) -> None:
        self.assertEqual(contains(pieces, folded(wanted)), folded(wanted) in folded("".join(pieces)))
