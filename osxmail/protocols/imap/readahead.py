# -*- test-case-name: tests.unit.protocols.imap.test_readahead -*-
"""
Messages that are read before they are needed: the next batch while one is written, and of messages that are not in
memory the first octets, a few at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred

from osxmail.interfaces import IMessage

T = TypeVar("T")

FIRST_OCTETS = 65536
#: Messages whose first octets are asked for at once.
MOST_FIRSTS = 4


def _forget(waiting: Deferred[Any]) -> None:
    waiting.addErrback(lambda failure: None)


class Batches(Generic[T]):
    """
    Batches of what is read of messages, the next one while the one before is told.
    """

    def __init__(self, read: Callable[[Sequence[int]], Deferred[list[tuple[int, T]]]]) -> None:
        """
        @param read: like L{osxmail.interfaces.IMailbox.messages}.
        """
        self._read = read
        self._uids: Sequence[int] = ()
        self._reading: Deferred[list[tuple[int, T]]] | None = None

    def begin(self, uids: Sequence[int]) -> None:
        """
        Read these; what was begun before is forgotten.
        """
        self.forget()
        if uids:
            self._uids = uids
            self._reading = self._read(uids)

    async def of(self, uids: Sequence[int]) -> list[tuple[int, T]]:
        """
        What there is of these messages.
        """
        reading, self._reading = self._reading, None
        if reading is not None:
            if self._uids == uids:
                return await reading
            _forget(reading)
        return await self._read(uids)

    def forget(self) -> None:
        """
        What was begun is not needed.
        """
        reading, self._reading = self._reading, None
        if reading is not None:
            _forget(reading)


class Firsts:
    """
    The first octets of messages that are not in memory, to be asked for in order.
    """

    def __init__(self, messages: Iterable[IMessage]) -> None:
        self._pending = deque(message for message in messages if message.inline is None)
        self._reading: dict[int, Deferred[bytes]] = {}

    async def of(self, message: IMessage) -> bytes:
        """
        @raise osxmail.errors.MailError: it cannot be read.
        """
        reading = self._reading.pop(id(message), None)
        if reading is None:
            # Others before it were passed over.
            while self._pending and self._pending[0] is not message:
                self._pending.popleft()
            if self._pending:
                self._pending.popleft()
            reading = message.read(0, FIRST_OCTETS)
        self._begin()
        return await reading

    def _begin(self) -> None:
        while self._pending and len(self._reading) < MOST_FIRSTS:
            message = self._pending.popleft()
            self._reading[id(message)] = message.read(0, FIRST_OCTETS)

    def forget(self) -> None:
        """
        The others are not needed.
        """
        self._pending.clear()
        for reading in self._reading.values():
            _forget(reading)
        self._reading.clear()
