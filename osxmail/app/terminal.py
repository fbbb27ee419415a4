# -*- test-case-name: tests.integration.test_daemon -*-
"""
Words to the person in front of the daemon.

Not by C{sys.stdout}: once it runs, twistd makes log entries of what is printed there, and neither the quickstart's
passwords nor the reason of a failed start belong there only.
"""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """
    Print to where the daemon was started, if anybody is there.
    """
    _print(text, sys.__stdout__)


def complain(text: str) -> None:
    """
    The same, for what went wrong.
    """
    _print(f"osxmail: {text}", sys.__stderr__)


def _print(text: str, stream: object) -> None:
    try:
        if text and stream is not None:
            # One write: the log's thread writes there too.
            print(f"{text}\n", end="", file=stream, flush=True)  # type: ignore[call-overload]
    except (OSError, ValueError):
        # A daemon has no terminal.
        return
