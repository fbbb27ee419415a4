# -*- test-case-name: tests.unit.mail.imap.test_accessgrammar -*-
"""
IMAP commands about access lists (RFC 4314), quotas (RFC 9208) and annotations (RFC 5464) as values.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen


@frozen
class SetAccess:
    """
    SETACL.

    @ivar identifier: as the client wrote it, prepared (RFC 4314 3).
    @ivar operation: C{"+"}, C{"-"} or C{"="}.
    @ivar rights: in our order, C{c} and C{d} resolved.
    """

    mailbox: str
    identifier: str
    operation: str
    rights: str


@frozen
class AccessOf:
    """
    DELETEACL and LISTRIGHTS.

    @ivar identifier: as in L{SetAccess}.
    @ivar written: the very octets that the client wrote.
    """

    mailbox: str
    identifier: str
    written: bytes


@frozen
class QuotaOf:
    """
    GETQUOTA.
    """

    root: str


@frozen
class SetQuota:
    """
    SETQUOTA.

    @ivar limits: by name of the resource in upper case.
    """

    root: str
    limits: dict[str, int]


@frozen
class GetMetadata:
    """
    GETMETADATA.

    @ivar mailbox: C{""} is the server.
    @ivar entries: lower case.
    @ivar maxOctets: of a value that is told; C{None} is any.
    @ivar depth: how far below the entries: 0, 1, or C{None} for all.
    """

    mailbox: str
    entries: tuple[str, ...]
    maxOctets: int | None = None
    depth: int | None = 0


@frozen
class SetMetadata:
    """
    SETMETADATA.

    @ivar mailbox: C{""} is the server.
    @ivar values: by entry, lower case; C{None} removes it.
    """

    mailbox: str
    values: dict[str, bytes | None]


AccessCommand: TypeAlias = SetAccess | AccessOf | QuotaOf | SetQuota | GetMetadata | SetMetadata
