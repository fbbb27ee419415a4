"""
Messages that are broken in every way: they arrive, and are shown and found and given out as they came.
"""

from __future__ import annotations

import base64
import random
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon, shared
from tests.integration.wire import FAULT_TOLD, Watch, Wire, faults, memory

ANNA, OTHER = "anna@example.test", "other@example.test"
SAMPLES = Path(__file__).parent.parent / "messages"
MAX_WAIT_SECONDS = 0.5
MAX_ANSWER_SECONDS = 3.0
MAX_GROWTH_KIB = 48 * 1024
#: One of every kind of answer that looks into messages.
COMMANDS = (
    b"UID FETCH %d (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)",
    b"UID FETCH %d (BODY.PEEK[HEADER] BODY.PEEK[TEXT])",
    b"UID FETCH %d (BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[1.1.1.1.1] BODY.PEEK[2.HEADER] BODY.PEEK[99999.TEXT])",
    b"UID FETCH %d (BODY.PEEK[HEADER.FIELDS (SUBJECT FROM CONTENT-TYPE)] BODY.PEEK[HEADER.FIELDS.NOT (X)])",
    b"UID FETCH %d (BODY.PEEK[]<0.100> BODY.PEEK[]<4294967295.100> BODY.PEEK[TEXT]<50.4294967295> RFC822.HEADER)",
)
SEARCHES = (
    b'TEXT "no such text"', b'BODY "no such text"', b'SUBJECT "no such text"', b'HEADER X-None ""',
    b"SENTBEFORE 1-Jan-1971", b'FROM "nobody at all"', b'TO "nobody at all"', b"LARGER 1",
    b'HEADER Content-Type "multipart"',
)  # fmt: skip


def multipart(boundary: bytes, *parts: bytes, end: bool = True) -> bytes:
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    return b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n" % boundary + body + b"--%b--\r\n" % boundary * end


def nested(depth: int, end: bool = True) -> bytes:
    heads = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    ends = b"".join(b"--b%d--\r\n" % n for n in reversed(range(depth)))
    return heads + b"Content-Type: text/plain\r\n\r\ninnermost\r\n" + ends * end


