"""
The contract of L{IDomains}, on the store and on the fake.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from osxmail.errors import AlreadyExists, NotFound
from osxmail.interfaces import IDomains
from osxmail.mail.acceptance import Alias, Domain
from osxmail.mail.address import Address
from osxmail.store.domains import Domains
from tests.contracts.engines import SQLiteEngine
from tests.fakes.domains import FakeDomains

ANNA = Address.parse("Anna@example.test")
BERT = Address.parse("bert@elsewhere.test")


class DomainsContract:
    def test_interface(self):
        verifyObject(IDomains, self.domains())

    async def test_domains(self):
        domains = self.domains()
        self.assertIsNone(await domains.domain("example.test"))
        await domains.addDomain(Domain("example.test"))
        await domains.addDomain(Domain("a.test", ANNA))
        self.assertEqual(await domains.domain("example.test"), Domain("example.test"))
        self.assertEqual(await domains.domain("a.test"), Domain("a.test", ANNA))
        self.assertEqual(await domains.listDomains(), (Domain("a.test", ANNA), Domain("example.test")))
        await domains.updateDomain(Domain("a.test"))
        self.assertEqual(await domains.domain("a.test"), Domain("a.test"))
        await domains.removeDomain("a.test")
        self.assertIsNone(await domains.domain("a.test"))
        self.assertEqual(await domains.listDomains(), (Domain("example.test"),))

    async def test_domainTwice(self):
        domains = self.domains()
        await domains.addDomain(Domain("example.test"))
        with self.assertRaises(AlreadyExists):
            await domains.addDomain(Domain("example.test", ANNA))
        self.assertEqual(await domains.domain("example.test"), Domain("example.test"))

    async def test_noSuchDomain(self):
        domains = self.domains()
        with self.assertRaises(NotFound):
            await domains.updateDomain(Domain("example.test"))
        with self.assertRaises(NotFound):
            await domains.removeDomain("example.test")

    async def test_aliases(self):
        domains = self.domains()
        self.assertIsNone(await domains.alias(ANNA))
        await domains.addAlias(Alias(ANNA, (BERT, Address.parse('"a b"@example.test'))))
        await domains.addAlias(Alias(BERT, (ANNA,)))
        found = await domains.alias(Address.parse("aNNA@EXAMPLE.test"))
        self.assertEqual(found.address.local, "Anna")
        self.assertEqual([str(each) for each in found.targets], ["bert@elsewhere.test", '"a b"@example.test'])
        self.assertEqual([each.address for each in await domains.listAliases()], [ANNA, BERT])
        with self.assertRaises(AlreadyExists):
            await domains.addAlias(Alias(Address.parse("anna@example.test"), (ANNA,)))
        await domains.removeAlias(Address.parse("anna@example.test"))
        self.assertIsNone(await domains.alias(ANNA))
        with self.assertRaises(NotFound):
            await domains.removeAlias(ANNA)


class FakeDomainsTests(DomainsContract, TestCase):
    def domains(self):
        return FakeDomains()


class SQLiteDomainsTests(DomainsContract, SQLiteEngine, TestCase):
    def domains(self):
        return Domains(self.store.database, reactor)
