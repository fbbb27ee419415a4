"""
The grammar of commands about access lists, quotas and annotations.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.imap.accesscommand import AccessOf, GetMetadata, QuotaOf, SetAccess, SetMetadata, SetQuota
from osxmail.mail.imap.accessgrammar import MAX_ENTRIES, MAX_ENTRY_OCTETS, MAX_IDENTIFIER_OCTETS, prepared
from osxmail.mail.imap.command import Named
from osxmail.mail.imap.grammar import parseCommand
from osxmail.mail.imap.reader import BadCommand, BadName, Cursor

NAMES = (
    "SETACL", "DELETEACL", "GETACL", "LISTRIGHTS", "MYRIGHTS", "GETQUOTA", "GETQUOTAROOT", "SETQUOTA", "GETMETADATA",
    "SETMETADATA",
)  # fmt: skip


def parsed(name: str, *pieces: bytes) -> object:
    return parseCommand(name, Cursor(pieces))


class AccessGrammarTests(SynchronousTestCase):
    def test_access(self) -> None:
        self.assertEqual(parsed("SETACL", b"inbox ben +dr"), SetAccess("INBOX", "ben", "+", "rte"))
        self.assertEqual(parsed("SETACL", b'"a b" "-$x@y" ""'), SetAccess("a b", "-$x@y", "=", ""))
        self.assertEqual(parsed("SETACL", b"a ben -"), SetAccess("a", "ben", "-", ""))
        self.assertEqual(parsed("DELETEACL", b"a BEN"), AccessOf("a", "BEN", b"BEN"))
        self.assertEqual(
            parsed("LISTRIGHTS", b'a "\xc2\xaaben"'), AccessOf("a", "aben", b"\xc2\xaaben"), "SASLprep: RFC 4013 3"
        )
        self.assertEqual(parsed("GETACL", b"a"), Named("a"))
        self.assertEqual(parsed("MYRIGHTS", b"a"), Named("a"))

    def test_badAccess(self) -> None:
        for text in (
            b"a", b"a ", b"a ben", b"a ben lrz", b"a ben Lr", b'a "" lr', b"a - lr", b'a "\xff" lr', b'a "b\x07" lr',
            b"a ben ++l", b"a ben lr x", b'a "\xc2\xad" lr', b'a "\xd8\xa71" lr', b'a ben "\xc3\xa4"',
            b"a " + b"b" * (MAX_IDENTIFIER_OCTETS + 1) + b" lr",
        ):  # fmt: skip
            self.assertRaises(BadCommand, parsed, "SETACL", text)
        parsed("SETACL", b"a " + b"b" * MAX_IDENTIFIER_OCTETS + b" lr")

    def test_prepared(self) -> None:
        """
        RFC 4013 3: its examples.
        """
        self.assertEqual(prepared("I\u00adX"), "IX")
        self.assertEqual(prepared("USER"), "USER")
        self.assertEqual(prepared("\u2168"), "IX")
        self.assertRaises(ParseError, prepared, "\u0007")
        self.assertRaises(ParseError, prepared, "\u0627\u0031")

    def test_quota(self) -> None:
        self.assertEqual(parsed("GETQUOTA", b'""'), QuotaOf(""))
        self.assertEqual(parsed("GETQUOTA", b"anna@example.test"), QuotaOf("anna@example.test"))
        self.assertEqual(parsed("GETQUOTAROOT", b"inbox"), Named("INBOX"))
        self.assertEqual(
            parsed("SETQUOTA", b"x (storage 512 MESSAGE 9)"), SetQuota("x", {"STORAGE": 512, "MESSAGE": 9})
        )
        self.assertEqual(parsed("SETQUOTA", b"x ()"), SetQuota("x", {}))
        for text in (b"x", b"x STORAGE 1", b"x (STORAGE)", b"x (STORAGE -1)", b"x (STORAGE 9223372036854775808)"):
            self.assertRaises(BadCommand, parsed, "SETQUOTA", text)

    def test_getMetadata(self) -> None:
        comment = ("/shared/comment",)
        self.assertEqual(parsed("GETMETADATA", b'"" /SHARED/Comment'), GetMetadata("", comment))
        self.assertEqual(parsed("GETMETADATA", b"inbox (/shared/comment)"), GetMetadata("INBOX", comment))
        both = ("/shared/comment", "/private/comment")
        self.assertEqual(
            parsed("GETMETADATA", b"a (/shared/comment /private/comment /shared/comment)"), GetMetadata("a", both)
        )
        self.assertEqual(parsed("GETMETADATA", b'a ("/shared/comment" /private/comment)'), GetMetadata("a", both))
        self.assertEqual(
            parsed("GETMETADATA", b"(MAXSIZE 1024 DEPTH 1) a /shared/comment"), GetMetadata("a", comment, 1024, 1)
        )
        self.assertEqual(
            parsed("GETMETADATA", b"a (depth infinity) (/shared/comment)"), GetMetadata("a", comment, None, None)
        )
        self.assertEqual(parsed("GETMETADATA", b"", b"a", b" (depth 0) /shared/comment"), GetMetadata("a", comment))

    def test_badMetadata(self) -> None:
        for text in (
            b"a", b"a ()", b"a /other/comment", b"a /shared", b"a /shared/", b"a /shared//x", b"a /shared/x/",
            b'a "/shared/x*"', b'a "/shared/x%"', b'a "/shared/\xc3\xa4"', b"a (MAXSIZE) /shared/x",
            b"a (DEPTH 2) /shared/x", b"a (LATER 2) /shared/x", b"a /shared/vendor/x", b"a /private/vendor",
            b"(DEPTH 1) a (DEPTH 1) /shared/x",
        ):  # fmt: skip
            self.assertRaises(BadCommand, parsed, "GETMETADATA", text)
        self.assertRaises(BadName, parsed, "GETMETADATA", b"a /shared/" + b"x" * MAX_ENTRY_OCTETS)
        parsed("GETMETADATA", b"a (" + b" ".join(b"/shared/%d" % n for n in range(MAX_ENTRIES)) + b")")
        many = b"a (" + b" ".join(b"/shared/%d" % n for n in range(MAX_ENTRIES + 1)) + b")"
        self.assertRaises(BadCommand, parsed, "GETMETADATA", many)

    def test_setMetadata(self) -> None:
        self.assertEqual(
            parsed("SETMETADATA", b'"" (/shared/comment "x" /private/vendor/a/b NIL)'),
            SetMetadata("", {"/shared/comment": b"x", "/private/vendor/a/b": None}),
        )
        self.assertEqual(
            parsed("SETMETADATA", b"a (/shared/comment ~", b"a\0b", b")"),
            SetMetadata("a", {"/shared/comment": b"a\0b"}),
        )
        self.assertRaises(BadCommand, parsed, "SETMETADATA", b"a (/shared/comment ", b"a\0b", b")")
        for text in (b"a ()", b"a (/shared/x)", b"a /shared/x NIL", b"a (/shared/x ~x)", b"a (/shared/x x)"):
            self.assertRaises(BadCommand, parsed, "SETMETADATA", text)

    @given(
        st.sampled_from(NAMES),
        st.one_of(
            st.binary(max_size=60).map(lambda octets: octets.translate(None, b"\r\n")),
            st.lists(
                st.sampled_from(
                    [b"(", b")", b" ", b"a", b"NIL", b'""', b"/shared/x", b"/private/x", b"DEPTH", b"MAXSIZE", b"1",
                     b"STORAGE", b"lr", b"+", b"~", b'"x"', b"anyone", b"infinity"]
                ),
                max_size=14,
            ).map(b"".join),
        ),
    )  # fmt: skip
    @settings(deadline=None, max_examples=400)
    def test_anything(self, name: str, text: bytes) -> None:
        try:
            parsed(name, text)
        except BadCommand:
            pass
