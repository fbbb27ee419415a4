"""
Tests of L{osxmail.protocols.imap.resync}: what dialogues would need thousands of messages for.  What is said stands in
C{tests/conversations/imap/qresync.txt}.
"""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import StoreAway
from osxmail.mail.imap.command import Resync
from osxmail.mail.sequenceset import SequenceSet, merged
from osxmail.protocols.imap import resync
from osxmail.store import expunging
from tests.fakes.snapshots import makeSnapshot
from tests.unit.protocols.imap.sessions import SessionCase
from tests.unit.protocols.imap.test_selected import viewOn

UIDS = st.lists(st.integers(1, 60), unique=True).map(sorted)
RANGES = st.lists(st.tuples(st.integers(1, 70), st.integers(0, 20)), max_size=5).map(
    lambda pairs: merged([(low, low + length) for low, length in pairs])
)


class GapTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(UIDS, RANGES)
    def test_gaps(self, uids: list[int], ranges: tuple[tuple[int, int], ...]) -> None:
        """
        Every UID that is missing, and none that is there.
        """
        gaps = list(viewOn(makeSnapshot(uids)).gapsIn(ranges))
        missing = [uid for low, high in gaps for uid in range(low, high + 1)]
        self.assertEqual(missing, [uid for low, high in ranges for uid in range(low, high + 1) if uid not in uids])
        self.assertEqual(merged(gaps), tuple(gaps))

    @settings(deadline=None, max_examples=200)
    @given(RANGES, RANGES)
    def test_common(self, left: tuple[tuple[int, int], ...], right: tuple[tuple[int, int], ...]) -> None:
        numbers = [
            {uid for low, high in ranges for uid in range(low, high + 1)}
            for ranges in (left, right, tuple(resync._common(left, right)))
        ]
        self.assertEqual(numbers[2], numbers[0] & numbers[1])

    @settings(deadline=None, max_examples=200)
    @given(UIDS.filter(bool), st.sets(st.integers(1, 60)), st.data())
    def test_matched(self, uids: list[int], gone: set[int], data: st.DataObject) -> None:
        """
        RFC 7162 3.2.5.2: the last pair that still holds; all UIDs below it are as the client knows them.
        """
        remaining = [uid for uid in uids if uid not in gone]
        view = viewOn(makeSnapshot(remaining))
        numbers = sorted(data.draw(st.sets(st.integers(1, len(uids)), min_size=1)))
        known = [uids[number - 1] for number in numbers]
        sets = [SequenceSet.parse(",".join(map(str, each))) for each in (numbers, known)]
        matched = resync._matchedUid(view, Resync(1, 1, None, *sets))
        holding = [
            uid
            for number, uid in zip(numbers, known, strict=True)
            if number <= len(remaining) and remaining[number - 1] == uid
        ]
        self.assertEqual(matched, max(holding, default=0))

    def test_matchedRanges(self) -> None:
        view = viewOn(makeSnapshot([*range(10, 20), *range(31, 40)]))
        pairs = Resync(1, 1, None, SequenceSet.parse("1:5,8:30"), SequenceSet.parse("10:14,17:39"))
        self.assertEqual(resync._matchedUid(view, pairs), 19)


