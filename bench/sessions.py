"""
Many sessions, and sessions that store and fetch: APPEND, POP3, IDLE.
"""

from __future__ import annotations

import resource
import selectors
import socket
import statistics
import time

from attrs import evolve

from bench.clients import IMAP, POP3, Server, now
from bench.loads import Job, append, message, send
from bench.mailboxes import fill
from bench.processes import cpuSeconds, settle, settledMemory
from bench.results import Bench, Line

APPENDS = 2000
IDLE_USERS = 100
_POP3_USER = 17
_SECTION = "Sessions"


def _boxes(server: Server, count: int, seed: int) -> list[tuple[int, str]]:
    return [(0 if server.shared else place + 1, f"bench-append-{seed}-{place}") for place in range(count)]


def appends(bench: Bench) -> None:
    """
    APPEND of 4 KiB messages, each after the reply to the one before, over one connection and over ten.
    """
    for connections, total in ((1, APPENDS // 2), (10, APPENDS)):
        name = f"APPEND of 4 KiB, {connections} connection{'s' if connections > 1 else ''}"
        line = Line(_SECTION, name, "/s", ratio=2, isMore=True)
        for number in range(bench.rounds):
            for server in bench.servers if number % 2 == 0 else reversed(bench.servers):
                boxes = _boxes(server, connections, number)
                clients = [IMAP(server, user) for user, _ in boxes]
                for client, (_, mailbox) in zip(clients, boxes, strict=True):
                    client.attempt(f'DELETE "{mailbox}"')
                    client.command(f'CREATE "{mailbox}"')
                bodies = [message(i, 4096, "u@example.test", number + 1) for i in range(total)]
                settle(server.pids)
                cpuBefore = cpuSeconds(server.pids)
                result = append(server, boxes, bodies)
                cpu = cpuSeconds(server.pids) - cpuBefore
                bench.record(line, server, total / result.seconds, cpu)
                for client, (_, mailbox) in zip(clients, boxes, strict=True):
                    client.command(f'DELETE "{mailbox}"')
                    client.close()


def pop3(bench: Bench) -> None:
    """
    A maildrop of 1,000 messages: login, STAT, LIST, UIDL, RETR of each, QUIT.
    """
    line = Line(_SECTION, "POP3: a maildrop of 1,000, the whole session", ratio=1)
    servers = [server for server in bench.servers if server.pop3]
    for server in servers:
        fill(server, 0 if server.shared else _POP3_USER, "INBOX", 1000)
        settle(server.pids)
    for number in range(bench.rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            cpuBefore = cpuSeconds(server.pids)
            started = now()
            client = POP3(server, 0 if server.shared else _POP3_USER)
            count = min(1000, int(client.command("STAT").split()[1]))
            for listing in ("LIST", "UIDL"):
                client.command(listing, True)
            for place in range(count):
                client.command(f"RETR {place + 1}", True)
            client.command("QUIT")
            bench.record(line, server, now() - started, cpuSeconds(server.pids) - cpuBefore)
            client.close()
            if count < 1000:
                raise RuntimeError(f"{server.name}: a maildrop of {count}")


def _sleepers(server: Server, first: int, count: int, users: int) -> list[socket.socket]:
    """
    Sessions in IDLE on INBOX; of user C{first}, C{first + 1} and so on.
    """
    made: list[socket.socket] = []
    for start in range(first, first + count, 20):
        batch = []
        for number in range(start, min(start + 20, first + count)):
            connected = server.connect(server.imap)
            login = f'a LOGIN "{server.login(number % users)}" "{server.password}"\r\n'
            connected.sendall(f"{login}b SELECT INBOX\r\nc IDLE\r\n".encode())
            batch.append(connected)
        for connected in batch:
            seen = b""
            while b"\n+ " not in seen:
                data = connected.recv(65536)
                if not data:
                    raise ConnectionError(seen.decode("utf-8", "replace"))
                seen = (seen + data)[-4000:]
        made += batch
    return made


def idle(bench: Bench, sessions: int) -> None:
    """
    Memory of sessions in IDLE, and the time from the end of a message's data to the notification.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, sessions + 500)), hard))
    for server in bench.servers:
        users = 1 if server.shared else IDLE_USERS
        # What the first sessions cost once is not counted.
        sleepers = _sleepers(server, 0, IDLE_USERS, users)
        before = settledMemory(server.pids, 6) if server.pids else 0
        sleepers += _sleepers(server, 0, sessions, users)
        if server.pids:
            each = (settledMemory(server.pids, 6) - before) / sessions / 1000
            bench.record(
                Line(_SECTION, f"memory of an idle session, of {sessions:,} in IDLE", "KB", ratio=1), server, each
            )
        if server.smtp or server.lmtp:
            delays = [_notified(server, sleepers[place], place % users, place) for place in range(40)]
            line = Line(_SECTION, "delivery to IDLE's notification, median of 40", "s", goal=0.010)
            bench.record(line, server, statistics.median(delays))
        for sleeper in sleepers:
            sleeper.close()
        time.sleep(1)
        if server.imaps and server.pids:
            server = evolve(server, imap=server.imaps, isTLS=True)
            sleepers = _sleepers(server, 0, 20, users)
            before = settledMemory(server.pids, 1)
            sleepers += _sleepers(server, 0, 300, users)
            each = (settledMemory(server.pids, 1) - before) / 300 / 1000
            bench.record(Line(_SECTION, "memory of an idle session in TLS, of 300", "KB", goal=60), server, each)
            for sleeper in sleepers:
                sleeper.close()


def _notified(server: Server, sleeper: socket.socket, user: int, number: int) -> float:
    """
    Seconds from the end of the message to EXISTS.
    """
    address = server.address(user)
    body = message(number, 4096, address, 90)
    selector = selectors.DefaultSelector()
    selector.register(sleeper, selectors.EVENT_READ)
    while selector.select(0.0):
        sleeper.recv(65536)
    with socket.create_connection((server.host, server.lmtp or server.smtp)) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connected.makefile("rb")
        stream.readline()
        hello = b"LHLO bench.test\r\n" if server.lmtp else b"HELO bench.test\r\n"
        for step in (hello, b"MAIL FROM:<s@senders.test>\r\n", f"RCPT TO:<{address}>\r\n".encode(), b"DATA\r\n"):
            connected.sendall(step)
            while stream.readline()[3:4] == b"-":
                pass
        connected.sendall(body + b".\r\n")
        started = now()
        seen = b""
        while b"EXISTS" not in seen:
            if not selector.select(10.0):
                raise RuntimeError(f"{server.name}: no notification within 10 s")
            seen += sleeper.recv(65536)
        return now() - started


def deliveries(bench: Bench) -> None:
    """
    4 KiB messages over 20 connections to 20 users, until IMAP shows them all.
    """
    count, users = 2000, 20
    line = Line(_SECTION, "deliveries of 4 KiB, 20 connections, until visible", "/s", goal=1000, isMore=True)
    servers = [server for server in bench.servers if (server.smtp or server.lmtp) and not server.shared]
    for number in range(bench.rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            watchers = [IMAP(server, user) for user in range(users)]
            before = [watcher.count() for watcher in watchers]
            jobs = [
                Job(server.address(i % users), message(i, 4096, server.address(i % users), 1000 + number))
                for i in range(count)
            ]
            settle(server.pids)
            cpuBefore = cpuSeconds(server.pids)
            result = send(server, jobs, 20)
            for watcher, had in zip(watchers, before, strict=True):
                while watcher.count() < had + count // users:
                    time.sleep(0.005)
            rate = count / (now() - result.started)
            bench.record(line, server, rate, cpuSeconds(server.pids) - cpuBefore)
            for watcher in watchers:
                watcher.close()
