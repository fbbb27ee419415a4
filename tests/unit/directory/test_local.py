from __future__ import annotations

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from osxmail.directory.local import LocalDirectory, localRecord
from osxmail.directory.passwords import Passwords
from osxmail.mail.acceptance import LocalAccount
from osxmail.mail.address import Address
from osxmail.mail.record import AccountState
from tests.fakes.accounts import FakeAccounts
from tests.fakes.settings import FakeSettings

ANNA = Address.parse("Anna@example.test")


class LocalDirectoryTests(TestCase):
    async def setUp(self) -> None:
        self.settings = FakeSettings({"auth.password_cost": "light"})
        self.passwords = Passwords(self.settings)
        self.passwords.start()
        self.addCleanup(self.passwords.stop)
        self.accounts = FakeAccounts()
        self.account = LocalAccount("a1", ANNA, await self.passwords.hash("secret"))
        await self.accounts.addAccount(self.account)
        self.directory = LocalDirectory(self.accounts, self.passwords)

    def test_record(self) -> None:
        """
        Everything an account says is in its record; its hash is not.
        """
        away = Address.parse("x@elsewhere.test")
        account = LocalAccount(
            "a2", ANNA, "$argon2id$hash", "Anna", "forward", (away,), True, 5, False, False, True
        )  # fmt: skip
        found = localRecord(account)
        self.assertEqual(
            (found.accountId, found.login, found.address, found.fullName, found.state, found.forwardTo, found.keepCopy),
            ("a2", "Anna", ANNA, "Anna", AccountState.FORWARD, (away,), True),
        )
        self.assertEqual(
            (found.quotaOctets, found.popAllowed, found.imapAllowed, found.administrator), (5, False, False, True)
        )
        self.assertNotIn("argon2", repr(found))

    async def test_accountThatCameAfter(self) -> None:
        """
        The record of an account that is gone does not open its successor, who has the same address.
        """
        found = await self.directory.recordWithLogin("anna")
        await self.accounts.removeAccount("a1")
        await self.accounts.addAccount(evolve(self.account, accountId="a2"))
        self.assertIs(await self.directory.verifyPassword(found, "secret"), False)

    async def test_accountWithoutPassword(self) -> None:
        await self.accounts.updateAccount(evolve(self.account, passwordHash=""))
        found = await self.directory.recordWithLogin("anna")
        self.assertIs(await self.directory.verifyPassword(found, ""), False)
        self.assertIs(await self.directory.verifyPassword(found, "secret"), False)

    async def test_unknownCostsAsMuch(self) -> None:
        """
        A missing hash is paid for with the decoy's.
        """
        spent = []
        self.patch(self.passwords, "spendTime", lambda p: spent.append(p) or Passwords.spendTime(self.passwords, p))
        found = await self.directory.recordWithLogin("anna")
        await self.accounts.removeAccount("a1")
        self.assertIs(await self.directory.verifyPassword(found, "secret"), False)
        self.assertEqual(spent, ["secret"])

    async def rehashed(self, password: str, right: bool) -> str:
        found = await self.directory.recordWithLogin("anna")
        self.settings.change("auth.password_cost", "rfc9106")
        self.assertIs(await self.directory.verifyPassword(found, password), right)
        for _ in range(200):
            if not self.directory._rehashing:
                break
            await deferLater(reactor, 0.02, lambda: None)
        return (await self.accounts.accountWithAddress(ANNA)).passwordHash

    async def test_rehash(self) -> None:
        """
        A cheaper hash is replaced after a right password, and the login still works.
        """
        now = await self.rehashed("secret", True)
        self.assertIn("m=65536", now)
        self.assertIs(await self.passwords.verify(now, "secret"), True)

    async def test_noRehashAfterAWrongPassword(self) -> None:
        self.assertEqual(await self.rehashed("wrong", False), self.account.passwordHash)

    async def test_rehashKeepsWhatHasChanged(self) -> None:
        """
        A password that was changed meanwhile stays changed, and so does everything else.
        """
        found = await self.directory.recordWithLogin("anna")
        self.settings.change("auth.password_cost", "rfc9106")
        original = self.passwords.hash

        async def meanwhile(password: str) -> str:
            made = await original(password)
            await self.accounts.updateAccount(evolve(self.account, passwordHash="another", fullName="New"))
            return made

        self.patch(self.passwords, "hash", meanwhile)
        self.assertIs(await self.directory.verifyPassword(found, "secret"), True)
        while self.directory._rehashing:
            await deferLater(reactor, 0.02, lambda: None)
        now = await self.accounts.accountWithAddress(ANNA)
        self.assertEqual((now.passwordHash, now.fullName), ("another", "New"))
