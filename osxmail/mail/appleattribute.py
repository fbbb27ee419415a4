# -*- test-case-name: tests.unit.mail.test_appleattribute -*-
"""
The value of C{apple-user-mailattribute}: what Mac OS X Server's directory says about a user's mail.

It is an XML property list, sometimes without the C{plist} element and the DOCTYPE around it, and sometimes, by a
tool's mistake, a bare address.  A list that cannot be read is never guessed at: what would go wrong is somebody's mail.
"""

from __future__ import annotations

import ipaddress
from xml.parsers import expat

from attrs import evolve, frozen

from osxmail.errors import ParseError
from osxmail.mail.address import Address, normalizeDomain
from osxmail.mail.record import AccountState

MAX_VALUE_OCTETS = 64 * 1024
MAX_ELEMENTS = 1000
MAX_DEPTH = 8
MAX_QUOTA_MEGABYTES = 1 << 30
MEGABYTE = 1024 * 1024

_STATES = {"off": AccountState.OFF, "enabled": AccountState.ENABLED, "forward": AccountState.FORWARD}
_VERSIONS = frozenset({"applemail 1.0", "apple mail 1.0", "apple mail 2.0"})
_CONTAINERS = frozenset({"plist", "dict", "array"})
_SCALARS = frozenset({"key", "string", "integer", "real", "date", "data", "true", "false"})


@frozen
class AppleMail:
    """
    What the attribute says.

    @ivar state: C{None} when it says nothing about it.
    @ivar forwardTo: where mail goes in state FORWARD; never C{None} then.
    @ivar popAllowed: may log in by POP3.
    @ivar imapAllowed: may log in by IMAP.
    @ivar location: host name (normalised) or IP address of the server that keeps the mail, or C{""}.
    @ivar quotaOctets: C{None} when it says nothing, 0 for unlimited.
    @ivar storeLocation: name of a store location, or C{""} for the default one.
    @ivar apopRequired: this person's password must not pass in clear text by POP3.
    @ivar version: C{kAttributeVersion} as it stands.
    @ivar address: the bare address, when the value was one.
    @ivar warnings: what could not be read as it stands, in plain words.
    """

    state: AccountState | None = None
    forwardTo: Address | None = None
    popAllowed: bool = True
    imapAllowed: bool = True
    location: str = ""
    quotaOctets: int | None = None
    storeLocation: str = ""
    apopRequired: bool = False
    version: str = ""
    address: Address | None = None
    warnings: tuple[str, ...] = ()


def parseAppleMail(value: bytes) -> AppleMail:
    """
    Read the attribute's value, UTF-8.

    @raise ParseError: it is neither a property list nor an address; it is too large; it declares XML entities; it
        leaves open where mail goes (an unknown state, or C{Forward} without an address).
    """
    if len(value) > MAX_VALUE_OCTETS:
        raise ParseError("the mail attribute is larger than 64 KiB")
    try:
        text = value.decode("utf-8").strip("\ufeff \t\r\n\0")
    except UnicodeDecodeError:
        raise ParseError("the mail attribute is not UTF-8") from None
    if not text:
        return AppleMail(warnings=("the mail attribute is empty",))
    if not text.startswith("<"):
        address = Address.parse(text)
        warning = f"the mail attribute is a bare address ({address}), not a property list; read as Enabled"
        return AppleMail(state=AccountState.ENABLED, address=address, warnings=(warning,))
    entries, warnings = _PropertyList().read(text)
    return _meaning(entries, warnings)


