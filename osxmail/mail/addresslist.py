# -*- test-case-name: tests.unit.mail.test_addresslist -*-
"""
Lists of addresses in header fields (RFC 5322 3.4 with the obsolete forms of 4.4), read with tolerance.

What stands in From and To is often no address at all; a reader still wants to see what there is.  So this never
raises: it gives entries as ENVELOPE has them (RFC 3501 7.4.2), and L{mailboxes} those that are valid addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from osxmail.errors import ParseError
from osxmail.mail.address import Address

MAX_ADDRESSES = 5_000  # in one field; what follows is not looked at
MAX_TOKENS = 60_000  # of an irregular field; what follows is not looked at
MAX_COMMENT_DEPTH = 50

#: What stands where an entry has no domain or no local part: NIL there would begin or end a group.
MISSING_DOMAIN = b"MISSING_DOMAIN"
MISSING_MAILBOX = b"MISSING_MAILBOX"

_ATEXT = rb"A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-"
# The forms that nearly all mail has: "Name" <a@b>, Name <a@b>, <a@b> and a@b.
_ANGLE = re.compile(
    rb"[ \t]*+(?:\"([^\"\\]*+)\"[ \t]*+|([" + _ATEXT + rb". \t]*+))"
    rb"<([" + _ATEXT + rb".]++)@([A-Za-z0-9.-]++)>[ \t]*+(?:,|$)"
)
_BARE = re.compile(rb"[ \t]*+()()([" + _ATEXT + rb".]++)@([A-Za-z0-9.-]++)[ \t]*+(?:,|$)")
# A string that does not end goes on to the end, whatever that is: where it could not be one, each of its quotes would
# be tried as the beginning of another, and a field of 100 KB took half a minute.
_TOKEN = re.compile(
    rb'(?P<blank>[\s\x00]++)|(?P<quoted>"(?:[^"\\]|\\.)*+(?:"|\\?\Z))|(?P<literal>\[[^\]\[]*+\])|(?P<comment>\()'
    rb"|(?P<special>[<>@,;:])|(?P<atom>[^\s\x00\"()<>@,;:\[\]\\]++)|(?P<odd>.)",
    re.DOTALL,
)
_COMMENT_MARK = re.compile(rb"[()\\]")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_BLANKS = re.compile(rb"\s+")


class Entry(NamedTuple):
    """
    One structure of an ENVELOPE's address list (RFC 3501 7.4.2), without quoting, octets as they stand.  The
    start of a group has only C{mailbox}, its name; the end of a group has nothing.
    """

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END = Entry(None, None, None, None)


def entries(value: bytes) -> list[Entry]:
    """
    What an unfolded field value says, in order.
    """
    found: list[Entry] = []
    at = 0
    end = len(value)
    while at < end:
        match = _ANGLE.match(value, at) or _BARE.match(value, at)
        if match is None:
            return list(_irregular(value))
        quoted, phrase, local, host = match.groups()
        name = quoted if quoted is not None else phrase.strip()
        found.append(Entry(name or None, None, local, host))
        if len(found) >= MAX_ADDRESSES:
            break
        at = match.end()
    return found


def mailboxes(value: bytes) -> list[Address]:
    """
    The valid addresses in an unfolded field value, those in groups included.
    """
    found = []
    for entry in entries(value):
        if entry.mailbox is None or entry.host is None:
            continue
        if entry.mailbox is not MISSING_MAILBOX and entry.host is not MISSING_DOMAIN:
            try:
                found.append(Address.fromParts(entry.mailbox.decode("utf-8"), entry.host.decode("utf-8")))
            except (ParseError, UnicodeDecodeError):
                continue
    return found


def _tokens(value: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    for _ in range(MAX_TOKENS):
        match = _TOKEN.match(value, at)
        if match is None:
            return
        kind = match.lastgroup or ""
        at = match.end()
        if kind == "comment":
            end = _commentEnd(value, at)
            yield kind, _ESCAPED.sub(rb"\1", value[at : end - 1] if value[end - 1 : end] == b")" else value[at:end])
            at = end
        elif kind == "quoted":
            text = match.group()
            text = text[1:-1] if len(text) > 1 and text.endswith(b'"') else text[1:]
            yield kind, _ESCAPED.sub(rb"\1", text)
        else:
            yield kind, match.group()


def _commentEnd(value: bytes, at: int) -> int:
    # RFC 5322 3.2.2: comments nest.
    depth = 1
    while True:
        match = _COMMENT_MARK.search(value, at)
        if match is None:
            return len(value)
        at = match.end()
        if match.group() == b"\\":
            at += 1
        elif match.group() == b"(":
            depth += 1
            if depth > MAX_COMMENT_DEPTH:
                return len(value)
        else:
            depth -= 1
            if depth == 0:
                return at


class _Gathering:
    """
    One entry while its tokens come.
    """

    def __init__(self) -> None:
        self.words: list[tuple[str, bytes]] = []
        self.angle: list[tuple[str, bytes]] | None = None
        self.comment = b""
        self.hasAt = False

    def isOver(self, text: bytes) -> bool:
        """
        The address has a domain already, and C{text}, behind a blank, does not go on with it.
        """
        words = self.words
        if not self.hasAt or len(words) < 2 or words[-1][0] != "blank" or text.startswith(b"."):
            return False
        return words[-2][1] != b"@" and not words[-2][1].endswith(b".")

    def entry(self) -> Entry | None:
        if self.angle is not None:
            name = _phrase(self.words) or self.comment
            if not name and not self.angle:
                return None
            return _specified(self.angle, name or None)
        if not any(kind != "blank" for kind, _ in self.words):
            return None
        if not self.hasAt:
            # A word without a domain: shown, but not as a group.
            return Entry(self.comment or None, None, _phrase(self.words), MISSING_DOMAIN)
        before, local = self._split()
        return _specified(local, (_phrase(before) or self.comment) or None)

    def _split(self) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
        # "Name a@b": what is before the last blank before the @ is a name.
        words = self.words
        at = next(index for index, (kind, text) in enumerate(words) if kind == "special" and text == b"@")
        start = at
        while start > 0 and words[start - 1][0] == "blank":
            start -= 1
        while start > 0:
            if words[start - 1][0] != "blank":
                start -= 1
            elif start > 1 and b"." in (words[start][1], words[start - 2][1]):
                # RFC 5322 4.4: obs-local-part: "d . e@b".
                start -= 2
            else:
                break
        return words[:start], words[start:]


def _phrase(words: list[tuple[str, bytes]]) -> bytes:
    return _BLANKS.sub(b" ", b"".join(b" " if kind == "blank" else text for kind, text in words)).strip()


def _specified(tokens: list[tuple[str, bytes]], name: bytes | None) -> Entry:
    """
    An entry out of what stands between angle brackets: route, local part, domain.
    """
    tokens = [token for token in tokens if token[0] != "blank"]
    route = None
    if tokens and tokens[0] == ("special", b"@"):
        # RFC 5322 4.4: obs-route.
        for index, token in enumerate(tokens):
            if token == ("special", b":"):
                route = b"".join(text for _, text in tokens[:index])
                tokens = tokens[index + 1 :]
                break
    at = -1
    for index, token in enumerate(tokens):
        if token == ("special", b"@"):
            at = index
    if at < 0:
        return Entry(name, route, b"".join(text for _, text in tokens) or MISSING_MAILBOX, MISSING_DOMAIN)
    local = b"".join(text for _, text in tokens[:at])
    host = b"".join(text for _, text in tokens[at + 1 :])
    return Entry(name, route, local or MISSING_MAILBOX, host or MISSING_DOMAIN)


def _irregular(value: bytes) -> Iterator[Entry]:
    count = 0
    inGroup = False
    current = _Gathering()
    for kind, text in _tokens(value):
        if kind == "comment":
            current.comment = text
            continue
        special = text if kind == "special" else b""
        angle = current.angle
        if angle is not None and special != b"," and not (special == b";" and inGroup):
            if special == b">":
                entry = current.entry()
                if entry is not None:
                    yield entry
                    count += 1
                current = _Gathering()
                # What stands between ">" and the next comma belongs to nothing.
            elif special != b"<":
                angle.append((kind, text))
        elif angle and special == b"," and angle[0] == ("special", b"@"):
            angle.append((kind, text))
        elif special == b"<":
            current.angle = []
        elif special == b":" and not inGroup and not current.hasAt:
            # RFC 5322 3.4: a group.
            inGroup = True
            yield Entry(None, None, _phrase(current.words) or b"", None)
            current = _Gathering()
        elif special in (b",", b";"):
            entry = current.entry()
            if entry is not None:
                yield entry
                count += 1
            current = _Gathering()
            if special == b";" and inGroup:
                yield GROUP_END
                inGroup = False
        elif special != b">":
            if kind in ("atom", "quoted") and current.isOver(text):
                # A comma is missing.
                entry = current.entry()
                if entry is not None:
                    yield entry
                    count += 1
                current = _Gathering()
            current.hasAt = current.hasAt or special == b"@"
            current.words.append((kind, text))
        if count >= MAX_ADDRESSES:
            break
    else:
        entry = current.entry()
        if entry is not None:
            yield entry
    if inGroup:
        yield GROUP_END
