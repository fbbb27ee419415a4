# -*- test-case-name: tests.contracts -*-
"""
A message on its way in, and one that is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from osxmail.mail.mime import Rendering

# mypy: disable-error-code="empty-body"


class IIncoming(Interface):
    """
    A message on its way into the store: its octets as they arrive, bounded.  Small ones stay in memory, larger
    ones go to a spool file in a thread.  Either handed to C{accept} or C{append}, or aborted.
    """

    sizeOctets: int = Attribute("octets written so far")

    def write(data: bytes) -> Deferred[None] | None:
        """
        Take a piece.  A Deferred means: wait for it before the next one (back-pressure).

        @raise osxmail.errors.TooLarge: (also in the Deferred) past the limit; what was written is gone.
        @raise osxmail.errors.StoreFull: (in the Deferred).
        """

    def header() -> bytes:
        """
        The header section as far as it is there, blank line included; at most 256 KiB of it.
        """

    def abort() -> None:
        """
        Forget it.  Harmless after the store has taken it.
        """


@frozen
class NewMessage:
    """
    A message for a mailbox, as it is to be there.

    @ivar incoming: has come as a whole, and is the store's from the call on that it is handed over with.
    @ivar flags: system flags and keywords.
    @ivar internalDate: seconds since the epoch; C{None} is now.
    """

    incoming: IIncoming
    flags: Sequence[str] = ()
    internalDate: float | None = None


class IMessage(Interface):
    """
    A stored message: a prefix of header fields and the octets as they came, seen as one.
    """

    sizeOctets: int = Attribute("prefix and octets together: RFC822.SIZE")
    prefix: bytes = Attribute("header fields that were put before the octets, each ended by CRLF")
    inline: bytes | None = Attribute("prefix and octets, when the message is small enough to stand in a row")

    def rendering() -> Deferred[Rendering]:
        """
        Structure and section offsets, made at arrival.  Offsets count from the octets, after the prefix.
        """

    def read(offset: int, length: int) -> Deferred[bytes]:
        """
        Octets from C{offset} of prefix and octets together; fewer than C{length} only at the end.  The caller
        keeps C{length} at 256 KiB or below.

        @raise osxmail.errors.StoreDamaged: the checksum does not match (checked when a record is first read).
        """
