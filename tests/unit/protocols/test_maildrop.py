"""
The maildrop's view: numbers, marks, lines, TOP, reading ahead.
"""

from __future__ import annotations

import re
import time
from array import array
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import StoreAway
from osxmail.protocols.maildrop import (
    READ_AGAIN,
    READ_AGAIN_OCTETS,
    READ_AHEAD,
    READ_AHEAD_OCTETS,
    SMALL_OCTETS,
    Listing,
    Shelf,
    Stuffing,
    Top,
)


def listing(*sizes: int, uidvalidity: int = 0x5EED) -> Listing:
    return Listing(uidvalidity, array("I", [10 * (n + 1) for n in range(len(sizes))]), array("Q", sizes))


class ListingTests(SynchronousTestCase):
    def test_marks(self) -> None:
        drop = listing(100, 20, 3)
        self.assertEqual((drop.count, drop.octets, len(drop)), (3, 123, 3))
        drop.delete(2)
        drop.delete(2)
        self.assertEqual((drop.count, drop.octets, len(drop)), (2, 103, 3))
        self.assertEqual(drop.sizeLines(1, 4), b"1 100\r\n3 3\r\n")
        self.assertEqual(drop.deletedUids, [20])
        drop.reset()
        self.assertEqual((drop.count, drop.octets, drop.deletedUids), (3, 123, []))

    def test_uniqueIds(self) -> None:
        drop = listing(1, 2)
        self.assertEqual(drop.uniqueId(2), b"00005eed00000014")
        self.assertEqual(drop.idLines(1, 3), b"1 00005eed0000000a\r\n2 00005eed00000014\r\n")
        self.assertNotEqual(drop.uniqueId(1), listing(1, uidvalidity=0x5EEE).uniqueId(1))
        # RFC 1939 7: one to 70 characters from 0x21 to 0x7E.
        longest = Listing((1 << 32) - 1, array("I", [(1 << 32) - 1]), array("Q", [1])).uniqueId(1)
        self.assertRegex(longest.decode(), r"^[!-~]{1,70}$")

    def test_longListingIsMadeInSliceTime(self) -> None:
        drop = Listing(1, array("I", range(1, 2001)), array("Q", [1000] * 2000))
        best = 1.0
        for _ in range(5):
            begun = time.perf_counter()
            drop.idLines(1, 2001)
            best = min(best, time.perf_counter() - begun)
        self.assertLess(best, 0.005)


def top(message: bytes, lines: int, *cuts: int) -> bytes:
    """
    What TOP gives of a message that comes in pieces.
    """
    reader = Top(lines)
    taken = b""
    start = 0
    for cut in (*cuts, len(message)):
        if reader.isComplete or start >= len(message):
            break
        taken += reader.feed(message[start : start + cut])
        start += cut
    return taken


def expected(message: bytes, lines: int) -> bytes:
    match = re.search(rb"\A\r\n|\r\n\r\n", message)
    if match is None:
        return message
    head, body = message[: match.end()], message[match.end() :]
    return head + b"".join(re.findall(rb"[^\n]*\n|[^\n]+\Z", body)[:lines])


class TopTests(SynchronousTestCase):
    def test_headerAndLines(self) -> None:
        message = b"A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\nthree"
        self.assertEqual(top(message, 0), b"A: 1\r\nB: 2\r\n\r\n")
        self.assertEqual(top(message, 1), b"A: 1\r\nB: 2\r\n\r\none\r\n")
        self.assertEqual(top(message, 2), b"A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n")
        self.assertEqual(top(message, 3), message)
        self.assertEqual(top(message, 10**9), message)

    def test_noHeaderAndNoBody(self) -> None:
        self.assertEqual(top(b"\r\none\r\ntwo\r\n", 1), b"\r\none\r\n")
        self.assertEqual(top(b"A: 1\r\n", 0), b"A: 1\r\n")
        self.assertEqual(top(b"A: 1\r\n\r\n", 5), b"A: 1\r\n\r\n")

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(st.sampled_from([b"\r\n", b"a", b": b", b"\r", b"\n", b".", b"\r\n\r\n"])).map(b"".join),
        st.integers(0, 5),
        st.lists(st.integers(1, 5), max_size=30),
    )
    def test_piecesOfAnySize(self, message: bytes, lines: int, cuts: list[int]) -> None:
        self.assertEqual(top(message, lines, *cuts), expected(message, lines))

    def test_stuffing(self) -> None:
        stuffing = Stuffing()
        sent = b"".join(stuffing.stuff(piece) for piece in (b".a\r", b"\n", b".", b"b\r\n.")) + stuffing.end()
        self.assertEqual(sent, b"..a\r\n..b\r\n..\r\n.\r\n")

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.sampled_from([b"\r\n", b"a", b"\r", b"\n", b".", b"\r\n."])))
    def test_stuffingInAnyPieces(self, pieces: list[bytes]) -> None:
        """
        Whatever a client takes for the end of a line, the answer ends where it ends, and the message comes out.
        """
        stuffing = Stuffing()
        sent = b"".join(map(stuffing.stuff, pieces)) + stuffing.end()
        message = b"".join(pieces)
        whole = Stuffing()
        self.assertEqual(sent, whole.stuff(message) + whole.end())
        self.assertTrue(sent.endswith(b"\r\n.\r\n") or sent == b".\r\n")
        lines = sent.split(b"\n")
        self.assertEqual([n for n, line in enumerate(lines) if line in (b".", b".\r")], [len(lines) - 2])
        read = b"\n".join(line[1:] if line.startswith(b".") else line for line in lines[:-2])
        read += b"\n" if len(lines) > 2 else b""
        self.assertTrue(read.startswith(message))
        self.assertIn(read[len(message) :], (b"", b"\n", b"\r\n"))


