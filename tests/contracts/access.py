"""
What every store keeps to about access lists, shared mailboxes and quotas.  See C{mailstore}.
"""

from __future__ import annotations

from osxmail.errors import HasChildren, LimitExceeded, NoSuchMailbox, OverQuota
from osxmail.mail.acceptance import SharedMailbox
from osxmail.mail.address import Address
from osxmail.mail.flags import ANSWERED, DELETED, FLAGGED, SEEN
from osxmail.mail.rights import AccessEntry, settableFlags
from tests.contracts.mailstore import ALICE, BOB, StoreTools, asynchronous
from tests.fakes.mailstores import append

ENTRY = AccessEntry("bob@example.test", "lr")


class AccessContract(StoreTools):
    """
    L{IMailbox.access} and what follows from it.
    """

    @asynchronous
    async def test_list(self):
        self.assertEqual(await self.inbox.access(), ())
        await self.inbox.setAccess("bob@example.test", "=", "lrs")
        await self.inbox.setAccess("anyone", "+", "l")
        await self.inbox.setAccess("bob@example.test", "+", "wr")
        await self.inbox.setAccess("bob@example.test", "-", "s")
        self.assertEqual(
            await self.inbox.access(), (AccessEntry("anyone", "l"), AccessEntry("bob@example.test", "lrw"))
        )
        await self.inbox.setAccess("bob@example.test", "", "")
        await self.inbox.setAccess("anyone", "-", "l")
        await self.inbox.setAccess("nobody@example.test", "", "")
        self.assertEqual(await self.inbox.access(), ())

    @asynchronous
    async def test_version(self):
        before = self.store.accessVersion
        await self.inbox.setAccess("bob@example.test", "=", "lr")
        self.assertNotEqual(self.store.accessVersion, before)

    @asynchronous
    async def test_found(self):
        await self.inbox.setAccess(ENTRY.identifier, "=", ENTRY.rights)
        mailbox, access = await self.account.find("inbox")
        self.assertEqual((mailbox.mailboxId, access), (self.inbox.mailboxId, (ENTRY,)))
        self.assertEqual((await self.account.find("Sent"))[1], ())
        await self.assertFailure(self.account.find("Nowhere"), NoSuchMailbox)
        self.assertEqual((await self.account.mailboxAt(mailbox.mailboxId).status()).name, "INBOX")

    @asynchronous
    async def test_inherited(self):
        work = await self.account.createMailbox("Work")
        await work.setAccess(ENTRY.identifier, "=", ENTRY.rights)
        plans = await self.account.createMailbox("Work/A/Plans")
        self.assertEqual(await plans.access(), (ENTRY,))
        self.assertEqual((await self.account.find("Work/A"))[1], (ENTRY,))
        await work.setAccess(ENTRY.identifier, "", "")
        self.assertEqual(await plans.access(), (ENTRY,))

    @asynchronous
    async def test_renamedAndDeleted(self):
        work = await self.account.createMailbox("Work")
        await work.setAccess(ENTRY.identifier, "=", ENTRY.rights)
        await self.account.createMailbox("Other")
        await self.account.renameMailbox("Work", "Other/Work")
        self.assertEqual((await self.account.find("Other/Work"))[1], (ENTRY,))
        await self.assertFailure(self.account.deleteMailbox("Other"), HasChildren)
        await self.account.deleteMailbox("Other/Work")
        await self.assertFailure(work.access(), NoSuchMailbox)
        await self.assertFailure(work.setAccess("anyone", "=", "l"), NoSuchMailbox)
        again = await self.account.createMailbox("Other/Work")
        self.assertEqual(await again.access(), ())

    @asynchronous
    async def test_limit(self):
        for number in range(200):
            await self.inbox.setAccess(f"p{number}@example.test", "=", "l")
        await self.assertFailure(self.inbox.setAccess("one-more@example.test", "=", "l"), LimitExceeded)
        await self.inbox.setAccess("p7@example.test", "=", "lr")
        self.assertEqual(len(await self.inbox.access()), 200)

    @asynchronous
    async def test_sharedWith(self):
        bob = await self.store.account("bob-id", BOB)
        drafts = await bob.mailbox("Drafts")
        await drafts.setAccess("anyone", "=", "l")
        await self.inbox.setAccess("carl@example.test", "=", "r")
        await self.inbox.setAccess("-anyone", "=", "r")
        shared = await self.store.sharedAccount()
        news = await shared.createMailbox("News")
        await news.setAccess("$staff@example.test", "=", "lr")
        found = await self.store.sharedWith(["carl@example.test", "anyone", "$staff@example.test"])
        self.assertEqual(
            found,
            (
                SharedMailbox(shared.accountId, "", await news.status(), (AccessEntry("$staff@example.test", "lr"),)),
                SharedMailbox(
                    "alice-id",
                    str(ALICE),
                    await self.inbox.status(),
                    (AccessEntry("-anyone", "r"), AccessEntry("carl@example.test", "r")),
                ),
                SharedMailbox("bob-id", str(BOB), await drafts.status(), (AccessEntry("anyone", "l"),)),
            ),
        )
        self.assertEqual(await self.store.sharedWith(["nobody@example.test"]), ())
        self.assertEqual(await self.store.groupsWithAccess(), ("$staff@example.test",))

    @asynchronous
    async def test_sharedAccount(self):
        shared = await self.store.sharedAccount()
        self.assertEqual((await self.store.sharedAccount()).accountId, shared.accountId)
        self.assertEqual(await shared.listMailboxes(), ())
        self.assertEqual(shared.address, "")

    @asynchronous
    async def test_accountsByAddress(self):
        await self.store.account("bob-id", BOB)
        await self.store.sharedAccount()
        self.assertEqual(
            (await self.store.accountWithAddress(Address.parse("ALICE@example.test"))).accountId, "alice-id"
        )
        self.assertIsNone(await self.store.accountWithAddress(Address.parse("nobody@example.test")))
        everybody = await self.store.accountsAfter("", 10)
        self.assertEqual([each.address for each in everybody], [str(ALICE), str(BOB)])
        self.assertEqual([each.accountId for each in await self.store.accountsAfter(ALICE.key, 1)], ["bob-id"])
        # A new address, and then somebody else who gets the old one.
        await self.store.account("bob-id", Address.parse("robert@example.test"))
        self.assertIsNone(await self.store.accountWithAddress(BOB))
        self.assertEqual((await self.store.existingAccount("bob-id")).address, "robert@example.test")
        await self.store.account("alice-2", ALICE)
        self.assertEqual((await self.store.accountWithAddress(ALICE)).accountId, "alice-2")
        self.assertEqual([each.accountId for each in await self.store.accountsAfter("", 10)], ["alice-2", "bob-id"])

    @asynchronous
    async def test_removedAccount(self):
        """
        Who gets the address of somebody who left has nothing of what that one could do.
        """
        await self.store.account("bob-id", BOB)
        await self.inbox.setAccess("bob@example.test", "=", "lr")
        await self.inbox.setAccess("-bob@example.test", "=", "x")
        await self.store.removeAccount("bob-id")
        self.assertEqual(await self.inbox.access(), ())

    @asynchronous
    async def test_copiesKeepFlagsThatMayBeSet(self):
        bob = await self.store.account("bob-id", BOB)
        target = await bob.mailbox("INBOX")
        flags = ("\\Seen", "\\Deleted", "\\Answered", "\\Flagged", "$Work")
        uids = await self.fill(2, flags=flags)
        await self.inbox.copy(uids, target, settableFlags("s"))
        await self.inbox.copy(uids, target, settableFlags("t"))
        self.assertEqual(await self.flagsOf(target), {1: SEEN, 2: SEEN, 3: DELETED, 4: DELETED})
        await self.inbox.copy(uids, target, settableFlags("w"))
        self.assertEqual((await self.flagsOf(target))[5] & 255, ANSWERED | FLAGGED)
        self.assertTrue((await self.flagsOf(target))[5] >> 8)
        status = await target.status()
        self.assertEqual((status.messages, status.unseen, status.deleted), (6, 4, 2))


