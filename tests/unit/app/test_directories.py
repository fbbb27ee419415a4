"""
Directories that are replaced while questions come; no LDAP server is there, so an LDAP one cannot say.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from osxmail.app.directories import Directories
from osxmail.directory.decoy import IDecoy
from osxmail.directory.ldapconfiguration import LDAPConfiguration
from osxmail.directory.local import LocalDirectory
from osxmail.directory.passwords import Passwords
from osxmail.errors import DirectoryAway
from osxmail.interfaces import IDirectory
from osxmail.mail.acceptance import LocalAccount
from osxmail.mail.address import Address
from osxmail.mail.record import Record
from tests.fakes.accounts import FakeAccounts
from tests.fakes.settings import FakeSettings

ANNA = Address("anna", "example.test")
#: Nobody listens on port 1.
NOWHERE = LDAPConfiguration("ldap://127.0.0.1:1", "dc=example,dc=test", timeoutSeconds=1.0, poolSize=1)


class DirectoriesTests(TestCase):
    async def setUp(self) -> None:
        self.accounts = FakeAccounts()
        await self.accounts.addAccount(LocalAccount("id-anna", ANNA, "", "Anna"))
        self.passwords = Passwords(FakeSettings())
        self.passwords.start()
        self.addCleanup(self.passwords.stop)

    def directories(self, *configurations: LDAPConfiguration | None) -> Directories:
        made = Directories(LocalDirectory(self.accounts, self.passwords), configurations)
        made.start()
        self.addCleanup(made.stop)
        return made

    async def name(self, question: Deferred[Record | None]) -> str:
        record = await question
        return "" if record is None else record.fullName

    def test_contract(self) -> None:
        directories = self.directories(None)
        self.assertTrue(IDirectory.providedBy(directories) and IDecoy.providedBy(directories))

    async def test_localIsAsked(self) -> None:
        directories = self.directories(None)
        self.assertEqual(await self.name(directories.recordWithAddress(ANNA)), "Anna")
        self.assertEqual(await self.name(directories.recordWithLogin("anna")), "Anna")
        self.assertIsNone(await directories.groupWithAddress(ANNA))

    async def test_awayIsTold(self) -> None:
        directories = self.directories(None, NOWHERE)
        self.assertEqual(directories.away(), [])
        try:
            await directories.recordWithAddress(Address("nobody", "example.test"))
        except DirectoryAway:
            pass
        ((name, reason),) = directories.away()
        self.assertEqual(name, "ldap://127.0.0.1:1")
        self.assertIn("refused", reason)

    async def test_changesAreSeenOnceForgotten(self) -> None:
        directories = self.directories(None)
        await directories.recordWithAddress(ANNA)
        await self.accounts.updateAccount(LocalAccount("id-anna", ANNA, "", "Anna B."))
        self.assertEqual(await self.name(directories.recordWithAddress(ANNA)), "Anna")
        directories.forget()
        self.assertEqual(await self.name(directories.recordWithAddress(ANNA)), "Anna B.")

    async def test_theSameOnesAreNotReplacedButForget(self) -> None:
        directories = self.directories(None)
        await directories.recordWithAddress(ANNA)
        await self.accounts.updateAccount(LocalAccount("id-anna", ANNA, "", "Anna B."))
        self.assertFalse(directories.replace([None]))
        self.assertEqual(await self.name(directories.recordWithAddress(ANNA)), "Anna B.")

    async def test_replaced(self) -> None:
        """
        The new order counts for the next question: one that cannot say hides those behind it.
        """
        directories = self.directories(None)
        self.assertTrue(directories.replace([NOWHERE, None]))
        await self.assertFailure(directories.recordWithAddress(ANNA), DirectoryAway)
        self.assertTrue(directories.replace([None, NOWHERE]))
        self.assertEqual(await self.name(directories.recordWithAddress(ANNA)), "Anna")
        self.assertTrue(directories.replace([None]))
        self.assertIsNone(await directories.recordWithAddress(Address("nobody", "example.test")))
