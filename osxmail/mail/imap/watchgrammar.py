# -*- test-case-name: tests.unit.mail.imap.test_watchgrammar -*-
"""
The grammar of commands about many mailboxes: ESEARCH (RFC 7377 4) and NOTIFY (RFC 5465 8).
"""

from __future__ import annotations

from osxmail.mail.imap.fetchattributes import FetchItems, parseFetchItems
from osxmail.mail.imap.reader import BadCommand, BadName, Cursor
from osxmail.mail.imap.resultoptions import ResultOptions, takeResultOptions
from osxmail.mail.imap.searchcommand import EventGroup, MailboxFilter, MultiSearch, Notify
from osxmail.mail.imap.searchgrammar import UTF8, parseCharset, parseKeys

MAX_FILTERS = 100  # in one command
MAX_NAMES = 1000  # in one filter
MAX_EVENTS = 30  # in one group

_PLAIN_FILTERS = frozenset({"SELECTED", "SELECTED-DELAYED", "INBOXES", "PERSONAL", "SUBSCRIBED"})
_NAMING_FILTERS = frozenset({"SUBTREE", "SUBTREE-ONE", "MAILBOXES"})
#: Filters that mean the selected mailbox.
SELECTED_FILTERS = frozenset({"SELECTED", "SELECTED-DELAYED"})
#: Events of messages.
MESSAGE_EVENTS = frozenset({"MESSAGENEW", "MESSAGEEXPUNGE", "FLAGCHANGE", "ANNOTATIONCHANGE"})


def parseMultiSearch(cursor: Cursor) -> MultiSearch:
    """
    The arguments of ESEARCH.

    @raise osxmail.mail.imap.reader.BadCharset:
    @raise BadCommand:
    """
    sources: tuple[MailboxFilter, ...] = (MailboxFilter("SELECTED"),)
    if cursor.takes(b"IN ("):
        sources = tuple(cursor.restOfList(lambda: _filter(cursor), MAX_FILTERS))
        if any(each.kind == "SELECTED-DELAYED" for each in sources):
            raise BadCommand("nothing is delayed in a search")  # RFC 7377 2.2
        cursor.space()
    options = takeResultOptions(cursor)
    hasCharset = cursor.takesWord(b"CHARSET")
    codec = UTF8
    if hasCharset:
        cursor.space()
        codec = parseCharset(cursor, options)
        cursor.space()
    # RFC 7377 2.1: without result options, ALL.
    return MultiSearch(sources, parseKeys(cursor, codec), options or ResultOptions(), hasCharset)


def parseNotify(cursor: Cursor) -> Notify:
    """
    The arguments of NOTIFY.  Events that we do not know are in it all the same.

    @raise BadCommand:
    """
    name = cursor.atom("SET or NONE")
    if name == "NONE":
        return Notify(None)
    if name != "SET":
        raise BadCommand("SET or NONE expected")
    isStatus = cursor.takes(b" STATUS")
    groups: list[EventGroup] = []
    while not cursor.isAtEnd and len(groups) < MAX_FILTERS:
        cursor.space()
        groups.append(_group(cursor))
    if not groups:
        raise BadCommand("a group of events expected")
    if sum(group.mailboxes.kind in SELECTED_FILTERS for group in groups) > 1:
        raise BadCommand("the selected mailbox twice")  # RFC 5465 6.1
    return Notify(tuple(groups), isStatus)


def _group(cursor: Cursor) -> EventGroup:
    cursor.expect(b"(", "a group of events")
    mailboxes = _filter(cursor)
    if mailboxes.kind == "SUBTREE-ONE":
        raise BadCommand("no such filter of NOTIFY")
    cursor.space()
    events: set[str] = set()
    newItems: FetchItems | None = None

    def event() -> None:
        nonlocal newItems
        name = cursor.atom("an event")
        events.add(name)
        if name == "MESSAGENEW" and cursor.looksAt(b" ("):
            cursor.space()
            newItems = parseFetchItems(cursor)

    if not cursor.takesWord(b"NONE"):
        cursor.expect(b"(", "a list of events")
        for _ in cursor.restOfList(event, MAX_EVENTS):
            pass
    cursor.expect(b")", "a closing parenthesis")
    _check(mailboxes, events, newItems)
    return EventGroup(mailboxes, frozenset(events), newItems)


def _check(mailboxes: MailboxFilter, events: set[str], newItems: FetchItems | None) -> None:
    """
    RFC 5465 5, 6.1 and 8.
    """
    isSelected = mailboxes.kind in SELECTED_FILTERS
    if isSelected and not events <= MESSAGE_EVENTS:
        raise BadCommand("only events of messages in the selected mailbox")
    if newItems is not None and not isSelected:
        raise BadCommand("items of new messages in the selected mailbox only")
    if events & MESSAGE_EVENTS and not events >= {"MESSAGENEW", "MESSAGEEXPUNGE"}:
        raise BadCommand("MessageNew and MessageExpunge go together, and FlagChange with both")


def _filter(cursor: Cursor) -> MailboxFilter:
    kind = cursor.atom("a filter of mailboxes")
    if kind in _PLAIN_FILTERS:
        return MailboxFilter(kind)
    if kind not in _NAMING_FILTERS:
        raise BadCommand("no such filter of mailboxes")
    cursor.space()
    if cursor.takes(b"("):
        names = tuple(cursor.restOfList(lambda: _name(cursor), MAX_NAMES))
    else:
        names = (_name(cursor),)
    return MailboxFilter(kind, tuple(dict.fromkeys(name for name in names if name)))


def _name(cursor: Cursor) -> str:
    """
    A mailbox name; C{""} for one that no mailbox can have (RFC 5465 3.1: what does not exist is ignored).
    """
    try:
        return cursor.mailbox()
    except BadName:
        return ""
