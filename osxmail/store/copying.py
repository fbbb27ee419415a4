# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
COPY and MOVE: rows are copied, octets never (RFC 3501 6.4.7, RFC 6851).
"""

from __future__ import annotations

from collections.abc import Sequence

from osxmail.errors import NoSuchMailbox, OverQuota
from osxmail.mail.acceptance import Copied
from osxmail.store.changes import Delta
from osxmail.store.connection import Transaction
from osxmail.store.expunging import remove_txn
from osxmail.store.flagging import translatedFlags_txn
from osxmail.store.numbers import UidCondition, ascending


def copy_txn(
    txn: Transaction, sourceId: int, uids: Sequence[int] | None, targetId: int, now: float, isMove: bool
) -> tuple[Copied, Delta | None]:
    """
    See L{osxmail.interfaces.IMailbox.copy}.  All copies share one MODSEQ.

    @param uids: ascending; C{None} is all.
    @param now: seconds since the epoch.
    @return: the result, and what has vanished from the source.
    """
    source = txn.execute("SELECT account_id FROM mailbox WHERE id = ?", (sourceId,)).fetchone()
    target = txn.execute(
        "SELECT account_id, uidvalidity, uidnext, highestmodseq FROM mailbox WHERE id = ?", (targetId,)
    ).fetchone()
    if source is None or target is None:
        raise NoSuchMailbox("deleted meanwhile")
    accountId, uidvalidity, uidnext, highestModseq = target
    if uids is not None and not uids:
        return Copied(uidvalidity, (), ()), None
    condition = UidCondition(uids)
    args = {"mailbox": sourceId, **condition.args}
    where = f"mailbox_id = :mailbox{condition.sql}"
    count, first, last, octets, seen, deleted, used, text = txn.execute(
        f"""SELECT count(*), min(uid), max(uid), total(size), total(flags & 1), total(flags >> 3 & 1), max(flags),
                group_concat(uid)
            FROM (SELECT uid, size, flags FROM message WHERE {where} ORDER BY uid)""",
        args,
    ).fetchone()
    if not count:
        return Copied(uidvalidity, (), ()), None
    staysInAccount = isMove and source[0] == accountId
    if not staysInAccount:
        _takeQuota_txn(txn, accountId, int(octets), count)
    if used >= 256 and sourceId != targetId:
        used = _usedFlags_txn(txn, where, args)
    flags = translatedFlags_txn(txn, sourceId, targetId, used)
    args.update({"target": targetId, "base": uidnext - 1, "modseq": highestModseq + 1, "saved": int(now)})
    txn.execute(
        f"""INSERT INTO message (mailbox_id, uid, octets_id, prefix, modseq, flags, internal_date, size, saved_date)
            SELECT :target, :base + row_number() OVER (ORDER BY uid), octets_id, prefix, :modseq, {flags},
                internal_date, size, :saved
            FROM message WHERE {where} ORDER BY uid""",
        args,
    )
    txn.execute(
        """UPDATE mailbox SET uidnext = uidnext + ?, highestmodseq = ?, messages = messages + ?, unseen = unseen + ?,
                deleted = deleted + ?, octets = octets + ? WHERE id = ?""",
        (count, highestModseq + 1, count, count - int(seen), int(deleted), int(octets), targetId),
    )
    sources = ascending(first, last, count, text)
    vanished = remove_txn(txn, sourceId, sources, keepsQuota=staysInAccount) if isMove else None
    return Copied(uidvalidity, tuple(sources), tuple(range(uidnext, uidnext + count))), vanished


def _takeQuota_txn(txn: Transaction, accountId: int, octets: int, messages: int) -> None:
    row = txn.execute(
        """UPDATE quota SET octets = octets + ?1, messages = messages + ?2
            WHERE account_id = ?3 AND (limit_octets = 0 OR octets + ?1 <= limit_octets) RETURNING octets""",
        (octets, messages, accountId),
    ).fetchone()
    if row is None:
        raise OverQuota("the account has no room for the copies")


def _usedFlags_txn(txn: Transaction, where: str, args: dict[str, object]) -> int:
    """
    All flags of these messages, or-ed together.
    """
    used = 0
    for (flags,) in txn.execute(f"SELECT DISTINCT flags FROM message WHERE {where} AND flags >= 256", args):
        used |= flags
    return used
