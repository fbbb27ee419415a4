"""
The command, as an administrator calls it: what it prints, what it refuses and with what advice, its exit status.
"""

from __future__ import annotations

import imaplib
import json
import os
import poplib
import pwd
import re
import smtplib
import socket
import subprocess
import sys
import tempfile
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, ClassVar

from click.testing import CliRunner
from twisted.trial.unittest import TestCase

from osxmail import __version__
from osxmail.app.command import main
from osxmail.app.settings import TABLE
from osxmail.net.tls import makeSelfSigned
from tests.integration.daemon import OSXMAIL, PASSWORD, Daemon, freePort, shared, until

ANNA, BERT = "anna@example.test", "bert@example.test"
FAR = "far@elsewhere.test"

Done = subprocess.CompletedProcess[str]


def mail(subject: str = "hello", recipient: str = BERT) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ANNA, recipient, subject
    message.set_content("Body.\n")
    return message


class CommandTestCase(TestCase):
    """
    One daemon for a class.  No name server answers it, so that nothing leaves this machine.

    @ivar isOutside: each command is a process, as an administrator's is; else it runs in this one, which is much
        faster, and the same from the words of the command line on.
    """

    isOutside = False
    settings: ClassVar[dict[str, object]] = {}

    @classmethod
    def make(cls) -> Daemon:
        settings = {"mail.postmaster": ANNA, **cls.settings}
        names = f'[dns]\nservers = ["127.0.0.1:{freePort()}"]'
        return Daemon(("smtp", "submission", "imap", "pop3"), settings=settings, more=names)

    def setUp(self) -> None:
        self.daemon = shared(self.make, ANNA, BERT)

    def run_(self, *words: str, input: str = "") -> Done:
        if self.isOutside:
            return self.daemon.run(*words, input=input)
        arguments = ["--config", str(self.daemon.config), *words]
        result = CliRunner().invoke(main, arguments, input=input, prog_name="osxmail")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    def done(self, *words: str, input: str = "") -> str:
        """
        Run a command that must succeed.

        @return: what it printed.
        """
        run = self.run_(*words, input=input)
        self.assertEqual((run.returncode, run.stderr), (0, ""), words)
        return run.stdout

    def refused(self, *words: str, input: str = "", status: int = 1) -> str:
        """
        Run a command that must be refused.

        @return: what it said.
        """
        run = self.run_(*words, input=input)
        self.assertEqual((run.returncode, run.stdout), (status, ""), (words, run.stderr))
        self.assertNotIn("Traceback", run.stderr)
        self.assertNotEqual(run.stderr, "")
        return run.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self.done(*words, "--json"))

    def login(self, address: str, password: str) -> bool:
        client = imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"])
        try:
            client.login(address, password)
        except imaplib.IMAP4.error:
            return False
        else:
            return True
        finally:
            client.shutdown()


