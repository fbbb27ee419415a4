from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from osxmail.mail.acceptance import Domain
from osxmail.store import listing
from osxmail.store.domains import Domains
from tests.contracts.engines import SQLiteEngine


class ListingTests(SQLiteEngine, TestCase):
    async def test_inParts(self):
        """
        Every row once and in order, whether or not the last part is full.
        """
        self.patch(listing, "LISTED_AT_ONCE", 3)
        domains = Domains(self.store.database, Clock())
        for count in range(8):
            self.assertEqual([each.name for each in await domains.listDomains()], [f"d{n}.test" for n in range(count)])
            await domains.addDomain(Domain(f"d{count}.test"))
