"""
The name server of L{tests.fakes.dnsserver} as a process of its own, for tests that block.

Run as a program it takes one JSON array a line on its standard input, C{["add", "a.test", "MX", [10, "mx.a.test"]]},
calls that method, and answers each with a line; first it prints its port.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


class NameServer:
    """
    C{start}, then the methods of L{tests.fakes.dnsserver.FakeNameServer} by L{tell}; C{addCleanup(server.stop)}.
    """

    def start(self) -> NameServer:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.nameserver"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._process.stdout.readline())
        return self

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def tell(self, method: str, *arguments: Any) -> None:
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if answer != "done":
            raise AssertionError(f"the name server said {answer!r}")

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def main() -> None:
    from twisted.internet import reactor, stdio
    from twisted.protocols.basic import LineOnlyReceiver

    from tests.fakes.dnsserver import FakeNameServer

    server = FakeNameServer()

    class Commands(LineOnlyReceiver):
        delimiter = b"\n"

        def connectionMade(self) -> None:
            self.sendLine(str(server.port).encode())

        def lineReceived(self, line: bytes) -> None:
            method, *arguments = json.loads(line)
            getattr(server, method)(*arguments)
            self.sendLine(b"done")

        def connectionLost(self, reason: Any = None) -> None:
            reactor.stop()

    def begin() -> None:
        server.start()
        stdio.StandardIO(Commands())

    reactor.callWhenRunning(begin)
    reactor.run()


if __name__ == "__main__":
    main()
