# -*- test-case-name: tests.unit.app.test_directories -*-
"""
The directories of the configuration, as one that can be replaced while the service runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredList
from zope.interface import implementer

from osxmail.directory.aggregate import AggregateDirectory
from osxmail.directory.cache import CachedDirectory
from osxmail.directory.decoy import IDecoy
from osxmail.directory.ldap import LDAPDirectory
from osxmail.directory.ldapconfiguration import LDAPConfiguration
from osxmail.directory.local import LocalDirectory
from osxmail.interfaces import IDirectory
from osxmail.mail.address import Address
from osxmail.mail.record import Group, Record

#: How long an answer of the local directory is used again.  The command forgets it at each change.
LOCAL_CACHE_SECONDS = 30.0


@frozen
class _Set:
    configurations: tuple[LDAPConfiguration | None, ...]
    whole: AggregateDirectory
    caches: tuple[CachedDirectory, ...]
    ldap: tuple[LDAPDirectory, ...]


@implementer(IDirectory, IDecoy)
class Directories:
    """
    Whatever directories count just now.
    """

    def __init__(self, local: LocalDirectory, configurations: Sequence[LDAPConfiguration | None]) -> None:
        self._local = local
        self._current = self._build(configurations)

    def _build(self, configurations: Sequence[LDAPConfiguration | None]) -> _Set:
        ldap, caches = [], []
        for configuration in configurations:
            if configuration is None:
                caches.append(CachedDirectory(self._local, LOCAL_CACHE_SECONDS))
            else:
                directory = LDAPDirectory(configuration)
                ldap.append(directory)
                caches.append(CachedDirectory(directory, configuration.cacheSeconds))
        return _Set(tuple(configurations), AggregateDirectory(caches), tuple(caches), tuple(ldap))

    def start(self) -> None:
        """
        Accept questions.
        """
        for directory in self._current.ldap:
            directory.start()

    def stop(self) -> Deferred[None]:
        """
        Fires when every connection is closed.
        """
        return DeferredList([directory.stop() for directory in self._current.ldap]).addCallback(lambda _: None)

    def replace(self, configurations: Sequence[LDAPConfiguration | None]) -> bool:
        """
        Go over to other directories; questions that are out are still answered by the old.

        @return: there was something to change.
        """
        if tuple(configurations) == self._current.configurations:
            self.forget()
            return False
        old, self._current = self._current, self._build(configurations)
        self.start()
        for directory in old.ldap:
            directory.stop()
        return True

    def away(self) -> list[tuple[str, str]]:
        """
        Those that do not answer: name and reason.
        """
        return [(directory.name, directory.whyAway) for directory in self._current.ldap if directory.whyAway]

    def forget(self) -> None:
        """
        Ask again for everything: somebody has changed an account.
        """
        for cache in self._current.caches:
            cache.forget()

    def recordWithAddress(self, address: Address) -> Deferred[Record | None]:
        return self._current.whole.recordWithAddress(address)

    def recordWithLogin(self, login: str) -> Deferred[Record | None]:
        return self._current.whole.recordWithLogin(login)

    def verifyPassword(self, record: Record, password: str) -> Deferred[bool]:
        return self._current.whole.verifyPassword(record, password)

    def groupWithAddress(self, address: Address) -> Deferred[Group | None]:
        return self._current.whole.groupWithAddress(address)

    def spendTime(self, password: str) -> Deferred[None]:
        return self._current.whole.spendTime(password)
