# -*- test-case-name: tests.integration.test_ldapconnections -*-
"""
A socket that takes only so much of an answer.
"""

from __future__ import annotations

import socket


class MeteredSocket:
    """
    What our LDAP library uses of a socket, with a budget for what it receives.  The library keeps an answer in memory
    until it is whole, however long the server says that it is.

    @ivar socket: the socket itself.
    """

    def __init__(self, sock: socket.socket, mostOctets: int) -> None:
        self.socket = sock
        self._mostOctets = mostOctets
        self._left = mostOctets
        self.sendall = sock.sendall
        self.shutdown = sock.shutdown
        self.close = sock.close

    def begin(self) -> None:
        """
        A new question.
        """
        self._left = self._mostOctets

    def recv(self, sizeOctets: int) -> bytes:
        """
        @raise OSError: the answer is too long.
        """
        data = self.socket.recv(sizeOctets)
        self._left -= len(data)
        if self._left < 0:
            raise OSError(f"an answer is longer than {self._mostOctets} octets")
        return data
