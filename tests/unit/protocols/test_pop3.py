"""
POP3 on the real store: what dialogues (tests/conversations/pop3) cannot show: time, slow clients, large messages and
maildrops, faults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import fail
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from osxmail.errors import StoreAway
from osxmail.protocols.maildrop import Listing
from osxmail.protocols.pop3 import LINES_IN_A_SLICE, READ_OCTETS, POP3Factory
from osxmail.protocols.popsession import MAX_ERRORS
from osxmail.protocols.realm import MailRealm
from osxmail.protocols.sessions import Sessions
from tests.fakes.mailstores import closeStore, inboxOf, openStore, put
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import Checker, Transport, entrance, person

LOGIN = b"USER anna\r\nPASS secret\r\n"


class POP3Case(TestCase):
    async def setUp(self) -> None:
        self.clock = Clock()
        self.settings = FakeSettings({"auth.failure_delay": "0s"})
        self.sessions = Sessions(self.settings, self.clock)
        self.store, self.folder = await openStore(reactor)
        self.inbox: Any = await inboxOf(self.store, "anna")
        portal = Portal(MailRealm(self.store, self.settings), [Checker(person("anna"))])  # type: ignore
        self.factory = POP3Factory(entrance("pop3s", self.settings, self.clock, self.sessions, isTLS=True), portal)

    async def tearDown(self) -> None:
        for gate in list(self.sessions._gates.values()):
            gate.connectionLost(Failure(ConnectionDone()))
        await closeStore(self.store, Path(self.folder))

    def connect(self) -> tuple[Any, Transport]:
        gate = self.factory.buildProtocol(None)
        transport = Transport(peerAddress=IPv4Address("TCP", "192.0.2.1", 4321))
        gate.makeConnection(transport)
        return gate, transport

    async def until(self, transport: Transport, ending: bytes) -> bytes:
        """
        Wait for the end of an answer.
        """
        for _ in range(5000):
            if transport.value().endswith(ending):
                return transport.take()
            self.clock.advance(0)
            await deferLater(reactor, 0.001)  # type: ignore[arg-type]
        raise AssertionError(f"no {ending!r} at the end of {transport.value()[-200:]!r}")

    async def enter(self) -> tuple[Any, Transport]:
        gate, transport = self.connect()
        gate.dataReceived(LOGIN)
        await self.until(transport, b" octets)\r\n")
        return gate, transport


class POP3Tests(POP3Case):
    async def test_wholeMaildropInAPipeline(self) -> None:
        bodies = [b"Subject: %d\r\n\r\n.%d\r\n" % (n, n) for n in range(50)]
        for body in bodies:
            await put(self.store, self.inbox, body)
        gate, transport = await self.enter()
        gate.dataReceived(b"".join(b"RETR %d\r\n" % (n + 1) for n in range(50)) + b"QUIT\r\n")
        answer = await self.until(transport, b"+OK Bye\r\n")
        self.assertEqual(
            answer,
            b"".join(b"+OK %d octets\r\n%b.\r\n" % (len(b), b.replace(b"\r\n.", b"\r\n..")) for b in bodies)
            + b"+OK Bye\r\n",
        )

    async def test_largeMessageIsStreamed(self) -> None:
        body = b"Subject: big\r\n\r\n" + b".line of text that is stuffed\r\n" * 20000
        await put(self.store, self.inbox, body)
        gate, transport = await self.enter()
        gate.pauseProducing()
        gate.dataReceived(b"RETR 1\r\n")
        for _ in range(50):
            await deferLater(reactor, 0.001)  # type: ignore[arg-type]
        held = len(transport.value())
        self.assertGreater(held, 1000)
        self.assertLess(held, 2 * READ_OCTETS)
        gate.resumeProducing()
        answer = await self.until(transport, b"\r\n.\r\n")
        first, _crlf, rest = answer.partition(b"\r\n")
        self.assertEqual(first, b"+OK %d octets" % len(body))
        self.assertEqual(rest, body.replace(b"\r\n.", b"\r\n..") + b".\r\n")

    async def test_clientThatTakesNothing(self) -> None:
        await put(self.store, self.inbox, b"x" * 300000)
        gate, transport = await self.enter()
        gate.pauseProducing()
        gate.dataReceived(b"RETR 1\r\n")
        for _ in range(50):
            await deferLater(reactor, 0.001)  # type: ignore[arg-type]
        self.clock.advance(601)
        self.assertTrue(transport.disconnecting)
        # The maildrop is free again.
        await self.enter()

    async def test_topOfALargeMessage(self) -> None:
        head = b"".join(b"X-%d: %b\r\n" % (n, b"y" * 70) for n in range(2000)) + b"\r\n"
        await put(self.store, self.inbox, head + b"one\r\ntwo\r\n" + b"z" * 200000)
        gate, transport = await self.enter()
        gate.dataReceived(b"TOP 1 1\r\n")
        answer = await self.until(transport, b"\r\n.\r\n")
        self.assertEqual(answer, b"+OK\r\n" + head + b"one\r\n.\r\n")

    async def test_messageWithoutFinalNewline(self) -> None:
        await put(self.store, self.inbox, b"A: 1\r\n\r\nend")
        gate, transport = await self.enter()
        gate.dataReceived(b"RETR 1\r\n")
        self.assertEqual(await self.until(transport, b".\r\n"), b"+OK 13 octets\r\nA: 1\r\n\r\nend\r\n.\r\n")

    async def test_longListingsComeInSlices(self) -> None:
        for _ in range(3):
            await put(self.store, self.inbox, b"x\r\n")
        gate, transport = await self.enter()
        gate._drop = Listing(1, gate._drop.uids * 2000, gate._drop.sizes * 2000)
        gate.dataReceived(b"UIDL\r\n")
        self.assertEqual(transport.value().count(b"\r\n"), 1 + LINES_IN_A_SLICE)
        answer = await self.until(transport, b"\r\n.\r\n")
        self.assertEqual(answer.count(b"\r\n"), 6002)
        gate.pauseProducing()
        gate.dataReceived(b"LIST\r\n")
        for _ in range(20):
            self.clock.advance(0)
        self.assertEqual(transport.value().count(b"\r\n"), 1 + LINES_IN_A_SLICE)
        gate.resumeProducing()
        await self.until(transport, b"6000 3\r\n.\r\n")

    async def test_whatArrivesIsForTheNextSession(self) -> None:
        await put(self.store, self.inbox, b"one\r\n")
        gate, transport = await self.enter()
        await put(self.store, self.inbox, b"two\r\n")
        gate.dataReceived(b"STAT\r\nRETR 2\r\n")
        self.assertEqual(await self.until(transport, b"message\r\n"), b"+OK 1 5\r\n-ERR There is no such message\r\n")

    async def test_removedByAnotherProgram(self) -> None:
        await put(self.store, self.inbox, b"one\r\n")
        uid = await put(self.store, self.inbox, b"two\r\n")
        gate, transport = await self.enter()
        await self.inbox.remove([uid])
        gate.dataReceived(b"RETR 2\r\n")
        await self.until(transport, b"-ERR Another program has removed that message\r\n")
        gate.dataReceived(b"DELE 1\r\nDELE 2\r\nQUIT\r\n")
        await self.until(transport, b"+OK Bye\r\n")
        self.assertEqual((await self.inbox.status()).messages, 0)

    async def test_nothingIsRemovedByTheEndOfTime(self) -> None:
        await put(self.store, self.inbox, b"one\r\n")
        gate, transport = await self.enter()
        gate.dataReceived(b"DELE 1\r\n")
        await self.until(transport, b"+OK\r\n")
        self.clock.advance(601)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(transport.take(), b"")
        self.assertEqual((await self.inbox.status()).messages, 1)
        # The maildrop is free again.
        await self.enter()

    async def test_timeToLogIn(self) -> None:
        gate, transport = self.connect()
        for _ in range(5):
            self.clock.advance(11)
            gate.dataReceived(b"NOOP\r\n")
        self.assertFalse(transport.disconnecting)
        self.clock.advance(11)
        self.assertTrue(transport.disconnecting)

    async def test_noHurryAfterwards(self) -> None:
        gate, transport = await self.enter()
        for _ in range(10):
            self.clock.advance(300)
            gate.dataReceived(b"NOOP\r\n")
        self.assertFalse(transport.disconnecting)

    async def test_answersThatNobodyReads(self) -> None:
        await put(self.store, self.inbox, b"x" * 5000 + b"\r\n")
        gate, transport = await self.enter()
        gate.pauseProducing()
        gate.dataReceived(b"RETR 1\r\n" * 1000)
        for _ in range(50):
            self.clock.advance(0)
            await deferLater(reactor, 0.001)  # type: ignore[arg-type]
        self.assertLess(len(transport.value()), 6000)

    async def test_updateThatFails(self) -> None:
        await put(self.store, self.inbox, b"one\r\n")
        gate, transport = await self.enter()
        gate.dataReceived(b"DELE 1\r\n")
        mailbox = gate._door.loggedIn.avatar.mailbox

        class Away:
            def remove(self, uids: list[int]) -> Any:
                return fail(StoreAway("disk"))

        object.__setattr__(gate._door.loggedIn.avatar, "mailbox", Away())
        gate.dataReceived(b"QUIT\r\n")
        self.assertEqual(
            transport.take(), b"+OK\r\n-ERR [SYS/TEMP] The mail store cannot serve now; try again later\r\n"
        )
        self.assertTrue(transport.disconnecting)
        self.assertEqual((await mailbox.status()).messages, 1)

    async def test_ourFault(self) -> None:
        await put(self.store, self.inbox, b"one\r\n")
        gate, transport = await self.enter()
        gate._shelf._mailbox = None
        gate.dataReceived(b"RETR 1\r\nNOOP\r\n")
        self.assertRegex(
            transport.take().decode(),
            r"^-ERR \[SYS/TEMP\] A fault of ours \([0-9a-f]{8}\); try again later\r\n\+OK\r\n$",
        )
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    async def test_faultInTheMiddleOfAMessage(self) -> None:
        """
        Half a message must never look like a whole one.
        """
        await put(self.store, self.inbox, b"x" * 300000)
        gate, transport = await self.enter()
        message = await gate._shelf.message(1)

        class Broken:
            inline = None
            sizeOctets = message.sizeOctets

            def read(self, offset: int, length: int) -> Any:
                return fail(StoreAway("disk")) if offset else message.read(offset, length)

        gate._shelf._ahead[1] = Broken()
        gate.dataReceived(b"RETR 1\r\nNOOP\r\n")
        for _ in range(100):
            await deferLater(reactor, 0.001)  # type: ignore[arg-type]
        self.assertTrue(transport.disconnecting)
        self.assertTrue(transport.value().startswith(b"+OK 300002 octets\r\nxxx"))
        self.assertTrue(transport.value().endswith(b"xxx"))
        self.assertEqual(len(self.flushLoggedErrors(StoreAway)), 1)

    async def test_loginThatFindsNoStore(self) -> None:
        await self.store.close()
        gate, transport = self.connect()
        gate.dataReceived(LOGIN)
        answer = await self.until(transport, b"later\r\n")
        self.assertIn(b"-ERR [SYS/TEMP] ", answer)
        self.assertEqual(gate.login, "")

    async def test_tooManyErrors(self) -> None:
        gate, transport = self.connect()
        for _ in range(MAX_ERRORS + 10):
            gate.dataReceived(b"FOO\r\n")
            self.clock.advance(0)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(transport.value().count(b"-ERR"), MAX_ERRORS + 1)
        self.assertTrue(transport.value().endswith(b"-ERR Too many errors\r\n"))

    async def test_wordsAtTheEnd(self) -> None:
        gate, transport = self.connect()
        transport.clear()
        self.sessions.end(gate.sessionId)
        self.assertEqual(transport.take(), b"-ERR [SYS/TEMP] An administrator ends this connection\r\n")
