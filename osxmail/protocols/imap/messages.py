# -*- test-case-name: tests.conversations -*-
"""
IMAP commands that change messages: STORE, COPY, MOVE, EXPUNGE, CLOSE (RFC 3501 6.4, RFC 4315, RFC 6851, RFC 7162).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from osxmail.errors import NoSuchMailbox, NotAllowed
from osxmail.mail.acceptance import Copied, FlagsStored
from osxmail.mail.flags import SYSTEM_FLAGS
from osxmail.mail.imap.command import Expunge, Store, Transfer
from osxmail.mail.rights import rightFor, settableFlags
from osxmail.mail.sequenceset import SequenceSet, renderPairs, renderSet
from osxmail.protocols.imap.changes import SLICE_MESSAGES, tellChanges, tellKeywords
from osxmail.protocols.imap.lines import Lines
from osxmail.protocols.imap.namespaces import Place
from osxmail.protocols.imap.progress import Progress
from osxmail.protocols.imap.selected import SelectedView
from osxmail.protocols.imap.speaking import tell

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

GONE = b"[EXPUNGEISSUED] Some of the messages are gone"  # RFC 5530 3


def _needsWriting(view: SelectedView, rights: str = "") -> None:
    if view.isReadOnly:
        raise NotAllowed("the mailbox was opened by EXAMINE")
    if not view.rights.issuperset(rights):
        raise NotAllowed(f"that needs the rights {rights}")


def _namedUids(view: SelectedView, messages: SequenceSet, isUid: bool) -> Sequence[int]:
    ranges = view.indexRanges(messages, isUid)
    if len(ranges) == 1:
        return view.uidsOf(ranges[0])
    return [uid for each in ranges for uid in view.uidsOf(each)]


# ----------------------------------------------------------------------------------------------------- STORE


async def store(session: Imap, command: Store) -> bytes:
    view = session.selectedView()
    _needsWriting(view)
    if command.unchangedSince is not None:
        session.enableCondstore()
    uids = _namedUids(view, command.messages, command.isUid)
    if not len(uids):
        return b"OK Nothing to do"
    # What others have done is told first, so that it is not mistaken for the result of this.
    await tellChanges(session, False, command.isUid)
    before = view.modseq
    stored = await _stored(view, uids, command)
    missing = await _answer(session, view, command, uids, stored.changed, frozenset(stored.refused))
    if stored.modseq == before + 1:
        # Nobody else has changed anything in between: there is nothing more to tell.
        session.ownModseqs.add(stored.modseq)
    if stored.refused:
        # RFC 7162 3.1.3: MODIFIED names what was not changed, by UID in a UID STORE.
        refused = [uid if command.isUid else view.indexOf(uid) + 1 for uid in stored.refused]
        return b"OK [MODIFIED %b] Conditional STORE failed for some" % renderSet(refused)
    return b"OK %b" % GONE if missing else b"OK STORE completed"


async def _stored(view: SelectedView, uids: Sequence[int], command: Store) -> FlagsStored:
    """
    RFC 4314 4: flags that may not be changed are left as they are; where there is none that may, it is refused.
    """
    operation, flags, rights = command.operation, command.flags, view.rights
    if rights.issuperset("swt"):
        return await view.mailbox.storeFlags(uids, operation, flags, command.unchangedSince)
    permitted = tuple(flag for flag in flags if rightFor(flag) in rights)
    if not permitted and (flags or rights.isdisjoint("swt")):
        raise NotAllowed("none of these flags may be changed")
    if operation != "=":
        return await view.mailbox.storeFlags(uids, operation, permitted, command.unchangedSince)
    # Replace among the permitted ones: take away those that are not named, then add.
    others = [name for name in (*SYSTEM_FLAGS, *view.snapshot.keywords) if rightFor(name) in rights]
    named = {flag.lower() for flag in permitted}
    taken = await view.mailbox.storeFlags(
        uids, "-", [name for name in others if name.lower() not in named], command.unchangedSince
    )
    refused = frozenset(taken.refused)
    added = await view.mailbox.storeFlags([uid for uid in uids if uid not in refused], "+", permitted)
    changed = tuple(sorted({*taken.changed, *added.changed}))
    return FlagsStored(max(taken.modseq, added.modseq), changed, taken.refused)


async def _answer(
    session: Imap,
    view: SelectedView,
    command: Store,
    uids: Sequence[int],
    changed: Sequence[int],
    refused: frozenset[int],
) -> int:
    """
    The FETCH responses of a STORE.

    @return: how many of the messages are gone.
    """
    items = ["UID"] if command.isUid else []
    if not command.isSilent:
        items.append("FLAGS")
    if session.isCondstore:
        items.append("MODSEQ")
    isTold = not command.isSilent or session.isCondstore
    # RFC 7162 3.1.3: also .SILENT answers with the MODSEQ of what was changed, or passed the test of UNCHANGEDSINCE.
    told: Sequence[int] = uids
    if command.isSilent and command.unchangedSince is None:
        told = changed
    elif refused:
        told = [uid for uid in uids if uid not in refused]
    await view.snapshot.loaded()
    tellKeywords(session, view)
    if not isTold and view.isInStep:
        return 0
    lines = Lines(view, items)
    missing = 0
    for start in range(0, len(told), SLICE_MESSAGES):
        located = view.located(view.indexesOf(told[start : start + SLICE_MESSAGES]))
        missing += located.missing
        if isTold:
            session.write(lines.render(located))
            await session.drain()
        if start + SLICE_MESSAGES < len(told):
            await session.letOthers()
    return missing


# ---------------------------------------------------------------------------------------------- COPY and MOVE


async def _target(session: Imap, name: str) -> Place | None:
    try:
        return await session.namespaces.find(name, "i")
    except NoSuchMailbox:
        return None


TRY_CREATE = b"NO [TRYCREATE] There is no such mailbox"  # RFC 3501 6.4.7


async def copy(session: Imap, command: Transfer) -> bytes:
    return await _transfer(session, command, isMove=False)


async def move(session: Imap, command: Transfer) -> bytes:
    return await _transfer(session, command, isMove=True)


async def _transfer(session: Imap, command: Transfer, isMove: bool) -> bytes:
    view = session.selectedView()
    if isMove:
        _needsWriting(view, "te")  # RFC 6851 4.1: it takes messages away
    uids = _namedUids(view, command.messages, command.isUid)
    target = await _target(session, command.mailbox)
    if target is None:
        return TRY_CREATE
    if not len(uids):
        return b"OK Nothing to do"
    if not command.isUid and not view.isInStep:
        ranges = view.indexRanges(command.messages, False)
        if any(view.located(each).missing for each in ranges):
            # RFC 2180 4.4.1: a copy of some of what was asked for would be none.
            return b"NO %b" % GONE
    mailbox = view.mailbox
    kept = -1 if target.rights.issuperset("swt") else settableFlags(target.rights)
    transfer = mailbox.move if isMove else mailbox.copy
    copied: Copied = await Progress(session).during(transfer(uids, target.mailbox, kept))
    if not copied.sources:
        return b"OK Nothing to do"
    if session.watch is not None:
        session.watch.made(target.mailbox.mailboxId, copied.targets)
    code = b""
    if "r" in target.rights:  # RFC 4315 5: who may not select it learns nothing of its UIDs
        code = b"[COPYUID %d %b %b] " % (copied.uidvalidity, *renderPairs(copied.sources, copied.targets))
    if isMove:
        # RFC 6851 4.3: COPYUID comes before the EXPUNGEs, which tellChanges writes.
        if code:
            tell(session, b"* OK %bMoved\r\n" % code)
        return await withModseq(session, view, len(copied.sources), command.isUid, b"MOVE completed")
    return b"OK %bCOPY completed" % code


# ------------------------------------------------------------------------------------------- letting things go


async def expunge(session: Imap, command: Expunge) -> bytes:
    view = session.selectedView()
    _needsWriting(view, "e")
    gone: Sequence[int] = ()
    if command.messages is None:
        gone = await view.mailbox.expunge()
    else:
        uids = _namedUids(view, command.messages, True)
        if len(uids):
            gone = await view.mailbox.expunge(uids)
    return await withModseq(session, view, len(gone), command.messages is not None, b"EXPUNGE completed")


async def withModseq(session: Imap, view: SelectedView, count: int, isUid: bool, text: bytes) -> bytes:
    """
    The end of a command that has removed C{count} messages: with HIGHESTMODSEQ (RFC 7162 3.2.7 and 3.2.9), once
    everything is told that this stands for.
    """
    if not count or not session.isCondstore:
        return b"OK %b" % text
    await tellChanges(session, True, isUid, session.ownModseqs)
    return b"OK [HIGHESTMODSEQ %d] %b" % (view.toldModseq, text)
