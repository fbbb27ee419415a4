# -*- test-case-name: tests.unit.net.test_addresses -*-
"""
Which IP addresses are this machine's.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address


def isOwnAddress(address: str) -> bool:
    """
    Does this machine answer to this IP address?  The unspecified address is ours too: connecting to it leads here.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if parsed.is_loopback or parsed.is_unspecified:
        return True
    family = socket.AF_INET6 if parsed.version == 6 else socket.AF_INET
    try:
        # The kernel lets a socket be bound to an address of its own only; nothing is sent.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(parsed), 0))
    except OSError:
        return False
    return True


class OwnListeners:
    """
    Where we listen, to know ourselves when a name server sends us there.
    """

    def __init__(self, listeners: Iterable[tuple[str, int]] = ()) -> None:
        """
        @param listeners: pairs (address, port); C{""}, C{"0.0.0.0"} and C{"::"} are every address of this machine.
        """
        self._everywhere: set[int] = set()
        self._at: set[tuple[str, int]] = set()
        for address, port in listeners:
            if not address or ip_address(address).is_unspecified:
                self._everywhere.add(port)
            else:
                self._at.add((str(ip_address(address)), port))

    def include(self, address: str, port: int) -> bool:
        """
        Would a connection to there come to us?
        """
        if port in self._everywhere and isOwnAddress(address):
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if parsed.is_unspecified:
            return any(port == ours for _, ours in self._at)
        return (str(parsed), port) in self._at
