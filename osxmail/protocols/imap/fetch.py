# -*- test-case-name: tests.unit.protocols.imap.test_fetch -*-
"""
FETCH (RFC 3501 6.4.5): the snapshot answers what it knows, ENVELOPE and BODYSTRUCTURE were rendered when the message
arrived, and bodies are streamed, so that a slow client holds nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from osxmail.mail.flags import SEEN
from osxmail.mail.imap.command import Fetch
from osxmail.mail.imap.fetchattributes import SNAPSHOT_ITEMS, FetchItems
from osxmail.mail.imap.response import renderDate
from osxmail.protocols.imap.changes import SLICE_MESSAGES, tellKeywords
from osxmail.protocols.imap.lines import Lines
from osxmail.protocols.imap.messages import GONE
from osxmail.protocols.imap.sections import Pace, Sections
from osxmail.protocols.imap.selected import Indexes, Located, SelectedView, slices

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: Messages whose renderings are read in one hop.
BATCH_RENDERINGS = 1000
#: Messages that are opened in one hop; the store's limit.
BATCH_MESSAGES = 100
#: What is gathered of small answers before it is written, and others have their turn.
GATHERED_OCTETS = 65536
GATHERED_MESSAGES = 16

_RENDERED_NAMES = {
    "envelope": b"ENVELOPE ",
    "body": b"BODY ",
    "bodystructure": b"BODYSTRUCTURE ",
    "savedate": b"SAVEDATE ",
    "emailid": b"EMAILID ",
    "threadid": b"THREADID ",
}
#: What makes of a column's octets what FETCH says; the others are ready-made.
_RENDERED_FORMS: dict[str, Callable[[bytes], bytes]] = {
    "savedate": lambda seconds: renderDate(int(seconds)),
    "emailid": b"(%b)".__mod__,
    "threadid": b"(%b)".__mod__,
}


async def fetch(session: Imap, command: Fetch) -> bytes:
    view = session.selectedView()
    ranges = view.indexRanges(command.messages, command.isUid)
    items = command.items.including("UID") if command.isUid else command.items
    if command.changedSince is not None:
        items = items.including("MODSEQ")  # RFC 7162 3.1.4.1
    if "MODSEQ" in items.simple:
        session.enableCondstore()
    await view.snapshot.loaded()
    tellKeywords(session, view)
    answer = _Answer(session, view, items, command.changedSince)
    most = BATCH_MESSAGES if items.sections else BATCH_RENDERINGS if items.needs else SLICE_MESSAGES
    for indexes in slices(ranges, most):
        if items.sections:
            await answer.withSections(indexes)
        elif items.needs:
            await answer.withRenderings(indexes)
        else:
            answer.fromSnapshot(indexes)
        await session.drain()
        await session.letOthers()
    if answer.failure is not None:
        raise answer.failure
    # RFC 2180 4.1.2: what another session has expunged, and this one has not been told of, cannot be answered.
    return b"OK " + GONE if answer.missing else b"OK FETCH completed"


def _after(uids: list[int], rows: list[tuple[int, tuple[bytes, ...]]]) -> list[int]:
    """
    Those of the UIDs that are still to be asked for: see L{osxmail.interfaces.IMailbox.renderings}.
    """
    return uids[bisect_right(uids, rows[-1][0]) :] if rows else []


class _Answer:
    """
    What one FETCH is answered with.

    @ivar missing: how many messages are gone.
    @ivar failure: the first error of a message that could not be read, or C{None}.
    """

    def __init__(self, session: Imap, view: SelectedView, items: FetchItems, changedSince: int | None) -> None:
        self._session = session
        self._view = view
        self._items = items
        self._since = changedSince
        self._pace = Pace(session.letOthers)
        self._columns = items.needs
        self._names = [_RENDERED_NAMES[column] for column in items.needs]
        self._forms = [_RENDERED_FORMS.get(column) for column in items.needs]
        self._isPlain = not any(self._forms)
        simple = tuple(name for name in items.simple if name in SNAPSHOT_ITEMS)
        self._lines = Lines(view, simple)
        # RFC 3501 7.4.2: where \Seen is set, the response has FLAGS.
        extra = [name for name in ("FLAGS", *(["MODSEQ"] if session.isCondstore else [])) if name not in simple]
        self._linesOfSeen = Lines(view, (*simple, *extra))
        self.missing = 0
        self.failure: Exception | None = None

    def _located(self, indexes: Indexes) -> Located:
        located = self._view.located(indexes)
        since = self._since
        if since is None:
            return located
        modseqs = self._view.snapshot.modseqs
        pairs = zip(located.numbers, located.places, strict=True)
        kept = [pair for pair in pairs if modseqs[pair[1]] > since]
        return Located([number for number, _ in kept], [place for _, place in kept], located.missing)

    def fromSnapshot(self, indexes: Indexes) -> None:
        located = self._located(indexes)
        self.missing += located.missing
        self._session.write(self._lines.render(located))

    def _wantedUids(self, indexes: Indexes) -> list[int]:
        located = self._located(indexes)
        self.missing += located.missing
        uids = self._view.snapshot.uids
        return [uids[place] for place in located.places]

    async def withRenderings(self, indexes: Indexes) -> None:
        uids = self._wantedUids(indexes)
        while uids:
            rows = await self._renderings(uids)
            rest = _after(uids, rows)
            self._writeRendered(uids[: len(uids) - len(rest)], rows)
            uids = rest
            if uids:
                await self._session.drain()
                await self._session.letOthers()

    async def _renderings(self, uids: list[int]) -> list[tuple[int, tuple[bytes, ...]]]:
        rows = await self._view.mailbox.renderings(uids, self._columns, self._session.isUtf8)
        if self._isPlain:
            return rows
        forms = self._forms
        return [
            (uid, tuple([text if form is None else form(text) for form, text in zip(forms, texts, strict=True)]))
            for uid, texts in rows
        ]

    def _writeRendered(self, uids: list[int], rows: list[tuple[int, tuple[bytes, ...]]]) -> None:
        located = self._view.located([index for index in (self._view.indexOf(uid) for uid, _ in rows) if index >= 0])
        self.missing += len(uids) - len(located.places)
        if len(located.places) != len(rows):
            current = self._view.snapshot.uids
            present = {current[place] for place in located.places}
            rows = [row for row in rows if row[0] in present]
        blank = b" " if self._lines.items else b""
        form = b"%b" + blank + b" ".join(name + b"%b" for name in self._names) + b")\r\n"
        heads = self._lines.heads(located)
        self._session.write(b"".join([form % (head, *row[1]) for head, row in zip(heads, rows, strict=True)]))

    async def withSections(self, indexes: Indexes) -> None:
        uids = self._wantedUids(indexes)
        while uids:
            rendered: list[tuple[int, tuple[bytes, ...]]] = []
            rest: list[int] = []
            if self._columns:
                rendered = await self._renderings(uids)
                rest = _after(uids, rendered)
            await self._sectionsOf(uids[: len(uids) - len(rest)], dict(rendered))
            uids = rest

    async def _sectionsOf(self, uids: list[int], rendered: dict[int, tuple[bytes, ...]]) -> None:
        view, session = self._view, self._session
        messages = await view.mailbox.messages(uids)
        seen = await self._setSeen([uid for uid, _ in messages]) if self._items.setsSeen else frozenset()
        gathered: list[bytes] = []
        octets = 0
        for count, (uid, message) in enumerate(messages, 1):
            sections = Sections(message, self._pace)
            try:
                await sections.prepare(self._items.sections)
            except Exception as error:  # noqa: BLE001 — told once, at the end, for all such messages
                self.failure = self.failure or error
                continue
            head = self._head(uid, uid in seen, rendered.get(uid, ()))
            if head is None:
                continue
            gathered.append(head)
            blank = b"" if head.endswith(b"(") else b" "
            for section in self._items.sections:
                found = sections.find(section)
                if found.octets is not None or not found.length:
                    piece = blank + found.announcement + (found.octets or b"")
                    gathered.append(piece)
                    octets += len(piece)
                else:
                    session.write(b"".join([*gathered, blank, found.announcement]))
                    gathered.clear()
                    octets = 0
                    await sections.stream(session, found)
                blank = b" "
            gathered.append(b")\r\n")
            if octets >= GATHERED_OCTETS or count % GATHERED_MESSAGES == 0:
                session.write(b"".join(gathered))
                gathered.clear()
                octets = 0
                await session.drain()
                await session.letOthers()
        self.missing += len(uids) - len(messages)
        session.write(b"".join(gathered))

    def _head(self, uid: int, isNewlySeen: bool, rendered: tuple[bytes, ...]) -> bytes | None:
        """
        The response up to the first section; C{None} when the message has gone meanwhile.
        """
        index = self._view.indexOf(uid)
        located = self._view.located([index])
        if located.missing or len(rendered) != len(self._names):
            self.missing += 1
            return None
        lines = self._linesOfSeen if isNewlySeen else self._lines
        head = lines.heads(located)[0]
        for name, value in zip(self._names, rendered, strict=True):
            head += (b"" if head.endswith(b"(") else b" ") + name + value
        return head

    async def _setSeen(self, uids: list[int]) -> frozenset[int]:
        """
        Set \\Seen on messages without it (RFC 3501 6.4.5), in one transaction.

        @return: the UIDs of those that it was set on.
        """
        view = self._view
        if view.isReadOnly:
            return frozenset()
        snapshot = view.snapshot
        unseen = []
        for uid in uids:
            place = snapshot.indexOf(uid)
            if place >= 0 and not snapshot.flags[place] & SEEN:
                unseen.append(uid)
        if not unseen:
            return frozenset()
        stored = await view.mailbox.storeFlags(unseen, "+", ("\\Seen",))
        self._session.ownModseqs.add(stored.modseq)
        return frozenset(stored.changed)
