# -*- test-case-name: tests.unit.delivery.test_replyreader -*-
"""
What other mail servers say, out of the octets they send (RFC 5321 4.2).
"""

from __future__ import annotations

import re

from osxmail.errors import ParseError
from osxmail.mail.smtpreply import Reply

MAX_LINE_OCTETS = 2048  # RFC 5321 4.5.3.1.5 allows 512; many send more
MAX_LINES = 128  # of one reply; the longest EHLO has some 20

# RFC 5321 4.2: the first digit is 2 to 5; RFC 3463 2: class.subject.detail.
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ \t]+|$)")


class ReplyReader:
    """
    Turns octets into replies, whatever pieces they come in.  What is not a reply ends the conversation.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._code = b""
        self._lines: list[str] = []

    @property
    def isAmidReply(self) -> bool:
        """
        Something has come that is not a whole reply yet.
        """
        return bool(self._rest or self._lines)

    def feed(self, data: bytes) -> list[Reply]:
        """
        The replies that are complete now.

        @raise ParseError: this is not SMTP, or more of it than anybody needs.
        """
        if self._rest:
            data = self._rest + data
        start = 0
        replies: list[Reply] = []
        while True:
            end = data.find(b"\n", start)
            if end < 0:
                self._rest = data[start:]
                if len(self._rest) > MAX_LINE_OCTETS:
                    raise ParseError("a reply line without end")
                return replies
            if end - start > MAX_LINE_OCTETS:
                raise ParseError("an over-long reply line")
            line = data[start : end - 1] if end > start and data[end - 1] == 13 else data[start:end]
            start = end + 1
            match = _LINE.fullmatch(line)
            if match is None:
                raise ParseError("not an SMTP reply")
            code, separator, text = match.groups()
            if self._lines and code != self._code:
                raise ParseError("the lines of a reply have different codes")
            self._code = code
            self._lines.append((text or b"").decode("utf-8", "replace"))
            if len(self._lines) > MAX_LINES:
                raise ParseError("a reply of too many lines")
            if separator != b"-":
                lines, self._lines = self._lines, []
                replies.append(_reply(int(code), lines))


def _reply(code: int, lines: list[str]) -> Reply:
    match = _ENHANCED.match(lines[0])
    # RFC 2034 4: the class of the enhanced code is that of the reply.
    if match is None or int(match[1][0]) != code // 100:
        return Reply(code, "", tuple(lines))
    enhanced = match[1]
    bare = [line[match.end() :] if line.startswith(match[0]) else line.removeprefix(enhanced) for line in lines]
    return Reply(code, enhanced, tuple(bare))
