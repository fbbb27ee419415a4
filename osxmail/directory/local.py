# -*- test-case-name: tests.unit.directory.test_local -*-
"""
The directory that osxmail keeps itself, over the accounts of the store.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import implementer

from osxmail.directory.decoy import IDecoy
from osxmail.directory.passwords import Passwords
from osxmail.errors import MailError, ParseError
from osxmail.interfaces import IDirectory, ILocalAccounts
from osxmail.mail.acceptance import LocalAccount
from osxmail.mail.address import MAX_PATH_OCTETS, Address
from osxmail.mail.record import AccountState, Group, Record


def localRecord(account: LocalAccount) -> Record:
    """
    An account of ours as a directory's record.
    """
    return Record(
        accountId=account.accountId,
        login=account.address.local,
        address=account.address,
        addresses=frozenset({account.address}),
        fullName=account.fullName,
        state=AccountState(account.state),
        forwardTo=account.forwardTo,
        keepCopy=account.keepCopy,
        quotaOctets=account.quotaOctets,
        popAllowed=account.popAllowed,
        imapAllowed=account.imapAllowed,
        administrator=account.administrator,
        source=(("directory", "local"), ("account", account.accountId)),
    )


@implementer(IDirectory, IDecoy)
class LocalDirectory:
    """
    Our own accounts.  Groups it has none: aliases and lists are kept elsewhere.
    """

    log = Logger(namespace="osxmail.directory")

    def __init__(self, accounts: ILocalAccounts, passwords: Passwords) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._rehashing: set[str] = set()

    def recordWithAddress(self, address: Address) -> Deferred[Record | None]:
        return Deferred.fromCoroutine(self._recordWithAddress(address))

    async def _recordWithAddress(self, address: Address) -> Record | None:
        account = await self._accounts.accountWithAddress(address)
        return None if account is None else localRecord(account)

    def recordWithLogin(self, login: str) -> Deferred[Record | None]:
        return Deferred.fromCoroutine(self._recordWithLogin(login))

    async def _recordWithLogin(self, login: str) -> Record | None:
        if not login or len(login) > MAX_PATH_OCTETS:
            return None
        if "@" in login:
            try:
                return await self._recordWithAddress(Address.parse(login))
            except ParseError:
                return None
        found = await self._accounts.accountsWithLocalPart(login)
        return localRecord(found[0]) if len(found) == 1 else None

    def verifyPassword(self, record: Record, password: str) -> Deferred[bool]:
        return Deferred.fromCoroutine(self._verifyPassword(record, password))

    async def _verifyPassword(self, record: Record, password: str) -> bool:
        account = await self._accounts.accountWithAddress(record.address)
        if account is None or account.accountId != record.accountId or not account.passwordHash:
            await self._passwords.spendTime(password)
            return False
        right = await self._passwords.verify(account.passwordHash, password)
        if right and self._passwords.isCheaper(account.passwordHash):
            self._rehash(account, password)
        return right

    def groupWithAddress(self, address: Address) -> Deferred[Group | None]:
        return succeed(None)

    def spendTime(self, password: str) -> Deferred[None]:
        return self._passwords.spendTime(password)

    def _rehash(self, account: LocalAccount, password: str) -> None:
        # The login does not wait for it, and never fails by it.
        if account.accountId in self._rehashing:
            return
        self._rehashing.add(account.accountId)
        done = Deferred.fromCoroutine(self._replaceHash(account, password))
        done.addErrback(lambda failure: self.log.failure("{event}", failure, event="password.rehash_failed"))
        done.addBoth(lambda result: self._rehashing.discard(account.accountId))

    async def _replaceHash(self, account: LocalAccount, password: str) -> None:
        try:
            passwordHash = await self._passwords.hash(password)
            # The account as it is now: it may have been changed while the hash was made.
            now = await self._accounts.accountWithAddress(account.address)
            if now is not None and now.passwordHash == account.passwordHash:
                await self._accounts.updateAccount(evolve(now, passwordHash=passwordHash))
                self.log.info("{event}", event="password.rehashed", account=account.accountId)
        except MailError as error:
            # The old hash stays good; the next login tries again.
            self.log.warn(
                "{event}", event="password.rehash_postponed", account=account.accountId, reason=type(error).__name__
            )
