"""
Tests for L{osxmail.mail.header}.
"""

from __future__ import annotations

from email import message_from_bytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail import header
from osxmail.mail.header import (
    MAX_FIELDS,
    MAX_HEADER_OCTETS,
    FieldPicker,
    fields,
    firstFields,
    headerEnd,
    headerFields,
    headerOf,
    looksLikeHeader,
    messageIds,
    parseMessageId,
    unfolded,
)

HEADER = (
    b"From: Ann <ann@example.test>\r\n"
    b"Subject: one\r\n two\r\n\tthree\r\n"
    b"X-Odd : blank\r\n"
    b"garbage\r\n"
    b"SUBJECT: again\r\n"
    b"Message-ID: <1@example.test>\r\n"
    b"\r\n"
)


class FieldsTests(SynchronousTestCase):
    """
    Reading fields.
    """

    def test_fields(self) -> None:
        self.assertEqual(
            list(fields(HEADER)),
            [
                (b"from", b"Ann <ann@example.test>"),
                (b"subject", b"one two\tthree"),
                (b"x-odd", b"blank"),
                (b"subject", b"again"),
                (b"message-id", b"<1@example.test>"),
            ],
        )
        self.assertEqual(list(fields(HEADER.replace(b"\r\n", b"\n"))), list(fields(HEADER)))
        self.assertEqual(list(fields(HEADER + b"Body: x\r\n")), list(fields(HEADER)))
        self.assertEqual(list(fields(b"")), [])
        self.assertEqual(unfolded(b"a: b\r\n c\n"), b"a: b c\n")

    def test_first(self) -> None:
        self.assertEqual(
            firstFields(HEADER, (b"subject", b"x-odd", b"to")), {b"subject": b"one two\tthree", b"x-odd": b"blank"}
        )
        self.assertEqual(firstFields(HEADER + b"To: x\r\n", (b"to",)), {})

    def test_messageIds(self) -> None:
        self.assertEqual(parseMessageId(b" <1@example.test> <2@b>"), "1@example.test")
        self.assertEqual(parseMessageId(b"none"), "")
        self.assertEqual(messageIds(b"<a@b> <c@d>\t<e@f>", 2), ("a@b", "e@f"))
        self.assertEqual(messageIds(b"<a@b> <c@d>\t<e@f>", 3), ("a@b", "c@d", "e@f"))

    def test_limits(self) -> None:
        self.assertEqual(len(list(fields(b"a: b\r\n" * (MAX_FIELDS + 10)))), MAX_FIELDS + 1)
        far = b"X: " + b"y" * MAX_HEADER_OCTETS + b"\r\nTo: a@b\r\n\r\n"
        self.assertEqual(firstFields(far, (b"to",)), {})

    def test_end(self) -> None:
        for octets, end in (
            (b"a: b\r\n\r\nbody", 8),
            (b"a: b\n\nbody", 6),
            (b"a: b\r\n\nbody\r\n\r\n", 7),
            (b"a: b\n\r\nbody", 7),
            (b"\r\nbody", 2),
            (b"\nbody", 1),
            (b"a: b\r\n", 6),
            (b"", 0),
            (b"a: b\r\n\r\n", 8),
        ):
            self.assertEqual(headerEnd(octets), end, octets)
            self.assertEqual(headerOf(octets), octets[:end])

    def test_looks(self) -> None:
        for octets, isHeader in (
            (b"A: b", True),
            (b"X-Y : b", True),
            (b"From me", False),
            (b" a: b", False),
            (b"", False),
        ):
            self.assertEqual(looksLikeHeader(octets), isHeader)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["A", "b-c", "Subject"]), st.text("ab \t:", max_size=10), st.booleans()),
            max_size=8,
        )
    )
    def test_asOthersDo(self, given: list[tuple[str, str, bool]]) -> None:
        """
        Python's email package finds the same fields.
        """
        header = "".join(
            f"{name}: {'x' + chr(13) + chr(10) + ' ' if folds else ''}{value}\r\n" for name, value, folds in given
        )
        expected = [
            (name.lower().encode(), str(value).replace("\r\n", "").encode().strip())
            for name, value in message_from_bytes(header.encode() + b"\r\n").items()
        ]
        self.assertEqual(list(fields(header.encode() + b"\r\n")), expected)


