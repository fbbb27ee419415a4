"""
POP3 on the real store: what dialogues (tests/conversations/pop3) cannot show: time, slow clients, large messages and
maildrops, faults.
"""

from __future__ import annotations

import gc
import re
import time
from pathlib import Path
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import fail
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock, LoopingCall, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from osxmail.errors import StoreAway
from osxmail.protocols import pop3
from osxmail.protocols.maildrop import Listing
from osxmail.protocols.pop3 import LINES_IN_A_SLICE, READ_OCTETS, POP3Factory
from osxmail.protocols.popsession import MAX_ERRORS
from osxmail.protocols.realm import MailRealm
from osxmail.protocols.sessions import Sessions
from osxmail.store.store import Store
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


class LargeMaildropTests(POP3Case):
    COUNT = 100_000

    async def fill(self, count: int) -> None:
        """
        The INBOX gets so many copies of one message.
        """
        await put(self.store, self.inbox, b"Subject: x\r\n\r\nx\r\n")
        there = 1
        while there < count:
            there += len((await self.inbox.copy(range(1, min(there, count - there) + 1), self.inbox)).targets)

    async def test_hundredThousand(self) -> None:
        """
        Login, STAT, LIST and UIDL of a large maildrop, while the reactor goes on with other things.
        """
        await self.fill(self.COUNT)
        # Turns are the real reactor's.
        sessions = Sessions(self.settings, reactor)  # type: ignore[arg-type]
        self.factory.entrance = entrance("pop3s", self.settings, reactor, sessions, isTLS=True)
        longest = 0.0
        turns = 0
        last = time.thread_time()

        def look() -> None:
            nonlocal longest, last, turns
            turns += 1
            # Of this thread's own CPU: what else the machine does is not ours.
            now = time.thread_time()
            longest, last = max(longest, now - last), now

        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        looking = LoopingCall(look)
        last = time.thread_time()
        looking.start(0, now=True).addErrback(lambda failure: None)
        began = time.perf_counter()
        try:
            gate, transport = self.connect()
            gate.dataReceived(LOGIN + b"STAT\r\nLIST\r\nUIDL\r\nQUIT\r\n")
            while not transport.disconnecting:
                await deferLater(reactor, 0)  # type: ignore[arg-type]
        finally:
            looking.stop()
        took = time.perf_counter() - began
        gate.connectionLost(Failure(ConnectionDone()))
        answer = transport.value()
        self.assertIn(b"+OK 100000 messages (1700000 octets)\r\n+OK 100000 1700000\r\n", answer)
        ids = set(re.findall(rb"(?m)^\d+ ([0-9a-f]{16})\r$", answer))
        self.assertEqual(len(ids), self.COUNT)
        self.assertEqual(len(re.findall(rb"(?m)^\d+ 17\r$", answer)), self.COUNT)
        self.assertLess(took, 10)
        # LIST and UIDL have 50 slices each.
        self.assertGreater(turns, 100)
        # It is 3 ms; LIST and UIDL in one go take 30 each.
        self.assertLess(longest, 0.02)

    async def test_allOfThemAreRemovedAtOnce(self) -> None:
        await self.fill(3000)
        gate, transport = await self.enter()
        gate.dataReceived(b"".join(b"DELE %d\r\n" % (n + 1) for n in range(3000)) + b"QUIT\r\n")
        await self.until(transport, b"+OK Bye\r\n")
        self.assertEqual((await self.inbox.status()).messages, 0)


class UniqueIdTests(POP3Case):
    async def ids(self) -> list[bytes]:
        gate, transport = await self.enter()
        gate.dataReceived(b"UIDL\r\n")
        answer = await self.until(transport, b".\r\n")
        gate.dataReceived(b"QUIT\r\n")
        await self.until(transport, b"+OK Bye\r\n")
        return [line.split()[1] for line in answer.splitlines()[1:-1]]

    async def test_forEver(self) -> None:
        """
        RFC 1939 7: never the same for two messages, over restarts, removals, copies and the renaming of INBOX.
        """
        for number in range(3):
            await put(self.store, self.inbox, b"%d\r\n" % number)
        first = await self.ids()
        self.assertEqual(await self.ids(), first)
        await self.inbox.remove([2])
        await self.inbox.copy([1], self.inbox)
        second = await self.ids()
        self.assertEqual(second[:2], [first[0], first[2]])
        self.assertNotIn(second[2], first)
        await self.store.close()
        self.store = Store(Path(self.folder), reactor)
        await self.store.open()
        self.inbox = await inboxOf(self.store, "anna")
        portal = Portal(MailRealm(self.store, self.settings), [Checker(person("anna"))])  # type: ignore
        self.factory.portal = portal
        self.assertEqual(await self.ids(), second)
        account = await self.store.account("id-anna", person("anna").address)
        await account.renameMailbox("INBOX", "Old")
        await put(self.store, self.inbox, b"new\r\n")
        (third,) = await self.ids()
        self.assertNotIn(third, first + second)
        # Back in INBOX they are other messages.
        old = await account.mailbox("Old")
        await old.move([1, 2, 3], self.inbox)
        self.assertTrue(set(first + second).isdisjoint(await self.ids()))


