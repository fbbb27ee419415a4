"""
Tests for L{osxmail.mail.mime}.
"""

from __future__ import annotations

import mmap
import tempfile

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail import mime
from osxmail.mail.mime import (
    MAX_CANDIDATES,
    MAX_DEPTH,
    MAX_PARTS,
    MAX_RENDERED_OCTETS,
    WINDOW_OCTETS,
    Rendering,
    renderMessage,
    scanSteps,
    sectionRange,
)
from osxmail.mail.mimestructure import LEAF, MESSAGE, MULTIPART, TEXT, Part


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


NESTED = crlf(
    """Content-Type: multipart/mixed; boundary="abc"

before
--abc

hi
--abc
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/alternative; boundary=abcd

--abcd

x
--abcd
Content-Type: text/html

<b>
--abcd--
--abc
Content-Type: message/rfc822

Subject: plain

text

--abc
Content-Type: application/pdf; name="x.pdf"

AAAA
--abc--
after
"""
)


def balanced(rendered: bytes) -> bool:
    """
    One parenthesised list of quoted strings, atoms and lists, and nothing behind it.
    """
    depth, inString, at = 0, False, 0
    while at < len(rendered):
        octet = rendered[at : at + 1]
        if inString:
            if octet == b"\\":
                at += 1
            elif octet == b'"':
                inString = False
        elif octet == b'"':
            inString = True
        elif octet == b"(":
            depth += 1
        elif octet == b")":
            depth -= 1
            if depth == 0 and at != len(rendered) - 1:
                return False
        at += 1
    return depth == 0 and not inString


class SectionTests(SynchronousTestCase):
    """
    BODY[n.m] and its kin, by offset.
    """

    rendering = renderMessage(NESTED)

    def section(self, *path: int, what: str = "") -> bytes | None:
        found = sectionRange(self.rendering, path, what)
        return None if found is None else NESTED[found[0] : found[0] + found[1]]

    def test_whole(self) -> None:
        self.assertEqual(self.section(), NESTED)
        self.assertEqual(self.section(what="HEADER"), b'Content-Type: multipart/mixed; boundary="abc"\r\n\r\n')
        self.assertTrue(self.section(what="TEXT").startswith(b"before\r\n--abc\r\n"))
        self.assertIsNone(self.section(what="MIME"))

    def test_parts(self) -> None:
        self.assertEqual(self.section(1), b"hi")
        self.assertEqual(self.section(1, what="MIME"), b"\r\n")
        self.assertEqual(self.section(4), b"AAAA")
        self.assertEqual(self.section(4, what="MIME"), b'Content-Type: application/pdf; name="x.pdf"\r\n\r\n')
        for path in ((0,), (5,), (1, 1), (4, 1), (2, 3), (2, 1, 1)):
            self.assertIsNone(self.section(*path), path)
        for what in ("HEADER", "TEXT"):
            self.assertIsNone(self.section(1, what=what))

    def test_messageWithin(self) -> None:
        self.assertTrue(self.section(2).startswith(b"Subject: inner\r\n"))
        self.assertTrue(self.section(2).endswith(b"--abcd--"))
        self.assertEqual(
            self.section(2, what="HEADER"),
            b"Subject: inner\r\nContent-Type: multipart/alternative; boundary=abcd\r\n\r\n",
        )
        self.assertTrue(self.section(2, what="TEXT").startswith(b"--abcd\r\n"))
        self.assertEqual(self.section(2, 1), b"x")
        self.assertEqual(self.section(2, 2), b"<b>")
        self.assertEqual(self.section(2, 2, what="MIME"), b"Content-Type: text/html\r\n\r\n")
        self.assertEqual(self.section(3, what="HEADER"), b"Subject: plain\r\n\r\n")
        self.assertEqual(self.section(3, 1), b"text\r\n")
        self.assertEqual(self.section(3, 1, what="MIME"), b"Subject: plain\r\n\r\n")

    def test_single(self) -> None:
        """
        A message without parts has part 1: its body (RFC 3501 6.4.5).
        """
        message = b"Subject: x\r\n\r\nhello\r\n"
        rendering = renderMessage(message)
        self.assertEqual(sectionRange(rendering, (1,)), (14, 7))
        self.assertEqual(sectionRange(rendering, (1,), "MIME"), (0, 14))
        self.assertIsNone(sectionRange(rendering, (1, 1)))
        self.assertIsNone(sectionRange(rendering, (2,)))

    def test_rootIsMessage(self) -> None:
        message = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhello\r\n"
        rendering = renderMessage(message)
        self.assertEqual(sectionRange(rendering, (1,), "HEADER"), (32, 14))
        self.assertEqual(sectionRange(rendering, (1, 1)), (46, 7))


