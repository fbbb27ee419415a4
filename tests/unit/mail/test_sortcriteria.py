"""
Tests for L{osxmail.mail.sortcriteria}.
"""

from __future__ import annotations

from attrs.exceptions import FrozenInstanceError
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.sortcriteria import NAMES, SortCriterion


class SortCriterionTests(SynchronousTestCase):
    def test_value(self) -> None:
        self.assertEqual(SortCriterion("DATE"), SortCriterion("DATE", False))
        self.assertNotEqual(SortCriterion("DATE"), SortCriterion("DATE", True))
        with self.assertRaises(FrozenInstanceError):
            SortCriterion("DATE").name = "TO"  # type: ignore[misc]

    def test_names(self) -> None:
        """
        RFC 5256 3, RFC 5957 3, RFC 6203 5.
        """
        self.assertEqual(
            sorted(NAMES),
            ["ARRIVAL", "CC", "DATE", "DISPLAYFROM", "DISPLAYTO", "FROM", "RELEVANCY", "SIZE", "SUBJECT", "TO"],
        )
