# -*- test-case-name: tests.conversations -*-
"""
Annotations (RFC 5464): GETMETADATA, SETMETADATA, and what others have changed; /private/specialuse (RFC 6154 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from osxmail.errors import LimitExceeded, NotAllowed
from osxmail.mail.acceptance import AnnotationChange, Annotations
from osxmail.mail.imap.accesscommand import GetMetadata, SetMetadata
from osxmail.mail.imap.response import renderAstring, renderMailbox, renderString
from osxmail.mail.mailboxname import SPECIAL_USES
from osxmail.protocols.imap.namespaces import Place, Seen

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: The largest value: half of the largest literal, so that one that is too large still comes.
MAX_VALUE_OCTETS = 32768
#: Besides l, one of these is needed (RFC 5464 3.3).
ANY_RIGHT = frozenset("rswip")
ADMIN = "/shared/admin"
SPECIAL_USE = "/private/specialuse"
#: Changes by others that are remembered for a session until it may be told; then only that there were more.
MAX_CHANGES = 1000


def _render(session: Imap, mailbox: str, values: Iterable[tuple[str, bytes | None]]) -> bytes:
    pairs = b" ".join(b"%b %b" % (renderAstring(entry.encode("ascii")), _value(value)) for entry, value in values)
    return b"* METADATA %b (%b)\r\n" % (_mailbox(session, mailbox), pairs)


def _mailbox(session: Imap, name: str) -> bytes:
    return renderMailbox(name, session.isUtf8) if name else b'""'


def _value(value: bytes | None) -> bytes:
    if value is None:
        return b"NIL"
    # RFC 5464 5: a literal with NUL is a literal8.
    return b"~{%d}\r\n%b" % (len(value), value) if b"\0" in value else renderString(value)


def _isReadable(rights: frozenset[str]) -> bool:
    return "l" in rights and not ANY_RIGHT.isdisjoint(rights)


async def getMetadata(session: Imap, command: GetMetadata) -> bytes:
    owner = session.ownAccount().accountId
    if command.mailbox:
        place = await session.namespaces.find(command.mailbox)
        _need(place)
        found = await place.mailbox.annotations(owner, command.entries, command.depth, command.maxOctets)
    else:
        found = await session.factory.store.annotations(owner, command.entries, command.depth, command.maxOctets)
        found = _withAdmin(session, command, found)
    values: dict[str, bytes | None] = dict(found.values)
    if command.depth == 0 and command.maxOctets is None:
        # Asked for by its name and not there.
        values = {entry: values.get(entry) for entry in command.entries}
    if values:
        session.write(_render(session, command.mailbox, values.items()))
    if found.longestOctets:
        return b"OK [METADATA LONGENTRIES %d] GETMETADATA completed" % found.longestOctets
    return b"OK GETMETADATA completed"


def _withAdmin(session: Imap, command: GetMetadata, found: Annotations) -> Annotations:
    """
    RFC 5464 3.2.1.1: whom to ask about this server.
    """
    settings = session.entrance.settings
    address = settings.text("mail.postmaster") or f"postmaster@{session.entrance.hostname}"
    value = f"mailto:{address}".encode()
    if ADMIN not in command.entries:
        return found
    if command.maxOctets is not None and len(value) > command.maxOctets:
        return Annotations(found.values, max(found.longestOctets, len(value)))
    return Annotations({**found.values, ADMIN: value}, found.longestOctets)


def _need(place: Place) -> None:
    if not _isReadable(place.rights):
        place.need("l")
        raise NotAllowed("annotations need one of the rights rswip")


async def setMetadata(session: Imap, command: SetMetadata) -> bytes:
    values = command.values
    if any(value is not None and len(value) > MAX_VALUE_OCTETS for value in values.values()):
        return b"NO [METADATA MAXSIZE %d] The value is too long" % MAX_VALUE_OCTETS
    isShared = any(entry.startswith("/shared/") for entry in values)
    owner = session.ownAccount().accountId
    try:
        if command.mailbox:
            place = await session.namespaces.find(command.mailbox)
            _need(place)
            if isShared:
                place.need("w")
            if SPECIAL_USE in values:
                values = {**values, SPECIAL_USE: _specialUse(session, place, values[SPECIAL_USE])}
            await place.mailbox.setAnnotations(owner, values, session.sessionId)
        else:
            if ADMIN in values or SPECIAL_USE in values:
                raise NotAllowed("that entry cannot be set")
            if isShared and not session.namespaces.isAdministrator:
                raise NotAllowed("only administrators annotate the server for all")
            await session.factory.store.setAnnotations(owner, values, session.sessionId)
    except _NoSuchUse:
        return b"NO [CANNOT] There is no such special use"
    except LimitExceeded:
        return b"NO [METADATA TOOMANY] That is more than is kept"
    return b"OK SETMETADATA completed"


class _NoSuchUse(Exception):
    """
    A value of /private/specialuse that is none.
    """


def _specialUse(session: Imap, place: Place, value: bytes | None) -> bytes:
    """
    RFC 6154 4: the use as we write it, C{b""} for none.
    """
    if not session.namespaces.isOwn(place.account):
        raise NotAllowed("what others use their mailboxes for")
    folded = (value or b"").strip().lower()
    if not folded:
        return b""
    for use in SPECIAL_USES:
        if use.lower().encode("ascii") == folded:
            return use.encode("ascii")
    raise _NoSuchUse


class ListedEntries:
    """
    The METADATA responses of one LIST (RFC 9590 4): annotations are read for several mailboxes at once.
    """

    def __init__(self, session: Imap, entries: tuple[str, ...]) -> None:
        self._session = session
        self._entries = entries
        self._found: dict[int, dict[str, bytes]] = {}

    async def read(self, mailboxes: Sequence[Seen]) -> None:
        """
        These come next.
        """
        session = self._session
        self._found = await session.factory.store.annotationsOf(
            [seen.status.mailboxId for seen in mailboxes if _isReadable(seen.rights)],
            session.ownAccount().accountId,
            self._entries,
        )

    def render(self, seen: Seen) -> bytes:
        """
        The response of one of them; C{b""} where the annotations may not be seen.
        """
        if not _isReadable(seen.rights):
            return b""
        found: dict[str, bytes] = self._found.get(seen.status.mailboxId, {})
        use = seen.status.specialUse
        if use and seen.accountId == self._session.ownAccount().accountId:
            found = {**found, SPECIAL_USE: use.encode("ascii")}
        return _render(self._session, seen.name, [(entry, found.get(entry)) for entry in self._entries])


# ------------------------------------------------------------------------------------------- others' changes


class Annotated:
    """
    What others have changed since the session was told last (RFC 5464 4.4.2).
    """

    def __init__(self, session: Imap) -> None:
        self._session = session
        self._accountId = session.ownAccount().accountId
        self._changes: dict[int, dict[str, None]] = {}

    def changed(self, change: AnnotationChange) -> None:
        """
        Somebody has changed annotations.
        """
        session = self._session
        if change.author == session.sessionId:
            return
        entries = [entry for entry in change.entries if entry.startswith("/shared/") or change.owner == self._accountId]
        if entries and (change.mailboxId in self._changes or len(self._changes) < MAX_CHANGES):
            self._changes.setdefault(change.mailboxId, {}).update(dict.fromkeys(entries))
            session.changed()

    @property
    def hasChanges(self) -> bool:
        """
        There is something to tell.
        """
        return bool(self._changes)

    async def tell(self) -> None:
        """
        Write the responses.
        """
        session = self._session
        changes, self._changes = self._changes, {}
        for mailboxId, entries in changes.items():
            name = ""
            if mailboxId:
                seen = await session.namespaces.seenAt(mailboxId)
                if seen is None or not _isReadable(seen.rights):
                    continue
                name = seen.name
            session.write(
                b"* METADATA %b %b\r\n"
                % (_mailbox(session, name), b" ".join(renderAstring(entry.encode("ascii")) for entry in entries))
            )


def watchAnnotations(session: Imap) -> None:
    """
    From now on, tell what others change (RFC 5464 4.1).
    """
    session.annotated = Annotated(session)
    session.factory.store.addAnnotationListener(session.annotated.changed)


def unwatch(session: Imap) -> None:
    """
    Do so no more.
    """
    annotated, session.annotated = session.annotated, None
    if annotated is not None:
        session.factory.store.removeAnnotationListener(annotated.changed)


async def tellAnnotations(session: Imap) -> None:
    """
    Tell what there is to tell.
    """
    if session.annotated is not None and session.annotated.hasChanges:
        await session.annotated.tell()
