"""
Tests of L{osxmail.store.renderings}.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from osxmail.errors import NoSuchMailbox
from osxmail.interfaces import IMailbox
from osxmail.mail.address import Address
from osxmail.mail.mime import renderMessage
from osxmail.store import renderings
from tests.fakes.mailstores import closeStore, inboxOf, openStore, put


class RenderingRowsTests(TestCase):
    inbox: IMailbox

    async def setUp(self) -> None:
        self.store, self.folder = await openStore(reactor)
        self.inbox = await inboxOf(self.store, "anna")
        self.account = await self.store.account("anna", Address.parse("anna@example.test"))

    async def tearDown(self) -> None:
        await closeStore(self.store, self.folder)

    async def fill(self, *messages: bytes) -> None:
        for message in messages:
            await put(self.store, self.inbox, message)

    async def test_saveDate(self) -> None:
        """
        A copy was saved when it was made, whatever the internal date.
        """
        self.store.parts.accepting._now = lambda: 1_000_000_000.7
        await self.fill(b"\r\none")
        self.assertEqual(await self.inbox.renderings([1], ["savedate"]), [(1, (b"1000000000",))])
        drafts = await self.account.mailbox("Drafts")
        self.store.parts.now = lambda: 1_100_000_000.0
        await self.inbox.copy([1], drafts)
        await self.inbox.move([1], drafts)
        found = await drafts.renderings([1, 2], ["savedate"])
        self.assertEqual(found, [(1, (b"1100000000",)), (2, (b"1100000000",))])

    async def test_objectIds(self) -> None:
        await self.fill(
            b"Message-ID: <root@a.test>\r\n\r\n",
            b"Message-ID: <reply@a.test>\r\nReferences: <root@a.test> <x@a.test>\r\n\r\n",
            b"Subject: none\r\n\r\n",
            b"Subject: none\r\n\r\n",
        )
        found = await self.inbox.renderings([1, 2, 3, 4, 5], ["threadid", "emailid"])
        threads = [texts[0] for _, texts in found]
        self.assertEqual(threads[0], threads[1])
        self.assertEqual(len(set(threads)), 3)
        self.assertEqual([texts[1] for _, texts in found], [b"E1", b"E2", b"E3", b"E4"])
        # The columns come in the order in which they are asked for, and more than one may need the same.
        (_, (envelope, emailId, threadId, saved)) = (
            await self.inbox.renderings([2], ["envelope", "emailid", "threadid", "savedate"])
        )[0]
        self.assertTrue(envelope.startswith(b"(NIL NIL "))
        self.assertEqual((emailId, threadId), (b"E2", threads[0]))
        self.assertTrue(saved.isdigit())
        other = await self.account.mailbox("Drafts")
        await self.inbox.move([2, 4], other)
        moved = await other.renderings([1, 2], ["threadid", "emailid"])
        self.assertEqual([texts for _, texts in moved], [found[1][1], found[3][1]])

    async def test_utf8(self) -> None:
        """
        For who takes it, UTF-8 where the message has it; else what everybody sees.
        """
        names = ["body", "envelope", "bodystructure"]
        texts = [
            "Subject: Grüße\r\nContent-Description: für Dich\r\n\r\n".encode(),
            b"Subject: plain\r\n\r\n",
            b"Subject: \xff\r\n\r\n",
        ]
        await self.fill(*texts)
        wanted = [renderMessage(text) for text in texts]
        found = await self.inbox.renderings([1, 2, 3], names)
        plain = [(each.body, each.envelope, each.bodystructure) for each in wanted]
        self.assertEqual(found, list(enumerate(plain, 1)))
        found = await self.inbox.renderings([1, 2, 3], names, isUtf8=True)
        assert wanted[0].utf8 is not None and wanted[1].utf8 is None and wanted[2].utf8 is None
        envelope, body, structure = wanted[0].utf8
        self.assertEqual(found, list(enumerate([(body, envelope, structure), *plain[1:]], 1)))
        self.assertIn("Grüße", envelope.decode())
        # Rows of a store that was upgraded have nothing there.
        await self.store.database.write(lambda txn: txn.execute("UPDATE rendering SET utf8 = NULL"))
        self.assertEqual(
            await self.inbox.renderings([1, 2, 3], names, isUtf8=True), await self.inbox.renderings([1, 2, 3], names)
        )

    async def test_bounded(self) -> None:
        self.patch(renderings, "RENDERINGS_OCTETS", 30)
        await self.fill(*[b"\r\n"] * 9)
        found = await self.inbox.renderings(range(1, 10), ["savedate"])
        self.assertEqual([uid for uid, _ in found], [1, 2, 3])
        self.patch(renderings, "RENDERINGS_OCTETS", 3)
        found = await self.inbox.renderings([2, 5], ["savedate"])
        self.assertEqual([uid for uid, _ in found], [2])

    async def test_refused(self) -> None:
        await self.assertFailure(self.inbox.renderings([1], ["uid"]), ValueError)
        drafts = await self.account.mailbox("Drafts")
        await self.account.deleteMailbox("Drafts")
        await self.assertFailure(drafts.renderings([1], ["savedate"]), NoSuchMailbox)
