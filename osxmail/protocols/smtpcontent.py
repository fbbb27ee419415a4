# -*- test-case-name: tests.unit.protocols.test_smtp -*-
"""
A message's content on its way from the peer into the store: DATA (RFC 5321 4.1.1.4) and BDAT (RFC 3030).

Whatever goes wrong, the session stays in step: what belongs to the content is read to its end and never taken for a
command.  Where that end is too far away, the session ends.
"""

from __future__ import annotations

from osxmail.errors import TooLarge
from osxmail.interfaces import IIncoming
from osxmail.mail.smtpdata import DataReader, NewlineCheck
from osxmail.mail.smtpreply import Reply
from osxmail.protocols.base import Gate
from osxmail.protocols.replies import TABLE, smtpReply

#: Taken from the gate at once.
CHUNK_OCTETS = 65536
#: A message that is too large is read to its end, but no further than so many times the limit.
MAX_EXCESS = 2

# The code that Exchange has made known for it; RFC 5321 2.3.8 forbids bare CR and LF, and no registered code says so.
BARE_NEWLINE = Reply(554, "5.6.11", ("A line ends with CR LF; a bare CR or LF is refused, for it can hide a message",))
TOO_LARGE = TABLE[TooLarge].smtp


class Content:
    """
    One message's content.

    @ivar problem: why the message is refused, as soon as that is known; nothing of it is kept then.
    @ivar isEndless: its end is out of reach: answer and close.
    """

    __slots__ = ("_gate", "_limit", "_newlines", "_received", "incoming", "isEndless", "problem")

    def __init__(self, gate: Gate, incoming: IIncoming | None, limitOctets: int) -> None:
        """
        @param incoming: where it goes; C{None} is nowhere.
        @param limitOctets: the largest message.
        """
        self.incoming = incoming
        self.problem: Reply | None = None
        self.isEndless = False
        self._gate = gate
        self._limit = limitOctets
        self._received = 0
        self._newlines: NewlineCheck | None = None

    async def readData(self) -> None:
        """
        Read on from the reply 354 to the final dot.

        @raise SessionEnd: the peer has left before.
        """
        gate, reader = self._gate, DataReader()
        most = self._limit * MAX_EXCESS
        while True:
            pieces = reader.feed(await gate.readChunk(CHUNK_OCTETS))
            if reader.bareNewline and self.problem is None:
                self.refuse(BARE_NEWLINE)
            if self.problem is None:
                for piece in pieces:
                    await self._keep(piece)
            if reader.finished:
                gate.unread(reader.rest)
                return
            if reader.sizeOctets > most:
                self.isEndless = True
                return

    async def readChunk(self, sizeOctets: int, isLast: bool) -> None:
        """
        Read the octets of one BDAT.

        @raise SessionEnd: the peer has left before.
        """
        if self._newlines is None:
            self._newlines = NewlineCheck()
        gate, newlines = self._gate, self._newlines
        # RFC 3030 2: the size is known before anything is read.
        if self._received + sizeOctets > self._limit:
            self.refuse(TOO_LARGE)
            if sizeOctets > self._limit * MAX_EXCESS:
                self.isEndless = True
                return
        self._received += sizeOctets
        rest = sizeOctets
        while rest:
            piece = await gate.readChunk(min(rest, CHUNK_OCTETS))
            rest -= len(piece)
            if self.problem is None:
                newlines.feed(piece)
                await self._keep(piece)
        # A CR at the end of a chunk may find its LF in the next.
        if isLast and self.problem is None and newlines.bareNewline:
            self.refuse(BARE_NEWLINE)

    async def _keep(self, piece: bytes) -> None:
        if self.problem is not None or self.incoming is None:
            return
        try:
            waiting = self.incoming.write(piece)
            if waiting is not None:
                await waiting
        except Exception as error:  # noqa: BLE001 — also a fault of ours must not leave the session out of step
            self.refuse(smtpReply(error, self._gate.sessionId, "DATA"))

    def refuse(self, reply: Reply) -> None:
        """
        Let go of it; the first reason counts.
        """
        if self.problem is None:
            self.problem = reply
            self.abort()

    def abort(self) -> None:
        """
        Forget what there is.
        """
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.abort()
