# -*- test-case-name: tests.unit.mail.test_smtpdata -*-
"""
The content of a message on the wire: dot transparency (RFC 5321 4.5.2), both ways, in chunks of any size.

Only CRLF ends a line and only CRLF.CRLF ends the data.  A bare CR or LF never does either, in whatever
combination: two servers that disagree about that can be made to see different messages.
"""

from __future__ import annotations

_END = b"\r\n.\r\n"
# What may be the beginning of _END at the end of what has come so far, the longest first.
_BEGINNINGS = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


class NewlineCheck:
    """
    Looks for bare CR and LF in octets that come in pieces (BDAT, which has no other look at its content).

    @ivar bareNewline: there was one, or there is a CR at the end so far.
    """

    def __init__(self) -> None:
        self._bare = False
        self._afterCR = False

    def feed(self, piece: bytes) -> None:
        """
        Look at a piece.
        """
        if self._bare or not piece:
            return
        if self._afterCR:
            piece = b"\r" + piece
        self._afterCR = piece.endswith(b"\r")
        lines = piece.count(b"\r\n")
        self._bare = piece.count(b"\n") != lines or piece.count(b"\r") - self._afterCR != lines

    @property
    def bareNewline(self) -> bool:
        return self._bare or self._afterCR


class DataReader:
    """
    Takes the octets after DATA and gives the message (RFC 5321 4.1.1.4, 4.5.2).

    @ivar finished: the end of data was seen.
    @ivar rest: the octets after it: the next command's.
    @ivar bareNewline: a bare CR or LF stood in the data.
    @ivar sizeOctets: how many octets the message has so far.
    """

    def __init__(self) -> None:
        self.finished = False
        self.rest = b""
        self.bareNewline = False
        self.sizeOctets = 0
        # The CRLF of the DATA command itself counts: ".CRLF" right after it is the end of an empty message.
        self._held = b"\r\n"
        self._started = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """
        Take a chunk as it came from the wire.

        @return: the pieces of the message that are certain now, without dot-stuffing.
        """
        if self.finished:
            self.rest += chunk
            return []
        seen = self._held + chunk
        end = seen.find(_END)
        if end >= 0:
            self.finished = True
            self.rest = seen[end + 5 :]
            self._held = b""
            seen = seen[: end + 2]
        else:
            held = b""
            for beginning in _BEGINNINGS:
                if seen.endswith(beginning):
                    held = beginning
                    seen = seen[: -len(beginning)]
                    break
            self._held = held
            if not seen:
                return []
        if not self.bareNewline:
            # No CRLF is ever cut in two here: what is held back begins with its CR.
            lines = seen.count(b"\r\n")
            self.bareNewline = seen.count(b"\n") != lines or seen.count(b"\r") != lines
        piece = seen.replace(b"\r\n.", b"\r\n")
        if not self._started:
            self._started = True
            piece = piece[2:]
        self.sizeOctets += len(piece)
        return [piece] if piece else []


#: The states of L{dotStuff}: at the start of a line, within one, after a CR.
LINE_START, WITHIN_LINE, AFTER_CR = 0, 1, 2


def dotStuff(chunk: bytes, state: int = LINE_START) -> tuple[bytes, int]:
    """
    Make the next chunk of a message ready for the wire: SMTP's DATA, POP3's RETR and TOP (RFC 1939 3).

    @param state: what the call before returned; L{LINE_START} for the first chunk.
    @return: the octets to send and the state for the next call.  After the last, L{endOfData} follows.
    """
    if not chunk:
        return chunk, state
    stuffed = chunk.replace(b"\r\n.", b"\r\n..")
    if state == LINE_START and chunk.startswith(b"."):
        stuffed = b"." + stuffed
    elif state == AFTER_CR and chunk.startswith(b"\n."):
        stuffed = b"\n." + stuffed[1:]
    if chunk.endswith(b"\r\n") or (state == AFTER_CR and chunk == b"\n"):
        return stuffed, LINE_START
    return stuffed, AFTER_CR if chunk.endswith(b"\r") else WITHIN_LINE


def endOfData(state: int) -> bytes:
    """
    What ends a message that L{dotStuff} has left in C{state}: the CRLF that is missing, and the dot.
    """
    if state == LINE_START:
        return b".\r\n"
    return b"\n.\r\n" if state == AFTER_CR else b"\r\n.\r\n"
