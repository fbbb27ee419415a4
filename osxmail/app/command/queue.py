# -*- test-case-name: tests.integration.test_command -*-
"""
The relay queue.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from osxmail.app import show
from osxmail.app.command.base import Context, jsonOption, pass_context, printed
from osxmail.app.command.server import main


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
    isPart = any(one is not None for one in (sender, recipient, destination))
    printed(found, asJSON, show.queuePart if isPart else show.queue)


@queue.command("show")
@click.argument("queue_id")
@jsonOption
@pass_context
def queueShow(context: Context, queue_id: str, asJSON: bool) -> None:
    """Show a waiting message: recipients, trace, header."""
    printed(context.ask("queue.show", id=queue_id), asJSON, show.queueItem)


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
        for note in result["notes"]:
            click.echo(note)


_queueAction("retry", "Try messages again now.", "to be tried now")
_queueAction("hold", "Keep messages back until they are released.", "held")
_queueAction("release", "Let messages go that were held.", "released")
_queueAction("delete", "Delete messages for good; nobody is told.", "deleted")