def broken() -> Iterator[tuple[str, bytes]]:
    """
    Names, and what follows the Subject field.
    """
    text = b"Content-Type: text/plain\r\n\r\nhello\r\n"
    yield "nested 1,000 deep", nested(1000)
    yield "nested 1,000 deep without ends", nested(1000, False)
    yield "1,000 messages in messages", b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n" * 1000 + b"\r\nx\r\n"
    yield "10,000 parts", multipart(b"b", *[text] * 10_000)
    yield "10,000 empty parts", multipart(b"b", *[b""] * 10_000)
    yield "100,000 delimiters", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 100_000
    yield "100,000 lines like delimiters", multipart(b"b" * 60, b"\r\n" + (b"--" + b"b" * 59 + b"\r\n") * 100_000)
    yield "no end", multipart(b"b", text, text, end=False)
    yield "no parts", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    yield "no boundary", b"Content-Type: multipart/mixed\r\n\r\n--\r\nx\r\n----\r\n"
    yield "empty boundary", b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx\r\n----\r\n'
    yield "boundary of 5,000 octets", multipart(b"b" * 5000, text)
    yield "boundary of spaces", b'Content-Type: multipart/mixed; boundary="   "\r\n\r\n--   \r\n\r\nx\r\n--   --\r\n'
    yield "all the same boundary", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 200 + b"x\r\n--b--\r\n"
    yield (
        "10,000 parameters",
        b"Content-Type: text/plain" + b"".join(b";\r\n a%d=%d" % (n, n) for n in range(10_000)) + b"\r\n\r\nx\r\n",
    )
    yield "continued parameters", b"Content-Type: text/plain; name*0*=utf-8''%ff%; name*1=a; name*99999=b\r\n\r\nx\r\n"
    yield "no type", b"Content-Type: \r\nContent-Transfer-Encoding: \r\n\r\nx\r\n"
    yield "type of nonsense", b'Content-Type: ;;;=/"\\(\r\n\r\nx\r\n'
    yield "ten types", b"".join(b"Content-Type: a%d/b; c=d\r\n" % n for n in range(10)) + b"\r\nx\r\n"
    yield "unknown charset", b'Content-Type: text/plain; charset="x-\xff"\r\n\r\n\xff\xfe\r\n'
    yield "codec that is none", b"Content-Type: text/plain; charset=zlib_codec\r\n\r\nx\xda\r\n"
    yield "wrong UTF-8", b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\x28\xa0\xa1\xf0\x28\x8c\x28\r\n"
    yield "UTF-16", b"Content-Type: text/plain; charset=utf-16\r\n\r\n" + "hällo".encode("utf-16") + b"\r\n"
    yield "UTF-7", b"Content-Type: text/plain; charset=utf-7\r\n\r\n+AGgAZQBs-+\r\n"
    yield (
        "broken base64",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n====A=B=C\r\n\xff\r\nAAA\r\n",
    )
    yield (
        "broken quoted-printable",
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n==\r\n=ZZ=F\r\n=" + b"=" * 5000 + b"\r\n",
    )
    yield "one line of 2 MB", b"\r\n" + b"x" * 2_000_000 + b"\r\n"
    yield "a field of 1 MB", b"X-Long: " + b"x" * 1_000_000 + b"\r\n\r\nx\r\n"
    yield "a subject of 1 MB in words", b"Subject: " + b"=?utf-8?q?=C3=A4?=\r\n " * 50_000 + b"x\r\n\r\nx\r\n"
    yield "20,000 fields", b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(20_000)) + b"\r\nx\r\n"
    yield (
        "50,000 addresses",
        b"To: " + b"".join(b"<a%d@far.test>,\r\n " % n for n in range(50_000)) + b"z@far.test\r\n\r\nx\r\n",
    )
    yield (
        "addresses of nonsense",
        b'From: <<<>>>,,;:@@(((("\r\nTo: ((((((((\r\nCc: "\\\r\nBcc: :;:;\r\nSender: @\r\n\r\nx\r\n',
    )
    yield "10,000 comments", b"To: " + b"(" * 10_000 + b"\r\nFrom: " + b"()" * 5_000 + b"\r\n\r\nx\r\n"
    yield "groups in groups", b"To: a:b:c:d:" + b"x:" * 5_000 + b";;;\r\n\r\nx\r\n"
    yield (
        "broken encoded words",
        b"From: =?utf-8?b?////?= =?x?y?z?= =??= =?utf-8?q?=?= =?utf-8?b?=?= <x@far.test>\r\n\r\nx\r\n",
    )
    yield (
        "raw octets in the header",
        bytes(n for n in range(128, 256)) + b": x\r\nFrom: \xff\xfe <\xe4@far.test>\r\n\r\nx\r\n",
    )
    yield (
        "dates of nonsense",
        b"Date: 99 Zzz 999999 99:99:99 +9999\r\nDate: \r\nDate: Mon, 32 Jan 10000 00:00:00 GMT\r\n\r\nx\r\n",
    )
    yield (
        "message-ids of nonsense",
        b"Message-ID: <<>\r\nIn-Reply-To: " + b"<a@b>" * 10_000 + b"\r\nReferences: >><<\r\n\r\nx\r\n",
    )
    yield "no header at all", b"this is no header\r\nthis: neither\r\n\r\nx\r\n"
    yield "folded nothing", b" \r\n \r\n\t\r\n" * 100 + b"\r\nx\r\n"
    yield (
        "controls",
        bytes(n for n in range(1, 32) if n not in (10, 13)) + b": x\r\n\r\n" + bytes(range(1, 9)) + b"\x7f\r\n",
    )
    yield "NULs", b"X-\0: \0\r\nFrom: \0@\0\r\n\r\n\0\0\0\r\n\0\r\n"
    yield "only a header", b"X: y\r\n"
    yield "nothing more", b""
    yield "message of nothing", b"Content-Type: message/rfc822\r\n\r\n"
    yield (
        "encoded message",
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(b"Subject: in\r\n\r\nx\r\n").replace(b"\n", b"\r\n"),
    )
    yield "dots", b"\r\n" + b".\r\n..\r\n.x\r\n" * 100 + b"." + b"\r\n"
    yield (
        "quotes",
        b'Content-Type: text/plain; name="\\"\\\\\\'
        + b'"; x=y"z\r\nContent-ID: "\\\r\nContent-Language: ,,,\r\n\r\nx\r\n',
    )
    yield (
        "disposition",
        b"Content-Disposition: =?=; filename*=x''%zz; size=99999999999999\r\nContent-MD5: \xff\r\n\r\nx\r\n",
    )
    yield (
        "partial and external",
        multipart(
            b"b",
            b"Content-Type: message/partial\r\n\r\nx",
            b"Content-Type: message/external-body\r\n\r\n\r\n",
            b"Content-Type: message/delivery-status\r\n\r\n\r\n",
        ),
    )
    chance = random.Random(7)
    pieces = (
        b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\n", b"--b--\r\n", b"\r\n", b" folded\r\n",
        b"Content-Type: message/rfc822\r\n", b"Subject: =?utf-8?q?x?=\r\n", b"\xff\xfe\0\r\n", b"QUJD\r\n", b": \r\n",
        b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: multipart/alternative; boundary=c\r\n", b"--c\r\n",
        b"From: a@b, (c) d:;\r\n",
    )  # fmt: skip
    for number in range(40):
        yield f"by chance {number}", b"".join(chance.choices(pieces, k=chance.randrange(3, 60)))


