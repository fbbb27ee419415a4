# -*- test-case-name: tests.conversations -*-
"""
Which command may come when, what carries it out, and what we say we can.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from attrs import frozen

from osxmail.protocols import imapchanges, imapentering, imapfetch, imapmailboxes, imapmessages, imapsearching

if TYPE_CHECKING:
    from osxmail.protocols.imap import Imap

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
    """

    states: int
    carryOut: Callable[[Imap, Any], Awaitable[bytes]]


COMMANDS: dict[str, Rule] = {
    "CAPABILITY": Rule(ALWAYS, imapentering.capability),
    "NOOP": Rule(ALWAYS, imapentering.noop),
    "LOGOUT": Rule(ALWAYS, imapentering.logout),
    "ID": Rule(ALWAYS, imapentering.identify),
    "STARTTLS": Rule(BEFORE, imapentering.startTLS),
    "AUTHENTICATE": Rule(BEFORE, imapentering.authenticate),
    "LOGIN": Rule(BEFORE, imapentering.login),
    "ENABLE": Rule(INSIDE, imapentering.enable),
    "NAMESPACE": Rule(INSIDE, imapmailboxes.namespace),
    "SELECT": Rule(INSIDE, imapmailboxes.select),
    "EXAMINE": Rule(INSIDE, imapmailboxes.examine),
    "CREATE": Rule(INSIDE, imapmailboxes.create),
    "DELETE": Rule(INSIDE, imapmailboxes.delete),
    "RENAME": Rule(INSIDE, imapmailboxes.rename),
    "SUBSCRIBE": Rule(INSIDE, imapmailboxes.subscribe),
    "UNSUBSCRIBE": Rule(INSIDE, imapmailboxes.unsubscribe),
    "LIST": Rule(INSIDE, imapmailboxes.listMailboxes),
    "LSUB": Rule(INSIDE, imapmailboxes.listSubscribed),
    "STATUS": Rule(INSIDE, imapmailboxes.status),
    "APPEND": Rule(INSIDE, imapmessages.append),
    "IDLE": Rule(INSIDE, imapchanges.idle),
    "CHECK": Rule(SELECTED, imapentering.noop),
    "CLOSE": Rule(SELECTED, imapmessages.close),
    "UNSELECT": Rule(SELECTED, imapmessages.unselect),
    "EXPUNGE": Rule(SELECTED, imapmessages.expunge),
    "UID EXPUNGE": Rule(SELECTED, imapmessages.expunge),
    "SEARCH": Rule(SELECTED, imapsearching.search),
    "UID SEARCH": Rule(SELECTED, imapsearching.search),
    "FETCH": Rule(SELECTED, imapfetch.fetch),
    "UID FETCH": Rule(SELECTED, imapfetch.fetch),
    "STORE": Rule(SELECTED, imapmessages.store),
    "UID STORE": Rule(SELECTED, imapmessages.store),
    "COPY": Rule(SELECTED, imapmessages.copy),
    "UID COPY": Rule(SELECTED, imapmessages.copy),
    "MOVE": Rule(SELECTED, imapmessages.move),
    "UID MOVE": Rule(SELECTED, imapmessages.move),
}
