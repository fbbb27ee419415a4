"""
Tests for L{osxmail.mail.charset}.
"""

from __future__ import annotations

from encodings.aliases import aliases

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.charset import codecName, decodeText


class CharsetTests(SynchronousTestCase):
    """
    Octets to text.
    """

    def test_known(self) -> None:
        for charset, octets, text in (
            ("utf-8", "grüße".encode(), "grüße"),
            ("UTF-8", "grüße".encode(), "grüße"),
            ("us-ascii", b"hello", "hello"),
            ("us-ascii", "grüße".encode(), "grüße"),
            ("us-ascii", b"gr\xfc\xdfe", "grüße"),
            ("", b"gr\xfc\xdfe", "grüße"),
            ("iso-8859-1", b"caf\xe9 \x80", "café €"),
            ("iso-8859-15", b"\xa4", "€"),
            ("windows-1251", b"\xcf\xf0\xe8", "При"),
            ("koi8-r", b"\xf0\xd2\xc9", "При"),
            ("gb2312", "你好".encode("gb18030"), "你好"),
            ("big5", "你好".encode("big5"), "你好"),
            ("iso-2022-jp", "日本".encode("iso2022_jp"), "日本"),
            ("shift_jis", "日本".encode("cp932"), "日本"),
            ("ks_c_5601-1987", "한국".encode("cp949"), "한국"),
            ("utf-7", b"+AOk-", "é"),
            ("x-no-such", "grüße".encode(), "grüße"),
        ):
            self.assertEqual(decodeText(octets, charset), text, charset)

    def test_refused(self) -> None:
        """
        Python's codecs that are no charsets: bombs, and escapes.
        """
        names = (
            "zip",
            "bz2",
            "hex",
            "base64",
            "rot13",
            "uu",
            "quopri",
            "idna",
            "punycode",
            "unicode_escape",
            "undefined",
        )
        for name in (*names, "raw_unicode_escape", "\0", "x" * 100, "ü", "../etc/passwd", "mbcs", "oem"):
            self.assertIsNone(codecName(name), name)

    @settings(deadline=None, max_examples=300)
    @given(
        st.binary(max_size=100),
        st.one_of(st.sampled_from(sorted(set(aliases) | set(aliases.values()))), st.text(max_size=20)),
    )
    def test_neverFails(self, octets: bytes, charset: str) -> None:
        self.assertIsInstance(decodeText(octets, charset), str)
