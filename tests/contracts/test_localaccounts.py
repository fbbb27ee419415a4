"""
The contract of L{ILocalAccounts}, on the store and on the fake.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from osxmail.errors import AlreadyExists, NoSuchAccount
from osxmail.interfaces import ILocalAccounts
from osxmail.mail.acceptance import LocalAccount
from osxmail.mail.address import Address
from osxmail.store.localaccounts import LocalAccounts
from tests.contracts.engines import SQLiteEngine
from tests.fakes.accounts import FakeAccounts

ANNA = LocalAccount(
    "id-1",
    Address.parse("Anna@example.test"),
    "$argon2id$x",
    "Anna Ö",
    "forward",
    (Address.parse("a@b.test"), Address.parse('"c d"@b.test')),
    True,
    0,
    False,
    True,
    True,
)
BERT = LocalAccount("id-2", Address.parse("bert@example.test"), "")


class LocalAccountsContract:
    def test_interface(self):
        verifyObject(ILocalAccounts, self.accounts())

    async def test_addAndFind(self):
        accounts = self.accounts()
        self.assertIsNone(await accounts.accountWithAddress(ANNA.address))
        await accounts.addAccount(BERT)
        await accounts.addAccount(ANNA)
        found = await accounts.accountWithAddress(Address.parse("aNNa@example.test"))
        self.assertEqual(found, ANNA)
        self.assertEqual(found.address.local, "Anna")
        self.assertEqual(await accounts.accountWithAddress(BERT.address), BERT)
        self.assertIsNone((await accounts.accountWithAddress(BERT.address)).quotaOctets)
        self.assertEqual(await accounts.listAccounts(), (ANNA, BERT))

    async def test_shortNames(self):
        accounts = self.accounts()
        for number in range(3):
            await accounts.addAccount(LocalAccount(str(number), Address.parse(f"Bert@{number}.test"), ""))
        await accounts.addAccount(ANNA)
        self.assertEqual(await accounts.accountsWithLocalPart("ANNA"), (ANNA,))
        self.assertEqual(len(await accounts.accountsWithLocalPart("bert")), 2)
        joerg = evolve(ANNA, accountId="id-j", address=Address.parse("jo\u0308rg@example.test"))
        await accounts.addAccount(joerg)
        self.assertEqual(await accounts.accountsWithLocalPart("J\xf6rg"), (joerg,))
        for nobody in ("carl", "", "%", "anna@example.test", "\ud800", "an\0na", "a" * 100_000):
            self.assertEqual(await accounts.accountsWithLocalPart(nobody), ())

    async def test_taken(self):
        accounts = self.accounts()
        await accounts.addAccount(ANNA)
        for taken in (evolve(BERT, accountId="id-1"), evolve(BERT, address=Address.parse("anna@example.test"))):
            with self.assertRaises(AlreadyExists):
                await accounts.addAccount(taken)
        self.assertEqual(await accounts.listAccounts(), (ANNA,))

    async def test_update(self):
        accounts = self.accounts()
        await accounts.addAccount(ANNA)
        await accounts.accountWithAddress(ANNA.address)
        changed = evolve(BERT, accountId="id-1")
        await accounts.updateAccount(changed)
        self.assertEqual(await accounts.listAccounts(), (changed,))
        self.assertIsNone(await accounts.accountWithAddress(ANNA.address))
        self.assertEqual(await accounts.accountWithAddress(BERT.address), changed)
        with self.assertRaises(NoSuchAccount):
            await accounts.updateAccount(BERT)

    async def test_updateToATakenAddress(self):
        accounts = self.accounts()
        await accounts.addAccount(ANNA)
        await accounts.addAccount(BERT)
        with self.assertRaises(AlreadyExists):
            await accounts.updateAccount(evolve(BERT, address=ANNA.address))
        self.assertEqual(await accounts.listAccounts(), (ANNA, BERT))

    async def test_remove(self):
        accounts = self.accounts()
        await accounts.addAccount(ANNA)
        await accounts.accountWithAddress(ANNA.address)
        await accounts.removeAccount("id-1")
        self.assertIsNone(await accounts.accountWithAddress(ANNA.address))
        with self.assertRaises(NoSuchAccount):
            await accounts.removeAccount("id-1")


class FakeAccountsTests(LocalAccountsContract, TestCase):
    def accounts(self):
        return FakeAccounts()


class SQLiteLocalAccountsTests(LocalAccountsContract, SQLiteEngine, TestCase):
    def accounts(self):
        return LocalAccounts(self.store.database, reactor)
