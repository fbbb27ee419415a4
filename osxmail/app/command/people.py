# -*- test-case-name: tests.integration.test_command -*-
"""
Domains, accounts and aliases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from osxmail.app import show
from osxmail.app.command.base import Context, jsonOption, pass_context, passwordFrom, printed
from osxmail.app.command.server import main


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
    printed(context.ask("domain.list"), asJSON, show.domains)


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
        click.option(
            "--admin/--no-admin",
            default=None,
            help="An administrator: gets mail for postmaster, sees every mailbox in IMAP.",
        ),
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
    result = context.ask("account.add", address=address, password=passwordFrom(password_stdin), **options)
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
    result = context.ask("account.set", address=address, password=passwordFrom(password_stdin), **options)
    click.echo(f"{result['address']}: changed")


@account.command("list")
@jsonOption
@pass_context
def accountList(context: Context, asJSON: bool) -> None:
    """List the accounts with what they use."""
    printed(context.ask("account.list"), asJSON, show.accounts)


@account.command("show")
@click.argument("address")
@jsonOption
@pass_context
def accountShow(context: Context, address: str, asJSON: bool) -> None:
    """
    Show an account, of any directory.

    As the mail service reads it: addresses, state, quota, where it was found, and what could not be read.
    """
    printed(context.ask("account.show", address=address), asJSON, show.account)


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
    printed(context.ask("alias.list"), asJSON, show.aliases)


@alias.command("remove")
@click.argument("address")
@pass_context
def aliasRemove(context: Context, address: str) -> None:
    """Remove an alias."""
    click.echo(f"{context.ask('alias.remove', address=address)['address']}: removed")
