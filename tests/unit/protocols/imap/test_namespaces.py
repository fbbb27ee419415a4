"""
Tests for L{osxmail.protocols.imap.namespaces} and L{osxmail.protocols.imap.memberships}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from osxmail.errors import DirectoryAway, NoSuchMailbox, NotAllowed
from osxmail.interfaces import IAccount
from osxmail.mail.address import Address
from osxmail.mail.rights import ALL_RIGHTS
from osxmail.protocols.imap import namespaces as module
from osxmail.protocols.imap.memberships import Memberships
from osxmail.protocols.imap.namespaces import RIGHTS_LIFE_SECONDS, Namespaces, canonicalName, nameOf, ownName
from osxmail.store.store import Store
from tests.fakes.directory import FakeDirectory
from tests.fakes.mailstores import closeStore, openStore
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import person

BENS = "Other Users/ben@example.test/"


class NamesTests(TestCase):
    def test_own(self) -> None:
        for name in ("INBOX", "Work/Shared/x", "Sharedx", "Other Users2/x", "other users/x"):
            self.assertTrue(ownName(name), name)
        for name in ("Shared", "Shared/News", "Other Users", "Other Users/x", "Other Users/x/y"):
            self.assertFalse(ownName(name), name)

    def test_canonical(self) -> None:
        self.assertEqual(canonicalName("Other Users/Ben@EXAMPLE.test/Work"), BENS + "Work")
        self.assertEqual(canonicalName("Other Users/no address/Work"), "Other Users/no address/Work")
        self.assertEqual(canonicalName("Work/Ben@EXAMPLE.test"), "Work/Ben@EXAMPLE.test")

    def test_nameOf(self) -> None:
        self.assertEqual(nameOf("Ben@example.test", "Work"), BENS + "Work")
        self.assertEqual(nameOf("", "News"), "Shared/News")


class NamespacesTests(TestCase):
    store: Store
    folder: Path

    async def setUp(self) -> None:
        self.store, self.folder = await openStore(reactor)
        self.settings = FakeSettings({})
        self.directory = FakeDirectory()
        self.directory.addGroup("staff@example.test", "anna@example.test", "carl@example.test")
        self.seconds = 0.0
        self.accounts: dict[str, IAccount] = {}
        for name in ("anna", "ben"):
            self.directory.add(f"{name}@example.test", "secret")
            self.accounts[name] = await self.store.account(f"id-{name}", Address(name, "example.test"))
        self.work = await self.accounts["ben"].createMailbox("Work")
        self.anna = self.reached("anna")

    async def tearDown(self) -> None:
        await closeStore(self.store, self.folder)

    def reached(self, name: str, **more: Any) -> Namespaces:
        record = evolve(person(name), **more)
        return Namespaces(
            self.accounts[name],
            record,
            self.store,  # type: ignore[arg-type]
            Memberships(self.directory),  # type: ignore[arg-type]
            self.settings,
            lambda: self.seconds,
        )

    async def test_own(self) -> None:
        place = await self.anna.find("inbox", "lrswipkxtea")
        self.assertEqual((place.account.accountId, place.rights), ("id-anna", ALL_RIGHTS))
        await self.assertFailure(self.find("Nowhere"), NoSuchMailbox)

    def find(self, name: str, needs: str = "", who: Namespaces | None = None) -> Any:
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine((who or self.anna).find(name, needs))

    async def test_noOracle(self) -> None:
        """
        Without rights, a mailbox that is there is like one that is not.
        """
        for name in ("Work", "Nowhere"):
            failure = await self.assertFailure(self.find(BENS + name, "r"), NoSuchMailbox)
            self.assertIs(type(failure), NoSuchMailbox)
        await self.assertFailure(self.find("Other Users/nobody@example.test/INBOX", "r"), NoSuchMailbox)
        await self.assertFailure(self.find("Other Users/no address/INBOX", "r"), NoSuchMailbox)
        await self.assertFailure(self.find("Other Users/ben@example.test"), NoSuchMailbox)
        await self.assertFailure(self.find("Shared"), NoSuchMailbox)
        await self.work.setAccess("anna@example.test", "=", "i")
        await self.assertFailure(self.find(BENS + "Work", "r"), NoSuchMailbox)
        self.assertEqual((await self.find(BENS + "Work", "i")).rights, frozenset("i"))
        await self.work.setAccess("anna@example.test", "=", "li")
        await self.assertFailure(self.find(BENS + "Work", "r"), NotAllowed)

    async def test_anyoneGroupsAndNegativeRights(self) -> None:
        await self.work.setAccess("anyone", "=", "lr")
        await self.work.setAccess("$staff@example.test", "=", "sw")
        await self.work.setAccess("-anna@example.test", "=", "w")
        place = await self.anna.find("Other Users/BEN@example.test/Work")
        self.assertEqual(place.rights, frozenset("lrs"))
        self.assertEqual((await self.anna.shared())[0].rights, frozenset("lrs"))
        await self.work.setAccess("-$staff@example.test", "=", "r")
        self.assertEqual((await self.anna.find(BENS + "Work")).rights, frozenset("ls"))

    async def test_addressesLikeIdentifiers(self) -> None:
        """
        Whose address begins as a group's identifier does, or as a denial's, has no rights by that.
        """
        drafts = await self.accounts["ben"].mailbox("Drafts")
        await drafts.setAccess("$staff@example.test", "=", "lr")
        await self.work.setAccess("-ben@example.test", "=", "lr")
        for local in ("$staff", "-ben"):
            self.accounts[local] = await self.store.account(f"id-{local}", Address(local, "example.test"))
            odd = self.reached(local)
            self.assertEqual(await odd.shared(), [])
            for name in ("Drafts", "Work"):
                await self.assertFailure(self.find(BENS + name, "r", odd), NoSuchMailbox)
            self.assertEqual((await self.find("INBOX", "a", odd)).rights, ALL_RIGHTS)

    async def test_directoryAway(self) -> None:
        """
        Who cannot be asked lets nobody in; lists are made without the groups.
        """
        await self.work.setAccess("$staff@example.test", "=", "lr")
        drafts = await self.accounts["ben"].mailbox("Drafts")
        await drafts.setAccess("anyone", "=", "lrs")
        await drafts.setAccess("-$staff@example.test", "=", "r")
        self.directory.isAway = True
        await self.assertFailure(self.find(BENS + "Work", "r"), DirectoryAway)
        found = await self.anna.shared()
        self.assertEqual([(each.name, each.rights) for each in found], [(BENS + "Drafts", frozenset("ls"))])
        self.assertEqual((await self.anna.find("INBOX")).rights, ALL_RIGHTS)

    async def test_restrictedOwner(self) -> None:
        inbox = await self.accounts["anna"].mailbox("INBOX")
        await inbox.setAccess("anna@example.test", "=", "r")
        await inbox.setAccess("anyone", "=", "w")
        await self.assertFailure(self.find("INBOX", "i"), NotAllowed)
        self.assertEqual((await self.anna.find("INBOX")).rights, frozenset("lra"))
        rights = {each.name: each.rights for each in await self.anna.personal()}
        self.assertEqual((rights["INBOX"], rights["Sent"]), (frozenset("lra"), ALL_RIGHTS))

    async def test_administrators(self) -> None:
        ben = self.reached("ben")
        self.assertFalse(ben.isAdministrator)
        self.settings.change("imap.administrators", "Ben@example.test")
        self.assertTrue(ben.isAdministrator)
        self.assertTrue(self.reached("anna", administrator=True).isAdministrator)
        place = await self.find("Other Users/anna@example.test/Sent", "lrswipkxtea", ben)
        self.assertEqual(place.account.accountId, "id-anna")
        await self.assertFailure(self.find("Other Users/anna@example.test/Nowhere", "r", ben), NoSuchMailbox)

    async def test_everybody(self) -> None:
        self.settings.change("imap.administrators", "ben@example.test")
        self.patch(module, "ACCOUNTS_AT_ONCE", 2)
        for number in range(5):
            await self.store.account(f"id-{number}", Address(f"p{number}", "example.test"))
        await (await self.store.sharedAccount()).createMailbox("News")
        ben = self.reached("ben")
        names = [each.name async for some in ben.everybodys() for each in some]
        self.assertEqual(names[:2], ["Shared/News", "Other Users/anna@example.test/INBOX"])
        self.assertEqual(len(names), 1 + 6 * 6)
        self.assertEqual(len([owner async for owner in ben.owners()]), 6)
        names = [each.name async for some in ben.everybodys("p3@exa") for each in some]
        self.assertEqual((len(names), names[0]), (6, "Other Users/p3@example.test/INBOX"))
        self.assertEqual([each async for some in ben.everybodys("q") for each in some], [])

    async def test_awkwardAddresses(self) -> None:
        """
        What an address may hold does not break its name.
        """
        for number, text in enumerate(
            ("a/b@example.test", "a%2Fb@example.test", '"a b/"@example.test', "ä@example.test")
        ):
            address = Address.parse(text)
            account = await self.store.account(f"odd-{number}", address)
            drafts = await account.mailbox("Drafts")
            await drafts.setAccess("anna@example.test", "=", "lr")
            (seen,) = [each for each in await self.anna.shared() if each.accountId == account.accountId]
            self.assertEqual(seen.name.count("/"), 2, seen.name)
            self.assertEqual(canonicalName(seen.name), seen.name)
            self.assertEqual((await self.anna.find(seen.name, "r")).account.accountId, account.accountId)

    async def test_mayCreate(self) -> None:
        await self.anna.mayCreate("New")
        await self.anna.mayCreate("New/Below")
        for name in (BENS + "New", BENS + "Work/New", "Shared/New", "Other Users/x/y", "Other Users/x", "Shared"):
            await self.assertFailure(self.mayCreate(name), NotAllowed)
        await self.work.setAccess("anna@example.test", "=", "k")
        await self.anna.mayCreate(BENS + "Work/New/Below")
        await self.work.setAccess("anna@example.test", "=", "lr")
        await self.assertFailure(self.mayCreate(BENS + "Work/New"), NotAllowed)
        self.settings.change("imap.administrators", "anna@example.test")
        await self.anna.mayCreate("Shared/New")
        await self.anna.mayCreate(BENS + "New")

    def mayCreate(self, name: str) -> Any:
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(self.anna.mayCreate(name))

    async def test_rightsOfNow(self) -> None:
        """
        A change in this process counts at once, one that nobody tells of after some seconds.
        """
        await self.work.setAccess("anna@example.test", "=", "lr")
        place = await self.anna.find(BENS + "Work")
        self.assertFalse(self.anna.isStale(place))
        await self.work.setAccess("anna@example.test", "+", "s")
        self.assertTrue(self.anna.isStale(place))
        place = await self.anna.again(place)
        self.assertEqual((place.rights, self.anna.isStale(place)), (frozenset("lrs"), False))
        self.seconds = RIGHTS_LIFE_SECONDS
        self.assertTrue(self.anna.isStale(place))
        self.assertEqual((await self.anna.again(place)).readSeconds, self.seconds)

    async def test_identifiers(self) -> None:
        members = Memberships(self.directory)  # type: ignore[arg-type]
        for text, identifier in (
            ("ben", "ben@example.test"),
            ("Ben@Example.Test", "ben@example.test"),
            ("nobody", None),
            ("nobody@example.test", None),
            ("$Staff@example.test", "$staff@example.test"),
            ("$nobody@example.test", None),
            ("$", None),
            ("", None),
        ):
            self.assertEqual(await members.identifierOf(text), identifier, text)
