"""
The sink of L{tests.fakes.sink} as a process of its own, for tests that block.

Run as a program it prints its port, and then a JSON object for each message that it has taken.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parent.parent.parent


@frozen
class Received:
    """
    @ivar when: monotonic time of the sink's 250.
    @ivar hello: the client's EHLO line.
    """

    when: float
    hello: str
    sender: str
    recipients: tuple[str, ...]
    data: bytes


class SinkServer:
    """
    C{start}; C{addCleanup(sink.stop)}.

    @ivar received: every message, in order.
    """

    def start(self) -> SinkServer:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.sinkserver"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.received: list[Received] = []
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            fields = json.loads(line)
            data = base64.b64decode(fields.pop("data"))
            self.received.append(Received(recipients=tuple(fields.pop("recipients")), data=data, **fields))

    def to(self, recipient: str) -> list[Received]:
        """
        What has come for this address.
        """
        return [message for message in self.received if any(f"<{recipient}>" in r for r in message.recipients)]

    def stop(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        self._process.stdout.close()


def main() -> None:
    from twisted.internet import reactor, stdio
    from twisted.internet.protocol import Protocol

    from tests.fakes.sink import Sink, Taken

    class Printing(Sink):
        def _take(self, taken: Taken) -> None:
            fields = {
                "when": time.monotonic(),
                "hello": taken.hello,
                "sender": taken.sender,
                "recipients": taken.recipients,
                "data": base64.b64encode(taken.data).decode(),
            }
            output.transport.write(json.dumps(fields).encode() + b"\n")

    class Output(Protocol):
        def connectionMade(self) -> None:
            self.transport.write(f"{sink.port}\n".encode())

        def connectionLost(self, reason: object = None) -> None:
            reactor.stop()

    sink, output = Printing(), Output()

    def begin() -> None:
        sink.start()
        stdio.StandardIO(output)

    reactor.callWhenRunning(begin)
    reactor.run()


if __name__ == "__main__":
    main()