class QuotaContract(StoreTools):
    """
    L{IAccount.quota}: octets and messages, what is stated and what is set.
    """

    @asynchronous
    async def test_statedAndSet(self):
        await self.account.setQuota(1000, 5)
        quota = await self.account.quota()
        self.assertEqual(
            (quota.limitOctets, quota.limitMessages, quota.statedOctets, quota.statedMessages), (1000, 5, 1000, 5)
        )
        self.assertEqual((quota.setOctets, quota.setMessages), (None, None))
        await self.account.overrideQuota(7000, None)
        quota = await self.account.quota()
        self.assertEqual((quota.limitOctets, quota.limitMessages, quota.statedOctets), (7000, 5, 1000))
        self.assertEqual((quota.setOctets, quota.setMessages), (7000, None))
        await self.account.setQuota(2000, 0)
        quota = await self.account.quota()
        self.assertEqual((quota.limitOctets, quota.limitMessages), (7000, 0))
        await self.account.overrideQuota(None, None)
        self.assertEqual((await self.account.quota()).limitOctets, 2000)

    @asynchronous
    async def test_messages(self):
        await self.account.setQuota(0, 2)
        uids = await self.fill(2)
        await self.assertFailure(append(self.inbox, self.incoming(), (), None), OverQuota)
        archive = await self.account.mailbox("Archive")
        await self.assertFailure(self.inbox.copy(uids, archive), OverQuota)
        await self.inbox.move(uids, archive)
        await archive.remove(uids[:1])
        await self.fill(1)
        self.assertEqual((await self.account.quota()).usedMessages, 2)

    @asynchronous
    async def test_overrideCountsForAppendAndCopy(self):
        await self.account.setQuota(10_000_000, 0)
        await self.account.overrideQuota(None, 1)
        uids = await self.fill(1)
        await self.assertFailure(append(self.inbox, self.incoming(), (), None), OverQuota)
        await self.assertFailure(self.inbox.copy(uids, await self.account.mailbox("Sent")), OverQuota)
        await self.account.overrideQuota(None, None)
        await self.fill(1)
        await self.account.overrideQuota(-1, None)
        await self.assertFailure(append(self.inbox, self.incoming(), (), None), OverQuota)

    @asynchronous
    async def test_delivery(self):
        """
        What a delivery brings with it counts, unless an administrator has set a limit; what finds no room is queued.
        """
        accepted = await self.store.accept(self.acceptance(self.copyFor(quotaMessages=1)), self.incoming())
        self.assertEqual(len(accepted.appended), 1)
        accepted = await self.store.accept(self.acceptance(self.copyFor(quotaMessages=1)), self.incoming())
        self.assertEqual((accepted.appended, accepted.overQuota, accepted.queued), ((), (ALICE,), 1))
        await self.account.overrideQuota(None, 2)
        accepted = await self.store.accept(self.acceptance(self.copyFor(quotaMessages=1)), self.incoming())
        self.assertEqual(len(accepted.appended), 1)
        accepted = await self.store.accept(self.acceptance(self.copyFor()), self.incoming())
        self.assertEqual(accepted.overQuota, (ALICE,))
        await self.account.overrideQuota(1, 0)
        accepted = await self.store.accept(self.acceptance(self.copyFor(quotaOctets=0)), self.incoming())
        self.assertEqual(accepted.overQuota, (ALICE,))

    @asynchronous
    async def test_copyCountsWithTheTargetsOwner(self):
        bob = await self.store.account("bob-id", BOB)
        await self.account.setQuota(0, 3)
        uids = await self.fill(3)
        await self.inbox.copy(uids, await bob.mailbox("INBOX"))
        self.assertEqual((await self.account.quota()).usedMessages, 3)
        self.assertEqual((await bob.quota()).usedMessages, 3)
        await self.inbox.move(uids, await bob.mailbox("Archive"))
        self.assertEqual((await self.account.quota()).usedMessages, 0)
        self.assertEqual((await bob.quota()).usedMessages, 6)
