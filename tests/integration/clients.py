"""
Mail programs as tests use them: an account of its own for each test, on one daemon, and the programs' configurations.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import smtplib
import struct
import subprocess
import tempfile
import termios
import time
from collections import Counter
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon, shared
from tests.integration.wire import faults, inMailbox, login

ANNA, BERT = "anna@example.test", "bert@example.test"


def missing(program: str, package: str) -> str | None:
    return None if shutil.which(program) else f"install the package {package}"


def crlf(text: str) -> bytes:
    return text.encode().replace(b"\n", b"\r\n")


class ClientCase(TestCase):
    """
    An account of its own for each test, on one daemon.
    """

    def setUp(self) -> None:
        self.daemon = shared(Daemon, ANNA)
        self.who = f"{'-'.join(self.id().split('.')[-2:])}@example.test".lower()
        self.daemon.addAccount(self.who)
        self.folder = Path(tempfile.mkdtemp(prefix="osxmail-clients-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.certificate = self.daemon.data / "self-signed.pem"

    def mailbox(self, name: str = "INBOX", who: str = "") -> list[tuple[str, bytes]]:
        return inMailbox(self.daemon, who or self.who, name)

    def deliver(self, *subjects: str, body: str = "Body.\n") -> None:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as client:
            for subject in subjects:
                text = f"From: x@elsewhere.test\nTo: {self.who}\nSubject: {subject}\n\n{body}"
                client.sendmail("x@elsewhere.test", [self.who], crlf(text))

    def change(self, key: str, value: str) -> None:
        """
        Another value for a setting, until the test is over.
        """
        done = self.daemon.run("settings", key, "=", value)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(self.daemon.run, "settings", key, "--default")

    def noFaults(self) -> None:
        self.assertEqual(faults(self.daemon), [])


class MbsyncCase(ClientCase):
    skip = missing("mbsync", "isync")

    def setUp(self) -> None:
        super().setUp()
        self.maildir = self.folder / "Maildir"
        self.maildir.mkdir()
        (self.folder / "state").mkdir()
        self.configuration = self.folder / "rc"
        self.configuration.write_text(
            f"""
IMAPAccount far
Host 127.0.0.1
Port {self.daemon.ports["imaps"]}
User {self.who}
Pass "{PASSWORD}"
SSLType IMAPS
CertificateFile {self.certificate}
AuthMechs PLAIN

IMAPStore far
Account far

MaildirStore near
Path {self.maildir}/
Inbox {self.maildir}/INBOX
SubFolders Verbatim

Channel both
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState {self.folder}/state/
"""
        )

    def sync(self) -> str:
        done = subprocess.run(
            ["mbsync", "-V", "-c", str(self.configuration), "both"], capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertNotRegex(done.stderr, r"(?i)warning|error")
        return done.stdout

    def put(self, folder: str, name: str, octets: bytes, flags: str = "") -> None:
        place = self.maildir / folder
        for part in ("cur", "new", "tmp"):
            (place / part).mkdir(parents=True, exist_ok=True)
        (place / "cur" / f"{name}:2,{flags}").write_bytes(octets)

    def near(self, folder: str = "INBOX") -> Counter[tuple[str, bytes]]:
        """
        The Maildir's messages with IMAP's flags; mbsync marks what it carries with a field of its own.
        """
        words = {"S": "\\Seen", "F": "\\Flagged", "R": "\\Answered", "D": "\\Draft", "T": "\\Deleted"}
        found: Counter[tuple[str, bytes]] = Counter()
        for path in [*(self.maildir / folder / "cur").iterdir(), *(self.maildir / folder / "new").iterdir()]:
            flags = path.name.partition(":2,")[2]
            octets = path.read_bytes().replace(b"\n", b"\r\n")
            found[" ".join(sorted(words[f] for f in flags)), self.plain(octets)] += 1
        return found

    def far(self, folder: str = "INBOX") -> Counter[tuple[str, bytes]]:
        return Counter((flags, self.plain(octets)) for flags, octets in self.mailbox(folder))

    def plain(self, octets: bytes) -> bytes:
        return re.sub(rb"X-TUID: .{12}\r\n", b"", octets, count=1)

    def same(self, *folders: str) -> None:
        for folder in folders:
            far, near = self.far(folder), self.near(folder)
            self.assertEqual(far.total(), near.total(), folder)
            self.assertTrue(far == near, (folder, list((far - near).items())[:2], list((near - far).items())[:2]))

    def state(self) -> object:
        """
        Everything on both sides that a second run must leave alone.
        """
        client = login(self.daemon, self.who)
        try:
            names = [line.decode().rpartition('"/" ')[2] for line in client.list()[1]]
            marks = [client.status(name, "(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)")[1] for name in names]
        finally:
            client.shutdown()
        return marks, sorted(str(p) for p in self.maildir.rglob("*") if p.parent.name in ("cur", "new"))


class MuttCase(ClientCase):
    skip = missing("mutt", "mutt")

    def setUp(self) -> None:
        super().setUp()
        self.cache = self.folder / "cache"
        self.cache.mkdir()
        self.configuration = self.folder / "muttrc"
        login = self.who.replace("@", "%40")
        self.configuration.write_text(
            f"""
set ssl_starttls=yes ssl_force_tls=yes ssl_verify_host=no certificate_file={self.certificate}
set imap_user="{self.who}" imap_pass="{PASSWORD}" folder="imap://127.0.0.1:{self.daemon.ports["imap"]}/"
set spoolfile="+INBOX" record="+Sent" postponed="+Drafts" imap_check_subscribed=no
set header_cache={self.cache} message_cachedir={self.cache} send_charset=utf-8
set from="{self.who}" realname="Mutt" smtp_pass="{PASSWORD}"
set smtp_url="smtp://{login}@127.0.0.1:{self.daemon.ports["submission"]}/"
set delete=yes quit=yes confirmappend=no confirmcreate=no mark_old=no wait_key=no move=no sort=mailbox-order
set sleep_time=0
"""
        )

    def mutt(self, *words: str, seconds: float = 30.0) -> str:
        """
        Run it in a terminal.

        @return: everything it drew.
        """
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", HOME=str(self.folder))
            os.execvp("mutt", ["mutt", "-n", "-F", str(self.configuration), *words])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        drawn = b""
        deadline = time.monotonic() + seconds
        try:
            while True:
                ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
                if not ready:
                    os.kill(pid, 9)
                    raise AssertionError(f"mutt does not end: {drawn[-2000:]!r}")
                try:
                    data = os.read(terminal, 65536)
                except OSError:
                    break
                if not data:
                    break
                drawn += data
        finally:
            os.close(terminal)
            _, status = os.waitpid(pid, 0)
        self.assertEqual(status, 0, drawn[-2000:])
        return drawn.decode("utf-8", "replace")

    def keys(self, keys: str, mailbox: str = "+INBOX") -> str:
        return self.mutt("-e", f'push "{keys}"', "-f", mailbox)

    def subjects(self, name: str = "INBOX") -> list[tuple[str, str]]:
        return [
            (flags, match[1].decode() if (match := re.search(rb"(?m)^Subject: (.*?)\r$", octets)) else "")
            for flags, octets in self.mailbox(name)
        ]
