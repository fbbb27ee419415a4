"""
C{python -m bench}: measure, and print a table against the goals.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench import measures
from bench.clients import Server
from bench.daemon import freePort, osxmail

USERS = 20


@contextmanager
def _serverOf(given: Server | None, sink: int) -> Iterator[Server]:
    if given is not None:
        yield given
        return
    with osxmail(USERS, sink) as server:
        yield server


@click.command()
@click.option("--host", default="127.0.0.1", help="Another server to measure; needs its ports.")
@click.option("--smtp", type=int, help="Its SMTP port.")
@click.option("--imap", type=int, help="Its IMAP port.")
@click.option("--imaps", type=int, help="Its port for IMAP in TLS.")
@click.option("--pop3", type=int, help="Its POP3 port.")
@click.option("--password", default="pw", help="The password of its users u0@example.test to u19@example.test.")
@click.option("--pids", default="", help="Its processes, with commas between, for CPU and memory.")
@click.option("--sink", type=int, default=0, help="The port its mail for sink.test goes to.")
@click.option("--rounds", default=3, help="How often each is measured; the median is shown.")
@click.option("--only", multiple=True, type=click.Choice([*measures.MEASURES, "relay"]), help="Measure only this.")
@click.option("--json", "asJSON", is_flag=True, help="Print JSON.")
def main(
    host: str, smtp: int | None, imap: int | None, imaps: int | None, pop3: int | None, password: str, pids: str,
    sink: int, rounds: int, only: tuple[str, ...], asJSON: bool,
) -> None:  # fmt: skip
    """Measure osxmail on this machine, or another server by its ports."""
    sink = sink or freePort()
    rows: list[measures.Row] = []
    given = None
    if smtp and imap:
        numbers = tuple(int(pid) for pid in pids.split(",") if pid)
        given = Server(host, smtp, imap, pop3 or 110, imaps or 993, password=password, pids=numbers)
    names = [name for name in [*measures.MEASURES, "relay"] if not only or name in only]
    with _serverOf(given, sink) as server, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("measuring", total=len(names))
        for name in names:
            progress.update(task, description=name)
            measure = measures.MEASURES.get(name)
            rows += measure(server, rounds) if measure else measures.relay(server, rounds, sink)
            progress.advance(task)
    if asJSON:
        click.echo(json.dumps([{"name": r.name.strip(), "value": r.value, "unit": r.unit, "goal": r.goal,
                                "reached": r.isReached} for r in rows], indent=2))  # fmt: skip
        return
    table = Table(title=f"medians of {rounds}; {measures.machine()}", box=None)
    for heading in ("measure", "result", "goal", ""):
        table.add_column(heading, justify="left" if heading == "measure" else "right")
    for row in rows:
        goal = "" if row.goal is None else f"{'≥' if row.isLeast else '≤'} {row.goal:g} {row.unit}"
        mark = "" if row.goal is None else "yes" if row.isReached else "NO"
        table.add_row(row.name, f"{row.value:.3g} {row.unit}" if row.value < 100 else f"{row.value:,.0f} {row.unit}",
                      goal, mark)  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 120).print(table)


main()
