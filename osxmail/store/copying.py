# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
COPY and MOVE: rows are copied, octets never (RFC 3501 6.4.7, RFC 6851).
"""

from __future__ import annotations

from collections.abc import Sequence

from osxmail.errors import NoSuchMailbox, OverQuota
from osxmail.mail.acceptance import Copied
from osxmail.mail.flags import DELETED, SEEN
from osxmail.store.changes import Delta
from osxmail.store.connection import Transaction
from osxmail.store.expunging import remove_txn
from osxmail.store.flagging import translatedFlags_txn
from osxmail.store.numbers import UidCondition, ascending
from osxmail.store.quota import takeRoom_txn


def copy_txn(
    txn: Transaction,
    sourceId: int,
    uids: Sequence[int] | None,
    targetId: int,
    now: float,
    isMove: bool,
    kept: int = -1,
) -> tuple[Copied, Delta | None]:
    """
    See L{osxmail.interfaces.IMailbox.copy}.  All copies share one MODSEQ.

    @param uids: ascending; C{None} is all.
    @param now: seconds since the epoch.
    @param kept: the bits of flags that the copies keep; keywords all or none.
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
    if not staysInAccount and not takeRoom_txn(txn, accountId, int(octets), count):
        raise OverQuota("the account has no room for the copies")
    if used >= 256 and sourceId != targetId:
        used = _usedFlags_txn(txn, where, args)
    if kept != -1:
        # RFC 4314 4: a copy is made without the flags that may not be set there.
        seen, deleted = seen if kept & SEEN else 0, deleted if kept & DELETED else 0
        used &= kept
    flags = translatedFlags_txn(txn, sourceId, targetId, used)
    if kept != -1:
        flags = f"({flags} & {kept})"
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


def _usedFlags_txn(txn: Transaction, where: str, args: dict[str, object]) -> int:
    """
    All flags of these messages, or-ed together.
    """
    used = 0
    for (flags,) in txn.execute(f"SELECT DISTINCT flags FROM message WHERE {where} AND flags >= 256", args):
        used |= flags
    return used
