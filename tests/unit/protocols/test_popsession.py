"""
POP3 with anything that a client may say: each command has one answer of the right form, and nothing is a fault of ours.
"""

from __future__ import annotations

import re
from array import array
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from osxmail.protocols.pop3 import POP3Factory
from osxmail.protocols.popsession import POPSession
from osxmail.protocols.realm import IMaildrop, Maildrop
from osxmail.protocols.sessions import Sessions
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import Checker, Transport, entrance, person

VERBS = sorted(POPSession.authorization | POPSession.transaction | {b"APOP", b"XTND", b"", b"HELO"})
ARGUMENTS = (
    b"", b"1", b"2", b"3", b"0", b"-1", b"4294967296", b"1 1", b"1 0", b"1 99", b"1 1 1", b" 1", b"x", b"anna",
    b"secret", b"wrong", b"PLAIN", b"PLAIN AGFubmEAc2VjcmV0", b"PLAIN =", b"LOGIN", b"LOGIN YW5uYQ==", b"CRAM-MD5",
    b"de", b"*", b"tlh", b"\xff", b"\0", "ä".encode(), b"x" * 3000, b"*", b"AGFubmEAc2VjcmV0", b"c2VjcmV0",
)  # fmt: skip


ANSWER = re.compile(rb"\A(?:\+OK[^\r\n]*\r\n|-ERR [^\r\n]+\r\n|\+ [A-Za-z0-9+/=]*\r\n)")


class Message:
    def __init__(self, octets: bytes) -> None:
        self.inline = octets
        self.sizeOctets = len(octets)


class Snapshot:
    def __init__(self, messages: dict[int, bytes]) -> None:
        self.uids = array("I", messages)
        self.sizes = array("Q", map(len, messages.values()))

    def loaded(self) -> Deferred[None]:
        return succeed(None)


class Mailbox:
    """
    As much of a mailbox as POP3 asks for.
    """

    MESSAGES = {5: b"Subject: a\r\n\r\n.\r\nx\r\n", 6: "Subject: ä\r\n\r\n".encode(), 9: b"no header"}

    def __init__(self) -> None:
        self.left = dict(self.MESSAGES)

    def status(self) -> Deferred[SimpleNamespace]:
        return succeed(SimpleNamespace(uidvalidity=7))

    def snapshot(self, listener: object) -> Deferred[Snapshot]:
        return succeed(Snapshot(self.left))

    def release(self, listener: object) -> None: ...

    def unended(self) -> Deferred[list[tuple[int, int]]]:
        return succeed([(9, 2)])

    def messages(self, uids: list[int]) -> Deferred[list[tuple[int, Message]]]:
        return succeed([(uid, Message(self.left[uid])) for uid in uids])

    def remove(self, uids: list[int]) -> Deferred[tuple[int, ...]]:
        for uid in uids:
            del self.left[uid]
        return succeed(tuple(uids))


class Realm:
    """
    Everybody has the one mailbox.
    """

    def __init__(self, mailbox: Any) -> None:
        self.mailbox = mailbox

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        mind.record = avatarId
        return IMaildrop, Maildrop(self.mailbox, avatarId), lambda: None


class AnythingTests(SynchronousTestCase):
    def session(self) -> tuple[Any, Transport, Mailbox]:
        settings = FakeSettings({"auth.failure_delay": "0s", "auth.failures_per_connection": "100"})
        clock = Clock()
        mailbox = Mailbox()
        portal = Portal(Realm(mailbox), [Checker(person("anna"))])  # type: ignore[arg-type]
        sessions = Sessions(settings, clock)
        gate: Any = POP3Factory(entrance("pop3s", settings, clock, sessions, isTLS=True), portal).gate()
        transport = Transport(peerAddress=IPv4Address("TCP", "127.0.0.1", 4321))
        gate.makeConnection(transport)
        self.clock = clock
        transport.take()
        return gate, transport, mailbox

    def say(self, gate: Any, transport: Transport, line: bytes) -> bytes:
        gate.dataReceived(line + b"\r\n")
        for _ in range(10):
            self.clock.advance(0)
        return transport.take()

    @settings(deadline=None, max_examples=200)
    @given(
        st.booleans(),
        st.lists(st.tuples(st.sampled_from(VERBS), st.sampled_from(ARGUMENTS) | st.binary(max_size=40)), max_size=25),
    )
    def test_oneAnswerToEach(self, isIn: bool, commands: list[tuple[bytes, bytes]]) -> None:
        gate, transport, mailbox = self.session()
        if isIn:
            self.say(gate, transport, b"USER anna")
            self.assertTrue(self.say(gate, transport, b"PASS secret").startswith(b"+OK 3 messages ("))
        for verb, argument in commands:
            if transport.disconnecting:
                break
            line = (verb + b" " + argument if argument else verb).replace(b"\r", b"").replace(b"\n", b"")
            answer = self.say(gate, transport, line)
            if verb == b"QUIT":
                self.assertTrue(transport.disconnecting or not answer.startswith(b"+OK"))
            self.assertRegex(answer, ANSWER)
            first, _, rest = answer.partition(b"\r\n")
            self.assertLessEqual(len(first), 510)
            if rest:
                self.assertTrue(rest == b".\r\n" or rest.endswith(b"\r\n.\r\n"), answer)
            self.assertNotIn(b"A fault of ours", answer)
            if not transport.disconnecting:
                self.assertEqual(mailbox.left, mailbox.MESSAGES)
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.binary(max_size=60), max_size=20))
    def test_anyOctets(self, pieces: list[bytes]) -> None:
        gate, transport, mailbox = self.session()
        for piece in pieces:
            gate.dataReceived(piece)
            self.clock.advance(0)
        self.assertNotIn(b"A fault of ours", transport.value())
        self.assertEqual(mailbox.left, mailbox.MESSAGES)
