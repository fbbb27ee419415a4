"""
kill -9 of the daemon in the middle of what IMAP's extensions do: several messages at once, REPLACE, MOVE and COPY into
somebody else's mailbox, and changes that a QRESYNC client follows.  What was acknowledged is there once, the rest
wholly or not at all; MODSEQ, UIDNEXT and UIDVALIDITY never go back.
"""

from __future__ import annotations

import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import apsw
from attrs import define, field
from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon
from tests.integration.wire import Wire, faults

ANNA, BERT = "anna@example.test", "bert@example.test"
ROUNDS = 4
ROUND_SECONDS = (0.6, 2.0)
AT_ONCE = 20
FOLLOWED = 1000
BERTS = b'"Other Users/bert@example.test/Dst"'
#: Where a message may be, in (Src, Dst), by what is known of it.
PLACES = {
    "sent": {(0, 0), (1, 0)}, "kept": {(1, 0)}, "copying": {(1, 0), (1, 1)}, "copied": {(1, 1)},
    "moving": {(1, 0), (0, 1)}, "moved": {(0, 1)},
}  # fmt: skip


class Gone(Exception):
    """
    The daemon is.
    """


@define
class Follower:
    """
    What a QRESYNC client knows of a mailbox.

    @ivar flags: by UID.
    @ivar told: the highest MODSEQ of any message, which may not have been lost.
    """

    flags: dict[int, frozenset[bytes]] = field(factory=dict)
    uidvalidity: int = 0
    uidnext: int = 0
    highestModseq: int = 0
    told: int = 0
    wrong: list[str] = field(factory=list)

    def hear(self, said: bytes) -> None:
        for line in said.split(b"\r\n"):
            if line.startswith(b"* VANISHED"):
                for low, high in re.findall(rb"(\d+)(?::(\d+))?", line.replace(b"EARLIER", b"")):
                    for gone in range(int(low), int(high or low) + 1):
                        self.flags.pop(gone, None)
            uid, flags, modseq = (
                re.search(pattern, line) for pattern in (rb"UID (\d+)", rb"FLAGS \((.*?)\)", rb"MODSEQ \((\d+)\)")
            )
            if b" FETCH (" in line and uid is not None and flags is not None:
                self.flags[int(uid[1])] = frozenset(flags[1].split()) - {b"\\Recent"}
                self.told = max(self.told, int(modseq[1]) if modseq is not None else 0)
            for name, attribute in ((b"HIGHESTMODSEQ", "highestModseq"), (b"UIDNEXT", "uidnext")):
                number = re.search(rb"\[%b (\d+)\]" % name, line)
                if number is not None:
                    if int(number[1]) < getattr(self, attribute):
                        self.wrong.append(f"{line!r} after {getattr(self, attribute)}")
                    setattr(self, attribute, int(number[1]))
            validity = re.search(rb"UIDVALIDITY (\d+)", line)
            if validity is not None:
                if self.uidvalidity not in (0, int(validity[1])):
                    self.wrong.append(f"{line!r} after {self.uidvalidity}")
                self.uidvalidity = int(validity[1])


def message(name: str, filling: int = 0) -> bytes:
    octets = f"From: x@far.test\r\nSubject: {name}\r\n\r\n{'z' * filling}\r\n".encode()
    return b"{%d+}\r\n%b" % (len(octets), octets)


