# -*- test-case-name: tests.unit.protocols.test_pop3 -*-
"""
POP3 (RFC 1939) with what RFC 2449 adds: the maildrop.
"""

from __future__ import annotations

from twisted.cred.portal import Portal

from osxmail.errors import ParseError
from osxmail.interfaces import IMailbox, IMessage
from osxmail.mail.header import headerEnd
from osxmail.mail.surrogate import asciiFields
from osxmail.protocols.base import Gate, GateFactory
from osxmail.protocols.entrance import Entrance
from osxmail.protocols.maildrop import Listing, Shelf, Stuffing, Top, listMaildrop
from osxmail.protocols.popsession import OK, SYNTAX, POPSession
from osxmail.protocols.replies import fault
from osxmail.protocols.sasl import LoggedIn
from osxmail.protocols.sessions import SessionEnd

#: Lines of LIST and UIDL between two turns of the reactor: under 2 ms.
LINES_IN_A_SLICE = 2000
#: Of a large message, at once (see L{IMessage.read}).
READ_OCTETS = 65536
MAX_NUMBER_DIGITS = 10
#: Of a header that is rewritten in ASCII, between two turns of the reactor: under 5 ms.
REWRITTEN_IN_A_SLICE = 4096
#: Messages whose time has come that are removed in one transaction.
EXPIRED_AT_ONCE = 1000
DAY_SECONDS = 86400.0

#: The listing of a session that has not logged in.
NOTHING = Listing.empty()

_NO_MESSAGE = "There is no such message"
_NEEDS_UTF8 = "This message needs UTF8"


class POP3Factory(GateFactory):
    """
    Makes POP3 sessions.

    @ivar portal: has L{osxmail.protocols.realm.IMaildrop}.
    """

    def __init__(self, entrance: Entrance, portal: Portal) -> None:
        super().__init__(entrance)
        self.portal = portal

    def gate(self) -> Gate:
        return POP3(self)


