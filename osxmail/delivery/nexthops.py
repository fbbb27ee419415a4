# -*- test-case-name: tests.unit.delivery.test_nexthops -*-
"""
Where to connect for a destination: MX records, address records, literals, and never ourselves (RFC 5321 5.1).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from itertools import groupby, zip_longest

from attrs import frozen
from twisted.internet.defer import Deferred

from osxmail.errors import MailError, NoSuchDomain, ParseError
from osxmail.interfaces import IResolver
from osxmail.mail.decision import Action, Step
from osxmail.mail.smtpreply import Reply
from osxmail.net.addresses import OwnListeners

MAX_MX_HOSTS = 10  # of a domain that are looked at in one attempt
MAX_ADDRESSES_PER_HOST = 4
MAX_ADDRESSES = 8  # that are connected to in one attempt

NO_SUCH_DOMAIN = Reply(550, "5.1.2", ("The recipient's domain does not exist",))
NULL_MX = Reply(556, "5.1.10", ("The recipient's domain takes no mail",))
NO_HOST = Reply(550, "5.4.4", ("The recipient's domain has no mail server that can be found",))
LOOP = Reply(554, "5.4.6", ("Mail for the recipient's domain comes back to this server, which does not have it",))
LOOP_BY_SETTING = Reply(451, "4.4.6", ("The next host that is configured is this server itself",))
DNS_AWAY = Reply(451, "4.4.3", ("The name servers cannot be asked now",))


@frozen
class Hop:
    """
    A next hop as people write it: C{host}, C{host:port}, C{[host]:port}, C{[192.0.2.1]}, C{[IPv6:2001:db8::1]}.

    @ivar host: a name, or an IP address as text.
    @ivar port: C{None} when none is written.
    @ivar isExact: in brackets, or an address: its MX records are not asked for.
    """

    host: str
    port: int | None
    isExact: bool

    @classmethod
    def parse(cls, text: str) -> Hop:
        """
        @raise ParseError: it has none of these forms.
        """
        text = text.strip()
        if text.startswith("["):
            host, bracket, rest = text[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise ParseError("write [host]:port")
            port = rest[1:] if rest else None
            isExact = True
            if host[:5].lower() == "ipv6:":
                host = host[5:]
        elif text.count(":") > 1:
            host, port, isExact = text, None, True
        else:
            host, colon, digits = text.partition(":")
            port, isExact = digits if colon else None, False
        number = None
        if port is not None:
            if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
                raise ParseError("a port is a number from 1 to 65535")
            number = int(port)
        if not host or any(c.isspace() for c in host):
            raise ParseError("a next hop has a host")
        try:
            return cls(str(ip_address(host)), number, True)
        except ValueError:
            if ":" in host:
                raise ParseError("not an IPv6 address") from None
            return cls(host.lower().rstrip("."), number, isExact)


@frozen
class Candidate:
    """
    One place to connect to.

    @ivar host: its name; the address, where there is no name.
    """

    host: str
    address: str
    port: int

    @property
    def remoteHost(self) -> str:
        """
        As statuses have it.
        """
        return f"{self.host} [{self.address}]:{self.port}"


@frozen
class NextHops:
    """
    @ivar candidates: in the order in which they are to be tried; none if there is a C{refusal}.
    @ivar action: DEFER or REFUSE, what the refusal means.
    """

    candidates: tuple[Candidate, ...]
    steps: tuple[Step, ...]
    refusal: Reply | None = None
    action: Action = Action.ACCEPT


class HopFinder:
    """
    Finds next hops.

    @ivar ownNames: host names that are ours.
    """

    def __init__(
        self,
        resolver: IResolver,
        ownNames: Sequence[str] = (),
        ownListeners: Callable[[], Iterable[tuple[str, int]]] = tuple,
        shuffle: Callable[[list[tuple[int, str]]], None] = random.shuffle,
    ) -> None:
        self._resolver = resolver
        self.ownNames = frozenset(name.lower() for name in ownNames)
        self._ownListeners = ownListeners
        self._shuffle = shuffle

    async def find(self, hop: Hop, port: int, usesMX: bool, isConfigured: bool) -> NextHops:
        """
        Where to connect.

        @param port: where the hop names none.
        @param usesMX: its MX records count, unless it is exact.
        @param isConfigured: an administrator has named it: what is wrong with it can be mended, so mail waits.
        """
        port = hop.port or port
        steps: list[Step] = []
        try:
            literal = str(ip_address(hop.host))
        except ValueError:
            hosts: list[tuple[int, str]] = [(0, hop.host)]
            if usesMX and not hop.isExact:
                try:
                    hosts = await self._exchangers(hop.host, steps)
                except _Nowhere as nowhere:
                    return _refusal(nowhere.reply, steps, isConfigured)
            found = await self._addresses(hosts, steps)
        else:
            steps.append(Step("relay.literal", f"the address {literal} is given"))
            hosts = [(0, literal)]
            found = [[literal]]
        return self._candidates(hosts, found, port, steps, isConfigured)

    async def _exchangers(self, domain: str, steps: list[Step]) -> list[tuple[int, str]]:
        try:
            records, _ = await self._resolver.lookupMX(domain)
        except NoSuchDomain:
            steps.append(Step("relay.mx", f"{domain} does not exist"))
            raise _Nowhere(NO_SUCH_DOMAIN) from None
        except MailError as error:
            steps.append(
                Step("relay.mx", f"the MX records of {domain} cannot be asked for now", (("dns", str(error)),))
            )
            raise _Nowhere(DNS_AWAY) from None
        if not records:
            # RFC 5321 5.1: without MX records the domain's own address counts.
            steps.append(Step("relay.mx", f"{domain} has no MX records; its own address counts"))
            return [(0, domain)]
        named = [(preference, host) for preference, host in records if host]
        if not named:
            steps.append(Step("relay.mx", f"{domain} has a null MX record (RFC 7505)"))
            raise _Nowhere(NULL_MX)
        ordered: list[tuple[int, str]] = []
        for _, group in groupby(sorted(named, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
            equal = list(group)
            # RFC 5321 5.1: equal preferences are tried in random order.
            self._shuffle(equal)
            ordered += equal
        text = ", ".join(f"{preference} {host}" for preference, host in ordered[:MAX_MX_HOSTS])
        steps.append(Step("relay.mx", f"{domain} has MX records", (("mx", text),)))
        return ordered[:MAX_MX_HOSTS]

    async def _addresses(self, hosts: Sequence[tuple[int, str]], steps: list[Step]) -> list[list[str] | None]:
        # None: cannot say now.  All are asked for together.
        asked: list[Deferred[list[str] | None]] = [
            Deferred.fromCoroutine(self._addressesOf(host, steps)) for _, host in hosts
        ]
        return [await each for each in asked]

    async def _addressesOf(self, host: str, steps: list[Step]) -> list[str] | None:
        try:
            addresses, _ = await self._resolver.lookupAddress(host)
        except NoSuchDomain:
            steps.append(Step("relay.address", f"{host} does not exist"))
            return []
        except MailError as error:
            steps.append(
                Step("relay.address", f"the address of {host} cannot be asked for now", (("dns", str(error)),))
            )
            return None
        if not addresses:
            steps.append(Step("relay.address", f"{host} has no address"))
        return _alternating(addresses)[:MAX_ADDRESSES_PER_HOST]

    def _candidates(
        self,
        hosts: Sequence[tuple[int, str]],
        found: Sequence[list[str] | None],
        port: int,
        steps: list[Step],
        isConfigured: bool,
    ) -> NextHops:
        own = OwnListeners(self._ownListeners())
        ours = [
            preference
            for (preference, host), addresses in zip(hosts, found, strict=True)
            if host in self.ownNames or any(own.include(address, port) for address in addresses or ())
        ]
        candidates: list[Candidate] = []
        isAway = False
        for (preference, host), addresses in zip(hosts, found, strict=True):
            if ours and preference >= min(ours):
                # RFC 5321 5.1: ourselves and everything that is no better than ourselves is left out.
                continue
            if addresses is None:
                isAway = True
                continue
            candidates += [Candidate(host, address, port) for address in addresses]
        if ours:
            steps.append(Step("relay.ourselves", "this server itself is a mail server of the destination"))
        if candidates:
            return NextHops(tuple(candidates[:MAX_ADDRESSES]), tuple(steps))
        if isAway:
            return _refusal(DNS_AWAY, steps, isConfigured)
        if ours:
            return _refusal(LOOP_BY_SETTING if isConfigured else LOOP, steps, isConfigured)
        return _refusal(NO_HOST, steps, isConfigured)


class _Nowhere(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


def _refusal(reply: Reply, steps: Sequence[Step], isConfigured: bool) -> NextHops:
    if isConfigured and reply.isPermanent:
        reply = Reply(451, "4" + reply.enhanced[1:], (f"The next host that is configured: {reply.text}",))
    return NextHops((), tuple(steps), reply, Action.REFUSE if reply.isPermanent else Action.DEFER)


def _alternating(addresses: Sequence[str]) -> list[str]:
    # One family that leads nowhere must not use up all attempts.
    six = [address for address in addresses if ":" in address]
    four = [address for address in addresses if ":" not in address]
    return [address for pair in zip_longest(six, four) for address in pair if address is not None]
