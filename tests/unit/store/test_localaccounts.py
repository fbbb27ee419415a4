from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from osxmail.mail.acceptance import LocalAccount
from osxmail.mail.address import Address
from osxmail.store.localaccounts import LocalAccounts
from osxmail.store.remembered import REMEMBERED_SECONDS
from tests.contracts.engines import SQLiteEngine


class LocalAccountsTests(SQLiteEngine, TestCase):
    async def test_anotherProcess(self):
        clock = Clock()
        mine = LocalAccounts(self.store.database, clock)
        theirs = LocalAccounts(self.store.database, Clock())
        account = LocalAccount("1", Address.parse("anna@example.test"), "")
        await theirs.addAccount(account)
        self.assertEqual(await mine.accountWithAddress(account.address), account)
        await theirs.removeAccount("1")
        clock.advance(REMEMBERED_SECONDS)
        self.assertIsNone(await mine.accountWithAddress(account.address))
