"""
FETCH responses, read strictly by RFC 9051's grammar: what does not follow it is an AssertionError.
"""

from __future__ import annotations

import re
from typing import Any

_QUOTED = re.compile(rb'"((?:[^"\\\r\n\0]|\\["\\])*)"')
_LITERAL = re.compile(rb"(~?)\{(\d+)\}\r\n")
_NUMBER = re.compile(rb"\d+")
_NAME = re.compile(rb"[A-Z0-9.]+(?:\[[^\]]*\])?(?:<\d+>)?")
_FLAG = re.compile(rb"\\?[A-Za-z0-9$_.-]+")


class Text(bytes):
    """
    A string: quoted, or a literal.
    """

    isQuoted = False


class Reader:
    def __init__(self, octets: bytes, isUtf8: bool) -> None:
        self.octets = octets
        self.at = 0
        self.isUtf8 = isUtf8

    def takes(self, text: bytes) -> bool:
        if self.octets.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def expect(self, text: bytes) -> None:
        assert self.takes(text), (text, self.octets[max(0, self.at - 60) : self.at + 60])

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        found = pattern.match(self.octets, self.at)
        assert found is not None, (pattern.pattern, self.octets[max(0, self.at - 60) : self.at + 60])
        self.at = found.end()
        return found

    def number(self) -> int:
        return int(self.match(_NUMBER).group())

    def string(self) -> Text:
        literal = _LITERAL.match(self.octets, self.at)
        if literal is not None:
            start = literal.end()
            self.at = start + int(literal[2])
            octets = self.octets[start : self.at]
            assert len(octets) == int(literal[2])
            # RFC 9051 9: a literal has no NUL, a literal8 may.
            assert literal[1] or b"\0" not in octets
            return Text(octets)
        text = Text(re.sub(rb"\\(.)", rb"\1", self.match(_QUOTED)[1]))
        text.isQuoted = True
        if self.isUtf8:
            text.decode("utf-8")
        else:
            assert text.isascii(), text
        return text

    def nstring(self) -> Text | None:
        return None if self.takes(b"NIL") else self.string()

    def quotedOnly(self) -> Text:
        text = self.string()
        assert text.isQuoted
        return text

    def listOf(self, item: Any, least: int = 1, blank: bytes = b" ") -> list[Any]:
        self.expect(b"(")
        found: list[Any] = []
        while not self.takes(b")"):
            if found:
                self.expect(blank)
            found.append(item())
        assert len(found) >= least
        return found

    # ------------------------------------------------------------------------------------------- what FETCH has

    def responses(self) -> list[tuple[int, dict[bytes, Any]]]:
        """
        All of them: numbers, and values by item.
        """
        found = []
        while self.at < len(self.octets):
            self.expect(b"* ")
            number = self.number()
            self.expect(b" FETCH (")
            items: dict[bytes, Any] = {}
            while True:
                name = self.match(_NAME).group()
                self.expect(b" ")
                assert name not in items, name
                items[name] = self.item(name)
                if self.takes(b")\r\n"):
                    break
                self.expect(b" ")
            found.append((number, items))
        return found

    def item(self, name: bytes) -> Any:
        if name.startswith((b"BODY[", b"BINARY[", b"RFC822.TEXT", b"RFC822.HEADER")) or name == b"RFC822":
            return self.nstring()
        if name.startswith(b"BINARY.SIZE[") or name in (b"UID", b"RFC822.SIZE"):
            return self.number()
        if name in (b"INTERNALDATE", b"SAVEDATE"):
            return self.quotedOnly()
        if name == b"FLAGS":
            return self.listOf(lambda: self.match(_FLAG).group(), 0)
        if name in (b"EMAILID", b"THREADID"):
            return self.listOf(lambda: self.match(re.compile(rb"[A-Za-z0-9_-]{1,255}")).group())[0]
        if name == b"MODSEQ":
            return self.listOf(self.number)[0]
        if name == b"PREVIEW":
            return self.nstring()
        if name == b"ENVELOPE":
            return self.envelope()
        assert name in (b"BODY", b"BODYSTRUCTURE"), name
        return self.body(name == b"BODYSTRUCTURE")

    def envelope(self) -> list[Any]:
        self.expect(b"(")
        found: list[Any] = [self.nstring()]
        self.expect(b" ")
        found.append(self.nstring())
        for _ in range(6):
            self.expect(b" ")
            found.append(None if self.takes(b"NIL") else self.listOf(self.address, 1, b""))
        for _ in range(2):
            self.expect(b" ")
            found.append(self.nstring())
        self.expect(b")")
        return found

    def address(self) -> list[Text | None]:
        found = self.listOf(self.nstring)
        assert len(found) == 4
        return found

    def parameters(self) -> list[Any]:
        found = [] if self.takes(b"NIL") else self.listOf(self.string)
        assert len(found) % 2 == 0
        return found

    def spaced(self, *items: Any) -> list[Any]:
        found = []
        for item in items:
            self.expect(b" ")
            found.append(item())
        return found

    def disposition(self) -> Any:
        if self.takes(b"NIL"):
            return None
        self.expect(b"(")
        name = self.string()
        self.expect(b" ")
        found = (name, self.parameters())
        self.expect(b")")
        return found

    def language(self) -> Any:
        return self.listOf(self.string) if self.octets.startswith(b"(", self.at) else self.nstring()

    def body(self, isExtended: bool) -> Any:
        """
        RFC 9051 9: body; a list of lists for a multipart, and of what stands before the extension data otherwise.
        """
        self.expect(b"(")
        if self.octets.startswith(b"(", self.at):
            children = []
            while self.octets.startswith(b"(", self.at):
                children.append(self.body(isExtended))
            self.spaced(self.string)
            if isExtended:
                self.spaced(self.parameters, self.disposition, self.language, self.nstring)
            self.expect(b")")
            return children
        kind = self.string()
        (subtype,) = self.spaced(self.string)
        found: list[Any] = [kind, subtype]
        found += self.spaced(self.parameters, self.nstring, self.nstring, self.string, self.number)
        media = (kind.lower(), subtype.lower())
        if media[0] == b"text":
            found += self.spaced(self.number)
        elif media == (b"message", b"rfc822") or (media == (b"message", b"global") and self.isUtf8):
            found += self.spaced(self.envelope, lambda: self.body(isExtended), self.number)
        if isExtended:
            self.spaced(self.nstring, self.disposition, self.language, self.nstring)
        self.expect(b")")
        return found
