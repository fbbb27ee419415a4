"""
Logging in: mechanisms, clear text, what a wrong password costs.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import (
    AuthenticationFailed,
    DirectoryAway,
    EncryptionRequired,
    LoginRefused,
    ParseError,
)
from osxmail.mail.record import AccountState
from osxmail.protocols.base import Gate, GateFactory, LineTooLong
from osxmail.protocols.realm import ISubmitter, MailRealm
from osxmail.protocols.sasl import (
    MAX_PASSWORD_OCTETS,
    MAX_RESPONSE_OCTETS,
    MAX_USERNAME_OCTETS,
    MECHANISMS,
    Cancelled,
    Credentials,
    Doorkeeper,
    LoggedIn,
    Login,
    Plain,
    UnknownMechanism,
    decodeInitial,
    decodeResponse,
)
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import Checker, Transport, entrance, person


class MechanismTests(SynchronousTestCase):
    def test_plain(self) -> None:
        self.assertEqual(Plain().respond(None), b"")
        said = Plain().respond(b"\0anna\0p\xc3\xa4ss")
        self.assertEqual(said, Credentials("anna", "päss", "PLAIN", ""))
        self.assertEqual(Plain().respond(b"ben\0anna\0x"), Credentials("anna", "x", "PLAIN", "ben"))

    def test_plainMalformed(self) -> None:
        for wrong in (
            b"", b"anna", b"\0anna", b"\0\0x", b"\0anna\0", b"\0a\0b\0c", b"\0\xff\0x", b"\0anna\0\xc3",
            b"\0" + b"a" * (MAX_USERNAME_OCTETS + 1) + b"\0x", b"\0anna\0" + b"x" * (MAX_PASSWORD_OCTETS + 1),
        ):  # fmt: skip
            self.assertRaises(ParseError, Plain().respond, wrong)

    def test_longest(self) -> None:
        said = Plain().respond(b"\0" + b"a" * MAX_USERNAME_OCTETS + b"\0" + b"x" * MAX_PASSWORD_OCTETS)
        self.assertIsInstance(said, Credentials)

    def test_login(self) -> None:
        exchange = Login()
        self.assertEqual(exchange.respond(None), b"Username:")
        self.assertEqual(exchange.respond(b"anna"), b"Password:")
        self.assertEqual(exchange.respond(b"secret"), Credentials("anna", "secret", "LOGIN"))

    def test_loginWithInitialResponse(self) -> None:
        exchange = Login()
        self.assertEqual(exchange.respond(b"anna"), b"Password:")

    def test_loginMalformed(self) -> None:
        for wrong in (b"", b"a\0b", b"\xff", b"a" * (MAX_USERNAME_OCTETS + 1)):
            self.assertRaises(ParseError, Login().respond, wrong)

    @settings(deadline=None, max_examples=200)
    @given(st.sampled_from(sorted(MECHANISMS)), st.lists(st.none() | st.binary(max_size=80), max_size=4))
    def test_understandsOrSaysThatItDoesNot(self, name: str, responses: list[bytes | None]) -> None:
        exchange = MECHANISMS[name]()
        for response in responses:
            try:
                said = exchange.respond(response)
            except ParseError:
                return
            if isinstance(said, Credentials):
                self.assertTrue(said.username and said.password)
                return

    def test_base64(self) -> None:
        self.assertEqual(decodeResponse(b"YQ=="), b"a")
        self.assertEqual(decodeResponse(b""), b"")
        self.assertRaises(Cancelled, decodeResponse, b"*")
        self.assertEqual(decodeInitial(b"="), b"")
        for wrong in (b"Y", b"YQ==YQ==", b"Y Q==", b"\xff", b"YQ"):
            self.assertRaises(ParseError, decodeResponse, wrong)
        self.assertRaises(ParseError, decodeInitial, b"*")

    def test_secretsAreNotShown(self) -> None:
        self.assertNotIn("hush", repr(Credentials("anna", "hush")))


class Silent(Gate):
    """
    Leaves what is sent to the test.
    """

    protocolName = "smtp"

    async def session(self) -> None:
        await Deferred()


class SilentFactory(GateFactory):
    def gate(self) -> Gate:
        return Silent(self)


class DoorkeeperTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.settings = FakeSettings()
        self.checker = Checker(person("anna"), person("otto", state=AccountState.OFF))
        portal = Portal(MailRealm(None, self.settings), [self.checker])  # type: ignore[arg-type, list-item]
        self.portal = portal
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    def note(self, event: dict[str, Any]) -> None:
        if str(event.get("event", "")).startswith("login."):
            self.events.append(event)

    def door(self, host: str = "192.0.2.1", isTLS: bool = True) -> Doorkeeper:
        factory = SilentFactory(entrance("smtp", self.settings, self.clock, isTLS=isTLS))
        self.gate = factory.buildProtocol(None)
        self.gate.makeConnection(Transport(peerAddress=IPv4Address("TCP", host, 4321)))
        return Doorkeeper(self.gate, self.portal, ISubmitter)

    def enter(self, door: Doorkeeper, credentials: Credentials) -> Deferred[Any]:
        return Deferred.fromCoroutine(door.authenticate(credentials))

    def test_right(self) -> None:
        door = self.door()
        loggedIn = self.successResultOf(self.enter(door, Credentials("anna", "secret", "PLAIN")))
        self.assertEqual(loggedIn.avatar.record.login, "anna")
        self.assertEqual(self.gate.login, "anna@example.test")
        (event,) = self.events
        self.assertEqual(
            (event["event"], event["account"], event["host"], event["mechanism"]),
            ("login.succeeded", "anna@example.test", "192.0.2.1", "PLAIN"),
        )

    def test_wrongWaits(self) -> None:
        door = self.door()
        result = self.enter(door, Credentials("anna", "hush-hush"))
        self.assertNoResult(result)
        self.clock.advance(1.9)
        self.assertNoResult(result)
        self.clock.advance(0.2)
        self.failureResultOf(result, AuthenticationFailed)
        self.assertEqual(self.gate.login, "")
        (event,) = self.events
        self.assertEqual((event["event"], event["username"], event["account"]), ("login.failed", "anna", ""))
        self.assertNotIn("hush-hush", repr(event))

    def test_threeAreEnough(self) -> None:
        door = self.door()
        for expected in (False, False, True):
            result = self.enter(door, Credentials("anna", "wrong"))
            self.clock.advance(2)
            self.failureResultOf(result, AuthenticationFailed)
            self.assertIs(door.isExhausted, expected)

    def test_unauthorizedLoginOfAnotherChecker(self) -> None:
        self.checker.error = UnauthorizedLogin()
        result = self.enter(self.door(), Credentials("anna", "secret"))
        self.clock.advance(2)
        self.failureResultOf(result, AuthenticationFailed)

    def test_directoryAwayIsNoFailureOfTheClient(self) -> None:
        self.checker.error = DirectoryAway("ldap://…")
        door = self.door()
        self.failureResultOf(self.enter(door, Credentials("anna", "secret")), DirectoryAway)
        self.assertEqual(door.failures, 0)
        self.assertEqual((self.events[0]["event"], self.events[0]["why"]), ("login.failed", "DirectoryAway"))

    def test_refusedAccountIsNamedInTheLog(self) -> None:
        result = self.enter(self.door(), Credentials("otto", "secret"))
        self.clock.advance(2)
        self.failureResultOf(result, LoginRefused)
        self.assertEqual(self.events[0]["account"], "otto@example.test")

    def test_emptyAndNULNeverReachTheDirectory(self) -> None:
        for username, password in (("anna", ""), ("", "secret"), ("an\0na", "secret"), ("anna", "sec\0ret")):
            result = self.enter(self.door(), Credentials(username, password))
            self.clock.advance(2)
            self.failureResultOf(result, AuthenticationFailed)
        self.assertEqual(self.checker.asked, [])

    def test_actingAsSomebodyElse(self) -> None:
        result = self.enter(self.door(), Credentials("anna", "secret", "PLAIN", "ben"))
        self.clock.advance(2)
        self.failureResultOf(result, LoginRefused)
        for same in ("anna", "ANNA", "anna@example.test"):
            self.successResultOf(self.enter(self.door(), Credentials("anna", "secret", "PLAIN", same)))

    def test_clearText(self) -> None:
        cases = [
            ("never", "127.0.0.1", False), ("never", "192.0.2.1", False),
            ("loopback", "127.0.0.1", True), ("loopback", "::1", True), ("loopback", "192.0.2.1", False),
            ("always", "192.0.2.1", True),
        ]  # fmt: skip
        for value, host, allowed in cases:
            self.settings.change("auth.cleartext", value)
            door = self.door(host, isTLS=False)
            self.assertIs(door.mayShowPassword, allowed, (value, host))
            self.assertEqual(door.mechanisms, ("PLAIN", "LOGIN") if allowed else ())
            if not allowed:
                self.failureResultOf(self.enter(door, Credentials("anna", "secret")), EncryptionRequired)
                self.failureResultOf(
                    Deferred.fromCoroutine(door.converse("PLAIN", b"AGFubmEAc2VjcmV0", b"+ ")), EncryptionRequired
                )
        self.settings.change("auth.cleartext", "never")
        self.assertTrue(self.door("192.0.2.1", isTLS=True).mayShowPassword)

    def converse(self, mechanism: str, initial: bytes | None, *answers: bytes) -> Deferred[Credentials]:
        door = self.door()
        said = Deferred.fromCoroutine(door.converse(mechanism, initial, b"334 "))
        for answer in answers:
            self.gate.dataReceived(answer + b"\r\n")
        self.asked = self.gate.transport.take().splitlines()
        return said

    def test_converse(self) -> None:
        plain = b64encode(b"\0anna\0secret")
        said = self.successResultOf(self.converse("plain", None, plain))
        self.assertEqual((said.username, self.asked), ("anna", [b"334 "]))
        self.successResultOf(self.converse("PLAIN", plain))
        self.assertEqual(self.asked, [])
        said = self.successResultOf(self.converse("LOGIN", None, b64encode(b"anna"), b64encode(b"secret")))
        self.assertEqual(said.password, "secret")
        self.assertEqual(self.asked, [b"334 VXNlcm5hbWU6", b"334 UGFzc3dvcmQ6"])

    def test_converseGoneWrong(self) -> None:
        self.failureResultOf(self.converse("CRAM-MD5", None), UnknownMechanism)
        self.failureResultOf(self.converse("LOGIN", None, b"*"), Cancelled)
        self.failureResultOf(self.converse("LOGIN", None, b"!"), ParseError)
        self.failureResultOf(self.converse("PLAIN", b"=", b""), ParseError)
        self.failureResultOf(self.converse("PLAIN", b"*"), ParseError)
        self.failureResultOf(self.converse("LOGIN", None, b"x" * MAX_RESPONSE_OCTETS), LineTooLong)

    def test_leaving(self) -> None:
        """
        What somebody got is given back once, however often the session ends.
        """
        door = self.door()
        door.leave()
        given = []
        door.loggedIn = LoggedIn(person("anna"), None, lambda: given.append(1))
        door.leave()
        door.leave()
        self.assertEqual((given, door.loggedIn), ([1], None))

    def test_nobodyGetsInWithoutAPortal(self) -> None:
        self.portal = None
        door = self.door()
        self.assertEqual(door.mechanisms, ())
        result = self.enter(door, Credentials("anna", "secret"))
        self.clock.advance(2)
        self.failureResultOf(result, AuthenticationFailed)
