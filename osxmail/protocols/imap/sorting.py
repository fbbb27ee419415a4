# -*- test-case-name: tests.unit.protocols.imap.test_sorting -*-
"""
SORT and THREAD (RFC 5256, RFC 5267 3, RFC 5957): by arrival and size out of the snapshot, by others in the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from osxmail.errors import MailError
from osxmail.mail.imap.searchcommand import Sort, Thread
from osxmail.mail.searchkeys import And, Modseq, SearchKey, UidSet, leaves
from osxmail.mail.sortcriteria import SortCriterion
from osxmail.mail.threading import Threads, rendered
from osxmail.protocols.imap.changes import SLICE_MESSAGES
from osxmail.protocols.imap.progress import Progress
from osxmail.protocols.imap.searching import answer, found, indexesOf, needFuzzy, refuseReuse, resolved, watch
from osxmail.protocols.imap.selected import SelectedView
from osxmail.protocols.imap.snapshotsearch import compiled

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: What the snapshot's arrays sort by.
_COLUMNS = {"ARRIVAL": "dates", "SIZE": "sizes"}
#: More messages are sorted by the store, in a thread: at the end of this many, two halves become one in a step.
MAX_SORTED_HERE = 150_000

_ZERO = 1 << 40  # is greater than any date before 1970 is far from it
_SHIFT = 64


async def sort(session: Imap, command: Sort) -> bytes:
    view = session.selectedView()
    options = command.options
    refuseReuse(session, view, options)
    names = frozenset(each.name for each in command.criteria)
    needFuzzy(names | (options.names if options is not None else names), command.key)
    try:
        key = resolved(session, view, command.key)
        indexes = await sorted_(session, view, key, command.criteria)
        await answer(session, view, b"SORT", key, indexes, command.isUid, options)
        watch(session, view, key, command.criteria, indexes, command.isUid, options)
    except MailError:
        if options is not None and "SAVE" in options.names:
            view.forgetSaved()  # RFC 5182 2.1: after a NO it is empty
        raise
    return b"OK SORT completed"


async def sorted_(session: Imap, view: SelectedView, key: SearchKey, criteria: Sequence[SortCriterion]) -> list[int]:
    """
    The indexes of messages in the view that match, in the order of the criteria.

    @param key: from L{resolved}.
    """
    if all(each.name in _COLUMNS for each in criteria) and view.count <= MAX_SORTED_HERE:
        await view.snapshot.loaded()
        if compiled(key, view.snapshot.keywords) is not None:
            return await _bySnapshot(session, view, await found(session, view, key), criteria)
    uids: list[int] = await session.whileClientIsThere(view.mailbox.sort(key, criteria, None, Progress(session)))
    return await indexesOf(session, view, uids)


async def _bySnapshot(
    session: Imap, view: SelectedView, indexes: list[int] | range, criteria: Sequence[SortCriterion]
) -> list[int]:
    # One number for each message: its values, the most important first, and at last its index (RFC 5256 3).
    runs: list[list[int]] = []
    for start in range(0, len(indexes), SLICE_MESSAGES):
        located = view.located(indexes[start : start + SLICE_MESSAGES])
        snapshot = view.snapshot
        ranks = [0] * len(located.places)
        for each in criteria:
            column = getattr(snapshot, _COLUMNS[each.name])
            if each.isReversed:
                ranks = [(r << _SHIFT) + _ZERO * 2 - column[p] for r, p in zip(ranks, located.places, strict=True)]
            else:
                ranks = [(r << _SHIFT) + _ZERO + column[p] for r, p in zip(ranks, located.places, strict=True)]
        run = [(rank << 32) + number - 1 for rank, number in zip(ranks, located.numbers, strict=True)]
        run.sort()
        runs.append(run)
        await session.letOthers()
    # What is sorted already is put together in a time in proportion.
    while len(runs) > 1:
        joined = []
        for one, other in zip(runs[::2], runs[1::2], strict=False):
            one += other
            one.sort()
            joined.append(one)
            await session.letOthers()
        runs = joined + runs[len(joined) * 2 :]
    order: list[int] = []
    for start in range(0, len(runs[0]) if runs else 0, SLICE_MESSAGES):
        order += [rank & 0xFFFFFFFF for rank in runs[0][start : start + SLICE_MESSAGES]]
        await session.letOthers()
    return order


async def thread(session: Imap, command: Thread) -> bytes:
    view = session.selectedView()
    key = resolved(session, view, command.key)
    if any(isinstance(leaf, Modseq) for leaf in leaves(key)):
        session.enableCondstore()  # RFC 7162 3.1
    # What has arrived meanwhile has no number yet.
    key = And((key, UidSet(((1, view.lastUid),) if view.count else ())))
    found: Threads = await session.whileClientIsThere(
        view.mailbox.thread(key, command.algorithm, None, Progress(session))
    )
    session.write(b"* THREAD")
    blank = b" "
    for piece in rendered(found, None if command.isUid else lambda uid: view.indexOf(uid) + 1):
        if piece:
            session.write(blank + piece)
            blank = b""
        await session.drain()
        await session.letOthers()
    session.write(b"\r\n")
    return b"OK THREAD completed"
