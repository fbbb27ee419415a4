"""
Several sessions on one mailbox, against models of it and of clients that believe what they are told and nothing else:
one command after the other, where every response is checked, and all at once.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import blockingCallFromThread, deferToThread

from osxmail.interfaces import IMailbox
from osxmail.mail.address import Address
from tests.fakes.mailstores import put
from tests.unit.protocols.imap.mailboxmodel import Belief, Dialect, Flags, Mailbox, setOf
from tests.unit.protocols.imap.sessions import Client, SessionCase

_T = TypeVar("_T")
_FETCH = re.compile(rb"\* (\d+) FETCH \((?:UID (\d+) ?)?(?:FLAGS \(([^)]*)\))?")

DIALECTS = [
    frozenset(names)
    for names in (
        (),
        ("CONDSTORE",),
        ("QRESYNC",),
        ("UIDONLY",),
        ("IMAP4rev2",),
        ("IMAP4rev2", "QRESYNC"),
        ("UIDONLY", "QRESYNC"),
        ("UIDONLY", "IMAP4rev2"),
    )
]
FLAG = st.sampled_from([b"\\Seen", b"\\Flagged", b"\\Deleted", b"\\Deleted", b"$Work"])
PHASES = (Phase.generate,)
ITEMS = [b"FLAGS", b"(UID FLAGS)", b"BODY[]"]
SESSION = st.integers(0, 2)
PLACE = st.integers(0, 30)


class Model:
    """
    A client's idea of the mailbox: a UID (0: not asked yet) and flags (C{None}: not asked yet) for each number.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.uids: list[int] = []
        self.flags: list[frozenset[bytes] | None] = []

    def hear(self, said: bytes, mayExpunge: bool) -> None:
        for line in said.split(b"\r\n"):
            if line.endswith(b" EXISTS"):
                count = int(line.split()[1])
                assert count >= len(self.uids), "EXISTS never shrinks"
                self.uids += [0] * (count - len(self.uids))
                self.flags += [None] * (count - len(self.flags))
            elif line.endswith(b" EXPUNGE"):
                assert mayExpunge, "no EXPUNGE under FETCH, STORE and SEARCH"
                number = int(line.split()[1])
                del self.uids[number - 1]
                del self.flags[number - 1]
            elif line.startswith(b"* VANISHED "):
                assert mayExpunge, "no VANISHED under FETCH, STORE and SEARCH"
                for uid in setOf(line.split()[2]):
                    index = self._indexOf(uid)
                    del self.uids[index]
                    del self.flags[index]
            elif match := _FETCH.match(line):
                index = int(match.group(1)) - 1
                if match.group(2):
                    uid = int(match.group(2))
                    assert self.uids[index] in (0, uid), "a number has another UID than before"
                    self.uids[index] = uid
                if match.group(3) is not None:
                    self.flags[index] = frozenset(match.group(3).split()) - {b"\\Recent"}

    def _indexOf(self, uid: int) -> int:
        """
        Where a UID is; one that was not asked for yet is any of those between its neighbours.
        """
        if uid in self.uids:
            return self.uids.index(uid)
        before = [index for index, each in enumerate(self.uids) if 0 < each < uid]
        return self.uids.index(0, before[-1] + 1 if before else 0)

    async def do(self, line: bytes) -> bytes:
        said = await self.client.do(line)
        self.hear(said, line.split()[0] not in (b"FETCH", b"STORE", b"SEARCH"))
        return said


