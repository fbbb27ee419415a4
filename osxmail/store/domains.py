# -*- test-case-name: tests.unit.store.test_domains -*-
"""
Our domains and aliases.
"""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from osxmail.errors import AlreadyExists, NotFound
from osxmail.interfaces import IDomains
from osxmail.mail.acceptance import Alias, Domain
from osxmail.mail.address import Address
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.listing import listTable
from osxmail.store.remembered import Remembered


def _domain(name: str, catchAll: str | None) -> Domain:
    return Domain(name, None if catchAll is None else Address.parse(catchAll))


def _alias(address: str, targets: str) -> Alias:
    return Alias(Address.parse(address), tuple(Address.parse(target) for target in json.loads(targets)))


@implementer(IDomains)
class Domains:
    """
    See L{IDomains}.  Names of domains are as L{osxmail.mail.address.normalizeDomain} gives them.
    """

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        self._database = database
        self._domains: Remembered[Domain | None] = Remembered(clock)
        self._aliases: Remembered[Alias | None] = Remembered(clock)

    # --------------------------------------------------------------------------------------------- domains

    def domain(self, name: str) -> Deferred[Domain | None]:
        """
        See L{IDomains.domain}.
        """

        def read(txn: Transaction) -> Domain | None:
            row = txn.execute("SELECT name, catch_all FROM domain WHERE name = ?", (name,)).fetchone()
            return None if row is None else _domain(*row)

        return self._domains.ask(name, lambda: self._database.read(read, isSingle=True))

    def listDomains(self) -> Deferred[tuple[Domain, ...]]:
        """
        See L{IDomains.listDomains}.  Ordered by name.
        """
        return Deferred.fromCoroutine(listTable(self._database, "domain", "name, catch_all", "name", _domain))

    def addDomain(self, domain: Domain) -> Deferred[None]:
        """
        See L{IDomains.addDomain}.

        @raise AlreadyExists: (in the Deferred).
        """

        def write(txn: Transaction) -> None:
            txn.execute("INSERT OR IGNORE INTO domain (name, catch_all) VALUES (?, ?)", _domainRow(domain))
            if not txn.changedRows:
                raise AlreadyExists(f"the domain {domain.name} is one of ours already")
            txn.afterCommit(self._domains.forget)

        return self._database.write(write)

    def updateDomain(self, domain: Domain) -> Deferred[None]:
        """
        See L{IDomains.updateDomain}.

        @raise NotFound: (in the Deferred).
        """

        def write(txn: Transaction) -> None:
            txn.execute("UPDATE domain SET catch_all = ?2 WHERE name = ?1", _domainRow(domain))
            if not txn.changedRows:
                raise NotFound(f"the domain {domain.name} is none of ours")
            txn.afterCommit(self._domains.forget)

        return self._database.write(write)

    def removeDomain(self, name: str) -> Deferred[None]:
        """
        See L{IDomains.removeDomain}.  Its aliases and accounts stay, and count again when it comes back.

        @raise NotFound: (in the Deferred).
        """

        def write(txn: Transaction) -> None:
            txn.execute("DELETE FROM domain WHERE name = ?", (name,))
            if not txn.changedRows:
                raise NotFound(f"the domain {name} is none of ours")
            txn.afterCommit(self._domains.forget)

        return self._database.write(write)

    # --------------------------------------------------------------------------------------------- aliases

    def alias(self, address: Address) -> Deferred[Alias | None]:
        """
        See L{IDomains.alias}.
        """

        def read(txn: Transaction) -> Alias | None:
            row = txn.execute("SELECT address, targets FROM alias WHERE key = ?", (address.key,)).fetchone()
            return None if row is None else _alias(*row)

        return self._aliases.ask(address.key, lambda: self._database.read(read, isSingle=True))

    def listAliases(self) -> Deferred[tuple[Alias, ...]]:
        """
        See L{IDomains.listAliases}.  Ordered by address.
        """
        return Deferred.fromCoroutine(listTable(self._database, "alias", "address, targets", "key", _alias))

    def addAlias(self, alias: Alias) -> Deferred[None]:
        """
        See L{IDomains.addAlias}.

        @raise AlreadyExists: (in the Deferred).
        """
        targets = json.dumps([str(target) for target in alias.targets])

        def write(txn: Transaction) -> None:
            txn.execute(
                "INSERT OR IGNORE INTO alias (key, address, targets) VALUES (?, ?, ?)",
                (alias.address.key, str(alias.address), targets),
            )
            if not txn.changedRows:
                raise AlreadyExists(f"{alias.address} is an alias already")
            txn.afterCommit(self._aliases.forget)

        return self._database.write(write)

    def removeAlias(self, address: Address) -> Deferred[None]:
        """
        See L{IDomains.removeAlias}.

        @raise NotFound: (in the Deferred).
        """

        def write(txn: Transaction) -> None:
            txn.execute("DELETE FROM alias WHERE key = ?", (address.key,))
            if not txn.changedRows:
                raise NotFound(f"{address} is no alias")
            txn.afterCommit(self._aliases.forget)

        return self._database.write(write)


def _domainRow(domain: Domain) -> tuple[str, str | None]:
    return (domain.name, None if domain.catchAll is None else str(domain.catchAll))
