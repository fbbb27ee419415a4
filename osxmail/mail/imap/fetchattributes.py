# -*- test-case-name: tests.unit.mail.imap.test_fetchattributes -*-
"""
What FETCH asks for (RFC 3501 6.4.5, RFC 9051 6.4.5, and the extensions that we have), as values.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from attrs import frozen

from osxmail.mail.imap.reader import BadCommand, Cursor

MAX_ITEMS = 100  # in one FETCH
MAX_FIELDS = 100  # names in one HEADER.FIELDS
MAX_PART_DEPTH = 100  # numbers in one part specifier
MAX_FIELD_OCTETS = 998

_FIELD_NAME = re.compile(rb"[!-9;-~]{1,%d}" % MAX_FIELD_OCTETS)
_PLAIN_FIELD = re.compile(rb"[!#$&'+,\-./0-9;<=>?@A-Z\[^_`a-z|}~]+")

#: Items that the snapshot knows.
SNAPSHOT_ITEMS = frozenset({"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ"})
#: Items that the store has ready-made, and the column each is in (see L{osxmail.interfaces.IMailbox.renderings}), or
#: makes when they are asked for (see L{osxmail.interfaces.IMailbox.previews}).
RENDERED_ITEMS = {
    "ENVELOPE": "envelope",
    "BODY": "body",
    "BODYSTRUCTURE": "bodystructure",
    "SAVEDATE": "savedate",  # RFC 8514 3
    "EMAILID": "emailid",  # RFC 8474 5.1
    "THREADID": "threadid",  # RFC 8474 5.2
    "PREVIEW": "preview",  # RFC 8970 3
    "PREVIEW (LAZY)": "lazypreview",  # RFC 8970 3.1
}

_MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_PREVIEW, _LAZY_PREVIEW = "PREVIEW", "PREVIEW (LAZY)"
_SIMPLE = SNAPSHOT_ITEMS | frozenset(RENDERED_ITEMS)


@frozen
class BodySection:
    """
    BODY[…] in one of its forms, or BINARY[…] (RFC 3516 4.2).

    @ivar label: how the answer calls it: C{b"BODY[1.MIME]<0>"}, C{b"RFC822"}.
    @ivar part: the numbers before the text part; empty for the message itself.
    @ivar what: C{""} (the whole), C{"HEADER"}, C{"HEADER.FIELDS"}, C{"HEADER.FIELDS.NOT"}, C{"TEXT"}, C{"MIME"}.
    @ivar fields: the names for HEADER.FIELDS, in lower case.
    @ivar origin: the first octet wanted.
    @ivar length: how many at most; C{None} for all.
    @ivar isPeek: does not set C{\\Seen}.
    @ivar isDecoded: BINARY: without its transfer encoding.
    @ivar isSize: BINARY.SIZE: only how long that is.
    """

    label: bytes
    part: tuple[int, ...] = ()
    what: str = ""
    fields: frozenset[bytes] = frozenset()
    origin: int = 0
    length: int | None = None
    isPeek: bool = True
    isDecoded: bool = False
    isSize: bool = False


#: A simple item by its name, or a section.
FetchItem: TypeAlias = str | BodySection

_RFC822 = {
    "RFC822": BodySection(b"RFC822", isPeek=False),
    "RFC822.HEADER": BodySection(b"RFC822.HEADER", what="HEADER"),  # RFC 3501 6.4.5: as BODY.PEEK[HEADER]
    "RFC822.TEXT": BodySection(b"RFC822.TEXT", what="TEXT", isPeek=False),
}


@frozen
class FetchItems:
    """
    The items of one FETCH, each once, in the order in which they were asked for.
    """

    simple: tuple[str, ...]
    sections: tuple[BodySection, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """
        The columns of renderings that are needed.
        """
        return tuple(RENDERED_ITEMS[name] for name in self.simple if name in RENDERED_ITEMS)

    @property
    def setsSeen(self) -> bool:
        """
        Some section is asked for without PEEK.
        """
        return any(not section.isPeek for section in self.sections)

    def including(self, *names: str) -> FetchItems:
        """
        The same with these simple items, where they are missing: UID first, others last.
        """
        missing = [name for name in names if name not in self.simple]
        if not missing:
            return self
        first = tuple(name for name in missing if name == "UID")
        return FetchItems((*first, *self.simple, *(name for name in missing if name != "UID")), self.sections)


def parseFetchItems(cursor: Cursor) -> FetchItems:
    """
    A macro, one item, or a list of items.

    @raise BadCommand:
    """
    if not cursor.takes(b"("):
        for macro, names in _MACROS.items():
            if cursor.takesWord(macro.encode("ascii")):
                return FetchItems(names)
        return _made([_item(cursor)])
    return _made(list(cursor.restOfList(lambda: _item(cursor), MAX_ITEMS)))


def _made(items: list[FetchItem]) -> FetchItems:
    simple = dict.fromkeys(item for item in items if isinstance(item, str))
    if _PREVIEW in simple:
        # Who waits for it is told once.
        simple.pop(_LAZY_PREVIEW, None)
    sections: dict[tuple[bytes, int | None], BodySection] = {}
    for item in items:
        if isinstance(item, BodySection):
            key = (item.label, item.length)
            if key not in sections or not item.isPeek:
                sections[key] = item
    return FetchItems(tuple(simple), tuple(sections.values()))


def _item(cursor: Cursor) -> FetchItem:
    if cursor.takes(b"BODY.PEEK["):
        return _section(cursor, True)
    if cursor.takes(b"BODY["):
        return _section(cursor, False)
    if cursor.takes(b"BINARY.PEEK["):
        return _binary(cursor, True)
    if cursor.takes(b"BINARY["):
        return _binary(cursor, False)
    if cursor.takes(b"BINARY.SIZE["):
        part = _part(cursor)
        return BodySection(b"BINARY.SIZE" + _label(part), part, isDecoded=True, isSize=True)
    name = cursor.atom("an item to fetch")
    if name == _PREVIEW:
        return _LAZY_PREVIEW if cursor.takes(b" (LAZY)") else _PREVIEW
    if name in _SIMPLE:
        return name
    if name in _RFC822:
        return _RFC822[name]
    raise BadCommand("no such item to fetch")


def _number(cursor: Cursor, part: list[int]) -> None:
    number = cursor.number(what="a part number")
    if number == 0 or len(part) >= MAX_PART_DEPTH:
        raise BadCommand("no such part")
    part.append(number)


def _label(part: tuple[int, ...], text: bytes = b"") -> bytes:
    return b"[%b]" % b".".join([b"%d" % number for number in part] + ([text] if text else []))


def _part(cursor: Cursor) -> tuple[int, ...]:
    """
    RFC 3516 7: section-binary, after its opening bracket.
    """
    part: list[int] = []
    while not cursor.takes(b"]"):
        if part:
            cursor.expect(b".", "a dot or the end of the section")
        _number(cursor, part)
    return tuple(part)


def _binary(cursor: Cursor, isPeek: bool) -> BodySection:
    part = _part(cursor)
    origin, length, suffix = _partial(cursor)
    return BodySection(
        b"BINARY" + _label(part) + suffix, part, origin=origin, length=length, isPeek=isPeek, isDecoded=True
    )


def _partial(cursor: Cursor) -> tuple[int, int | None, bytes]:
    """
    C{<origin.length>}, if it stands here, and how the answer repeats it.
    """
    if not cursor.takes(b"<"):
        return 0, None, b""
    origin = cursor.number()
    cursor.expect(b".", "a dot")
    length = cursor.number()
    if length == 0:  # RFC 3501 9: nz-number
        raise BadCommand("a partial fetch has at least one octet")
    cursor.expect(b">", "the end of the partial fetch")
    return origin, length, b"<%d>" % origin


def _section(cursor: Cursor, isPeek: bool) -> BodySection:
    part: list[int] = []
    what = ""
    fields: tuple[bytes, ...] = ()
    while not cursor.looksAt(b"]"):
        if part:
            cursor.expect(b".", "a dot")
        if cursor.looksAtDigit:
            _number(cursor, part)
            continue
        what = _sectionText(cursor, bool(part))
        if what.startswith("HEADER.FIELDS"):
            cursor.space()
            fields = _fieldList(cursor)
        break
    cursor.expect(b"]", "the end of the section")
    text = what.encode("ascii")
    if fields:
        text += b" (" + b" ".join(_renderedField(field) for field in fields) + b")"
    origin, length, suffix = _partial(cursor)
    label = b"BODY" + _label(tuple(part), text) + suffix
    names = frozenset(field.lower() for field in fields)
    return BodySection(label, tuple(part), what, names, origin, length, isPeek)


def _sectionText(cursor: Cursor, hasPart: bool) -> str:
    for name in ("HEADER.FIELDS.NOT", "HEADER.FIELDS", "HEADER", "TEXT"):
        if cursor.takes(name.encode("ascii")):
            return name
    if hasPart and cursor.takes(b"MIME"):  # RFC 3501 6.4.5: MIME must be prefixed by numbers
        return "MIME"
    raise BadCommand("no such section")


def _fieldList(cursor: Cursor) -> tuple[bytes, ...]:
    cursor.expect(b"(", "a list of field names")
    fields = tuple(cursor.restOfList(lambda: cursor.astring("a field name"), MAX_FIELDS))
    if not all(map(_FIELD_NAME.fullmatch, fields)):
        raise BadCommand("not a field name")
    return fields


def _renderedField(field: bytes) -> bytes:
    if _PLAIN_FIELD.fullmatch(field):
        return field
    return b'"' + field.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
