# -*- test-case-name: tests.integration.test_command -*-
"""
What every command of C{osxmail} is made with.
"""

from __future__ import annotations

import getpass
import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from osxmail.app.controlclient import ask
from osxmail.app.places import QUICKSTART_DATA, findConfiguration
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


class Group(click.Group):
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


def printed(value: Any, asJSON: bool, render: Callable[[Console, Any], None]) -> None:
    if asJSON:
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        render(_console(), value)


def firstLine(what: str) -> str:
    line = getpass.getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Refused(f"there is no {what} on standard input")
    return line


def passwordFrom(fromStandardInput: bool) -> str | None:
    return firstLine("password") if fromStandardInput else None
