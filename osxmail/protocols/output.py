# -*- test-case-name: tests.unit.protocols.test_output -*-
"""
What is on its way to the peer: small replies are joined, and sent at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.tcp import Server

#: Replies are gathered up to one as large, or so many.
GATHERED_OCTETS = 4096
GATHERED_PIECES = 64


class Output:
    """
    The way out of one session.

    @ivar isGathering: replies wait for L{flush}, so that those to pipelined commands go out in one piece.
    @ivar deflated: compresses what is sent, where that was agreed on (RFC 4978).
    @ivar isPlain: the transport is a TCP socket without TLS, which can be written to directly.
    """

    __slots__ = ("_pieces", "_transport", "deflated", "isGathering", "isPlain")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []
        self.isGathering = False
        self.deflated: Callable[[bytes], bytes] | None = None
        self.isPlain = type(transport) is Server

    def write(self, data: bytes) -> None:
        """
        Send, or gather while L{isGathering}; what is large is never held back.
        """
        self._pieces.append(data)
        if not self.isGathering or len(data) > GATHERED_OCTETS or len(self._pieces) > GATHERED_PIECES:
            self.flush()

    def flush(self) -> None:
        """
        Send what was gathered: at once where that is possible.  By way of the reactor each reply costs a turn of it
        and two calls of epoll_ctl, together a sixth of what a message costs.
        """
        pieces = self._pieces
        if not pieces:
            return
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self.deflated is not None and data:
            data = self.deflated(data)
        transport = self._transport
        if (
            self.isPlain
            and transport.connected
            and not transport.disconnecting
            # Nothing that was written before is still waiting.
            and not transport.dataBuffer
            and not transport._tempDataBuffer
        ):
            sent = transport.writeSomeData(data)
            if sent == len(data):
                return
            if isinstance(sent, int):
                data = data[sent:]
            # Else the connection is lost; the reactor finds that out by itself.
        transport.write(data)
