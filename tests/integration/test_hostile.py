"""
Clients that mean harm or have lost their way, on real sockets: the daemon stays small, in step, and there for others.
"""

from __future__ import annotations

import poplib
import smtplib
import socket
import time
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon
from tests.integration.wire import unverified

ANNA = "anna@example.test"
#: How much the daemon may grow, whatever a client does: buffers, and what Python keeps of them.
MAX_GROWTH_KIB = 24 * 1024


class HostileTests(TestCase):
    def setUp(self) -> None:
        self.daemon = Daemon(settings={"smtp.message_size_limit": "40M"})
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.addAccount(ANNA)

    def memory(self) -> int:
        """
        The daemon's resident memory, KiB.
        """
        assert self.daemon.process is not None
        for line in Path(f"/proc/{self.daemon.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def connect(self, service: str) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.daemon.ports[service]), timeout=30)
        self.addCleanup(sock.close)
        if service in ("imaps", "pop3s", "submissions"):
            sock = unverified().wrap_socket(sock)
            self.addCleanup(sock.close)
        return sock

    def read(self, sock: socket.socket, until: bytes) -> bytes:
        got = bytearray()
        while not got.endswith(until):
            piece = sock.recv(1 << 20)
            if not piece:
                break
            got += piece
        return bytes(got)

    def drop(self) -> poplib.POP3_SSL:
        client = poplib.POP3_SSL("127.0.0.1", self.daemon.ports["pop3s"], context=unverified(), timeout=30)
        client.user(ANNA)
        client.pass_(PASSWORD)
        return client

    def test_lineWithoutEnd(self) -> None:
        """
        100 MB without a newline before the login.
        """
        before = self.memory()
        for service in self.daemon.ports:
            sock = self.connect(service)
            chunk = b"x" * 65536
            sent = 0
            try:
                while sent < 100_000_000:
                    sock.sendall(chunk)
                    sent += len(chunk)
            except OSError:
                pass
            # What the kernel's buffers hold comes on top of what the gate takes.
            self.assertLess(sent, 20_000_000, service)
        self.assertLess(self.memory() - before, MAX_GROWTH_KIB)
        self.drop().quit()

    def test_injectionBeforeTLS(self) -> None:
        for service, hello, start, harm, after in (
            (
                "smtp",
                b"EHLO x\r\n",
                b"STARTTLS\r\n",
                b"MAIL FROM:<evil@example.net>\r\n",
                b"RCPT TO:<anna@example.test>\r\n",
            ),
            ("submission", b"EHLO x\r\n", b"STARTTLS\r\n", b"EHLO evil\r\n", b"RCPT TO:<anna@example.test>\r\n"),
            ("pop3", b"CAPA\r\n", b"STLS\r\n", b"USER anna@example.test\r\n", b"PASS x\r\n"),
        ):
            with self.subTest(service):
                sock = self.connect(service)
                self.read(sock, b"\r\n")
                sock.sendall(hello)
                time.sleep(0.1)
                sock.recv(65536)
                sock.sendall(start + harm)
                self.read(sock, b"\r\n")
                secure = unverified().wrap_socket(sock)
                self.addCleanup(secure.close)
                secure.sendall(after)
                answer = self.read(secure, b"\r\n")
                self.assertEqual(answer.count(b"\r\n"), 1)
                self.assertIn(answer[:3], (b"503", b"-ER"))

    def test_clientThatDoesNotRead(self) -> None:
        """
        A large message waits on the disk, not in memory, for a client that takes its time; in clear text and with TLS.
        """
        body = b"Subject: big\r\n\r\n" + b".0123456789012345678901234567890123456789\r\n" * 800_000
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"], timeout=60) as smtp:
            smtp.sendmail("x@example.net", [ANNA], body)
        time.sleep(0.5)
        before = self.memory()
        for service in ("pop3", "pop3s"):
            sock = self.connect(service)
            sock.sendall(b"USER %b\r\nPASS %b\r\nRETR 1\r\n" % (ANNA.encode(), PASSWORD.encode()))
            time.sleep(1)
            self.assertLess(self.memory() - before, MAX_GROWTH_KIB, service)
            answer = self.read(sock, b"\r\n.\r\n")
            self.assertTrue(answer.endswith(body.replace(b"\r\n.", b"\r\n..") + b".\r\n"), service)
            sock.sendall(b"QUIT\r\n")
            self.read(sock, b"\r\n")

    def test_leftInTheMiddleOfData(self) -> None:
        for _ in range(20):
            sock = self.connect("smtp")
            sock.sendall(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\n")
            time.sleep(0.05)
            sock.sendall(b"Subject: x\r\n\r\n" + b"x" * 200_000)
            sock.close()
        time.sleep(0.5)
        drop = self.drop()
        self.assertEqual(drop.stat()[0], 0)
        spooled = [path for path in self.daemon.data.rglob("*") if path.is_file() and path.stat().st_size == 200_014]
        self.assertEqual(spooled, [])

    def test_fiveThousandRecipients(self) -> None:
        sock = self.connect("smtp")
        sock.sendall(b"EHLO x\r\nMAIL FROM:<x@example.net>\r\n")
        time.sleep(0.2)
        sock.recv(65536)
        sock.sendall(b"".join(b"RCPT TO:<anna+%d@example.test>\r\n" % n for n in range(5000)) + b"NOOP\r\n")
        lines = self.read(sock, b"250 2.0.0 OK\r\n").splitlines()
        self.assertEqual([line[:3] for line in lines[:-1]], [b"250"] * 1000 + [b"452"] * 4000)
        sock.sendall(b"DATA\r\n")
        self.assertEqual(self.read(sock, b"\r\n")[:3], b"354")
        sock.sendall(b"Subject: x\r\n\r\n.\r\n")
        self.assertEqual(self.read(sock, b"\r\n")[:3], b"250")
        # All of them lead to one mailbox: it has one copy.
        self.assertEqual(self.drop().stat()[0], 1)

    def test_guessing(self) -> None:
        """
        A few wrong passwords, and the connection is over; the log names them, and not the password.
        """
        sock = self.connect("pop3")
        sock.sendall(b"USER anna@example.test\r\nPASS wrong-password\r\n" * 10)
        answer = self.read(sock, b"never")
        self.assertEqual(answer.count(b"-ERR [AUTH]"), 3)
        time.sleep(0.2)
        logs = "".join(path.read_text() for path in (self.daemon.data / "logs").glob("*.log"))
        self.assertEqual(logs.count("login.failed"), 3)
        self.assertNotIn("wrong-password", logs)
