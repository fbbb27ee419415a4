"""
L{osxmail.delivery.smtpclient} and L{osxmail.delivery.replyconnection}: what is said to other servers, and what
comes of what they say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import ClientFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from osxmail.delivery.smtpclient import HostFailed, SMTPClient, Terms
from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.mail.smtpreply import Reply
from osxmail.net.tls import ClientTLS, ServerCertificates, makeSelfSigned
from tests.fakes.messages import FakeMessage
from tests.fakes.sink import CLOSE, SILENT, Sink

ANN, BOB, EVE = (Recipient(Address.parse(f"{name}@sink.test")) for name in ("ann", "bob", "eve"))
SENDER = Address.parse("sender@example.test")
ENVELOPE = Envelope(SENDER, (ANN,))
MESSAGE = FakeMessage(b"Subject: x\r\n\r\n.dot\r\ntext\r\n")
STUFFED = b"Subject: x\r\n\r\n..dot\r\ntext\r\n.\r\n"


class Wire(StringTransport):
    aborting = False
    noDelay = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.noDelay = enabled

    def abortConnection(self) -> None:
        self.aborting = True
        super().abortConnection()


class ClientCase(SynchronousTestCase):
    """
    A client on a transport of the test's, which plays the server.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def connect(self, **terms: Any) -> None:
        self.client = SMTPClient(Terms("us.test", "sink.test [127.0.0.1]:25", **terms), self.clock)
        self.wire = Wire()
        self.client.makeConnection(self.wire)
        self.opening = Deferred.fromCoroutine(self.client.open())

    def say(self, *lines: str, expect: bytes | None = None) -> None:
        if expect is not None:
            self.assertEqual(self.wire.value(), expect)
        self.wire.clear()
        self.client.dataReceived("".join(f"{line}\r\n" for line in lines).encode())

    def open(self, *extensions: str, **terms: Any) -> None:
        self.connect(**terms)
        self.say("220 hello", expect=b"")
        self.say(*(f"250-{e}" for e in ("sink.test", *extensions)), "250 HELP", expect=b"EHLO us.test\r\n")
        self.successResultOf(self.opening)
        self.assertTrue(self.client.isUsable)

    def send(self, *recipients: Recipient, message: Any = MESSAGE, envelope: Envelope = ENVELOPE) -> None:
        self.sending = Deferred.fromCoroutine(self.client.send(envelope, recipients or (ANN,), message))

    def codes(self) -> list[int]:
        return [reply.code for reply in self.successResultOf(self.sending)]


