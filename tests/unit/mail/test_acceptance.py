"""
Tests for L{osxmail.mail.acceptance}.
"""

from __future__ import annotations

from attrs.exceptions import FrozenInstanceError
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.acceptance import Acceptance, QueueRecipient
from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope, Recipient

BOB = Address.parse("bob@other.test")


class AcceptanceTests(SynchronousTestCase):
    """
    What the store is handed.
    """

    def test_destination(self) -> None:
        """
        Deliveries are grouped by next hop, else by domain; local ones are a group of their own.
        """
        self.assertEqual(QueueRecipient(BOB).destination, "other.test")
        self.assertEqual(QueueRecipient(BOB, nextHop="mx.test").destination, "mx.test")
        self.assertEqual(QueueRecipient(BOB, nextHop="mx.test", local=True).destination, "local")

    def test_frozen(self) -> None:
        acceptance = Acceptance("Q1", Envelope(None, (Recipient(BOB),)), 0.0)
        with self.assertRaises(FrozenInstanceError):
            acceptance.queueId = "Q2"  # type: ignore[misc]
