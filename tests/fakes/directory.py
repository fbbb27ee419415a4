"""
A directory in memory.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from osxmail.directory.decoy import IDecoy
from osxmail.errors import DirectoryAway
from osxmail.interfaces import IDirectory
from osxmail.mail.address import Address
from osxmail.mail.record import Group, Record


def record(address: str, accountId: str = "", **fields: object) -> Record:
    """
    A person with this address; further addresses as C{addresses=("a@b", …)}.
    """
    primary = Address.parse(address)
    more = [Address.parse(text) for text in fields.pop("addresses", ())]  # type: ignore[attr-defined]
    values: dict[str, object] = {
        "accountId": accountId or f"id-{primary.local.lower()}",
        "login": primary.local,
        "address": primary,
        "addresses": frozenset({primary, *more}),
        "source": (("directory", "fake"),),
    }
    return Record(**{**values, **fields})  # type: ignore[arg-type]


@implementer(IDirectory, IDecoy)
class FakeDirectory:
    """
    @ivar isAway: every question fails with L{DirectoryAway}.
    @ivar asked: the questions so far: C{("recordWithAddress", "ann@example.test")}.
    @ivar verifications: how many passwords were looked at.
    @ivar timeSpent: how often L{spendTime} was called.
    """

    def __init__(self) -> None:
        self.isAway = False
        self.asked: list[tuple[str, str]] = []
        self.verifications = 0
        self.timeSpent = 0
        self._records: dict[str, tuple[Record, str]] = {}
        self._groups: dict[Address, Group] = {}

    def add(self, person: Record | str, password: str = "") -> Record:
        """
        Add a person, by record or by address.
        """
        made = record(person) if isinstance(person, str) else person
        self._records[made.accountId] = (made, password)
        return made

    def addGroup(self, address: str, *members: str) -> Group:
        made = Group(Address.parse(address), tuple(map(Address.parse, members)), (("directory", "fake"),))
        self._groups[made.address] = made
        return made

    def remove(self, accountId: str) -> None:
        del self._records[accountId]

    def recordWithAddress(self, address: Address) -> Deferred[Record | None]:
        return self._answer("recordWithAddress", str(address), self._withAddress(address))

    def recordWithLogin(self, login: str) -> Deferred[Record | None]:
        if "@" in login:
            try:
                found = self._withAddress(Address.parse(login))
            except ValueError:
                found = None
        else:
            all = [r for r, _ in self._records.values() if r.login.lower() == login.lower()]
            found = all[0] if len(all) == 1 else None
        return self._answer("recordWithLogin", login, found)

    def verifyPassword(self, record: Record, password: str) -> Deferred[bool]:
        self.verifications += 1
        known = self._records.get(record.accountId)
        return self._answer(
            "verifyPassword", record.accountId, bool(password) and known == (known and known[0], password)
        )

    def groupWithAddress(self, address: Address) -> Deferred[Group | None]:
        return self._answer("groupWithAddress", str(address), self._groups.get(address))

    def spendTime(self, password: str) -> Deferred[None]:
        self.timeSpent += 1
        return self._answer("spendTime", "", None)

    def _withAddress(self, address: Address) -> Record | None:
        return next((r for r, _ in self._records.values() if address in r.addresses), None)

    def _answer(self, question, subject, answer):
        self.asked.append((question, subject))
        return fail(DirectoryAway("the fake directory is away")) if self.isAway else succeed(answer)
