"""
kill -9 of the daemon in the middle of work, again and again: nothing that it has answered for is lost or doubled.

Several clients write down what they were told.  What was acknowledged must be there exactly once, as it was; what was
sent and got no answer may be there once, for all its recipients or for none.
"""

from __future__ import annotations

import contextlib
import hashlib
import imaplib
import os
import random
import re
import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable

import apsw
from attrs import define, field
from twisted.trial.unittest import TestCase

from tests.integration.daemon import Daemon, until
from tests.integration.nameserver import NameServer
from tests.integration.sinkserver import SinkServer
from tests.integration.wire import faults, inMailbox, login, unverified

ANNA, BERT, CARLA, ZOE = "anna@example.test", "bert@example.test", "carla@example.test", "zoe@far.test"
ROUNDS = 6
SENDERS = 5
APPENDERS = 2
ROUND_SECONDS = (0.7, 2.0)
#: Between the sink's 250 and its place in our books lie a socket, a group commit and other work; within it a kill makes
#: a second copy (RFC 5321 4.5.5 knows no way around that).
BOOKING_SECONDS = 1.5
#: Most fit in a row of the store, some are in segments, some go through the spool, a few become segments themselves.
SIZES = (*(200,) * 10, *(4_000,) * 5, *(40_000,) * 4, *(300_000,) * 3, 1_500_000)
FORMS = ((ANNA,), (ANNA, BERT), (ANNA, ZOE), (ZOE,))
NAME = re.compile(rb"\r\nX-Name: ([a-z0-9-]+) ([0-9a-f]+)\r\n")


@define
class Books:
    """
    What the clients know.

    @ivar sent: recipients by name, of all whose last octet went out.
    @ivar kept: names that were acknowledged.
    @ivar places: UIDs that were acknowledged, by mailbox and name.
    """

    sent: dict[str, tuple[str, ...]] = field(factory=dict)
    kept: set[str] = field(factory=set)
    moving: set[str] = field(factory=set)
    moved: set[str] = field(factory=set)
    places: dict[str, int] = field(factory=dict)
    wrong: list[str] = field(factory=list)


