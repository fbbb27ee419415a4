"""
Tests for L{osxmail.mail.address}.
"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.address import MAX_LOCAL_OCTETS, Address, displayDomain, normalizeDomain


class DomainTests(SynchronousTestCase):
    """
    Domain names and address literals.
    """

    def test_normal(self) -> None:
        for text, expected in (
            ("Example.TEST", "example.test"),
            ("example.test.", "example.test"),
            ("localhost", "localhost"),
            ("_dmarc.example.test", "_dmarc.example.test"),
            ("müller.test", "xn--mller-kva.test"),
            ("MÜLLER.test", "xn--mller-kva.test"),
            ("müller。test", "xn--mller-kva.test"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("xn--mller-kva.test", "xn--mller-kva.test"),
            ("[192.0.2.1]", "[192.0.2.1]"),
            ("[ipv6:2001:DB8:0::1]", "[IPv6:2001:db8::1]"),
            ("[IPv6:::ffff:192.0.2.1]", "[IPv6:::ffff:c000:201]"),
            ("a" * 63 + ".test", "a" * 63 + ".test"),
            ("3com.test", "3com.test"),
        ):
            self.assertEqual(normalizeDomain(text), expected, text)
            self.assertEqual(normalizeDomain(expected), expected)

    def test_wrong(self) -> None:
        for text in (
            "",
            ".",
            "a..b",
            ".a",
            "a..",
            "-a.test",
            "a-.test",
            "a b.test",
            "a" * 64 + ".test",
            ".".join(["a" * 50] * 6),
            "a@b",
            "a\r\nb",
            "a\0b",
            "[300.0.0.1]",
            "[IPv6:zz]",
            "[192.0.2.1",
            "[]",
            "[IPv6:fe80::1%eth0]",
            "\ud800.test",
            "xn--\u00fc.test",
        ):
            self.assertRaises(ParseError, normalizeDomain, text)

    def test_display(self) -> None:
        self.assertEqual(displayDomain("xn--mller-kva.test"), "müller.test")
        self.assertEqual(displayDomain("example.test"), "example.test")
        self.assertEqual(displayDomain("xn--zzzzzz999999.test"), "xn--zzzzzz999999.test")


class AddressTests(SynchronousTestCase):
    """
    Whole addresses.
    """

    def test_forms(self) -> None:
        for text, local, domain in (
            ("bob@example.test", "bob", "example.test"),
            ("Bob.Builder+x@Example.test", "Bob.Builder+x", "example.test"),
            ("o'neil/a=b{c}@example.test", "o'neil/a=b{c}", "example.test"),
            ('"bob"@example.test', "bob", "example.test"),
            ('"a b"@example.test', "a b", "example.test"),
            ('"a@b"@example.test', "a@b", "example.test"),
            ('"a\\"\\\\b"@example.test', 'a"\\b', "example.test"),
            ('".a."@example.test', ".a.", "example.test"),
            ('" "@example.test', " ", "example.test"),
            ("bob@[192.0.2.1]", "bob", "[192.0.2.1]"),
            ("bob@[IPv6:::1]", "bob", "[IPv6:::1]"),
            ("jörg@müller.test", "jörg", "xn--mller-kva.test"),
            ("用户@例え.テスト", "用户", "xn--r8jz45g.xn--zckzah"),
            ("a" * MAX_LOCAL_OCTETS + "@b", "a" * MAX_LOCAL_OCTETS, "b"),
        ):
            address = Address.parse(text)
            self.assertEqual((address.local, address.domain), (local, domain), text)
            self.assertEqual(Address.parse(str(address)).local, local)
            self.assertEqual(Address.fromParts(local, domain), address)

    def test_wrong(self) -> None:
        for text in (
            "",
            "bob",
            "@example.test",
            "bob@",
            ".bob@example.test",
            "bob.@example.test",
            "b..ob@example.test",
            "b ob@example.test",
            "b(x)ob@example.test",
            "bob@example.test ",
            " bob@example.test",
            "<bob@example.test>",
            '""@example.test',
            '"bob@example.test',
            '"a\nb"@example.test',
            '"a"b@example.test',
            "bob@example.test@example.test",
            "b\0b@example.test",
            "b\x7fb@example.test",
            "bob\r\n@example.test",
            "\ud800@example.test",
            "a" * (MAX_LOCAL_OCTETS + 1) + "@b",
            "ö" * MAX_LOCAL_OCTETS + "@b",
        ):
            self.assertRaises(ParseError, Address.parse, text)

    def test_nothingATerminalObeys(self) -> None:
        """
        C1 controls (CSI is one character), line separators, what turns the direction of text.
        """
        for odd in "\u0080\u0085\u009b\u009f\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069":
            for text in (f"b{odd}ob@example.test", f'"b{odd} ob"@example.test'):
                self.assertRaises(ParseError, Address.parse, text)
            self.assertRaises(ParseError, Address.fromParts, f"b{odd}ob", "example.test")
        for letter in "\u00a0\u00f6\u200d\u2027\u4e2d\U0001f600":
            self.assertEqual(Address.parse(f"b{letter}@example.test").local, f"b{letter}")

    def test_fromPartsWrong(self) -> None:
        for local in ("", "a\nb", "a\0b", "a\x7fb", "x" * (MAX_LOCAL_OCTETS + 1), "\ud800"):
            self.assertRaises(ParseError, Address.fromParts, local, "example.test")
        self.assertRaises(ParseError, Address.fromParts, "a", "b..c")

    def test_equality(self) -> None:
        """
        Case does not matter, quoting neither, nor how a domain is written.
        """
        one = Address.parse("Jörg@MÜLLER.test")
        self.assertEqual(one, Address.parse('"jörg"@xn--mller-kva.test.'))
        self.assertEqual(len({one, Address.parse("JÖRG@müller.test")}), 1)
        self.assertNotEqual(one, Address.parse("jorg@müller.test"))

    def test_unicodeForms(self) -> None:
        """
        A letter with its accent and a letter followed by it are the same; what came is kept.
        """
        composed, apart = Address.parse("J\xf6rg@example.test"), Address.parse("jo\u0308rg@example.test")
        self.assertEqual(composed, apart)
        self.assertEqual(hash(composed), hash(apart))
        self.assertEqual(str(apart), "jo\u0308rg@example.test")
        self.assertNotEqual(composed, Address.parse("jorg@example.test"))

    def test_detail(self) -> None:
        address = Address.parse("bob+lists+x@example.test")
        self.assertEqual(address.detail, "lists+x")
        self.assertEqual(address.withoutDetail(), Address.parse("bob@example.test"))
        self.assertEqual(Address.parse("bob@example.test").detail, "")
        nothing = Address.parse("+x@example.test")
        self.assertEqual(nothing.withoutDetail(), nothing)

    def test_ascii(self) -> None:
        self.assertTrue(Address.parse("bob@müller.test").isASCII)
        self.assertFalse(Address.parse("jörg@example.test").isASCII)

    @settings(deadline=None, max_examples=300)
    @given(st.text(min_size=1, max_size=60))
    @example('"')
    @example("\\")
    def test_roundTrip(self, local: str) -> None:
        """
        Every local part that can be, can be written and read.
        """
        try:
            address = Address.fromParts(local, "example.test")
        except ParseError:
            return
        again = Address.parse(str(address))
        self.assertEqual((again.local, again), (local, address))

    @settings(deadline=None, max_examples=300)
    @given(st.one_of(st.text(max_size=60), st.text(alphabet='ab.@"\\[]:+ \u00f6-', max_size=30)))
    def test_garbage(self, text: str) -> None:
        """
        Anything is an address or a ParseError, and an address reads back as itself.
        """
        try:
            address = Address.parse(text)
        except ParseError:
            return
        self.assertEqual(Address.parse(str(address)), address)
        self.assertNotRegex(str(address), r"[\x00-\x1f\x7f]")
