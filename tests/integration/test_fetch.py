"""
FETCH of what is large, and what stays over a restart, with the real daemon.
"""

from __future__ import annotations

import base64
import hashlib
import imaplib
import random
import re
import time

from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon, until
from tests.integration.wire import Wire, faults, memory, unverified

WHO = "anna@example.test"
#: Of an attachment, before it is encoded.
LARGE_OCTETS = 24 * 1024 * 1024
#: What the daemon's memory may grow by while such a message is read.
MAX_GROWTH_KIB = 20 * 1024


class FetchTests(TestCase):
    timeout = 180

    def setUp(self) -> None:
        self.daemon = Daemon(("imap", "imaps"))
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.addAccount(WHO)

    def imap(self) -> imaplib.IMAP4_SSL:
        client = imaplib.IMAP4_SSL("127.0.0.1", self.daemon.ports["imaps"], ssl_context=unverified())
        client.login(WHO, PASSWORD)
        return client

    def put(self, client: imaplib.IMAP4, message: bytes) -> None:
        self.assertEqual(client.append("INBOX", "", "", message)[0], "OK")

    def tagged(self, wire: Wire, command: bytes) -> bytes:
        said, last = wire.tagged(command)
        self.assertTrue(last.startswith(b"t OK"), last)
        return said

    def wire(self) -> Wire:
        wire = Wire(self.daemon, "imaps")
        self.addCleanup(wire.sock.close)
        self.tagged(wire, b'LOGIN %b "%b"' % (WHO.encode(), PASSWORD.encode()))
        return wire

    def test_largeAttachment(self) -> None:
        """
        Encoded and decoded, whole and in part, it streams: memory does not grow by it.
        """
        content = random.Random(1).randbytes(LARGE_OCTETS)
        message = (
            b"Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n"
            b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(content).replace(b"\n", b"\r\n")
            + b"--b--\r\n"
        )
        client = self.imap()
        self.put(client, message)
        client.select("INBOX")
        before = memory(self.daemon)
        wire = self.wire()
        self.tagged(wire, b"SELECT INBOX")
        said = self.tagged(wire, b"FETCH 1 (BINARY.SIZE[2] PREVIEW)")
        self.assertIn(b'* 1 FETCH (PREVIEW "Here it is." BINARY.SIZE[2] %d)' % LARGE_OCTETS, said)
        said = self.tagged(wire, b"FETCH 1 BINARY.PEEK[2]")
        start = said.index(b"\r\n") + 2
        self.assertTrue(said.startswith(b"* 1 FETCH (BINARY[2] ~{%d}" % LARGE_OCTETS), said[:60])
        self.assertEqual(hashlib.sha256(said[start:-3]).digest(), hashlib.sha256(content).digest())
        said = self.tagged(wire, b"FETCH 1 BINARY.PEEK[2]<20000001.1000>")
        self.assertIn(content[20_000_001:20_001_001], said)
        said = self.tagged(wire, b"FETCH 1 BODY.PEEK[]")
        self.assertTrue(said.endswith(message + b")\r\n"))
        self.assertLess(memory(self.daemon) - before, MAX_GROWTH_KIB)
        self.assertEqual(faults(self.daemon), [])

    def test_clientThatDoesNotRead(self) -> None:
        """
        Thousands of FETCHes behind each other by somebody who reads nothing: little is held, and others are served.
        """
        client = self.imap()
        for number in range(300):
            self.put(client, b"Subject: %d\r\n\r\n" % number + b"x" * 15_000)
        client.select("INBOX")
        for _ in range(5):
            # What one such FETCH takes for itself, and what the database keeps in memory, is not counted.
            self.assertEqual(client.fetch("1:*", "(FLAGS BODY.PEEK[])")[0], "OK")
        before = memory(self.daemon)
        wires = [self.wire() for _ in range(5)]
        for wire in wires:
            self.tagged(wire, b"SELECT INBOX")
            wire.send(b"".join(b"%d FETCH 1:* (FLAGS BODY.PEEK[])\r\n" % number for number in range(1000)))
        most = 0
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            began = time.monotonic()
            self.assertEqual(client.fetch("1:*", "(FLAGS)")[0], "OK")
            self.assertLess(time.monotonic() - began, 2.0)
            most = max(most, memory(self.daemon))
            time.sleep(0.1)
        self.assertLess(most - before, 5 * 5 * 1024, f"{before} KiB before")
        # Whoever reads after all gets everything, in order.
        said, last = wires[0].untilTagged(b"2")
        self.assertTrue(last.startswith(b"2 OK"), last)
        self.assertEqual(len(re.findall(rb"\* \d+ FETCH \(FLAGS", said)), 900)

    def test_identifiersStay(self) -> None:
        """
        MAILBOXID, EMAILID and THREADID over a restart, a rename and a move.
        """
        wire = self.wire()
        client = self.imap()
        self.put(client, b"Message-ID: <root@example.test>\r\nSubject: one\r\n\r\nbody\r\n")
        self.put(client, b"Message-ID: <a@example.test>\r\nReferences: <root@example.test>\r\n\r\nbody\r\n")
        found = self.tagged(wire, b"CREATE Ideas"), self.tagged(wire, b"STATUS Ideas (MAILBOXID)")
        number = re.search(rb"MAILBOXID \((\S+?)\)", b"".join(found))
        assert number is not None
        self.tagged(wire, b"SELECT INBOX")
        ids = re.findall(rb"EMAILID \((\S+)\) THREADID \((\S+)\)", self.tagged(wire, b"FETCH 1:* (EMAILID THREADID)"))
        self.assertEqual(len({emailId for emailId, _ in ids}), 2)
        self.assertEqual(len({threadId for _, threadId in ids}), 1)
        self.tagged(wire, b"MOVE 1:2 Ideas")
        self.tagged(wire, b"RENAME Ideas Thoughts")
        self.daemon.stop()
        self.daemon.start()
        wire = self.wire()
        self.assertIn(b"MAILBOXID (%b)" % number[1], self.tagged(wire, b"SELECT Thoughts"))
        again = self.tagged(wire, b"FETCH 1:* (EMAILID THREADID)")
        self.assertEqual(re.findall(rb"EMAILID \((\S+)\) THREADID \((\S+)\)", again), ids)

    def test_previewsStay(self) -> None:
        """
        A preview that was made is there after a restart, for who does not wait.
        """
        client = self.imap()
        self.put(client, b"Subject: one\r\n\r\nHello there\r\n")
        wire = self.wire()
        self.tagged(wire, b"SELECT INBOX")
        self.assertIn(b"PREVIEW NIL)", self.tagged(wire, b"FETCH 1 PREVIEW (LAZY)"))
        until(lambda: b'PREVIEW "Hello there")' in self.tagged(wire, b"FETCH 1 PREVIEW (LAZY)"))
        self.daemon.stop()
        self.daemon.start()
        wire = self.wire()
        self.tagged(wire, b"SELECT INBOX")
        self.assertIn(b'PREVIEW "Hello there")', self.tagged(wire, b"FETCH 1 PREVIEW (LAZY)"))
