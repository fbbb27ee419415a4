from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.directory.aggregate import AggregateDirectory
from osxmail.errors import DirectoryAway
from osxmail.mail.address import Address
from tests.fakes.directory import FakeDirectory, record

ANNA, BERT = Address.parse("anna@example.test"), Address.parse("bert@example.test")


class AggregateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.first, self.second = FakeDirectory(), FakeDirectory()
        self.first.add(record("anna@example.test", "first"), "one")
        self.second.add(record("anna@example.test", "second"), "two")
        self.second.add(record("bert@example.test", "bert"), "three")
        self.both = AggregateDirectory([self.first, self.second])

    def test_firstAnswerWins(self) -> None:
        self.assertEqual(self.successResultOf(self.both.recordWithAddress(ANNA)).accountId, "first")
        self.assertEqual(self.successResultOf(self.both.recordWithLogin("anna")).accountId, "first")
        self.assertEqual(self.second.asked, [])

    def test_laterAnswer(self) -> None:
        self.assertEqual(self.successResultOf(self.both.recordWithAddress(BERT)).accountId, "bert")

    def test_nobody(self) -> None:
        self.assertIsNone(self.successResultOf(self.both.recordWithLogin("nobody")))

    def test_firstAway(self) -> None:
        """
        The first might have known: nobody else is asked.
        """
        self.first.isAway = True
        for asked in (
            self.both.recordWithAddress(BERT),
            self.both.recordWithLogin("bert"),
            self.both.groupWithAddress(BERT),
        ):
            self.failureResultOf(asked, DirectoryAway)
        self.assertEqual(self.second.asked, [])

    def test_secondAway(self) -> None:
        """
        What the first knows is known.
        """
        self.second.isAway = True
        self.assertEqual(self.successResultOf(self.both.recordWithAddress(ANNA)).accountId, "first")
        self.failureResultOf(self.both.recordWithAddress(BERT), DirectoryAway)

    def test_passwordGoesHome(self) -> None:
        """
        A password goes to the directory that the record is from, and to no other.
        """
        anna = self.successResultOf(self.both.recordWithLogin("anna"))
        bert = self.successResultOf(self.both.recordWithLogin("bert"))
        self.assertTrue(self.successResultOf(self.both.verifyPassword(anna, "one")))
        self.assertFalse(self.successResultOf(self.both.verifyPassword(anna, "two")))
        self.assertEqual(self.second.verifications, 0)
        self.assertTrue(self.successResultOf(self.both.verifyPassword(bert, "three")))
        self.assertEqual(self.first.verifications, 2)

    def test_strangersRecord(self) -> None:
        self.assertFalse(self.successResultOf(self.both.verifyPassword(record("anna@example.test", "first"), "one")))
        self.assertEqual(self.first.verifications, 0)

    def test_groups(self) -> None:
        self.second.addGroup("team@example.test", "x@example.test")
        found = self.successResultOf(self.both.groupWithAddress(Address.parse("team@example.test")))
        self.assertEqual(len(found.members), 1)

    def test_decoy(self) -> None:
        self.successResultOf(self.both.spendTime("x"))
        self.assertEqual((self.first.timeSpent, self.second.timeSpent), (1, 0))

    def test_none(self) -> None:
        self.assertRaises(ValueError, AggregateDirectory, [])
