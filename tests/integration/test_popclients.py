"""
Programs that fetch mail, against the daemon, by POP3 and IMAP over TLS: fetchmail, getmail6, curl, poplib.
"""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
import subprocess
from collections import Counter

from tests.integration.daemon import PASSWORD, until
from tests.integration.test_clients import ClientCase, crlf, missing

#: Bodies that a protocol of lines could spoil.
BODIES = ("plain\n", ".\n..\n.x\n", "Zeile\n" * 3000, "x" * 900 + "\n", "\n\n\n", "From here\n", "schön 😀\n", "last\n")


class FetchingCase(ClientCase):
    """
    Mail that waits in an INBOX, and a place to put it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.fetched = self.folder / "fetched"
        self.fetched.mkdir()
        for number, body in enumerate(BODIES):
            self.deliver(f"number {number}", body=body) if body.isascii() else self.append(f"number {number}", body)

    def append(self, subject: str, body: str) -> None:
        with imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"]) as client:
            client.login(self.who, PASSWORD)
            client.append(
                "INBOX", "", "", crlf(f"Subject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{body}")
            )

    def subjects(self, octets: bytes) -> str:
        return next(line[9:].decode() for line in octets.splitlines() if line.startswith(b"Subject: "))

    def check(self, found: list[bytes], times: int = 1) -> None:
        """
        Each message is there so many times, with its body.
        """
        want = Counter({(f"number {n}", body): times for n, body in enumerate(BODIES)})
        got: Counter[tuple[str, str]] = Counter()
        for octets in found:
            text = octets.replace(b"\r\n", b"\n")
            got[self.subjects(text), text.partition(b"\n\n")[2].decode()] += 1
        self.assertEqual(got, want)


class FetchmailTests(FetchingCase):
    skip = missing("fetchmail", "fetchmail")

    def fetch(self, protocol: str, options: str, status: int = 0) -> str:
        configuration = self.folder / "fetchmailrc"
        service = {"pop3": "pop3s", "imap": "imaps"}[protocol]
        server = "auth password uidl" if "pop3" in protocol and options == "keep" else "auth password"
        configuration.write_text(
            f"poll 127.0.0.1 protocol {protocol} port {self.daemon.ports[service]} {server}\n"
            f'  user "{self.who}" password "{PASSWORD}" ssl sslcertck sslcertfile "{self.certificate}"\n'
            f'  sslcommonname "mail.example.test" {options}\n'
            f"  mda \"sh -c 'cat >$(mktemp -p {self.fetched})'\"\n"
        )
        configuration.chmod(0o600)
        done = subprocess.run(
            ["fetchmail", "-v", "-f", str(configuration), "--idfile", str(self.folder / "ids"), "--pidfile",
             str(self.folder / "pid"), "--nosyslog"],
            capture_output=True, text=True, timeout=20, env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        # A message longer or shorter than it was announced is told, and so is an answer that is none.
        self.assertNotRegex(
            done.stdout + done.stderr, r"(?i)octets, not|message .* was not the expected length|protocol error"
        )
        return done.stdout

    def messages(self) -> list[bytes]:
        return [path.read_bytes() for path in self.fetched.iterdir()]

    def test_pop3KeepsMail(self) -> None:
        self.fetch("pop3", "keep")
        self.check(self.messages())
        self.assertEqual(len(self.mailbox()), len(BODIES))
        # 1: there was no new mail.
        self.fetch("pop3", "keep", status=1)
        self.check(self.messages())
        self.deliver("one more")
        self.fetch("pop3", "keep")
        self.assertEqual(len(self.messages()), len(BODIES) + 1)
        self.noFaults()

    def test_pop3TakesMailAway(self) -> None:
        self.fetch("pop3", "nokeep")
        self.check(self.messages())
        self.assertEqual(self.mailbox(), [])
        self.fetch("pop3", "nokeep", status=1)
        self.noFaults()

    def test_imapKeepsMail(self) -> None:
        self.fetch("imap", "keep")
        self.check(self.messages())
        self.assertEqual({flags for flags, _ in self.mailbox()}, {"\\Seen"})
        self.fetch("imap", "keep", status=1)
        self.noFaults()

    def test_imapTakesMailAway(self) -> None:
        self.fetch("imap", "nokeep")
        self.check(self.messages())
        self.assertEqual(self.mailbox(), [])
        self.noFaults()


class GetmailTests(FetchingCase):
    skip = missing("getmail", "getmail6")

    def setUp(self) -> None:
        super().setUp()
        # Its parent waits for its child's end, and misses it where the child is the faster one: the child takes its
        # time.
        self.store = self.folder / "store"
        self.store.write_text(f'#!/bin/sh\nsleep 0.1\nexec cat >"$(mktemp -p {self.fetched})"\n')
        self.store.chmod(0o755)

    def fetch(self, protocol: str, options: str) -> str:
        kind = {"pop3": "SimplePOP3SSLRetriever", "imap": "SimpleIMAPSSLRetriever"}[protocol]
        (self.folder / "getmailrc").write_text(
            f"[retriever]\ntype = {kind}\nserver = 127.0.0.1\nport = {self.daemon.ports[protocol + 's']}\n"
            f"username = {self.who}\npassword = {PASSWORD}\n"
            f"ca_certs = {self.certificate}\nssl_cert_hostname = mail.example.test\n"
            f"[destination]\ntype = MDA_external\npath = {self.store}\nallow_root_commands = true\n"
            f"[options]\nverbose = 2\ndelivered_to = false\nreceived = false\n{options}\n"
        )
        done = subprocess.run(
            ["getmail", "--getmaildir", str(self.folder), "--rcfile", "getmailrc"],
            capture_output=True, text=True, timeout=20, env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotRegex(done.stderr, r"(?i)error|warning")
        return done.stdout

    def messages(self) -> list[bytes]:
        return [path.read_bytes() for path in self.fetched.iterdir()]

    def keepsMail(self, protocol: str) -> None:
        self.fetch(protocol, "read_all = false\ndelete = false")
        self.check(self.messages())
        self.assertEqual(len(self.mailbox()), len(BODIES))
        self.fetch(protocol, "read_all = false\ndelete = false")
        self.check(self.messages())
        self.deliver("one more")
        self.fetch(protocol, "read_all = false\ndelete = false")
        self.assertEqual(len(self.messages()), len(BODIES) + 1)
        self.noFaults()

    def test_pop3KeepsMail(self) -> None:
        self.keepsMail("pop3")

    def test_imapKeepsMail(self) -> None:
        self.keepsMail("imap")

    def test_pop3TakesMailAway(self) -> None:
        self.fetch("pop3", "read_all = true\ndelete = true")
        self.check(self.messages())
        self.assertEqual(self.mailbox(), [])
        self.noFaults()

    def test_imapTakesMailAway(self) -> None:
        self.fetch("imap", "read_all = true\ndelete = true")
        self.check(self.messages())
        self.assertEqual(self.mailbox(), [])
        self.noFaults()


class PoplibTests(FetchingCase):
    def connect(self) -> poplib.POP3:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.check_hostname = False
        client = poplib.POP3_SSL("127.0.0.1", self.daemon.ports["pop3s"], context=context, timeout=30)
        self.addCleanup(client.close)
        return client

    def test_utf8(self) -> None:
        """
        RFC 6856: a name, a password and a header in UTF-8.
        """
        self.daemon.addAccount("åsa@example.test", "pässwörd")
        message = "From: Åsa <åsa@example.test>\r\nSubject: Grüße\r\n\r\nx\r\n".encode()
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
            smtp.sendmail("x@elsewhere.test", [self.who], message, ["SMTPUTF8", "BODY=8BITMIME"])
        client = self.connect()
        self.assertIn("UTF8", client.capa())
        self.assertEqual(client.capa()["UTF8"], ["USER"])
        self.assertTrue(client.utf8().startswith(b"+OK"))
        client.encoding = "utf-8"
        client.user("åsa@example.test")
        self.assertTrue(client.pass_("pässwörd").startswith(b"+OK 0 "))
        client.quit()
        client = self.connect()
        client.utf8()
        client.user(self.who)
        client.pass_(PASSWORD)
        number = client.stat()[0]
        _, lines, octets = client.retr(number)
        self.assertIn("Subject: Grüße".encode(), lines)
        self.assertEqual(sum(len(line) + 2 for line in lines), octets)
        client.quit()
        # Without UTF8 the same message in ASCII.
        client = self.connect()
        client.user(self.who)
        client.pass_(PASSWORD)
        lines = client.retr(number)[1]
        self.assertTrue(b"\r\n".join(lines).isascii())
        self.assertIn(b"Subject: =?utf-8?B?R3LDvMOfZQ==?=", lines)
        client.quit()
        self.noFaults()

    def test_wholeSession(self) -> None:
        client = self.connect()
        client.user(self.who)
        client.pass_(PASSWORD)
        count, octets = client.stat()
        sizes = [int(line.split()[1]) for line in client.list()[1]]
        self.assertEqual((count, octets), (len(BODIES), sum(sizes)))
        ids = [line.split()[1] for line in client.uidl()[1]]
        for number, size in enumerate(sizes, 1):
            _, lines, _ = client.retr(number)
            self.assertEqual(sum(len(line) + 2 for line in lines), size)
            self.assertEqual(client.top(number, 0)[1], lines[: lines.index(b"") + 1])
        client.dele(1)
        client.dele(3)
        client.rset()
        client.dele(2)
        client.quit()
        client = self.connect()
        client.user(self.who)
        client.pass_(PASSWORD)
        self.assertEqual([line.split()[1] for line in client.uidl()[1]], [ids[0], *ids[2:]])
        # The connection is lost: nothing is removed.
        client.dele(1)
        client.close()
        client = self.connect()
        client.user(self.who)

        def entered() -> bool:
            try:
                client.pass_(PASSWORD)
            except poplib.error_proto:
                client.user(self.who)
                return False
            return True

        until(entered)
        self.assertEqual(client.stat()[0], len(BODIES) - 1)


class CurlPopTests(FetchingCase):
    skip = missing("curl", "curl")

    def curl(self, path: str, *words: str) -> bytes:
        done = subprocess.run(
            ["curl", "-sS", "--cacert", str(self.certificate),
             "--connect-to", f"::127.0.0.1:{self.daemon.ports['pop3s']}",
             "--user", f"{self.who}:{PASSWORD}", "--max-time", "30", *words, f"pop3s://mail.example.test/{path}"],
            capture_output=True, timeout=60,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_eachMechanism(self) -> None:
        for words in ((), ("--login-options", "AUTH=PLAIN"), ("--login-options", "AUTH=LOGIN"), ("--sasl-ir",),
                      ("--login-options", "AUTH=LOGIN", "--sasl-ir")):  # fmt: skip
            listing = self.curl("", *words).splitlines()
            self.assertEqual(len(listing), len(BODIES), words)
        self.check([self.curl(str(number)) for number in range(1, len(BODIES) + 1)])
        self.noFaults()
