"""
Addresses of clients.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.protocols.networks import Networks, placeOf
from tests.fakes.settings import FakeSettings


class NetworksTests(SynchronousTestCase):
    def test_aSettingAtThisMoment(self) -> None:
        settings = FakeSettings()
        spared = Networks(lambda: settings.words("connections.spared_networks"))
        for host in ("127.0.0.1", "127.9.9.9", "::1"):
            self.assertIn(host, spared)
        for host in ("192.0.2.1", "2001:db8::1", "", "nonsense", "fe80::1%eth0"):
            self.assertNotIn(host, spared)
        settings.change("connections.spared_networks", "192.0.2.0/24, fe80::/64")
        self.assertIn("192.0.2.255", spared)
        self.assertIn("fe80::1%eth0", spared)
        self.assertNotIn("127.0.0.1", spared)
        settings.change("connections.spared_networks", "")
        self.assertNotIn("192.0.2.1", spared)

    def test_places(self) -> None:
        self.assertEqual(placeOf("192.0.2.1"), "192.0.2.1")
        self.assertEqual(placeOf("2001:db8:1:2:3:4:5:6"), placeOf("2001:db8:1:2::1"))
        self.assertNotEqual(placeOf("2001:db8:1:3::1"), placeOf("2001:db8:1:2::1"))
        self.assertEqual(placeOf("no:address"), "no:address")
