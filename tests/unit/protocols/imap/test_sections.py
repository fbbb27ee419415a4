"""
Tests of L{osxmail.protocols.imap.sections}: BINARY, fields of large headers, what happens in the middle of a literal.
"""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import Message as MailMessage
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import StoreDamaged
from osxmail.mail.imap.fetchattributes import parseFetchItems
from osxmail.mail.imap.reader import Cursor
from osxmail.protocols.imap import fetch, fetchanswers, sections
from osxmail.protocols.imap.derived import Pace
from osxmail.protocols.imap.sections import QuickSection, Sections
from osxmail.store.mailbox import Mailbox
from osxmail.store.message import Message
from tests.unit.mail.test_messages import entities
from tests.unit.protocols.imap.sessions import SessionCase, Turns

CONTENT = bytes(range(256)) * 2000
TEXT = b"".join(b"line %d of a text with \xc3\xa4\r\n" % number for number in range(20_000))


def message(encoding: bytes, body: bytes) -> bytes:
    return b"Subject: x\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (encoding, body)


def literal(said: bytes) -> bytes:
    """
    What the first literal holds.
    """
    match = re.search(rb"\{(\d+)\}\r\n", said)
    assert match, said
    return said[match.end() : match.end() + int(match.group(1))]


class LargeBinaryTests(SessionCase):
    async def test_base64(self) -> None:
        await self.fill(message(b"base64", base64.encodebytes(CONTENT).replace(b"\n", b"\r\n")))
        client = await self.selected()
        for raw, expected in [
            (b"BINARY.PEEK[1]", CONTENT),
            (b"BINARY.PEEK[1]<1.300000>", CONTENT[1:300001]),
            (b"BINARY.PEEK[1]<511990.100>", CONTENT[511990:]),
            (b"BINARY.PEEK[1]<600000.100>", b""),
        ]:
            said = await client.do(b"FETCH 1 (FLAGS %b UID)" % raw)
            self.assertEqual(literal(said), expected, raw)
            self.assertIn(b" ~{" if b"\0" in expected else b" {", said[:100])
            self.assertIn(b")\r\nt", said)
        self.assertIn(b"* 1 FETCH (BINARY.SIZE[1] %d)\r\n" % len(CONTENT), await client.do(b"FETCH 1 BINARY.SIZE[1]"))

    async def test_quotedPrintable(self) -> None:
        await self.fill(message(b"quoted-printable", quopri.encodestring(TEXT)))
        client = await self.selected()
        with Turns() as turns:
            said = await client.do(b"FETCH 1 (BINARY.SIZE[1] BINARY[1])")
        self.assertEqual(literal(said), TEXT)
        self.assertIn(b"FLAGS (\\Seen \\Recent) BINARY.SIZE[1] %d BINARY[1] {" % len(TEXT), said[:100])
        self.assertLess(turns.longestSeconds, 0.05)

    async def test_binary(self) -> None:
        """
        What is not encoded is read once: whether there is a NUL in it is not known before.
        """
        await self.fill(message(b"binary", CONTENT))
        client = await self.selected()
        said = await client.do(b"FETCH 1 BINARY.PEEK[1]")
        self.assertIn(b"(BINARY[1] ~{512000}\r\n", said[:60])
        self.assertEqual(literal(said), CONTENT)

    async def test_backPressure(self) -> None:
        """
        A client that does not take it holds a piece, not the message; and other sessions go on.
        """
        await self.fill(message(b"base64", base64.encodebytes(CONTENT)))
        client = await self.selected()
        client.transport.take()
        client.gate.pauseProducing()
        client.send(b"a FETCH 1 BINARY.PEEK[1]\r\n")
        await deferLater(reactor, 0.1)
        first = client.transport.take()
        self.assertLess(len(first), 70_000)
        client.gate.resumeProducing()
        self.assertEqual(literal(first + await client.until(b"a OK FETCH completed\r\n")), CONTENT)

    async def test_pipelinedWithoutReading(self) -> None:
        """
        However many such commands a client sends, nothing is made for it before it reads.
        """
        await self.fill(message(b"base64", base64.encodebytes(CONTENT)), message(b"7bit", TEXT))
        client = await self.selected()
        client.transport.take()
        client.gate.pauseProducing()
        client.send(b"a FETCH 1:2 (BINARY.PEEK[1] BODY.PEEK[])\r\n" * 200)
        await deferLater(reactor, 0.2)
        self.assertLess(len(client.transport.take()), 140_000)


