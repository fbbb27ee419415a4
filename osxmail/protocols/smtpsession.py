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
from osxmail.protocols.base import GateFactory, LineTooLong
from osxmail.protocols.realm import ISubmitter
from osxmail.protocols.replies import rowFor, smtpReply
from osxmail.protocols.sasl import Cancelled, UnknownMechanism
from osxmail.protocols.sessions import Flooded, SessionEnd, TimedOut
from osxmail.protocols.verbs import VerbSession

#: Browsers that were made to talk to us: nothing they say is worth an answer.
_WEB_VERBS = frozenset({"GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS"})


def reply(code: int, enhanced: str, text: str) -> Reply:
    """
    A reply of one line.
    """
    return Reply(code, enhanced, (text,))


_OK = reply(250, "2.0.0", "OK").render()
_UNKNOWN = reply(500, "5.5.1", "That command is not known here")
_TOO_MANY_PASSWORDS = reply(421, "4.7.0", "Too many wrong passwords")
_NOT_OFFERED = reply(502, "5.5.1", "That is not offered here")
_SECURE_ALREADY = reply(503, "5.5.1", "TLS is on")
_LOGGED_IN_ALREADY = reply(503, "5.5.1", "You have logged in")
NO_ARGUMENT = reply(501, "5.5.4", "This command takes no argument")
HELLO_FIRST = reply(503, "5.5.1", "Say hello first")
IN_TRANSACTION = reply(503, "5.5.1", "A transaction is under way")


class SMTPSession(VerbSession):
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
    dispatch = "smtp_"
    longestLineOctets = MAX_AUTH_OCTETS
    lineTooLong = reply(500, "5.5.2", "Line too long").render()
    tooManyErrors = reply(421, "4.7.0", "Too many errors").render()

    def __init__(self, factory: GateFactory, portal: Portal | None) -> None:
        """
        @param portal: for AUTH; C{None} lets nobody in.
        """
        super().__init__(factory, portal, ISubmitter)
        self._helo = ""
        self._isExtended = False
        self._client: Client | None = None
        self._messages = 0

    # --------------------------------------------------------------------------------------------- session

    async def session(self) -> None:
        self.setTimeout(self.entrance.settings.seconds("smtp.idle_timeout"))
        self._limitTime()
        self.write(f"220 {self.entrance.hostname} {self.extendedWord} osxmail\r\n".encode())
        await self._converse()

    def _limitTime(self) -> None:
        """
        How long this session may last from now on.
        """
        self.setDeadline(self.entrance.settings.seconds("smtp.session_limit"))

    def _mostErrors(self) -> int:
        return self.entrance.settings.number("smtp.max_errors")

    def _leave(self) -> None:
        self._forget()

    async def _obey(self, line: bytes) -> None:
        try:
            command = parseCommand(line)
        except CommandError as error:
            self._reject(error.reply)
            return
        verb = command.verb
        if verb not in self.verbs:
            if verb in _WEB_VERBS:
                self._isOver = True
            self._reject(_UNKNOWN)
        elif len(line) > MAX_COMMAND_OCTETS - 2 and verb != "AUTH":
            self._refuse(self.lineTooLong)
            # How much content was to follow cannot be told from what was not read.
            self._isOver = verb == "BDAT"
        else:
            await self._carryOut(verb, command.argument)

    def _told(self, error: Exception, verb: str) -> bytes:
        answer = error.reply if isinstance(error, CommandError) else smtpReply(error, self.sessionId, verb)
        return answer.render()

    def _reject(self, why: Reply) -> None:
        self._refuse(why.render())

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
            login = self._door.loggedIn
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
        return word + ("S" if self.isSecure else "") + ("A" if self._door.loggedIn is not None else "")

    # --------------------------------------------------------------------------------- for the gate to say

    def notLetIn(self, why: str) -> bytes:
        return reply(421, "4.3.2", f"{self.entrance.hostname}: {why}").render()

    def lastWords(self, end: SessionEnd) -> bytes:
        host = self.entrance.hostname
        if isinstance(end, Flooded):
            return self.lineTooLong
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
        if self._offersLogin() and self._door.loggedIn is None and self._door.mechanisms:
            names.append("AUTH " + " ".join(self._door.mechanisms))
        return names

    async def smtp_STARTTLS(self, argument: bytes) -> None:
        if argument:
            self._reject(NO_ARGUMENT)
        elif self.entrance.tls is None:
            self._reject(_NOT_OFFERED)
        elif self.isSecure:
            self._reject(_SECURE_ALREADY)
        elif self._door.loggedIn is not None:
            self._reject(_LOGGED_IN_ALREADY)
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
        if not self._offersLogin():
            self._reject(_NOT_OFFERED)
        elif not self._isExtended:
            self._reject(HELLO_FIRST)
        elif self._door.loggedIn is not None:
            self._reject(_LOGGED_IN_ALREADY)
        elif self._inTransaction:
            # RFC 4954 4: not during a transaction.
            self._reject(IN_TRANSACTION)
        else:
            answer = await self._logIn(argument)
            if answer.isPositive:
                self._client = None
                self._limitTime()
                self.write(answer.render())
                return
            self._reject(answer)
            if self._door.isExhausted:
                self.write(_TOO_MANY_PASSWORDS.render())
                self._isOver = True

    async def _logIn(self, argument: bytes) -> Reply:
        command = parseAuth(argument)
        try:
            credentials = await self._door.converse(command.mechanism, command.initial, b"334 ")
            await self._door.authenticate(credentials)
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

    # ---------------------------------------------------------------------------------------------- others

    async def smtp_RSET(self, argument: bytes) -> None:
        self._forget()
        self.write(_OK)

    async def smtp_NOOP(self, argument: bytes) -> None:
        self.write(_OK)

    async def smtp_VRFY(self, argument: bytes) -> None:
        # RFC 5321 7.3: whom there is, is told in answer to RCPT only.
        if not argument:
            self._reject(reply(501, "5.5.4", "Say whom"))
        else:
            self.write(reply(252, "2.5.2", "Send a message and see").render())

    async def smtp_HELP(self, argument: bytes) -> None:
        self.write(reply(214, "2.0.0", "RFC 5321").render())

    async def smtp_QUIT(self, argument: bytes) -> None:
        self._isOver = True
        self.write(reply(221, "2.0.0", "Bye").render())
