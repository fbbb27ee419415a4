# -*- test-case-name: tests.unit.mail.imap.test_reader -*-
"""
Reading the arguments of an IMAP command (RFC 3501 9), one token after the other.

A command arrives as pieces: text, literal, text, literal … text.  Texts are lines without CRLF and without the
C{{n}} that announced the literal; where a text ends and another piece follows, a literal stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TypeVar

from osxmail.errors import LimitExceeded, ParseError
from osxmail.mail.flags import normalizeFlag
from osxmail.mail.mailboxname import SPECIAL_USES, decodeMailboxName, normalizeMailboxName
from osxmail.mail.sequenceset import MAX_NUMBER, SequenceSet

_Item = TypeVar("_Item")

MAX_FLAGS = 64  # in one list
MAX_MODSEQ = 0x7FFFFFFFFFFFFFFF  # RFC 7162 7: a positive 63-bit integer
MAX_TAG_OCTETS = 128

# RFC 3501 9: ATOM-CHAR is any CHAR but ( ) { SP CTL % * " \ ]; ASTRING-CHAR may be ] too; list-char adds % and *.
_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_ASTRING = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_LIST_MAILBOX = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~%*]+")
_QUOTED = re.compile(rb'"((?:[^"\\\x00\r\n]|\\["\\])*)"')
_ESCAPE = re.compile(rb'\\(["\\])')
_NUMBER = re.compile(rb"[0-9]{1,20}")
_FLAG = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_BASE64 = re.compile(rb"=|[A-Za-z0-9+/]+={0,2}")
_SET = re.compile(rb"[0-9:,*$]+")
_FIRST_LINE = re.compile(
    rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,%d})(?: ([A-Za-z0-9]{1,32})(?: |$))?" % MAX_TAG_OCTETS
)
_LITERAL = re.compile(rb"\{([0-9]{1,20})(\+?)\}$")
_DATE = re.compile(rb'"?([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})"?')
_DATE_TIME = re.compile(
    rb'"([ 0-9][0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
_MONTHS = {name: n for n, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadCommand(ParseError):
    """
    A command that does not follow the grammar.

    @ivar text: for the peer: a text of ours, which holds nothing of the input.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class BadName(BadCommand):
    """
    The command is right, but a mailbox of that name there can never be.

    @cvar code: the response code of the NO.
    """

    code = "CANNOT"


class BadUse(BadName):
    """
    A special use that no mailbox can have (RFC 6154 3).
    """

    code = "USEATTR"


class BadCharset(BadCommand):
    """
    SEARCH with a CHARSET that is not ours.

    @ivar isSaving: it was a SEARCH that saves what it finds: now nothing (RFC 5182 2.1).
    """

    isSaving = False


def splitFirstLine(line: bytes) -> tuple[bytes, str, bytes]:
    """
    Tag, command name in upper case and what follows the space after it.

    @return: without a tag C{(b"", "", b"")}; without a command name C{(tag, "", b"")}.
    """
    match = _FIRST_LINE.match(line)
    if match is None or (match.end() < len(line) and match.group(2) is None and line[match.end()] != 0x20):
        return b"", "", b""
    name = match.group(2)
    if name is None:
        return match.group(1), "", b""
    return match.group(1), name.decode("ascii").upper(), line[match.end() :]


def announcedLiteral(line: bytes) -> tuple[int, bool, int] | None:
    """
    The literal that the end of a line announces (RFC 3501 4.3, RFC 7888).

    @return: its size in octets, whether the client waits for us, and where in the line the C{{} is; C{None} if the
        line ends the command.
    """
    if not line.endswith(b"}"):
        return None
    match = _LITERAL.search(line, max(0, len(line) - 24))
    if match is None:
        return None
    return int(match.group(1)), not match.group(2), match.start()


