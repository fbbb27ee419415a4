"""
COMPRESS=DEFLATE (RFC 4978) on real sockets, in clear text and over TLS: both ways, and a client that means harm.
"""

from __future__ import annotations

import random
import zlib
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon
from tests.integration.wire import Wire

ANNA = "anna@example.test"
#: How much the daemon may grow: buffers, and what Python keeps of them.
MAX_GROWTH_KIB = 24 * 1024


class CompressedWire(Wire):
    """
    A connection that has agreed on DEFLATE.
    """

    def compress(self) -> None:
        _, line = self.tagged(b"COMPRESS DEFLATE", b"z")
        assert line.startswith(b"z OK"), line
        assert self._start == len(self.seen), "nothing stands behind the answer in clear text"
        self._deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        self._inflater = zlib.decompressobj(-15)
        self.octets = 0

    def send(self, data: bytes) -> None:
        if hasattr(self, "_deflater"):
            data = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        super().send(data)

    def _more(self) -> bool:
        if not hasattr(self, "_inflater"):
            return super()._more()
        data = self.sock.recv(1 << 16)
        self.octets += len(data)
        self.seen += self._inflater.decompress(data)
        return bool(data)


class CompressionTests(TestCase):
    def setUp(self) -> None:
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.addAccount(ANNA)

    def memory(self) -> int:
        """
        The daemon's resident memory, KiB.
        """
        assert self.daemon.process is not None
        status = Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def enter(self, service: str) -> CompressedWire:
        wire = CompressedWire(self.daemon, service)
        self.addCleanup(wire.close)
        self.assertTrue(wire.tagged(b'LOGIN %b "%b"' % (ANNA.encode(), PASSWORD.encode()))[1].startswith(b"t OK"))
        wire.compress()
        return wire

    def _bothWays(self, service: str) -> None:
        wire = self.enter(service)
        chance = random.Random(4978)
        dull = b"Subject: dull\r\n\r\n" + b"The same line again and again.\r\n" * 100_000
        hard = b"Subject: hard\r\n\r\n" + chance.randbytes(1_000_000).replace(b"\0", b"x").replace(b"\n", b"x")
        for message in (dull, hard + b"\r\n"):
            wire.send(b"a APPEND INBOX {%d+}\r\n" % len(message) + message + b"\r\n")
            self.assertTrue(wire.untilTagged(b"a")[1].startswith(b"a OK [APPENDUID"))
        # Pipelined, so that answers and commands pass one another.
        wire.send(b"b SELECT INBOX\r\nc FETCH 1 BODY.PEEK[]\r\nd IDLE\r\nDONE\r\ne FETCH 2 BODY.PEEK[]\r\n")
        self.assertTrue(wire.untilTagged(b"b")[1].startswith(b"b OK"))
        before = wire.octets
        self.assertIn(dull, wire.untilTagged(b"c")[0])
        self.assertLess(wire.octets - before, len(dull) // 5)
        self.assertEqual(wire.untilTagged(b"d")[1], b"d OK IDLE completed")
        self.assertIn(hard, wire.untilTagged(b"e")[0])
        self.assertTrue(wire.tagged(b"LOGOUT")[1].startswith(b"t OK"))
        self.assertTrue(wire.isOver())

    def test_clear(self) -> None:
        self._bothWays("imap")

    def test_tls(self) -> None:
        self._bothWays("imaps")

    def test_bomb(self) -> None:
        """
        64 MB that come as 64 KB cost time, and no room; others are served meanwhile.
        """
        wire, other = self.enter("imaps"), self.enter("imaps")
        for each in (wire, other):
            each.tagged(b"NOOP")
        before = self.memory()
        size = 60 << 20
        wire.send(b"a APPEND INBOX {%d+}\r\n" % size + bytes(size) + b"\r\n")
        self.assertTrue(other.tagged(b"NOOP")[1].startswith(b"t OK"))
        self.assertTrue(wire.untilTagged(b"a")[1].startswith(b"a NO [TOOBIG]"))
        self.assertTrue(wire.tagged(b"NOOP")[1].startswith(b"t OK"))
        self.assertLess(self.memory() - before, MAX_GROWTH_KIB)
