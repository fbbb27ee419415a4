"""
Many connections at once, from a process of its own: mail by SMTP or LMTP, and APPEND.
"""

from __future__ import annotations

import multiprocessing
import random
import selectors
import socket
import ssl
from collections.abc import Callable, Iterator

from attrs import define, field, frozen

from bench.clients import IMAP, Server, now

_LIMIT_SECONDS = 300

_WORDS = ["acorn", "basalt", "copper", "dune", "elm", "fern", "granite", "heath", "iris", "juniper", "kelp", "larch"]
_WORDS += ["moss", "nettle", "oak", "pine", "quartz", "reed"]


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
class Job:
    """
    One message to send.
    """

    recipient: str
    body: bytes
    sender: str = "sender@senders.test"


@define
class Result:
    """
    @ivar started: when the connections stood, by L{now}.
    @ivar latencies: seconds from the end of a message to its reply, one for each message taken.
    """

    started: float = 0.0
    seconds: float = 0.0
    latencies: list[float] = field(factory=list)
    problems: list[str] = field(factory=list)


#: What is sent next, and whether the time to its reply counts.
_Steps = Iterator[tuple[bytes, bool]]


@define
class _Conn:
    socket: socket.socket
    steps: _Steps
    inBuffer: bytes = b""
    outBuffer: bytes = b""
    sentAt: float = 0.0


def _smtpSteps(jobs: Iterator[Job], greeting: bytes) -> _Steps:
    yield greeting, False
    for job in jobs:
        yield f"MAIL FROM:<{job.sender}>\r\n".encode(), False
        yield f"RCPT TO:<{job.recipient}>\r\n".encode(), False
        yield b"DATA\r\n", False
        yield job.body + b".\r\n", True
    yield b"QUIT\r\n", False


def _smtpReply(data: bytes) -> bool | None:
    """
    Was it a good reply?  C{None}: it is not all there.
    """
    last = data.rfind(b"\n", 0, -1) + 1
    if not data.endswith(b"\n") or data[last + 3 : last + 4] == b"-":
        return None
    return data[last : last + 1] in (b"2", b"3")


def _appendSteps(mailbox: str, bodies: list[bytes]) -> _Steps:
    for body in bodies:
        yield b'a APPEND "%b" {%d+}\r\n%b\r\n' % (mailbox.encode(), len(body), body), True
    yield b"a LOGOUT\r\n", False


def _imapReply(data: bytes) -> bool | None:
    last = data.rfind(b"\n", 0, -1) + 1
    if not data.endswith(b"\n") or not data.startswith(b"a ", last):
        return None
    return data.startswith(b"a OK", last)


def _drive(connections: list[_Conn], isGood: Callable[[bytes], bool | None]) -> Result:
    """
    @param connections: those with something in C{outBuffer} begin; from the others a reply is awaited first.
    """
    result = Result()
    selector = selectors.DefaultSelector()
    for conn in connections:
        conn.socket.setblocking(False)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if conn.outBuffer else 0)
        selector.register(conn.socket, events, conn)
    started = result.started = now()
    deadline = started + _LIMIT_SECONDS
    while selector.get_map() and now() < deadline:
        for key, mask in selector.select(1.0):
            conn = key.data
            if mask & selectors.EVENT_READ:
                try:
                    data = conn.socket.recv(65536)
                except ssl.SSLWantReadError:
                    continue
                if not data:
                    selector.unregister(conn.socket)
                    continue
                conn.inBuffer += data
                verdict = isGood(conn.inBuffer)
                if verdict is None:
                    continue
                if not verdict:
                    result.problems.append(conn.inBuffer.decode("utf-8", "replace").strip())
                conn.inBuffer = b""
                if conn.sentAt:
                    result.latencies.append(now() - conn.sentAt)
                    conn.sentAt = 0.0
                step = next(conn.steps, None)
                if step is None:
                    selector.unregister(conn.socket)
                    conn.socket.close()
                    continue
                conn.outBuffer += step[0]
                if step[1]:
                    conn.sentAt = now()
            if conn.outBuffer:
                try:
                    sent = conn.socket.send(conn.outBuffer)
                except (BlockingIOError, ssl.SSLWantWriteError):
                    sent = 0
                conn.outBuffer = conn.outBuffer[sent:]
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if conn.outBuffer else 0)
                selector.modify(conn.socket, wanted, conn)
    result.seconds = now() - started
    return result


def _send(server: Server, jobs: list[Job], connections: int, results: multiprocessing.Queue[Result]) -> None:
    shared = iter(jobs)
    greeting = b"LHLO bench.test\r\n" if server.lmtp else b"EHLO bench.test\r\n"
    port = server.lmtp or server.smtp
    connected = [
        _Conn(socket.create_connection((server.host, port), 30), _smtpSteps(shared, greeting))
        for _ in range(connections)
    ]
    for conn in connected:
        conn.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    results.put(_drive(connected, _smtpReply))


def _append(
    server: Server, boxes: list[tuple[int, str]], bodies: list[bytes], results: multiprocessing.Queue[Result]
) -> None:
    each = len(bodies) // len(boxes)
    connected = []
    for place, (user, mailbox) in enumerate(boxes):
        client = IMAP(server, user)
        steps = _appendSteps(mailbox, bodies[place * each : (place + 1) * each])
        connected.append(_Conn(client.socket, steps, outBuffer=b"a NOOP\r\n"))
    results.put(_drive(connected, _imapReply))


def _inProcess(target: Callable[..., None], *arguments: object) -> Result:
    results: multiprocessing.Queue[Result] = multiprocessing.Queue()
    process = multiprocessing.Process(target=target, args=(*arguments, results), daemon=True)
    process.start()
    result = results.get(timeout=_LIMIT_SECONDS + 30)
    process.join()
    if result.problems:
        raise RuntimeError(f"{len(result.problems)} refused, the first: {result.problems[0]}")
    return result


def send(server: Server, jobs: list[Job], connections: int) -> Result:
    """
    Send all jobs over so many connections.
    """
    return _inProcess(_send, server, jobs, connections)


def append(server: Server, boxes: list[tuple[int, str]], bodies: list[bytes]) -> Result:
    """
    Store the bodies, each after the reply to the one before, over a connection for each pair of a user's number and
    the name of a mailbox.
    """
    return _inProcess(_append, server, boxes, bodies)
