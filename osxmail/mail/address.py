# -*- test-case-name: tests.unit.mail.test_address -*-
"""
Mail addresses (RFC 5321 4.1.2, RFC 6531 3.3), and domain names as we compare them.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache

import idna
from attrs import field, frozen

from osxmail.errors import ParseError

# RFC 5321 4.5.3.1.1 asks for 64 at least, and for no limit where there need be none: reverse-paths that carry
# another address (VERP, SRS, BATV) pass 64 every day.
MAX_LOCAL_OCTETS = 255
MAX_DOMAIN_OCTETS = 255  # RFC 5321 4.5.3.1.2
MAX_PATH_OCTETS = 1024  # RFC 5321 4.5.3.1.3 asks for 256; quoting and UTF-8 come on top of both parts

# RFC 6531 3.3 has every character outside ASCII.  Not ours: C1 controls, line separators and what turns the direction
# of text (UAX 9 2) are in nobody's address, and would have their way with terminals, logs and readers.
_OTHER = r"\u00a0-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\U0010ffff"
# RFC 5322 3.2.3 atext, and others.
_ATOM = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_OTHER}-]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = re.compile(rf'"((?:[\x20\x21\x23-\x5b\x5d-\x7e{_OTHER}]|\\[\x20-\x7e])*)"')
_QUOTABLE = re.compile(rf"[\x20-\x7e{_OTHER}]+")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")


@lru_cache(maxsize=4096)
def normalizeDomain(text: str) -> str:
    """
    A domain name in the one form in which we compare and keep it: lower case, A-labels (RFC 5890), no final
    dot; or an address literal, C{[192.0.2.1]} or C{[IPv6:2001:db8::1]}, in its canonical form.

    @raise ParseError: it is neither.
    """
    if text.startswith("[") and text.endswith("]"):
        return _literal(text)
    name = text[:-1] if text.endswith(".") else text
    if not name or len(name) > MAX_DOMAIN_OCTETS:
        raise ParseError("a domain name has 1 to 255 octets")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise ParseError(f"not a domain name: {error}") from None
    name = name.lower()
    if len(name) > MAX_DOMAIN_OCTETS - 1:
        raise ParseError("a domain name has 1 to 255 octets")
    for label in name.split("."):
        if len(label) > 63 or not _LABEL.fullmatch(label):
            raise ParseError("not a domain name")
    return name


def _literal(text: str) -> str:
    inner = text[1:-1]
    if "%" in inner:
        # A zone (RFC 4007 11) means nothing to others, and may hold anything at all.
        raise ParseError("an address literal has no zone")
    try:
        if inner[:5].lower() == "ipv6:":
            return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
        return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError:
        raise ParseError("not an address literal") from None


def displayDomain(domain: str) -> str:
    """
    A normalised domain as people read it: U-labels where they are valid.
    """
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def _checkLocal(local: str) -> None:
    if not local:
        raise ParseError("the local part is empty")
    try:
        octets = len(local.encode("utf-8"))
    except UnicodeEncodeError:
        raise ParseError("the local part is not Unicode text") from None
    if octets > MAX_LOCAL_OCTETS:
        raise ParseError(f"the local part is longer than {MAX_LOCAL_OCTETS} octets")


def _quote(local: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'


def canonicalLocal(local: str) -> str:
    """
    A local part, or a short name, in the one form in which we compare it: without case, and in Unicode's form C, as a
    keyboard may write the same letter in two ways (RFC 6532 3.1).
    """
    lowered = local.lower()
    return lowered if lowered.isascii() else unicodedata.normalize("NFC", lowered)


@frozen(order=True)
class Address:
    """
    A mailbox address.  Two addresses are equal when their L{key} is: mail systems hardly ever tell local
    parts apart by case, and a directory never does.

    @ivar local: the local part, unquoted, in the case in which it came.
    @ivar domain: normalised (see L{normalizeDomain}).
    @ivar key: what equality, hashing and look-ups go by.
    """

    local: str = field(eq=False)
    domain: str = field(eq=False)
    key: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "key", f"{canonicalLocal(self.local)}@{self.domain}")

    @classmethod
    def parse(cls, text: str) -> Address:
        """
        An address out of C{local@domain}, C{"quoted local"@domain} or C{local@[literal]}.

        @raise ParseError: it is none of these.
        """
        if text.startswith('"'):
            match = _QUOTED.match(text)
            if match is None:
                raise ParseError("an unfinished quoted local part")
            local = re.sub(r"\\(.)", r"\1", match.group(1))
        else:
            match = _DOT_STRING.match(text)
            if match is None:
                raise ParseError("an address starts with its local part")
            local = match.group(0)
        rest = text[match.end() :]
        if not rest.startswith("@"):
            raise ParseError("an address has the form local@domain")
        _checkLocal(local)
        return cls(local, normalizeDomain(rest[1:]))

    @classmethod
    def fromParts(cls, local: str, domain: str) -> Address:
        """
        An address out of an unquoted local part and a domain in any form.

        @raise ParseError: one of them cannot stand in an address.
        """
        if not _DOT_STRING.fullmatch(local) and not _QUOTABLE.fullmatch(local):
            raise ParseError("the local part cannot be quoted")
        _checkLocal(local)
        return cls(local, normalizeDomain(domain))

    @property
    def detail(self) -> str:
        """
        What follows the first C{+} of the local part (RFC 5233), or C{""}.
        """
        return self.local.partition("+")[2]

    def withoutDetail(self) -> Address:
        """
        The same address without C{+detail}.
        """
        base = self.local.partition("+")[0]
        return Address(base, self.domain) if base else self

    @property
    def isASCII(self) -> bool:
        """
        It can be sent to a host without SMTPUTF8.
        """
        return self.local.isascii()

    def __str__(self) -> str:
        local = self.local if _DOT_STRING.fullmatch(self.local) else _quote(self.local)
        return f"{local}@{self.domain}"
