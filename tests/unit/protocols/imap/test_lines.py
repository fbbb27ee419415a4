"""
Tests of L{osxmail.protocols.imap.lines}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.flags import SEEN
from osxmail.protocols.imap.lines import Lines
from tests.fakes.snapshots import change, makeSnapshot
from tests.unit.protocols.imap.test_selected import viewOn


class LineTests(SynchronousTestCase):
    def test_everyItem(self) -> None:
        """
        RFC 3501 7.4.2, RFC 7162 7, in the order asked for.
        """
        view = viewOn(makeSnapshot([4], {4: SEEN | 1 << 8}, 77, ("$Junk",), {4: 4321}, {4: 837596665}))
        view.firstRecent = 9
        lines = Lines(view, ["UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ"])
        self.assertEqual(
            lines.render(view.located(range(1))),
            b'* 1 FETCH (UID 4 FLAGS (\\Seen $Junk) INTERNALDATE "17-Jul-1996 09:44:25 +0000" RFC822.SIZE 4321'
            b" MODSEQ (77))\r\n",
        )
        self.assertEqual(Lines(view, []).heads(view.located([0])), [b"* 1 FETCH ("])

    def test_recent(self) -> None:
        view = viewOn(makeSnapshot([4, 5, 6]))
        view.firstRecent = 5
        self.assertEqual(
            Lines(view, ["FLAGS"]).render(view.located(range(3))),
            b"* 1 FETCH (FLAGS ())\r\n* 2 FETCH (FLAGS (\\Recent))\r\n* 3 FETCH (FLAGS (\\Recent))\r\n",
        )

    def test_aNewKeywordOnTheWay(self) -> None:
        snapshot = makeSnapshot([4])
        view = viewOn(snapshot)
        view.firstRecent = 9
        lines = Lines(view, ["FLAGS"])
        change(snapshot, {4: 1 << 8}, keywords=("$New",))
        self.assertEqual(lines.render(view.located([0])), b"* 1 FETCH (FLAGS ($New))\r\n")

    def test_numbersStayAfterAnExpunge(self) -> None:
        snapshot = makeSnapshot([4, 5, 6])
        view = viewOn(snapshot)
        change(snapshot, vanished=[4])
        self.assertEqual(
            Lines(view, ["UID"]).render(view.located(range(3))), b"* 2 FETCH (UID 5)\r\n* 3 FETCH (UID 6)\r\n"
        )

    def test_uidOnly(self) -> None:
        """
        RFC 9586 3: the UID in place of the number, and a second time only where there is nothing else.
        """
        snapshot = makeSnapshot([4, 5, 6], {5: SEEN})
        view = viewOn(snapshot)
        view.firstRecent = 9
        view.isUidOnly = True
        change(snapshot, vanished=[4])
        located = view.located(range(3))
        self.assertEqual(
            Lines(view, ["UID", "FLAGS"]).render(located),
            b"* 5 UIDFETCH (FLAGS (\\Seen))\r\n* 6 UIDFETCH (FLAGS ())\r\n",
        )
        self.assertEqual(Lines(view, ["UID"]).render(located), b"* 5 UIDFETCH (UID 5)\r\n* 6 UIDFETCH (UID 6)\r\n")
        self.assertEqual(Lines(view, ["UID"], isWhole=False).heads(located), [b"* 5 UIDFETCH (", b"* 6 UIDFETCH ("])
