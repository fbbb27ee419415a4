# -*- test-case-name: tests.unit.protocols.imap.test_access -*-
"""
Access lists (RFC 4314): SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from osxmail.errors import MailError, NoSuchMailbox, NotFound
from osxmail.mail.address import Address
from osxmail.mail.imap.accesscommand import AccessOf, SetAccess
from osxmail.mail.imap.command import Named
from osxmail.mail.imap.response import renderAstring, renderMailbox
from osxmail.mail.rights import ANYONE, NEGATIVE, OWNERS_RIGHTS, RIGHTS, VIRTUAL_RIGHTS, inOrder, shownRights
from osxmail.protocols.imap.changes import renderKeywords
from osxmail.protocols.imap.namespaces import Place
from osxmail.protocols.sessions import SessionEnd

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: MYRIGHTS needs one of these (RFC 4314 4).
ANY_RIGHT = frozenset("lrikxa")


class RightsGone(SessionEnd):
    """
    The person may no longer read the selected mailbox (RFC 4314 5.1.1: the session may be ended).
    """

    why: ClassVar[str] = "the right to read the selected mailbox was taken away"


async def lookAtRights(session: Imap) -> None:
    """
    Take over what has become of the rights in the selected mailbox.

    @raise RightsGone: it may not even be read any more.
    """
    place, view = session.place, session.view
    if place is None or view is None or not session.namespaces.isStale(place):
        return
    try:
        session.place = place = await session.namespaces.again(place)
    except NoSuchMailbox:
        return  # The view hears of it.
    except MailError as error:
        # Whoever cannot be asked now is asked again by the next command; until then, as it was.
        session.log.warn("{event}", event="rights.unknown", session=session.sessionId, why=str(error))
        return
    if "r" not in place.rights:
        raise RightsGone
    if view.rights != place.rights:
        view.rights = place.rights
        session.write(renderKeywords(view))  # RFC 4314 5.1.1


async def _identifier(session: Imap, text: str) -> str:
    """
    What stands in the list for what a client has written.

    @raise NotFound: there is nobody of that name.
    """
    negative, name = (NEGATIVE, text[1:]) if text.startswith(NEGATIVE) else ("", text)
    if name.lower() == ANYONE:
        return negative + ANYONE
    identifier = await session.factory.memberships.identifierOf(name)
    if identifier is None:
        raise NotFound(name)
    return negative + identifier


async def setAccess(session: Imap, command: SetAccess) -> bytes:
    place = await session.namespaces.find(command.mailbox, "a")
    identifier = await _identifier(session, command.identifier)
    operation, rights = command.operation, command.rights
    if identifier == _owner(place):
        # RFC 4314 2: rights may always be granted to particular identifiers: the owner never locks himself out.
        before = {entry.identifier: entry.rights for entry in await place.mailbox.access()}.get(identifier, RIGHTS)
        if operation == "-":
            rights = "".join(letter for letter in before if letter not in rights)
        elif operation == "+":
            rights = before + rights
        operation, rights = "=", inOrder({*rights, *OWNERS_RIGHTS})
    await place.mailbox.setAccess(identifier, operation, rights)
    _log(session, place, identifier)
    return b"OK SETACL completed"


async def deleteAccess(session: Imap, command: AccessOf) -> bytes:
    place = await session.namespaces.find(command.mailbox, "a")
    try:
        identifier = await _identifier(session, command.identifier)
    except NotFound:
        # Somebody who has left is still in the list by the address as it was.
        identifier = _formerIdentifier(command.identifier)
    await place.mailbox.setAccess(identifier, "", "")
    _log(session, place, identifier)
    return b"OK DELETEACL completed"


def _formerIdentifier(text: str) -> str:
    prefix = text[: len(text) - len(text.lstrip("-$"))]
    try:
        return prefix + Address.parse(text.removeprefix(prefix)).key
    except ValueError:
        return text.lower()


def _log(session: Imap, place: Place, identifier: str) -> None:
    session.log.info(
        "{event}",
        event="access.changed",
        session=session.sessionId,
        login=session.login,
        account=place.account.accountId,
        mailbox=place.nameThere,
        identifier=identifier,
    )


def _owner(place: Place) -> str:
    """
    The owner's identifier; C{""} where there is none.
    """
    address = place.account.address
    return Address.parse(address).key if address else ""


async def getAccess(session: Imap, command: Named) -> bytes:
    place = await session.namespaces.find(command.mailbox, "a")
    entries = [(entry.identifier, shownRights(entry.rights)) for entry in await place.mailbox.access()]
    owner = _owner(place)
    if owner and all(identifier != owner for identifier, _ in entries):
        entries.insert(0, (owner, shownRights(RIGHTS)))
    pairs = b"".join(
        b" %b %b" % (renderAstring(identifier.encode("utf-8")), rights.encode()) for identifier, rights in entries
    )
    session.write(b"* ACL %b%b\r\n" % (renderMailbox(command.mailbox, session.isUtf8), pairs))
    return b"OK GETACL completed"


async def listRights(session: Imap, command: AccessOf) -> bytes:
    place = await session.namespaces.find(command.mailbox, "a")
    always = OWNERS_RIGHTS if await _identifier(session, command.identifier) == _owner(place) else frozenset()
    # RFC 4314 3.4: no rights are tied; 3.4: the identifier is the client's own writing.
    optional = [*(letter for letter in RIGHTS if letter not in always), *VIRTUAL_RIGHTS]
    session.write(
        b"* LISTRIGHTS %b %b %b %b\r\n"
        % (
            renderMailbox(command.mailbox, session.isUtf8),
            renderAstring(command.written),
            inOrder(always).encode() or b'""',
            " ".join(optional).encode(),
        )
    )
    return b"OK LISTRIGHTS completed"


async def myRights(session: Imap, command: Named) -> bytes:
    place = await session.namespaces.find(command.mailbox)
    if ANY_RIGHT.isdisjoint(place.rights):
        raise NoSuchMailbox(command.mailbox)
    session.write(renderMyRights(session, command.mailbox, place.rights))
    return b"OK MYRIGHTS completed"


def renderMyRights(session: Imap, name: str, rights: Collection[str]) -> bytes:
    """
    A MYRIGHTS response, with CRLF (RFC 4314 3.8).
    """
    return b"* MYRIGHTS %b %b\r\n" % (renderMailbox(name, session.isUtf8), shownRights(rights).encode())
