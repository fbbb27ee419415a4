"""
The contract of L{IDirectory}, on every implementation: local, LDAP of both schemas on a real slapd, each also behind
the cache and the aggregate, and the fake.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from osxmail.directory.aggregate import AggregateDirectory
from osxmail.directory.cache import CachedDirectory
from osxmail.directory.decoy import IDecoy
from osxmail.directory.ldap import LDAPConfiguration, LDAPDirectory
from osxmail.directory.local import LocalDirectory
from osxmail.directory.passwords import Passwords
from osxmail.errors import TemporaryError
from osxmail.interfaces import IDirectory, ILocalAccounts
from osxmail.mail.acceptance import LocalAccount
from osxmail.mail.address import Address
from osxmail.mail.record import Group, Record
from osxmail.store.localaccounts import LocalAccounts
from tests.contracts.engines import SQLiteEngine
from tests.fakes.accounts import FakeAccounts
from tests.fakes.directory import FakeDirectory, record
from tests.fakes.settings import FakeSettings
from tests.integration.slapd import BIND_DN, BIND_PASSWORD, SUFFIX, Slapd, slapdMissing

ANNA = Address.parse("anna@example.test")

HOSTILE = (
    "*", "a*", "*)(uid=*", "anna)(uid=*", "anna)(|(uid=*", "\\2a", "anna\\", "(", ")", "&(uid=anna)", "anna\0", "\0",
    " anna", "anna ", "an  na", "anna\n", "*@example.test", "anna@example.test)(uid=*", '"*"@example.test', "dn: x",
    "uid=anna", "anna,ou=people,dc=example,dc=test", "é" * 100, "\ud800", "\U0001f600", "a" * 255, "a" * 10_000,
    "@", "anna@", "@example.test", "anna@@example.test", "anna@example.test@example.test", "", " ", "ａｎｎａ",
    "an\u00adna", "anna\u200b", "${jndi:ldap://127.0.0.1/a}",
)  # fmt: skip


class DirectoryContract:
    """
    C{anna@example.test} with short name C{anna} and password C{annas-secret}, C{bert@example.test}, and a short name
    C{twice} that two people have.

    @ivar hasGroups: C{team@example.test} is a group with anna and bert among its members.
    """

    directory: IDirectory
    hasGroups = True

    async def anna(self) -> Record:
        found = await self.directory.recordWithLogin("anna")
        self.assertIsNotNone(found)
        return found

    def test_interface(self) -> None:
        verifyObject(IDirectory, self.directory)
        verifyObject(IDecoy, self.directory)

    async def test_address(self) -> None:
        """
        An address finds its person, in any case, as a whole record.
        """
        for text in ("anna@example.test", "ANNA@Example.TEST"):
            found = await self.directory.recordWithAddress(Address.parse(text))
            self.assertEqual((found.login, found.address), ("anna", ANNA))
            self.assertIn(ANNA, found.addresses)
            self.assertTrue(found.accountId)
            self.assertTrue(found.source)

    async def test_nobody(self) -> None:
        """
        Nobody is C{None}: unknown names, another domain, the domain alone, wildcards.
        """
        for text in ("nobody@example.test", "anna@example.org", '"*"@example.test', "an*@example.test", "a(b)c@x.test"):
            try:
                address = Address.parse(text)
            except ValueError:
                continue
            self.assertIsNone(await self.directory.recordWithAddress(address), text)

    async def test_login(self) -> None:
        """
        Address and short name log in as the same person, who is always the same account.
        """
        ids = set()
        for login in ("anna", "anna@example.test", "Anna", "ANNA@EXAMPLE.TEST"):
            found = await self.directory.recordWithLogin(login)
            self.assertIsNotNone(found, login)
            ids.add(found.accountId)
        ids.add((await self.directory.recordWithAddress(ANNA)).accountId)
        self.assertEqual(len(ids), 1)

    async def test_ambiguousShortName(self) -> None:
        self.assertIsNone(await self.directory.recordWithLogin("twice"))

    async def test_hostileLogins(self) -> None:
        """
        No name is anything but a name.
        """
        for login in HOSTILE:
            self.assertIsNone(await self.directory.recordWithLogin(login), repr(login[:60]))

    async def test_password(self) -> None:
        anna = await self.anna()
        self.assertIs(await self.directory.verifyPassword(anna, "annas-secret"), True)
        for wrong in (
            "",
            " ",
            "annas-secret ",
            "Annas-secret",
            "berts-secret",
            "annas-secret\0",
            "x" * 100_000,
            "\ud800",
        ):
            self.assertIs(await self.directory.verifyPassword(anna, wrong), False, repr(wrong[:30]))

    async def test_passwordOfAnotherPerson(self) -> None:
        bert = await self.directory.recordWithLogin("bert")
        self.assertIs(await self.directory.verifyPassword(bert, "annas-secret"), False)
        self.assertIs(await self.directory.verifyPassword(bert, "berts-secret"), True)

    async def test_passwordOfNobody(self) -> None:
        """
        A record that this directory did not give is nobody's.
        """
        stranger = record("stranger@example.test")
        for password in ("", "annas-secret"):
            self.assertIs(await self.directory.verifyPassword(stranger, password), False)

    async def test_group(self) -> None:
        found = await self.directory.groupWithAddress(Address.parse("Team@example.test"))
        if not self.hasGroups:
            self.assertIsNone(found)
            return
        self.assertIsInstance(found, Group)
        self.assertIn(ANNA, found.members)
        self.assertIn(Address.parse("bert@example.test"), found.members)
        self.assertEqual(len(found.members), len(set(found.members)))

    async def test_noGroup(self) -> None:
        """
        A person is no group, and a group is no person.
        """
        for text in ("anna@example.test", "nobody@example.test", '"*"@example.test'):
            self.assertIsNone(await self.directory.groupWithAddress(Address.parse(text)))
        self.assertIsNone(await self.directory.recordWithAddress(Address.parse("team@example.test")))

    async def test_decoy(self) -> None:
        """
        Time can be spent over nobody, whatever the password.
        """
        for password in ("annas-secret", "x" * 5000, "\0", "\ud800"):
            self.assertIsNone(await IDecoy(self.directory).spendTime(password))

    def test_answersAreDeferreds(self) -> None:
        asked = self.directory.recordWithLogin("anna")
        self.assertIsInstance(asked, Deferred)
        return asked


class AwayContract:
    """
    The same with a directory that can go away.
    """

    def goAway(self) -> None:
        raise NotImplementedError

    async def test_away(self) -> None:
        """
        Away is never "nobody", "no group" or "wrong password".
        """
        anna = await self.anna()
        self.goAway()
        for question in (
            lambda: self.directory.recordWithAddress(Address.parse("bert@example.test")),
            lambda: self.directory.recordWithAddress(Address.parse("nobody@example.test")),
            lambda: self.directory.recordWithLogin("bert"),
            lambda: self.directory.verifyPassword(anna, "annas-secret"),
            lambda: self.directory.verifyPassword(anna, "wrong"),
        ):
            await self.assertFailure(question(), TemporaryError)
        if self.hasGroups:
            await self.assertFailure(
                self.directory.groupWithAddress(Address.parse("team@example.test")), TemporaryError
            )


class FakeDirectoryTests(DirectoryContract, AwayContract, TestCase):
    def setUp(self) -> None:
        self.directory = FakeDirectory()
        self.directory.add("anna@example.test", "annas-secret")
        self.directory.add("bert@example.test", "berts-secret")
        self.directory.add(record("twice@example.test", "one"))
        self.directory.add(record("twice@example.org", "two"))
        self.directory.addGroup("team@example.test", "anna@example.test", "bert@example.test")

    def goAway(self) -> None:
        self.directory.isAway = True


class LocalContract(DirectoryContract):
    hasGroups = False

    async def fill(self, accounts: ILocalAccounts) -> None:
        self.passwords = Passwords(FakeSettings({"auth.password_cost": "light"}))
        self.passwords.start()
        self.addCleanup(self.passwords.stop)
        for number, (address, password) in enumerate(
            (
                ("anna@example.test", "annas-secret"),
                ("bert@example.test", "berts-secret"),
                ("twice@example.test", "x"),
                ("twice@example.org", "x"),
            )
        ):
            passwordHash = await self.passwords.hash(password)
            await accounts.addAccount(LocalAccount(f"a{number}", Address.parse(address), passwordHash))
        self.directory = LocalDirectory(accounts, self.passwords)


class LocalDirectoryTests(LocalContract, SQLiteEngine, TestCase):
    """
    On the store.
    """

    async def setUp(self) -> None:
        await SQLiteEngine.setUp(self)
        await self.fill(LocalAccounts(self.store.database, reactor))


class LocalDirectoryOnFakeTests(LocalContract, AwayContract, TestCase):
    async def setUp(self) -> None:
        self.accounts = FakeAccounts()
        await self.fill(self.accounts)

    def goAway(self) -> None:
        self.accounts.isAway = True


class LDAPContract(DirectoryContract, AwayContract):
    schema = ""

    def makeSlapd(self) -> Slapd:
        raise NotImplementedError

    def setUp(self) -> None:
        self.slapd = self.makeSlapd()
        self.addCleanup(self.slapd.close)
        self.slapd.start()
        configuration = LDAPConfiguration(
            self.slapd.url, SUFFIX, BIND_DN, BIND_PASSWORD, schema=self.schema, domains=("example.test",), poolSize=2
        )
        self.ldap = LDAPDirectory(configuration, reactor)
        self.ldap.start()
        self.addCleanup(self.ldap.stop)
        self.directory = self.wrapped(self.ldap)

    def wrapped(self, directory: IDirectory) -> IDirectory:
        return directory

    def goAway(self) -> None:
        self.slapd.stop()


TWICE = """
dn: ou=a,{base}
objectClass: organizationalUnit
ou: a

