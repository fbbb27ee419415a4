"""
What no well-behaved client sends, on real sockets: a clear error and a session in step, or a closed one; never a
traceback, a message that nobody sent, memory without bound, or a wait for somebody else.
"""

from __future__ import annotations

import base64
import contextlib
import random
import re
import threading
import time

from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon, shared, until
from tests.integration.wire import FAULT_TOLD, Watch, Wire, faults, inMailbox, memory

ANNA, BERT, OTHER = "anna@example.test", "bert@example.test", "other@example.test"
SERVICES = ("smtp", "submission", "submissions", "lmtp", "imap", "imaps", "pop3", "pop3s")
PLAIN = ("smtp", "submission", "lmtp", "imap", "pop3")
MAX_GROWTH_KIB = 24 * 1024
MAX_WAIT_SECONDS = 0.5
#: What a server may say, line by line.
SMTP_LINE = re.compile(rb"[2-5]\d\d(?:[ -][ -~]*)?")
POP3_LINE = re.compile(rb"(?:\+OK|-ERR|\+)(?: [\x20-\x7e]*)?")
IMAP_LINE = re.compile(rb"(?:\*|\+|[^\x00-\x20(){%*\"\\\x7f-\xff+]{1,128}) [\x20-\x7e]*")
LINES = {"smtp": SMTP_LINE, "submission": SMTP_LINE, "lmtp": SMTP_LINE, "imap": IMAP_LINE, "pop3": POP3_LINE}


def hello(service: str) -> bytes:
    return b"LHLO x.test\r\n" if service == "lmtp" else b"EHLO x.test\r\n"


def house() -> Daemon:
    return Daemon(SERVICES, settings={"mail.postmaster": BERT})


def hasty() -> Daemon:
    return Daemon(SERVICES, settings={"login.timeout": "5s", "smtp.idle_timeout": "10s"})


class BadInputCase(TestCase):
    make = staticmethod(house)

    def setUp(self) -> None:
        self.daemon = shared(type(self).make, ANNA, BERT, OTHER)
        self._wires: list[Wire] = []
        self.addCleanup(self.unharmed)

    def unharmed(self) -> None:
        """
        After each test: it runs, has had no fault, and has told nobody of one.
        """
        for wire in self._wires:
            self.assertIsNone(FAULT_TOLD.search(wire.seen), bytes(wire.seen[:1000]))
            wire.close()
        assert self.daemon.process is not None
        self.assertIsNone(self.daemon.process.poll())
        self.assertEqual(faults(self.daemon), [])

    def wire(self, service: str, greeting: bool = True) -> Wire:
        wire = Wire(self.daemon, service, greeting)
        self._wires.append(wire)
        return wire

    def inside(self, service: str, who: str = ANNA) -> Wire:
        """
        A session that has logged in, or has said hello where nobody logs in.
        """
        wire = self.wire(service)
        if service.startswith("imap"):
            self.assertEqual(wire.tagged(f'LOGIN {who} "{PASSWORD}"'.encode())[1][:4], b"t OK")
        elif service.startswith("pop3"):
            wire.ask(b"USER " + who.encode())
            self.assertEqual(wire.ask(b"PASS " + PASSWORD.encode())[:3], b"+OK")
        else:
            wire.send(hello(service))
            self.assertEqual(wire.reply()[:3], b"250")
            if service.startswith("submission"):
                plain = base64.b64encode(f"\0{who}\0{PASSWORD}".encode())
                self.assertEqual(wire.ask(b"AUTH PLAIN " + plain)[:3], b"235")
        return wire

    def works(self, wire: Wire, service: str) -> bool:
        """
        Is the session in step: one command, its answer?
        """
        if service.startswith("imap"):
            return wire.tagged(b"NOOP", b"zz")[1].startswith(b"zz OK")
        if service.startswith("pop3"):
            return wire.ask(b"CAPA").startswith(b"+OK") and wire.until(b".")[-1] == b"."
        return wire.ask(b"NOOP").startswith(b"250")


