# -*- test-case-name: tests.integration.test_command -*-
"""
C{osxmail}: the administrator's command.

Every reading command has C{--json}.  Exit status: 0 done, 1 refused with the reason, 2 wrong usage.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from osxmail import __version__
from osxmail.app import show
from osxmail.app.config import findConfiguration, readConfiguration
from osxmail.app.controlclient import ask
from osxmail.app.quickstart import DATA as QUICKSTART_DATA
from osxmail.errors import ConfigurationError, Refused


class Context:
    """
    What C{--config} means for a command.
    """

    def __init__(self, config: str | None) -> None:
        self.config = config

    def path(self) -> Path | None:
        return findConfiguration(self.config)

    def data(self) -> Path:
        path = self.path()
        return Path(QUICKSTART_DATA) if path is None else readConfiguration(path).data

    def ask(self, command: str, **arguments: Any) -> Any:
        given = {key: value for key, value in arguments.items() if value is not None}
        return ask(self.data(), command, given)


pass_context = click.make_pass_decorator(Context)


class _Group(click.Group):
    """
    Turns a refusal into one line and exit status 1.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            for problem in error.problems:
                click.echo(problem, err=True)
        except Refused as error:
            click.echo(f"osxmail: {error}", err=True)
        except BrokenPipeError:
            sys.stderr.close()
        return ctx.exit(1)


def _console() -> Console:
    width = None if sys.stdout.isatty() else 200
    return Console(width=width, highlight=False)


def jsonOption(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "asJSON", is_flag=True, help="Print JSON, for programs.")(function)


def _print(value: Any, asJSON: bool, render: Callable[[Console, Any], None]) -> None:
    if asJSON:
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        render(_console(), value)


def _password(fromStandardInput: bool) -> str | None:
    if not fromStandardInput:
        return None
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Refused("there is no password on standard input")
    return password


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config", metavar="FILE", help="The server's configuration; else $OSXMAIL_CONFIG, /etc/osxmail/osxmail.toml."
)
@click.pass_context
def main(ctx: click.Context, config: str | None) -> None:
    """Administer the osxmail mail server."""
    ctx.obj = Context(config)


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


@main.command()
@pass_context
def check(context: Context) -> None:
    """Check the configuration, without a server; every problem is shown with its line."""
    path = context.path()
    if path is None:
        click.echo("there is no configuration file: the quickstart's own would be used")
        return
    configuration = readConfiguration(path)
    for name in configuration.later:
        click.echo(f"{path}: listen.{name}: this version has no {name} yet; the listener stays closed")
    click.echo(f"{path}: in order")


@main.command()
@jsonOption
@pass_context
def status(context: Context, asJSON: bool) -> None:
    """What runs, since when, who is connected, what waits."""
    _print(context.ask("server.status"), asJSON, show.status)


@main.command()
@pass_context
def reload(context: Context) -> None:
    """Read the configuration again; a bad one changes nothing."""
    for note in context.ask("server.reload")["notes"]:
        click.echo(note)


# ----------------------------------------------------------------------------------------------- domains


@main.group()
def domain() -> None:
    """Domains whose mail is ours."""


@domain.command("add")
@click.argument("name")
@pass_context
def domainAdd(context: Context, name: str) -> None:
    """Take mail for a domain."""
    click.echo(f"{context.ask('domain.add', name=name)['name']}: added")


@domain.command("list")
@jsonOption
@pass_context
def domainList(context: Context, asJSON: bool) -> None:
    """List the domains."""
    _print(context.ask("domain.list"), asJSON, show.domains)


@domain.command("set")
@click.argument("name")
@click.option(
    "--catch-all", required=True, metavar="ADDRESS", help='Who gets mail for unknown local parts; "" for nobody.'
)
@pass_context
def domainSet(context: Context, name: str, catch_all: str) -> None:
    """Change a domain."""
    click.echo(f"{context.ask('domain.set', name=name, catchAll=catch_all)['name']}: changed")


@domain.command("remove")
@click.argument("name")
@pass_context
def domainRemove(context: Context, name: str) -> None:
    """Take no more mail for a domain."""
    click.echo(f"{context.ask('domain.remove', name=name)['name']}: removed")


