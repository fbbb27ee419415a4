"""
L{IDomains}: the store's, and the one in memory that other rooms' tests use.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from osxmail.errors import AlreadyExists, NotFound
from osxmail.interfaces import IDomains
from osxmail.mail.acceptance import Alias, Domain
from osxmail.mail.address import Address
from osxmail.store.domains import Domains
from osxmail.store.store import Store
from tests.fakes.domains import FakeDomains

ANN = Address.parse("Ann@example.test")
BOB = Address.parse("bob@far.test")


class DomainsContract:
    domains: IDomains

    def test_interface(self) -> None:
        verifyObject(IDomains, self.domains)

    async def test_domains(self) -> None:
        domains = self.domains
        self.assertIsNone(await domains.domain("b.test"))
        await domains.addDomain(Domain("b.test"))
        await domains.addDomain(Domain("a.test", ANN))
        self.assertEqual(await domains.domain("b.test"), Domain("b.test"))
        self.assertEqual(await domains.listDomains(), (Domain("a.test", ANN), Domain("b.test")))
        await domains.updateDomain(Domain("b.test", BOB))
        self.assertEqual(await domains.domain("b.test"), Domain("b.test", BOB))
        await domains.removeDomain("b.test")
        self.assertIsNone(await domains.domain("b.test"))

    async def test_aliases(self) -> None:
        domains = self.domains
        alias = Alias(ANN, (BOB, ANN))
        self.assertIsNone(await domains.alias(ANN))
        await domains.addAlias(alias)
        found = await domains.alias(Address.parse("ANN@Example.Test"))
        self.assertEqual((found.address, found.targets), (alias.address, alias.targets))
        await domains.addAlias(Alias(BOB, (ANN,)))
        self.assertEqual([one.address for one in await domains.listAliases()], [ANN, BOB])
        await domains.removeAlias(ANN)
        self.assertIsNone(await domains.alias(ANN))

    async def test_errors(self) -> None:
        domains = self.domains
        await domains.addDomain(Domain("a.test"))
        await domains.addAlias(Alias(ANN, (BOB,)))
        for error, wrong in (
            (AlreadyExists, lambda: domains.addDomain(Domain("a.test"))),
            (AlreadyExists, lambda: domains.addAlias(Alias(ANN, (ANN,)))),
            (NotFound, lambda: domains.updateDomain(Domain("x.test"))),
            (NotFound, lambda: domains.removeDomain("x.test")),
            (NotFound, lambda: domains.removeAlias(BOB)),
        ):
            await self.assertFailure(wrong(), error)


class FakeTests(DomainsContract, TestCase):
    def setUp(self) -> None:
        self.domains = FakeDomains()


class SQLiteTests(DomainsContract, TestCase):
    async def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        store = Store(folder)
        await store.open()
        self.addCleanup(store.close)
        self.domains = Domains(store.database, reactor)