class WholeTests(CommandTestCase):
    """
    The server as a whole, and what does not need one.
    """

    isOutside = True

    def test_version(self) -> None:
        self.assertEqual(self.done("version"), f"{__version__}\n")
        self.assertEqual(self.json("version"), {"version": __version__})
        self.assertEqual(self.done("--version"), f"{__version__}\n")

    def test_status(self) -> None:
        text = self.done("status")
        self.assertIn(f"osxmail {__version__} on mail.example.test, since ", text)
        for name, port in self.daemon.ports.items():
            self.assertRegex(text, rf"(?m)^{name} +127\.0\.0\.1:{port} ")
        value = self.json("status")
        self.assertEqual([s["name"] for s in value["services"]], list(self.daemon.ports))
        self.assertEqual((value["hostname"], value["domains"]), ("mail.example.test", 1))

    def test_wrongUsage(self) -> None:
        for words in [(), ("nonsense",), ("status", "--nonsense"), ("trace",), ("account", "add"),
                      ("alias", "add", "a@b"), ("queue", "retry"), ("queue", "retry", "--all", "A1"),
                      ("settings", "--default"),
                      ("settings", "relay.port", "=", "1", "--default"), ("settings", "=", "1"), ("explain",),
                      ("domain", "set", "example.test"), ("account", "set", BERT)]:  # fmt: skip
            self.assertIn("Usage: osxmail", self.refused(*words, status=2), words)

    def test_everyReadingCommandPrintsJSON(self) -> None:
        for words in [("version",), ("check",), ("status",), ("domain", "list"), ("account", "list"),
                      ("account", "show", ANNA), ("alias", "list"), ("queue", "list"), ("settings",),
                      ("settings", "relay.port"), ("explain", "--to", BERT), ("trace", ANNA),
                      ("connections",)]:  # fmt: skip
            self.assertIsInstance(self.json(*words), dict | list, words)

    def test_explain(self) -> None:
        text = self.done("explain", "--from", FAR, "--to", BERT)
        self.assertIn("route.mailbox", text)
        self.assertTrue(text.endswith(f"Delivered to INBOX of {BERT}.\n"), text)
        value = self.json("explain", "--from", FAR, "--to", BERT)
        self.assertTrue(value["accepted"])
        self.assertEqual([box["address"] for box in value["mailboxes"]], [BERT])
        # Refused is an answer, not a failure of the command.
        value = self.json("explain", "--from", FAR, "--to", "other@elsewhere.test")
        self.assertFalse(value["accepted"])
        self.assertEqual((value["stages"][-1]["rule"], value["stages"][-1]["reply"][:3]), ("relay.denied", "550"))
        value = self.json("explain", "--from", ANNA, "--to", FAR, "--login", "anna")
        self.assertTrue(value["accepted"])
        self.assertEqual([hop["address"] for hop in value["remotes"]], [FAR])
        value = self.json("explain", "--from", BERT, "--to", FAR, "--login", ANNA)
        self.assertEqual(value["stages"][-1]["rule"], "sender.owner")
        value = self.json("explain", "--to", FAR, "--login", "nobody")
        self.assertEqual(value["stages"][-1]["rule"], "login.unknown")
        self.assertIn("nobody@example.test", self.done("explain", "--to", "nobody@example.test"))

    def test_explainSaysWhatTheServerSays(self) -> None:
        for recipient in (BERT, FAR, "nobody@example.test", "postmaster@example.test"):
            value = self.json("explain", "--from", FAR, "--to", recipient, "--client", "127.0.0.1")
            with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
                smtp.ehlo()
                smtp.mail(FAR)
                code, text = smtp.rcpt(recipient)
            self.assertEqual(value["stages"][-1]["reply"], f"{code} {text.decode()}", recipient)

    def test_explainSaysWhatALoginIsTold(self) -> None:
        self.addCleanup(self.done, "account", "set", BERT, "--state", "enabled")
        self.done("account", "set", BERT, "--state", "off")
        for login in (BERT, "nobody@example.test"):
            value = self.json("explain", "--from", login, "--to", FAR, "--login", login)
            with (
                smtplib.SMTP("127.0.0.1", self.daemon.ports["submission"]) as smtp,
                self.assertRaises(smtplib.SMTPAuthenticationError) as caught,
            ):
                smtp.login(login, PASSWORD)
            told = f"{caught.exception.smtp_code} {caught.exception.smtp_error.decode()}"
            self.assertEqual([stage["reply"] for stage in value["stages"]], [told])

    def test_explainOfNonsense(self) -> None:
        self.assertIn("is no IP address", self.refused("explain", "--to", BERT, "--client", "nonsense"))
        self.assertIn("local@domain", self.refused("explain", "--to", "bert"))
        self.assertIn("an address starts with", self.refused("explain", "--to", BERT, "--from", "@"))

    def test_trace(self) -> None:
        message = mail("traced")
        message["Message-ID"] = "<traced-by-command@elsewhere.test>"
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
            smtp.send_message(message)
        found = self.json("trace", "<traced-by-command@elsewhere.test>")
        self.assertEqual([event["event"] for event in found], ["message.accepted"])
        queueId = found[0]["queueId"]
        self.assertEqual(self.json("trace", queueId), found)
        self.assertEqual(self.json("trace", queueId.lower()), found)
        self.assertIn(found[0], self.json("trace", BERT, "--since", "1h"))
        text = self.done("trace", queueId)
        self.assertIn(f"{queueId}  <traced-by-command@elsewhere.test>\n", text)
        self.assertIn(f"message.accepted  sender={ANNA}", text)
        self.assertEqual(self.json("trace", "nobody@elsewhere.test"), [])
        self.assertIn("trace.days", self.done("trace", "nobody@elsewhere.test"))
        self.assertIn("since: a duration is", self.refused("trace", BERT, "--since", "yesterday"))

    def test_connections(self) -> None:
        client = imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"])
        self.addCleanup(client.shutdown)
        client.login(BERT, PASSWORD)
        client.select("INBOX")
        line = next(c for c in self.json("connections") if c["login"] == BERT)
        self.assertEqual((line["protocol"], line["host"], line["tls"]), ("imap", "127.0.0.1", ""))
        text = self.done("connections")
        self.assertRegex(text, rf"(?m)^{line['id']} +imap +127\.0\.0\.1 +{BERT}")
        self.assertIn("imap", self.json("status")["connections"])
        self.assertEqual(self.done("connections", "end", line["id"]), f"{line['id']}: ended\n")
        self.assertEqual(client.readline(), b"* BYE an administrator ended it\r\n")
        until(lambda: line["id"] not in [c["id"] for c in self.json("connections")])
        self.assertRegex(self.daemon.log("server"), rf"administration\.changed.*connection ended.*{line['id']}")
        self.assertIn("osxmail connections lists them", self.refused("connections", "end", line["id"]))

    def test_connectionsOfEveryProtocol(self) -> None:
        """
        Who, whence, by what program, in which mailbox; the end of each in its own words.
        """
        imap = imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"])
        self.addCleanup(imap.shutdown)
        imap.login(BERT, PASSWORD)
        imap.xatom("ID", '("name" "Kurier" "version" "2.1")')
        imap.select("INBOX")
        imap.send(b"x IDLE\r\n")
        self.assertEqual(imap.readline()[:1], b"+")
        pop = poplib.POP3("127.0.0.1", self.daemon.ports["pop3"])
        self.addCleanup(pop.close)
        pop.user(BERT)
        pop.pass_(PASSWORD)
        smtp = smtplib.SMTP("127.0.0.1", self.daemon.ports["submission"])
        self.addCleanup(smtp.close)
        smtp.login(BERT, PASSWORD)
        lines = {c["protocol"]: c for c in self.json("connections") if c["login"] == BERT}
        self.assertEqual((lines["imap"]["client"], lines["imap"]["mailbox"]), ("Kurier 2.1", "INBOX"))
        self.assertEqual(lines["pop3"]["mailbox"], "INBOX")
        for line in lines.values():
            self.assertEqual(line["host"], "127.0.0.1")
            self.assertGreaterEqual(line["seconds"], 0)
        text = self.done("connections")
        self.assertIn("client=Kurier 2.1", text)
        for protocol, line in lines.items():
            ended = self.json("connections", "end", line["id"])
            self.assertEqual(ended, {"id": line["id"], "protocol": protocol, "host": "127.0.0.1", "login": BERT})
        self.assertEqual(imap.readline(), b"* BYE an administrator ended it\r\n")
        self.assertEqual(pop.file.readline(), b"-ERR [SYS/TEMP] An administrator ends this connection\r\n")
        self.assertEqual(smtp.getreply()[0], 421)
        until(lambda: not [c for c in self.json("connections") if c["login"] == BERT])

    def test_reloadWithoutAChange(self) -> None:
        self.assertEqual(self.done("reload"), "nothing has changed\n")

    def test_anotherUserIsRefused(self) -> None:
        if os.getuid() != 0:
            raise AssertionError("this test needs root")
        nobody = pwd.getpwnam("nobody")
        self.addCleanup(self.daemon.folder.chmod, self.daemon.folder.stat().st_mode & 0o777)
        self.daemon.folder.chmod(0o755)

        # The interpreter may be where nobody cannot read: a first run imports everything before the user changes.
        words = ["--config", str(self.daemon.config), "status"]
        program = (
            "import contextlib, io, os; from osxmail.app.command import main\n"
            f"with contextlib.redirect_stdout(io.StringIO()): main({words}, standalone_mode=False)\n"
            f"os.setgroups([]); os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid}); main({words})"
        )

        def asNobody() -> Done:
            return subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=self.daemon.folder
            )

        run = asNobody()
        self.assertEqual((run.returncode, run.stdout), (1, ""), run.stderr)
        self.assertIn("only the server's owner may use it; try with sudo", run.stderr)
        # The socket itself is closed to others as well, not only its folder.
        self.addCleanup(self.daemon.data.chmod, 0o700)
        self.daemon.data.chmod(0o755)
        run = asNobody()
        self.assertEqual(run.returncode, 1)
        self.assertIn("only the server's owner may use it", run.stderr)


