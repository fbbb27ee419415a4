"""
Access rights.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.flags import DELETED, FLAGGED, SEEN
from osxmail.mail.rights import (
    ALL_RIGHTS,
    RIGHTS,
    AccessEntry,
    changedRights,
    groupsIn,
    ownersRights,
    parseRights,
    rightFor,
    rightsOf,
    settableFlags,
    shownRights,
)

ANNA = frozenset({"anna@example.test", "a@example.test"})


class RightsTests(SynchronousTestCase):
    def test_parsed(self) -> None:
        self.assertEqual(parseRights("arl"), "lra")
        self.assertEqual(parseRights(""), "")
        self.assertEqual(parseRights("lrswida"), "lrswitea")
        self.assertEqual(parseRights("ck"), "kx")

    def test_refused(self) -> None:
        for text in ("q", "L", "0", "l r", "+", "ä"):
            self.assertRaises(ParseError, parseRights, text)

    def test_shown(self) -> None:
        """
        RFC 4314 2.1.1: the old letters are there for old clients.
        """
        self.assertEqual(shownRights("rl"), "lr")
        self.assertEqual(shownRights("lrk"), "lrkc")
        self.assertEqual(shownRights("xt"), "xtcd")
        self.assertEqual(shownRights(ALL_RIGHTS), "lrswipkxteacd")

    @given(st.sets(st.sampled_from(RIGHTS)))
    @settings(deadline=None, max_examples=200)
    def test_whatIsShownNeverGrantsLess(self, rights: set[str]) -> None:
        self.assertTrue(rights <= set(parseRights(shownRights(rights))))

    @given(st.text(max_size=20))
    @settings(deadline=None, max_examples=200)
    def test_anything(self, text: str) -> None:
        try:
            rights = parseRights(text)
        except ParseError:
            return
        self.assertEqual(rights, "".join(letter for letter in RIGHTS if letter in rights))

    def test_changed(self) -> None:
        self.assertEqual(changedRights("lr", "+", "sl"), "lrs")
        self.assertEqual(changedRights("lrs", "-", "rx"), "ls")
        self.assertEqual(changedRights("lrs", "=", "a"), "a")

    def test_union(self) -> None:
        entries = [
            AccessEntry("anyone", "lr"),
            AccessEntry("a@example.test", "i"),
            AccessEntry("ben@example.test", "x"),
        ]
        self.assertEqual(rightsOf({*ANNA, "anyone"}, entries), frozenset("lri"))
        self.assertEqual(rightsOf(ANNA, entries), frozenset("i"))
        self.assertEqual(rightsOf(frozenset(), entries), frozenset())

    def test_negative(self) -> None:
        entries = [AccessEntry("anyone", "lrs"), AccessEntry("-anna@example.test", "rx")]
        self.assertEqual(rightsOf({*ANNA, "anyone"}, entries), frozenset("ls"))
        self.assertEqual(rightsOf({"ben@example.test", "anyone"}, entries), frozenset("lrs"))

    def test_owner(self) -> None:
        self.assertEqual(ownersRights(ANNA, []), ALL_RIGHTS)
        self.assertEqual(ownersRights(ANNA, [AccessEntry("ben@example.test", "l")]), ALL_RIGHTS)
        self.assertEqual(ownersRights(ANNA, [AccessEntry("anna@example.test", "r")]), frozenset("lra"))
        self.assertEqual(ownersRights(ANNA, [AccessEntry("-anna@example.test", "xla")]), ALL_RIGHTS - {"x"})
        self.assertEqual(ownersRights(ANNA, [AccessEntry("-anyone", "r")]), ALL_RIGHTS)

    def test_flags(self) -> None:
        self.assertEqual(settableFlags("s"), SEEN)
        self.assertEqual(settableFlags("t"), DELETED)
        self.assertEqual(settableFlags("w") & (SEEN | DELETED | FLAGGED | 1 << 20), FLAGGED | 1 << 20)
        self.assertEqual(settableFlags("swt"), (1 << 63) - 1)
        self.assertEqual(settableFlags("lr"), 0)
        self.assertEqual([rightFor(flag) for flag in ("\\Seen", "\\Deleted", "\\Draft", "$x")], list("stww"))

    def test_groups(self) -> None:
        entries = [AccessEntry("$a@example.test", "l"), AccessEntry("-$b@example.test", "l"), AccessEntry("anyone", "")]
        self.assertEqual(groupsIn(entries), {"$a@example.test", "$b@example.test"})
