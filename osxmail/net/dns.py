# -*- test-case-name: tests.unit.net.test_dns -*-
"""
The resolver: what a name server's answers mean, and a bounded memory of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.names import dns
from twisted.python.failure import Failure
from zope.interface import implementer

from osxmail.errors import MailError, NoSuchDomain, ResolverAway
from osxmail.interfaces import IResolver
from osxmail.net.dnswire import Server, Wire

MAX_CACHED = 20_000
MAX_ASKING = 1_000  # different questions on their way at once
MAX_SHARING = 10_000  # callers that wait for the answer to one question
LEAST_SECONDS = 5  # an answer is kept so long at least …
MOST_SECONDS = 3_600  # … and at most
MOST_NEGATIVE_SECONDS = 900  # RFC 2308 5 allows more; administrators mend their zones
NEGATIVE_SECONDS = 60  # without a SOA record that says
MAX_NAME_OCTETS = 253
TLSA = 52  # RFC 6698 7.1

#: RFC 6761 6.3: never asked about.
_LOCALHOST = ("::1", "127.0.0.1")


@frozen
class _Answer:
    """
    @ivar values: C{None} says that the name does not exist.
    """

    values: tuple[Any, ...] | None
    secure: bool
    expires: float


@implementer(IResolver)
class Resolver:
    """
    DNS for the house.  Equal questions share one answer, and answers are kept for their time to live.
    """

    def __init__(self, servers: Sequence[Server] = (), reactor: Any = None, wire: Wire | None = None) -> None:
        """
        @param servers: whom to ask; the system's name servers if there are none.
        """
        if reactor is None:
            from twisted.internet import reactor
        self._clock = reactor
        self._wire = wire or Wire(servers, reactor)
        self._cache: OrderedDict[tuple[str, int], _Answer] = OrderedDict()
        self._asking: dict[tuple[str, int], list[Deferred[_Answer]]] = {}

    # ------------------------------------------------------------------------------------------ the contract

    def lookupMX(self, name: str) -> Deferred[tuple[tuple[tuple[int, str], ...], bool]]:
        """
        See L{IResolver.lookupMX}; ordered by preference.
        """
        return Deferred.fromCoroutine(self._lookup(name, dns.MX))

    def lookupAddress(self, name: str) -> Deferred[tuple[tuple[str, ...], bool]]:
        """
        See L{IResolver.lookupAddress}; IPv6 first.
        """
        return Deferred.fromCoroutine(self._addresses(name))

    def lookupTXT(self, name: str) -> Deferred[tuple[tuple[bytes, ...], bool]]:
        """
        See L{IResolver.lookupTXT}.
        """
        return Deferred.fromCoroutine(self._lookup(name, dns.TXT))

    def lookupPointer(self, address: str) -> Deferred[tuple[tuple[str, ...], bool]]:
        """
        Host names, lower case without final dot, that an IP address claims.
        """
        return Deferred.fromCoroutine(self._pointer(address))

    def lookupTLSA(self, name: str) -> Deferred[tuple[tuple[tuple[int, int, int, bytes], ...], bool]]:
        """
        See L{IResolver.lookupTLSA}.
        """
        return Deferred.fromCoroutine(self._lookup(name, TLSA))

    def forget(self) -> None:
        """
        Forget every answer (after a change of the configuration).
        """
        self._cache.clear()

    # ------------------------------------------------------------------------------------------------ inside

    async def _pointer(self, address: str) -> tuple[tuple[str, ...], bool]:
        return await self._lookup(reverseName(address), dns.PTR)

    async def _addresses(self, name: str) -> tuple[tuple[str, ...], bool]:
        if name.lower().rstrip(".") in ("localhost", "localhost.localdomain"):
            return _LOCALHOST, False
        asked = [Deferred.fromCoroutine(self._lookup(name, kind)) for kind in (dns.AAAA, dns.A)]
        found: list[str] = []
        failures: list[MailError] = []
        secure = True
        for each in asked:
            try:
                addresses, isSecure = await each
            except MailError as error:
                failures.append(error)
            except CancelledError:
                asked[-1].addErrback(lambda _: None)
                raise
            else:
                found += addresses
                secure = secure and isSecure
        for failed in failures:
            # Half an answer is better than none, and "no such name" holds for both halves.
            if not found or isinstance(failed, NoSuchDomain):
                raise failed
        return tuple(found), secure and not failures

    async def _lookup(self, name: str, kind: int) -> tuple[tuple[Any, ...], bool]:
        name = _normal(name)
        key = (name, kind)
        answer = self._cache.get(key)
        if answer is None or answer.expires <= self._clock.seconds():
            answer = await self._shared(key)
        else:
            self._cache.move_to_end(key)
        if answer.values is None:
            raise NoSuchDomain(f"{name} does not exist")
        return answer.values, answer.secure

    def _shared(self, key: tuple[str, int]) -> Deferred[_Answer]:
        waiting = self._asking.get(key)
        mine: Deferred[_Answer] = Deferred()
        if waiting is not None:
            if len(waiting) >= MAX_SHARING:
                mine.errback(ResolverAway("too many wait for this answer"))
            else:
                waiting.append(mine)
            return mine
        if len(self._asking) >= MAX_ASKING:
            mine.errback(ResolverAway("too many questions are on their way"))
            return mine
        self._asking[key] = [mine]
        Deferred.fromCoroutine(self._ask(key))
        return mine

    async def _ask(self, key: tuple[str, int]) -> None:
        result: _Answer | Failure
        try:
            result = self._meaning(await self._wire.ask(*key), *key)
        except MailError:
            result = Failure()
        except Exception as error:  # noqa: BLE001 -- no answer may leave a question unanswered
            result = Failure(ResolverAway(f"{key[0]}: {type(error).__name__}"))
        else:
            self._cache[key] = result
            self._cache.move_to_end(key)
            while len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        for deferred in self._asking.pop(key):
            if isinstance(result, Failure):
                deferred.errback(result)
            else:
                deferred.callback(result)

    def _meaning(self, message: dns.Message, name: str, kind: int) -> _Answer:
        now: float = self._clock.seconds()
        secure = bool(message.authenticData)
        if message.rCode == dns.ENAME:
            return _Answer(None, secure, now + _negativeSeconds(message))
        answers: list[Any] = message.answers
        aliases = {
            _text(record.name): (_text(record.payload.name), record.ttl)
            for record in answers
            if record.type == dns.CNAME
        }
        owner, ttl = name, MOST_SECONDS
        for _ in range(len(aliases)):
            if owner in aliases:
                owner, aliasTTL = aliases[owner]
                ttl = min(ttl, aliasTTL)
        values = []
        for record in answers:
            if record.type == kind and record.cls == dns.IN and _text(record.name) == owner:
                value = _value(kind, record.payload)
                if value is not None:
                    values.append(value)
                    ttl = min(ttl, record.ttl)
        if not values:
            return _Answer((), secure, now + _negativeSeconds(message))
        if kind == dns.MX:
            values.sort()
        return _Answer(tuple(values), secure, now + max(LEAST_SECONDS, ttl))


def reverseName(address: str) -> str:
    """
    The name whose PTR records speak of an IP address (RFC 1035 3.5, RFC 3596 2.5).

    @raise NoSuchDomain: it is no address.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        raise NoSuchDomain("not an IP address") from None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped.reverse_pointer
    return parsed.reverse_pointer


