# -*- test-case-name: tests.unit.protocols.imap.test_appending -*-
"""
Octets of messages that are here already, named by URLs (RFC 4469 3, RFC 5092).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen
from twisted.internet.defer import Deferred

from osxmail.errors import NotAllowed, NotFound, ParseError, StoreDamaged
from osxmail.interfaces import IMailbox, IMessage
from osxmail.mail.imap.url import ImapUrl, parseImapUrl
from osxmail.protocols.imap.derived import Pace
from osxmail.protocols.imap.sections import Found, Sections

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

READ_OCTETS = 256 * 1024


class BadUrl(Exception):
    """
    There is nothing at this URL, or nothing for this session.

    @ivar url: as it came.
    """

    def __init__(self, url: bytes) -> None:
        super().__init__(url)
        self.url = url


@frozen
class Source:
    """
    What a URL names.
    """

    message: IMessage
    sections: Sections
    found: Found

    @property
    def sizeOctets(self) -> int:
        """
        How much it is.
        """
        return self.found.length

    async def stream(self, session: Imap) -> None:
        """
        Write all of it to the client.

        @raise osxmail.protocols.imap.sections.CutShort: in the middle of it.
        """
        if self.found.octets is not None:
            session.write(self.found.told)
        else:
            await self.sections.stream(session, self.found)

    async def copy(self, write: Callable[[bytes], Deferred[None] | None]) -> None:
        """
        Hand all of it to C{write}, a piece at a time.
        """
        found = self.found
        if found.octets is not None:
            await _written(write, found.octets)
        elif found.derived is not None:
            making = found.derived.making()
            while piece := await making.next():
                await _written(write, piece)
        else:
            offset, end = found.offset, found.offset + found.length
            while offset < end:
                piece = await self.message.read(offset, min(end - offset, READ_OCTETS))
                if not piece:
                    raise StoreDamaged("a message has fewer octets than its size says")
                await _written(write, piece)
                offset += len(piece)


async def _written(write: Callable[[bytes], Deferred[None] | None], piece: bytes) -> None:
    waiting = write(piece)
    if waiting is not None:
        await waiting


async def locate(session: Imap, raw: bytes) -> Source:
    """
    What a relative URL names to this session.

    @raise BadUrl: it is no such URL, or there is nothing.
    @raise osxmail.errors.MailError: it cannot be read now.
    """
    view = session.view
    try:
        url = parseImapUrl(raw, "" if view is None else view.name)
        # RFC 4469 3: those with a server are for extensions.
        if url.host or url.auth is not None or not url.mailbox:
            raise BadUrl(raw)
        place = await session.namespaces.find(url.mailbox, "r")
        return await sourceIn(session, place.mailbox, url, raw)
    except (ParseError, NotFound, NotAllowed):
        raise BadUrl(raw) from None


async def sourceIn(session: Imap, mailbox: IMailbox, url: ImapUrl, raw: bytes) -> Source:
    """
    What a URL names in this mailbox.

    @raise BadUrl: nothing.
    """
    if url.uidvalidity and (await mailbox.status()).uidvalidity != url.uidvalidity:
        raise BadUrl(raw)
    rows = await mailbox.messages([url.uid])
    if not rows:
        raise BadUrl(raw)
    message = rows[0][1]
    sections = Sections(message, Pace(session.letOthers))
    (found,) = await sections.find([url.section])
    if found.announcement.endswith(b" NIL"):
        raise BadUrl(raw)
    return Source(message, sections, found)
