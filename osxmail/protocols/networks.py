# -*- test-case-name: tests.unit.protocols.test_networks -*-
"""
Addresses of clients: networks that a setting names, and what counts as one place.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

#: What one customer of a provider has at least (RFC 6177 2): all of it is one place.
IPV6_PLACE_BITS = 64


class Networks:
    """
    The networks of a setting, as it is at the moment.
    """

    def __init__(self, setting: Callable[[], tuple[str, ...]]) -> None:
        self._setting = setting
        self._words: tuple[str, ...] = ()
        self._networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def __contains__(self, host: str) -> bool:
        words = self._setting()
        if words != self._words:
            self._networks = tuple(ip_network(word, strict=False) for word in words)
            self._words = words
        if not self._networks:
            return False
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def placeOf(host: str) -> str:
    """
    What is counted together with an address: itself, or its IPv6 network.
    """
    if ":" not in host:
        return host
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PLACE_BITS), strict=False))
    return host
