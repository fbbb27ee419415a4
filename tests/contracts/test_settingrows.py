"""
The contract of L{ISettingRows}.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from osxmail.interfaces import ISettingRows
from osxmail.store.settingrows import SettingRows
from tests.contracts.engines import SQLiteEngine


class SettingRowsContract:
    def test_interface(self):
        verifyObject(ISettingRows, self.rows())

    async def test_setAndUnset(self):
        rows = self.rows()
        self.assertEqual(await rows.settings(), {})
        await rows.setSetting("relay.port", "2525", "root")
        await rows.setSetting("relay.smarthost", "", "root")
        await rows.setSetting("relay.port", "26", "anna@example.test")
        self.assertEqual(await rows.settings(), {"relay.port": "26", "relay.smarthost": ""})
        await rows.setSetting("relay.port", None, "root")
        self.assertEqual(await rows.settings(), {"relay.smarthost": ""})

    async def test_kept(self):
        await self.rows().setSetting("relay.port", "2525", "root")
        await self.reopen()
        self.assertEqual(await self.rows().settings(), {"relay.port": "2525"})


class SQLiteSettingRowsTests(SettingRowsContract, SQLiteEngine, TestCase):
    def rows(self):
        return SettingRows(self.store.database, lambda: self.wallTime)
