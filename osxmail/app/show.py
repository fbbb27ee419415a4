# -*- test-case-name: tests.unit.app.test_show -*-
"""
What the command prints for people: tables and short texts from JSON values.
"""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from osxmail.mail.quantities import formatDuration


def when(seconds: float | None) -> str:
    """
    A moment, in local time.
    """
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else "-"


def octets(count: int) -> str:
    """
    A size to read, not to parse.
    """
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def _clean(value: object) -> str:
    """
    Text from a peer, harmless for a terminal.
    """
    return escape("".join(c if c.isprintable() else "�" for c in str(value)))


def _table(console: Console, headings: list[str], rows: list[list[object]], empty: str) -> None:
    if not rows:
        console.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading.lstrip(">"), justify="right" if heading.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_clean(cell) for cell in row))
    _print(console, table)


def _print(console: Console, table: Table) -> None:
    if console.is_terminal:
        console.print(table)
        return
    # Cells are filled up to the width of their column, which is of no use to a file or a program.
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        console.print(line.rstrip(), markup=False, soft_wrap=True)


def _pairs(console: Console, rows: list[list[object]]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(_clean(name), _clean(value))
    _print(console, table)


def _duration(seconds: float) -> str:
    return formatDuration(round(seconds)) if round(seconds) else "0s"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def status(console: Console, value: Any) -> None:
    since = f"since {when(value['since'])} ({_duration(value['upSeconds'])})"
    console.print(f"osxmail {value['version']} on {value['hostname']}, {since}")
    _table(
        console,
        ["service", "listens on", "endpoint"],
        [[s["name"], s["address"], s["endpoint"]] for s in value["services"]],
        "nothing listens",
    )
    online = ", ".join(f"{count} {name}" for name, count in sorted(value["connections"].items())) or "none"
    console.print(f"connections: {online}")
    if value.get("addressesHeld"):
        count = value["addressesHeld"]
        console.print(f"{count} address{'es' if count > 1 else ''} may not log in for now: too many wrong passwords")
    queue = value["queue"]
    oldest = f", the oldest from {when(queue['oldest'])}" if queue["oldest"] else ""
    console.print(
        f"queue: {_count(queue['messages'], 'message')} to {_count(queue['recipients'], 'recipient')}, "
        f"{queue['held']} held{oldest}"
    )
    for directory in value.get("directoriesAway", []):
        console.print(
            f"the directory {_clean(directory['name'])} does not answer: {_clean(directory['reason'])}", soft_wrap=True
        )
    if value["holdOutbound"]:
        console.print("outbound mail is held (relay.hold_outbound)")
    if value["blockInbound"]:
        console.print("inbound mail is blocked (smtp.block_inbound)")


def domains(console: Console, value: Any) -> None:
    _table(console, ["domain", "catch-all"], [[d["shown"], d["catchAll"]] for d in value],
           "no domain yet: osxmail domain add NAME")  # fmt: skip


def accounts(console: Console, value: Any) -> None:
    rows: list[list[object]] = []
    for a in value:
        part = f"{100 * a['usedOctets'] / a['quotaOctets']:.0f} %" if a["quotaOctets"] > 0 else ""
        limit = octets(max(0, a["quotaOctets"])) if a["quotaOctets"] else "unlimited"
        rows.append(
            [a["address"], a["name"], a["state"], "yes" if a["admin"] else "", a["messages"], octets(a["usedOctets"]),
             limit, part]
        )  # fmt: skip
    headings = ["address", "name", "state", "admin", ">messages", ">used", ">quota", ">"]
    _table(console, headings, rows, "no local account yet: osxmail account add ADDRESS")


def account(console: Console, value: Any) -> None:
    rows: list[list[object]] = [
        ["address", value["address"]],
        ["login", value["login"]],
        ["name", value["name"]],
        ["addresses", ", ".join(value["addresses"])],
        ["state", value["state"] + _forwarding(value)],
        ["mail kept by", value["mailHost"] or "this server"],
        [
            "may use",
            ", ".join(n for n, k in (("POP3", "pop"), ("IMAP", "imap")) if value[k]) or "neither POP3 nor IMAP",
        ],
        ["administrator", "yes" if value["admin"] else "no"],
        ["used", f"{octets(value['usedOctets'])} in {_count(value['messages'], 'message')}"],
        ["quota", _quota(value)],
        *([name, text] for name, text in value["source"]),
        *(["warning", text] for text in value["warnings"]),
    ]
    _pairs(console, [row for row in rows if row[1]])
    if value["mailboxes"]:
        console.print()
        boxes = [[m["name"], m["messages"], m["unseen"], octets(m["octets"])] for m in value["mailboxes"]]
        _table(console, ["mailbox", ">messages", ">unseen", ">size"], boxes, "")


def _quota(value: Any) -> str:
    limits = []
    if value["quotaOctets"]:
        limits.append(octets(max(0, value["quotaOctets"])))
    if value["quotaMessages"]:
        limits.append(_count(max(0, value["quotaMessages"]), "message"))
    return (" and ".join(limits) or "unlimited") + (", set by an administrator by IMAP" if value["quotaIsSet"] else "")


def _forwarding(value: Any) -> str:
    if value["state"] != "forward":
        return ""
    return f" to {', '.join(value['forward'])}" + (", a copy is kept here" if value["keepCopy"] else "")


def aliases(console: Console, value: Any) -> None:
    _table(console, ["alias", "leads to"], [[a["address"], ", ".join(a["targets"])] for a in value],
           "no alias yet: osxmail alias add ADDRESS TARGET")  # fmt: skip


def queuePart(console: Console, value: Any) -> None:
    """
    What was asked for of the queue.
    """
    queue(console, value, "nothing in the queue is like that")


def queue(console: Console, value: Any, empty: str = "the queue is empty") -> None:
    rows: list[list[object]] = []
    for item in value:
        for number, r in enumerate(item["recipients"]):
            first = number == 0
            state = "held" if item["held"] else "trying" if r["trying"] else when(r["nextTry"])
            rows.append(
                [item["id"] if first else "", when(item["received"]) if first else "",
                 octets(item["octets"]) if first else "", item["sender"] if first else "", r["address"], state,
                 r["attempts"], r["lastReply"]]
            )  # fmt: skip
    headings = ["queue ID", "received", ">size", "sender", "recipient", "next try", ">tries", "last reply"]
    _table(console, headings, rows, empty)


def queueItem(console: Console, value: Any) -> None:
    queue(console, [value])
    console.print()
    trace(console, [{**event, "queueId": value["id"]} for event in value["trace"]])
    console.print()
    console.print("\n".join(_clean(line.expandtabs()) for line in value["header"].splitlines()), soft_wrap=True)


def settings(console: Console, value: Any) -> None:
    rows: list[list[object]] = [
        [s["key"], s["value"], "" if s["origin"] == "default" else s["origin"], s["help"]] for s in value
    ]
    _table(console, ["setting", "value", "from", "what it does"], rows, "")


def setting(console: Console, value: Any) -> None:
    console.print(f"{value['key']} = {_clean(value['value'])}")
    console.print(_clean(value["help"]))
    if value["choices"]:
        console.print(f"choices: {', '.join(value['choices'])}")
    default = f"the default is {_clean(value['default'] or '(empty)')}"
    origin = {"default": "this is the default", "set": default, "file": f"pinned in the configuration file; {default}"}
    console.print(origin[value["origin"]])
    if value["needsRestart"]:
        console.print("a change counts from the next start on")


def trace(console: Console, value: Any) -> None:
    if not value:
        console.print("nothing is remembered of that; the setting trace.days says how long mail is remembered")
        return
    last = ""
    for event in value:
        if event["queueId"] != last:
            last = event["queueId"]
            messageId = event.get("messageId")
            console.print(f"[bold]{_clean(last)}[/bold]" + (f"  <{_clean(messageId)}>" if messageId else ""))
        told = {name: field for name, field in event["fields"].items() if field not in ("", None, [], {})}
        steps = told.pop("steps", [])
        if "nextTry" in told:
            told["nextTry"] = when(told["nextTry"])
        fields = "  ".join(f"{_clean(name)}={_clean(_short(field))}" for name, field in told.items())
        console.print(f"  {when(event['time'])}  {_clean(event['event'])}  {fields}", soft_wrap=True)
        for step in steps:
            console.print(f"    {_clean(step)}", soft_wrap=True)


def _short(field: object) -> str:
    if isinstance(field, list):
        return ", ".join(_short(one) for one in field)
    if isinstance(field, dict):
        return "; ".join(f"{name} {_short(one)}" for name, one in field.items() if one not in ("", None, [], {}))
    return str(field)


def connections(console: Console, value: Any) -> None:
    shown = {"id", "protocol", "service", "host", "port", "login", "tls", "seconds"}
    rows: list[list[object]] = [
        [c["id"], c["service"], c["host"], c["login"], c["tls"], _duration(c["seconds"]),
         "  ".join(f"{k}={v}" for k, v in c.items() if k not in shown and v)]
        for c in value
    ]  # fmt: skip
    _table(console, ["id", "service", "address", "login", "TLS", ">for", ""], rows, "nobody is connected")


def explanation(console: Console, value: Any) -> None:
    for line in value["text"].splitlines():
        console.print(_clean(line), soft_wrap=True)
