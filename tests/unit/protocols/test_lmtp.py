"""
LMTP: a reply for each recipient, also when something is wrong; a Unix socket.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from osxmail.protocols.lmtp import LMTPFactory
from tests.unit.protocols.test_smtp import SMTPCase

ENVELOPE = b"MAIL FROM:<x@example.net>\r\nRCPT TO:<anna@example.test>\r\nRCPT TO:<ben@example.test>\r\n"


class LMTPTests(SMTPCase):
    factoryClass = LMTPFactory
    service = "lmtp"

    def test_unixSocket(self) -> None:
        gate, transport = self.connect("", b"LHLO front\r\n" + ENVELOPE + b"DATA\r\n")
        self.assertEqual(self.say(gate, transport, b"x\r\n.\r\n"), ["250 2.0.0 Accepted as Q1"] * 2)
        client = self.reception.accepted[0].client
        self.assertEqual((client.host, client.port, client.protocol), ("127.0.0.1", 0, "LMTP"))

    def test_utf8(self) -> None:
        gate, transport = self.connect(
            "", b"LHLO front\r\nMAIL FROM:<> SMTPUTF8\r\nRCPT TO:<anna@example.test>\r\nDATA\r\n"
        )
        self.say(gate, transport, b"x\r\n.\r\n")
        self.assertEqual(self.reception.accepted[0].client.protocol, "UTF8LMTP")

    def test_ourFaultIsOwedToEachRecipient(self) -> None:
        gate, transport = self.connect("", b"LHLO front\r\n" + ENVELOPE + b"DATA\r\n")
        self.reception.waiting = Deferred()
        self.say(gate, transport, b"x\r\n.\r\n")
        self.reception.waiting.errback(RuntimeError("secret detail"))
        lines = self.say(gate, transport, b"NOOP\r\n")
        self.assertEqual([line[:9] for line in lines], ["451 4.3.0", "451 4.3.0", "250 2.0.0"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_tooLarge(self) -> None:
        gate, transport = self.connect("", b"LHLO front\r\n" + ENVELOPE + b"DATA\r\n")
        lines = self.say(gate, transport, b"x" * 1100000 + b"\r\n.\r\n")
        self.assertEqual([line[:9] for line in lines], ["552 5.3.4", "552 5.3.4"])