class FloodTests(BadInputCase):
    def test_hundredMegabytesWithoutNewline(self) -> None:
        """
        At every door at once, before the login: the kernel's buffers fill, we do not.
        """
        before = memory(self.daemon)
        sent: dict[str, int] = {}

        def flood(service: str, first: bytes) -> None:
            wire = Wire(self.daemon, service)
            self._wires.append(wire)
            count = 0
            with contextlib.suppress(OSError):
                wire.send(first)
                while count < 100_000_000:
                    wire.send(b"x" * 65536)
                    count += 65536
            sent[f"{service} {first!r}"] = count

        floods = [(service, b"") for service in SERVICES]
        floods += [
            ("submission", b"EHLO x\r\nAUTH PLAIN "), ("pop3", b"AUTH PLAIN\r\n"),
            ("imap", b"a AUTHENTICATE PLAIN\r\n"), ("imap", b'a LOGIN "'),
            ("imap", b"a LOGIN {4000+}\r\n"), ("imap", b"a LOGIN {100000000+}\r\n"),
        ]  # fmt: skip
        threads = [threading.Thread(target=flood, args=args, daemon=True) for args in floods]
        with Watch(self.daemon, OTHER) as watch:
            most = before
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                most = max(most, memory(self.daemon))
                time.sleep(0.02)
            for thread in threads:
                thread.join(30)
        self.assertEqual(len(sent), len(floods))
        for what, count in sent.items():
            self.assertLess(count, 20_000_000, what)
        self.assertLess(most - before, MAX_GROWTH_KIB)
        self.assertLess(watch.slowest, MAX_WAIT_SECONDS)
        self.assertGreater(watch.answers, 4)

    def test_tooLarge(self) -> None:
        """
        More than is allowed, by each way in: refused, passed over without being kept, and the session goes on.
        """
        limit = 50 << 20
        piece = (b"x" * 1022 + b"\r\n") * 64
        before = memory(self.daemon)
        most = 0

        def flood(wire: Wire) -> None:
            nonlocal most
            for _ in range(limit // len(piece) + 2):
                wire.send(piece)
                most = max(most, memory(self.daemon))

        with Watch(self.daemon, OTHER) as watch:
            wire = self.inside("smtp")
            self.assertEqual(wire.ask(b"MAIL FROM:<x@far.test> SIZE=%d" % (limit + 1))[:9], b"552 5.3.4")
            wire.ask(b"MAIL FROM:<x@far.test>")
            wire.ask(b"RCPT TO:<bert@example.test>")
            self.assertEqual(wire.ask(b"DATA")[:3], b"354")
            flood(wire)
            self.assertEqual(wire.ask(b".")[:9], b"552 5.3.4")
            self.assertTrue(self.works(wire, "smtp"))
            wire = self.inside("lmtp")
            wire.ask(b"MAIL FROM:<x@far.test>")
            wire.ask(b"RCPT TO:<bert@example.test>")
            wire.send(b"BDAT %d LAST\r\n" % ((limit // len(piece) + 2) * len(piece)))
            flood(wire)
            self.assertEqual(wire.reply()[:9], b"552 5.3.4")
            self.assertTrue(self.works(wire, "lmtp"))
            wire = self.inside("imap")
            wire.send(b"t APPEND INBOX {%d+}\r\n" % ((limit // len(piece) + 2) * len(piece)))
            flood(wire)
            wire.send(b"\r\n")
            self.assertRegex(wire.untilTagged(b"t")[1], rb"^t NO \[(TOOBIG|LIMIT)\]")
            self.assertTrue(self.works(wire, "imap"))
        self.assertLess(most - before, MAX_GROWTH_KIB)
        self.assertLess(watch.slowest, MAX_WAIT_SECONDS)
        until(lambda: not [p for p in (self.daemon.data / "spool").iterdir() if p.stat().st_size])

    def test_commandsWhoseAnswersNobodyReads(self) -> None:
        before = memory(self.daemon)
        commands = {"smtp": b"HELP\r\n", "lmtp": b"VRFY x\r\n", "imap": b"a NOOP\r\n", "pop3": b"CAPA\r\n"}
        for service, command in commands.items():
            wire = self.wire(service)
            wire.sock.settimeout(1.0)
            sent = 0
            with contextlib.suppress(OSError):
                while sent < 60_000_000:
                    sent += wire.sock.send(command * 5000)
            self.assertLess(sent, 30_000_000, service)
            self.assertLess(memory(self.daemon) - before, MAX_GROWTH_KIB, service)
            wire.reset()

    def test_tenThousandCommandsAtOnce(self) -> None:
        count = 10_000
        with Watch(self.daemon, OTHER) as watch:
            for service, command, answer in (
                ("smtp", b"NOOP\r\n", rb"250 2\.0\.0 OK"),
                ("smtp", b"MAIL FROM:<x@far.test>\r\nRSET\r\n", rb"250 2\.[01]\.0 .*"),
                ("lmtp", b"RSET\r\n", rb"250 2\.0\.0 OK"),
                ("imap", b"%d NOOP\r\n", rb"%d OK .*"),
                ("imap", b"%d STATUS INBOX (MESSAGES)\r\n", rb"%d OK .*"),
                ("pop3", b"STAT\r\n", rb"\+OK \d+ \d+"),
            ):
                wire = self.inside(service, BERT)
                steps = command.count(b"\r\n")
                numbered = b"%d" in command
                data = b"".join(command % n if numbered else command for n in range(count // steps))
                sender = threading.Thread(target=wire.send, args=(data,), daemon=True)
                sender.start()
                for number in range(count // steps * steps):
                    line = wire.line()
                    while numbered and line.startswith(b"* "):
                        line = wire.line()
                    wanted = answer % number if numbered else answer
                    self.assertIsNotNone(re.fullmatch(wanted, line), (service, number, line))
                sender.join()
                self.assertTrue(self.works(wire, service))
                wire.close()
        self.assertLess(watch.slowest, MAX_WAIT_SECONDS)

    def test_fiveThousandRecipients(self) -> None:
        """
        Each is answered, the limit is said, and LMTP gives each that was taken its own reply.
        """
        wire = self.inside("lmtp")
        wire.ask(b"MAIL FROM:<x@far.test>")
        before = len(inMailbox(self.daemon, BERT))
        with Watch(self.daemon, OTHER) as watch:
            wire.send(b"".join(b"RCPT TO:<bert+%d@example.test>\r\n" % n for n in range(5000)))
            codes = [wire.line()[:3] for _ in range(5000)]
            self.assertEqual(codes, [b"250"] * 1000 + [b"452"] * 4000)
            self.assertEqual(wire.ask(b"DATA")[:3], b"354")
            wire.send(b"Subject: to many\r\n\r\n.\r\n")
            self.assertEqual([wire.line()[:3] for _ in range(1000)], [b"250"] * 1000)
        self.assertTrue(self.works(wire, "lmtp"))
        self.assertEqual(len(inMailbox(self.daemon, BERT)), before + 1)
        self.assertLess(watch.slowest, MAX_WAIT_SECONDS)
        # All of them unknown: a session that only guesses names is ended.
        wire = self.inside("smtp")
        wire.ask(b"MAIL FROM:<x@far.test>")
        with contextlib.suppress(OSError):
            wire.send(b"".join(b"RCPT TO:<nobody%d@example.test>\r\n" % n for n in range(5000)))
        lines = wire.rest().split(b"\r\n")[:-1]
        self.assertEqual({line[:3] for line in lines[:-1]}, {b"550"})
        self.assertEqual(lines[-1][:9], b"421 4.7.0")
        self.assertLess(len(lines), 25)


class LineTests(BadInputCase):
    def step(self, service: str, data: bytes) -> Wire:
        """
        Send it to a fresh session, then ask whether it is in step; everything that was said is what a server says.
        """
        wire = self.wire(service)
        more = {"imap": b"zz NOOP\r\nzz LOGOUT\r\n", "pop3": b"QUIT\r\n"}
        with contextlib.suppress(ConnectionError):
            wire.send(data + more.get(service, b"NOOP\r\nQUIT\r\n"))
        # Where it rightly waits for more it is silent.
        wire.rest(3)
        lines = bytes(wire.seen).split(b"\r\n")
        self.assertEqual(lines.pop(), b"", (service, data[:100]))
        for line in lines:
            if not (service == "pop3" and (line == b"." or re.fullmatch(rb"[A-Z0-9-]+( [ -~]*)?", line))):
                self.assertIsNotNone(LINES[service].fullmatch(line), (service, data[:100], line))
        return wire

    def test_overlongLines(self) -> None:
        for service in PLAIN:
            for octets in (3_000, 20_000, 70_000, 250_000):
                for form in (b"x" * octets, b"NOOP " + b"x" * octets, b"a NOOP " + b" " * octets, b"\0" * octets):
                    wire = self.step(service, form + b"\r\n")
                    self.assertRegex(bytes(wire.seen), rb"(?m)^(50\d |-ERR|\S+ BAD|421 |250 2|\+OK Bye)")
                    if octets < 70_000:
                        # In step: the command behind it was answered.
                        self.assertRegex(bytes(wire.seen), rb"(?m)^(221 |\+OK|zz OK)")

    def test_noLinesAtAll(self) -> None:
        chance = random.Random(6)
        forms = [
            b"\r\n", b"\n", b"\r", b" \r\n", b"\0\r\n", b"\xff\xfe\xfd\r\n", b"\r\r\n\n\r", b"\x80" * 500 + b"\r\n",
            "NÖÖP\r\n".encode(), b"NOOP\0\r\n", b"NOOP \xc3\r\n", b"EHLO \xff\xff\r\n", b"EHLO \0\r\n", b"HELO\r\n",
            b"MAIL FROM:<\xc3\x28@far.test>\r\n", b"MAIL FROM:<\0>\r\n", b"RCPT TO:<\xff>\r\n", b"AUTH PLAIN \xff\r\n",
            b"AUTH PLAIN AAAA\r\n", b"AUTH LOGIN =\r\n*\r\n", b"AUTH \0\r\n", b"BDAT x\r\n", b"BDAT -1\r\n",
            b"BDAT 99999999999999999999 LAST\r\n", b"STARTTLS now\r\n", b"STLS now\r\n", b"USER \0\r\nPASS \xff\r\n",
            b"USER \xc3\xa4\r\nPASS \xc3\r\n", b"PASS\r\n", b"RETR 1\r\n", b"TOP 99999999999999999999 -1\r\n",
            b"APOP a b\r\n", b"AUTH\r\n", b'a LOGIN "\xff" "\0"\r\n', b'a LOGIN "x\r\n', b"a LOGIN {3}\r\nab\0 x\r\n",
            b"a AUTHENTICATE PLAIN \xff\r\n", b"a AUTHENTICATE PLAIN =\r\n", b"a AUTHENTICATE PLAIN\r\n\xff\r\n",
            b"* NOOP\r\n", b"a\r\n", b"a (((\r\n", b"+ NOOP\r\n", b"a\0 NOOP\r\n", b"\xe4 NOOP\r\n", b"a UID\r\n",
            b"a UID NOOP\r\n", b"a NOOP x\r\n", b"a {}\r\n", b"a {1\r\n", b"a FETCH 1 {\r\n", b"DONE\r\n",
            b"{5}\r\nab\r\n",
        ]  # fmt: skip
        forms += [bytes(chance.choices(range(256), k=chance.randrange(1, 200))) + b"\r\n" for _ in range(30)]
        words = b'a NOOP LOGIN FETCH USER PASS EHLO MAIL FROM: RCPT TO: DATA BDAT {3+} { } ( ) " \\ < > * \0 \xff 1:*'
        for _ in range(40):
            forms.append(b" ".join(chance.choices(words.split(), k=chance.randrange(1, 8))) + b"\r\n")
        for service in PLAIN:
            for form in forms:
                self.step(service, form)

    def test_literalsThatLie(self) -> None:
        before = len(inMailbox(self.daemon, ANNA))
        wire = self.wire("imap")
        for size in (b"9" * 20, b"4294967296", b"4097", b"18446744073709551617", b"-1", b"1e3", b"", b"0x5"):
            answer = wire.tagged(b"LOGIN {%b}" % size)[1]
            self.assertEqual(answer[:5], b"t BAD", size)
        wire.close()
        # One that is not waited for and too large to be passed over: the session is over.
        for size in (b"99999999999999999999", b"4294967296", b"70000000"):
            wire = self.wire("imap")
            wire.send(b"t LOGIN {%b+}\r\nNOOP\r\n" % size)
            self.assertTrue(wire.isOver(5), size)
            self.assertNotIn(b"t OK", wire.seen)
        wire = self.inside("imap")
        for size in (b"99999999999999999999", b"4294967296", b"52428801"):
            self.assertEqual(wire.tagged(b"APPEND INBOX {%b}" % size)[1][:4], b"t NO", size)
        self.assertTrue(self.works(wire, "imap"))
        # More than was announced: no message, and what follows is no command.
        wire.send(b"t APPEND INBOX {10+}\r\nSubject: x and more {5+}\r\nabcde\r\nt5 NOOP\r\n")
        self.assertEqual(wire.untilTagged(b"t")[1][:5], b"t BAD")
        self.assertEqual(wire.untilTagged(b"t5")[1][:5], b"t5 OK")
        # Less than was announced, and gone.
        for size in (100, 100_000, 5_000_000):
            cut = self.inside("imap")
            cut.send(b"t APPEND INBOX {%d+}\r\nSubject: cut\r\n\r\n" % size + b"x" * (size // 2))
            cut.reset()
        until(lambda: len(self.daemon.ask("connections.list")) <= 1)
        self.assertEqual(len(inMailbox(self.daemon, ANNA)), before)
        # Very many of them.
        wire.send(b"t SEARCH" + b" SUBJECT {1+}\r\nx" * 2000 + b"\r\n")
        self.assertIn(wire.untilTagged(b"t")[1][:5], (b"t BAD", b"t NO "))
        self.assertTrue(self.works(wire, "imap"))

    def test_numbersThatAreTooLarge(self) -> None:
        wire = self.inside("imap")
        wire.tagged(b"SELECT INBOX")
        huge = b"9" * 4000
        for command in (
            b"FETCH %b FLAGS", b"FETCH 1:%b FLAGS", b"UID FETCH %b:* FLAGS", b"FETCH 1 BODY[]<%b.1>",
            b"FETCH 1 BODY[]<0.%b>", b"FETCH 1 BODY[%b]", b"FETCH 1 (FLAGS) (CHANGEDSINCE %b)", b"SEARCH LARGER %b",
            b"SEARCH UID %b", b"STORE %b FLAGS ()", b"FETCH 4294967296 FLAGS", b"FETCH 0 FLAGS",
        ):  # fmt: skip
            answer = wire.tagged(command % huge if b"%b" in command else command)[1]
            self.assertEqual(answer[:5], b"t BAD", command)
        answer = wire.tagged(b"FETCH " + b",".join(b"%d:%d" % (n, 4294967295 - n) for n in range(1, 3000)) + b" FLAGS")
        self.assertIn(answer[1][:4], (b"t OK", b"t BA"))
        self.assertEqual(wire.tagged(b"UID FETCH 4294967295:1 UID")[1][:4], b"t OK")
        self.assertTrue(self.works(wire, "imap"))
        drop = self.inside("pop3")
        for command in (b"RETR %b", b"LIST %b", b"DELE %b", b"TOP 1 %b", b"TOP %b 1", b"UIDL %b"):
            self.assertEqual(drop.ask(command % (b"9" * 1000))[:4], b"-ERR", command)
            if command != b"TOP 1 %b":
                self.assertEqual(drop.ask(command % b"0")[:4], b"-ERR", command)
        self.assertTrue(self.works(drop, "pop3"))


class StateTests(BadInputCase):
    def test_injectionBeforeTLS(self) -> None:
        """
        What came in clear text before TLS is not run in it (RFC 3207 4.2, RFC 9051 6.2.1, RFC 2595 4).
        """
        for service, start, harm, after, answer in (
            ("smtp", b"STARTTLS", b"MAIL FROM:<evil@far.test>\r\n", b"RCPT TO:<anna@example.test>", b"503"),
            ("submission", b"STARTTLS", b"EHLO evil\r\nMAIL FROM:<evil@far.test>\r\n", b"RCPT TO:<a@far.test>", b"503"),
            ("lmtp", b"STARTTLS", b"LHLO x\r\nMAIL FROM:<>\r\n", b"RCPT TO:<anna@example.test>", b"503"),
            ("pop3", b"STLS", b"USER anna@example.test\r\n", b"PASS correct horse", b"-ERR"),
            ("imap", b"a STARTTLS", b'x LOGIN anna@example.test "correct horse"\r\n', b"b SELECT INBOX", b"b BAD"),
            ("imap", b"a STARTTLS", b"x LOGIN {17+}\r\n", b"b SELECT INBOX", b"b BAD"),
        ):
            wire = self.wire(service)
            if service in ("smtp", "submission", "lmtp"):
                wire.send(hello(service))
                wire.reply()
            wire.send(start + b"\r\n" + harm)
            self.assertRegex(wire.line(), rb"^(220 |\+OK|a OK)")
            wire.startTLS()
            wire.send(after + b"\r\n")
            # The first thing that is said in TLS is the answer to what was said in TLS.
            self.assertEqual(wire.line()[: len(answer)], answer, service)
            self.assertEqual(wire.rest(0.1), b"", service)

    def test_resetInEveryState(self) -> None:
        before = len(inMailbox(self.daemon, ANNA))
        plain = base64.b64encode(f"\0{ANNA}\0{PASSWORD}".encode())
        mail = [b"MAIL FROM:<anna@example.test>\r\n", b"RCPT TO:<anna@example.test>\r\n"]
        content = [b"DATA\r\n", b"Subject: cut\r\n", b"\r\n" + b"x" * 300_000, b"\r\n.", b"\r"]
        sessions = {
            "smtp": [b"", b"EHLO x\r\n", *mail, *content],
            "lmtp": [b"LHLO x\r\n", *mail, b"BDAT 100000\r\n", b"x" * 50_000],
            "submission": [b"EHLO x\r\n", b"AUTH PLAIN\r\n", plain[:5], plain[5:] + b"\r\n", *mail, *content],
            "submissions": [b"EH", b"LO x\r\n", b"AUTH LOGIN\r\n", b"YW5uYQ==\r\n"],
            "imap": [
                b"a LOGIN {17}\r\n", b"anna@exam", b'ple.test "correct horse"\r\n', b"b SELECT INBOX\r\n",
                b"c FETCH 1:* (BODY.PEEK[] ENVELOPE)\r\n", b"d IDLE\r\n", b"DO", b"NE\r\n",
                b"e APPEND INBOX {400000+}\r\n", b"Subject: cut\r\n\r\n" + b"x" * 300_000,
            ],
            "imaps": [b"", b'a LOGIN anna "correct horse"\r\n', b"b SELECT INBOX\r\n", b"c IDLE\r\n"],
            "pop3": [b"USER anna\r\n", b"PASS correct horse\r\n", b"RETR 1\r\n", b"DELE 1\r\n", b"TOP 1"],
            "pop3s": [b"USER anna\r\n", b"PASS correct horse\r\n", b"LIST\r\n"],
        }  # fmt: skip
        # Something to fetch.
        wire = self.inside("imap")
        wire.tagged(b"APPEND INBOX {200016+}\r\nSubject: large\r\n" + b"x" * 200_000)
        wire.close()
        for service, steps in sessions.items():
            for number in range(len(steps) + 1):
                for isClean in (False, True):
                    wire = self.wire(service)
                    for step in steps[:number]:
                        wire.send(step)
                    # The last step may still be under way, or done.
                    if isClean:
                        time.sleep(0.01)
                        wire.close()
                    else:
                        wire.reset()
        until(lambda: self.daemon.ask("connections.list") == [])
        self.assertEqual(len(inMailbox(self.daemon, ANNA)), before + 1)
        # The maildrop was given back, and nothing was deleted by a session without QUIT.
        drop = self.inside("pop3")
        self.assertEqual(drop.ask(b"STAT").split()[1], b"%d" % (before + 1))
        until(lambda: not [p for p in (self.daemon.data / "spool").iterdir() if p.stat().st_size])
        self.assertEqual(self.daemon.ask("queue.list"), [])


class LorisTests(BadInputCase):
    make = staticmethod(hasty)

    def test_octetByOctet(self) -> None:
        """
        Hundreds of clients that say one octet now and then: nobody else waits, and who does not log in is shown out.
        """
        wires = [self.wire(service, greeting=False) for service in ("imap", "pop3", "submission", "smtp") * 75]
        text = {0: b"a LOGIN anna", 1: b"USER anna@ex", 2: b"EHLO x.test.", 3: b"EHLO x.test."}
        started = time.monotonic()
        with Watch(self.daemon, OTHER) as watch:
            for number in range(12):
                for index, wire in enumerate(wires):
                    with contextlib.suppress(OSError):
                        wire.send(text[index % 4][number : number + 1])
                time.sleep(0.3)
            # Those that say nothing more.
            for index, wire in enumerate(wires):
                if index % 4 < 2:
                    self.assertTrue(wire.isOver(max(0.1, 9 - (time.monotonic() - started))), index)
        self.assertLess(watch.slowest, MAX_WAIT_SECONDS)
        self.assertIn(b"* BYE", wires[0].seen)
        # An SMTP client's idle time is ten seconds here.
        for index in (2, 3):
            self.assertTrue(wires[index].isOver(12))
            self.assertIn(b"421 4.4.2", wires[index].seen)


class SmugglingTests(BadInputCase):
    """
    Where two servers disagree about the end of a message, somebody can make one message two.
    """

    ENDS = (
        b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\r\n\0.\r\n",
        b"\r\n.\0\r\n", b"\r\n. \r\n", b"\r\n..\r\n", b"\r\r\n.\r\r\n", b"\n\n.\n\n", b"\r\n.\r\r\n",
        b"\r\n\x2e\x0b\r\n", b"\xc2\x85.\xc2\x85", b"\r\n.\xe2\x80\xa8",
    )  # fmt: skip

    def test_oneMessageOrNone(self) -> None:
        smuggled = (
            b"MAIL FROM:<evil@far.test>\r\nRCPT TO:<bert@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"
        )
        for service in ("smtp", "lmtp", "submission"):
            for number, end in enumerate(self.ENDS):
                mark = b"Subject: outer %b %d\r\n" % (service.encode(), number)
                for pieces in (1, 2, 1000):
                    wire = self.inside(service)
                    wire.ask(b"MAIL FROM:<anna@example.test>")
                    wire.ask(b"RCPT TO:<bert@example.test>")
                    self.assertEqual(wire.ask(b"DATA")[:3], b"354")
                    before = len(wire.seen)
                    data = mark + b"\r\nbody" + end + smuggled.replace(b"\r\n.\r\n", b"") + b"\r\n.\r\n"
                    step = len(data) // pieces + 1
                    for start in range(0, len(data), step):
                        wire.send(data[start : start + step])
                    answer = wire.reply()
                    self.assertIn(answer[:3], (b"250", b"554"), end)
                    wire.send(b"QUIT\r\n")
                    wire.rest()
                    # One answer, and QUIT's.
                    self.assertEqual(bytes(wire.seen[before:]).count(b"\r\n"), 2, (end, wire.seen[before:]))
                    bare = re.search(rb"\r(?!\n)|(?<!\r)\n", end + b"MAIL") is not None
                    self.assertEqual(answer[:3], b"554" if bare else b"250", end)
        for _, octets in inMailbox(self.daemon, BERT):
            self.assertFalse(re.search(rb"^Subject: smuggled", octets.partition(b"\r\n\r\n")[0], re.MULTILINE))

    def test_chunks(self) -> None:
        """
        BDAT counts: what is in a chunk is never a command.
        """
        before = len(inMailbox(self.daemon, BERT))
        wire = self.inside("smtp")
        inner = b"Subject: chunk\r\n\r\n.\r\nMAIL FROM:<evil@far.test>\r\nRCPT TO:<bert@example.test>\r\nDATA\r\n"
        wire.send(b"MAIL FROM:<x@far.test>\r\nRCPT TO:<bert@example.test>\r\nBDAT %d\r\n" % len(inner) + inner)
        wire.send(b"BDAT 0 LAST\r\nNOOP\r\n")
        self.assertEqual([wire.line()[:3] for _ in range(5)], [b"250"] * 5)
        # In no transaction, for nobody, or broken: it is read all the same.
        for start in (b"", b"MAIL FROM:<x@far.test>\r\n", b"MAIL FROM:<x@far.test>\r\nRCPT TO:<none@example.test>\r\n"):
            wire.send(start + b"BDAT %d LAST\r\n" % len(inner) + inner + b"NOOP\r\nRSET\r\n")
            codes = [wire.line()[:3] for _ in range(start.count(b"\r\n") + 3)]
            self.assertEqual(codes[-2:], [b"250", b"250"])
            self.assertIn(codes[-3], (b"503", b"554"))
        self.assertEqual(len(inMailbox(self.daemon, BERT)), before + 1)
        self.assertTrue(inMailbox(self.daemon, BERT)[-1][1].endswith(inner))


class AddressTests(BadInputCase):
    def test_recipients(self) -> None:
        long = b"a" * 64
        expected = (
            # Ours, in other words.
            (b"<anna@example.test>", b"250"), (b"<ANNA@Example.TEST>", b"250"), (b'<"anna"@example.test>', b"250"),
            (b'<"an\\na"@example.test>', b"250"), (b"<anna+any.detail@example.test>", b"250"),
            (b"<@a.test,@b.test:anna@example.test>", b"250"), (b"<@a.test:anna@example.test>", b"250"),
            (b"<Postmaster>", b"2|4"), (b"<postmaster@example.test>", b"2|4"), (b"<anna@[127.0.0.1]>", b"2|5"),
            (b"anna@example.test", b"2|5"), (b" <anna@example.test>", b"2|5"), (b"<anna@example.test.>", b"2|5"),
            # Nobody's.
            (b"<>", b"5"), (b"<@>", b"5"), (b"<anna>", b"5"), (b"<anna@>", b"5"), (b"<@example.test>", b"5"),
            (b'<""@example.test>', b"5"), (b'<" "@example.test>', b"5"), (b'<"a@b"@example.test>', b"5"),
            (b'<"<>"@example.test>', b"5"), (b'<"\\""@example.test>', b"5"), (b"<an na@example.test>", b"5"),
            (b"<anna@example..test>", b"5"), (b"<.anna@example.test>", b"5"), (b"<anna.@example.test>", b"5"),
            (b"<an..na@example.test>", b"5"), (b"<anna@-example.test>", b"5"), (b"<anna@example.test", b"5"),
            (b"anna@example.test>", b"5"), (b"<<anna@example.test>>", b"5"), (b"<anna@example.test>x", b"5"),
            (b"<anna@example.test> NOTIFY", b"5"), (b"<anna@example.test> X=Y", b"5"), (b"<anna@exa\0mple.test>", b"5"),
            (b"<anna%far.test@example.test>", b"5"), (b"<far.test!anna@example.test>", b"5"),
            (b'<"anna@far.test"@example.test>', b"5"), (b"<anna@[300.1.1.1]>", b"5"), (b"<anna@[IPv6:::1]>", b"2|5"),
            (b"<anna@[IPv6:zz]>", b"5"), (b"<anna@[x:y]>", b"5"), (b"<anna@[]>", b"5"), (b"<anna@127.0.0.1>", b"5"),
            (b"<" + long + b"@example.test>", b"5"), (b"<" + long * 4 + b"@example.test>", b"5"),
            (b"<anna@" + b".".join([long[:63]] * 4) + b">", b"5"), (b"<anna@" + b"a." * 500 + b"test>", b"5"),
            ("<änna@example.test>".encode(), b"5"), (b"<\xe4nna@example.test>", b"5"),
            ("<anna@bücher.test>".encode(), b"5"), (b"<anna@xn--bcher-kva.test>", b"5"), (b"<anna@xn--a.test>", b"5"),
            (b"<anna@xn---.test>", b"5"), (b"<*@example.test>", b"5"), (b"</etc/passwd@example.test>", b"5"),
            (b"<|cat@example.test>", b"5"), (b"<anna@example.test,bert@example.test>", b"5"),
            (b"<anna(comment)@example.test>", b"5"), (b"<anna@example.test(comment)>", b"5"),
            (b"(c)<anna@example.test>", b"5"),
        )  # fmt: skip
        wrong = []
        for options in (b"", b" SMTPUTF8"):
            for address, codes in expected:
                wire = self.inside("smtp")
                self.assertEqual(wire.ask(b"MAIL FROM:<x@far.test>" + options)[:3], b"250")
                code = wire.ask(b"RCPT TO:" + address)
                if not re.match(codes, code):
                    wrong.append((address, code))
                self.assertTrue(self.works(wire, "smtp"))
                wire.close()
        self.assertEqual(wrong, [])

    def test_ours(self) -> None:
        """
        Odd names that we do have.
        """
        self.daemon.ask("domain.add", name="müller.test")
        for name in ("anna@müller.test", '"hans peter"@example.test', "o'neil/x=y@example.test", "jörg@example.test"):
            self.daemon.addAccount(name)
        for recipient, who in (
            ("<anna@xn--mller-kva.test>", "anna@müller.test"), ("<ANNA@XN--MLLER-KVA.test>", "anna@müller.test"),
            ("<anna@müller.test>", "anna@müller.test"), ("<anna@MÜLLER.test>", "anna@müller.test"),
            ('<"hans peter"@example.test>', '"hans peter"@example.test'),
            ('<"hans\\ peter"@example.test>', '"hans peter"@example.test'),
            ("<o'neil/x=y@example.test>", "o'neil/x=y@example.test"),
            ("<\"o'neil/x=y\"@example.test>", "o'neil/x=y@example.test"),
            ("<jörg@example.test>", "jörg@example.test"), ("<jo\u0308rg@example.test>", "jörg@example.test"),
        ):  # fmt: skip
            before = self.daemon.ask("account.show", address=who)["messages"]
            wire = self.inside("smtp")
            self.assertEqual(wire.ask(b"MAIL FROM:<x@far.test> SMTPUTF8")[:3], b"250")
            self.assertEqual(wire.ask(f"RCPT TO:{recipient}".encode())[:3], b"250", recipient)
            self.assertEqual(wire.ask(b"DATA")[:3], b"354")
            self.assertEqual(wire.ask(b"Subject: x\r\n\r\n.")[:3], b"250")
            wire.close()
            self.assertEqual(self.daemon.ask("account.show", address=who)["messages"], before + 1, recipient)

    def test_senders(self) -> None:
        for address, codes in (
            (b"<>", b"250"), (b"<x@far.test>", b"250"), (b'<"x y"@far.test>', b"250"), (b"<x@[192.0.2.1]>", b"250"),
            (b"<@a.test:x@far.test>", b"250"), (b"<x@[IPv6:2001:db8::1]>", b"250"), (b"<x>", b"5"), (b"", b"5"),
            ("<x@bücher.test> SMTPUTF8".encode(), b"250"), ("<ä@bücher.test> SMTPUTF8".encode(), b"250"),
            ("<ä@far.test>".encode(), b"5"), (b"<\xff@far.test>", b"5"), (b"<\xff@far.test> SMTPUTF8", b"5"),
            (b"<x@far.test> SIZE=1", b"250"), (b"<x@far.test> SIZE=" + b"9" * 20, b"55"),
            (b"<x@far.test> SIZE=-1", b"5"), (b"<x@far.test> BODY=8BITMIME", b"250"),
            (b"<x@far.test> BODY=BINARY", b"5"), (b"<x@far.test> SIZE=1 SIZE=2", b"2|5"),
            (b"<x@far.test> RET=HDRS ENVID=a+2Bb", b"2|5"),
            (b"<x@far.test> " + b"A=B " * 300, b"5"), (b'<"\r"@far.test>', b"5"), (b"<x@far.test>\0", b"5"),
            (b"<" + b"@a.test," * 100 + b"@b.test:x@far.test>", b"2|5"),
        ):  # fmt: skip
            wire = self.inside("smtp")
            code = wire.ask(b"MAIL FROM:" + address)
            self.assertIsNotNone(re.match(codes, code), (address, code))
            self.assertTrue(self.works(wire, "smtp"))
            wire.close()
