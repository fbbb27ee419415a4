"""
Whatever FETCH is asked for, its answer follows the grammar, and says one thing.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from osxmail.protocols.imap import fetch
from tests.unit.protocols.imap.fetchresponses import Reader
from tests.unit.protocols.imap.sessions import Client, SessionCase

MESSAGES = [path.read_bytes() for path in sorted((Path(__file__).parents[3] / "messages").glob("*.eml"))]
LARGE = b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"te\0t\r\n" * 20_000
ITEMS = """
UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE SAVEDATE EMAILID THREADID PREVIEW MODSEQ RFC822
RFC822.HEADER RFC822.TEXT BODY.PEEK[] BODY.PEEK[TEXT] BODY.PEEK[HEADER] BODY.PEEK[1] BODY.PEEK[1.MIME]
BODY.PEEK[2.1] BODY.PEEK[1.HEADER] BODY.PEEK[2.TEXT] BODY.PEEK[1.1.1] BODY.PEEK[HEADER.FIELDS?(Subject?To)]
BODY.PEEK[HEADER.FIELDS.NOT?(Subject)]<3.50> BODY.PEEK[]<5.70000> BINARY.PEEK[2]<2.5> BINARY.PEEK[]
BODY[2]<0.9> BODY.PEEK[9]
"""


class GrammarTests(SessionCase):
    async def asked(self, client: Client, command: str, isUtf8: bool) -> dict[int, dict[bytes, Any]]:
        said = await client.do(command.encode())
        body, _, last = said[:-2].rpartition(b"\r\n")
        self.assertIn(b" OK ", last, command)
        # What is told besides, of CONDSTORE and of flags that were set, comes before or after.
        start = body.find(b"FETCH (")
        start = body.rfind(b"\r\n", 0, start) + 2 if b"\r\n" in body[: max(start, 0)] else 0
        found: dict[int, dict[bytes, Any]] = {}
        for number, items in Reader(body[start:] + b"\r\n", isUtf8).responses():
            self.assertNotIn(number, found)
            found[number] = items
        return found

    async def test_anything(self) -> None:
        """
        Items by chance, over awkward mail; each value is that which the item has when it is asked for alone.
        """
        self.patch(fetch, "BATCH_MESSAGES", 7)
        self.patch(fetch, "BATCH_RENDERINGS", 11)
        await self.fill(*MESSAGES, LARGE)
        count = len(MESSAGES) + 1
        rng = random.Random(3501)
        for isUtf8 in (False, True):
            client = await self.selected(b"EXAMINE INBOX (CONDSTORE)")
            if isUtf8:
                await client.do(b"ENABLE UTF8=ACCEPT")
            alone = {}
            for item in ITEMS.split():
                alone[item] = await self.asked(client, f"FETCH 1:* ({item.replace('?', ' ')})", isUtf8)
                self.assertEqual(list(alone[item]), list(range(1, count + 1)), item)
            for _ in range(40):
                items = rng.sample(ITEMS.split(), rng.randint(2, 6))
                first = rng.randint(1, count)
                last = min(count, first + rng.randint(0, 40))
                found = await self.asked(client, f"FETCH {first}:{last} ({' '.join(items).replace('?', ' ')})", isUtf8)
                self.assertEqual(list(found), list(range(first, last + 1)))
                for number, values in found.items():
                    self.assertEqual(len(values), len(items), items)
                    for item in items:
                        for name, value in alone[item][number].items():
                            self.assertEqual(values[name], value, (number, name))

    async def test_whatTheyAre(self) -> None:
        """
        The octets are those of the message.
        """
        await self.fill(*MESSAGES, LARGE)
        client = await self.selected(b"EXAMINE INBOX")
        items = "(RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[]<10.20> BINARY.PEEK[])"
        found = await self.asked(client, f"FETCH 1:* {items}", False)
        for number, octets in enumerate([*MESSAGES, LARGE], 1):
            values = found[number]
            self.assertEqual(values[b"BINARY[]"], octets)
            # A literal has no NUL.
            octets = octets.replace(b"\0", b"\x80")
            self.assertEqual(values[b"BODY[]"], octets)
            self.assertEqual(values[b"RFC822.SIZE"], len(octets))
            self.assertEqual(values[b"BODY[HEADER]"] + values[b"BODY[TEXT]"], octets)
            self.assertEqual(values[b"BODY[]<10>"], octets[10:30])
