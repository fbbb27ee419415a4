# -*- test-case-name: tests.integration.test_ldap -*-
"""
A directory that is asked by LDAP (RFC 4511): searches with a service login, passwords by a bind of their own.

Referrals and continuation references are never followed: what another server holds does not live here, and a password
never goes to a server that the configuration does not name.  Aliases are not dereferenced.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from ldap3 import SUBTREE
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger
from zope.interface import implementer

from osxmail.directory.backoff import Backoff
from osxmail.directory.decoy import IDecoy
from osxmail.directory.ldapconfiguration import LDAPConfiguration
from osxmail.directory.ldapconnections import Found, LDAPConnections
from osxmail.directory.ldapfilter import Entry
from osxmail.directory.ldapgroups import Expansion
from osxmail.directory.passwords import MAX_PASSWORD_OCTETS, preparePassword
from osxmail.directory.schemas import Reader, sameName
from osxmail.errors import ConfigurationError, DirectoryAway, ParseError
from osxmail.interfaces import IDirectory
from osxmail.mail.address import MAX_PATH_OCTETS, Address
from osxmail.mail.record import Group, Record

__all__ = ["LDAPConfiguration", "LDAPDirectory"]

MAX_CANDIDATES = 10  # entries for one name: one is right, several are an administrator's mistake


@implementer(IDirectory, IDecoy)
class LDAPDirectory:
    """
    One LDAP directory.

    A search names a person, the person's DN and password in a bind say whether it is them; the two use connections of
    their own, so that a bind never takes the service's rights away.

    @ivar name: what records, events and people call it: its URL.
    """

    log = Logger(namespace="osxmail.directory")

    def __init__(self, configuration: LDAPConfiguration, reactor: Any = None) -> None:
        """
        @param reactor: an L{twisted.internet.interfaces.IReactorFromThreads} and C{IReactorTime}; the global one if it
            is C{None}.
        @raise ConfigurationError: see L{LDAPConfiguration.problems}.
        """
        if reactor is None:
            from twisted.internet import reactor
        problems = configuration.problems()
        if problems:
            raise ConfigurationError(problems)
        self.name = configuration.url
        self.configuration = configuration
        schema = configuration.effectiveSchema()
        self._reader = Reader(schema, configuration.domains, self.name)
        self._usersBase = schema.base("users_base", configuration.base)
        self._groupsBase = schema.base("groups_base", configuration.base)
        self._backoff = backoff = Backoff(
            self.name, configuration.backoffFirstSeconds, configuration.backoffMostSeconds, reactor
        )
        self._searches = LDAPConnections("ldap-search", configuration, backoff, True, reactor)
        self._logins = LDAPConnections("ldap-login", configuration, backoff, False, reactor)

    @property
    def whyAway(self) -> str:
        """
        Why it does not answer, as far as is known; C{""}: it does.
        """
        return self._backoff.reason if self._backoff.isAway else ""

    def start(self) -> None:
        """
        Accept questions.  Nothing is connected before the first one.
        """
        if self.configuration.sendsCleartext:
            self.log.warn("{event}", event="directory.cleartext", directory=self.name)
        self._searches.start()
        self._logins.start()

    def stop(self) -> Deferred[None]:
        """
        Fires when every thread is idle and every connection closed; questions that are open fail.
        """
        return DeferredList([self._searches.stop(), self._logins.stop()]).addCallback(lambda _: None)

    def recordWithAddress(self, address: Address) -> Deferred[Record | None]:
        return Deferred.fromCoroutine(
            self._person(
                self._reader.personWithAddress(address),
                lambda entry: address in self._reader.addresses(entry),
                str(address),
            )
        )

    def recordWithLogin(self, login: str) -> Deferred[Record | None]:
        if not _isAskable(login):
            return succeed(None)
        return Deferred.fromCoroutine(self._recordWithLogin(login))

    async def _recordWithLogin(self, login: str) -> Record | None:
        address: Address | None = None
        try:
            address = Address.parse(login)
        except ParseError:
            pass

        def matches(entry: Entry) -> bool:
            if address is not None and address in self._reader.addresses(entry):
                return True
            return any(sameName(login, found) for found in self._reader.logins(entry))

        # A short name that two people have names nobody; an address that two people have is a fault to be told.
        return await self._person(
            self._reader.personWithLogin(login), matches, login if "@" in login else "", isName="@" not in login
        )

    async def _person(
        self, filter: str, matches: Callable[[Entry], bool], asked: str, isName: bool = False
    ) -> Record | None:
        found: Found = await self._searches.search(
            self._usersBase, SUBTREE, filter, self._reader.personAttributes, MAX_CANDIDATES
        )
        # The server compares more loosely than we do: it ignores spaces, and folds more than case.
        entries = [entry for entry in found.entries if matches(entry)]
        if not entries and found.isComplete:
            return None
        if len(entries) != 1 or not found.isComplete:
            if isName:
                return None
            self.log.error(
                "{event}", event="directory.ambiguous", directory=self.name, address=asked,
                dns=tuple(entry.dn for entry in entries),
            )  # fmt: skip
            raise DirectoryAway(f"several entries have the address {asked}")
        return self._read(entries[0])

    def _read(self, entry: Entry) -> Record | None:
        try:
            return self._reader.record(entry)
        except ParseError as error:
            self.log.error("{event}", event="directory.unreadable", directory=self.name, dn=entry.dn, reason=str(error))
            raise DirectoryAway(f"the entry {entry.dn} cannot be read: {error}") from None

    def verifyPassword(self, record: Record, password: str) -> Deferred[bool]:
        source = dict(record.source)
        dn = source.get("dn", "")
        octets = _octets(password)
        # A record of another directory: its password is not for our servers, nor its DN ours.
        if (
            source.get("directory") != self.name
            or not dn.strip()
            or not 0 < octets <= MAX_PASSWORD_OCTETS
            or "\0" in password
        ):
            return succeed(False)
        return self._logins.verify(dn, preparePassword(password))

    def spendTime(self, password: str) -> Deferred[None]:
        """
        A bind as somebody who does not exist.  Never as somebody who does: a directory may lock after wrong passwords.
        """
        if not 0 < _octets(password) <= MAX_PASSWORD_OCTETS or "\0" in password:
            return succeed(None)
        nobody = f"uid=nobody-{secrets.token_hex(8)},{self._usersBase}"
        return self._logins.verify(nobody, preparePassword(password)).addCallback(lambda _: None)

    def groupWithAddress(self, address: Address) -> Deferred[Group | None]:
        return Deferred.fromCoroutine(self._groupWithAddress(address))

    async def _groupWithAddress(self, address: Address) -> Group | None:
        found = await self._searches.search(
            self._groupsBase,
            SUBTREE,
            self._reader.groupWithAddress(address),
            self._reader.groupAttributes,
            MAX_CANDIDATES,
        )
        entries = [entry for entry in found.entries if address in self._reader.groupAddresses(entry)]
        if not entries and found.isComplete:
            return None
        if len(entries) != 1 or not found.isComplete:
            dns = tuple(entry.dn for entry in entries)
            self.log.error("{event}", event="directory.ambiguous", directory=self.name, address=str(address), dns=dns)
            raise DirectoryAway(f"several groups have the address {address}")
        expansion = Expansion(self._reader, self._searches, self._usersBase, self._groupsBase)
        try:
            await expansion.add(entries[0])
        except ParseError as error:
            self.log.error(
                "{event}", event="directory.unreadable", directory=self.name, dn=entries[0].dn, reason=str(error)
            )
            raise DirectoryAway(f"the group {entries[0].dn} cannot be read: {error}") from None
        source = (("directory", self.name), ("dn", entries[0].dn), *expansion.evidence)
        return Group(address, tuple(expansion.members), source)


def _octets(text: str) -> int:
    # Long ones are not encoded to be counted; what is no Unicode text has no length that would do.
    if len(text) > MAX_PASSWORD_OCTETS:
        return len(text)
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return 0


def _isAskable(login: str) -> bool:
    if not login or len(login) > MAX_PATH_OCTETS:
        return False
    return login.isprintable()  # which no lone surrogate is, nor a control character
