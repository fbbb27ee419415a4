"""
Mail programs with much mail: mbsync and offlineimap with 5,000 messages, mutt with its header cache, imaplib; and npm's
imapflow with IDLE, COMPRESS and QRESYNC.
"""

from __future__ import annotations

import hashlib
import imaplib
import json
import re
import select
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.integration.clients import ClientCase, MbsyncCase, MuttCase, missing
from tests.integration.daemon import PASSWORD
from tests.integration.wire import unverified

MANY = 5_000
#: How long mbsync or offlineimap may take for so many, one way.
MANY_SECONDS = 60.0
IMAPFLOW = Path(__file__).parent / "imapflow"
PATIENCE_SECONDS = 30.0


def letter(number: int) -> bytes:
    """
    A message as mail programs keep it, with lines as on this machine.
    """
    head = (
        f"From: p{number % 50}@elsewhere.test\nTo: x@example.test\nSubject: letter {number}\nMessage-ID: <{number}@x>\n"
    )
    return (head + "\n" + f"line of letter {number}\n" * (number % 60)).encode()


class ManyByMbsyncTests(MbsyncCase):
    """
    RFC 3501 6.3.11, 6.4.5: one by one, as fast as the program asks.
    """

    def timed(self) -> float:
        started = time.monotonic()
        self.sync()
        return time.monotonic() - started

    def test_bothWays(self) -> None:
        flags = ("", "S", "FS", "RS", "DS", "FRS")
        for number in range(MANY):
            self.put("INBOX", f"{number}.a", letter(number), flags[number % len(flags)])
        self.assertLess(self.timed(), MANY_SECONDS)
        far = self.far()
        self.assertEqual(far.total(), MANY)
        self.assertTrue(far == self.near())
        # Nothing is left to do.
        self.assertLess(self.timed(), MANY_SECONDS / 10)
        # All of it comes back into an empty Maildir.
        shutil.rmtree(self.maildir)
        shutil.rmtree(self.folder / "state")
        self.maildir.mkdir()
        (self.folder / "state").mkdir()
        self.assertLess(self.timed(), MANY_SECONDS)
        near = self.near()
        self.assertEqual(near.total(), MANY)
        self.assertTrue(far == near)
        self.noFaults()


class OfflineimapTests(ClientCase):
    skip = missing("offlineimap", "offlineimap3")

    def setUp(self) -> None:
        super().setUp()
        self.maildir = self.folder / "Maildir"
        self.configuration = self.folder / "rc"
        self.configuration.write_text(
            f"""
[general]
accounts = one
metadata = {self.folder}/metadata
maxsyncaccounts = 1
ui = basic

[Account one]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {self.maildir}

[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {self.daemon.ports["imaps"]}
remoteuser = {self.who}
remotepass = {PASSWORD}
ssl = yes
cert_fingerprint = {self.fingerprint()}
auth_mechanisms = PLAIN
maxconnections = 2
"""
        )

    def fingerprint(self) -> str:
        octets = ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
        return hashlib.sha1(octets, usedforsecurity=False).hexdigest()

    def sync(self, *words: str) -> float:
        """
        @return: how long it took.
        """
        started = time.monotonic()
        done = subprocess.run(
            ["offlineimap", "-o", "-c", str(self.configuration), *words],
            capture_output=True, text=True, timeout=4 * MANY_SECONDS,
            env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr)[-3000:])
        self.assertNotRegex(done.stdout + done.stderr, "ERROR|Traceback")
        return time.monotonic() - started

    def near(self, folder: str = "INBOX") -> list[bytes]:
        place = self.maildir / folder
        return sorted(path.read_bytes() for name in ("cur", "new") for path in (place / name).iterdir())

    def test_bothWays(self) -> None:
        client = imaplib.IMAP4_SSL("127.0.0.1", self.daemon.ports["imaps"], ssl_context=unverified())
        self.addCleanup(client.shutdown)
        client.login(self.who, PASSWORD)
        count = 300
        for number in range(count):
            client.append("INBOX", "\\Seen" if number % 3 else "", "", letter(number).replace(b"\n", b"\r\n"))
        self.assertLess(self.sync(), MANY_SECONDS)
        expected = sorted(letter(number) for number in range(count))
        self.assertEqual(self.near(), expected)
        # Changes there and here: flags, what is new, what is gone.
        client.select("INBOX")
        client.store("1:10", "+FLAGS", "\\Deleted")
        client.expunge()
        cur = self.maildir / "INBOX" / "cur"
        for number in range(20):
            (cur / f"17000{number}.here:2,F").write_bytes(letter(count + number))
        victims = [path for path in sorted(cur.iterdir()) if letter(50) == path.read_bytes()]
        victims[0].unlink()
        self.sync()
        self.sync()
        found = self.mailbox()
        self.assertEqual(len(found), count - 10 + 20 - 1)
        self.assertEqual(sum("Flagged" in flags for flags, _ in found), 20)
        self.assertEqual(len(self.near()), len(found))
        self.noFaults()


