"""
The SQLite engine keeps to the contracts of the store.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from osxmail.store.store import Store
from tests.contracts.acceptances import AcceptContract
from tests.contracts.access import AccessContract, AnnotationContract, QuotaContract
from tests.contracts.histories import HistoryContract
from tests.contracts.mailboxes import MailboxContract, SnapshotContract
from tests.contracts.maildrops import MaildropContract
from tests.contracts.mailstore import ALICE, TEXT, AccountContract, Listener, StoreTools, asynchronous
from tests.contracts.searches import SearchContract
from tests.fakes.mailstores import append


class SQLite:
    """
    Makes stores in folders of their own.
    """

    timeout = 60

    def makeStore(self):
        async def make():
            folder = Path(self.mktemp())
            folder.mkdir()
            return await self.openStore(folder)

        return ensureDeferred(make())

    async def openStore(self, folder):
        store = Store(folder)
        await store.open()
        self.addCleanup(store.close)
        return store


class SQLiteAccountTests(SQLite, AccountContract, TestCase):
    pass


class SQLiteAccessTests(SQLite, AccessContract, TestCase):
    pass


class SQLiteQuotaTests(SQLite, QuotaContract, TestCase):
    pass


class SQLiteAnnotationTests(SQLite, AnnotationContract, TestCase):
    pass


class SQLiteMaildropTests(SQLite, MaildropContract, TestCase):
    pass


class SQLiteSearchTests(SQLite, SearchContract, TestCase):
    pass


class SQLiteMailboxTests(SQLite, MailboxContract, TestCase):
    pass


class SQLiteSnapshotTests(SQLite, SnapshotContract, TestCase):
    pass


class SQLiteAcceptTests(SQLite, AcceptContract, TestCase):
    pass


class SQLiteHistoryTests(SQLite, HistoryContract, TestCase):
    pass


class RestartTests(SQLite, StoreTools, TestCase):
    """
    What survives a restart, and what another process does to the same file.
    """

    async def other(self):
        """
        The same store, as another process has it.
        """
        store = await self.openStore(self.store.database.path.parent)
        account = await store.account("alice-id", ALICE)
        return store, account, await account.mailbox("INBOX")

    @asynchronous
    async def test_restart(self):
        await self.fill(5, flags=["\\Seen", "word"])
        await self.inbox.remove([5])
        await self.account.subscribe("x", True)
        before = await self.inbox.status(), await self.inbox.changesSince(0), await self.account.quota()
        await self.store.close()
        _store, account, inbox = await self.other()
        after = await inbox.status(), await inbox.changesSince(0), await account.quota()
        self.assertEqual(before, after)
        # Neither UIDs nor MODSEQs go back.
        appended = await append(inbox, incomingOf(_store), (), None)
        self.assertEqual(appended.uid, 6)
        self.assertGreater((await inbox.status()).highestModseq, before[0].highestModseq)
        self.assertEqual((await inbox.messages([1]))[0][1].inline, TEXT)

    @asynchronous
    async def test_uidvaliditySurvives(self):
        mailbox = await self.account.createMailbox("x")
        uidvalidity = (await mailbox.status()).uidvalidity
        await self.account.deleteMailbox("x")
        await self.store.close()
        _store, account, _inbox = await self.other()
        again = await (await account.createMailbox("x")).status()
        self.assertNotEqual(again.uidvalidity, uidvalidity)

    @asynchronous
    async def test_anotherProcessDelivers(self):
        """
        Both deliver to the same mailbox, after one another and at the same time.
        """
        from twisted.internet.defer import gatherResults

        store, _account, inbox = await self.other()
        for each in (self.store, store, self.store):
            await each.accept(self.acceptance(self.copyFor()), incomingOf(each))
        calls = []
        for _ in range(20):
            for each in (self.store, store):
                calls.append(each.accept(self.acceptance(self.copyFor()), incomingOf(each)))
        accepted = await gatherResults(calls)
        self.assertEqual(sorted(each.appended[0].uid for each in accepted), list(range(4, 44)))
        self.assertEqual((await inbox.status()).messages, 43)

    @asynchronous
    async def test_anotherProcessRemovesTheAccount(self):
        store, _account, _inbox = await self.other()
        await self.store.accept(self.acceptance(self.copyFor()), self.incoming())
        await store.removeAccount("alice-id")
        accepted = await self.store.accept(self.acceptance(self.copyFor()), self.incoming())
        self.assertNotEqual(accepted.appended[0].mailboxId, self.inbox.mailboxId)

    @asynchronous
    async def test_anotherProcessChanges(self):
        """
        A snapshot catches up with what somebody else has done: when it is told so, and when it is asked for again.
        """
        await self.fill(3)
        listener = Listener()
        snapshot = await self.inbox.snapshot(listener)
        store, _account, inbox = await self.other()
        await inbox.storeFlags([1], "+", ["\\Seen", "word"])
        await inbox.remove([2])
        await append(inbox, incomingOf(store), (), None)
        self.assertEqual(list(snapshot.uids), [1, 2, 3])
        again = await self.inbox.snapshot(Listener())
        self.assertIs(again, snapshot)
        self.assertEqual(
            (list(snapshot.uids), list(snapshot.flags), snapshot.keywords), ([1, 3, 4], [257, 0, 0], ("word",))
        )
        self.assertEqual(listener.changes, 1)
        await inbox.remove([1])
        self.store.mailboxesChanged([self.inbox.mailboxId])
        await self.inbox.storeFlags([4], "+", ["\\Seen"])
        self.assertEqual(list(snapshot.uids), [3, 4])

    @asynchronous
    async def test_anotherProcessDeletes(self):
        mailbox = await self.account.createMailbox("x")
        listener = Listener()
        await mailbox.snapshot(listener)
        _store, account, _inbox = await self.other()
        await account.deleteMailbox("x")
        self.store.mailboxesChanged([mailbox.mailboxId])
        from osxmail.errors import NoSuchMailbox

        await self.assertFailure(mailbox.snapshot(Listener()), NoSuchMailbox)
        self.assertTrue(listener.isGone)


class FullDiskTests(SQLite, StoreTools, TestCase):
    """
    A disk that is full: refused, nothing changed, readable, and served again when there is room.
    """

    def limitPages(self, more):
        def limit(txn):
            pages = txn.execute("PRAGMA page_count").fetchone()[0]
            txn.execute(f"PRAGMA max_page_count = {pages + more}").fetchall()

        return self.store.database.write(limit)

    @asynchronous
    async def test_full(self):
        from osxmail.errors import StoreFull
        from osxmail.mail.acceptance import QueueRecipient

        await self.fill(3)
        before = await self.inbox.status(), await self.account.quota()
        listener = Listener()
        snapshot = await self.inbox.snapshot(listener)
        await self.limitPages(0)
        text = TEXT + b"some more\r\n" * 1_000
        incoming = self.incoming(text)
        acceptance = self.acceptance(self.copyFor(), queued=(QueueRecipient(ALICE),))
        await self.assertFailure(self.store.accept(acceptance, incoming), StoreFull)
        await self.assertFailure(append(self.inbox, self.incoming(text), (), None), StoreFull)
        self.assertEqual((await self.inbox.status(), await self.account.quota()), before)
        self.assertEqual(await self.whole(self.inbox, 1), TEXT)
        self.assertEqual((listener.changes, list(snapshot.uids)), (0, [1, 2, 3]))
        self.assertEqual(await self.store.queue.list(), ())
        await self.limitPages(10_000)
        await self.store.accept(acceptance, incoming)
        self.assertEqual(await self.whole(self.inbox, 4), text)
        self.assertEqual(list(snapshot.uids), [1, 2, 3, 4])
        self.assertEqual(len(await self.store.queue.list()), 1)


class LogTests(SQLite, StoreTools, TestCase):
    """
    The log of what was expunged is bounded.
    """

    @asynchronous
    async def test_pruned(self):
        from osxmail.store import expunging

        self.patch(expunging, "MAX_EXPUNGED_LOG", 3)
        self.patch(expunging, "PRUNE_CHANCE", 1)
        await self.fill(12)
        start = (await self.inbox.status()).highestModseq
        listener = Listener()
        snapshot = await self.inbox.snapshot(listener)
        for uid in range(1, 9):
            await self.inbox.remove([uid])
        count = await self.store.database.read(lambda txn: txn.execute("SELECT count(*) FROM expunged").fetchone()[0])
        self.assertEqual(count, 3)
        await self.inbox.remove([10])
        for since in (start, start + 3, start + 7):
            changes = await self.inbox.changesSince(since)
            self.assertLessEqual({uid for uid in range(1, 9) if start + uid > since} | {10}, set(changes.vanished))
            self.assertFalse(set(changes.vanished) & {9, 11, 12})
            self.assertEqual(list(changes.vanished), sorted(changes.vanished))
        self.assertEqual((await self.inbox.changesSince(start + 8)).vanished, (10,))
        self.assertEqual(list(snapshot.uids), [9, 11, 12])


def incomingOf(store):
    incoming = store.incoming(100_000)
    incoming.write(TEXT)
    return incoming
