# -*- test-case-name: tests.unit.mail.test_flags -*-
"""
Message flags as bits (RFC 3501 2.3.2).  Bits 0 to 4 are the system flags; bits 5 to 7 are free; a mailbox's
keywords have the bits from 8 on, in the order of its keyword table.
"""

from __future__ import annotations

from osxmail.errors import ParseError

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16

SYSTEM_FLAGS = {"\\Seen": SEEN, "\\Answered": ANSWERED, "\\Flagged": FLAGGED, "\\Deleted": DELETED, "\\Draft": DRAFT}
_SYSTEM_BY_FOLDED = {name.lower(): name for name in SYSTEM_FLAGS}

FIRST_KEYWORD_BIT = 8
MAX_KEYWORDS = 55  # in a mailbox: SQLite's integers have 63 bits that are not the sign
MAX_KEYWORD_OCTETS = 128

_ATOM_SPECIALS = frozenset('(){ %*"\\]')


def normalizeFlag(name: str) -> str:
    """
    A flag in the case in which we write it: system flags by their standard spelling, keywords as they came
    (they are compared without regard to case).

    @raise ParseError: no flag that can be stored (C{\\Recent} cannot be).
    """
    if name.startswith("\\"):
        try:
            return _SYSTEM_BY_FOLDED[name.lower()]
        except KeyError:
            raise ParseError("no such system flag") from None
    if not name or len(name) > MAX_KEYWORD_OCTETS:
        raise ParseError("a keyword has 1 to 128 octets")
    if not all("!" <= c <= "~" and c not in _ATOM_SPECIALS for c in name):
        raise ParseError("a keyword is an atom")
    return name


def flagNames(bits: int, keywords: tuple[str, ...]) -> tuple[str, ...]:
    """
    The names behind the bits, system flags first.
    """
    names = [name for name, bit in SYSTEM_FLAGS.items() if bits & bit]
    rest = bits >> FIRST_KEYWORD_BIT
    index = 0
    while rest and index < len(keywords):
        if rest & 1:
            names.append(keywords[index])
        rest >>= 1
        index += 1
    return tuple(names)