class StructureTests(SynchronousTestCase):
    """
    The tree, and broken messages.
    """

    def test_kinds(self) -> None:
        kinds = [part.kind for part in renderMessage(NESTED).part.walk()]
        self.assertEqual(kinds, [MULTIPART, TEXT, MESSAGE, MULTIPART, TEXT, TEXT, MESSAGE, TEXT, LEAF])

    def test_empty(self) -> None:
        rendering = renderMessage(b"")
        self.assertEqual(rendering.part, Part(TEXT, 0, 0, 0))
        self.assertEqual(rendering.envelope, b"(" + b" ".join([b"NIL"] * 10) + b")")
        self.assertEqual(rendering.body, b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)')

    def test_noBlankLine(self) -> None:
        """
        Without a blank line all is header, unless it does not look like one.
        """
        self.assertEqual(renderMessage(b"Subject: x\r\n").headerOctets, 12)
        self.assertEqual(renderMessage(b"Hello you\r\n").headerOctets, 0)
        self.assertEqual(renderMessage(b"\r\nbody").headerOctets, 2)
        self.assertEqual(renderMessage(b"A: b\n\nbody\r\n\r\n").headerOctets, 6)

    def test_noBoundary(self) -> None:
        """
        A multipart that cannot be taken apart has its body as one text part.
        """
        for parameter in (b"", b"; boundary=zzz", b'; boundary=""', b'; boundary="' + b"x" * 300 + b'"'):
            message = b"Content-Type: multipart/mixed" + parameter + b"\r\n\r\n--abc\r\n\r\nx\r\n"
            rendering = renderMessage(message)
            (child,) = rendering.part.children
            self.assertEqual(
                (child.kind, child.bodyOffset, child.endOffset), (TEXT, rendering.headerOctets, len(message))
            )
            self.assertTrue(rendering.body.startswith(b'(("text" "plain" '))

    def test_noEnd(self) -> None:
        message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n"
        rendering = renderMessage(message)
        self.assertEqual([message[p.bodyOffset : p.endOffset] for p in rendering.part.children], [b"one", b"two\r\n"])
        self.assertEqual(len(renderMessage(message + b"--b\r\n").part.children), 2)

    def test_delimiters(self) -> None:
        """
        White space may follow a delimiter; anything else makes another line of it.
        """
        message = (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b  \t\r\n\r\n1\r\n--bb\r\n--b-\r\n--b x\r\n --b\r\n--b\n\n2\n--b-- \r\n--b\r\n\r\n3"
        )
        rendering = renderMessage(message)
        self.assertEqual(
            [message[p.bodyOffset : p.endOffset] for p in rendering.part.children],
            [b"1\r\n--bb\r\n--b-\r\n--b x\r\n --b", b"2"],
        )

    def test_emptyPart(self) -> None:
        message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n--b--"
        rendering = renderMessage(message)
        self.assertEqual([p.endOffset - p.headerOffset for p in rendering.part.children], [0, 0])

    def test_digest(self) -> None:
        message = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\nhi\r\n--b--"
        self.assertEqual([p.kind for p in renderMessage(message).part.walk()], [MULTIPART, MESSAGE, TEXT])

    def test_encodedMessage(self) -> None:
        message = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
        rendering = renderMessage(message)
        self.assertEqual(rendering.part.kind, LEAF)
        self.assertTrue(rendering.body.startswith(b'("application" "octet-stream" '))

    def nested(self, depth: int) -> bytes:
        return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\nx"

    def test_depthLimit(self) -> None:
        self.assertEqual(len(list(renderMessage(self.nested(MAX_DEPTH)).part.walk())), MAX_DEPTH + 1)
        self.assertNotIn(b"octet-stream", renderMessage(self.nested(MAX_DEPTH)).body)
        deeper = renderMessage(self.nested(10 * MAX_DEPTH))
        self.assertEqual(len(list(deeper.part.walk())), MAX_DEPTH + 1)
        self.assertIn(b"octet-stream", deeper.body)
        self.assertEqual(Rendering.decode(deeper.encode()).part, deeper.part)

    def test_deepMultiparts(self) -> None:
        levels = 10 * MAX_DEPTH
        message = b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels)
        )
        self.assertEqual(len(list(renderMessage(message).part.walk())), MAX_DEPTH + 1)

    def test_partsLimit(self) -> None:
        message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * (2 * MAX_PARTS)
        rendering = renderMessage(message)
        self.assertLessEqual(len(list(rendering.part.walk())), MAX_PARTS + 2)
        self.assertEqual(rendering.part.children[-1].endOffset, len(message))

    def test_renderedLimit(self) -> None:
        """
        A message of a few megabytes must not have a BODYSTRUCTURE of the same size.
        """
        parameters = b"".join(b'; a%d="%b"' % (number, b"v" * 150) for number in range(99))
        part = b"--b\r\nContent-Type: text/plain" + parameters + b"\r\n\r\nx\r\n"
        message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 200 + b"--b--\r\n"
        rendering = renderMessage(message)
        self.assertGreater(len(rendering.bodystructure), MAX_RENDERED_OCTETS)
        self.assertLess(len(rendering.bodystructure), MAX_RENDERED_OCTETS + 2 * len(part))
        self.assertLess(len(rendering.part.children), 100)
        # What follows belongs to the last.
        self.assertEqual(rendering.part.children[-1].endOffset, len(message))

    def test_candidatesLimit(self) -> None:
        message = (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bx\r\n" * (MAX_CANDIDATES + 10) + b"--b\r\n\r\nx"
        )
        (child,) = renderMessage(message).part.children
        self.assertEqual(child.endOffset, len(message))

    def test_prefix(self) -> None:
        """
        Fields before the octets count for ENVELOPE, and move nothing.
        """
        message = b"Subject: x\r\n\r\nhello\r\n"
        rendering = renderMessage(message, b"Message-ID: <1@example.test>\r\nSubject: first\r\n")
        self.assertEqual(rendering.headerOctets, 14)
        self.assertIn(b'"<1@example.test>"', rendering.envelope)
        self.assertIn(b'"first"', rendering.envelope)
        self.assertEqual(rendering.keys.messageId, "1@example.test")


