# -*- test-case-name: tests.unit.protocols.imap.test_watching -*-
"""
NOTIFY (RFC 5465): what a client is told of without asking, in the selected mailbox and in others.

Of another mailbox it is remembered what the client was told last, and that it has changed since: however often that
happens and however slowly the client reads, there is one thing to tell.  What mailboxes there are is read again when
names, subscriptions or access lists change, and compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from twisted.logger import Logger
from zope.interface import implementer

from osxmail.errors import LimitExceeded, MailError
from osxmail.interfaces import IMailStoreWatcher
from osxmail.mail.acceptance import AnnotationChange, MailboxStatus
from osxmail.mail.imap.command import Create, Named, Rename, Transfer
from osxmail.mail.imap.fetchattributes import FetchItems
from osxmail.mail.imap.response import renderListing, renderStatus
from osxmail.mail.imap.searchcommand import EventGroup, Notify
from osxmail.mail.imap.watchgrammar import MESSAGE_EVENTS, SELECTED_FILTERS
from osxmail.mail.mailboxname import parents
from osxmail.protocols.imap.contexts import tellItems
from osxmail.protocols.imap.filters import SLICE_MAILBOXES, Reachable, meant
from osxmail.protocols.imap.metadata import Annotated
from osxmail.protocols.imap.namespaces import Seen, canonicalName
from osxmail.protocols.imap.speaking import tell

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: As BADEVENT names them (RFC 5465 3.1).
EVENTS = (
    "MessageNew",
    "MessageExpunge",
    "FlagChange",
    "MailboxName",
    "SubscriptionChange",
    "MailboxMetadataChange",
    "ServerMetadataChange",
)
_KNOWN = frozenset(name.upper() for name in EVENTS)

#: Commands whose own result is told by EXPUNGE or VANISHED, whatever a client wants to be notified of.
EXPUNGING = frozenset({"EXPUNGE", "UID EXPUNGE", "MOVE", "UID MOVE", "REPLACE", "UID REPLACE"})

_RIGHTS = frozenset({"l", "r"})  # RFC 5465 5


@frozen
class _Watched:
    """
    A mailbox that is not selected.

    @ivar name: what the session calls it.
    @ivar events: which are to be told.
    @ivar status: its numbers, as far as they have been told.
    """

    name: str
    events: frozenset[str]
    status: MailboxStatus


async def notify(session: Imap, command: Notify) -> bytes:
    groups = command.groups or ()
    if any(not group.events <= _KNOWN for group in groups):
        return f"NO [BADEVENT ({' '.join(EVENTS)})] There is no such event here".encode()
    watch = Watch(session, groups)
    try:
        await watch.begin(command.isStatus)
    except LimitExceeded:
        stopWatching(session)
        session.watch = Watch(session, ())
        return b"NO [NOTIFICATIONOVERFLOW] Fewer mailboxes, please"  # RFC 5465 3.1
    return b"OK NOTIFY completed"


def stopWatching(session: Imap) -> None:
    """
    As before any NOTIFY.
    """
    watch, session.watch = session.watch, None
    if watch is None:
        return
    session.factory.store.unwatch(watch)
    if watch.notified is not None:
        session.factory.store.removeAnnotationListener(watch.notified.changed)
        if session.annotated is watch.notified:
            session.annotated = None


@implementer(IMailStoreWatcher)
class Watch:
    """
    What one session has asked for.

    @ivar selectedEvents: of the selected mailbox.
    @ivar isDelayed: what is expunged there waits for a command (RFC 5465 6.1.2).
    @ivar newItems: what to say of new messages there, or C{None}.
    @ivar notified: changes of annotations, where they are asked for here only.
    """

    log = Logger(namespace="osxmail.protocols")

    def __init__(self, session: Imap, groups: Iterable[EventGroup]) -> None:
        self._session = session
        self.selectedEvents: frozenset[str] = frozenset()
        self.isDelayed = False
        self.newItems: FetchItems | None = None
        self._groups: list[EventGroup] = []
        for group in groups:
            if group.mailboxes.kind not in SELECTED_FILTERS:
                self._groups.append(group)
                continue
            self.selectedEvents = group.events
            self.isDelayed = group.mailboxes.kind == "SELECTED-DELAYED"
            self.newItems = group.newItems
        self.notified: Notified | None = None
        self._watched: dict[int, _Watched] = {}
        self._existing: frozenset[int] = frozenset()
        self._subscribed: frozenset[str] = frozenset()
        self._changed: dict[int, None] = {}
        self._isStale = False
        self._own: set[str] = set()
        self._made: set[int] = set()

    def eventsOf(self, mailboxId: int) -> frozenset[str]:
        """
        Which events of this mailbox are to be told; of the server, for 0.
        """
        if not mailboxId:
            return frozenset().union(*(group.events for group in self._groups))
        watched = self._watched.get(mailboxId)
        return watched.events if watched is not None else frozenset()

    # IMailStoreWatcher

    def messagesChanged(self, mailboxId: int) -> None:
        self._changed[mailboxId] = None
        self._session.changed()

    def mailboxesChanged(self) -> None:
        self._isStale = True
        self._session.changed()

    # ------------------------------------------------------------------------------------------------ beginning

    async def begin(self, isStatus: bool) -> None:
        """
        Take the place of what the session had asked for before.

        @param isStatus: tell how the mailboxes are now.
        @raise LimitExceeded: they are too many.
        """
        session = self._session
        stopWatching(session)
        refused: dict[int, Seen] = {}
        await self._look(Reachable(session), refused, isFirst=True)
        session.watch = self
        for seen in refused.values():
            # RFC 5465 3.1: it may be seen, but not what is in it.
            session.write(renderListing(b"LIST", ["\\NoAccess"], seen.name, (), session.isUtf8))
        if isStatus:
            selected = session.view.mailbox.mailboxId if session.view is not None else 0
            for count, (mailboxId, watched) in enumerate(self._watched.items(), 1):
                if watched.events & MESSAGE_EVENTS and mailboxId != selected:
                    items = ["MESSAGES", "UIDNEXT", "UIDVALIDITY"]
                    if "FLAGCHANGE" in watched.events:
                        items.append("HIGHESTMODSEQ")
                    self._writeStatus(watched.name, watched.status, items)
                if count % SLICE_MAILBOXES == 0:
                    await session.drain()
                    await session.letOthers()
        metadata = {"MAILBOXMETADATACHANGE", "SERVERMETADATACHANGE"}
        if session.annotated is None and not metadata.isdisjoint(self.eventsOf(0)):
            # Who has enabled METADATA is told of all annotations anyway.
            session.annotated = self.notified = Notified(session, self)
            session.factory.store.addAnnotationListener(self.notified.changed)
        # What has changed while we looked is found by looking again.
        self._isStale = bool(self._groups)

    async def _look(self, reachable: Reachable, refused: dict[int, Seen] | None = None, isFirst: bool = False) -> None:
        """
        See which mailboxes there are, and watch them; what was told of those that are known stays.
        """
        session = self._session
        events: dict[int, frozenset[str]] = {}
        found: dict[int, Seen] = {}
        for group in self._groups:
            some = await meant(session, reachable, [group.mailboxes], refused)
            found |= some
            if group.events:
                # When names change, every session of a person looks at once.
                await session.letOthers()
                for mailboxId in some:
                    events[mailboxId] = events.get(mailboxId, frozenset()) | group.events
        before = self._watched
        watched: dict[int, _Watched] = {}
        for count, (mailboxId, each) in enumerate(events.items()):
            if count % SLICE_MAILBOXES == 0:
                await session.letOthers()
            seen, known = found[mailboxId], before.get(mailboxId)
            status = known.status if known is not None else seen.status
            watched[mailboxId] = _Watched(seen.name, each, status)
            # What comes into a new one before it is watched below would not be heard of.
            isUnheard = known is None and not isFirst
            if each & MESSAGE_EVENTS and (isUnheard or _numbers(status) != _numbers(seen.status)):
                self._changed[mailboxId] = None
        self._watched = watched
        everything = (*await reachable.personal(), *await reachable.others()) if self._groups else ()
        await session.letOthers()
        self._existing = frozenset(seen.status.mailboxId for seen in everything) | found.keys()
        self._subscribed = await reachable.subscribed() if self._groups else frozenset()
        counted = [mailboxId for mailboxId, each in self._watched.items() if each.events & MESSAGE_EVENTS]
        accounts = {seen.accountId for seen in found.values()} | {session.ownAccount().accountId}
        session.factory.store.watch(self, counted, accounts if self._groups else ())

    # -------------------------------------------------------------------------------------------------- telling

    def note(self, command: object) -> None:
        """
        This command is about to be carried out: what it does itself need not be told (RFC 5465 5).
        """
        if isinstance(command, Create | Named | Transfer):
            self.noteName(command.mailbox)
        elif isinstance(command, Rename):
            self._own.update((canonicalName(command.mailbox), canonicalName(command.newName)))

    def noteName(self, name: str) -> None:
        """
        The command under way is about to change this mailbox.
        """
        self._own.add(canonicalName(name))

    def made(self, mailboxId: int, uids: Iterable[int]) -> None:
        """
        The command under way has put these messages there.
        """
        view = self._session.view
        if self.newItems is not None and view is not None and view.mailbox.mailboxId == mailboxId:
            self._made.update(uids)

    async def tellNew(self, uids: Iterable[int]) -> None:
        """
        RFC 5465 5.2: say what was asked for of new messages in the selected mailbox, but not of the session's own.
        """
        others = [uid for uid in uids if uid not in self._made]
        self._made.clear()
        if others and self.newItems is not None:
            await tellItems(self._session, others, self.newItems)

    async def tell(self) -> None:
        """
        Tell what has happened in mailboxes that are not selected.
        """
        if not self._isStale and not self._changed:
            self._own.clear()
            return
        try:
            if self._isStale:
                self._isStale = False
                await self._tellNames()
            await self._tellNumbers()
            self._own.clear()
        except LimitExceeded:
            session = self._session
            stopWatching(session)
            session.watch = Watch(session, ())
            tell(session, b"* OK [NOTIFICATIONOVERFLOW] Too many mailboxes\r\n")  # RFC 5465 5.8
        except MailError as error:
            # The next change tries again, and compares with what was told.
            self._isStale = True
            self.log.warn("{event}", event="notify.delayed", session=self._session.sessionId, reason=str(error))

    async def _tellNumbers(self) -> None:
        session = self._session
        changed, self._changed = self._changed, {}
        for mailboxId in changed:
            watched = self._watched.get(mailboxId)
            isSelected = session.view is not None and session.view.mailbox.mailboxId == mailboxId
            if watched is None or isSelected or not watched.events & MESSAGE_EVENTS:
                continue
            seen = await session.namespaces.seenAt(mailboxId)
            if seen is None or not seen.rights >= _RIGHTS:
                continue
            items = [] if seen.name in self._own else self._news(watched, seen.status)
            self._watched[mailboxId] = evolve(watched, status=seen.status)
            if items:
                self._writeStatus(seen.name, seen.status, items)
                await session.drain()

    def _news(self, watched: _Watched, status: MailboxStatus) -> list[str]:
        """
        The items of STATUS that are to be told (RFC 5465 5.1 to 5.3).
        """
        told = watched.status
        items = []
        if (status.uidnext, status.messages) != (told.uidnext, told.messages):
            items += ["UIDNEXT", "MESSAGES"]
        if "FLAGCHANGE" in watched.events and status.unseen != told.unseen:
            items.append("UNSEEN")
        isModseqWanted = self._session.isCondstore and (items or "FLAGCHANGE" in watched.events)
        if isModseqWanted and status.highestModseq != told.highestModseq:
            items.append("HIGHESTMODSEQ")
        if (items and "UIDNEXT" not in items) or status.uidvalidity != told.uidvalidity:
            items.append("UIDVALIDITY")
        return items

    def _writeStatus(self, name: str, status: MailboxStatus, items: list[str]) -> None:
        values = {
            "MESSAGES": status.messages,
            "UIDNEXT": status.uidnext,
            "UIDVALIDITY": status.uidvalidity,
            "UNSEEN": status.unseen,
            "HIGHESTMODSEQ": status.highestModseq,
        }
        self._session.write(renderStatus(name, [(item, values[item]) for item in items], self._session.isUtf8))

    async def _tellNames(self) -> None:
        """
        RFC 5465 5.4, 5.5: compare the mailboxes, and the subscriptions, with those that were there.
        """
        session = self._session
        before, existed, subscribed = self._watched, self._existing, self._subscribed
        reachable = Reachable(session)
        await self._look(reachable)
        await session.letOthers()
        everything = {seen.status.mailboxId: seen for seen in (*await reachable.personal(), *await reachable.others())}
        names = _Names(everything.values(), self._subscribed)
        await names.prepare(session)
        await session.letOthers()
        affected: dict[str, str] = {}  # to the name before
        for mailboxId, old in before.items():
            if "MAILBOXNAME" in old.events:
                seen = everything.get(mailboxId) or await session.namespaces.seenAt(mailboxId)
                if seen is None or "l" not in seen.rights:
                    affected[old.name] = ""
                elif seen.name != old.name:
                    affected[seen.name] = old.name
        for mailboxId, new in self._watched.items():
            if "MAILBOXNAME" in new.events and mailboxId not in existed:
                affected[new.name] = ""
        await session.letOthers()
        wanted = {each.name for each in (*before.values(), *self._watched.values()) if "MAILBOXNAME" in each.events}
        for name, oldName in list(affected.items()):
            if not oldName and name not in self._own:
                # RFC 5465 5.4: what is above what was made or deleted is affected, too.
                affected |= {above: "" for above in parents(name)[-1:] if above in wanted and above not in affected}
        wanted = {
            each.name for each in (*before.values(), *self._watched.values()) if "SUBSCRIPTIONCHANGE" in each.events
        }
        for name in subscribed ^ self._subscribed:
            if name in wanted:
                affected.setdefault(name, "")
        for name, oldName in sorted(affected.items()):
            if name not in self._own and not _isBelow(name, oldName, affected):
                session.write(renderListing(b"LIST", names.attributes(name), name, (), session.isUtf8, oldName))
                await session.drain()


def _numbers(status: MailboxStatus) -> tuple[int, ...]:
    return status.uidvalidity, status.uidnext, status.messages, status.unseen, status.highestModseq


def _isBelow(name: str, oldName: str, affected: dict[str, str]) -> bool:
    """
    It was renamed because one above it was (RFC 5465 5.4: no event of its own).
    """
    return bool(oldName) and any(
        affected.get(above) and oldName == affected[above] + name[len(above) :] for above in parents(name)
    )


class _Names:
    """
    What LIST says of mailboxes.
    """

    def __init__(self, seen: Iterable[Seen], subscribed: frozenset[str]) -> None:
        self._seen = {each.name: each for each in seen}
        self._subscribed = subscribed
        self._above: set[str] = set()

    async def prepare(self, session: Imap) -> None:
        for count, name in enumerate(self._seen, 1):
            self._above.update(parents(name))
            if count % SLICE_MAILBOXES == 0:
                await session.letOthers()

    def attributes(self, name: str) -> list[str]:
        found = [] if name in self._seen else ["\\NonExistent"]
        found.append("\\HasChildren" if name in self._above else "\\HasNoChildren")
        if name in self._subscribed:
            found.append("\\Subscribed")
        return found


class Notified(Annotated):
    """
    Changes of annotations, as NOTIFY asks for them (RFC 5465 5.6, 5.7).
    """

    def __init__(self, session: Imap, watch: Watch) -> None:
        super().__init__(session)
        self._watch = watch

    def changed(self, change: AnnotationChange) -> None:
        event = "MAILBOXMETADATACHANGE" if change.mailboxId else "SERVERMETADATACHANGE"
        if event in self._watch.eventsOf(change.mailboxId):
            super().changed(change)
