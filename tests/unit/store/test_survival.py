"""
UIDVALIDITY, UIDs and MODSEQs survive what a store goes through (RFC 3501 2.3.1.1, RFC 7162 3.1.1): a restart, a copy of
the folder that is put back, RENAME.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from osxmail.interfaces import IAccount, IMailbox
from osxmail.mail.address import Address
from osxmail.mail.rights import AccessEntry
from osxmail.store.store import Store
from tests.fakes.mailstores import put

ANNA = Address.parse("anna@example.test")


class SurvivalTests(TestCase):
    async def opened(self, folder: Path) -> tuple[Store, IAccount]:
        folder.mkdir(exist_ok=True)
        store = Store(folder)
        await store.open()
        self.addCleanup(store.close)
        return store, await store.account("anna-id", ANNA)

    async def used(self, store: Store, account: IAccount) -> IMailbox:
        """
        A mailbox with some past.
        """
        mailbox = await account.createMailbox("Work")
        for number in range(5):
            await put(store, mailbox, b"Subject: %d\r\n\r\n" % number)
        await mailbox.storeFlags([2, 3], "+", ["\\Seen", "$Work"])
        await mailbox.remove([1, 5])
        await mailbox.setAccess("ben@example.test", "=", "lr")
        await mailbox.setAnnotations("anna-id", {"/shared/comment": b"x"})
        await account.overrideQuota(5000, 50)
        return mailbox

    async def seen(self, account: IAccount, name: str = "Work") -> tuple[Any, ...]:
        mailbox, access = await account.find(name)
        status = await mailbox.status()
        annotations = await mailbox.annotations("anna-id", ("/shared",), None, None)
        return (
            (status.mailboxId, status.uidvalidity, status.uidnext, status.highestModseq, status.messages),
            await mailbox.changesSince(0),
            access,
            annotations,
            await account.quota(),
        )

    async def test_restart(self) -> None:
        folder = Path(self.mktemp())
        store, account = await self.opened(folder)
        await self.used(store, account)
        before = await self.seen(account)
        await store.close()
        store, account = await self.opened(folder)
        self.assertEqual(await self.seen(account), before)
        mailbox = await account.mailbox("Work")
        self.assertEqual(await put(store, mailbox, b"new"), 6)
        self.assertEqual((await mailbox.status()).highestModseq, before[0][3] + 1)

    async def test_restoredFromACopy(self) -> None:
        """
        What was there is as it was; what is made after the restore has a UIDVALIDITY that was never given, also not in
        the time between the copy and the restore.
        """
        folder, copy = Path(self.mktemp()), Path(self.mktemp())
        store, account = await self.opened(folder)
        await self.used(store, account)
        before = await self.seen(account)
        await store.close()
        shutil.copytree(folder, copy)
        store, account = await self.opened(folder)
        lost = await (await account.createMailbox("Lost")).status()
        await store.close()
        store, account = await self.opened(copy)
        self.assertEqual(await self.seen(account), before)
        # Seconds pass between the two: UIDVALIDITYs are no smaller than the clock.
        await store.database.write(
            lambda txn: txn.execute("UPDATE counter SET value = ? WHERE name = 'uidvalidity'", (lost.uidvalidity,))
        )
        again = await (await account.createMailbox("Lost")).status()
        self.assertGreater(again.uidvalidity, lost.uidvalidity)

    async def test_rename(self) -> None:
        store, account = await self.opened(Path(self.mktemp()))
        await self.used(store, account)
        before = await self.seen(account)
        await account.renameMailbox("Work", "Office/Work")
        self.assertEqual(await self.seen(account, "Office/Work"), before)
        self.assertEqual(before[2], (AccessEntry("ben@example.test", "lr"),))
        # Who makes one of the old name gets another one.
        made = await (await account.createMailbox("Work")).status()
        self.assertNotEqual((made.mailboxId, made.uidvalidity), before[0][:2])

    async def test_deletedAndMadeAgain(self) -> None:
        _store, account = await self.opened(Path(self.mktemp()))
        first = await (await account.createMailbox("Work")).status()
        await account.deleteMailbox("Work")
        second = await (await account.createMailbox("Work")).status()
        self.assertGreater(second.uidvalidity, first.uidvalidity)

    async def test_renamedInbox(self) -> None:
        """
        The INBOX keeps its UIDVALIDITY, and never gives a UID twice.
        """
        store, account = await self.opened(Path(self.mktemp()))
        inbox = await account.mailbox("INBOX")
        before = await inbox.status()
        await put(store, inbox, b"x")
        await account.renameMailbox("INBOX", "Old")
        after = await inbox.status()
        self.assertEqual((after.uidvalidity, after.uidnext), (before.uidvalidity, 2))
        self.assertGreater(after.highestModseq, before.highestModseq)
