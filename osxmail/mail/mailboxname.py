# -*- test-case-name: tests.unit.mail.test_mailboxname -*-
"""
Mailbox names: what may be one, how IMAP writes it (modified UTF-7, RFC 3501 5.1.3), and LIST's wildcards.

Inside, names are Unicode text in NFC with C{/} between levels.
"""

from __future__ import annotations

import re
import unicodedata
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from osxmail.errors import LimitExceeded, ParseError

DELIMITER = "/"
INBOX = "INBOX"
MAX_NAME_OCTETS = 1000  # in UTF-8
MAX_LEVELS = 20
MAX_PATTERN_LENGTH = 1000  # characters of a LIST pattern
MAX_WILDCARDS = 50  # in one

#: Attributes of special use (RFC 6154 2) that a mailbox can be given.
SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")

# C0 and C1 controls and DEL would break logs and clients; the line separators too; surrogates are no text.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_PLAIN = re.compile("[\x20-\x25\x27-\x7e]+")


def normalizeMailboxName(name: str) -> str:
    """
    A name in the one form in which it is kept and compared: NFC, INBOX in capitals (also as the first level of a
    longer name).

    @raise ParseError: no name: empty, an empty level, control characters.
    @raise LimitExceeded: longer than L{MAX_NAME_OCTETS} or deeper than L{MAX_LEVELS}.
    """
    if len(name) > MAX_NAME_OCTETS:
        raise LimitExceeded("a mailbox name has at most 1000 octets")
    if _FORBIDDEN.search(name):
        raise ParseError("a mailbox name has no control characters")
    name = unicodedata.normalize("NFC", name)
    levels = name.split(DELIMITER)
    if not all(levels):
        raise ParseError("a mailbox name has no empty level")
    if len(levels) > MAX_LEVELS or len(name.encode("utf-8")) > MAX_NAME_OCTETS:
        raise LimitExceeded("a mailbox name has at most 1000 octets and 20 levels")
    if levels[0].upper() == INBOX:  # RFC 3501 5.1: INBOX in any case
        levels[0] = INBOX
    return DELIMITER.join(levels)


def decodeModifiedUTF7(raw: bytes) -> str:
    """
    The text behind a name on the wire.  Octets above 127 are refused: they are no part of the encoding.

    @raise ParseError: it is not modified UTF-7.
    """
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        raise ParseError("a mailbox name is in modified UTF-7") from None
    if "&" not in text:
        return text
    out = []
    position = 0
    while (start := raw.find(b"&", position)) >= 0:
        out.append(text[position:start])
        match = _SHIFTED.match(raw, start)
        if match is None:
            raise ParseError("an unfinished shift in modified UTF-7")
        out.append(_decodeShifted(match.group(1)))
        position = match.end()
    out.append(text[position:])
    return "".join(out)


def _decodeShifted(encoded: bytes) -> str:
    if not encoded:
        return "&"
    try:
        octets = a2b_base64(encoded.replace(b",", b"/") + b"=" * (-len(encoded) % 4))
    except Base64Error:
        raise ParseError("broken base64 in modified UTF-7") from None
    if len(octets) % 2:
        raise ParseError("half a character in modified UTF-7")
    try:
        return octets.decode("utf-16-be")
    except UnicodeDecodeError:
        raise ParseError("half a surrogate pair in modified UTF-7") from None


def encodeModifiedUTF7(name: str) -> bytes:
    """
    A name as it goes over the wire; printable ASCII stands for itself, C{&} is C{&-}.

    @param name: without surrogates, as L{normalizeMailboxName} leaves it.
    """
    if name.isascii() and "&" not in name and name.isprintable():
        return name.encode("ascii")
    out = []
    position = 0
    while position < len(name):
        match = _PLAIN.match(name, position)
        if match is not None:
            out.append(match.group().encode("ascii"))
            position = match.end()
        elif name[position] == "&":
            out.append(b"&-")
            position += 1
        else:
            end = position
            while end < len(name) and not " " <= name[end] <= "~":
                end += 1
            octets = name[position:end].encode("utf-16-be")
            out.append(b"&" + b2a_base64(octets, newline=False).rstrip(b"=").replace(b"/", b",") + b"-")
            position = end
    return b"".join(out)