dn: ou=b,{base}
objectClass: organizationalUnit
ou: b

dn: uid=twice,ou=a,{base}
objectClass: inetOrgPerson
{more}
uid: twice
cn: Twice
sn: Twice
mail: twice.one@example.test

dn: uid=twice,ou=b,{base}
objectClass: inetOrgPerson
{more}
uid: twice
cn: Twice
sn: Twice
mail: twice.two@example.test
"""


class InetOrgPersonTests(LDAPContract, TestCase):
    skip = slapdMissing
    schema = "inetorgperson"

    def makeSlapd(self) -> Slapd:
        return Slapd.inetOrgPerson(TWICE.format(base=f"ou=people,{SUFFIX}", more="businessCategory: x"))


class AppleTests(LDAPContract, TestCase):
    skip = slapdMissing
    schema = "apple"

    def makeSlapd(self) -> Slapd:
        return Slapd.apple(TWICE.format(base=f"cn=users,{SUFFIX}", more="objectClass: apple-user"))


class CachedTests(InetOrgPersonTests):
    def wrapped(self, directory: IDirectory) -> IDirectory:
        return CachedDirectory(directory, 30, reactor)


class AggregateTests(InetOrgPersonTests):
    """
    Behind an empty directory, and before one where everybody has another password.
    """

    def wrapped(self, directory: IDirectory) -> IDirectory:
        last = FakeDirectory()
        last.add("anna@example.test", "berts-secret")
        return AggregateDirectory([FakeDirectory(), directory, last])
