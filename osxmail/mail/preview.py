# -*- test-case-name: tests.unit.mail.test_preview -*-
"""
The beginning of a message's text, as a list of messages shows it (RFC 8970).

Of alternatives the plain one counts, of HTML what a reader sees; attachments do not count, nor what is encrypted, nor
what is quoted where there is something else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from osxmail.mail.header import firstFields
from osxmail.mail.mediatype import firstWord, parseMediaType
from osxmail.mail.mimestructure import MESSAGE, MULTIPART, TEXT, Part
from osxmail.mail.text import Reader, leafText

MAX_CHARACTERS = 200  # RFC 8970 3.2: at most
MAX_TEXT_CHARACTERS = 65_536  # of a part that are looked at
MAX_READ_OCTETS = 2 << 20  # of a message: a newsletter's style sheets stand before its text
MAX_TEXTS = 5  # parts that are looked into until one has text
MAX_PARTS = 200  # whose headers are looked at
MAX_HEADER_OCTETS = 16_384  # of each

_FIELDS = (b"content-type", b"content-disposition")
_QUOTED = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_ARMOUR = "-----BEGIN PGP MESSAGE-----"
# What is not seen: soft hyphens, joiners of no width, marks of direction: newsletters fill their beginnings with them.
_UNSEEN = dict.fromkeys(
    [0xAD, 0x34F, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2060, 0x2070)]
)


def preview(part: Part, read: Reader) -> str:
    """
    The preview of a message, C{""} if there is nothing to be shown.

    @param part: the message itself.
    @return: one line of at most L{MAX_CHARACTERS} characters without any that are not seen.
    """
    leftOctets = MAX_READ_OCTETS

    def some(offset: int, length: int) -> bytes:
        # Megabytes of tags, or of what a decoder passes over, hold nothing that is seen.
        nonlocal leftOctets
        octets = read(offset, min(length, leftOctets)) if leftOctets else b""
        leftOctets -= len(octets)
        return octets

    for count, leaf in enumerate(_Choosing(some).texts(part)):
        text = _shown(leafText(leaf, some, isBodyOnly=True))
        if text or count + 1 >= MAX_TEXTS:
            return text
    return ""


class _Choosing:
    """
    Finds the parts whose text may be shown.
    """

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._parts = 0

    def texts(self, part: Part) -> Iterator[Part]:
        """
        The best first.
        """
        self._parts += 1
        if self._parts > MAX_PARTS:
            return
        if part.kind == MESSAGE:
            yield from self.texts(part.children[0])
            return
        if part.kind not in (TEXT, MULTIPART):
            return
        length = min(part.bodyOffset - part.headerOffset, MAX_HEADER_OCTETS)
        header = self._read(part.headerOffset, length) if length else b""
        given = firstFields(header, _FIELDS)
        value = given.get(b"content-type")
        subtype = parseMediaType(value).subtype if value else b""
        if part.kind == TEXT:
            if (firstWord(given.get(b"content-disposition")) or b"").lower() != b"attachment":
                yield part
        elif subtype == b"alternative":
            # RFC 2046 5.1.4: the plainest comes first; whoever holds to that or not, HTML comes last.
            found = [(leaf, self._isRich(leaf)) for child in part.children for leaf in self.texts(child)]
            yield from [leaf for leaf, isRich in found if not isRich]
            yield from [leaf for leaf, isRich in found if isRich]
        elif subtype != b"encrypted":
            for child in part.children:
                yield from self.texts(child)

    def _isRich(self, leaf: Part) -> bool:
        header = self._read(leaf.headerOffset, min(leaf.bodyOffset - leaf.headerOffset, MAX_HEADER_OCTETS))
        value = firstFields(header, _FIELDS[:1]).get(b"content-type")
        return value is not None and parseMediaType(value).subtype != b"plain"


def _shown(pieces: Iterable[str]) -> str:
    text = ""
    for piece in pieces:
        text += piece
        if len(text) >= MAX_TEXT_CHARACTERS:
            break
    text = text[:MAX_TEXT_CHARACTERS]
    if _ARMOUR in text[:2000]:
        return ""
    return _oneLine(_QUOTED.sub("", text)) or _oneLine(text)


def _oneLine(text: str) -> str:
    out: list[str] = []
    room = MAX_CHARACTERS
    for word in text.translate(_UNSEEN).split():
        shown = "".join(c for c in word if unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))
        if not shown:
            continue
        out.append(shown)
        room -= len(shown) + 1
        if room < 0:
            break
    whole = " ".join(out)
    end = MAX_CHARACTERS
    # No character is parted from the marks that belong to it.
    while 0 < end < len(whole) and (
        unicodedata.combining(whole[end]) or whole[end] in "\u200d\ufe0f" or whole[end - 1] == "\u200d"
    ):
        end -= 1
    return whole[: end or MAX_CHARACTERS].rstrip()
