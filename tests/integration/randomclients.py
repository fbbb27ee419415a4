"""
Several clients do random valid things in one mailbox, and each keeps its own view of it by what it is told alone:
EXISTS, EXPUNGE and VANISHED, FETCH (RFC 3501 7, RFC 7162 3.2, RFC 9586 3).  Whatever does not fit is a C{Mismatch}.

From time to time all rest; then each view must be what a new session sees.

C{python -m tests.integration.randomclients SEED SECONDS} is the long form of C{test_randomclients}.
"""

from __future__ import annotations

import random
import re
import socket
import sys
import time
import zlib

from tests.integration.daemon import PASSWORD, Daemon
from tests.integration.wire import faults

BOX, OTHER = b"Together", b"Beside"
FLAGS = (b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Draft", b"\\Deleted", b"$Work", b"$Later")
ITEMS = tuple(
    b"FLAGS/UID/ENVELOPE/BODYSTRUCTURE/RFC822.SIZE/INTERNALDATE/MODSEQ/EMAILID/PREVIEW/BODY.PEEK[]/BODY[TEXT]/"
    b"BODY.PEEK[HEADER.FIELDS (Subject)]/BODY.PEEK[TEXT]<0.9>/BINARY.PEEK[1]".split(b"/")
)
KEYS = tuple(
    b"ALL/SEEN/UNSEEN FLAGGED/DELETED/KEYWORD $Work/OR DRAFT ANSWERED/SUBJECT number/BODY word/NOT SEEN LARGER 10/"
    b"SINCE 1-Jan-2000/UID 1:50/MODSEQ 5/FROM anna".split(b"/")
)
DIALECTS = (b"CONDSTORE", b"QRESYNC", b"UIDONLY", b"IMAP4rev2", b"UTF8=ACCEPT")
#: RFC 5465 3.1: NONE would be less than what there is without NOTIFY.
AS_EVER = b"(SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))"
MOST_MESSAGES = 40
REST_ROUNDS = 25
TIMEOUT_SECONDS = 30.0


class Mismatch(AssertionError):
    """
    The server said what does not fit to what it had said before.
    """


def members(text: bytes) -> list[int]:
    found: list[int] = []
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        found += range(int(low), int(high or low) + 1)
    return found


class RandomClient:
    """
    @ivar view: UIDs by place; C{None} where a message has been announced and nothing told of it.
    @ivar flags: by UID, as they were told last.
    @ivar deleted: the UIDs of a search for C{DELETED} that is kept up to date (RFC 5267 4.3), or C{None}.
    """

    def __init__(self, name: str, port: int, who: str, choice: random.Random) -> None:
        self.name = name
        self.random = choice
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.inflate: zlib._Decompress | None = None
        self.deflate: zlib._Compress | None = None
        self.tag = 0
        self.view: list[int | None] = []
        self.flags: dict[int, frozenset[bytes]] = {}
        self.deleted: set[int] | None = None
        self.deletedTag = 0
        self.command = b""
        self.transcript: list[bytes] = []
        self.isUidOnly = self.isQresync = self.isNotified = self.isIdle = self.isSelected = self.isReadOnly = False
        self.mayExpunge = True
        self.highest = self.validity = 0
        self.searched: list[int] | None = None
        self.line()
        self.do(b'LOGIN %b "%b"' % (who.encode(), PASSWORD.encode()))

    # ------------------------------------------------------------------------------------------- the wire

    def fail(self, why: str) -> None:
        last = b"\n".join(self.transcript[-40:]).decode("utf-8", "replace")
        raise Mismatch(f"{self.name}: {why}\nview {self.view}\n{last}")

    def write(self, data: bytes) -> None:
        self.transcript.append(b"C: " + data[:300])
        if self.deflate is not None:
            data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.sock.sendall(data)

    def _need(self, octets: int) -> None:
        while len(self.buffer) < octets:
            self._more()

    def _more(self) -> None:
        data = self.sock.recv(1 << 16)
        if not data:
            self.fail("the server hung up")
        self.buffer += data if self.inflate is None else self.inflate.decompress(data)

    def line(self) -> bytes:
        """
        A response with its literals.
        """
        end = 0
        while True:
            while (at := self.buffer.find(b"\r\n", end)) < 0:
                self._more()
            literal = re.search(rb"\{(\d+)\}$", self.buffer[end:at])
            if literal is None:
                break
            end = at + 2 + int(literal[1])
            self._need(end)
        line, self.buffer = self.buffer[:at], self.buffer[at + 2 :]
        self.transcript.append(b"S: " + line[:300])
        del self.transcript[:-80]
        return line

    def begin(self, command: bytes) -> None:
        self.tag += 1
        self.command = command
        self.searched = None
        words = command.split()
        # RFC 3501 7.4.1; RFC 5465 5.3: who asked to be told at once is.
        self.mayExpunge = words[0] not in (b"FETCH", b"STORE", b"SEARCH") or self.isNotified
        self.write(b"%d %b\r\n" % (self.tag, command))

    def end(self) -> bytes:
        """
        Read up to the tagged line.
        """
        start = b"%d " % self.tag
        while not (line := self.line()).startswith(start):
            self.untagged(line)
        self.mayExpunge = True
        answer = line[len(start) :]
        if not re.match(rb"OK|NO \[(EXPUNGEISSUED|UNKNOWN-CTE|NOTSAVED|NONEXISTENT)\]", answer):
            self.fail(f"{self.command[:200]!r} was answered with {answer!r}")
        if self.isSelected and (found := re.match(rb"OK \[HIGHESTMODSEQ (\d+)\]", answer)):
            # RFC 7162 3.2.7: from here on, next time.
            self.highest = max(self.highest, int(found[1]))
        return answer

    def do(self, command: bytes) -> bytes:
        self.begin(command)
        return self.end()

    # ------------------------------------------------------------------------------------------- the view

    def untagged(self, line: bytes) -> None:
        if not line.startswith(b"* "):
            self.fail(f"neither tagged nor untagged: {line!r}")
        if line.startswith(b"* NO [NOUPDATE "):
            self.deleted = None
        elif re.match(rb"\* (BYE|BAD|NO)\b", line):
            self.fail("what is wrong?")
        if found := re.match(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH|UIDFETCH)\b(?: \()?", line):
            getattr(self, "told" + found[2].decode())(int(found[1]), line[found.end() :])
        elif found := re.match(rb"\* VANISHED (\(EARLIER\) )?([\d:,]+)$", line):
            self.toldVanished(members(found[2]), found[1] is not None)
        elif found := re.match(rb"\* (SEARCH|SORT)((?: \d+)*)", line):
            self.found(list(map(int, found[2].split())), b"UID " in self.command[:4], found[1] == b"SEARCH")
        elif found := re.match(rb"\* THREAD ?(.*)", line):
            self.found(list(map(int, re.findall(rb"\d+", found[1]))), b"UID " in self.command[:4], False)
        elif self.deleted is not None and line.startswith(b'* ESEARCH (TAG "%d")' % self.deletedTag):
            self.toldContext(line)
        elif found := re.match(rb'\* ESEARCH \(TAG "(\d+)"\)( UID)?.* ALL ([\d:,]+)', line):
            self.found(members(found[3]), found[2] is not None, False)

    def found(self, numbers: list[int], isUid: bool, isOrdered: bool) -> None:
        if len(set(numbers)) != len(numbers) or (isOrdered and numbers != sorted(numbers)):
            self.fail(f"twice, or not in order: {numbers}")
        if not isUid and any(not 1 <= number <= len(self.view) for number in numbers):
            self.fail("found what is not there")
        if isUid and None not in self.view and not set(numbers) <= set(self.view):
            self.fail("found what has not been told")

    def toldContext(self, line: bytes) -> None:
        """
        What comes to a search and what leaves it, in this order.
        """
        assert self.deleted is not None
        for kind, changes in re.findall(rb" (ALL|ADDTO|REMOVEFROM) \(?([\d:, ]+)", line):
            parts = changes.split()
            sets = parts if kind == b"ALL" else parts[1::2]
            for uid in (one for text in sets for one in members(text)):
                if (uid in self.deleted) is not (kind == b"REMOVEFROM"):
                    self.fail(f"{kind!r} of {uid}: {self.deleted}")
                self.deleted ^= {uid}

    def toldEXISTS(self, count: int, rest: bytes) -> None:
        if count < len(self.view):
            self.fail(f"EXISTS {count}: smaller than the view")
        self.view += [None] * (count - len(self.view))

    def toldEXPUNGE(self, number: int, rest: bytes) -> None:
        if self.isQresync or self.isUidOnly:
            self.fail("EXPUNGE where VANISHED was wanted")
        if not self.mayExpunge:
            self.fail("EXPUNGE in the middle")
        if not 1 <= number <= len(self.view):
            self.fail(f"EXPUNGE {number}")
        uid = self.view.pop(number - 1)
        if uid is not None:
            self.flags.pop(uid, None)

    def toldVanished(self, uids: list[int], isEarlier: bool) -> None:
        if not (self.isQresync or self.isUidOnly):
            self.fail("VANISHED where EXPUNGE was wanted")
        if not (isEarlier or self.mayExpunge):
            self.fail("VANISHED in the middle")
        for uid in uids:
            self.flags.pop(uid, None)
            if uid in self.view:
                self.view.remove(uid)
            elif not isEarlier:
                known = [(at, one) for at, one in enumerate(self.view) if one is not None]
                low = max((at for at, one in known if one < uid), default=-1)
                high = min((at for at, one in known if one > uid), default=len(self.view))
                if self.isUidOnly:
                    low, high = -1, len(self.view)
                unknown = [at for at in range(low + 1, high) if self.view[at] is None]
                if not unknown:
                    self.fail(f"VANISHED {uid}: that was never there")
                del self.view[unknown[0]]

    def _toldFlags(self, uid: int | None, rest: bytes) -> None:
        if uid is not None and (found := re.search(rb"FLAGS \(([^)]*)\)", rest)):
            self.flags[uid] = frozenset(found[1].lower().split()) - {b"\\recent"}

    def toldFETCH(self, number: int, rest: bytes) -> None:
        if self.isUidOnly:
            self.fail("FETCH where UIDFETCH was wanted")
        if not 1 <= number <= len(self.view):
            self.fail(f"FETCH of {number}, which is not there")
        if found := re.search(rb"(?:^|[ (])UID (\d+)", rest):
            uid = int(found[1])
            if self.view[number - 1] not in (None, uid):
                self.fail(f"{number} was {self.view[number - 1]}, and is {uid}")
            self.view[number - 1] = uid
            known = [one for one in self.view if one is not None]
            if known != sorted(set(known)):
                self.fail("UIDs do not ascend")
        self._toldFlags(self.view[number - 1], rest)

    def toldUIDFETCH(self, uid: int, rest: bytes) -> None:
        if not self.isUidOnly:
            self.fail("UIDFETCH where FETCH was wanted")
        if uid not in self.view:
            if None not in self.view:
                self.fail(f"UIDFETCH of {uid}, which is not there")
            self.view.remove(None)
            self.view = sorted(one for one in self.view if one is not None) + [None] * self.view.count(None)
            self.view.insert(len([one for one in self.view if one is not None and one < uid]), uid)
        self._toldFlags(uid, rest)

    # ------------------------------------------------------------------------------------- what clients do

    def enter(self) -> None:
        """
        Choose a dialect, and select.
        """
        chance = self.random.random
        if chance() < 0.3:
            self.do(b"COMPRESS DEFLATE")
            self.deflate, self.inflate = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)
        enabled = [name for name in DIALECTS if chance() < 0.35]
        if enabled:
            self.do(b"ENABLE " + b" ".join(enabled))
        self.isQresync = b"QRESYNC" in enabled
        self.isUidOnly = b"UIDONLY" in enabled
        self.select()

    def select(self) -> None:
        old = {uid: self.flags.get(uid) for uid in self.view if uid is not None}
        isWhole = None not in self.view and all(flags is not None for flags in old.values())
        parameter = b""
        if self.isQresync and self.highest and isWhole and self.random.random() < 0.8:
            parameter = b" (QRESYNC (%d %d))" % (self.validity, self.highest)
        self.isNotified = self.isNotified and self.isSelected
        self.deleted = None
        verb = self.random.choice((b"SELECT", b"SELECT", b"SELECT", b"EXAMINE"))
        self.isReadOnly = verb == b"EXAMINE"
        self.begin(b"%b %b%b" % (verb, BOX, parameter))
        lines = []
        start = b"%d " % self.tag
        while not (line := self.line()).startswith(start):
            lines.append(line)
        if not line.startswith(start + b"OK"):
            self.fail("not selected")
        self.isSelected = True
        closed = [at for at, one in enumerate(lines) if b"[CLOSED]" in one]
        if closed:
            # RFC 7162 3.2.11: up to there it is about the mailbox before.
            for one in lines[: closed[0]]:
                self.untagged(one)
            old = {uid: self.flags.get(uid) for uid in self.view if uid is not None}
            lines = lines[closed[0] + 1 :]
        told = b"\n".join(lines)
        count = int(re.search(rb"^\* (\d+) EXISTS", told, re.M)[1])  # type: ignore[index]
        highest = int(re.search(rb"HIGHESTMODSEQ (\d+)", told)[1])  # type: ignore[index]
        if highest < self.highest:
            self.fail("HIGHESTMODSEQ went down")
        self.highest = highest
        self.validity = int(re.search(rb"UIDVALIDITY (\d+)", told)[1])  # type: ignore[index]
        if not parameter:
            self.view, self.flags = [None] * count, {}
            return
        # RFC 7162 3.2.5: what is gone, and what has changed or come.
        self.view = [*sorted(old)]
        for line in lines:
            if line.startswith(b"* VANISHED (EARLIER)"):
                self.untagged(line)
        if len(self.view) > count:
            self.fail(f"QRESYNC left {len(self.view)} of {count}")
        self.view += [None] * (count - len(self.view))
        for line in lines[1 + next(at for at, one in enumerate(lines) if b" EXISTS" in one) :]:
            if b"FETCH (" in line or b" EXISTS" in line or re.match(rb"\* VANISHED \d", line):
                self.untagged(line)
        if None in self.view and sum(b" EXISTS" in one for one in lines) == 1:
            self.fail("QRESYNC did not tell what is new")

    def some(self, mayBeGone: bool = True) -> tuple[bytes, bytes]:
        """
        @return: C{UID } or nothing, and a set to go with it.
        """
        known = [uid for uid in self.view if uid is not None]
        choice = self.random
        if self.isUidOnly or self.isNotified or choice.random() < 0.5 or not self.view:
            pool = known or [1]
            prefix = b"UID "
        else:
            pool = list(range(1, len(self.view) + 1))
            prefix = b""
        kind = choice.random()
        if kind < 0.2:
            return prefix, b"1:*" if self.view else b"1:5"
        if kind < 0.4:
            low, high = choice.choice(pool), choice.choice(pool)
            return prefix, b"%d:%d" % (low, high)
        return prefix, b",".join(b"%d" % one for one in choice.sample(pool, min(len(pool), choice.randint(1, 4))))

    def act(self) -> None:
        """
        Begin something.
        """
        if self.isIdle:
            self.isIdle = False
            self.write(b"DONE\r\n")
            return
        if None in self.view and not self.isNotified:
            self.learn()
            return
        choice = self.random
        acts = [self.fetch] * 5 + [self.search] * 4 + [self.noop] * 2 + [self.idle, self.notify, self.again, self.copy]
        if self.deleted is None:
            acts.append(self.watch)
        if not self.isReadOnly:
            acts += [self.store] * 6 + [self.expunge] * 2 + [self.move, self.replace]
        if len(self.view) < MOST_MESSAGES:
            acts += [self.append] * 4
        choice.choice(acts)()

    def learn(self) -> None:
        if self.isUidOnly or self.isNotified:
            self.begin(b"UID FETCH 1:* (FLAGS)")
        else:
            self.begin(b"FETCH %d:* (UID FLAGS)" % (self.view.index(None) + 1))

    def noop(self) -> None:
        self.begin(self.random.choice((b"NOOP", b"CHECK", b"STATUS %b (MESSAGES UIDNEXT)" % OTHER, b"NOOP")))

    def idle(self) -> None:
        self.begin(b"IDLE")
        while not (line := self.line()).startswith(b"+"):
            self.untagged(line)
        self.isIdle = True

    def notify(self) -> None:
        if self.isNotified or self.random.random() < 0.5:
            self.isNotified = False
            self.begin(b"NOTIFY SET " + AS_EVER)
            return
        self.isNotified = True
        self.begin(b"NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange))")

    def again(self) -> None:
        if self.isNotified:
            self.do(b"NOTIFY SET " + AS_EVER)
            self.isNotified = False
        if self.random.random() < 0.5:
            self.deleted = None
            self.do(b"CLOSE" if self.isReadOnly else b"UNSELECT")
        self.select()
        self.begin(b"NOOP")

    def fetch(self) -> None:
        prefix, numbers = self.some()
        items = self.random.sample(ITEMS, self.random.randint(1, 4))
        if self.isReadOnly:
            items = [item.replace(b"BODY[", b"BODY.PEEK[") for item in items]
        more = b" (CHANGEDSINCE %d)" % max(self.highest, 1) if self.random.random() < 0.15 else b""
        self.begin(b"%bFETCH %b (%b)%b" % (prefix, numbers, b" ".join(items), more))

    def store(self) -> None:
        prefix, numbers = self.some()
        sign = self.random.choice((b"+", b"-", b"+", b""))
        flags = b" ".join(self.random.sample(FLAGS, self.random.randint(1, 2)))
        unchanged = b"(UNCHANGEDSINCE %d) " % self.highest if self.random.random() < 0.15 else b""
        # Not .SILENT: who is not told has to know what becomes of it, and this client does not reckon.
        self.begin(b"%bSTORE %b %b%bFLAGS (%b)" % (prefix, numbers, unchanged, sign, flags))

    def expunge(self) -> None:
        if self.isUidOnly or self.random.random() < 0.3:
            known = [uid for uid in self.view if uid is not None] or [1]
            self.begin(b"UID EXPUNGE %d:%d" % (self.random.choice(known), self.random.choice(known)))
        else:
            self.begin(b"EXPUNGE")

    def append(self) -> None:
        head = b"APPEND %b" % BOX
        for _ in range(self.random.choice((1, 1, 1, 3))):
            number = self.random.randint(1, 10**6)
            text = b"From: anna@example.test\r\nSubject: number %d\r\n\r\nword %d\r\n" % (number, number)
            flags = b" (%b)" % b" ".join(self.random.sample(FLAGS, self.random.randint(0, 2)))
            head += b"%b {%d+}\r\n%b" % (flags, len(text), text)
        self.begin(head)

    def replace(self) -> None:
        known = [uid for uid in self.view if uid is not None]
        if not known:
            self.begin(b"NOOP")
            return
        number = self.random.randint(1, 10**6)
        text = b"From: anna@example.test\r\nSubject: number %d\r\n\r\nword %d\r\n" % (number, number)
        self.begin(b"UID REPLACE %d %b {%d+}\r\n%b" % (self.random.choice(known), BOX, len(text), text))

    def copy(self) -> None:
        prefix, numbers = self.some()
        if len(self.view) < MOST_MESSAGES and len(numbers) < 6 and b":" not in numbers:
            self.begin(b"%bCOPY %b %b" % (prefix, numbers, self.random.choice((BOX, OTHER))))
        else:
            self.begin(b"NOOP")

    def move(self) -> None:
        prefix, numbers = self.some()
        if numbers == b"1:*":
            self.begin(b"NOOP")
        else:
            self.begin(b"%bMOVE %b %b" % (prefix, numbers, self.random.choice((OTHER, OTHER, BOX))))

    def watch(self) -> None:
        self.deleted, self.deletedTag = set(), self.tag + 1
        self.begin(b"UID SEARCH RETURN (UPDATE ALL) DELETED")

    def search(self) -> None:
        key = self.random.choice(KEYS)
        prefix = b"UID " if self.isUidOnly or self.isNotified or self.random.random() < 0.5 else b""
        kind = self.random.random()
        options = self.random.choice((b"", b" RETURN (ALL)", b" RETURN (MIN MAX COUNT ALL)", b" RETURN (SAVE)"))
        if kind < 0.5:
            self.begin(b"%bSEARCH%b %b" % (prefix, options, key))
            if b"SAVE" in options:
                self.end()
                self.begin(b"%bFETCH $ (UID FLAGS)" % prefix)
        elif kind < 0.8:
            order = self.random.choice((b"(SUBJECT)", b"(REVERSE ARRIVAL)", b"(FROM SIZE)", b"(DATE)"))
            self.begin(b"%bSORT%b %b UTF-8 %b" % (prefix, options if b"ALL" in options else b"", order, key))
        else:
            way = self.random.choice((b"ORDEREDSUBJECT", b"REFERENCES"))
            self.begin(b"%bTHREAD %b UTF-8 %b" % (prefix, way, key))

    # ---------------------------------------------------------------------------------------------- at rest

    def settle(self) -> None:
        """
        Hear everything, and ask for what is not known.
        """
        if self.isIdle:
            self.isIdle = False
            self.write(b"DONE\r\n")
            self.end()
        self.do(b"NOOP")
        if None in self.view or any(uid not in self.flags for uid in self.view if uid is not None):
            known = self.flags.copy()
            self.do(b"UID FETCH 1:* (UID FLAGS)")
            for uid, flags in known.items():
                if uid in self.view and self.flags[uid] != flags:
                    self.fail(f"the flags of {uid} were told as {set(flags)} and are {set(self.flags[uid])}")

        right = {uid for uid in self.view if uid is not None and b"\\deleted" in self.flags[uid]}
        if self.deleted is not None and self.deleted != right:
            self.fail(f"a search that is kept up to date: {sorted(self.deleted)}\n{sorted(right)}")

    def snapshot(self) -> dict[int, frozenset[bytes]]:
        return {uid: self.flags[uid] for uid in self.view if uid is not None}


def play(daemon: Daemon, who: str, seed: int, seconds: float, clients: int = 6) -> int:
    """
    Let clients do random things.

    @return: how many commands there were.
    @raise Mismatch: the server said something that does not fit.
    """
    choice = random.Random(seed)
    port = daemon.ports["imap"]

    def connect(name: str) -> RandomClient:
        return RandomClient(name, port, who, random.Random(choice.random()))

    first = connect("first")
    first.do(b"CREATE " + BOX)
    first.do(b"CREATE " + OTHER)
    everybody = [connect(f"client {number}") for number in range(clients)]
    for client in everybody:
        client.enter()
    commands = rounds = 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        rounds += 1
        for client in everybody:
            client.act()
        for client in choice.sample(everybody, len(everybody)):
            if not client.isIdle:
                client.end()
            commands += 1
        if rounds % REST_ROUNDS:
            continue
        for client in everybody:
            client.settle()
        for client in everybody:
            client.settle()
        first.do(b"EXAMINE " + BOX)
        first.view, first.flags = [None] * len(first.view), {}
        first.do(b"UNSELECT")
        first.view = []
        first.do(b"EXAMINE " + BOX)
        first.do(b"UID FETCH 1:* (UID FLAGS)")
        right = first.snapshot()
        for client in everybody:
            if client.view != sorted(right) or client.snapshot() != right:
                wrong = {uid: (client.flags.get(uid), right.get(uid)) for uid in set(right) | set(client.snapshot())
                         if client.flags.get(uid) != right.get(uid)}  # fmt: skip
                client.fail(f"its view is not what there is: {wrong}\n{sorted(right)}")
        first.do(b"UNSELECT")
        first.view, first.flags = [], {}
        for number, client in enumerate(everybody):
            # Some leave, in the middle of things, and others come.
            if choice.random() < 0.15:
                client.sock.close()
                everybody[number] = connect(f"{client.name}'")
                everybody[number].enter()
    for client in (first, *everybody):
        client.sock.close()
    return commands


def main() -> None:
    seed, seconds = int(sys.argv[1]), float(sys.argv[2])
    daemon = Daemon(services=("imap",))
    try:
        daemon.start()
        daemon.addAccount("anna@example.test")
        try:
            print(f"seed {seed}: {play(daemon, 'anna@example.test', seed, seconds)} commands")
        finally:
            print("\n".join(faults(daemon)) or "no faults in the log")
    finally:
        daemon.remove()


if __name__ == "__main__":
    main()
