"""
The whole daemon over a real slapd: who may log in, where mail goes, and what an outage of the directory looks like.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import imaplib
import itertools
import poplib
import re
import smtplib
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import TestCase

from osxmail.errors import Refused
from tests.integration.daemon import Daemon, until
from tests.integration.nameserver import NameServer
from tests.integration.sinkserver import Received, SinkServer
from tests.integration.slapd import BIND_DN, BIND_PASSWORD, SUFFIX, Slapd, slapdMissing
from tests.integration.test_ldap import BOMB, encoded, person, plist
from tests.integration.wire import Wire, allLogs, faults, inMailbox, login, memory

USERS = f"cn=users,{SUFFIX}"
SENDER = "x@far.test"
_numbers = itertools.count(1)


def appleUser(uid: str, number: int, attribute: str, *lines: str) -> str:
    return person(
        uid, f"userPassword: {uid}s-secret", f"apple-generateduid: 0A1B2C3D-0000-4000-9000-{number:012}",
        encoded("apple-user-mailattribute", attribute), *lines, base=USERS, objectClass="apple-user",
    )  # fmt: skip


class Parts:
    """
    A directory, a name server, another mail server (for every domain that is not ours), and the daemon.
    """

    def __init__(self, slapd: Slapd, schema: str, more: str = "") -> None:
        self.slapd = slapd
        atexit.register(self.slapd.close)
        self.slapd.start()
        self.names = NameServer().start()
        atexit.register(self.names.stop)
        self.sink = SinkServer().start()
        atexit.register(self.sink.stop)
        for host in ("elsewhere.test", "far.test", "mail2.example.test"):
            self.names.tell("add", host, "A", "127.0.0.1")
        self.daemon = Daemon(
            settings={"relay.port": self.sink.port, "relay.backoff_first": "1s", "smtp.max_errors": "1000"},
            more=f"""
