"""
The engines that the store's contracts are run on: a contract's class is a mixin that uses C{self.store}, and each
engine makes a test case of it.
"""

from __future__ import annotations

import time
from pathlib import Path

from twisted.internet.defer import Deferred

from osxmail.mail.acceptance import Acceptance, Append, QueueRecipient
from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.store.store import Store

MESSAGE = b"From: anna@example.test\r\nSubject: a test\r\nMessage-ID: <1@example.test>\r\n\r\nA body.\r\n"


class SQLiteEngine:
    """
    A store in a folder of its own.

    @ivar wallTime: what the store takes for the time.
    """

    wallTime = 1_700_000_000.25

    def setUp(self) -> Deferred[None]:
        self.data = Path(self.mktemp())
        self.data.mkdir()
        self.store = self.makeStore()
        self.addCleanup(lambda: self.store.close())
        return self.store.open()

    def makeStore(self, holder: str = "1") -> Store:
        return Store(self.data, now=lambda: self.wallTime, holder=holder)

    async def reopen(self) -> None:
        """
        Close the store, and open it as after a restart.
        """
        await self.store.close()
        self.store = self.makeStore()
        await self.store.open()

    def secondStore(self) -> Deferred[Store]:
        """
        The same store as another process sees it.
        """
        other = self.makeStore("2")
        self.addCleanup(other.close)
        return other.open().addCallback(lambda _: other)


def recipients(*addresses: str, **more: object) -> tuple[QueueRecipient, ...]:
    return tuple(QueueRecipient(Address.parse(address), **more) for address in addresses)


def acceptance(
    queueId: str,
    *addresses: str,
    sender: str | None = "anna@example.test",
    received: float | None = None,
    **more: object,
) -> Acceptance:
    """
    One for the queue; by default received now.
    """
    queued = more.pop("queued", None) or recipients(*addresses)
    envelope = Envelope(
        None if sender is None else Address.parse(sender), tuple(Recipient(each.address) for each in queued)
    )
    return Acceptance(
        queueId, envelope, time.time() if received is None else received, queued=queued, **{"queuePrefix": b"", **more}
    )


def append(address: str, **more: object) -> Append:
    """
    A copy for the INBOX of an account that is called as its address.
    """
    parsed = Address.parse(address)
    return Append(address, parsed, "INBOX", b"", parsed, **more)


def incomingOf(store: Store, data: bytes = MESSAGE):
    """
    A message that has arrived whole.
    """
    incoming = store.incoming(1 << 30)
    waiting = incoming.write(data)
    assert waiting is None or data
    return incoming