class HeaderFieldsTests(SynchronousTestCase):
    """
    HEADER.FIELDS and HEADER.FIELDS.NOT.
    """

    def test_some(self) -> None:
        self.assertEqual(
            headerFields(HEADER, (b"subject", b"from")),
            b"From: Ann <ann@example.test>\r\nSubject: one\r\n two\r\n\tthree\r\nSUBJECT: again\r\n\r\n",
        )
        self.assertEqual(headerFields(HEADER, (b"x-odd",)), b"X-Odd : blank\r\n\r\n")
        self.assertEqual(headerFields(HEADER, (b"to",)), b"\r\n")

    def test_others(self) -> None:
        self.assertEqual(
            headerFields(HEADER, (b"subject", b"from"), exclude=True),
            b"X-Odd : blank\r\ngarbage\r\nMessage-ID: <1@example.test>\r\n\r\n",
        )
        self.assertEqual(headerFields(HEADER, (), exclude=True), HEADER)

    def test_odd(self) -> None:
        self.assertEqual(headerFields(b"", (b"a",)), b"")
        self.assertEqual(headerFields(b"a: b", (b"a",)), b"a: b")
        self.assertEqual(headerFields(b"a: b\n c\nd: e\n\nbody\n", (b"a",)), b"a: b\n c\n\n")
        self.assertEqual(headerFields(b" x\r\na: b\r\n", (b"a",)), b"a: b\r\n")
        self.assertEqual(headerFields(b"a: b\rc\r\n\r\n", (b"a",)), b"a: b\rc\r\n\r\n")

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from([b"a", b"B", b":", b" ", b"\t", b"\r\n", b"\n", b"\r", b"a: b\r\n", b"b: c\r\n"]),
            max_size=30,
        ).map(b"".join)
    )
    def test_partition(self, header: bytes) -> None:
        """
        Each line that begins a field is either in or out, and all octets come back.
        """
        inside = headerFields(header, (b"a",))
        outside = headerFields(header, (b"a",), exclude=True)
        whole = headerFields(header, (), exclude=True)
        self.assertTrue(header.startswith(whole) or header[:1] in (b" ", b"\t"))
        blank = (
            b"\r\n"
            if whole.endswith((b"\n\r\n",)) or whole == b"\r\n"
            else b"\n"
            if whole.endswith(b"\n\n") or whole == b"\n"
            else b""
        )
        self.assertEqual(len(inside) + len(outside) - len(blank), len(whole))


class FieldPickerTests(SynchronousTestCase):
    def test_longLines(self) -> None:
        """
        Of a line that does not end, what came first decides; what is kept of it has a bound.
        """
        self.patch(header, "MAX_LINE_OCTETS", 10)
        for names, exclude, expected in (
            ((b"x",), False, b"X: " + b"y" * 100 + b"\r\nX: 2\r\n\r\n"),
            ((b"a",), False, b"A: 1\r\n\r\n"),
            ((b"a",), True, b"X: " + b"y" * 100 + b"\r\nX: 2\r\n\r\n"),
        ):
            picker = FieldPicker(names, exclude)
            out = b""
            for octet in b"A: 1\r\nX: " + b"y" * 100 + b"\r\nX: 2\r\n\r\nA: no field\r\n":
                out += picker.feed(bytes((octet,)))
                self.assertLess(len(picker._rest), 12)
            self.assertEqual(out + picker.finish(), expected)

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from([b"a", b"B", b":", b" ", b"\t", b"\r\n", b"\n", b"\r", b"a: b\r\n", b"b: c\r\n"]),
            max_size=30,
        ),
        st.sets(st.sampled_from([b"a", b"b", b"ab"])),
        st.booleans(),
    )
    def test_pieces(self, pieces: list[bytes], names: set[bytes], exclude: bool) -> None:
        """
        However the header comes, it is what L{headerFields} says.
        """
        picker = FieldPicker(names, exclude)
        out = b"".join(picker.feed(piece) for piece in pieces) + picker.finish()
        self.assertEqual(out, headerFields(b"".join(pieces), names, exclude))
