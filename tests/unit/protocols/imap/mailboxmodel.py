"""
A simple model of a mailbox, and of a client that believes what it is told and nothing else.
"""

from __future__ import annotations

import re

from attrs import define, field

_FETCH = re.compile(rb"\* (\d+) (UID)?FETCH \((.*)\)", re.DOTALL)
_ITEM = re.compile(rb"UID (\d+)|FLAGS \(([^)]*)\)|MODSEQ \((\d+)\)|BODY\[\] \{\d+\}\r\n[^)]*")

Flags = frozenset[bytes]


@define
class Mailbox:
    """
    What is really there: flags by UID.
    """

    flags: dict[int, Flags] = field(factory=dict)
    uidnext: int = 1

    def arrive(self, flags: Flags = frozenset()) -> int:
        uid = self.uidnext
        self.flags[uid] = flags
        self.uidnext += 1
        return uid

    def change(self, uid: int, operation: bytes, flags: Flags) -> None:
        old = self.flags[uid]
        self.flags[uid] = old | flags if operation == b"+" else old - flags if operation == b"-" else flags

    def expunge(self, uids: set[int]) -> set[int]:
        """
        Of these, those that have \\Deleted; they go.
        """
        gone = {uid for uid in uids if b"\\Deleted" in self.flags.get(uid, frozenset())}
        self.remove(gone)
        return gone

    def remove(self, uids: set[int]) -> None:
        for uid in uids:
            self.flags.pop(uid, None)


@define
class Dialect:
    """
    What a client has enabled.
    """

    enabled: frozenset[str]

    @property
    def isCondstore(self) -> bool:
        return not self.enabled.isdisjoint(("CONDSTORE", "QRESYNC"))

    @property
    def isQresync(self) -> bool:
        return "QRESYNC" in self.enabled

    @property
    def isUidOnly(self) -> bool:
        return "UIDONLY" in self.enabled

    @property
    def isRev2(self) -> bool:
        return "IMAP4rev2" in self.enabled

    @property
    def isByUid(self) -> bool:
        """
        What vanishes is told by UID.
        """
        return self.isQresync or self.isUidOnly


def setOf(text: bytes) -> list[int]:
    """
    The numbers of C{1,3:5}.
    """
    numbers: list[int] = []
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        numbers += range(int(low), int(high or low) + 1)
    return numbers


def linesOf(said: bytes) -> list[bytes]:
    """
    Responses, a literal within one of them included, without CRLF.
    """
    lines: list[bytes] = []
    rest = said
    while rest:
        end = rest.index(b"\r\n")
        while (match := re.search(rb"\{(\d+)\}$", rest[:end])) is not None:
            end = rest.index(b"\r\n", end + 2 + int(match.group(1)))
        lines.append(rest[:end])
        rest = rest[end + 2 :]
    return lines


