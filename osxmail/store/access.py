# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
Who may do what in a mailbox (RFC 4314): its list, and the mailboxes that lists open to somebody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from osxmail.errors import LimitExceeded, NoSuchMailbox
from osxmail.mail.acceptance import SharedMailbox
from osxmail.mail.rights import GROUP, NEGATIVE, AccessEntry, changedRights
from osxmail.store.connection import Transaction
from osxmail.store.statuses import STATUS_COLUMNS, statusOf

MAX_ACCESS_ENTRIES = 200  # of a mailbox
MAX_ACCESS_GROUPS = 500  # different ones, in all lists together
MAX_SHARED_MAILBOXES = 20_000  # that one person is told of

_ENTRIES = """(SELECT json_group_array(json_array(identifier, rights)) FROM
    (SELECT identifier, rights FROM access_right WHERE mailbox_id = m.id ORDER BY identifier))"""


def _entries(text: str | None) -> tuple[AccessEntry, ...]:
    return tuple(AccessEntry(*row) for row in json.loads(text)) if text else ()


def findWithAccess(txn: Transaction, account: int, name: str) -> tuple[int, tuple[AccessEntry, ...]] | None:
    """
    A mailbox's number and its list, in one statement.
    """
    row = txn.execute(
        f"SELECT m.id, {_ENTRIES} FROM mailbox m WHERE m.account_id = ? AND m.name = ?", (account, name)
    ).fetchone()
    return None if row is None else (int(row[0]), _entries(row[1]))


def readAccess(txn: Transaction, mailboxId: int) -> tuple[AccessEntry, ...]:
    """
    @raise NoSuchMailbox: it was deleted.
    """
    row = txn.execute(f"SELECT {_ENTRIES} FROM mailbox m WHERE m.id = ?", (mailboxId,)).fetchone()
    if row is None:
        raise NoSuchMailbox("deleted meanwhile")
    return _entries(row[0])


def setAccess_txn(txn: Transaction, mailboxId: int, identifier: str, operation: str, rights: str) -> None:
    """
    See L{osxmail.interfaces.IMailbox.setAccess}.

    @raise NoSuchMailbox: it was deleted.
    @raise LimitExceeded: the list is too long, or there are too many groups.
    """
    if txn.execute("SELECT 1 FROM mailbox WHERE id = ?", (mailboxId,)).fetchone() is None:
        raise NoSuchMailbox("deleted meanwhile")
    row = txn.execute(
        "SELECT rights FROM access_right WHERE mailbox_id = ? AND identifier = ?", (mailboxId, identifier)
    ).fetchone()
    if operation == "" or (rights := changedRights(row[0] if row else "", operation, rights)) == "":
        txn.execute("DELETE FROM access_right WHERE mailbox_id = ? AND identifier = ?", (mailboxId, identifier))
        return
    if row is None:
        count = txn.execute("SELECT count(*) FROM access_right WHERE mailbox_id = ?", (mailboxId,)).fetchone()[0]
        if count >= MAX_ACCESS_ENTRIES:
            raise LimitExceeded(f"an access list has at most {MAX_ACCESS_ENTRIES} entries")
        if identifier.removeprefix(NEGATIVE).startswith(GROUP):
            groups = readGroups(txn)
            if identifier.removeprefix(NEGATIVE) not in groups and len(groups) >= MAX_ACCESS_GROUPS:
                raise LimitExceeded(f"access lists name at most {MAX_ACCESS_GROUPS} groups")
    txn.execute(
        "INSERT OR REPLACE INTO access_right (mailbox_id, identifier, rights) VALUES (?, ?, ?)",
        (mailboxId, identifier, rights),
    )


def inheritAccess_txn(txn: Transaction, parentId: int, childId: int) -> None:
    """
    A new mailbox has the list of the one above it (RFC 4314 4).
    """
    txn.execute(
        """INSERT INTO access_right (mailbox_id, identifier, rights)
            SELECT ?, identifier, rights FROM access_right WHERE mailbox_id = ?""",
        (childId, parentId),
    )


def forgetIdentifier_txn(txn: Transaction, identifier: str) -> None:
    """
    Take it out of all lists: whoever gets this address next is somebody else.
    """
    txn.execute("DELETE FROM access_right WHERE identifier IN (?, ?)", (identifier, NEGATIVE + identifier))


def readGroups(txn: Transaction) -> tuple[str, ...]:
    """
    The groups that lists name, in order, without L{NEGATIVE}; at most L{MAX_ACCESS_GROUPS}.
    """
    found: set[str] = set()
    # "%" is what follows "$" in the order of characters: two ranges of the index.
    assert GROUP == "$" and NEGATIVE == "-"
    for low, high in (("$", "%"), ("-$", "-%")):
        for (identifier,) in txn.execute(
            "SELECT DISTINCT identifier FROM access_right WHERE identifier >= ? AND identifier < ? LIMIT ?",
            (low, high, MAX_ACCESS_GROUPS),
        ):
            found.add(identifier.removeprefix(NEGATIVE))
    return tuple(sorted(found))


def readShared(txn: Transaction, identifiers: Sequence[str]) -> tuple[SharedMailbox, ...]:
    """
    See L{osxmail.interfaces.IMailStore.sharedWith}; at most L{MAX_SHARED_MAILBOXES}.
    """
    row = txn.execute(
        f"""SELECT json_group_array(json_array(a.identifier, a.address, {_ENTRIES}, {STATUS_COLUMNS}))
            FROM (SELECT m.* FROM mailbox m JOIN account o ON o.id = m.account_id WHERE m.id IN
                    (SELECT mailbox_id FROM access_right
                        WHERE identifier IN (SELECT value FROM json_each(?)))
                    AND o.id = (SELECT max(id) FROM account WHERE key = o.key)
                    ORDER BY o.key, m.name <> 'INBOX', m.name LIMIT ?) m
            JOIN account a ON a.id = m.account_id""",
        (json.dumps(list(identifiers)), MAX_SHARED_MAILBOXES),
    ).fetchone()
    rows: list[list[Any]] = json.loads(row[0])
    return tuple(SharedMailbox(one[0], one[1], statusOf(one[3:]), _entries(one[2])) for one in rows)


def readNumbered(txn: Transaction, mailboxId: int) -> SharedMailbox | None:
    """
    See L{osxmail.interfaces.IMailStore.mailboxNumbered}.
    """
    row = txn.execute(
        f"""SELECT a.identifier, a.address, {_ENTRIES}, {STATUS_COLUMNS}
            FROM mailbox m JOIN account a ON a.id = m.account_id WHERE m.id = ?""",
        (mailboxId,),
    ).fetchone()
    return None if row is None else SharedMailbox(row[0], row[1], statusOf(row[3:]), _entries(row[2]))
