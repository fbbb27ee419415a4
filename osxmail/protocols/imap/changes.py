# -*- test-case-name: tests.unit.protocols.imap.test_changes -*-
"""
Telling a session what others have done to its mailbox (RFC 3501 5.2, 7.3), at the end of a command or in IDLE.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from osxmail.mail.flags import SYSTEM_FLAGS
from osxmail.mail.imap.response import renderFlags
from osxmail.mail.rights import rightFor
from osxmail.mail.sequenceset import renderSet
from osxmail.protocols.base import LineTooLong
from osxmail.protocols.imap.lines import Lines
from osxmail.protocols.imap.reading import AFTER_LOGIN
from osxmail.protocols.imap.selected import Located, SelectedView
from osxmail.protocols.imap.speaking import tell

if TYPE_CHECKING:
    from osxmail.mail.imap.command import Plain
    from osxmail.protocols.imap.session import Imap

#: Messages whose responses are made without letting others have their turn.
SLICE_MESSAGES = 4000
#: EXPUNGE responses that are written at once.
SLICE_EXPUNGES = 10_000


def renderKeywords(view: SelectedView) -> bytes:
    """
    FLAGS and PERMANENTFLAGS (RFC 3501 7.2.6, 7.1).
    """
    names = (*SYSTEM_FLAGS, *view.snapshot.keywords)
    # RFC 4314 5.1.1: PERMANENTFLAGS says what this person may change.
    rights = frozenset() if view.isReadOnly else view.rights
    permanent = [name for name in (*names, "\\*") if rightFor(name) in rights]
    return b"* FLAGS %b\r\n* OK [PERMANENTFLAGS %b] Flags kept\r\n" % (renderFlags(names), renderFlags(permanent))


def tellKeywords(session: Imap, view: SelectedView) -> None:
    """
    Say that there are new keywords, before one of them is used.
    """
    count = len(view.snapshot.keywords)
    if count != view.keywordsTold:
        view.keywordsTold = count
        tell(session, renderKeywords(view))


async def tellChanges(
    session: Imap, mayExpunge: bool, withUid: bool = False, own: Collection[int] = frozenset()
) -> None:
    """
    Tell everything that has changed since it was told last.

    @param mayExpunge: sequence numbers may shift now (RFC 3501 7.4.1: not under FETCH, STORE and SEARCH).
    @param withUid: with UIDs (RFC 3501 6.4.8: in answer to a UID command).
    @param own: MODSEQs of changes that this session made and has been told of.
    """
    view = session.view
    if view is None:
        return
    if view.notes:
        notes, view.notes = view.notes, b""
        session.write(notes)
    known, since = view.lastUid, view.modseq
    if mayExpunge:
        before = view.knownUids
        isByUid = session.isQresync or session.isUidOnly
        numbers = view.takeVanished() if isByUid else view.takeExpunged()
        if numbers and view.contexts:
            gone = numbers if isByUid else [before[number - 1] for number in numbers]
            await view.contexts.expunged(session, before, gone)
        for start in range(0, len(numbers), SLICE_EXPUNGES):
            if start:
                await session.drain()
                await session.letOthers()
            part = numbers[start : start + SLICE_EXPUNGES]
            if isByUid:
                session.write(b"* VANISHED %b\r\n" % renderSet(part))  # RFC 7162 3.2.10, RFC 9586 3
            else:
                session.write(b"".join([b"* %d EXPUNGE\r\n" % number for number in part]))
    if view.takeArrived():
        if session.isRev2:
            session.write(b"* %d EXISTS\r\n" % view.count)
        else:
            session.write(b"* %d EXISTS\r\n* %d RECENT\r\n" % (view.count, view.recentCount()))
            view.noteAnnounced()
    highest = view.snapshot.highestModseq
    while view.modseq < highest and view.modseq + 1 in own:
        # What we did ourselves was told by the command's answers: mostly there is nothing else to look for.
        view.modseq += 1
    watch = session.watch
    if watch is not None and "FLAGCHANGE" not in watch.selectedEvents:
        view.modseq = highest  # RFC 5465 5: nobody wants to know
    if view.modseq != highest:
        await _tellFlags(session, view, known, withUid, own)
    if since != highest and view.contexts:
        await view.contexts.changed(session, view, since, known)
    if watch is not None and watch.newItems is not None and view.lastUid > known:
        # RFC 5465 5.2: after EXISTS and ADDTO.
        await watch.tellNew(view.uidsOf(range(view.indexAfter(known), view.count)))


async def _tellFlags(session: Imap, view: SelectedView, known: int, withUid: bool, own: Collection[int]) -> None:
    highest = view.snapshot.highestModseq
    uids = view.changedFlags(known)
    view.modseq = highest
    if not len(uids):
        return
    await view.snapshot.loaded()
    tellKeywords(session, view)
    # RFC 7162 3.2.4, RFC 9051 7.5.2, RFC 5465 5.1: also unasked, with the UID.
    withUid = withUid or session.isQresync or session.isRev2 or session.watch is not None
    items = [*(("UID",) if withUid else ()), "FLAGS", *(("MODSEQ",) if session.isCondstore else ())]
    lines = Lines(view, items)
    for start in range(0, len(uids), SLICE_MESSAGES):
        if start:
            await session.drain()
            await session.letOthers()
        part = uids[start : start + SLICE_MESSAGES]
        located = view.located(view.indexesOf(part))
        session.write(lines.render(withoutOwn(view, located, own) if own else located))


def withoutOwn(view: SelectedView, located: Located, own: Collection[int]) -> Located:
    """
    The same messages without those whose last change is one of our own.
    """
    modseqs = view.snapshot.modseqs
    kept = [pair for pair in zip(located.numbers, located.places, strict=True) if modseqs[pair[1]] not in own]
    return Located([number for number, _ in kept], [place for _, place in kept], located.missing)


async def idle(session: Imap, command: Plain) -> bytes:
    """
    IDLE (RFC 2177): whatever happens is told at once, until the client says DONE.
    """
    session.write(b"+ idling\r\n")
    session.isIdling = True
    try:
        session.tellSoon()
        try:
            line = await session.readLine(AFTER_LOGIN.lineOctets, atRest=True)
        except LineTooLong:
            line = b""
    finally:
        session.isIdling = False
    await session.told()
    if line.upper() != b"DONE":
        return b"BAD DONE expected"
    return b"OK IDLE completed"
