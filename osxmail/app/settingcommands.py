# -*- test-case-name: tests.integration.test_command -*-
"""
The typed table of settings.
"""

from __future__ import annotations

from typing import Any

from osxmail.app.control import text
from osxmail.app.parts import Commands
from osxmail.app.settings import TABLE


class SettingCommands(Commands):
    """
    The typed table.
    """

    def _row(self, key: str) -> dict[str, Any]:
        row, settings = TABLE[key], self.house.settings
        return {
            "key": key, "value": settings.shown(key), "default": row.default, "kind": row.kind.value,
            "choices": list(row.choices), "origin": settings.origin(key), "needsRestart": row.needsRestart,
            "help": row.help,
        }  # fmt: skip

    async def settings_list(self, arguments: dict[str, Any]) -> Any:
        return [self._row(key) for key in TABLE]

    async def settings_get(self, arguments: dict[str, Any]) -> Any:
        key = text(arguments, "key")
        if key not in TABLE:
            self.house.settings.check(key, "")
        return self._row(key)

    async def settings_set(self, arguments: dict[str, Any]) -> Any:
        key = text(arguments, "key")
        stored = self.house.settings.check(key, text(arguments, "value"))
        return await self._store(key, stored)

    async def settings_reset(self, arguments: dict[str, Any]) -> Any:
        key = text(arguments, "key")
        self.house.settings.check(key, TABLE[key].default if key in TABLE else "")
        return await self._store(key, None)

    async def _store(self, key: str, stored: str | None) -> Any:
        await self.house.settingRows.setSetting(key, stored, "command")
        self.house.settings.load(await self.house.settingRows.settings())
        self._changed("setting", key)
        return self._row(key)