class Recorded:
    """
    A mailbox that knows what it was asked for.
    """

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gone: set[int] = set()

    def messages(self, uids: list[int]) -> Deferred[list[tuple[int, Any]]]:
        self.asked.append(uids)
        return succeed([(uid, f"message {uid}") for uid in uids if uid not in self.gone])


class ShelfTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.mailbox = Recorded()

    def take(self, shelf: Shelf, number: int) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(shelf.message(number)))

    def test_oneAfterTheOther(self) -> None:
        shelf = Shelf(self.mailbox, listing(*[100] * 150))  # type: ignore[arg-type]
        for number in range(1, 151):
            self.assertEqual(self.take(shelf, number), f"message {number * 10}")
            self.assertLessEqual(len(shelf._ahead), READ_AHEAD + READ_AGAIN)
        self.assertEqual([len(uids) for uids in self.mailbox.asked], [READ_AHEAD, READ_AHEAD, 150 - 2 * READ_AHEAD])

    def test_aBatchHasSoManyOctets(self) -> None:
        shelf = Shelf(self.mailbox, listing(*[SMALL_OCTETS] * 100))  # type: ignore[arg-type]
        for number in range(1, 101):
            self.take(shelf, number)
            self.assertLessEqual(len(shelf._ahead) * SMALL_OCTETS, READ_AHEAD_OCTETS + READ_AGAIN_OCTETS)
        self.assertGreater(len(self.mailbox.asked), 4)

    def test_theNextOnesAreReadMeanwhile(self) -> None:
        shelf = Shelf(self.mailbox, listing(*[100] * 150))  # type: ignore[arg-type]
        for number in range(1, READ_AHEAD - READ_AGAIN):
            self.take(shelf, number)
        slow: Deferred[Any] = Deferred()
        answer = self.mailbox.messages
        self.patch(self.mailbox, "messages", lambda uids: slow.addCallback(lambda _: answer(uids)))
        for number in range(READ_AHEAD - READ_AGAIN, READ_AHEAD + 1):
            self.assertEqual(self.take(shelf, number), f"message {number * 10}")
        waiting = Deferred.fromCoroutine(shelf.message(READ_AHEAD + 1))
        self.assertNoResult(waiting)
        slow.callback(None)
        self.assertEqual(self.successResultOf(waiting), f"message {(READ_AHEAD + 1) * 10}")

    def test_whatFailsMeanwhileIsToldWhenItIsAskedFor(self) -> None:
        shelf = Shelf(self.mailbox, listing(*[100] * 150))  # type: ignore[arg-type]
        for number in range(1, READ_AHEAD - READ_AGAIN):
            self.take(shelf, number)
        self.patch(self.mailbox, "messages", lambda uids: fail(StoreAway("disk")))
        for number in range(READ_AHEAD - READ_AGAIN, READ_AHEAD + 1):
            self.take(shelf, number)
        self.failureResultOf(Deferred.fromCoroutine(shelf.message(READ_AHEAD + 1)), StoreAway)

    def test_whoSkipsGetsWhatIsAskedFor(self) -> None:
        shelf = Shelf(self.mailbox, listing(*[100] * 300))  # type: ignore[arg-type]
        for number in (1, 2, 250, 251, 3, 4, 5, 100):
            self.assertEqual(self.take(shelf, number), f"message {number * 10}")
            self.assertLessEqual(len(shelf._ahead), READ_AHEAD + READ_AGAIN)

    def test_hereAndThere(self) -> None:
        shelf = Shelf(self.mailbox, listing(*[100] * 40))  # type: ignore[arg-type]
        for number in (5, 9, 30):
            self.assertEqual(self.take(shelf, number), f"message {number * 10}")
        self.assertEqual(self.mailbox.asked, [[50], [90], [300]])

    def test_largeAndDeletedOnesEndIt(self) -> None:
        drop = listing(1, 1, SMALL_OCTETS + 1, 1, 1)
        drop.delete(5)
        shelf = Shelf(self.mailbox, drop)  # type: ignore[arg-type]
        for number in (1, 2, 3, 4):
            self.take(shelf, number)
        self.assertEqual(self.mailbox.asked, [[10, 20], [30, 40]])

    def test_gone(self) -> None:
        self.mailbox.gone = {20}
        shelf = Shelf(self.mailbox, listing(1, 1, 1))  # type: ignore[arg-type]
        self.assertEqual([self.take(shelf, n) for n in (1, 2, 3)], ["message 10", None, "message 30"])