class KilledImapTests(TestCase):
    timeout = 240

    def setUp(self) -> None:
        self.daemon = Daemon(("imap",)).start()
        self.addCleanup(self.daemon.remove)
        self.wrong: list[str] = []
        self.groups: dict[str, bool] = {}
        self.version = self.keptVersion = 0
        self.travelling: dict[str, str] = {}
        self.follower = Follower()
        for who in (ANNA, BERT):
            self.daemon.addAccount(who)
        bert = self.wire(BERT)
        for command in (b"CREATE Dst", b"SETACL Dst %b lrswipte" % ANNA.encode()):
            self.ask(bert, command)
        anna = self.wire()
        for name in (b"Multi", b"Doc", b"Src", b"Followed"):
            self.ask(anna, b"CREATE " + name)
        self.fill(anna)
        self.assertEqual(self.wrong, [])
        anna.close()
        bert.close()

    def wire(self, who: str = ANNA) -> Wire:
        wire = Wire(self.daemon, "imap")
        self.ask(wire, f'LOGIN {who} "{PASSWORD}"'.encode())
        return wire

    def ask(self, wire: Wire, command: bytes) -> tuple[bytes, bytes]:
        try:
            said, reply = wire.tagged(command)
        except OSError:
            raise Gone from None
        if not reply:
            raise Gone
        if not reply.startswith(b"t OK"):
            self.wrong.append(f"{command[:80]!r}: {reply!r}")
        return said, reply

    def fill(self, wire: Wire) -> None:
        some = b" ".join(message(str(number)) for number in range(FOLLOWED // 2))
        for _ in range(2):
            self.ask(wire, b"APPEND Followed " + some)

    # ------------------------------------------------------------------------------------------- until it is gone

    def multi(self, number: int, chance: random.Random) -> None:
        wire = self.wire()
        while True:
            group = f"g{number}x{len(self.groups)}"
            self.groups[group] = False
            some = (message(f"{group}-{each}", chance.choice((10, 5000, 30000))) for each in range(AT_ONCE))
            self.ask(wire, b"APPEND Multi " + b" ".join(some))
            self.groups[group] = True

    def document(self, number: int, chance: random.Random) -> None:
        wire = self.wire()
        self.ask(wire, b"SELECT Doc")
        while True:
            self.version += 1
            uids = re.findall(rb"\d+", self.ask(wire, b"UID SEARCH ALL")[0])
            command = b"UID REPLACE %b Doc " % uids[0] if uids else b"APPEND Doc "
            self.ask(wire, command + message(f"v{self.version}"))
            self.keptVersion = self.version

    def travel(self, number: int, chance: random.Random) -> None:
        wire = self.wire()
        self.ask(wire, b"SELECT Src")
        while True:
            names = [f"m{len(self.travelling) + each}" for each in range(10)]
            self.travelling |= dict.fromkeys(names, "sent")
            _, reply = self.ask(wire, b"APPEND Src " + b" ".join(map(message, names)))
            uids = re.search(rb"APPENDUID \d+ (\S+)\]", reply)
            assert uids is not None
            verb, during, after = chance.choice(((b"MOVE", "moving", "moved"), (b"COPY", "copying", "copied")))
            self.travelling |= dict.fromkeys(names, during)
            self.ask(wire, b"UID %b %b %b" % (verb, uids[1], BERTS))
            self.travelling |= dict.fromkeys(names, after)

    def change(self, number: int, chance: random.Random) -> None:
        wire = self.wire()
        for command in (b"ENABLE QRESYNC", b"SELECT Followed"):
            self.ask(wire, command)
        while True:
            first, flag = chance.randrange(1, FOLLOWED), chance.choice((b"\\Seen", b"kw", b"\\Flagged"))
            self.ask(wire, b"UID STORE %d:%d %bFLAGS (%b)" % (first, first + 300, chance.choice((b"+", b"-")), flag))
            self.ask(wire, b"APPEND Followed " + b" ".join(message(f"n{each}") for each in range(15)))
            first = chance.randrange(1, FOLLOWED // 2)
            self.ask(wire, b"STORE %d:%d +FLAGS.SILENT (\\Deleted)" % (first, first + 15))
            self.ask(wire, b"EXPUNGE")

    def follow(self, number: int, chance: random.Random) -> None:
        wire = self.wire()
        self.catchUp(wire)
        while True:
            said, reply = self.ask(wire, b"NOOP")
            self.follower.hear(said + reply)
            time.sleep(0.01)

    def catchUp(self, wire: Wire) -> None:
        follower = self.follower
        self.ask(wire, b"ENABLE QRESYNC")
        if follower.uidvalidity:
            known = b" (QRESYNC (%d %d))" % (follower.uidvalidity, follower.highestModseq)
            follower.hear(self.ask(wire, b"SELECT Followed" + known)[0])
        else:
            follower.hear(self.ask(wire, b"SELECT Followed")[0])
            follower.hear(self.ask(wire, b"UID FETCH 1:* FLAGS")[0])

    def work(self, act: Callable[[int, random.Random], None], number: int, seed: int) -> None:
        try:
            act(number, random.Random(seed))
        except (Gone, OSError):
            pass
        except Exception as error:
            self.wrong.append(f"{act.__name__}: {error!r}")

    def test_killed(self) -> None:
        chance = random.Random()
        for number in range(ROUNDS):
            workers = [
                threading.Thread(target=self.work, args=(act, number, chance.randrange(1 << 30)), daemon=True)
                for act in (self.multi, self.document, self.travel, self.change, self.follow)
            ]
            before = self.keptVersion
            for worker in workers:
                worker.start()
            time.sleep(chance.uniform(*ROUND_SECONDS))
            self.daemon.stop(signal.SIGKILL)
            for worker in workers:
                worker.join(35)
                self.assertFalse(worker.is_alive())
            self.assertGreater(self.keptVersion, before, "nothing was done in this round")
            self.daemon.start()
            self.look()
            self.assertEqual((self.wrong, self.follower.wrong, faults(self.daemon)), ([], [], []))
        self.daemon.stop()
        connection = apsw.Connection(str(self.daemon.data / "osxmail.sqlite"))
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        self.assertEqual(connection.execute("PRAGMA foreign_key_check").fetchall(), [])

    # ---------------------------------------------------------------------------------------------- after that

    def subjects(self, mailbox: bytes, who: str = ANNA) -> Counter[str]:
        wire = self.wire(who)
        self.ask(wire, b"SELECT " + mailbox)
        said, _ = self.ask(wire, b"UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
        wire.close()
        return Counter(name.decode() for name in re.findall(rb"Subject: (\S+)", said))

    def look(self) -> None:
        found = self.subjects(b"Multi")
        self.assertEqual([name for name, count in found.items() if count > 1], [])
        for group, isKept in self.groups.items():
            count = sum(found[f"{group}-{each}"] for each in range(AT_ONCE))
            self.assertIn(count, (AT_ONCE,) if isKept else (0, AT_ONCE), group)
            self.groups[group] = bool(count)
        # What was not there then does not come later.
        self.assertEqual(sum(found.values()), AT_ONCE * sum(self.groups.values()))

        (version,) = self.subjects(b"Doc").elements()
        self.assertIn(int(version[1:]), (self.keptVersion, self.version))

        source, target = self.subjects(b"Src"), self.subjects(b"Dst", BERT)
        for name, state in self.travelling.items():
            place = source[name], target[name]
            self.assertIn(place, PLACES[state], (name, state))
            if place in ((1, 0), (0, 1), (1, 1)):
                self.travelling[name] = {(1, 0): "kept", (0, 1): "moved", (1, 1): "copied"}[place]

        wire = self.wire()
        told = self.follower.told
        self.catchUp(wire)
        self.assertGreaterEqual(self.follower.highestModseq, told)
        truth = Follower()
        truth.hear(self.ask(wire, b"UID FETCH 1:* FLAGS")[0])
        self.assertEqual(self.follower.flags, truth.flags)
        # An index that was being written when it was killed finds what there is.
        self.ask(wire, b"SELECT Multi")
        for words in (b"SUBJECT -19", b"TEXT g0x", b"NOT SUBJECT -7"):
            said, _ = self.ask(wire, b"SEARCH RETURN (COUNT) " + words)
            wanted = words.split()[-1].decode()
            count = sum((wanted in name) != words.startswith(b"NOT") for name in found)
            self.assertEqual(re.findall(rb"COUNT (\d+)", said), [b"%d" % count], words)
        wire.close()
