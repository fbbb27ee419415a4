# -*- test-case-name: tests.conversations -*-
"""
SEARCH (RFC 3501 6.4.4, RFC 4731, RFC 5182, RFC 7162 3.1.5): flags, UIDs, dates, sizes and MODSEQs are looked up in the
snapshot; what needs more is the store's.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from osxmail.errors import MailError
from osxmail.mail.imap.command import Search
from osxmail.mail.imap.reader import BadCommand
from osxmail.mail.imap.response import renderString
from osxmail.mail.imap.resultoptions import ResultOptions
from osxmail.mail.searchkeys import (
    All,
    And,
    ArrivedSince,
    Fuzzy,
    Modseq,
    Not,
    Older,
    Or,
    Recent,
    SearchKey,
    UidSet,
    Younger,
    leaves,
    replaced,
)
from osxmail.mail.searchkeys import Sequence as Numbers
from osxmail.mail.sequenceset import MAX_NUMBER
from osxmail.mail.sortcriteria import SortCriterion
from osxmail.protocols.imap.changes import SLICE_MESSAGES
from osxmail.protocols.imap.contexts import Context
from osxmail.protocols.imap.progress import Progress
from osxmail.protocols.imap.results import concerned, correlator, writeExtended, writePlain
from osxmail.protocols.imap.selected import SelectedView, slices
from osxmail.protocols.imap.snapshotsearch import Test, compiled
from osxmail.protocols.imap.speaking import tell

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap


#: Messages that are looked at in one step, however many the keys.
SLICE_LEAST = 50


async def search(session: Imap, command: Search) -> bytes:
    view = session.selectedView()
    if command.hasCharset and "UTF8=ACCEPT" in session.enabled:
        raise BadCommand("no CHARSET once UTF8=ACCEPT is enabled")  # RFC 6855 3
    options = command.options
    refuseReuse(session, view, options)
    if options is None and "IMAP4REV2" in session.enabled:
        options = ResultOptions()  # RFC 9051 6.4.4: without RETURN, as with RETURN (ALL)
    if options is not None:
        needFuzzy(options.names, command.key)
    try:
        key = resolved(session, view, command.key)
        indexes = await found(session, view, key)
        await answer(session, view, b"SEARCH", key, indexes, command.isUid, options)
        watch(session, view, key, (), indexes, command.isUid, options)
    except MailError:
        if options is not None and "SAVE" in options.names:
            view.forgetSaved()  # RFC 5182 2.1: after a NO it is empty
        raise
    return b"OK SEARCH completed"


def refuseReuse(session: Imap, view: SelectedView, options: ResultOptions | None) -> None:
    """
    @raise BadCommand: RFC 5267 4.3: UPDATE, and a search with the same tag is kept up to date already.
    """
    if options is not None and "UPDATE" in options.names and session.tag in view.contexts:
        raise BadCommand("this tag is in use")


def watch(
    session: Imap,
    view: SelectedView,
    key: SearchKey,
    criteria: tuple[SortCriterion, ...],
    indexes: Sequence[int],
    isUid: bool,
    options: ResultOptions | None,
) -> None:
    """
    Keep these results up to date, if UPDATE asks for that.
    """
    if options is None or "UPDATE" not in options.names:
        return
    uids = array("I", view.uidsOf(list(indexes)))
    context = Context(session.tag, isUid, key, criteria, uids, options.newItems)
    # How well something matches changes with what else there is: no position would be right for long.
    isFuzzy = any(each.name == "RELEVANCY" for each in criteria)
    if isFuzzy or not view.contexts.add(context):
        # RFC 5267 4.3.1
        tell(session, b"* NO [NOUPDATE %b] Too many contexts\r\n" % renderString(session.tag))


def needFuzzy(names: frozenset[str], key: SearchKey) -> None:
    """
    @raise BadCommand: RELEVANCY is asked for, and there is no FUZZY (RFC 6203 4).
    """
    if "RELEVANCY" in names and not hasFuzzy(key):
        raise BadCommand("RELEVANCY needs FUZZY")


def hasFuzzy(key: SearchKey) -> bool:
    """
    Some of the keys are FUZZY (RFC 6203 3).
    """
    if isinstance(key, Fuzzy):
        return True
    if isinstance(key, And):
        return any(map(hasFuzzy, key.keys))
    if isinstance(key, Or):
        return hasFuzzy(key.left) or hasFuzzy(key.right)
    return isinstance(key, Not) and hasFuzzy(key.key)


def resolved(session: Imap, view: SelectedView | None, key: SearchKey) -> SearchKey:
    """
    The key as the store understands it: sequence numbers, C{*}, C{$} and RECENT have become UIDs, ages times.

    @param view: C{None} for a mailbox that is not selected, where no message has a number (RFC 7377 2.1).
    @raise BadCommand: it has such numbers all the same.
    """
    now = int(session.clock.seconds())

    def change(leaf: SearchKey) -> SearchKey:
        match leaf:
            case Numbers(numbers, isUid):
                if view is not None:
                    return UidSet(view.uidRanges(numbers, isUid))
                if not isUid or numbers.hasSaved:
                    raise BadCommand("messages have numbers in the selected mailbox only")
                return UidSet(numbers.resolved(MAX_NUMBER))
            case Recent():
                return UidSet(((max(view.firstRecent, 1), MAX_NUMBER),) if view is not None else ())
            case Younger(seconds):
                return ArrivedSince(now - seconds)  # RFC 5032 2
            case Older(seconds):
                return Not(ArrivedSince(now - seconds))
        return leaf

    return replaced(key, change)


async def found(session: Imap, view: SelectedView, key: SearchKey) -> list[int] | range:
    """
    The indexes of messages in the view that match, ascending.

    @param key: from L{resolved}.
    """
    if isinstance(key, All) and view.isInStep:
        return range(view.count)
    if isinstance(key, UidSet) and view.isInStep:
        return [index for each in view.indexesInUids(key.ranges) for index in each]
    await view.snapshot.loaded()
    test = compiled(key, view.snapshot.keywords)
    count = sum(1 for _ in leaves(key))
    return await _inSnapshot(session, view, test, count) if test is not None else await _inStore(session, view, key)


async def foundAmong(session: Imap, view: SelectedView, key: SearchKey, uids: Sequence[int]) -> Sequence[int]:
    """
    Those of these UIDs that match, ascending; what the session has not been told of is none of them.

    @param key: from L{resolved}.
    @param uids: ascending.
    """
    await view.snapshot.loaded()
    test = compiled(key, view.snapshot.keywords)
    if test is None:
        matching: list[int] = await session.whileClientIsThere(view.mailbox.search(key, uids))
        return matching
    matching = []
    for start in range(0, len(uids), SLICE_MESSAGES):
        if start:
            await session.letOthers()
        indexes = view.indexesOf(uids[start : start + SLICE_MESSAGES])
        matching += view.uidsOf([number - 1 for number in test(view.snapshot, view.located(indexes))])
    return matching


async def _inSnapshot(session: Imap, view: SelectedView, test: Test, keys: int) -> list[int]:
    found: list[int] = []
    for indexes in slices([range(view.count)] if view.count else [], max(SLICE_LEAST, SLICE_MESSAGES // keys)):
        if indexes[0]:
            await session.letOthers()
        found += [number - 1 for number in test(view.snapshot, view.located(indexes))]
    return found


async def _inStore(session: Imap, view: SelectedView, key: SearchKey) -> list[int]:
    uids: list[int] = await session.whileClientIsThere(view.mailbox.search(key, None, Progress(session)))
    return await indexesOf(session, view, uids)


async def indexesOf(session: Imap, view: SelectedView, uids: Sequence[int]) -> list[int]:
    """
    The indexes of messages, in the same order, without those that the session has not been told of.
    """
    found: list[int] = []
    for start in range(0, len(uids), SLICE_MESSAGES):
        if start:
            await session.letOthers()
        found += view.indexesOf(uids[start : start + SLICE_MESSAGES])
    return found


async def answer(
    session: Imap,
    view: SelectedView,
    kind: bytes,
    key: SearchKey,
    indexes: Sequence[int],
    isUid: bool,
    options: ResultOptions | None,
) -> None:
    """
    Say what SEARCH or SORT has found, and keep what SAVE asks for.

    @param kind: C{b"SEARCH"} or C{b"SORT"}.
    @param indexes: what was found; for SEARCH ascending.
    """
    hasModseq = any(isinstance(leaf, Modseq) for leaf in leaves(key))
    if hasModseq:
        session.enableCondstore()
    about: Sequence[int] = indexes if options is None else concerned(options, indexes)
    highest = await _highestModseq(session, view, about) if hasModseq else 0
    numbers = await _numbers(session, view, indexes, isUid)
    if options is None:
        await writePlain(session, kind, numbers, highest)
        return
    if not options.isSilent:
        scores: Sequence[int] = ()
        if "RELEVANCY" in options.names:
            told = indexes if options.partial is None else options.partial.of(indexes)
            scores = await view.mailbox.relevancies(key, sorted(view.uidsOf(list(told))))
            byUid = dict(zip(sorted(view.uidsOf(list(told))), scores, strict=True))
            scores = [byUid[uid] for uid in view.uidsOf(list(told))]
        isAscending = kind == b"SEARCH"
        await writeExtended(session, correlator(session), isUid, numbers, options, isAscending, highest, scores)
    if "SAVE" in options.names:
        await save(session, view, about)


async def save(session: Imap, view: SelectedView, indexes: Sequence[int]) -> None:
    """
    Let C{$} be these messages from now on (RFC 5182).

    @param indexes: in whatever order.
    """
    isKept = bytearray(view.count)
    for start in range(0, len(indexes), SLICE_MESSAGES):
        for index in indexes[start : start + SLICE_MESSAGES]:
            isKept[index] = 1
        await session.letOthers()
    saved = array("I")
    start = isKept.find(1)
    count = 0
    while start >= 0:
        stop = isKept.find(0, start)
        stop = stop if stop >= 0 else len(isKept)
        saved.extend(view.uidsOf([start, stop - 1]))
        start = isKept.find(1, stop)
        count += 1
        if count % SLICE_MESSAGES == 0:
            await session.letOthers()
    view.saved = saved


async def _numbers(session: Imap, view: SelectedView, indexes: Sequence[int], isUid: bool) -> Sequence[int]:
    if isinstance(indexes, range):
        return view.uidsOf(indexes) if isUid else range(indexes.start + 1, indexes.stop + 1)
    numbers: list[int] = []
    for start in range(0, len(indexes), SLICE_MESSAGES):
        if start:
            await session.letOthers()
        part = list(indexes[start : start + SLICE_MESSAGES])
        numbers += view.uidsOf(part) if isUid else [index + 1 for index in part]
    return numbers


async def _highestModseq(session: Imap, view: SelectedView, indexes: Sequence[int]) -> int:
    """
    RFC 7162 3.1.5: the highest MODSEQ of these, 0 if there are none.
    """
    highest = 0
    for start in range(0, len(indexes), SLICE_MESSAGES):
        if start:
            await session.letOthers()
        located = view.located(sorted(indexes[start : start + SLICE_MESSAGES]))
        modseqs = view.snapshot.modseqs
        highest = max(highest, max((modseqs[place] for place in located.places), default=0))
    return highest
