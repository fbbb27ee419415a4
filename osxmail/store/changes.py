# -*- test-case-name: tests.unit.store.test_changes -*-
"""
What has changed in a mailbox since a MODSEQ: the one way in which sessions, processes and nodes catch up.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from attrs import frozen

from osxmail.errors import NoSuchMailbox
from osxmail.store.connection import Transaction
from osxmail.store.numbers import ascending, numbersFrom

#: Messages whose columns are read in one step, when a whole mailbox is.
LISTING_SLICE = 5_000


@frozen
class Columns:
    """
    Messages as parallel arrays, ascending by UID; the names are those of L{osxmail.interfaces.ISnapshot}.
    """

    uids: array[int]
    flags: array[int]
    modseqs: array[int]
    sizes: array[int]
    dates: array[int]


@frozen
class Delta:
    """
    What a mailbox's log says since a MODSEQ: read from the database, or known from the transaction that made it.

    @ivar highestModseq: up to where it reaches.
    @ivar keywords: all of the mailbox's, in order of their bits; C{None} where none is new.
    @ivar changed: messages that are new or changed.
    @ivar vanished: UIDs, ascending.
    @ivar since: that MODSEQ.
    """

    highestModseq: int
    keywords: tuple[str, ...] | None
    changed: Columns
    vanished: array[int]
    since: int = 0


@frozen
class FlagChange:
    """
    What one STORE has done: like L{Delta}, without reading what became of each message.

    @ivar uids: of the messages that changed, ascending.
    @ivar operation: C{"+"}, C{"-"} or C{"="}.
    """

    since: int
    highestModseq: int
    uids: array[int]
    operation: str
    bits: int


def vanishedDelta(modseq: int, vanished: array[int]) -> Delta:
    """
    What one transaction that took C{modseq} has removed.
    """
    return Delta(modseq, None, columnsOf(()), vanished, modseq - 1)


def columnsOf(rows: Sequence[tuple[int, int, int, int, int]]) -> Columns:
    """
    Columns out of rows C{(uid, flags, modseq, size, internal date)}.
    """
    uids, flags, modseqs, sizes, dates = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Columns(array("I", uids), array("Q", flags), array("Q", modseqs), array("Q", sizes), array("q", dates))


@frozen
class Opening:
    """
    What a snapshot begins with.
    """

    highestModseq: int
    keywords: tuple[str, ...]
    uids: array[int]


# One statement, so that it is one state of the database without BEGIN and END, and three steps of the GIL.
# MODSEQs ascend with UIDs where no flags have changed since: what is new then stands at the end, and is looked for from
# there.  Otherwise every message of the mailbox is looked at: 5 ms for 100,000.
_DELTA = """
SELECT b.highestmodseq, b.expunged_floor,
    (SELECT group_concat(name, ' ') FROM (SELECT name FROM keyword WHERE mailbox_id = b.id ORDER BY bit)),
    (SELECT group_concat(uid) FROM
        (SELECT uid FROM expunged WHERE mailbox_id = b.id AND modseq > :since ORDER BY uid)),
    c.*
FROM mailbox b,
    (SELECT count(*), min(uid), max(uid), group_concat(uid), group_concat(flags), group_concat(modseq),
            group_concat(size), group_concat(internal_date) FROM
        (SELECT uid, flags, modseq, size, internal_date FROM message
            WHERE mailbox_id = :mailbox AND modseq > :since AND uid > (
                SELECT CASE WHEN flags_modseq > :since THEN 0 ELSE coalesce((SELECT uid FROM message
                    WHERE mailbox_id = :mailbox AND modseq <= :since ORDER BY uid DESC LIMIT 1), 0) END
                FROM mailbox WHERE id = :mailbox)
            ORDER BY uid)) c
