"""
Raw sockets to the daemon, and what tests look at around it: its memory, its logs, its mailboxes.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
import threading
import time
from pathlib import Path

from tests.integration.daemon import PASSWORD, Daemon

TIMEOUT_SECONDS = 30.0
#: What no peer ever sees: a fault of ours.
FAULT_TOLD = re.compile(rb"Traceback|fault of ours|SERVERBUG|\.py\b|Exception")
#: What the logs never have, by level (C{error}, C{critical}) or by a traceback's indented lines.
_FAULT_LOGGED = re.compile(r"\A\S+ (error|critical) |\A    |Traceback|Unhandled")


def unverified() -> ssl.SSLContext:
    """
    TLS with whoever it is: the daemon's certificate is its own.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Wire:
    """
    One connection.  Everything the server says is kept in C{seen}.
    """

    def __init__(self, daemon: Daemon, service: str, greeting: bool = True, timeout: float = TIMEOUT_SECONDS) -> None:
        self.sock = socket.create_connection(("127.0.0.1", daemon.ports[service]), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if service in ("imaps", "pop3s", "submissions"):
            self.startTLS()
        self.seen = bytearray()
        self._start = 0
        if greeting:
            self.line()

    def startTLS(self) -> None:
        self.sock = unverified().wrap_socket(self.sock)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def _more(self) -> bool:
        data = self.sock.recv(1 << 16)
        self.seen += data
        return bool(data)

    def line(self) -> bytes:
        """
        The next line without its end; C{b""} when the server has hung up.
        """
        while (end := self.seen.find(b"\r\n", self._start)) < 0:
            if not self._more():
                self._start = len(self.seen)
                return b""
        line = bytes(self.seen[self._start : end])
        self._start = end + 2
        return line

    def until(self, start: bytes) -> list[bytes]:
        """
        Lines up to the one that begins so, that one included; the last is C{b""} when the server has hung up before.
        """
        lines = []
        while True:
            lines.append(self.line())
            if lines[-1].startswith(start) or not lines[-1]:
                return lines

    def reply(self) -> bytes:
        """
        An SMTP reply: the last line of it.
        """
        while (line := self.line())[3:4] == b"-":
            pass
        return line

    def ask(self, command: bytes) -> bytes:
        """
        Send a line, and what SMTP or POP3 answer to it.
        """
        self.send(command + b"\r\n")
        return self.reply()

    def tagged(self, command: bytes, tag: bytes = b"t") -> tuple[bytes, bytes]:
        """
        An IMAP command.

        @return: everything it brought before the tagged line (literals included), and that line.
        """
        self.send(tag + b" " + command + b"\r\n")
        return self.untilTagged(tag)

    def untilTagged(self, tag: bytes = b"t") -> tuple[bytes, bytes]:
        first = self._start
        while True:
            line = self.line()
            end = self._start
            while (literal := re.search(rb"\{(\d+)\}$", line)) is not None:
                while len(self.seen) < end + int(literal[1]):
                    if not self._more():
                        return bytes(self.seen[first:]), b""
                self._start = end + int(literal[1])
                line = self.line()
                end = self._start
            if not line or line.startswith(tag + b" "):
                return bytes(self.seen[first : end - len(line) - 2]), line

    def rest(self, seconds: float = TIMEOUT_SECONDS) -> bytes:
        """
        What comes until the server hangs up, or has been silent so long.
        """
        self.sock.settimeout(seconds)
        with contextlib.suppress(TimeoutError, ConnectionError, ssl.SSLError):
            while self._more():
                pass
        rest = bytes(self.seen[self._start :])
        self._start = len(self.seen)
        return rest

    def isOver(self, seconds: float = TIMEOUT_SECONDS) -> bool:
        """
        Has the server hung up, or does it within this time?
        """
        self.sock.settimeout(seconds)
        try:
            while self._more():
                pass
        except TimeoutError:
            return False
        except (ConnectionError, ssl.SSLError):
            pass
        return True

    def reset(self) -> None:
        """
        Go away with a RST.
        """
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


def login(daemon: Daemon, who: str, password: str = PASSWORD, service: str = "imap") -> imaplib.IMAP4:
    """
    An imaplib session; the caller closes it.
    """
    client: imaplib.IMAP4
    if service == "imaps":
        client = imaplib.IMAP4_SSL("127.0.0.1", daemon.ports[service], ssl_context=unverified())
    else:
        client = imaplib.IMAP4("127.0.0.1", daemon.ports[service])
    try:
        client.login(who, password)
    except BaseException:
        client.shutdown()
        raise
    return client


def inMailbox(daemon: Daemon, who: str, mailbox: str = "INBOX", password: str = PASSWORD) -> list[tuple[str, bytes]]:
    """
    Flags (sorted, without Recent) and octets of every message, in order.
    """
    client = login(daemon, who, password)
    try:
        typ, data = client.select(f'"{mailbox}"', readonly=True)
        if typ != "OK":
            raise AssertionError(f"SELECT {mailbox}: {data}")
        if data[0] == b"0":
            return []
        # Flags behind the literal: imaplib gives them in the piece after it.
        _, pieces = client.fetch("1:*", "(FLAGS BODY.PEEK[])")
        found = []
        for piece in pieces:
            if isinstance(piece, tuple):
                flags = re.search(rb"FLAGS \(([^)]*)\)", piece[0])
                assert flags is not None, piece[0]
                words = sorted(set(flags[1].decode().split()) - {"\\Recent"})
                found.append((" ".join(words), piece[1]))
        return found
    finally:
        client.shutdown()


def memory(daemon: Daemon, what: str = "VmRSS") -> int:
    """
    The daemon's resident memory in KiB.
    """
    assert daemon.process is not None
    for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1])
    raise AssertionError(f"no {what}")


def allLogs(daemon: Daemon) -> str:
    """
    Every log file, and what was printed.
    """
    time.sleep(0.2)
    return "".join(path.read_text() for path in sorted((daemon.data / "logs").glob("*.log"))) + daemon.said()


def faults(daemon: Daemon) -> list[str]:
    """
    Lines of the logs that tell of a fault of ours.
    """
    return [line for line in allLogs(daemon).splitlines() if _FAULT_LOGGED.search(line)]


class Watch:
    """
    Somebody else, who wants an answer now and then while a test does its worst: C{with Watch(daemon, who) as watch}.

    @ivar slowest: the longest wait for an answer, seconds.
    """

    def __init__(self, daemon: Daemon, who: str) -> None:
        self._wires = [Wire(daemon, "imap"), Wire(daemon, "smtp")]
        self._wires[0].tagged(f'LOGIN {who} "{PASSWORD}"'.encode())
        self._wires[0].tagged(b"SELECT INBOX")
        self._isOver = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.slowest = 0.0
        self.answers = 0

    def _ask(self) -> None:
        imap, smtp = self._wires
        while not self._isOver.wait(0.02):
            for ask in (lambda: imap.tagged(b"NOOP")[1][:4] == b"t OK", lambda: smtp.ask(b"NOOP")[:3] == b"250"):
                started = time.monotonic()
                self.answers += bool(ask())
                self.slowest = max(self.slowest, time.monotonic() - started)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._isOver.set()
        self._thread.join(TIMEOUT_SECONDS)
        for wire in self._wires:
            wire.close()
