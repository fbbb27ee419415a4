# -*- test-case-name: tests.unit.app.test_docs -*-
"""
C{docs/settings.md}: the reference of every setting, made from the typed table (C{make docs}).
"""

from __future__ import annotations

import itertools

from attrs import fields

from osxmail.app.settings import TABLE, Kind, Setting

#: The first word of a key, and what its settings are about.
GROUPS = {
    "auth": "Logging in",
    "account": "Accounts",
    "smtp": "Incoming SMTP and submission",
    "filter": "Filters on mail from outside",
    "relay": "Outgoing mail",
    "mail": "Addresses and mailboxes",
    "imap": "IMAP",
    "pop3": "POP3",
    "login": "Before the login",
    "connections": "Connections",
    "trace": "Traces",
    "log": "Logs",
}

#: How a value of each kind is written.
WRITTEN = {
    Kind.TEXT: "a text",
    Kind.SECRET: "a text that is never shown again",
    Kind.FLAG: "`yes` or `no`",
    Kind.NUMBER: "a whole number",
    Kind.DURATION: "a duration: a number with `s`, `m`, `h`, `d` or `w`",
    Kind.SIZE: "a size: a number of octets, or with `K`, `M` or `G` of 1024",
    Kind.WORDS: "words, separated by spaces or commas",
    Kind.NETWORKS: "networks or addresses, separated by spaces or commas: `192.0.2.0/24`, `2001:db8::/32`",
    Kind.RANGES: "networks or addresses, separated by spaces or commas",
    Kind.LISTS: "lists in DNS, separated by spaces or commas",
    Kind.ADDRESS: "a mail address, or nothing",
    Kind.HOP: "a server: `host`, `host:port` or `[host]:port`, or nothing",
}

_INTRODUCTION = """\
# Settings

This page is made from the program's own table by `make docs`. Do not edit it.

A setting says how the service behaves. It is kept in the store and can be changed while the server runs:

    osxmail settings                                  # all of them
    osxmail settings relay.smarthost                  # one, with its help
    osxmail settings relay.smarthost = mail.example.net:587
    osxmail settings relay.smarthost --default        # back to the default

A change counts at once unless its row says otherwise. Under `[settings]` in the configuration file a setting
can be pinned: the file's value counts, and the command refuses to change it.
"""


def reference() -> str:
    """
    The whole page, Markdown.
    """
    parts = [_INTRODUCTION]
    for group, rows in itertools.groupby(sorted(TABLE.values(), key=_place), key=lambda row: row.key.partition(".")[0]):
        parts += [f"\n## {GROUPS[group]}\n"]
        parts += [_entry(row) for row in rows]
    return "".join(parts)


def _place(row: Setting) -> int:
    # Groups in our order, rows of a group in the table's (sorting is stable).
    return list(GROUPS).index(row.key.partition(".")[0])


def _entry(row: Setting) -> str:
    written = "one of " + ", ".join(f"`{choice}`" for choice in row.choices) if row.choices else WRITTEN[row.kind]
    if row.kind in (Kind.NUMBER, Kind.DURATION, Kind.SIZE) and row.highest != fields(Setting).highest.default:
        written += f"; `{row.render(row.lowest)}` to `{row.render(row.highest)}`"
    lines = [
        f"\n### `{row.key}`\n",
        f"{row.help}\n",
        f"- Value: {written}.",
        f"- Default: {f'`{row.default}`' if row.default else 'empty'}.",
    ]
    if row.needsRestart:
        lines.append("- Counts from the next start on.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(reference(), end="")
