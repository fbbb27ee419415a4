# -*- test-case-name: tests.integration.test_command -*-
"""
C{osxmail}: the administrator's command.

Every reading command has C{--json}.  Exit status: 0 done, 1 refused with the reason, 2 wrong usage.
"""

from __future__ import annotations

import json
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from osxmail import __version__
from osxmail.app import show
from osxmail.app.controlclient import ask
from osxmail.app.places import QUICKSTART_DATA, findConfiguration
from osxmail.errors import ConfigurationError, Refused

# What only "check" needs is imported there: it takes longer than all the rest of a command.


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
        if path is None:
            return Path(QUICKSTART_DATA)
        try:
            # This key alone: a file with a fault elsewhere, or certificates that only root can read, must not keep
            # anybody from asking the server that runs.
            return path.absolute().parent / str(tomllib.loads(path.read_text("utf-8"))["data"])
        except (OSError, ValueError, KeyError):
            # It says what is wrong.
            from osxmail.app.config import readConfiguration

            return readConfiguration(path).data

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


def _firstLine(what: str) -> str:
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Refused(f"there is no {what} on standard input")
    return line


def _password(fromStandardInput: bool) -> str | None:
    return _firstLine("password") if fromStandardInput else None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    metavar="FILE",
    help="The server's configuration; else $OSXMAIL_CONFIG, /etc/osxmail/osxmail.toml, or the quickstart in ./var.",
)
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
    _print(context.ask("server.status"), asJSON, show.status)


@main.command()
@pass_context
def reload(context: Context) -> None:
    """
    Read the configuration and certificates again.

    A configuration with a problem changes nothing. What needs a restart is said.
    """
    for note in context.ask("server.reload")["notes"]:
        click.echo(note)


# ----------------------------------------------------------------------------------------------- domains


@main.group()
def domain() -> None:
    """The domains whose mail is ours."""


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
    "--catch-all", required=True, metavar="ADDRESS", help='Who gets mail for unknown names in it; "" for nobody.'
)
@pass_context
def domainSet(context: Context, name: str, catch_all: str) -> None:
    """Set who gets mail for unknown names."""
    click.echo(f"{context.ask('domain.set', name=name, catchAll=catch_all)['name']}: changed")


@domain.command("remove")
@click.argument("name")
@pass_context
def domainRemove(context: Context, name: str) -> None:
    """
    Take no more mail for a domain.

    Its accounts and aliases have to be removed first. A domain that stands in the configuration file comes back at
    the next start or reload.
    """
    click.echo(f"{context.ask('domain.remove', name=name)['name']}: removed")


# ---------------------------------------------------------------------------------------------- accounts


@main.group()
def account() -> None:
    """The accounts of the local directory."""


