# -*- test-case-name: tests.unit.protocols.test_sasl -*-
"""
Logging in, the same for SMTP, POP3 and IMAP: SASL mechanisms as small state objects (RFC 4422), whether a password may
pass at all, and what a wrong one costs.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Protocol

from attrs import field, frozen
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.task import deferLater
from zope.interface import Interface

from osxmail.errors import (
    AuthenticationFailed,
    EncryptionRequired,
    LoginRefused,
    MailError,
    ParseError,
)
from osxmail.mail.record import Record
from osxmail.protocols.base import Gate
from osxmail.protocols.realm import Visitor
from osxmail.protocols.sessions import isLoopback

#: The longest line of a SASL exchange, its end included (RFC 4954 4).
MAX_RESPONSE_OCTETS = 12288
MAX_USERNAME_OCTETS = 512
MAX_PASSWORD_OCTETS = 1024


class Cancelled(Exception):
    """
    The client has called the exchange off, with C{*}.
    """


class UnknownMechanism(Exception):
    """
    There is no such mechanism, or it is not offered now.
    """


@frozen
class Credentials:
    """
    What a client says about itself.

    @ivar mechanism: how it said so: C{"PLAIN"}, C{"LOGIN"}, C{"USER"} …
    @ivar actAs: the authorization identity (RFC 4422 2), or C{""}.
    """

    username: str
    password: str = field(repr=False)
    mechanism: str = ""
    actAs: str = ""


class Mechanism(Protocol):
    """
    One exchange.
    """

    def respond(self, response: bytes | None) -> bytes | Credentials:
        """
        Take a response; C{None} in the first call means that the client gave none.

        @return: the next challenge, or what the client has said.
        @raise ParseError: it is not what the mechanism wants.
        """


class Plain:
    """
    RFC 4616.
    """

    def respond(self, response: bytes | None) -> bytes | Credentials:
        if response is None:
            return b""
        # RFC 4616 2: [authzid] NUL authcid NUL passwd.
        parts = response.split(b"\0")
        if len(parts) != 3:
            raise ParseError("PLAIN has three parts")
        actAs, username, password = parts
        return Credentials(
            _text(username, MAX_USERNAME_OCTETS),
            _text(password, MAX_PASSWORD_OCTETS),
            "PLAIN",
            _text(actAs, MAX_USERNAME_OCTETS) if actAs else "",
        )


class Login:
    """
    LOGIN (draft-murchison-sasl-login): obsolete, and what Outlook speaks.  The prompts are these exactly.
    """

    def __init__(self) -> None:
        self._username: str | None = None

    def respond(self, response: bytes | None) -> bytes | Credentials:
        if response is None:
            return b"Username:"
        if self._username is None:
            self._username = _text(response, MAX_USERNAME_OCTETS)
            return b"Password:"
        return Credentials(self._username, _text(response, MAX_PASSWORD_OCTETS), "LOGIN")


#: In the order in which they are announced.
MECHANISMS: dict[str, Callable[[], Mechanism]] = {"PLAIN": Plain, "LOGIN": Login}


def _text(octets: bytes, maxOctets: int) -> str:
    if not octets or len(octets) > maxOctets or b"\0" in octets:
        raise ParseError(f"a name or password has 1 to {maxOctets} octets and no NUL")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("not UTF-8") from None


def decodeResponse(line: bytes) -> bytes:
    """
    A response as it stands on the line.

    @raise Cancelled: it is C{*}.
    @raise ParseError: it is not base64 (RFC 4648 4).
    """
    if line == b"*":
        raise Cancelled
    try:
        return b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise ParseError("not base64") from None


def decodeInitial(word: bytes) -> bytes:
    """
    An initial response as it stands behind the mechanism's name: C{=} is an empty one (RFC 4954 4, RFC 4959 3,
    RFC 5034 4).

    @raise ParseError: it is not base64.
    """
    if word == b"=":
        return b""
    if word == b"*":
        raise ParseError("not base64")
    return decodeResponse(word)


@frozen
class LoggedIn:
    """
    A login that went well.

    @ivar avatar: what the realm has for the interface that was asked for.
    @ivar logout: to be called once: see L{Doorkeeper.leave}.
    """

    record: Record
    avatar: Any
    logout: Callable[[], None]


class Doorkeeper:
    """
    The logins of one session.

    @ivar loggedIn: who has come in, or C{None}.
    @ivar failures: wrong passwords so far.
    """

    __slots__ = ("_gate", "_interface", "_portal", "failures", "loggedIn")

    def __init__(self, gate: Gate, portal: Portal | None, interface: type[Interface]) -> None:
        """
        @param portal: C{None} lets nobody in.
        @param interface: of the avatar that the session wants.
        """
        self._gate = gate
        self._portal = portal
        self._interface = interface
        self.loggedIn: LoggedIn | None = None
        self.failures = 0

    @property
    def mayShowPassword(self) -> bool:
        """
        A password may pass in this session as it is now: over TLS, or where C{auth.cleartext} allows it.
        """
        gate = self._gate
        if gate.isSecure:
            return True
        allowed = gate.entrance.settings.text("auth.cleartext")
        return allowed == "always" or (allowed == "loopback" and isLoopback(gate.peerHost))

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """
        What to announce now; empty where no password may pass.
        """
        return tuple(MECHANISMS) if self._portal is not None and self.mayShowPassword else ()

    @property
    def isExhausted(self) -> bool:
        """
        There were so many wrong passwords that the session should end.
        """
        return self.failures >= self._gate.entrance.settings.number("auth.failures_per_connection")

    async def converse(self, mechanism: str, initial: bytes | None, prompt: bytes) -> Credentials:
        """
        A whole SASL exchange.

        @param mechanism: its name, in any case.
        @param initial: the initial response as it stood on the line; C{None} if there was none.
        @param prompt: what the protocol puts before a challenge.
        @raise UnknownMechanism: it is none of ours.
        @raise EncryptionRequired: a password may not pass in this session.
        @raise Cancelled: by the client.
        @raise ParseError: what the client said cannot be understood.
        @raise LineTooLong: it said too much.
        """
        make = MECHANISMS.get(mechanism.upper())
        if make is None:
            raise UnknownMechanism
        if not self.mayShowPassword:
            raise EncryptionRequired
        exchange = make()
        said = exchange.respond(None if initial is None else decodeInitial(initial))
        while not isinstance(said, Credentials):
            self._gate.write(prompt + b64encode(said) + b"\r\n")
            said = exchange.respond(decodeResponse(await self._gate.readLine(MAX_RESPONSE_OCTETS)))
        return said

    async def authenticate(self, credentials: Credentials) -> LoggedIn:
        """
        Let somebody in.  A wrong password is answered after C{auth.failure_delay}; the caller looks at
        L{isExhausted} afterwards.  L{loggedIn} and the session's C{login} are set.

        @raise EncryptionRequired: a password may not pass in this session; it was not looked at.
        @raise AuthenticationFailed: wrong login or password.
        @raise LoginRefused: the password is right, but the account may not log in here.
        @raise InUse: the maildrop has another session.
        @raise TooManySessions: as many as the account may have.
        @raise LoginTooSoon: the last POP3 login was a moment ago.
        @raise TemporaryError: cannot say now, or not looked at after too many failures.
        """
        if not self.mayShowPassword:
            raise EncryptionRequired
        visitor = Visitor()
        try:
            loggedIn = await self._lookedAt(credentials, visitor)
        except (AuthenticationFailed, LoginRefused) as error:
            self._tell(credentials, visitor, failed=type(error).__name__)
            self.failures += 1
            await deferLater(self._gate.clock, self._gate.entrance.settings.seconds("auth.failure_delay"))
            raise
        except MailError as error:
            self._tell(credentials, visitor, failed=type(error).__name__)
            raise
        self.loggedIn = loggedIn
        self._gate.login = str(loggedIn.record.address)
        self._tell(credentials, visitor)
        return loggedIn

    def leave(self) -> None:
        """
        Whoever has come in leaves; harmless when nobody has.
        """
        loggedIn, self.loggedIn = self.loggedIn, None
        if loggedIn is not None:
            self._gate.entrance.sessions.goOut(self._gate)
            loggedIn.logout()

    async def _lookedAt(self, credentials: Credentials, visitor: Visitor) -> LoggedIn:
        """
        The login, when it is its turn among those from the same place.
        """
        gate = self._gate
        host, username, sessions = gate.peerHost, credentials.username, gate.entrance.sessions
        place = await sessions.guard.enter(host, username)
        try:
            # Who has left meanwhile is not looked at.
            await gate.drain()
            loggedIn = await self._ask(credentials, visitor)
        except AuthenticationFailed:
            sessions.guard.failed(host, username, credentials.password)
            raise
        finally:
            sessions.guard.leave(place)
        sessions.guard.succeeded(host, username)
        try:
            sessions.comeIn(gate, loggedIn.record.accountId)
        except MailError:
            loggedIn.logout()
            raise
        return loggedIn

    async def _ask(self, credentials: Credentials, visitor: Visitor) -> LoggedIn:
        username, password = credentials.username, credentials.password
        # An empty password is no password: a directory would take a bind with it for an anonymous one.
        if self._portal is None or not username or not password or "\0" in username or "\0" in password:
            raise AuthenticationFailed
        try:
            _interface, avatar, logout = await self._portal.login(
                UsernamePassword(username.encode("utf-8"), password.encode("utf-8")), visitor, self._interface
            )
        except UnauthorizedLogin:
            raise AuthenticationFailed from None
        record = visitor.record
        assert record is not None
        # RFC 4616 2: acting as somebody else is nobody's right here.
        if credentials.actAs and credentials.actAs.lower() not in {
            username.lower(), record.login.lower(), *(address.key for address in record.addresses)
        }:  # fmt: skip
            logout()
            raise LoginRefused
        return LoggedIn(record, avatar, logout)

    def _tell(self, credentials: Credentials, visitor: Visitor, failed: str = "") -> None:
        gate = self._gate
        fields: dict[str, Any] = {
            "event": "login.failed" if failed else "login.succeeded",
            "session": gate.sessionId,
            "protocol": gate.protocolName,
            "service": gate.entrance.service,
            "host": gate.peerHost,
            "username": credentials.username[:MAX_USERNAME_OCTETS],
            "account": str(visitor.record.address) if visitor.record is not None else "",
            "mechanism": credentials.mechanism,
            "tls": gate.isSecure,
        }
        if failed:
            fields["why"] = failed
        gate.log.info("{event}", **fields)
