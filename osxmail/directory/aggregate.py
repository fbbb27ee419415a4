# -*- test-case-name: tests.unit.directory.test_aggregate -*-
"""
Several directories as one: the first answer wins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from osxmail.directory.decoy import IDecoy
from osxmail.interfaces import IDirectory
from osxmail.mail.address import Address
from osxmail.mail.record import Group, Record

_PLACE = "directory number"


@implementer(IDirectory, IDecoy)
class AggregateDirectory:
    """
    Directories in an order that counts.

    One that is away might have had the answer: those behind it are not asked, and the whole "cannot say".  Otherwise
    mail for a person of the first would go to a person of the second while the first is away.

    A short name goes the same way: who has it in an earlier directory has it.  Where one directory knows it twice, that
    one does not know it, and the next is asked.
    """

    def __init__(self, directories: Sequence[IDirectory]) -> None:
        if not directories:
            raise ValueError("at least one directory")
        self._directories = tuple(directories)

    def recordWithAddress(self, address: Address) -> Deferred[Record | None]:
        return Deferred.fromCoroutine(self._firstRecord(lambda d: d.recordWithAddress(address)))

    def recordWithLogin(self, login: str) -> Deferred[Record | None]:
        return Deferred.fromCoroutine(self._firstRecord(lambda d: d.recordWithLogin(login)))

    async def _firstRecord(self, ask: Callable[[IDirectory], Awaitable[Record | None]]) -> Record | None:
        for place, directory in enumerate(self._directories, 1):
            record = await ask(directory)
            if record is not None:
                # Its password is for the directory that it came from, and for no other.
                return evolve(record, source=(*record.source, (_PLACE, str(place))))
        return None

    def verifyPassword(self, record: Record, password: str) -> Deferred[bool]:
        place = dict(record.source).get(_PLACE, "")
        for number, directory in enumerate(self._directories, 1):
            if place == str(number):
                return directory.verifyPassword(record, password)
        return succeed(False)

    def groupWithAddress(self, address: Address) -> Deferred[Group | None]:
        return Deferred.fromCoroutine(self._firstGroup(address))

    async def _firstGroup(self, address: Address) -> Group | None:
        for directory in self._directories:
            group = await directory.groupWithAddress(address)
            if group is not None:
                return group
        return None

    def spendTime(self, password: str) -> Deferred[None]:
        """
        As the first directory does: most people are in it.
        """
        decoy = IDecoy(self._directories[0], None)
        return succeed(None) if decoy is None else decoy.spendTime(password)
