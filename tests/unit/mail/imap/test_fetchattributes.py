"""
Tests of L{osxmail.mail.imap.fetchattributes}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.fetchattributes import MAX_FIELDS, MAX_ITEMS, MAX_PART_DEPTH, FetchItems, parseFetchItems
from osxmail.mail.imap.reader import BadCommand, Cursor


def parse(*pieces: bytes) -> FetchItems:
    cursor = Cursor(pieces)
    items = parseFetchItems(cursor)
    cursor.end()
    return items


class ItemTests(SynchronousTestCase):
    def test_macros(self) -> None:
        """
        RFC 3501 6.4.5.
        """
        self.assertEqual(parse(b"all").simple, ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"))
        self.assertEqual(parse(b"FAST").simple, ("FLAGS", "INTERNALDATE", "RFC822.SIZE"))
        self.assertEqual(parse(b"FULL").simple, ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"))
        self.assertRaises(BadCommand, parse, b"(ALL)")
        self.assertRaises(BadCommand, parse, b"ALLES")

    def test_simple(self) -> None:
        items = parse(b"(uid Flags UID BODY BODYSTRUCTURE modseq)")
        self.assertEqual(items.simple, ("UID", "FLAGS", "BODY", "BODYSTRUCTURE", "MODSEQ"))
        self.assertEqual(items.needs, ("body", "bodystructure"))
        self.assertFalse(items.setsSeen)

    def test_sections(self) -> None:
        for raw, label, part, what, origin, length, isPeek in [
            (b"BODY[]", b"BODY[]", (), "", 0, None, False),
            (b"BODY.PEEK[]<5.10>", b"BODY[]<5>", (), "", 5, 10, True),
            (b"body[1.2.3]", b"BODY[1.2.3]", (1, 2, 3), "", 0, None, False),
            (b"body[1.mime]", b"BODY[1.MIME]", (1,), "MIME", 0, None, False),
            (b"body[4.2.Header]", b"BODY[4.2.HEADER]", (4, 2), "HEADER", 0, None, False),
            (b"BODY[TEXT]<0.1>", b"BODY[TEXT]<0>", (), "TEXT", 0, 1, False),
            (b"RFC822", b"RFC822", (), "", 0, None, False),
            (b"RFC822.HEADER", b"RFC822.HEADER", (), "HEADER", 0, None, True),
            (b"RFC822.TEXT", b"RFC822.TEXT", (), "TEXT", 0, None, False),
        ]:
            with self.subTest(raw=raw):
                (section,) = parse(raw).sections
                self.assertEqual(
                    (section.label, section.part, section.what, section.origin, section.length, section.isPeek),
                    (label, part, what, origin, length, isPeek),
                )

    def test_binary(self) -> None:
        """
        RFC 3516 7.
        """
        for raw, label, part, origin, length, isPeek, isSize in [
            (b"BINARY[]", b"BINARY[]", (), 0, None, False, False),
            (b"binary.peek[1.2]<3.4>", b"BINARY[1.2]<3>", (1, 2), 3, 4, True, False),
            (b"Binary[7]<0.1>", b"BINARY[7]<0>", (7,), 0, 1, False, False),
            (b"BINARY.SIZE[3.1]", b"BINARY.SIZE[3.1]", (3, 1), 0, None, True, True),
            (b"BINARY.SIZE[]", b"BINARY.SIZE[]", (), 0, None, True, True),
        ]:
            (section,) = parse(raw).sections
            self.assertEqual(
                (section.label, section.part, section.origin, section.length, section.isPeek, section.isSize),
                (label, part, origin, length, isPeek, isSize),
            )
            self.assertTrue(section.isDecoded)
        for raw in (b"BINARY", b"BINARY[", b"BINARY[HEADER]", b"BINARY[1.]", b"BINARY[.1]", b"BINARY[1]<1>"):
            self.assertRaises(BadCommand, parse, raw)
        for raw in (b"BINARY.SIZE[1]<0.1>", b"BINARY.SIZE.PEEK[1]", b"BINARY[1 ]", b"BINARY[0]", b"BINARY[1]<0.0>"):
            self.assertRaises(BadCommand, parse, raw)
        parse(b"BINARY[" + b".".join([b"1"] * MAX_PART_DEPTH) + b"]")
        self.assertRaises(BadCommand, parse, b"BINARY[" + b".".join([b"1"] * (MAX_PART_DEPTH + 1)) + b"]")
        self.assertFalse(parse(b"(BINARY.SIZE[1] BINARY.PEEK[1])").setsSeen)
        self.assertTrue(parse(b"(BINARY.PEEK[1] BINARY[1])").setsSeen)

    def test_extensions(self) -> None:
        """
        SAVEDATE (RFC 8514), EMAILID and THREADID (RFC 8474), PREVIEW (RFC 8970).
        """
        items = parse(b"(SaveDate emailid THREADID preview UID)")
        self.assertEqual(items.simple, ("SAVEDATE", "EMAILID", "THREADID", "PREVIEW", "UID"))
        self.assertEqual(items.needs, ("savedate", "emailid", "threadid", "preview"))
        self.assertEqual(parse(b"PREVIEW").needs, ("preview",))
        self.assertEqual(parse(b"preview (lazy)").needs, ("lazypreview",))
        self.assertEqual(parse(b"(PREVIEW (LAZY) UID)").needs, ("lazypreview",))
        self.assertEqual(parse(b"(PREVIEW (LAZY) UID PREVIEW)").needs, ("preview",))
        for raw in (b"PREVIEW (", b"PREVIEW ()", b"PREVIEW (LAZY", b"PREVIEW (LAZY LAZY)", b"PREVIEW(LAZY)"):
            self.assertRaises(BadCommand, parse, raw)

    def test_fields(self) -> None:
        (section,) = parse(b"BODY.PEEK[HEADER.FIELDS (Date ", b"To", b' "a(b")]').sections
        self.assertEqual(section.fields, {b"date", b"to", b"a(b"})
        self.assertEqual(section.label, b'BODY[HEADER.FIELDS (Date To "a(b")]')
        (section,) = parse(b"BODY[2.HEADER.FIELDS.NOT (X)]").sections
        self.assertEqual((section.what, section.part), ("HEADER.FIELDS.NOT", (2,)))

    def test_seenWins(self) -> None:
        """
        One answer for a section that is asked for twice; without PEEK it sets the flag.
        """
        items = parse(b"(BODY.PEEK[] BODY[])")
        self.assertEqual(len(items.sections), 1)
        self.assertTrue(items.setsSeen)
        self.assertEqual(len(parse(b"(BODY[]<0.5> BODY[]<0.9>)").sections), 2)

    def test_including(self) -> None:
        self.assertEqual(parse(b"FLAGS").including("UID", "MODSEQ").simple, ("UID", "FLAGS", "MODSEQ"))
        items = parse(b"(FLAGS UID)")
        self.assertIs(items.including("UID"), items)

    def test_refused(self) -> None:
        for raw in [
            b"",
            b"()",
            b"NONSENSE",
            b"BODY[",
            b"BODY[0]",
            b"BODY[MIME]",
            b"BODY[1.]",
            b"BODY[TEXT.1]",
            b"BODY[HEADER.FIELDS]",
            b"BODY[HEADER.FIELDS ()]",
            b"BODY[HEADER.FIELDS (a:b)]",
            b"BODY[]<0>",
            b"BODY[]<0.0>",
            b"BODY[]<a.1>",
            b"(UID",
            b"(UID  FLAGS)",
            b"UID FLAGS",
            b"BODY.PEEK",
            b"BODY[1 2]",
            b'BODY[HEADER.FIELDS ("a b")]',
        ]:
            with self.subTest(raw=raw):
                self.assertRaises(BadCommand, parse, raw)

    def test_limits(self) -> None:
        parse(b"(" + b" ".join([b"UID"] * MAX_ITEMS) + b")")
        self.assertRaises(BadCommand, parse, b"(" + b" ".join([b"UID"] * (MAX_ITEMS + 1)) + b")")
        parse(b"BODY[" + b".".join([b"1"] * MAX_PART_DEPTH) + b"]")
        self.assertRaises(BadCommand, parse, b"BODY[" + b".".join([b"1"] * (MAX_PART_DEPTH + 1)) + b"]")
        parse(b"BODY[HEADER.FIELDS (" + b" ".join([b"a"] * MAX_FIELDS) + b")]")
        self.assertRaises(BadCommand, parse, b"BODY[HEADER.FIELDS (" + b" ".join([b"a"] * (MAX_FIELDS + 1)) + b")]")

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"BODY",
                    b"[",
                    b"]",
                    b"1",
                    b".",
                    b"<",
                    b">",
                    b"(",
                    b")",
                    b" ",
                    b"HEADER.FIELDS",
                    b"UID",
                    b"BINARY",
                    b".SIZE",
                    b".PEEK",
                    b"PREVIEW",
                    b" (LAZY)",
                    b"MIME",
                    b"\xff",
                    b'"',
                ]
            ),
            max_size=14,
        )
    )
    def test_parsesOrSaysNot(self, tokens: list[bytes]) -> None:
        try:
            parse(b"".join(tokens))
        except BadCommand:
            pass
