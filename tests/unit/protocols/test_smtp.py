"""
SMTP: what dialogues (tests/conversations/smtp) cannot show: time, back-pressure, faults, the values that go on.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.address import Address
from osxmail.protocols.base import MAX_BUFFERED_OCTETS
from osxmail.protocols.realm import MailRealm
from osxmail.protocols.sessions import Sessions
from osxmail.protocols.smtp import SMTP, SMTPFactory
from osxmail.protocols.smtpcontent import CHUNK_OCTETS
from tests.fakes.reception import FakeReception
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import Checker, Transport, entrance, person

HELLO = b"EHLO client.example.net\r\n"
ENVELOPE = b"MAIL FROM:<x@example.net>\r\nRCPT TO:<anna@example.test>\r\n"
LOGIN = b"AUTH PLAIN AGFubmEAc2VjcmV0\r\n"
#: Commands in any order, and what may stand between them.
WORDS = [
    b"EHLO x", b"MAIL FROM:<a@b>", b"RCPT TO:<anna@example.test>", b"DATA", b".", b"BDAT 3", b"BDAT 0 LAST", b"abc",
    b"RSET", b"STARTTLS", b"AUTH PLAIN", b"*", b"\xff\0", b"QUIT",
]  # fmt: skip


class SMTPCase(SynchronousTestCase):
    factoryClass = SMTPFactory
    service = "smtp"

    def setUp(self) -> None:
        self.clock = Clock()
        self.settings = FakeSettings({"smtp.message_size_limit": "1M"})
        self.sessions = Sessions(self.settings, self.clock)
        self.reception = FakeReception(self.settings)
        self.factory = self.factoryClass(
            entrance(self.service, self.settings, self.clock, self.sessions, tls=object()),
            self.reception,
            Portal(MailRealm(None, self.settings), [Checker(person("anna"))]),  # type: ignore
        )

    def connect(self, host: str = "192.0.2.1", sent: bytes = b"") -> tuple[Any, Transport]:
        gate = self.factory.buildProtocol(None)
        address: Any = IPv4Address("TCP", host, 4321) if host else UNIXAddress(None)
        transport = Transport(peerAddress=address)
        gate.makeConnection(transport)
        if sent:
            gate.dataReceived(sent)
            transport.clear()
        return gate, transport

    def say(self, gate: SMTP, transport: Transport, data: bytes) -> list[str]:
        """
        The lines that are answered, after some turns of the reactor.
        """
        for start in range(0, len(data), 50000):
            gate.dataReceived(data[start : start + 50000])
            while transport.producerState == "paused":
                self.clock.advance(0)
        for _ in range(20):
            self.clock.advance(0)
        return transport.take().decode().splitlines()


class SMTPTests(SMTPCase):
    def test_whatIsAccepted(self) -> None:
        gate, transport = self.connect(sent=HELLO)
        self.say(gate, transport, b"MAIL FROM:<x@example.net> BODY=8BITMIME\r\nRCPT TO:<Anna@example.test>\r\nDATA\r\n")
        self.say(gate, transport, b"..x\r\n\0\xff\r\n.\r\n")
        (taken,) = self.reception.accepted
        self.assertEqual(taken.content, b".x\r\n\0\xff\r\n")
        self.assertEqual(taken.envelope.sender, Address("x", "example.net"))
        self.assertEqual(taken.envelope.body, "8BITMIME")
        self.assertEqual([str(r.address) for r in taken.envelope.recipients], ["Anna@example.test"])
        self.assertEqual([r.address for r in taken.routes], [r.address for r in taken.envelope.recipients])
        client = taken.client
        self.assertEqual(
            (client.host, client.port, client.helo, client.protocol, client.service, client.login, client.tls),
            ("192.0.2.1", 4321, "client.example.net", "ESMTP", "smtp", None, ""),
        )
        self.assertEqual(client.sessionId, gate.sessionId)

    def test_wordsForReceived(self) -> None:
        """
        RFC 3848, RFC 6531 4.3.
        """
        plain = b"MAIL FROM:<x@example.net>\r\n"
        utf8 = b"MAIL FROM:<x@example.net> SMTPUTF8\r\n"
        for hello, mail, word in (
            (b"HELO c\r\n", plain, "SMTP"),
            (HELLO, plain, "ESMTP"),
            (HELLO, utf8, "UTF8SMTP"),
            (HELLO + LOGIN, plain, "ESMTPA"),
            (HELLO + b"STARTTLS\r\n", plain, "ESMTPS"),
            (HELLO + b"STARTTLS\r\n" + LOGIN, plain, "ESMTPSA"),
            (HELLO + b"STARTTLS\r\n" + LOGIN, utf8, "UTF8SMTPSA"),
        ):
            gate, transport = self.connect("127.0.0.1")
            for line in hello.splitlines(keepends=True):
                gate.dataReceived(line)
                if line == b"STARTTLS\r\n":
                    gate.dataReceived(HELLO)
            self.say(gate, transport, mail + b"RCPT TO:<anna@example.test>\r\nDATA\r\n")
            self.say(gate, transport, b"x\r\n.\r\n")
            self.assertEqual(self.reception.accepted[-1].client.protocol, word)
            self.assertEqual(bool(self.reception.accepted[-1].client.tls), "SMTPS" in word)

    def test_loginIsPassedOn(self) -> None:
        gate, transport = self.connect("127.0.0.1", HELLO + LOGIN)
        self.say(gate, transport, b"MAIL FROM:<anna@example.test>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n")
        self.say(gate, transport, b"x\r\n.\r\n")
        client = self.reception.accepted[0].client
        self.assertEqual((str(client.login), client.accountId), ("anna@example.test", "id-anna"))
        self.assertEqual(gate.login, "anna@example.test")

    def test_postmasterWithoutDomain(self) -> None:
        gate, transport = self.connect(sent=HELLO + b"MAIL FROM:<>\r\n")
        self.say(gate, transport, b"RCPT TO:<PostMaster>\r\n")
        gate.entrance = evolve(gate.entrance, hostname="example.test")
        self.assertEqual(self.say(gate, transport, b"RCPT TO:<PostMaster>\r\nDATA\r\n")[0], "250 2.1.5 Recipient OK")
        self.say(gate, transport, b"x\r\n.\r\n")
        (recipient,) = self.reception.accepted[0].envelope.recipients
        self.assertEqual(str(recipient.address), "postmaster@example.test")
        self.assertIsNone(self.reception.accepted[0].envelope.sender)

    def test_aListNamedAgainAndAgain(self) -> None:
        """
        Each time it leads to a thousand mailboxes; the memory for that is bounded, and what was accepted is good.
        """
        gate, transport = self.connect(sent=HELLO)
        rcpts = b"".join(b"RCPT TO:<all+%d@example.test>\r\n" % n for n in range(30))
        lines = self.say(gate, transport, b"MAIL FROM:<>\r\n" + rcpts)
        self.assertEqual(lines[1:22], ["250 2.1.5 Recipient OK"] * 21)
        self.assertEqual(lines[22:], ["452 4.5.3 Too many recipients; send them another copy"] * 9)
        self.say(gate, transport, b"DATA\r\n")
        self.say(gate, transport, b"x\r\n.\r\n")
        self.assertEqual(len(self.reception.accepted[0].envelope.recipients), 21)
        # The next transaction begins anew.
        self.say(gate, transport, b"MAIL FROM:<>\r\n")
        self.assertEqual(self.say(gate, transport, b"RCPT TO:<all@example.test>\r\n"), ["250 2.1.5 Recipient OK"])

    def test_fiveThousandRecipients(self) -> None:
        gate, transport = self.connect(sent=HELLO)
        rcpts = b"".join(b"RCPT TO:<anna%d@example.test>\r\n" % n for n in range(5000))
        lines = self.say(gate, transport, b"MAIL FROM:<>\r\n" + rcpts)
        while len(lines) < 5001:
            self.clock.advance(0)
            lines += transport.take().decode().splitlines()
        self.assertEqual(lines[1:1001], ["250 2.1.5 Recipient OK"] * 1000)
        self.assertEqual(lines[1001:], ["452 4.5.3 Too many recipients; send them another copy"] * 4000)
        self.assertEqual(self.say(gate, transport, b"DATA\r\n")[0][:3], "354")
        self.say(gate, transport, b"x\r\n.\r\n")
        self.assertEqual(len(self.reception.accepted[0].envelope.recipients), 1000)

    def test_sameRecipientTwice(self) -> None:
        gate, transport = self.connect(sent=HELLO + ENVELOPE + b"RCPT TO:<ANNA@example.test>\r\nDATA\r\n")
        self.say(gate, transport, b"x\r\n.\r\n")
        self.assertEqual(len(self.reception.accepted[0].routes), 1)

    def test_sizeIsAnnounced(self) -> None:
        gate, transport = self.connect()
        self.assertIn("250-SIZE 1048576", self.say(gate, transport, HELLO))

    def test_octetByOctet(self) -> None:
        gate, transport = self.connect()
        for octet in HELLO + ENVELOPE + b"DATA\r\n\r\n..\r\n.\r\nBDAT 1\r\nxQUIT\r\n":
            gate.dataReceived(bytes([octet]))
        self.assertEqual(self.reception.accepted[0].content, b"\r\n.\r\n")
        self.assertTrue(transport.value().endswith(b"221 2.0.0 Bye\r\n"))

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.integers(1, 30)), st.sampled_from([b"x\r\n..\r\n\r\ny", b"", b".x", b"\r\n\r\n", b"a\r\n.b"]))
    def test_chunksAnywhere(self, cuts: list[int], body: bytes) -> None:
        """
        However the octets arrive, the message is the same.
        """
        self.reception.accepted.clear()
        gate, _transport = self.connect()
        stuffed = body.replace(b"\r\n.", b"\r\n..")
        stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
        data = HELLO + ENVELOPE + b"DATA\r\n" + stuffed + b"\r\n.\r\nNOOP\r\n"
        start = 0
        for cut in cuts:
            gate.dataReceived(data[start : start + cut])
            start += cut
        gate.dataReceived(data[start:])
        self.assertEqual(self.reception.accepted[0].content, body + b"\r\n")
        gate.connectionLost(Failure(ConnectionDone()))

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.sampled_from(WORDS)))
    def test_anyOrder(self, lines: list[bytes]) -> None:
        """
        Whatever is said: no fault of ours, and every answer is a reply.
        """
        gate, transport = self.connect()
        gate.dataReceived(b"".join(line + b"\r\n" for line in lines))
        for _ in range(5):
            self.clock.advance(3)
        for line in transport.value().decode().splitlines():
            self.assertRegex(line, r"^[2345]\d\d[ -]")
            self.assertNotIn("fault", line)
        gate.connectionLost(Failure(ConnectionDone()))

    # ------------------------------------------------------------------------------------ content and store

    def test_backPressure(self) -> None:
        """
        While the store takes its time, no more than the gate's buffer is read.
        """
        gate, transport = self.connect(sent=HELLO + ENVELOPE + b"DATA\r\n")
        incoming = self.reception.incomings[0]
        waiting: Deferred[None] = Deferred()
        incoming.slow = [waiting]
        sent = 0
        while transport.producerState != "paused":
            gate.dataReceived(b"x" * 9998 + b"\r\n")
            sent += 10000
        self.assertLessEqual(sent, MAX_BUFFERED_OCTETS + 20000)
        self.assertLessEqual(incoming.sizeOctets, 10000)
        waiting.callback(None)
        self.assertEqual(transport.producerState, "producing")
        self.assertLessEqual(max(map(len, incoming.pieces)), CHUNK_OCTETS + 4)
        self.say(gate, transport, b".\r\n")
        self.assertEqual(self.reception.accepted[0].content, (b"x" * 9998 + b"\r\n") * (sent // 10000))

    def test_answersThatNobodyReads(self) -> None:
        gate, transport = self.connect(sent=HELLO)
        gate.pauseProducing()
        gate.dataReceived(b"NOOP\r\n" * 5000)
        for _ in range(200):
            self.clock.advance(0)
        self.assertEqual(transport.take(), b"250 2.0.0 OK\r\n")
        gate.dataReceived(b"NOOP\r\n" * 10000)
        self.assertEqual(transport.producerState, "paused")
        self.clock.advance(301)
        self.assertTrue(transport.disconnecting)

    def test_answerComesWhenItIsDurable(self) -> None:
        gate, transport = self.connect(sent=HELLO + ENVELOPE + b"DATA\r\n")
        self.reception.waiting = Deferred()
        self.assertEqual(self.say(gate, transport, b"x\r\n.\r\nNOOP\r\n"), [])
        self.reception.waiting.callback(None)
        self.assertEqual(self.say(gate, transport, b""), ["250 2.0.0 Accepted as Q1", "250 2.0.0 OK"])

    def test_storeFull(self) -> None:
        gate, transport = self.connect(sent=HELLO)
        self.reception.isFull = True
        for verb in (b"DATA\r\n", b"BDAT 10 LAST\r\n"):
            lines = self.say(gate, transport, ENVELOPE + verb)
            lines += self.say(gate, transport, b"xxxxx\r\n.\r\n" if verb[0] == 68 else b"NOOP\r\nRSET")
            self.assertEqual(lines[-1], "452 4.3.1 There is no room now; try again later")
            self.assertTrue(self.reception.incomings[-1].isAborted)

    def test_leftInTheMiddle(self) -> None:
        for verb in (b"DATA\r\nxxx", b"BDAT 10\r\nxxx", b"BDAT 3\r\nxxx"):
            gate, _transport = self.connect(sent=HELLO + ENVELOPE + verb)
            incoming = self.reception.incomings[-1]
            self.assertFalse(incoming.isAborted)
            gate.connectionLost(Failure(ConnectionDone()))
            self.assertTrue(incoming.isAborted)
        self.assertEqual(self.reception.accepted, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_leftWhileItIsCommitted(self) -> None:
        """
        Past the final dot the message is ours, whether or not the peer waits for the answer.
        """
        gate, transport = self.connect(sent=HELLO + ENVELOPE + b"DATA\r\n")
        self.reception.waiting = Deferred()
        self.say(gate, transport, b"x\r\n.\r\n")
        gate.connectionLost(Failure(ConnectionDone()))
        self.reception.waiting.callback(None)
        self.assertEqual(len(self.reception.accepted), 1)
        self.assertEqual(len(self.sessions), 0)

    def test_abortedByReset(self) -> None:
        for ending in (b"RSET\r\n", b"EHLO x\r\n", b"QUIT\r\n"):
            gate, transport = self.connect(sent=HELLO + ENVELOPE + b"BDAT 3\r\nxxx")
            self.say(gate, transport, ending)
            self.assertTrue(self.reception.incomings[-1].isAborted)

    def test_smuggledIsNotKept(self) -> None:
        gate, transport = self.connect(sent=HELLO + ENVELOPE + b"DATA\r\n")
        lines = self.say(gate, transport, b"x\n.\nQUIT\r\n.\r\n")
        self.assertEqual([line[:10] for line in lines], ["554 5.6.11"])
        self.assertEqual(self.reception.accepted, [])
        self.assertTrue(self.reception.incomings[0].isAborted)

    # ------------------------------------------------------------------------------------------------ faults

    def test_ourFaultInACommand(self) -> None:
        gate, transport = self.connect(sent=HELLO)
        self.reception.broken = RuntimeError("secret detail")
        (line,) = self.say(gate, transport, b"MAIL FROM:<>\r\n")
        self.assertRegex(line, r"^451 4\.3\.0 A fault of ours \([0-9a-f]{8}\); try again later$")
        self.reception.broken = None
        self.assertEqual(self.say(gate, transport, b"MAIL FROM:<>\r\n"), ["250 2.1.0 Sender OK"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_ourFaultAtTheEndOfData(self) -> None:
        gate, transport = self.connect(sent=HELLO + ENVELOPE + b"DATA\r\n")
        self.reception.waiting = Deferred()
        self.say(gate, transport, b"x\r\n.\r\n")
        self.reception.waiting.errback(RuntimeError("secret detail"))
        (line,) = self.say(gate, transport, b"")
        self.assertRegex(line, r"^451 4\.3\.0 A fault of ours")
        self.assertEqual(self.say(gate, transport, b"DATA\r\n"), ["503 5.5.1 MAIL comes first"])
        self.assertTrue(self.reception.incomings[0].isAborted)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_ourFaultWithinTheContent(self) -> None:
        """
        The session stays in step: content is never taken for commands.
        """
        for verb, content in ((b"DATA\r\n", b"NOOP\r\n.\r\n"), (b"BDAT 6 LAST\r\n", b"NOOP\r\n")):
            gate, transport = self.connect(sent=HELLO + ENVELOPE + verb)
            self.reception.incomings[-1].error = RuntimeError("secret detail")
            (line,) = self.say(gate, transport, content)
            self.assertRegex(line, r"^451 4\.3\.0 A fault of ours")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_ourFaultBeforeAChunk(self) -> None:
        gate, transport = self.connect(sent=HELLO + ENVELOPE)
        self.patch(self.reception, "incoming", lambda client: 1 / 0)
        lines = self.say(gate, transport, b"BDAT 6\r\nNOOP\r\nQUIT\r\n")
        self.assertRegex(lines[0], r"^451 4\.3\.0 A fault of ours")
        self.assertEqual(lines[1:], ["221 2.0.0 Bye"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    # -------------------------------------------------------------------------------------------------- time

    def test_silence(self) -> None:
        _gate, transport = self.connect()
        self.clock.advance(299)
        self.assertFalse(transport.disconnecting)
        self.clock.advance(2)
        self.assertTrue(transport.disconnecting)
        self.assertTrue(transport.value().endswith(b"421 4.4.2 mail.example.test: this took too long\r\n"))

    def test_sessionLimit(self) -> None:
        gate, transport = self.connect()
        for _ in range(3600 // 120):
            self.clock.advance(120)
            gate.dataReceived(b"NOOP\r\n")
        self.clock.advance(1)
        self.assertTrue(transport.disconnecting)

    def test_wordsAtTheEnd(self) -> None:
        gate, transport = self.connect(sent=HELLO)
        self.sessions.end(gate.sessionId)
        self.assertEqual(transport.take(), b"421 4.3.2 mail.example.test: closing the connection; try again later\r\n")
        gate, transport = self.connect(sent=HELLO)
        while not transport.disconnecting:
            gate.dataReceived(b"x" * 60000)
        self.assertEqual(transport.take(), b"500 5.5.2 Line too long\r\n")

    def test_notLetIn(self) -> None:
        self.settings.change("connections.per_address", "1")
        self.connect()
        _gate, transport = self.connect()
        self.assertEqual(transport.value(), b"421 4.3.2 mail.example.test: too many connections from your address\r\n")

    def test_described(self) -> None:
        gate, transport = self.connect(sent=HELLO + ENVELOPE + b"DATA\r\n")
        self.say(gate, transport, b"x\r\n.\r\n")
        (connection,) = self.sessions.list()
        self.assertEqual(connection.details, {"helo": "client.example.net", "messages": "1"})
