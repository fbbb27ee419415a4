"""
The accounts of our own directory, in memory.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from osxmail.errors import AlreadyExists, NoSuchAccount, StoreAway
from osxmail.interfaces import ILocalAccounts
from osxmail.mail.acceptance import LocalAccount
from osxmail.mail.address import Address, canonicalLocal


@implementer(ILocalAccounts)
class FakeAccounts:
    """
    @ivar isAway: everything fails with L{StoreAway}.
    """

    def __init__(self) -> None:
        self.isAway = False
        self._accounts: dict[str, LocalAccount] = {}

    def accountWithAddress(self, address: Address) -> Deferred[LocalAccount | None]:
        return self._answer(next((a for a in self._accounts.values() if a.address == address), None))

    def accountsWithLocalPart(self, local: str) -> Deferred[tuple[LocalAccount, ...]]:
        found = [a for a in self._accounts.values() if canonicalLocal(a.address.local) == canonicalLocal(local)]
        return self._answer(tuple(found[:2]))

    def listAccounts(self) -> Deferred[tuple[LocalAccount, ...]]:
        return self._answer(tuple(sorted(self._accounts.values(), key=lambda a: a.address)))

    def addAccount(self, account: LocalAccount) -> Deferred[None]:
        if any(a.address == account.address or a.accountId == account.accountId for a in self._accounts.values()):
            return fail(AlreadyExists(str(account.address)))
        self._accounts[account.accountId] = account
        return self._answer(None)

    def updateAccount(self, account: LocalAccount) -> Deferred[None]:
        if account.accountId not in self._accounts:
            return fail(NoSuchAccount(account.accountId))
        if any(a.address == account.address and a.accountId != account.accountId for a in self._accounts.values()):
            return fail(AlreadyExists(str(account.address)))
        self._accounts[account.accountId] = account
        return self._answer(None)

    def removeAccount(self, accountId: str) -> Deferred[None]:
        if self._accounts.pop(accountId, None) is None:
            return fail(NoSuchAccount(accountId))
        return self._answer(None)

    def _answer(self, answer):
        return fail(StoreAway("the fake store is away")) if self.isAway else succeed(answer)