# ---------------------------------------------------------------------------------------------- accounts


@main.group()
def account() -> None:
    """Accounts of the local directory."""


def accountOptions(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--forward", metavar="ADDRESSES", help="Where mail goes in state forward."),
        click.option("--keep-copy/--no-keep-copy", "keepCopy", default=None, help="When forwarding, keep a copy here."),
        click.option("--state", type=click.Choice(["enabled", "off", "forward"]), help="off refuses mail and login."),
        click.option("--imap/--no-imap", default=None, help="May log in by IMAP."),
        click.option("--pop/--no-pop", default=None, help="May log in by POP3."),
        click.option("--admin/--no-admin", default=None, help="May administer this server."),
        click.option("--quota", metavar="SIZE", help="Space: 500M, 2G; 0 is unlimited; default follows account.quota."),
        click.option("--name", metavar="TEXT", help="The person's name."),
        click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
    ):
        function = option(function)
    return function


@account.command("add")
@click.argument("address")
@accountOptions
@pass_context
def accountAdd(context: Context, /, address: str, password_stdin: bool, **options: Any) -> None:
    """Make an account; without --password-stdin a password is made up and printed."""
    result = context.ask("account.add", address=address, password=_password(password_stdin), **options)
    click.echo(f"{result['address']}: added")
    if "password" in result:
        click.echo(f"password: {result['password']}")


@account.command("set")
@click.argument("address")
@accountOptions
@pass_context
def accountSet(context: Context, /, address: str, password_stdin: bool, **options: Any) -> None:
    """Change an account."""
    result = context.ask("account.set", address=address, password=_password(password_stdin), **options)
    click.echo(f"{result['address']}: changed")


@account.command("list")
@jsonOption
@pass_context
def accountList(context: Context, asJSON: bool) -> None:
    """List the accounts with what they use."""
    _print(context.ask("account.list"), asJSON, show.accounts)


@account.command("show")
@click.argument("address")
@jsonOption
@pass_context
def accountShow(context: Context, address: str, asJSON: bool) -> None:
    """Show an account of any directory, as the mail service reads it."""
    _print(context.ask("account.show", address=address), asJSON, show.account)