def decodeMailboxName(raw: bytes, isUtf8: bool) -> str:
    """
    The text behind a name on the wire.

    @param isUtf8: the client has enabled UTF-8 (RFC 6855 3, RFC 9051 5.1); else names are in modified UTF-7.
    @raise ParseError: it is neither.
    """
    if not isUtf8:
        return decodeModifiedUTF7(raw)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("a mailbox name is in UTF-8") from None


def encodeMailboxName(name: str, isUtf8: bool) -> bytes:
    """
    A name as it goes over the wire.
    """
    return name.encode("utf-8") if isUtf8 else encodeModifiedUTF7(name)


class Pattern:
    """
    A LIST pattern: C{*} stands for anything, C{%} for anything within one level (RFC 3501 6.3.8).

    Matching follows all possibilities at once, as bits of one integer, one step a character of the pattern: there is
    nothing to backtrack, whatever the pattern.
    """

    __slots__ = ("_inboxText", "_text")

    def __init__(self, text: str) -> None:
        """
        @raise LimitExceeded: longer than L{MAX_PATTERN_LENGTH}, or more than L{MAX_WILDCARDS} wildcards.
        """
        if len(text) > MAX_PATTERN_LENGTH or text.count("*") + text.count("%") > MAX_WILDCARDS:
            raise LimitExceeded("a LIST pattern has at most 1000 characters and 50 wildcards")
        text = unicodedata.normalize("NFC", text)
        # A run of wildcards with a * in it is a *; of % alone, one %.
        text = re.sub(r"[*%]{2,}", lambda match: "*" if "*" in match.group() else "%", text)
        first, delimiter, rest = text.partition(DELIMITER)
        if first.upper() == INBOX:
            text = INBOX + delimiter + rest
        self._text = text
        # For names below INBOX: what stands before the first wildcard may be the beginning of INBOX in any case.
        start = re.split("[*%/]", text, maxsplit=1)[0]
        self._inboxText = start.upper() + text[len(start) :] if INBOX.startswith(start.upper()) else text

    @property
    def text(self) -> str:
        """
        The pattern, runs of wildcards made one.
        """
        return self._text

    def matches(self, name: str) -> bool:
        """
        Does it match the whole of this name?
        """
        text = self._text
        if text == "*":
            return True
        if text == "%":
            return DELIMITER not in name
        if name == INBOX:
            text = text.upper()
        elif name.startswith(INBOX + DELIMITER):
            text = self._inboxText
        if "*" not in text and "%" not in text:
            return text == name
        places: dict[str, int] = {}
        for index, character in enumerate(name):
            places[character] = places.get(character, 0) | (1 << index)
        everything = (1 << (len(name) + 1)) - 1
        inLevel = everything & ~places.get(DELIMITER, 0)
        state = 1  # bit n: the pattern so far can have used n characters of the name
        for character in text:
            if character == "*":
                state = everything & ~((state & -state) - 1)
            elif character == "%":
                state = _spread(state, inLevel, len(name)) & everything
            else:
                state = (state & places.get(character, 0)) << 1
            if not state:
                return False
        return bool(state >> len(name) & 1)


def _spread(state: int, passable: int, length: int) -> int:
    """
    Every position that is reached from C{state} over passable characters, by doubling steps.
    """
    way = passable << 1
    step = 1
    while step <= length:
        state |= way & (state << step)
        way &= way << step
        step *= 2
    return state


def parents(name: str) -> list[str]:
    """
    The names above this one, from the top.
    """
    levels = name.split(DELIMITER)
    return [DELIMITER.join(levels[:count]) for count in range(1, len(levels))]
