"""
An osxmail of our own to measure: started in a temporary folder on free ports, stopped at the end.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench.clients import Server
from osxmail.app.controlclient import ask

SINK_DOMAIN = "sink.test"


def freePort() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def osxmail(users: int, sinkPort: int) -> Iterator[Server]:
    """
    A running osxmail with so many users, which relays everything else to C{sinkPort}.
    """
    with tempfile.TemporaryDirectory(prefix="osxmail-bench-", ignore_cleanup_errors=True) as folder:
        ports = {name: freePort() for name in ("smtp", "imap", "imaps", "pop3")}
        path = Path(folder, "osxmail.toml")
        path.write_text(
            'hostname = "mail.example.test"\ndata = "data"\n[listen]\n'
            + "".join(f'{name} = ["tcp:{port}:interface=127.0.0.1"]\n' for name, port in ports.items())
            + '[[domain]]\nname = "example.test"\n[settings]\n'
            f'"relay.smarthost" = "[127.0.0.1]:{sinkPort}"\n"relay.approved_networks" = "127.0.0.0/8"\n'
            '"auth.password_cost" = "light"\n'
        )
        command = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "osxmail", "--config", str(path)]
        with Path(folder, "out").open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder)
        try:
            for _ in range(600):
                if b"osxmail is ready" in Path(folder, "out").read_bytes():
                    break
                if process.poll() is not None:
                    raise RuntimeError(Path(folder, "out").read_text())
                time.sleep(0.05)
            data = Path(folder, "data")

            def add(number: int) -> None:
                ask(data, "account.add", {"address": f"u{number}@example.test", "password": "pw"})

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(add, range(users)))
            yield Server(
                smtp=ports["smtp"], imap=ports["imap"], imaps=ports["imaps"], pop3=ports["pop3"], pids=(process.pid,)
            )
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