WHERE b.id = :mailbox
"""


def readDelta(txn: Transaction, mailboxId: int, since: int) -> Delta:
    """
    What happened since C{since}; one statement.

    @raise NoSuchMailbox: it was deleted.
    """
    row = txn.execute(_DELTA, {"mailbox": mailboxId, "since": since}).fetchone()
    if row is None:
        raise NoSuchMailbox("deleted meanwhile")
    highestModseq, floor, keywords, vanished, count, first, last, *columns = row
    uids, flags, modseqs, sizes, dates = columns
    return Delta(
        highestModseq,
        tuple(keywords.split(" ")) if keywords else (),
        Columns(
            ascending(first, last, count, uids),
            numbersFrom(flags, "Q"),
            numbersFrom(modseqs, "Q"),
            numbersFrom(sizes, "Q"),
            numbersFrom(dates, "q"),
        ),
        numbersFrom(vanished, "I") if since >= floor else missingUids(txn, mailboxId),
        since,
    )


def readExpunged(txn: Transaction, mailboxId: int, since: int) -> array[int] | None:
    """
    UIDs that were expunged since a MODSEQ, ascending; one statement.

    @return: C{None} where the log has forgotten.
    @raise NoSuchMailbox: it was deleted.
    """
    row = txn.execute(
        """SELECT expunged_floor, (SELECT group_concat(uid) FROM
                (SELECT uid FROM expunged WHERE mailbox_id = b.id AND modseq > :since ORDER BY uid))
            FROM mailbox b WHERE id = :mailbox""",
        {"mailbox": mailboxId, "since": since},
    ).fetchone()
    if row is None:
        raise NoSuchMailbox("deleted meanwhile")
    return numbersFrom(row[1], "I") if since >= row[0] else None


def missingUids(txn: Transaction, mailboxId: int) -> array[int]:
    """
    Every UID that the mailbox once gave and no longer has: what has vanished since a time the log has forgotten.
    """
    uidnext = txn.execute("SELECT uidnext FROM mailbox WHERE id = ?", (mailboxId,)).fetchone()[0]
    missing = array("I")
    expected = 1
    for uid in readUids(txn, mailboxId):
        if uid != expected:
            missing.extend(range(expected, uid))
        expected = uid + 1
    missing.extend(range(expected, uidnext))
    return missing


def readUids(txn: Transaction, mailboxId: int) -> array[int]:
    """
    All UIDs.
    """
    row = txn.execute(
        """SELECT messages, (SELECT min(uid) FROM message WHERE mailbox_id = ?1),
                (SELECT max(uid) FROM message WHERE mailbox_id = ?1) FROM mailbox WHERE id = ?1""",
        (mailboxId,),
    ).fetchone()
    if row is None or row[1] is None:
        return array("I")
    messages, first, last = row
    if last - first + 1 == messages:
        return array("I", range(first, last + 1))
    uids = array("I")
    after = 0
    while True:
        count, lowest, highest, text = txn.execute(
            """SELECT count(*), min(uid), max(uid), group_concat(uid) FROM
                (SELECT uid FROM message WHERE mailbox_id = ? AND uid > ? ORDER BY uid LIMIT ?)""",
            (mailboxId, after, LISTING_SLICE),
        ).fetchone()
        uids.extend(ascending(lowest, highest, count, text))
        if count < LISTING_SLICE:
            return uids
        after = highest


def readSnapshot(txn: Transaction, mailboxId: int, announce: Callable[[Opening], object]) -> Columns:
    """
    A whole mailbox: C{announce} is called with the UIDs as soon as they are known, the other columns follow.

    @raise NoSuchMailbox: there is none.
    """
    row = txn.execute(
        """SELECT highestmodseq, (SELECT group_concat(name, ' ') FROM
                (SELECT name FROM keyword WHERE mailbox_id = id ORDER BY bit)) FROM mailbox WHERE id = ?""",
        (mailboxId,),
    ).fetchone()
    if row is None:
        raise NoSuchMailbox("deleted meanwhile")
    uids = readUids(txn, mailboxId)
    announce(Opening(row[0], tuple(row[1].split(" ")) if row[1] else (), uids))
    columns = Columns(uids, array("Q"), array("Q"), array("Q"), array("q"))
    for start in range(0, len(uids), LISTING_SLICE):
        last = uids[min(start + LISTING_SLICE, len(uids)) - 1]
        flags, modseqs, sizes, dates = txn.execute(
            """SELECT group_concat(flags), group_concat(modseq), group_concat(size), group_concat(internal_date) FROM
                (SELECT flags, modseq, size, internal_date FROM message
                    WHERE mailbox_id = ? AND uid BETWEEN ? AND ? ORDER BY uid)""",
            (mailboxId, uids[start], last),
        ).fetchone()
        columns.flags.extend(numbersFrom(flags, "Q"))
        columns.modseqs.extend(numbersFrom(modseqs, "Q"))
        columns.sizes.extend(numbersFrom(sizes, "Q"))
        columns.dates.extend(numbersFrom(dates, "q"))
    return columns
