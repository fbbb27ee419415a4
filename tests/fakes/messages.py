"""
Messages for tests: in memory, or read in pieces as large ones are.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from osxmail.errors import StoreDamaged
from osxmail.interfaces import IMessage


@implementer(IMessage)
class FakeMessage:
    """
    @ivar breaksAt: reading at or past this offset finds damage.
    """

    def __init__(self, octets: bytes, isInline: bool = True, prefix: bytes = b"", breaksAt: int | None = None) -> None:
        self.prefix = prefix
        self._octets = prefix + octets
        self.sizeOctets = len(self._octets)
        self.inline = self._octets if isInline else None
        self.breaksAt = breaksAt
        self.reads: list[tuple[int, int]] = []

    def rendering(self) -> Deferred[Any]:
        raise NotImplementedError("the tests of this fake do not look into messages")

    def read(self, offset: int, length: int) -> Deferred[bytes]:
        self.reads.append((offset, length))
        if self.breaksAt is not None and offset + length > self.breaksAt:
            return fail(StoreDamaged("damage"))
        return succeed(self._octets[offset : offset + length])
