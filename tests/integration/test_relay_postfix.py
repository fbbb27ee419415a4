"""
The daemon with a real Postfix: as mail exchanger found by DNS, as smart host, and as the sender.
"""

from __future__ import annotations

import atexit
import email
import email.policy
import imaplib
import json
import smtplib
import time
from typing import Any

from twisted.trial.unittest import TestCase

from osxmail.delivery.connections import REUSE_SECONDS
from tests.integration.daemon import PASSWORD, Daemon, until
from tests.integration.nameserver import NameServer
from tests.integration.postfix import Postfix, postfixMissing
from tests.integration.wire import unverified

ANNA = "anna@example.test"
HEADER = f"From: {ANNA}\r\nTo: ben@next.test\r\nSubject: %s\r\n\r\n"


class Parts:
    """
    A name server, a daemon, and a Postfix that is the exchanger of next.test and sends example.test to the daemon.
    """

    def __init__(self) -> None:
        self.names = NameServer().start()
        atexit.register(self.names.stop)
        self.daemon = Daemon(
            services=("smtp", "submission", "imap"),
            settings={"relay.backoff_first": "1h"},
            more=f'[dns]\nservers = ["{self.names.address}"]',
        )
        atexit.register(self.daemon.remove)
        self.postfix = Postfix(("next.test",), {"example.test": self.daemon.ports["smtp"]})
        atexit.register(self.postfix.remove)
        self.daemon.settings["relay.port"] = self.postfix.port
        self.postfix.start()
        self.daemon.start()
        self.daemon.addAccount(ANNA)
        self.names.tell("add", "next.test", "MX", [10, "mx.next.test"])
        self.names.tell("add", "mx.next.test", "A", "127.0.0.1")
        self.names.tell("addNullMX", "null.test")


