"""
A delivery room over a real store in a folder of its own, for tests whose point is what stands there afterwards.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from osxmail.delivery.reception import Reception
from osxmail.delivery.router import Router
from osxmail.interfaces import IMailbox, IMessage
from osxmail.mail.acceptance import QueueItem, QueueLease
from osxmail.mail.address import Address
from osxmail.mail.envelope import Client, Envelope, Recipient
from osxmail.store.domains import Domains
from osxmail.store.store import Store
from tests.fakes.directory import FakeDirectory
from tests.fakes.settings import FakeSettings

FAR = Address.parse("x@far.test")
STRANGER = Client("192.0.2.1", helo="client.test", protocol="ESMTP", sessionId="s1")
MESSAGE = b"Date: x\r\nMessage-ID: <1@far.test>\r\nSubject: x\r\n\r\n" + b"0123456789abcdef" * 60 + b"\r\n"


async def octetsOf(message: IMessage) -> bytes:
    pieces = []
    for offset in range(0, message.sizeOctets, 1 << 18):
        pieces.append(await message.read(offset, min(1 << 18, message.sizeOctets - offset)))
    return b"".join(pieces)


class RealStoreTestCase(TestCase):
    async def setUp(self) -> None:
        self.time = 1772445600.0
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        self.store = Store(folder, now=lambda: self.time)
        await self.store.open()
        self.addCleanup(self.store.close)
        self.domains = Domains(self.store.database, reactor)
        self.directory = FakeDirectory()
        self.settings = FakeSettings()
        self.router = Router("mail.test", self.domains, self.directory, self.settings, self.store)
        self.realReception = Reception(
            "mail.test", self.store, self.router, self.directory, self.settings, lambda: self.time
        )

    async def receive(
        self,
        *to: Recipient | str,
        client: Client = STRANGER,
        sender: Address | None = FAR,
        message: bytes = MESSAGE,
        envelopeId: str = "",
        returnContent: str = "",
    ) -> str:
        """
        Take a message in as a protocol would.

        @return: its queue ID.
        """
        recipients = tuple(one if isinstance(one, Recipient) else Recipient(Address.parse(one)) for one in to)
        decision = await self.realReception.checkSender(client, sender, len(message))
        self.assertTrue(decision.accepted, decision)
        routes = []
        for recipient in recipients:
            decision, route = await self.realReception.checkRecipient(client, sender, recipient)
            self.assertTrue(decision.accepted, decision)
            routes.append(route)
        incoming = self.realReception.incoming(client)
        waiting = incoming.write(message)
        if waiting is not None:
            await waiting
        envelope = Envelope(sender, recipients, envelopeId=envelopeId, returnContent=returnContent)
        decision = await self.realReception.accept(client, envelope, routes, incoming)
        self.assertTrue(decision.accepted, decision)
        return dict(decision.step.evidence)["queueId"]

    async def inbox(self, accountId: str, name: str = "INBOX") -> list[bytes]:
        """
        The messages in a mailbox.
        """
        account = await self.store.existingAccount(accountId)
        if account is None:
            return []
        mailbox: IMailbox = await account.mailbox(name)
        uids = range(1, (await mailbox.status()).uidnext)
        return [await octetsOf(message) for _, message in await mailbox.messages(list(uids))]

    async def empty(self, accountId: str) -> None:
        account = await self.store.existingAccount(accountId)
        mailbox = await account.mailbox("INBOX")
        await mailbox.remove(list(range(1, (await mailbox.status()).uidnext)))

    async def queue(self) -> tuple[QueueItem, ...]:
        return await self.store.queue.list()

    async def lease(self) -> QueueLease:
        leases = await self.store.queue.claim(10, 600.0, ())
        self.assertEqual(len(leases), 1, leases)
        return leases[0]
