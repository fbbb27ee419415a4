# -*- test-case-name: tests.unit.filters.test_spf -*-
"""
Our resolver for libraries that run in threads and wait for DNS.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from twisted.internet.threads import blockingCallFromThread

from osxmail.errors import NoSuchDomain, ResolverAway
from osxmail.interfaces import IResolver

#: Questions that the check of one message may ask.
MAX_QUESTIONS = 60


class BlockingLookups:
    """
    Asks from a thread.  One for each check, so that no message makes us ask without end.
    """

    def __init__(self, resolver: IResolver, reactor: Any, mostQuestions: int = MAX_QUESTIONS) -> None:
        self._resolver = resolver
        self._reactor = reactor
        self._left = mostQuestions

    def ask(self, name: str, kind: str) -> list[Any]:
        """
        In a thread: the values of the records of a name, none if there are none or no such name.

        @param kind: C{"A"}, C{"AAAA"}, C{"MX"} (pairs), C{"TXT"} (octets) or C{"PTR"}.
        @raise ResolverAway: nobody can say now, or enough has been asked.
        """
        if self._left <= 0:
            raise ResolverAway("the check asks too many questions")
        self._left -= 1
        look: Any
        if kind in ("A", "AAAA"):
            look = self._resolver.lookupAddress
        elif kind == "MX":
            look = self._resolver.lookupMX
        elif kind == "TXT":
            look = self._resolver.lookupTXT
        else:
            look = self._resolver.lookupPointer
            address = _addressOf(name)
            if address is None:
                return []
            name = address
        try:
            values, _ = blockingCallFromThread(self._reactor, look, name)
        except NoSuchDomain:
            return []
        if kind in ("A", "AAAA"):
            return [value for value in values if (":" in value) == (kind == "AAAA")]
        return list(values)


def _addressOf(name: str) -> str | None:
    """
    The address that a name below C{in-addr.arpa} or C{ip6.arpa} stands for.
    """
    labels = name.lower().rstrip(".").split(".")
    try:
        if labels[-2:] == ["in-addr", "arpa"]:
            return str(ip_address(".".join(reversed(labels[:-2]))))
        if labels[-2:] == ["ip6", "arpa"] and len(labels) == 34:
            nibbles = "".join(reversed(labels[:-2]))
            return str(ip_address(":".join(nibbles[index : index + 4] for index in range(0, 32, 4))))
    except ValueError:
        pass
    return None
