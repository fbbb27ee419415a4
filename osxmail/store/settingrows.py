# -*- test-case-name: tests.unit.store.test_settingrows -*-
"""
The rows of the setting table, and who changed what when.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from osxmail.errors import Refused
from osxmail.interfaces import ISettingRows
from osxmail.store.connection import Transaction, isText
from osxmail.store.database import Database

MAX_HISTORY_ROWS = 10_000


@frozen
class SettingChange:
    """
    One change of a setting.  The values may be secrets: whoever shows them asks the table of settings first.

    @ivar time: seconds since the epoch.
    @ivar oldValue: C{None} was the default.
    @ivar newValue: C{None} is the default.
    """

    time: float
    who: str
    key: str
    oldValue: str | None
    newValue: str | None


@implementer(ISettingRows)
class SettingRows:
    """
    See L{ISettingRows}.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def settings(self) -> Deferred[dict[str, str]]:
        """
        See L{ISettingRows.settings}.
        """
        return self._database.read(lambda txn: dict(txn.execute("SELECT key, value FROM setting").fetchall()))

    def setSetting(self, key: str, value: str | None, who: str) -> Deferred[None]:
        """
        See L{ISettingRows.setSetting}.  What changes nothing leaves no trace.

        @raise Refused: (in the Deferred) it is no text.
        """
        if value is not None and not isText(value):
            return fail(Refused(f"{key}: this is no text"))
        now = self._now()

        def write(txn: Transaction) -> None:
            row = txn.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
            old = None if row is None else row[0]
            if old == value:
                return
            if value is None:
                txn.execute("DELETE FROM setting WHERE key = ?", (key,))
            else:
                txn.execute("INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", (key, value))
            txn.execute(
                "INSERT INTO setting_history (time, who, key, old_value, new_value) VALUES (?, ?, ?, ?, ?)",
                (now, who, key, old, value),
            )
            txn.execute(
                "DELETE FROM setting_history WHERE id <= (SELECT max(id) FROM setting_history) - ?", (MAX_HISTORY_ROWS,)
            )

        return self._database.write(write)

    def history(self, limit: int = 100, key: str = "") -> Deferred[tuple[SettingChange, ...]]:
        """
        The latest changes, the newest first.

        @param key: of this setting only.
        """

        def read(txn: Transaction) -> tuple[SettingChange, ...]:
            return tuple(
                SettingChange(*row)
                for row in txn.execute(
                    "SELECT time, who, key, old_value, new_value FROM setting_history"
                    " WHERE ?1 IN ('', key) ORDER BY id DESC LIMIT ?2",
                    (key, min(limit, MAX_HISTORY_ROWS)),
                )
            )

        return self._database.read(read)
