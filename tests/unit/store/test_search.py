"""
Tests for L{osxmail.store.search}: a real store, searched.
"""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from osxmail.errors import NoSuchMailbox, StoreDamaged
from osxmail.mail import searchkeys as keys
from osxmail.mail.address import Address
from osxmail.mail.searchkeys import SearchKey
from osxmail.store import search
from osxmail.store.mailbox import Mailbox
from osxmail.store.octets import ROW_OCTETS
from osxmail.store.store import Store
from tests.fakes.mailstores import append

DAY = 86_400.0


def message(subject: str = "x", body: bytes = b"hello\r\n", fields: str = "") -> bytes:
    head = f"From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nSubject: {subject}\r\n{fields}\r\n"
    return head.encode() + body


class SearchTests(TestCase):
    """
    A store with one mailbox.
    """

    timeout = 60

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.open())

    async def open(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        self.store = Store(folder)
        await self.store.open()
        self.addCleanup(self.store.close)
        self.account = await self.store.account("a", Address.parse("ann@example.test"))
        self.mailbox = await self.account.mailbox("INBOX")
        assert isinstance(self.mailbox, Mailbox)

    async def append(self, octets: bytes, flags: Sequence[str] = (), day: float = 0.0) -> int:
        incoming = self.store.incoming(1 << 30)
        for start in range(0, len(octets), 65_536):
            waiting = incoming.write(octets[start : start + 65_536])
            if waiting is not None:
                await waiting
        appended = await append(self.mailbox, incoming, flags, day * DAY)
        return appended.uid

    async def find(self, key: SearchKey, uids: Sequence[int] | None = None) -> list[int]:
        return await self.mailbox.search(key, uids)

    async def test_rows(self) -> None:
        """
        Flags, keywords, dates, sizes, UIDs, MODSEQs, and what is made of them.
        """
        await self.append(message(), ("\\Seen", "$Junk"), 10)
        await self.append(message(), ("\\Flagged",), 11.5)
        await self.append(message("y" * 500), (), 12)
        day = date(1970, 1, 12)
        for key, expected in (
            (keys.All(), [1, 2, 3]),
            (keys.Flag(bits=1), [1]),
            (keys.Not(keys.Flag(bits=1)), [2, 3]),
            (keys.Flag(keyword="$JUNK"), [1]),
            (keys.Flag(keyword="$None"), []),
            (keys.Not(keys.Flag(keyword="$None")), [1, 2, 3]),
            (keys.Before(day), [1]),
            (keys.On(day), [2]),
            (keys.Since(day), [2, 3]),
            (keys.Larger(500), [3]),
            (keys.Smaller(500), [1, 2]),
            (keys.UidSet(((1, 1), (3, 4_294_967_295))), [1, 3]),
            (keys.UidSet(()), []),
            (keys.Or(keys.Flag(bits=1), keys.Flag(bits=4)), [1, 2]),
            (keys.And((keys.Not(keys.Flag(bits=1)), keys.Since(day), keys.Smaller(500))), [2]),
            (keys.Text(""), [1, 2, 3]),
            (keys.Body(""), [1, 2, 3]),
        ):
            self.assertEqual(await self.find(key), expected, key)
        snapshotModseq = (await self.mailbox.status()).highestModseq
        await self.mailbox.storeFlags([2], "+", ["\\Seen"])
        self.assertEqual(await self.find(keys.Modseq(snapshotModseq + 1)), [2])
        self.assertEqual(await self.find(keys.All(), [2, 3, 9]), [2, 3])
        self.assertEqual(await self.find(keys.All(), []), [])

    async def test_manyRanges(self) -> None:
        for _ in range(5):
            await self.append(message())
        ranges = tuple((uid, uid) for uid in range(2, 200, 2))
        self.assertEqual(await self.find(keys.UidSet(ranges)), [2, 4])
        self.assertEqual(await self.find(keys.Not(keys.UidSet(ranges))), [1, 3, 5])

    async def test_header(self) -> None:
        await self.append(message("Hello World"))
        await self.append(message("=?utf-8?Q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1?Q?_aus_K=F6ln?="))
        await self.append(
            message("folded\r\n line", fields='X-Empty:\r\nX-Tab: one\r\n\ttwo\r\nCc: "Q" <q@cc.test>\r\n')
        )
        for key, expected in (
            (keys.Header("subject", "hello w"), [1]),
            (keys.Header("subject", "GRÜSSE aus köln"), [2]),
            (keys.Header("subject", "folded line"), [3]),
            (keys.Header("x-tab", "one two"), [3]),
            (keys.Header("from", "ANN@"), [1, 2, 3]),
            (keys.Header("from", "bob@"), []),
            (keys.Header("cc", ""), [3]),
            (keys.Header("x-empty", ""), [3]),
            (keys.Header("x-empty", "a"), []),
            (keys.Header("x-none", ""), []),
            (keys.Not(keys.Header("cc", "q@")), [1, 2]),
            (keys.Or(keys.Header("cc", "q@"), keys.Header("subject", "world")), [1, 3]),
        ):
            self.assertEqual(await self.find(key), expected, key)

    async def test_addresses(self) -> None:
        """
        An address is found whatever comments and quotes stand in it.
        """
        await self.append(message())
        for line in (
            "To: <bob-to (comment)@ (comment) example.test>",
            'To: a@b.test,\r\n "bob-to"@example.test',
            "To: bob-to@example.test (Bob)",
        ):
            await self.append(message().replace(b"To: bob@example.test", line.encode()))
        self.assertEqual(await self.find(keys.Header("to", "bob-to@example.test")), [2, 3, 4])
        self.assertEqual(await self.find(keys.Header("to", "comment")), [2])
        self.assertEqual(await self.find(keys.Header("cc", "bob-to@example.test")), [])

    async def test_sent(self) -> None:
        """
        The day as the Date field writes it, wherever that was.
        """
        await self.append(message(fields="Date: Mon, 01 Jan 2024 23:30:00 -0800\r\n"))
        await self.append(message(fields="Date: Tue, 02 Jan 2024 00:30:00 +0900\r\n"))
        await self.append(message(fields="Date: garbage\r\n"))
        first = date(2024, 1, 1)
        self.assertEqual(await self.find(keys.SentOn(first)), [1])
        self.assertEqual(await self.find(keys.SentSince(first)), [1, 2])
        self.assertEqual(await self.find(keys.SentBefore(date(2024, 1, 2))), [1])
        self.assertEqual(await self.find(keys.Not(keys.SentOn(first))), [2, 3])

    async def test_body(self) -> None:
        text = "Der Fluß fließt schnell\r\n"
        await self.append(message("needle"))
        await self.append(
            message(
                body=base64.encodebytes(text.encode("latin-1")),
                fields="Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n",
            )
        )
        await self.append(
            message(
                body=quopri.encodestring(text.encode()),
                fields="Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n",
            )
        )
        mixed = (
            b"--b\r\nContent-Type: text/plain\r\n\r\nneedle here\r\n"
            b"--b\r\nContent-Type: application/pdf; name=schnell.pdf\r\n\r\nhaystack\r\n--b--\r\n"
        )
        await self.append(message(body=mixed, fields="Content-Type: multipart/mixed; boundary=b\r\n"))
        for key, expected in (
            (keys.Body("FLUSS FLIESST"), [2, 3]),
            (keys.Body("needle"), [4]),
            (keys.Text("needle"), [1, 4]),
            (keys.Body("schnell.pdf"), [4]),
            (keys.Body("haystack"), []),
            (keys.Text("ann@example"), [1, 2, 3, 4]),
            (keys.Body("ann@example"), []),
            (keys.Or(keys.Body("needle"), keys.UidSet(((1, 1),))), [1, 4]),
            (keys.And((keys.Body("schnell"), keys.UidSet(((1, 2),)))), [2]),
            (keys.Not(keys.Text("needle")), [2, 3]),
        ):
            self.assertEqual(await self.find(key), expected, key)

    async def test_large(self) -> None:
        """
        Messages in segments: found at any place, across the border of pieces, and their headers too.
        """
        for shift in (0, 3, 65_536, 300_000):
            filler = b"x" * 60 + b"\r\n"
            body = filler * ((ROW_OCTETS + shift) // len(filler) + 2) + b"the needle" + filler * 10
            await self.append(message("Big one", body))
        self.assertEqual(await self.find(keys.Body("the needle")), [1, 2, 3, 4])
        self.assertEqual(await self.find(keys.Body("another needle")), [])
        self.assertEqual(await self.find(keys.Header("subject", "big")), [1, 2, 3, 4])
        self.assertEqual(await self.find(keys.SentOn(date(2024, 1, 1))), [])

    async def test_largeHeader(self) -> None:
        """
        A header larger than what is read at first, in a row and in a segment.
        """
        for count in (100, 1_000):
            padding = "".join(f"X-{number}: {'y' * 50}\r\n" for number in range(count))
            await self.append(message(fields=f"{padding}X-Last: needle\r\n"))
        self.assertEqual(await self.find(keys.Header("x-last", "needle")), [1, 2])
        self.assertEqual(await self.find(keys.Text("needle")), [1, 2])

    async def test_slices(self) -> None:
        """
        More messages than a slice holds.
        """
        with patch.object(search, "SLICE_MESSAGES", 3), patch.object(search, "SLICE_OCTETS", 400):
            for number in range(20):
                await self.append(message(f"number {number} {'odd' if number % 2 else 'even'}"))
            self.assertEqual(await self.find(keys.Header("subject", "odd")), list(range(2, 21, 2)))
            self.assertEqual(await self.find(keys.Body("hello")), list(range(1, 21)))

    async def test_manyTextsMakeSmallSlices(self) -> None:
        """
        Who looks for a hundred texts at once must not keep those waiting who look for one.
        """
        for number in range(20):
            await self.append(message(f"number {number}"))
        counts: list[int] = []
        lookThrough = search.Search._lookThrough

        def counting(self: search.Search, mailboxId: int, uids: Sequence[int], *rest: Any) -> object:
            counts.append(len(uids))
            return lookThrough(self, mailboxId, uids, *rest)

        texts = tuple(keys.Not(keys.Text(f"nothing {number}")) for number in range(100))
        with patch.object(search.Search, "_lookThrough", counting), patch.object(search, "SLICE_MESSAGES", 100):
            self.assertEqual(await self.find(keys.And(texts)), list(range(1, 21)))
            self.assertEqual(counts, [4] * 5)
            await self.find(keys.Text("nothing"))
            self.assertEqual(counts[5:], [20])

    async def test_moved(self) -> None:
        """
        Octets that have moved since their row was read are looked for again.
        """
        await self.append(message("Big", b"needle " + b"x\r\n" * ROW_OCTETS))
        reader = self.store.octets.reader
        read: Callable[..., bytes] = reader.read
        calls = []

        def moved(place: object, offset: int, length: int) -> bytes:
            calls.append(place)
            if len(calls) == 1:
                raise FileNotFoundError
            return read(place, offset, length)

        with patch.object(reader, "read", moved):
            self.assertEqual(await self.find(keys.Body("needle")), [1])
        self.assertGreater(len(calls), 1)

    async def test_damaged(self) -> None:
        """
        A damaged message is passed over and logged; the others are found.
        """
        await self.append(message("Big", b"needle " + b"x\r\n" * ROW_OCTETS))
        await self.append(message(body=b"needle\r\n"))

        def damaged(place: object, offset: int, length: int) -> bytes:
            raise StoreDamaged("checksum")

        with patch.object(self.store.octets.reader, "read", damaged):
            self.assertEqual(await self.find(keys.Body("needle")), [2])

    async def test_givenUp(self) -> None:
        """
        A search that fails, or is cancelled, in the middle leaves nothing behind.
        """
        with patch.object(search, "SLICE_MESSAGES", 1):
            for _ in range(5):
                await self.append(message())
            broken = patch.object(search.Search, "_match_inThread", side_effect=ZeroDivisionError)
            with broken, self.assertRaises(ZeroDivisionError):
                await self.find(keys.Body("hello"))
            searching = self.mailbox.search(keys.Body("hello"))
            searching.cancel()
            with self.assertRaises(CancelledError):
                await searching
            self.assertEqual(await self.find(keys.Body("hello")), [1, 2, 3, 4, 5])

    async def test_gone(self) -> None:
        await self.account.createMailbox("Other")
        other = await self.account.mailbox("Other")
        await self.account.deleteMailbox("Other")
        with self.assertRaises(NoSuchMailbox):
            await other.search(keys.All())
