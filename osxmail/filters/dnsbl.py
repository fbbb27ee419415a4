# -*- test-case-name: tests.unit.filters.test_dnsbl -*-
"""
Lists of bad addresses in DNS (RFC 5782), several at once, each with its weight.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import ClassVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from osxmail.errors import MailError, NoSuchDomain, ParseError
from osxmail.filters.base import Filter
from osxmail.interfaces import IResolver, ISettings
from osxmail.mail.address import normalizeDomain
from osxmail.mail.envelope import Client
from osxmail.mail.smtpreply import Reply
from osxmail.mail.verdict import Severity, Verdict
from osxmail.net.dns import reverseName

MAX_LISTS = 20
MAX_WEIGHT = 100
#: How often a list is asked whether it still tells good from bad.
TEST_SECONDS = 3600.0
MAX_REASON_CHARACTERS = 200

#: RFC 5782 2.1: entries answer within this network; whatever else comes back is a parked domain or an error code.
_ANSWERS = IPv4Network("127.0.0.0/8")
#: RFC 5782 5: what every list has, and what none may have.
_LISTED, _UNLISTED = "127.0.0.2", "127.0.0.1"
#: Answers in this network are complaints about who asks, not entries (as the large lists have agreed).
_COMPLAINTS = IPv4Network("127.255.255.0/24")


@frozen
class BlockList:
    """
    One list.

    @ivar zone: its domain.
    @ivar weight: what an entry there counts.
    @ivar codes: answers that count; empty for every one.
    """

    zone: str
    weight: int
    codes: frozenset[str] = frozenset()


def parseList(word: str) -> BlockList:
    """
    C{zone}, C{zone*3} (with a weight), C{zone=127.0.0.2;127.0.0.4*2} (which answers count).

    @raise ParseError: in plain words.
    """
    rest, star, weight = word.partition("*")
    if star and not (weight.isascii() and weight.isdigit() and 0 < int(weight[:4]) <= MAX_WEIGHT):
        raise ParseError(f"{word}: a weight is a number from 1 to {MAX_WEIGHT}")
    zone, equals, codes = rest.partition("=")
    for code in codes.split(";") if equals else ():
        try:
            if IPv4Address(code) not in _ANSWERS:
                raise ValueError
        except ValueError:
            raise ParseError(f"{word}: an answer of a list is an address such as 127.0.0.2") from None
    return BlockList(normalizeDomain(zone), int(weight or 1), frozenset(codes.split(";")) if equals else frozenset())


@lru_cache(maxsize=4)
def _lists(words: tuple[str, ...]) -> tuple[BlockList, ...]:
    return tuple(map(parseList, words[:MAX_LISTS]))


class DNSBLFilter(Filter):
    """
    Adds up what the lists of C{filter.dnsbl_lists} say of a client.

    A list that answers for everybody, or no longer for what every list must have, is passed over until it is right
    again; that is logged once.
    """

    name: ClassVar[str] = "dnsbl"
    log = Logger(namespace="osxmail.filters")

    def __init__(self, settings: ISettings, resolver: IResolver, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._resolver = resolver
        self._now = now
        self._tested: dict[str, tuple[float, bool]] = {}

    def mode(self) -> str:
        return self._settings.text("filter.dnsbl")

    def checkConnection(self, client: Client) -> Deferred[Verdict | None]:
        return Deferred.fromCoroutine(self._check(client))

    async def _check(self, client: Client) -> Verdict | None:
        lists = _lists(self._settings.words("filter.dnsbl_lists"))
        try:
            question = _question(client.host)
        except NoSuchDomain:
            return None
        asked = [Deferred.fromCoroutine(self._entry(each, question)) for each in lists]
        score = 0
        evidence: list[tuple[str, str]] = []
        for each, answer in zip(lists, asked, strict=True):
            entry = await answer
            if entry is not None:
                score += each.weight
                evidence.append((each.zone, entry))
        if not score:
            return None
        limit = self._settings.number("filter.dnsbl_refuse_at")
        names = ", ".join(zone for zone, _ in evidence)
        text = f"{client.host} stands in {names}: {score} of {limit} points"
        if score < limit:
            return self.verdict(Severity.TAG, text, *evidence)
        reply = Reply(554, "5.7.1", (f"{client.host} is listed by {evidence[0][0]}",))
        return self.verdict(Severity.REFUSE, text, *evidence, reply=reply)

    async def _entry(self, each: BlockList, question: str) -> str | None:
        """
        What stands in a list, C{None} for nothing, or nothing that can be had now.
        """
        try:
            codes = await self._codes(each, question)
            if not codes or not await self._isSound(each):
                return None
        except MailError as error:
            self.log.debug("{event}", event="blocklist.away", list=each.zone, reason=str(error))
            return None
        try:
            reasons, _ = await self._resolver.lookupTXT(f"{question}.{each.zone}")
        except MailError:
            reasons = ()
        reason = reasons[0].decode("utf-8", "replace") if reasons else ""
        shown = "".join(c if c.isprintable() else " " for c in reason)[:MAX_REASON_CHARACTERS]
        return f"{' '.join(codes)} {shown}".rstrip()

    async def _codes(self, each: BlockList, question: str) -> Sequence[str]:
        try:
            addresses, _ = await self._resolver.lookupAddress(f"{question}.{each.zone}")
        except NoSuchDomain:
            return ()
        found = []
        for text in addresses:
            address = ip_address(text)
            # RFC 5782 2.1: other answers are no entries.
            if isinstance(address, IPv4Address) and address in _ANSWERS and address not in _COMPLAINTS:
                found.append(text)
        return [code for code in found if not each.codes or code in each.codes]

    async def _isSound(self, each: BlockList) -> bool:
        """
        RFC 5782 5: a list that is alive has 127.0.0.2, and has not 127.0.0.1.
        """
        tested = self._tested.get(each.zone)
        if tested is not None and self._now() - tested[0] < TEST_SECONDS:
            return tested[1]
        every = BlockList(each.zone, 1)
        isSound = bool(await self._codes(every, _question(_LISTED))) and not await self._codes(
            every, _question(_UNLISTED)
        )
        if not isSound and (tested is None or tested[1]):
            self.log.error("{event}", event="blocklist.broken", list=each.zone)
        if len(self._tested) > MAX_LISTS:
            self._tested.clear()
        self._tested[each.zone] = (self._now(), isSound)
        return isSound


def _question(host: str) -> str:
    """
    The name under which a list has an address: its octets or nibbles, backwards (RFC 5782 2.1, 2.4).

    @raise NoSuchDomain: it is no address.
    """
    name = reverseName(host)
    return name.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
