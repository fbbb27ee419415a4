from __future__ import annotations

import io
from typing import Any

from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from osxmail.app import show
from osxmail.app.settings import TABLE


def shown(render: Any, value: Any) -> str:
    out = io.StringIO()
    render(Console(file=out, width=200, highlight=False), value)
    return out.getvalue()


class ShowTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        self.assertEqual([show.octets(n) for n in (0, 999, 1536, 150 << 10, 5 << 30)],
                         ["0 B", "999 B", "1.5 KB", "150 KB", "5.0 GB"])  # fmt: skip

    def test_empty(self) -> None:
        pairs = [
            (show.domains, "domain add"),
            (show.accounts, "account add"),
            (show.aliases, "alias add"),
            (show.queue, "empty"),
            (show.connections, "nobody"),
            (show.trace, "trace.days"),
        ]
        for render, words in pairs:
            self.assertIn(words, shown(render, []))

    def test_aPeersTextIsHarmless(self) -> None:
        recipient = {"address": "a@b", "destination": "b", "attempts": 1, "nextTry": 1.0, "trying": False,
                     "lastReply": "450 \x1b[2J[bold]x[/bold]\n\x07", "host": ""}  # fmt: skip
        item = {"id": "A1", "sender": "<>", "received": 1.0, "octets": 5, "held": False, "recipients": [recipient]}
        text = shown(show.queue, [item])
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\x07", text)
        self.assertIn("[bold]x[/bold]", text)

    def test_queueShowsEveryRecipient(self) -> None:
        recipients = [
            {"address": f"r{n}@b.test", "destination": "b.test", "attempts": n, "nextTry": 0, "trying": n == 1,
             "lastReply": "", "host": ""} for n in range(3)
        ]  # fmt: skip
        item = {"id": "A1", "sender": "s@x", "received": 1.0, "octets": 5, "held": False, "recipients": recipients}
        text = shown(show.queue, [item])
        self.assertEqual([f"r{n}@b.test" in text for n in range(3)], [True] * 3)
        self.assertIn("trying", text)
        self.assertEqual(text.count("A1"), 1)

    def test_settings(self) -> None:
        row = TABLE["auth.cleartext"]
        value = {"key": row.key, "value": "never", "default": row.default, "kind": row.kind.value,
                 "choices": list(row.choices), "origin": "set", "needsRestart": False, "help": row.help}  # fmt: skip
        text = shown(show.setting, value)
        for words in ("auth.cleartext = never", row.help, "never, loopback, always", "the default is loopback"):
            self.assertIn(words, text)
        self.assertIn("auth.cleartext", shown(show.settings, [value]))
