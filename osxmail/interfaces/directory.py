# -*- test-case-name: tests.contracts -*-
"""
Who lives here, and what administrators keep of it: accounts, domains, settings.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface

from osxmail.mail.acceptance import Alias, Domain, LocalAccount
from osxmail.mail.address import Address
from osxmail.mail.record import Group, Record

# mypy: disable-error-code="empty-body"


class IDirectory(Interface):
    """
    Who lives here.  Raises L{osxmail.errors.DirectoryAway} (in the Deferred) when it cannot say.
    """

    def recordWithAddress(address: Address) -> Deferred[Record | None]:
        """
        The person with this address (case and C{+detail} do not matter to the caller: the router has taken
        detail off where the address with it is unknown).
        """

    def recordWithLogin(login: str) -> Deferred[Record | None]:
        """
        The person who logs in by this name: an address, or a short name where only one domain has it.
        """

    def verifyPassword(record: Record, password: str) -> Deferred[bool]:
        """
        Is it this person's password?  Never cached, never logged, in constant time where it is compared here.
        """

    def groupWithAddress(address: Address) -> Deferred[Group | None]:
        """
        The group with this address.
        """


class ILocalAccounts(Interface):
    """
    The accounts of our own directory.
    """

    def accountWithAddress(address: Address) -> Deferred[LocalAccount | None]: ...

    def accountsWithLocalPart(local: str) -> Deferred[tuple[LocalAccount, ...]]:
        """
        At most two: enough to know whether a short name is unambiguous.
        """

    def listAccounts() -> Deferred[tuple[LocalAccount, ...]]: ...

    def addAccount(account: LocalAccount) -> Deferred[None]:
        """
        @raise osxmail.errors.AlreadyExists:
        """

    def updateAccount(account: LocalAccount) -> Deferred[None]:
        """
        @raise osxmail.errors.NoSuchAccount:
        """

    def removeAccount(accountId: str) -> Deferred[None]:
        """
        @raise osxmail.errors.NoSuchAccount:
        """


class IDomains(Interface):
    """
    Our domains and aliases.  To add what is there is L{osxmail.errors.AlreadyExists}; to change or remove what is
    not, L{osxmail.errors.NotFound}.
    """

    def domain(name: str) -> Deferred[Domain | None]: ...
    def listDomains() -> Deferred[tuple[Domain, ...]]: ...
    def addDomain(domain: Domain) -> Deferred[None]: ...
    def updateDomain(domain: Domain) -> Deferred[None]: ...
    def removeDomain(name: str) -> Deferred[None]: ...
    def alias(address: Address) -> Deferred[Alias | None]: ...
    def listAliases() -> Deferred[tuple[Alias, ...]]: ...
    def addAlias(alias: Alias) -> Deferred[None]: ...
    def removeAlias(address: Address) -> Deferred[None]: ...


class ISettingRows(Interface):
    """
    The rows of the setting table: text by key, and who changed what when.
    """

    def settings() -> Deferred[dict[str, str]]: ...

    def setSetting(key: str, value: str | None, who: str) -> Deferred[None]:
        """
        @param value: C{None} goes back to the default.
        """
