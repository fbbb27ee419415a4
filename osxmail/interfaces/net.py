# -*- test-case-name: tests.contracts -*-
"""
Names and addresses of other machines.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface

# mypy: disable-error-code="empty-body"


class IResolver(Interface):
    """
    DNS.  "No such name" is L{osxmail.errors.NoSuchDomain}, no records of the type is an empty answer, and
    "cannot say" is L{osxmail.errors.ResolverAway}.  C{secure}: the resolver we trust has set the AD bit.
    """

    def lookupMX(name: str) -> Deferred[tuple[tuple[tuple[int, str], ...], bool]]:
        """
        Pairs (preference, host in lower case without final dot; C{""} for the root, RFC 7505), and secure.
        """

    def lookupAddress(name: str) -> Deferred[tuple[tuple[str, ...], bool]]:
        """
        IPv6 and IPv4 addresses as text, asked for together, and secure.
        """

    def lookupTXT(name: str) -> Deferred[tuple[tuple[bytes, ...], bool]]:
        """
        Each record with its strings joined, and secure.
        """

    def lookupPointer(address: str) -> Deferred[tuple[tuple[str, ...], bool]]: ...

    def lookupTLSA(name: str) -> Deferred[tuple[tuple[tuple[int, int, int, bytes], ...], bool]]: ...
