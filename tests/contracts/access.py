"""
What every store keeps to about access lists, shared mailboxes and quotas.  See C{mailstore}.
"""

from __future__ import annotations

from osxmail.errors import HasChildren, LimitExceeded, NoSuchMailbox, OverQuota, UseTaken
from osxmail.mail.acceptance import AnnotationChange, SharedMailbox
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
    async def test_addressThatChangesHands(self):
        """
        Bob's address goes to Alice; Bob is found by his new one as soon as he comes.
        """
        await self.store.account("bob-id", BOB)
        await self.store.account("alice-id", BOB)
        self.assertEqual((await self.store.accountWithAddress(BOB)).accountId, "alice-id")
        self.assertEqual([each.accountId for each in await self.store.accountsAfter("", 10)], ["alice-id"])
        await self.store.account("bob-id", ALICE)
        self.assertEqual((await self.store.accountWithAddress(ALICE)).accountId, "bob-id")
        self.assertEqual((await self.store.accountWithAddress(BOB)).accountId, "alice-id")

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
    async def test_forgottenAddress(self):
        await self.inbox.setAccess("bob@example.test", "=", "lr")
        await self.inbox.setAccess("-bob@example.test", "=", "x")
        await self.inbox.setAccess("anyone", "=", "l")
        before = self.store.accessVersion
        await self.store.forgetRights(BOB)
        self.assertEqual(await self.inbox.access(), (AccessEntry("anyone", "l"),))
        self.assertNotEqual(self.store.accessVersion, before)

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


