# -*- test-case-name: tests.unit.store.test_localaccounts -*-
"""
The accounts of our own directory.
"""

from __future__ import annotations

import json
from typing import Any

import apsw
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from osxmail.errors import AlreadyExists, NoSuchAccount
from osxmail.interfaces import ILocalAccounts
from osxmail.mail.acceptance import LocalAccount
from osxmail.mail.address import Address, canonicalLocal
from osxmail.store.connection import Transaction, isText
from osxmail.store.database import Database
from osxmail.store.listing import listTable
from osxmail.store.remembered import Remembered

_COLUMNS = (
    "id, address, password_hash, full_name, state, forward_to, keep_copy, quota_octets, pop_allowed, imap_allowed,"
    " administrator"
)


def _account(*row: Any) -> LocalAccount:
    accountId, address, passwordHash, fullName, state, forwardTo, keepCopy, quota, pop, imap, administrator = row
    return LocalAccount(
        accountId=accountId,
        address=Address.parse(address),
        passwordHash=passwordHash,
        fullName=fullName,
        state=state,
        forwardTo=tuple(Address.parse(each) for each in json.loads(forwardTo)),
        keepCopy=bool(keepCopy),
        quotaOctets=quota,
        popAllowed=bool(pop),
        imapAllowed=bool(imap),
        administrator=bool(administrator),
    )


def _row(account: LocalAccount) -> tuple[Any, ...]:
    return (
        account.accountId,
        str(account.address),
        account.passwordHash,
        account.fullName,
        account.state,
        json.dumps([str(each) for each in account.forwardTo]),
        int(account.keepCopy),
        account.quotaOctets,
        int(account.popAllowed),
        int(account.imapAllowed),
        int(account.administrator),
        account.address.key,
        canonicalLocal(account.address.local),
    )


@implementer(ILocalAccounts)
class LocalAccounts:
    """
    See L{ILocalAccounts}.
    """

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        self._database = database
        self._byAddress: Remembered[LocalAccount | None] = Remembered(clock)

    def accountWithAddress(self, address: Address) -> Deferred[LocalAccount | None]:
        """
        See L{ILocalAccounts.accountWithAddress}.
        """

        def read(txn: Transaction) -> LocalAccount | None:
            row = txn.execute(f"SELECT {_COLUMNS} FROM local_account WHERE key = ?", (address.key,)).fetchone()
            return None if row is None else _account(*row)

        return self._byAddress.ask(address.key, lambda: self._database.read(read, isSingle=True))

    def accountsWithLocalPart(self, local: str) -> Deferred[tuple[LocalAccount, ...]]:
        """
        See L{ILocalAccounts.accountsWithLocalPart}.
        """
        if not isText(local):
            return succeed(())

        name = canonicalLocal(local)

        def read(txn: Transaction) -> tuple[LocalAccount, ...]:
            rows = txn.execute(
                f"SELECT {_COLUMNS} FROM local_account WHERE local_part = ? ORDER BY key LIMIT 2", (name,)
            )
            return tuple(_account(*row) for row in rows)

        return self._database.read(read, isSingle=True)

    def listAccounts(self) -> Deferred[tuple[LocalAccount, ...]]:
        """
        See L{ILocalAccounts.listAccounts}.  Ordered by address.
        """
        return Deferred.fromCoroutine(listTable(self._database, "local_account", _COLUMNS, "key", _account))

    def addAccount(self, account: LocalAccount) -> Deferred[None]:
        """
        See L{ILocalAccounts.addAccount}.

        @raise AlreadyExists: (in the Deferred) the address or the identifier is taken.
        """

        def write(txn: Transaction) -> None:
            try:
                txn.execute(
                    f"INSERT INTO local_account ({_COLUMNS}, key, local_part) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    _row(account),
                )
            except apsw.ConstraintError:
                raise AlreadyExists(f"there is an account {account.address} already") from None
            txn.afterCommit(self._byAddress.forget)

        return self._database.write(write)

    def updateAccount(self, account: LocalAccount) -> Deferred[None]:
        """
        See L{ILocalAccounts.updateAccount}.

        @raise NoSuchAccount: (in the Deferred).
        @raise AlreadyExists: (in the Deferred) its new address is another account's.
        """

        def write(txn: Transaction) -> None:
            try:
                txn.execute(
                    "UPDATE local_account SET address = ?2, password_hash = ?3, full_name = ?4, state = ?5,"
                    " forward_to = ?6, keep_copy = ?7, quota_octets = ?8, pop_allowed = ?9, imap_allowed = ?10,"
                    " administrator = ?11, key = ?12, local_part = ?13 WHERE id = ?1",
                    _row(account),
                )
            except apsw.ConstraintError:
                raise AlreadyExists(f"there is an account {account.address} already") from None
            if not txn.changedRows:
                raise NoSuchAccount(f"no account {account.accountId}")
            txn.afterCommit(self._byAddress.forget)

        return self._database.write(write)

    def removeAccount(self, accountId: str) -> Deferred[None]:
        """
        See L{ILocalAccounts.removeAccount}.

        @raise NoSuchAccount: (in the Deferred).
        """

        def write(txn: Transaction) -> None:
            txn.execute("DELETE FROM local_account WHERE id = ?", (accountId,))
            if not txn.changedRows:
                raise NoSuchAccount(f"no account {accountId}")
            txn.afterCommit(self._byAddress.forget)

        return self._database.write(write)
