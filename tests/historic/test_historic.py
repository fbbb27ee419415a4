"""
The store of each schema version is upgraded, and has everything that was in it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from osxmail.mail.acceptance import Alias, Domain
from osxmail.mail.address import Address
from osxmail.mail.flags import SEEN
from osxmail.mail.rights import AccessEntry
from osxmail.store.domains import Domains
from osxmail.store.localaccounts import LocalAccounts
from osxmail.store.migrate import knownVersions, schemaFiles, schemaVersion
from osxmail.store.settingrows import SettingRows
from osxmail.store.store import DATABASE_NAME, Store
from tests.fakes.mailstores import append
from tests.historic.make import ANNA, BERT, CARL, FOLDER, LARGE, PREFIX, SMALL, TIME


class HistoricTests(TestCase):
    async def upgraded(self, version):
        """
        A copy of a kept store, opened.
        """
        data = Path(self.mktemp())
        shutil.copytree(FOLDER / f"{version:03d}", data)
        store = Store(data, now=lambda: TIME + 100)
        self.addCleanup(store.close)
        await store.open()
        return store, data

    def test_everyVersionIsKept(self):
        kept = sorted(int(each.name) for each in FOLDER.iterdir() if each.name.isdigit())
        self.assertEqual(kept, list(knownVersions(schemaFiles())))

    async def test_upgrade(self):
        for version in knownVersions(schemaFiles()):
            store, data = await self.upgraded(version)
            await self.checkMail(store)
            await self.checkQueue(store)
            await self.checkTables(store)
            if version >= 2:
                await self.checkAccess(store)
            self.assertEqual(len(list(data.glob("*.backup"))), int(version < max(knownVersions(schemaFiles()))))
            await store.close()

    async def test_anUpgradedSchemaIsTheNewOne(self):
        """
        What comes out of an upgrade has the tables of a new database.  When this fails for the newest version, its
        C{.sql} file was changed after its store was kept: write the next version instead, or, as long as it was never
        released, make its store again.
        """
        new = apsw.Connection(":memory:")
        for text in knownVersions(schemaFiles()).values():
            new.execute(text)
        for version in knownVersions(schemaFiles()):
            store, data = await self.upgraded(version)
            await store.close()
            old = apsw.Connection(str(data / DATABASE_NAME))
            self.assertEqual(self.tables(old), self.tables(new))
            self.assertEqual(schemaVersion(old), max(knownVersions(schemaFiles())))
            self.assertEqual(old.execute("PRAGMA integrity_check").get, "ok")
            old.close()
        new.close()

    def tables(self, connection):
        rows = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
        return [
            (kind, name, " ".join((sql or "").split())) for kind, name, sql in rows if not name.startswith("sqlite_")
        ]

    async def checkMail(self, store):
        account = await store.existingAccount("anna-id")
        self.assertEqual((await account.quota()).usedMessages, 3)
        inbox = await account.mailbox("INBOX")
        self.assertEqual((await inbox.status()).messages, 2)
        first, second = await inbox.messages([1, 2])
        self.assertEqual(await first[1].read(0, 100_000), PREFIX + SMALL)
        self.assertEqual(await second[1].read(0, 100_000), LARGE)
        self.assertIn(b'"small"', (await first[1].rendering()).envelope)
        changes = await inbox.changesSince(0)
        self.assertEqual(changes.changed[0][1] & SEEN, SEEN)
        archive = await account.mailbox("Archive/2023")
        ((_, copied),) = await archive.messages([1])
        self.assertEqual(await copied.read(0, 100_000), PREFIX + SMALL)
        bert = await (await store.existingAccount("bert-id")).mailbox("INBOX")
        self.assertEqual((await bert.status()).unseen, 1)
        appended = await append(inbox, store.incoming(100), (), None)
        self.assertEqual(appended.uid, 4)

    async def checkAccess(self, store):
        account = await store.accountWithAddress(ANNA)
        self.assertEqual(account.accountId, "anna-id")
        archive, access = await account.find("Archive/2023")
        self.assertEqual(access, (AccessEntry("bert@example.test", "lrs"),))
        found = await archive.annotations("anna-id", ("/shared", "/private"), None, None)
        self.assertEqual(found.values, {"/shared/comment": b"old", "/private/comment": b"mine"})
        quota = await account.quota()
        self.assertEqual((quota.limitOctets, quota.limitMessages, quota.statedMessages), (1 << 30, 500, 1000))
        self.assertEqual([each.name for each in await (await store.sharedAccount()).listMailboxes()], ["News"])

    async def test_namesThatLeadToOthersNow(self):
        """
        The second version gives what people have called Shared or Other Users another name, and finds accounts by
        address.
        """
        data = Path(self.mktemp())
        shutil.copytree(FOLDER / "001", data)
        old = apsw.Connection(str(data / DATABASE_NAME))
        for name in ("Shared", "Shared/x", "Shared2", "Other Users/y", "_Shared"):
            old.execute(
                """INSERT INTO mailbox (account_id, name, uidvalidity, uidnext, highestmodseq, first_recent_uid,
                        special_use, messages, unseen, deleted, octets, expunged_floor)
                    SELECT id, ?, 7, 1, 1, 1, '', 0, 0, 0, 0, 0 FROM account WHERE identifier = 'anna-id'""",
                (name,),
            )
            old.execute("INSERT INTO subscription SELECT id, ? FROM account WHERE identifier = 'anna-id'", (name,))
        old.close()
        store = Store(data, now=lambda: TIME + 100)
        self.addCleanup(store.close)
        await store.open()
        account = await store.accountWithAddress(ANNA)
        names = {each.name for each in await account.listMailboxes()}
        # The name that was taken already stays: nothing is lost, and an administrator can see it.
        self.assertTrue(names >= {"Shared", "_Shared/x", "Shared2", "_Other Users/y", "_Shared"}, names)
        self.assertIn("_Other Users/y", await account.subscriptions())

    async def checkQueue(self, store):
        held, waiting = sorted(await store.queue.list(), key=lambda item: not item.held)
        self.assertEqual((held.queueId, held.held, held.sizeOctets), ("000000000000HELD", True, len(SMALL)))
        (state,) = waiting.recipients
        self.assertEqual(
            (state.address, state.attempts, state.nextTry, state.lastReply), (CARL, 1, TIME + 300, "451 4.7.1 later")
        )
        message = await store.queue.message(waiting.queueId)
        self.assertEqual(await message.read(0, 100_000), LARGE)
        self.assertEqual(await store.queue.nextDue(), TIME + 300)
        await store.queue.retry([waiting.queueId])
        (lease,) = await store.queue.claim(10, 60.0, ())
        self.assertEqual((lease.envelope.sender, lease.envelope.body, lease.delayNotified), (CARL, "8BITMIME", True))

    async def checkTables(self, store):
        domains = Domains(store.database, reactor)
        self.assertEqual(await domains.listDomains(), (Domain("example.test", BERT),))
        alias = Alias(Address.parse("info@example.test"), (ANNA, BERT))
        self.assertEqual(await domains.listAliases(), (alias,))
        account = await LocalAccounts(store.database, reactor).accountWithAddress(ANNA)
        self.assertEqual((account.accountId, account.fullName, account.quotaOctets), ("anna-id", "Anna", 5))
        settings = SettingRows(store.database)
        self.assertEqual(await settings.settings(), {"relay.port": "2525"})
        self.assertEqual([change.who for change in await settings.history()], ["root"])
        (event,) = await store.trace("<small@x>", 0.0, 10)
        self.assertEqual((event.event, event.time, event.fields), ("message.accepted", TIME, {"size": len(SMALL)}))
