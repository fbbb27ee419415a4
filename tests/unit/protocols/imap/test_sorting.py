"""
Tests of L{osxmail.protocols.imap.sorting}.
"""

from __future__ import annotations

import random
import re

from osxmail.mail.searchkeys import All
from osxmail.mail.sortcriteria import SortCriterion
from osxmail.protocols.imap import sorting
from tests.fakes.mailstores import put
from tests.unit.protocols.imap.sessions import SessionCase

_NUMBERS = re.compile(rb"\* SORT([ 0-9]*)\r\n")


def numbersOf(said: bytes) -> list[int]:
    match = _NUMBERS.search(said)
    assert match is not None, said
    return [int(number) for number in match[1].split()]


class SnapshotTests(SessionCase):
    async def test_likeTheDefinition(self) -> None:
        """
        RFC 5256 3: by each criterion in turn, and at last by the sequence number, whatever is reversed; in slices.
        """
        self.patch(sorting, "SLICE_MESSAGES", 7)
        chance = random.Random(1)
        messages = []
        for number in range(1, 41):
            octets = b"Subject: x\r\n\r\n%b\r\n" % (b"x" * chance.randrange(4))
            date = chance.randrange(-3, 3)
            await put(self.store, self.inbox, octets, (), float(date))
            messages.append((number, len(octets), date))
        client = await self.selected()
        for command, rank in [
            (b"(SIZE)", lambda m: (m[1], m[0])),
            (b"(REVERSE SIZE)", lambda m: (-m[1], m[0])),
            (b"(ARRIVAL)", lambda m: (m[2], m[0])),
            (b"(REVERSE ARRIVAL SIZE)", lambda m: (-m[2], m[1], m[0])),
            (b"(SIZE REVERSE ARRIVAL)", lambda m: (m[1], -m[2], m[0])),
        ]:
            said = await client.do(b"SORT %b UTF-8 ALL" % command)
            self.assertEqual(numbersOf(said), [m[0] for m in sorted(messages, key=rank)])

    async def test_inTheStore(self) -> None:
        """
        More messages than are sorted here, or keys that memory does not know, are the store's; the answer is the same.
        """
        await self.fill(b"Subject: a\r\n\r\n333\r\n", b"Subject: b\r\n\r\n1\r\n", b"Subject: c\r\n\r\n22\r\n")
        client = await self.selected()
        here = numbersOf(await client.do(b"SORT (SIZE) UTF-8 ALL"))
        self.patch(sorting, "MAX_SORTED_HERE", 2)
        self.assertEqual(numbersOf(await client.do(b"SORT (SIZE) UTF-8 ALL")), here)
        self.assertEqual(here, [2, 3, 1])

    async def test_notToldYet(self) -> None:
        """
        A message that has arrived meanwhile has no number.
        """
        await self.fill(b"Subject: a\r\n\r\n333\r\n", b"Subject: b\r\n\r\n1\r\n")
        client = await self.selected()
        view = client.gate.selectedView()
        await self.fill(b"Subject: c\r\n\r\n22\r\n")
        for most in (sorting.MAX_SORTED_HERE, 0):
            self.patch(sorting, "MAX_SORTED_HERE", most)
            indexes = await sorting.sorted_(client.gate, view, All(), [SortCriterion("SIZE")])
            self.assertEqual(indexes, [1, 0])
