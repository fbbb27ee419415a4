# -*- test-case-name: tests.unit.protocols.imap.test_namespaces -*-
"""
Whose mailbox a name means, and what the session may do with it (RFC 2342, RFC 4314).

=============================  ==================================================================
C{Work/Plans}                  one's own
C{Other Users/ADDRESS/Work}    somebody else's, of whom a right was given, or any for administrators
C{Shared/News}                 nobody's
=============================  ==================================================================

A mailbox that the session may not know of is answered as one that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from attrs import evolve, frozen

from osxmail.errors import NoSuchMailbox, NotAllowed, ParseError
from osxmail.interfaces import IAccount, IMailbox, IMailStore, ISettings
from osxmail.mail.acceptance import MailboxStatus
from osxmail.mail.address import Address
from osxmail.mail.mailboxname import DELIMITER, parents
from osxmail.mail.record import Record
from osxmail.mail.rights import ALL_RIGHTS, ANYONE, GROUP, NEGATIVE, AccessEntry, ownersRights, rightsOf
from osxmail.protocols.imap.memberships import Memberships

#: Before the address of somebody else.
OTHERS = "Other Users/"
#: Before the name of a mailbox that is nobody's.
SHARED = "Shared/"
#: For how long rights in a selected mailbox are good when no list was changed in this process: another one may have
#: changed it, or the directory a group.
RIGHTS_LIFE_SECONDS = 5.0
#: Accounts that an administrator's LIST reads at once.
ACCOUNTS_AT_ONCE = 200


@frozen
class Place:
    """
    A mailbox, as a session reaches it.

    @ivar name: what the session calls it.
    @ivar account: whose it is.
    @ivar nameThere: what it is called in that account.
    @ivar rights: what the session may do with it (RFC 4314 2.1).
    @ivar version: the store's C{accessVersion} when the rights were read.
    @ivar readSeconds: when that was.
    """

    name: str
    account: IAccount
    nameThere: str
    mailbox: IMailbox
    rights: frozenset[str]
    version: int = 0
    readSeconds: float = 0.0

    def need(self, rights: str) -> None:
        """
        @raise NotAllowed: one of these rights is missing.
        @raise NoSuchMailbox: so it is, and the session may not know of the mailbox.
        """
        if self.rights.issuperset(rights):
            return
        if "l" not in self.rights:
            # RFC 4314 6: the same answer as for one that does not exist.
            raise NoSuchMailbox(self.name)
        raise NotAllowed(f"that needs the rights {rights} in {self.name}")


class Seen(NamedTuple):
    """
    A mailbox in a list.  A tuple: ten thousand of them are made in one turn.

    @ivar name: what the session calls it.
    @ivar accountId: whose it is.
    @ivar status: its numbers; C{status.name} is what it is called in its account.
    @ivar rights: what the session may do with it.
    """

    name: str
    accountId: str
    status: MailboxStatus
    rights: frozenset[str]


def ownName(name: str) -> bool:
    """
    Does this name mean one of the session's own mailboxes?
    """
    return not f"{name}/".startswith((OTHERS, SHARED))


def canonicalName(name: str) -> str:
    """
    A name with the address in it as we write it; others are left alone.
    """
    if name.startswith(OTHERS):
        owner, slash, rest = name.removeprefix(OTHERS).partition(DELIMITER)
        try:
            return f"{OTHERS}{_levelOf(_ownerOf(owner))}{slash}{rest}"
        except ParseError:
            pass
    return name


def canonicalPattern(pattern: str) -> str:
    """
    A pattern of LIST with the address in it as we write it; where a wildcard stands in it, it is left alone.
    """
    owner = pattern.removeprefix(OTHERS).partition(DELIMITER)[0]
    return pattern if {"%", "*"} & set(owner) else canonicalName(pattern)


def nameOf(address: str, nameThere: str) -> str:
    """
    What others call a mailbox.

    @param address: the owner's; C{""} for nobody's.
    """
    return f"{OTHERS}{_levelOf(Address.parse(address))}/{nameThere}" if address else f"{SHARED}{nameThere}"


def _levelOf(address: Address) -> str:
    """
    An address as one level of a name: as its key, quoted where it has to be, and without the delimiter, which an
    address may hold.
    """
    local, _, domain = address.key.rpartition("@")
    return str(Address(local, domain)).replace("%", "%25").replace(DELIMITER, "%2F")


def _ownerOf(level: str) -> Address:
    """
    The address back from L{_levelOf}.

    @raise ParseError: it is none.
    """
    return Address.parse(re.sub("%2[Ff]", DELIMITER, level).replace("%25", "%"))


class Namespaces:
    """
    The mailboxes that one person reaches.
    """

    def __init__(
        self,
        account: IAccount,
        record: Record,
        store: IMailStore,
        memberships: Memberships,
        settings: ISettings,
        now: Callable[[], float],
    ) -> None:
        """
        @param record: who it is.
        @param now: a clock, in seconds.
        """
        self._account = account
        self._store = store
        self._settings = settings
        self._now = now
        self._memberships = memberships
        self._keys = frozenset(address.key for address in record.addresses)
        # An address may begin as the identifiers of groups and of what is denied do: nobody comes by their rights so.
        self._identifiers = frozenset(key for key in self._keys if not key.startswith((GROUP, NEGATIVE)))
        self._isDirectoryAdministrator = record.administrator
        self._target: Place | None = None

    @property
    def isAdministrator(self) -> bool:
        """
        Sees every mailbox, and may do everything with it: the directory says so, or C{imap.administrators}.
        """
        if self._isDirectoryAdministrator:
            return True
        return self.isOneOf(self._settings.words("imap.administrators"))

    def isOneOf(self, addresses: Sequence[str]) -> bool:
        """
        One of these addresses is one of who has logged in.
        """
        return bool(addresses) and not self._keys.isdisjoint(address.lower() for address in addresses)

    def isPerson(self, address: Address) -> bool:
        """
        It is an address of who has logged in.
        """
        return address.key in self._keys

    def isOwn(self, account: IAccount) -> bool:
        """
        It is the session's own.
        """
        return account.accountId == self._account.accountId

    # ------------------------------------------------------------------------------------------- one mailbox

    async def find(self, name: str, needs: str = "") -> Place:
        """
        The mailbox of this name.

        @param needs: rights that the caller has to have there.
        @raise NoSuchMailbox: there is none, or the session may not know of it.
        @raise NotAllowed:
        """
        account, nameThere = await self.whose(name)
        version = self._store.accessVersion
        mailbox, access = await account.find(nameThere)
        rights = await self._rightsIn(account, access)
        place = Place(name, account, nameThere, mailbox, rights, version, self._now())
        place.need(needs)
        return place

    async def whose(self, name: str) -> tuple[IAccount, str]:
        """
        The account that a name leads to, and what is left of the name there.

        @raise NoSuchMailbox: nobody has that address, or there is nothing left of the name.
        """
        if ownName(name):
            return self._account, name
        account: IAccount | None
        if name.startswith(SHARED):
            account, nameThere = await self._store.sharedAccount(), name.removeprefix(SHARED)
        else:
            owner, _, nameThere = name.removeprefix(OTHERS).partition(DELIMITER)
            try:
                account = await self._store.accountWithAddress(_ownerOf(owner))
            except ParseError:
                account = None
        if account is None or not nameThere:
            raise NoSuchMailbox(name)
        return account, nameThere

    async def parentOf(self, name: str) -> Place | None:
        """
        The nearest mailbox above this name that exists (RFC 4314 4); C{None} if there is none.

        @raise NoSuchMailbox: the name leads to nobody.
        """
        for above in reversed(parents(name)):
            if above in (OTHERS[:-1], SHARED[:-1]):
                return None
            try:
                return await self.find(above)
            except NoSuchMailbox:
                continue
        return None

    async def mayCreate(self, name: str) -> None:
        """
        May the session make a mailbox of this name?

        @raise NotAllowed:
        """
        parent = await self.parentOf(name)
        if parent is not None and "l" in parent.rights:
            parent.need("k")
        elif not ownName(name) and not self.isAdministrator and (parent is None or "k" not in parent.rights):
            raise NotAllowed(f"only administrators make {name}")

    async def _rightsIn(self, account: IAccount, access: tuple[AccessEntry, ...]) -> frozenset[str]:
        if self.isAdministrator:
            return ALL_RIGHTS
        if self.isOwn(account):
            return ownersRights(self._identifiers, access)
        return rightsOf(await self._identifiersIn(access), access)

    async def _identifiersIn(self, access: tuple[AccessEntry, ...]) -> frozenset[str]:
        groups = await self._memberships.among(access, self._keys)
        return self._identifiers | groups | {ANYONE}

    # --------------------------------------------------------------------------------------- the selected one

    async def target(self, name: str, needs: str) -> Place:
        """
        As L{find}; one that is asked for many times in a row (by APPENDs) comes out of memory, as long as nobody in
        this process has changed names or access lists, and for a few seconds.
        """
        place = self._target
        if place is None or place.name != name or self.isStale(place):
            place = self._target = await self.find(name)
        place.need(needs)
        return place

    def forgetTarget(self) -> None:
        """
        What L{target} has found is not there any more.
        """
        self._target = None

    def isStale(self, place: Place) -> bool:
        """
        Its rights may have changed: L{again} knows.
        """
        return (
            place.version != self._store.accessVersion or not 0 <= self._now() - place.readSeconds < RIGHTS_LIFE_SECONDS
        )

    async def again(self, place: Place) -> Place:
        """
        The same mailbox with the rights of now.

        @raise NoSuchMailbox: it was deleted.
        """
        version = self._store.accessVersion
        rights = await self._rightsIn(place.account, await place.mailbox.access())
        return evolve(place, rights=rights, version=version, readSeconds=self._now())

    # ------------------------------------------------------------------------------------------ many mailboxes

    async def personal(self) -> list[Seen]:
        """
        The session's own mailboxes, INBOX first.
        """
        statuses = await self._account.listMailboxes()
        restricted: dict[int, frozenset[str]] = {}
        if not self.isAdministrator:
            keys = [*self._identifiers, *(NEGATIVE + key for key in self._identifiers)]
            for each in await self._store.sharedWith(keys):
                if each.accountId == self._account.accountId:
                    restricted[each.status.mailboxId] = ownersRights(self._identifiers, each.access)
        accountId = self._account.accountId
        if not restricted:
            return [Seen(status.name, accountId, status, ALL_RIGHTS) for status in statuses]
        return [
            Seen(status.name, accountId, status, restricted.get(status.mailboxId, ALL_RIGHTS)) for status in statuses
        ]

    async def shared(self) -> list[Seen]:
        """
        The mailboxes of others, and of nobody, that lists let this person see (RFC 4314: the right l).  Groups that the
        directory cannot be asked about now let nobody in.
        """
        groups = await self._memberships.all(await self._store.groupsWithAccess(), self._keys)
        identifiers = self._identifiers | groups.certain | {ANYONE}
        found = []
        for each in await self._store.sharedWith(sorted(identifiers)):
            if each.accountId == self._account.accountId:
                continue
            denied = frozenset(
                letter
                for entry in each.access
                if entry.identifier.startswith(NEGATIVE) and entry.identifier[1:] in groups.unknown
                for letter in entry.rights
            )
            rights = ALL_RIGHTS if self.isAdministrator else rightsOf(identifiers, each.access) - denied
            if "l" in rights:
                found.append(Seen(nameOf(each.address, each.status.name), each.accountId, each.status, rights))
        return found

    async def seenAt(self, mailboxId: int) -> Seen | None:
        """
        The mailbox of this number with what the session may do there; C{None} if it is gone.
        """
        found = await self._store.mailboxNumbered(mailboxId)
        if found is None:
            return None
        name = found.status.name
        if found.accountId == self._account.accountId:
            rights = ALL_RIGHTS if self.isAdministrator else ownersRights(self._identifiers, found.access)
            return Seen(name, found.accountId, found.status, rights)
        rights = ALL_RIGHTS
        if not self.isAdministrator:
            rights = rightsOf(await self._identifiersIn(found.access), found.access)
        return Seen(nameOf(found.address, name), found.accountId, found.status, rights)

    async def everybodys(self, prefix: str = "") -> AsyncIterator[list[Seen]]:
        """
        For administrators: every mailbox of everybody else, and of nobody, account by account.

        @param prefix: only of people whose address has a key that begins so.
        """
        if not prefix:
            yield await self._allOf(await self._store.sharedAccount())
        async for account, key in self._accounts(prefix[:-1]):
            if key.startswith(prefix):
                yield await self._allOf(account)
            elif key > prefix:
                return

    async def owners(self) -> AsyncIterator[str]:
        """
        For administrators: the names of everybody else's accounts, as the level below L{OTHERS}.
        """
        async for account, _key in self._accounts(""):
            yield _levelOf(Address.parse(account.address))

    async def _accounts(self, after: str) -> AsyncIterator[tuple[IAccount, str]]:
        """
        Everybody else's accounts, with the keys of their addresses, behind this one in order.
        """
        while True:
            accounts = await self._store.accountsAfter(after, ACCOUNTS_AT_ONCE)
            before = after
            for account in accounts:
                after = Address.parse(account.address).key
                if not self.isOwn(account):
                    yield account, after
            if len(accounts) < ACCOUNTS_AT_ONCE or after <= before:
                return

    async def _allOf(self, account: IAccount) -> list[Seen]:
        return [
            Seen(nameOf(account.address, status.name), account.accountId, status, ALL_RIGHTS)
            for status in await account.listMailboxes()
        ]
