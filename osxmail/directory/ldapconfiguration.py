# -*- test-case-name: tests.unit.directory.test_ldapconfiguration -*-
"""
How one LDAP directory is reached and read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from attrs import Factory, field, frozen

from osxmail.directory.schemas import ATTRIBUTE_NAMES, SCHEMAS, Schema, attributeNames

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+")  # RFC 4512 2.5: a name or an OID, without options
_URL = re.compile(r"(?i)(ldaps?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?/?|(ldapi)://(\S+)")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@frozen
class LDAPConfiguration:
    """
    An LDAP directory.  Any values can be put in; L{problems} says what is wrong with them.

    @ivar url: C{ldap://host:port}, C{ldaps://…} or C{ldapi://%2Fpath}; several with spaces between them are replicas
        of each other, tried in order.
    @ivar base: the DN below which everything is.
    @ivar bindDN: the service login for searches; C{""} is anonymous.
    @ivar startTLS: C{ldap://} goes on in TLS or not at all.
    @ivar caFile: certificates that may vouch for the server's; C{""} for the system's.
    @ivar schema: a key of L{SCHEMAS}.
    @ivar attributes: by a name of L{ATTRIBUTE_NAMES}: what is read in place of the schema's; several with spaces or
        commas between them, C{""} for none.
    @ivar domains: where each short name is an address; the first one makes a primary address where C{mail} is missing.
    @ivar timeoutSeconds: for one question, waiting included.
    @ivar poolSize: connections (and threads) for searches, and as many for logins.
    @ivar cacheSeconds: how long an answer may be used again.
    @ivar backoffFirstSeconds: the pause after the first failure, in which nothing is asked; it doubles.
    @ivar backoffMostSeconds: the longest pause.
    """

    url: str
    base: str
    bindDN: str = ""
    bindPassword: str = field(default="", repr=False)
    startTLS: bool = False
    caFile: str = ""
    schema: str = "inetorgperson"
    attributes: Mapping[str, str] = Factory(dict)
    domains: tuple[str, ...] = ()
    timeoutSeconds: float = 5.0
    poolSize: int = 8
    cacheSeconds: float = 30.0
    backoffFirstSeconds: float = 0.25
    backoffMostSeconds: float = 10.0

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(self.url.split())

    @property
    def sendsCleartext(self) -> bool:
        """
        Passwords would pass over a network unencrypted.
        """
        if self.startTLS:
            return False
        found = [_URL.fullmatch(url) for url in self.urls]
        return any(m and (m[1] or "").lower() == "ldap" and m[2].lower() not in _LOOPBACK for m in found)

    def problems(self) -> list[str]:
        """
        What is wrong, in plain words, each with the name of the field first.
        """
        found = []
        if not self.urls:
            found.append("url: write ldap://host, ldaps://host or ldapi://%2Fpath")
        for url in self.urls:
            match = _URL.fullmatch(url)
            if match is None or (match[3] and not 0 < int(match[3]) < 65536):
                found.append(f"url: {url!r}: write ldap://host, ldaps://host or ldapi://%2Fpath")
            elif match[4] and not unquote(match[5]).startswith("/"):
                found.append(f"url: {url!r}: write the socket's whole path, with %2F for each /")
            elif self.startTLS and (match[1] or "").lower() != "ldap":
                found.append(f"startTLS: is for ldap:// only, not for {url}")
        if not self.base.strip():
            found.append("base: write the DN below which people and groups are")
        if self.bindDN and not self.bindPassword:
            found.append("bindPassword: the service login needs one")
        if self.schema not in SCHEMAS:
            found.append(f"schema: {self.schema!r}: write one of {', '.join(sorted(SCHEMAS))}")
        for name, written in self.attributes.items():
            if name not in ATTRIBUTE_NAMES:
                found.append(f"attributes.{name}: known are {', '.join(sorted(ATTRIBUTE_NAMES))}")
            elif not ATTRIBUTE_NAMES[name].isBase and not all(map(_ATTRIBUTE.fullmatch, attributeNames(written))):
                found.append(f"attributes.{name}: {written!r} is no attribute name")
        if not (0 < self.timeoutSeconds <= 600) or self.poolSize < 1:
            found.append("timeoutSeconds, poolSize: must be positive")
        return found

    def effectiveSchema(self) -> Schema:
        """
        The schema with what is overridden.
        """
        return SCHEMAS[self.schema].overridden(self.attributes)
