from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from osxmail.mail.acceptance import Alias, Domain
from osxmail.mail.address import Address
from osxmail.store.domains import Domains
from osxmail.store.remembered import REMEMBERED_SECONDS
from tests.contracts.engines import SQLiteEngine


class DomainsTests(SQLiteEngine, TestCase):
    async def test_anotherProcess(self):
        """
        What another process changes counts a moment later.
        """
        clock = Clock()
        mine = Domains(self.store.database, clock)
        theirs = Domains(self.store.database, Clock())
        address = Address.parse("a@example.test")
        self.assertIsNone(await mine.domain("example.test"))
        self.assertIsNone(await mine.alias(address))
        await theirs.addDomain(Domain("example.test"))
        await theirs.addAlias(Alias(address, (address,)))
        clock.advance(REMEMBERED_SECONDS)
        self.assertIsNotNone(await mine.domain("example.test"))
        self.assertIsNotNone(await mine.alias(address))

    async def test_kept(self):
        await Domains(self.store.database, Clock()).addDomain(Domain("example.test"))
        await self.reopen()
        self.assertIsNotNone(await Domains(self.store.database, Clock()).domain("example.test"))
