# -*- test-case-name: tests.unit.mail.imap.test_searchgrammar -*-
"""
The grammar of SEARCH (RFC 3501 6.4.4, RFC 7162 3.1.5): out of a command, the tree of L{osxmail.mail.searchkeys}.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from osxmail.errors import ParseError
from osxmail.mail.charset import codecName
from osxmail.mail.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, normalizeFlag
from osxmail.mail.imap.command import Search
from osxmail.mail.imap.reader import BadCharset, BadCommand, Cursor
from osxmail.mail.imap.resultoptions import ResultOptions, takeResultOptions
from osxmail.mail.searchkeys import (
    MAX_DEPTH,
    MAX_KEYS,
    MAX_TEXT_OCTETS,
    All,
    And,
    Before,
    Body,
    EmailId,
    Flag,
    Fuzzy,
    Header,
    Larger,
    Modseq,
    Not,
    Older,
    On,
    Or,
    Recent,
    SaveDateSupported,
    SavedBefore,
    SavedOn,
    SavedSince,
    SearchKey,
    SentBefore,
    SentOn,
    SentSince,
    Sequence,
    Since,
    Smaller,
    Text,
    ThreadId,
    Younger,
)

#: What BADCHARSET lists; every other charset that Python knows is taken as well.
CHARSETS = ("US-ASCII", "UTF-8")
#: The codec of texts in a command that names no charset: many clients do not.
UTF8 = "utf-8"

_FIXED: dict[str, SearchKey] = {
    "ALL": All(),
    "ANSWERED": Flag(ANSWERED),
    "DELETED": Flag(DELETED),
    "DRAFT": Flag(DRAFT),
    "FLAGGED": Flag(FLAGGED),
    "SEEN": Flag(SEEN),
    "UNANSWERED": Not(Flag(ANSWERED)),
    "UNDELETED": Not(Flag(DELETED)),
    "UNDRAFT": Not(Flag(DRAFT)),
    "UNFLAGGED": Not(Flag(FLAGGED)),
    "UNSEEN": Not(Flag(SEEN)),
    "RECENT": Recent(),
    "OLD": Not(Recent()),
    "NEW": And((Recent(), Not(Flag(SEEN)))),
    "SAVEDATESUPPORTED": SaveDateSupported(),  # RFC 8514 4.3
}
_FIELDS = {"FROM": "from", "TO": "to", "CC": "cc", "BCC": "bcc", "SUBJECT": "subject"}
_DATES: dict[str, Callable[..., SearchKey]] = {
    "BEFORE": Before,
    "ON": On,
    "SINCE": Since,
    "SENTBEFORE": SentBefore,
    "SENTON": SentOn,
    "SENTSINCE": SentSince,
    # RFC 8514 4.3
    "SAVEDBEFORE": SavedBefore,
    "SAVEDON": SavedOn,
    "SAVEDSINCE": SavedSince,
}
_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")  # RFC 8474 7
_AGES: dict[str, Callable[[int], SearchKey]] = {"YOUNGER": Younger, "OLDER": Older}
_OBJECTS: dict[str, Callable[[str], SearchKey]] = {"EMAILID": EmailId, "THREADID": ThreadId}


def parseSearch(cursor: Cursor, isUid: bool = False) -> Search:
    """
    The arguments of SEARCH (RFC 4466 2.6.1).

    @raise BadCharset: nobody knows the CHARSET.
    @raise BadCommand: it is no SEARCH, or passes a limit of L{osxmail.mail.searchkeys}.
    """
    options = takeResultOptions(cursor)
    hasCharset = cursor.takesWord(b"CHARSET")
    codec = UTF8
    if hasCharset:
        cursor.space()
        codec = parseCharset(cursor, options)
        cursor.space()
    return Search(parseKeys(cursor, codec), isUid, options, hasCharset)


def parseCharset(cursor: Cursor, options: ResultOptions | None) -> str:
    """
    A charset.

    @param options: of the same command.
    @return: the name of Python's codec for it.
    @raise BadCharset: there is none.
    """
    charset = cursor.astring("a charset").decode("ascii", "replace")
    codec = codecName(charset) if charset else None
    if codec is None:
        refusal = BadCharset("a charset that is not known here")
        refusal.isSaving = options is not None and "SAVE" in options.names
        raise refusal
    return codec


def parseKeys(cursor: Cursor, codec: str = UTF8) -> SearchKey:
    """
    Search keys up to the end of the command.

    @param codec: of their texts.
    @raise BadCommand: they are none, or pass a limit of L{osxmail.mail.searchkeys}.
    """
    parser = _Parser(cursor, codec)
    keys = [parser.key(0)]
    while not cursor.isAtEnd:
        cursor.space()
        if cursor.isAtEnd:  # a space too many, as some clients send it
            break
        keys.append(parser.key(0))
    return keys[0] if len(keys) == 1 else And(tuple(keys))


class _Parser:
    def __init__(self, cursor: Cursor, codec: str) -> None:
        self._cursor = cursor
        self._codec = codec
        self._count = 0
        self._isFuzzy = False

    def key(self, depth: int) -> SearchKey:
        cursor = self._cursor
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_KEYS:
            raise BadCommand("too many search keys")
        if cursor.takes(b"("):
            return self._list(depth)
        if cursor.looksAtDigit or cursor.looksAt(b"*") or cursor.looksAt(b"$"):
            return Sequence(cursor.sequenceSet(), isUid=False)
        name = cursor.atom("a search key")
        if name in _FIXED:
            return _FIXED[name]
        cursor.space()
        if name == "NOT":
            return Not(self.key(depth + 1))
        if name == "FUZZY":  # RFC 6203 3
            return self._fuzzy(depth)
        if name == "OR":
            left = self.key(depth + 1)
            cursor.space()
            return Or(left, self.key(depth + 1))
        if name in _FIELDS:
            return Header(_FIELDS[name], self._text())
        if name in _DATES:
            return _DATES[name](cursor.day())
        return self._other(name)

    def _fuzzy(self, depth: int) -> SearchKey:
        isOuter = not self._isFuzzy
        self._isFuzzy = True
        key = self.key(depth + 1)
        self._isFuzzy = not isOuter
        return Fuzzy(key) if isOuter else key

    def _list(self, depth: int) -> SearchKey:
        keys = tuple(self._cursor.restOfList(lambda: self.key(depth + 1), MAX_KEYS))
        return keys[0] if len(keys) == 1 else And(keys)

    def _other(self, name: str) -> SearchKey:
        cursor = self._cursor
        if name == "BODY":
            return Body(self._text())
        if name == "TEXT":
            return Text(self._text())
        if name == "HEADER":
            field = cursor.astring("a field name").decode("utf-8", "replace").lower()
            cursor.space()
            return Header(field, self._text())
        if name == "KEYWORD":
            return self._keyword()
        if name == "UNKEYWORD":
            return Not(self._keyword())
        if name == "LARGER":
            return Larger(cursor.number())
        if name == "SMALLER":
            return Smaller(cursor.number())
        if name == "UID":
            return Sequence(cursor.sequenceSet(), isUid=True)
        return self._extended(name)

    def _extended(self, name: str) -> SearchKey:
        """
        Keys of extensions.
        """
        cursor = self._cursor
        if name in _AGES:  # RFC 5032 3
            seconds = cursor.number(what="a number of seconds")
            if not seconds:
                raise BadCommand("an age of one second at least")
            return _AGES[name](seconds)
        if name in _OBJECTS:  # RFC 8474 6
            return _OBJECTS[name](self._objectId())
        if name == "MODSEQ":
            if cursor.isAtString:  # RFC 7162 3.1.5: an entry name and type; we keep one mod-sequence for all of them
                cursor.string()
                cursor.space()
                if cursor.atom("an entry type") not in ("ALL", "PRIV", "SHARED"):
                    raise BadCommand("no such entry type")
                cursor.space()
            return Modseq(cursor.modseq())
        raise BadCommand("no such search key")

    def _objectId(self) -> str:
        raw = self._cursor.astring("an object identifier")
        if not _OBJECT_ID.fullmatch(raw):
            raise BadCommand("an object identifier expected")
        return raw.decode("ascii")

    def _text(self) -> str:
        raw = self._cursor.astring("a text to search for")
        if len(raw) > MAX_TEXT_OCTETS:
            raise BadCommand("too long a text to search for")
        try:
            return raw.decode(self._codec)
        except UnicodeError:
            raise BadCommand("a text to search for that is not in its charset") from None

    def _keyword(self) -> SearchKey:
        try:
            name = normalizeFlag(self._cursor.astring("a keyword").decode("ascii", "replace"))
        except ParseError as error:
            raise BadCommand(str(error)) from None
        if name.startswith("\\"):
            raise BadCommand("a keyword has no backslash")
        return Flag(keyword=name)
