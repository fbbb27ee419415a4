# -*- test-case-name: tests.unit.protocols.imap.test_contexts -*-
"""
Results that are kept up to date: RETURN (UPDATE) of SEARCH and SORT, and CANCELUPDATE (RFC 5267 4.3).

What has changed is looked at again, and nothing else.  What a search or a sort has found is kept, four octets a
message, so that it is known what a message that changes or goes was to it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from attrs import define

from osxmail.errors import MailError
from osxmail.mail.imap.command import Fetch
from osxmail.mail.imap.fetchattributes import FetchItems
from osxmail.mail.imap.response import renderString
from osxmail.mail.imap.searchcommand import CancelUpdate
from osxmail.mail.searchkeys import SearchKey, UidSet
from osxmail.mail.sequenceset import SequenceSet, rangesOf, renderRanges, renderSet, runsOf
from osxmail.mail.sortcriteria import SortCriterion
from osxmail.protocols.imap.speaking import tell

if TYPE_CHECKING:
    from osxmail.protocols.imap.selected import SelectedView
    from osxmail.protocols.imap.session import Imap

MAX_CONTEXTS = 10  # of one session
MAX_RESULTS = 1_000_000  # in all of them
#: Results that a new one is compared with in one step.
PIVOTS = 64
#: Results that are looked at, and messages that have changed, without letting others have their turn.
SLICE_MESSAGES = 20_000
SLICE_CHANGED = 5_000


@define(eq=False, slots=True)
class Context:
    """
    One search that is kept up to date.

    @ivar tag: of the command that began it.
    @ivar isUid: its results are UIDs.
    @ivar key: as the store understands it: numbers are those of the moment when the command came (RFC 5267 4.3).
    @ivar criteria: of SORT; empty for SEARCH.
    @ivar uids: what it has found, in its order.
    @ivar newItems: what to say of new messages that it finds (RFC 5465 7), or C{None}.
    """

    tag: bytes
    isUid: bool
    key: SearchKey
    criteria: tuple[SortCriterion, ...]
    uids: array[int]
    newItems: FetchItems | None


class Contexts:
    """
    Those of one session in one mailbox: with it they end.
    """

    __slots__ = ("_contexts",)

    def __init__(self) -> None:
        self._contexts: dict[bytes, Context] = {}

    def __bool__(self) -> bool:
        return bool(self._contexts)

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._contexts

    def add(self, context: Context) -> bool:
        """
        Keep it up to date from now on.

        @return: C{False}: there are too many, or their results are (RFC 5267 4.3.1).
        """
        results = sum(len(each.uids) for each in self._contexts.values())
        if len(self._contexts) >= MAX_CONTEXTS or results + len(context.uids) > MAX_RESULTS:
            return False
        self._contexts[context.tag] = context
        return True

    @property
    def numbered(self) -> list[bytes]:
        """
        The tags of those whose results are sequence numbers.
        """
        return [context.tag for context in self._contexts.values() if not context.isUid]

    def cancel(self, tags: Sequence[bytes]) -> None:
        """
        Those of these commands are watched no longer; others are passed over.
        """
        for tag in tags:
            self._contexts.pop(tag, None)

    # ------------------------------------------------------------------------------------------------ telling

    async def expunged(self, session: Imap, before: Sequence[int], uids: Collection[int]) -> None:
        """
        Messages have gone, and the client is about to be told so (RFC 5267 4.3.4: afterwards).

        @param before: the UIDs by sequence number, as the client still counts.
        """
        for context in tuple(self._contexts.values()):
            gone = frozenset(context.uids).intersection(uids)
            if gone:
                await _remove(session, context, gone, before)

    async def changed(self, session: Imap, view: SelectedView, since: int, known: int) -> None:
        """
        Messages have come or changed, and the client has been told so.

        @param since: the MODSEQ from which on they have.
        @param known: messages with a greater UID are new.
        """
        uids = view.snapshot.changedSince(since)[0]
        uids = uids[: bisect_left(uids, view.lastUid + 1)]
        if not len(uids):
            return
        for start in range(0, len(uids), SLICE_CHANGED):
            part = uids[start : start + SLICE_CHANGED]
            for context in tuple(self._contexts.values()):
                if start:
                    await session.letOthers()
                try:
                    matching = frozenset(await _matching(session, view, context.key, part))
                    await _update(session, view, context, part, matching, known)
                except MailError:
                    # What cannot be said any more is not to be believed any more.
                    self.cancel([context.tag])
                    tell(session, b"* NO [NOUPDATE %b] Not now\r\n" % renderString(context.tag))


async def _update(
    session: Imap, view: SelectedView, context: Context, uids: Sequence[int], matching: frozenset[int], known: int
) -> None:
    results = context.uids
    # Of results in the order of the mailbox, a part is enough to look at.
    low, high = 0, len(results)
    if not context.criteria:
        low, high = bisect_left(results, uids[0]), bisect_right(results, uids[-1])
    present = frozenset(results[low:high])
    gone = frozenset(uid for uid in uids if uid in present and uid not in matching)
    added = [uid for uid in uids if uid in matching and uid not in present]
    if context.criteria:
        if gone:
            await _remove(session, context, gone, view.knownUids)
        if added:
            await _tellNew(session, context, added, known)
            await _add(session, view, context, added)
        return
    context.uids = results[:low] + array("I", sorted((present - gone).union(added))) + results[high:]
    if gone:
        await _tell(session, context, b"REMOVEFROM", [(0, sorted(gone))], view.knownUids)
    if added:
        await _tellNew(session, context, added, known)
        await _tell(session, context, b"ADDTO", [(0, added)], view.knownUids)


async def _tellNew(session: Imap, context: Context, added: Sequence[int], known: int) -> None:
    new = [uid for uid in added if uid > known]
    if new and context.newItems is not None:
        await tellItems(session, new, context.newItems)


async def _matching(session: Imap, view: SelectedView, key: SearchKey, uids: Sequence[int]) -> Sequence[int]:
    # Late: what searches needs what is watched.
    from osxmail.protocols.imap.searching import foundAmong

    return await foundAmong(session, view, key, uids)


async def _remove(session: Imap, context: Context, gone: frozenset[int], before: Sequence[int]) -> None:
    if context.criteria:
        # From the last on, so that each position is right when it is told.
        places = [place for place, uid in enumerate(context.uids) if uid in gone]
        pairs = [(low + 1, list(context.uids[low : high + 1])) for low, high in reversed(rangesOf(places))]
    else:
        pairs = [(0, sorted(gone))]
    kept = array("I")
    for start in range(0, len(context.uids), SLICE_MESSAGES):
        if start:
            await session.letOthers()
        kept.extend([uid for uid in context.uids[start : start + SLICE_MESSAGES] if uid not in gone])
    context.uids = kept
    await _tell(session, context, b"REMOVEFROM", pairs, before)


async def _add(session: Imap, view: SelectedView, context: Context, added: Sequence[int]) -> None:
    order = array("I")
    runs: list[tuple[int, list[int]]] = []
    start = 0
    for index, uid in await _placed(session, view, context, added):
        order.extend(context.uids[start:index])
        start = index
        if runs and runs[-1][0] + len(runs[-1][1]) == len(order) + 1:
            runs[-1][1].append(uid)
        else:
            runs.append((len(order) + 1, [uid]))
        order.append(uid)
    order.extend(context.uids[start:])
    context.uids = order
    await _tell(session, context, b"ADDTO", runs, view.knownUids)


async def _placed(session: Imap, view: SelectedView, context: Context, added: Sequence[int]) -> list[tuple[int, int]]:
    """
    Before which of the results, by index, each of these messages comes; in their order.

    They are sorted with some of the results, then with more of those between which they came, and so on: however many
    results there are, few are sorted anew.
    """
    # Late, as above.
    from osxmail.protocols.imap.sorting import sorted_

    results = context.uids
    windows = {uid: (0, len(results)) for uid in added}
    while True:
        indexes: set[int] = set()
        for low, high in set(windows.values()):
            indexes.update(range(low, high, max(1, (high - low) // PIVOTS)))
        pivots = {results[index]: index for index in indexes}
        some = rangesOf(sorted([*pivots, *windows]))
        found = view.uidsOf(await sorted_(session, view, UidSet(tuple(some)), context.criteria))
        found = [uid for uid in found if uid in pivots or uid in windows]
        narrowed: dict[int, tuple[int, int]] = {}
        before = -1
        for uid in found:
            if uid in pivots:
                before = max(before, pivots[uid])
            else:
                narrowed[uid] = (max(windows[uid][0], before + 1), windows[uid][1])
        behind = len(results)
        for uid in reversed(found):
            if uid in pivots:
                behind = min(behind, pivots[uid])
            else:
                low, high = narrowed[uid]
                narrowed[uid] = (low, max(low, min(high, behind)))
        # What has gone meanwhile is in none of the two; where all that was looked at has gone, nothing narrows.
        if not indexes or all(low == high or windows[uid] == (low, high) for uid, (low, high) in narrowed.items()):
            return sorted([(low, uid) for uid, (low, _) in narrowed.items()], key=lambda pair: pair[0])
        windows = narrowed


async def _tell(
    session: Imap, context: Context, item: bytes, pairs: Sequence[tuple[int, Sequence[int]]], before: Sequence[int]
) -> None:
    """
    @param pairs: positions (RFC 5267 4.3.2), 0 where the order is the mailbox's, and UIDs.
    @param before: the UIDs by sequence number.
    """
    told = []
    for position, uids in pairs:
        numbers = uids if context.isUid else [bisect_left(before, uid) + 1 for uid in uids]
        told.append(b"%d %b" % (position, renderRanges(runsOf(numbers)) if position else renderSet(numbers)))
    if told:
        about = renderString(context.tag) + (b") UID " if context.isUid else b") ")
        session.write(b"* ESEARCH (TAG %b%b (%b)\r\n" % (about, item, b" ".join(told)))
        await session.drain()


async def tellItems(session: Imap, uids: Sequence[int], items: FetchItems) -> None:
    """
    Say this of messages, unasked (RFC 5465 5.2, 7).
    """
    from osxmail.protocols.imap.fetch import fetch

    try:
        await fetch(session, Fetch(SequenceSet(tuple(rangesOf(uids))), items, isUid=True))
    except MailError as error:
        # The client can ask for it, and hears then why it is not to be had.
        session.log.warn("{event}", event="notify.unreadable", session=session.sessionId, reason=str(error))


async def cancelUpdate(session: Imap, command: CancelUpdate) -> bytes:
    session.selectedView().contexts.cancel(command.tags)
    return b"OK No further updates"
