"""
L{osxmail.delivery.commands}: the commands of a transaction.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.commands import (
    ADDRESS_NEEDS_UTF8,
    NEEDS_8BIT,
    NEEDS_UTF8,
    TOO_LARGE,
    Content,
    mailCommand,
    obstacle,
    parseExtensions,
    rcptCommand,
    sizeLimit,
)
from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.mail.smtpreply import Reply

ANN = Address.parse("ann@example.test")
PLAIN = Content(1000, False, False)
EIGHT = Content(1000, True, False)
UTF8 = Content(1000, True, True)


class ExtensionTests(SynchronousTestCase):
    def test_parse(self) -> None:
        reply = Reply(250, "", ("host greets you", "pipelining", "SIZE 1000", "AUTH=LOGIN PLAIN", "??", "", "8BITMIME"))
        self.assertEqual(
            parseExtensions(reply), {"PIPELINING": "", "SIZE": "1000", "AUTH": "LOGIN PLAIN", "8BITMIME": ""}
        )

    def test_realAuthWins(self) -> None:
        for lines in (("x", "AUTH=LOGIN", "AUTH PLAIN"), ("x", "AUTH PLAIN", "AUTH=LOGIN")):
            self.assertEqual(parseExtensions(Reply(250, "", lines))["AUTH"], "PLAIN")

    def test_size(self) -> None:
        for text, size in (("1000", 1000), ("", 0), ("x", 0), ("9" * 21, 0), ("10 more", 10), ("-1", 0)):
            self.assertEqual(sizeLimit({"SIZE": text}), size)
        self.assertEqual(sizeLimit({}), 0)


class ObstacleTests(SynchronousTestCase):
    def test_size(self) -> None:
        envelope = Envelope(ANN, ())
        self.assertIsNone(obstacle(envelope, PLAIN, {"SIZE": "1000"}))
        self.assertIs(obstacle(envelope, PLAIN, {"SIZE": "999"}), TOO_LARGE)
        self.assertIsNone(obstacle(envelope, PLAIN, {"SIZE": "0"}))

    def test_8bit(self) -> None:
        envelope = Envelope(ANN, (), body="8BITMIME")
        self.assertIs(obstacle(envelope, EIGHT, {}), NEEDS_8BIT)
        self.assertIsNone(obstacle(envelope, EIGHT, {"8BITMIME": ""}))
        # Announced, and not there.
        self.assertIsNone(obstacle(envelope, PLAIN, {}))
        # Never announced: it came that way, and goes on that way.
        self.assertIsNone(obstacle(Envelope(ANN, ()), EIGHT, {}))

    def test_utf8(self) -> None:
        offered = {"SMTPUTF8": "", "8BITMIME": ""}
        envelope = Envelope(ANN, (), smtputf8=True)
        self.assertIs(obstacle(envelope, UTF8, {"8BITMIME": ""}), NEEDS_UTF8)
        self.assertIsNone(obstacle(envelope, UTF8, offered))
        # Announced, and not needed.
        self.assertIsNone(obstacle(envelope, PLAIN, {}))
        sender = Envelope(Address.parse("jürgen@example.test"), (), smtputf8=True)
        self.assertIs(obstacle(sender, PLAIN, {}), NEEDS_UTF8)
        self.assertIsNone(obstacle(sender, PLAIN, offered))


class CommandTests(SynchronousTestCase):
    def test_mail(self) -> None:
        everything = {"SIZE": "9999", "8BITMIME": "", "SMTPUTF8": "", "DSN": ""}
        envelope = Envelope(ANN, (), "8BITMIME", True, "id +1", "HDRS")
        self.assertEqual(
            mailCommand(envelope, EIGHT, everything),
            b"MAIL FROM:<ann@example.test> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+20+2B1\r\n",
        )
        self.assertEqual(mailCommand(envelope, EIGHT, {}), b"MAIL FROM:<ann@example.test>\r\n")
        self.assertEqual(mailCommand(Envelope(None, ()), PLAIN, {}), b"MAIL FROM:<>\r\n")

    def test_contentDecidesOnBody(self) -> None:
        self.assertEqual(mailCommand(Envelope(None, ()), EIGHT, {"8BITMIME": ""}), b"MAIL FROM:<> BODY=8BITMIME\r\n")

    def test_rcpt(self) -> None:
        recipient = Recipient(ANN, "rfc822;a+b=c@example.test", frozenset({"SUCCESS", "FAILURE"}))
        self.assertEqual(
            rcptCommand(recipient, {"DSN": ""}),
            b"RCPT TO:<ann@example.test> NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;a+2Bb+3Dc@example.test\r\n",
        )
        self.assertEqual(rcptCommand(recipient, {}), b"RCPT TO:<ann@example.test>\r\n")

    def test_rcptOutsideASCII(self) -> None:
        recipient = Recipient(Address.parse("jürgen@example.test"), "utf-8;jürgen@example.test")
        self.assertIs(rcptCommand(recipient, {"DSN": ""}), ADDRESS_NEEDS_UTF8)
        self.assertEqual(
            rcptCommand(recipient, {"SMTPUTF8": "", "DSN": ""}), "RCPT TO:<jürgen@example.test>\r\n".encode()
        )

    def test_quotedLocalPart(self) -> None:
        recipient = Recipient(Address.parse('"a b\\"c"@example.test'))
        self.assertEqual(rcptCommand(recipient, {}), b'RCPT TO:<"a b\\"c"@example.test>\r\n')
