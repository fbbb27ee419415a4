"""
Sets of UIDs into statements, columns of numbers out of them.
"""

from __future__ import annotations

from array import array

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.store.numbers import UidCondition, ascending, numbersFrom

uidSets = st.lists(st.integers(1, 60), min_size=1, unique=True).map(sorted)


class NumbersTests(SynchronousTestCase):
    def test_nothing(self):
        self.assertEqual(numbersFrom(None, "Q"), array("Q"))
        self.assertEqual(numbersFrom("", "Q"), array("Q"))
        self.assertEqual(ascending(None, None, 0, None), array("I"))

    def test_long(self):
        """
        Longer than one part.
        """
        numbers = list(range(3, 36_000, 3))
        text = ",".join(map(str, numbers))
        self.assertEqual(list(numbersFrom(text, "I")), numbers)
        self.assertEqual(list(ascending(numbers[0], numbers[-1], len(numbers), text)), numbers)

    def test_partBoundaries(self):
        for count in (4_999, 5_000, 5_001, 10_000, 10_001):
            text = ",".join(map(str, range(count)))
            self.assertEqual(list(numbersFrom(text, "Q")), list(range(count)), count)

    def test_withoutGapsTheTextIsNotRead(self):
        self.assertEqual(list(ascending(5, 8, 4, "not read")), [5, 6, 7, 8])

    def test_negative(self):
        self.assertEqual(list(numbersFrom("-5,0,7", "q")), [-5, 0, 7])


class ConditionTests(SynchronousTestCase):
    def setUp(self):
        self.connection = apsw.Connection(":memory:")
        self.addCleanup(self.connection.close)
        self.connection.execute("CREATE TABLE message (mailbox_id, uid, PRIMARY KEY (mailbox_id, uid)) WITHOUT ROWID")
        self.connection.executemany("INSERT INTO message VALUES (1, ?)", [(uid,) for uid in range(1, 61)])

    def select(self, condition):
        rows = self.connection.execute(
            f"SELECT uid FROM message WHERE mailbox_id = :mailbox{condition.sql} ORDER BY uid",
            {"mailbox": 1, **condition.args},
        )
        return [uid for (uid,) in rows]

    @settings(deadline=None, max_examples=200)
    @given(uidSets, st.booleans())
    def test_selectsTheSet(self, uids, isArray):
        condition = UidCondition(array("I", uids) if isArray else uids)
        self.assertEqual(self.select(condition), uids)
        rows = self.connection.execute(condition.rows("7"), {"mailbox": 1, **condition.args}).fetchall()
        self.assertEqual(sorted(rows), [(7, uid) for uid in uids])

    def test_all(self):
        self.assertEqual(self.select(UidCondition(None)), list(range(1, 61)))