class PeopleTests(CommandTestCase):
    """
    Domains, accounts, aliases.
    """

    def test_domains(self) -> None:
        self.assertEqual(self.done("domain", "add", "Second.Test"), "second.test: added\n")
        self.assertIn("already", self.refused("domain", "add", "second.test"))
        self.assertEqual([d["name"] for d in self.json("domain", "list")], ["example.test", "second.test"])
        self.assertIn("second.test", self.done("domain", "list"))
        self.assertEqual(self.done("domain", "set", "second.test", "--catch-all", BERT), "second.test: changed\n")
        self.assertEqual(self.json("domain", "list")[1]["catchAll"], BERT)
        self.assertTrue(self.json("explain", "--to", "anything@second.test")["accepted"])
        self.done("domain", "set", "second.test", "--catch-all", "")
        self.assertFalse(self.json("explain", "--to", "anything@second.test")["accepted"])
        self.assertEqual(self.done("domain", "remove", "second.test"), "second.test: removed\n")
        self.assertEqual([d["name"] for d in self.json("domain", "list")], ["example.test"])
        for words in [("remove", "second.test"), ("set", "second.test", "--catch-all", BERT)]:
            self.assertIn("osxmail domain list", self.refused("domain", *words))
        self.assertIn("not a domain name", self.refused("domain", "add", "bad domain"))
        self.assertIn("address literal", self.refused("domain", "add", "[192.0.2.1]"))
        self.assertIn("local@domain", self.refused("domain", "set", "example.test", "--catch-all", "bert"))

    def test_internationalDomain(self) -> None:
        self.done("domain", "add", "münchen.test")
        self.addCleanup(self.run_, "domain", "remove", "münchen.test")
        found = self.json("domain", "list")[-1]
        self.assertEqual((found["name"], found["shown"]), ("xn--mnchen-3ya.test", "münchen.test"))

    def test_aDomainInUseIsNotRemoved(self) -> None:
        text = self.refused("domain", "remove", "example.test")
        self.assertIn("still has", text)
        self.assertIn("osxmail account remove", text)
        self.done("domain", "add", "aliases.test")
        self.done("alias", "add", "info@aliases.test", BERT)
        text = self.refused("domain", "remove", "aliases.test")
        self.assertIn("1 alias, info@aliases.test for one; remove them first: osxmail alias remove", text)
        self.done("alias", "remove", "info@aliases.test")
        self.done("domain", "remove", "aliases.test")

    def test_accountWithAMadeUpPassword(self) -> None:
        text = self.done("account", "add", "carla@example.test", "--name", "Carla Čapek")
        match = re.fullmatch(r"carla@example\.test: added\npassword: (\S{19})\n", text)
        assert match is not None, text
        self.assertTrue(self.login("carla@example.test", match[1]))
        self.assertTrue(self.login("carla", match[1]))
        self.assertEqual(self.json("account", "show", "carla@example.test")["name"], "Carla Čapek")
        self.assertIn("osxmail account set carla@", self.refused("account", "add", "carla@example.test"))
        self.assertNotIn(match[1], "".join(self.daemon.log(name) for name in ("server", "imap")))

    def test_accountFromAddToRemove(self) -> None:
        dora = "dora@example.test"
        self.assertEqual(
            self.done("account", "add", dora, "--password-stdin", "--quota", "2G", "--admin", input="eins zwei\n"),
            f"{dora}: added\n",
        )
        self.assertTrue(self.login(dora, "eins zwei"))
        shown = self.json("account", "show", dora)
        self.assertEqual((shown["quotaOctets"], shown["quota"], shown["admin"]), (2 << 30, "2G", True))
        self.assertIn("INBOX", [box["name"] for box in shown["mailboxes"]])
        self.assertIn("2.0 GB", self.done("account", "show", dora))
        row = next(a for a in self.json("account", "list") if a["address"] == dora)
        self.assertEqual((row["state"], row["admin"], row["usedOctets"]), ("enabled", True, 0))
        self.assertIn(dora, self.done("account", "list"))

        self.done("account", "set", dora, "--password-stdin", "--no-admin", "--quota", "0", input="drei\n")
        self.assertFalse(self.login(dora, "eins zwei"))
        self.assertTrue(self.login(dora, "drei"))
        shown = self.json("account", "show", dora)
        self.assertEqual((shown["quotaOctets"], shown["admin"]), (0, False))
        self.done("account", "set", dora, "--no-imap")
        self.assertFalse(self.login(dora, "drei"))
        self.done("account", "set", dora, "--imap", "--state", "off")
        self.assertFalse(self.login(dora, "drei"))
        self.assertIn("switched off", self.done("explain", "--to", dora))
        self.done("account", "set", dora, "--state", "enabled")
        self.assertTrue(self.login(dora, "drei"))

        # Nobody says yes: nothing happens.
        self.assertEqual(self.run_("account", "remove", dora).returncode, 1)
        self.assertEqual(self.run_("account", "remove", dora, input="n\n").returncode, 1)
        self.assertTrue(self.login(dora, "drei"))
        self.assertEqual(self.done("account", "remove", dora, "--yes"), f"{dora}: removed\n")
        self.assertFalse(self.login(dora, "drei"))
        for words in [("remove", dora, "--yes"), ("set", dora, "--admin")]:
            self.assertIn("osxmail account list", self.refused("account", *words))
        self.assertIn("osxmail explain", self.refused("account", "show", dora))

    def test_removedMailIsGone(self) -> None:
        emil = "emil@example.test"
        for words, kept in (("--yes",), 0), (("--keep-mail",), None):
            self.done("account", "add", emil, "--password-stdin", input="geheim\n")
            with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
                smtp.send_message(mail(recipient=emil))
            self.assertEqual(self.json("account", "show", emil)["messages"], 1)
            self.done("account", "remove", emil, *words)
            self.assertFalse(self.login(emil, "geheim"), kept)
        self.done("account", "add", emil, "--password-stdin", input="neu\n")
        self.assertEqual(self.json("account", "show", emil)["messages"], 0)

    def test_forward(self) -> None:
        fritz = "fritz@example.test"
        self.done("account", "add", fritz)
        self.done("account", "set", fritz, "--forward", f"{FAR}, {ANNA}")
        shown = self.json("account", "show", fritz)
        self.assertEqual((shown["state"], shown["forward"], shown["keepCopy"]), ("forward", [FAR, ANNA], False))
        value = self.json("explain", "--to", fritz)
        self.assertEqual([hop["address"] for hop in value["remotes"]], [FAR])
        self.assertEqual([box["address"] for box in value["mailboxes"]], [ANNA])
        self.done("account", "set", fritz, "--keep-copy")
        self.assertIn("a copy is kept here", self.done("account", "show", fritz))
        self.assertEqual({box["address"] for box in self.json("explain", "--to", fritz)["mailboxes"]}, {ANNA, fritz})
        self.done("account", "set", fritz, "--forward", "")
        self.assertEqual(self.json("account", "show", fritz)["state"], "enabled")
        self.assertIn("--forward ADDRESS", self.refused("account", "set", fritz, "--state", "forward"))
        self.assertIn("cannot forward to itself", self.refused("account", "set", fritz, "--forward", fritz))

    def test_accountsThatCannotBe(self) -> None:
        for words, advice in [
            (("new@elsewhere.test",), "osxmail domain add elsewhere.test"),
            (("new",), "local@domain"),
            (("new+detail@example.test",), "no +"),
            (("new@example.test", "--quota", "10X"), "quota: a size is"),
            (("new@example.test", "--forward", "nobody"), "local@domain"),
            (("new@example.test", "--state", "forward"), "--forward ADDRESS"),
        ]:
            self.assertIn(advice, self.refused("account", "add", *words), words)
        self.assertIn("no password", self.refused("account", "add", "new@example.test", "--password-stdin"))
        self.refused("account", "add", "new@example.test", "--state", "happy", status=2)
        self.assertNotIn("new@example.test", self.done("account", "list"))

    def test_aliases(self) -> None:
        info = "info@example.test"
        self.assertEqual(self.done("alias", "add", info, ANNA, FAR), f"{info}: added\n")
        self.assertIn({"address": info, "targets": [ANNA, FAR]}, self.json("alias", "list"))
        self.assertIn(f"{ANNA}, {FAR}", self.done("alias", "list"))
        self.assertIn(f"osxmail alias remove {info}", self.refused("alias", "add", info, ANNA))
        self.assertIn("osxmail alias remove", self.refused("account", "add", info))
        self.assertTrue(self.json("explain", "--to", info)["accepted"])
        self.assertEqual(self.done("alias", "remove", info), f"{info}: removed\n")
        self.assertIn("osxmail alias list", self.refused("alias", "remove", info))
        self.assertIn("osxmail domain add", self.refused("alias", "add", "info@elsewhere.test", ANNA))
        self.assertIn("osxmail account set", self.refused("alias", "add", BERT, ANNA))
        self.assertIn("cannot lead to itself", self.refused("alias", "add", info, ANNA, info))
        self.assertIn("local@domain", self.refused("alias", "add", info, "anna"))


