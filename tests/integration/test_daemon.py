"""
The daemon from outside: start, a message's way in and out, reload, stop.
"""

from __future__ import annotations

import imaplib
import os
import poplib
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from email.message import EmailMessage
from pathlib import Path

from twisted.trial.unittest import TestCase

from osxmail.net.tls import makeSelfSigned
from tests.integration.daemon import PASSWORD, TWISTD, Daemon, shared, until
from tests.integration.wire import unverified

#: twistd ends itself by the signal that it got, when all is done.
STOPPED = (0, -signal.SIGTERM)
ANNA, BERT = "anna@example.test", "bert@example.test"


def mail(subject: str, body: str = "Body.\n", sender: str = ANNA, recipient: str = BERT) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message.set_content(body)
    return message


class WayTests(TestCase):
    """
    One daemon for all of these.
    """

    def setUp(self) -> None:
        self.daemon = shared(Daemon, ANNA, BERT)

    def imap(self, who: str = BERT, service: str = "imap") -> imaplib.IMAP4:
        port = self.daemon.ports[service]
        if service == "imaps":
            client: imaplib.IMAP4 = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=unverified())
        else:
            client = imaplib.IMAP4("127.0.0.1", port)
        client.login(who, PASSWORD)
        self.addCleanup(client.shutdown)
        return client

    def subjects(self, client: imaplib.IMAP4) -> list[str]:
        client.select("INBOX")
        _, data = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return [part[1].decode().strip().removeprefix("Subject: ") for part in data if isinstance(part, tuple)]

    def test_fromTheInternetToTheMailbox(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as client:
            client.send_message(mail("from outside", sender="x@elsewhere.test"))
        imap = self.imap()
        self.assertIn("from outside", self.subjects(imap))
        _, data = imap.search(None, "SUBJECT", '"from outside"')
        _, fetched = imap.fetch(data[0].split()[0].decode(), "(RFC822)")
        raw = fetched[0][1]
        self.assertTrue(raw.startswith(b"Return-Path: <x@elsewhere.test>\r\n"), raw[:200])
        self.assertIn(b"\r\nDelivered-To: bert@example.test\r\n", raw)
        self.assertIn(b"\r\nReceived: from ", b"\r\n" + raw)

    def test_submissionByBothDoors(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["submission"]) as client:
            client.starttls(context=unverified())
            client.login(ANNA, PASSWORD)
            client.send_message(mail("by 587"))
        with smtplib.SMTP_SSL("127.0.0.1", self.daemon.ports["submissions"], context=unverified()) as client:
            client.login("anna", PASSWORD)
            client.send_message(mail("by 465"))
            with self.assertRaises(smtplib.SMTPResponseException) as caught:
                client.mail("bert@example.test")
                client.rcpt("anna@example.test")
                code, text = client.docmd("DATA")
                raise smtplib.SMTPResponseException(code, text)
            self.assertGreaterEqual(caught.exception.smtp_code, 500)
        found = self.subjects(self.imap(service="imaps"))
        self.assertIn("by 587", found)
        self.assertIn("by 465", found)

    def test_pop3(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as client:
            client.send_message(mail("for pop", recipient=ANNA), to_addrs=[ANNA])
        pop = poplib.POP3("127.0.0.1", self.daemon.ports["pop3"])
        pop.stls(unverified())
        pop.user(ANNA)
        pop.pass_(PASSWORD)
        count, size = pop.stat()
        _, lines, octets = pop.retr(count)
        self.assertIn(b"Subject: for pop", lines)
        self.assertLessEqual(octets, size)
        pop.dele(count)
        pop.quit()
        pop = poplib.POP3_SSL("127.0.0.1", self.daemon.ports["pop3s"], context=unverified())
        pop.user(ANNA)
        pop.pass_(PASSWORD)
        self.assertEqual(pop.stat()[0], count - 1)
        pop.quit()

    def test_nobodyRelays(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as client:
            client.ehlo()
            client.mail("x@elsewhere.test")
            code, _ = client.rcpt("y@elsewhere.test")
        self.assertIn(code, (550, 554))

    def test_idleIsTold(self) -> None:
        client = self.imap()
        client.select("INBOX")
        client.send(b"i1 IDLE\r\n")
        self.assertTrue(client.readline().startswith(b"+"))
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
            smtp.send_message(mail("for idle"))
        client.sock.settimeout(5)
        line = client.readline()
        while b"EXISTS" not in line:
            line = client.readline()
        client.send(b"DONE\r\n")

    def test_largeMessage(self) -> None:
        body = "0123456789abcdef" * 4 + "\n"
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
            smtp.send_message(mail("large", body * 100_000))
        client = self.imap()
        client.select("INBOX")
        _, data = client.search(None, "SUBJECT", "large")
        _, fetched = client.fetch(data[0].split()[-1].decode(), "(BODY.PEEK[TEXT])")
        self.assertEqual(fetched[0][1].replace(b"\r\n", b"\n"), (body * 100_000).encode())

    def test_traceTellsTheStory(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
            message = mail("traced")
            message["Message-ID"] = "<traced-1@elsewhere.test>"
            smtp.send_message(message)
        found = self.daemon.ask("trace.find", term="<traced-1@elsewhere.test>")
        self.assertEqual(found[0]["event"], "message.accepted")
        self.assertIn(BERT, found[0]["addresses"])
        self.assertIn(found[0]["queueId"], self.daemon.log("smtp") + self.daemon.log("delivery"))

    def test_noSecretsInTheLogs(self) -> None:
        self.imap()
        try:
            imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"]).login(ANNA, "wrong-secret-42")
        except imaplib.IMAP4.error:
            pass
        text = "".join(self.daemon.log(name) for name in ("smtp", "imap", "pop3", "delivery", "directory", "server"))
        self.assertIn("login.failed", text)
        self.assertNotIn("wrong-secret-42", text + self.daemon.said())
        self.assertNotIn(PASSWORD, text + self.daemon.said())

    def test_filesAreForTheirOwner(self) -> None:
        self.assertEqual(self.daemon.data.stat().st_mode & 0o777, 0o700)
        for name in ("control.sock", "self-signed.key", "osxmail.lock", "osxmail.sqlite", "osxmail.sqlite-wal"):
            self.assertEqual((self.daemon.data / name).stat().st_mode & 0o777, 0o600, name)


class LifeTests(TestCase):
    def setUp(self) -> None:
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)

    def test_badConfiguration(self) -> None:
        self.daemon.more = "wrong = 1\n[nonsense]"
        self.daemon.start(wait=False)
        assert self.daemon.process is not None
        self.assertEqual(self.daemon.process.wait(30), 1)
        self.assertIn("listen.wrong: unknown key", self.daemon.said())
        self.assertIn("nonsense: unknown key", self.daemon.said())
        self.assertNotIn("Traceback", self.daemon.said())

    def test_portTaken(self) -> None:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", self.daemon.ports["imap"]))
            holder.listen()
            self.daemon.start(wait=False)
            assert self.daemon.process is not None
            self.assertEqual(self.daemon.process.wait(30), 1)
        self.assertRegex(self.daemon.said(), r"osxmail: listen.imap: tcp:\d+.*: .*[Aa]ddress already in use")
        self.assertNotIn("Traceback", self.daemon.said())

    def daemonize(self) -> subprocess.CompletedProcess[str]:
        """
        As the guide does it without systemd: C{twistd} without C{-n}.  What it prints ends when it has started.
        """
        self.daemon.write()
        return subprocess.run(
            [TWISTD, "--pidfile=twistd.pid", "osxmail", "--config", str(self.daemon.config)],
            capture_output=True, text=True, timeout=60, cwd=self.daemon.folder,
        )  # fmt: skip

    def test_inTheBackground(self) -> None:
        done = self.daemonize()
        pid = int((self.daemon.folder / "twistd.pid").read_text())
        try:
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout, "osxmail is ready\n")
            self.assertEqual(self.daemon.ask("server.status")["hostname"], "mail.example.test")
        finally:
            os.kill(pid, signal.SIGTERM)
        until(lambda: "server.stopped" in self.daemon.log("server"))

    def test_portTakenInTheBackground(self) -> None:
        """
        It ends with a status, says why where it was started, and leaves no pid file.
        """
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", self.daemon.ports["imap"]))
            holder.listen()
            done = self.daemonize()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"osxmail: listen.imap: .*already in use; another server has it")
        self.assertNotIn("Traceback", done.stderr)
        self.assertFalse((self.daemon.folder / "twistd.pid").exists())

    def test_folderThatCannotBeUsedInTheBackground(self) -> None:
        self.daemon.data.mkdir()
        (self.daemon.data / "logs").write_text("a file where a folder should be")
        done = self.daemonize()
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"osxmail: data: {self.daemon.data}/logs: File exists", done.stderr)

    def test_storeThatCannotBeOpenedInTheBackground(self) -> None:
        """
        Too late for twistd's exit status; the reason is said all the same.
        """
        self.daemon.data.mkdir()
        (self.daemon.data / "osxmail.sqlite").write_bytes(b"this is no database" * 1000)
        self.assertIn("osxmail: cannot start", self.daemonize().stderr)

    def test_anotherServerOnTheSameData(self) -> None:
        """
        It would take the first one's messages out of the queue, and send each twice.
        """
        self.daemon.start()
        second = Daemon()
        self.addCleanup(second.remove)
        second.write()
        # Ports of its own, and the first one's data.
        text = second.config.read_text().replace('data = "data"', f'data = "{self.daemon.data}"')
        second.config.write_text(text)
        done = subprocess.run(
            [TWISTD, "-n", "--pidfile=", "osxmail", "--config", str(second.config)],
            capture_output=True, text=True, timeout=60, cwd=second.folder,
        )  # fmt: skip
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"osxmail: data: {self.daemon.data}: another osxmail runs on it", done.stderr)
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertEqual(self.daemon.ask("server.status")["hostname"], "mail.example.test")

    def test_crashLeavesALockWithOurOwnNumber(self) -> None:
        """
        In a container the next process has the number of the one that died.
        """
        self.daemon.start()
        self.daemon.stop(signal.SIGKILL)
        lock = self.daemon.data / "control.sock.lock"
        lock.unlink(missing_ok=True)
        # Whoever it is, it lives.
        os.symlink(str(os.getpid()), lock)
        self.daemon.start()
        self.assertEqual(self.daemon.ask("server.status")["hostname"], "mail.example.test")

    def test_folderThatCannotBeUsed(self) -> None:
        self.daemon.data.mkdir()
        (self.daemon.data / "logs").write_text("a file where a folder should be")
        self.daemon.start(wait=False)
        assert self.daemon.process is not None
        self.assertEqual(self.daemon.process.wait(60), 1)
        self.assertIn(f"osxmail: data: {self.daemon.data}/logs: File exists", self.daemon.said())
        self.assertNotIn("Traceback", self.daemon.said())

    def test_storeThatCannotBeOpened(self) -> None:
        self.daemon.data.mkdir()
        (self.daemon.data / "osxmail.sqlite").write_bytes(b"this is no database" * 1000)
        self.daemon.start(wait=False)
        assert self.daemon.process is not None
        self.assertEqual(self.daemon.process.wait(60), 1)
        self.assertIn("osxmail: cannot start", self.daemon.said())

    def test_cleanStopAndStartAgain(self) -> None:
        self.daemon.start()
        self.daemon.addAccount(BERT)
        client = imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"])
        client.login(BERT, PASSWORD)
        client.select("INBOX")
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
            smtp.send_message(mail("kept"))
        client.send(b"i1 IDLE\r\n")
        client.readline()
        started = time.monotonic()
        self.assertIn(self.daemon.stop(), STOPPED)
        self.assertLess(time.monotonic() - started, 8)
        rest = b""
        while line := client.file.readline():
            rest += line
        self.assertIn(b"* BYE", rest)
        client.shutdown()
        self.assertIn("server.stopped", self.daemon.log("server"))
        self.daemon.start()
        client = imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"])
        client.login(BERT, PASSWORD)
        self.assertEqual(client.select("INBOX")[1], [b"1"])
        client.logout()

    def test_messageUnderWayIsFinishedAtAStop(self) -> None:
        self.daemon.start()
        self.daemon.addAccount(BERT)
        smtp = smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"])
        smtp.ehlo()
        smtp.mail(ANNA)
        smtp.rcpt(BERT)
        smtp.docmd("DATA")
        smtp.send(b"Subject: last\r\n\r\nfirst half\r\n")
        status: list[int] = []
        stopping = threading.Thread(target=lambda: status.append(self.daemon.stop()))
        stopping.start()
        time.sleep(0.5)
        smtp.send(b"second half\r\n.\r\n")
        code, _ = smtp.getreply()
        self.assertEqual(code, 250)
        stopping.join()
        self.assertIn(status[0], STOPPED)
        smtp.close()
        self.daemon.start()
        self.assertEqual(self.daemon.ask("account.show", address=BERT)["messages"], 1)

    def test_reload(self) -> None:
        self.daemon.start()
        config = self.daemon.config
        good = config.read_text()
        config.write_text(good.replace("[listen]", "[listen]\nwrong = 1"))
        refused = self.daemon.run("reload")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("listen.wrong: unknown key", refused.stderr)
        config.write_text(good + '"smtp.block_inbound" = true\n')
        done = self.daemon.run("reload")
        self.assertEqual((done.returncode, done.stdout), (0, "smtp.block_inbound: pinned\n"), done.stderr)
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
            smtp.ehlo()
            code, _ = smtp.mail("x@elsewhere.test")
            if code == 250:
                code, _ = smtp.rcpt(BERT)
        self.assertEqual(code, 451)

    def test_reloadSaysWhatWaitsForARestart(self) -> None:
        """
        As long as it waits, and no longer.
        """
        self.daemon.start()
        config = self.daemon.config
        good = config.read_text()
        config.write_text(good.replace('hostname = "mail.', 'hostname = "other.'))
        for _ in range(2):
            self.assertEqual(
                self.daemon.run("reload").stdout, "hostname: changed in the file; counts from the next start on\n"
            )
        config.write_text(good)
        self.assertEqual(self.daemon.run("reload").stdout, "nothing has changed\n")

    def test_hangUp(self) -> None:
        self.daemon.start()
        assert self.daemon.process is not None
        good = self.daemon.config.read_text()
        self.daemon.config.write_text(good + "nonsense = 1\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "configuration.refused" in self.daemon.log("server"))
        self.daemon.config.write_text(good.replace("[[domain]]", '[[domain]]\nname = "second.test"\n[[domain]]', 1))
        self.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "configuration.reloaded" in self.daemon.log("server"))
        self.assertIn("second.test", [d["name"] for d in self.daemon.ask("domain.list")])
        self.assertIsNone(self.daemon.process.poll())

    def test_certificatesBySNIAndSwapped(self) -> None:
        folder = self.daemon.folder
        for name in ("mail.example.test", "imap.other.test"):
            makeSelfSigned([name], folder / f"{name}.pem", folder / f"{name}.key")
        self.daemon.more = (
            '[tls]\ncertificate = "mail.example.test.pem"\nkey = "mail.example.test.key"\n'
            '[tls.names."imap.other.test"]\ncertificate = "imap.other.test.pem"\nkey = "imap.other.test.key"\n'
        )
        self.daemon.start()

        def certificate(name: str) -> bytes:
            with (
                socket.create_connection(("127.0.0.1", self.daemon.ports["imaps"])) as raw,
                unverified().wrap_socket(raw, server_hostname=name) as secure,
            ):
                found = secure.getpeercert(binary_form=True)
                assert found is not None
                return found

        def inFile(name: str) -> bytes:
            return ssl.PEM_cert_to_DER_cert((folder / f"{name}.pem").read_text())

        for asked, served in [("mail.example.test", "mail.example.test"), ("imap.other.test", "imap.other.test"),
                              ("unknown.test", "mail.example.test")]:  # fmt: skip
            self.assertEqual(certificate(asked), inFile(served), asked)
        before = certificate("imap.other.test")
        makeSelfSigned(["imap.other.test"], folder / "imap.other.test.pem", folder / "imap.other.test.key")
        self.daemon.ask("server.reload")
        self.assertNotEqual(certificate("imap.other.test"), before)
        self.assertEqual(certificate("imap.other.test"), inFile("imap.other.test"))
        (folder / "imap.other.test.pem").write_text("broken")
        refused = self.daemon.run("reload")
        self.assertEqual(refused.returncode, 1)
        self.assertNotEqual(certificate("imap.other.test"), before)

    def test_killedAndStartedAgain(self) -> None:
        self.daemon.start()
        self.daemon.addAccount(BERT)
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
            for number in range(20):
                smtp.send_message(mail(f"number {number}"))
        self.daemon.stop(signal.SIGKILL)
        self.daemon.start()
        self.assertEqual(self.daemon.ask("account.show", address=BERT)["messages"], 20)

    def test_privilegedPortsAndAnotherUser(self) -> None:
        """
        A port below 1024 is bound before the user changes, and the data is the user's.
        """
        if os.getuid() != 0:
            raise AssertionError("this test needs root")
        nobody = pwd.getpwnam("nobody")
        self.daemon.ports = {"smtp": _freePrivilegedPort()}
        self.daemon.more = f'lmtp = ["unix:{self.daemon.folder}/lmtp:mode=660"]'
        self.daemon.write()
        self.daemon.data.mkdir()
        for path in (self.daemon.folder, self.daemon.data, self.daemon.config):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        process = subprocess.Popen(
            [TWISTD, "-n", "--pidfile=", f"--uid={nobody.pw_uid}", f"--gid={nobody.pw_gid}", "osxmail",
             "--config", str(self.daemon.config)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.daemon.folder, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "osxmail is ready" in line:
                    break
            self.assertIn("osxmail is ready\n", lines, "".join(lines))
            self.assertIn(f"Uid:\t{nobody.pw_uid}\t", Path(f"/proc/{process.pid}/status").read_text())
            with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
                self.assertEqual(smtp.noop()[0], 250)
            # What is for the user and the group is not root's.
            found = (self.daemon.folder / "lmtp").lstat()
            self.assertEqual((found.st_uid, found.st_gid, found.st_mode & 0o777), (nobody.pw_uid, nobody.pw_gid, 0o660))
            # A codec that Python looks for only now, and may not be able to read any more.
            self.assertEqual(self.daemon.ask("domain.add", name="bücher.test"), {"name": "xn--bcher-kva.test"})
        finally:
            process.terminate()
            process.communicate(timeout=30)
        self.assertIn(process.returncode, STOPPED)


def _freePrivilegedPort() -> int:
    for port in range(1023, 600, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port below 1024")


class QuickstartTests(TestCase):
    """
    What C{make run} starts, in another folder.  Its ports are fixed, so nothing else may hold them.
    """

    def test_firstSteps(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="osxmail-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder)
        environment = {key: value for key, value in os.environ.items() if key != "OSXMAIL_CONFIG"}
        process = subprocess.Popen(
            [TWISTD, "-n", "--pidfile=", "osxmail"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, text=True, env=environment,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if line == "osxmail is ready\n":
                    break
            self.assertIn("osxmail is ready", said)
            send = said.partition("Send:")[2].partition("Read:")[0].replace("\\\n", " ").strip()
            read = said.partition("Read:")[2].partition("Look:")[0].strip()
            sent = subprocess.run(["sh", "-c", send], capture_output=True, text=True, timeout=30)
            self.assertEqual(sent.returncode, 0, send + sent.stderr)
            got = subprocess.run(["sh", "-c", read], capture_output=True, text=True, timeout=30)
            self.assertEqual(got.returncode, 0, read + got.stderr)
            self.assertIn("It works.", got.stdout)
        finally:
            process.terminate()
            process.communicate(timeout=30)
        self.assertIn(process.returncode, STOPPED)