def accountOptions(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--forward", metavar="ADDRESSES", help='Forward mail, to one or more addresses; "" ends it.'),
        click.option(
            "--keep-copy/--no-keep-copy", "keepCopy", default=None, help="While forwarding, keep a copy here."
        ),
        click.option("--state", type=click.Choice(["enabled", "off", "forward"]), help="off refuses mail and logins."),
        click.option("--imap/--no-imap", default=None, help="May log in by IMAP."),
        click.option("--pop/--no-pop", default=None, help="May log in by POP3."),
        click.option("--admin/--no-admin", default=None, help="An administrator: gets mail for postmaster."),
        click.option(
            "--quota",
            metavar="SIZE",
            help='Space: 500M, 2G; 0 is unlimited; "default" follows the setting account.quota.',
        ),
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
    """
    Make an account.

    Without --password-stdin a password is made up and printed.
    """
    result = context.ask("account.add", address=address, password=_password(password_stdin), **options)
    click.echo(f"{result['address']}: added")
    if "password" in result:
        click.echo(f"password: {result['password']}")


@account.command("set")
@click.argument("address")
@accountOptions
@pass_context
def accountSet(context: Context, /, address: str, password_stdin: bool, **options: Any) -> None:
    """
    Change an account.

    What is not named stays as it is.
    """
    if not password_stdin and all(value is None for value in options.values()):
        raise click.UsageError("say what to change, such as --quota 2G")
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
    """
    Show an account, of any directory.

    As the mail service reads it: addresses, state, quota, where it was found, and what could not be read.
    """
    _print(context.ask("account.show", address=address), asJSON, show.account)


@account.command("remove")
@click.argument("address")
@click.option("--keep-mail", "keepMail", is_flag=True, help="Leave the account's mail in the store.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def accountRemove(context: Context, address: str, keepMail: bool, yes: bool) -> None:
    """Remove an account and its mail, for good."""
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
    """Mail that waits: for another server, or for room."""


@queue.command("list")
@click.option("--sender", metavar="PATTERN", help="From whom; may hold *.")
@click.option("--recipient", metavar="PATTERN", help="To whom; may hold *.")
@click.option("--destination", metavar="DOMAIN", help="To which domain.")
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
    """Show a waiting message: recipients, trace, header."""
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


_queueAction("retry", "Try messages again now.", "to be tried now")
_queueAction("hold", "Keep messages back until they are released.", "held")
_queueAction("release", "Let messages go that were held.", "released")
_queueAction("delete", "Delete messages for good; nobody is told.", "deleted")


# ---------------------------------------------------------------------------------------------- settings


@main.command()
@click.argument("words", nargs=-1, metavar="[KEY] [= VALUE]")
@click.option("--default", "toDefault", is_flag=True, help="Go back to the default.")
@click.option("--stdin", "fromStandardInput", is_flag=True, help="Read the value from standard input: for passwords.")
@jsonOption
@pass_context
def settings(context: Context, words: Sequence[str], toDefault: bool, fromStandardInput: bool, asJSON: bool) -> None:
    """
    Read or change how the service behaves.

    \b
    osxmail settings                every setting, its value, what it does
    osxmail settings KEY            one of them
    osxmail settings KEY = VALUE    change it; KEY=VALUE does as well
    osxmail settings KEY --default  go back to the default

    A change counts at once. A setting that stands under [settings] in the configuration file is pinned, and refused
    here.
    """
    written = " ".join(words)
    key, isChange, value = (part.strip() for part in written.partition("="))
    if (toDefault or fromStandardInput) and (not key or isChange or toDefault == fromStandardInput):
        raise click.UsageError("--default and --stdin go with a KEY alone")
    if fromStandardInput:
        _print(context.ask("settings.set", key=key, value=_firstLine("value")), asJSON, show.setting)
    elif toDefault:
        _print(context.ask("settings.reset", key=key), asJSON, show.setting)
    elif isChange:
        if not key:
            raise click.UsageError("say which setting: KEY = VALUE")
        _print(context.ask("settings.set", key=key, value=value), asJSON, show.setting)
    elif key:
        _print(context.ask("settings.get", key=key), asJSON, show.setting)
    else:
        _print(context.ask("settings.list"), asJSON, show.settings)


# ------------------------------------------------------------------------------------------ looking into


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
    _print(context.ask("explain.route", **arguments), asJSON, show.explanation)


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
    _print(context.ask("trace.find", term=term, since=since), asJSON, show.trace)


@main.group(invoke_without_command=True)
@jsonOption
@click.pass_context
def connections(ctx: click.Context, asJSON: bool) -> None:
    """Show who is connected."""
    if ctx.invoked_subcommand is None:
        _print(ctx.obj.ask("connections.list"), asJSON, show.connections)


@connections.command("end")
@click.argument("connection_id")
@pass_context
def connectionsEnd(context: Context, connection_id: str) -> None:
    """End a connection, once its command is done."""
    context.ask("connections.end", id=connection_id)
    click.echo(f"{connection_id}: ended")