class ForgottenTests(SessionCase):
    async def test_theLogHasForgotten(self) -> None:
        """
        RFC 7162 3.2.5.1: then every UID that is missing is named; with sequence numbers, those only that the client
        cannot know of.
        """
        self.patch(expunging, "MAX_EXPUNGED_LOG", 2)
        self.patch(expunging, "PRUNE_CHANCE", 2)
        self.patch(resync, "SLICE_RANGES", 2)
        await self.fill(*[b"Subject: %d\r\n\r\n" % number for number in range(12)])
        before = (await self.inbox.status()).highestModseq
        await self.inbox.remove([2, 3])
        await self.inbox.remove([6])
        late = (await self.inbox.status()).highestModseq
        await self.inbox.remove([9])
        await self.inbox.remove([12])
        self.assertIsNone(await self.inbox.expungedSince(before))
        validity = (await self.inbox.status()).uidvalidity
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        await client.do(b"ENABLE QRESYNC")
        said = await client.do(b"SELECT INBOX (QRESYNC (%d %d))" % (validity, before))
        self.assertIn(b"* VANISHED (EARLIER) 2:3,6\r\n* VANISHED (EARLIER) 9,12\r\n", said)
        said = await client.do(b"SELECT INBOX (QRESYNC (%d %d 3:10))" % (validity, before))
        self.assertIn(b"* VANISHED (EARLIER) 3,6\r\n* VANISHED (EARLIER) 9\r\n", said)
        # The client knows of 2, 3 and 6.
        said = await client.do(b"SELECT INBOX (QRESYNC (%d %d 1:12 (1,3,5 1,5,8)))" % (validity, before))
        self.assertIn(b"* VANISHED (EARLIER) 9,12\r\n", said)
        self.assertNotIn(b"2:3", said)
        # What is remembered is told as it was.
        said = await client.do(b"SELECT INBOX (QRESYNC (%d %d))" % (validity, late))
        self.assertIn(b"* VANISHED (EARLIER) 9,12\r\n", said)
        self.assertNotIn(b"2:3", said)
        said = await client.do(b"UID FETCH 7:* (FLAGS) (CHANGEDSINCE %d VANISHED)" % before)
        self.assertIn(b"* VANISHED (EARLIER) 9,12\r\n", said)

    async def test_changedInSlices(self) -> None:
        self.patch(resync, "SLICE_LOOKED_AT", 3)
        self.patch(resync, "SLICE_MESSAGES", 2)
        await self.fill(*[b"Subject: %d\r\n\r\n" % number for number in range(12)])
        status = await self.inbox.status()
        await self.inbox.storeFlags([2, 4, 5, 6, 11], "+", ["$Late"])
        await self.inbox.remove([5])
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        await client.do(b"ENABLE QRESYNC")
        said = await client.do(b"SELECT INBOX (QRESYNC (%d %d))" % (status.uidvalidity, status.highestModseq))
        self.assertEqual(
            [line.split()[4] for line in said.split(b"\r\n") if b" FETCH " in line], [b"2", b"4", b"6", b"11"]
        )

    async def test_expungedMeanwhile(self) -> None:
        """
        What others remove while a long answer is written does not mix it up.
        """
        self.patch(resync, "SLICE_MESSAGES", 2)
        await self.fill(*[b"Subject: %d\r\n\r\n" % number for number in range(12)])
        status = await self.inbox.status()
        await self.inbox.storeFlags(range(1, 13), "+", ["\\Seen"])
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        await client.do(b"ENABLE QRESYNC")
        client.gate.pauseProducing()
        client.send(b"a SELECT INBOX (QRESYNC (%d %d))\r\n" % (status.uidvalidity, status.highestModseq))
        await client.until(b"* 1 FETCH")
        await self.inbox.remove([1, 2, 3, 7])
        client.gate.resumeProducing()
        said = await client.until(b"a OK ")
        told = [tuple(map(int, pair)) for pair in re.findall(rb"\* (\d+) FETCH \(UID (\d+)", b"* 1 FETCH" + said)]
        self.assertEqual(told, [(1, 1), (2, 2), *((uid, uid) for uid in (4, 5, 6, 8, 9, 10, 11, 12))])

    async def test_theStoreIsAway(self) -> None:
        """
        A SELECT that fails leaves no mailbox selected.
        """
        await self.fill(b"Subject: 1\r\n\r\n")
        validity = (await self.inbox.status()).uidvalidity
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        await client.do(b"ENABLE QRESYNC")

        def away(mailbox: object, modseq: int) -> None:
            raise StoreAway("the disk")

        self.patch(type(self.inbox), "expungedSince", away)
        said = await client.do(b"SELECT INBOX (QRESYNC (%d 1))" % validity)
        self.assertIn(b"NO [UNAVAILABLE] The mail store cannot serve now", said)
        self.assertIn(b"BAD Not now", await client.do(b"FETCH 1 FLAGS"))