class POP3(POPSession):
    """
    One session.
    """

    factory: POP3Factory

    def __init__(self, factory: POP3Factory) -> None:
        super().__init__(factory, factory.portal)
        self._drop: Listing = NOTHING
        self._shelf: Shelf | None = None
        self._retrieved = 0
        self._removed = 0

    async def _open(self, loggedIn: LoggedIn) -> None:
        self._drop = await listMaildrop(loggedIn.avatar.mailbox)
        self._shelf = Shelf(self._mailbox, self._drop)
        self.setDeadline(0)
        self.setTimeout(self.entrance.settings.seconds("pop3.idle_timeout"))
        self._sayCount()

    def _leave(self) -> None:
        if not self._isInTransaction:
            return
        self.log.info(
            "{event}",
            event="maildrop.closed",
            session=self.sessionId,
            service=self.entrance.service,
            login=self.login,
            messages=len(self._drop),
            retrieved=self._retrieved,
            removed=self._removed,
        )

    def describe(self) -> dict[str, str]:
        return {"mailbox": "INBOX"} if self._isInTransaction else {}

    @property
    def _mailbox(self) -> IMailbox:
        assert self._door.loggedIn is not None
        mailbox: IMailbox = self._door.loggedIn.avatar.mailbox
        return mailbox

    # ---------------------------------------------------------------------------------------------- update

    async def _update(self) -> None:
        if not self._isInTransaction:
            return
        drop, settings = self._drop, self.entrance.settings
        # RFC 2449 6.7: EXPIRE 0 removes what was fetched.
        uids = drop.leavingUids if settings.flag("pop3.remove_fetched") else drop.deletedUids
        if uids:
            # RFC 1939 6: one transaction: all of them, or none.
            self._removed = len(await self._mailbox.remove(uids))
        days = settings.number("pop3.expire_days")
        if days:
            await self._expire(days)

    async def _expire(self, days: int) -> None:
        """
        EXPIRE (RFC 2449 6.7): remember what was fetched today, remove what was fetched so many days ago.
        """
        mailbox = self._mailbox
        fetched = self._drop.fetchedUids
        if fetched:
            await mailbox.noteFetched(fetched)
        while True:
            uids = await mailbox.fetchedBefore(days * DAY_SECONDS, EXPIRED_AT_ONCE)
            if not uids:
                return
            self._removed += len(await mailbox.remove(uids))

    # --------------------------------------------------------------------------------------------- numbers

    def _number(self, argument: bytes) -> int:
        """
        The message number that is meant; 0 if there is none, which has been answered.
        """
        if not argument.isdigit() or len(argument) > MAX_NUMBER_DIGITS:
            self._err(SYNTAX)
            return 0
        number = int(argument)
        if not 1 <= number <= len(self._drop):
            self._err(_NO_MESSAGE)
            return 0
        if self._drop.isDeleted(number):
            self._err("That message is deleted")
            return 0
        return number

    def _sayCount(self) -> None:
        self._ok("{0} messages ({1} octets)", self._drop.count, self._drop.octets)

    async def pop_STAT(self, argument: bytes) -> None:
        self.write(b"+OK %d %d\r\n" % (self._drop.count, self._drop.octets))

    async def pop_RSET(self, argument: bytes) -> None:
        self._drop.reset()
        self.write(OK)

    async def pop_DELE(self, argument: bytes) -> None:
        number = self._number(argument.strip())
        if number:
            self._drop.delete(number)
            self.write(OK)

    async def pop_LIST(self, argument: bytes) -> None:
        if argument:
            number = self._number(argument.strip())
            if number:
                self.write(b"+OK %d %d\r\n" % (number, self._drop.size(number)))
            return
        self._sayCount()
        await self._list(ids=False)

    async def pop_UIDL(self, argument: bytes) -> None:
        if argument:
            number = self._number(argument.strip())
            if number:
                self.write(b"+OK %d %b\r\n" % (number, self._drop.uniqueId(number)))
            return
        self.write(OK)
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

    # -------------------------------------------------------------------------------------------- messages

    async def pop_RETR(self, argument: bytes) -> None:
        number = self._number(argument.strip())
        if number:
            await self._send(number, None)

    async def pop_TOP(self, argument: bytes) -> None:
        words = argument.split()
        if len(words) != 2 or not words[1].isdigit() or len(words[1]) > MAX_NUMBER_DIGITS:
            self._err(SYNTAX)
            return
        number = self._number(words[0])
        if number:
            await self._send(number, Top(int(words[1])))

    async def _send(self, number: int, top: Top | None) -> None:
        assert self._shelf is not None
        message = await self._shelf.message(number)
        if message is None:
            self._err("Another program has removed that message")
            return
        whole = message.inline
        first = whole if whole is not None else await message.read(0, READ_OCTETS)
        wanted = first
        if not self.isUtf8 and not first.isascii():
            body = headerEnd(first)
            if body == READ_OCTETS < message.sizeOctets:
                # RFC 6856 5.
                self._err(_NEEDS_UTF8, "UTF8")
                return
            wanted = await self._inAscii(first[:body]) + first[body:]
        stuffing = Stuffing()
        greeting = OK
        if top is None:
            # What LIST says, and what a header in ASCII adds to it (RFC 6856 2.1).
            greeting = b"+OK %d octets\r\n" % (self._drop.size(number) + len(wanted) - len(first))
            self._drop.fetch(number)
            self._retrieved += 1
        else:
            wanted = top.feed(wanted)
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

    async def _inAscii(self, header: bytes) -> bytes:
        out: list[bytes] = []
        octets = 0
        for piece in asciiFields(header):
            out.append(piece)
            octets += len(piece)
            if octets >= REWRITTEN_IN_A_SLICE:
                octets = 0
                await self.letOthers()
        return b"".join(out)

    async def _sendRest(self, message: IMessage, offset: int, top: Top | None, stuffing: Stuffing) -> None:
        while offset < message.sizeOctets and not (top is not None and top.isComplete):
            await self.drain()
            chunk = await message.read(offset, READ_OCTETS)
            if not chunk:
                raise ParseError("the message is shorter than it was said to be")
            offset += len(chunk)
            self.write(stuffing.stuff(chunk if top is None else top.feed(chunk)))
        self.write(stuffing.end())
