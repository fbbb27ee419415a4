"""
The measures.  Each returns rows: what was measured, the number, its unit, and the goal.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import resource
import selectors
import socket
import ssl
import statistics
import time
from collections.abc import Callable, Iterator

from attrs import frozen

from bench.clients import IMAP, Job, Server, message, now, send
from bench.daemon import SINK_DOMAIN, cpuSeconds, memoryOctets

#: Unlike in any two rounds.
_seed = int(time.time()) & 0xFFFFF


@frozen
class Row:
    """
    @ivar goal: C{None} where there is none.
    @ivar isLeast: the goal is the least allowed, not the most.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    isLeast: bool = False

    @property
    def isReached(self) -> bool:
        if self.goal is None:
            return True
        return self.value >= self.goal if self.isLeast else self.value <= self.goal


def deliver(server: Server, rounds: int) -> Iterator[Row]:
    """
    4 KiB messages over 20 connections to 20 users, until IMAP shows them all.
    """
    count, users = 4000, 20
    rates, cpu, latencies = [], [], []
    for number in range(rounds):
        watchers = [IMAP(server, user) for user in range(users)]
        before = [watcher.count() for watcher in watchers]
        jobs = [
            Job(server.address(i % users), message(i, 4096, server.address(i % users), _seed + number))
            for i in range(count)
        ]
        cpuBefore = cpuSeconds(server.pids)
        result = send(server, jobs, 20)
        for watcher, had in zip(watchers, before, strict=True):
            while watcher.count() < had + count // users:
                time.sleep(0.005)
        rates.append(count / (now() - result.started))
        cpu.append((cpuSeconds(server.pids) - cpuBefore) / count * 1000)
        latencies += result.latencies
        for watcher in watchers:
            watcher.close()
    yield Row("deliveries, 4 KiB, 20 connections, until visible", statistics.median(rates), "/s", 1000, True)
    yield Row("  end of DATA to 250, 99th of 100", sorted(latencies)[len(latencies) * 99 // 100] * 1000, "ms")
    if server.pids:
        yield Row("  server CPU for each", statistics.median(cpu), "ms")


def fill(server: Server, user: int, mailbox: str, count: int, sizeOctets: int = 1024) -> None:
    """
    A mailbox of so many messages.
    """
    client = IMAP(server, user)
    try:
        client.command(f'CREATE "{mailbox}"')
    except RuntimeError:
        # It exists.
        pass
    have = client.count(mailbox)
    while have < count:
        batch = min(200, count - have)
        client.append(mailbox, [message(have + i, sizeOctets, "u@example.test", 7) for i in range(batch)])
        have += batch
    client.close()


def bigMailbox(server: Server, rounds: int) -> Iterator[Row]:
    """
    A mailbox of 100,000 messages.
    """
    fill(server, 0, "big", 100_000)
    steps: list[tuple[str, str, float | None]] = [
        ("SELECT", 'SELECT "big"', 0.05),
        ("FETCH 1:* (FLAGS)", "FETCH 1:* (FLAGS)", 0.1),
        ("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)", "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)", None),
        ("FETCH 1:* ENVELOPE", "FETCH 1:* ENVELOPE", None),
        ("FETCH 1:* BODYSTRUCTURE", "FETCH 1:* BODYSTRUCTURE", None),
        ("SEARCH UNSEEN", "SEARCH UNSEEN", None),
        ("SEARCH FROM", 'SEARCH FROM "senders.test"', None),
        ("FETCH 1:1000 BODY.PEEK[]", "FETCH 1:1000 BODY.PEEK[]", None),
        ("STORE 1:* +FLAGS (\\Flagged)", "STORE 1:* +FLAGS (\\Flagged)", None),
        ("STORE 1:* -FLAGS.SILENT (\\Flagged)", "STORE 1:* -FLAGS.SILENT (\\Flagged)", None),
    ]
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        client = IMAP(server)
        for name, command, _goal in steps:
            started = now()
            client.command(command)
            taken.setdefault(name, []).append(now() - started)
        client.close()
        time.sleep(0.5)
    for name, _, goal in steps:
        yield Row(f"100,000 messages: {name}", statistics.median(taken[name]), "s", goal)


def intoBigMailbox(server: Server, rounds: int) -> Iterator[Row]:
    """
    Delivery into 200,000 messages against delivery into none; somebody watches both.
    """
    # INBOX of the last user is filled by APPEND; the one before stays empty.
    fill(server, 18, "INBOX", 200_000, 512)
    ratios = []
    for number in range(max(3, rounds)):
        times = {}
        for user in (19, 18):
            watcher = IMAP(server, user)
            watcher.command("SELECT INBOX")
            address = server.address(user)
            jobs = [Job(address, message(i, 4096, address, _seed + 50 + number)) for i in range(500)]
            times[user] = send(server, jobs, 5).seconds
            watcher.close()
        ratios.append(times[18] / times[19])
    yield Row("delivery into 200,000 messages, times that into few", statistics.median(ratios), "×", 1.3)


@frozen
class _Sleeper:
    socket: socket.socket
    user: int


def _idle(server: Server, count: int, users: int, context: ssl.SSLContext | None) -> list[_Sleeper]:
    sleepers = []
    for number in range(count):
        user = number % users
        port = server.imap if context is None else server.imaps
        sock = socket.create_connection((server.host, port), timeout=120)
        if context is not None:
            sock = context.wrap_socket(sock, server_hostname="mail.example.test")
        sock.sendall(f'a LOGIN "{server.address(user)}" "{server.password}"\r\nb SELECT INBOX\r\nc IDLE\r\n'.encode())
        sleepers.append(_Sleeper(sock, user))
        if len(sleepers) % 50 == 0 or number == count - 1:
            for sleeper in sleepers[-50:]:
                seen = b""
                while b"\n+ " not in seen:
                    data = sleeper.socket.recv(65536)
                    if not data:
                        raise ConnectionError(seen.decode("utf-8", "replace"))
                    seen = (seen + data)[-4000:]
    return sleepers


def idle(server: Server, rounds: int) -> Iterator[Row]:
    """
    5,000 sessions in IDLE, 300 in TLS, and the time from 250 to the notification.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(5000, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))
    warm = _idle(server, 20, 20, None)
    before = memoryOctets(server.pids)
    started = now()
    sleepers = _idle(server, count, 20, None)
    yield Row("logins", count / (now() - started), "/s")
    if server.pids:
        each = (memoryOctets(server.pids) - before) / count / 1024
        yield Row(f"an idle session of {count}", each, "KB", 10)
    delays = []
    for number in range(50):
        watched = [s for s in sleepers[: 20 * 5] if s.user == number % 20][:1]
        selector = selectors.DefaultSelector()
        address = server.address(number % 20)
        with socket.create_connection((server.host, server.smtp)) as smtp:
            stream = smtp.makefile("rb")
            stream.readline()
            body = message(number, 2048, address, _seed + 90)
            for step in (b"HELO bench.test\r\n", b"MAIL FROM:<s@senders.test>\r\n", f"RCPT TO:<{address}>\r\n".encode(),
                         b"DATA\r\n", body + b".\r\n"):  # fmt: skip
                smtp.sendall(step)
                stream.readline()
            accepted = now()
        selector.register(watched[0].socket, selectors.EVENT_READ)
        seen = b""
        while b"EXISTS" not in seen:
            if not selector.select(5.0):
                raise RuntimeError("no notification within 5 s")
            seen += watched[0].socket.recv(65536)
        delays.append(now() - accepted)
    yield Row("250 to the IDLE notification, median", max(0.0, statistics.median(delays)) * 1000, "ms", 20)
    for sleeper in sleepers + warm:
        sleeper.socket.close()
    time.sleep(1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    warm = _idle(server, 20, 20, context)
    before = memoryOctets(server.pids)
    sleepers = _idle(server, 500, 20, context)
    if server.pids:
        yield Row("an idle session of 500 with TLS", (memoryOctets(server.pids) - before) / 500 / 1024, "KB", 60)
    for sleeper in sleepers + warm:
        sleeper.socket.close()


def pop3(server: Server, rounds: int) -> Iterator[Row]:
    """
    A maildrop of 1,000 messages, downloaded.
    """
    fill(server, 17, "INBOX", 1000, 4096)
    times = []
    for _ in range(rounds):
        started = now()
        with socket.create_connection((server.host, server.pop3)) as sock:
            stream = sock.makefile("rb")
            stream.readline()
            count = 0
            for command in (f"USER {server.address(17)}", f"PASS {server.password}", "STAT"):
                sock.sendall(command.encode() + b"\r\n")
                line = stream.readline()
                assert line.startswith(b"+OK"), line
            count = int(line.split()[1])
            for number in range(1, min(count, 1000) + 1):
                sock.sendall(b"RETR %d\r\n" % number)
                while stream.readline() != b".\r\n":
                    pass
        times.append(now() - started)
    yield Row("POP3, 1,000 messages, whole session", statistics.median(times), "s")


def _sink(port: int, total: int, done: multiprocessing.Queue[float]) -> None:
    """
    Takes mail and throws it away, as fast as it can.
    """

    class Sink(asyncio.Protocol):
        seen = 0

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            self.buffer = b""
            self.isData = False
            transport.write(b"220 sink.test ESMTP\r\n")

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            replies = []
            while True:
                if self.isData:
                    end = 0 if self.buffer.startswith(b".\r\n") else self.buffer.find(b"\r\n.\r\n")
                    if end < 0:
                        break
                    self.buffer = self.buffer[end + (3 if end == 0 else 5) :]
                    self.isData = False
                    Sink.seen += 1
                    replies.append(b"250 2.0.0 taken\r\n")
                    if Sink.seen == total:
                        Sink.seen = 0
                        done.put(now())
                    continue
                line, newline, rest = self.buffer.partition(b"\r\n")
                if not newline:
                    break
                self.buffer = rest
                word = line[:4].upper()
                if word == b"EHLO":
                    replies.append(b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000000\r\n")
                elif word == b"DATA":
                    self.isData = True
                    replies.append(b"354 go\r\n")
                elif word == b"QUIT":
                    replies.append(b"221 bye\r\n")
                else:
                    replies.append(b"250 2.0.0 fine\r\n")
            self.transport.write(b"".join(replies))

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=500)
        done.put(0.0)
        await server.serve_forever()

    asyncio.run(serve())


def relay(server: Server, rounds: int, sinkPort: int) -> Iterator[Row]:
    """
    4 KiB messages for another domain, until a sink has them all.
    """
    count = 2000
    done: multiprocessing.Queue[float] = multiprocessing.Queue()
    sink = multiprocessing.Process(target=_sink, args=(sinkPort, count, done), daemon=True)
    sink.start()
    done.get(timeout=10)
    rates, cpu = [], []
    try:
        for number in range(rounds):
            jobs = [
                Job(f"r{i % 97}@{SINK_DOMAIN}", message(i, 4096, "r@sink.test", _seed + 200 + number), "s@example.test")
                for i in range(count)
            ]
            cpuBefore = cpuSeconds(server.pids)
            result = send(server, jobs, 10)
            finished = done.get(timeout=120)
            rates.append(count / (finished - result.started))
            cpu.append((cpuSeconds(server.pids) - cpuBefore) / count * 1000)
    finally:
        sink.terminate()
    yield Row("relayed to a fast sink, 4 KiB", statistics.median(rates), "/s", 600, True)
    yield Row("  server CPU for each", statistics.median(cpu), "ms")


#: By the name that C{--only} takes; C{relay} needs the sink's port as well.
MEASURES: dict[str, Callable[[Server, int], Iterator[Row]]] = {
    "deliver": deliver,
    "big": bigMailbox,
    "into-big": intoBigMailbox,
    "pop3": pop3,
    "idle": idle,
}


def machine() -> str:
    """
    What these numbers were measured on.
    """
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return f"{multiprocessing.cpu_count()} cores, {model.group(1) if model else 'unknown CPU'}"
