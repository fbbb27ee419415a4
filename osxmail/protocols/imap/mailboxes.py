# -*- test-case-name: tests.conversations -*-
"""
IMAP commands that make, rename and remove mailboxes, and subscribe to them (RFC 3501 6.3.3 to 6.3.7, RFC 2342).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osxmail.errors import MailError
from osxmail.mail.imap.command import Create, Named, Plain, Rename
from osxmail.mail.imap.reader import BadName
from osxmail.mail.imap.response import renderListing
from osxmail.mail.mailboxname import INBOX
from osxmail.mail.objectid import mailboxId
from osxmail.protocols.imap.namespaces import OTHERS, SHARED, canonicalName

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap


async def namespace(session: Imap, command: Plain) -> bytes:
    # RFC 2342 5: personal, others', shared.
    session.write(
        b'* NAMESPACE (("" "/")) (("%b" "/")) (("%b" "/"))\r\n' % (OTHERS.encode("ascii"), SHARED.encode("ascii"))
    )
    return b"OK NAMESPACE completed"


async def create(session: Imap, command: Create) -> bytes:
    namespaces = session.namespaces
    await namespaces.mayCreate(command.mailbox)
    account, nameThere = await namespaces.whose(command.mailbox)
    if not account.address and nameThere.partition("/")[0] == INBOX:
        raise BadName("nobody's mail comes in there")
    mailbox = await account.createMailbox(nameThere, command.specialUse)
    if session.isRev2 and command.nameBefore:
        # RFC 9051 6.3.4: the name that we have made of the client's.
        session.write(renderListing(b"LIST", (), command.mailbox, isUtf8=True, oldName=command.nameBefore))
    # RFC 8474 4.1
    return b"OK [MAILBOXID (%b)] CREATE completed" % mailboxId(mailbox.mailboxId).encode("ascii")


async def delete(session: Imap, command: Named) -> bytes:
    place = await session.namespaces.find(command.mailbox, "x")
    view = session.view
    if view is None or view.mailbox.mailboxId != place.mailbox.mailboxId:
        await place.account.deleteMailbox(place.nameThere)
        return b"OK DELETE completed"
    view.onGone = _expected
    try:
        await place.account.deleteMailbox(place.nameThere)
    except MailError:
        view.onGone = session.gone
        raise
    session.unselect()
    return b"OK DELETE completed"


def _expected() -> None:
    """
    The selected mailbox goes because its own session deletes it.
    """


async def rename(session: Imap, command: Rename) -> bytes:
    namespaces = session.namespaces
    place = await namespaces.find(command.mailbox, "x")
    await namespaces.mayCreate(command.newName)
    account, nameThere = await namespaces.whose(command.newName)
    if account.accountId != place.account.accountId:
        raise BadName("a mailbox stays with its owner; copy its messages")
    if place.nameThere == INBOX:
        place.need("te")  # its messages move
    await account.renameMailbox(place.nameThere, nameThere)
    view = session.view
    if view is not None and place.nameThere != INBOX:
        if view.name == command.mailbox:
            view.name = command.newName
        elif view.name.startswith(command.mailbox + "/"):
            view.name = command.newName + view.name[len(command.mailbox) :]
    if session.isRev2 and place.nameThere != INBOX:
        # RFC 9051 6.3.9.7
        session.write(renderListing(b"LIST", (), command.newName, isUtf8=True, oldName=command.mailbox))
    return b"OK RENAME completed"


async def subscribe(session: Imap, command: Named) -> bytes:
    # RFC 4314 4: no right is needed where nobody looks whether the mailbox exists.
    await session.ownAccount().subscribe(canonicalName(command.mailbox), True)
    return b"OK SUBSCRIBE completed"


async def unsubscribe(session: Imap, command: Named) -> bytes:
    await session.ownAccount().subscribe(canonicalName(command.mailbox), False)
    return b"OK UNSUBSCRIBE completed"
