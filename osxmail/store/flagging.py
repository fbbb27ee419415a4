# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
Flags and keywords of messages (RFC 3501 2.3.2, RFC 7162 3.1).
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence

from osxmail.errors import LimitExceeded, NoSuchMailbox
from osxmail.mail.acceptance import FlagsStored
from osxmail.mail.flags import DELETED, FIRST_KEYWORD_BIT, MAX_KEYWORDS, SEEN, SYSTEM_FLAGS, normalizeFlag
from osxmail.store.changes import FlagChange
from osxmail.store.connection import Transaction
from osxmail.store.numbers import UidCondition, numbersFrom

#: What the flags of a message become, by operation.
_BECOMES = {"+": "(flags | :bits)", "-": "(flags & ~:bits)", "=": ":bits"}


def keywordNames_txn(txn: Transaction, mailboxId: int) -> list[str]:
    """
    The mailbox's keywords, in order of their bits.
    """
    row = txn.execute(
        "SELECT group_concat(name, ' ') FROM (SELECT name FROM keyword WHERE mailbox_id = ? ORDER BY bit)",
        (mailboxId,),
    ).fetchone()
    return row[0].split(" ") if row and row[0] else []


def flagBits_txn(txn: Transaction, mailboxId: int, names: Iterable[str], isNew: bool = True) -> int:
    """
    The bits of these flags in this mailbox.

    @param isNew: give keywords that the mailbox does not know a bit; else pass over them.
    @raise LimitExceeded: there are no more bits.
    """
    bits = 0
    keywords = []
    for name in names:
        normal = normalizeFlag(name)
        if normal in SYSTEM_FLAGS:
            bits |= SYSTEM_FLAGS[normal]
        else:
            keywords.append(normal)
    if not keywords:
        return bits
    known = {name.lower(): index for index, name in enumerate(keywordNames_txn(txn, mailboxId))}
    fresh = []
    for name in keywords:
        index = known.get(name.lower())
        if index is None:
            if not isNew:
                continue
            index = known[name.lower()] = len(known)
            if index >= MAX_KEYWORDS:
                raise LimitExceeded(f"a mailbox has at most {MAX_KEYWORDS} keywords")
            fresh.append((mailboxId, FIRST_KEYWORD_BIT + index, name))
        bits |= 1 << (FIRST_KEYWORD_BIT + index)
    txn.insertRows("INSERT INTO keyword (mailbox_id, bit, name)", fresh)
    return bits


def storeFlags_txn(
    txn: Transaction,
    mailboxId: int,
    uids: Sequence[int],
    operation: str,
    flags: Sequence[str],
    unchangedSince: int | None,
) -> tuple[FlagsStored, FlagChange | None]:
    """
    See L{osxmail.interfaces.IMailbox.storeFlags}.  All messages that change share one MODSEQ.

    @return: the result, and what snapshots take over; C{None} when nothing changed.
    """
    mailbox = txn.execute("SELECT highestmodseq FROM mailbox WHERE id = ?", (mailboxId,)).fetchone()
    if mailbox is None:
        raise NoSuchMailbox("deleted meanwhile")
    if not uids:
        return FlagsStored(0, ()), None
    modseq = mailbox[0] + 1
    bits = flagBits_txn(txn, mailboxId, flags, isNew=operation != "-")
    condition = UidCondition(uids)
    args = {
        "mailbox": mailboxId,
        "bits": bits,
        "modseq": modseq,
        "since": unchangedSince,
        **condition.args,
    }
    where = f"mailbox_id = :mailbox{condition.sql}"
    refused: Sequence[int] = ()
    if unchangedSince is not None:
        # RFC 7162 3.1.3: whoever changed since is refused, also where the flags are as wanted already.
        row = txn.execute(
            f"SELECT group_concat(uid) FROM (SELECT uid FROM message WHERE {where} AND modseq > :since ORDER BY uid)",
            args,
        ).fetchone()
        refused = numbersFrom(row[0] if row else None, "I")
        where += " AND modseq <= :since"
    becomes = _BECOMES[operation]
    where += f" AND flags <> {becomes}"
    # What a change of one of these flags does to the counts is known without looking at each message.
    counted = bits & (SEEN | DELETED)
    isPlain = operation != "=" and counted in (0, bits) and counted in (0, SEEN, DELETED)
    sums = None if isPlain else _sums_txn(txn, where, becomes, args)
    txn.execute(f"UPDATE message SET flags = {becomes}, modseq = :modseq WHERE {where}", args)
    count = txn.changedRows
    if not count:
        return FlagsStored(0, (), tuple(refused)), None
    change = count if operation == "+" else -count
    seen, deleted = sums or (change if counted == SEEN else 0, change if counted == DELETED else 0)
    txn.execute(
        """UPDATE mailbox SET highestmodseq = ?1, flags_modseq = ?1, unseen = unseen - ?2, deleted = deleted + ?3
            WHERE id = ?4""",
        (modseq, seen, deleted, mailboxId),
    )
    changed = array("I", uids) if count == len(uids) else _withModseq_txn(txn, mailboxId, modseq, condition)
    return (
        FlagsStored(modseq, tuple(changed), tuple(refused)),
        FlagChange(modseq - 1, modseq, changed, operation, bits),
    )


def _sums_txn(txn: Transaction, where: str, becomes: str, args: dict[str, object]) -> tuple[int, int]:
    """
    How many more messages will have C{\\Seen}, and C{\\Deleted}.
    """
    seen, deleted = (f"({becomes} >> {bit} & 1) - (flags >> {bit} & 1)" for bit in (0, 3))
    row = txn.execute(f"SELECT sum({seen}), sum({deleted}) FROM message WHERE {where}", args).fetchone()
    return row[0] or 0, row[1] or 0


def _withModseq_txn(txn: Transaction, mailboxId: int, modseq: int, condition: UidCondition) -> array[int]:
    """
    The UIDs of those of a set that have just got C{modseq}, ascending.
    """
    row = txn.execute(
        f"""SELECT group_concat(uid) FROM
            (SELECT uid FROM message WHERE mailbox_id = :mailbox{condition.sql} AND modseq = :modseq ORDER BY uid)""",
        {"mailbox": mailboxId, "modseq": modseq, **condition.args},
    ).fetchone()
    return numbersFrom(row[0], "I")


def translatedFlags_txn(txn: Transaction, sourceId: int, targetId: int, used: int) -> str:
    """
    An SQL expression for the flags that a message of one mailbox has in another: keywords have other bits there.
    Keywords for which the target has no bit left are lost: better than a copy that cannot be made.

    @param used: all flags of the messages, or-ed together.
    """
    if sourceId == targetId or not used >> FIRST_KEYWORD_BIT:
        return "flags"
    terms = ["(flags & 31)"]
    for index, name in enumerate(keywordNames_txn(txn, sourceId)):
        bit = FIRST_KEYWORD_BIT + index
        if not used >> bit & 1:
            continue
        try:
            target = flagBits_txn(txn, targetId, (name,))
        except LimitExceeded:
            continue
        terms.append(f"((flags >> {bit} & 1) * {target})")
    return "(" + " | ".join(terms) + ")"


def jsonNumbers(text: str | None) -> list[list[int]]:
    """
    Rows of a C{json_group_array(json_array(...))}.
    """
    rows: list[list[int]] = json.loads(text) if text else []
    return rows
