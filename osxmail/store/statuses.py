# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
The numbers of mailboxes, from their rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from osxmail.errors import NoSuchMailbox
from osxmail.mail.acceptance import MailboxStatus
from osxmail.store.connection import Transaction

#: The fields of L{MailboxStatus}, in order.
STATUS_COLUMNS = """m.id, m.name, m.uidvalidity, m.uidnext, m.highestmodseq, m.messages, m.unseen, m.deleted, m.octets,
    m.first_recent_uid,
    EXISTS (SELECT 1 FROM subscription s WHERE s.account_id = m.account_id AND s.name = m.name), m.special_use"""


def readStatus(txn: Transaction, mailboxId: int) -> MailboxStatus:
    """
    @raise NoSuchMailbox: it was deleted.
    """
    row = txn.execute(f"SELECT {STATUS_COLUMNS} FROM mailbox m WHERE m.id = ?", (mailboxId,)).fetchone()
    if row is None:
        raise NoSuchMailbox("deleted meanwhile")
    return statusOf(row)


def readStatuses(txn: Transaction, account: int) -> tuple[MailboxStatus, ...]:
    """
    Every mailbox of an account, ordered by name, INBOX first.
    """
    row = txn.execute(
        f"""SELECT json_group_array(json_array({STATUS_COLUMNS})) FROM
            (SELECT * FROM mailbox WHERE account_id = ? ORDER BY name <> 'INBOX', name) m""",
        (account,),
    ).fetchone()
    return tuple(map(statusOf, json.loads(row[0])))


def statusOf(row: Sequence[Any]) -> MailboxStatus:
    """
    Out of the values of L{STATUS_COLUMNS}.
    """
    values = list(row)
    values[10] = bool(values[10])  # subscribed
    return MailboxStatus(*values)
