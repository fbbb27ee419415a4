# -*- test-case-name: tests.integration.test_command -*-
"""
How the service behaves.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from osxmail.app import show
from osxmail.app.command.base import Context, firstLine, jsonOption, pass_context, printed
from osxmail.app.command.server import main


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
    osxmail settings KEY            one of them; the first word of its name shows the group
    osxmail settings KEY = VALUE    change it; KEY=VALUE does as well
    osxmail settings KEY --default  go back to the default

    A change counts at once. A setting that stands under [settings] in the configuration file is pinned, and refused
    here.
    """
    written = " ".join(words)
    key, isChange, value = (part.strip() for part in written.partition("="))
    if " " in key:
        name, value = key.split(maxsplit=1)
        raise click.UsageError(f"to change a setting: osxmail settings {name} = {value}")
    if (toDefault or fromStandardInput) and (not key or isChange or toDefault == fromStandardInput):
        raise click.UsageError("--default and --stdin go with a KEY alone")
    if fromStandardInput:
        printed(context.ask("settings.set", key=key, value=firstLine("value")), asJSON, show.setting)
    elif toDefault:
        printed(context.ask("settings.reset", key=key), asJSON, show.setting)
    elif isChange:
        if not key:
            raise click.UsageError("say which setting: KEY = VALUE")
        if value and context.ask("settings.get", key=key)["kind"] == "secret":
            raise click.UsageError(
                f"everybody on this machine could see it; type it in: osxmail settings {key} --stdin"
            )
        printed(context.ask("settings.set", key=key, value=value), asJSON, show.setting)
    elif key and (group := [row for row in context.ask("settings.list") if row["key"].startswith(f"{key}.")]):
        printed(group, asJSON, show.settings)
    elif key:
        printed(context.ask("settings.get", key=key), asJSON, show.setting)
    else:
        printed(context.ask("settings.list"), asJSON, show.settings)
