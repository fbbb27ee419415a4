"""
Tests of L{osxmail.protocols.imap.derived}.
"""

from __future__ import annotations

import base64

from twisted.trial.unittest import TestCase

from osxmail.mail.transferencoding import Base64, Identity, Transform
from osxmail.protocols.imap import derived
from osxmail.protocols.imap.derived import Derived, Pace

CONTENT = bytes(range(256)) * 40
ENCODED = base64.encodebytes(CONTENT)


class DerivedTests(TestCase):
    def setUp(self) -> None:
        self.patch(derived, "PIECE_OCTETS", 100)
        self.patch(derived, "WORK_OCTETS", 1000)
        self.reads = 0
        self.turns = 0

    async def read(self, offset: int, length: int) -> bytes:
        self.reads += 1
        return (b"before" + ENCODED + b"after")[offset : offset + length]

    async def letOthers(self) -> None:
        self.turns += 1

    def derived(self, origin: int = 0, most: int | None = None, make: type[Transform] = Base64) -> Derived:
        return Derived(self.read, 6, len(ENCODED), make, origin, most, Pace(self.letOthers))

    async def made(self, each: Derived) -> bytes:
        out = b""
        making = each.making()
        while piece := await making.next():
            out += piece
        return out

    async def test_whole(self) -> None:
        each = self.derived()
        await each.measure(0)
        self.assertEqual((each.length, each.kept, each.hasNul), (len(CONTENT), None, True))
        self.assertEqual(await self.made(each), CONTENT)
        # As often as it is wanted.
        self.assertEqual(await self.made(each), CONTENT)
        self.assertGreater(self.turns, 30)

    async def test_identity(self) -> None:
        each = self.derived(make=Identity)
        await each.measure(len(ENCODED))
        self.assertEqual((each.length, each.kept, each.hasNul), (len(ENCODED), ENCODED, False))

    async def test_windows(self) -> None:
        for origin, most in [
            (0, 1),
            (0, 1000),
            (100, 1000),
            (255, 1),
            (10239, 5),
            (10240, 5),
            (20000, None),
            (7, None),
        ]:
            expected = CONTENT[origin:] if most is None else CONTENT[origin : origin + most]
            each = self.derived(origin, most)
            await each.measure(1000)
            self.assertEqual(each.length, len(expected))
            self.assertEqual(each.kept, expected if len(expected) <= 1000 else None)
            self.assertEqual(each.hasNul, b"\0" in expected)
            self.assertEqual(await self.made(each), expected)

    async def test_noMoreThanIsWanted(self) -> None:
        await self.derived(0, 60).measure(0)
        self.assertEqual(self.reads, 1)

    async def test_cutShort(self) -> None:
        """
        The message ends before it should.
        """
        each = Derived(self.read, 6, len(ENCODED) + 1000, Identity, 0, None, Pace(self.letOthers))
        await each.measure(0)
        self.assertEqual(each.length, len(ENCODED) + 5)