class LargeHeaderTests(SessionCase):
    """
    Fields of headers past 256 KiB.
    """

    HEADER = b"".join(b"N%d: a\r\n" % n + b" folded\r\n" * (n % 40) for n in range(4000)) + b"Last: 1\r\n last\r\n"

    async def test_fields(self) -> None:
        self.assertGreater(len(self.HEADER), 2 * 262144)
        await self.fill(self.HEADER + b"\r\nLast: no field\r\n")
        client = await self.selected()
        fields = re.findall(rb"[^\r]+\r\n(?: [^\r]+\r\n)*", self.HEADER)
        for names, expected in (
            (b"HEADER.FIELDS (Last N3999 N0)", fields[0] + fields[3999] + b"Last: 1\r\n last\r\n\r\n"),
            (b"HEADER.FIELDS (Other)", b"\r\n"),
            (b"HEADER.FIELDS.NOT (N0 N3999)", b"".join([*fields[1:3999], fields[4000]]) + b"\r\n"),
            (b"HEADER", self.HEADER + b"\r\n"),
        ):
            with Turns() as turns:
                said = await client.do(b"FETCH 1 BODY.PEEK[%b]" % names)
            self.assertEqual(literal(said), expected, names)
            self.assertLess(turns.longestSeconds, 0.05)
        said = await client.do(b"FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (N0 N3999)]<300000.100000>")
        self.assertEqual(literal(said), (b"".join([*fields[1:3999], fields[4000]]) + b"\r\n")[300000:400000])

    async def test_fieldWithoutEnd(self) -> None:
        """
        One line of a megabyte.
        """
        line = b"X: " + b"x" * 1_000_000 + b"\r\n"
        await self.fill(b"A: 1\r\n" + line + b"B: 2\r\n\r\n")
        client = await self.selected()
        for names, expected in (
            (b"HEADER.FIELDS (a b)", b"A: 1\r\nB: 2\r\n\r\n"),
            (b"HEADER.FIELDS (x)", line + b"\r\n"),
            (b"HEADER.FIELDS.NOT (a)", line + b"B: 2\r\n\r\n"),
        ):
            self.assertEqual(literal(await client.do(b"FETCH 1 BODY.PEEK[%b]" % names)), expected, names)


class DamageTests(SessionCase):
    async def test_inTheMiddle(self) -> None:
        """
        What breaks off within a literal cannot be answered: the session ends.
        """
        await self.fill(message(b"7bit", TEXT), message(b"base64", base64.encodebytes(CONTENT)))
        read = Message.read
        for number, item in ((1, b"BODY.PEEK[]"), (2, b"BINARY.PEEK[1]")):
            client = await self.selected()
            count = 0

            async def damaged(message: Any, offset: int, length: int, item: bytes = item) -> bytes:
                nonlocal count
                count += 1
                if count > (3 if item == b"BODY.PEEK[]" else 15):
                    raise StoreDamaged("checksum")
                return await read(message, offset, length)

            self.patch(Message, "read", damaged)
            client.send(b"a FETCH %d %b\r\n" % (number, item))
            await client.until(b"}\r\n")
            for _ in range(200):
                await deferLater(reactor, 0.005)
                if client.transport.disconnecting or client.transport.aborted:
                    break
            self.assertTrue(client.transport.disconnecting or client.transport.aborted)
            self.assertNotIn(b"a NO", client.transport.take())
            self.patch(Message, "read", read)

    async def test_fewerOctetsThanItsSize(self) -> None:
        await self.fill(message(b"7bit", TEXT))
        client = await self.selected()
        read = Message.read

        async def short(message: Any, offset: int, length: int) -> bytes:
            return b"" if offset > 100_000 else await read(message, offset, length)

        self.patch(Message, "read", short)
        client.send(b"a FETCH 1 BODY.PEEK[]\r\n")
        await client.until(b"}\r\n")
        await deferLater(reactor, 0.1)
        self.assertTrue(client.transport.disconnecting or client.transport.aborted)


class KeptTests(SessionCase):
    async def test_manySections(self) -> None:
        """
        Of what is made, a bounded amount is in memory; the rest is made twice.
        """
        self.patch(sections, "KEPT_OCTETS", 1000)
        await self.fill(message(b"base64", base64.encodebytes(CONTENT[:400])))
        client = await self.selected()
        items = b" ".join(b"BINARY.PEEK[1]<%d.400>" % origin for origin in range(20))
        said = await client.do(b"FETCH 1 (%b)" % items)
        for origin in range(20):
            wanted = CONTENT[origin:400]
            self.assertIn(b"BINARY[1]<%d> ~{%d}\r\n%b" % (origin, len(wanted), wanted), said)


