"""
What every L{osxmail.interfaces.IMailbox} keeps to for POP3: messages without a last line end, and what was fetched.
"""

from __future__ import annotations

from tests.contracts.mailstore import BOB, TEXT, StoreTools, asynchronous
from tests.fakes.mailstores import append


class MaildropContract(StoreTools):
    """
    The part of L{IMailbox} that POP3 alone uses.
    """

    @asynchronous
    async def test_unended(self):
        """
        Whatever the size: in a row, in memory, in a file of its own.
        """
        endings = {b"": 2, b"\r": 1, b"\n": 2, b"\r\n": 0, b"\n\r": 1}
        wanted = []
        for size in (1, 5_000, 70_000, 1_500_000):
            for ending, missing in endings.items():
                incoming = self.store.incoming(1 << 30)
                for piece in (b"x" * size, *(ending[i : i + 1] for i in range(len(ending)))):
                    waits = incoming.write(piece)
                    if waits is not None:
                        await waits
                uid = (await append(self.inbox, incoming, (), None)).uid
                if missing:
                    wanted.append((uid, missing))
        await append(self.inbox, self.incoming(b""), (), None)
        self.assertEqual(sorted(await self.inbox.unended()), wanted)

    @asynchronous
    async def test_copiesAreUnendedToo(self):
        await self.fill(2, data=b"x")
        await self.fill(1, data=b"x\r\n")
        target = await self.account.mailbox("Archive")
        await self.inbox.copy([1, 3], target)
        self.assertEqual(await target.unended(), [(1, 2)])
        await self.inbox.remove([1])
        self.assertEqual(await self.inbox.unended(), [(2, 2)])
        other = await (await self.store.account("bob-id", BOB)).mailbox("INBOX")
        self.assertEqual(await other.unended(), [])

    @asynchronous
    async def test_deliveredOnesEnd(self):
        await self.store.accept(self.acceptance(self.copyFor(prefix=b"X: y\r\n")), self.incoming(TEXT))
        self.assertEqual(await self.inbox.unended(), [])

    @asynchronous
    async def test_fetched(self):
        await self.fill(4)
        now = [1_700_000_000.0]
        self.store.parts.now = lambda: now[0]
        self.assertEqual(await self.inbox.fetchedBefore(0, 10), [])
        await self.inbox.noteFetched([1, 3])
        now[0] += 100
        await self.inbox.noteFetched([1, 2])
        self.assertEqual(await self.inbox.fetchedBefore(101, 10), [])
        # The first time counts.
        self.assertEqual(await self.inbox.fetchedBefore(100, 10), [1, 3])
        self.assertEqual(await self.inbox.fetchedBefore(100, 1), [1])
        self.assertEqual(await self.inbox.fetchedBefore(0, 10), [1, 2, 3])
        await self.inbox.remove([1])
        self.assertEqual(await self.inbox.fetchedBefore(0, 10), [2, 3])
        other = await self.account.mailbox("Archive")
        self.assertEqual(await other.fetchedBefore(0, 10), [])