@account.command("remove")
@click.argument("address")
@click.option("--keep-mail", "keepMail", is_flag=True, help="Leave the account's mail in the store.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def accountRemove(context: Context, address: str, keepMail: bool, yes: bool) -> None:
    """Remove an account, and its mail for good."""
    if not yes and not keepMail:
        click.confirm(f"Remove {address} and all its mail for good?", abort=True)
    click.echo(f"{context.ask('account.remove', address=address, keepMail=keepMail)['address']}: removed")


# ----------------------------------------------------------------------------------------------- aliases


@main.group()
def alias() -> None:
    """Addresses that lead to others."""


@alias.command("add")
@click.argument("address")
@click.argument("target", nargs=-1, required=True)
@pass_context
def aliasAdd(context: Context, address: str, target: Sequence[str]) -> None:
    """Lead an address to others, here or elsewhere."""
    click.echo(f"{context.ask('alias.add', address=address, targets=list(target))['address']}: added")


@alias.command("list")
@jsonOption
@pass_context
def aliasList(context: Context, asJSON: bool) -> None:
    """List the aliases."""
    _print(context.ask("alias.list"), asJSON, show.aliases)


@alias.command("remove")
@click.argument("address")
@pass_context
def aliasRemove(context: Context, address: str) -> None:
    """Remove an alias."""
    click.echo(f"{context.ask('alias.remove', address=address)['address']}: removed")


# ------------------------------------------------------------------------------------------------- queue


@main.group()
def queue() -> None:
    """Mail that waits for another server, or for room."""


@queue.command("list")
@click.option("--sender", metavar="PATTERN", help="From whom; may hold *.")
@click.option("--recipient", metavar="PATTERN", help="To whom; may hold *.")
@click.option("--destination", metavar="DOMAIN", help="To which domain or next hop.")
@jsonOption
@pass_context
def queueList(
    context: Context, sender: str | None, recipient: str | None, destination: str | None, asJSON: bool
) -> None:
    """List what waits, with the last reply of each recipient."""
    found = context.ask("queue.list", sender=sender, recipient=recipient, destination=destination)
    _print(found, asJSON, show.queue)


@queue.command("show")
@click.argument("queue_id")
@jsonOption
@pass_context
def queueShow(context: Context, queue_id: str, asJSON: bool) -> None:
    """Show a message of the queue: recipients, attempts, header."""
    _print(context.ask("queue.show", id=queue_id), asJSON, show.queueItem)


def _queueAction(name: str, help: str, done: str) -> None:
    @queue.command(name, help=help)
    @click.argument("queue_id", nargs=-1)
    @click.option("--all", "everything", is_flag=True, help="Everything in the queue.")
    @pass_context
    def act(context: Context, queue_id: Sequence[str], everything: bool) -> None:
        if bool(queue_id) == everything:
            raise click.UsageError("name queue IDs, or --all")
        result = context.ask(f"queue.{name}", ids="all" if everything else list(queue_id))
        click.echo(f"{result['recipients']} recipient{'' if result['recipients'] == 1 else 's'} {done}")


_queueAction("retry", "Try again now.", "to be tried now")
_queueAction("hold", "Hold until released.", "held")
_queueAction("release", "Release what was held.", "released")
_queueAction("delete", "Delete for good; nobody is told.", "deleted")


# ---------------------------------------------------------------------------------------------- settings


@main.command()
@click.argument("words", nargs=-1, metavar="[KEY] [= VALUE]")
@click.option("--default", "toDefault", is_flag=True, help="Go back to the default.")
@jsonOption
@pass_context
def settings(context: Context, words: Sequence[str], toDefault: bool, asJSON: bool) -> None:
    """Read or change how the service behaves: settings; settings KEY; settings KEY = VALUE."""
    written = " ".join(words)
    key, isChange, value = (part.strip() for part in written.partition("="))
    if toDefault:
        if not key or isChange:
            raise click.UsageError("--default goes with one KEY")
        _print(context.ask("settings.reset", key=key), asJSON, show.setting)
    elif isChange:
        _print(context.ask("settings.set", key=key, value=value), asJSON, show.setting)
    elif key:
        _print(context.ask("settings.get", key=key), asJSON, show.setting)
    else:
        _print(context.ask("settings.list"), asJSON, show.settings)


# ------------------------------------------------------------------------------------------ looking into


@main.command()
@click.option("--from", "sender", default="", metavar="ADDRESS", help="The sender; empty is the null sender.")
@click.option("--to", "recipient", required=True, metavar="ADDRESS", help="The recipient.")
@click.option("--client", metavar="IP", help="The client's address; else one from outside.")
@click.option("--login", metavar="NAME", help="As if this account had authenticated.")
@jsonOption
@pass_context
def explain(context: Context, sender: str, recipient: str, client: str | None, login: str | None, asJSON: bool) -> None:
    """Every rule that would apply to a message, in order, with the answer."""
    arguments = {"from": sender, "to": recipient, "client": client, "login": login}
    _print(context.ask("explain.route", **arguments), asJSON, show.explanation)


@main.command()
@click.argument("term", metavar="MESSAGE-ID|QUEUE-ID|ADDRESS")
@click.option("--since", metavar="DURATION", help="How far back: 2d, 12h; 30d if not given.")
@jsonOption
@pass_context
def trace(context: Context, term: str, since: str | None, asJSON: bool) -> None:
    """A message's life, from connection to mailbox."""
    _print(context.ask("trace.find", term=term, since=since), asJSON, show.trace)


@main.group(invoke_without_command=True)
@jsonOption
@click.pass_context
def connections(ctx: click.Context, asJSON: bool) -> None:
    """Who is connected."""
    if ctx.invoked_subcommand is None:
        _print(ctx.obj.ask("connections.list"), asJSON, show.connections)


@connections.command("end")
@click.argument("connection_id")
@pass_context
def connectionsEnd(context: Context, connection_id: str) -> None:
    """End one, once its command is done."""
    context.ask("connections.end", id=connection_id)
    click.echo(f"{connection_id}: ended")
