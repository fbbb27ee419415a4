"""
What mail programs need of a server, as others have learned it: one test for each such fact, on the wire.
"""

from __future__ import annotations

import base64
import re

from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon, shared
from tests.integration.wire import Wire, faults

ANNA = "anna@example.test"


class ClientNeeds(TestCase):
    def setUp(self) -> None:
        self.daemon = shared(Daemon, ANNA)
        self.who = f"{self.id().rpartition('.')[2].replace('_', '-').lower()}@example.test"
        self.daemon.addAccount(self.who)

    def tearDown(self) -> None:
        self.assertEqual(faults(self.daemon), [])

    def imap(self, *enabled: str) -> Wire:
        wire = Wire(self.daemon, "imaps")
        self.addCleanup(wire.sock.close)
        self.done(wire, b'LOGIN %b "%b"' % (self.who.encode(), PASSWORD.encode()))
        if enabled:
            self.done(wire, b"ENABLE " + " ".join(enabled).encode())
        return wire

    def done(self, wire: Wire, command: bytes, wanted: bytes = b"a OK") -> list[bytes]:
        wire.send(b"a " + command + b"\r\n")
        lines = wire.until(b"a ")
        self.assertTrue(lines[-1].startswith(wanted), (command[:200], lines[-1]))
        return lines

    def append(self, wire: Wire, message: bytes, mailbox: bytes = b"INBOX") -> None:
        self.done(wire, b"APPEND %b {%d+}\r\n%b" % (mailbox, len(message), message))

    def test_commandsBehindDone(self) -> None:
        """
        iOS pipelines commands behind IDLE and DONE.
        """
        wire = self.imap()
        self.done(wire, b"SELECT INBOX")
        wire.send(b"1 IDLE\r\nDONE\r\n2 NOOP\r\n3 IDLE\r\nDONE\r\n4 UID FETCH 1:* (FLAGS)\r\n")
        lines = wire.until(b"4 ")
        self.assertEqual(
            [line[:5] for line in lines if line[:1] in b"1234+"],
            [b"+ idl", b"1 OK ", b"2 OK ", b"+ idl", b"3 OK ", b"4 OK "],
        )

    def test_loginPrompts(self) -> None:
        """
        Outlook: the prompts of AUTH LOGIN are C{Username:} and C{Password:}.
        """
        wire = Wire(self.daemon, "submissions")
        self.addCleanup(wire.sock.close)
        wire.send(b"EHLO outlook.test\r\n")
        wire.until(b"250 ")
        wire.send(b"AUTH LOGIN\r\n")
        self.assertEqual(base64.b64decode(wire.line()[4:]), b"Username:")
        wire.send(base64.b64encode(self.who.encode()) + b"\r\n")
        self.assertEqual(base64.b64decode(wire.line()[4:]), b"Password:")
        wire.send(base64.b64encode(PASSWORD.encode()) + b"\r\n")
        self.assertEqual(wire.line()[:3], b"235")

    def test_tagOfESEARCH(self) -> None:
        """
        New Outlook: the tag in C{* ESEARCH (TAG "x")} is a quoted string, also where it could be an atom.
        """
        wire = self.imap()
        self.done(wire, b"SELECT INBOX")
        for command in (b"SEARCH RETURN (COUNT) ALL", b"UID SEARCH RETURN (ALL) ALL"):
            lines = self.done(wire, command)
            self.assertTrue(lines[-2].startswith(b'* ESEARCH (TAG "a")'), lines)
        rev2 = self.imap("IMAP4rev2")
        self.done(rev2, b"SELECT INBOX")
        self.assertTrue(self.done(rev2, b"SEARCH ALL")[-2].startswith(b'* ESEARCH (TAG "a")'))

    def test_longLines(self) -> None:
        """
        Outlook sends very long command lines: 60,000 octets of UIDs.
        """
        wire = self.imap()
        self.append(wire, b"Subject: x\r\n\r\nBody\r\n")
        self.done(wire, b"SELECT INBOX")
        uids = b",".join(b"%d" % uid for uid in range(1, 22_000, 2))
        self.assertGreater(len(uids), 59_000)
        lines = self.done(wire, b"UID FETCH %b (UID FLAGS)" % uids)
        self.assertEqual(len([line for line in lines if b"FETCH (UID 1 " in line]), 1)
        self.done(wire, b"UID STORE %b +FLAGS.SILENT (\\Seen)" % uids)

    def test_specialUseIsNotAskedFor(self) -> None:
        """
        Old Outlook does not look at SPECIAL-USE: LIST tells it all the same, and a folder of a localised name can be
        made beside the usual ones.
        """
        wire = self.imap()
        lines = self.done(wire, b'LIST "" "*"')
        uses = {match[1] for line in lines if (match := re.search(rb"(\\(?:Sent|Trash|Drafts|Junk|Archive))\b", line))}
        self.assertEqual(uses, {b"\\Sent", b"\\Trash", b"\\Drafts", b"\\Junk", b"\\Archive"})
        for name in (b'"Sent Items"', b'"Gesendete Elemente"', b'"&AMk-l&AOk-ments envoy&AOk-s"'):
            self.done(wire, b"CREATE " + name)
            self.done(wire, b"SELECT " + name)

    def test_subscriptionsAfterAnImport(self) -> None:
        """
        Thunderbird asks by LSUB right after it has made and subscribed folders, by another connection.
        """
        first, second = self.imap(), self.imap()
        for name in (b"Imported", b"Imported/2025", b"Imported/2026"):
            self.done(first, b"CREATE " + name)
            self.done(first, b"SUBSCRIBE " + name)
        lines = self.done(second, b'LSUB "" "*"')
        for name in (b"INBOX", b"Imported", b"Imported/2025", b"Imported/2026"):
            self.assertTrue(any(line.endswith(b' "/" ' + name) for line in lines), (name, lines))

    def test_UIDPLUS(self) -> None:
        """
        Without UIDPLUS, clients duplicate messages when they move them: COPY, MOVE and APPEND tell the new UIDs.
        """
        wire = self.imap()
        self.append(wire, b"Subject: x\r\n\r\nBody\r\n")
        self.done(wire, b"SELECT INBOX")
        self.assertRegex(self.done(wire, b"UID COPY 1 Sent")[-1], rb"\[COPYUID \d+ 1 1\]")
        self.assertTrue(any(re.search(rb"\[COPYUID \d+ 1 1\]", line) for line in self.done(wire, b"UID MOVE 1 Trash")))
        message = b"Subject: y\r\n\r\n"
        self.assertRegex(
            self.done(wire, b"APPEND Sent {%d+}\r\n%b" % (len(message), message))[-1], rb"\[APPENDUID \d+ 2\]"
        )

    def test_noRawOctets(self) -> None:
        """
        Raw UTF-8 never stands in ENVELOPE or BODYSTRUCTURE for a client that has not enabled it, and does for one that
        has.
        """
        message = (
            "From: Jürgen Müller <jürgen@example.test>\r\nSubject: Grüße\r\nMIME-Version: 1.0\r\n"
            'Content-Type: text/plain; charset=utf-8; name="Grüße.txt"\r\n'
            'Content-Disposition: attachment; filename="Grüße.txt"\r\nContent-Description: für dich\r\n\r\nBody\r\n'
        ).encode()
        plain, utf8 = self.imap(), self.imap("UTF8=ACCEPT")
        self.done(utf8, b"APPEND INBOX UTF8 (~{%d+}\r\n%b)" % (len(message), message))
        for command in (b"FETCH 1 (ENVELOPE BODY BODYSTRUCTURE)", b"FETCH 1 ALL", b"FETCH 1 FULL"):
            self.done(plain, b"SELECT INBOX")
            said = b"".join(self.done(plain, command))
            self.assertTrue(said.isascii(), said)
            self.assertIn(b"=?utf-8?", said.lower())
            self.done(utf8, b"SELECT INBOX")
            self.assertIn("Grüße".encode(), b"".join(self.done(utf8, command)))
