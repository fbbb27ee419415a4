# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
Messages leave a mailbox.  Their octets stay until the collection finds that nobody names them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from osxmail.errors import NoSuchMailbox
from osxmail.store.changes import Delta, vanishedDelta
from osxmail.store.connection import Transaction
from osxmail.store.numbers import UidCondition, ascending

MAX_EXPUNGED_LOG = 50_000  # UIDs that a mailbox remembers it once had
PRUNE_CHANCE = 1 / 64  # that a removal looks whether the log is longer


def expunge_txn(txn: Transaction, mailboxId: int, uids: Sequence[int] | None) -> Delta | None:
    """
    Remove messages that have C{\\Deleted} (RFC 3501 6.4.3, RFC 4315 2.1).

    @param uids: of these only; C{None} is all.
    @return: see L{remove_txn}.
    """
    row = txn.execute("SELECT deleted FROM mailbox WHERE id = ?", (mailboxId,)).fetchone()
    if row is None:
        raise NoSuchMailbox("deleted meanwhile")
    if not row[0]:
        return None
    return remove_txn(txn, mailboxId, uids, " AND flags & 8")


def remove_txn(
    txn: Transaction, mailboxId: int, uids: Sequence[int] | None, extra: str = "", keepsQuota: bool = False
) -> Delta | None:
    """
    Remove messages, and write that to the log of changes: all of them share one MODSEQ.

    @param uids: ascending; C{None} is all.
    @param extra: one more condition.
    @param keepsQuota: the account still has what leaves this mailbox.
    @return: what has vanished; C{None} for nothing.
    """
    mailbox = txn.execute("SELECT highestmodseq, account_id FROM mailbox WHERE id = ?", (mailboxId,)).fetchone()
    if mailbox is None:
        raise NoSuchMailbox("deleted meanwhile")
    if uids is not None and not uids:
        return None
    modseq = mailbox[0] + 1
    condition = UidCondition(uids)
    args = {"mailbox": mailboxId, "modseq": modseq, **condition.args}
    where = f"mailbox_id = :mailbox{condition.sql}{extra}"
    count, first, last, octets, seen, deleted, text = txn.execute(
        f"""SELECT count(*), min(uid), max(uid), total(size), total(flags & 1), total(flags >> 3 & 1), group_concat(uid)
            FROM (SELECT uid, size, flags FROM message WHERE {where} ORDER BY uid)""",
        args,
    ).fetchone()
    if not count:
        return None
    gone = ascending(first, last, count, text)
    # By their UIDs from here on: no more looking at messages that stay.
    condition = UidCondition(gone)
    args = {"mailbox": mailboxId, "modseq": modseq, **condition.args}
    txn.execute(f"INSERT INTO expunged (mailbox_id, modseq, uid) {condition.rows(':mailbox, :modseq')}", args)
    txn.execute(f"DELETE FROM message WHERE mailbox_id = :mailbox{condition.sql}", args)
    txn.execute(
        """UPDATE mailbox SET highestmodseq = ?, messages = messages - ?, unseen = unseen - ?, deleted = deleted - ?,
                octets = octets - ? WHERE id = ?""",
        (modseq, count, count - int(seen), int(deleted), int(octets), mailboxId),
    )
    if random.random() < PRUNE_CHANCE:  # noqa: S311  nothing secret
        pruneExpunged_txn(txn, mailboxId)
    if not keepsQuota:
        txn.execute(
            "UPDATE quota SET octets = octets - ?, messages = messages - ? WHERE account_id = ?",
            (int(octets), count, mailbox[1]),
        )
    return vanishedDelta(modseq, gone)


def pruneExpunged_txn(txn: Transaction, mailboxId: int) -> None:
    """
    Keep the log of what was expunged within its bound.  Whoever asks for what happened before its floor learns of all
    UIDs that are missing, which is right too (RFC 7162 3.2.5.1), only longer.
    """
    row = txn.execute(
        "SELECT modseq FROM expunged WHERE mailbox_id = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?",
        (mailboxId, MAX_EXPUNGED_LOG),
    ).fetchone()
    if row is not None:
        txn.execute("UPDATE mailbox SET expunged_floor = ? WHERE id = ?", (row[0], mailboxId))
        txn.execute("DELETE FROM expunged WHERE mailbox_id = ? AND modseq <= ?", (mailboxId, row[0]))
