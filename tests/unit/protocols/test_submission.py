"""
Submission: who has not logged in sends nothing, and has not long to do it.
"""

from __future__ import annotations

from osxmail.protocols.submission import SubmissionFactory
from tests.unit.protocols.test_smtp import HELLO, LOGIN, SMTPCase


class SubmissionTests(SMTPCase):
    factoryClass = SubmissionFactory
    service = "submission"

    def test_timeToLogIn(self) -> None:
        gate, transport = self.connect("127.0.0.1")
        for _ in range(5):
            gate.dataReceived(b"NOOP\r\n")
            self.clock.advance(11)
        self.assertFalse(transport.disconnecting)
        self.clock.advance(11)
        self.assertTrue(transport.disconnecting)

    def test_moreTimeAfterwards(self) -> None:
        gate, transport = self.connect("127.0.0.1", HELLO + LOGIN)
        for _ in range(10):
            gate.dataReceived(b"NOOP\r\n")
            self.clock.advance(100)
        self.assertFalse(transport.disconnecting)

    def test_loginIsOfferedWhateverSMTPDoes(self) -> None:
        self.settings.change("smtp.authentication", "no")
        gate, transport = self.connect("127.0.0.1")
        self.assertIn("250 AUTH PLAIN LOGIN", self.say(gate, transport, HELLO))

    def test_nothingWithoutLogin(self) -> None:
        gate, transport = self.connect("127.0.0.1", HELLO)
        lines = self.say(gate, transport, b"MAIL FROM:<anna@example.test>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n")
        self.assertEqual([line[:3] for line in lines], ["530", "503", "503"])
        self.assertEqual(self.reception.incomings, [])
