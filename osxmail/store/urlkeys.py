# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
Keys of mailboxes, which allow others to use URLs of what is in them (RFC 4467 2.2).
"""

from __future__ import annotations

import secrets

from osxmail.store.connection import Transaction
from osxmail.store.message import requireMailbox

KEY_OCTETS = 32  # RFC 4467 2.2: at least 128 bits


def readUrlKey(txn: Transaction, mailboxId: int) -> bytes:
    """
    The mailbox's key; empty if it has none.

    @raise NoSuchMailbox: it was deleted.
    """
    row = txn.execute("SELECT key FROM url_key WHERE mailbox_id = ?", (mailboxId,)).fetchone()
    if row is None:
        requireMailbox(txn, mailboxId)
        return b""
    key: bytes = row[0]
    return key


def makeUrlKey_txn(txn: Transaction, mailboxId: int, isNew: bool) -> bytes:
    """
    The mailbox's key, made now if it has none.

    @param isNew: a fresh one in any case: URLs that were made with another one are worth nothing any more.
    @raise NoSuchMailbox: it was deleted.
    """
    requireMailbox(txn, mailboxId)
    how = "REPLACE" if isNew else "IGNORE"
    txn.execute(
        f"INSERT OR {how} INTO url_key (mailbox_id, key) VALUES (?, ?)", (mailboxId, secrets.token_bytes(KEY_OCTETS))
    )
    return readUrlKey(txn, mailboxId)


def removeUrlKeys_txn(txn: Transaction, account: int) -> None:
    """
    No mailbox of the account has a key any more.
    """
    txn.execute("DELETE FROM url_key WHERE mailbox_id IN (SELECT id FROM mailbox WHERE account_id = ?)", (account,))
