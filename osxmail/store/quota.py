# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
What an account uses and may use.  Each transaction that adds or removes messages changes the numbers itself.
"""

from __future__ import annotations

from osxmail.errors import NoSuchAccount
from osxmail.mail.acceptance import Quota
from osxmail.store.connection import Transaction


def readQuota(txn: Transaction, account: int) -> Quota:
    """
    @raise NoSuchAccount: it was removed.
    """
    row = txn.execute("SELECT octets, messages, limit_octets FROM quota WHERE account_id = ?", (account,)).fetchone()
    if row is None:
        raise NoSuchAccount("removed meanwhile")
    return Quota(*row)


def setQuota_txn(txn: Transaction, account: int, limitOctets: int) -> None:
    """
    The limit for APPEND and COPY; 0 is unlimited.
    """
    txn.execute(
        "UPDATE quota SET limit_octets = ?1 WHERE account_id = ?2 AND limit_octets <> ?1", (limitOctets, account)
    )
