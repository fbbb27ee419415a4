# -*- test-case-name: tests.integration.test_ldapgroups -*-
"""
Who is in a group of an LDAP directory: members by DN, by short name, by identifier and by address, and nested groups.
"""

from __future__ import annotations

from collections.abc import Sequence

from ldap3 import SUBTREE

from osxmail.directory.ldapconnections import LDAPConnections
from osxmail.directory.ldapfilter import Entry
from osxmail.directory.schemas import Reader
from osxmail.errors import ParseError
from osxmail.mail.address import Address

MAX_MEMBERS = 2000  # in all, nested groups included; larger ones are for mailing lists
MAX_DEPTH = 8
BATCH = 50  # members that are looked up with one question


class Expansion:
    """
    The members of one group, nested ones included.  Each member is followed once: a loop ends where it began.

    @ivar members: addresses, each once, in the order of the directory.
    """

    def __init__(self, reader: Reader, searches: LDAPConnections, usersBase: str, groupsBase: str) -> None:
        self.members: dict[Address, None] = {}
        self._reader = reader
        self._searches = searches
        self._usersBase = usersBase
        self._groupsBase = groupsBase
        self._seen: set[tuple[str, str]] = set()
        self._unknown = 0

    @property
    def evidence(self) -> tuple[tuple[str, str], ...]:
        """
        What a group's C{source} says besides.
        """
        return (("members without an address here", str(self._unknown)),) if self._unknown else ()

    async def add(self, group: Entry, depth: int = 0) -> None:
        """
        Add the members of this group.

        @raise ParseError: it is too large or too deep: mail for a part of it would be a lie to the rest.
        @raise osxmail.errors.DirectoryAway: see L{LDAPConnections.search}.
        """
        if depth >= MAX_DEPTH:
            raise ParseError(f"groups are nested deeper than {MAX_DEPTH}")
        for text in self._fresh(group, "member_address"):
            self._member(self._reader.memberAddress(text))
        for part in _batches(self._fresh(group, "member_uid")):
            await self._people(self._reader.peopleWithLogins(part), part, "login")
        for part in _batches(self._fresh(group, "member_id")):
            await self._people(self._reader.peopleWithIds(part), part, "account_id")
        for part in _batches(self._fresh(group, "member_dn")):
            for entry in await self._searches.read(part, "(objectClass=*)", self._reader.memberAttributes):
                if entry is not None and self._reader.isGroup(entry):
                    await self.add(entry, depth + 1)
                else:
                    self._person(entry)
        for part in _batches(self._fresh(group, "nested_id")):
            found = await self._searches.search(
                self._groupsBase,
                SUBTREE,
                self._reader.groupsWithIds(part),
                self._reader.groupAttributes,
                2 * BATCH,
            )
            self._unknown += max(0, len(part) - len(found.entries))
            for entry in found.entries:
                await self.add(entry, depth + 1)

    def _fresh(self, group: Entry, key: str) -> list[str]:
        # Members that were not looked up yet.
        names = self._reader.schema.attributes.get(key, ())
        if sum(len(group.attributes.get(name.lower(), ())) for name in names) > MAX_MEMBERS:
            raise ParseError(f"the group has more than {MAX_MEMBERS} members")
        fresh: list[str] = []
        for text in self._reader.texts(group, key):
            if text.strip() and (key, text.lower()) not in self._seen:
                self._seen.add((key, text.lower()))
                fresh.append(text)
        if len(self._seen) > 2 * MAX_MEMBERS:
            raise ParseError(f"the group has more than {MAX_MEMBERS} members")
        return fresh

    async def _people(self, filter: str, names: Sequence[str], key: str) -> None:
        found = await self._searches.search(
            self._usersBase, SUBTREE, filter, self._reader.memberAttributes, 2 * BATCH
        )  # fmt: skip
        byName: dict[str, Entry] = {}
        for entry in found.entries:
            for text in self._reader.texts(entry, key):
                byName.setdefault(text.lower(), entry)
        for name in names:
            self._person(byName.get(name.lower()))

    def _person(self, entry: Entry | None) -> None:
        addresses = self._reader.addresses(entry) if entry is not None else ()
        self._member(addresses[0] if addresses else None)

    def _member(self, address: Address | None) -> None:
        if address is None:
            self._unknown += 1
            return
        self.members[address] = None
        if len(self.members) > MAX_MEMBERS:
            raise ParseError(f"the group has more than {MAX_MEMBERS} members")


def _batches(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[n : n + BATCH] for n in range(0, len(items), BATCH)]