def _normal(name: str) -> str:
    # What cannot be written in a question does not exist.
    text = name.lower().rstrip(".")
    if not text.isascii() or not 0 < len(text) <= MAX_NAME_OCTETS:
        raise NoSuchDomain("not a domain name")
    for label in text.split("."):
        if not 0 < len(label) < 64 or not label.isprintable() or " " in label:
            raise NoSuchDomain("not a domain name")
    return text


def _text(name: dns.Name) -> str:
    return name.name.decode("ascii", "backslashreplace").lower().rstrip(".")


def _value(kind: int, payload: Any) -> Any:
    if kind == dns.MX:
        return payload.preference, _text(payload.name)
    if kind == dns.A:
        return payload.dottedQuad()
    if kind == dns.AAAA:
        return str(ip_address(payload.address))
    if kind == dns.TXT:
        return b"".join(payload.data)
    if kind == dns.PTR:
        return _text(payload.name)
    data = payload.data
    # RFC 6698 2.1: usage, selector, matching type, and what to match.
    return (data[0], data[1], data[2], bytes(data[3:])) if len(data) > 3 else None


def _negativeSeconds(message: dns.Message) -> float:
    # RFC 2308 5: the lesser of the SOA record's TTL and its MINIMUM field.
    authority: list[Any] = message.authority
    for record in authority:
        if record.type == dns.SOA:
            return float(max(LEAST_SECONDS, min(record.ttl, record.payload.minimum, MOST_NEGATIVE_SECONDS)))
    return NEGATIVE_SECONDS
