# -*- test-case-name: tests.unit.mail.test_searchkeys -*-
"""
What SEARCH looks for, as a frozen tree (RFC 3501 6.4.4, RFC 5032, RFC 6203, RFC 7162 3.1.5, RFC 8474, RFC 8514).

The grammar (L{osxmail.mail.imap.searchgrammar}) makes the tree out of a command.  Some leaves ask for things
that only a session knows: it replaces them (see L{replaced}) before the store sees the tree.  L{Sequence} and
L{Recent} become L{UidSet}; L{Younger} and L{Older} become L{ArrivedSince}, or L{Not} of it, by the session's clock.
Texts are C{str}, whatever CHARSET the command had, and match as substrings without regard to case.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from datetime import date
from typing import TypeAlias

from attrs import frozen

from osxmail.mail.sequenceset import SequenceSet

MAX_DEPTH = 20  # of parentheses, NOT and OR inside one another
MAX_KEYS = 500  # in one command
MAX_TEXT_OCTETS = 4096  # of one string that is searched for
MAX_FUZZY_WORDS = 20  # of one string; what follows does not count


@frozen
class All:
    """
    Every message.
    """


@frozen
class And:
    """
    All of these; never empty.
    """

    keys: tuple[SearchKey, ...]


@frozen
class Or:
    """
    Either of these, or both.
    """

    left: SearchKey
    right: SearchKey


@frozen
class Not:
    """
    Not this.
    """

    key: SearchKey


@frozen
class Flag:
    """
    Has this flag: exactly one of the two is given.

    @ivar bits: one system flag, a bit of L{osxmail.mail.flags}.
    @ivar keyword: or a keyword's name, to be compared without regard to case; one that the mailbox does not know is
        on no message.
    """

    bits: int = 0
    keyword: str = ""


@frozen
class Recent:
    """
    Is recent in this session (RFC 3501 2.3.2).  The store never sees it.
    """


@frozen
class Sequence:
    """
    Messages by sequence number, or by a UID set in which C{*} is not resolved yet.  The store never sees it.

    @ivar isUid: the numbers are UIDs.
    """

    numbers: SequenceSet
    isUid: bool


@frozen
class UidSet:
    """
    Messages by UID.

    @ivar ranges: pairs C{(first, last)}, both included, ascending, not touching one another; may be empty.
    """

    ranges: tuple[tuple[int, int], ...]


@frozen
class Header:
    """
    Some field of this name has the text in its decoded value (RFC 3501 6.4.4: HEADER, FROM, TO, CC, BCC, SUBJECT).

    @ivar name: the field's name in lower case.
    @ivar text: C{""} matches every message that has the field.
    """

    name: str
    text: str


@frozen
class Body:
    """
    The text stands in the body (not in the header of the message).
    """

    text: str


@frozen
class Text:
    """
    The text stands in the header or the body.
    """

    text: str


@frozen
class Before:
    """
    The internal date, as a day in UTC, is earlier than C{day}.
    """

    day: date


@frozen
class On:
    """
    The internal date, as a day in UTC, is C{day}.
    """

    day: date


@frozen
class Since:
    """
    The internal date, as a day in UTC, is C{day} or later.
    """

    day: date


@frozen
class SentBefore:
    """
    The day that the Date field states, its time and zone disregarded, is earlier than C{day}.  A message without a
    readable Date field matches none of the three.
    """

    day: date


@frozen
class SentOn:
    """
    The day that the Date field states is C{day}.
    """

    day: date


@frozen
class SentSince:
    """
    The day that the Date field states is C{day} or later.
    """

    day: date


@frozen
class Larger:
    """
    RFC822.SIZE is greater than this.
    """

    octets: int


@frozen
class Smaller:
    """
    RFC822.SIZE is less than this.
    """

    octets: int


@frozen
class Modseq:
    """
    The message's MODSEQ is this or greater (RFC 7162 3.1.5).
    """

    modseq: int


@frozen
class Younger:
    """
    The internal date is no longer ago than so many seconds (RFC 5032).  The store never sees it: see L{ArrivedSince}.
    """

    intervalSeconds: int


@frozen
class Older:
    """
    The internal date is longer ago than so many seconds (RFC 5032): the contrary of L{Younger}.  The store never sees
    it.
    """

    intervalSeconds: int


@frozen
class ArrivedSince:
    """
    The internal date is this time or later.

    @ivar time: seconds since the epoch.
    """

    time: int


@frozen
class SavedBefore:
    """
    The day in UTC on which the message came into this mailbox is earlier than C{day} (RFC 8514).
    """

    day: date


@frozen
class SavedOn:
    """
    The message came into this mailbox on this day in UTC.
    """

    day: date


@frozen
class SavedSince:
    """
    The message came into this mailbox on this day in UTC or later.
    """

    day: date


@frozen
class SaveDateSupported:
    """
    The mailbox has save dates (RFC 8514 4.2): every one of ours has.
    """


@frozen
class EmailId:
    """
    The message has this EMAILID (RFC 8474 7); see L{osxmail.mail.objectid}.
    """

    objectId: str


@frozen
class ThreadId:
    """
    The message has this THREADID (RFC 8474 7); see L{osxmail.mail.objectid}.
    """

    objectId: str


@frozen
class Fuzzy:
    """
    Something like this (RFC 6203 3): in texts, all the words of what is looked for, in any order and with or without
    accents; anything else is as it is without FUZZY.  Only a leaf, And, Or and Not stand in it, no Fuzzy.
    """

    key: SearchKey


@frozen(eq=False)
class Uids:
    """
    Messages by UID, as many as there may be.  The store's own: an index makes it.

    @ivar uids: ascending.
    """

    uids: array[int]


@frozen
class Loose:
    """
    A text with a single word, compared without accents.  The store's own: it makes L{Fuzzy} into these.
    """

    key: Header | Body | Text


@frozen
class InHeader:
    """
    The text stands in the header.  The store's own: what is left of L{Text} where the body is known.
    """

    text: str


SearchKey: TypeAlias = (
    All
    | And
    | Or
    | Not
    | Flag
    | Recent
    | Sequence
    | UidSet
    | Header
    | Body
    | Text
    | Before
    | On
    | Since
    | SentBefore
    | SentOn
    | SentSince
    | Larger
    | Smaller
    | Modseq
    | Younger
    | Older
    | ArrivedSince
    | SavedBefore
    | SavedOn
    | SavedSince
    | SaveDateSupported
    | EmailId
    | ThreadId
    | Fuzzy
    | Uids
    | Loose
    | InHeader
)


def leaves(key: SearchKey) -> Iterator[SearchKey]:
    """
    The keys of the tree that are not L{And}, L{Or}, L{Not} or L{Fuzzy}, from left to right.
    """
    if isinstance(key, And):
        for each in key.keys:
            yield from leaves(each)
    elif isinstance(key, Or):
        yield from leaves(key.left)
        yield from leaves(key.right)
    elif isinstance(key, Not | Fuzzy):
        yield from leaves(key.key)
    else:
        yield key


def replaced(key: SearchKey, change: Callable[[SearchKey], SearchKey]) -> SearchKey:
    """
    The same tree with C{change} of each leaf in its place.
    """
    if isinstance(key, And):
        return And(tuple(replaced(each, change) for each in key.keys))
    if isinstance(key, Or):
        return Or(replaced(key.left, change), replaced(key.right, change))
    if isinstance(key, Not):
        return Not(replaced(key.key, change))
    if isinstance(key, Fuzzy):
        return Fuzzy(replaced(key.key, change))
    return change(key)


def loosened(key: SearchKey) -> SearchKey:
    """
    The same tree without L{Fuzzy}: texts within one have become L{Loose} words.
    """
    return _loosened(key, False)


def _loosened(key: SearchKey, isFuzzy: bool) -> SearchKey:
    match key:
        case Fuzzy(inner):
            return _loosened(inner, True)
        case And(several):
            return And(tuple(_loosened(each, isFuzzy) for each in several))
        case Or(left, right):
            return Or(_loosened(left, isFuzzy), _loosened(right, isFuzzy))
        case Not(inner):
            return Not(_loosened(inner, isFuzzy))
        case Header(name, text) if isFuzzy and text.split():
            return And(tuple(Loose(Header(name, word)) for word in text.split()[:MAX_FUZZY_WORDS]))
        case Body(text) if isFuzzy and text.split():
            return And(tuple(Loose(Body(word)) for word in text.split()[:MAX_FUZZY_WORDS]))
        case Text(text) if isFuzzy and text.split():
            return And(tuple(Loose(Text(word)) for word in text.split()[:MAX_FUZZY_WORDS]))
    return key
