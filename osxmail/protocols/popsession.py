# -*- test-case-name: tests.unit.protocols.test_popsession -*-
"""
A POP3 session apart from its maildrop: what we can (RFC 2449), languages and UTF-8 (RFC 6856), TLS (RFC 2595), logging
in (RFC 1939 7, RFC 5034).

APOP is not offered: it needs passwords that can be read.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.cred.portal import Portal

from osxmail.errors import EncryptionRequired, MailError, ParseError
from osxmail.protocols.base import GateFactory, LineTooLong
from osxmail.protocols.languages import ENGLISH, LANGUAGES, Language, languageFor
from osxmail.protocols.realm import IMaildrop
from osxmail.protocols.replies import popReply
from osxmail.protocols.sasl import MAX_RESPONSE_OCTETS, Cancelled, Credentials, LoggedIn, UnknownMechanism
from osxmail.protocols.sessions import Disconnected, Ended, SessionEnd, TimedOut
from osxmail.protocols.verbs import VerbSession

#: The longest command.  RFC 2449 4 has 255 octets; a password may be longer, and so may an AUTH line (RFC 5034 4).
MAX_COMMAND_OCTETS = 2048
#: Commands that were refused before the connection is closed: a client that goes wrong more often has lost its way.
MAX_ERRORS = 1000

OK = b"+OK\r\n"
UNKNOWN = "That command is not known here"
SYNTAX = "That is not well formed"


class POPSession(VerbSession):
    """
    One session.

    @ivar language: of the texts in our answers.
    @ivar isUtf8: the client takes UTF-8 in headers (RFC 6856 2.1).
    """

    protocolName = "pop3"
    dispatch = "pop_"
    longestLineOctets = MAX_RESPONSE_OCTETS
    #: Commands before the login, each a method C{pop_VERB(argument)}, and after it.
    authorization: ClassVar[frozenset[bytes]] = frozenset(
        {b"USER", b"PASS", b"AUTH", b"CAPA", b"STLS", b"UTF8", b"LANG", b"NOOP", b"QUIT"}
    )
    transaction: ClassVar[frozenset[bytes]] = frozenset(
        {b"STAT", b"LIST", b"UIDL", b"RETR", b"TOP", b"DELE", b"NOOP", b"RSET", b"CAPA", b"LANG", b"QUIT"}
    )

    def __init__(self, factory: GateFactory, portal: Portal) -> None:
        super().__init__(factory, portal, IMaildrop)
        self.isUtf8 = False
        self._isInTransaction = False
        self._username = ""
        self._speak(ENGLISH)

    # --------------------------------------------------------------------------------------------- session

    async def session(self) -> None:
        settings = self.entrance.settings
        self.setTimeout(settings.seconds("login.timeout"))
        self.setDeadline(settings.seconds("login.timeout"))
        self.write(f"+OK {self.entrance.hostname} osxmail\r\n".encode())
        await self._converse()

    def _mostErrors(self) -> int:
        return MAX_ERRORS

    async def _obey(self, line: bytes) -> None:
        word, _blank, argument = line.partition(b" ")
        verb = word.upper()
        if verb not in (self.transaction if self._isInTransaction else self.authorization):
            if verb in self.transaction:
                self._err("Log in first")
            elif verb in self.authorization:
                self._err("You have logged in")
            else:
                self._err(UNKNOWN)
        elif len(line) > MAX_COMMAND_OCTETS - 2 and verb != b"AUTH":
            self._refuse(self.lineTooLong)
        else:
            await self._carryOut(verb.decode("ascii"), argument)

    def _told(self, error: Exception, verb: str) -> bytes:
        return popReply(error, self.sessionId, verb, self.language)

    def _ok(self, text: str, *parts: object) -> None:
        self.write(f"+OK {self.language.say(text, *parts)}\r\n".encode())

    def _err(self, text: str, code: str = "") -> None:
        """
        @param code: the response code (RFC 2449 8), or C{""}.
        """
        code = f"[{code}] " if code else ""
        self._refuse(f"-ERR {code}{self.language.say(text)}\r\n".encode())

    def _listing(self, text: str, lines: list[str]) -> None:
        self.write("\r\n".join([f"+OK {self.language.say(text)}" if text else "+OK", *lines, ".", ""]).encode())

    def _speak(self, language: Language) -> None:
        self.language = language
        self.lineTooLong = f"-ERR {language.say('Line too long')}\r\n".encode()
        self.tooManyErrors = f"-ERR {language.say('Too many errors')}\r\n".encode()

    # --------------------------------------------------------------------------------- for the gate to say

    def notLetIn(self, why: str) -> bytes:
        return f"-ERR [SYS/TEMP] {self.entrance.hostname}: {why}\r\n".encode()

    def lastWords(self, end: SessionEnd) -> bytes:
        # RFC 1939 3: an autologout is silent.
        if isinstance(end, TimedOut | Disconnected):
            return b""
        text = "An administrator ends this connection" if isinstance(end, Ended) else "Closing the connection"
        return f"-ERR [SYS/TEMP] {self.language.say(text)}\r\n".encode()

    def brokenWords(self, errorId: str) -> bytes:
        text = self.language.say("A fault of ours ({0}); try again later", errorId)
        return f"-ERR [SYS/TEMP] {text}\r\n".encode()

    # ------------------------------------------------------------------------------------------- any state

    async def pop_CAPA(self, argument: bytes) -> None:
        settings = self.entrance.settings
        # RFC 2449 6, RFC 3206 3, RFC 5034 3, RFC 6856 2, 3.
        names = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "LANG", "UTF8 USER"]
        # RFC 2449 6.7: the least number of days that a message stays.
        days = settings.number("pop3.expire_days")
        names.append("EXPIRE 0" if settings.flag("pop3.remove_fetched") else f"EXPIRE {days or 'NEVER'}")
        delay = settings.seconds("pop3.login_delay")
        if delay:
            names.append(f"LOGIN-DELAY {delay:.0f}")
        # RFC 2449 5: what is announced before the login is announced after it, STLS excepted (RFC 2595 4).
        if self._door.mechanisms:
            names += ["USER", "SASL " + " ".join(self._door.mechanisms)]
        if not self._isInTransaction and self.entrance.tls is not None and not self.isSecure and not self.isUtf8:
            names.append("STLS")
        self._listing("", [*names, "IMPLEMENTATION osxmail"])

    async def pop_LANG(self, argument: bytes) -> None:
        # RFC 6856 3.2.
        if not argument:
            self._listing("These languages", [f"{each.tag} {each.name}" for each in LANGUAGES])
            return
        wanted = argument.strip().decode("ascii", "replace")
        language = languageFor(wanted, self.entrance.settings.text("login.language"))
        if language is None:
            self._err("There is no such language")
            return
        self._speak(language)
        self.write(f"+OK {language.tag} {language.say('From now on in English')}\r\n".encode())

    async def pop_NOOP(self, argument: bytes) -> None:
        self.write(OK)

    async def pop_QUIT(self, argument: bytes) -> None:
        self._isOver = True
        await self._update()
        self._ok("Bye")

    async def _update(self) -> None:
        """
        The UPDATE state (RFC 1939 6), if there was a transaction.
        """

    # ----------------------------------------------------------------------------------------------- login

    async def pop_STLS(self, argument: bytes) -> None:
        if argument:
            self._err(SYNTAX)
        elif self.entrance.tls is None:
            self._err(UNKNOWN)
        elif self.isSecure:
            self._err("TLS is on")
        elif self.isUtf8:
            # RFC 6856 2.1.
            self._err("STLS must come before UTF8")
        else:
            self._ok("Go on with TLS")
            # RFC 2595 4: what was said in clear text is forgotten.
            self._username = ""
            self._speak(ENGLISH)
            self.startTLS()

    async def pop_UTF8(self, argument: bytes) -> None:
        # RFC 6856 2.1.
        if argument:
            self._err(SYNTAX)
        else:
            self.isUtf8 = True
            self._ok("UTF-8 is on")

    async def pop_USER(self, argument: bytes) -> None:
        if not self._door.mayShowPassword:
            raise EncryptionRequired
        self._username = _text(argument)
        if self._username:
            self._ok("Now the password")
        else:
            self._err(SYNTAX)

    async def pop_PASS(self, argument: bytes) -> None:
        username, self._username = self._username, ""
        if not username:
            self._err("Say USER first")
            return
        # RFC 1939 7: blanks are part of the password.
        await self._enter(Credentials(username, _text(argument), "USER"))

    async def pop_AUTH(self, argument: bytes) -> None:
        words = argument.split()
        if not words:
            # RFC 5034 does not have it, but mail programs ask.
            self._listing("", list(self._door.mechanisms))
            return
        if len(words) > 2:
            self._err(SYNTAX)
            return
        try:
            initial = words[1] if len(words) > 1 else None
            credentials = await self._door.converse(words[0].decode("ascii", "replace"), initial, b"+ ")
        except UnknownMechanism:
            self._err("That mechanism is not offered")
        except Cancelled:
            self._err("Cancelled")
        except LineTooLong:
            self._refuse(self.lineTooLong)
        except ParseError:
            self._err(SYNTAX)
        else:
            await self._enter(credentials)

    async def _enter(self, credentials: Credentials) -> None:
        try:
            loggedIn = await self._door.authenticate(credentials)
        except MailError as error:
            self._refuse(self._told(error, "PASS"))
            self._isOver = self._door.isExhausted
            return
        try:
            await self._open(loggedIn)
        except BaseException:
            self._door.leave()
            self.login = ""
            raise
        self._isInTransaction = True

    async def _open(self, loggedIn: LoggedIn) -> None:
        """
        Open the maildrop, and say so.

        @raise MailError: it cannot be had.
        """
        raise NotImplementedError


def _text(argument: bytes) -> str:
    # RFC 6856 2.2: UTF-8, or nothing.
    try:
        return argument.decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("not UTF-8") from None