class ModelTests(SessionCase):
    async def test_severalSessions(self) -> None:
        await self.fill(*[b"Subject: %d\r\n\r\n" % number for number in range(8)])
        models = []
        for enabled in (b"", b"QRESYNC", b"CONDSTORE", b"QRESYNC IMAP4rev2"):
            client = self.connect()
            await client.do(b"LOGIN anna secret")
            if enabled:
                await client.do(b"ENABLE " + enabled)
            model = Model(client)
            await model.do(b"SELECT INBOX")
            models.append(model)
        chance = random.Random(10)

        async def act(model: Model) -> None:
            count = len(model.uids)
            number = chance.randint(1, max(count, 1))
            flag = chance.choice([b"\\Seen", b"\\Flagged", b"\\Deleted", b"$Work"])
            sign = chance.choice([b"+", b"-", b""])
            line = chance.choice(
                [
                    b"NOOP",
                    b"FETCH %d:* (UID FLAGS)" % number,
                    b"UID FETCH 1:* (FLAGS)",
                    b"FETCH %d BODY[]" % number,
                    b"STORE %d %bFLAGS (%b)" % (number, sign, flag),
                    b"STORE %d %bFLAGS.SILENT (%b)" % (number, sign, flag),
                    b"UID STORE %d %bFLAGS (%b)" % (number, sign, flag),
                    b"SEARCH UNSEEN",
                    b"EXPUNGE",
                    b"COPY %d INBOX" % number,
                    b"UID MOVE %d Trash" % chance.choice([uid for uid in model.uids if uid] or [1])
                    if chance.random() < 0.3
                    else b"NOOP",
                ]
            )
            if count == 0 and not line.startswith((b"NOOP", b"EXPUNGE", b"UID")):
                line = b"APPEND INBOX {15+}\r\nSubject: n\r\n\r\n.\r\n"
            said = await model.do(line)
            assert b" BAD " not in said, (line, said)
            if ".SILENT" in line.decode():
                # A client that asks for silence knows what it has done.
                model.flags[number - 1] = None

        # Each session goes on by itself: what the others do comes at any point of its commands.
        async def actOften(model: Model) -> None:
            for _ in range(130):
                await act(model)

        await gatherResults([Deferred.fromCoroutine(actOften(model)) for model in models])
        truth = await self._truth()
        for model in models:
            await model.do(b"NOOP")
            unknown = [uid for uid, flags in zip(model.uids, model.flags, strict=True) if flags is None or not uid]
            self.assertEqual(len(model.uids), len(truth))
            believed = {
                uid: flags for uid, flags in zip(model.uids, model.flags, strict=True) if uid and flags is not None
            }
            for uid, flags in believed.items():
                self.assertEqual(flags, truth[uid], uid)
            self.assertLess(len(unknown), len(truth) or 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def _truth(self) -> dict[int, frozenset[bytes]]:
        model = Model(await self.selected(b"EXAMINE INBOX"))
        model.uids = [0] * 10_000
        model.flags = [None] * 10_000
        await model.do(b"FETCH 1:* (UID FLAGS)")
        return {uid: flags or frozenset() for uid, flags in zip(model.uids, model.flags, strict=True) if uid}


class Session:
    """
    A client with its belief; C{cache} is what it keeps while the mailbox is closed.
    """

    def __init__(self, client: Client, belief: Belief) -> None:
        self.client = client
        self.belief = belief
        self.cache: tuple[dict[int, Flags], int] | None = None


class Sessions(RuleBasedStateMachine):
    """
    Two or three sessions, one command after the other; what each is told when is ours to check, and theirs to be right.
    """

    case: SessionCase
    names = count()

    def wait(self, function: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        result: _T = blockingCallFromThread(reactor, lambda: Deferred.fromCoroutine(function()))  # type: ignore[arg-type]
        return result

    @initialize(dialects=st.lists(st.sampled_from(DIALECTS), min_size=2, max_size=3), messages=st.integers(0, 6))
    def start(self, dialects: list[frozenset[str]], messages: int) -> None:
        self.truth = Mailbox()
        self.sessions: list[Session] = []
        self.history: list[str] = []
        self.wait(lambda: self._start(dialects, messages))

    async def _start(self, dialects: list[frozenset[str]], messages: int) -> None:
        self.name = f"m{next(self.names)}"
        account = await self.case.store.account("id-anna", Address("anna", "example.test"))
        self.mailbox: IMailbox = await account.createMailbox(self.name)
        for _ in range(messages):
            await self._deliver()
        for enabled in dialects:
            client = self.case.connect()
            await client.do(b"LOGIN anna secret")
            if enabled:
                await client.do(f"ENABLE {' '.join(sorted(enabled))}".encode())
            session = Session(client, Belief(self.truth, Dialect(enabled)))
            session.belief.selected(await client.do(f"SELECT {self.name}".encode()))
            self.sessions.append(session)

    def teardown(self) -> None:
        failure = sys.exc_info()[1]
        if isinstance(failure, AssertionError):
            # Examples are not made smaller: that takes minutes.  This says more than they would.
            print("\n".join([str([sorted(each.belief.dialect.enabled) for each in self.sessions]), *self.history]))
        if failure is None and getattr(self, "sessions", None):
            self.wait(self._finish)

    async def _finish(self) -> None:
        for session in self.sessions:
            await self._current(session)
            await session.client.do(b"LOGOUT")
        rows = (await self.mailbox.changesSince(0)).changed
        assert [row[0] for row in rows] == sorted(self.truth.flags)

    async def _deliver(self) -> None:
        uid = self.truth.arrive()
        assert await put(self.case.store, self.mailbox, b"Subject: %d\r\n\r\n" % uid) == uid

    def session(self, number: int) -> Session:
        return self.sessions[number % len(self.sessions)]

    def do(self, session: Session, line: bytes, mayExpunge: bool, own: bool = False) -> list[bytes]:
        """
        A command, its responses checked; those that are about something else.
        """
        said = self.wait(lambda: session.client.do(line))
        self.history.append(f"{self.sessions.index(session)}: {line!r} -> {said!r}")
        lines = session.belief.hear(said, mayExpunge, own)
        session.belief.before.clear()
        assert b" BAD " not in lines[-1] and b"SERVERBUG" not in lines[-1], (line, lines)
        return lines

    async def _current(self, session: Session) -> None:
        session.belief.hear(await session.client.do(b"NOOP"), True)
        session.belief.isCurrent()

    def named(self, session: Session, place: int, isUid: bool) -> tuple[bytes, int, bool]:
        """
        A message as a command names it: C{UID } or nothing before the command, the number, whether it is by UID.
        """
        uids = session.belief.uids
        isUid = isUid or session.belief.dialect.isUidOnly
        index = place % len(uids)
        return (b"UID " if isUid else b""), uids[index] if isUid else index + 1, isUid

    def has(self, session: Session) -> bool:
        return bool(session.belief.uids)

    # ------------------------------------------------------------------------------------------------- commands

    @rule()
    def deliver(self) -> None:
        self.wait(self._deliver)

    @rule(number=SESSION)
    def noop(self, number: int) -> None:
        self.wait(lambda: self._current(self.session(number)))

    @rule(number=SESSION, flag=FLAG)
    def append(self, number: int, flag: bytes) -> None:
        session = self.session(number)
        self.truth.arrive(frozenset({flag}))
        line = b"APPEND %b (%b) {15+}\r\nSubject: n\r\n\r\n.\r\n" % (self.name.encode(), flag)
        assert b"[APPENDUID " in self.do(session, line.removesuffix(b"\r\n"), True)[-1]
        session.belief.isCurrent()

    @rule(
        number=SESSION, place=PLACE, isUid=st.booleans(), flag=FLAG, operation=st.sampled_from([b"+", b"-", b""]),
        isSilent=st.booleans(),
    )  # fmt: skip
    def store(self, number: int, place: int, isUid: bool, flag: bytes, operation: bytes, isSilent: bool) -> None:
        session = self.session(number)
        if not self.has(session):
            return
        before, message, isUid = self.named(session, place, isUid)
        uid = message if isUid else session.belief.uids[message - 1]
        isThere = uid in self.truth.flags
        if isThere:
            session.belief.before[uid] = self.truth.flags[uid]
            self.truth.change(uid, operation, frozenset({flag}))
        silent = b".SILENT" if isSilent else b""
        lines = self.do(session, b"%bSTORE %d %bFLAGS%b (%b)" % (before, message, operation, silent, flag), isUid, True)
        # RFC 2180 4.2.1: with .SILENT it is no matter.
        assert (b"EXPUNGEISSUED" in lines[-1]) == (not isThere) or isUid or isSilent, lines
        if isThere and isSilent:
            # Who asks for silence knows what it has done.
            session.belief.flags[uid] = self.truth.flags[uid]
        elif isThere:
            assert session.belief.flags[uid] == self.truth.flags[uid]

    @rule(number=SESSION, place=PLACE, back=st.integers(0, 3))
    def conditionalStore(self, number: int, place: int, back: int) -> None:
        """
        RFC 7162 3.1.3: MODIFIED names those whose MODSEQ is above, and no others.
        """
        session = self.session(number)
        if not session.belief.dialect.isCondstore or not self.has(session):
            return
        modseqs = {row[0]: row[2] for row in self.wait(self._rows)}
        since = max(modseqs.values(), default=1) - back
        uids = [uid for uid in session.belief.uids if uid in self.truth.flags]
        refused = [uid for uid in uids if modseqs[uid] > since]
        for uid in uids:
            if uid not in refused:
                session.belief.before[uid] = self.truth.flags[uid]
                self.truth.change(uid, b"+", frozenset({b"$Work"}))
        lines = self.do(session, b"UID STORE 1:* (UNCHANGEDSINCE %d) +FLAGS ($Work)" % max(since, 0), True, True)
        match = re.search(rb"\[MODIFIED ([0-9,:]+)\]", lines[-1])
        told = [] if match is None else setOf(match.group(1))
        assert told == refused, (lines, modseqs, since)

    async def _rows(self) -> Any:
        return (await self.mailbox.changesSince(0)).changed

    @rule(
        number=SESSION, place=PLACE, isUid=st.booleans(), items=st.sampled_from([b"FLAGS", b"(UID FLAGS)", b"BODY[]"])
    )
    def fetch(self, number: int, place: int, isUid: bool, items: bytes) -> None:
        session = self.session(number)
        if not self.has(session):
            return
        before, message, isUid = self.named(session, place, isUid)
        uid = message if isUid else session.belief.uids[message - 1]
        if items == b"BODY[]" and uid in self.truth.flags:
            self.truth.change(uid, b"+", frozenset({b"\\Seen"}))
        self.do(session, b"%bFETCH %d %b" % (before, message, items), isUid, True)
        if uid in self.truth.flags and items != b"BODY[]":
            assert session.belief.flags[uid] == self.truth.flags[uid]

    @rule(number=SESSION)
    def fetchAll(self, number: int) -> None:
        session = self.session(number)
        self.wait(lambda: self._current(session))
        modseq = b" MODSEQ" if session.belief.dialect.isCondstore else b""
        self.do(session, b"UID FETCH 1:* (FLAGS%b)" % modseq, True, True)
        session.belief.isCurrent()
        if modseq:
            modseqs = {row[0]: row[2] for row in self.wait(self._rows)}
            assert session.belief.modseqs == modseqs, (session.belief.modseqs, modseqs)

    @rule(number=SESSION, isUid=st.booleans())
    def search(self, number: int, isUid: bool) -> None:
        session = self.session(number)
        belief = session.belief
        isUid = isUid or belief.dialect.isUidOnly
        known = [uid for uid in belief.uids if uid in self.truth.flags and b"\\Flagged" in self.truth.flags[uid]]
        # RFC 3501 7.4.1: what vanished meanwhile may be told behind the answer of a UID SEARCH.
        wanted = known if isUid else [belief.uids.index(uid) + 1 for uid in known]
        lines = self.do(session, b"%bSEARCH FLAGGED" % (b"UID " if isUid else b""), isUid)
        answer = lines[0]
        if belief.dialect.isRev2:
            assert answer.startswith(b"* ESEARCH (TAG "), answer
            _, _, numbers = answer.partition(b" ALL ")
            assert (setOf(numbers) if numbers else []) == wanted, (answer, wanted)
        else:
            assert [int(word) for word in answer.split()[2:]] == wanted, (answer, wanted)

    @rule(number=SESSION, isUid=st.booleans(), places=st.lists(PLACE, min_size=1, max_size=3))
    def expunge(self, number: int, isUid: bool, places: list[int]) -> None:
        session = self.session(number)
        belief = session.belief
        line = b"EXPUNGE"
        uids = set(self.truth.flags)
        if isUid and belief.uids:
            named = {belief.uids[place % len(belief.uids)] for place in places}
            line = b"UID EXPUNGE " + b",".join(b"%d" % uid for uid in sorted(named))
            uids &= named
        gone = self.truth.expunge(uids)
        lines = self.do(session, line, True)
        belief.isCurrent()
        match = re.search(rb"\[HIGHESTMODSEQ (\d+)\]", lines[-1])
        assert (match is not None) == (bool(gone) and belief.dialect.isCondstore), lines
        if match is not None:
            assert int(match.group(1)) >= belief.highestModseq
            belief.highestModseq = int(match.group(1))

    @rule(number=SESSION, place=PLACE, isUid=st.booleans(), isMove=st.booleans())
    def transfer(self, number: int, place: int, isUid: bool, isMove: bool) -> None:
        """
        COPY and MOVE into the mailbox itself.
        """
        session = self.session(number)
        if not self.has(session):
            return
        before, message, isUid = self.named(session, place, isUid)
        uid = message if isUid else session.belief.uids[message - 1]
        isThere = uid in self.truth.flags
        if isThere:
            self.truth.arrive(self.truth.flags[uid])
            if isMove:
                self.truth.remove({uid})
        name = b"MOVE" if isMove else b"COPY"
        lines = self.do(session, b"%b%b %d %b" % (before, name, message, self.name.encode()), True)
        assert any(b"[COPYUID " in line for line in lines) == isThere, lines
        session.belief.isCurrent()

    @rule(number=SESSION, flags=st.lists(FLAG, min_size=2, max_size=3))
    def appendSeveral(self, number: int, flags: list[bytes]) -> None:
        """
        RFC 3502: their UIDs follow one another.
        """
        session = self.session(number)
        uids = [self.truth.arrive(frozenset({flag})) for flag in flags]
        messages = b"".join([b" (%b) {17+}\r\nSubject: n\r\n\r\n.\r\n" % flag for flag in flags])
        lines = self.do(session, b"APPEND %b%b" % (self.name.encode(), messages), True)
        assert b" %d:%d] " % (uids[0], uids[-1]) in lines[-1], lines
        session.belief.isCurrent()

    @rule(number=SESSION, place=PLACE, isUid=st.booleans(), flag=FLAG)
    def replace(self, number: int, place: int, isUid: bool, flag: bytes) -> None:
        """
        RFC 8508: nothing is inherited, and nothing comes where nothing goes.
        """
        session = self.session(number)
        if not self.has(session):
            return
        before, message, isUid = self.named(session, place, isUid)
        uid = message if isUid else session.belief.uids[message - 1]
        isThere = uid in self.truth.flags
        if isThere:
            self.truth.arrive(frozenset({flag}))
            self.truth.remove({uid})
        line = b"%bREPLACE %d %b (%b) {17+}\r\nSubject: n\r\n\r\n.\r\n" % (before, message, self.name.encode(), flag)
        lines = self.do(session, line, True)
        assert any(b"[APPENDUID " in line for line in lines) == isThere, lines
        session.belief.isCurrent()

    @rule(number=SESSION, other=SESSION, place=PLACE, flag=FLAG)
    def idle(self, number: int, other: int, place: int, flag: bytes) -> None:
        """
        What others do meanwhile is told at once.
        """
        session, busy = self.session(number), self.session(other)
        if session is busy:
            return
        self.wait(lambda: self._idle(session))
        uids = [uid for uid in busy.belief.uids if uid in self.truth.flags]
        if uids:
            uid = uids[place % len(uids)]
            busy.belief.before[uid] = self.truth.flags[uid]
            self.truth.change(uid, b"+", frozenset({flag}))
            self.do(busy, b"UID STORE %d +FLAGS (%b)" % (uid, flag), True, True)
            self.wait(lambda: self._told(session))
            self.truth.expunge(set(self.truth.flags))
            self.do(busy, b"EXPUNGE", True)
        else:
            self.wait(self._deliver)
        self.wait(lambda: self._done(session))
        session.belief.isCurrent()

    async def _idle(self, session: Session) -> None:
        session.client.send(b"i IDLE\r\n")
        await session.client.until(b"+ idling\r\n")
        # What had happened before is told right away.
        await self._told(session)

    async def _told(self, session: Session) -> None:
        # RFC 2177: at once, not with the next command.
        client = session.client
        await client.gate.told()
        said, client.heard = client.heard + client.transport.take(), b""
        session.belief.hear(said, True)
        session.belief.isCurrent()

    async def _done(self, session: Session) -> None:
        session.client.send(b"DONE\r\n")
        said = await session.client.until(b"i OK IDLE completed\r\n")
        session.belief.hear(said, True)

    @rule(number=SESSION, isClose=st.booleans())
    def leaveAndComeBack(self, number: int, isClose: bool) -> None:
        """
        With QRESYNC, what a client keeps and what it is told when it comes back is what is there.
        """
        session = self.session(number)
        belief = session.belief
        self.fetchAll(number)
        cache = dict(belief.flags), max([belief.highestModseq, *belief.modseqs.values()])
        if isClose:
            self.truth.expunge(set(self.truth.flags))
            self.wait(lambda: session.client.do(b"CLOSE"))
        self._others(number)
        if not belief.dialect.isQresync:
            belief.selected(self.wait(lambda: session.client.do(f"SELECT {self.name}".encode())))
            return
        line = b"SELECT %b (QRESYNC (%d %d))" % (self.name.encode(), belief.uidvalidity, cache[1])
        belief.selected(self.wait(lambda: session.client.do(line)), cache)

    def _others(self, number: int) -> None:
        """
        Something happens while a session has the mailbox closed, or has not heard of it.
        """
        self.wait(self._deliver)
        other = self.session(number + 1)
        uids = [uid for uid in other.belief.uids if uid in self.truth.flags]
        for uid in uids[:2]:
            other.belief.before[uid] = self.truth.flags[uid]
            self.truth.change(uid, b"+", frozenset({b"\\Deleted"}))
            self.do(other, b"UID STORE %d +FLAGS (\\Deleted)" % uid, True, True)
        if len(uids) > 2:
            self.truth.expunge({uids[0]})
            self.do(other, b"UID EXPUNGE %d" % uids[0], True)


class EveryResponseTests(SessionCase):
    async def test_everyResponse(self) -> None:
        """
        Whatever two or three sessions of any dialect do, each response is true and comes when it may.
        """
        Sessions.case = self
        await deferToThread(
            run_state_machine_as_test,
            Sessions,
            settings=settings(
                deadline=None,
                max_examples=150,
                stateful_step_count=30,
                phases=PHASES,
                # The same examples each time: a change is not to fail by a chance that it has nothing to do with.
                # `make stress` is for what nobody has thought of.
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
        self.assertEqual(self.flushLoggedErrors(), [])
