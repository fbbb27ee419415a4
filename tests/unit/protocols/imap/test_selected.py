"""
Tests of L{osxmail.protocols.imap.selected}.
"""

from __future__ import annotations

from array import array
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.flags import FLAGGED, SEEN
from osxmail.mail.sequenceset import SequenceSet
from osxmail.protocols.imap.selected import NoSuchNumber, SelectedView, UidRequired, cut, slices
from osxmail.store.snapshot import Snapshot
from tests.fakes.snapshots import change, makeSnapshot


def nothing() -> None:
    pass


def viewOn(snapshot: Snapshot) -> SelectedView:
    mailbox: Any = None
    view = SelectedView("INBOX", mailbox, False, nothing, nothing)
    view.open(snapshot)
    return view


class NumberTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.snapshot = makeSnapshot([3, 5, 7, 9])
        self.view = viewOn(self.snapshot)

    def ranges(self, text: str, isUid: bool = False) -> list[tuple[int, int]]:
        return [(each.start, each.stop) for each in self.view.indexRanges(SequenceSet.parse(text), isUid)]

    def test_sequenceNumbers(self) -> None:
        self.assertEqual(self.ranges("1,3:*"), [(0, 1), (2, 4)])
        self.assertEqual(self.ranges("*"), [(3, 4)])

    def test_unknownNumbers(self) -> None:
        """
        RFC 3501 6.4.8: a UID that is not there is passed over; a sequence number is an error.
        """
        self.assertEqual(self.ranges("1,4:6,20", isUid=True), [(1, 2)])
        self.assertRaises(NoSuchNumber, self.ranges, "5")
        self.assertRaises(NoSuchNumber, self.ranges, "2:5")

    def test_uidStar(self) -> None:
        """
        RFC 3501 6.4.8: C{*} is the last UID, also as the end of a range that begins after it.
        """
        self.assertEqual(self.ranges("100:*", isUid=True), [(3, 4)])

    def test_emptyMailbox(self) -> None:
        self.view = viewOn(makeSnapshot([]))
        self.assertEqual(self.ranges("1:*"), [])
        self.assertEqual(self.ranges("1:5", isUid=True), [])
        self.assertRaises(NoSuchNumber, self.ranges, "1")

    def test_indexOf(self) -> None:
        self.assertEqual([self.view.indexOf(uid) for uid in (2, 3, 4, 9, 10)], [-1, 0, -1, 3, -1])

    @settings(deadline=None, max_examples=200)
    @given(st.frozensets(st.integers(1, 12)).map(sorted), st.lists(st.integers(1, 14), unique=True), st.booleans())
    def test_indexesOf(self, present: list[int], asked: list[int], inOrder: bool) -> None:
        """
        In the order that was asked for, whatever shortcut serves it: no gaps, one run, one by one.
        """
        view = viewOn(makeSnapshot(present))
        if inOrder:
            asked = list(range(asked[0], asked[0] + len(asked))) if asked else []
        expected = [present.index(uid) for uid in asked if uid in present]
        self.assertEqual(list(view.indexesOf(array("I", asked))), expected)
        self.assertEqual(list(view.indexesOf(asked)), expected)

    def test_recent(self) -> None:
        self.view.firstRecent = 7
        self.assertEqual(self.view.recentCount(), 2)

    def test_firstUnseen(self) -> None:
        change(self.snapshot, {3: SEEN})
        self.assertEqual(self.view.firstUnseen(SEEN), 2)


