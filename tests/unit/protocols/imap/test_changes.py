"""
Tests of L{osxmail.protocols.imap.changes}.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.task import deferLater

from osxmail.protocols.imap import changes
from tests.unit.protocols.imap.sessions import SessionCase

MESSAGES = [b"Subject: %d\r\n\r\n" % number for number in range(5)]


class IdleTests(SessionCase):
    async def test_congested(self) -> None:
        """
        A client that takes nothing is written nothing; when it takes again, it is told once what has become of it.
        """
        await self.fill(*MESSAGES)
        client = await self.selected()
        client.send(b"a IDLE\r\n")
        await client.until(b"+ idling\r\n")
        client.gate.pauseProducing()
        for flag in ("\\Seen", "\\Flagged", "\\Draft"):
            await self.inbox.storeFlags([2], "+", [flag])
        await self.fill(b"Subject: new\r\n\r\n", b"Subject: newer\r\n\r\n")
        await deferLater(reactor, 0.02)  # type: ignore[arg-type]
        self.assertEqual(client.transport.take(), b"")
        client.gate.resumeProducing()
        said = await client.until(b"* 2 FETCH (FLAGS (\\Flagged \\Seen \\Draft \\Recent))\r\n".replace(
            b"\\Flagged \\Seen", b"\\Seen \\Flagged"
        ))  # fmt: skip
        self.assertIn(b"* 7 EXISTS\r\n* 7 RECENT\r\n", said)
        self.assertEqual(said.count(b"FETCH"), 1)
        self.assertEqual(said.count(b"EXISTS"), 1)

    async def test_inSlices(self) -> None:
        """
        Many changes are told in slices, and DONE waits for the last.
        """
        self.patch(changes, "SLICE_MESSAGES", 2)
        await self.fill(*MESSAGES)
        client = await self.selected()
        client.send(b"a IDLE\r\n")
        await client.until(b"+ idling\r\n")
        await self.inbox.storeFlags([1, 2, 3, 4, 5], "+", ["\\Seen"])
        client.send(b"DONE\r\n")
        said = await client.until(b"a OK IDLE completed\r\n")
        self.assertEqual(said.count(b"FETCH"), 5)

    async def test_expungesInSlices(self) -> None:
        self.patch(changes, "SLICE_EXPUNGES", 2)
        await self.fill(*MESSAGES)
        client = await self.selected()
        await self.inbox.remove([1, 2, 4, 5])
        said = await client.do(b"NOOP")
        self.assertEqual(
            [line for line in said.split(b"\r\n") if b"EXPUNGE" in line],
            [b"* 5 EXPUNGE", b"* 4 EXPUNGE", b"* 2 EXPUNGE", b"* 1 EXPUNGE"],
        )

    async def test_atOnce(self) -> None:
        """
        What is told in IDLE is on its way before whoever made the change has gone on.
        """
        client = await self.selected()
        client.send(b"a IDLE\r\n")
        await client.until(b"+ idling\r\n")
        await self.fill(b"Subject: new\r\n\r\n")
        self.assertIn(b"* 1 EXISTS\r\n", client.transport.take())

    async def test_nothingOutsideIdle(self) -> None:
        """
        RFC 3501 7.4.1: no EXPUNGE while no command is in progress; we say nothing at all then.
        """
        await self.fill(*MESSAGES)
        client = await self.selected()
        await self.inbox.remove([1])
        await deferLater(reactor, 0.02)  # type: ignore[arg-type]
        self.assertEqual(client.transport.take(), b"")