class OpenTests(ClientCase):
    def failed(self) -> HostFailed:
        return self.failureResultOf(self.opening, HostFailed).value

    def test_noESMTP(self) -> None:
        self.connect()
        self.say("220 hello")
        self.say("502 what", expect=b"EHLO us.test\r\n")
        self.say("250 sink.test", expect=b"HELO us.test\r\n")
        self.successResultOf(self.opening)
        self.assertEqual(self.client.extensions, {})

    def test_greetings(self) -> None:
        for greeting in ("554 no SMTP here", "421 too busy", "250 odd"):
            self.connect()
            self.say(greeting)
            failed = self.failed()
            self.assertEqual((failed.reply.code, failed.isFinal), (int(greeting[:3]), False))
            self.assertFalse(self.client.isUsable)

    def test_refusedForGood(self) -> None:
        self.connect()
        self.say("220 hello")
        self.say("550 not you")
        self.say("550 5.7.1 not you")
        failed = self.failed()
        self.assertEqual((failed.reply.enhanced, failed.isFinal), ("5.7.1", True))
        self.assertEqual(self.wire.value(), b"QUIT\r\n")

    def test_notSMTP(self) -> None:
        self.connect()
        self.say("HTTP/1.1 400 Bad Request")
        self.assertEqual(str(self.failed().reply), "451 4.5.0 The host does not speak SMTP: not an SMTP reply")
        self.assertTrue(self.wire.aborting)

    def test_silence(self) -> None:
        self.connect()
        self.clock.advance(299)
        self.assertNoResult(self.opening)
        self.clock.advance(2)
        self.assertEqual(self.failed().reply.enhanced, "4.4.2")
        self.assertTrue(self.wire.aborting)

    def test_closedAtOnce(self) -> None:
        self.connect()
        self.client.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(str(self.failed().reply), "451 4.4.2 The host has closed the connection")

    def test_TLSRequiredAndMissing(self) -> None:
        self.connect(needsTLS=True, tls=ClientTLS().opportunistic(""))
        self.say("220 hello")
        self.say("250 sink.test")
        self.assertEqual(self.failed().reply.enhanced, "4.7.10")

    def test_TLSRefusedIsNoHindrance(self) -> None:
        self.connect(tls=ClientTLS().opportunistic(""))
        self.say("220 hello")
        self.say("250-sink.test", "250 STARTTLS")
        self.say("454 4.7.0 not now", expect=b"STARTTLS\r\n")
        self.successResultOf(self.opening)

    def test_injectionBeforeTLS(self) -> None:
        for more in (("250 injected",), ("250-inj",)):
            self.connect(tls=ClientTLS().opportunistic(""))
            self.say("220 hello")
            self.say("250-sink.test", "250 STARTTLS")
            self.say("220 go", *more)
            failed = self.failed()
            self.assertEqual((failed.reply.enhanced, failed.isTLS), ("4.7.5", True))
            self.assertTrue(self.wire.aborting)

    def test_passwordsNeedTLS(self) -> None:
        self.connect(login="me", password="secret")
        self.say("220 hello")
        self.say("250-sink.test", "250 AUTH PLAIN")
        self.assertEqual(self.failed().reply.enhanced, "4.7.11")
        self.assertNotIn("secret", repr(self.client.terms))

    def test_login(self) -> None:
        for mechanisms, conversation in (
            ("PLAIN LOGIN", [(b"AUTH PLAIN AG1lAHNlY3JldA==\r\n", "235 ok")]),
            ("login", [(b"AUTH LOGIN\r\n", "334 x"), (b"bWU=\r\n", "334 y"), (b"c2VjcmV0\r\n", "235 ok")]),
        ):
            self.connect(login="me", password="secret", isLoopback=True)
            self.say("220 hello")
            self.say("250-sink.test", f"250 AUTH {mechanisms}")
            for expected, reply in conversation:
                self.say(reply, expect=expected)
            self.successResultOf(self.opening)

    def test_loginRefusedIsNotFinal(self) -> None:
        for offer, reply, enhanced in (("AUTH PLAIN", "535 5.7.8 wrong", "4.7.8"), ("AUTH X", None, "4.7.4")):
            self.connect(login="me", password="secret", isLoopback=True)
            self.say("220 hello")
            self.say("250-sink.test", f"250 {offer}")
            if reply:
                self.say(reply)
            failed = self.failed()
            self.assertEqual((failed.reply.code, failed.reply.enhanced, failed.isFinal), (451, enhanced, False))

    @given(st.lists(st.binary(max_size=60), max_size=8))
    @settings(deadline=None, max_examples=200)
    def test_anyOctets(self, pieces: list[bytes]) -> None:
        self.connect()
        for piece in pieces:
            self.client.dataReceived(piece)
        self.client.connectionLost(Failure(ConnectionDone()))
        self.opening.addErrback(lambda failure: failure.trap(HostFailed))
        self.assertTrue(self.opening.called)


GROUP = b"MAIL FROM:<sender@example.test>\r\nRCPT TO:<ann@sink.test>\r\nRCPT TO:<bob@sink.test>\r\nDATA\r\n"


