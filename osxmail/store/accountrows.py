# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
Accounts and mailboxes as rows: making, finding, removing them inside a transaction.
"""

from __future__ import annotations

import time

from osxmail.errors import AlreadyExists, HasChildren, LimitExceeded, NoSuchMailbox, NotAllowed, UseTaken
from osxmail.mail.address import Address
from osxmail.mail.folknames import useOfName
from osxmail.mail.mailboxname import DELIMITER, INBOX, parents
from osxmail.store.access import forgetIdentifier_txn, inheritAccess_txn
from osxmail.store.annotations import copyAnnotations_txn
from osxmail.store.connection import Transaction
from osxmail.store.copying import copy_txn

#: What a new account has: name and special use (RFC 6154 2), each subscribed.
USUAL_MAILBOXES = (
    (INBOX, ""),
    ("Archive", "\\Archive"),
    ("Drafts", "\\Drafts"),
    ("Junk", "\\Junk"),
    ("Sent", "\\Sent"),
    ("Trash", "\\Trash"),
)
#: The identifier of the account that has the shared mailboxes; no directory makes one with a space.
SHARED_ACCOUNT = "shared mailboxes"
MAX_MAILBOXES = 10_000  # in an account
MAX_SUBSCRIPTIONS = 20_000  # in an account
MAX_ACCOUNTS_REMEMBERED = 50_000


def newUidvalidity_txn(txn: Transaction, count: int = 1) -> int:
    """
    The first of C{count} UIDVALIDITYs that were never given before (RFC 3501 2.3.1.1).  They are no smaller than the
    clock, so that a store put back from a backup does not give again what was given after the backup.
    """
    row = txn.execute(
        "UPDATE counter SET value = max(value + 1, ?) + ? - 1 WHERE name = 'uidvalidity' RETURNING value",
        (int(time.time()), count),
    ).fetchone()
    return int(row[0]) - count + 1


def findAccount_txn(txn: Transaction, accountId: str) -> int | None:
    """
    The account's row number.
    """
    row = txn.execute("SELECT id FROM account WHERE identifier = ?", (accountId,)).fetchone()
    return None if row is None else int(row[0])


def _insertAccount_txn(txn: Transaction, accountId: str, address: str, now: float) -> int:
    txn.execute(
        "INSERT INTO account (identifier, address, key, created) VALUES (?, ?, '', ?)", (accountId, address, now)
    )
    account = txn.lastRowId
    if address:
        setAddress_txn(txn, account, Address.parse(address))
    txn.execute("INSERT INTO quota (account_id, octets, messages, limit_octets) VALUES (?, 0, 0, 0)", (account,))
    return account


def setAddress_txn(txn: Transaction, account: int, address: Address) -> None:
    """
    The account is found by this address from now on, and no other is: who had it before has another one by now, which
    the next login tells, or has left.
    """
    txn.execute("UPDATE account SET key = '' WHERE key = ? AND id <> ?", (address.key, account))
    txn.execute("UPDATE account SET address = ?, key = ? WHERE id = ?", (str(address), address.key, account))


def sharedAccount_txn(txn: Transaction, now: float) -> int:
    """
    The row number of the account that has the shared mailboxes, made if there is none: it is nobody's, and has no
    mailboxes to begin with.
    """
    found = findAccount_txn(txn, SHARED_ACCOUNT)
    return _insertAccount_txn(txn, SHARED_ACCOUNT, "", now) if found is None else found


def makeAccount_txn(txn: Transaction, accountId: str, address: str, now: float) -> int:
    """
    A new account with its usual mailboxes.

    @return: its row number.
    """
    account = _insertAccount_txn(txn, accountId, address, now)
    uidvalidity = newUidvalidity_txn(txn, len(USUAL_MAILBOXES))
    for offset, (name, specialUse) in enumerate(USUAL_MAILBOXES):
        _insertMailbox_txn(txn, account, name, specialUse, uidvalidity + offset)
    txn.insertRows(
        "INSERT INTO subscription (account_id, name)", [(account, name) for name, _specialUse in USUAL_MAILBOXES]
    )
    return account


def _insertMailbox_txn(txn: Transaction, account: int, name: str, specialUse: str, uidvalidity: int) -> int:
    # RFC 7162 3.1.1: MODSEQs are above 0.
    txn.execute(
        """INSERT INTO mailbox (account_id, name, uidvalidity, uidnext, highestmodseq, first_recent_uid, special_use,
                messages, unseen, deleted, octets, expunged_floor) VALUES (?, ?, ?, 1, 1, 1, ?, 0, 0, 0, 0, 0)""",
        (account, name, uidvalidity, specialUse),
    )
    return txn.lastRowId


def findMailbox_txn(txn: Transaction, account: int, name: str) -> int | None:
    """
    The mailbox's number.
    """
    row = txn.execute("SELECT id FROM mailbox WHERE account_id = ? AND name = ?", (account, name)).fetchone()
    return None if row is None else int(row[0])


def makeMailbox_txn(txn: Transaction, account: int, name: str, specialUse: str) -> int:
    """
    A new mailbox, and what is missing above it.

    @param name: normalised.
    @raise AlreadyExists: it is there, or another has this special use.
    @raise LimitExceeded: the account has too many.
    @raise NoSuchMailbox: the account was removed.
    """
    if txn.execute("SELECT 1 FROM account WHERE id = ?", (account,)).fetchone() is None:
        raise NoSuchMailbox("the account was removed")
    if findMailbox_txn(txn, account, name) is not None:
        raise AlreadyExists(name)
    if specialUse:
        # RFC 6154 3 leaves it to us: one mailbox for each use, so that every client picks the same.
        if not _takeUse_txn(txn, account, specialUse):
            raise UseTaken(f"another mailbox is {specialUse}")
    else:
        # Mail programs of some language call theirs so.
        use = useOfName(name)
        specialUse = use if use and _takeUse_txn(txn, account, use) else ""
    missing = [above for above in parents(name) if findMailbox_txn(txn, account, above) is None]
    count = txn.execute("SELECT count(*) FROM mailbox WHERE account_id = ?", (account,)).fetchone()[0]
    if count + len(missing) + 1 > MAX_MAILBOXES:
        raise LimitExceeded(f"an account has at most {MAX_MAILBOXES} mailboxes")
    uidvalidity = newUidvalidity_txn(txn, len(missing) + 1)
    # RFC 4314 4: who may do what above may do it below, until somebody changes that.
    existing = parents(missing[0] if missing else name)
    parent = findMailbox_txn(txn, account, existing[-1]) if existing else None
    uses = [*((above, "") for above in missing), (name, specialUse)]
    for offset, (each, use) in enumerate(uses):
        mailboxId = _insertMailbox_txn(txn, account, each, use, uidvalidity + offset)
        if parent is not None:
            inheritAccess_txn(txn, parent, mailboxId)
    return mailboxId


def _takeUse_txn(txn: Transaction, account: int, use: str) -> bool:
    """
    May a new mailbox have this special use?  It may where no mailbox has it, or where the one that we have made has it
    and was never used: that one stays, without it.
    """
    holder = txn.execute(
        "SELECT id, name, uidnext FROM mailbox WHERE account_id = ? AND special_use = ?", (account, use)
    ).fetchone()
    if holder is None:
        return True
    mailboxId, name, uidnext = holder
    if uidnext > 1 or (name, use) not in USUAL_MAILBOXES:
        return False
    txn.execute("UPDATE mailbox SET special_use = '' WHERE id = ?", (mailboxId,))
    return True


def removeMailbox_txn(txn: Transaction, account: int, name: str) -> int:
    """
    A mailbox and all that is in it, for good.

    @return: its number.
    @raise NoSuchMailbox: there is none.
    @raise NotAllowed: INBOX.
    @raise HasChildren: it has mailboxes below.
    """
    if name == INBOX:
        raise NotAllowed("INBOX stays")
    mailboxId = findMailbox_txn(txn, account, name)
    if mailboxId is None:
        raise NoSuchMailbox(name)
    if childrenOf_txn(txn, account, name):
        raise HasChildren("it has mailboxes below")
    emptyMailboxes_txn(txn, account, [mailboxId])
    return mailboxId


def emptyMailboxes_txn(txn: Transaction, account: int, mailboxIds: list[int]) -> None:
    """
    Remove the mailboxes' rows everywhere.
    """
    for mailboxId in mailboxIds:
        octets, messages = txn.execute("SELECT octets, messages FROM mailbox WHERE id = ?", (mailboxId,)).fetchone()
        for table in ("message", "expunged", "keyword", "access_right", "annotation", "url_key", "fetched_by_pop"):
            txn.execute(f"DELETE FROM {table} WHERE mailbox_id = ?", (mailboxId,))
        txn.execute("DELETE FROM mailbox WHERE id = ?", (mailboxId,))
        txn.execute(
            "UPDATE quota SET octets = octets - ?, messages = messages - ? WHERE account_id = ?",
            (octets, messages, account),
        )


def removeAccount_txn(txn: Transaction, account: int) -> list[int]:
    """
    Everything the account has.

    @return: the numbers of its mailboxes.
    """
    mailboxIds = [row[0] for row in txn.execute("SELECT id FROM mailbox WHERE account_id = ?", (account,)).fetchall()]
    emptyMailboxes_txn(txn, account, mailboxIds)
    identifier, key = txn.execute("SELECT identifier, key FROM account WHERE id = ?", (account,)).fetchone()
    forgetIdentifier_txn(txn, key)
    txn.execute("DELETE FROM annotation WHERE owner = ?", (identifier,))
    for table in ("subscription", "quota"):
        txn.execute(f"DELETE FROM {table} WHERE account_id = ?", (account,))
    txn.execute("DELETE FROM account WHERE id = ?", (account,))
    return mailboxIds


def childrenOf_txn(txn: Transaction, account: int, name: str) -> list[tuple[int, str]]:
    """
    Numbers and names of what is below.
    """
    # "0" is what follows the delimiter "/" in the order of characters: a range of the index, whatever the name holds.
    assert DELIMITER == "/"
    rows: list[tuple[int, str]] = txn.execute(
        "SELECT id, name FROM mailbox WHERE account_id = ? AND name > ? AND name < ? ORDER BY name",
        (account, name + "/", name + "0"),
    ).fetchall()
    return rows


def renameMailbox_txn(txn: Transaction, account: int, name: str, newName: str, now: float) -> list[int]:
    """
    See L{osxmail.interfaces.IAccount.renameMailbox}.  Both names are normalised.

    @return: the numbers of mailboxes whose messages changed.
    @raise NoSuchMailbox: there is none of that name.
    @raise AlreadyExists: there is one of the new name.
    @raise NotAllowed: into itself.
    @raise LimitExceeded: what is below would get too long a name.
    """
    mailboxId = findMailbox_txn(txn, account, name)
    if mailboxId is None:
        raise NoSuchMailbox(name)
    if name == INBOX:
        # RFC 3501 6.3.5: the messages move to a new mailbox, what is below INBOX stays.
        target = makeMailbox_txn(txn, account, newName, "")
        copy_txn(txn, mailboxId, None, target, now, isMove=True)
        copyAnnotations_txn(txn, mailboxId, target)
        return [mailboxId, target]
    if newName == name:
        raise AlreadyExists(name)
    if newName.startswith(name + DELIMITER):
        raise NotAllowed("a mailbox cannot move into itself")
    children = childrenOf_txn(txn, account, name)
    placeholder = makeMailbox_txn(txn, account, newName, "")
    txn.execute("DELETE FROM mailbox WHERE id = ?", (placeholder,))
    moves = [(mailboxId, newName), *((child, newName + childName[len(name) :]) for child, childName in children)]
    for child, childName in moves:
        if len(childName.encode("utf-8")) > MAX_STORED_NAME_OCTETS:
            raise LimitExceeded("a name would be too long")
        if findMailbox_txn(txn, account, childName) is not None:
            raise AlreadyExists(childName)
        txn.execute("UPDATE mailbox SET name = ? WHERE id = ?", (childName, child))
    return []


#: Renaming may make the names below longer than one that could be made: by so much.
MAX_STORED_NAME_OCTETS = 2_000
