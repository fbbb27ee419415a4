"""
Tests of L{osxmail.protocols.imap.contexts}; what is said in which order, C{tests/conversations} shows.
"""

from __future__ import annotations

import random
import re
from typing import Any

from osxmail.mail.sequenceset import SequenceSet
from osxmail.protocols.imap import contexts, sorting
from tests.unit.protocols.imap.sessions import SessionCase

_UPDATE = re.compile(
    rb'\* ESEARCH \(TAG "(\w+)"\)( UID)? (ADDTO|REMOVEFROM) \(([^)]*)\)\r\n|\* ([0-9]+) (EXPUNGE|EXISTS)'
)


class Results:
    """
    What a client makes of the updates that it is told (RFC 5267 4.3.2).
    """

    def __init__(self, numbers: list[int], isUid: bool) -> None:
        self.numbers = numbers
        self.isUid = isUid

    def take(self, item: bytes, text: bytes) -> None:
        words = text.split()
        for position, raw in zip(words[::2], words[1::2], strict=True):
            numbers = [n for low, high in SequenceSet.parse(raw.decode()).parts for n in range(low, high + 1)]
            place = int(position)
            if item == b"ADDTO":
                if place:
                    self.numbers[place - 1 : place - 1] = numbers
                else:
                    self.numbers = sorted([*self.numbers, *numbers])
            elif place:
                assert self.numbers[place - 1 : place - 1 + len(numbers)] == numbers, (self.numbers, text)
                del self.numbers[place - 1 : place - 1 + len(numbers)]
            else:
                assert set(numbers) <= set(self.numbers), (self.numbers, text)
                self.numbers = [n for n in self.numbers if n not in numbers]

    def expunge(self, number: int) -> None:
        if not self.isUid:
            assert number not in self.numbers
            self.numbers = [n - (n > number) for n in self.numbers]


class ModelTests(SessionCase):
    async def test_likeSearchingAgain(self) -> None:
        """
        After any changes by anybody, a client that has followed the updates knows what the same search finds anew.
        """
        # As few as can be are compared at once.
        self.patch(contexts, "PIVOTS", 2)
        self.patch(contexts, "SLICE_CHANGED", 3)
        chance = random.Random(5)
        size = 1
        for _ in range(12):
            size = chance.randrange(1, 9)
            await self.fill(b"Subject: %d\r\n\r\n%b\r\n" % (size, b"x" * size))
        client, other = await self.selected(), await self.selected()
        commands = {
            b"u1": b"UID SEARCH RETURN (UPDATE ALL) FLAGGED",
            b"u2": b"SEARCH RETURN (UPDATE ALL) OR FLAGGED SUBJECT 3",
            b"u3": b"UID SORT RETURN (UPDATE ALL) (SIZE) UTF-8 NOT SEEN",
            b"u4": b"SORT RETURN (UPDATE ALL) (REVERSE SIZE) UTF-8 OR FLAGGED SEEN",
        }
        known = {}
        for tag, command in commands.items():
            client.send(tag + b" " + command + b"\r\n")
            said = await client.until(tag + b" OK") + await client.until(b"\r\n")
            known[tag] = Results(self.found(said), b"UID" in command)
        for _ in range(60):
            actor: Any = chance.choice([client, other])
            count = actor.gate.selectedView().count
            some = b",".join(b"%d" % chance.randint(1, count) for _ in range(3)) if count else b""
            kind = chance.randrange(8) if count else 7
            if kind < 6:
                sign, flag = chance.choice([b"+", b"-"]), chance.choice([rb"\Flagged", rb"\Seen"])
                said = await actor.do(b"STORE %b %bFLAGS (%b)" % (some, sign, flag))
            elif kind == 6:
                said = await actor.do(b"STORE %d +FLAGS.SILENT (\\Deleted)" % chance.randint(1, count))
                self.follow(known, said if actor is client else b"")
                said = await actor.do(b"EXPUNGE")
            else:
                size = chance.randrange(1, 9)
                await self.fill(b"Subject: %d\r\n\r\n%b\r\n" % (size, b"x" * size))
                said = await actor.do(b"NOOP")
            self.follow(known, said if actor is client else b"")
            self.follow(known, await client.do(b"NOOP"))
            for tag, command in commands.items():
                said = await client.do(command.replace(b"UPDATE ", b""))
                self.assertEqual(known[tag].numbers, self.found(said), (tag, said))

    def follow(self, known: dict[bytes, Results], said: bytes) -> None:
        for tag, _uid, item, text, number, what in _UPDATE.findall(said):
            if tag:
                known[tag].take(item, text)
            elif what == b"EXPUNGE":
                for results in known.values():
                    results.expunge(int(number))

    @staticmethod
    def found(said: bytes) -> list[int]:
        match = re.search(rb" ALL ([0-9:,]+)", said)
        if match is None:
            return []
        return [n for low, high in SequenceSet.parse(match[1].decode()).parts for n in range(low, high + 1)]


class CostTests(SessionCase):
    async def test_fewAreSortedAnew(self) -> None:
        """
        A message that joins many results is compared with few of them.
        """
        self.patch(contexts, "PIVOTS", 4)
        chance = random.Random(7)
        await self.fill(*[b"Subject: x\r\n\r\n%b\r\n" % (b"x" * chance.randrange(1000)) for _ in range(200)])
        client = await self.selected()
        await client.do(b"SORT RETURN (UPDATE) (SIZE) UTF-8 NOT DELETED")
        counts: list[int] = []
        real = sorting.sorted_

        async def counting(session: Any, view: Any, key: Any, criteria: Any) -> list[int]:
            found = await real(session, view, key, criteria)
            counts.append(len(found))
            return found

        self.patch(sorting, "sorted_", counting)
        await self.fill(b"Subject: x\r\n\r\n%b\r\n" % (b"x" * 500))
        said = await client.do(b"NOOP")
        match = re.search(rb"ADDTO \((\d+) 201\)", said)
        assert match is not None, said
        self.assertLess(sum(counts), 60)
        found = re.search(rb"\* SORT([ 0-9]+)\r\n", await client.do(b"SORT (SIZE) UTF-8 ALL"))
        assert found is not None
        self.assertEqual(found[1].split()[int(match[1]) - 1], b"201")


class LimitTests(SessionCase):
    async def test_results(self) -> None:
        """
        What all contexts of a session keep is bounded; the search itself is answered.
        """
        self.patch(contexts, "MAX_RESULTS", 3)
        await self.fill(b"Subject: a\r\n\r\n1\r\n", b"Subject: b\r\n\r\n1\r\n")
        client = await self.selected()
        self.assertNotIn(b"NOUPDATE", await client.do(b"SEARCH RETURN (UPDATE COUNT) ALL"))
        said = await client.do(b"SEARCH RETURN (UPDATE COUNT) ALL")
        self.assertIn(b"COUNT 2\r\n* NO [NOUPDATE", said)
        self.assertNotIn(b"NOUPDATE", await client.do(b"SEARCH RETURN (UPDATE COUNT) 1"))
