# -*- test-case-name: tests.unit.protocols.imap.test_namespaces -*-
"""
Which groups of the directory somebody is in, as far as access lists name them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from osxmail.errors import DirectoryAway, ParseError
from osxmail.mail.address import Address
from osxmail.mail.record import Group, Record
from osxmail.mail.rights import GROUP, AccessEntry, groupsIn


class IWhoIsWho(Protocol):
    """
    What is asked of the L{osxmail.interfaces.IDirectory}.
    """

    def recordWithAddress(self, address: Address) -> Deferred[Record | None]: ...
    def recordWithLogin(self, login: str) -> Deferred[Record | None]: ...
    def groupWithAddress(self, address: Address) -> Deferred[Group | None]: ...


@frozen
class Groups:
    """
    @ivar certain: identifiers of groups that somebody is in.
    @ivar unknown: those of which the directory cannot say it now.
    """

    certain: frozenset[str]
    unknown: frozenset[str]


class Memberships:
    """
    Asks the directory, which remembers its answers for a while.  Without one there are no groups.
    """

    log = Logger(namespace="osxmail.protocols")

    def __init__(self, directory: IWhoIsWho | None) -> None:
        self._directory = directory

    async def among(self, access: Iterable[AccessEntry], keys: Collection[str]) -> frozenset[str]:
        """
        The groups in this list that somebody with these addresses is in.

        @param keys: the keys of all the person's addresses.
        @raise DirectoryAway:
        """
        return frozenset([group for group in groupsIn(access) if await self._isIn(group, keys)])

    async def all(self, groups: Iterable[str], keys: Collection[str]) -> Groups:
        """
        Of these groups, those that somebody is in; none of them is an error.
        """
        certain, unknown = set(), set()
        for group in groups:
            try:
                if await self._isIn(group, keys):
                    certain.add(group)
            except DirectoryAway:
                unknown.add(group)
        if unknown:
            self.log.warn("{event}", event="directory.groups_unknown", groups=len(unknown))
        return Groups(frozenset(certain), frozenset(unknown))

    async def _isIn(self, group: str, keys: Collection[str]) -> bool:
        if self._directory is None:
            return False
        try:
            found = await self._directory.groupWithAddress(Address.parse(group.removeprefix(GROUP)))
        except ParseError:
            return False
        return found is not None and any(member.key in keys for member in found.members)

    async def identifierOf(self, text: str) -> str | None:
        """
        The identifier of a person or a group that a client names: an address, a short name as at the login, or
        L{GROUP} and a group's address.

        @return: C{None} if there is nobody of that name.
        @raise DirectoryAway:
        """
        if text.startswith(GROUP):
            return await self._groupOf(text.removeprefix(GROUP))
        if self._directory is None:
            try:
                return Address.parse(text).key
            except ParseError:
                return None
        record: Record | None
        try:
            record = await self._directory.recordWithAddress(Address.parse(text))
        except ParseError:
            record = await self._directory.recordWithLogin(text)
        return None if record is None else record.address.key

    async def _groupOf(self, text: str) -> str | None:
        try:
            address = Address.parse(text)
        except ParseError:
            return None
        if self._directory is not None and await self._directory.groupWithAddress(address) is None:
            return None
        return GROUP + address.key
