"""
Tests of L{osxmail.filters.dnsbl}, with a real name server.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from osxmail.errors import ParseError
from osxmail.filters.dnsbl import MAX_LISTS, TEST_SECONDS, BlockList, DNSBLFilter, parseList
from osxmail.interfaces import IFilter
from osxmail.mail.envelope import Client
from tests.unit.filters.resolving import ResolvingCase

BAD = Client("192.0.2.99", sessionId="s1")
GOOD = Client("198.51.100.1", sessionId="s2")


class ParseTests(SynchronousTestCase):
    def test_forms(self) -> None:
        self.assertEqual(parseList("BL.test"), BlockList("bl.test", 1))
        self.assertEqual(parseList("bl.test*3"), BlockList("bl.test", 3))
        self.assertEqual(
            parseList("bl.test=127.0.0.2;127.0.0.4*2"), BlockList("bl.test", 2, frozenset({"127.0.0.2", "127.0.0.4"}))
        )
        for word in ("", "bl.test*0", "bl.test*x", "bl.test*101", "bl.test=", "bl.test=10.0.0.1", "bl..test", "*2"):
            with self.subTest(word=word):
                self.assertRaises(ParseError, parseList, word)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=40))
    def test_anything(self, word: str) -> None:
        try:
            parseList(word)
        except ParseError:
            pass


class DNSBLTests(ResolvingCase):
    settingTexts = {"filter.dnsbl_lists": "one.test, two.test*2", "filter.dnsbl_refuse_at": "2"}

    def setUp(self) -> None:
        super().setUp()
        self.time = 0.0
        self.filter = DNSBLFilter(self.settings, self.resolver, lambda: self.time)
        for zone in ("one.test", "two.test"):
            self.list(zone, "127.0.0.2")

    def list(self, zone: str, host: str, *answers: str) -> None:
        name = ".".join(reversed(host.split("."))) + "." + zone
        self.server.add(name, "A", *(answers or ("127.0.0.2",)))
        self.server.add(name, "TXT", f"Listed by {zone}")

    async def verdict(self, client: Client = BAD):
        return await self.filter.checkConnection(client)

    async def test_contract(self) -> None:
        verifyObject(IFilter, self.filter)
        self.assertEqual(self.filter.mode(), "off")

    async def test_weights(self) -> None:
        self.assertIsNone(await self.verdict())
        self.asksAgain()
        self.list("one.test", BAD.host)
        verdict = await self.verdict()
        self.assertEqual(self.said(verdict), ("tag", "192.0.2.99 stands in one.test: 1 of 2 points", None))
        self.assertEqual(verdict.step.evidence, (("one.test", "127.0.0.2 Listed by one.test"),))
        self.asksAgain()
        self.list("two.test", BAD.host)
        self.assertEqual(
            self.said(await self.verdict()), ("refuse", "192.0.2.99 stands in one.test, two.test: 3 of 2 points", 554)
        )
        self.assertIsNone(await self.verdict(GOOD))

    async def test_IPv6(self) -> None:
        host = "2001:db8::1"
        nibbles = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
        self.server.add(f"{nibbles}.two.test", "A", "127.0.0.3")
        self.assertEqual(self.said(await self.verdict(Client(host)))[0], "refuse")

    async def test_answersElsewhereAreIgnored(self) -> None:
        """
        Parked domains answer with an address of their own, large lists complain in 127.255.255.0/24.
        """
        self.list("two.test", BAD.host, "203.0.113.7", "127.255.255.254")
        self.assertIsNone(await self.verdict())

    async def test_someAnswersOnly(self) -> None:
        self.settings.change("filter.dnsbl_lists", "two.test=127.0.0.4*2")
        self.list("two.test", BAD.host, "127.0.0.3")
        self.assertIsNone(await self.verdict())
        self.asksAgain()
        self.list("two.test", BAD.host, "127.0.0.4")
        self.assertEqual(self.said(await self.verdict())[0], "refuse")

    async def test_aListThatHasEverybody(self) -> None:
        """
        RFC 5782 5: it has 127.0.0.1 too; it is passed over, told once, and counts again when it is mended.
        """
        self.list("two.test", BAD.host)
        self.list("two.test", "127.0.0.1")
        with capturedLogs() as logs:
            self.assertIsNone(await self.verdict())
            self.assertIsNone(await self.verdict())
        self.assertEqual([log["list"] for log in logs if log.get("event") == "blocklist.broken"], ["two.test"])
        self.server.remove("1.0.0.127.two.test")
        self.asksAgain()
        self.assertIsNone(await self.verdict())
        self.time = TEST_SECONDS + 1
        self.assertEqual(self.said(await self.verdict())[0], "refuse")

    async def test_aDeadListStopsNothing(self) -> None:
        self.list("two.test", BAD.host)
        for fault in ("servfail", "silent"):
            self.asksAgain()
            self.server.fault("99.2.0.192.one.test", fault)
            verdict = await self.verdict()
            self.assertEqual([zone for zone, _ in verdict.step.evidence], ["two.test"])

    async def test_mostLists(self) -> None:
        from osxmail.app.settings import TABLE

        words = " ".join(f"l{n}.test" for n in range(MAX_LISTS))
        self.assertEqual(len(TABLE["filter.dnsbl_lists"].parse(words)), MAX_LISTS)
        self.assertRaises(ParseError, TABLE["filter.dnsbl_lists"].parse, words + " more.test")
        self.assertRaises(ParseError, TABLE["filter.dnsbl_lists"].parse, "x.test*0")
