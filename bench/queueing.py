"""
Mail that moves on: relay to a next hop, and delivery into a mailbox that is large already.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics

from bench.clients import IMAP, now
from bench.daemon import SINK_DOMAIN
from bench.loads import Job, message, send
from bench.mailboxes import fill
from bench.processes import cpuSeconds, settle
from bench.results import Bench, Line

_SECTION = "Sessions"
_LARGE = 200_000


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


def relay(bench: Bench, sinkPort: int) -> None:
    """
    4 KiB messages for another domain, until a sink has them all; of ours only.
    """
    server = bench.servers[0]
    count = 2000
    done: multiprocessing.Queue[float] = multiprocessing.Queue()
    sink = multiprocessing.Process(target=_sink, args=(sinkPort, count, done), daemon=True)
    sink.start()
    done.get(timeout=10)
    line = Line(_SECTION, "relayed to a fast sink, 4 KiB, 10 connections", "/s", goal=600, isMore=True)
    try:
        for number in range(bench.rounds):
            jobs = [
                Job(f"r{i % 97}@{SINK_DOMAIN}", message(i, 4096, "r@sink.test", 200 + number), "s@example.test")
                for i in range(count)
            ]
            settle(server.pids)
            cpuBefore = cpuSeconds(server.pids)
            result = send(server, jobs, 10)
            rate = count / (done.get(timeout=120) - result.started)
            bench.record(line, server, rate, cpuSeconds(server.pids) - cpuBefore)
    finally:
        sink.terminate()


def intoLarge(bench: Bench) -> None:
    """
    Delivery into 200,000 messages against delivery into few, somebody watching both; of ours only.
    """
    server = bench.servers[0]
    fill(server, 18, "INBOX", _LARGE, lambda number: message(number, 512, "u@example.test", 7))
    ratios = []
    for number in range(max(3, bench.rounds)):
        times = {}
        for user in (19, 18):
            watcher = IMAP(server, user)
            watcher.command("SELECT INBOX")
            settle(server.pids)
            address = server.address(user)
            jobs = [Job(address, message(i, 4096, address, 50 + number)) for i in range(500)]
            times[user] = send(server, jobs, 5).seconds
            watcher.close()
        ratios.append(times[18] / times[19])
    line = Line(_SECTION, f"delivery into {_LARGE:,} messages, times that into few", "×", goal=1.3)
    bench.record(line, server, statistics.median(ratios))
