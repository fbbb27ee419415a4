# -*- test-case-name: tests.unit.protocols.imap.test_fetch -*-
"""
The answers of one FETCH: out of the snapshot, ready-made, or with octets of the messages.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from osxmail.interfaces import IMessage
from osxmail.mail.flags import SEEN
from osxmail.mail.imap.fetchattributes import SNAPSHOT_ITEMS, FetchItems
from osxmail.mail.imap.response import renderDate, renderPreview
from osxmail.protocols.imap.derived import WORK_OCTETS, Pace
from osxmail.protocols.imap.lines import Lines
from osxmail.protocols.imap.readahead import Batches, Firsts
from osxmail.protocols.imap.sections import Found, QuickSection, Sections, withoutNuls
from osxmail.protocols.imap.selected import Indexes, Located, SelectedView, picked
from osxmail.protocols.sessions import SessionEnd

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: What is gathered of small answers before it is written.
GATHERED_OCTETS = 65536
#: Octets of messages in rows that are read at once; twice as many are in memory.
PORTION_OCTETS = 524288
#: The store keeps larger messages elsewhere, whose octets are not read with their rows.
ROW_OCTETS = 16384
#: After so many octets, or messages that were looked into, others have their turn.
TURN_OCTETS = 524288
TURN_MESSAGES = 16

_RENDERED_NAMES = {
    "envelope": b"ENVELOPE ",
    "body": b"BODY ",
    "bodystructure": b"BODYSTRUCTURE ",
    "savedate": b"SAVEDATE ",
    "emailid": b"EMAILID ",
    "threadid": b"THREADID ",
    "preview": b"PREVIEW ",
    "lazypreview": b"PREVIEW ",
}
#: Columns that are no renderings: they are made when they are asked for.
_PREVIEWS = ("preview", "lazypreview")
#: What makes of a column's octets what FETCH says; the others are ready-made.
_RENDERED_FORMS: dict[str, Callable[[bytes], bytes]] = {
    "savedate": lambda seconds: renderDate(int(seconds)),
    "emailid": b"(%b)".__mod__,
    "threadid": b"(%b)".__mod__,
}


def _after(uids: list[int], rows: list[tuple[int, tuple[bytes, ...]]]) -> list[int]:
    """
    Those of the UIDs that are still to be asked for: see L{osxmail.interfaces.IMailbox.renderings}.
    """
    return uids[bisect_right(uids, rows[-1][0]) :] if rows else []


class FetchAnswer:
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
        self._columns = tuple(column for column in items.needs if column not in _PREVIEWS)
        self._previews = [(at, column) for at, column in enumerate(items.needs) if column in _PREVIEWS]
        # Where parts are is known: nothing is to be looked for.
        self._needsStructure = any(section.part for section in items.sections)
        self._names = [_RENDERED_NAMES[column] for column in items.needs]
        self._forms = [_RENDERED_FORMS.get(column) for column in items.needs]
        self._isPlain = not any(self._forms)
        simple = tuple(name for name in items.simple if name in SNAPSHOT_ITEMS)
        self._lines = Lines(view, simple, isWhole=not (items.needs or items.sections))
        # RFC 3501 7.4.2: where \Seen is set, the response has FLAGS.
        extra = [name for name in ("FLAGS", *(["MODSEQ"] if session.isCondstore else [])) if name not in simple]
        self._linesOfSeen = Lines(view, (*simple, *extra), isWhole=False)
        self._quick = QuickSection.ofAll(items.sections)
        self._batches = Batches(view.mailbox.messages)
        columns = (*self._columns, "structure") if self._needsStructure else self._columns
        self._ready = Batches(lambda uids: view.mailbox.renderings(uids, columns, session.isUtf8)) if columns else None
        self.missing = 0
        self.failure: Exception | None = None

    def close(self) -> None:
        """
        Nothing more will be asked for.
        """
        self._batches.forget()
        if self._ready is not None:
            self._ready.forget()

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
        """
        What memory knows.
        """
        located = self._located(indexes)
        self.missing += located.missing
        self._session.write(self._lines.render(located))

    def uidsOnly(self, indexes: Indexes) -> None:
        """
        The UIDs that numbers stand for, also where somebody else has expunged the message meanwhile.
        """
        pairs = zip(indexes, self._view.uidsOf(indexes), strict=True)
        self._session.write(b"".join([b"* %d FETCH (UID %d)\r\n" % (index + 1, uid) for index, uid in pairs]))

    def _wantedUids(self, indexes: Indexes) -> list[int]:
        located = self._located(indexes)
        self.missing += located.missing
        return self._uidsOf(located)

    def _uidsOf(self, located: Located) -> list[int]:
        return list(picked(self._view.snapshot.uids, located.places))

    # --------------------------------------------------------------------------------------------- renderings

    async def withRenderings(self, indexes: Indexes, following: Indexes) -> None:
        """
        What is ready-made.

        @param following: what will be asked for next: it is read meanwhile.
        """
        uids = self._wantedUids(indexes)
        while uids:
            rows = await self._renderings(uids)
            rest = _after(uids, rows)
            if self._ready is not None and following and not rest:
                self._ready.begin(self._uidsOf(self._located(following)))
            self._writeRendered(uids[: len(uids) - len(rest)], rows)
            uids = rest
            if uids:
                await self._session.drain()
                await self._session.letOthers()

    async def _renderings(self, uids: list[int]) -> list[tuple[int, tuple[bytes, ...]]]:
        rows: list[tuple[int, tuple[bytes, ...]]] = [(uid, ()) for uid in uids]
        if self._ready is not None:
            rows = await self._ready.of(uids)
        for at, column in self._previews:
            rows = await self._withPreviews(rows, at, column)
        if self._isPlain:
            return rows
        forms = self._forms
        return [
            (
                uid,
                (
                    *[text if form is None else form(text) for form, text in zip(forms, texts, strict=False)],
                    *texts[len(forms) :],
                ),
            )
            for uid, texts in rows
        ]

    async def _withPreviews(
        self, rows: list[tuple[int, tuple[bytes, ...]]], at: int, column: str
    ) -> list[tuple[int, tuple[bytes, ...]]]:
        uids = [uid for uid, _ in rows]
        found = dict(await self._view.mailbox.previews(uids, column == "lazypreview"))
        isUtf8 = self._session.isUtf8
        return [
            (uid, (*texts[:at], renderPreview(found[uid], isUtf8), *texts[at:])) for uid, texts in rows if uid in found
        ]

    def _writeRendered(self, uids: list[int], rows: list[tuple[int, tuple[bytes, ...]]]) -> None:
        located = self._view.located(self._view.indexesOf([uid for uid, _ in rows]))
        self.missing += len(uids) - len(located.places)
        if len(located.places) != len(rows):
            current = self._view.snapshot.uids
            present = {current[place] for place in located.places}
            rows = [row for row in rows if row[0] in present]
        blank = b" " if self._lines.items else b""
        form = b"%b" + blank + b" ".join(name + b"%b" for name in self._names) + b")\r\n"
        heads = self._lines.heads(located)
        self._session.write(b"".join([form % (head, *row[1]) for head, row in zip(heads, rows, strict=True)]))

    # ------------------------------------------------------------------------------------------------ octets

    async def withSections(self, indexes: Indexes, following: Indexes) -> None:
        """
        What needs the messages' octets.

        @param following: what will be asked for next: it is read meanwhile.
        """
        portions = self._portions(self._wantedUids(indexes))
        nextOnes = self._portions(self._uidsOf(self._located(following))) if following else []
        for number, uids in enumerate(portions, 1):
            ahead = portions[number] if number < len(portions) else nextOnes[0] if nextOnes else []
            while uids:
                rendered: list[tuple[int, tuple[bytes, ...]]] = []
                rest: list[int] = []
                if self._names or self._needsStructure:
                    rendered = await self._renderings(uids)
                    rest = _after(uids, rendered)
                await self._sectionsOf(uids[: len(uids) - len(rest)], dict(rendered), [] if rest else ahead)
                uids = rest

    def _portions(self, uids: list[int]) -> list[list[int]]:
        """
        As many at a time as a session may hold in memory while its client does not take them.
        """
        snapshot = self._view.snapshot
        portions: list[list[int]] = []
        octets = PORTION_OCTETS
        for uid in uids:
            # What is larger than a row is not read with it.
            size = min(snapshot.sizes[snapshot.indexOf(uid)], ROW_OCTETS)
            if octets + size > PORTION_OCTETS:
                portions.append([])
                octets = 0
            portions[-1].append(uid)
            octets += size
        return portions

    async def _sectionsOf(self, uids: list[int], rendered: dict[int, tuple[bytes, ...]], ahead: list[int]) -> None:
        messages = await self._batches.of(uids)
        self._batches.begin(ahead)
        seen = await self._setSeen([uid for uid, _ in messages]) if self._items.setsSeen else frozenset()
        heads = self._heads([uid for uid, _ in messages], seen, rendered)
        self.missing += len(uids) - len(heads)
        present = [(uid, message) for uid, message in messages if uid in heads]
        firsts = Firsts([message for _, message in present])
        try:
            await self._writeMessages(present, heads, rendered, firsts)
        finally:
            firsts.forget()

    async def _writeMessages(
        self,
        messages: list[tuple[int, IMessage]],
        heads: dict[int, bytes],
        rendered: dict[int, tuple[bytes, ...]],
        firsts: Firsts,
    ) -> None:
        session = self._session
        gathered: list[bytes] = []
        octets = turnOctets = count = 0
        label = self._items.sections[0].label
        quick = self._quick
        for uid, message in messages:
            head = heads[uid]
            inline = message.inline
            answer = quick.of(inline) if quick is not None and inline is not None else None
            if answer is not None:
                gathered += (head, label if head.endswith(b"(") else b" " + label, b" {%d}\r\n" % len(answer))
                gathered += (withoutNuls(answer), b")\r\n")
                octets += len(answer)
            else:
                count += 1
                octets += await self._writeSections(head, message, rendered.get(uid, ()), firsts, gathered)
            if octets >= GATHERED_OCTETS or count >= TURN_MESSAGES:
                session.write(b"".join(gathered))
                gathered.clear()
                turnOctets += octets
                octets = 0
                await session.drain()
                if turnOctets >= TURN_OCTETS or count >= TURN_MESSAGES:
                    turnOctets = count = 0
                    await session.letOthers()
            if quick is not None and quick.looked >= WORK_OCTETS:
                quick.looked = 0
                await session.letOthers()
        session.write(b"".join(gathered))

    async def _writeSections(
        self, head: bytes, message: IMessage, rendered: tuple[bytes, ...], firsts: Firsts, gathered: list[bytes]
    ) -> int:
        """
        Gather the answer for one message; what does not fit into memory is written.

        @return: how many octets are gathered.
        """
        sections = Sections(message, self._pace, rendered[-1] if self._needsStructure and rendered else None)
        try:
            # A damaged message says so now, and not in the middle of a literal.
            first = await firsts.of(message) if message.inline is None else b""
            found = await sections.find(self._items.sections, first)
        except SessionEnd:
            raise
        except Exception as error:  # noqa: BLE001 — told once, at the end, for all such messages
            self.failure = self.failure or error
            return 0
        gathered.append(head)
        blank = b"" if head.endswith(b"(") else b" "
        octets = 0
        for each in found:
            gathered += (blank, each.announcement)
            blank = b" "
            if each.octets is None:
                await self._stream(sections, each, gathered)
                octets = 0
            else:
                gathered.append(each.told)
                octets += len(each.octets)
        gathered.append(b")\r\n")
        return octets

    async def _stream(self, sections: Sections, found: Found, gathered: list[bytes]) -> None:
        self._session.write(b"".join(gathered))
        gathered.clear()
        await sections.stream(self._session, found)

    def _heads(self, uids: list[int], seen: frozenset[int], rendered: dict[int, tuple[bytes, ...]]) -> dict[int, bytes]:
        """
        By UID, the responses up to the first section; of messages that have gone meanwhile, none.
        """
        view = self._view
        located = view.located([index for index in map(view.indexOf, uids) if index >= 0])
        current = view.snapshot.uids
        present = [current[place] for place in located.places]
        heads = dict(zip(present, self._lines.heads(located), strict=True))
        if seen:
            withFlags = zip(present, self._linesOfSeen.heads(located), strict=True)
            heads.update([(uid, head) for uid, head in withFlags if uid in seen])
        if self._names:
            form = b" ".join(name + b"%b" for name in self._names)
            width = len(self._names)
            heads = {
                uid: head + (b"" if head.endswith(b"(") else b" ") + form % rendered[uid][:width]
                for uid, head in heads.items()
                if uid in rendered
            }
        return heads

    async def _setSeen(self, uids: list[int]) -> frozenset[int]:
        """
        Set \\Seen on messages without it (RFC 3501 6.4.5), in one transaction.

        @return: the UIDs of those that it was set on.
        """
        view = self._view
        if view.isReadOnly or "s" not in view.rights:  # RFC 4314 4
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