@define
class Belief:
    """
    A client's idea of the mailbox: every response is checked against what is really there, and against what the client
    was told before.

    @ivar uids: by sequence number.
    @ivar flags: of the UIDs that it knows flags of, without C{\\Recent}.
    @ivar modseqs: the same of MODSEQs.
    @ivar before: flags that the command under way has changed: what others did before it is told first.
    @ivar firstRecent: from this UID on, messages are recent here.
    @ivar highestModseq: all up to here is known (RFC 7162 3.2.5), as far as the client may believe it.
    """

    truth: Mailbox
    dialect: Dialect
    uids: list[int] = field(factory=list)
    flags: dict[int, Flags] = field(factory=dict)
    modseqs: dict[int, int] = field(factory=dict)
    before: dict[int, Flags] = field(factory=dict)
    uidvalidity: int = 0
    firstRecent: int = 0
    highestModseq: int = 0

    # --------------------------------------------------------------------------------------------- responses

    def hear(self, said: bytes, mayExpunge: bool, own: bool = False) -> list[bytes]:
        """
        What was said in answer to one command.

        @param mayExpunge: sequence numbers may shift.
        @param own: FETCH responses may be what was asked for, not only what others have done.
        @return: the lines that are about something else.
        """
        others = []
        awaitsRecent = False
        for line in linesOf(said):
            if awaitsRecent:
                assert line.endswith(b" RECENT"), line
                awaitsRecent = False
            words = line.split(b" ")
            if words[0] == b"*" and words[-1] == b"EXISTS":
                self._exists(int(words[1]))
                awaitsRecent = not self.dialect.isRev2
            elif words[0] == b"*" and words[-1] == b"RECENT":
                assert not self.dialect.isRev2, "there is no RECENT in IMAP4rev2"
                assert int(words[1]) == sum(uid >= self.firstRecent for uid in self.uids), (line, self)
            elif words[0] == b"*" and words[-1] == b"EXPUNGE":
                assert mayExpunge and not self.dialect.isByUid, line
                self._gone(self.uids[int(words[1]) - 1])
            elif words[:2] == [b"*", b"VANISHED"] and words[2] != b"(EARLIER)":
                assert mayExpunge and self.dialect.isByUid, line
                for uid in setOf(words[2]):
                    self._gone(uid)
            elif (match := _FETCH.fullmatch(line)) is not None:
                assert (match.group(2) is not None) == self.dialect.isUidOnly, line
                self._fetched(int(match.group(1)), match.group(3), own)
            else:
                others.append(line)
        assert not awaitsRecent
        return others

    def _exists(self, count: int) -> None:
        known = self.uids[-1] if self.uids else 0
        arrived = sorted(uid for uid in self.truth.flags if uid > known)
        assert count > len(self.uids), "EXISTS tells of something new"
        assert count == len(self.uids) + len(arrived), (count, self)
        self.uids += arrived

    def _gone(self, uid: int) -> None:
        assert uid in self.uids, f"{uid} was never told of, or is gone already"
        assert uid not in self.truth.flags, f"{uid} is there still"
        self.uids.remove(uid)
        self.flags.pop(uid, None)
        self.modseqs.pop(uid, None)

    def _fetched(self, number: int, items: bytes, own: bool) -> None:
        uid = number if self.dialect.isUidOnly else self.uids[number - 1]
        assert uid in self.uids, "of a message that was not told of"
        assert uid in self.truth.flags, f"of a message that is gone: {uid}"
        found = list(_ITEM.finditer(items))
        assert b" ".join(match.group() for match in found) == items, items
        names = [match.group().split(b" ")[0].split(b"[")[0] for match in found]
        assert len(set(names)) == len(names), items
        if not own:
            isUidTold = not self.dialect.isUidOnly and (self.dialect.isQresync or self.dialect.isRev2)
            assert b"FLAGS" in names, items
            assert not isUidTold or b"UID" in names, items
            assert (b"MODSEQ" in names) == self.dialect.isCondstore, items
        for match in found:
            told, flags, modseq = match.groups()
            if told:
                assert int(told) == uid, "a number has another UID than before"
            elif flags is not None:
                self._flags(uid, frozenset(flags.split()))
            elif modseq:
                assert int(modseq) >= self.modseqs.get(uid, 0), "a MODSEQ never decreases"
                self.modseqs[uid] = int(modseq)

    def _flags(self, uid: int, flags: Flags) -> None:
        isRecent = uid >= self.firstRecent and not self.dialect.isRev2
        assert (b"\\Recent" in flags) == isRecent, (uid, flags, self.firstRecent)
        self.flags[uid] = flags - {b"\\Recent"}
        possible = [self.truth.flags[uid], *([self.before[uid]] if uid in self.before else [])]
        assert self.flags[uid] in possible, (uid, self.flags[uid], possible)

    # ------------------------------------------------------------------------------------------------ select

    def selected(self, said: bytes, resync: tuple[dict[int, Flags], int] | None = None) -> None:
        """
        The answer to SELECT.

        @param resync: what was known before and up to which MODSEQ, where the client has asked what happened since.
        """
        lines = linesOf(said)
        assert b" OK [READ-" in lines[-1], lines[-1]
        if any(b"[CLOSED]" in line for line in lines):
            assert lines[0].startswith(b"* OK [CLOSED]"), lines
        self.flags.clear()
        self.modseqs.clear()
        self.uids = sorted(self.truth.flags)
        numbers = {
            line.split(b" ")[2]: int(line.split(b" ")[1]) for line in lines if re.match(rb"\* \d+ [A-Z]+$", line)
        }
        assert numbers.pop(b"EXISTS") == len(self.uids)
        recent = numbers.pop(b"RECENT", 0)
        assert not numbers
        codes = {match.group(1): int(match.group(2)) for match in re.finditer(rb"\* OK \[([A-Z]+) (\d+)\]", said)}
        assert codes[b"UIDNEXT"] == self.truth.uidnext
        assert (b"* LIST () " in said) == self.dialect.isRev2
        assert (b" RECENT\r\n" in said) == (not self.dialect.isRev2)
        if b"UNSEEN" in codes:
            assert not self.dialect.isRev2 and not self.dialect.isUidOnly
            unseen = [uid for uid in self.uids if b"\\Seen" not in self.truth.flags[uid]]
            assert self.uids[codes[b"UNSEEN"] - 1] == unseen[0]
        self.firstRecent = self.uids[len(self.uids) - recent] if recent else self.truth.uidnext
        self.uidvalidity = codes[b"UIDVALIDITY"]
        if resync is not None:
            self._resynchronized(lines, *resync)
        self.highestModseq = codes[b"HIGHESTMODSEQ"]

    def _resynchronized(self, lines: list[bytes], known: dict[int, Flags], since: int) -> None:
        """
        What the client knew before, and what it is told now, is what is there.
        """
        cache = dict(known)
        hasFetched = False
        for line in lines:
            if line.startswith(b"* VANISHED (EARLIER) "):
                assert not hasFetched, "what has vanished comes first"
                for uid in setOf(line.split(b" ")[3]):
                    assert uid not in self.truth.flags, f"{uid} is there still"
                    cache.pop(uid, None)
            elif (match := _FETCH.fullmatch(line)) is not None:
                hasFetched = True
                before = dict(self.flags)
                self._fetched(int(match.group(1)), match.group(3), False)
                (uid,) = self.flags.keys() - before.keys()
                assert self.modseqs[uid] > since
                cache[uid] = self.flags[uid]
        assert cache == self.truth.flags, (cache, self.truth.flags)
        self.flags = cache

    # ------------------------------------------------------------------------------------------------- at rest

    def isCurrent(self) -> None:
        """
        Everything has been told.
        """
        assert self.uids == sorted(self.truth.flags), (self.uids, self.truth)
        for uid, flags in self.flags.items():
            assert flags == self.truth.flags[uid], (uid, flags, self.truth.flags[uid])
