# -*- test-case-name: tests.conversations -*-
"""
How a command comes in: a line, and as often as a line announces one, a literal and another line (RFC 3501 4.3,
RFC 7888).  A literal that is too large is refused before it is sent; where the client does not wait for that, it is
passed over, up to a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from attrs import frozen

from osxmail.mail.imap.reader import announcedLiteral, splitFirstLine
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
class Announced:
    """
    A literal that is not read yet.

    @ivar isAwaited: the client waits until it is asked for it.
    """

    sizeOctets: int
    isAwaited: bool


@frozen
class Received:
    """
    A command as it came.

    @ivar name: in upper case; C{"UID FETCH"} is one name.
    @ivar pieces: as L{osxmail.mail.imap.reader.Cursor} takes them.
    @ivar message: the literal of APPEND's message, still to be read.
    """

    tag: bytes
    name: str
    pieces: tuple[bytes, ...]
    message: Announced | None = None


async def receiveCommand(gate: Gate, limits: Limits, objection: Callable[[str], bytes]) -> Received:
    """
    The next command.

    @param objection: why there can be no command of this name now, as a reply; C{b""} if there can.
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
    pieces: list[bytes] = []
    octets = 0
    while True:
        announced = announcedLiteral(text)
        if announced is None:
            pieces.append(text)
            break
        sizeOctets, isAwaited, start = announced
        before = text[:start]
        # The first literal of APPEND may be the mailbox's name; any later one, or one after the name, is the message.
        if not refusal and name == "APPEND" and (pieces or before):
            return Received(tag, name, (*pieces, before), Announced(sizeOctets, isAwaited))
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
            pieces.append(before)
            pieces.append(await _exactly(gate, sizeOctets))
        try:
            text = await gate.readLine(limits.lineOctets)
        except LineTooLong:
            refusal = b"BAD The line is too long"
            break
    if refusal:
        raise NotTaken(tag or b"*", refusal)
    return Received(tag, name, tuple(pieces))


async def refuseMessage(gate: Gate, message: Announced, limits: Limits) -> None:
    """
    Take APPEND's message without keeping it: when the client waits, it does not even come.
    """
    if message.isAwaited:
        return
    await passOver(gate, message.sizeOctets, limits)
    await passRest(gate, limits)


async def passRest(gate: Gate, limits: Limits) -> bool:
    """
    Read to the end of the command, after a literal.

    @return: nothing came but the line's end.
    """
    isEmpty = True
    while True:
        try:
            line = await gate.readLine(limits.lineOctets)
        except LineTooLong:
            return False
        announced = announcedLiteral(line)
        if announced is None:
            return isEmpty and not line
        isEmpty = False
        if announced[1]:
            return False
        await passOver(gate, announced[0], limits)


async def passOver(gate: Gate, sizeOctets: int, limits: Limits) -> None:
    """
    Read so much and keep nothing.

    @raise LiteralTooLarge:
    """
    if sizeOctets > limits.passedOverOctets:
        raise LiteralTooLarge
    while sizeOctets:
        sizeOctets -= len(await gate.readChunk(min(sizeOctets, CHUNK_OCTETS)))


async def _exactly(gate: Gate, sizeOctets: int) -> bytes:
    chunks = []
    while sizeOctets:
        chunk = await gate.readChunk(min(sizeOctets, CHUNK_OCTETS))
        sizeOctets -= len(chunk)
        chunks.append(chunk)
    return b"".join(chunks)
