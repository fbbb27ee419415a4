# -*- test-case-name: tests.unit.filters.test_clienthost -*-
"""
Who is the client?  Its name, looked up both ways (forward-confirmed reverse DNS), and what it says in EHLO.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import ClassVar

from twisted.internet.defer import Deferred

from osxmail.errors import NoSuchDomain
from osxmail.filters.base import Filter
from osxmail.interfaces import IResolver, ISettings
from osxmail.mail.envelope import Client
from osxmail.mail.smtpreply import Reply
from osxmail.mail.verdict import Severity, Verdict

#: Names of one address that are looked at.
MAX_NAMES = 5

NO_NAME = Reply(450, "4.7.25", ("Your address has no name that leads back to it",))  # RFC 7372 3.3
OUR_NAME = Reply(554, "5.7.1", ("That is our name, not yours",))
NO_HELLO = Reply(450, "4.7.1", ("The name in your EHLO does not exist",))


class ReverseDNSFilter(Filter):
    """
    The client's address has a name, and that name has the address.
    """

    name: ClassVar[str] = "reverse_dns"

    def __init__(self, settings: ISettings, resolver: IResolver) -> None:
        self._settings = settings
        self._resolver = resolver

    def mode(self) -> str:
        return self._settings.text("filter.reverse_dns")

    def checkConnection(self, client: Client) -> Deferred[Verdict | None]:
        return Deferred.fromCoroutine(self._check(client))

    async def _check(self, client: Client) -> Verdict | None:
        try:
            names, _ = await self._resolver.lookupPointer(client.host)
        except NoSuchDomain:
            names = ()
        for name in names[:MAX_NAMES]:
            if await _leadsTo(self._resolver, name, client.host):
                result = f"iprev=pass policy.iprev={client.host}"  # RFC 8601 2.7.3
                return self.verdict(
                    Severity.ACCEPT, f"{client.host} is {name}, both ways", ("ptr", name), results=(result,)
                )
        result = f"iprev=fail policy.iprev={client.host}"
        text = (
            f"{client.host} has no name" if not names else f"{client.host} calls itself {names[0]}, which is elsewhere"
        )
        return self.verdict(
            Severity.DEFER, text, *(("ptr", name) for name in names[:MAX_NAMES]), reply=NO_NAME, results=(result,)
        )


class HelloFilter(Filter):
    """
    The name that a client gives in EHLO exists, and is not ours.
    """

    name: ClassVar[str] = "hello"

    def __init__(self, settings: ISettings, resolver: IResolver, hostname: str) -> None:
        """
        @param hostname: ours.
        """
        self._settings = settings
        self._resolver = resolver
        self._hostname = hostname.lower()

    def mode(self) -> str:
        return self._settings.text("filter.hello")

    def checkConnection(self, client: Client) -> Deferred[Verdict | None]:
        return Deferred.fromCoroutine(self._check(client))

    async def _check(self, client: Client) -> Verdict | None:
        name = client.helo.lower().rstrip(".")
        if name == self._hostname:
            return self.verdict(
                Severity.REFUSE, f"{client.host} says that it is {name}: that is this server", reply=OUR_NAME
            )
        if name.startswith("["):
            literal = name[1:-1].removeprefix("ipv6:")
            try:
                isRight = ip_address(literal) == ip_address(client.host)
            except ValueError:
                isRight = False
            if isRight:
                return None
            return self.verdict(
                Severity.TAG, f"{client.host} says that it is {name[:100]}: another address", ("helo", name[:100])
            )
        try:
            addresses, _ = await self._resolver.lookupAddress(name)
            exchangers = () if addresses else (await self._resolver.lookupMX(name))[0]
        except NoSuchDomain:
            addresses, exchangers = (), ()
        if addresses or exchangers:
            return None
        return self.verdict(
            Severity.DEFER, f"the name in EHLO, {name[:100]}, does not exist", ("helo", name[:100]), reply=NO_HELLO
        )


async def _leadsTo(resolver: IResolver, name: str, host: str) -> bool:
    try:
        addresses, _ = await resolver.lookupAddress(name)
    except NoSuchDomain:
        return False
    try:
        wanted = ip_address(host.partition("%")[0])
        return any(ip_address(address.partition("%")[0]) == wanted for address in addresses)
    except ValueError:
        return False