class PipeliningTests(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.open("PIPELINING")

    def test_oneWriteForEachStep(self) -> None:
        self.send(ANN, BOB)
        self.say("250 ok", "250 ok", "250 ok", "354 go", expect=GROUP)
        self.say("250 2.0.0 taken", expect=STUFFED)
        self.assertEqual(self.successResultOf(self.sending), [Reply(250, "2.0.0", ("taken",))] * 2)
        self.assertTrue(self.client.isUsable)
        self.assertFalse(self.client.isUncertain)

    def test_nextNeedsNoReset(self) -> None:
        for _ in range(2):
            self.send(ANN, BOB)
            self.say("250 ok", "250 ok", "250 ok", "354 go", expect=GROUP)
            self.say("250 ok")
            self.assertEqual(self.codes(), [250, 250])

    def test_someRefused(self) -> None:
        self.send(ANN, BOB)
        self.say("250 ok", "550 5.1.1 who", "250 ok", "354 go")
        self.say("250 taken", expect=STUFFED)
        self.assertEqual(self.codes(), [550, 250])

    def test_allRefused(self) -> None:
        self.send(ANN, BOB)
        self.say("250 ok", "550 5.1.1 who", "450 4.2.1 later", "503 no recipients")
        self.assertEqual(self.codes(), [550, 450])
        self.assertEqual(self.wire.value(), b"")
        self.send(ANN, BOB)
        self.say("250 reset", "250 ok", "250 ok", "250 ok", "354 go", expect=b"RSET\r\n" + GROUP)
        self.say("250 ok")
        self.assertEqual(self.codes(), [250, 250])

    def test_allRefusedAndDataWanted(self) -> None:
        self.send(ANN, BOB)
        self.say("250 ok", "550 who", "550 who", "354 go")
        self.say("554 no valid recipients", expect=b".\r\n")
        self.assertEqual(self.codes(), [550, 550])
        self.assertTrue(self.client.isUsable)

    def test_senderRefused(self) -> None:
        self.send(ANN, BOB)
        self.say("553 5.1.8 you", "503 x", "503 x", "503 x")
        self.assertEqual(self.codes(), [553, 553])

    def test_dataRefused(self) -> None:
        self.send(ANN, BOB)
        self.say("250 ok", "550 who", "250 ok", "451 4.3.0 not now")
        self.assertEqual(self.codes(), [550, 451])
        self.assertTrue(self.client.isUsable)

    def test_dataOdd(self) -> None:
        self.send(ANN, BOB)
        self.say("250 ok", "250 ok", "250 ok", "250 odd")
        self.assertEqual(self.codes(), [451, 451])
        self.assertTrue(self.wire.aborting)

    def test_contentRefused(self) -> None:
        self.send(ANN, BOB)
        self.say("250 ok", "250 ok", "250 ok", "354 go")
        self.say("554 5.7.1 spam")
        self.assertEqual(self.codes(), [554, 554])
        self.assertFalse(self.client.isUncertain)

    def test_shuttingDownAmidTheGroup(self) -> None:
        self.send(ANN, BOB)
        self.say("250 ok", "550 who", "421 4.3.2 shutting down")
        self.assertEqual(self.codes(), [550, 421])
        self.assertFalse(self.client.isUsable)
        self.assertFalse(self.client.isStale)

    def test_staleConnection(self) -> None:
        for how in ("lost", "421"):
            self.open("PIPELINING")
            self.send(ANN, BOB)
            if how == "lost":
                self.client.connectionLost(Failure(ConnectionLost()))
            else:
                self.say("421 4.4.2 timeout")
            self.assertEqual(self.codes(), [421 if how == "421" else 451] * 2)
            self.assertTrue(self.client.isStale)
            self.assertFalse(self.client.isUncertain)

    def test_lostAfterTheDot(self) -> None:
        self.send(ANN, BOB)
        self.say("250 ok", "250 ok", "550 who", "354 go")
        self.client.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.codes(), [451, 550])
        self.assertTrue(self.client.isUncertain)

    def test_silentAfterTheDot(self) -> None:
        self.send(ANN)
        self.say("250 ok", "250 ok", "354 go")
        self.clock.pump([100] * 5 + [99])
        self.assertNoResult(self.sending)
        self.clock.advance(2)
        self.assertEqual(self.codes(), [451])
        self.assertTrue(self.client.isUncertain)

    def test_shuttingDownAfterTheDotIsCertain(self) -> None:
        self.send(ANN)
        self.say("250 ok", "250 ok", "354 go")
        self.say("421 4.3.2 no")
        self.assertEqual(self.codes(), [421])
        self.assertFalse(self.client.isUncertain)

    def test_unaskedReply(self) -> None:
        self.say("421 4.4.2 idle for too long")
        self.assertFalse(self.client.isUsable)
        for _ in range(10):
            self.say("250 and more")
        self.assertTrue(self.wire.aborting)

    def test_moreRepliesThanCommands(self) -> None:
        self.send(ANN)
        self.say(*["250 ok"] * 30)
        self.assertEqual(self.codes(), [451])
        self.assertTrue(self.wire.aborting)

    def test_outOfStep(self) -> None:
        for more in ("250 one too many\r\n", "250-and"):
            self.open("PIPELINING")
            self.send(ANN)
            self.say("250 ok", "250 ok", "354 go")
            self.client.dataReceived(f"250 taken\r\n{more}".encode())
            self.assertEqual(self.codes(), [250])
            self.assertFalse(self.client.isUsable)

    def test_acceptedBeforeItWasSent(self) -> None:
        self.send(ANN)
        self.say("250 ok", "250 ok", "354 go", "250 taken")
        self.assertEqual(self.codes(), [451])
        self.assertEqual(self.wire.value(), b"")

    def test_slowPieces(self) -> None:
        self.send(ANN, BOB)
        self.wire.clear()
        for octet in b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n":
            self.client.dataReceived(bytes((octet,)))
        self.say("250 taken", expect=STUFFED)
        self.assertEqual(self.codes(), [250, 250])

    def test_timerIsGoneAtTheEnd(self) -> None:
        self.send(ANN)
        self.client.quit()
        self.client.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_quitWaitsForItsAnswerNotForEver(self) -> None:
        self.client.quit()
        self.assertEqual(self.wire.value(), b"QUIT\r\n")
        self.assertFalse(self.wire.disconnecting)
        self.client.dataReceived(b"221 bye\r\n")
        self.assertTrue(self.wire.disconnecting)
        self.open()
        self.client.quit()
        self.clock.advance(6)
        self.assertTrue(self.wire.aborting)

    def test_abort(self) -> None:
        self.send(ANN)
        self.client.abort("stopping")
        self.assertEqual(str(self.successResultOf(self.sending)[0]), "451 4.3.2 stopping")


