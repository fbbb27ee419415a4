"""
Tests of L{osxmail.protocols.imap.fetch} and L{osxmail.protocols.imap.searching}.
"""

from __future__ import annotations

import re
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from osxmail.errors import StoreDamaged
from osxmail.protocols.imap import fetch, searching
from osxmail.store import renderings as storedRenderings
from osxmail.store import search as storedSearch
from osxmail.store.message import Message
from tests.unit.protocols.imap.sessions import SessionCase, Turns

LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 20_000


class LargeMessageTests(SessionCase):
    async def test_whole(self) -> None:
        await self.fill(LARGE)
        client = await self.selected()
        said = await client.do(b"FETCH 1 (UID BODY.PEEK[] FLAGS)")
        self.assertEqual(
            said[: said.rindex(b"\r\n", 0, -2) + 2],
            b"* 1 FETCH (UID 1 FLAGS (\\Recent) BODY[] {%d}\r\n%b)\r\n" % (len(LARGE), LARGE),
        )

    async def test_parts(self) -> None:
        """
        A part of it, from an offset, across the chunks, and past the end.
        """
        await self.fill(LARGE)
        client = await self.selected()
        body = LARGE[18:]
        for raw, expected in [
            (b"BODY.PEEK[TEXT]<70000.100000>", body[70000:170000]),
            (b"BODY.PEEK[]<0.65537>", LARGE[:65537]),
            (b"BODY.PEEK[]<65536.10>", LARGE[65536:65546]),
            (b"BODY.PEEK[1]", body),
            (b"BODY.PEEK[HEADER]", LARGE[:18]),
            (b"BODY.PEEK[]<320010.100>", LARGE[320010:]),
        ]:
            said = await client.do(b"FETCH 1 " + raw)
            self.assertIn(b" {%d}\r\n%b)\r\n" % (len(expected), expected), said, raw)

    async def test_backPressure(self) -> None:
        """
        A client that does not take it holds one chunk, not the message.
        """
        await self.fill(LARGE)
        client = await self.selected()
        client.transport.take()
        client.gate.pauseProducing()
        client.send(b"a FETCH 1 BODY.PEEK[]\r\n")
        await deferLater(reactor, 0.05)  # type: ignore[arg-type]
        first = client.transport.take()
        self.assertLess(len(first), 70_000)
        client.gate.resumeProducing()
        rest = await client.until(b"a OK FETCH completed\r\n")
        self.assertIn(LARGE, first + rest)

    async def test_damageBeforeTheFirstOctet(self) -> None:
        """
        The message is left out, the others come, and the answer says why.
        """
        await self.fill(b"Subject: small\r\n\r\n", LARGE)
        client = await self.selected()

        async def damaged(message: object, offset: int, length: int) -> bytes:
            raise StoreDamaged("checksum")

        self.patch(Message, "read", damaged)
        said = await client.do(b"FETCH 1:2 BODY.PEEK[]")
        self.assertIn(b"* 1 FETCH (BODY[] {18}\r\n", said)
        self.assertNotIn(b"* 2 FETCH", said)
        self.assertIn(b"NO [CORRUPTION]", said)


