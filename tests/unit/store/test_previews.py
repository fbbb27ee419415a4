"""
Tests of L{osxmail.store.previews}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from osxmail.errors import StoreAway
from osxmail.interfaces import IMailbox
from osxmail.store import previews as module
from osxmail.store.segments import HEADER_OCTETS
from tests.fakes.mailstores import closeStore, inboxOf, openStore, put

PATIENCE_SECONDS = 10.0


class PreviewsTests(TestCase):
    inbox: IMailbox

    async def setUp(self) -> None:
        self.store, self.folder = await openStore(reactor)
        self.inbox = await inboxOf(self.store, "anna")
        self.previews = self.store.parts.previews

    async def tearDown(self) -> None:
        await closeStore(self.store, self.folder)

    async def fill(self, *messages: bytes) -> None:
        for message in messages:
            await put(self.store, self.inbox, message)

    async def kept(self) -> list[Any]:
        return await self.store.database.read(
            lambda txn: [row[0] for row in txn.execute("SELECT preview FROM rendering ORDER BY octets_id")]
        )

    async def until(self, ready: Any) -> None:
        for _ in range(int(PATIENCE_SECONDS / 0.005)):
            if await ready():
                return
            await deferLater(reactor, 0.005)  # type: ignore[arg-type]
        self.fail("not in time")

    def counted(self) -> list[Sequence[int]]:
        """
        The UIDs of each hop in which previews are made.
        """
        asked: list[Sequence[int]] = []
        lookThrough = self.store.parts.search.lookThrough

        def look(mailboxId: int, uids: Sequence[int], need: int, matches: Any) -> Any:
            asked.append(list(uids))
            return lookThrough(mailboxId, uids, need, matches)

        self.patch(self.store.parts.search, "lookThrough", look)
        return asked

    async def test_madeOnce(self) -> None:
        await self.fill(b"\r\none", "\r\nzwölf".encode(), b"\r\n", b"\r\n" + b"large " * 10_000)
        asked = self.counted()
        expected = [(1, b"one"), (2, "zwölf".encode()), (3, b""), (4, b"large " * 33 + b"la")]
        self.assertEqual(await self.inbox.previews([1, 2, 3, 4, 5]), expected)

        async def isKept() -> bool:
            return None not in await self.kept()

        await self.until(isKept)
        self.assertEqual(await self.inbox.previews([1, 2, 3, 4]), expected)
        self.assertEqual(await self.inbox.previews([2], isLazy=True), expected[1:2])
        self.assertEqual(asked, [[1, 2, 3, 4]])

    async def test_beforeItIsKept(self) -> None:
        """
        One that was made a moment ago is there for who does not wait.
        """
        await self.fill(b"\r\none", b"\r\ntwo")
        kept: Deferred[None] = Deferred()
        self.patch(self.store.database, "write", lambda *args: kept)
        for uid, text in ((1, b"one"), (2, b"two")):
            self.assertEqual(await self.inbox.previews([uid]), [(uid, text)])
            self.assertEqual(await self.inbox.previews([uid], isLazy=True), [(uid, text)])
        kept.callback(None)

    async def test_copies(self) -> None:
        """
        A copy has that of the message.
        """
        await self.fill(b"Subject: x\r\n\r\none")
        await self.inbox.previews([1])
        await self.inbox.copy([1], self.inbox)

        async def isKept() -> bool:
            return await self.kept() == ["one"]

        await self.until(isKept)
        self.assertEqual(await self.inbox.previews([2], isLazy=True), [(2, b"one")])

    async def test_lazily(self) -> None:
        """
        What is not there is made when there is time.
        """
        self.patch(module, "MADE_AT_ONCE", 2)
        await self.fill(*[b"\r\n%d" % n for n in range(1, 6)])
        asked = self.counted()
        self.assertEqual(await self.inbox.previews([1, 2, 3], isLazy=True), [(1, None), (2, None), (3, None)])
        await self.inbox.previews([2, 3, 4, 5], isLazy=True)

        async def isMade() -> bool:
            return await self.inbox.previews([1, 2, 3, 4, 5], isLazy=True) == [(n, b"%d" % n) for n in range(1, 6)]

        await self.until(isMade)
        self.assertTrue(all(len(each) <= 2 for each in asked))
        self.assertEqual(self.previews._waiting, {})

    async def test_lazilyBounded(self) -> None:
        """
        Of very many wishes the first are remembered.
        """
        self.patch(module, "MAX_WAITING", 3)
        await self.fill(*[b"\r\n%d" % n for n in range(1, 8)])
        asked = self.counted()
        await self.inbox.previews([1, 2, 3, 4, 5, 6, 7], isLazy=True)

        async def isMade() -> bool:
            return (await self.kept())[:3] == ["1", "2", "3"]

        await self.until(isMade)
        self.assertEqual(sum(map(len, asked)), 3)

    async def test_damaged(self) -> None:
        """
        A message that cannot be read has none; the others have theirs.
        """
        await self.fill(b"\r\n" + b"x" * 100_000, b"\r\ntwo")
        (segment,) = [each for each in self.store.octets.folder.iterdir() if each.stat().st_size > 100_000]
        with segment.open("r+b") as file:
            file.seek(HEADER_OCTETS + 50_000)
            file.write(b"damage")
        self.assertEqual(await self.inbox.previews([1, 2]), [(1, None), (2, b"two")])

    async def test_notKept(self) -> None:
        """
        A store that cannot write shows them all the same.
        """
        await self.fill(b"\r\none")
        write = self.store.database.write

        async def away(*args: object) -> None:
            raise StoreAway("the disk")

        self.patch(self.store.database, "write", away)
        self.assertEqual(await self.inbox.previews([1]), [(1, b"one")])
        self.assertEqual(await self.kept(), [None])
        self.patch(self.store.database, "write", write)
        self.assertEqual(await self.inbox.previews([1]), [(1, b"one")])

        async def isKept() -> bool:
            return await self.kept() == ["one"]

        await self.until(isKept)

    async def test_bounded(self) -> None:
        await self.assertFailure(self.inbox.previews(range(1, 2000)), ValueError)  # type: ignore[attr-defined]
        self.assertEqual(await self.inbox.previews([]), [])
        self.assertEqual(await self.inbox.previews([7]), [])