class AnyServerTests(ClientCase):
    """
    Whatever a server answers, and wherever it stops: each recipient has a reply, and nothing hangs.
    """

    @given(
        st.booleans(),
        st.booleans(),
        st.lists(st.sampled_from([220, 250, 251, 334, 354, 421, 450, 452, 500, 550, 552, 554]), max_size=14),
        st.booleans(),
    )
    @settings(deadline=None, max_examples=400)
    def test_anyReplies(self, isPipelined: bool, isInline: bool, codes: list[int], atOnce: bool) -> None:
        self.open(*(["PIPELINING"] if isPipelined else []))
        self.send(ANN, BOB, message=FakeMessage(MESSAGE.inline, isInline))
        lines = [f"{code} x\r\n".encode() for code in codes]
        for data in [b"".join(lines)] if atOnce else lines:
            self.client.dataReceived(data)
        self.client.connectionLost(Failure(ConnectionLost()))
        replies = self.successResultOf(self.sending)
        self.assertEqual(len(replies), 2)
        self.assertFalse(self.client.isUsable)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        for reply in replies:
            self.assertNotIn(reply.code, (354, 334))
        if any(reply.isPositive for reply in replies):
            # Nobody has it before the whole message was sent and answered.
            self.assertIn(b"\r\n.\r\n", self.wire.value())


class InTurnTests(ClientCase):
    def test_oneByOne(self) -> None:
        self.open()
        self.send(ANN, BOB, EVE)
        for expected, reply in (
            (b"MAIL FROM:<sender@example.test>\r\n", "250 ok"),
            (b"RCPT TO:<ann@sink.test>\r\n", "250 ok"),
            (b"RCPT TO:<bob@sink.test>\r\n", "550 who"),
            (b"RCPT TO:<eve@sink.test>\r\n", "451 later"),
            (b"DATA\r\n", "354 go"),
            (STUFFED, "250 ok"),
        ):
            self.say(reply, expect=expected)
        self.assertEqual(self.codes(), [250, 550, 451])

    def test_senderRefused(self) -> None:
        self.open()
        self.send()
        self.say("550 no")
        self.assertEqual(self.codes(), [550])
        self.send()
        self.say("250 ok", expect=b"RSET\r\n")
        self.say("250 ok", expect=b"MAIL FROM:<sender@example.test>\r\n")

    def test_allRefused(self) -> None:
        self.open()
        self.send()
        self.say("250 ok")
        self.say("550 no")
        self.assertEqual(self.codes(), [550])

    def test_eachStepHasItsTime(self) -> None:
        self.open()
        self.send()
        self.clock.advance(200)
        self.say("250 ok")
        self.clock.advance(200)
        self.say("250 ok")
        self.clock.advance(119)
        self.assertNoResult(self.sending)
        self.clock.advance(2)
        self.assertEqual(self.codes(), [451])