class HardWorkTests(SessionCase):
    """
    Messages that are much work to look through: others have their turn meanwhile.
    """

    async def test_manyFieldsManyTimes(self) -> None:
        header = b"".join(b"X%d: y\r\n" % number for number in range(1500))
        await self.fill(*[header + b"\r\nBody\r\n"] * 16)
        client = await self.selected()
        items = b" ".join(b"BODY.PEEK[HEADER.FIELDS (q%d X7)]" % number for number in range(60))
        with Turns() as turns:
            said = await client.do(b"FETCH 1:* (%b)" % items)
        self.assertEqual(said.count(b" {9}\r\nX7: y\r\n\r\n"), 16 * 60)
        self.assertLess(turns.longestSeconds, 0.1)

    async def test_manyParts(self) -> None:
        part = b"--b\r\n\r\nx\r\n"
        await self.fill(*[b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 1300 + b"--b--\r\n"] * 16)
        client = await self.selected()
        with Turns() as turns:
            said = await client.do(b"FETCH 1:* (BODY.PEEK[1300] BODY.PEEK[1301])")
        self.assertEqual(said.count(b"(BODY[1300] {1}\r\nx BODY[1301] NIL)\r\n"), 16)
        self.assertLess(turns.longestSeconds, 0.1)

    async def test_largeHeader(self) -> None:
        """
        It is looked through in pieces, none of which parts a field from its folded lines.
        """
        fields = [b"N%d: a\r\n" % number + b" folded\r\n" * (number % 40) for number in range(1000)]
        message = b"".join(fields) + b"\r\nBody\r\n"
        await self.fill(message)
        client = await self.selected()
        for names, expected in (
            (b"HEADER.FIELDS (N39 N799 N999 other)", fields[39] + fields[799] + fields[999] + b"\r\n"),
            (b"HEADER.FIELDS.NOT (N0 N500)", b"".join([*fields[1:500], *fields[501:]]) + b"\r\n"),
        ):
            said = await client.do(b"FETCH 1 BODY.PEEK[%b]" % names)
            self.assertIn(b" {%d}\r\n%b)\r\n" % (len(expected), expected), said)

    async def test_renderingsAreReadInPortions(self) -> None:
        """
        However large they are, few are in memory at once, and all of them come, once.
        """
        self.patch(storedRenderings, "RENDERINGS_OCTETS", 1000)
        await self.fill(*[b"Subject: %b\r\n\r\nBody\r\n" % (b"%d" % n * 40 * (n % 30 + 1)) for n in range(40)])
        await self.inbox.remove([3, 17, 40])
        client = await self.selected()
        for items, expected in ((b"ENVELOPE", 37), (b"BODYSTRUCTURE ENVELOPE BODY.PEEK[TEXT]", 37)):
            said = await client.do(b"UID FETCH 1:* (%b)" % items)
            uids = [int(uid) for uid in re.findall(rb"FETCH \(UID (\d+) ", said)]
            self.assertEqual(uids, [uid for uid in range(1, 41) if uid not in (3, 17, 40)])
            self.assertEqual(said.count(b"ENVELOPE ("), expected)
            self.assertIn(b" OK FETCH completed", said)


class BatchTests(SessionCase):
    """
    More messages than go into one batch, with all that can happen in between.
    """

    async def test_everyMessageOnce(self) -> None:
        self.patch(fetch, "SLICE_MESSAGES", 2)
        self.patch(fetch, "BATCH_RENDERINGS", 2)
        self.patch(fetch, "BATCH_MESSAGES", 2)
        await self.fill(*[b"Subject: %d\r\n\r\nbody %d" % (n, n) for n in range(1, 6)])
        client = await self.selected()
        for items, expected in [
            (b"UID", b"* %d FETCH (UID %d)\r\n"),
            (b"(ENVELOPE)", b'* %d FETCH (ENVELOPE (NIL "%d" NIL NIL NIL NIL NIL NIL NIL NIL))\r\n'),
            (b"BODY.PEEK[TEXT]", b"* %d FETCH (BODY[TEXT] {6}\r\nbody %d)\r\n"),
        ]:
            said = await client.do(b"FETCH 1:5 " + items)
            self.assertTrue(said.startswith(b"".join([expected % (n, n) for n in range(1, 6)])), said)

    async def test_seenInBatches(self) -> None:
        """
        \\Seen is set and told in the same response, and not again at the end.
        """
        self.patch(fetch, "BATCH_MESSAGES", 2)
        await self.fill(*[b"\r\nbody %d" % n for n in range(1, 6)])
        client = await self.selected()
        await self.inbox.storeFlags([2], "+", ["\\Seen"])
        await client.do(b"NOOP")
        said = await client.do(b"FETCH 1:* (BODY[TEXT])")
        self.assertEqual(said.count(b"FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT]"), 4)
        self.assertEqual(said.count(b" FETCH ("), 5)
        self.assertEqual((await self.inbox.status()).unseen, 0)

    async def test_goneInBetween(self) -> None:
        await self.fill(*[b"\r\nbody %d" % n for n in range(1, 6)])
        client = await self.selected()
        await self.inbox.remove([2, 3])
        for items in [b"BODY.PEEK[]", b"ENVELOPE", b"FLAGS", b"(ENVELOPE BODY.PEEK[])"]:
            said = await client.do(b"FETCH 1:5 " + items)
            self.assertEqual(said.count(b" FETCH ("), 3, said)
            self.assertIn(b"OK [EXPUNGEISSUED] Some of the messages are gone", said)
        self.assertIn(b"* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n", await client.do(b"UID FETCH 1:* FLAGS"))

    async def test_changedSince(self) -> None:
        await self.fill(*[b"\r\nbody %d" % n for n in range(1, 6)])
        modseq = (await self.inbox.status()).highestModseq
        await self.inbox.storeFlags([4], "+", ["\\Seen"])
        client = await self.selected()
        for items in [b"(UID)", b"(UID ENVELOPE)", b"(UID BODY.PEEK[])"]:
            said = await client.do(b"FETCH 1:* %b (CHANGEDSINCE %d)" % (items, modseq))
            self.assertEqual(said.count(b" FETCH ("), 1)
            self.assertIn(b"* 4 FETCH (UID 4 MODSEQ (%d)" % (modseq + 1), said)


