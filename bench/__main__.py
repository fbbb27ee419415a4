"""
C{python -m bench}: measure one server, or two in the same sitting, and print tables.
"""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from attrs import evolve
from rich.console import Console
from rich.table import Table

from bench import million, queueing, sessions
from bench.clients import Server
from bench.daemon import freePort, osxmail
from bench.dovecot import dovecot, version
from bench.mailboxes import measure
from bench.results import Bench, asJSON, asMarkdown, machine, shown, write

_USERS = 120
_SIZES = {"small": (10_000,), "full": (10_000, 100_000)}

#: In this order: memory is measured on servers that have not done anything yet, and have nothing to give back.
MEASURES = ("idle", "mailbox", "append", "pop3", "deliver", "relay", "into-large", "million")
#: What is measured where nothing is said: the rest is long, or of one server only.
_USUAL = ("mailbox", "append", "pop3", "idle", "deliver")


def _pids(text: str) -> tuple[int, ...]:
    return tuple(int(pid) for pid in text.split(",") if pid)


def _against(text: str) -> Server:
    """
    A server out of C{host:port,key=value,…}; several pids have C{+} between them.
    """
    where, *rest = text.split(",")
    host, _, port = where.rpartition(":")
    server = Server(name=where, host=host or "127.0.0.1", imap=int(port))
    for each in rest:
        key, _, value = each.partition("=")
        match key:
            case "tls":
                server = evolve(server, isTLS=value != "no")
            case "pids":
                server = evolve(server, pids=_pids(value.replace("+", ",")))
            case "pop3":
                server = evolve(server, pop3=int(value))
            case "smtp":
                server = evolve(server, smtp=int(value))
            case "lmtp":
                server = evolve(server, lmtp=int(value))
            case "user":
                server = evolve(server, user=value)
            case "password":
                server = evolve(server, password=value)
            case "name":
                server = evolve(server, name=value)
            case _:
                raise click.BadParameter(f"{key} is not known")
    return server


@contextmanager
def _servers(given: Server | None, against: str, withDovecot: bool, sink: int) -> Iterator[tuple[Server, ...]]:
    with ExitStack() as stack:
        servers = [given or stack.enter_context(osxmail(_USERS, sink))]
        if withDovecot:
            servers.append(stack.enter_context(dovecot(_USERS)))
        elif against:
            servers.append(_against(against))
        yield tuple(servers)


def _table(bench: Bench) -> Table:
    table = Table(title=f"medians of {bench.rounds} rounds; {machine()}", box=None)
    isPair = len(bench.servers) > 1
    columns = ["", *(server.name for server in bench.servers), *(["ratio", "of CPU"] if isPair else ["CPU"])]
    for column in (*columns, "goal", ""):
        table.add_column(column, justify="right" if column else "left")
    section = ""
    for row in bench.rows():
        if row.line.section != section:
            section = row.line.section
            table.add_row(f"[bold]{section}[/bold]")
        cells = [row.line.name.replace("[", "\\["), shown(row.ours, row.line.unit)]
        if isPair:
            ofCPU = row.oursCPU / row.theirsCPU if row.oursCPU is not None and row.theirsCPU else None
            cells += [
                shown(row.theirs, row.line.unit),
                "" if row.ratio is None else f"{row.ratio:.3f}",
                "" if ofCPU is None else f"{ofCPU:.3f}",
            ]
        else:
            cells.append("" if row.oursCPU is None else shown(row.oursCPU, "s"))
        table.add_row(*cells, row.goalText(), row.verdict().replace("**", ""))
    return table


