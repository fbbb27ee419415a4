"""
Tests for L{osxmail.store.searchplan}.
"""

from __future__ import annotations

from array import array
from datetime import date
from typing import Any

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail import searchkeys as keys
from osxmail.mail.header import headerOf
from osxmail.mail.mime import Rendering, renderMessage
from osxmail.mail.searchkeys import SearchKey
from osxmail.store.searchplan import MAX_RANGES, plan
from osxmail.store.searchtests import BODY, HEADER, ROW, SENT, Candidate

OCTETS = b"Subject: hello\r\nDate: 11 Jan 1970 00:00:00 +0000\r\n\r\nworld\r\n"
DAY = 86_400


class InMemory:
    """
    A source that counts what is asked for.
    """

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.asked: list[str] = []

    def header(self) -> bytes:
        self.asked.append("header")
        return headerOf(self.octets)

    def read(self, offset: int, length: int) -> bytes:
        self.asked.append("read")
        return self.octets[offset : offset + length]

    def rendering(self) -> Rendering:
        self.asked.append("rendering")
        return renderMessage(self.octets)


days = st.builds(lambda n: date(1970, 1, n), st.integers(8, 14))
leaves = st.one_of(
    st.just(keys.All()),
    st.builds(keys.Flag, bits=st.sampled_from([1, 2, 4])),
    st.builds(lambda word: keys.Flag(keyword=word), st.sampled_from(["$A", "$b", "$none"])),
    st.builds(lambda *ranges: keys.UidSet(ranges), st.just((1, 2)), st.just((5, 7))),
    st.just(keys.UidSet(())),
    st.just(keys.UidSet(tuple((n, n) for n in range(2, 200, 2)))),
    st.builds(keys.Before, days),
    st.builds(keys.On, days),
    st.builds(keys.Since, days),
    st.builds(keys.SentBefore, days),
    st.builds(keys.SentOn, days),
    st.builds(keys.SentSince, days),
    st.builds(keys.Larger, st.integers(98, 102)),
    st.builds(keys.Smaller, st.integers(98, 102)),
    st.builds(keys.Modseq, st.integers(1, 9)),
    st.builds(keys.ArrivedSince, st.integers(8 * DAY, 12 * DAY)),
    st.builds(keys.SavedBefore, days),
    st.builds(keys.SavedOn, days),
    st.builds(keys.SavedSince, days),
    st.just(keys.SaveDateSupported()),
    st.builds(keys.EmailId, st.sampled_from(["E11", "E12-1", "E13", "E14-1", "T1", ""])),
    st.builds(keys.ThreadId, st.sampled_from(["", "T1"])),
    st.lists(st.integers(1, 8), max_size=4).map(lambda uids: keys.Uids(array("I", sorted(uids)))),
    st.builds(keys.Header, st.sampled_from(["subject", "to"]), st.sampled_from(["", "HELLO", "x"])),
    st.builds(keys.Body, st.sampled_from(["", "world", "hello"])),
    st.builds(keys.Text, st.sampled_from(["", "WORLD", "hello", "x"])),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(keys.Not, inner),
        st.builds(keys.Fuzzy, inner),
        st.builds(keys.Or, inner, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda several: keys.And(tuple(several))),
    ),
    max_leaves=8,
)


class PlanTests(SynchronousTestCase):
    """
    Conditions and tests.
    """

    keywords = {"$a": 8, "$b": 9}

    def setUp(self) -> None:
        self.connection = apsw.Connection(":memory:")
        self.connection.execute(
            "CREATE TABLE message (uid, flags, internal_date, size, modseq, saved_date, octets_id, prefix)"
        )

    def row(self, condition: str, candidate: Candidate, args: dict[str, Any]) -> bool:
        self.connection.execute("DELETE FROM message")
        values = (
            candidate.uid,
            candidate.flags,
            candidate.date,
            candidate.size,
            candidate.modseq,
            candidate.saved,
            candidate.octetsId,
            candidate.prefix,
        )
        self.connection.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return bool(self.connection.execute(f"SELECT 1 FROM message WHERE {condition}", args).fetchall())

    @settings(deadline=None, max_examples=400)
    @given(
        trees,
        st.integers(1, 8),
        st.sampled_from([0, 1, 2, 5, 1 << 8, 3 << 8]),
        st.integers(8 * DAY, 12 * DAY),
        st.integers(98, 102),
        st.integers(1, 9),
    )
    def test_conditions(self, key: SearchKey, uid: int, flags: int, when: int, size: int, modseq: int) -> None:
        """
        What a statement leaves out does not match; what it is sure of does; and where rows are enough, they agree.
        """
        made = plan(key, self.keywords)
        candidate = Candidate(uid, flags, when, size, modseq, InMemory(OCTETS), when + DAY, uid + 10, modseq % 2)
        matches = made.matches(candidate)
        atLeast, atMost = self.row(made.atLeast, candidate, made.args), self.row(made.atMost, candidate, made.args)
        self.assertTrue(atLeast <= matches <= atMost, (key, atLeast, matches, atMost))
        if made.need == ROW and not any(
            isinstance(k, keys.UidSet) and len(k.ranges) > MAX_RANGES for k in keys.leaves(key)
        ):
            self.assertEqual((atLeast, atMost), (matches, matches))

    def test_cheapFirst(self) -> None:
        """
        A body is not read where the header has decided, and nothing where the row has.
        """
        for key, need, asked in (
            (keys.And((keys.Body("x"), keys.Header("subject", "nothing"))), BODY, ["header"]),
            (keys.Or(keys.Body("x"), keys.Header("subject", "hello")), BODY, ["header"]),
            (keys.And((keys.Header("subject", "x"), keys.Flag(bits=1))), HEADER, []),
            (keys.And((keys.Header("subject", "x"), keys.SentOn(date(2000, 1, 1)))), HEADER, ["rendering"]),
            (keys.SentOn(date(1970, 1, 11)), SENT, ["rendering"]),
            (keys.Flag(bits=1), ROW, []),
        ):
            source = InMemory(OCTETS)
            made = plan(key, {})
            self.assertEqual(made.need, need, key)
            made.matches(Candidate(1, 0, 0, 0, 1, source))
            self.assertEqual(source.asked, asked, key)

    def test_sessionKeys(self) -> None:
        """
        What only a session knows is a fault of the caller's.
        """
        self.assertRaises(ValueError, plan, keys.Recent(), {})

    def test_longest(self) -> None:
        """
        The largest tree that the grammar lets through is a statement that SQLite takes.
        """
        key: SearchKey = keys.And(tuple(keys.Flag(bits=1) for _ in range(keys.MAX_KEYS)))
        for _ in range(keys.MAX_DEPTH):
            key = keys.Not(keys.Or(key, keys.All()))
        made = plan(key, {})
        self.row(made.atMost, Candidate(1, 1, 0, 0, 1), made.args)
