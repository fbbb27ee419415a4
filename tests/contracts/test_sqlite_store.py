"""
The SQLite engine keeps to the contracts of the store.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from osxmail.store.store import Store
from tests.contracts.mailstore import AccountContract


class SQLite:
    """
    Makes stores in folders of their own.
    """

    timeout = 60

    def makeStore(self):
        async def make():
            folder = Path(self.mktemp())
            folder.mkdir()
            return await self.openStore(folder)

        return ensureDeferred(make())

    async def openStore(self, folder):
        store = Store(folder)
        await store.open()
        self.addCleanup(store.close)
        return store


class SQLiteAccountTests(SQLite, AccountContract, TestCase):
    pass