class AnnotationContract(StoreTools):
    """
    L{IMailbox.annotations} and L{IMailStore.annotations}.
    """

    async def of(self, mailbox, owner="alice-id", *entries, depth=None, maxOctets=None):
        found = await mailbox.annotations(owner, entries or ("/shared", "/private"), depth, maxOctets)
        return found.values

    @asynchronous
    async def test_setAndRemoved(self):
        await self.inbox.setAnnotations("alice-id", {"/shared/comment": b"all", "/private/comment": b"alice's"})
        await self.inbox.setAnnotations("bob-id", {"/private/comment": b"bob's\0"})
        self.assertEqual(await self.of(self.inbox), {"/shared/comment": b"all", "/private/comment": b"alice's"})
        self.assertEqual(
            await self.of(self.inbox, "bob-id"), {"/shared/comment": b"all", "/private/comment": b"bob's\0"}
        )
        await self.inbox.setAnnotations("alice-id", {"/shared/comment": None, "/private/none": None})
        self.assertEqual(await self.of(self.inbox), {"/private/comment": b"alice's"})
        self.assertEqual(await self.of(await self.account.mailbox("Archive"), "bob-id"), {})

    @asynchronous
    async def test_depthAndSize(self):
        await self.inbox.setAnnotations("alice-id", {"/shared/a": b"1", "/shared/a/b": b"22", "/shared/a/b/c": b"333"})
        await self.inbox.setAnnotations("alice-id", {"/shared/ab": b"x"})
        for depth, names in ((0, ["/shared/a"]), (1, ["/shared/a", "/shared/a/b"])):
            self.assertEqual(sorted(await self.of(self.inbox, "alice-id", "/shared/a", depth=depth)), names)
        self.assertEqual(len(await self.of(self.inbox, "alice-id", "/shared/a")), 3)
        found = await self.inbox.annotations("alice-id", ("/shared/a",), None, 1)
        self.assertEqual((found.values, found.longestOctets), ({"/shared/a": b"1"}, 3))

    @asynchronous
    async def test_specialUse(self):
        sent = await self.account.mailbox("Sent")
        entry = "/private/specialuse"
        self.assertEqual(await self.of(sent, "alice-id", entry), {entry: b"\\Sent"})
        self.assertEqual(await self.of(sent, "bob-id", entry), {})
        await self.inbox.setAnnotations("alice-id", {entry: b"\\Sent"})
        self.assertEqual((await sent.status()).specialUse, "")
        self.assertEqual((await self.inbox.status()).specialUse, "\\Sent")
        await self.inbox.setAnnotations("alice-id", {entry: b""})
        self.assertEqual(await self.of(self.inbox, "alice-id", entry), {})

    @asynchronous
    async def test_server(self):
        await self.store.setAnnotations("alice-id", {"/shared/comment": b"hello", "/private/comment": b"mine"})
        self.assertEqual(len(await self.of(self.store)), 2)
        self.assertEqual(await self.of(self.store, "bob-id"), {"/shared/comment": b"hello"})

    @asynchronous
    async def test_limits(self):
        values = {f"/shared/{number}": b"" for number in range(100)}
        await self.inbox.setAnnotations("alice-id", values)
        await self.assertFailure(
            self.inbox.setAnnotations("alice-id", {"/shared/0": b"changed", "/shared/more": b""}), LimitExceeded
        )
        self.assertEqual(await self.of(self.inbox, "alice-id", "/shared/0"), {"/shared/0": b""})
        large = {f"/private/{number}": b"x" * 32768 for number in range(33)}
        await self.assertFailure(self.inbox.setAnnotations("alice-id", large), LimitExceeded)

    @asynchronous
    async def test_ofManyAtOnce(self):
        archive = await self.account.mailbox("Archive")
        await self.inbox.setAnnotations("alice-id", {"/shared/a": b"1", "/private/a": b"2", "/private/b": b"3"})
        await archive.setAnnotations("bob-id", {"/shared/b": b"4", "/private/a": b"5"})
        ids = [self.inbox.mailboxId, archive.mailboxId]
        found = await self.store.annotationsOf(ids, "alice-id", ("/private/a", "/shared/b"))
        self.assertEqual(found, {ids[0]: {"/private/a": b"2"}, ids[1]: {"/shared/b": b"4"}})
        self.assertEqual(await self.store.annotationsOf(ids[1:], "alice-id", ("/shared/a",)), {})
        self.assertEqual(await self.store.annotationsOf([], "alice-id", ("/shared/a",)), {})

    @asynchronous
    async def test_goWithTheMailbox(self):
        work = await self.account.createMailbox("Work")
        await work.setAnnotations("alice-id", {"/shared/comment": b"x"})
        await self.account.renameMailbox("Work", "Office")
        self.assertEqual(len(await self.of(work)), 1)
        await self.account.deleteMailbox("Office")
        await self.assertFailure(work.setAnnotations("alice-id", {"/shared/comment": b"x"}), NoSuchMailbox)
        self.assertEqual(await self.of(await self.account.createMailbox("Work")), {})

    @asynchronous
    async def test_listeners(self):
        heard = []
        self.store.addAnnotationListener(heard.append)
        await self.inbox.setAnnotations("alice-id", {"/shared/comment": b"x"}, "session 7")
        change = AnnotationChange(self.inbox.mailboxId, "alice-id", ("/shared/comment",), "session 7")
        self.assertEqual(heard, [change])
        self.store.removeAnnotationListener(heard.append)
        await self.store.setAnnotations("alice-id", {"/shared/comment": b"x"})
        self.assertEqual(heard, [change])

    @asynchronous
    async def test_deletedOctets(self):
        await self.fill(2, flags=("\\Deleted",), data=b"12345")
        await self.fill(1)
        self.assertEqual(await self.inbox.deletedOctets(), 10)

    @asynchronous
    async def test_mailboxNumbered(self):
        await self.inbox.setAccess("anyone", "=", "l")
        found = await self.store.mailboxNumbered(self.inbox.mailboxId)
        status = await self.inbox.status()
        self.assertEqual(found, SharedMailbox("alice-id", str(ALICE), status, (AccessEntry("anyone", "l"),)))
        self.assertIsNone(await self.store.mailboxNumbered(999_999))

    @asynchronous
    async def test_usesByName(self):
        """
        What mail programs call a folder gives it its use, where ours was never used.
        """
        await self.account.createMailbox("Gesendete Objekte")
        uses = {each.name: each.specialUse for each in await self.account.listMailboxes()}
        self.assertEqual((uses["Gesendete Objekte"], uses["Sent"]), ("\\Sent", ""))
        await self.fill(1, await self.account.mailbox("Trash"))
        await self.account.createMailbox("Papierkorb")
        await self.account.deleteMailbox("Junk")
        await self.account.createMailbox("Spam")
        uses = {each.name: each.specialUse for each in await self.account.listMailboxes()}
        self.assertEqual((uses["Papierkorb"], uses["Trash"], uses["Spam"]), ("", "\\Trash", "\\Junk"))
        await self.assertFailure(self.account.createMailbox("More", "\\Junk"), UseTaken)
