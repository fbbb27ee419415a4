"""
Domains and aliases in memory.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from osxmail.errors import AlreadyExists, NotFound, StoreAway
from osxmail.interfaces import IDomains
from osxmail.mail.acceptance import Alias, Domain
from osxmail.mail.address import Address


@implementer(IDomains)
class FakeDomains:
    """
    @ivar isAway: every question fails with L{StoreAway}.
    """

    def __init__(self, *names: str) -> None:
        self.isAway = False
        self._domains = {name: Domain(name) for name in names}
        self._aliases: dict[Address, Alias] = {}

    def catchAll(self, name: str, address: str) -> None:
        self._domains[name] = Domain(name, Address.parse(address))

    def lead(self, address: str, *targets: str) -> None:
        alias = Alias(Address.parse(address), tuple(map(Address.parse, targets)))
        self._aliases[alias.address] = alias

    def domain(self, name: str) -> Deferred[Domain | None]:
        return self._answer(self._domains.get(name))

    def listDomains(self) -> Deferred[tuple[Domain, ...]]:
        return self._answer(tuple(sorted(self._domains.values(), key=lambda d: d.name)))

    def addDomain(self, domain: Domain) -> Deferred[None]:
        if domain.name in self._domains:
            return fail(AlreadyExists(domain.name))
        self._domains[domain.name] = domain
        return self._answer(None)

    def updateDomain(self, domain: Domain) -> Deferred[None]:
        if domain.name not in self._domains:
            return fail(NotFound(domain.name))
        self._domains[domain.name] = domain
        return self._answer(None)

    def removeDomain(self, name: str) -> Deferred[None]:
        return self._answer(None) if self._domains.pop(name, None) else fail(NotFound(name))

    def alias(self, address: Address) -> Deferred[Alias | None]:
        return self._answer(self._aliases.get(address))

    def listAliases(self) -> Deferred[tuple[Alias, ...]]:
        return self._answer(tuple(sorted(self._aliases.values(), key=lambda a: a.address)))

    def addAlias(self, alias: Alias) -> Deferred[None]:
        if alias.address in self._aliases:
            return fail(AlreadyExists(str(alias.address)))
        self._aliases[alias.address] = alias
        return self._answer(None)

    def removeAlias(self, address: Address) -> Deferred[None]:
        return self._answer(None) if self._aliases.pop(address, None) else fail(NotFound(str(address)))

    def _answer(self, value):
        return fail(StoreAway("the fake store is away")) if self.isAway else succeed(value)
