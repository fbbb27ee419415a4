# -*- test-case-name: tests.unit.protocols.imap.test_multisearch -*-
"""
ESEARCH: a search of several mailboxes, selected or not (RFC 7377).  Its answers tell UIDs.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from osxmail.errors import LimitExceeded, MailError, NoSuchMailbox, NotAllowed
from osxmail.interfaces import IMailbox
from osxmail.mail.imap.reader import BadCommand
from osxmail.mail.imap.response import renderMailbox
from osxmail.mail.imap.searchcommand import MultiSearch
from osxmail.mail.searchkeys import All, Modseq, Recent, SearchKey, UidSet, leaves, replaced
from osxmail.mail.searchkeys import Sequence as Numbers
from osxmail.mail.sequenceset import MAX_NUMBER
from osxmail.protocols.imap.filters import Reachable, meant
from osxmail.protocols.imap.progress import Progress
from osxmail.protocols.imap.results import concerned, correlator, writeExtended
from osxmail.protocols.imap.searching import found, needFuzzy, refuseReuse, resolved, save, watch
from osxmail.protocols.imap.selected import UidRequired

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

MAX_SEARCHED = 1000  # mailboxes in one command


async def multiSearch(session: Imap, command: MultiSearch) -> bytes:
    options = command.options
    hasSelected = any(each.kind == "SELECTED" for each in command.sources)
    view = session.view
    if view is None and (hasSelected or "UPDATE" in options.names):
        raise BadCommand("no mailbox is selected")  # RFC 7377 2.2
    if "SAVE" in options.names and any(each.kind != "SELECTED" for each in command.sources):
        raise BadCommand("SAVE is for the selected mailbox")  # RFC 7377 2.2
    if command.hasCharset and "UTF8=ACCEPT" in session.enabled:
        raise BadCommand("no CHARSET once UTF8=ACCEPT is enabled")  # RFC 6855 3
    needFuzzy(options.names, command.key)
    if view is not None:
        refuseReuse(session, view, options)
    try:
        others = await meant(session, Reachable(session), command.sources)
        if len(others) > MAX_SEARCHED:
            raise LimitExceeded(f"at most {MAX_SEARCHED} mailboxes are searched at once")  # RFC 7377 2.4
        if view is not None and (hasSelected or view.mailbox.mailboxId in others):
            others.pop(view.mailbox.mailboxId, None)
            await _inSelected(session, command)
        progress = Progress(session)
        for done, seen in enumerate(others.values()):
            progress(done, len(others))
            try:
                place = await session.namespaces.find(seen.name)
            except (NoSuchMailbox, NotAllowed):
                continue  # deleted meanwhile, or given back
            if "r" in place.rights:
                await _inOther(session, command, seen.name, place.mailbox)
    except MailError:
        if view is not None and "SAVE" in options.names:
            view.forgetSaved()  # RFC 5182 2.1: after a NO it is empty
        raise
    return b"OK ESEARCH completed"


async def _inSelected(session: Imap, command: MultiSearch) -> None:
    view = session.selectedView()
    key = resolved(session, view, command.key)
    indexes = await found(session, view, key)
    uids = list(view.uidsOf(indexes))
    status = await view.mailbox.status()
    await _answer(session, command, key, view.name, status.uidvalidity, view.mailbox, uids)
    if "SAVE" in command.options.names:
        await save(session, view, concerned(command.options, indexes))
    watch(session, view, key, (), indexes, True, command.options)


async def _inOther(session: Imap, command: MultiSearch, name: str, mailbox: IMailbox) -> None:
    try:
        status = await mailbox.status()
        key = await _resolvedIn(session, mailbox, command.key, status.firstRecentUid)
        uids: list[int] = await session.whileClientIsThere(mailbox.search(key))
        await _answer(session, command, key, name, status.uidvalidity, mailbox, uids)
    except NoSuchMailbox:
        return  # deleted meanwhile


async def _resolvedIn(session: Imap, mailbox: IMailbox, key: SearchKey, firstRecent: int) -> SearchKey:
    """
    The key as the store understands it, for a mailbox that is not selected: its messages are numbered as they are now
    (RFC 7377 2: the first hundred in each).

    @raise BadCommand: it names what was saved of the selected mailbox.
    """
    uids: Sequence[int] = ()
    if any(isinstance(leaf, Numbers) for leaf in leaves(key)):
        every: list[int] = await session.whileClientIsThere(mailbox.search(All()))
        uids = array("I", every)

    def change(leaf: SearchKey) -> SearchKey:
        if isinstance(leaf, Recent):
            return UidSet(((max(firstRecent, 1), MAX_NUMBER),))
        if not isinstance(leaf, Numbers):
            return leaf
        if leaf.numbers.hasSaved:
            raise BadCommand("what was saved is in the selected mailbox only")
        if session.isUidOnly and not leaf.isUid:
            raise UidRequired
        if leaf.isUid:
            return UidSet(leaf.numbers.resolved(uids[-1] if uids else 0))
        count = len(uids)
        ranges = [(low, min(high, count)) for low, high in leaf.numbers.resolved(count) if low <= count]
        return UidSet(tuple((uids[low - 1], uids[high - 1]) for low, high in ranges))

    return resolved(session, None, replaced(key, change))


async def _answer(
    session: Imap,
    command: MultiSearch,
    key: SearchKey,
    name: str,
    uidvalidity: int,
    mailbox: IMailbox,
    uids: list[int],
) -> None:
    """
    RFC 7377 2.1: one response, if something was found.
    """
    if not uids or command.options.isSilent:
        return
    options = command.options
    scores: Sequence[int] = ()
    if "RELEVANCY" in options.names:
        told = uids if options.partial is None else options.partial.of(uids)
        scores = await mailbox.relevancies(key, told)
    highest = 0
    if any(isinstance(leaf, Modseq) for leaf in leaves(key)):
        session.enableCondstore()
        highest = await _highestModseq(mailbox, frozenset(concerned(options, uids)))
    mailboxName = renderMailbox(name, session.isUtf8)
    about = correlator(session, b"MAILBOX " + mailboxName, b"UIDVALIDITY %d" % uidvalidity)
    await writeExtended(session, about, True, uids, options, True, highest, scores)


async def _highestModseq(mailbox: IMailbox, uids: frozenset[int]) -> int:
    changes = await mailbox.changesSince(0)
    return max((row[2] for row in changes.changed if row[0] in uids), default=0)
