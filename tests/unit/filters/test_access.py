"""
Tests of L{osxmail.filters.access}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from osxmail.filters.access import AccessFilter, entryFor, networkOf
from osxmail.interfaces import IFilter
from osxmail.mail.address import Address
from osxmail.mail.decision import Route
from osxmail.mail.envelope import Client, Recipient
from osxmail.mail.verdict import Severity
from tests.fakes.settings import FakeSettings

ANN = Address.parse("Ann+Lists@Example.test")


class ListTests(SynchronousTestCase):
    def test_networks(self) -> None:
        words = ("192.0.2.0/24", "2001:db8::/32")
        for host, wanted in [
            ("192.0.2.7", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.0/24"),
            ("2001:db8::1%eth0", "2001:db8::/32"),
            ("198.51.100.1", "None"),
            ("no address", "None"),
        ]:
            self.assertEqual(str(networkOf(host, words)), wanted, host)
        self.assertIsNone(networkOf("192.0.2.7", ()))

    def test_entries(self) -> None:
        for word in ("ann@example.test", "ANN+lists@example.test", "example.test", ".test"):
            self.assertEqual(entryFor(ANN, ("other.test", word)), word)
        for word in ("bert@example.test", ".example.test", "ample.test", "ann+other@example.test", "test"):
            self.assertEqual(entryFor(ANN, (word,)), "", word)


class AccessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.settings = FakeSettings(
            {
                "filter.refused_networks": "192.0.2.0/24, 0.0.0.0/1",
                "filter.refused_senders": "spam.test, bert@example.test",
                "filter.refused_recipients": "ann@example.test",
            }
        )
        self.filter = AccessFilter(self.settings)

    def test_contract(self) -> None:
        verifyObject(IFilter, self.filter)
        self.assertEqual(self.filter.mode(), "on")
        self.settings.change("filter.access", "observe")
        self.assertEqual(self.filter.mode(), "observe")

    def test_emptyListsAreNotLookedAt(self) -> None:
        for key in ("filter.refused_networks", "filter.refused_senders", "filter.refused_recipients"):
            self.assertEqual(self.filter.mode(), "on", key)
            self.settings.change(key, "")
        self.assertEqual(self.filter.mode(), "off")

    def test_hosts(self) -> None:
        verdict = self.successResultOf(self.filter.checkConnection(Client("192.0.2.9")))
        assert verdict is not None and verdict.reply is not None
        self.assertEqual((verdict.severity, verdict.reply.code), (Severity.REFUSE, 554))
        self.assertEqual(verdict.step.text, "192.0.2.9 is in 192.0.2.0/24, which is refused")
        self.assertIsNone(self.successResultOf(self.filter.checkConnection(Client("198.51.100.1"))))

    def test_senders(self) -> None:
        client = Client("198.51.100.1")
        for text, isRefused in [("x@spam.test", True), ("x@sub.spam.test", False), ("Bert@example.test", True)]:
            verdict = self.successResultOf(self.filter.checkSender(client, Address.parse(text)))
            self.assertEqual(verdict is not None, isRefused, text)
        self.assertIsNone(self.successResultOf(self.filter.checkSender(client, None)))

    def test_recipients(self) -> None:
        client = Client("198.51.100.1")
        for address, isRefused in [(ANN, True), (Address.parse("carl@example.test"), False)]:
            asked = self.filter.checkRecipient(client, None, Recipient(address), Route(address))
            self.assertEqual(self.successResultOf(asked) is not None, isRefused)