class SearchTests(SessionCase):
    async def test_nobodyWaitsForIt(self) -> None:
        """
        The client has left: its search does not go on for the rest of the mailbox.
        """
        self.patch(storedSearch, "SLICE_MESSAGES", 1)
        await self.fill(*[b"Subject: %d\r\n\r\nbody" % n for n in range(60)])
        slices: list[object] = []
        lookThrough = storedSearch.Search._match_inThread

        def slow(store: storedSearch.Search, row: Any, made: Any) -> Any:
            slices.append(row)
            time.sleep(0.01)
            return lookThrough(store, row, made)

        self.patch(storedSearch.Search, "_match_inThread", slow)
        client = await self.selected()
        client.send(b"a SEARCH TEXT nothing\r\n")
        while not slices:
            await deferLater(reactor, 0.001)  # type: ignore[arg-type]
        client.hangUp()
        await deferLater(reactor, 0.3)  # type: ignore[arg-type]
        self.assertLess(len(slices), 10)
        other = await self.selected()
        self.assertIn(b"* SEARCH 1\r\n", await other.do(b"SEARCH 1 SUBJECT 0"))

    async def test_inSlices(self) -> None:
        self.patch(searching, "SLICE_MESSAGES", 2)
        self.patch(searching, "SLICE_LEAST", 1)
        await self.fill(*[b"Subject: %d\r\n\r\nbody" % n for n in range(1, 6)])
        client = await self.selected()
        await self.inbox.storeFlags([2, 5], "+", ["\\Seen"])
        self.assertIn(b"* SEARCH 1 3 4\r\n", await client.do(b"SEARCH UNSEEN ALL"))
        self.assertIn(b"* SEARCH 1 2 3 4 5\r\n", await client.do(b"SEARCH TEXT body"))

    async def test_notWhatIsNotTold(self) -> None:
        """
        A message that the session was not told of is not found, by number or by UID.
        """
        await self.fill(b"Subject: 1\r\n\r\n")
        client = await self.selected()
        await self.fill(b"Subject: 2\r\n\r\n")
        self.assertIn(b"* SEARCH 1\r\n", await client.do(b"SEARCH ALL"))
        await self.fill(b"Subject: 3\r\n\r\n")
        self.assertIn(b"* SEARCH 1 2\r\n", await client.do(b"UID SEARCH SUBJECT {0+}\r\n"))
