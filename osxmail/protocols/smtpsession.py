# -*- test-case-name: tests.unit.protocols.test_smtp -*-
"""
An SMTP session apart from its transactions: commands in order, errors counted, hello, TLS, login.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.cred.portal import Portal

from osxmail.errors import MailError, ParseError, TemporaryError
from osxmail.mail.decision import Action, Decision
from osxmail.mail.envelope import Client
from osxmail.mail.smtpcommand import (
    MAX_AUTH_OCTETS,
    MAX_COMMAND_OCTETS,
    CommandError,
    parseAuth,
    parseCommand,
    parseHello,
)
from osxmail.mail.smtpreply import Reply
from osxmail.protocols.base import Gate, GateFactory, LineTooLong
from osxmail.protocols.entrance import Entrance
from osxmail.protocols.realm import ISubmitter
from osxmail.protocols.replies import rowFor, smtpReply
from osxmail.protocols.sasl import MAX_RESPONSE_OCTETS, Cancelled, Doorkeeper, LoggedIn, UnknownMechanism
from osxmail.protocols.sessions import Flooded, SessionEnd, TimedOut

#: Browsers that were made to talk to us: nothing they say is worth an answer.
_WEB_VERBS = frozenset({"GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS"})


def reply(code: int, enhanced: str, text: str) -> Reply:
    """
    A reply of one line.
    """
    return Reply(code, enhanced, (text,))


_OK = reply(250, "2.0.0", "OK").render()
_LINE_TOO_LONG = reply(500, "5.5.2", "Line too long")
_UNKNOWN = reply(500, "5.5.1", "That command is not known here")
_TOO_MANY_ERRORS = reply(421, "4.7.0", "Too many errors")
_TOO_MANY_PASSWORDS = reply(421, "4.7.0", "Too many wrong passwords")
_NOT_OFFERED = reply(502, "5.5.1", "That is not offered here")
_SECURE_ALREADY = reply(503, "5.5.1", "TLS is on")
_LOGGED_IN_ALREADY = reply(503, "5.5.1", "You have logged in")
NO_ARGUMENT = reply(501, "5.5.4", "This command takes no argument")
HELLO_FIRST = reply(503, "5.5.1", "Say hello first")
IN_TRANSACTION = reply(503, "5.5.1", "A transaction is under way")


class SMTPSessionFactory(GateFactory):
    """
    @ivar portal: for AUTH; C{None} offers none.
    """

    def __init__(self, entrance: Entrance, portal: Portal | None = None) -> None:
        super().__init__(entrance)
        self.portal = portal


class SMTPSession(Gate):
    """
    One session.
    """

    protocolName = "smtp"
    #: Commands that there are here, each a method C{smtp_VERB(argument)}.
    verbs: ClassVar[frozenset[str]] = frozenset(
        {"EHLO", "HELO", "RSET", "NOOP", "QUIT", "VRFY", "HELP", "STARTTLS", "AUTH"}
    )
    #: The word for Received's C{with} (RFC 3848), without S and A.
    extendedWord: ClassVar[str] = "ESMTP"
    factory: SMTPSessionFactory

    def __init__(self, factory: SMTPSessionFactory) -> None:
        super().__init__(factory)
        self._helo = ""
        self._isExtended = False
        self._client: Client | None = None
        self._door = Doorkeeper(self, factory.portal, ISubmitter) if factory.portal is not None else None
        self._loggedIn: LoggedIn | None = None
        self._errors = 0
        self._messages = 0
        self._isOver = False

    # --------------------------------------------------------------------------------------------- session

    async def session(self) -> None:
        settings = self.entrance.settings
        self.setTimeout(settings.seconds("smtp.idle_timeout"))
        self._limitTime()
        self.write(f"220 {self.entrance.hostname} {self.extendedWord} osxmail\r\n".encode())
        try:
            while not self._isOver:
                try:
                    line = await self.readLine(MAX_AUTH_OCTETS, atRest=True)
                except LineTooLong:
                    self._refuse(_LINE_TOO_LONG)
                else:
                    await self._obey(line)
                if self.isCongested:
                    # Answers that nobody reads must not pile up.
                    await self.drain()
                if self._errors and self._errors >= settings.number("smtp.max_errors") and not self._isOver:
                    self.write(_TOO_MANY_ERRORS.render())
                    return
        finally:
            self._forget()
            if self._loggedIn is not None:
                self._loggedIn.logout()

    def _limitTime(self) -> None:
        """
        How long this session may last from now on.
        """
        self.setDeadline(self.entrance.settings.seconds("smtp.session_limit"))

    async def _obey(self, line: bytes) -> None:
        self.commands += 1
        verb = "?"
        try:
            command = parseCommand(line)
            verb = command.verb
            if verb not in self.verbs:
                if verb in _WEB_VERBS:
                    self._isOver = True
                self._refuse(_UNKNOWN)
            elif len(line) > MAX_COMMAND_OCTETS - 2 and verb != "AUTH":
                self._refuse(_LINE_TOO_LONG)
                # How much content was to follow cannot be told from what was not read.
                self._isOver = verb == "BDAT"
            else:
                await getattr(self, "smtp_" + verb)(command.argument)
        except CommandError as error:
            self._refuse(error.reply)
        except SessionEnd:
            raise
        except Exception as error:  # noqa: BLE001 — a fault of ours is answered with an id, and the session goes on
            self._refuse(smtpReply(error, self.sessionId, verb))

    def _refuse(self, why: Reply) -> None:
        self._errors += 1
        self.write(why.render())

    def _answer(self, decision: Decision) -> bool:
        self.write(decision.reply.render())
        # "Not now" may be our own trouble: it does not count against the peer.
        self._errors += decision.action is Action.REFUSE
        return decision.accepted

    @property
    def _inTransaction(self) -> bool:
        """
        MAIL has been accepted, and its transaction has not ended yet.
        """
        return False

    def _forget(self) -> None:
        """
        Drop the transaction, if there is one.
        """

    def _clientNow(self) -> Client:
        client = self._client
        if client is None:
            login = self._loggedIn
            client = self._client = Client(
                host=self.peerHost,
                port=self.peerPort,
                helo=self._helo,
                protocol=self._word(self.extendedWord) if self._isExtended else "SMTP",
                service=self.entrance.service,
                login=login.record.address if login else None,
                accountId=login.record.accountId if login else None,
                tls=self.tlsDescription(),
                sessionId=self.sessionId,
            )
        return client

    def _word(self, word: str) -> str:
        return word + ("S" if self.isSecure else "") + ("A" if self._loggedIn is not None else "")

    # --------------------------------------------------------------------------------- for the gate to say

    def refuse(self, why: str) -> bytes:
        return reply(421, "4.3.2", f"{self.entrance.hostname}: {why}").render()

    def lastWords(self, end: SessionEnd) -> bytes:
        host = self.entrance.hostname
        if isinstance(end, Flooded):
            return _LINE_TOO_LONG.render()
        if isinstance(end, TimedOut):
            return reply(421, "4.4.2", f"{host}: this took too long").render()
        return reply(421, "4.3.2", f"{host}: closing the connection; try again later").render()

    def brokenWords(self, errorId: str) -> bytes:
        return reply(421, "4.3.0", f"A fault of ours ({errorId}); try again later").render()

    def describe(self) -> dict[str, str]:
        return {"helo": self._helo, "messages": str(self._messages)}

    # ----------------------------------------------------------------------------------------------- hello

    async def smtp_EHLO(self, argument: bytes) -> None:
        self._hello(argument, True)
        lines = (self.entrance.hostname, *self._extensions())
        self.write(Reply(250, "", lines).render())

    async def smtp_HELO(self, argument: bytes) -> None:
        self._hello(argument, False)
        self.write(Reply(250, "", (self.entrance.hostname,)).render())

    def _hello(self, argument: bytes, isExtended: bool) -> None:
        self._helo = parseHello(argument)
        self._isExtended = isExtended
        self._client = None
        # RFC 5321 4.1.4: as if RSET had been said.
        self._forget()

    def _extensions(self) -> list[str]:
        limit = self.entrance.settings.octets("smtp.message_size_limit")
        names = ["PIPELINING", f"SIZE {limit}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"]
        if self.entrance.tls is not None and not self.isSecure:
            names.append("STARTTLS")
        if self._door is not None and self._offersLogin() and self._loggedIn is None and self._door.mechanisms:
            names.append("AUTH " + " ".join(self._door.mechanisms))
        return names

    async def smtp_STARTTLS(self, argument: bytes) -> None:
        if argument:
            self._refuse(NO_ARGUMENT)
        elif self.entrance.tls is None:
            self._refuse(_NOT_OFFERED)
        elif self.isSecure:
            self._refuse(_SECURE_ALREADY)
        elif self._loggedIn is not None:
            self._refuse(_LOGGED_IN_ALREADY)
        else:
            self.write(reply(220, "2.0.0", "Go on with TLS").render())
            # RFC 3207 4.2: whatever we know from the client is forgotten.
            self._forget()
            self._helo = ""
            self._isExtended = False
            self._client = None
            self.startTLS()

    # ----------------------------------------------------------------------------------------------- login

    def _offersLogin(self) -> bool:
        return self.entrance.settings.flag("smtp.authentication")

    async def smtp_AUTH(self, argument: bytes) -> None:
        door = self._door
        if door is None or not self._offersLogin():
            self._refuse(_NOT_OFFERED)
        elif not self._isExtended:
            self._refuse(HELLO_FIRST)
        elif self._loggedIn is not None:
            self._refuse(_LOGGED_IN_ALREADY)
        elif self._inTransaction:
            # RFC 4954 4: not during a transaction.
            self._refuse(IN_TRANSACTION)
        else:
            answer = await self._logIn(door, argument)
            if answer.isPositive:
                self._client = None
                self._limitTime()
                self.write(answer.render())
                return
            self._refuse(answer)
            if door.isExhausted:
                self.write(_TOO_MANY_PASSWORDS.render())
                self._isOver = True

    async def _logIn(self, door: Doorkeeper, argument: bytes) -> Reply:
        command = parseAuth(argument)
        try:
            credentials = await door.converse(command.mechanism, command.initial, self._challenge)
            self._loggedIn = await door.authenticate(credentials)
        except UnknownMechanism:
            return reply(504, "5.5.4", "That mechanism is not offered")
        except Cancelled:
            return reply(501, "5.7.0", "Cancelled")
        except LineTooLong:
            # RFC 4954 6.
            return reply(500, "5.5.6", "Line too long")
        except ParseError:
            return reply(501, "5.5.2", "That cannot be decoded")
        except TemporaryError as error:
            row = rowFor(error)
            assert row is not None
            # RFC 4954 6.
            return reply(454, "4.7.0", row.text)
        except MailError as error:
            return smtpReply(error, self.sessionId, "AUTH")
        return reply(235, "2.7.0", "Welcome")

    async def _challenge(self, challenge: bytes) -> bytes:
        self.write(b"334 " + challenge + b"\r\n")
        return await self.readLine(MAX_RESPONSE_OCTETS)

    # ---------------------------------------------------------------------------------------------- others

    async def smtp_RSET(self, argument: bytes) -> None:
        self._forget()
        self.write(_OK)

    async def smtp_NOOP(self, argument: bytes) -> None:
        self.write(_OK)

    async def smtp_VRFY(self, argument: bytes) -> None:
        # RFC 5321 7.3: whom there is, is told in answer to RCPT only.
        if not argument:
            self._refuse(reply(501, "5.5.4", "Say whom"))
        else:
            self.write(reply(252, "2.5.2", "Send a message and see").render())

    async def smtp_HELP(self, argument: bytes) -> None:
        self.write(reply(214, "2.0.0", "RFC 5321").render())

    async def smtp_QUIT(self, argument: bytes) -> None:
        self._isOver = True
        self.write(reply(221, "2.0.0", "Bye").render())