@click.command()
@click.option("--host", default="127.0.0.1", help="A server that runs already; needs --port.")
@click.option("--port", type=int, help="Its IMAP port.")
@click.option("--pop3", type=int, default=0, help="Its POP3 port.")
@click.option("--smtp", type=int, default=0, help="Its SMTP port.")
@click.option("--lmtp", type=int, default=0, help="Its LMTP port, instead of SMTP.")
@click.option("--tls", is_flag=True, help="IMAP and POP3 in TLS from the first octet on.")
@click.option("--user", default="u%d@example.test", show_default=True, help="Its login; %d is the user's number.")
@click.option("--password", default="pw", show_default=True, help="The password of all its users.")
@click.option("--pids", default="", help="Its processes, with commas between, for CPU and memory.")
@click.option(
    "--against",
    default="",
    help="A second server: host:port[,pop3=…,smtp=…,lmtp=…,user=…,password=…,tls=yes,pids=1+2,name=…].",
)
@click.option("--dovecot", "withDovecot", is_flag=True, help="Start Debian's Dovecot as the second server.")
@click.option("--sink", type=int, default=0, help="The port that mail for sink.test goes to.")
@click.option("--size", default="small", type=click.Choice([*_SIZES]), help="10,000 messages, or 100,000 as well.")
@click.option("--messages", multiple=True, type=int, help="Other sizes.")
@click.option("--rounds", default=3, show_default=True, help="How often each is measured; medians are shown.")
@click.option("--sessions", "idleSessions", default=1000, show_default=True, help="How many sessions stand in IDLE.")
@click.option(
    "--only", multiple=True, type=click.Choice(MEASURES), help=f"Measure only this; usually {', '.join(_USUAL)}."
)
@click.option("--all", "isAll", is_flag=True, help="Measure everything.")
@click.option("--line", "lines", multiple=True, help="Of mailbox, only lines with this in their names.")
@click.option("--json", "jsonPath", type=click.Path(path_type=Path), help="Write all samples here.")
@click.option(
    "--write", "document", type=click.Path(path_type=Path, exists=True), help="Write the tables into this document."
)
def main(
    host: str, port: int | None, pop3: int, smtp: int, lmtp: int, tls: bool, user: str, password: str, pids: str,
    against: str, withDovecot: bool, sink: int, size: str, messages: tuple[int, ...], rounds: int, idleSessions: int,
    only: tuple[str, ...], isAll: bool, lines: tuple[str, ...], jsonPath: Path | None, document: Path | None,
) -> None:  # fmt: skip
    """Measure osxmail on this machine, or any server by its ports; alone, or against a second one."""
    given = None
    if port is not None:
        given = Server(f"{host}:{port}", host, port, pop3, smtp, lmtp, isTLS=tls, user=user, password=password, pids=_pids(pids))  # noqa: E501  # fmt: skip
    sink = sink or freePort()
    wanted = MEASURES if isAll else only or _USUAL
    started, load = time.time(), os.getloadavg()[0]
    with _servers(given, against, withDovecot, sink) as servers:
        bench = Bench(servers, rounds, messages or _SIZES[size])
        steps: dict[str, Callable[[], None]] = {
            "mailbox": lambda: measure(bench, lines),
            "append": lambda: sessions.appends(bench),
            "pop3": lambda: sessions.pop3(bench),
            "idle": lambda: sessions.idle(bench, idleSessions),
            "deliver": lambda: sessions.deliveries(bench),
            "relay": lambda: queueing.relay(bench, sink),
            "into-large": lambda: queueing.intoLarge(bench),
            "million": lambda: million.measure(bench),
        }
        for name in MEASURES:
            if name in wanted:
                click.echo(f"{time.time() - started:6.0f} s  {name}", err=True)
                steps[name]()
    if jsonPath is not None:
        jsonPath.write_text(asJSON(bench))
    if document is not None:
        about = (
            f"Medians of {rounds} rounds on {time.strftime('%Y-%m-%d')}, one machine: {machine()}. The second "
            f"server: {version() if withDovecot else against}. Load of the machine before the first line: {load:.1f}."
        )
        write(document, asMarkdown(bench, textwrap.fill(about, 118)))
    Console(width=None if sys.stdout.isatty() else 150).print(_table(bench))


main()
