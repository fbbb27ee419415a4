# -*- test-case-name: tests.unit.protocols.imap.test_fetch -*-
"""
FETCH (RFC 3501 6.4.5): the snapshot answers what it knows, ENVELOPE and BODYSTRUCTURE were rendered when the message
arrived, and bodies are streamed, so that a slow client holds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osxmail.mail.imap.command import Fetch
from osxmail.mail.imap.reader import BadCommand
from osxmail.protocols.imap.changes import SLICE_MESSAGES, tellKeywords
from osxmail.protocols.imap.fetchanswers import FetchAnswer
from osxmail.protocols.imap.messages import GONE
from osxmail.protocols.imap.resync import knownRanges, tellVanished
from osxmail.protocols.imap.sections import UnknownEncoding
from osxmail.protocols.imap.selected import cut, slices

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: Messages whose renderings are read in one hop.
BATCH_RENDERINGS = 1000
#: Messages whose previews are made before the first of them is told.
BATCH_PREVIEWS = 100
#: Messages that are opened in one hop; the store's limit.
BATCH_MESSAGES = 100


async def fetch(session: Imap, command: Fetch) -> bytes:
    view = session.selectedView()
    ranges = view.indexRanges(command.messages, command.isUid)
    if command.partial is not None:
        ranges = cut(ranges, command.partial.window(sum(map(len, ranges))))
    items = command.items.including("UID") if command.isUid else command.items
    since = command.changedSince
    if command.hasVanished and not session.isQresync:
        raise BadCommand("ENABLE QRESYNC comes first")  # RFC 7162 3.2.6
    if since is not None:
        items = items.including("MODSEQ")  # RFC 7162 3.1.4.1
    if "MODSEQ" in items.simple:
        session.enableCondstore()
    if command.hasVanished and since is not None:
        await tellVanished(session, view, since, knownRanges(view, command.messages))
    await view.snapshot.loaded()
    tellKeywords(session, view)
    answer = FetchAnswer(session, view, items, command.changedSince)
    # RFC 2180 4.1.1: which UID a number stands for is known as long as the number is.
    mayTellGone = items.simple == ("UID",) and since is None and not command.isUid
    most = BATCH_MESSAGES if items.sections else BATCH_RENDERINGS if items.needs else SLICE_MESSAGES
    if "PREVIEW" in items.simple:
        most = min(most, BATCH_PREVIEWS)
    try:
        portions = slices(ranges, most)
        following = next(portions, [])
        while indexes := following:
            following = next(portions, [])
            if items.sections:
                await answer.withSections(indexes, following)
            elif items.needs:
                await answer.withRenderings(indexes, following)
            elif mayTellGone and not view.isInStep:
                answer.uidsOnly(indexes)
            else:
                answer.fromSnapshot(indexes)
            await session.drain()
            await session.letOthers()
    finally:
        answer.close()
    if isinstance(answer.failure, UnknownEncoding):
        return b"NO [UNKNOWN-CTE] A body has a transfer encoding that is not known here"  # RFC 3516 4.3
    if answer.failure is not None:
        raise answer.failure
    # RFC 2180 4.1.2: what another session has expunged, and this one has not been told of, cannot be answered.
    return b"OK " + GONE if answer.missing else b"OK FETCH completed"
