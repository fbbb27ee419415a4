"""
LMTP as a server in front of us would speak it: on a Unix socket and on TCP.
"""

from __future__ import annotations

import poplib
import shutil
import smtplib
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon

ANNA, BERT = "anna@example.test", "bert@example.test"


class LMTPTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="osxmail-lmtp-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.path = self.folder / "lmtp"
        self.daemon = Daemon(("pop3",), more=f'lmtp = ["unix:{self.path}", "tcp:0:interface=127.0.0.1"]')
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        for address in (ANNA, BERT):
            self.daemon.addAccount(address)

    def test_unixSocket(self) -> None:
        with smtplib.LMTP(str(self.path)) as client:
            client.ehlo("front.example.test")
            client.mail("x@example.net")
            self.assertEqual(client.rcpt(ANNA)[0], 250)
            self.assertEqual(client.rcpt("nobody@example.test")[0], 550)
            self.assertEqual(client.rcpt(BERT)[0], 250)
            self.assertEqual(client.docmd("DATA")[0], 354)
            client.send(b"Subject: by LMTP\r\n\r\nx\r\n.\r\n")
            self.assertEqual([client.getreply()[0], client.getreply()[0]], [250, 250])
        for address in (ANNA, BERT):
            drop = poplib.POP3("127.0.0.1", self.daemon.ports["pop3"])
            self.addCleanup(drop.close)
            drop.user(address)
            drop.pass_(PASSWORD)
            self.assertIn(b"Subject: by LMTP", drop.retr(1)[1])
            self.assertTrue(any(b" with LMTP " in line or b"with LMTP" in line for line in drop.retr(1)[1]))