class ContentTests(ClientCase):
    def test_tooLarge(self) -> None:
        self.open("SIZE 10")
        self.send(ANN, BOB)
        self.assertEqual(self.codes(), [552, 552])
        self.assertEqual(self.wire.value(), b"")

    def test_8bitWithout8BITMIME(self) -> None:
        envelope = Envelope(SENDER, (ANN,), body="8BITMIME")
        for isInline in (True, False):
            self.open()
            self.send(envelope=envelope, message=FakeMessage("Subject: x\r\n\r\nü\r\n".encode(), isInline))
            self.assertEqual(str(self.successResultOf(self.sending)[0])[:9], "554 5.6.3")
            self.open()
            self.send(envelope=envelope, message=FakeMessage(b"Subject: x\r\n\r\nu\r\n", isInline))
            self.assertNoResult(self.sending)

    def test_utf8HeaderWithoutSMTPUTF8(self) -> None:
        envelope = Envelope(SENDER, (ANN,), smtputf8=True)
        for isInline in (True, False):
            self.open("8BITMIME")
            self.send(envelope=envelope, message=FakeMessage("Subject: ü\r\n\r\nx\r\n".encode(), isInline))
            self.assertEqual(str(self.successResultOf(self.sending)[0])[:9], "550 5.6.7")
            self.open("8BITMIME")
            self.send(envelope=envelope, message=FakeMessage("Subject: u\r\n\r\nü\r\n".encode(), isInline))
            self.assertNoResult(self.sending)

    def test_oneAddressNeedsSMTPUTF8(self) -> None:
        self.open("PIPELINING")
        self.send(Recipient(Address.parse("jürgen@sink.test")), ANN)
        self.say("250 ok", "250 ok", "354 go")
        self.say("250 ok")
        self.assertEqual(self.codes(), [553, 250])
        self.send(Recipient(Address.parse("jürgen@sink.test")))
        self.assertEqual(self.codes(), [553])

    def test_noFinalNewline(self) -> None:
        self.open("PIPELINING")
        self.send(message=FakeMessage(b"a\r\n\r\nb"))
        self.say("250 ok", "250 ok", "354 go")
        self.assertEqual(self.wire.value(), b"a\r\n\r\nb\r\n.\r\n")

    def test_largeMessageInPieces(self) -> None:
        octets = b"x: y\r\n\r\n" + b".line\r\n" * 30000
        self.open("PIPELINING")
        self.send(message=FakeMessage(octets, isInline=False))
        self.wire.clear()
        self.client.dataReceived(b"250 ok\r\n250 ok\r\n354 go\r\n")
        self.assertEqual(self.wire.value(), octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        self.assertIsNone(self.wire.producer)
        self.client.dataReceived(b"250 ok\r\n")
        self.assertEqual(self.codes(), [250])

    def test_backPressure(self) -> None:
        octets = b"x: y\r\n\r\n" + b"line\r\n" * 50000
        message = FakeMessage(octets, isInline=False)
        self.open("PIPELINING")
        self.send(message=message)
        write = self.wire.write

        def congestedWrite(data: bytes) -> None:
            write(data)
            if len(data) > 10000:
                self.client.pauseProducing()

        self.wire.write = congestedWrite
        self.client.dataReceived(b"250 ok\r\n250 ok\r\n354 go\r\n")
        self.assertEqual(len(message.reads), 1)
        self.client.resumeProducing()
        self.assertEqual(len(message.reads), 2)
        self.clock.advance(179)
        self.assertNoResult(self.sending)
        self.clock.advance(2)
        self.assertEqual(self.codes(), [451])
        self.assertFalse(self.client.isUncertain)

    def test_damagedMessageIsNeverFinished(self) -> None:
        self.open("PIPELINING")
        self.send(message=FakeMessage(b"x" * 200000, isInline=False, breaksAt=100000))
        self.client.dataReceived(b"250 ok\r\n250 ok\r\n354 go\r\n")
        self.assertEqual(str(self.successResultOf(self.sending)[0])[:9], "451 4.3.0")
        self.assertFalse(self.wire.value().endswith(b".\r\n"))
        self.assertTrue(self.wire.aborting)
        self.assertFalse(self.client.isUncertain)

    def test_refusalBeforeTheEnd(self) -> None:
        message = FakeMessage(b"x" * 300000, isInline=False)
        self.open("PIPELINING")
        self.send(message=message)
        self.client.pauseProducing()
        self.client.dataReceived(b"250 ok\r\n250 ok\r\n354 go\r\n")
        self.client.dataReceived(b"552 5.3.4 too much\r\n")
        self.client.resumeProducing()
        self.assertEqual(self.codes(), [552])
        self.assertFalse(self.client.isUncertain)


class SinkTests(TestCase):
    """
    Against a real server on loopback, which is the sink's own test as well.
    """

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        files = makeSelfSigned(["sink.test"], folder / "c.pem", folder / "c.key")
        self.sink = Sink(tls=ServerCertificates([files]))
        self.sink.start()
        self.addCleanup(self.sink.stop)

    async def connect(self, **terms: Any) -> SMTPClient:
        from twisted.internet import reactor

        client = SMTPClient(Terms("us.test", "sink", **terms), reactor)
        factory = ClientFactory()
        factory.noisy = False
        factory.buildProtocol = lambda _: client  # type: ignore[method-assign]
        reactor.connectTCP("127.0.0.1", self.sink.port, factory)
        connected: Deferred[None] = Deferred()
        made = client.connectionMade
        client.connectionMade = lambda: (made(), connected.callback(None))  # type: ignore[method-assign]
        await connected
        self.addCleanup(client.abort, "done")
        await client.open()
        return client

    async def test_clear(self) -> None:
        client = await self.connect()
        replies = await client.send(ENVELOPE, (ANN, BOB), MESSAGE)
        self.assertEqual([r.code for r in replies], [250, 250])
        (taken,) = self.sink.taken
        self.assertEqual((taken.data, taken.tls), (MESSAGE.inline, False))
        self.assertEqual(taken.recipients, ["TO:<ann@sink.test>", "TO:<bob@sink.test>"])
        self.assertEqual(taken.sender, f"FROM:<sender@example.test> SIZE={MESSAGE.sizeOctets}")

    async def test_TLS(self) -> None:
        self.sink.extensions += ("STARTTLS",)
        client = await self.connect(tls=ClientTLS().opportunistic("sink.test"))
        self.assertRegex(client.tls, r"^TLSv1\.3 TLS_")
        self.assertEqual(self.sink.verbs(), ["EHLO", "STARTTLS", "EHLO"])
        for isInline in (True, False):
            message = FakeMessage(b"x: y\r\n\r\n" + b".line\r\n" * 100000, isInline)
            self.assertEqual([r.code for r in await client.send(ENVELOPE, (ANN,), message)], [250])
            self.assertEqual(self.sink.taken[-1].data, message._octets)
        self.assertEqual({t.tls for t in self.sink.taken}, {True})

    async def test_handshakeFails(self) -> None:
        self.sink.extensions += ("STARTTLS",)
        with self.assertRaises(HostFailed) as caught:
            await self.connect(tls=ClientTLS().verified("other.test"))
        self.assertTrue(caught.exception.isTLS)
        self.assertEqual(caught.exception.reply.enhanced, "4.7.5")

    async def test_loginOverTLS(self) -> None:
        self.sink.extensions += ("STARTTLS", "AUTH PLAIN")
        await self.connect(tls=ClientTLS().opportunistic("sink.test"), login="me", password="secret", needsTLS=True)
        self.assertEqual(self.sink.sessions[-1].login, ("PLAIN", "AG1lAHNlY3JldA=="))

    async def test_scripts(self) -> None:
        self.sink.script = {"RCPT": [b"450 4.2.1 later\r\n", None], "DOT": [CLOSE]}
        client = await self.connect()
        self.assertEqual([r.code for r in await client.send(ENVELOPE, (ANN, BOB), MESSAGE)], [450, 451])
        self.assertTrue(client.isUncertain)
        self.sink.script = {"MAIL": SILENT}
        client = await self.connect()
        sending = Deferred.fromCoroutine(client.send(ENVELOPE, (ANN,), MESSAGE))
        client.abort("enough")
        self.assertEqual([r.code for r in await sending], [451])