class Stored:
    """
    A message in memory, of which nothing is asked but that.
    """

    def __init__(self, prefix: bytes, octets: bytes) -> None:
        self.prefix = prefix
        self.inline = prefix + octets
        self.sizeOctets = len(self.inline)


class QuickSectionTests(SynchronousTestCase):
    """
    What is told quickly is what is told at length.
    """

    TEXTS = (
        "BODY[] BODY[]<3.5> BODY[]<9.99999> RFC822 RFC822.HEADER RFC822.TEXT BODY[HEADER] BODY[HEADER]<2.30> "
        "BODY[TEXT] BODY[TEXT]<1.3> BODY[HEADER.FIELDS?(Subject?To?X-None)] BODY[HEADER.FIELDS.NOT?(From?Date)] "
        'BODY[HEADER.FIELDS?("a%d")] BODY[HEADER.FIELDS?(subject)]<4.4>'
    )

    async def letOthers(self) -> None: ...

    def test_corpus(self) -> None:
        messages = [path.read_bytes() for path in sorted((Path(__file__).parents[3] / "messages").glob("*.eml"))]
        messages += [b"", b"\r\n", b"\n", b"\nbody", b"A: b", b"A: b\r\n", b"A: b\r\n\r\n", b"no header"]
        told = 0
        for text in self.TEXTS.split():
            (section,) = parseFetchItems(Cursor([text.replace("?", " ").encode()])).sections
            quick = QuickSection.ofAll((section,))
            assert quick is not None
            for octets in messages:
                for prefix in (b"", b"Received: x\r\n by y\r\n"):
                    message: Any = Stored(prefix, octets)
                    answer = quick.of(message.inline)
                    if answer is None:
                        continue
                    told += 1
                    sections = Sections(message, Pace(self.letOthers))
                    (found,) = self.successResultOf(Deferred.fromCoroutine(sections.find((section,))))
                    self.assertEqual(found.octets, answer, (text, octets))
        self.assertGreater(told, 1000)

    def test_which(self) -> None:
        for text, isQuick in (
            (b"BODY[]", True),
            (b"BODY[1]", False),
            (b"BINARY[]", False),
            (b"BINARY.SIZE[1]", False),
            (b"(BODY[] BODY[TEXT])", False),
        ):
            items = parseFetchItems(Cursor([text]))
            self.assertEqual(QuickSection.ofAll(items.sections) is not None, isQuick, text)
        self.assertIsNone(QuickSection.ofAll(()))

    def test_largeHeader(self) -> None:
        """
        What takes long is done in pieces.
        """
        (section,) = parseFetchItems(Cursor([b"BODY[HEADER.FIELDS (A)]"])).sections
        quick = QuickSection(section)
        self.assertIsNone(quick.of(b"A: 1\r\n" + b"B: 2\r\n" * 4000 + b"\r\nbody"))
        self.assertEqual(quick.of(b"A: 1\r\n" + b"B: 2\r\n" * 2000 + b"\r\nbody"), b"A: 1\r\n\r\n")
        self.assertEqual(quick.looked, 12008)