class ExpiryTests(POP3Case):
    async def setUp(self) -> None:
        await super().setUp()
        self.days = 0.0
        self.inbox._parts.now = lambda: 1_700_000_000.0 + self.days * 86400

    async def fetch(self, *numbers: int, leaves: bool = True) -> None:
        gate, transport = await self.enter()
        for number in numbers:
            gate.dataReceived(b"RETR %d\r\n" % number)
            await self.until(transport, b"\r\n.\r\n")
        if leaves:
            gate.dataReceived(b"QUIT\r\n")
            await self.until(transport, b"+OK Bye\r\n")
        else:
            gate.connectionLost(Failure(ConnectionDone()))

    async def uids(self) -> list[int]:
        return [row[0] for row in (await self.inbox.changesSince(0)).changed]

    async def test_fetchedAndOldEnough(self) -> None:
        self.settings.change("pop3.expire_days", "7")
        for _ in range(4):
            await put(self.store, self.inbox, b"x\r\n")
        await self.fetch(1)
        self.days = 3
        # Who leaves without QUIT may not have it; who fetches again has had it since the first time.
        await self.fetch(1, 2)
        await self.fetch(3, leaves=False)
        self.days = 6.9
        await self.fetch()
        self.assertEqual(await self.uids(), [1, 2, 3, 4])
        self.days = 7
        await self.fetch()
        self.assertEqual(await self.uids(), [2, 3, 4])
        self.days = 1000
        await self.fetch()
        self.assertEqual(await self.uids(), [3, 4])

    async def test_neverByDefault(self) -> None:
        await put(self.store, self.inbox, b"x\r\n")
        await self.fetch(1)
        self.days = 5000
        await self.fetch(1)
        self.assertEqual(await self.uids(), [1])

    async def test_inSteps(self) -> None:
        self.patch(pop3, "EXPIRED_AT_ONCE", 10)
        self.settings.change("pop3.expire_days", "1")
        for _ in range(25):
            await put(self.store, self.inbox, b"x\r\n")
        await self.fetch(*range(1, 26))
        self.days = 2
        removed: list[int] = []
        remove = type(self.inbox).remove

        def counted(mailbox: Any, uids: list[int]) -> Any:
            removed.append(len(uids))
            return remove(mailbox, uids)

        self.patch(type(self.inbox), "remove", counted)
        await self.fetch()
        self.assertEqual((removed, await self.uids()), ([10, 10, 5], []))

    async def test_whatIsRememberedGoesWithTheMessages(self) -> None:
        self.settings.change("pop3.expire_days", "1")
        for _ in range(3):
            await put(self.store, self.inbox, b"x\r\n")
        await self.fetch(1, 2, 3)
        await self.inbox.remove([1, 2])
        await self.fetch(1)
        rows = await self.store.database.read(lambda txn: txn.execute("SELECT uid FROM fetched_by_pop").fetchall())
        self.assertEqual(rows, [(3,)])


class SizeTests(POP3Case):
    MESSAGES = (
        b"", b"\r\n", b"A: 1\r\n\r\nend", b"A: 1\r\n\r\nend\r", b"A: 1\r\n\r\nend\n", b"." * 70000, b"x\r\n" * 20000,
        b"y" * 65535 + b"\r\n", b"y" * 65535 + b"\n.", b"A: 1\r\n\r\n" + b"\r\n." * 30000, b"z" * 131071 + b"\r",
    )  # fmt: skip

    async def test_whatIsAnnouncedIsSent(self) -> None:
        """
        LIST, STAT and RETR say how many octets RETR sends, without the dots that were added.
        """
        for message in self.MESSAGES:
            await put(self.store, self.inbox, message)
        gate, transport = await self.enter()
        gate.dataReceived(b"LIST\r\n")
        answer = await self.until(transport, b"\r\n.\r\n")
        listed = [int(line.split()[1]) for line in answer.splitlines()[1:-1]]
        sent = []
        for number, message in enumerate(self.MESSAGES, 1):
            gate.dataReceived(b"RETR %d\r\n" % number)
            answer = await self.until(transport, b"\r\n.\r\n")
            first, _crlf, rest = answer.partition(b"\r\n")
            content = rest[:-3]
            content = content.removeprefix(b".").replace(b"\n..", b"\n.")
            self.assertEqual(int(first.split()[1]), len(content), number)
            self.assertTrue(content.startswith(message), number)
            sent.append(len(content))
        self.assertEqual(listed, sent)

    async def test_inAsciiToo(self) -> None:
        await put(self.store, self.inbox, "Subject: Grüße\r\n\r\nschön".encode())
        await put(self.store, self.inbox, "Subject: Grüße\r\n\r\n".encode() + b"x" * 100000)
        gate, transport = await self.enter()
        for number in (1, 2):
            gate.dataReceived(b"RETR %d\r\n" % number)
            answer = await self.until(transport, b"\r\n.\r\n")
            first, _crlf, rest = answer.partition(b"\r\n")
            self.assertEqual(int(first.split()[1]), len(rest) - 3)
            self.assertTrue(rest.startswith(b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\r\n"), rest[:80])

    async def test_headerThatIsTooLong(self) -> None:
        # RFC 6856 5.
        await put(self.store, self.inbox, "X: ü\r\n".encode() * 20000 + b"\r\nx\r\n")
        gate, transport = await self.enter()
        gate.dataReceived(b"RETR 1\r\n")
        self.assertEqual(await self.until(transport, b"UTF8\r\n"), b"-ERR [UTF8] This message needs UTF8\r\n")


class DelayTests(POP3Case):
    async def test_itEnds(self) -> None:
        self.settings.change("pop3.login_delay", "60s")
        gate, transport = await self.enter()
        gate.dataReceived(b"QUIT\r\n")
        await self.until(transport, b"Bye\r\n")
        self.clock.advance(59.9)
        gate, transport = self.connect()
        gate.dataReceived(LOGIN)
        self.assertIn(b"-ERR [LOGIN-DELAY] ", await self.until(transport, b"little\r\n"))
        self.clock.advance(0.2)
        gate.dataReceived(LOGIN)
        await self.until(transport, b" octets)\r\n")
