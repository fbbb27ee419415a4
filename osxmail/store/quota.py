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
    row = txn.execute(
        """SELECT octets, messages, ifnull(set_octets, limit_octets), ifnull(set_messages, limit_messages),
                limit_octets, limit_messages, set_octets, set_messages
            FROM quota WHERE account_id = ?""",
        (account,),
    ).fetchone()
    if row is None:
        raise NoSuchAccount("removed meanwhile")
    return Quota(*row)


def setQuota_txn(txn: Transaction, account: int, limitOctets: int, limitMessages: int) -> None:
    """
    See L{osxmail.interfaces.IAccount.setQuota}.
    """
    txn.execute(
        """UPDATE quota SET limit_octets = ?1, limit_messages = ?2
            WHERE account_id = ?3 AND (limit_octets <> ?1 OR limit_messages <> ?2)""",
        (limitOctets, limitMessages, account),
    )


def overrideQuota_txn(txn: Transaction, account: int, limitOctets: int | None, limitMessages: int | None) -> None:
    """
    See L{osxmail.interfaces.IAccount.overrideQuota}.

    @raise NoSuchAccount: it was removed.
    """
    txn.execute(
        "UPDATE quota SET set_octets = ?, set_messages = ? WHERE account_id = ?", (limitOctets, limitMessages, account)
    )
    if not txn.changedRows:
        raise NoSuchAccount("removed meanwhile")


def takeRoom_txn(txn: Transaction, account: int, octets: int, messages: int) -> bool:
    """
    Count so many octets and messages more, if there is room for them.
    """
    row = txn.execute(
        """UPDATE quota SET octets = octets + ?1, messages = messages + ?2
            WHERE account_id = ?3
                AND (ifnull(set_octets, limit_octets) = 0 OR octets + ?1 <= ifnull(set_octets, limit_octets))
                AND (ifnull(set_messages, limit_messages) = 0 OR messages + ?2 <= ifnull(set_messages, limit_messages))
            RETURNING octets""",
        (octets, messages, account),
    ).fetchone()
    return row is not None