def content(name: str, chance: random.Random) -> bytes:
    size = chance.choice(SIZES)
    lines = f".{name} " + "x" * chance.randrange(60) + "\r\n"
    body = (lines * (size // len(lines) + 1)).encode()
    digest = hashlib.sha256(body).hexdigest()[:24]
    return f"From: x@far.test\r\nSubject: {name}\r\nX-Name: {name} {digest}\r\n\r\n".encode() + body


def nameOf(octets: bytes) -> str:
    """
    @raise AssertionError: the message is not what was sent.
    """
    header, blank, body = octets.partition(b"\r\n\r\n")
    found = NAME.search(header + b"\r\n")
    if found is None or not blank or hashlib.sha256(body).hexdigest()[:24] != found[2].decode():
        raise AssertionError(f"a message is broken: {octets[:300]!r}")
    return found[1].decode()


class KilledTests(TestCase):
    timeout = 240

    def setUp(self) -> None:
        names = NameServer().start()
        self.addCleanup(names.stop)
        names.tell("add", "far.test", "A", "127.0.0.1")
        self.sink = SinkServer().start()
        self.addCleanup(self.sink.stop)
        self.daemon = Daemon(
            settings={
                "relay.port": self.sink.port,
                "relay.approved_networks": "127.0.0.0/8",
                "relay.backoff_first": "1s",
                "relay.backoff_most": "1s",
            },
            more=f'[dns]\nservers = ["{names.address}"]',
        )
        self.addCleanup(self.daemon.remove)
        self.books = Books()
        self.kills: list[float] = []

    def send(self, who: str, chance: random.Random) -> None:
        """
        Mail until the daemon is gone.
        """
        count = 0
        client = smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"], timeout=20)
        try:
            client.ehlo("far.test")
            if chance.random() < 0.3:
                client.starttls(context=unverified())
                client.ehlo("far.test")
            while True:
                name = f"{who}-{count}"
                count += 1
                recipients = chance.choice(FORMS)
                client.mail("x@far.test")
                for recipient in recipients:
                    client.rcpt(recipient)
                client.docmd("DATA")
                octets = content(name, chance).replace(b"\r\n.", b"\r\n..")
                # From here on it may have arrived.
                self.books.sent[name] = recipients
                client.send(octets + b".\r\n")
                code, text = client.getreply()
                if code != 250:
                    self.books.wrong.append(f"{name}: {code} {text!r}")
                    return
                self.books.kept.add(name)
        finally:
            client.close()

    def append(self, who: str, chance: random.Random) -> None:
        """
        Store messages by IMAP, and move some, until the daemon is gone.
        """
        client = login(self.daemon, CARLA)
        count = 0
        try:
            client.select("INBOX")
            while True:
                name = f"{who}-{count}"
                count += 1
                octets = content(name, chance)
                self.books.sent[name] = (CARLA,)
                _, data = client.append("INBOX", "\\Seen", None, octets)
                uid = re.search(rb"APPENDUID \d+ (\d+)", data[0])
                if uid is None:
                    self.books.wrong.append(f"{name}: {data!r}")
                    return
                self.books.kept.add(name)
                if chance.random() < 0.4:
                    self.books.moving.add(name)
                    typ, data = client.uid("MOVE", uid[1].decode(), "Archive")
                    if typ != "OK":
                        self.books.wrong.append(f"{name}: {data!r}")
                        return
                    self.books.moved.add(name)
                else:
                    self.books.places[name] = int(uid[1])
        finally:
            client.shutdown()

    def work(self, act: Callable[[str, random.Random], None], who: str, seed: int) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException, imaplib.IMAP4.error):
            act(who, random.Random(seed))

    def test_killed(self) -> None:
        self.daemon.start()
        for address in (ANNA, BERT, CARLA):
            self.daemon.addAccount(address)
        chance = random.Random()
        for number in range(ROUNDS):
            workers = [
                threading.Thread(
                    target=self.work, args=(act, f"{kind}{number}-{index}", chance.randrange(1 << 30)), daemon=True
                )
                for kind, act, count in (("s", self.send, SENDERS), ("a", self.append, APPENDERS))
                for index in range(count)
            ]
            kept = len(self.books.kept)
            for worker in workers:
                worker.start()
            time.sleep(chance.uniform(*ROUND_SECONDS))
            self.daemon.stop(signal.SIGKILL)
            self.kills.append(time.monotonic())
            for worker in workers:
                worker.join(30)
                self.assertFalse(worker.is_alive())
            self.assertGreater(len(self.books.kept), kept, "nothing was done in this round")
            self.daemon.start()
            self.assertEqual(faults(self.daemon), [])
        self.assertEqual(self.books.wrong, [])
        until(lambda: not self.daemon.ask("queue.list"), 60)
        self.mailboxes()
        self.queue()
        self.store()

    def mailboxes(self) -> None:
        found = {
            who: Counter(nameOf(octets) for _, octets in inMailbox(self.daemon, who)) for who in (ANNA, BERT, CARLA)
        }
        archived = Counter(nameOf(octets) for _, octets in inMailbox(self.daemon, CARLA, "Archive"))
        books = self.books
        # Twice is never right; nor is what nobody sent.
        for names in (*found.values(), archived):
            self.assertEqual([name for name, count in names.items() if count > 1], [])
        for name, recipients in books.sent.items():
            has = [found[who][name] + (archived[name] if who == CARLA else 0) for who in recipients if who in found]
            if name in books.kept:
                self.assertEqual(has, [1] * len(has), f"{name} to {recipients}")
            else:
                self.assertIn(sum(has), (0, len(has)), f"{name} to {recipients}")
        for who, names in found.items():
            self.assertEqual([name for name in names if who not in books.sent.get(name, ())], [], who)
        for name in books.moved:
            self.assertEqual((found[CARLA][name], archived[name]), (0, 1), name)
        self.assertEqual(set(archived) - books.moving, set())
        # The UIDs that were told are the messages'.
        client = login(self.daemon, CARLA)
        try:
            client.select("INBOX", readonly=True)
            _, data = client.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            uids = {piece[1][9:-4].decode(): int(piece[0].split(b"UID ")[1].split()[0]) for piece in data[::2]}
        finally:
            client.shutdown()
        for name, uid in books.places.items():
            self.assertEqual(uids[name], uid, name)

    def queue(self) -> None:
        copies: dict[str, list[float]] = {}
        for message in self.sink.to(ZOE):
            copies.setdefault(nameOf(message.data), []).append(message.when)
        books = self.books
        missing = [name for name in books.kept if ZOE in books.sent[name] and name not in copies]
        self.assertEqual(missing, [])
        self.assertEqual([name for name in copies if ZOE not in books.sent[name]], [])
        for name, times in copies.items():
            for when in sorted(times)[:-1]:
                self.assertTrue(any(when <= kill + 0.1 <= when + BOOKING_SECONDS for kill in self.kills), name)
        # Local and remote copies are one act.
        inbox = {nameOf(octets) for _, octets in inMailbox(self.daemon, ANNA)}
        for name, recipients in books.sent.items():
            if ANNA in recipients and ZOE in recipients:
                self.assertEqual(name in inbox, name in copies, name)

    def store(self) -> None:
        """
        After a clean stop: the database is whole, and nothing lies about.
        """
        self.daemon.stop()
        connection = apsw.Connection(str(self.daemon.data / "osxmail.sqlite"), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(connection.execute("PRAGMA foreign_key_check").fetchall(), [])
        finally:
            connection.close()
        # What arrived when it was killed is taken away once nobody can still be writing it.
        leftovers = [path for path in (self.daemon.data / "spool").rglob("*") if path.is_file()]
        self.assertLessEqual(len(leftovers), ROUNDS * (SENDERS + APPENDERS))
        for path in leftovers:
            os.utime(path, (time.time() - 3600,) * 2)
        self.daemon.start()
        self.assertEqual([path for path in leftovers if path.exists()], [])
        self.assertEqual(faults(self.daemon), [])
