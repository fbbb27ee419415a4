# -*- test-case-name: tests.unit.app.test_config -*-
"""
Which line of a TOML text a key stands on: C{tomllib} does not say.
"""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def keyLines(text: str) -> dict[KeyPath, int]:
    """
    Key path to line, for tables, arrays of tables and keys at the start of a line: enough to point at.
    """
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _HEADER.match(line):
            table = tuple(part.strip("\"'") for part in _PART.findall(match.group(2)))
            if match.group(1) == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines.setdefault(table, number)
        elif match := _KEY.match(line):
            parts = tuple(part.strip("\"'") for part in _PART.findall(match.group(1)))
            for end in range(1, len(parts) + 1):
                lines.setdefault((*table, *parts[:end]), number)
            if table[:1] == ("settings",) or parts[:1] == ("settings",):
                lines.setdefault(("settings", ".".join(map(str, (*table, *parts)[1:]))), number)
    return lines


def lineOf(where: KeyPath, lines: dict[KeyPath, int], isOne: bool) -> int:
    """
    The line of a key path, or of the nearest thing around it.

    @param isOne: the directory was written as C{[directory]}, not as C{[[directory]]}.
    """
    if isOne and where[:2] == ("directory", 0):
        where = ("directory", *where[2:])
    while where:
        if where in lines:
            return lines[where]
        where = where[:-1]
    return 1


def dotted(where: KeyPath, isOne: bool) -> str:
    """
    A key path as people write it.
    """
    if isOne and where[:2] == ("directory", 0):
        where = ("directory", *where[2:])
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(file)"
