# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
Annotations of mailboxes and of the server (RFC 5464).

The special use of one's own mailbox is one of them, /private/specialuse (RFC 6154 4), kept in the mailbox's row.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence

import apsw

from osxmail.errors import LimitExceeded, NoSuchMailbox
from osxmail.mail.acceptance import Annotations
from osxmail.store.connection import Transaction

#: Of one mailbox, or of the server: shared ones, and private ones of each person.
MAX_ANNOTATIONS = 100
#: In all of those together.
MAX_ANNOTATION_OCTETS = 1 << 20
#: The number that stands for the server.
SERVER = 0

_SPECIAL_USE = "/private/specialuse"


def _split(entry: str, owner: str) -> tuple[str, str]:
    """
    Owner and name of an entry as they are kept.
    """
    scope, name = entry[1:].split("/", 1)
    return (owner if scope == "private" else ""), "/" + name


def _isWanted(entry: str, wanted: str, depth: int | None) -> bool:
    if entry == wanted:
        return True
    if depth == 0 or not entry.startswith(wanted + "/"):
        return False
    return depth is None or "/" not in entry[len(wanted) + 1 :]


def readAnnotations(
    txn: Transaction, mailboxId: int, owner: str, entries: Sequence[str], depth: int | None, maxOctets: int | None
) -> Annotations:
    """
    See L{osxmail.interfaces.IMailbox.annotations}.
    """
    known: dict[str, tuple[str, str, int]] = {}
    for kept, name, size in txn.execute(
        "SELECT owner, entry, length(value) FROM annotation WHERE mailbox_id = ? AND owner IN ('', ?)",
        (mailboxId, owner),
    ):
        known[("/private" if kept else "/shared") + name] = (kept, name, size)
    specialUse = _specialUse(txn, mailboxId, owner)
    if specialUse:
        known[_SPECIAL_USE] = (owner, "", len(specialUse))
    values: dict[str, bytes] = {}
    longest = 0
    for entry, (kept, name, size) in sorted(known.items()):
        if not any(_isWanted(entry, wanted, depth) for wanted in entries):
            continue
        if maxOctets is not None and size > maxOctets:
            longest = max(longest, size)
        elif not name:
            values[entry] = specialUse.encode("ascii")
        else:
            row = txn.execute(
                "SELECT value FROM annotation WHERE mailbox_id = ? AND owner = ? AND entry = ?", (mailboxId, kept, name)
            ).fetchone()
            values[entry] = bytes(row[0])
    return Annotations(values, longest)


def _specialUse(txn: Transaction, mailboxId: int, owner: str) -> str:
    row = txn.execute(
        """SELECT m.special_use FROM mailbox m JOIN account a ON a.id = m.account_id
            WHERE m.id = ? AND a.identifier = ?""",
        (mailboxId, owner),
    ).fetchone()
    return "" if row is None else str(row[0])


def readManyAnnotations(
    txn: Transaction, mailboxIds: Sequence[int], owner: str, entries: Sequence[str]
) -> dict[int, dict[str, bytes]]:
    """
    See L{osxmail.interfaces.IMailStore.annotationsOf}.
    """
    if not mailboxIds:
        return {}
    wanted = frozenset(entries)
    names = sorted({_split(entry, owner)[1] for entry in entries})
    found: dict[int, dict[str, bytes]] = {}
    for mailboxId, kept, name, value in txn.execute(
        """SELECT mailbox_id, owner, entry, value FROM annotation
            WHERE mailbox_id IN (SELECT value FROM carray(?)) AND owner IN ('', ?)
                AND entry IN (SELECT value FROM json_each(?))""",
        (apsw.carray(array("q", mailboxIds)), owner, json.dumps(names)),
    ):
        entry = ("/private" if kept else "/shared") + name
        if entry in wanted:
            found.setdefault(mailboxId, {})[entry] = bytes(value)
    return found


def setAnnotations_txn(txn: Transaction, mailboxId: int, owner: str, values: Mapping[str, bytes | None]) -> None:
    """
    See L{osxmail.interfaces.IMailbox.setAnnotations}.

    @raise NoSuchMailbox: it was deleted.
    @raise LimitExceeded: there are too many.
    """
    if mailboxId != SERVER and txn.execute("SELECT 1 FROM mailbox WHERE id = ?", (mailboxId,)).fetchone() is None:
        raise NoSuchMailbox("deleted meanwhile")
    owners = set()
    for entry, value in values.items():
        if entry == _SPECIAL_USE:
            _setSpecialUse_txn(txn, mailboxId, (value or b"").decode("ascii"))
            continue
        kept, name = _split(entry, owner)
        if value is None:
            txn.execute(
                "DELETE FROM annotation WHERE mailbox_id = ? AND owner = ? AND entry = ?", (mailboxId, kept, name)
            )
        else:
            owners.add(kept)
            txn.execute(
                "INSERT OR REPLACE INTO annotation (mailbox_id, owner, entry, value) VALUES (?, ?, ?, ?)",
                (mailboxId, kept, name, value),
            )
    for kept in owners:
        count, octets = txn.execute(
            "SELECT count(*), total(length(value)) FROM annotation WHERE mailbox_id = ? AND owner = ?",
            (mailboxId, kept),
        ).fetchone()
        if count > MAX_ANNOTATIONS or octets > MAX_ANNOTATION_OCTETS:
            raise LimitExceeded(f"a mailbox has at most {MAX_ANNOTATIONS} annotations")


def _setSpecialUse_txn(txn: Transaction, mailboxId: int, specialUse: str) -> None:
    if specialUse:
        # One mailbox for each use: whoever had it before has it no more.
        txn.execute(
            """UPDATE mailbox SET special_use = '' WHERE special_use = ? AND id <> ?
                AND account_id = (SELECT account_id FROM mailbox WHERE id = ?)""",
            (specialUse, mailboxId, mailboxId),
        )
    txn.execute("UPDATE mailbox SET special_use = ? WHERE id = ?", (specialUse, mailboxId))


def copyAnnotations_txn(txn: Transaction, sourceId: int, targetId: int) -> None:
    """
    RFC 5464 4.1: what INBOX is renamed to has its annotations, too.
    """
    txn.execute(
        """INSERT OR REPLACE INTO annotation (mailbox_id, owner, entry, value)
            SELECT ?, owner, entry, value FROM annotation WHERE mailbox_id = ?""",
        (targetId, sourceId),
    )
