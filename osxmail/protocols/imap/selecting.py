# -*- test-case-name: tests.conversations -*-
"""
SELECT, EXAMINE, CLOSE and UNSELECT (RFC 3501 6.3, RFC 9051 6.3, RFC 3691).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osxmail.errors import MailError
from osxmail.mail.flags import SEEN
from osxmail.mail.imap.command import Plain, Select
from osxmail.mail.imap.reader import BadCommand
from osxmail.mail.imap.response import renderListing
from osxmail.mail.objectid import mailboxId
from osxmail.mail.rights import CHANGING_RIGHTS
from osxmail.protocols.imap.changes import renderKeywords
from osxmail.protocols.imap.dialect import UID_REQUIRED, adapt
from osxmail.protocols.imap.resync import resynchronize
from osxmail.protocols.imap.selected import SelectedView
from osxmail.protocols.imap.speaking import tell
from osxmail.protocols.imap.urlauth import URLMECH

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: SELECT waits until the flags of so many messages are loaded.
AWAITED_MESSAGES = 500


async def select(session: Imap, command: Select) -> bytes:
    return await _open(session, command, isReadOnly=False)


async def examine(session: Imap, command: Select) -> bytes:
    return await _open(session, command, isReadOnly=True)


async def _open(session: Imap, command: Select, isReadOnly: bool) -> bytes:
    resync = command.resync
    if resync is not None:
        if not session.isQresync:
            raise BadCommand("ENABLE QRESYNC comes first")  # RFC 7162 3.2.5
        if session.isUidOnly and resync.numbers is not None:
            return UID_REQUIRED  # RFC 9586 3
    if session.view is not None:
        # RFC 3501 6.3.1: the mailbox before is deselected even when this fails.
        await session.deselect()
        tell(session, b"* OK [CLOSED] The mailbox before is closed\r\n")  # RFC 7162 3.2.11
    place = await session.namespaces.find(command.mailbox, "r")
    mailbox = place.mailbox
    # RFC 4314 5.2: whoever may change nothing has selected it for reading.
    mayChange = not isReadOnly and not place.rights.isdisjoint(CHANGING_RIGHTS)
    status = await mailbox.status()
    view = SelectedView(command.mailbox, mailbox, isReadOnly, session.changed, session.gone)
    firstRecent, uidnext = status.firstRecentUid, status.uidnext
    snapshot = await mailbox.snapshot(view)
    # What RFC 9051 E and RFC 9586 leave out.
    hasRecent = not session.isRev2
    hasUnseen = hasRecent and not session.isUidOnly and status.unseen > 0
    try:
        if hasRecent and mayChange and firstRecent < uidnext:
            firstRecent, uidnext = await mailbox.claimRecent()
        if hasUnseen and len(snapshot.uids) <= AWAITED_MESSAGES:
            await snapshot.loaded()
    except BaseException:
        mailbox.release(view)
        raise
    view.open(snapshot)
    view.firstRecent = max(firstRecent, snapshot.announcedUid + 1)
    view.uidnext = max(uidnext, view.lastUid + 1)
    view.rights = place.rights
    adapt(session, view)
    session.view, session.place = view, place
    if command.condstore:
        session.enabled.add("CONDSTORE")
    lines = [renderKeywords(view), b"* %d EXISTS\r\n" % view.count]
    if hasRecent:
        view.noteAnnounced()
        lines.append(b"* %d RECENT\r\n" % view.recentCount())
    # RFC 3501 7.1: UNSEEN may be left out; a large mailbox that nobody has opened lately need not be waited for.
    isLoaded = len(snapshot.flags) == len(snapshot.uids)
    unseen = view.firstUnseen(SEEN) if hasUnseen and isLoaded else 0
    if unseen:
        lines.append(b"* OK [UNSEEN %d] The first unseen message\r\n" % unseen)
    lines.append(
        b"* OK [UIDVALIDITY %d] UIDs valid\r\n* OK [UIDNEXT %d] The next UID\r\n* OK [HIGHESTMODSEQ %d] Highest\r\n"
        b"* OK [MAILBOXID (%b)] The mailbox's id\r\n"  # RFC 8474 4.2
        % (status.uidvalidity, view.uidnext, view.modseq, mailboxId(mailbox.mailboxId).encode("ascii"))
    )
    if session.isSecure:
        lines.append(b"* " + URLMECH)  # RFC 4467 8: not where others may listen
    if session.isRev2:
        # RFC 9051 6.3.2
        lines.append(renderListing(b"LIST", (), command.mailbox, oldName=command.nameBefore, isUtf8=True))
    tell(session, b"".join(lines))
    if resync is not None and resync.uidvalidity == status.uidvalidity:
        try:
            await resynchronize(session, view, resync)
        except MailError:
            # RFC 3501 6.3.1: a SELECT that fails leaves no mailbox selected.
            await session.deselect()
            raise
    name = b"EXAMINE" if isReadOnly else b"SELECT"
    return b"OK [%b] %b completed" % (b"READ-WRITE" if mayChange else b"READ-ONLY", name)


async def close(session: Imap, command: Plain) -> bytes:
    """
    CLOSE (RFC 3501 6.4.2): expunges without telling, unless the mailbox was opened by EXAMINE.
    """
    view = session.selectedView()
    # RFC 4314 4: without the right, the mailbox is closed all the same.
    if not view.isReadOnly and "e" in view.rights:
        await view.mailbox.expunge()
    await session.deselect()
    return b"OK CLOSE completed"


async def unselect(session: Imap, command: Plain) -> bytes:
    """
    UNSELECT (RFC 3691).
    """
    await session.deselect()
    return b"OK UNSELECT completed"
