# -*- test-case-name: tests.unit.protocols.test_pop3 -*-
"""
POP3 (RFC 1939) with CAPA, PIPELINING and RESP-CODES (RFC 2449), AUTH-RESP-CODE (RFC 3206), STLS (RFC 2595), SASL
(RFC 5034) and UTF8 (RFC 6856).

A message is sent as it came, also one with UTF-8 in its header to a client that has not said UTF8 (RFC 6856 2.1 allows
to refuse it, and nobody is served by that).  APOP is not offered: it needs passwords that can be read.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.cred.portal import Portal

from osxmail.errors import EncryptionRequired, MailError, ParseError
from osxmail.interfaces import IMailbox, IMessage
from osxmail.protocols.base import Gate, GateFactory, LineTooLong
from osxmail.protocols.entrance import Entrance
from osxmail.protocols.maildrop import Listing, Shelf, Stuffing, Top, listMaildrop
from osxmail.protocols.realm import IMaildrop
from osxmail.protocols.replies import fault, popReply
from osxmail.protocols.sasl import (
    MAX_RESPONSE_OCTETS,
    Cancelled,
    Credentials,
    UnknownMechanism,
)
from osxmail.protocols.sessions import Disconnected, SessionEnd, TimedOut
from osxmail.protocols.verbs import VerbSession

#: The longest command.  RFC 2449 4 has 255 octets; a password may be longer, and so may an AUTH line (RFC 5034 4).
MAX_COMMAND_OCTETS = 2048
#: Commands that were refused before the connection is closed: a client that goes wrong more often has lost its way.
MAX_ERRORS = 1000
#: Lines of LIST and UIDL between two turns of the reactor: under 2 ms.
LINES_IN_A_SLICE = 2000
#: Of a large message, at once (see L{IMessage.read}).
READ_OCTETS = 65536
MAX_NUMBER_DIGITS = 10

_OK = b"+OK\r\n"
_UNKNOWN = b"-ERR That command is not known here\r\n"
_LOGIN_FIRST = b"-ERR Log in first\r\n"
_LOGGED_IN_ALREADY = b"-ERR You have logged in\r\n"
_NO_MESSAGE = b"-ERR There is no such message\r\n"
_DELETED = b"-ERR That message is deleted\r\n"
_GONE = b"-ERR Another program has removed that message\r\n"
_SYNTAX = b"-ERR That is not well formed\r\n"


class POP3Factory(GateFactory):
    """
    Makes POP3 sessions.

    @ivar portal: has L{IMaildrop}.
    """

    def __init__(self, entrance: Entrance, portal: Portal) -> None:
        super().__init__(entrance)
        self.portal = portal

    def gate(self) -> Gate:
        return POP3(self)


class POP3(VerbSession):
    """
    One session.
    """

    protocolName = "pop3"
    dispatch = "pop_"
    longestLineOctets = MAX_RESPONSE_OCTETS
    lineTooLong = b"-ERR Line too long\r\n"
    tooManyErrors = b"-ERR Too many errors\r\n"
    #: Commands before the login, each a method C{pop_VERB(argument)}, and after it.
    authorization: ClassVar[frozenset[bytes]] = frozenset(
        {b"USER", b"PASS", b"AUTH", b"CAPA", b"STLS", b"UTF8", b"NOOP", b"QUIT"}
    )
    transaction: ClassVar[frozenset[bytes]] = frozenset(
        {b"STAT", b"LIST", b"UIDL", b"RETR", b"TOP", b"DELE", b"NOOP", b"RSET", b"CAPA", b"QUIT"}
    )
    factory: POP3Factory

    def __init__(self, factory: POP3Factory) -> None:
        super().__init__(factory, factory.portal, IMaildrop)
        self._username = ""
        self._listing: Listing | None = None
        self._shelf: Shelf | None = None
        self._retrieved = 0
        self._removed = 0

    # --------------------------------------------------------------------------------------------- session

    async def session(self) -> None:
        settings = self.entrance.settings
        self.setTimeout(settings.seconds("login.timeout"))
        self.setDeadline(settings.seconds("login.timeout"))
        self.write(f"+OK {self.entrance.hostname} osxmail\r\n".encode())
        await self._converse()

    def _mostErrors(self) -> int:
        return MAX_ERRORS

    def _leave(self) -> None:
        listing = self._listing
        if listing is None:
            return
        self.log.info(
            "{event}",
            event="maildrop.closed",
            session=self.sessionId,
            service=self.entrance.service,
            login=self.login,
            messages=len(listing),
            retrieved=self._retrieved,
            removed=self._removed,
        )

    async def _obey(self, line: bytes) -> None:
        word, _blank, argument = line.partition(b" ")
        verb = word.upper()
        if verb not in (self.authorization if self._listing is None else self.transaction):
            if verb in self.transaction:
                self._refuse(_LOGIN_FIRST)
            elif verb in self.authorization:
                self._refuse(_LOGGED_IN_ALREADY)
            else:
                self._refuse(_UNKNOWN)
        elif len(line) > MAX_COMMAND_OCTETS - 2 and verb != b"AUTH":
            self._refuse(self.lineTooLong)
        else:
            await self._carryOut(verb.decode("ascii"), argument)

    def _told(self, error: Exception, verb: str) -> bytes:
        return popReply(error, self.sessionId, verb)

    # --------------------------------------------------------------------------------- for the gate to say

    def notLetIn(self, why: str) -> bytes:
        return f"-ERR [SYS/TEMP] {self.entrance.hostname}: {why}\r\n".encode()

    def lastWords(self, end: SessionEnd) -> bytes:
        # RFC 1939 3: an autologout is silent.
        if isinstance(end, TimedOut | Disconnected):
            return b""
        return b"-ERR [SYS/TEMP] Closing the connection\r\n"

    def brokenWords(self, errorId: str) -> bytes:
        return f"-ERR [SYS/TEMP] A fault of ours ({errorId}); try again later\r\n".encode()

    def describe(self) -> dict[str, str]:
        return {"mailbox": "INBOX"} if self._listing is not None else {}

    # ------------------------------------------------------------------------------------------- any state

    async def pop_CAPA(self, argument: bytes) -> None:
        # RFC 2449 6, RFC 3206 3, RFC 5034 3, RFC 6856 2; EXPIRE NEVER: we remove nothing by ourselves.
        names = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "UTF8 USER"]
        if self._listing is None:
            if self._door.mechanisms:
                names += ["USER", "SASL " + " ".join(self._door.mechanisms)]
            if self.entrance.tls is not None and not self.isSecure:
                names.append("STLS")
        else:
            # RFC 2449 5: what is announced before the login is announced after it, STLS excepted.
            names += ["USER", "SASL " + " ".join(self._door.mechanisms)] if self._door.mechanisms else []
        names.append("IMPLEMENTATION osxmail")
        self.write("\r\n".join(["+OK", *names, ".", ""]).encode())

    async def pop_NOOP(self, argument: bytes) -> None:
        self.write(_OK)

    async def pop_QUIT(self, argument: bytes) -> None:
        self._isOver = True
        listing = self._listing
        uids = listing.deletedUids if listing is not None else []
        if uids:
            # RFC 1939 6: the UPDATE state.  One transaction: all of them, or none.
            self._removed = len(await self._mailbox.remove(uids))
        self.write(b"+OK Bye\r\n")

    # ----------------------------------------------------------------------------------------------- login

    async def pop_STLS(self, argument: bytes) -> None:
        if argument:
            self._refuse(_SYNTAX)
        elif self.entrance.tls is None:
            self._refuse(_UNKNOWN)
        elif self.isSecure:
            self._refuse(b"-ERR TLS is on\r\n")
        else:
            self.write(b"+OK Go on with TLS\r\n")
            self._username = ""
            self.startTLS()

    async def pop_UTF8(self, argument: bytes) -> None:
        # RFC 6856 2.1: messages are sent as they came in any case.
        self.write(b"+OK UTF-8\r\n")

    async def pop_USER(self, argument: bytes) -> None:
        if not self._door.mayShowPassword:
            raise EncryptionRequired
        self._username = _text(argument)
        self.write(b"+OK Now the password\r\n")

    async def pop_PASS(self, argument: bytes) -> None:
        username, self._username = self._username, ""
        if not username:
            self._refuse(b"-ERR Say USER first\r\n")
            return
        # RFC 1939 7: blanks are part of the password.
        await self._enter(Credentials(username, _text(argument), "USER"))

    async def pop_AUTH(self, argument: bytes) -> None:
        words = argument.split()
        if not words:
            # RFC 5034 does not have it, but mail programs ask.
            self.write("\r\n".join(["+OK", *self._door.mechanisms, ".", ""]).encode())
            return
        if len(words) > 2:
            self._refuse(_SYNTAX)
            return
        try:
            initial = words[1] if len(words) > 1 else None
            credentials = await self._door.converse(words[0].decode("ascii", "replace"), initial, b"+ ")
        except UnknownMechanism:
            self._refuse(b"-ERR That mechanism is not offered\r\n")
        except Cancelled:
            self._refuse(b"-ERR Cancelled\r\n")
        except LineTooLong:
            self._refuse(self.lineTooLong)
        except ParseError:
            self._refuse(_SYNTAX)
        else:
            await self._enter(credentials)

    async def _enter(self, credentials: Credentials) -> None:
        try:
            loggedIn = await self._door.authenticate(credentials)
        except MailError as error:
            self._refuse(popReply(error, self.sessionId, "PASS"))
            self._isOver = self._door.isExhausted
            return
        try:
            listing = await listMaildrop(loggedIn.avatar.mailbox)
        except BaseException:
            self._door.leave()
            self.login = ""
            raise
        self._listing = listing
        self._shelf = Shelf(self._mailbox, listing)
        self.setDeadline(0)
        self.setTimeout(self.entrance.settings.seconds("pop3.idle_timeout"))
        self.write(b"+OK %d messages (%d octets)\r\n" % (listing.count, listing.octets))

    # ------------------------------------------------------------------------------------------- the maildrop

    @property
    def _mailbox(self) -> IMailbox:
        assert self._door.loggedIn is not None
        mailbox: IMailbox = self._door.loggedIn.avatar.mailbox
        return mailbox

    @property
    def _drop(self) -> Listing:
        assert self._listing is not None
        return self._listing

    def _number(self, argument: bytes) -> int:
        """
        The message number that is meant; 0 if there is none, which has been answered.
        """
        if not argument.isdigit() or len(argument) > MAX_NUMBER_DIGITS:
            self._refuse(_SYNTAX)
            return 0
        number = int(argument)
        if not 1 <= number <= len(self._drop):
            self._refuse(_NO_MESSAGE)
            return 0
        if self._drop.isDeleted(number):
            self._refuse(_DELETED)
            return 0
        return number

    async def pop_STAT(self, argument: bytes) -> None:
        self.write(b"+OK %d %d\r\n" % (self._drop.count, self._drop.octets))

    async def pop_RSET(self, argument: bytes) -> None:
        self._drop.reset()
        self.write(_OK)

    async def pop_DELE(self, argument: bytes) -> None:
        number = self._number(argument.strip())
        if number:
            self._drop.delete(number)
            self.write(_OK)

    async def pop_LIST(self, argument: bytes) -> None:
        if argument:
            number = self._number(argument.strip())
            if number:
                self.write(b"+OK %d %d\r\n" % (number, self._drop.size(number)))
            return
        self.write(b"+OK %d messages (%d octets)\r\n" % (self._drop.count, self._drop.octets))
        await self._list(ids=False)

    async def pop_UIDL(self, argument: bytes) -> None:
        if argument:
            number = self._number(argument.strip())
            if number:
                self.write(b"+OK %d %b\r\n" % (number, self._drop.uniqueId(number)))
            return
        self.write(_OK)
        await self._list(ids=True)

    async def _list(self, ids: bool) -> None:
        drop = self._drop
        lines = drop.idLines if ids else drop.sizeLines
        last = len(drop) + 1
        for start in range(1, last, LINES_IN_A_SLICE):
            if start > 1:
                await self.drain()
                await self.letOthers()
            self.write(lines(start, min(start + LINES_IN_A_SLICE, last)))
        self.write(b".\r\n")

    async def pop_RETR(self, argument: bytes) -> None:
        number = self._number(argument.strip())
        if number:
            await self._send(number, None)

    async def pop_TOP(self, argument: bytes) -> None:
        words = argument.split()
        if len(words) != 2 or not words[1].isdigit() or len(words[1]) > MAX_NUMBER_DIGITS:
            self._refuse(_SYNTAX)
            return
        number = self._number(words[0])
        if number:
            await self._send(number, Top(int(words[1])))

    async def _send(self, number: int, top: Top | None) -> None:
        assert self._shelf is not None
        message = await self._shelf.message(number)
        if message is None:
            self._refuse(_GONE)
            return
        whole = message.inline
        first = whole if whole is not None else await message.read(0, READ_OCTETS)
        stuffing = Stuffing()
        greeting = b"+OK %d octets\r\n" % message.sizeOctets if top is None else _OK
        wanted = first if top is None else top.feed(first)
        self._retrieved += top is None
        if whole is not None or (top is not None and top.isComplete):
            self.write(greeting + stuffing.stuff(wanted) + stuffing.end())
            return
        self.write(greeting + stuffing.stuff(wanted))
        try:
            await self._sendRest(message, len(first), top, stuffing)
        except SessionEnd:
            raise
        except Exception:  # noqa: BLE001 — no answer can follow half a message: the end of the connection says it
            fault(self.sessionId, self.protocolName, "RETR")
            self._isOver = True

    async def _sendRest(self, message: IMessage, offset: int, top: Top | None, stuffing: Stuffing) -> None:
        while offset < message.sizeOctets and not (top is not None and top.isComplete):
            await self.drain()
            chunk = await message.read(offset, READ_OCTETS)
            if not chunk:
                raise ParseError("the message is shorter than it was said to be")
            offset += len(chunk)
            self.write(stuffing.stuff(chunk if top is None else top.feed(chunk)))
        self.write(stuffing.end())


def _text(argument: bytes) -> str:
    try:
        return argument.decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("not UTF-8") from None
