# -*- test-case-name: tests.unit.store.test_listing -*-
"""
Whole tables, as administrators list them: in parts, each read in one row (see the manual, "Few statements").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from osxmail.store.connection import Transaction
from osxmail.store.database import Database

T = TypeVar("T")

LISTED_AT_ONCE = 500


async def listTable(database: Database, table: str, columns: str, key: str, make: Callable[..., T]) -> tuple[T, ...]:
    """
    Every row of a table that changes seldom, in order of its key.

    @param key: a column with different text in each row, never empty.
    @param make: makes an answer out of the columns.
    """
    found: list[T] = []
    after = ""
    while True:

        def read(txn: Transaction, after: str = after) -> list[Any]:
            text = txn.execute(
                f"SELECT json_group_array(json_array({key}, {columns})) FROM"
                f" (SELECT * FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT ?)",
                (after, LISTED_AT_ONCE),
            ).get
            rows: list[Any] = json.loads(text)
            return rows

        rows = sorted(await database.read(read), key=lambda row: row[0].encode())
        found += [make(*row[1:]) for row in rows]
        if len(rows) < LISTED_AT_ONCE:
            return tuple(found)
        after = rows[-1][0]
