"""
Tests for L{osxmail.mail.envelope}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.address import Address
from osxmail.mail.envelope import OURSELVES, Envelope, Recipient


class EnvelopeTests(SynchronousTestCase):
    """
    Envelopes are values.
    """

    def test_value(self) -> None:
        bob = Address.parse("bob@example.test")
        one = Envelope(None, (Recipient(bob),))
        self.assertEqual(one, Envelope(None, (Recipient(Address.parse("BOB@example.test")),)))
        self.assertEqual(hash(one), hash(Envelope(None, (Recipient(bob),))))
        self.assertNotEqual(one, Envelope(bob, (Recipient(bob),)))
        self.assertNotEqual(one, Envelope(None, (Recipient(bob, notify=frozenset({"NEVER"})),)))

    def test_ourselves(self) -> None:
        """
        Mail of our own comes by no listener, and nobody has logged in for it.
        """
        self.assertEqual((OURSELVES.service, OURSELVES.login), ("local", None))
