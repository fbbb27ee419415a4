"""
Small blocking clients: an IMAP connection, and an SMTP load over many connections in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import random
import re
import selectors
import socket
import time
from collections.abc import Iterator

from attrs import define, field, frozen

now = time.perf_counter  # CLOCK_MONOTONIC: comparable between processes

_WORDS = [
    "acorn",
    "basalt",
    "copper",
    "dune",
    "elm",
    "fern",
    "granite",
    "heath",
    "iris",
    "juniper",
    "kelp",
    "larch",
    "moss",
    "nettle",
    "oak",
    "pine",
    "quartz",
    "reed",
]


def message(number: int, sizeOctets: int, recipient: str, seed: int = 0) -> bytes:
    """
    A message of about C{sizeOctets}, unlike every other, CRLF line ends, no line with a dot first.
    """
    rng = random.Random(seed * 1_000_003 + number)
    head = (
        f"From: {rng.choice(_WORDS).title()} <{rng.choice(_WORDS)}.{number % 1000}@senders.test>\r\n"
        f"To: {recipient}\r\nSubject: {rng.choice(_WORDS)} {rng.choice(_WORDS)} number {number}\r\n"
        f"Date: Mon, {number % 28 + 1:02d} Mar 2004 {number % 24:02d}:{number % 60:02d}:00 +0100\r\n"
        f"Message-ID: <{rng.getrandbits(64):x}.{seed}.{number}@bench.test>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
    )
    lines, size = [head], len(head)
    while size < sizeOctets - 2:
        line = " ".join(rng.choice(_WORDS) for _ in range(11))[: min(74, sizeOctets - size - 2)] + "\r\n"
        lines.append(line)
        size += len(line)
    return "".join(lines).encode()


@frozen
class Server:
    """
    Where the server under test listens, and who it knows: users C{u0}, C{u1} … of one domain with one password.
    """

    host: str = "127.0.0.1"
    smtp: int = 25
    imap: int = 143
    pop3: int = 110
    imaps: int = 993
    domain: str = "example.test"
    password: str = "pw"
    pids: tuple[int, ...] = ()

    def address(self, number: int) -> str:
        return f"u{number}@{self.domain}"


class IMAP:
    """
    One IMAP connection.
    """

    def __init__(self, server: Server, user: int | None = 0, wrap: object = None) -> None:
        self.socket = socket.create_connection((server.host, server.imap), timeout=300)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._count = 0
        self._rest = b""
        self._line()
        if user is not None:
            self.command(f'LOGIN "{server.address(user)}" "{server.password}"')

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def command(self, text: str) -> bytes:
        """
        Everything up to and with the tagged OK.

        @raise RuntimeError: it was not OK.
        """
        self._count += 1
        tag = f"bench{self._count:06d}x".encode()
        self.socket.sendall(tag + b" " + text.encode() + b"\r\n")
        return self._until(tag)

    def _until(self, tag: bytes) -> bytes:
        data = bytearray(self._rest)
        self._rest = b""
        while True:
            if data.endswith(b"\n"):
                start = data.rfind(b"\n", 0, len(data) - 1) + 1
                if data.startswith(tag + b" ", start):
                    if not data.startswith(tag + b" OK", start):
                        raise RuntimeError(bytes(data[start:]).decode("utf-8", "replace"))
                    return bytes(data)
            more = self.socket.recv(1 << 20)
            if not more:
                raise ConnectionError("the server closed the connection")
            data += more

    def append(self, mailbox: str, messages: list[bytes]) -> None:
        """
        Store messages, pipelined with LITERAL+.
        """
        out, tags = [], []
        for body in messages:
            self._count += 1
            tag = f"bench{self._count:06d}x".encode()
            tags.append(tag)
            out.append(tag + b' APPEND "' + mailbox.encode() + b'" {%d+}\r\n' % len(body) + body + b"\r\n")
        self.socket.sendall(b"".join(out))
        for tag in tags:
            line = self._line()
            while not line.startswith(tag):
                line = self._line()
            if not line.startswith(tag + b" OK"):
                raise RuntimeError(line.decode("utf-8", "replace"))

    def count(self, mailbox: str = "INBOX") -> int:
        found = re.search(rb"MESSAGES (\d+)", self.command(f'STATUS "{mailbox}" (MESSAGES)'))
        assert found is not None
        return int(found.group(1))

    def close(self) -> None:
        self.socket.close()


@frozen
class Job:
    """
    One message to send.
    """

    recipient: str
    body: bytes
    sender: str = "sender@senders.test"


@define
class _Conn:
    socket: socket.socket
    steps: Iterator[bytes]
    inBuffer: bytes = b""
    outBuffer: bytes = b""
    sentAt: float = 0.0


@define
class Result:
    """
    @ivar started: when the connections stood, by L{now}.
    @ivar latencies: seconds from the end of DATA to the 250, one for each message accepted.
    """

    started: float = 0.0
    seconds: float = 0.0
    latencies: list[float] = field(factory=list)
    problems: list[str] = field(factory=list)


def _dialogue(jobs: Iterator[Job]) -> Iterator[bytes]:
    yield b"EHLO bench.test\r\n"
    for job in jobs:
        yield f"MAIL FROM:<{job.sender}>\r\n".encode()
        yield f"RCPT TO:<{job.recipient}>\r\n".encode()
        yield b"DATA\r\n"
        yield job.body + b".\r\n"
    yield b"QUIT\r\n"


def _send(server: Server, jobs: list[Job], connections: int, results: multiprocessing.Queue[Result]) -> None:
    result = Result()
    shared = iter(jobs)
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        sock = socket.create_connection((server.host, server.smtp), timeout=30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, _Conn(sock, _dialogue(shared)))
    started = result.started = now()
    deadline = started + 300
    while selector.get_map() and now() < deadline:
        for key, mask in selector.select(1.0):
            conn: _Conn = key.data
            if mask & selectors.EVENT_READ:
                data = conn.socket.recv(65536)
                if not data:
                    selector.unregister(conn.socket)
                    continue
                conn.inBuffer += data
                last = conn.inBuffer.rfind(b"\n", 0, -1) + 1
                if not conn.inBuffer.endswith(b"\n") or conn.inBuffer[last + 3 : last + 4] == b"-":
                    continue
                reply, conn.inBuffer = conn.inBuffer[last:], b""
                if reply[:1] not in b"23":
                    result.problems.append(reply.decode("utf-8", "replace").strip())
                if conn.sentAt:
                    result.latencies.append(now() - conn.sentAt)
                    conn.sentAt = 0.0
                step = next(conn.steps, None)
                if step is None:
                    selector.unregister(conn.socket)
                    conn.socket.close()
                    continue
                conn.outBuffer += step
                if step.endswith(b"\r\n.\r\n"):
                    conn.sentAt = now()
            if conn.outBuffer:
                try:
                    sent = conn.socket.send(conn.outBuffer)
                except BlockingIOError:
                    sent = 0
                conn.outBuffer = conn.outBuffer[sent:]
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if conn.outBuffer else 0)
                selector.modify(conn.socket, wanted, conn)
    result.seconds = now() - started
    results.put(result)


def send(server: Server, jobs: list[Job], connections: int) -> Result:
    """
    Send all jobs over so many connections, from a process of its own.
    """
    results: multiprocessing.Queue[Result] = multiprocessing.Queue()
    process = multiprocessing.Process(target=_send, args=(server, jobs, connections, results), daemon=True)
    process.start()
    result = results.get(timeout=330)
    process.join()
    if result.problems:
        raise RuntimeError(f"{len(result.problems)} refused, the first: {result.problems[0]}")
    return result
