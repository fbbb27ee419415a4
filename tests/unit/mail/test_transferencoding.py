"""
Tests of L{osxmail.mail.transferencoding}.
"""

from __future__ import annotations

import base64
import quopri
from email import message_from_bytes, policy
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail import transferencoding
from osxmail.mail.transferencoding import decoderOf


def decoded(encoding: bytes | None, *pieces: bytes) -> bytes:
    decoder = decoderOf(encoding)
    assert decoder is not None
    return b"".join([decoder.feed(piece) for piece in pieces]) + decoder.finish()


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in pairwise(bounds)]


class DecoderTests(SynchronousTestCase):
    def test_names(self) -> None:
        for name in (None, b"", b"7bit", b"8BIT", b"Binary"):
            self.assertEqual(decoded(name, b"a=41\0", b"\xff"), b"a=41\0\xff")
        for name in (b"x-uuencode", b"quoted", b"base-64", b"7-bit"):
            self.assertIsNone(decoderOf(name))

    def test_base64(self) -> None:
        for text, expected in [
            (b"YWJj", b"abc"),
            (b"YW\r\nJj\r\n", b"abc"),
            (b"YWI=", b"ab"),
            (b"YQ==", b"a"),
            (b"YWI", b"ab"),
            (b"YWJjY", b"abc"),
            (b"", b""),
            (b"=", b""),
            (b"Y!W(J)j", b"abc"),
            # RFC 2045 6.8: the padding says that the end is reached.
            (b"YQ==\r\nYWJj", b"a"),
        ]:
            self.assertEqual(decoded(b"Base64", text), expected, text)
            self.assertEqual(decoded(b"base64", *[bytes((octet,)) for octet in text]), expected, text)

    def test_quotedPrintable(self) -> None:
        for text, expected in [
            (b"a=3Db=\r\nc\r\n", b"a=bc\r\n"),
            (b"a=\nb\n", b"ab\n"),
            (b"=e4=F6", b"\xe4\xf6"),
            # RFC 2045 6.7 (3): white space at the end of a line was added on the way.
            (b"a \t\r\nb  = \r\nc ", b"a\r\nb  c"),
            (b"a=20\r\n", b"a \r\n"),
            # An equals sign that is no code is itself.
            (b"a=XYb=", b"a=XYb"),
            (b"=00", b"\0"),
        ]:
            self.assertEqual(decoded(b"quoted-printable", text), expected, text)
            self.assertEqual(decoded(b"Quoted-Printable", *[bytes((octet,)) for octet in text]), expected, text)

    def test_linesWithoutEnd(self) -> None:
        """
        What is kept of one has a bound, and no code is cut in two.
        """
        self.patch(transferencoding, "MAX_LINE_OCTETS", 10)
        decoder = decoderOf(b"quoted-printable")
        assert decoder is not None
        text = b"=41=42x" * 50
        out = b""
        for octet in text:
            out += decoder.feed(bytes((octet,)))
            self.assertLess(len(decoder._rest), 10)  # type: ignore[attr-defined]
        self.assertEqual(out + decoder.finish(), b"ABx" * 50)
        self.patch(transferencoding, "MAX_TRAILING_OCTETS", 30)
        self.assertEqual(decoded(b"quoted-printable", *[b" "] * 200, b"x"), b" " * 200 + b"x")

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=400), st.lists(st.integers(0, 1000), max_size=5))
    def test_roundTrip(self, content: bytes, places: list[int]) -> None:
        """
        However it is cut, it is what was encoded.
        """
        self.assertEqual(decoded(b"base64", *cut(base64.encodebytes(content), places)), content)
        text = content.replace(b"\r", b"")
        self.assertEqual(decoded(b"quoted-printable", *cut(quopri.encodestring(text), places)), text)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(st.sampled_from([b"=", b"=3", b"=3D", b"\r\n", b"\n", b"x", b"A", b"YQ", b"zz", b"/"]), max_size=20),
        st.lists(st.integers(0, 1000), max_size=5),
        st.sampled_from(["base64", "quoted-printable"]),
    )
    def test_anything(self, words: list[bytes], places: list[int], encoding: str) -> None:
        """
        What is broken has one meaning, however it is cut; quoted-printable that which the email package sees.
        """
        octets = b"".join(words)
        whole = decoded(encoding.encode(), octets)
        self.assertEqual(decoded(encoding.encode(), *cut(octets, places)), whole)
        if encoding == "quoted-printable":
            header = b"Content-Transfer-Encoding: quoted-printable\n\n"
            other = message_from_bytes(header + octets, policy=policy.compat32)
            self.assertEqual(whole, other.get_payload(decode=True))