class MuttCacheTests(MuttCase):
    def test_headerCache(self) -> None:
        """
        The second start reads what is new, and what flags are now; the sidebar counts.
        """
        client = imaplib.IMAP4_SSL("127.0.0.1", self.daemon.ports["imaps"], ssl_context=unverified())
        self.addCleanup(client.shutdown)
        client.login(self.who, PASSWORD)
        for number in range(400):
            client.append("INBOX", "\\Seen", "", letter(number).replace(b"\n", b"\r\n"))
        client.append("Archive", "", "", letter(1).replace(b"\n", b"\r\n"))
        with self.configuration.open("a") as more:
            more.write("set sidebar_visible=yes sidebar_width=30 mail_check_stats=yes imap_check_subscribed=no\n")
            more.write("mailboxes +INBOX +Archive\nset sidebar_format='%B:%N/%S'\n")
        drawn = self.keys("<quit>")
        self.assertIn("letter 399", drawn)
        before = self.octets()
        client.select("INBOX")
        client.store("390", "+FLAGS", "\\Flagged")
        self.deliver("fresh")
        drawn = self.keys("<last-entry><flag-message><quit>")
        self.assertIn("fresh", drawn)
        self.assertRegex(drawn, r"Archive:?\s*1/1|Archive.*1/1")
        # Headers of 400 messages did not come again.
        self.assertLess(self.octets() - before, before / 3)
        flags = [flags for flags, _ in self.mailbox()]
        self.assertIn("Flagged", flags[389])
        self.assertIn("Flagged", flags[400])
        self.noFaults()

    def octets(self) -> int:
        """
        What sessions of this person have been sent so far.
        """
        time.sleep(0.3)
        lines = self.daemon.log("imap").splitlines()
        mine = [line for line in lines if "session.closed" in line and self.who in line]
        return sum(int(re.search(r'octetsOut"?[=:] ?"?(\d+)', line)[1]) for line in mine)


class ImaplibTests(ClientCase):
    def test_everything(self) -> None:
        """
        The standard library's client, by what it has methods for.
        """
        client = imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"])
        client.starttls(ssl_context=unverified())
        client.authenticate("PLAIN", lambda _: f"\0{self.who}\0{PASSWORD}".encode())
        text = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHallo\r\n"
        self.assertEqual(client.append("INBOX", "\\Seen", "", text)[0], "OK")
        self.assertEqual(client.enable("UTF8=ACCEPT")[0], "OK")
        self.assertEqual(client.create('"Büro"')[0], "OK")
        self.assertIn("Büro".encode(), b"".join(client.list()[1]))
        self.assertEqual(client.select("INBOX")[1], [b"1"])
        self.assertEqual(client.uid("FETCH", "1", "(BODY.PEEK[])")[1][0][1], text)
        self.assertEqual(client.search(None, "SUBJECT", '"Gr"')[1], [b"1"])
        self.assertEqual(client.sort("(SUBJECT)", "UTF-8", "ALL")[1], [b"1"])
        self.assertEqual(client.thread("REFERENCES", "UTF-8", "ALL")[1], [b"(1)"])
        self.assertEqual(client.copy("1", '"Büro"')[0], "OK")
        self.assertIn(b"MESSAGES 1", client.status('"Büro"', "(MESSAGES)")[1][0])
        self.assertIn(b"lrswi", client.myrights("INBOX")[1][0])
        self.assertEqual(client.getquotaroot("INBOX")[0], "OK")
        self.assertEqual(client.namespace()[0], "OK")
        self.assertEqual(client.store("1", "+FLAGS", "\\Deleted")[0], "OK")
        self.assertEqual(client.expunge()[1], [b"1"])
        self.assertEqual(client.unselect()[0], "OK")
        self.assertEqual(client.delete('"Büro"')[0], "OK")
        client.logout()
        self.noFaults()


