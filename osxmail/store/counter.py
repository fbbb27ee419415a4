# -*- test-case-name: tests.unit.store.test_octets -*-
"""
Numbers that are never given twice.
"""

from __future__ import annotations

from osxmail.errors import StoreDamaged
from osxmail.store.connection import Transaction


def nextNumber_txn(txn: Transaction, name: str) -> int:
    """
    The next number of a counter.  One whose transaction is rolled back is given again: nobody has seen it.

    @raise StoreDamaged: there is no such counter.
    """
    row = txn.execute("UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value", (name,)).fetchone()
    if row is None:
        raise StoreDamaged(f"the counter {name} is missing")
    return int(row[0])


def nextNumbers_txn(txn: Transaction, name: str, count: int) -> range:
    """
    As L{nextNumber_txn}, C{count} of them.
    """
    row = txn.execute("UPDATE counter SET value = value + ? WHERE name = ? RETURNING value", (count, name)).fetchone()
    if row is None:
        raise StoreDamaged(f"the counter {name} is missing")
    last = int(row[0])
    return range(last - count + 1, last + 1)
