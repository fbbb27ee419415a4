# -*- test-case-name: tests.unit.mail.imap.test_response -*-
"""
What an IMAP server says, as octets (RFC 3501 7 and 9).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from osxmail.mail.flags import flagNames
from osxmail.mail.mailboxname import DELIMITER, encodeMailboxName

#: Days and minutes whose rendering is kept; then the collection starts afresh.
MAX_REMEMBERED_DAYS = 20_000

_MONTHS = (b"", *b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_A_DAY = 86400
_FIRST_DAY = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH).days
_LAST_DAY = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).days

_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
MAX_QUOTED_OCTETS = 1000

#: What a session adds to a message's flags where it is recent; a bit that no stored flag has.
RECENT = 1 << 5


def renderString(value: bytes) -> bytes:
    """
    A quoted string where it can be one, a literal otherwise.
    """
    if len(value) <= MAX_QUOTED_OCTETS and _QUOTABLE.fullmatch(value):
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(value), value)


def renderAstring(value: bytes) -> bytes:
    """
    An atom where it can be one, a string otherwise.
    """
    return value if _ATOM.fullmatch(value) and value.upper() != b"NIL" else renderString(value)


def renderMailbox(name: str, isUtf8: bool = False) -> bytes:
    """
    A mailbox name: an atom where it can be one.

    @param isUtf8: in UTF-8, in quotes (RFC 6855 3), not in modified UTF-7.
    """
    raw = encodeMailboxName(name, isUtf8)
    if _ATOM.fullmatch(raw):
        return raw if raw.upper() != b"NIL" else b'"%b"' % raw
    return renderUtf8(raw) if isUtf8 else renderString(raw)


def renderUtf8(value: bytes) -> bytes:
    """
    A quoted string with UTF-8 in it (RFC 9051 9: QUOTED-CHAR), for clients that have enabled that.

    @param value: in UTF-8, without CR, LF and NUL.
    """
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def renderPreview(value: bytes | None, isUtf8: bool = False) -> bytes:
    """
    What follows PREVIEW (RFC 8970 3): a string in UTF-8, or NIL.

    @param value: one line without control characters.
    @param isUtf8: the client takes UTF-8 in quoted strings; to others that is a literal.
    """
    if value is None:
        return b"NIL"
    return renderUtf8(value) if isUtf8 else renderString(value)


def renderFlags(names: Iterable[str]) -> bytes:
    """
    Flags in parentheses.
    """
    return b"(" + " ".join(names).encode("ascii") + b")"


class FlagTexts(dict[int, bytes]):
    """
    Bits of flags, and L{RECENT}, to C{(\\Seen $Junk)}; each combination is rendered once.
    """

    def __init__(self, keywords: tuple[str, ...]) -> None:
        super().__init__()
        self._keywords = keywords

    @property
    def keywordCount(self) -> int:
        """
        How many keywords it knows.
        """
        return len(self._keywords)

    def __missing__(self, bits: int) -> bytes:
        names = flagNames(bits, self._keywords)
        text = self[bits] = renderFlags((*names, "\\Recent") if bits & RECENT else names)
        return text


class DateTexts(dict[int, bytes]):
    """
    Days since the epoch to C{"17-Jul-1996 } (RFC 3501 9: date-time, in UTC); bounded.
    """

    def __missing__(self, day: int) -> bytes:
        moment = _EPOCH + timedelta(days=min(max(day, _FIRST_DAY), _LAST_DAY))
        text = b'"%2d-%b-%04d ' % (moment.day, _MONTHS[moment.month], moment.year)
        if len(self) >= MAX_REMEMBERED_DAYS:
            self.clear()
        self[day] = text
        return text


DAYS = DateTexts()
#: The minutes of a day, C{17:02:}.
MINUTES = tuple(b"%02d:%02d:" % divmod(minute, 60) for minute in range(1440))
#: The seconds of a minute with the end of the date, C{59 +0000"}.
SECONDS = tuple(b'%02d +0000"' % second for second in range(60))


def renderDate(seconds: int) -> bytes:
    """
    An INTERNALDATE in UTC, in quotes.
    """
    day, rest = divmod(seconds, _SECONDS_A_DAY)
    minute, second = divmod(rest, 60)
    return DAYS[day] + MINUTES[minute] + SECONDS[second]


def renderListing(
    kind: bytes,
    attributes: Sequence[str],
    name: str,
    childInfo: Sequence[str] = (),
    isUtf8: bool = False,
    oldName: str = "",
) -> bytes:
    """
    A LIST or LSUB response, with CRLF.

    @param childInfo: what of RFC 5258 4: CHILDINFO holds, for instance C{("SUBSCRIBED",)}.
    @param oldName: what the mailbox was called before (RFC 9051 6.3.9.7: OLDNAME), or C{""}.
    """
    info = b""
    if childInfo:
        info = b' ("CHILDINFO" (' + b" ".join(b'"%b"' % each.encode("ascii") for each in childInfo) + b"))"
    elif oldName:
        info = b' ("OLDNAME" (%b))' % renderMailbox(oldName, isUtf8)
    return b'* %b %b "%b" %b%b\r\n' % (
        kind, renderFlags(attributes), DELIMITER.encode("ascii"), renderMailbox(name, isUtf8), info,
    )  # fmt: skip


def renderStatus(name: str, values: Sequence[tuple[str, int | bytes]], isUtf8: bool = False) -> bytes:
    """
    A STATUS response, with CRLF.

    @param values: each item with its number, or with what it has instead, as it is written.
    """
    items = b" ".join(
        b"%b %b" % (item.encode("ascii"), value if isinstance(value, bytes) else b"%d" % value)
        for item, value in values
    )
    return b"* STATUS %b (%b)\r\n" % (renderMailbox(name, isUtf8), items)
