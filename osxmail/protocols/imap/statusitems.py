# -*- test-case-name: tests.conversations -*-
"""
What STATUS, and LIST with STATUS, say of a mailbox (RFC 3501 6.3.10, RFC 9051 6.3.11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osxmail.interfaces import IMailbox
from osxmail.mail.acceptance import MailboxStatus
from osxmail.mail.imap.reader import BadCommand
from osxmail.mail.objectid import mailboxId
from osxmail.mail.searchkeys import UidSet
from osxmail.mail.sequenceset import MAX_NUMBER

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap


async def statusValues(
    session: Imap, status: MailboxStatus, mailbox: IMailbox, items: tuple[str, ...]
) -> list[tuple[str, int | bytes]]:
    """
    The items with their values, in order.

    @raise BadCommand: one of them is none in this session.
    """
    if session.isRev2 and "RECENT" in items:
        raise BadCommand("there is no RECENT in IMAP4rev2")  # RFC 9051 E
    values: dict[str, int | bytes] = {
        "MESSAGES": status.messages,
        "UIDNEXT": status.uidnext,
        "UIDVALIDITY": status.uidvalidity,
        "UNSEEN": status.unseen,
        "HIGHESTMODSEQ": status.highestModseq,
        "SIZE": status.sizeOctets,
        "DELETED": status.deleted,
        "MAILBOXID": b"(%b)" % mailboxId(status.mailboxId).encode("ascii"),
        "APPENDLIMIT": session.entrance.settings.octets("imap.append_limit"),
    }
    if "RECENT" in items:
        recent = 0
        if status.firstRecentUid < status.uidnext and status.messages:
            recent = len(await mailbox.search(UidSet(((status.firstRecentUid, MAX_NUMBER),))))
        values["RECENT"] = recent
    if "DELETED-STORAGE" in items:  # RFC 9208 4.1.4
        values["DELETED-STORAGE"] = await mailbox.deletedOctets() if status.deleted else 0
    return [(item, values[item]) for item in items]