class StabilityTests(SynchronousTestCase):
    """
    No sequence number shifts before it is told.
    """

    def setUp(self) -> None:
        self.snapshot = makeSnapshot([3, 5, 7, 9])
        self.view = viewOn(self.snapshot)

    def test_expungeWaits(self) -> None:
        change(self.snapshot, vanished=[5])
        self.assertEqual(list(self.view.uidsOf(range(self.view.count))), [3, 5, 7, 9])
        located = self.view.located(range(4))
        self.assertEqual((list(located.numbers), list(located.places), located.missing), ([1, 3, 4], [0, 1, 2], 1))
        self.assertEqual(self.view.takeExpunged(), [2])
        self.assertEqual(self.view.count, 3)
        self.assertEqual(self.view.takeExpunged(), [])
        self.assertTrue(self.view.isInStep)

    def test_toldFromTheLast(self) -> None:
        change(self.snapshot, vanished=[3, 7])
        change(self.snapshot, vanished=[9])
        self.assertEqual(self.view.takeExpunged(), [4, 3, 1])

    def test_fewAndManyOfALargeMailbox(self) -> None:
        """
        A few are looked up one by one, many by going through all.
        """
        for step in (2, 7, 8, 9, 500):
            snapshot = makeSnapshot(range(10, 3010))
            view = viewOn(snapshot)
            change(snapshot, vanished=range(10, 3010, step))
            self.assertEqual(view.takeExpunged(), list(range(1, 3001, step))[::-1], step)
            self.assertTrue(view.isInStep)

    def test_arrivalsBeforeTheExpunge(self) -> None:
        """
        EXISTS may be told although an expunge may not: the numbers stay.
        """
        change(self.snapshot, vanished=[3])
        change(self.snapshot, {10: 0, 11: 0})
        self.assertTrue(self.view.takeArrived())
        self.assertEqual(self.view.count, 6)
        self.assertEqual(self.view.indexOf(11), 5)
        change(self.snapshot, {12: 0}, vanished=[10])
        self.assertTrue(self.view.takeArrived())
        self.assertEqual(self.view.count, 7)
        self.assertEqual(self.view.takeExpunged(), [5, 1])
        self.assertEqual(list(self.view.uidsOf(range(5))), [5, 7, 9, 11, 12])
        self.assertFalse(self.view.takeArrived())

    def test_cameAndWent(self) -> None:
        change(self.snapshot, {10: 0})
        change(self.snapshot, vanished=[10])
        self.assertEqual(self.view.takeExpunged(), [])
        self.assertFalse(self.view.takeArrived())
        self.assertEqual(self.view.count, 4)

    def test_nothingKeptForAnIdleSession(self) -> None:
        """
        The array is the snapshot's own: a session costs a reference.
        """
        self.assertIs(self.view.snapshot.uids, self.snapshot.uids)
        change(self.snapshot, {10: 0})
        self.assertEqual(self.view.count, 4)
        self.assertTrue(self.view.takeArrived())
        self.assertTrue(self.view.isInStep)

    def test_flags(self) -> None:
        change(self.snapshot, {5: SEEN})
        modseq = change(self.snapshot, {9: FLAGGED, 10: 0})
        self.assertEqual(list(self.view.changedFlags(9)), [5, 9])
        self.view.modseq = modseq
        self.assertEqual(list(self.view.changedFlags(9)), [])

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.tuples(st.sets(st.integers(1, 30), max_size=5), st.integers(0, 3), st.booleans(), st.booleans()),
            max_size=12,
        )
    )
    def test_likeAClient(self, steps: list[tuple[set[int], int, bool, bool]]) -> None:
        """
        A client that applies what it is told has, at each time, the same list as the view.
        """
        snapshot = makeSnapshot(range(1, 11))
        view = viewOn(snapshot)
        client: list[int | None] = list(range(1, 11))
        nextUid = 11
        for vanished, arriving, mayExpunge, mayTell in steps:
            present = set(snapshot.uids)
            new = range(nextUid, nextUid + arriving)
            nextUid += arriving
            change(snapshot, dict.fromkeys(new, 0), vanished=sorted(vanished & present))
            if not mayTell:
                continue
            if mayExpunge:
                for number in view.takeExpunged():
                    del client[number - 1]
            if view.takeArrived():
                client += [None] * (view.count - len(client))
            self.assertEqual(len(client), view.count)
            uids = list(view.uidsOf(range(view.count)))
            for mine, theirs in zip(uids, client, strict=True):
                self.assertIn(theirs, (mine, None))
            client = uids
            if mayExpunge:
                self.assertEqual(client, list(snapshot.uids))


