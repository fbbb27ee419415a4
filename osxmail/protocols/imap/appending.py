# -*- test-case-name: tests.unit.protocols.imap.test_appending -*-
"""
Messages that come in by IMAP: APPEND (RFC 3501 6.3.11), of several messages (MULTIAPPEND, RFC 3502), of octets that are
here already (CATENATE, RFC 4469), in UTF-8 (RFC 6855 4) and with NULs (BINARY, RFC 3516 4.4); and REPLACE (RFC 8508).

What speaks against a message is said before its octets come, and they are streamed into the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from typing import TYPE_CHECKING

from osxmail.errors import LimitExceeded, NoSuchMailbox, NoSuchMessage, NotAllowed, NotFound, OverQuota, TooLarge
from osxmail.interfaces import IIncoming, NewMessage
from osxmail.mail.imap.appendgrammar import (
    Content,
    MessageHead,
    PartKind,
    closesUtf8,
    parseMessageHead,
    parsePartHead,
    parseReplaced,
    parseUrl,
)
from osxmail.mail.imap.reader import BadCommand
from osxmail.mail.rights import rightFor
from osxmail.mail.sequenceset import renderSet
from osxmail.protocols.imap.catenating import BadUrl, locate
from osxmail.protocols.imap.messages import TRY_CREATE, withModseq
from osxmail.protocols.imap.namespaces import Place
from osxmail.protocols.imap.reading import CHUNK_OCTETS, Arguments
from osxmail.protocols.imap.speaking import tell

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: Messages in one APPEND.
MAX_MESSAGES = 1000
#: Octets that one APPEND keeps in memory: of messages that are too small for a file.
MAX_HELD_OCTETS = 8 << 20
#: Messages of one APPEND that are in files: each is open.
MAX_FILES = 64
#: From this size on, the quota is looked at before a message comes.
ASKED_FROM_OCTETS = CHUNK_OCTETS
#: Parts of one CATENATE.
MAX_PARTS = 1000


class Refused(Exception):
    """
    @ivar reply: what follows the tag.
    """

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply


class Arrivals:
    """
    The messages of one command, on their way into one mailbox.

    @ivar messages: those that have come.
    """

    def __init__(self, session: Imap, place: Place, freedOctets: int = 0) -> None:
        """
        @param freedOctets: what the command frees at the same time: the quota counts the difference.
        """
        self._session = session
        self._place = place
        self._limitOctets = session.entrance.settings.octets("imap.append_limit")
        self._freedOctets = freedOctets
        #: What the quota leaves; C{None} before it was looked at.
        self._roomOctets: float | None = None
        self._octets = 0
        self._heldOctets = 0
        self._files = 0
        self.messages: list[NewMessage] = []

    async def receive(self, head: MessageHead, arguments: Arguments) -> None:
        """
        Take one message.

        @raise Refused:
        @raise BadCommand:
        @raise osxmail.errors.MailError:
        """
        if len(self.messages) >= MAX_MESSAGES or self._files >= MAX_FILES or self._heldOctets >= MAX_HELD_OCTETS:
            raise LimitExceeded("too many messages in one command")
        if head.content is Content.UTF8:
            self._needsUtf8()
        if head.content is not Content.CATENATE:
            await self._announced(arguments, mayBeEmpty=False)
        incoming = self._session.factory.store.incoming(self._limitOctets)
        self.messages.append(NewMessage(incoming, self._permitted(head.flags), head.internalDate))
        if head.content is Content.CATENATE:
            await self._catenate(incoming, arguments)
        else:
            await arguments.take(incoming.write)
            if head.content is Content.UTF8:
                closesUtf8(arguments.cursor)
        if incoming.sizeOctets > CHUNK_OCTETS:
            self._files += 1
        else:
            self._heldOctets += incoming.sizeOctets
        settings = self._session.entrance.settings
        if settings.flag("imap.refuse_8bit_headers") and not incoming.header().isascii():
            self._needsUtf8()

    def _needsUtf8(self) -> None:
        if not self._session.isUtf8:
            # RFC 6855 4: rejected with a NO.
            raise Refused(b"NO [CANNOT] A header with 8-bit characters, and UTF8=ACCEPT is not enabled")

    async def _announced(self, arguments: Arguments, mayBeEmpty: bool) -> None:
        """
        Is there a literal, and may it come?
        """
        if not arguments.isAtLiteral:
            raise BadCommand("a literal expected")
        if not arguments.sizeOctets and not mayBeEmpty:
            raise Refused(_EMPTY)  # RFC 3502 6.3.11: so that a client can call it off
        await self._makeRoom(arguments.sizeOctets)

    async def _makeRoom(self, sizeOctets: int) -> None:
        self._octets += sizeOctets
        if self._octets > self._limitOctets:
            raise TooLarge("more than imap.append_limit")  # RFC 7889 4, RFC 4469 4.2
        if self._octets <= ASKED_FROM_OCTETS:
            return
        # The store looks again; this spares the client to send a large message for nothing.
        if self._roomOctets is None:
            quota = await self._place.account.quota()
            left = quota.limitOctets - quota.usedOctets + self._freedOctets
            self._roomOctets = left if quota.limitOctets else float("inf")
        if self._octets > self._roomOctets:
            raise OverQuota

    async def _catenate(self, incoming: IIncoming, arguments: Arguments) -> None:
        """
        RFC 4469 3.
        """
        for _ in range(MAX_PARTS):
            kind = parsePartHead(arguments.cursor)
            if kind is PartKind.URL:
                await arguments.keep()
                await self._copy(parseUrl(arguments.cursor), incoming)
            else:
                if kind is PartKind.UTF8:
                    self._needsUtf8()
                await self._announced(arguments, mayBeEmpty=True)
                await arguments.take(incoming.write)
                if kind is PartKind.UTF8:
                    closesUtf8(arguments.cursor)
            if arguments.cursor.takes(b")"):
                break
            arguments.cursor.space()
        else:
            raise LimitExceeded("too many parts in one CATENATE")
        if not incoming.sizeOctets:
            raise Refused(_EMPTY)

    async def _copy(self, url: bytes, incoming: IIncoming) -> None:
        source = await locate(self._session, url)
        await self._makeRoom(source.sizeOctets)
        try:
            await source.copy(incoming.write)
        except NotFound:
            # Removed, and collected, in the middle of it.
            raise BadUrl(url) from None

    def _permitted(self, flags: Collection[str]) -> tuple[str, ...]:
        """
        RFC 4314 4: flags that the client may not set there are passed over.
        """
        rights = self._place.rights
        return tuple(flag for flag in flags if rightFor(flag) in rights)

    def abort(self) -> None:
        """
        Forget those that the store has not taken.
        """
        for message in self.messages:
            message.incoming.abort()


_NOT_IN_URL = {octet: b"%%%02X" % octet for octet in range(256) if not 0x20 < octet < 0x7F or octet in b'"<>[]\\^`{|}'}

_EMPTY = b"NO [CANNOT] An empty message is none"


async def append(session: Imap, arguments: Arguments) -> bytes:
    """
    APPEND: all of its messages or none.
    """
    return await _answered(session, _append(session, arguments))


async def _answered(session: Imap, work: Awaitable[bytes]) -> bytes:
    try:
        return await work
    except NoSuchMailbox:
        session.namespaces.forgetTarget()
        return TRY_CREATE
    except Refused as refusal:
        return refusal.reply
    except BadUrl as error:
        return badUrl(error)


async def _target(session: Imap, arguments: Arguments) -> tuple[Place, MessageHead]:
    """
    The mailbox that is named, and what stands before the first message.
    """
    await arguments.keep()
    name = arguments.cursor.mailbox()
    # A command that is none is told so first, whatever mailbox it names.
    head = parseMessageHead(arguments.cursor)
    if session.watch is not None:
        session.watch.noteName(name)
    return await session.namespaces.target(name, "i"), head


async def _append(session: Imap, arguments: Arguments) -> bytes:
    place, head = await _target(session, arguments)
    arrivals = Arrivals(session, place)
    try:
        await arrivals.receive(head, arguments)
        while not arguments.isAtEnd:
            await arrivals.receive(parseMessageHead(arguments.cursor), arguments)
        appended = await place.mailbox.appendAll(arrivals.messages)
    finally:
        arrivals.abort()
    if "r" not in place.rights:
        return b"OK APPEND completed"  # RFC 4315 5: who may not select it learns nothing of its UIDs
    if session.watch is not None:
        session.watch.made(place.mailbox.mailboxId, [each.uid for each in appended])
    uids = renderSet([each.uid for each in appended])
    return b"OK [APPENDUID %d %b] APPEND completed" % (appended[0].uidvalidity, uids)


async def replace(session: Imap, arguments: Arguments) -> bytes:
    """
    REPLACE (RFC 8508): a message comes, and one of the selected mailbox goes.
    """
    return await _answered(session, _replace(session, arguments, isUid=False))


async def replaceByUid(session: Imap, arguments: Arguments) -> bytes:
    """
    UID REPLACE (RFC 8508 3.3).
    """
    return await _answered(session, _replace(session, arguments, isUid=True))


async def _replace(session: Imap, arguments: Arguments, isUid: bool) -> bytes:
    view = session.selectedView()
    messages = parseReplaced(arguments.cursor)
    place, head = await _target(session, arguments)
    # RFC 8508 4.1: what STORE +FLAGS \Deleted and EXPUNGE need.
    if view.isReadOnly or not view.rights.issuperset("te"):
        raise NotAllowed("messages may not be removed here")
    ranges = view.indexRanges(messages, isUid)
    uids = [uid for each in ranges for uid in view.uidsOf(each)]
    if len(uids) != 1:
        raise NoSuchMessage("there is none to be replaced")
    freedOctets = 0
    if session.place is not None and session.place.account.accountId == place.account.accountId:
        await view.snapshot.loaded()
        located = view.located(ranges[0])
        if located.missing:
            raise NoSuchMessage("another session has expunged it")
        freedOctets = view.snapshot.sizes[located.places[0]]
    arrivals = Arrivals(session, place, freedOctets)
    try:
        await arrivals.receive(head, arguments)
        if not arguments.isAtEnd:
            raise BadCommand("one message and nothing behind it")  # RFC 8508 4.7
        appended = await view.mailbox.replace(uids[0], place.mailbox, arrivals.messages[0])
    finally:
        arrivals.abort()
    if session.watch is not None:
        session.watch.made(place.mailbox.mailboxId, [appended.uid])
    # RFC 8508 4.3: APPENDUID comes before the EXPUNGE, which tellChanges writes.
    if "r" in place.rights:  # RFC 4315 5
        tell(session, b"* OK [APPENDUID %d %d] Replaced\r\n" % (appended.uidvalidity, appended.uid))
    # RFC 8508 4.5, RFC 7162 3.2.10: as after UID EXPUNGE.
    return await withModseq(session, view, 1, isUid, b"REPLACE completed")


def badUrl(error: BadUrl) -> bytes:
    """
    RFC 4469 4.1.
    """
    # RFC 3986 2.1: what stands in no URL is percent-encoded, so that whatever came as one fits into a response code.
    url = b"".join(_NOT_IN_URL.get(octet) or b"%c" % octet for octet in error.url)
    return b"NO [BADURL %b] There is nothing of that name" % url
