"""
L{osxmail.net.addresses}: which addresses are ours.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.net.addresses import OwnListeners, isOwnAddress


class AddressTests(SynchronousTestCase):
    def test_own(self) -> None:
        for address, expected in (
            ("127.0.0.1", True),
            ("127.8.8.8", True),
            ("0.0.0.0", True),
            ("::1", True),
            ("192.0.2.77", False),
            ("2001:db8::77", False),
            ("rubbish", False),
        ):
            self.assertEqual(isOwnAddress(address), expected, address)

    def test_listeners(self) -> None:
        own = OwnListeners([("", 25), ("127.0.0.1", 2525), ("::1", 2526)])
        for address, port, expected in (
            ("127.0.0.1", 25, True),
            ("127.0.0.9", 25, True),
            ("192.0.2.77", 25, False),
            ("127.0.0.1", 2525, True),
            ("127.0.0.9", 2525, False),
            ("0.0.0.0", 2525, True),
            ("0:0::1", 2526, True),
            ("127.0.0.1", 26, False),
            ("rubbish", 2525, False),
        ):
            self.assertEqual(own.include(address, port), expected, (address, port))
        self.assertFalse(OwnListeners().include("127.0.0.1", 25))
