"""
L{IReception}, for whoever implements it.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from osxmail.errors import TooLarge
from osxmail.interfaces import IIncoming, IReception
from osxmail.mail.acceptance import Domain
from osxmail.mail.address import Address
from osxmail.mail.decision import Action
from osxmail.mail.envelope import Client, Envelope, Recipient
from tests.fakes.reception import FakeReception
from tests.fakes.settings import FakeSettings
from tests.unit.delivery.realstore import RealStoreTestCase

CLIENT = Client("192.0.2.1", 4321, "client.example.net", "ESMTP")
SENDER = Address("x", "example.net")


class ReceptionContract:
    """
    C{anna@example.test} is somebody here, C{nobody@example.test} nobody; the size limit is 1 MiB.
    """

    async def reception(self) -> IReception:
        raise NotImplementedError

    async def test_provides(self: Any) -> None:
        verifyObject(IReception, await self.reception())

    async def test_accept(self: Any) -> None:
        reception = await self.reception()
        self.assertTrue((await reception.checkSender(CLIENT, SENDER, 0)).accepted)
        recipient = Recipient(Address.parse("anna@example.test"))
        decision, route = await reception.checkRecipient(CLIENT, SENDER, recipient)
        self.assertEqual((decision.action, decision.reply.code), (Action.ACCEPT, 250))
        self.assertTrue(route.isLocal and route.mailboxes)
        incoming = reception.incoming(CLIENT)
        verifyObject(IIncoming, incoming)
        for piece in (b"Subject: x\r\n\r", b"\nx\r\n"):
            waiting = incoming.write(piece)
            if waiting is not None:
                await waiting
        self.assertEqual(incoming.header(), b"Subject: x\r\n\r\n")
        decision = await reception.accept(CLIENT, Envelope(SENDER, (recipient,)), (route,), incoming)
        self.assertEqual((decision.action, decision.reply.code), (Action.ACCEPT, 250))
        incoming.abort()

    async def test_unknownRecipient(self: Any) -> None:
        reception = await self.reception()
        decision, route = await reception.checkRecipient(
            CLIENT, SENDER, Recipient(Address.parse("nobody@example.test"))
        )
        self.assertEqual((decision.action, decision.reply.code), (Action.REFUSE, 550))
        self.assertFalse(route.mailboxes)

    async def test_noOpenRelay(self: Any) -> None:
        reception = await self.reception()
        decision, _route = await reception.checkRecipient(CLIENT, SENDER, Recipient(Address.parse("a@example.org")))
        self.assertEqual((decision.action, decision.reply.code // 100), (Action.REFUSE, 5))

    async def test_statedSize(self: Any) -> None:
        decision = await (await self.reception()).checkSender(CLIENT, SENDER, (1 << 20) + 1)
        self.assertEqual((decision.action, decision.reply.code), (Action.REFUSE, 552))

    async def test_tooLarge(self: Any) -> None:
        incoming = (await self.reception()).incoming(CLIENT)
        with self.assertRaises(TooLarge):
            for _ in range(20):
                waiting = incoming.write(b"x" * 65536)
                if waiting is not None:
                    await waiting
        incoming.abort()


class FakeReceptionTests(ReceptionContract, TestCase):
    async def reception(self) -> IReception:
        return FakeReception(FakeSettings({"smtp.message_size_limit": "1M"}))


class DeliveryReceptionTests(ReceptionContract, RealStoreTestCase):
    """
    The delivery room's, over a real store.
    """

    async def reception(self) -> IReception:
        self.settings.change("smtp.message_size_limit", "1M")
        await self.domains.addDomain(Domain("example.test"))
        self.directory.add("anna@example.test")
        return self.realReception
