# -*- test-case-name: tests.unit.mail.test_smtpreply -*-
"""
SMTP replies as values (RFC 5321 4.2, RFC 3463).
"""

from __future__ import annotations

from attrs import frozen

MAX_LINE_OCTETS = 500  # of text in one line; RFC 5321 4.5.3.1.5 allows 512 with code and CRLF


@frozen
class Reply:
    """
    A reply to an SMTP or LMTP command, ours or a peer's.

    @ivar code: three digits, as a number.
    @ivar enhanced: the enhanced status code, C{"5.1.1"}, or C{""} (greeting, EHLO, 354; RFC 2034 4).
    @ivar lines: the text, one C{str} a line, without CR and LF.
    """

    code: int
    enhanced: str
    lines: tuple[str, ...]

    @classmethod
    def make(cls, code: int, enhanced: str, text: str) -> Reply:
        """
        A reply with one line, or with as many as C{text} has.
        """
        return cls(code, enhanced, tuple(text.splitlines()) or ("",))

    @property
    def text(self) -> str:
        """
        The lines in one, for logs and DSNs.
        """
        return " ".join(line.strip() for line in self.lines)

    @property
    def isPositive(self) -> bool:
        return 200 <= self.code < 400

    @property
    def isTransient(self) -> bool:
        return 400 <= self.code < 500

    @property
    def isPermanent(self) -> bool:
        return self.code >= 500

    def render(self) -> bytes:
        """
        The reply as it goes over the wire: each line with its code, CRLF included.  Text outside ASCII is
        sent as UTF-8 (RFC 6531 3.7.4.2); control characters become spaces, so that no reply can hold a second one.
        """
        out = []
        last = len(self.lines) - 1
        prefix = f"{self.enhanced} " if self.enhanced else ""
        for index, line in enumerate(self.lines):
            clean = line if line.isprintable() else "".join(c if c.isprintable() else " " for c in line)
            raw = f"{self.code:03d}{' ' if index == last else '-'}{prefix}{clean}".encode("utf-8", "replace")
            if len(raw) > MAX_LINE_OCTETS:
                # Not in the middle of a character.
                raw = raw[:MAX_LINE_OCTETS].decode("utf-8", "ignore").encode("utf-8")
            out.append(raw + b"\r\n")
        return b"".join(out)

    def __str__(self) -> str:
        return " ".join(word for word in (f"{self.code:03d}", self.enhanced, self.text) if word)
