# -*- test-case-name: tests.unit.directory.test_ldapfilter -*-
"""
LDAP search filters (RFC 4515), made so that no value can be more than a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._-")
_ESCAPED = [chr(octet) if octet in _PLAIN else f"\\{octet:02x}" for octet in range(256)]

#: Matches nothing: RFC 4526 2, the empty "or".  Our library cannot write it, so it is said in another way.
NOTHING = "(!(objectClass=*))"


def escaped(value: str) -> str:
    """
    A value for a filter: every octet of its UTF-8 that is not a letter, a digit or one of C{@._-} as C{\\xx}.

    RFC 4515 3 asks for less; spaces and what is not ASCII would survive it only with a parser of good manners.

    @raise UnicodeEncodeError: it is not Unicode text.
    """
    return "".join(_ESCAPED[octet] for octet in value.encode("utf-8"))


def equals(attributes: Iterable[str], value: str) -> str:
    """
    One of the attributes has this value.
    """
    return anyOf(f"({name}={escaped(value)})" for name in attributes)


def anyOf(filters: Iterable[str]) -> str:
    """
    At least one of them holds.
    """
    parts = [part for part in filters if part != NOTHING]
    if not parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else f"(|{''.join(parts)})"


def allOf(*filters: str) -> str:
    """
    All of them hold.
    """
    return NOTHING if NOTHING in filters else f"(&{''.join(filters)})"


@frozen
class Entry:
    """
    What a search found.

    @ivar dn: its distinguished name.
    @ivar attributes: values by attribute name in lower case.
    """

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]
