"""
Tests of L{osxmail.mail.imap.resultoptions}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.reader import BadCommand, Cursor
from osxmail.mail.imap.resultoptions import (
    MAX_OPTIONS,
    PartialRange,
    ResultOptions,
    parsePartialRange,
    takeResultOptions,
)


def parse(raw: bytes) -> ResultOptions | None:
    return takeResultOptions(Cursor([raw]))


class OptionTests(SynchronousTestCase):
    def test_everyForm(self) -> None:
        for raw, names, partial in [
            (b"RETURN () x", {"ALL"}, None),
            (b"return (min Max ALL count) x", {"MIN", "MAX", "ALL", "COUNT"}, None),
            (b"RETURN (SAVE) x", {"SAVE"}, None),
            (b"RETURN (UPDATE CONTEXT RELEVANCY) x", {"UPDATE", "CONTEXT", "RELEVANCY"}, None),
            (b"RETURN (PARTIAL 1:100) x", set(), PartialRange(1, 100)),
            (b"RETURN (PARTIAL -1:-100 COUNT) x", {"COUNT"}, PartialRange(-1, -100)),
        ]:
            with self.subTest(raw=raw):
                self.assertEqual(parse(raw), ResultOptions(frozenset(names), partial))
        self.assertIsNone(parse(b"ALL"))

    def test_newItems(self) -> None:
        """
        RFC 5465 7.
        """
        options = parse(b"RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (TO)])) x")
        assert options is not None and options.newItems is not None
        self.assertEqual(options.newItems.simple, ("UID",))
        self.assertEqual(len(options.newItems.sections), 1)

    def test_refused(self) -> None:
        for raw in [
            b"RETURN (NONE) x",
            b"RETURN (MIN",
            b"RETURN (MIN)",
            b"RETURN (MIN,MAX) x",
            b"RETURN (PARTIAL 1:2 ALL) x",
            b"RETURN (PARTIAL 1:2 PARTIAL 1:2) x",
            b"RETURN (PARTIAL 0:1) x",
            b"RETURN (PARTIAL 1:-1) x",
            b"RETURN (PARTIAL 4294967296:1) x",
            b"RETURN (UPDATE (NONE)) x",
            b"RETURN (%b) x" % b" ".join([b"MIN"] * (MAX_OPTIONS + 1)),
        ]:
            with self.subTest(raw=raw):
                self.assertRaises(BadCommand, parse, raw)
        self.assertIsNotNone(parse(b"RETURN (%b) x" % b" ".join([b"MIN"] * MAX_OPTIONS)))

    def test_whatItMeans(self) -> None:
        """
        RFC 5182 2.1 and 2.4, RFC 9394 3.2.
        """
        for raw, isSilent, isAboutAll in [
            (b"SAVE", True, True),
            (b"", False, True),
            (b"SAVE MIN", False, False),
            (b"SAVE COUNT", False, True),
            (b"SAVE MIN MAX COUNT", False, True),
            (b"SAVE PARTIAL 1:2", False, False),
            (b"SAVE PARTIAL 1:2 COUNT", False, True),
            (b"UPDATE", False, True),
        ]:
            options = parse(b"RETURN (%b) x" % raw)
            assert options is not None
            with self.subTest(raw=raw):
                self.assertEqual((options.isSilent, options.isAboutAll), (isSilent, isAboutAll))

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                [b"MIN", b"ALL", b"PARTIAL", b"1:5", b"-3:-1", b"UPDATE", b"(", b")", b"(UID)", b"x", b":", b"SAVE"]
            ),
            max_size=8,
        ).map(b" ".join)
        | st.binary(max_size=30)
    )
    def test_parsesOrSaysNot(self, raw: bytes) -> None:
        try:
            options = parse(b"RETURN (" + raw + b") x")
        except BadCommand:
            return
        assert options is not None
        self.assertTrue(options.names or options.partial)


class PartialTests(SynchronousTestCase):
    def test_render(self) -> None:
        for raw in [b"1:2", b"2:1", b"-1:-100"]:
            self.assertEqual(parsePartialRange(Cursor([raw])).render(), raw)

    @settings(deadline=None, max_examples=300)
    @given(st.integers(1, 12), st.integers(1, 12), st.booleans(), st.integers(0, 9))
    def test_likeTheDefinition(self, first: int, last: int, isFromEnd: bool, count: int) -> None:
        """
        RFC 9394 3.1: the first result is 1, the last is -1.
        """
        results = list(range(count))
        low, high = min(first, last), max(first, last)
        if isFromEnd:
            expected = [n for n in results if low <= count - n <= high]
            self.assertEqual(list(PartialRange(-first, -last).of(results)), expected)
        else:
            expected = [n for n in results if low <= n + 1 <= high]
            self.assertEqual(list(PartialRange(first, last).of(results)), expected)
