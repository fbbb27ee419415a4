# -*- test-case-name: tests.unit.protocols.imap.test_mailboxes -*-
"""
LIST with all its options (RFC 3501 6.3.8, RFC 5258, 5819, 6154, 8440, 9590), LSUB and STATUS.

One's own mailboxes, those that others share and those that are nobody's come in one list.  An administrator's list has
everybody's only where the pattern begins with the name of that namespace: a mail program that asks for C{*} would else
have to take the mailboxes of ten thousand people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from osxmail.mail.imap.command import ListMailboxes, Status
from osxmail.mail.imap.response import renderListing, renderStatus
from osxmail.mail.mailboxname import INBOX, Pattern, parents
from osxmail.protocols.imap.access import ANY_RIGHT, renderMyRights
from osxmail.protocols.imap.metadata import ListedEntries
from osxmail.protocols.imap.namespaces import OTHERS, SHARED, Seen, canonicalPattern
from osxmail.protocols.imap.statusitems import statusValues

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: Mailboxes that are looked at, and that are written, without letting others have their turn.
SLICE_MAILBOXES = 500
SLICE_WRITTEN = 100
#: Characters of patterns that are matched without letting others have their turn.
SLICE_MATCHED = 20_000
#: Mailboxes whose annotations are read at once: a megabyte each is the most that they can have.
ANNOTATED_AT_ONCE = 50
#: Mailboxes of others that one LIST looks at.
MAX_LISTED = 200_000


async def listMailboxes(session: Imap, command: ListMailboxes) -> bytes:
    if not command.isExtended and command.patterns == ("",):
        # RFC 3501 6.3.8: an empty name asks for the delimiter.
        session.write(b'* LIST (\\Noselect) "/" ""\r\n')
        return b"OK LIST completed"
    patterns = [Pattern(canonicalPattern(command.reference + text)) for text in command.patterns]
    subscribed: frozenset[str] = frozenset()
    if "SUBSCRIBED" in command.select or "SUBSCRIBED" in command.wanted:
        subscribed = frozenset(await session.ownAccount().subscriptions())
    listing = _Listing(session, command, patterns, subscribed)
    mailboxes = await session.namespaces.personal()
    nodes: set[str] = set()
    if any(map(_reachesOthers, patterns)):
        mailboxes += await _others(session, patterns, nodes)
    await listing.take(mailboxes, nodes)
    await listing.write()
    return b"OK LIST completed"


def _fixedPart(pattern: Pattern) -> str:
    """
    What stands before the first wildcard.
    """
    return pattern.text.partition("*")[0].partition("%")[0]


def _reachesOthers(pattern: Pattern) -> bool:
    """
    Can it match a name outside one's own?
    """
    fixed = _fixedPart(pattern)
    return any(prefix.startswith(fixed) or fixed.startswith(prefix) for prefix in (OTHERS, SHARED))


async def _others(session: Imap, patterns: list[Pattern], nodes: set[str]) -> list[Seen]:
    """
    Mailboxes outside one's own that a pattern may match.

    @param nodes: names that are added: what stands above mailboxes that are not in the list.
    """
    namespaces = session.namespaces
    found = {each.name: each for each in await namespaces.shared()}
    if not namespaces.isAdministrator:
        return list(found.values())
    nodes.update((OTHERS[:-1], SHARED[:-1]))
    for pattern in patterns:
        fixed = _fixedPart(pattern)
        if not f"{fixed}/".startswith((OTHERS, SHARED)):
            continue
        isTop = pattern.text.startswith(OTHERS) and not {"*", "/"}.intersection(pattern.text.removeprefix(OTHERS))
        if isTop:
            # Who there is: that can be had without looking at anybody's mailboxes.
            async for owner in namespaces.owners():
                nodes.add(OTHERS + owner)
            continue
        async for some in namespaces.everybodys(_ownerIn(fixed)):
            found.update((each.name, each) for each in some)
            await session.letOthers()
            if len(found) > MAX_LISTED:
                break
    return list(found.values())


def _ownerIn(fixed: str) -> str:
    """
    The beginning of an owner's address, as far as it stands before the first wildcard; C{""} for everybody.
    """
    return fixed.removeprefix(OTHERS).partition("/")[0].lower() if fixed.startswith(OTHERS) else ""


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


class _Listing:
    """
    One LIST: which mailboxes, and what is said of each.
    """

    def __init__(
        self, session: Imap, command: ListMailboxes, patterns: list[Pattern], subscribed: frozenset[str]
    ) -> None:
        self._session = session
        self._command = command
        self._patterns = patterns
        self._subscribed = subscribed
        self._seen: dict[str, Seen] = {}
        self._names: list[str] = []
        self._above: set[str] = set()
        self._matched: frozenset[str] = frozenset()
        self._below: dict[str, None] = {}

    async def take(self, mailboxes: Iterable[Seen], nodes: Collection[str]) -> None:
        """
        These are there.

        @param nodes: names above mailboxes that are not among them.
        """
        session, subscribed = self._session, self._subscribed
        self._seen = {each.name: each for each in mailboxes}
        self._names = list(self._seen)
        self._above = {*nodes, *await _above(session, self._seen)}
        candidates = {*self._names, *self._above, *subscribed, *await _above(session, subscribed)}
        self._matched = await _matched(session, self._patterns, candidates)
        selectsSubscribed = "SUBSCRIBED" in self._command.select
        if selectsSubscribed:
            self._names += sorted(subscribed - self._seen.keys())
        if "RECURSIVEMATCH" in self._command.select:
            await self._lookBelow()
        if not self._command.select:
            # RFC 3501 6.3.8: what is matched because it is above something, as the first levels of namespaces are.
            self._names += sorted(name for name in self._above & self._matched if name not in self._seen)

    async def _lookBelow(self) -> None:
        """
        RFC 5258 3.5: a mailbox is named whose descendants are selected, and do not match the pattern themselves.
        """
        for count, name in enumerate(self._names, 1):
            if self._isSelected(name) and name not in self._matched:
                self._below.update(dict.fromkeys(parents(name)))
            if count % SLICE_MAILBOXES == 0:
                await self._session.letOthers()
        self._names += [name for name in self._below if name not in self._seen and name not in self._subscribed]

    async def write(self) -> None:
        """
        The responses.
        """
        session, command, below = self._session, self._command, self._below
        hasChildInfo = "SUBSCRIBED" in command.select
        hasMore = bool(command.statusItems or command.entries or "MYRIGHTS" in command.wanted)
        names = [name for name in self._names if name in self._matched and (self._isSelected(name) or name in below)]
        entries = ListedEntries(session, command.entries)
        for count, name in enumerate(names):
            if count % SLICE_WRITTEN == 0 and count:
                await session.drain()
                await session.letOthers()
            if command.entries and count % ANNOTATED_AT_ONCE == 0:
                part = names[count : count + ANNOTATED_AT_ONCE]
                await entries.read([self._seen[each] for each in part if each in self._seen])
            childInfo = ("SUBSCRIBED",) if hasChildInfo and name in below else ()
            session.write(renderListing(b"LIST", self._attributes(name), name, childInfo, session.isUtf8))
            seen = self._seen.get(name)
            if hasMore and seen is not None:
                await self._writeMore(seen, entries)

    async def _writeMore(self, seen: Seen, entries: ListedEntries) -> None:
        """
        RFC 5819, RFC 8440 and RFC 9590: more responses for each mailbox that is there.
        """
        session, command = self._session, self._command
        if "MYRIGHTS" in command.wanted and not ANY_RIGHT.isdisjoint(seen.rights):
            session.write(renderMyRights(session, seen.name, seen.rights))
        if command.statusItems and "r" in seen.rights:
            if "HIGHESTMODSEQ" in command.statusItems:
                session.enableCondstore()
            mailbox = session.ownAccount().mailboxAt(seen.status.mailboxId)
            values = await statusValues(session, seen.status, mailbox, command.statusItems)
            session.write(renderStatus(seen.name, values, session.isUtf8))
        if command.entries:
            session.write(entries.render(seen))

    def _isSelected(self, name: str) -> bool:
        select = self._command.select
        if "SUBSCRIBED" in select and name not in self._subscribed:
            return False
        if "SPECIAL-USE" in select:
            return bool(self._specialUse(name))
        return True

    def _specialUse(self, name: str) -> str:
        """
        RFC 6154 2: the use of one's own mailboxes; what others use theirs for would mislead a mail program.
        """
        seen = self._seen.get(name)
        own = seen is not None and seen.accountId == self._session.ownAccount().accountId
        return seen.status.specialUse if own and seen is not None else ""

    def _attributes(self, name: str) -> list[str]:
        attributes = []
        if name not in self._seen:
            # RFC 5258 4; older clients know \Noselect only.
            attributes += ["\\NonExistent"] if self._command.isExtended else ["\\Noselect"]
        attributes.append("\\HasChildren" if name in self._above else "\\HasNoChildren")  # RFC 3348
        if name in self._subscribed:
            attributes.append("\\Subscribed")
        specialUse = self._specialUse(name)
        if specialUse:
            attributes.append(specialUse)
        return attributes


async def listSubscribed(session: Imap, command: ListMailboxes) -> bytes:
    """
    LSUB (RFC 3501 6.3.9).
    """
    pattern = Pattern(canonicalPattern(command.reference + command.patterns[0]))
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
        if count % SLICE_WRITTEN == 0:
            await session.drain()
            await session.letOthers()
    return b"OK LSUB completed"


async def status(session: Imap, command: Status) -> bytes:
    """
    STATUS (RFC 3501 6.3.10).
    """
    mailbox = (await session.namespaces.find(command.mailbox, "r")).mailbox
    if "HIGHESTMODSEQ" in command.items:  # RFC 7162 3.1: one of the commands that enable
        session.enableCondstore()
    values = await statusValues(session, await mailbox.status(), mailbox, command.items)
    session.write(renderStatus(command.mailbox, values, session.isUtf8))
    return b"OK STATUS completed"