class RelayCase(TestCase):
    skip = postfixMissing
    parts: Parts | None = None

    def setUp(self) -> None:
        if RelayCase.parts is None:
            RelayCase.parts = Parts()
        self.daemon = RelayCase.parts.daemon
        self.postfix = RelayCase.parts.postfix
        self.names = RelayCase.parts.names

    def submit(self, data: bytes, *recipients: str, options: tuple[str, ...] = ()) -> None:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["submission"]) as client:
            client.starttls(context=unverified())
            client.login(ANNA, PASSWORD)
            client.sendmail(ANNA, recipients, data, mail_options=options)

    def mail(self, *recipients: str, body: str = "Hello.\r\n", **more: Any) -> None:
        self.submit((HEADER % self.id() + body).encode(), *recipients, **more)

    def arrived(self) -> list[bytes]:
        """
        What has come to Postfix with this test's subject, with the line ends of the wire.
        """
        subject = f"Subject: {self.id()}\n".encode()
        return [octets.replace(b"\n", b"\r\n") for octets in self.postfix.messages() if subject in octets]

    def inbox(self) -> list[bytes]:
        with imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"]) as client:
            client.starttls(unverified())
            client.login(ANNA, PASSWORD)
            client.select("INBOX", readonly=True)
            _, found = client.search(None, "ALL")
            return [client.fetch(uid, "(BODY.PEEK[])")[1][0][1] for uid in found[0].split()]

    def about(self, text: str) -> bytes | None:
        for message in self.inbox():
            if self.id().encode() in message and text.encode() in message:
                return message
        return None

    def queued(self, recipient: str) -> list[dict[str, Any]]:
        result = self.daemon.run("queue", "list", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return [item for item in json.loads(result.stdout) if recipient in json.dumps(item)]

    def retry(self, item: dict[str, Any]) -> None:
        result = self.daemon.run("queue", "retry", item["id"])
        self.assertEqual(result.returncode, 0, result.stderr)


class ExchangerTests(RelayCase):
    def test_delivered(self) -> None:
        self.mail("ben@next.test")
        (message,) = until(self.arrived)
        self.assertIn(b"by mail.example.test", message)
        # Postfix has seen TLS, and our name.
        self.assertRegex(message.decode(), r"from mail\.example\.test .*\r\n\t\(using TLSv1\.[23] with cipher")
        self.assertTrue(message.endswith(b"\r\n\r\nHello.\r\n"))
        until(lambda: not self.queued("ben@next.test"))

    def test_everyOctet(self) -> None:
        body = ".\r\n..\r\n.dot\r\n" + "ü ".join(f"{n}.\r\n." for n in range(60000)) + "\r\n"
        self.mail("ben@next.test", body=body, options=("BODY=8BITMIME",))
        (message,) = until(self.arrived, 40.0)
        self.assertEqual(message.partition(b"\r\n\r\n")[2], body.encode())

    def test_manyRecipientsInOneTransaction(self) -> None:
        self.mail(*(f"r{n}@next.test" for n in range(30)))
        until(lambda: len(self.arrived()) == 30)
        identities = {line for octets in self.arrived() for line in octets.split(b"\r\n") if b"with ESMTPS id" in line}
        self.assertEqual(len(identities), 1)

    def test_manyMessages(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["submission"]) as client:
            client.starttls(context=unverified())
            client.login(ANNA, PASSWORD)
            for number in range(40):
                client.sendmail(ANNA, f"m{number}@next.test", (HEADER % self.id() + "x\r\n").encode())
        until(lambda: len(self.arrived()) == 40)

    def test_someRefused(self) -> None:
        self.mail("ben@next.test", "unknown@next.test", "refused@next.test")
        until(self.arrived)
        report = until(lambda: self.about("Action: failed"))
        parsed = email.message_from_bytes(report, policy=email.policy.default)
        self.assertEqual(parsed["Return-Path"], "<>")
        self.assertEqual(parsed.get_content_type(), "multipart/report")
        status = parsed.get_payload(1).as_string()
        for text in ("unknown@next.test", "5.1.1", "refused@next.test", "5.7.1", "mx.next.test"):
            self.assertIn(text, status)
        self.assertNotIn("ben@next.test", status)
        self.assertEqual(self.queued("refused@next.test"), [])

    def test_laterIsTriedAgain(self) -> None:
        self.mail("later@next.test")
        (item,) = until(lambda: [i for i in self.queued("later@next.test") if "come back later" in json.dumps(i)])
        recipients = self.postfix.folder / "etc" / "recipients"
        old = recipients.read_text()
        recipients.write_text(old.replace("450", "250").replace("/^later/ 250 4.2.0 come back later", ""))
        self.addCleanup(recipients.write_text, old)
        # Its servers read their tables again when they start.
        self.postfix._postfix("reload")
        self.addCleanup(self.postfix._postfix, "reload")
        until(self.postfix._answers)
        # A connection that is kept would still lead to a server with the old table.
        time.sleep(2 * REUSE_SECONDS)
        self.retry(item)
        until(self.arrived)

    def test_nowhereToGo(self) -> None:
        self.mail("ben@null.test", "ben@none.test")
        report = until(lambda: self.about("5.1.10") and self.about("5.1.2"))
        self.assertIn(b"Action: failed", report)

    def test_downAndUpAgain(self) -> None:
        self.postfix.stop()
        self.addCleanup(self.postfix.start)
        self.mail("ben@next.test")
        (item,) = until(lambda: [i for i in self.queued("ben@next.test") if "refused" in json.dumps(i).lower()])
        self.postfix.start()
        self.retry(item)
        until(self.arrived)

    def test_holdOutbound(self) -> None:
        self.assertEqual(self.daemon.run("settings", "relay.hold_outbound", "=", "yes").returncode, 0)
        try:
            self.mail("ben@next.test", ANNA)
            until(lambda: self.about("Hello."))
            self.assertEqual((len(self.queued("ben@next.test")), self.arrived()), (1, []))
        finally:
            self.daemon.run("settings", "relay.hold_outbound", "=", "no")
        until(self.arrived)


class SmartHostTests(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.change("relay.smarthost", f"[127.0.0.1]:{self.postfix.port}")
        self.addCleanup(self.change, "relay.smarthost", "")

    def change(self, key: str, value: str) -> None:
        result = self.daemon.run("settings", key, "=", value)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_noNamesAreAsked(self) -> None:
        self.names.tell("fault", "next.test", "servfail")
        self.addCleanup(self.names.tell, "fault", "next.test", "")
        self.mail("ben@next.test")
        until(self.arrived)


class SenderTests(RelayCase):
    def test_fromPostfix(self) -> None:
        octets = (f"From: x@far.test\r\nSubject: {self.id()}\r\n\r\n.dot\r\n" + "line\r\n" * 20000).encode()
        with smtplib.SMTP("127.0.0.1", self.postfix.port) as client:
            client.sendmail("x@far.test", [ANNA], octets)
        message = until(lambda: self.about("From: x@far.test"))
        self.assertEqual(message.partition(b"\r\n\r\n")[2], octets.partition(b"\r\n\r\n")[2])
        self.assertTrue(message.startswith(b"Return-Path: <x@far.test>\r\n"))
        # It has used TLS.
        self.assertIn(b"ESMTPS", message.partition(b"\r\n\r\n")[0])

    def test_unknownGoesBackThere(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.postfix.port) as client:
            client.sendmail("back@next.test", ["nobody@example.test"], f"Subject: {self.id()}\r\n\r\nx\r\n".encode())
        until(lambda: [o for o in self.arrived() if b"Undelivered Mail Returned" in o])