class SettingTests(CommandTestCase):
    settings: ClassVar[dict[str, object]] = {"imap.idle_timeout": "20m"}

    def tearDown(self) -> None:
        self.done("settings", "relay.port", "--default")

    def test_reading(self) -> None:
        text = self.done("settings", "relay.port")
        for words in ("relay.port = 25\n", TABLE["relay.port"].help, "this is the default"):
            self.assertIn(words, text)
        value = self.json("settings", "relay.port")
        self.assertEqual((value["value"], value["default"], value["origin"]), ("25", "25", "default"))
        self.assertEqual([row["key"] for row in self.json("settings")], list(TABLE))
        text = self.done("settings")
        for key in TABLE:
            self.assertIn(key, text)

    def test_changingInEveryForm(self) -> None:
        for words in [("relay.port", "=", "2500"), ("relay.port=2501",), ("relay.port =", "2502"),
                      ("relay.port = 2503",), ("relay.port", "=2504")]:  # fmt: skip
            wanted = re.sub(r"\D", "", "".join(words))
            self.assertIn(f"relay.port = {wanted}\n", self.done("settings", *words))
            value = self.json("settings", "relay.port")
            self.assertEqual((value["value"], value["origin"]), (wanted, "set"), words)
        self.assertIn("the default is 25", self.done("settings", "relay.port"))
        self.assertIn("this is the default", self.done("settings", "relay.port", "--default"))
        self.assertEqual(self.json("settings", "relay.port")["value"], "25")

    def test_listsAndEmptyValues(self) -> None:
        key = "relay.approved_networks"
        text = self.done("settings", key, "=", "192.0.2.7/24", "2001:db8::/32")
        self.assertIn(f"{key} = 192.0.2.0/24, 2001:db8::/32\n", text)
        self.assertEqual(self.json("settings", f"{key}=")["value"], "")

    def test_aChangeCountsAtOnceAndAfterARestart(self) -> None:
        self.done("settings", "smtp.block_inbound", "=", "yes")
        self.addCleanup(self.run_, "settings", "smtp.block_inbound", "--default")
        self.assertIn("inbound mail is blocked", self.done("status"))
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as smtp:
            smtp.ehlo()
            self.assertEqual(smtp.mail(FAR)[0], 451)
        self.daemon.stop()
        self.daemon.start()
        self.assertTrue(self.json("status")["blockInbound"])

    def test_refusals(self) -> None:
        for words, advice in [
            (("relay.hold_outbond",), "did you mean relay.hold_outbound?"),
            (("relay.hold_outbond", "=", "yes"), "did you mean relay.hold_outbound?"),
            (("zzz", "--default"), "there is no setting zzz"),
            (("relay.port", "=", "0"), "outside 1 to 65535"),
            (("relay.hold_outbound", "=", "perhaps"), "write yes or no"),
            (("relay.backoff_first", "=", "5"), "5m"),
            (("smtp.message_size_limit", "=", "1K"), "outside 64K to 2G"),
            (("auth.cleartext", "=", "sometimes"), "never, loopback, always"),
            (("relay.approved_networks", "=", "everybody"), "is no network"),
            (("relay.approved_networks", "=", "10.0.0.0/8", "0.0.0.0/0"), "0.0.0.0/0 is too wide"),
            (("relay.smarthost", "=", "a:b:c"), "write host, host:port or [host]:port"),
            (("relay.smarthost", "=", "a:99999"), "a port is a number"),
            (("zzz",), "osxmail settings shows all"),
            (("mail.unknown_users_to", "=", "anna"), "local@domain"),
        ]:
            text = self.refused("settings", *words)
            self.assertTrue(text.startswith("osxmail: "), text)
            self.assertIn(advice, text, words)

    def test_pinned(self) -> None:
        for words in [("=", "10m"), ("--default",)]:
            text = self.refused("settings", "imap.idle_timeout", *words)
            self.assertIn("is pinned in the configuration file, under [settings]; change it there and reload", text)
        self.assertEqual(self.json("settings", "imap.idle_timeout")["value"], "20m")
        self.assertIn(
            "pinned in the configuration file; the default is 30m", self.done("settings", "imap.idle_timeout")
        )

    def test_secrets(self) -> None:
        key = "relay.smarthost_password"
        self.assertIn("(set)", self.done("settings", key, "--stdin", input="tell nobody\n"))
        self.addCleanup(self.run_, "settings", key, "--default")
        text = self.done("settings") + self.done("settings", key, "--json") + self.daemon.log("server")
        self.assertIn("setting", text)
        self.assertNotIn("tell nobody", text)
        self.assertIn("no value", self.refused("settings", key, "--stdin"))
        self.refused("settings", key, "=", "x", "--stdin", status=2)
        # Others see the words of a command.
        self.assertIn("--stdin", self.refused("settings", key, "=", "tell nobody", status=2))
        self.assertIn("(set)", self.done("settings", key))
        self.assertIn("(not set)", self.done("settings", key, "="))

    def test_aGroup(self) -> None:
        keys = [row["key"] for row in self.json("settings", "log")]
        self.assertEqual(keys, [key for key in TABLE if key.startswith("log.")])
        self.assertIn("log.detailed", self.done("settings", "log"))

    def test_withoutAnEqualsSign(self) -> None:
        text = self.refused("settings", "relay.port", "2525", status=2)
        self.assertIn("osxmail settings relay.port = 2525", text)


class QueueTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.done("settings", "relay.hold_outbound", "=", "yes")
        self.ids = [self.submit(f"number {n}", FAR, "other@elsewhere.test") for n in range(2)]
        self.ids.append(self.submit("number 2", "third@third.test"))

    def tearDown(self) -> None:
        if self.json("queue", "list"):
            self.done("queue", "delete", "--all")

    def submit(self, subject: str, *recipients: str) -> str:
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["submission"]) as smtp:
            smtp.login(ANNA, PASSWORD)
            smtp.ehlo()
            smtp.mail(ANNA)
            for recipient in recipients:
                smtp.rcpt(recipient)
            code, text = smtp.data(mail(subject, recipients[0]).as_bytes(policy=SMTP))
            self.assertEqual(code, 250)
            return text.decode().rpartition(" ")[2]

    def listed(self, *words: str) -> list[str]:
        return [item["id"] for item in self.json("queue", "list", *words)]

    def test_list(self) -> None:
        self.assertEqual(self.listed(), self.ids)
        item = self.json("queue", "list")[0]
        self.assertEqual((item["sender"], item["held"]), (ANNA, False))
        self.assertEqual({r["address"] for r in item["recipients"]}, {FAR, "other@elsewhere.test"})
        self.assertEqual({r["attempts"] for r in item["recipients"]}, {0})
        self.assertEqual(self.listed("--recipient", "third@*"), self.ids[2:])
        self.assertEqual(self.listed("--destination", "third.test"), self.ids[2:])
        self.assertEqual(self.listed("--sender", ANNA), self.ids)
        self.assertEqual(self.listed("--sender", "nobody@*"), [])
        text = self.done("queue", "list")
        for word in (*self.ids, FAR, "third@third.test"):
            self.assertIn(word, text)
        self.assertIn("nothing in the queue is like that", self.done("queue", "list", "--sender", "nobody@*"))
        self.assertIn("outbound mail is held", self.done("status"))
        self.assertIn("queue: 3 messages to 5 recipients, 0 held", self.done("status"))

    def test_show(self) -> None:
        text = self.done("queue", "show", self.ids[0])
        for words in (FAR, "message.accepted", "Subject: number 0", f"id {self.ids[0]}"):
            self.assertIn(words, text)
        self.assertNotIn("\ufffd", text)
        value = self.json("queue", "show", self.ids[0].lower())
        self.assertEqual(value["id"], self.ids[0])
        self.assertIn("Subject: number 0\r\n", value["header"])
        self.assertIn("osxmail trace NOPE", self.refused("queue", "show", "NOPE"))

    def test_holdAndRelease(self) -> None:
        self.assertEqual(self.done("queue", "hold", self.ids[0]), "2 recipients held\n")
        self.assertEqual([item["held"] for item in self.json("queue", "list")], [True, False, False])
        self.assertIn("queue: 3 messages to 5 recipients, 1 held", self.done("status"))
        self.assertEqual(self.done("queue", "hold", "--all"), "3 recipients held\n")
        self.assertEqual(self.done("queue", "release", self.ids[2].lower()), "1 recipient released\n")
        self.assertEqual([item["held"] for item in self.json("queue", "list")], [True, True, False])
        self.done("queue", "release", "--all")
        self.assertEqual([item["held"] for item in self.json("queue", "list")], [False, False, False])
        events = [event["event"] for event in self.json("trace", self.ids[0])]
        self.assertEqual(events, ["message.accepted", "queue.held", "queue.held", "queue.released"])

    def test_whatIsHeldIsNotTried(self) -> None:
        self.done("queue", "hold", self.ids[0])
        text = self.done("queue", "retry", self.ids[0])
        self.assertEqual(
            text, "0 recipients to be tried now\n1 message is held and not tried; osxmail queue release lets go\n"
        )
        text = self.done("queue", "retry", "--all")
        self.assertIn("3 recipients to be tried now\n1 message is held", text)
        self.assertEqual([e["event"] for e in self.json("trace", self.ids[0])], ["message.accepted", "queue.held"])

    def test_delete(self) -> None:
        self.assertIn("osxmail queue list", self.refused("queue", "delete", self.ids[0], "NOPE"))
        self.assertEqual(self.listed(), self.ids)
        self.assertEqual(self.done("queue", "delete", self.ids[0], self.ids[2]), "3 recipients deleted\n")
        self.assertEqual(self.listed(), self.ids[1:2])
        self.assertIn(f"osxmail trace {self.ids[0]}", self.refused("queue", "show", self.ids[0]))
        text = self.done("trace", self.ids[0])
        self.assertIn("queue.deleted", text)
        self.assertIn("by=an administrator", text)
        for word in ("retry", "hold", "release", "delete"):
            self.assertIn("NOPE", self.refused("queue", word, "NOPE"))

    def test_retryAndWhatTheAttemptSaid(self) -> None:
        self.done("queue", "delete", self.ids[1], self.ids[2])
        self.done("settings", "relay.smarthost", "=", f"[127.0.0.1]:{freePort()}")
        self.addCleanup(self.run_, "settings", "relay.smarthost", "--default")
        # Held outbound: a retry tries nothing.
        text = self.done("queue", "retry", "--all")
        self.assertTrue(text.startswith("2 recipients to be tried now\noutbound mail is held"), text)
        self.assertEqual({r["attempts"] for r in self.json("queue", "list")[0]["recipients"]}, {0})
        self.done("settings", "relay.hold_outbound", "--default")

        def attempts() -> int:
            return min(r["attempts"] for r in self.json("queue", "show", self.ids[0])["recipients"])

        until(lambda: attempts() == 1)
        recipient = self.json("queue", "show", self.ids[0])["recipients"][0]
        self.assertIn("4", recipient["lastReply"][:1])
        self.assertIn(recipient["lastReply"][:20], self.done("queue", "list"))
        self.assertIn("delivery.deferred", self.done("trace", self.ids[0]))
        self.assertEqual(self.done("queue", "retry", self.ids[0]), "2 recipients to be tried now\n")
        until(lambda: attempts() == 2)

    def test_whatIsReleasedArrives(self) -> None:
        """
        From the hold to the next host, which is a server of ours in this test.
        """
        next_ = Daemon(("smtp",), hostname="next.elsewhere.test", domains=("elsewhere.test",)).start()
        self.addCleanup(next_.remove)
        for address in (FAR, "other@elsewhere.test"):
            next_.addAccount(address)
        self.done("queue", "delete", self.ids[1], self.ids[2])
        self.done("settings", "relay.smarthost", "=", f"[127.0.0.1]:{next_.ports['smtp']}")
        self.addCleanup(self.run_, "settings", "relay.smarthost", "--default")
        self.done("settings", "relay.hold_outbound", "--default")
        until(lambda: not self.listed())
        self.assertEqual(next_.ask("account.show", address=FAR)["messages"], 1)
        self.assertEqual(next_.ask("account.show", address="other@elsewhere.test")["messages"], 1)
        self.assertIn("delivery.succeeded", self.done("trace", self.ids[0]))


