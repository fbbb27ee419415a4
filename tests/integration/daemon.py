"""
The real daemon as a user would run it: C{twistd -n osxmail} in a temporary folder, on free loopback ports.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from osxmail.app.controlclient import ask

TWISTD = str(Path(sys.executable).with_name("twistd"))
OSXMAIL = str(Path(sys.executable).with_name("osxmail"))
START_SECONDS = 60.0
PASSWORD = "correct horse"


def freePort() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """
    One osxmail.  C{start} and C{stop} may be called again and again: the data stays.

    @ivar ports: by service.
    """

    def __init__(
        self,
        services: tuple[str, ...] = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"),
        hostname: str = "mail.example.test",
        domains: tuple[str, ...] = ("example.test",),
        settings: dict[str, object] | None = None,
        more: str = "",
    ) -> None:
        # Short, for the sake of Unix sockets.
        self.folder = Path(tempfile.mkdtemp(prefix="osxmail-", dir="/tmp"))
        self.data = self.folder / "data"
        self.config = self.folder / "osxmail.toml"
        self.output = self.folder / "output"
        self.ports = {name: freePort() for name in services}
        self.hostname = hostname
        self.domains = domains
        self.settings = {"auth.password_cost": "light", "auth.failure_delay": "0s", **(settings or {})}
        self.more = more
        self.process: subprocess.Popen[bytes] | None = None

    def write(self) -> None:
        """
        Write the configuration.
        """
        lines = [f'hostname = "{self.hostname}"', 'data = "data"', "[listen]"]
        lines += [f'{name} = ["tcp:{port}:interface=127.0.0.1"]' for name, port in self.ports.items()]
        lines += [self.more]
        lines += [f'[[domain]]\nname = "{name}"' for name in self.domains]
        lines += ["[settings]"]
        for key, value in self.settings.items():
            written = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
            lines.append(f'"{key}" = {written}')
        self.config.write_text("\n".join(lines) + "\n")

    def start(self, wait: bool = True) -> Daemon:
        self.write()
        with self.output.open("ab") as output:
            self._mark = output.tell()
            self.process = subprocess.Popen(
                [TWISTD, "-n", "--pidfile=", "osxmail", "--config", str(self.config)],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        if wait:
            self.waitReady()
        return self

    def said(self) -> str:
        """
        What it printed since the last start.
        """
        return self.output.read_bytes()[self._mark :].decode("utf-8", "replace")

    def waitReady(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while "osxmail is ready" not in self.said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the daemon did not start: {self.said()}")
            time.sleep(0.02)

    def stop(self, how: int = signal.SIGTERM) -> int:
        """
        End it, and wait.

        @return: its exit status.
        """
        if self.process is None:
            return 0
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the daemon did not stop: {self.said()[-3000:]}") from None

    def remove(self) -> None:
        """
        End it and take the folder away.
        """
        try:
            self.stop(signal.SIGKILL)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, command: str, **arguments: Any) -> Any:
        return ask(self.data, command, arguments)

    def addAccount(self, address: str, password: str = PASSWORD, **more: Any) -> None:
        self.ask("account.add", address=address, password=password, **more)

    def run(self, *words: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """
        The command, as an administrator would call it.
        """
        return subprocess.run(
            [OSXMAIL, "--config", str(self.config), *words],
            input=input, capture_output=True, text=True, timeout=60, cwd=self.folder,
        )  # fmt: skip

    def log(self, name: str) -> str:
        """
        One of the log files, up to now.
        """
        time.sleep(0.2)
        path = self.data / "logs" / f"{name}.log"
        return path.read_text() if path.exists() else ""


def until(condition: Any, seconds: float = 20.0) -> Any:
    """
    Wait until something is true; bounded.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.02)


_shared: dict[tuple[object, ...], Daemon] = {}


def shared(make: Callable[[], Daemon], *accounts: str) -> Daemon:
    """
    One daemon for all tests that ask with the same words; it ends with the test run.
    """
    key = (make, *accounts)
    if key not in _shared:
        daemon = make()
        atexit.register(daemon.remove)
        daemon.start()
        for address in accounts:
            daemon.addAccount(address)
        _shared[key] = daemon
    return _shared[key]
