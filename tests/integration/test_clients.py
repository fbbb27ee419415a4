"""
Programs that people use, against the daemon: curl, mbsync, mutt, and Twisted's own clients as an outside opinion.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from io import BytesIO

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientCreator
from twisted.internet.ssl import CertificateOptions
from twisted.mail.imap4 import IMAP4Client, MessageSet, PLAINAuthenticator, Query
from twisted.mail.pop3client import POP3Client
from twisted.mail.smtp import ESMTPSenderFactory

from tests.integration.clients import ANNA, ClientCase, MbsyncCase, MuttCase, crlf, missing
from tests.integration.daemon import PASSWORD
from tests.integration.wire import login

MESSAGES = 300
LARGE_OCTETS = 3_000_000
#: "Letters/Åland & more": mbsync takes names as they are on the wire (RFC 3501 5.1.3).
BELOW = "Letters/&AMU-land &- more"


class CurlTests(ClientCase):
    skip = missing("curl", "curl")
    MESSAGE = "From: {0}\nTo: {1}\nSubject: by curl\n\nHello,\n.dot\n..dots\n.\nend\n"

    def curl(self, path: str, *words: str, service: str = "imaps", status: int = 0, input: bytes = b"") -> bytes:
        url = f"{service.replace('submission', 'smtp')}://127.0.0.1:{self.daemon.ports[service]}/{path}"
        done = subprocess.run(
            ["curl", "-sS", "--cacert", str(self.certificate), "--connect-to", "::127.0.0.1:",
             "--user", f"{self.who}:{PASSWORD}", "--max-time", "30", *words,
             "--url", url.replace("127.0.0.1", "mail.example.test")],
            input=input, capture_output=True, timeout=60,
        )  # fmt: skip
        self.assertEqual(done.returncode, status, done.stderr.decode() + done.stdout.decode())
        return done.stdout

    def test_submission(self) -> None:
        message = crlf(self.MESSAGE.format(self.who, ANNA))
        for mechanism in ("PLAIN", "LOGIN"):
            self.curl("", "--ssl-reqd", "--mail-from", self.who, "--mail-rcpt", self.who, "--mail-rcpt", ANNA,
                      "--login-options", f"AUTH={mechanism}", "-T", "-",
                      service="submission", input=message)  # fmt: skip
        found = self.mailbox()
        self.assertEqual(len(found), 2)
        for _, octets in found:
            self.assertTrue(octets.endswith(message), octets)
            self.assertIn(b"with ESMTPSA", octets)
        # Not without TLS where TLS is wanted, not with a wrong password, not as somebody else.
        self.curl("", "--ssl-reqd", "--mail-from", ANNA, "--mail-rcpt", self.who, "-T", "-",
                  service="submission", input=message, status=55)  # fmt: skip
        self.curl("", "--ssl-reqd", "--mail-from", self.who, "--mail-rcpt", self.who, "-T", "-", "--user",
                  f"{self.who}:wrong", service="submission", input=message, status=67)  # fmt: skip
        self.assertEqual(len(self.mailbox()), 2)

    def test_imap(self) -> None:
        message = crlf(self.MESSAGE.format("x@elsewhere.test", self.who))
        source = self.folder / "message"
        source.write_bytes(message)
        self.assertIn(b'\\Drafts) "/" Drafts', self.curl(""))
        self.curl("Drafts", "-T", str(source))
        self.curl("Drafts", "-T", str(source), "--ssl-reqd", service="imap")
        self.assertEqual(self.curl("Drafts;MAILINDEX=1"), message)
        self.assertEqual(self.curl("Drafts;UID=2"), message)
        self.assertEqual(self.curl("Drafts;UID=2;SECTION=TEXT"), message.partition(b"\r\n\r\n")[2])
        self.assertEqual(self.curl("Drafts?SUBJECT%20curl"), b"* SEARCH 1 2\r\n")
        self.assertEqual(self.curl("Drafts?TEXT%20nowhere"), b"* SEARCH\r\n")
        self.curl("Drafts", "-X", "STORE 2 +FLAGS (\\Deleted \\Flagged)")
        self.assertEqual([flags for flags, _ in self.mailbox("Drafts")], ["\\Seen", "\\Deleted \\Flagged \\Seen"])
        self.curl("Drafts", "-X", "EXPUNGE")
        self.curl("", "-X", "CREATE Letters/2026")
        self.curl("Drafts", "-X", "COPY 1 Letters/2026")
        self.assertEqual(self.mailbox("Letters/2026"), [("\\Seen", message)])
        self.assertEqual(self.mailbox("Drafts"), [("\\Seen", message)])
        # curl's words: remote file not found; login (it means SELECT) denied.
        self.curl("Drafts;UID=2", status=78)
        self.curl("Nowhere;UID=1", status=67)
        self.noFaults()

    def test_pop3(self) -> None:
        self.deliver("one", "two", body="Hello,\n.dot\n..dots\n.\nend\n")
        listing = self.curl("", service="pop3s").splitlines()
        self.assertEqual([line.split()[0] for line in listing], [b"1", b"2"])
        for number, (_, octets) in enumerate(self.mailbox(), 1):
            self.assertEqual(self.curl(str(number), service="pop3s"), octets)
            self.assertEqual(self.curl(str(number), "--ssl-reqd", service="pop3"), octets)
            self.assertEqual(int(listing[number - 1].split()[1]), len(octets))
        self.assertEqual(len(set(self.curl("", "-X", "UIDL", service="pop3s").split()[1::2])), 2)
        top = self.curl("", "-X", "TOP 2 1", service="pop3s")
        self.assertTrue(top.endswith(b"Subject: two\r\n\r\nHello,\r\n"), top)
        self.curl("2", "-X", "DELE", "-I", service="pop3s")
        self.assertEqual(len(self.mailbox()), 1)
        self.curl("2", service="pop3s", status=8)


class MbsyncTests(MbsyncCase):
    def seed(self) -> None:
        flags = ("", "S", "FS", "RS", "DS", "FRS")
        for number in range(MESSAGES):
            text = f"From: p{number}@elsewhere.test\nSubject: number {number}\nX: \n\n"
            self.put("INBOX", f"{number}.a", f"{text}{'line' * (number % 40)}\n".encode(), flags[number % len(flags)])
        self.put("INBOX", "latin.a", "From: Jörg <j@elsewhere.test>\nSubject: Grüße\n\nschön\n".encode("latin-1"), "S")
        self.put("INBOX", "utf8.a", "From: Jörg <j@elsewhere.test>\nSubject: Grüße 😀\n\nschön\n".encode(), "S")
        self.put("INBOX", "long.a", b"Subject: " + b"x" * 5000 + b"\n\n" + b"y" * 20000 + b"\n", "F")
        self.put("INBOX", "large.a", b"Subject: large\n\n" + b"0123456789abcde\n" * (LARGE_OCTETS // 16))
        self.put("INBOX", "empty.a", b"Subject: no body\n\n")
        self.put(BELOW, "1.a", b"Subject: below\n\nhere\n", "S")

    def test_bothWays(self) -> None:
        self.seed()
        self.sync()
        self.assertEqual(self.far().total(), MESSAGES + 5)
        self.same("INBOX", "Sent", BELOW)
        self.assertEqual(self.far(BELOW).total(), 1)
        self.assertEqual(self.daemon.ask("account.show", address=self.who)["messages"], MESSAGES + 6)
        client = login(self.daemon, self.who)
        self.addCleanup(client.shutdown)

        # A second run changes nothing.
        before = self.state()
        self.sync()
        self.assertEqual(self.state(), before)

        # Changes there: flags, deletions, new messages, new and deleted folders.
        client.select("INBOX")
        client.store("1:50", "+FLAGS", "\\Flagged")
        client.store("60:80", "FLAGS", "(\\Deleted)")
        client.expunge()
        client.create("Projects/Deep/Deeper")
        client.append("Projects/Deep/Deeper", "\\Seen \\Answered", None, b"Subject: made there\r\n\r\nx\r\n")
        self.deliver(*(f"new there {n}" for n in range(20)))
        # And here.
        cur = self.maildir / "INBOX" / "cur"
        for path in sorted(cur.iterdir()):
            if b"Subject: number 2" in path.read_bytes()[:200] and ",S" in path.name:
                path.rename(path.with_name(path.name + "T"))
        for number in range(20):
            self.put("INBOX", f"n{number}.b", f"Subject: new here {number}\n\nx\n".encode(), "S")
        self.put("Made here", "1.b", b"Subject: made here\n\nx\n", "S")
        self.sync()
        self.same("INBOX", "Made here", "Projects/Deep/Deeper")
        self.assertEqual(self.far("Projects/Deep/Deeper").total(), 1)
        self.assertEqual(self.far("Made here").total(), 1)
        self.assertLess(self.far().total(), MESSAGES + 5 - 21 + 40)
        self.assertGreater(self.far().total(), MESSAGES + 5 - 21 + 40 - 112)
        before = self.state()
        self.sync()
        self.assertEqual(self.state(), before)

        # A folder that is emptied and deleted on one side goes on the other.
        client.select(BELOW.join('""'))
        client.store("1", "+FLAGS", "\\Deleted")
        client.close()
        (path,) = (self.maildir / "Made here" / "cur").iterdir()
        path.unlink()
        self.sync()
        self.assertEqual((self.far(BELOW).total(), self.far("Made here").total()), (0, 0))
        client.delete(BELOW.join('""'))
        shutil.rmtree(self.maildir / "Made here")
        self.sync()
        self.assertFalse((self.maildir / BELOW / "cur").exists())
        self.assertNotIn("Made here", str(client.list()))
        self.noFaults()


class MuttTests(MuttCase):
    def test_sends(self) -> None:
        body = self.folder / "body"
        body.write_text("Hello from mutt\n.\n.dot\nÄÖÜ\n")
        with body.open("rb") as standardInput:
            done = subprocess.run(
                ["mutt", "-n", "-F", str(self.configuration), "-s", "Grüße", "--", self.who],
                stdin=standardInput, capture_output=True, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"},
            )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        ((_, octets),) = self.mailbox()
        self.assertIn("Hello from mutt\r\n.\r\n.dot\r\nÄÖÜ\r\n".encode(), octets)
        self.assertIn(b"with ESMTPSA", octets)
        ((flags, sent),) = self.mailbox("Sent")
        self.assertEqual(flags, "\\Seen")
        self.assertTrue(octets.endswith(sent.partition(b"\r\n\r\n")[2]))

    def test_readsAndFiles(self) -> None:
        self.deliver(*(f"letter {n}" for n in range(1, 11)))
        # Read the second; flag the third; delete the fourth; copy the fifth; save (move) the sixth and seventh.
        drawn = self.keys(
            "2<enter><display-message><exit>3<enter><flag-message>4<enter><delete-message>"
            "5<enter><copy-message>=Archive<enter>6<enter><save-message>=Archive<enter>"
            "7<enter><save-message>=Made/Below<enter><quit>"
        )
        self.assertIn("letter 10", drawn)
        # What it has read it keeps: the body that it was given.
        self.assertTrue([p for p in self.cache.rglob("*") if p.is_file() and b"\nBody.\n" in p.read_bytes()])
        flags = dict((subject, flags) for flags, subject in self.subjects())
        self.assertEqual(list(flags), [f"letter {n}" for n in (1, 2, 3, 5, 8, 9, 10)])
        self.assertEqual(flags["letter 2"], "\\Seen")
        self.assertEqual(flags["letter 3"], "\\Flagged")
        self.assertEqual(flags["letter 1"], "")
        self.assertEqual([subject for _, subject in self.subjects("Archive")], ["letter 5", "letter 6"])
        self.assertEqual([subject for _, subject in self.subjects("Made/Below")], ["letter 7"])
        # Again, from its header cache; then everything that a search on the server finds is flagged.
        self.assertTrue(list(self.cache.rglob("INBOX.hcache")))
        self.deliver("needle", body="a word that only one body has: xylophone\n")
        drawn = self.keys("<tag-pattern>=b xylophone<enter><tag-prefix><flag-message><quit>")
        self.assertIn("letter 8", drawn)
        flags = dict((subject, flags) for flags, subject in self.subjects())
        self.assertEqual([s for s, f in flags.items() if "Flagged" in f], ["letter 3", "needle"])
        self.noFaults()

    def test_postpones(self) -> None:
        """
        A draft goes to the server, is taken up again, and is gone from there when it has been sent.
        """
        editor = self.folder / "editor"
        editor.write_text('#!/bin/sh\necho "written in the editor" >>"$1"\n')
        editor.chmod(0o755)
        with self.configuration.open("a") as more:
            more.write(f"set editor={editor} postpone=yes abort_unmodified=no recall=yes fast_reply=yes autoedit=yes\n")
        self.keys(f"<mail>{self.who}<enter>a draft<enter><postpone-message><quit>")
        ((_, draft),) = self.mailbox("Drafts")
        self.assertIn(b"written in the editor", draft)
        self.keys("<recall-message><send-message><quit>")
        self.assertEqual(self.mailbox("Drafts"), [])
        ((_, octets),) = self.mailbox()
        self.assertIn(b"Subject: a draft\r\n", octets)
        self.assertEqual(octets.count(b"written in the editor"), 2)


class TwistedClientTests(ClientCase):
    """
    twisted.mail has no part in the daemon: its clients do not share our mistakes.
    """

    def context(self) -> CertificateOptions:
        return CertificateOptions(verify=False)

    async def test_smtp(self) -> None:
        octets = b"Subject: by Twisted\r\n\r\n" + b".dots and a long line " * 40 + b"\r\n.\r\nend\r\n"
        done: Deferred[object] = Deferred()
        # It reads lines as they are on this machine.
        factory = ESMTPSenderFactory(
            self.who.encode(), PASSWORD.encode(), self.who, self.who, BytesIO(octets.replace(b"\r\n", b"\n")), done,
            contextFactory=self.context(), requireTransportSecurity=True, hostname=b"mail.example.test",
        )  # fmt: skip
        closed: Deferred[None] = Deferred()
        factory.clientConnectionLost = lambda connector, reason: closed.callback(None)
        reactor.connectTCP("127.0.0.1", self.daemon.ports["submission"], factory)
        await done
        await closed
        ((_, found),) = self.mailbox()
        self.assertIn(b"\r\n.\r\nend\r\n", found)

    async def test_imap(self) -> None:
        self.deliver("one", "two", "three")
        creator = ClientCreator(reactor, IMAP4Client, self.context())
        client = await creator.connectTCP("127.0.0.1", self.daemon.ports["imap"])
        self.addCleanup(client.transport.loseConnection)
        await client.getCapabilities()
        await client.startTLS()
        client.registerAuthenticator(PLAINAuthenticator(self.who.encode()))
        await client.authenticate(PASSWORD.encode())
        self.assertEqual((await client.select("INBOX"))["EXISTS"], 3)
        envelopes = await client.fetchEnvelope(MessageSet(1, 3))
        self.assertEqual([envelopes[n]["ENVELOPE"][1] for n in (1, 2, 3)], ["one", "two", "three"])
        self.assertEqual(await client.search(Query(subject="two")), [2])
        await client.setFlags(MessageSet(2), ["\\Deleted"])
        self.assertEqual(await client.expunge(), [2])
        await client.append("Drafts", BytesIO(b"Subject: draft\r\n\r\nx\r\n"), ("\\Draft",))
        self.assertEqual(self.mailbox("Drafts"), [("\\Draft", b"Subject: draft\r\n\r\nx\r\n")])
        structure = await client.fetchBodyStructure(MessageSet(1))
        self.assertEqual(structure[1]["BODYSTRUCTURE"][0:2], ["text", "plain"])
        await client.logout()

    async def test_pop3(self) -> None:
        self.deliver("one", body="a\n.\n..b\n")
        creator = ClientCreator(reactor, POP3Client)
        client = await creator.connectTCP("127.0.0.1", self.daemon.ports["pop3"])
        self.addCleanup(client.transport.loseConnection)
        await client.startTLS(self.context())
        await client.login(self.who.encode(), PASSWORD.encode())
        ((_, octets),) = self.mailbox()
        self.assertEqual(await client.stat(), (1, len(octets)))
        self.assertEqual(await client.retrieve(0), octets.split(b"\r\n")[:-1])
        await client.delete(0)
        await client.quit()
        self.assertEqual(self.mailbox(), [])
