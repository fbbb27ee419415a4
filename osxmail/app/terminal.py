# -*- test-case-name: tests.integration.test_daemon -*-
"""
Words to the person in front of the daemon.

Not by C{sys.stdout}: once it runs, twistd makes log entries of what is printed there, and neither the quickstart's
passwords nor the reason of a failed start belong there only.  And a daemon's C{sys.__stdout__} leads nowhere: what was
there before is kept until it has started.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

#: The standard output and the standard error of who has started a daemon, while it starts.
_kept: list[TextIO] = []


class NotStarted(Exception):
    """
    What twistd wants to see, to end a daemon with a status: a C{SystemExit} would leave it waiting for ever.
    """


def keepTerminal() -> None:
    """
    The process will be a daemon: keep what it has been started from, until L{letTerminalGo}.
    """
    try:
        _kept.extend(os.fdopen(os.dup(number), "w") for number in (1, 2))
    except OSError:
        # It was started without them.
        letTerminalGo()


def letTerminalGo() -> None:
    """
    It has started, or has said why not.
    """
    while _kept:
        try:
            _kept.pop().close()
        except OSError:
            continue


def say(text: str) -> None:
    """
    Print to where the daemon was started, if anybody is there.
    """
    _print(text, _kept[0] if _kept else sys.__stdout__)


def complain(text: str) -> None:
    """
    The same, for what went wrong.
    """
    _print(f"osxmail: {text}", _kept[1] if _kept else sys.__stderr__)


def cannotStart(text: str) -> BaseException:
    """
    Say why.

    @return: what to raise then.
    """
    complain(text)
    return NotStarted("the reason stands above") if _kept else SystemExit(1)


def _print(text: str, stream: object) -> None:
    try:
        if text and stream is not None:
            # One write: the log's thread writes there too.
            print(f"{text}\n", end="", file=stream, flush=True)  # type: ignore[call-overload]
    except (OSError, ValueError):
        # A daemon has no terminal.
        return
