"""
Logins while somebody guesses passwords: guessers are kept from everybody else's way.
"""

from __future__ import annotations

import imaplib
import poplib
import re
import smtplib
import socket
import time
from typing import ClassVar

from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon, shared

ANNA, BERT = "anna@example.test", "bert@example.test"
GUESSERS = 300


class GuessingTests(TestCase):
    """
    Everybody is on this machine: 127.0.0.1 is spared, the addresses beside it are not.
    """

    settings: ClassVar[dict[str, object]] = {
        "connections.spared_networks": "127.0.0.1",
        "auth.cleartext": "always",
        "auth.failures_per_address": 5,
        "auth.wait_after_failures": "30s",
        "auth.failure_delay": "1s",
        "auth.failures_per_connection": 100,
        "pop3.sessions_per_address": 1000,
        "connections.per_address": 2000,
    }

    @classmethod
    def make(cls) -> Daemon:
        return Daemon(("pop3", "imap", "submission"), settings=cls.settings)

    def setUp(self) -> None:
        self.daemon = shared(self.make, ANNA, BERT)

    def connect(self, host: str, port: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), 30, (host, 0))
        self.addCleanup(connection.close)
        return connection

    def guess(self, connection: socket.socket, *passwords: str) -> None:
        connection.sendall(b"".join(f"USER {ANNA}\r\nPASS {password}\r\n".encode() for password in passwords))

    def secondsToLogIn(self) -> float:
        began = time.monotonic()
        client = poplib.POP3("127.0.0.1", self.daemon.ports["pop3"], timeout=30)
        client.user(BERT)
        client.pass_(PASSWORD)
        took = time.monotonic() - began
        client.quit()
        return took

    def test_manyGuessersFromOneAddress(self) -> None:
        """
        A real login takes what it always takes, and the guessers' address waits.
        """
        connections = [self.connect("127.0.0.2", self.daemon.ports["pop3"]) for _ in range(GUESSERS)]
        for number, connection in enumerate(connections):
            self.guess(connection, *(f"{number}-{n}" for n in range(5)))
        # 300 in a row take 6 s of CPU.
        self.assertLess(max(self.secondsToLogIn() for _ in range(3)), 2)
        answer = b""
        deadline = time.monotonic() + 20
        while answer.count(b"-ERR") < 5:
            self.assertLess(time.monotonic(), deadline)
            answer += connections[0].recv(65536)
        self.assertIn(b"-ERR [SYS/TEMP] Too many wrong passwords from your address; try again later\r\n", answer)
        # The right password does not help, by whatever protocol.
        for error, login in (
            (imaplib.IMAP4.error, self.byIMAP),
            (poplib.error_proto, self.byPOP),
            (smtplib.SMTPAuthenticationError, self.bySMTP),
        ):
            with self.assertRaises(error) as caught:
                login("127.0.0.2")
            self.assertRegex(str(caught.exception), "Too many wrong passwords|454", login)
        self.byIMAP("127.0.0.3")
        self.byIMAP("127.0.0.1")
        self.assertEqual(self.daemon.ask("server.status")["addressesHeld"], 1)
        self.assertRegex(self.daemon.log("server"), r"address\.held host=127\.0\.0\.2 failures=5 seconds=30")

    def test_manyGuessersFromASparedAddress(self) -> None:
        """
        Nobody has to wait there; and still somebody else's login does not stand behind theirs.
        """
        connections = [self.connect("127.0.0.1", self.daemon.ports["pop3"]) for _ in range(90)]
        for number, connection in enumerate(connections):
            self.guess(connection, *(f"{number}-{n}" for n in range(5)))
        self.assertLess(max(self.secondsToLogIn() for _ in range(3)), 2)
        self.byPOP("127.0.0.1")

    def byIMAP(self, host: str) -> None:
        case = self

        class Client(imaplib.IMAP4):
            def _create_socket(self, timeout: float | None) -> socket.socket:
                return case.connect(host, case.daemon.ports["imap"])

        client = Client()
        self.addCleanup(client.shutdown)
        client.login(BERT, PASSWORD)

    def byPOP(self, host: str) -> None:
        connection = self.connect(host, self.daemon.ports["pop3"])
        connection.sendall(f"USER {BERT}\r\nPASS {PASSWORD}\r\nQUIT\r\n".encode())
        answer = b""
        while len(re.findall(rb"(?m)^(?:\+OK|-ERR).*\r$", answer)) < 4:
            data = connection.recv(65536)
            if not data:
                break
            answer += data
        if b"-ERR" in answer:
            raise poplib.error_proto(answer.decode())

    def bySMTP(self, host: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["submission"], source_address=(host, 0)) as client:
            client.login(BERT, PASSWORD)
