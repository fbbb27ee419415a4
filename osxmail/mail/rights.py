# -*- test-case-name: tests.unit.mail.test_rights -*-
"""
Access rights to mailboxes (RFC 4314): letters, lists of who has which, and what somebody may do after all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from attrs import frozen

from osxmail.errors import ParseError
from osxmail.mail.flags import DELETED, SEEN

#: Every right there is (RFC 4314 2.1), in the order in which we write them.
RIGHTS = "lrswipkxtea"
ALL_RIGHTS = frozenset(RIGHTS)
#: What an owner keeps, whatever the list says: else a mailbox could be lost to everybody.
OWNERS_RIGHTS = frozenset("la")
#: Somebody who has one of these may change a mailbox that is selected (RFC 4314 5.2).
CHANGING_RIGHTS = frozenset("iswte")
#: The rights of RFC 2086 that stand for several (RFC 4314 2.1.1): servers of the time let c delete mailboxes.
VIRTUAL_RIGHTS = {"c": "kx", "d": "te"}

ANYONE = "anyone"
#: Before the address of a group.
GROUP = "$"
#: Before an identifier: its rights are taken away.
NEGATIVE = "-"

_ALL_FLAGS = (1 << 63) - 1


@frozen
class AccessEntry:
    """
    One line of an access list.

    @ivar identifier: the key of an address, L{ANYONE}, or L{GROUP} and the key of a group's address; with L{NEGATIVE}
        before it, the rights are taken away.
    @ivar rights: letters in the order of L{RIGHTS}.
    """

    identifier: str
    rights: str


def parseRights(text: str) -> str:
    """
    Letters as a client writes them, C{c} and C{d} resolved, in order, each once.

    @raise ParseError: one of them is no right (RFC 4314 3.1: it must not be passed over).
    """
    found: set[str] = set()
    for letter in text:
        if letter in VIRTUAL_RIGHTS:
            found.update(VIRTUAL_RIGHTS[letter])
        elif letter in ALL_RIGHTS:
            found.add(letter)
        elif letter.isupper():
            raise ParseError("rights are lower case letters")
        else:
            raise ParseError("there is no such right")
    return inOrder(found)


def inOrder(rights: Collection[str]) -> str:
    """
    These rights as we keep them.
    """
    return "".join(letter for letter in RIGHTS if letter in rights)


def shownRights(rights: Collection[str]) -> str:
    """
    These rights as clients see them: C{c} and C{d} are there when one of what they stand for is (RFC 4314 2.1.1).
    """
    virtual = [letter for letter, members in VIRTUAL_RIGHTS.items() if any(each in rights for each in members)]
    return inOrder(rights) + "".join(virtual)


def changedRights(before: str, operation: str, rights: str) -> str:
    """
    What an entry holds after SETACL.

    @param operation: C{"+"}, C{"-"}, or C{"="} to replace.
    """
    if operation == "+":
        return inOrder({*before, *rights})
    if operation == "-":
        return inOrder(set(before) - set(rights))
    return rights


def rightsOf(identifiers: Collection[str], entries: Iterable[AccessEntry]) -> frozenset[str]:
    """
    What somebody who goes by these identifiers may do: all that one of them is granted, less all that one of them is
    denied.
    """
    granted: set[str] = set()
    denied: set[str] = set()
    for entry in entries:
        if entry.identifier.startswith(NEGATIVE):
            if entry.identifier[1:] in identifiers:
                denied.update(entry.rights)
        elif entry.identifier in identifiers:
            granted.update(entry.rights)
    return frozenset(granted - denied)


def ownersRights(identifiers: Collection[str], entries: Iterable[AccessEntry]) -> frozenset[str]:
    """
    What the owner may do: everything, unless entries of the owner's own say otherwise; see L{OWNERS_RIGHTS}.
    """
    own = [entry for entry in entries if entry.identifier.removeprefix(NEGATIVE) in identifiers]
    if not own:
        return ALL_RIGHTS
    if all(entry.identifier.startswith(NEGATIVE) for entry in own):
        return (ALL_RIGHTS - frozenset().union(*(entry.rights for entry in own))) | OWNERS_RIGHTS
    return rightsOf(identifiers, own) | OWNERS_RIGHTS


def settableFlags(rights: Collection[str]) -> int:
    """
    The bits of flags that these rights let somebody change (RFC 4314 4): s is for \\Seen, t for \\Deleted, w for all
    others.
    """
    bits = _ALL_FLAGS & ~(SEEN | DELETED) if "w" in rights else 0
    return bits | (SEEN if "s" in rights else 0) | (DELETED if "t" in rights else 0)


def rightFor(flag: str) -> str:
    """
    The right to change this flag.
    """
    return {"\\Seen": "s", "\\Deleted": "t"}.get(flag, "w")


def groupsIn(entries: Iterable[AccessEntry]) -> frozenset[str]:
    """
    The identifiers of groups in a list, without L{NEGATIVE}.
    """
    return frozenset(
        identifier
        for identifier in (entry.identifier.removeprefix(NEGATIVE) for entry in entries)
        if identifier.startswith(GROUP)
    )
