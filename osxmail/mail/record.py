# -*- test-case-name: tests.unit.mail.test_record -*-
"""
What a directory knows about a person or a group, whatever its schema.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from osxmail.mail.address import Address


class AccountState(Enum):
    """
    The three states of an account (the old service's C{kMailAccountState}).
    """

    ENABLED = "enabled"
    OFF = "off"
    FORWARD = "forward"


@frozen
class Record:
    """
    A person (or a service) with mail.

    @ivar accountId: the stable identifier (entryUUID, apple-generateduid, or the local account's): what the
        store's account goes by, so that a change of name or address loses no mail.
    @ivar login: the short name.
    @ivar address: the primary address.
    @ivar addresses: every address, the primary one included.
    @ivar fullName: as the directory has it, or C{""}.
    @ivar state: enabled, off or forward.
    @ivar forwardTo: where mail goes in state FORWARD; never empty then.
    @ivar keepCopy: in state FORWARD, keep a copy in the mailbox as well.
    @ivar mailHost: the server that keeps this person's mail; C{""} is this one.  Whether a name is this server's too is
        for the router to say.
    @ivar quotaOctets: C{None} when the directory says nothing (the setting's default counts), 0 for unlimited.
    @ivar popAllowed: may log in by POP3.
    @ivar imapAllowed: may log in by IMAP.
    @ivar administrator: may administer this server, and sees every mailbox in IMAP.
    @ivar source: which directory, and its evidence: C{("directory", "ldap://…"), ("dn", "uid=…")}.
    @ivar warnings: what could not be read as it stands, in plain words.
    """

    accountId: str
    login: str
    address: Address
    addresses: frozenset[Address]
    fullName: str = ""
    state: AccountState = AccountState.ENABLED
    forwardTo: tuple[Address, ...] = ()
    keepCopy: bool = False
    mailHost: str = ""
    quotaOctets: int | None = None
    popAllowed: bool = True
    imapAllowed: bool = True
    administrator: bool = False
    source: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


@frozen
class Group:
    """
    A group with an address.

    @ivar address: the group's.
    @ivar members: addresses of the members, each once.
    @ivar source: as in L{Record}.
    """

    address: Address
    members: tuple[Address, ...]
    source: tuple[tuple[str, str], ...] = ()
