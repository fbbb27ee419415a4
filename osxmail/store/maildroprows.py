# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
What POP3 wants to know of a mailbox, and nobody else: which messages do not end with CRLF, and what was fetched when.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from osxmail.store.connection import Transaction
from osxmail.store.numbers import numbersFrom


def readUnended(txn: Transaction, mailboxId: int) -> list[tuple[int, int]]:
    """
    See L{osxmail.interfaces.IMailbox.unended}.
    """
    # There are few of them in the whole store: looked up from there, whatever the size of the mailbox.
    (row,) = txn.execute(
        "SELECT json_group_array(json_array(m.uid, u.missing)) FROM unended_octets u"
        " CROSS JOIN message m ON m.octets_id = u.octets_id WHERE m.mailbox_id = ?",
        (mailboxId,),
    ).fetchone()
    return [(uid, missing) for uid, missing in json.loads(row)]


def noteFetched_txn(txn: Transaction, mailboxId: int, uids: Sequence[int], now: float) -> None:
    """
    See L{osxmail.interfaces.IMailbox.noteFetched}.
    """
    txn.execute(
        "DELETE FROM fetched_by_pop WHERE mailbox_id = ?1"
        " AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = ?1 AND m.uid = fetched_by_pop.uid)",
        (mailboxId,),
    )
    txn.execute(
        "INSERT OR IGNORE INTO fetched_by_pop (mailbox_id, uid, time) SELECT ?, value, ? FROM json_each(?)",
        (mailboxId, now, json.dumps(list(uids))),
    )


def readFetchedBefore(txn: Transaction, mailboxId: int, moment: float, limit: int) -> list[int]:
    """
    See L{osxmail.interfaces.IMailbox.fetchedBefore}.
    """
    (row,) = txn.execute(
        "SELECT group_concat(uid) FROM (SELECT f.uid FROM fetched_by_pop f"
        " JOIN message m ON m.mailbox_id = f.mailbox_id AND m.uid = f.uid"
        " WHERE f.mailbox_id = ? AND f.time <= ? ORDER BY f.uid LIMIT ?)",
        (mailboxId, moment, limit),
    ).fetchone()
    return numbersFrom(row, "I").tolist()
