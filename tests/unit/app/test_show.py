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
                     "lastReply": "450 \x1b[2J[bold]x[/bold]\n\x07 \x9b2J\u202e", "host": ""}  # fmt: skip
        item = {"id": "A1", "sender": "<>", "received": 1.0, "octets": 5, "held": False, "recipients": [recipient]}
        text = shown(show.queue, [item])
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\x07", text)
        # One character for ESC and [, and text that runs backwards.
        self.assertNotIn("\x9b", text)
        self.assertNotIn("\u202e", text)
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

    def test_account(self) -> None:
        value = {"address": "a@x.test", "login": "a", "name": "", "addresses": ["a@x.test"], "state": "forward",
                 "forward": ["b@y.test"], "keepCopy": True, "mailHost": "", "pop": False, "imap": True, "admin": False,
                 "usedOctets": 2048, "messages": 1, "quotaOctets": 0, "quotaMessages": 0,
                 "quotaIsSet": False, "source": [["dn", "uid=a"]],
                 "warnings": ["odd"], "mailboxes": []}  # fmt: skip
        lines = [" ".join(line.split()) for line in shown(show.account, value).splitlines()]
        for line in ("address a@x.test", "state forward to b@y.test, a copy is kept here", "may use IMAP",
                     "used 2.0 KB in 1 message", "quota unlimited", "dn uid=a", "warning odd"):  # fmt: skip
            self.assertIn(line, lines)
        limited = shown(show.account, {**value, "quotaOctets": 2048, "quotaMessages": 5, "quotaIsSet": True})
        self.assertIn("2.0 KB and 5 messages, set by an administrator by IMAP", " ".join(limited.split()))
        # An address that is kept for later is not where mail goes now.
        self.assertNotIn("b@y.test", shown(show.account, {**value, "state": "enabled"}))

    def test_traceSaysNothingOfWhatIsEmpty(self) -> None:
        fields = {"sender": "a@x.test", "queued": [], "login": "", "recipients": ["b@y.test", "c@y.test"]}
        event = {"time": 1.0, "event": "message.accepted", "queueId": "A1", "messageId": "m@x", "fields": fields}
        text = shown(show.trace, [event, {**event, "event": "queue.deleted", "fields": {}}])
        self.assertIn("message.accepted  sender=a@x.test  recipients=b@y.test, c@y.test\n", text)
        self.assertEqual(text.count("A1  <m@x>"), 1)

    def test_traceSaysMomentsAndStepsForPeople(self) -> None:
        fields = {"recipients": ["b@y.test"], "nextTry": 86400.5, "steps": ["relay.host: mx.y.test", "odd\x1b[2J"]}
        event = {"time": 1.0, "event": "delivery.deferred", "queueId": "A1", "fields": fields}
        lines = shown(show.trace, [event]).splitlines()
        self.assertIn(f"delivery.deferred  recipients=b@y.test  nextTry={show.when(86400.5)}", lines[1])
        self.assertEqual(lines[2:], ["    relay.host: mx.y.test", "    odd\ufffd[2J"])

    def test_noBlanksAtTheEndsOfLines(self) -> None:
        rows = [{"name": name, "shown": name, "catchAll": ""} for name in ("a.test", "longer.example.test")]
        for line in shown(show.domains, rows).splitlines():
            self.assertEqual(line, line.rstrip())

    def test_headersHaveNoSigns(self) -> None:
        item = {"id": "A1", "sender": "<>", "received": 1.0, "octets": 5, "held": True, "recipients": [], "trace": [],
                "header": "Received: from a\r\n\tby b\x1b\r\n"}  # fmt: skip
        text = shown(show.queueItem, item)
        self.assertIn("Received: from a\n        by b\ufffd\n", text)

    def test_durations(self) -> None:
        value = {"version": "1", "hostname": "h", "since": 1.0, "upSeconds": 0, "services": [], "connections": {},
                 "queue": {"messages": 1, "recipients": 2, "held": 0, "oldest": None}, "holdOutbound": True,
                 "blockInbound": False}  # fmt: skip
        text = shown(show.status, value)
        self.assertIn("(0s)", text)
        self.assertIn("queue: 1 message to 2 recipients, 0 held\noutbound mail is held", text)
        value["addressesHeld"] = 2
        self.assertIn("\n2 addresses may not log in for now: too many wrong passwords\n", shown(show.status, value))
        value["directoriesAway"] = [{"name": "ldap://x", "reason": "refused\x1b[2J"}]
        self.assertIn("the directory ldap://x does not answer: refused\ufffd[2J\n", shown(show.status, value))
