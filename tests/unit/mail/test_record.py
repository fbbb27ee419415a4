"""
Tests for L{osxmail.mail.record}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.address import Address
from osxmail.mail.record import AccountState, Record


class RecordTests(SynchronousTestCase):
    """
    Records are values.
    """

    def test_defaults(self) -> None:
        """
        A directory that says nothing more says: enabled, both protocols, kept here, no word about quota.
        """
        bob = Address.parse("bob@example.test")
        record = Record("id", "bob", bob, frozenset({bob}))
        self.assertIs(record.state, AccountState.ENABLED)
        self.assertTrue(record.popAllowed and record.imapAllowed)
        self.assertFalse(record.administrator)
        self.assertIsNone(record.quotaOctets)
        self.assertEqual(record, Record("id", "bob", Address.parse("Bob@Example.test"), frozenset({bob})))
