from __future__ import annotations

from twisted.trial.unittest import TestCase

from osxmail.errors import Refused
from osxmail.store import settingrows
from osxmail.store.settingrows import SettingChange, SettingRows
from tests.contracts.engines import SQLiteEngine


class SettingHistoryTests(SQLiteEngine, TestCase):
    def setUp(self):
        def opened(result):
            self.rows = SettingRows(self.store.database, lambda: self.wallTime)

        return super().setUp().addCallback(opened)

    async def test_history(self):
        await self.rows.setSetting("a", "1", "root")
        self.wallTime += 1
        await self.rows.setSetting("a", "2", "anna")
        await self.rows.setSetting("b", "2", "anna")
        await self.rows.setSetting("b", None, "bert")
        time = self.wallTime
        self.assertEqual(
            await self.rows.history(),
            (
                SettingChange(time, "bert", "b", "2", None),
                SettingChange(time, "anna", "b", None, "2"),
                SettingChange(time, "anna", "a", "1", "2"),
                SettingChange(time - 1, "root", "a", None, "1"),
            ),
        )
        self.assertEqual([change.who for change in await self.rows.history(1)], ["bert"])
        self.assertEqual([change.newValue for change in await self.rows.history(key="a")], ["2", "1"])

    async def test_whatChangesNothingIsNoHistory(self):
        await self.rows.setSetting("a", None, "root")
        await self.rows.setSetting("a", "1", "root")
        await self.rows.setSetting("a", "1", "root")
        self.assertEqual(len(await self.rows.history()), 1)

    async def test_noText(self):
        with self.assertRaises(Refused):
            await self.rows.setSetting("a", "\ud800", "root")
        self.assertEqual(await self.rows.settings(), {})

    async def test_bounded(self):
        self.patch(settingrows, "MAX_HISTORY_ROWS", 3)
        for number in range(6):
            await self.rows.setSetting("a", str(number), "root")
        count = await self.store.database.read(lambda txn: txn.execute("SELECT count(*) FROM setting_history").get)
        self.assertEqual(count, 3)
        self.assertEqual([change.newValue for change in await self.rows.history()], ["5", "4", "3"])
