# -*- test-case-name: tests.unit.protocols.imap.test_fetch -*-
"""
SEARCH (RFC 3501 6.4.4, RFC 7162 3.1.5): flags, UIDs, dates, sizes and MODSEQs are looked up in the snapshot; what needs
more is the store's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osxmail.mail.imap.command import Search
from osxmail.mail.searchkeys import Modseq, Recent, SearchKey, Sequence, UidSet, leaves, replaced
from osxmail.mail.sequenceset import MAX_NUMBER
from osxmail.protocols.imap.changes import SLICE_MESSAGES
from osxmail.protocols.imap.selected import SelectedView, slices
from osxmail.protocols.imap.snapshotsearch import Test, compiled

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap


#: Messages that are looked at in one step, however many the keys.
SLICE_LEAST = 50


async def search(session: Imap, command: Search) -> bytes:
    view = session.selectedView()
    key = resolved(view, command.key)
    hasModseq = any(isinstance(leaf, Modseq) for leaf in leaves(key))
    if hasModseq:
        session.enableCondstore()
    await view.snapshot.loaded()
    test = compiled(key, view.snapshot.keywords)
    count = sum(1 for _ in leaves(key))
    indexes = await _inSnapshot(session, view, test, count) if test is not None else await _inStore(session, view, key)
    await _answer(session, view, indexes, command.isUid, hasModseq)
    return b"OK SEARCH completed"


def resolved(view: SelectedView, key: SearchKey) -> SearchKey:
    """
    The key as the store understands it: sequence numbers, C{*} and RECENT have become UIDs.

    @raise NoSuchNumber: a sequence number that the session was never told of.
    """

    def change(leaf: SearchKey) -> SearchKey:
        if isinstance(leaf, Sequence):
            return UidSet(view.uidRanges(leaf.numbers, leaf.isUid))
        if isinstance(leaf, Recent):
            return UidSet(((max(view.firstRecent, 1), MAX_NUMBER),))
        return leaf

    return replaced(key, change)


async def _inSnapshot(session: Imap, view: SelectedView, test: Test, keys: int) -> list[int]:
    found: list[int] = []
    for indexes in slices([range(view.count)] if view.count else [], max(SLICE_LEAST, SLICE_MESSAGES // keys)):
        if indexes[0]:
            await session.letOthers()
        found += [number - 1 for number in test(view.snapshot, view.located(indexes))]
    return found


async def _inStore(session: Imap, view: SelectedView, key: SearchKey) -> list[int]:
    uids = await session.whileClientIsThere(view.mailbox.search(key))
    found: list[int] = []
    for start in range(0, len(uids), SLICE_MESSAGES):
        if start:
            await session.letOthers()
        found += [index for index in map(view.indexOf, uids[start : start + SLICE_MESSAGES]) if index >= 0]
    return found


async def _answer(session: Imap, view: SelectedView, indexes: list[int], isUid: bool, hasModseq: bool) -> None:
    session.write(b"* SEARCH")
    highest = 0
    for start in range(0, len(indexes), SLICE_MESSAGES):
        part = indexes[start : start + SLICE_MESSAGES]
        if hasModseq:
            modseqs = view.snapshot.modseqs
            highest = max(highest, max((modseqs[place] for place in view.located(part).places), default=0))
        numbers = view.uidsOf(part) if isUid else [index + 1 for index in part]
        session.write(b"".join([b" %d" % number for number in numbers]))
        await session.drain()
        await session.letOthers()
    # RFC 7162 3.1.5: the highest MODSEQ of what was found, if anything was.
    session.write(b" (MODSEQ %d)\r\n" % highest if highest else b"\r\n")
