# -*- test-case-name: tests.unit.protocols.imap.test_derived -*-
"""
Sections that do not stand in a message as they are answered: chosen header fields, bodies without their transfer
encoding.  They are made while the message is read, in pieces, as often as they are needed: what is large is never in
memory as a whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from osxmail.mail.transferencoding import Transform

#: Octets of a message that are made something of at once: about a millisecond's work.
PIECE_OCTETS = 65536
#: Octets that are looked through before others have their turn: a millisecond or two, however many lines they have.
WORK_OCTETS = 65536

#: Gives octets of a message: offset and length; fewer only at its end.
Reader: TypeAlias = Callable[[int, int], Awaitable[bytes]]


class Pace:
    """
    Lets others have their turn after so much work.
    """

    __slots__ = ("_letOthers", "_octets")

    def __init__(self, letOthers: Callable[[], Awaitable[None]]) -> None:
        self._letOthers = letOthers
        self._octets = 0

    async def worked(self, octets: int) -> None:
        """
        So much was looked through.
        """
        self._octets += octets
        if self._octets >= WORK_OCTETS:
            await self.pause()

    async def pause(self) -> None:
        """
        Others have their turn now.
        """
        self._octets = 0
        await self._letOthers()


class Derived:
    """
    What becomes of a range of a message, or a part of that.

    @ivar length: how many octets it has: known after L{measure}.
    @ivar hasNul: some of them are NUL: likewise.
    @ivar kept: all of them, where they are few: likewise.
    """

    __slots__ = ("_end", "_make", "_most", "_offset", "_origin", "_pace", "_read", "hasNul", "kept", "length")

    def __init__(
        self,
        read: Reader,
        offset: int,
        length: int,
        make: Callable[[], Transform],
        origin: int,
        most: int | None,
        pace: Pace,
    ) -> None:
        """
        @param offset: where the range begins in the message,
        @param length: and how long it is.
        @param make: a fresh transformation.
        @param origin: the first octet wanted of what it makes.
        @param most: how many are wanted; C{None} for all.
        """
        self._read = read
        self._offset = offset
        self._end = offset + length
        self._make = make
        self._origin = origin
        self._most = most
        self._pace = pace
        self.length = 0
        self.hasNul = False
        self.kept: bytes | None = None

    async def measure(self, room: int) -> None:
        """
        Make it once.

        @param room: how many octets may be kept.
        @raise osxmail.errors.MailError: the message cannot be read.
        """
        kept: list[bytes] = []
        making = self.making()
        while piece := await making.next():
            self.length += len(piece)
            self.hasNul = self.hasNul or b"\0" in piece
            if self.length <= room:
                kept.append(piece)
            else:
                kept.clear()
        if self.length <= room:
            self.kept = b"".join(kept)

    def making(self) -> Making:
        """
        Make it again from the start.
        """
        return Making(self._read, self._offset, self._end, self._make(), self._origin, self._most, self._pace)


class Making:
    """
    One L{Derived} while it is made.
    """

    __slots__ = ("_at", "_end", "_isOver", "_left", "_pace", "_read", "_skip", "_transform")

    def __init__(
        self, read: Reader, offset: int, end: int, transform: Transform, skip: int, left: int | None, pace: Pace
    ) -> None:
        self._read = read
        self._at = offset
        self._end = end
        self._transform = transform
        self._skip = skip
        self._left = left
        self._pace = pace
        self._isOver = False

    async def next(self) -> bytes:
        """
        The next octets; C{b""} at the end.

        @raise osxmail.errors.MailError: the message cannot be read.
        """
        while not self._isOver:
            made = await self._some()
            if self._skip:
                skipped = min(self._skip, len(made))
                self._skip -= skipped
                made = made[skipped:]
            if self._left is not None:
                made = made[: self._left]
                self._left -= len(made)
                # What nobody wants is not made.
                self._isOver = self._isOver or not self._left
            if made:
                return made
        return b""

    async def _some(self) -> bytes:
        octets = b""
        if self._at < self._end:
            octets = await self._read(self._at, min(PIECE_OCTETS, self._end - self._at))
        if not octets:
            self._isOver = True
            return self._transform.finish()
        self._at += len(octets)
        made = self._transform.feed(octets)
        await self._pace.worked(len(octets))
        return made
