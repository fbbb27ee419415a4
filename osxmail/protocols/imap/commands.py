# -*- test-case-name: tests.conversations -*-
"""
Which command may come when, what carries it out, and what we say we can.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from attrs import frozen

from osxmail.protocols.imap import (
    access,
    appending,
    changes,
    contexts,
    dialect,
    entering,
    fetch,
    listing,
    mailboxes,
    messages,
    metadata,
    multisearch,
    quota,
    searching,
    selecting,
    sorting,
    urlauth,
    watching,
)

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

# The states of RFC 3501 3, as bits.
BEFORE, AUTHENTICATED, SELECTED = 1, 2, 4
ALWAYS = BEFORE | AUTHENTICATED | SELECTED
INSIDE = AUTHENTICATED | SELECTED


@frozen
class Rule:
    """
    @ivar states: when the command may come.
    @ivar carryOut: takes the session and the command's value; returns what follows the tag.  What it writes before are
        the untagged responses.
    @ivar isPulled: it takes the command's L{Arguments<osxmail.protocols.imap.reading.Arguments>} in place of a value.
    """

    states: int
    carryOut: Callable[[Imap, Any], Awaitable[bytes]]
    isPulled: bool = False


COMMANDS: dict[str, Rule] = {
    "CAPABILITY": Rule(ALWAYS, entering.capability),
    "NOOP": Rule(ALWAYS, entering.noop),
    "LOGOUT": Rule(ALWAYS, entering.logout),
    "ID": Rule(ALWAYS, entering.identify),
    "STARTTLS": Rule(BEFORE, entering.startTLS),
    "AUTHENTICATE": Rule(BEFORE, entering.authenticate),
    "LOGIN": Rule(BEFORE, entering.login),
    "LANGUAGE": Rule(ALWAYS, dialect.language),
    "COMPRESS": Rule(INSIDE, entering.compress),
    "UNAUTHENTICATE": Rule(INSIDE, entering.unauthenticate),
    "ENABLE": Rule(INSIDE, dialect.enable),
    "NAMESPACE": Rule(INSIDE, mailboxes.namespace),
    "SELECT": Rule(INSIDE, selecting.select),
    "EXAMINE": Rule(INSIDE, selecting.examine),
    "CREATE": Rule(INSIDE, mailboxes.create),
    "DELETE": Rule(INSIDE, mailboxes.delete),
    "RENAME": Rule(INSIDE, mailboxes.rename),
    "SUBSCRIBE": Rule(INSIDE, mailboxes.subscribe),
    "UNSUBSCRIBE": Rule(INSIDE, mailboxes.unsubscribe),
    "LIST": Rule(INSIDE, listing.listMailboxes),
    "LSUB": Rule(INSIDE, listing.listSubscribed),
    "STATUS": Rule(INSIDE, listing.status),
    "SETACL": Rule(INSIDE, access.setAccess),
    "DELETEACL": Rule(INSIDE, access.deleteAccess),
    "GETACL": Rule(INSIDE, access.getAccess),
    "LISTRIGHTS": Rule(INSIDE, access.listRights),
    "MYRIGHTS": Rule(INSIDE, access.myRights),
    "GETQUOTA": Rule(INSIDE, quota.getQuota),
    "GETQUOTAROOT": Rule(INSIDE, quota.getQuotaRoot),
    "SETQUOTA": Rule(INSIDE, quota.setQuota),
    "GETMETADATA": Rule(INSIDE, metadata.getMetadata),
    "SETMETADATA": Rule(INSIDE, metadata.setMetadata),
    "GENURLAUTH": Rule(INSIDE, urlauth.generate),
    "URLFETCH": Rule(INSIDE, urlauth.fetch),
    "RESETKEY": Rule(INSIDE, urlauth.resetKeys),
    "APPEND": Rule(INSIDE, appending.append, isPulled=True),
    "REPLACE": Rule(SELECTED, appending.replace, isPulled=True),
    "UID REPLACE": Rule(SELECTED, appending.replaceByUid, isPulled=True),
    "IDLE": Rule(INSIDE, changes.idle),
    "CHECK": Rule(SELECTED, entering.noop),
    "CLOSE": Rule(SELECTED, selecting.close),
    "UNSELECT": Rule(SELECTED, selecting.unselect),
    "EXPUNGE": Rule(SELECTED, messages.expunge),
    "UID EXPUNGE": Rule(SELECTED, messages.expunge),
    "SEARCH": Rule(SELECTED, searching.search),
    "UID SEARCH": Rule(SELECTED, searching.search),
    "SORT": Rule(SELECTED, sorting.sort),
    "UID SORT": Rule(SELECTED, sorting.sort),
    "THREAD": Rule(SELECTED, sorting.thread),
    "UID THREAD": Rule(SELECTED, sorting.thread),
    "NOTIFY": Rule(INSIDE, watching.notify),
    "ESEARCH": Rule(INSIDE, multisearch.multiSearch),
    "CANCELUPDATE": Rule(SELECTED, contexts.cancelUpdate),
    "FETCH": Rule(SELECTED, fetch.fetch),
    "UID FETCH": Rule(SELECTED, fetch.fetch),
    "STORE": Rule(SELECTED, messages.store),
    "UID STORE": Rule(SELECTED, messages.store),
    "COPY": Rule(SELECTED, messages.copy),
    "UID COPY": Rule(SELECTED, messages.copy),
    "MOVE": Rule(SELECTED, messages.move),
    "UID MOVE": Rule(SELECTED, messages.move),
}

#: Commands that pull their arguments themselves.
PULLED = frozenset(name for name, rule in COMMANDS.items() if rule.isPulled)
