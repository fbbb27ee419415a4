"""
Tests for L{osxmail.mail.mediatype}.
"""

from __future__ import annotations

import time
from email.message import Message

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.mediatype import (
    MAX_BOUNDARY_OCTETS,
    MAX_PARAMETERS,
    TEXT_PLAIN,
    firstWord,
    nstring,
    parameters,
    parseMediaType,
    quoted,
    quotedUtf8,
    renderedDisposition,
    renderedLanguage,
)


class StringTests(SynchronousTestCase):
    """
    IMAP strings.
    """

    def test_quoted(self) -> None:
        for value, rendered in (
            (b"", b'""'),
            (b"abc", b'"abc"'),
            (b'a"b\\c', b'"a\\"b\\\\c"'),
            (b"a\r\nb\0c\x7f", b'"a  b c "'),
            ("jörg".encode(), b'"=?utf-8?B?asO2cmc=?="'),
            (b'\xff "', b'"=?unknown-8bit?B?/w==?= \\""'),
        ):
            self.assertEqual(quoted(value), rendered)
        self.assertEqual(nstring(None), b"NIL")
        self.assertEqual(nstring(b""), b'""')


class MediaTypeTests(SynchronousTestCase):
    """
    Content-Type.
    """

    def test_plain(self) -> None:
        media = parseMediaType(b'Text/HTML; Charset="utf-8"; format=flowed')
        self.assertEqual((media.kind, media.subtype, media.charset), (b"text", b"html", "utf-8"))
        self.assertEqual(media.renderedType, b'"Text" "HTML"')
        self.assertEqual(media.renderedParameters, b'("Charset" "utf-8" "format" "flowed")')

    def test_defaults(self) -> None:
        """
        What cannot be read is text/plain in ASCII (RFC 2045 5.2); text has a charset always.
        """
        for value in (b"text", b"", b"/", b"text/", b";charset=x", b'"text/html"', b"(c)"):
            self.assertEqual(parseMediaType(value), TEXT_PLAIN, value)
        self.assertEqual(parseMediaType(b"text/html").renderedParameters, b'("charset" "us-ascii")')
        self.assertEqual(parseMediaType(b"image/png").renderedParameters, b"NIL")

    def test_boundary(self) -> None:
        for value, boundary in (
            (b"multipart/mixed; boundary=abc", b"abc"),
            (b'multipart/mixed; boundary="a b;c"', b"a b;c"),
            (b'multipart/mixed; BOUNDARY="abc "', b"abc"),
            (b'multipart/mixed; boundary="a\\"b"', b'a"b'),
            (b"multipart/mixed; boundary = abc ; x=y", b"abc"),
            (b"multipart/mixed;\tboundary=abc (comment)", b"abc"),
            (b"multipart/mixed; boundary=" + b"x" * MAX_BOUNDARY_OCTETS, b"x" * MAX_BOUNDARY_OCTETS),
            (b"multipart/mixed; boundary=" + b"x" * (MAX_BOUNDARY_OCTETS + 1), None),
            (b'multipart/mixed; boundary=""', None),
            (b'multipart/mixed; boundary=" "', None),
            (b"multipart/mixed", None),
        ):
            self.assertEqual(parseMediaType(value).boundary, boundary, value)

    def test_extended(self) -> None:
        """
        RFC 2231 3 and 4: in sections, with a charset and a language.
        """
        for raw, boundary, charset in [
            (b"a/b; boundary*0=x; boundary*1=y", b"xy", ""),
            (b"a/b; BOUNDARY*1=y; boundary*0=x", b"xy", ""),
            (b"a/b; boundary*0=x; boundary*2=z", b"x", ""),
            (b"a/b; boundary*1=y", None, ""),
            (b"a/b; boundary*0*=us-ascii'en'x%20; boundary*1*=%41; boundary*2=%41", b"x A%41", ""),
            (b"a/b; boundary*0=x; boundary=plain", b"plain", ""),
            (b"a/b; charset*=us-ascii'en-us'utf-8", None, "utf-8"),
            (b"a/b; charset*=utf-8", None, "utf-8"),
            (b"a/b; charset*='%zz%4", None, "%zz%4"),
        ]:
            media = parseMediaType(raw)
            self.assertEqual((media.boundary, media.charset), (boundary, charset), raw)

    def test_quotedUtf8(self) -> None:
        """
        What is UTF-8 stays as it is; nothing else that is not ASCII does.
        """
        for value, expected in [
            (b"plain", b'"plain"'),
            ('ä "\\ ü'.encode(), '"ä \\"\\\\ ü"'.encode()),
            ("ä\r\n\0\x7fü".encode(), '"ä    ü"'.encode()),
            (b"\xe4", b'"=?unknown-8bit?B?5A==?="'),
            (b"\xc3", b'"=?unknown-8bit?B?ww==?="'),
            (b"\xed\xa0\x80", b'"=?unknown-8bit?B?7aCA?="'),
        ]:
            self.assertEqual(quotedUtf8(value), expected)

    def test_parameters(self) -> None:
        for value, expected in (
            (b"; a=b", ((b"a", b"b"),)),
            (b";; a=b;", ((b"a", b"b"),)),
            (b"; a; b=c", ((b"b", b"c"),)),
            (b"; name=my file.txt; x=y", ((b"name", b"my file.txt"), (b"x", b"y"))),
            (b'; a="b;c"; d=e', ((b"a", b"b;c"), (b"d", b"e"))),
            (b'; a="open; d=e', ((b"a", b"open; d=e"),)),
            (b"; filename*0*=utf-8''a%20; filename*1=b", ((b"filename*0*", b"utf-8''a%20"), (b"filename*1", b"b"))),
            (b"; a=", ((b"a", b""),)),
            (b"", ()),
        ):
            self.assertEqual(parameters(value), expected, value)
        self.assertEqual(len(parameters(b"; a=b" * (MAX_PARAMETERS + 5))), MAX_PARAMETERS)

    def test_others(self) -> None:
        self.assertEqual(firstWord(b" (x) base64 ; y"), b"base64")
        self.assertIsNone(firstWord(b""))
        self.assertIsNone(firstWord(None))
        self.assertEqual(renderedDisposition(b'attachment; filename="a b"'), b'("attachment" ("filename" "a b"))')
        self.assertEqual(renderedDisposition(b"inline"), b'("inline" NIL)')
        self.assertEqual(renderedDisposition(b";"), b"NIL")
        self.assertEqual(renderedDisposition(None), b"NIL")
        self.assertEqual(renderedLanguage(b"en"), b'"en"')
        self.assertEqual(renderedLanguage(b"en, (x) de ,"), b'("en" "de")')
        self.assertEqual(renderedLanguage(b" , "), b"NIL")

    def test_time(self) -> None:
        for piece in (b";", b"(", b'"', b"a=", b"; a=b", b"\\", b'; a="', b"(\\", b" "):
            parseMediaType(b"text/plain" + piece * 100_000)
            renderedDisposition(piece * 100_000)
            renderedLanguage(piece * 100_000)

    def test_stringsThatDoNotEnd(self) -> None:
        """
        Each quote was tried as the beginning of a string: a minute for each of these, in every part of a message.
        """
        for piece in (b'"\\', b'\\"', b'("'):
            for value in (b"x " + piece * 50_000 + b"(", b"x " + piece * 50_000 + b"\\"):
                started = time.thread_time()
                renderedDisposition(value)
                renderedLanguage(value)
                parseMediaType(b"text/" + value)
                self.assertLess(time.thread_time() - started, 2.0, piece)
        self.assertEqual(renderedDisposition(b'a; filename="x (y)\\'), b'("a" ("filename" "x (y)"))')

    names = st.sampled_from(["charset", "name", "boundary", "x-y"])
    values = st.text("abc123 ;=/", min_size=1, max_size=12).map(str.strip).filter(bool)

    @settings(deadline=None, max_examples=200)
    @given(st.dictionaries(names, values, max_size=4))
    def test_asOthersDo(self, pairs: dict[str, str]) -> None:
        """
        Python's email package reads the same parameters (it stumbles over backslashes).
        """
        message = Message()
        message["Content-Type"] = "text/plain" + "".join(f'; {name}="{value}"' for name, value in pairs.items())
        media = parseMediaType(message["Content-Type"].encode())
        for name, value in pairs.items():
            self.assertEqual(media.parameter(name.encode()), value.encode())
            self.assertEqual(message.get_param(name), value)

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                [b"text", b"/", b"plain", b";", b"=", b'"', b"\\", b"(", b")", b" ", b"charset", b"\xff", b"*"]
            ),
            max_size=30,
        ).map(b"".join)
    )
    def test_garbage(self, value: bytes) -> None:
        media = parseMediaType(value)
        self.assertTrue(media.renderedType.isascii() and media.renderedParameters.isascii())
        self.assertIsInstance(media.charset, str)
        self.assertTrue(renderedDisposition(value).isascii() and renderedLanguage(value).isascii())
