# -*- test-case-name: tests.unit.mail.imap.test_url -*-
"""
IMAP URLs that name a message or a part of one (RFC 5092), with what URLAUTH adds (RFC 4467).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NoReturn

from attrs import evolve, frozen

from osxmail.errors import LimitExceeded, ParseError
from osxmail.mail.imap.fetchattributes import BodySection, parseFetchItems
from osxmail.mail.imap.reader import Cursor
from osxmail.mail.mailboxname import normalizeMailboxName
from osxmail.mail.sequenceset import MAX_NUMBER

MAX_URL_OCTETS = 4096
MAX_OFFSET = (1 << 63) - 1

_PRINTABLE = re.compile(rb"[!-~]{1,%d}" % MAX_URL_OCTETS)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})?")
# RFC 5092 11: iserver; the user's name, how to log in, the host and the port.
_SERVER = re.compile(
    rb"(?i)imap://(?:(?P<user>[^@/;:]*)(?P<auth>;AUTH=[^@/;:]+)?@)?"
    rb"(?P<host>\[[0-9A-F:.]+\]|[^@/;:\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?=/|$)"
)
# RFC 5092 11: imessagepart and iurlauth.
_MESSAGE = re.compile(
    rb"(?i)(?P<mailbox>[^;?]*?)(?:;UIDVALIDITY=(?P<uidvalidity>[0-9]{1,10}))?"
    rb"/?;UID=(?P<uid>[0-9]{1,10})"
    rb"(?:/?;SECTION=(?P<section>[^;?]+?))?"
    rb"(?:/?;PARTIAL=(?P<origin>[0-9]{1,19})(?:\.(?P<length>[0-9]{1,19}))?)?"
    rb"(?P<urlauth>(?:;EXPIRE=(?P<expire>[^;?]*))?;URLAUTH=(?P<access>[^;:?]*)"
    rb"(?::(?P<mechanism>[A-Z0-9.\-]{1,64}):(?P<token>[0-9A-F]{32,256}))?)?"
)
# RFC 3339 5.6: date-time.
_TIME = re.compile(rb"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(?:\.\d{1,9})?(?:[Zz]|([+-]\d\d:\d\d))")
_ACCESS = re.compile(r"(?i)(submit\+|user\+)(.+)|(authuser|anonymous)", re.DOTALL)


@frozen
class UrlAuth:
    """
    What allows somebody to use a URL (RFC 4467 2).

    @ivar expiresAt: seconds since the epoch, or C{None}.
    @ivar access: C{"user+"}, C{"submit+"}, C{"authuser"} or C{"anonymous"}.
    @ivar user: whose with the first two, else C{""}.
    @ivar mechanism: in upper case; C{""} where the URL is still to be given its token.
    @ivar token: in octets.
    @ivar rump: the URL up to, and without, the mechanism.
    """

    expiresAt: float | None
    access: str
    user: str
    mechanism: str
    token: bytes
    rump: bytes


@frozen
class ImapUrl:
    """
    A message, or a part of one.

    @ivar host: C{""}: it is relative.
    @ivar user: whose mailbox; C{""} where that is not said.
    @ivar mailbox: its name, normalised; C{""}: the selected one.
    @ivar uidvalidity: what that has to be; 0 where it does not matter.
    @ivar section: the whole message where none is named.
    """

    host: str
    port: int
    user: str
    mailbox: str
    uidvalidity: int
    uid: int
    section: BodySection
    auth: UrlAuth | None = None


def parseImapUrl(raw: bytes, base: str = "") -> ImapUrl:
    """
    @param base: the name of the selected mailbox: where relative paths begin (RFC 4469 3).
    @raise ParseError: it is none, or one that names no message.
    """
    if not _PRINTABLE.fullmatch(raw):
        _refuse("a URL is of printable ASCII")
    host, user, port, start = "", "", 143, 0
    server = _SERVER.match(raw)
    if server is not None:
        host = server["host"].decode("ascii").lower()
        user = _text(server["user"] or b"")
        port = int(server["port"] or 143)
        start = server.end()
        if start == len(raw):
            _refuse("the URL names no message")
    message = _MESSAGE.fullmatch(raw, start)
    if message is None:
        _refuse("the URL names no message")
    return ImapUrl(
        host,
        port,
        user,
        _mailbox(message["mailbox"], base),
        _number(message["uidvalidity"], 0),
        _number(message["uid"]),
        _section(message),
        _auth(raw, message),
    )


def _refuse(why: str) -> NoReturn:
    raise ParseError(why)


def _unquoted(raw: bytes) -> bytes:
    def octet(match: re.Match[bytes]) -> bytes:
        if match[1] is None:
            _refuse("a percent sign that quotes nothing")
        return bytes((int(match[1], 16),))

    return _PERCENT.sub(octet, raw)


def _text(raw: bytes) -> str:
    try:
        return _unquoted(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("a URL is in UTF-8") from None


def _number(raw: bytes | None, otherwise: int | None = None) -> int:
    if raw is None and otherwise is not None:
        return otherwise
    number = int(raw or b"0")
    if not 0 < number <= MAX_NUMBER:
        _refuse("no such number")
    return number


def _mailbox(raw: bytes, base: str) -> str:
    """
    RFC 3986 5.3, for the paths that are mailbox names.
    """
    name = _text(raw)
    if name in ("", "/"):
        return base
    if name.startswith("/"):
        name = name[1:]
    elif "/" in base:
        name = base[: base.rindex("/") + 1] + name
    try:
        return normalizeMailboxName(name)
    except LimitExceeded as error:
        raise ParseError(str(error)) from None


def _section(message: re.Match[bytes]) -> BodySection:
    text = _unquoted(message["section"] or b"")
    items = parseFetchItems(Cursor((b"BODY.PEEK[" + text + b"]",)))
    if len(items.sections) != 1 or items.simple:
        _refuse("no such section")
    (section,) = items.sections
    # What closes the bracket ends the section: nothing may stand behind it.
    if b"]" in text or b"[" in text:
        _refuse("no such section")
    if message["origin"] is None:
        return section
    origin = int(message["origin"])
    length = None if message["length"] is None else int(message["length"])
    if origin > MAX_OFFSET or length == 0 or (length or 0) > MAX_OFFSET:
        _refuse("no such range")
    return evolve(section, label=section.label + b"<%d>" % origin, origin=origin, length=length)


def _auth(raw: bytes, message: re.Match[bytes]) -> UrlAuth | None:
    if message["urlauth"] is None:
        return None
    access = _ACCESS.fullmatch(_text(message["access"]))
    if access is None:
        _refuse("no such access")
    mechanism = (message["mechanism"] or b"").decode("ascii").upper()
    token = bytes.fromhex((message["token"] or b"").decode("ascii")) if len(message["token"] or b"") % 2 == 0 else b""
    return UrlAuth(
        None if message["expire"] is None else _time(_unquoted(message["expire"])),
        (access[1] or access[3]).lower(),
        access[2] or "",
        mechanism,
        token,
        raw[: message.end("access")],
    )


def _time(raw: bytes) -> float:
    match = _TIME.fullmatch(raw)
    if match is None:
        _refuse("no such time")
    day, clock, second, zone = (each.decode("ascii") if each else "" for each in match.groups())
    try:
        # A leap second.
        moment = datetime.fromisoformat(f"{day}T{clock}{min(int(second), 59):02d}{zone or '+00:00'}")
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    except (ValueError, OverflowError):
        raise ParseError("no such time") from None
