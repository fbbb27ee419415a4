"""
Tests for L{osxmail.mail.encodedword}.
"""

from __future__ import annotations

import re
from email.header import decode_header, make_header

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.encodedword import decodeBase64Loosely, decodeWords, encodeEightBit


class DecodeTests(SynchronousTestCase):
    """
    Reading encoded words.
    """

    def test_standard(self) -> None:
        """
        The table of RFC 2047 8, and other usual forms.
        """
        for value, text in (
            (b"=?ISO-8859-1?Q?a?=", "a"),
            (b"=?ISO-8859-1?Q?a?= b", "a b"),
            (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
            (b"=?ISO-8859-1?Q?a?=  \t =?ISO-8859-1?Q?b?=", "ab"),
            (b"=?ISO-8859-1?Q?a_b?=", "a b"),
            (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
            (b"=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
            (b"=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
            (b"Re: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= (fwd)", "Re: Grüße (fwd)"),
            (b"=?utf-8*de?Q?Gr=C3=BC?=", "Grü"),
            (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
            (b"plain", "plain"),
            ("Grüße".encode(), "Grüße"),
            (b"Gr\xfc\xdfe", "Grüße"),
            (b"=?broken", "=?broken"),
            (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
            (b"=?nonsense?Q?abc?=", "abc"),
        ):
            self.assertEqual(decodeWords(value), text, value)

    def test_cutCharacter(self) -> None:
        """
        A character that is cut in two by adjacent words is whole again.
        """
        self.assertEqual(decodeWords(b"=?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?="), "Grüße")

    def test_looseBase64(self) -> None:
        for text, octets in (
            (b"YWJj", b"abc"),
            (b"YWI", b"ab"),
            (b"Y W\nI=", b"ab"),
            (b"Y", b""),
            (b"****", b""),
            (b"_-8=", b"\xff\xef"),
        ):
            self.assertEqual(decodeBase64Loosely(text), octets)

    @settings(deadline=None, max_examples=300)
    @given(
        st.one_of(
            st.binary(max_size=80),
            st.lists(
                st.sampled_from(
                    [b"=?", b"?=", b"?", b"utf-8", b"Q", b"B", b"=", b"_", b"=C3", b"YQ==", b" ", b"\xff", b"x"]
                ),
                max_size=30,
            ).map(b"".join),
        )
    )
    def test_garbage(self, value: bytes) -> None:
        self.assertIsInstance(decodeWords(value), str)


class EncodeTests(SynchronousTestCase):
    """
    Writing encoded words.
    """

    def test_runs(self) -> None:
        """
        ASCII words stay readable; a run of others is one.
        """
        self.assertEqual(
            encodeEightBit("Re: Grüße an Köln und".encode()),
            b"Re: =?utf-8?B?R3LDvMOfZQ==?= an =?utf-8?B?S8O2bG4=?= und",
        )
        self.assertEqual(encodeEightBit("Grüße Köln".encode()), b"=?utf-8?B?R3LDvMOfZSBLw7Zsbg==?=")
        self.assertEqual(encodeEightBit(b"a \xff b"), b"a =?unknown-8bit?B?/w==?= b")

    def test_time(self) -> None:
        encodeEightBit(b"x" * 200_000 + b" \xff " + b"y" * 200_000)
        encodeEightBit(b"\xff " * 100_000)

    @settings(deadline=None, max_examples=300)
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
    def test_roundTrip(self, text: str) -> None:
        """
        What is encoded is ASCII without control characters in words of 75 octets, and reads back, here and elsewhere.
        """
        clean = "".join(c if c.isprintable() else " " for c in text)
        encoded = encodeEightBit(clean.encode())
        self.assertTrue(encoded.isascii() and not re.search(rb"[\x00-\x1f\x7f]", encoded))
        for word in re.findall(rb"=\?utf-8\?B\?[^?]*\?=", encoded):
            self.assertLessEqual(len(word), 75)
        if "=?" not in text and not re.search(r"\xa0", text):
            squeezed = re.sub(r"\s+", " ", clean)
            self.assertEqual(re.sub(r"\s+", " ", decodeWords(encoded)), squeezed)
            self.assertEqual(
                re.sub(r"\s+", "", str(make_header(decode_header(encoded.decode())))), re.sub(r"\s+", "", clean)
            )

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200))
    def test_octets(self, value: bytes) -> None:
        self.assertTrue(encodeEightBit(value).isascii())
