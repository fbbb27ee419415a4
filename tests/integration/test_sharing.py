"""
Sharing between people, by Python's imaplib against the daemon: access lists, administrators, quotas that count for
deliveries, too.
"""

from __future__ import annotations

import imaplib
import json
import smtplib
from typing import Any

from tests.integration.clients import ClientCase
from tests.integration.daemon import PASSWORD, until

TEXT = b"From: x@elsewhere.test\r\nSubject: shared\r\n\r\nBody.\r\n"


class SharingTests(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = self.who.replace("@", "-2@")
        self.chief = self.who.replace("@", "-3@")
        self.daemon.addAccount(self.other)
        self.daemon.addAccount(self.chief, admin=True)

    def client(self, who: str) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"])
        self.addCleanup(client.shutdown)
        client.login(who, PASSWORD)
        return client

    def ok(self, answer: tuple[str, list[Any]]) -> list[Any]:
        self.assertEqual(answer[0], "OK", answer)
        return answer[1]

    def test_accessLists(self) -> None:
        owner, guest = self.client(self.who), self.client(self.other)
        self.ok(owner.create("Work"))
        self.ok(owner.append("Work", "", None, TEXT))  # type: ignore[arg-type]
        there = f'"Other Users/{self.who}/Work"'
        self.assertEqual(guest.select(there)[0], "NO")
        self.ok(owner.setacl("Work", self.other.partition("@")[0], "lrs"))
        self.assertIn(there.encode(), b"".join(self.ok(guest.list('""', "*"))))
        self.assertEqual(self.ok(guest.select(there)), [b"1"])
        self.assertIn(b"Subject: shared", self.ok(guest.fetch("1", "(BODY[])"))[0][1])
        self.ok(guest.copy("1", "INBOX"))
        self.assertEqual(len(self.mailbox(who=self.other)), 1)
        self.assertEqual(guest.copy("1", there)[0], "NO")
        # \Seen is one for all.
        self.assertIn(b"UNSEEN 0", self.ok(owner.status("Work", "(UNSEEN)"))[0])
        self.ok(owner.deleteacl("Work", self.other))
        with self.assertRaises(imaplib.IMAP4.abort):
            guest.noop()
        self.noFaults()

    def test_administrator(self) -> None:
        self.deliver("hello")
        chief = self.client(self.chief)
        there = f'"Other Users/{self.who}/INBOX"'
        until(lambda: self.ok(chief.status(there, "(MESSAGES)"))[0].endswith(b"(MESSAGES 1)"))
        self.assertIn(self.who.encode(), b"".join(self.ok(chief.list('""', '"Other Users/%"'))))
        self.ok(chief.select(there))
        self.assertIn(b"Subject: hello", self.ok(chief.fetch("1", "(BODY.PEEK[])"))[0][1])
        self.ok(chief.create('"Shared/News"'))
        self.ok(chief.setacl('"Shared/News"', "anyone", "lr"))
        self.assertEqual(self.ok(self.client(self.other).select('"Shared/News"', readonly=True)), [b"0"])
        self.ok(chief.delete('"Shared/News"'))
        self.noFaults()

    def test_quota(self) -> None:
        """
        What an administrator sets by IMAP counts for deliveries, is shown by the command, and ends.
        """
        chief = self.client(self.chief)
        self.ok(chief.setquota(self.who, "(MESSAGE 1)"))
        self.deliver("one")
        until(lambda: len(self.mailbox()) == 1)
        self.deliver("two")
        queued = until(lambda: json.loads(self.daemon.run("queue", "list", "--recipient", self.who, "--json").stdout))
        self.assertEqual(len(queued), 1)
        self.assertEqual(len(self.mailbox()), 1)
        shown = json.loads(self.daemon.run("account", "show", self.who, "--json").stdout)
        self.assertEqual((shown["quotaMessages"], shown["quotaIsSet"], shown["messages"]), (1, True, 1))
        self.ok(chief.setquota(self.who, "()"))
        self.daemon.run("queue", "retry", "--all")
        until(lambda: len(self.mailbox()) == 2)
        self.noFaults()

    def test_removed(self) -> None:
        """
        Who gets an address that somebody has left behind has none of that one's rights.
        """
        owner = self.client(self.who)
        self.ok(owner.setacl("INBOX", self.other, "lr"))
        left = self.client(self.other)
        self.assertEqual(self.daemon.run("account", "remove", self.other, "--yes", "--keep-mail").returncode, 0)
        # Nor has a session that was there before.
        with self.assertRaises((imaplib.IMAP4.abort, OSError)):
            left.noop()
        self.assertNotIn(self.other.encode(), b"".join(self.ok(owner.getacl("INBOX"))))
        self.daemon.addAccount(self.other)
        self.assertEqual(self.client(self.other).select(f'"Other Users/{self.who}/INBOX"')[0], "NO")
        self.noFaults()

    def test_takenAway(self) -> None:
        """
        Who is in by a password, or by a permission, that counts no more, does not stay.
        """
        for taken, before in (
            (("--password-stdin",), ()),
            (("--no-imap",), ()),
            (("--state", "off"), ("--imap",)),
            (("--no-admin",), ("--state", "enabled", "--admin")),
        ):
            self.daemon.run("account", "set", self.other, *before)
            client = self.client(self.other)
            changed = self.daemon.run("account", "set", self.other, *taken, input=f"{PASSWORD}\n")
            self.assertEqual(changed.returncode, 0, changed.stderr)
            with self.assertRaises((imaplib.IMAP4.abort, OSError), msg=str(taken)):
                client.noop()
        client = self.client(self.other)
        self.daemon.run("account", "set", self.other, "--quota", "1G")
        self.ok(client.noop())
        self.noFaults()


class SmtpTests(ClientCase):
    def test_fullAtOnce(self) -> None:
        """
        With C{mail.over_quota = refuse}, a mailbox that has no room for one more message is told of at RCPT, once it
        was met.
        """
        self.change("account.quota_messages", "1")
        self.change("mail.over_quota", "refuse")
        self.deliver("one")
        until(lambda: len(self.mailbox()) == 1)
        self.deliver("two")
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
            self.deliver("three")
        self.assertEqual(caught.exception.recipients[self.who][0], 552)