class WithoutAServerTests(TestCase):
    """
    What the command says when nobody answers, and what works without a server.
    """

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="osxmail-", dir="/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-r", str(self.folder)], check=True)
        self.config = self.folder / "osxmail.toml"
        self.config.write_text('hostname = "mail.example.test"\ndata = "data"\n')

    def run_(self, *words: str, **environment: str) -> Done:
        inherited = {key: value for key, value in os.environ.items() if key != "OSXMAIL_CONFIG"}
        return subprocess.run(
            [OSXMAIL, *words], capture_output=True, text=True, timeout=60, cwd=self.folder,
            env={**inherited, **environment},
        )  # fmt: skip

    def test_noServer(self) -> None:
        for words in [("status",), ("reload",), ("account", "list"), ("queue", "list", "--json"), ("settings",)]:
            run = self.run_("--config", str(self.config), *words)
            self.assertEqual((run.returncode, run.stdout), (1, ""), words)
            self.assertIn(
                f"no server answers at {self.folder}/data/control.sock; start it (twistd osxmail), or", run.stderr
            )

    def test_theSocketOfAServerThatWasKilled(self) -> None:
        (self.folder / "data").mkdir()
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(self.folder / "data" / "control.sock"))
        run = self.run_("--config", str(self.config), "status")
        self.assertEqual(run.returncode, 1)
        self.assertIn("no server answers", run.stderr)

    def test_aServerThatBreaksOff(self) -> None:
        (self.folder / "data").mkdir()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / "data" / "control.sock"))
            listener.listen()
            process = subprocess.Popen(
                [OSXMAIL, "--config", str(self.config), "status"], stderr=subprocess.PIPE, text=True
            )
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()
            _, said = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 1)
        self.assertIn("the server broke off", said)

    def test_whereTheConfigurationIsFound(self) -> None:
        self.assertIn(str(self.folder), self.run_("status", OSXMAIL_CONFIG=str(self.config)).stderr)
        run = self.run_("--config", "missing.toml", "status", OSXMAIL_CONFIG=str(self.config))
        self.assertEqual(run.returncode, 1)
        self.assertIn("missing.toml: cannot be read: No such file or directory", run.stderr)

    def test_checkGood(self) -> None:
        run = self.run_("--config", str(self.config), "check")
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, f"{self.config}: in order\n", ""))
        run = self.run_("--config", str(self.config), "check", "--json")
        self.assertEqual(json.loads(run.stdout), {"file": str(self.config), "problems": [], "notes": []})

    def test_checkBad(self) -> None:
        self.config.write_text('hostname = "mail"\n[listen]\nsmtpp = ["tcp:25"]\n[settings]\n"relay.port" = 0\n')
        run = self.run_("--config", str(self.config), "check")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        lines = run.stderr.splitlines()
        self.assertEqual(len(lines), 4, run.stderr)
        for words in ("hostname: 'mail'", "data: is missing", ":3: listen.smtpp: unknown key; did you mean smtp?",
                      ":5: settings.relay.port"):  # fmt: skip
            self.assertIn(words, run.stderr)
        run = self.run_("--config", str(self.config), "check", "--json")
        self.assertEqual(run.returncode, 1)
        self.assertEqual(json.loads(run.stdout)["problems"], lines)

    def test_checkReadsCertificates(self) -> None:
        for name in ("a", "b"):
            makeSelfSigned([f"{name}.test"], self.folder / f"{name}.pem", self.folder / f"{name}.key")
        with self.config.open("a") as file:
            file.write('[tls]\ncertificate = "a.pem"\nkey = "b.key"\n')
        run = self.run_("--config", str(self.config), "check")
        self.assertEqual(run.returncode, 1)
        self.assertIn("this private key is not that of", run.stderr)

    def test_checkTellsOfACertificateThatEnds(self) -> None:
        makeSelfSigned(["a.test"], self.folder / "a.pem", self.folder / "a.key", now=lambda: 1.0e9)
        with self.config.open("a") as file:
            file.write('[tls]\ncertificate = "a.pem"\nkey = "a.key"\n')
        run = self.run_("--config", str(self.config), "check")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("a.pem: this certificate has ended", run.stdout)

    def test_checkTellsOfWhatComesLater(self) -> None:
        with self.config.open("a") as file:
            file.write('[listen]\nconsole = ["tcp:8025"]\n')
        run = self.run_("--config", str(self.config), "check")
        self.assertEqual(run.returncode, 0)
        self.assertIn("this version has no console yet", run.stdout)

    def test_aBrokenConfigurationDoesNotHideTheServer(self) -> None:
        with self.config.open("a") as file:
            file.write('[listen]\nnonsense = ["tcp:8025"]\n')
        self.assertIn("no server answers at", self.run_("--config", str(self.config), "status").stderr)


class ReloadTests(TestCase):
    def test_reload(self) -> None:
        daemon = Daemon(("smtp", "imap")).start()
        self.addCleanup(daemon.remove)
        good = daemon.config.read_text()
        daemon.config.write_text(good + "nonsense = 1\n")
        run = daemon.run("reload")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("nothing was changed", run.stderr)
        self.assertRegex(run.stderr, r"osxmail\.toml:\d+: settings.nonsense: no such setting")
        changed = good.replace('"example.test"', '"example.test"\n[[domain]]\nname = "second.test"')
        changed = changed.replace('"mail.example.test"', '"other.example.test"') + '"imap.idle_timeout" = "10m"\n'
        daemon.config.write_text(changed)
        run = daemon.run("reload")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("domain second.test: added\n", run.stdout)
        self.assertIn("hostname: changed in the file; counts from the next start on\n", run.stdout)
        self.assertEqual(daemon.ask("settings.get", key="imap.idle_timeout")["value"], "10m")