class SavedTests(SynchronousTestCase):
    def test_withOthers(self) -> None:
        """
        RFC 5182 5: C{$} alone, and with numbers and UIDs.
        """
        view = viewOn(makeSnapshot([10, 20, 30, 40, 50, 60]))
        self.assertEqual(view.indexRanges(SequenceSet.parse("$"), False), [])
        view.saved.extend([10, 20, 40, 40])
        self.assertEqual(view.indexRanges(SequenceSet.parse("$"), False), [range(2), range(3, 4)])
        self.assertEqual(view.indexRanges(SequenceSet.parse("3,$"), False), [range(4)])
        self.assertEqual(view.indexRanges(SequenceSet.parse("$,60"), True), [range(2), range(3, 4), range(5, 6)])
        self.assertRaises(NoSuchNumber, view.indexRanges, SequenceSet.parse("$,7"), False)
        view.forgetSaved()
        self.assertEqual(view.indexRanges(SequenceSet.parse("$"), True), [])

    def test_expunged(self) -> None:
        """
        RFC 5182 2.1: what vanishes leaves it, and what arrives does not join.
        """
        snapshot = makeSnapshot([10, 20, 30])
        view = viewOn(snapshot)
        view.saved.extend([10, 30])
        change(snapshot, {35: 0}, vanished=[20, 30])
        view.takeExpunged()
        view.takeArrived()
        self.assertEqual(view.indexRanges(SequenceSet.parse("$"), False), [range(1)])

    def test_numbersBeyondTheLast(self) -> None:
        """
        RFC 7377 2: in a search they are no error.
        """
        view = viewOn(makeSnapshot([10, 20, 30]))
        self.assertEqual(view.indexRanges(SequenceSet.parse("2:9"), False, isSearch=True), [range(1, 3)])
        self.assertEqual(view.indexRanges(SequenceSet.parse("5:9"), False, isSearch=True), [])
        self.assertRaises(NoSuchNumber, view.indexRanges, SequenceSet.parse("2:9"), False)

    def test_indexesOf(self) -> None:
        for uids in ([5, 6, 7], [5, 7, 9]):
            view = viewOn(makeSnapshot(uids))
            wanted = [uids[2], 4, uids[0], 10, 8]
            self.assertEqual(view.indexesOf(wanted), [2, 0])


class DialectTests(SynchronousTestCase):
    """
    What QRESYNC and UIDONLY need of a view.
    """

    def test_vanishedByUid(self) -> None:
        snapshot = makeSnapshot([3, 5, 7, 9])
        view = viewOn(snapshot)
        change(snapshot, {11: 0}, vanished=[5, 9])
        self.assertEqual(view.takeVanished(), [5, 9])
        self.assertEqual((view.count, view.lastUid), (2, 7))
        self.assertEqual(view.takeVanished(), [])

    def test_toldModseq(self) -> None:
        """
        Flags that were told do not hide an expunge that was not.
        """
        snapshot = makeSnapshot([3, 5], modseq=10)
        view = viewOn(snapshot)
        self.assertEqual(view.toldModseq, 10)
        change(snapshot, vanished=[3])
        view.modseq = change(snapshot, {5: SEEN})
        self.assertEqual((view.modseq, view.toldModseq), (12, 10))
        view.takeVanished()
        self.assertEqual(view.toldModseq, 12)

    def test_noNumbers(self) -> None:
        view = viewOn(makeSnapshot([3, 5]))
        view.isUidOnly = True
        for text in ("1", "1:*", "*", "7"):
            self.assertRaises(UidRequired, view.indexRanges, SequenceSet.parse(text), False)
        self.assertEqual(view.indexRanges(SequenceSet.parse("1:*"), True), [range(2)])
        view.saved = array("I", [5, 5])
        self.assertEqual(view.indexRanges(SequenceSet.parse("$"), False), [range(1, 2)])


class SliceTests(SynchronousTestCase):
    def test_portions(self) -> None:
        self.assertEqual([list(each) for each in slices([range(5)], 2)], [[0, 1], [2, 3], [4]])
        self.assertEqual(list(slices([], 2)), [])

    @settings(deadline=None, max_examples=200)
    @given(st.sets(st.integers(0, 400)), st.integers(100, 200))
    def test_everyIndexOnceInOrder(self, indexes: set[int], most: int) -> None:
        ranges: list[range] = []
        for index in sorted(indexes):
            if ranges and ranges[-1].stop == index:
                ranges[-1] = range(ranges[-1].start, index + 1)
            else:
                ranges.append(range(index, index + 1))
        portions = list(slices(ranges, most))
        self.assertEqual([index for portion in portions for index in portion], sorted(indexes))
        self.assertTrue(all(0 < len(portion) <= most for portion in portions))

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=6), st.integers(0, 20), st.integers(0, 20)
    )
    def test_window(self, parts: list[tuple[int, int]], start: int, stop: int) -> None:
        """
        A window counts over all ranges.
        """
        ranges, low = [], 0
        for gap, length in parts:
            ranges.append(range(low + gap, low + gap + length))
            low += gap + length
        flat = [index for each in ranges for index in each]
        found = cut(ranges, slice(start, stop))
        self.assertEqual([index for each in found for index in each], flat[start:stop])
        self.assertTrue(all(found))
