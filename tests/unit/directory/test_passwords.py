from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from osxmail.directory.passwords import COSTS, MAX_PASSWORD_OCTETS, Passwords, preparePassword
from osxmail.errors import Overloaded, Refused
from tests.fakes.settings import FakeSettings


class PrepareTests(SynchronousTestCase):
    def test_prepare(self) -> None:
        self.assertEqual(preparePassword("plain  Text "), "plain  Text ")
        self.assertEqual(preparePassword(unicodedata.normalize("NFD", "é")), "é")
        self.assertEqual(preparePassword("a\u00a0b\u3000c"), "a b c")
        self.assertEqual(preparePassword("ＡＢ"), "ＡＢ")


class PasswordsTests(TestCase):
    def setUp(self) -> None:
        self.settings = FakeSettings({"auth.password_cost": "light"})
        self.passwords = Passwords(self.settings)
        self.passwords.start()
        self.addCleanup(self.passwords.stop)

    async def test_hash(self) -> None:
        """
        A hash in PHC form, with salt, at the setting's cost.
        """
        one, two = await self.passwords.hash("secret"), await self.passwords.hash("secret")
        self.assertNotEqual(one, two)
        self.assertTrue(one.startswith("$argon2id$v=19$m=19456,t=2,p=1$"), one)
        self.assertNotIn("secret", one)
        self.assertIs(await self.passwords.verify(one, "secret"), True)
        self.assertIs(await self.passwords.verify(one, "secret "), False)

    async def test_costOfTheRFC(self) -> None:
        """
        RFC 9106 4, the second recommended option: t=3, 4 lanes, 64 MiB.
        """
        passwords = Passwords(FakeSettings({"auth.password_cost": "rfc9106"}))
        passwords.start()
        self.addCleanup(passwords.stop)
        self.assertTrue((await passwords.hash("x")).startswith("$argon2id$v=19$m=65536,t=3,p=4$"))

    async def test_anotherSpelling(self) -> None:
        made = await self.passwords.hash(unicodedata.normalize("NFD", "schön é"))
        self.assertIs(await self.passwords.verify(made, unicodedata.normalize("NFC", "schön é")), True)

    async def test_passwordsThatNobodyMayHave(self) -> None:
        made = await self.passwords.hash("x" * MAX_PASSWORD_OCTETS)
        self.assertIs(await self.passwords.verify(made, "x" * MAX_PASSWORD_OCTETS), True)
        for wrong in (
            "",
            "x" * (MAX_PASSWORD_OCTETS + 1),
            "é" * (MAX_PASSWORD_OCTETS // 2 + 1),
            "a\0b",
            "a\n",
            "\ud800",
        ):
            await self.assertFailure(self.passwords.hash(wrong), Refused)
            self.assertIs(await self.passwords.verify(made, wrong), False)
            self.assertIsNone(await self.passwords.spendTime(wrong))

    async def test_hashesThatAreNone(self) -> None:
        """
        What is no hash of ours belongs to no password.
        """
        good = await self.passwords.hash("x")
        for wrong in ("", "x", "$2b$12$abc", good[:-10], good + "$", "$argon2id$v=19$m=65536,t=3,p=4$$", "\0"):
            self.assertIs(await self.passwords.verify(wrong, "x"), False, wrong)

    async def test_hashThatCostsTooMuch(self) -> None:
        """
        A hash from elsewhere cannot be used to fill the memory.
        """
        good = await self.passwords.hash("x")
        for wrong in (good.replace("m=19456", "m=4194304"), good.replace("t=2", "t=100000")):
            self.assertIs(await self.passwords.verify(wrong, "x"), False)

    def test_isCheaper(self) -> None:
        light = PasswordHasher(2, 19 * 1024, 1).hash("x")
        full = PasswordHasher(3, 64 * 1024, 4).hash("x")
        self.assertFalse(self.passwords.isCheaper(light))
        self.assertFalse(self.passwords.isCheaper(full))
        self.settings.change("auth.password_cost", "rfc9106")
        self.assertTrue(self.passwords.isCheaper(light))
        self.assertFalse(self.passwords.isCheaper(full))
        self.assertFalse(self.passwords.isCheaper("nonsense"))

    async def test_overloaded(self) -> None:
        from osxmail.directory import passwords

        self.patch(passwords, "MAX_WAITING", 1)
        few = Passwords(self.settings)
        few.start()
        self.addCleanup(few.stop)
        asked = [few.hash("x") for _ in range(passwords.THREADS + 1)]
        await self.assertFailure(few.hash("x"), Overloaded)
        for deferred in asked:
            await deferred

    def test_costs(self) -> None:
        """
        Every choice of the setting has its cost.
        """
        from osxmail.app.settings import TABLE

        self.assertEqual(set(TABLE["auth.password_cost"].choices), set(COSTS))