class Cursor:
    """
    A place in the pieces of a command.  Each method takes one token and moves on, or raises L{BadCommand}.
    """

    __slots__ = ("_index", "_isUtf8", "_offset", "_pieces", "_text", "nameBefore")

    def __init__(self, pieces: Sequence[bytes], isUtf8: bool = False) -> None:
        """
        @param isUtf8: mailbox names are in UTF-8 (RFC 6855 3, RFC 9051 5.1), not in modified UTF-7.
        @ivar nameBefore: the last mailbox name as it was written, where that is not how we write it; else C{""}.
        """
        self.nameBefore = ""
        self._isUtf8 = isUtf8
        self._pieces = pieces
        self._index = 0
        self._text = pieces[0]
        self._offset = 0

    # ------------------------------------------------------------------------------------------ looking ahead

    @property
    def isAtEnd(self) -> bool:
        """
        Nothing is left.
        """
        return self._offset == len(self._text) and self._index + 1 >= len(self._pieces)

    def looksAt(self, text: bytes) -> bool:
        """
        Does this stand here?  Letters of C{text} are upper case and match either.
        """
        end = self._offset + len(text)
        return self._text[self._offset : end].upper() == text

    @property
    def looksAtDigit(self) -> bool:
        """
        Does a digit stand here?
        """
        return self._text[self._offset : self._offset + 1].isdigit()

    def takes(self, text: bytes) -> bool:
        """
        Take this if it stands here.
        """
        if self.looksAt(text):
            self._offset += len(text)
            return True
        return False

    def takesWord(self, text: bytes) -> bool:
        """
        Take this if it stands here and is a whole word: a space, a closing parenthesis or the end follows.
        """
        if not self.looksAt(text):
            return False
        end = self._offset + len(text)
        if self._text[end : end + 1] not in (b" ", b")", b""):
            return False
        self._offset = end
        return True

    # --------------------------------------------------------------------------------------------- punctuation

    def expect(self, text: bytes, what: str) -> None:
        if not self.takes(text):
            raise BadCommand(f"{what} expected")

    def space(self) -> None:
        if not self.takes(b" "):
            raise BadCommand("a space expected")

    def end(self) -> None:
        """
        The command ends here; one space more, which some clients send, does no harm.
        """
        self.takes(b" ")
        if not self.isAtEnd:
            raise BadCommand("too many arguments")

    def restOfList(self, item: Callable[[], _Item], most: int, mayBeEmpty: bool = False) -> Iterator[_Item]:
        """
        The items of a list, after its opening parenthesis: a space between them, a closing parenthesis behind.

        @param item: reads one.
        @param most: how many there may be.
        """
        if mayBeEmpty and self.takes(b")"):
            return
        for _ in range(most):
            yield item()
            if self.takes(b")"):
                return
            self.space()
        raise BadCommand("the list is too long")

    # -------------------------------------------------------------------------------------------------- tokens

    def _token(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        match = pattern.match(self._text, self._offset)
        if match is None:
            raise BadCommand(f"{what} expected")
        self._offset = match.end()
        return match.group()

    def atom(self, what: str = "an atom") -> str:
        """
        An atom in upper case.
        """
        return self._token(_ATOM, what).decode("ascii").upper()

    @property
    def _isAtLiteral(self) -> bool:
        return self._offset == len(self._text) and self._index + 1 < len(self._pieces)

    @property
    def isAtString(self) -> bool:
        """
        A quoted string or a literal stands here.
        """
        return self._isAtLiteral or self.looksAt(b'"')

    def string(self, what: str = "a string") -> bytes:
        """
        A quoted string or a literal.  Octets above 127 are let through: clients send UTF-8 in quoted strings.
        """
        if self._isAtLiteral:
            literal = self._literal()
            if b"\0" in literal:  # RFC 3501 9: CHAR8 is any octet but NUL
                raise BadCommand("a literal holds no NUL")
            return literal
        match = _QUOTED.match(self._text, self._offset)
        if match is None:
            raise BadCommand(f"{what} expected")
        self._offset = match.end()
        content = match.group(1)
        return _ESCAPE.sub(rb"\1", content) if b"\\" in content else content

    def astring(self, what: str = "a string") -> bytes:
        """
        An atom (with C{]}) or a string.
        """
        return self.string(what) if self.isAtString else self._token(_ASTRING, what)

    def _literal(self) -> bytes:
        literal = self._pieces[self._index + 1]
        self._index += 2
        self._text = self._pieces[self._index]
        self._offset = 0
        return literal

    def base64(self) -> bytes:
        """
        A word in base64, or C{=}; not decoded.
        """
        return self._token(_BASE64, "base64")

    def nstring(self, what: str = "a string or NIL") -> bytes | None:
        """
        A string, or C{None} for NIL.
        """
        return None if self.takes(b"NIL") else self.string(what)

    def nvalue(self) -> bytes | None:
        """
        A string, a literal with any octets (RFC 3516 4.5: C{~} before it), or C{None} for NIL.
        """
        if self.takes(b"~"):
            if not self._isAtLiteral:
                raise BadCommand("a literal expected")
            return self._literal()
        return self.nstring("a value or NIL")

    def number(self, largest: int = MAX_NUMBER, what: str = "a number") -> int:
        """
        A number from 0 to C{largest}.
        """
        value = int(self._token(_NUMBER, what))
        if value > largest:
            raise BadCommand(f"{what} is too great")
        return value

    def modseq(self) -> int:
        """
        A mod-sequence; 0 where clients start (RFC 7162 7: mod-sequence-valzer).
        """
        return self.number(MAX_MODSEQ, "a mod-sequence")

    def sequenceSet(self) -> SequenceSet:
        raw = self._token(_SET, "a set of messages")
        try:
            return SequenceSet.parse(raw.decode("ascii"))
        except ParseError as error:
            raise BadCommand(str(error)) from None

    # --------------------------------------------------------------------------------------------------- flags

    def flag(self) -> str | None:
        """
        A flag as L{normalizeFlag} writes it; C{None} for C{\\Recent}, which clients name and nobody can set.
        """
        raw = self._token(_FLAG, "a flag").decode("ascii")
        if raw.lower() == "\\recent":
            return None
        try:
            return normalizeFlag(raw)
        except ParseError as error:
            raise BadCommand(str(error)) from None

    def flags(self) -> tuple[str, ...]:
        """
        A list of flags in parentheses, each once.
        """
        self.expect(b"(", "a list of flags")
        return _eachOnce(self.restOfList(self.flag, MAX_FLAGS, mayBeEmpty=True))

    def flagsBareOrListed(self) -> tuple[str, ...]:
        """
        The flags of STORE: a list, or flags with spaces between (RFC 3501 9: store-att-flags).
        """
        return self.flags() if self.looksAt(b"(") else _eachOnce(self._bareFlags())

    def _bareFlags(self) -> Iterator[str | None]:
        yield self.flag()
        for _ in range(1, MAX_FLAGS):
            if not self.takes(b" "):
                return
            yield self.flag()

    def specialUse(self) -> str:
        """
        An attribute of special use (RFC 6154 2), as we write it.

        @raise BadUse: it is none that we have.
        """
        folded = self._token(_FLAG, "a special use").decode("ascii").lower()
        for use in SPECIAL_USES:
            if use.lower() == folded:
                return use
        raise BadUse("no such special use")

    # --------------------------------------------------------------------------------------------------- dates

    def day(self) -> date:
        """
        A date of SEARCH, quoted or not (RFC 3501 9: date).
        """
        match = _DATE.match(self._text, self._offset)
        if match is None or (match.group()[:1] == b'"') != (match.group()[-1:] == b'"'):
            raise BadCommand("a date expected")
        day, month, year = match.groups()
        try:
            value = date(int(year), _MONTHS[month.lower()], int(day))
        except (KeyError, ValueError):
            raise BadCommand("no such date") from None
        self._offset = match.end()
        return value

    def dateTime(self) -> float:
        """
        The date and time of APPEND (RFC 3501 9: date-time), in seconds since the epoch.
        """
        match = _DATE_TIME.match(self._text, self._offset)
        if match is None:
            raise BadCommand("a date and time expected")
        day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes = match.groups()
        try:
            zone = timedelta(hours=int(zoneHours), minutes=int(zoneMinutes))
            moment = datetime(
                int(year),
                _MONTHS[month.lower()],
                int(day),
                int(hour),
                int(minute),
                min(int(second), 59),  # a leap second
                tzinfo=timezone(-zone if sign == b"-" else zone),
            )
            value = (moment - _EPOCH).total_seconds()
        except (KeyError, ValueError, OverflowError):
            raise BadCommand("no such date and time") from None
        self._offset = match.end()
        return value

    # ----------------------------------------------------------------------------------------------- mailboxes

    def mailbox(self, isNew: bool = False, mayBeEmpty: bool = False) -> str:
        """
        A mailbox name, normalised.

        @param isNew: it is to be made: a delimiter at the end, which says that there will be more below, is taken off
            (RFC 3501 6.3.3).
        @param mayBeEmpty: the empty name stands for the server (RFC 5464 4.2).
        @raise BadName: there can be none of this name.
        """
        raw = self.astring("a mailbox name")
        try:
            written = decodeMailboxName(raw, self._isUtf8)
            if isNew and written.endswith("/"):
                written = written[:-1]
            name = "" if mayBeEmpty and not written else normalizeMailboxName(written)
        except (ParseError, LimitExceeded) as error:
            raise BadName(str(error)) from None
        self.nameBefore = "" if name == written else written
        return name

    def reference(self) -> str:
        """
        The reference of LIST: a mailbox name that may be empty or end in a delimiter.
        """
        return self._decoded(self.astring("a reference name"))

    def listPattern(self) -> str:
        """
        The pattern of LIST, C{%} and C{*} being what they are there.
        """
        if self.isAtString:
            return self._decoded(self.string())
        return self._decoded(self._token(_LIST_MAILBOX, "a mailbox pattern"))

    def _decoded(self, raw: bytes) -> str:
        try:
            return decodeMailboxName(raw, self._isUtf8)
        except ParseError as error:
            raise BadName(str(error)) from None


def _eachOnce(flags: Iterator[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flag for flag in flags if flag is not None))