class ManyTests(SessionCase):
    async def test_largeAndSmall(self) -> None:
        """
        More than a batch of both kinds, each whole and in order.
        """
        self.patch(fetch, "BATCH_MESSAGES", 7)
        texts = [b"Subject: %d\r\n\r\n" % n + b"%d " % n * (8000 if n % 3 == 0 else 10) for n in range(1, 31)]
        await self.fill(*texts)
        client = await self.selected()
        said = await client.do(b"FETCH 1:* BODY.PEEK[]")
        expected = b"".join([b"* %d FETCH (BODY[] {%d}\r\n%b)\r\n" % (n, len(t), t) for n, t in enumerate(texts, 1)])
        self.assertTrue(said.startswith(expected))
        label = b'BODY[HEADER.FIELDS ("a%d" Subject)]'
        said = await client.do(b"FETCH 1:* (%b)" % label.replace(b"BODY", b"BODY.PEEK"))
        for n in range(1, 31):
            field = b"Subject: %d\r\n\r\n" % n
            self.assertIn(b"* %d FETCH (%b {%d}\r\n%b)\r\n" % (n, label, len(field), field), said)

    async def test_goneWhileTheyAreRead(self) -> None:
        """
        What was read ahead and has vanished meanwhile is not told.
        """
        self.patch(fetch, "BATCH_MESSAGES", 2)
        await self.fill(*[b"\r\nbody %d" % n for n in range(1, 9)])
        client = await self.selected()
        client.transport.take()
        client.gate.pauseProducing()
        client.send(b"a FETCH 1:* BODY.PEEK[]\r\n")
        await deferLater(reactor, 0.05)
        await self.inbox.remove([3, 8])
        client.gate.resumeProducing()
        said = await client.until(b"a OK ")
        self.assertEqual(re.findall(rb"\* (\d+) FETCH", said), [b"1", b"2", b"4", b"5", b"6", b"7"])
        self.assertIn(b"EXPUNGEISSUED", await client.until(b"\r\n"))

    async def test_inPortions(self) -> None:
        """
        Of small messages, only so many octets are in memory at once: those that are told, and those that come next.
        """
        self.patch(fetchanswers, "PORTION_OCTETS", 1000)
        self.patch(fetchanswers, "ROW_OCTETS", 600)
        sizes = [300, 300, 300, 300, 900, 900, 20_000, 500, 1, 1, 1, 990]
        texts = [b"A: %02d\r\n\r\n" % n + b"x" * size for n, size in enumerate(sizes)]
        await self.fill(*texts)
        client = await self.selected()
        asked: list[list[int]] = []
        messages = Mailbox.messages

        def counted(mailbox: Mailbox, uids: Sequence[int]) -> Deferred[Any]:
            asked.append(list(uids))
            return messages(mailbox, uids)

        self.patch(Mailbox, "messages", counted)
        for items, extra in ((b"BODY.PEEK[]", b""), (b"(EMAILID BODY.PEEK[])", b"EMAILID (E%d) ")):
            asked.clear()
            said = await client.do(b"FETCH 1:* " + items)
            expected = [
                b"* %d FETCH (%bBODY[] {%d}\r\n%b)\r\n" % (n, extra % n if extra else b"", len(text), text)
                for n, text in enumerate(texts, 1)
            ]
            self.assertTrue(said.startswith(b"".join(expected)))
            self.assertEqual(asked, [[1, 2, 3], [4, 5], [6], [7], [8, 9, 10, 11], [12]])


class OthersTests(SynchronousTestCase):
    """
    Where mail is as it should be, Python's email package sees the same sections.
    """

    async def letOthers(self) -> None: ...

    def found(self, octets: bytes, items: str) -> list[bytes | None]:
        """
        What these sections hold; C{None} for NIL, and what stands in place of a literal.
        """
        message: Any = Stored(b"", octets)
        wanted = parseFetchItems(Cursor([items.encode()])).sections
        sections = Sections(message, Pace(self.letOthers))
        found = self.successResultOf(Deferred.fromCoroutine(sections.find(wanted)))
        return [
            each.octets if b"{" in each.announcement else each.announcement.rpartition(b" ")[2].replace(b"NIL", b"")
            for each in found
        ]

    @settings(deadline=None, max_examples=200)
    @given(entities)
    def test_everyPart(self, entity: bytes) -> None:
        octets = b"From: a@b.test\r\nMIME-Version: 1.0\r\n" + entity

        def visit(part: MailMessage, path: str) -> None:
            body, decoded, size = self.found(octets, f"(BODY[{path}] BINARY[{path}] BINARY.SIZE[{path}])")
            assert body is not None and decoded is not None
            if part.get_content_maintype() == "multipart":
                # Nothing between the blank line and the first delimiter but the preamble: whole, as it stands.
                self.assertIn(body, octets)
                self.assertEqual(decoded, body)
                for number, child in enumerate(part.get_payload(), 1):
                    visit(child, f"{path}.{number}")
            elif part.get_content_type() == "message/rfc822":
                (inner,) = part.get_payload()
                self.assertEqual(decoded, body)
                header, text = self.found(octets, f"(BODY[{path}.HEADER] BODY[{path}.TEXT])")
                assert header is not None and text is not None
                self.assertEqual(header + text, body)
                self.assertIn(b"Subject: inner", header)
                children = inner.get_payload() if inner.is_multipart() else [inner]
                if inner.get_content_type() == "message/rfc822":
                    children = [inner]
                for number, child in enumerate(children, 1):
                    visit(child, f"{path}.{number}")
            else:
                self.assertEqual(body, part.get_payload().encode("ascii"))
                self.assertEqual(decoded, part.get_payload(decode=True))
            self.assertEqual(size, b"%d" % len(decoded))
            # There are no more parts below than the others see.
            self.assertEqual(self.found(octets, f"BODY[{path}.99]"), [b""])

        message = message_from_bytes(octets, policy=policy.compat32)
        parts = message.get_payload() if message.get_content_maintype() == "multipart" else [message]
        for number, part in enumerate(parts, 1):
            visit(part, str(number))
