# -*- test-case-name: tests.unit.protocols.imap.test_mailboxes -*-
"""
IMAP commands about mailboxes as wholes (RFC 3501 6.3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from osxmail.errors import MailError
from osxmail.interfaces import IMailbox
from osxmail.mail.acceptance import MailboxStatus
from osxmail.mail.imap.command import Create, ListMailboxes, Named, Plain, Rename, Status
from osxmail.mail.imap.reader import BadCommand
from osxmail.mail.imap.response import renderListing, renderStatus
from osxmail.mail.mailboxname import INBOX, Pattern, parents
from osxmail.mail.objectid import mailboxId
from osxmail.mail.searchkeys import UidSet
from osxmail.mail.sequenceset import MAX_NUMBER

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: Mailboxes that are listed without letting others have their turn.
SLICE_MAILBOXES = 500
#: Characters of patterns that are matched without letting others have their turn.
SLICE_MATCHED = 20_000


async def namespace(session: Imap, command: Plain) -> bytes:
    # RFC 2342 5: one personal namespace without a prefix; no others' and no shared ones.
    session.write(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    return b"OK NAMESPACE completed"


# -------------------------------------------------------------------------------------------------- changing


async def create(session: Imap, command: Create) -> bytes:
    mailbox = await session.ownAccount().createMailbox(command.mailbox, command.specialUse)
    if session.isRev2 and command.nameBefore:
        # RFC 9051 6.3.4: the name that we have made of the client's.
        session.write(renderListing(b"LIST", (), command.mailbox, isUtf8=True, oldName=command.nameBefore))
    # RFC 8474 4.1
    return b"OK [MAILBOXID %b] CREATE completed" % _mailboxId(mailbox.mailboxId)


def _mailboxId(number: int) -> bytes:
    return b"(%b)" % mailboxId(number).encode("ascii")


async def delete(session: Imap, command: Named) -> bytes:
    view = session.view
    if view is None or view.name != command.mailbox:
        await session.ownAccount().deleteMailbox(command.mailbox)
        return b"OK DELETE completed"
    view.onGone = _expected
    try:
        await session.ownAccount().deleteMailbox(command.mailbox)
    except MailError:
        view.onGone = session.gone
        raise
    session.unselect()
    return b"OK DELETE completed"


def _expected() -> None:
    """
    The selected mailbox goes because its own session deletes it.
    """


async def rename(session: Imap, command: Rename) -> bytes:
    await session.ownAccount().renameMailbox(command.mailbox, command.newName)
    view = session.view
    if view is not None and command.mailbox != INBOX:
        if view.name == command.mailbox:
            view.name = command.newName
        elif view.name.startswith(command.mailbox + "/"):
            view.name = command.newName + view.name[len(command.mailbox) :]
    if session.isRev2 and command.mailbox != INBOX:
        # RFC 9051 6.3.9.7
        session.write(renderListing(b"LIST", (), command.newName, isUtf8=True, oldName=command.mailbox))
    return b"OK RENAME completed"


async def subscribe(session: Imap, command: Named) -> bytes:
    await session.ownAccount().subscribe(command.mailbox, True)
    return b"OK SUBSCRIBE completed"


async def unsubscribe(session: Imap, command: Named) -> bytes:
    await session.ownAccount().subscribe(command.mailbox, False)
    return b"OK UNSUBSCRIBE completed"


# --------------------------------------------------------------------------------------------------- listing


async def listMailboxes(session: Imap, command: ListMailboxes) -> bytes:
    """
    LIST (RFC 3501 6.3.8), LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154), LIST-STATUS (RFC 5819).
    """
    if not command.isExtended and command.patterns == ("",):
        # RFC 3501 6.3.8: an empty name asks for the delimiter.
        session.write(b'* LIST (\\Noselect) "/" ""\r\n')
        return b"OK LIST completed"
    account = session.ownAccount()
    statuses = await account.listMailboxes()
    subscribed = frozenset(await account.subscriptions()) if _needsSubscriptions(command) else frozenset()
    names = [status.name for status in statuses]
    patterns = [Pattern(command.reference + text) for text in command.patterns]
    above = await _above(session, names)
    matched = await _matched(session, patterns, {*names, *above, *subscribed, *await _above(session, subscribed)})
    listing = _Listing(command, statuses, subscribed, matched, above)
    if "RECURSIVEMATCH" in command.select:
        await listing.lookBelow(session)
    for count, (line, status) in enumerate(listing.responses(session.isUtf8), 1):
        session.write(line)
        if status is not None and command.statusItems:
            if "HIGHESTMODSEQ" in command.statusItems:
                session.enableCondstore()
            numbers = await _numbers(session, status, None, command.statusItems)
            session.write(renderStatus(status.name, numbers, session.isUtf8))
        if count % SLICE_MAILBOXES == 0:
            await session.drain()
            await session.letOthers()
    return b"OK LIST completed"


async def _above(session: Imap, names: Collection[str]) -> set[str]:
    """
    Every name above one of these; others have their turn meanwhile.
    """
    found: set[str] = set()
    for count, name in enumerate(names, 1):
        found.update(parents(name))
        if count % SLICE_MAILBOXES == 0:
            await session.letOthers()
    return found


async def _matched(session: Imap, patterns: list[Pattern], names: Collection[str]) -> frozenset[str]:
    """
    Those of the names that some pattern matches; others have their turn meanwhile.
    """
    found = set()
    most = max(1, SLICE_MATCHED // sum(len(pattern.text) + 1 for pattern in patterns))
    for count, name in enumerate(names, 1):
        if any(pattern.matches(name) for pattern in patterns):
            found.add(name)
        if count % most == 0:
            await session.letOthers()
    return frozenset(found)


def _needsSubscriptions(command: ListMailboxes) -> bool:
    return "SUBSCRIBED" in command.select or "SUBSCRIBED" in command.wanted


class _Listing:
    """
    One LIST: which mailboxes, and what is said of each.
    """

    def __init__(
        self,
        command: ListMailboxes,
        statuses: tuple[MailboxStatus, ...],
        subscribed: frozenset[str],
        matched: frozenset[str],
        above: Collection[str],
    ) -> None:
        """
        @param matched: the names that the patterns match, of mailboxes and above them.
        @param above: the names above mailboxes.
        """
        self._command = command
        self._matched = matched
        self._statuses = {status.name: status for status in statuses}
        self._above = above
        self._subscribed = subscribed
        self._below: dict[str, None] = {}
        self._names = list(self._statuses)
        if "SUBSCRIBED" in command.select:
            self._names += sorted(subscribed - self._statuses.keys())

    async def lookBelow(self, session: Imap) -> None:
        """
        RFC 5258 3.5: a mailbox is named whose descendants are selected, and do not match the pattern themselves.
        """
        for count, name in enumerate(self._names, 1):
            if self._isSelected(name) and name not in self._matched:
                self._below.update(dict.fromkeys(parents(name)))
            if count % SLICE_MAILBOXES == 0:
                await session.letOthers()
        self._names += [name for name in self._below if name not in self._statuses and name not in self._subscribed]

    def responses(self, isUtf8: bool) -> Iterator[tuple[bytes, MailboxStatus | None]]:
        """
        The lines, each with the status of the mailbox if there is one.
        """
        below = self._below
        for name in self._names:
            childInfo = ("SUBSCRIBED",) if name in below and "SUBSCRIBED" in self._command.select else ()
            if name in self._matched and (self._isSelected(name) or name in below):
                line = renderListing(b"LIST", self._attributes(name), name, childInfo, isUtf8)
                yield line, self._statuses.get(name)

    def _isSelected(self, name: str) -> bool:
        select = self._command.select
        if "SUBSCRIBED" in select and name not in self._subscribed:
            return False
        if "SPECIAL-USE" in select:
            status = self._statuses.get(name)
            return status is not None and bool(status.specialUse)
        return True

    def _attributes(self, name: str) -> list[str]:
        attributes = []
        status = self._statuses.get(name)
        if status is None:
            attributes.append("\\NonExistent")  # RFC 5258 4
        attributes.append("\\HasChildren" if name in self._above else "\\HasNoChildren")  # RFC 3348
        if name in self._subscribed:
            attributes.append("\\Subscribed")
        if status is not None and status.specialUse:
            attributes.append(status.specialUse)
        return attributes


async def listSubscribed(session: Imap, command: ListMailboxes) -> bytes:
    """
    LSUB (RFC 3501 6.3.9).
    """
    pattern = Pattern(command.reference + command.patterns[0])
    names = await session.ownAccount().subscriptions()
    matched = await _matched(session, [pattern], {*names, *await _above(session, names)})
    found: dict[str, str] = {name: "" for name in names if name in matched}
    if pattern.text.endswith("%"):
        # RFC 3501 6.3.9: foo/bar is subscribed, foo is not, and % asks: foo with \Noselect.
        for count, name in enumerate(names, 1):
            if name not in matched:
                for parent in parents(name):
                    if parent in matched:
                        found.setdefault(parent, "\\Noselect")
            if count % SLICE_MAILBOXES == 0:
                await session.letOthers()
    for count, name in enumerate(sorted(found, key=lambda name: (name != INBOX, name)), 1):
        session.write(renderListing(b"LSUB", [found[name]] if found[name] else [], name, (), session.isUtf8))
        if count % SLICE_MAILBOXES == 0:
            await session.drain()
            await session.letOthers()
    return b"OK LSUB completed"


async def status(session: Imap, command: Status) -> bytes:
    mailbox = (await session.namespaces.find(command.mailbox, "r")).mailbox
    if "HIGHESTMODSEQ" in command.items:  # RFC 7162 3.1: one of the commands that enable
        session.enableCondstore()
    numbers = await _numbers(session, await mailbox.status(), mailbox, command.items)
    session.write(renderStatus(command.mailbox, numbers, session.isUtf8))
    return b"OK STATUS completed"


async def _numbers(
    session: Imap, status: MailboxStatus, mailbox: IMailbox | None, items: tuple[str, ...]
) -> list[tuple[str, int | bytes]]:
    if session.isRev2 and "RECENT" in items:
        raise BadCommand("there is no RECENT in IMAP4rev2")  # RFC 9051 E
    numbers: dict[str, int | bytes] = {
        "MESSAGES": status.messages,
        "UIDNEXT": status.uidnext,
        "UIDVALIDITY": status.uidvalidity,
        "UNSEEN": status.unseen,
        "HIGHESTMODSEQ": status.highestModseq,
        "SIZE": status.sizeOctets,
        "DELETED": status.deleted,
        "MAILBOXID": _mailboxId(status.mailboxId),
        "APPENDLIMIT": session.entrance.settings.octets("imap.append_limit"),
    }
    if "RECENT" in items:
        recent = 0
        if status.firstRecentUid < status.uidnext and status.messages:
            mailbox = mailbox or await session.ownAccount().mailbox(status.name)
            recent = len(await mailbox.search(UidSet(((status.firstRecentUid, MAX_NUMBER),))))
        numbers["RECENT"] = recent
    return [(item, numbers[item]) for item in items]
