"""
What every L{osxmail.interfaces.IMailStore} keeps to.  An engine joins by a class that is a mixin's and a TestCase's,
with C{makeStore()}: a Deferred of an open store, its file gone or closed by C{addCleanup}.
"""

from __future__ import annotations

from twisted.internet.defer import ensureDeferred
from zope.interface import implementer
from zope.interface.verify import verifyObject

from osxmail.interfaces import IAccount, IMailboxListener, IMailStore
from osxmail.mail.acceptance import Acceptance, Append
from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope, Recipient
from tests.fakes.mailstores import append

ALICE = Address.parse("alice@example.test")
BOB = Address.parse("bob@example.test")
SENDER = Address.parse("sender@elsewhere.test")

TEXT = b"From: sender@elsewhere.test\r\nTo: alice@example.test\r\nSubject: Hello\r\n\r\nHow are you?\r\n"


@implementer(IMailboxListener)
class Listener:
    """
    Counts what it is told.
    """

    def __init__(self):
        self.changes = 0
        self.isGone = False

    def mailboxChanged(self):
        self.changes += 1

    def mailboxGone(self):
        self.isGone = True


def asynchronous(function):
    """
    A test written as C{async def}.
    """

    def test(self):
        return ensureDeferred(function(self))

    test.__name__ = function.__name__
    test.__doc__ = function.__doc__
    return test


class StoreTools:
    """
    What the mixins share.
    """

    def makeStore(self):
        """
        @return: a Deferred of an open, empty store.
        """
        raise NotImplementedError

    def setUp(self):
        async def start():
            self.store = await self.makeStore()
            self.account = await self.store.account("alice-id", ALICE)
            self.inbox = await self.account.mailbox("INBOX")

        return ensureDeferred(start())

    def incoming(self, data=TEXT):
        incoming = self.store.incoming(100_000_000)
        waits = incoming.write(data)
        if waits is not None:
            waits.addErrback(lambda _: None)
        return incoming

    def copyFor(self, accountId="alice-id", address=ALICE, mailbox="INBOX", prefix=b"", **more):
        return Append(accountId, address, mailbox, prefix, address, **more)

    def acceptance(self, *appends, **more):
        recipients = tuple(Recipient(append.recipient) for append in appends)
        more.setdefault("received", 1_700_000_000.0)
        return Acceptance(
            more.pop("queueId", None) or self.store.newQueueId(),
            Envelope(SENDER, recipients),
            appends=appends,
            **more,
        )

    async def fill(self, count, mailbox=None, flags=(), data=TEXT):
        """
        Messages in a mailbox; their UIDs.
        """
        mailbox = mailbox or self.inbox
        uids = []
        for _ in range(count):
            uids.append((await append(mailbox, self.incoming(data), flags, 1_600_000_000.0)).uid)
        return uids

    async def flagsOf(self, mailbox):
        """
        Bits by UID.
        """
        changes = await mailbox.changesSince(0)
        return {row[0]: row[1] for row in changes.changed}

    async def whole(self, mailbox, uid):
        ((_uid, message),) = await mailbox.messages([uid])
        return await message.read(0, 256 * 1024)