class _PropertyList:
    """
    The strings of the outermost dictionary of a property list; what is nested deeper is passed over.
    """

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}
        self._warnings: list[str] = []
        self._open: list[str] = []
        self._elements = 0
        self._text: list[str] = []
        self._key: str | None = None
        self._dictDepth = 0

    def read(self, text: str) -> tuple[dict[str, str], list[str]]:
        # The text is Unicode by now, whatever encoding its XML declaration names.
        parser = expat.ParserCreate(encoding="utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._entity
        try:
            parser.Parse(text.encode("utf-8"), True)
        except expat.ExpatError as error:
            raise ParseError(f"the mail attribute is not XML: {error}") from None
        if not self._dictDepth:
            raise ParseError("the mail attribute is a property list without a dictionary")
        return self._entries, self._warnings

    def _entity(self, *declared: object) -> None:
        # One declaration is enough to make a bomb of the next; no property list needs any.
        raise ParseError("the mail attribute has XML entities of its own")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise ParseError("the mail attribute has too many elements")
        if name not in _CONTAINERS and name not in _SCALARS:
            raise ParseError(f"the mail attribute has an element {name[:40]!r}, which property lists do not have")
        if self._open and self._open[-1] in _SCALARS:
            raise ParseError(f"the mail attribute has an element inside of {self._open[-1]}")
        self._open.append(name)
        self._text.clear()
        if name == "dict" and not self._dictDepth:
            self._dictDepth = len(self._open)

    def _end(self, name: str) -> None:
        depth = len(self._open) - 1
        self._open.pop()
        text = "".join(self._text).strip()
        self._text.clear()
        if not self._dictDepth or depth != self._dictDepth:
            return
        if name == "key":
            self._key = text.lower()
            return
        key, self._key = self._key, None
        if key is None:
            raise ParseError("the mail attribute has a value without a key")
        if name in _CONTAINERS:
            self._warnings.append(f"{key[:40]} is not a string")
            return
        if key in self._entries:
            self._warnings.append(f"{key[:40]} stands there twice; the last one counts")
        self._entries[key] = name if name in ("true", "false") else text


def _meaning(entries: dict[str, str], warnings: list[str]) -> AppleMail:
    result = AppleMail(
        version=entries.get("kattributeversion", ""),
        location=_location(entries.get("kmailaccountlocation", ""), warnings),
        quotaOctets=_quota(entries.get("kuserdiskquota", ""), warnings),
        storeLocation=entries.get("kaltmailstoreloc", ""),
        popAllowed=_login(entries, "kPOP3LoginState", "pop3", warnings),
        imapAllowed=_login(entries, "kIMAPLoginState", "imap", warnings),
        apopRequired=entries.get("kapoprequired", "").lower() == "apoprequired",
    )
    if result.version.lower() not in _VERSIONS:
        warnings.append(f"kAttributeVersion is {result.version[:40]!r}, which is unknown")
    stated = entries.get("kmailaccountstate", "")
    state = None
    if stated:
        state = _STATES.get(stated.lower())
        if state is None:
            raise ParseError(f"kMailAccountState is {stated[:40]!r}; it is Off, Enabled or Forward")
    forwardTo = None
    if state is AccountState.FORWARD:
        try:
            forwardTo = Address.parse(entries.get("kautoforwardvalue", ""))
        except ParseError as error:
            raise ParseError(f"kMailAccountState is Forward, and kAutoForwardValue is no address: {error}") from None
    return evolve(result, state=state, forwardTo=forwardTo, warnings=tuple(warnings))


def _login(entries: dict[str, str], key: str, protocol: str, warnings: list[str]) -> bool:
    value = entries.get(key.lower(), "")
    lowered = value.lower()
    if lowered in ("", f"{protocol}allowed"):
        return True
    if lowered != f"{protocol}deny":
        # A login that was meant to be denied must not pass because of a spelling.
        warnings.append(f"{key} is {value[:40]!r}, which is unknown; read as denied")
    return False


def _quota(value: str, warnings: list[str]) -> int | None:
    if not value:
        return None
    if not (value.isascii() and value.isdigit()) or len(value) > 10 or int(value) > MAX_QUOTA_MEGABYTES:
        warnings.append(f"kUserDiskQuota is {value[:40]!r}, which is no number of megabytes")
        return None
    return int(value) * MEGABYTE


def _location(value: str, warnings: list[str]) -> str:
    if not value:
        return ""
    try:
        return str(ipaddress.ip_address(value.strip("[]")))
    except ValueError:
        pass
    try:
        name = normalizeDomain(value)
    except ParseError:
        name = ""
    if not name or name.startswith("["):
        warnings.append(f"kMailAccountLocation is {value[:80]!r}, which is no host; read as this server")
        return ""
    return name
