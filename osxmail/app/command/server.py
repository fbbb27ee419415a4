# -*- test-case-name: tests.integration.test_command -*-
"""
The server as a whole: what runs, what is configured, who is connected, what would happen and what has happened.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from osxmail import __version__
from osxmail.app import show
from osxmail.app.command.base import Context, Group, jsonOption, pass_context, printed
from osxmail.errors import ConfigurationError

# What only "check" needs is imported there: it takes longer than all the rest of a command.


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    metavar="FILE",
    help="The server's configuration; else $OSXMAIL_CONFIG, /etc/osxmail/osxmail.toml, or the quickstart in ./var.",
)
@click.version_option(__version__, message="%(version)s", help="Print the version of this command and exit.")
@click.pass_context
def main(ctx: click.Context, config: str | None) -> None:
    """
    Administer the osxmail mail server.

    All but check and version ask the running server, by a socket in its data folder that only its owner may use.
    Exit status: 0 done, 1 refused (the reason is said), 2 wrong usage.
    """
    ctx.obj = Context(config)


@main.command()
@jsonOption
def version(asJSON: bool) -> None:
    """Print the version of this command."""
    click.echo(json.dumps({"version": __version__}) if asJSON else __version__)


@main.command()
@jsonOption
@pass_context
def check(context: Context, asJSON: bool) -> None:
    """
    Check the configuration file.

    Works without a server. Every problem is shown with its line and what would be right; exit status 1 then. The
    certificates are read too, so run it as somebody who may read them.
    """
    path = context.path()
    value: dict[str, Any] = {"file": str(path) if path else "", "problems": [], "notes": []}
    try:
        value["notes"] = _notes(path)
    except ConfigurationError as error:
        value["problems"] = error.problems
    if asJSON:
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        for problem in value["problems"]:
            click.echo(problem, err=True)
        for note in value["notes"]:
            click.echo(note)
    if value["problems"]:
        raise click.exceptions.Exit(1)
    if not asJSON and path is not None:
        click.echo(f"{path}: in order")


def _notes(path: Path | None) -> list[str]:
    """
    What is worth knowing about a configuration that is in order.

    @raise ConfigurationError: it is not.
    """
    if path is None:
        return ["there is no configuration file: the quickstart's own would be used"]
    from osxmail.app.config import readConfiguration
    from osxmail.net.tls import EXPIRY_WARNING_DAYS, ServerCertificates

    configuration = readConfiguration(path)
    notes = [
        f"{path}: listen.{name}: this version has no {name} yet; the listener stays closed"
        for name in configuration.later
    ]
    first = [configuration.certificate] if configuration.certificate else []
    files = [*first, *configuration.certificates]
    for facts in ServerCertificates(files).facts if files else ():
        days = (facts.expires - time.time()) / 86400
        if days < EXPIRY_WARNING_DAYS:
            left = f"ends in {days:.0f} days" if days > 0 else "has ended"
            notes.append(f"{facts.certificate}: this certificate {left}")
    return notes


@main.command()
@jsonOption
@pass_context
def status(context: Context, asJSON: bool) -> None:
    """Show what runs, since when, who is connected, what waits."""
    printed(context.ask("server.status"), asJSON, show.status)


@main.command()
@pass_context
def reload(context: Context) -> None:
    """
    Read the configuration and certificates again.

    A configuration with a problem changes nothing. What needs a restart is said.
    """
    for note in context.ask("server.reload")["notes"]:
        click.echo(note)


@main.command()
@click.option(
    "--from", "sender", default="", metavar="ADDRESS", help="The sender; without it the null sender, as of notices."
)
@click.option("--to", "recipient", required=True, metavar="ADDRESS", help="The recipient.")
@click.option("--client", metavar="IP", help="The client's address; without it, one from outside.")
@click.option("--login", metavar="NAME", help="As if this person had logged in.")
@jsonOption
@pass_context
def explain(context: Context, sender: str, recipient: str, client: str | None, login: str | None, asJSON: bool) -> None:
    """
    Say what would happen to a message.

    Every rule that would be looked at, in order, with its evidence and the reply. Nothing is sent.
    """
    arguments = {"from": sender, "to": recipient, "client": client, "login": login}
    printed(context.ask("explain.route", **arguments), asJSON, show.explanation)


@main.command()
@click.argument("term", metavar="MESSAGE-ID|QUEUE-ID|ADDRESS")
@click.option("--since", metavar="DURATION", help="How far back: 2d, 12h; 30d without it.")
@jsonOption
@pass_context
def trace(context: Context, term: str, since: str | None, asJSON: bool) -> None:
    """
    Tell a message's life, from connection to mailbox.

    By its Message-ID, its queue ID, or any address it came from or went to. The setting trace.days says how long
    things are remembered.
    """
    printed(context.ask("trace.find", term=term, since=since), asJSON, show.trace)


@main.group(invoke_without_command=True)
@jsonOption
@click.pass_context
def connections(ctx: click.Context, asJSON: bool) -> None:
    """Show who is connected."""
    if ctx.invoked_subcommand is None:
        printed(ctx.obj.ask("connections.list"), asJSON, show.connections)


@connections.command("end")
@click.argument("connection_id")
@jsonOption
@pass_context
def connectionsEnd(context: Context, connection_id: str, asJSON: bool) -> None:
    """
    End a connection.

    The command that is under way has ten seconds to finish, and the client is told. Exit status 1 if there is no such
    connection. The person may log in again.
    """
    ended = context.ask("connections.end", id=connection_id)
    if asJSON:
        click.echo(json.dumps(ended, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{connection_id}: ended")
