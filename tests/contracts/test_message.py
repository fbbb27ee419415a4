"""
L{osxmail.interfaces.IMessage}: what the queue of the store gives, and the fake that tests of delivery use.
"""

from __future__ import annotations

from typing import Any

from zope.interface.verify import verifyObject

from osxmail.interfaces import IMessage
from osxmail.mail.address import Address
from tests.fakes.messages import FakeMessage
from tests.unit.delivery.realstore import MESSAGE, STRANGER, RealStoreTestCase

LARGE = MESSAGE + b"0123456789abcde\n" * 5000


class Contract:
    """
    C{make} gives a message whose content ends with these octets.
    """

    async def make(self, octets: bytes) -> Any:
        raise NotImplementedError

    async def test_interface(self) -> None:
        verifyObject(IMessage, await self.make(MESSAGE))

    async def test_small(self) -> None:
        message = await self.make(MESSAGE)
        self.assertEqual(message.inline, message.prefix + MESSAGE)
        self.assertEqual(message.sizeOctets, len(message.inline))
        self.assertEqual(await message.read(0, 1 << 18), message.inline)

    async def test_large(self) -> None:
        message = await self.make(LARGE)
        self.assertIsNone(message.inline)
        self.assertEqual(message.sizeOctets, len(message.prefix) + len(LARGE))
        whole = b"".join([await message.read(offset, 7000) for offset in range(0, message.sizeOctets, 7000)])
        self.assertEqual(whole, message.prefix + LARGE)

    async def test_fewerOctetsOnlyAtTheEnd(self) -> None:
        for octets in (MESSAGE, LARGE):
            message = await self.make(octets)
            size = message.sizeOctets
            self.assertEqual(await message.read(size - 3, 10), (message.prefix + octets)[-3:])
            self.assertEqual(await message.read(size, 10), b"")
            self.assertEqual(len(await message.read(5, 100)), 100)


class FakeTests(Contract, RealStoreTestCase):
    async def make(self, octets: bytes) -> Any:
        return FakeMessage(octets, isInline=len(octets) <= 16384, prefix=b"Received: x\r\n")


class StoreTests(Contract, RealStoreTestCase):
    async def make(self, octets: bytes) -> Any:
        self.settings.change("relay.approved_networks", "192.0.2.0/24")
        queueId = await self.receive(
            "x@far.test", client=STRANGER, sender=Address.parse("ann@example.test"), message=octets
        )
        return await self.store.queue.message(queueId)