def samples() -> Iterator[tuple[str, bytes]]:
    for path in sorted(SAMPLES.glob("*.eml")):
        yield path.stem, path.read_bytes()


def parse(octets: bytes, at: int = 0) -> tuple[list[object], int]:
    """
    What stands in an IMAP list, to its closing parenthesis or the end of the line: lists, literals and words.

    @raise AssertionError: it follows no grammar.
    """
    found: list[object] = []
    token = re.compile(rb' |~?\{(\d+)\}\r\n|"((?:[^"\\\r\n\x80-\xff\0]|\\["\\])*)"|(\\?[^ (){}"\\\x00-\x1f\x7f-\xff]+)')
    while at < len(octets):
        if octets[at : at + 1] == b"(":
            inner, at = parse(octets, at + 1)
            found.append(inner)
            continue
        if octets[at : at + 1] == b")":
            return found, at + 1
        if octets[at : at + 2] == b"\r\n":
            return found, at + 2
        match = token.match(octets, at)
        if match is None:
            raise AssertionError(f"no IMAP: {octets[max(0, at - 100) : at + 100]!r}")
        at = match.end()
        if match[1] is not None:
            size = int(match[1])
            found.append(octets[at : at + size])
            assert len(found[-1]) == size, "a literal is too short"
            at += size
        elif match[0] != b" ":
            found.append(match[2] if match[2] is not None else match[3])
    return found, at


