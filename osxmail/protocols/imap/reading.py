# -*- test-case-name: tests.unit.protocols.imap.test_reading -*-
"""
How a command comes in: a line, and as often as a line announces one, a literal and another line (RFC 3501 4.3,
RFC 7888).  A literal that is too large is refused before it is sent; where the client does not wait for that, it is
passed over, up to a bound.

Most commands are received whole.  Those that carry messages (APPEND, REPLACE) pull their L{Arguments} themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar

from attrs import frozen
from twisted.internet.defer import Deferred

from osxmail.mail.imap.reader import BadCommand, Cursor, announcedLiteral, splitFirstLine
from osxmail.protocols.base import Gate, LineTooLong
from osxmail.protocols.sessions import SessionEnd

CHUNK_OCTETS = 65536


@frozen
class Limits:
    """
    @ivar lineOctets: of one line.
    @ivar literalOctets: of one literal that is kept in memory.
    @ivar commandOctets: of all lines and literals of one command.
    @ivar literals: how many in one command.
    @ivar passedOverOctets: of one literal that is refused and comes all the same.
    """

    lineOctets: int
    literalOctets: int
    commandOctets: int
    literals: int
    passedOverOctets: int


BEFORE_LOGIN = Limits(8192, 4096, 16384, 8, 65536)
AFTER_LOGIN = Limits(65536, 65536, 262144, 1000, 64 << 20)


class LiteralTooLarge(SessionEnd):
    """
    A literal that we cannot take comes, and it is too large to be passed over.
    """

    why: ClassVar[str] = "the client sent too large a literal"


class NotTaken(Exception):
    """
    A command that is not carried out; the session is in step.

    @ivar tag: its tag, or C{b"*"} when it is not known.
    @ivar reply: what follows the tag.
    """

    def __init__(self, tag: bytes, reply: bytes) -> None:
        super().__init__(reply)
        self.tag = tag
        self.reply = reply


@frozen
class Received:
    """
    A command as it came.

    @ivar name: in upper case; C{"UID FETCH"} is one name.
    @ivar pieces: as L{osxmail.mail.imap.reader.Cursor} takes them.
    @ivar arguments: of a command that pulls them itself, in place of C{pieces}.
    """

    tag: bytes
    name: str
    pieces: tuple[bytes, ...]
    arguments: Arguments | None = None


class Arguments:
    """
    The arguments of a command that carries messages: text up to a literal, the literal, text again …, each read when
    it is asked for.

    @ivar cursor: over the text that was read last, and over a literal before it that was kept (L{keep}).
    @ivar sizeOctets: of the literal that follows this text, still to be read; -1 if the command ends here.
    """

    __slots__ = ("_gate", "_isAwaited", "_isUtf8", "_left", "_limits", "_textOctets", "cursor", "sizeOctets")

    def __init__(self, gate: Gate, limits: Limits, text: bytes, isUtf8: bool) -> None:
        self._gate = gate
        self._limits = limits
        self._isUtf8 = isUtf8
        self._textOctets = 0
        # Of a literal of which something may have been read: what is left; -1 before.
        self._left = -1
        self._meet(text)

    def _meet(self, text: bytes, *before: bytes) -> None:
        self._textOctets += len(text) + sum(map(len, before))
        announced = announcedLiteral(text)
        if announced is None:
            self.sizeOctets, self._isAwaited = -1, False
        else:
            self.sizeOctets, self._isAwaited, start = announced
            text = text[:start]
        self._left = -1
        self.cursor = Cursor((*before, text), self._isUtf8)

    @property
    def isAtLiteral(self) -> bool:
        """
        A literal follows, and no text stands before it.
        """
        return self.sizeOctets >= 0 and self.cursor.isAtEnd

    @property
    def isAtEnd(self) -> bool:
        """
        The command ends here.
        """
        return self.sizeOctets < 0 and self.cursor.isAtEnd

    async def keep(self) -> None:
        """
        Where a literal follows, read it: L{cursor} has it as a string then.

        @raise BadCommand: it is too large for that.
        """
        if not self.isAtLiteral:
            return
        if self.sizeOctets > self._limits.literalOctets:
            raise BadCommand("a string is too large")
        octets: list[bytes] = []
        await self._takeLiteral(octets.append)
        self._meet(await self._nextText(), b"", b"".join(octets))

    async def take(self, write: Callable[[bytes], Deferred[None] | None]) -> None:
        """
        Read the literal that follows, piece by piece, and the text behind it.

        @param write: takes a piece; a Deferred means: wait for it before the next one.  What it raises is raised
            here, and what has not been read is still to be passed over.
        @raise BadCommand: the text is too long.
        """
        await self._takeLiteral(write)
        self._meet(await self._nextText())

    async def _takeLiteral(self, write: Callable[[bytes], Deferred[None] | None]) -> None:
        gate = self._gate
        if self._isAwaited:
            gate.write(b"+ Go ahead\r\n")
        self._left = self.sizeOctets
        while self._left:
            chunk = await gate.readChunk(min(self._left, CHUNK_OCTETS))
            self._left -= len(chunk)
            waiting = write(chunk)
            if waiting is not None:
                await waiting

    async def _nextText(self) -> bytes:
        try:
            text = await self._gate.readLine(self._limits.lineOctets)
        except LineTooLong:
            # Its end, and with it the command's, has been found.
            self._meet(b"")
            raise BadCommand("the line is too long") from None
        if self._textOctets + len(text) > self._limits.commandOctets:
            self._meet(text)
            raise BadCommand("the command is too large")
        return text

    async def passOver(self) -> None:
        """
        Read to the command's end and keep nothing.  A literal that the client waits to be asked for does not even
        come: the answer ends the command.

        @raise LiteralTooLarge:
        """
        while True:
            if self._left >= 0:
                # We have asked for it, or begun it: it is to be read however large it is.
                await _discard(self._gate, self._left)
            elif self.sizeOctets < 0 or self._isAwaited:
                return
            else:
                await passOver(self._gate, self.sizeOctets, self._limits)
            self._left = -1
            try:
                self._meet(await self._gate.readLine(self._limits.lineOctets))
            except LineTooLong:
                return


async def receiveCommand(
    gate: Gate,
    limits: Limits,
    objection: Callable[[str], bytes],
    pulled: Collection[str] = (),
    isUtf8: bool = False,
) -> Received:
    """
    The next command.

    @param objection: why there can be no command of this name now, as a reply; C{b""} if there can.
    @param pulled: the names of commands that pull their arguments themselves.
    @param isUtf8: mailbox names in those are in UTF-8.
    @raise NotTaken: it was no command, or a limit was passed.
    @raise SessionEnd:
    """
    try:
        line = await gate.readLine(limits.lineOctets, atRest=True)
    except LineTooLong:
        raise NotTaken(b"*", b"BAD The line is too long") from None
    tag, name, text = splitFirstLine(line)
    if name == "UID":
        second, _, text = text.partition(b" ")
        name = f"UID {second.decode('ascii', 'replace').upper()}"
    refusal = objection(name) if name else b"BAD There is no command"
    if not refusal and name in pulled:
        return Received(tag, name, (), Arguments(gate, limits, text, isUtf8))
    pieces: list[bytes] = []
    octets = 0
    while True:
        announced = announcedLiteral(text)
        if announced is None:
            pieces.append(text)
            break
        sizeOctets, isAwaited, start = announced
        octets += len(text) + sizeOctets
        if not refusal and (
            sizeOctets > limits.literalOctets or octets > limits.commandOctets or len(pieces) >= 2 * limits.literals
        ):
            refusal = b"BAD [TOOBIG] The command is too large"  # RFC 7888 4
        if refusal:
            if isAwaited:
                break
            await passOver(gate, sizeOctets, limits)
        else:
            if isAwaited:
                gate.write(b"+ Go ahead\r\n")
            pieces.append(text[:start])
            pieces.append(await _exactly(gate, sizeOctets))
        try:
            text = await gate.readLine(limits.lineOctets)
        except LineTooLong:
            refusal = b"BAD The line is too long"
            break
    if refusal:
        raise NotTaken(tag or b"*", refusal)
    return Received(tag, name, tuple(pieces))


async def passOver(gate: Gate, sizeOctets: int, limits: Limits) -> None:
    """
    Read so much and keep nothing.

    @raise LiteralTooLarge:
    """
    if sizeOctets > limits.passedOverOctets:
        raise LiteralTooLarge
    await _discard(gate, sizeOctets)


async def _discard(gate: Gate, sizeOctets: int) -> None:
    while sizeOctets:
        sizeOctets -= len(await gate.readChunk(min(sizeOctets, CHUNK_OCTETS)))


async def _exactly(gate: Gate, sizeOctets: int) -> bytes:
    chunks = []
    while sizeOctets:
        chunk = await gate.readChunk(min(sizeOctets, CHUNK_OCTETS))
        sizeOctets -= len(chunk)
        chunks.append(chunk)
    return b"".join(chunks)