class ImapflowTests(ClientCase):
    """
    npm's imapflow.  C{make test} installs what C{imapflow/package-lock.json} names.
    """

    skip = missing("node", "nodejs") or (
        None if (IMAPFLOW / "node_modules" / "imapflow").exists() else "run npm ci in tests/integration/imapflow"
    )

    def setUp(self) -> None:
        super().setUp()
        options = {
            "host": "127.0.0.1", "port": self.daemon.ports["imaps"], "secure": True, "qresync": True,
            "tls": {"rejectUnauthorized": False}, "auth": {"user": self.who, "pass": PASSWORD},
        }  # fmt: skip
        self.process = subprocess.Popen(
            ["node", str(IMAPFLOW / "drive.mjs"), json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.kill)
        self.addCleanup(self.process.stdin.close)
        self.events: list[tuple[str, Any]] = []
        self._heard = b""

    def _next(self, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._heard:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            self.assertTrue(ready, f"imapflow says nothing more; events so far {self.events}")
            data = self.process.stdout.read1(1 << 16)
            self.assertTrue(data, "imapflow has ended")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def do(self, *call: Any) -> Any:
        """
        The result of a call; what happens meanwhile is in C{events}.
        """
        self.process.stdin.write(json.dumps(call).encode() + b"\n")
        self.process.stdin.flush()
        while True:
            said = self._next()
            if "event" in said:
                self.events.append((said["event"], said.get("data")))
                continue
            self.assertNotIn("failed", said, (str(call)[:200], str(said)[:500]))
            return said["result"]

    def awaitEvent(self, name: str) -> Any:
        """
        The next event of this name, and none of the earlier ones.
        """
        while True:
            for index, (each, data) in enumerate(self.events):
                if each == name:
                    del self.events[: index + 1]
                    return data
            said = self._next()
            self.events.append((said["event"], said.get("data")))

    def test_everyDay(self) -> None:
        self.do("connect")
        state = self.do("state")
        self.assertTrue(state["isCompressed"])
        self.assertIn("QRESYNC", state["enabled"])
        self.assertIn("UTF8=ACCEPT", state["enabled"])
        head = "Subject: Grüße\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        text = head + "Zeile ä\r\n" * 20_000
        appended = self.do("append", "INBOX", text, ["\\Seen"])
        self.assertEqual((appended["uid"], appended["destination"]), (1, "INBOX"))
        self.deliver("second", "third")
        opened = self.do("mailboxOpen", "INBOX")
        self.assertEqual((opened["exists"], opened["uidNext"], opened["readOnly"]), (3, 4, False))
        self.assertEqual(opened["uidValidity"], appended["uidValidity"])
        fetched = self.do("fetchEach", "1:*", {"uid": True, "flags": True, "envelope": True, "bodyStructure": True})
        self.assertEqual([each["envelope"]["subject"] for each in fetched], ["Grüße", "second", "third"])
        self.assertIn("\\Seen", fetched[0]["flags"])
        self.assertEqual(fetched[0]["bodyStructure"]["type"], "text/plain")
        source = self.do("fetchOne", "1", {"source": True})["source"]
        self.assertEqual(source.encode("latin-1").decode(), text)
        part = self.do("downloaded", "1", "1", {"uid": True})
        self.assertEqual(part["content"].encode("latin-1").decode(), text.partition("\r\n\r\n")[2])
        self.assertEqual(self.do("search", {"subject": "second"}, {"uid": True}), [2])
        self.assertTrue(self.do("messageFlagsAdd", "2", ["\\Flagged", "$Work"], {"uid": True}))
        moved = self.do("messageMove", "2", "Archive", {"uid": True})
        self.assertEqual(moved["uidMap"], {"2": 1})
        self.do("mailboxCreate", ["Büro", "Ämter"])
        names = {each["path"]: each for each in self.do("list", {"statusQuery": {"messages": True}})}
        self.assertIn("Büro/Ämter", names)
        self.assertEqual(names["Sent"]["specialUse"], "\\Sent")
        self.assertEqual(names["Archive"]["status"]["messages"], 1)
        self.assertEqual(self.do("getQuota", "INBOX")["path"], "INBOX")
        self.do("logout")
        self.noFaults()

    def test_idle(self) -> None:
        """
        What others do is told while it idles: arrivals, flags, and with QRESYNC what has vanished, by UID.
        """
        self.deliver("one", "two")
        self.do("connect")
        self.do("mailboxOpen", "INBOX")
        self.do("startIdle")
        self.deliver("three")
        self.assertEqual(self.awaitEvent("exists")["count"], 3)
        client = imaplib.IMAP4_SSL("127.0.0.1", self.daemon.ports["imaps"], ssl_context=unverified())
        self.addCleanup(client.shutdown)
        client.login(self.who, PASSWORD)
        client.select("INBOX")
        client.store("2", "+FLAGS", "\\Flagged")
        changed = self.awaitEvent("flags")
        self.assertEqual((changed["uid"], changed["flags"][0]), (2, "\\Flagged"))
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
        gone = self.awaitEvent("expunge")
        self.assertEqual((gone["uid"], gone["vanished"]), (1, True))
        # DONE, and a command behind it.
        self.assertEqual(self.do("search", {"all": True}, {"uid": True}), [2, 3])
        self.noFaults()

    def test_resynchronises(self) -> None:
        """
        RFC 7162 3.2.5: SELECT tells what has happened since.
        """
        self.deliver(*(f"letter {n}" for n in range(1, 11)))
        self.do("connect")
        opened = self.do("mailboxOpen", "INBOX")
        self.do("mailboxClose")
        client = imaplib.IMAP4_SSL("127.0.0.1", self.daemon.ports["imaps"], ssl_context=unverified())
        self.addCleanup(client.shutdown)
        client.login(self.who, PASSWORD)
        client.select("INBOX")
        client.store("2:4", "+FLAGS", "\\Deleted")
        client.expunge()
        client.store("1", "+FLAGS", "\\Answered")
        self.events.clear()
        again = self.do("reopened", "INBOX", opened["highestModseq"], opened["uidValidity"])
        self.assertTrue(again["qresync"])
        gone = sorted(data["uid"] for name, data in self.events if name == "expunge")
        self.assertEqual(gone, [2, 3, 4])
        changed = [(data["uid"], data["flags"][0]) for name, data in self.events if name == "flags"]
        self.assertEqual(changed, [(1, "\\Answered")])
        self.noFaults()