class BadMessageTests(TestCase):
    def setUp(self) -> None:
        self.daemon = shared(Daemon, OTHER)
        self.who = f"{self.id().rpartition('.')[2].lower()}@example.test"
        self.daemon.addAccount(self.who)
        self.imap = Wire(self.daemon, "imap")
        self.addCleanup(self.imap.close)
        self.ok(f'LOGIN {self.who} "{PASSWORD}"'.encode())
        self.ok(b"SELECT INBOX")
        self.memory = memory(self.daemon)

    def ok(self, command: bytes) -> bytes:
        started = time.monotonic()
        untagged, line = self.imap.tagged(command)
        seconds = time.monotonic() - started
        self.assertEqual(line[:4], b"t OK", command[:200])
        self.assertLess(seconds, MAX_ANSWER_SECONDS, command[:200])
        # What was said is looked at now, and need not be kept.
        self.assertIsNone(FAULT_TOLD.search(line))
        del self.imap.seen[:]
        self.imap._start = 0
        return untagged

    def deliver(self, octets: bytes) -> None:
        wire = Wire(self.daemon, "smtp", timeout=60)
        try:
            wire.send(b"EHLO x\r\n")
            wire.reply()
            wire.ask(b"MAIL FROM:<x@far.test> BODY=8BITMIME")
            self.assertEqual(wire.ask(f"RCPT TO:<{self.who}>".encode())[:3], b"250")
            self.assertEqual(wire.ask(b"DATA")[:3], b"354")
            wire.send(octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            self.assertEqual(wire.reply()[:3], b"250", octets[:100])
        finally:
            wire.close()

    def append(self, octets: bytes) -> None:
        self.ok(b"APPEND INBOX {%d+}\r\n" % len(octets) + octets)

    def look(self, uid: int, name: str, sent: bytes) -> bytes:
        """
        Everything that IMAP can show of a message.

        @return: its octets.
        """
        self.ok(b"NOOP")
        for command in COMMANDS:
            untagged = self.ok(command % uid)
            response, end = parse(untagged)
            self.assertEqual(response[:3], [b"*", b"%d" % uid, b"FETCH"], name)
            self.assertEqual(end, len(untagged), name)
            self.isWhole(response[3], name)
        response, _ = parse(self.ok(b"UID FETCH %d (BODY.PEEK[] BINARY.PEEK[])" % uid))
        items = response[3]
        assert isinstance(items, list)
        found = dict(zip(items[::2], items[1::2], strict=True))
        octets = found[b"BINARY[]"]
        assert isinstance(octets, bytes)
        self.assertTrue(octets.endswith(sent), name)
        # RFC 9051 4.3.1: a literal has no NUL, a literal8 may.
        self.assertEqual(found[b"BODY[]"], octets.replace(b"\0", b"\x80"), name)
        return octets

    def isWhole(self, items: object, name: str) -> None:
        assert isinstance(items, list)
        found = dict(zip(items[::2], items[1::2], strict=False))
        if b"ENVELOPE" in found:
            self.assertEqual(len(found[b"ENVELOPE"]), 10, name)
            for structure in (found[b"BODY"], found[b"BODYSTRUCTURE"]):
                # A part or several; never a list of nothing.
                self.assertTrue(isinstance(structure[0], list | bytes) and len(structure) > 1, (name, structure))

    def unharmed(self, watch: Watch) -> None:
        self.assertLess(watch.slowest, MAX_WAIT_SECONDS)
        self.assertLess(memory(self.daemon) - self.memory, MAX_GROWTH_KIB)
        self.assertEqual(faults(self.daemon), [])

    def test_delivered(self) -> None:
        messages = [(name, b"Subject: %b\r\n" % name.encode() + rest) for name, rest in broken()]
        kept = {}
        with Watch(self.daemon, OTHER) as watch:
            for uid, (name, octets) in enumerate(messages, 1):
                self.deliver(octets)
                kept[uid] = self.look(uid, name, octets)
            self.search(len(messages))
            self.pop3(kept)
        self.unharmed(watch)
        self.assertEqual(self.daemon.ask("account.show", address=self.who)["messages"], len(messages))

    def test_appended(self) -> None:
        """
        The samples, some of which SMTP would not take for their line ends, and octets that are no message.
        """
        chance = random.Random(8)
        messages = [*samples(), *((f"random {n}", chance.randbytes(chance.randrange(1, 5000))) for n in range(30))]
        kept = {}
        with Watch(self.daemon, OTHER) as watch:
            for uid, (name, octets) in enumerate(messages, 1):
                self.append(octets)
                kept[uid] = self.look(uid, name, octets)
                self.assertEqual(kept[uid], octets)
            self.search(len(messages))
            self.pop3(kept)
        self.unharmed(watch)

    def test_heavyOnesAtOnce(self) -> None:
        """
        Those that cost most to look through, from several senders together.
        """
        heavy = [b"X: \r\n" + rest for name, rest in broken() if "0,000" in name or "deep" in name or "MB" in name]
        self.assertGreater(len(heavy), 10)
        threads = [
            threading.Thread(target=lambda: [self.deliver(octets) for octets in heavy], daemon=True) for _ in range(6)
        ]
        with Watch(self.daemon, OTHER) as watch:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            for command in COMMANDS:
                self.ok(command.replace(b"%d", b"1:*"))
        self.unharmed(watch)
        self.assertEqual(self.daemon.ask("account.show", address=self.who)["messages"], 6 * len(heavy))

    def search(self, count: int) -> None:
        for key in SEARCHES:
            found = self.ok(b"SEARCH " + key).split(b"\r\n")[0].split()[2:]
            if b"no such" in key or b"nobody" in key:
                self.assertEqual(found, [], key)
            if key == b"LARGER 1":
                self.assertGreater(len(found), count - 3)

    def pop3(self, kept: dict[int, bytes]) -> None:
        wire = Wire(self.daemon, "pop3", timeout=60)
        self.addCleanup(wire.close)
        # RFC 6856 2: headers as they are, in UTF-8 or whatever they have.
        wire.ask(b"UTF8")
        wire.ask(b"USER " + self.who.encode())
        wire.ask(b"PASS " + PASSWORD.encode())
        for number, octets in kept.items():
            # RFC 1939 3: what does not end with CRLF does so on the wire.
            if not octets.endswith(b"\r\n"):
                octets += b"\n" if octets.endswith(b"\r") else b"\r\n"
            wire.send(b"RETR %d\r\n" % number)
            self.assertEqual(wire.line(), b"+OK %d octets" % len(octets))
            self.assertEqual(self.dotted(wire), octets, number)
            wire.send(b"TOP %d 3\r\n" % number)
            self.assertEqual(wire.line()[:3], b"+OK")
            self.assertTrue(octets.startswith(self.dotted(wire)[:-2]), number)
        wire.ask(b"QUIT")

    def dotted(self, wire: Wire) -> bytes:
        start = wire._start
        if wire.seen[start : start + 3] != b".\r\n":
            while (end := wire.seen.find(b"\r\n.\r\n", max(start, len(wire.seen) - 70_000))) < 0:
                self.assertTrue(wire._more())
        else:
            end = start - 2
        got = bytes(wire.seen[start : end + 2])
        del wire.seen[: end + 5]
        wire._start = 0
        # A dot after a bare LF has a second one, too: most clients take that for the end of a line.
        return (b"\n" + got).replace(b"\n.", b"\n")[1:]
