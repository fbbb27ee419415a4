"""
Who is connected: limits for protocols, addresses and persons; the end of a session.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import LoginTooSoon, TooManySessions
from osxmail.protocols import sessions
from osxmail.protocols.sessions import END_SECONDS, Sessions
from tests.fakes.settings import FakeSettings


class Transport:
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Gate:
    """
    As much of a gate as is asked for here.
    """

    made = 0

    def __init__(self, protocol: str = "imap", host: str = "192.0.2.1", isAlwaysAdmitted: bool = False) -> None:
        Gate.made += 1
        self.sessionId = f"s{Gate.made}"
        self.protocolName = protocol
        self.peerHost = host
        self.isAlwaysAdmitted = isAlwaysAdmitted
        self.transport = Transport()
        self.ends: list[Any] = []

    def goAway(self, end: object = None) -> None:
        self.ends.append(end)


class SessionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.settings = FakeSettings({
            "connections.most": "20", "connections.per_address": "5", "imap.most_sessions": "8",
            "imap.sessions_per_address": "3", "imap.sessions_per_user": "2", "pop3.most_sessions": "4",
            "pop3.sessions_per_address": "2",
        })  # fmt: skip
        self.sessions = Sessions(self.settings, self.clock)

    def admit(self, protocol: str = "imap", host: str = "192.0.2.1") -> tuple[Any, str]:
        gate: Any = Gate(protocol, host)
        return gate, self.sessions.admit(gate)

    def test_ofAnAddress(self) -> None:
        for protocol, most in (("imap", 3), ("pop3", 2)):
            self.assertEqual([self.admit(protocol)[1] for _ in range(most)], [""] * most)
            self.assertEqual(self.admit(protocol)[1], "too many connections from your address")
        # Of all protocols together five.
        self.assertEqual(self.admit("smtp")[1], "too many connections from your address")
        self.assertEqual(self.admit("imap", "192.0.2.2")[1], "")

    def test_sparedNetworks(self) -> None:
        for _ in range(8):
            self.assertEqual(self.admit("imap", "127.0.0.1")[1], "")
        self.settings.change("connections.spared_networks", "192.0.2.0/24")
        self.assertEqual(self.admit("smtp", "127.0.0.1")[1], "too many connections from your address")
        for _ in range(4):
            self.assertEqual(self.admit("pop3")[1], "")

    def test_ofAProtocol(self) -> None:
        for number in range(8):
            self.assertEqual(self.admit("imap", f"192.0.2.{number}")[1], "")
        # Who is spared as an address counts for the whole.
        self.assertEqual(self.admit("imap", "127.0.0.1")[1], "too many connections")
        self.assertEqual(self.admit("pop3", "127.0.0.1")[1], "")

    def test_ofAll(self) -> None:
        for number in range(20):
            self.assertEqual(self.admit("smtp", f"192.0.2.{number}")[1], "")
        self.assertEqual(self.admit("smtp", "127.0.0.1")[1], "too many connections")
        gate: Any = Gate("control", "127.0.0.1", isAlwaysAdmitted=True)
        self.assertEqual(self.sessions.admit(gate), "")

    def test_whoLeavesMakesRoom(self) -> None:
        gates = [self.admit()[0] for _ in range(3)]
        self.assertNotEqual(self.admit()[1], "")
        self.sessions.leave(gates[0])
        self.sessions.leave(gates[0])
        another, why = self.admit()
        self.assertEqual(why, "")
        for gate in (*gates[1:], another):
            self.sessions.comeIn(gate, "anna") if gate is another else None
            self.sessions.leave(gate)
        self.assertEqual((self.sessions._counts, self.sessions._inside, len(self.sessions)), ({}, {}, 0))

    def test_ofAPerson(self) -> None:
        gates = [self.admit("imap", f"192.0.2.{number}")[0] for number in range(4)]
        self.sessions.comeIn(gates[0], "anna")
        self.sessions.comeIn(gates[1], "anna")
        self.assertRaises(TooManySessions, self.sessions.comeIn, gates[2], "anna")
        self.sessions.comeIn(gates[2], "ben")
        # Submission has no such limit.
        for number in range(5):
            self.sessions.comeIn(self.admit("smtp", f"192.0.2.1{number}")[0], "anna")
        self.sessions.goOut(gates[0])
        self.sessions.goOut(gates[0])
        self.sessions.comeIn(gates[3], "anna")
        self.assertRaises(TooManySessions, self.sessions.comeIn, gates[0], "anna")

    def test_loginDelay(self) -> None:
        gate = self.admit("pop3")[0]
        self.sessions.comeIn(gate, "anna")
        self.settings.change("pop3.login_delay", "60s")
        self.sessions.comeIn(gate, "anna")
        self.clock.advance(59)
        self.assertRaises(LoginTooSoon, self.sessions.comeIn, gate, "anna")
        self.sessions.comeIn(gate, "ben")
        self.clock.advance(1)
        self.sessions.comeIn(gate, "anna")

    def test_whatIsRememberedOfLoginsIsBounded(self) -> None:
        self.patch(sessions, "MAX_RECENT", 10)
        self.settings.change("pop3.login_delay", "60s")
        gate = self.admit("pop3")[0]
        for number in range(50):
            self.sessions.comeIn(gate, f"person{number}")
        self.assertEqual(len(self.sessions._recent), 10)
        self.settings.change("pop3.login_delay", "0")
        self.sessions.comeIn(gate, "anna")
        self.assertEqual(self.sessions._recent, {})

    def test_endOfOneThatDoesNotFinish(self) -> None:
        busy, _ = self.admit()
        self.assertFalse(self.sessions.end("nobody"))
        self.assertTrue(self.sessions.end(busy.sessionId))
        self.assertEqual(len(busy.ends), 1)
        self.clock.advance(END_SECONDS - 0.1)
        self.assertFalse(busy.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(busy.transport.aborted)

    def test_endOfAllOfAPerson(self) -> None:
        gates = [self.admit(protocol, host)[0] for protocol, host in (
            ("imap", "192.0.2.1"), ("pop3", "192.0.2.2"), ("smtp", "192.0.2.1"), ("imap", "192.0.2.1"),
        )]  # fmt: skip
        for gate, who in zip(gates, ("anna", "anna", "anna", "bert"), strict=True):
            self.sessions.comeIn(gate, who)
        self.assertEqual(self.sessions.endAllOf("anna"), 3)
        self.assertEqual([len(gate.ends) for gate in gates], [1, 1, 1, 0])
        self.assertEqual(self.sessions.endAllOf("carl"), 0)

    def test_endOfOneThatDoes(self) -> None:
        gate, _ = self.admit()
        self.assertTrue(self.sessions.end(gate.sessionId))
        self.sessions.leave(gate)
        self.clock.advance(END_SECONDS)
        self.assertFalse(gate.transport.aborted)
