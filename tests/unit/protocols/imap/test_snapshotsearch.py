"""
Tests of L{osxmail.protocols.imap.snapshotsearch}.
"""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail import searchkeys as k
from osxmail.mail.flags import FLAGGED, SEEN
from osxmail.protocols.imap.snapshotsearch import compiled
from osxmail.store.snapshot import Snapshot
from tests.fakes.snapshots import change, makeSnapshot
from tests.unit.protocols.imap.test_selected import viewOn

KEYWORDS = ("$Junk", "Work")


def made() -> Snapshot:
    """
    Sizes are 1000 + UID, dates the UID-th day of 1970 (counted from 0), unless said otherwise.
    """
    snapshot = makeSnapshot(range(1, 9), {1: SEEN, 2: SEEN | FLAGGED, 3: 1 << 8, 4: 1 << 9 | SEEN}, 10, KEYWORDS)
    change(snapshot, {6: FLAGGED})
    return snapshot


class KeyTests(SynchronousTestCase):
    def search(self, key: k.SearchKey) -> list[int]:
        snapshot = made()
        test = compiled(key, KEYWORDS)
        assert test is not None
        return test(snapshot, viewOn(snapshot).located(range(8)))

    def test_everyKey(self) -> None:
        cases: list[tuple[k.SearchKey, list[int]]] = [
            (k.All(), [1, 2, 3, 4, 5, 6, 7, 8]),
            (k.Flag(SEEN), [1, 2, 4]),
            (k.Not(k.Flag(SEEN)), [3, 5, 6, 7, 8]),
            (k.Flag(keyword="$JUNK"), [3]),
            (k.Flag(keyword="unknown"), []),
            (k.And((k.Flag(SEEN), k.Not(k.Flag(FLAGGED)))), [1, 4]),
            (k.And((k.Flag(SEEN), k.Not(k.Flag(SEEN)))), []),
            (k.And((k.Flag(keyword="unknown"), k.Flag(SEEN))), []),
            (k.And((k.Flag(SEEN), k.Larger(1002))), [4]),
            (k.Or(k.Flag(keyword="work"), k.UidSet(((7, 8),))), [4, 7, 8]),
            (k.UidSet(()), []),
            (k.UidSet(((2, 3), (6, 6))), [2, 3, 6]),
            (k.Before(date(1970, 1, 4)), [1, 2]),
            (k.On(date(1970, 1, 4)), [3]),
            (k.Since(date(1970, 1, 8)), [7, 8]),
            (k.Larger(1006), [7, 8]),
            (k.Smaller(1002), [1]),
            (k.Modseq(11), [6]),
            (k.ArrivedSince(7 * 86400), [7, 8]),
            (k.Not(k.ArrivedSince(2 * 86400 + 1)), [1, 2]),
            (k.SaveDateSupported(), [1, 2, 3, 4, 5, 6, 7, 8]),
            (k.Fuzzy(k.And((k.Flag(SEEN), k.Larger(1002)))), [4]),
        ]
        for key, expected in cases:
            with self.subTest(key=key):
                self.assertEqual(self.search(key), expected)

    def test_whatItDoesNotKnow(self) -> None:
        keys: list[k.SearchKey] = [
            k.Text("a"),
            k.Body("a"),
            k.Header("from", "a"),
            k.SentOn(date(1970, 1, 1)),
            k.EmailId("E1"),
        ]
        for key in keys:
            for outer in [key, k.Not(key), k.Fuzzy(key), k.Or(k.All(), key), k.And((k.Flag(SEEN), key))]:
                with self.subTest(key=outer):
                    self.assertIsNone(compiled(outer, ()))

    def test_numbersOfTheSession(self) -> None:
        """
        Sequence numbers are the session's, also where something has vanished that it does not know of.
        """
        snapshot = made()
        view = viewOn(snapshot)
        change(snapshot, vanished=[1])
        test = compiled(k.Flag(SEEN), KEYWORDS)
        assert test is not None
        self.assertEqual(test(snapshot, view.located(range(8))), [2, 4])


leaf = st.sampled_from(
    [
        k.All(),
        k.Flag(SEEN),
        k.Flag(FLAGGED),
        k.Flag(keyword="work"),
        k.Flag(keyword="x"),
        k.UidSet(((2, 5),)),
        k.Larger(1004),
        k.Since(date(1970, 1, 5)),
    ]
)
tree = st.recursive(
    leaf,
    lambda keys: (
        st.builds(k.Not, keys)
        | st.builds(k.Or, keys, keys)
        | st.lists(keys, min_size=1, max_size=4).map(lambda found: k.And(tuple(found)))
    ),
    max_leaves=8,
)


class DefinitionTests(SynchronousTestCase):
    snapshot = made()

    def matches(self, key: k.SearchKey, place: int) -> bool:
        """
        The definition, one message at a time.
        """
        snapshot = self.snapshot
        match key:
            case k.And(keys):
                return all(self.matches(each, place) for each in keys)
            case k.Or(left, right):
                return self.matches(left, place) or self.matches(right, place)
            case k.Not(inner):
                return not self.matches(inner, place)
            case k.All():
                return True
            case k.Flag(bits, keyword):
                names = [name.lower() for name in KEYWORDS]
                bit = bits or (1 << 8 + names.index(keyword) if keyword in names else 0)
                return bool(snapshot.flags[place] & bit)
            case k.UidSet(ranges):
                return any(low <= snapshot.uids[place] <= high for low, high in ranges)
            case k.Larger(octets):
                return snapshot.sizes[place] > octets
            case k.Since(day):
                return date(1970, 1, 1) + timedelta(seconds=snapshot.dates[place]) >= day
        raise AssertionError(key)

    @settings(deadline=None, max_examples=300)
    @given(tree)
    def test_likeTheDefinition(self, key: k.SearchKey) -> None:
        test = compiled(key, KEYWORDS)
        assert test is not None
        found = test(self.snapshot, viewOn(self.snapshot).located(range(8)))
        self.assertEqual(found, [place + 1 for place in range(8) if self.matches(key, place)])