[dns]
servers = ["{self.names.address}"]
[directory]
kind = "ldap"
url = "{self.slapd.url}"
base = "{SUFFIX}"
bind_dn = "{BIND_DN}"
bind_password = "{BIND_PASSWORD}"
schema = "{schema}"
cache_seconds = 0
timeout_seconds = 2
{more}
""",
        )
        atexit.register(self.daemon.remove)
        self.daemon.start()


_parts: dict[Callable[[], Parts], Parts] = {}


def withInetOrgPerson() -> Parts:
    odd = person("a*(b)\\5cc", "mail: odd@example.test", "userPassword: odd-secret")
    slapd = Slapd.inetOrgPerson(odd.replace("uid=a*(b)\\5cc", "uid=a*(b)\\5c5cc"))
    return Parts(slapd, "inetorgperson", 'domains = ["example.test"]')


def withApple() -> Parts:
    return Parts(
        Slapd.apple(
            "\n".join(
                (
                    appleUser("otto", 1, plist(kUserDiskQuota="1")),
                    appleUser("paul", 2, plist(kUserDiskQuota="1")),
                    appleUser("bomb", 3, BOMB),
                    appleUser("quer", 4, plist(kMailAccountState="Forward", kAutoForwardValue="anna@example.test")),
                    appleUser("rosa", 5, plist(kMailAccountLocation="127.0.0.1")),
                )
            )
        ),
        "apple",
    )


class LDAPServiceCase(TestCase):
    skip = slapdMissing
    make: Callable[[], Parts]

    def setUp(self) -> None:
        make = type(self).make
        if make not in _parts:
            _parts[make] = make()
        self.parts = _parts[make]
        self.daemon, self.slapd, self.sink = self.parts.daemon, self.parts.slapd, self.parts.sink

    # ------------------------------------------------------------------------------------------- by each door

    def imap(self, who: str, password: str) -> str:
        """
        The answer to a login.
        """
        wire = Wire(self.daemon, "imap")
        self.addCleanup(wire.close)
        quoted = [re.sub(r'(["\\])', r"\\\1", word).encode() for word in (who, password)]
        return wire.tagged(b'LOGIN "%b" "%b"' % tuple(quoted))[1].decode()[2:]

    def pop3(self, who: str, password: str) -> str:
        wire = Wire(self.daemon, "pop3")
        self.addCleanup(wire.close)
        wire.ask(b"USER " + who.encode())
        answer = wire.ask(b"PASS " + password.encode()).decode()
        # The maildrop is given back with the session.
        wire.ask(b"QUIT")
        return answer

    def submission(self, who: str, password: str) -> str:
        wire = Wire(self.daemon, "submission")
        self.addCleanup(wire.close)
        wire.send(b"EHLO x\r\n")
        wire.reply()
        return wire.ask(b"AUTH PLAIN " + base64.b64encode(f"\0{who}\0{password}".encode())).decode()

    def everywhere(self, who: str, password: str) -> tuple[str, str, str]:
        return self.imap(who, password), self.pop3(who, password), self.submission(who, password)

    def letIn(self, who: str, password: str) -> None:
        imap, pop3, submission = self.everywhere(who, password)
        self.assertEqual((imap[:2], pop3[:3], submission[:4]), ("OK", "+OK", "235 "), who)

    def refused(self, who: str, password: str) -> None:
        imap, pop3, submission = self.everywhere(who, password)
        self.assertEqual(imap.partition("]")[0], "NO [AUTHENTICATIONFAILED", who)
        self.assertEqual(pop3.partition("]")[0], "-ERR [AUTH", who)
        self.assertEqual(submission[:9], "535 5.7.8", who)

    # ---------------------------------------------------------------------------------------------------- mail

    def rcpt(self, *recipients: str) -> list[str]:
        wire = Wire(self.daemon, "smtp")
        self.addCleanup(wire.close)
        wire.send(b"EHLO x\r\n")
        wire.reply()
        wire.ask(b"MAIL FROM:<x@far.test>")
        return [wire.ask(f"RCPT TO:<{recipient}>".encode()).decode()[:9] for recipient in recipients]

    def deliver(self, *recipients: str, sizeOctets: int = 0) -> str:
        """
        @return: the message's subject.
        """
        subject = f"{self.id().rpartition('.')[2]} {next(_numbers)}"
        body = "x" * 72 + "\r\n"
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"]) as client:
            client.sendmail(SENDER, recipients, f"Subject: {subject}\r\n\r\n{body * (1 + sizeOctets // 74)}")
        return subject

    def has(self, who: str, password: str, subject: str) -> int:
        mark = f"Subject: {subject}\r\n".encode()
        return sum(mark in octets for _, octets in inMailbox(self.daemon, who, password=password))

    def relayed(self, recipient: str, subject: str) -> Received:
        mark = f"Subject: {subject}\r\n".encode()

        def find() -> list[Received]:
            return [message for message in self.sink.to(recipient) if mark in message.data]

        until(find)
        (message,) = find()
        return message

    def outage(self) -> None:
        """
        slapd is stopped: nobody becomes unknown by that; and when it is back so is everything.
        """
        self.slapd.stop()
        try:
            for _ in range(3):
                self.assertEqual(
                    self.rcpt("anna@example.test", "anna+x@example.test", "nobody@example.test", "team@example.test"),
                    ["451 4.3.0"] * 4,
                )
                for who, password in (("anna", "annas-secret"), ("anna", "wrong"), ("nobody", "wrong")):
                    imap, pop3, submission = self.everywhere(who, password)
                    self.assertEqual(imap.partition("]")[0], "NO [UNAVAILABLE", who)
                    self.assertEqual(pop3.partition("]")[0], "-ERR [SYS/TEMP", who)
                    self.assertEqual(submission[:7], "454 4.7", who)
            # What needs no directory goes on.
            self.assertEqual(self.rcpt("y@elsewhere.test"), ["550 5.7.1"])
        finally:
            self.slapd.start()
        until(lambda: self.rcpt("anna@example.test") == ["250 2.1.5"])
        self.assertEqual(self.rcpt("nobody@example.test"), ["550 5.1.1"])
        self.letIn("anna", "annas-secret")
        self.refused("anna", "wrong")


class InetOrgPersonServiceTests(LDAPServiceCase):
    make = staticmethod(withInetOrgPerson)

    def test_logins(self) -> None:
        for who in ("anna", "anna@example.test", "anna.berg@example.test", "ANNA@Example.Test"):
            self.letIn(who, "annas-secret")
        self.refused("anna", "berts-secret")
        # To a directory an empty password is an anonymous bind, which succeeds (RFC 4513 5.1.2).
        imap, pop3, submission = self.everywhere("anna", "")
        self.assertEqual((imap[:2], pop3[:4], submission[:1]), ("NO", "-ERR", "5"))
        self.refused("nobody@example.test", "annas-secret")

    def test_filtersInLoginNames(self) -> None:
        for who in (
            "*", "ann*", "anna)(uid=*", "*)(uid=anna", "anna)", "(", "\\2a", "anna\\00", "*@example.test",
            "anna)(|(uid=*@example.test", "uid=anna,ou=people,dc=example,dc=test", "a" * 300, "änna", "anna\x7f",
        ):  # fmt: skip
            self.refused(who, "annas-secret")
        # Somebody may be called so.
        self.assertEqual(self.imap("a*(b)\\5cc", "odd-secret")[:2], "OK")
        self.assertEqual(self.imap("a*(b)\\5cc", "annas-secret")[:2], "NO")
        self.assertEqual(self.rcpt("*@example.test", "ann*@example.test"), ["550 5.1.1"] * 2)
        self.assertEqual(faults(self.daemon), [])

    def test_deliveryAndReading(self) -> None:
        subject = self.deliver("Anna.Berg@example.test", "bert+detail@example.test")
        for who, password in (("anna", "annas-secret"), ("bert@example.test", "berts-secret")):
            self.assertEqual(self.has(who, password, subject), 1)
        drop = poplib.POP3("127.0.0.1", self.daemon.ports["pop3"])
        drop.user("anna")
        drop.pass_("annas-secret")
        count = drop.stat()[0]
        self.assertIn(f"Subject: {subject}".encode(), drop.retr(count)[1])
        drop.quit()
        self.assertEqual(
            self.rcpt("nobody@example.test", "anna@elsewhere.test", "osxmail@example.test"),
            ["550 5.1.1", "550 5.7.1", "550 5.1.1"],
        )

    def test_submission(self) -> None:
        """
        A person of the directory sends as each of her addresses, and as nobody else.
        """
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["submission"]) as client:
            client.login("anna", "annas-secret")
            for sender in ("anna@example.test", "anna.berg@example.test"):
                client.sendmail(sender, ["z@elsewhere.test"], f"From: {sender}\r\nSubject: from {sender}\r\n\r\nx\r\n")
            client.mail("bert@example.test")
            self.assertGreaterEqual(client.rcpt("z@elsewhere.test")[0], 500)
        self.relayed("z@elsewhere.test", "from anna.berg@example.test")

    def test_forwardAndOtherHost(self) -> None:
        subject = self.deliver("clara@example.test", "d.erb@example.test")
        self.relayed("clara@elsewhere.test", subject)
        self.assertIn("SIZE", self.relayed("d.erb@example.test", subject).sender)
        # Their mail is not here: an empty mailbox would tell a mail program otherwise.
        self.assertEqual(self.imap("doris", "doriss-secret").partition("]")[0], "NO [AUTHORIZATIONFAILED")
        self.assertEqual(self.pop3("doris", "doriss-secret").partition("]")[0], "-ERR [AUTH")
        self.assertEqual(self.submission("doris", "doriss-secret")[:3], "235")

    def test_groups(self) -> None:
        subject = self.deliver("team@example.test", "anna@example.test")
        self.assertEqual(self.has("anna", "annas-secret", subject), 1)
        self.assertEqual(self.has("bert", "berts-secret", subject), 1)
        self.relayed("doris@example.test", subject)
        subject = self.deliver("sales@example.test")
        self.assertEqual(self.has("anna", "annas-secret", subject), 1)
        self.relayed("partner@elsewhere.test", subject)

    def test_outage(self) -> None:
        self.letIn("anna", "annas-secret")
        # Who is in stays in.
        inside = login(self.daemon, "anna", "annas-secret")
        self.addCleanup(inside.shutdown)
        inside.select("INBOX")
        before = self.daemon.log("directory").count("directory.away")
        self.outage()
        self.assertEqual(inside.noop()[0], "OK")
        self.assertEqual(self.daemon.log("directory").count("directory.away"), before + 1)

    def test_hang(self) -> None:
        """
        A directory that takes connections and says nothing.
        """
        self.letIn("anna", "annas-secret")
        self.slapd.hang()
        try:
            self.assertEqual(self.rcpt("anna@example.test"), ["451 4.3.0"])
            self.assertEqual(self.imap("anna", "annas-secret").partition("]")[0], "NO [UNAVAILABLE")
        finally:
            self.slapd.wake()
        until(lambda: self.rcpt("anna@example.test") == ["250 2.1.5"])
        self.letIn("anna", "annas-secret")


class AppleServiceTests(LDAPServiceCase):
    make = staticmethod(withApple)

    def quota(self, who: str, password: str) -> int:
        return sum(len(octets) for _, octets in inMailbox(self.daemon, who, password=password))

    def queued(self, recipient: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.daemon.ask("queue.list", recipient=recipient)
        return found

    def retry(self, item: dict[str, Any]) -> None:
        # The queue may have tried by itself meanwhile.
        with contextlib.suppress(Refused):
            self.daemon.ask("queue.retry", ids=[item["id"]])

    def test_logins(self) -> None:
        for who in ("anna", "aberg", "anna@example.test", "aberg@example.test", "anna.berg@example.test"):
            self.letIn(who, "annas-secret")
        self.letIn("ines", "iness-secret")
        self.letIn("rosa", "rosas-secret")
        self.refused("anna", "berts-secret")
        self.refused("*", "annas-secret")

    def test_denied(self) -> None:
        imap, pop3, submission = self.everywhere("bert", "berts-secret")
        self.assertEqual((imap[:2], pop3.partition("]")[0], submission[:3]), ("OK", "-ERR [AUTH", "235"))
        imap, pop3, submission = self.everywhere("gerda", "gerdas-secret")
        self.assertEqual((imap.partition("]")[0], pop3[:3], submission[:3]), ("NO [AUTHORIZATIONFAILED", "+OK", "235"))
        # Off, and never switched on: by no door.
        for who in ("emil", "hugo"):
            imap, pop3, submission = self.everywhere(who, f"{who}s-secret")
            self.assertEqual(imap.partition("]")[0], "NO [AUTHORIZATIONFAILED")
            self.assertEqual(pop3.partition("]")[0], "-ERR [AUTH")
            self.assertEqual(submission[:9], "535 5.7.1")
        # But only to those who know the password.
        self.refused("emil", "wrong")

    def test_offForwardAndElsewhere(self) -> None:
        self.assertEqual(
            self.rcpt("emil@example.test", "hugo@example.test", "clara@example.test", "doris@example.test"),
            ["550 5.2.1", "550 5.2.1", "250 2.1.5", "250 2.1.5"],
        )
        subject = self.deliver("clara@example.test", "doris@example.test", "quer@example.test", "rosa@example.test")
        self.relayed("clara@elsewhere.test", subject)
        self.relayed("doris@example.test", subject)
        self.assertEqual(self.has("anna", "annas-secret", subject), 1)
        # A mail host that is one of this machine's addresses is this server.
        self.assertEqual(self.has("rosa", "rosas-secret", subject), 1)
        explained = self.daemon.run("explain", "--from", SENDER, "--to", "doris@example.test").stdout
        self.assertIn("mail2.example.test", explained)

    def test_groups(self) -> None:
        subject = self.deliver("team@example.test")
        self.assertEqual(self.has("anna", "annas-secret", subject), 1)
        self.assertEqual(self.has("bert", "berts-secret", subject), 1)
        self.relayed("doris@example.test", subject)

    def test_quota(self) -> None:
        """
        One megabyte: what finds no room waits in the queue, more is refused for now, and with room all of it is there.
        """
        first = self.deliver("otto@example.test", sizeOctets=600_000)
        second = self.deliver("otto@example.test", "anna@example.test", sizeOctets=600_000)
        (item,) = until(lambda: self.queued("otto@example.test"))
        self.assertEqual([r["destination"] for r in item["recipients"]], ["local"])
        self.assertEqual(self.rcpt("otto@example.test", "anna@example.test"), ["452 4.2.2", "250 2.1.5"])
        self.assertEqual(self.has("anna", "annas-secret", second), 1)
        self.assertEqual((self.has("otto", "ottos-secret", first), self.has("otto", "ottos-secret", second)), (1, 0))
        client = login(self.daemon, "otto", "ottos-secret")
        self.addCleanup(client.shutdown)
        # IMAP counts in the same quota.
        with self.assertRaises(imaplib.IMAP4.error) as caught:
            _, data = client.append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"x" * 600_000)
            raise imaplib.IMAP4.error(data[0])
        self.assertIn(b"[OVERQUOTA]", caught.exception.args[0])
        client.select("INBOX")
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
        self.retry(item)
        until(lambda: self.has("otto", "ottos-secret", second))
        until(lambda: not self.queued("otto@example.test"))
        self.assertEqual(self.has("otto", "ottos-secret", second), 1)
        client.noop()
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
        self.assertEqual(self.rcpt("otto@example.test"), ["250 2.1.5"])

    def test_quotaRefused(self) -> None:
        """
        Where full mailboxes refuse, the sender of what waits is told.
        """
        self.deliver("paul@example.test", sizeOctets=600_000)
        subject = self.deliver("paul@example.test", sizeOctets=600_000)
        (item,) = until(lambda: self.queued("paul@example.test"))
        self.daemon.ask("settings.set", key="mail.over_quota", value="refuse")
        try:
            self.assertEqual(self.rcpt("paul@example.test"), ["552 5.2.2"])
            self.retry(item)
            until(lambda: [m for m in self.sink.to(SENDER) if subject.encode() in m.data])
        finally:
            self.daemon.ask("settings.reset", key="mail.over_quota")
        (notice,) = [m for m in self.sink.to(SENDER) if subject.encode() in m.data]
        self.assertIn("FROM:<>", notice.sender)
        self.assertIn(b"Final-Recipient: rfc822; paul@example.test\r\n", notice.data)
        self.assertIn(b"Status: 5.2.2\r\n", notice.data)
        until(lambda: not self.queued("paul@example.test"))

    def test_bomb(self) -> None:
        """
        XML entities that would become 10^11 octets are not expanded: nobody can say where this person's mail goes.
        """
        before = memory(self.daemon)
        self.assertEqual(self.rcpt("bomb@example.test", "anna@example.test"), ["451 4.3.0", "250 2.1.5"])
        imap, pop3, submission = self.everywhere("bomb", "bombs-secret")
        self.assertEqual(
            (imap.partition("]")[0], pop3.partition("]")[0], submission[:3]),
            ("NO [UNAVAILABLE", "-ERR [SYS/TEMP", "454"),
        )
        self.assertLess(memory(self.daemon) - before, 16 * 1024)
        self.assertIn("entities", allLogs(self.daemon))

    def test_outage(self) -> None:
        self.outage()
