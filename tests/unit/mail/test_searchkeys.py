"""
Tests of L{osxmail.mail.searchkeys}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.searchkeys import All, And, Flag, Not, Or, Recent, SearchKey, Text, UidSet, leaves, replaced


class TreeTests(SynchronousTestCase):
    tree = And((Or(Recent(), Not(Flag(keyword="$Junk"))), Text("a"), All()))

    def test_leaves(self) -> None:
        self.assertEqual(list(leaves(self.tree)), [Recent(), Flag(keyword="$Junk"), Text("a"), All()])

    def test_replaced(self) -> None:
        """
        Only leaves are changed, and the shape stays.
        """

        def change(key: SearchKey) -> SearchKey:
            return UidSet(((4, 9),)) if isinstance(key, Recent) else key

        self.assertEqual(
            replaced(self.tree, change), And((Or(UidSet(((4, 9),)), Not(Flag(keyword="$Junk"))), Text("a"), All()))
        )