class AccountContract(StoreTools):
    """
    L{IMailStore.account} and L{IAccount}.
    """

    def test_interfaces(self):
        verifyObject(IMailStore, self.store)
        verifyObject(IAccount, self.account)

    @asynchronous
    async def test_newAccountHasItsUsualMailboxes(self):
        mailboxes = await self.account.listMailboxes()
        self.assertEqual(
            [(each.name, each.specialUse) for each in mailboxes],
            [
                ("INBOX", ""),
                ("Archive", "\\Archive"),
                ("Drafts", "\\Drafts"),
                ("Junk", "\\Junk"),
                ("Sent", "\\Sent"),
                ("Trash", "\\Trash"),
            ],
        )
        for each in mailboxes:
            self.assertTrue(each.subscribed)
            self.assertEqual((each.messages, each.unseen, each.deleted, each.sizeOctets), (0, 0, 0, 0))
            self.assertEqual((each.uidnext, each.firstRecentUid), (1, 1))
            self.assertGreater(each.highestModseq, 0)
            self.assertGreater(each.uidvalidity, 0)
        self.assertEqual(len({each.uidvalidity for each in mailboxes}), 6)

    @asynchronous
    async def test_anAccountIsMadeOnce(self):
        again = await self.store.account("alice-id", ALICE)
        self.assertEqual(
            [each.mailboxId for each in await again.listMailboxes()],
            [each.mailboxId for each in await self.account.listMailboxes()],
        )
        self.assertEqual((await self.store.existingAccount("alice-id")).accountId, "alice-id")
        self.assertIsNone(await self.store.existingAccount("nobody"))

    @asynchronous
    async def test_accountsAreMadeAtOnce(self):
        from twisted.internet.defer import gatherResults

        accounts = await gatherResults([self.store.account("new-id", BOB) for _ in range(10)])
        names = {tuple(each.mailboxId for each in await account.listMailboxes()) for account in accounts}
        self.assertEqual(len(names), 1)

    @asynchronous
    async def test_removeAccount(self):
        from osxmail.errors import NoSuchAccount, NoSuchMailbox

        await self.fill(3)
        listener = Listener()
        await self.inbox.snapshot(listener)
        await self.store.removeAccount("alice-id")
        self.assertTrue(listener.isGone)
        self.assertIsNone(await self.store.existingAccount("alice-id"))
        await self.assertFailure(self.inbox.status(), NoSuchMailbox)
        await self.assertFailure(self.account.quota(), NoSuchAccount)
        await self.assertFailure(self.account.createMailbox("x"), NoSuchMailbox)
        await self.assertFailure(self.store.removeAccount("alice-id"), NoSuchAccount)
        # The same person again begins anew, and clients notice.
        old = self.inbox.mailboxId
        account = await self.store.account("alice-id", ALICE)
        status = (await account.listMailboxes())[0]
        self.assertNotEqual(status.mailboxId, old)
        self.assertEqual(status.messages, 0)

    @asynchronous
    async def test_deliveryAfterRemovalMakesTheAccountAgain(self):
        await self.store.accept(self.acceptance(self.copyFor()), self.incoming())
        await self.store.removeAccount("alice-id")
        accepted = await self.store.accept(self.acceptance(self.copyFor()), self.incoming())
        account = await self.store.existingAccount("alice-id")
        status = (await account.listMailboxes())[0]
        self.assertEqual((status.messages, status.mailboxId), (1, accepted.appended[0].mailboxId))

    @asynchronous
    async def test_mailboxByName(self):
        from osxmail.errors import NoSuchMailbox

        for name in ("inbox", "InBox", "INBOX"):
            self.assertEqual((await self.account.mailbox(name)).mailboxId, self.inbox.mailboxId)
        await self.assertFailure(self.account.mailbox("sent"), NoSuchMailbox)

    @asynchronous
    async def test_namesThatAreNone(self):
        from osxmail.errors import LimitExceeded, ParseError

        for name, error in (("", ParseError), ("a//b", ParseError), ("a\0", ParseError), ("x" * 1001, LimitExceeded)):
            for call in (
                self.account.mailbox,
                self.account.createMailbox,
                self.account.deleteMailbox,
                lambda name: self.account.renameMailbox("Sent", name),
                lambda name: self.account.subscribe(name, True),
            ):
                await self.assertFailure(call(name), error)

    @asynchronous
    async def test_createMakesWhatIsMissingAbove(self):
        from osxmail.errors import AlreadyExists

        await self.account.createMailbox("a/b/c")
        names = [each.name for each in await self.account.listMailboxes()]
        self.assertEqual([name for name in names if name.startswith("a")], ["a", "a/b", "a/b/c"])
        created = {each.name: each for each in await self.account.listMailboxes()}["a/b/c"]
        self.assertFalse(created.subscribed)
        await self.assertFailure(self.account.createMailbox("a/b"), AlreadyExists)
        await self.assertFailure(self.account.createMailbox("inbox"), AlreadyExists)

    @asynchronous
    async def test_createWithSpecialUse(self):
        from osxmail.errors import UseTaken

        # The one that was made with the account has its use as long as nobody else wants it, or it has been used.
        await self.account.createMailbox("Mine", "\\Sent")
        uses = {each.specialUse: each.name for each in await self.account.listMailboxes()}
        self.assertEqual(uses["\\Sent"], "Mine")
        await self.assertFailure(self.account.createMailbox("More", "\\Sent"), UseTaken)
        await self.fill(1, await self.account.mailbox("Trash"))
        await self.assertFailure(self.account.createMailbox("Rubbish", "\\Trash"), UseTaken)
        await self.account.deleteMailbox("Mine")
        await self.account.createMailbox("More", "\\Sent")
        uses = {each.specialUse: each.name for each in await self.account.listMailboxes()}
        self.assertEqual(uses["\\Sent"], "More")

    @asynchronous
    async def test_tooManyMailboxes(self):
        from osxmail.errors import LimitExceeded
        from osxmail.store import accountrows

        self.patch(accountrows, "MAX_MAILBOXES", 8)
        await self.account.createMailbox("a/b")
        await self.assertFailure(self.account.createMailbox("c"), LimitExceeded)
        await self.account.deleteMailbox("a/b")
        await self.account.createMailbox("c")

    @asynchronous
    async def test_delete(self):
        from osxmail.errors import NoSuchMailbox, NotAllowed

        mailbox = await self.account.createMailbox("a/b")
        await self.fill(2, mailbox)
        before = await self.account.quota()
        listener = Listener()
        await mailbox.snapshot(listener)
        await self.assertFailure(self.account.deleteMailbox("a"), NotAllowed)
        await self.assertFailure(self.account.deleteMailbox("Inbox"), NotAllowed)
        await self.assertFailure(self.account.deleteMailbox("nothing"), NoSuchMailbox)
        await self.account.deleteMailbox("a/b")
        self.assertTrue(listener.isGone)
        await self.account.deleteMailbox("a")
        after = await self.account.quota()
        self.assertEqual((before.usedMessages, after.usedMessages, after.usedOctets), (2, 0, 0))
        for call in (
            mailbox.status,
            mailbox.claimRecent,
            lambda: append(mailbox, self.incoming(), (), None),
            lambda: mailbox.messages([1]),
            lambda: mailbox.renderings([1], ["envelope"]),
            lambda: mailbox.storeFlags([1], "+", ["\\Seen"]),
            lambda: mailbox.copy([1], self.inbox),
            lambda: self.inbox.copy([1], mailbox),
            lambda: mailbox.move([1], self.inbox),
            lambda: mailbox.expunge(),
            lambda: mailbox.remove([1]),
            lambda: mailbox.changesSince(0),
            lambda: mailbox.snapshot(Listener()),
        ):
            await self.assertFailure(call(), NoSuchMailbox)

    @asynchronous
    async def test_uidvalidityIsNeverGivenTwice(self):
        seen = set()
        for _ in range(5):
            mailbox = await self.account.createMailbox("again")
            seen.add((await mailbox.status()).uidvalidity)
            await self.account.deleteMailbox("again")
        self.assertEqual(len(seen), 5)

    @asynchronous
    async def test_rename(self):
        mailbox = await self.account.createMailbox("a/b")
        await self.account.createMailbox("a/b/c")
        await self.account.createMailbox("ab")
        await self.account.createMailbox("a/bc")
        (uid,) = await self.fill(1, mailbox)
        before = await mailbox.status()
        await self.account.renameMailbox("a/b", "x/y")
        names = {each.name for each in await self.account.listMailboxes()}
        self.assertEqual(
            names & {"a", "a/b", "a/b/c", "ab", "a/bc", "x", "x/y", "x/y/c"}, {"a", "ab", "a/bc", "x", "x/y", "x/y/c"}
        )
        moved = await self.account.mailbox("x/y")
        after = await moved.status()
        self.assertEqual(
            (after.mailboxId, after.uidvalidity, after.messages), (before.mailboxId, before.uidvalidity, 1)
        )
        self.assertEqual(await self.whole(moved, uid), TEXT)

    @asynchronous
    async def test_renameRefused(self):
        from osxmail.errors import AlreadyExists, NoSuchMailbox, NotAllowed

        await self.account.createMailbox("a/b")
        await self.assertFailure(self.account.renameMailbox("nothing", "z"), NoSuchMailbox)
        await self.assertFailure(self.account.renameMailbox("a", "Sent"), AlreadyExists)
        await self.assertFailure(self.account.renameMailbox("a", "a"), AlreadyExists)
        await self.assertFailure(self.account.renameMailbox("a", "a/b/c"), NotAllowed)
        await self.assertFailure(self.account.renameMailbox("a", "inbox"), AlreadyExists)
        names = {each.name for each in await self.account.listMailboxes()}
        self.assertLessEqual({"a", "a/b"}, names)
        self.assertNotIn("a/b/c", names)

    @asynchronous
    async def test_renameInbox(self):
        """
        RFC 3501 6.3.5: its messages move to a new mailbox; what is below INBOX stays.
        """
        await self.account.createMailbox("INBOX/below")
        await self.fill(3, flags=["\\Seen", "kept"])
        before = await self.inbox.status()
        used = await self.account.quota()
        await self.account.renameMailbox("INBOX", "old mail")
        inbox = await self.inbox.status()
        self.assertEqual((inbox.messages, inbox.unseen, inbox.sizeOctets), (0, 0, 0))
        self.assertEqual((inbox.uidvalidity, inbox.uidnext), (before.uidvalidity, 4))
        self.assertGreater(inbox.highestModseq, before.highestModseq)
        old = await self.account.mailbox("old mail")
        self.assertEqual((await old.status()).messages, 3)
        self.assertEqual(set((await self.flagsOf(old)).values()), {1 | 256})
        self.assertEqual(await self.account.quota(), used)
        await self.account.mailbox("INBOX/below")

    @asynchronous
    async def test_subscriptionsNeedNoMailbox(self):
        await self.account.subscribe("not/there", True)
        await self.account.subscribe("not/there", True)
        await self.account.subscribe("Sent", False)
        await self.account.subscribe("Sent", False)
        names = await self.account.subscriptions()
        self.assertEqual(names, ("Archive", "Drafts", "INBOX", "Junk", "Trash", "not/there"))
        subscribed = {each.name: each.subscribed for each in await self.account.listMailboxes()}
        self.assertEqual((subscribed["Sent"], subscribed["Trash"]), (False, True))
        # Deleting a mailbox leaves its subscription.
        await self.account.deleteMailbox("Trash")
        self.assertIn("Trash", await self.account.subscriptions())

    @asynchronous
    async def test_subscriptionsAreBounded(self):
        from osxmail.errors import LimitExceeded
        from osxmail.store import account

        self.patch(account, "MAX_SUBSCRIPTIONS", 7)
        await self.account.subscribe("one", True)
        await self.assertFailure(self.account.subscribe("two", True), LimitExceeded)

    @asynchronous
    async def test_quota(self):
        from osxmail.errors import OverQuota

        quota = await self.account.quota()
        self.assertEqual((quota.usedOctets, quota.usedMessages, quota.limitOctets), (0, 0, 0))
        await self.account.setQuota(2 * len(TEXT) + 1)
        await self.fill(2)
        await self.assertFailure(append(self.inbox, self.incoming(), (), None), OverQuota)
        sent = await self.account.mailbox("Sent")
        await self.assertFailure(self.inbox.copy([1], sent), OverQuota)
        # What stays in the account takes no room.
        await self.inbox.move([1], sent)
        quota = await self.account.quota()
        self.assertEqual((quota.usedOctets, quota.usedMessages), (2 * len(TEXT), 2))
        await self.inbox.remove([2])
        await append(self.inbox, self.incoming(), (), None)
        await self.account.setQuota(0)
        await self.fill(2)
        quota = await self.account.quota()
        self.assertEqual((quota.usedOctets, quota.usedMessages, quota.limitOctets), (4 * len(TEXT), 4, 0))

    @asynchronous
    async def test_quotaOfMessagesThatShareACommit(self):
        from twisted.internet.defer import DeferredList

        await self.account.setQuota(3 * len(TEXT))
        results = await DeferredList(
            [append(self.inbox, self.incoming(), (), None) for _ in range(10)], consumeErrors=True
        )
        self.assertEqual(sum(1 for isGood, _ in results if isGood), 3)
        quota = await self.account.quota()
        self.assertEqual((quota.usedOctets, quota.usedMessages), (3 * len(TEXT), 3))

    def test_maildropLock(self):
        from osxmail.errors import InUse

        unlock = self.account.lockMaildrop()
        self.assertRaises(InUse, self.account.lockMaildrop)
        unlock()
        unlock()
        second = self.account.lockMaildrop()
        unlock()
        self.assertRaises(InUse, self.account.lockMaildrop)
        second()