class WindowTests(SynchronousTestCase):
    """
    Large messages, in whatever form.
    """

    def large(self) -> bytes:
        line = b"x" * 70 + b"\r\n"
        text = line * (WINDOW_OCTETS // len(line))
        part = b"--b\r\nContent-Type: text/plain\r\n\r\n" + text + b"y" * 7
        return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + (part + b"\r\n") * 5 + b"--b--\r\n"

    def test_steps(self) -> None:
        """
        There is a pause at least each window, wherever a delimiter falls on its border.
        """
        message = self.large()
        steps = scanSteps(message)
        pauses = 0
        while True:
            try:
                next(steps)
            except StopIteration as finished:
                rendering = finished.value
                break
            pauses += 1
        self.assertGreaterEqual(pauses, len(message) // WINDOW_OCTETS - 2)
        self.assertEqual(len(rendering.part.children), 5)
        self.assertEqual(rendering, renderMessage(message))

    def test_borders(self) -> None:
        head = b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\n"
        for shift in range(-8, 9):
            filler = b"z" * (WINDOW_OCTETS + shift)
            message = head + filler + b"\r\n--bb\r\n\r\nlast\r\n--bb--"
            rendering = renderMessage(message)
            ends = [message[p.bodyOffset : p.endOffset] for p in rendering.part.children]
            self.assertEqual([len(each) for each in ends], [len(filler), 4], shift)

    def test_forms(self) -> None:
        """
        bytes, bytearray, memoryview and mmap give the same.
        """
        for message in (NESTED, self.large()):
            expected = renderMessage(message)
            self.assertEqual(renderMessage(bytearray(message)), expected)
            self.assertEqual(renderMessage(memoryview(message)), expected)
            with tempfile.TemporaryFile() as file:
                file.write(message)
                file.flush()
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    self.assertEqual(renderMessage(mapped), expected)


pieces = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"--b", b"--b--", b"\r\n--b\r\n", b"\r\n--c\r\n", b"\r\n\r\n", b" ", b"\x00", b"\xff"]
    + [b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: multipart/digest; boundary=c\r\n"]
    + [b"Content-Type: message/rfc822\r\n", b"Content-Type: text/plain; a=\xc3\xb6", b"From: ", b"a@b", b"<", b">"]
    + [b'"', b"(", b")", b";", b":", b"=", b",", b"\\", b"=?utf-8?B?", b"?=", b"Date: 1 Jan 2024", b"Subject: re: x"]
    + [b"Content-Disposition: ", b"Content-Language: a, b", b"To: ", b"\xc3\xb6"]
)


class Utf8Tests(SynchronousTestCase):
    """
    What clients see that take UTF-8 in quoted strings.
    """

    def utf8(self, text: str) -> tuple[bytes, bytes, bytes] | None:
        return renderMessage(text.encode("utf-8", "surrogateescape")).utf8

    def test_onlyWhereItDiffers(self) -> None:
        self.assertIsNone(self.utf8("Subject: x\r\n\r\nKörper\r\n"))
        self.assertIsNone(self.utf8("X-Other: Grüße\r\nSubject: x\r\n\r\n"))
        self.assertIsNone(self.utf8("Subject: Gr\udcfc\udcdfe\r\n\r\n"))
        self.assertIsNotNone(self.utf8("Subject: Grüße\r\n\r\n"))

    def test_envelope(self) -> None:
        found = self.utf8('Subject: "Grüße" \\ x\ty\r\nFrom: Jörg <jörg@müller.test>\r\nTo: a@\udcff.test\r\n\r\n')
        assert found is not None
        envelope = found[0].decode()
        self.assertIn(r'(NIL "\"Grüße\" \\ x y" (("Jörg" NIL "jörg" "müller.test"))', envelope)
        # What is no UTF-8 is never shown as it is.
        self.assertIn('(NIL NIL "a" "=?unknown-8bit?B?/y50ZXN0?=")', envelope)

    def test_structure(self) -> None:
        found = self.utf8(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; name=ä\r\n"
            "Content-Description: Übersicht\r\nContent-Disposition: attachment; filename=ß.txt\r\n\r\nx\r\n--b\r\n"
            "Content-Type: message/rfc822\r\n\r\nSubject: Ärger\r\n\r\n--b--\r\n"
        )
        assert found is not None
        body, structure = found[1].decode(), found[2].decode()
        self.assertIn('("text" "plain" ("name" "ä") NIL "Übersicht" "7bit" 1 0', body)
        self.assertIn('("attachment" ("filename" "ß.txt"))', structure)
        self.assertIn('(NIL "Ärger" NIL', structure)

    def test_global(self) -> None:
        """
        RFC 6532: a message/global is a message to who takes UTF-8, and a type like any other to who does not.
        """
        inner = "Subject: Ärger\r\n\r\nx"
        part = f"Content-Type: message/global\r\n\r\n{inner}"
        text = f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{part}\r\n--b--"
        rendering = renderMessage(text.encode())
        self.assertIn(b'(("message" "global" NIL NIL NIL "7bit" 20) "mixed")', rendering.body)
        assert rendering.utf8 is not None
        self.assertIn(
            '("message" "global" NIL NIL NIL "7bit" 20 (NIL "Ärger" NIL NIL NIL NIL NIL NIL NIL NIL) ("text"',
            rendering.utf8[1].decode(),
        )
        self.assertEqual(sectionRange(rendering, (1,), "TEXT"), (len(text.encode()) - 8, 1))

    def test_partsAreTheSame(self) -> None:
        """
        Where the first walk had no room for more, the second ends, though it has room.
        """
        self.patch(mime, "MAX_RENDERED_OCTETS", 700)
        part = "--b\r\nContent-Description: Grüße aus der Ferne\r\n\r\nx\r\n"
        text = "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 30 + "--b--\r\n"
        rendering = renderMessage(text.encode())
        count = len(rendering.part.children)
        self.assertLess(count, 10)
        assert rendering.utf8 is not None
        self.assertEqual(rendering.bodystructure.count(b'("text" '), count)
        self.assertEqual(rendering.utf8[2].count(b'("text" '), count)


class GarbageTests(SynchronousTestCase):
    """
    Anything has a structure.
    """

    @settings(deadline=None, max_examples=400)
    @given(st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=40).map(b"".join)))
    def test_renders(self, message: bytes) -> None:
        rendering = renderMessage(message)
        for rendered in (rendering.envelope, rendering.body, rendering.bodystructure):
            self.assertTrue(rendered.isascii() and balanced(rendered), rendered)
            self.assertFalse({0, 10, 13} & set(rendered), rendered)
        kept = Rendering.decode(rendering.encode(), rendering.envelope, rendering.body, rendering.bodystructure)
        self.assertEqual(kept, evolve(rendering, utf8=None))
        if rendering.utf8 is not None:
            self.assertNotEqual(rendering.utf8, (rendering.envelope, rendering.body, rendering.bodystructure))
            for rendered in rendering.utf8:
                rendered.decode("utf-8")
                self.assertTrue(balanced(rendered), rendered)
                self.assertFalse({0, 10, 13} & set(rendered), rendered)
        self.assertEqual(rendering.part.endOffset, len(message))
        for part in rendering.part.walk():
            self.assertTrue(part.headerOffset <= part.bodyOffset <= part.endOffset)
            at = part.bodyOffset
            for child in part.children:
                self.assertTrue(at <= child.headerOffset and child.endOffset <= part.endOffset)
                at = child.endOffset
