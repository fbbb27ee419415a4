"""
L{osxmail.delivery.nexthops}: where to connect, against a real name server on loopback.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from osxmail.delivery import nexthops
from osxmail.delivery.nexthops import Hop, HopFinder, NextHops
from osxmail.errors import ParseError
from osxmail.mail.decision import Action
from osxmail.net.dns import Resolver
from osxmail.net.dnswire import Server, Wire
from tests.fakes.dnsserver import FakeNameServer


class HopTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for text, expected in (
            ("mail.example.net", Hop("mail.example.net", None, False)),
            ("Mail.Example.net.:587", Hop("mail.example.net", 587, False)),
            ("[mail.example.net]", Hop("mail.example.net", None, True)),
            ("[mail.example.net]:2525", Hop("mail.example.net", 2525, True)),
            ("192.0.2.1", Hop("192.0.2.1", None, True)),
            ("192.0.2.1:26", Hop("192.0.2.1", 26, True)),
            ("[192.0.2.1]", Hop("192.0.2.1", None, True)),
            ("[IPv6:2001:DB8::1]:26", Hop("2001:db8::1", 26, True)),
            ("[2001:db8::1]", Hop("2001:db8::1", None, True)),
            ("2001:db8::1", Hop("2001:db8::1", None, True)),
        ):
            self.assertEqual(Hop.parse(text), expected, text)

    def test_wrong(self) -> None:
        for text in ("", "[", "[]", "[a", "[a]b", "a:", "a:x", "a:0", "a:65536", "a b", "a::g", "[a:b]", ":25"):
            self.assertRaises(ParseError, Hop.parse, text)

    @given(st.text(max_size=40))
    @settings(deadline=None, max_examples=200)
    def test_any(self, text: str) -> None:
        try:
            Hop.parse(text)
        except ParseError:
            pass


class FinderTests(TestCase):
    def setUp(self) -> None:
        self.names = FakeNameServer()
        self.names.start()
        self.addCleanup(self.names.stop)
        self.finder = self.make()

    def make(self, *listeners: tuple[str, int]) -> HopFinder:
        resolver = Resolver(wire=Wire((Server("127.0.0.1", self.names.port),), roundSeconds=(0.2,)))
        return HopFinder(resolver, ["us.test"], lambda: listeners, shuffle=lambda hosts: hosts.reverse())

    async def find(self, text: str, usesMX: bool = True, isConfigured: bool = False) -> NextHops:
        return await self.finder.find(Hop.parse(text), 25, usesMX, isConfigured)

    async def found(self, text: str, **more: bool) -> list[str]:
        return [candidate.remoteHost for candidate in (await self.find(text, **more)).candidates]

    async def refused(self, text: str, **more: bool) -> tuple[str, Action]:
        hops = await self.find(text, **more)
        self.assertEqual(hops.candidates, ())
        assert hops.refusal is not None
        self.assertTrue(hops.steps)
        return f"{hops.refusal.code} {hops.refusal.enhanced}", hops.action

    def exchangers(self, domain: str, *hosts: tuple[int, str]) -> None:
        self.names.add(domain, "MX", *hosts)
        for number, (_, host) in enumerate(hosts, 1):
            self.names.add(host, "A", f"192.0.2.{number}")

    async def test_order(self) -> None:
        self.exchangers("a.test", (20, "c.a.test"), (10, "a.a.test"), (10, "b.a.test"))
        self.assertEqual(
            await self.found("a.test"),
            ["b.a.test [192.0.2.3]:25", "a.a.test [192.0.2.2]:25", "c.a.test [192.0.2.1]:25"],
        )

    async def test_familiesAlternate(self) -> None:
        self.names.add("a.test", "MX", (10, "mx.a.test"))
        self.names.add("mx.a.test", "A", "192.0.2.1")
        self.names.add("mx.a.test", "AAAA", "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4")
        self.assertEqual(
            [candidate.address for candidate in (await self.find("a.test")).candidates],
            ["2001:db8::1", "192.0.2.1", "2001:db8::2", "2001:db8::3"],
        )

    async def test_withoutMX(self) -> None:
        self.names.add("a.test", "A", "192.0.2.1")
        self.assertEqual(await self.found("a.test"), ["a.test [192.0.2.1]:25"])

    async def test_nullMX(self) -> None:
        self.names.addNullMX("a.test")
        self.assertEqual(await self.refused("a.test"), ("556 5.1.10", Action.REFUSE))

    async def test_noSuchDomain(self) -> None:
        self.assertEqual(await self.refused("none.test"), ("550 5.1.2", Action.REFUSE))

    async def test_away(self) -> None:
        self.names.fault("a.test", "servfail")
        self.assertEqual(await self.refused("a.test"), ("451 4.4.3", Action.DEFER))

    async def test_noAddress(self) -> None:
        self.names.add("a.test", "TXT", "x")
        self.names.add("b.test", "MX", (10, "none.b.test"))
        for domain in ("a.test", "b.test"):
            self.assertEqual(await self.refused(domain), ("550 5.4.4", Action.REFUSE))

    async def test_oneHostCannotBeLookedUp(self) -> None:
        self.exchangers("a.test", (10, "x.a.test"), (20, "y.a.test"))
        self.names.fault("x.a.test", "servfail")
        self.assertEqual(await self.found("a.test"), ["y.a.test [192.0.2.2]:25"])
        self.names.fault("y.a.test", "servfail")
        self.finder = self.make()
        self.assertEqual(await self.refused("a.test"), ("451 4.4.3", Action.DEFER))

    async def test_ourselvesByName(self) -> None:
        self.exchangers("a.test", (10, "x.a.test"), (20, "us.test"), (20, "y.a.test"), (30, "z.a.test"))
        self.assertEqual(await self.found("a.test"), ["x.a.test [192.0.2.1]:25"])

    async def test_ourselvesByAddress(self) -> None:
        self.exchangers("a.test", (10, "x.a.test"), (20, "alias.a.test"))
        self.names.remove("alias.a.test")
        self.names.add("alias.a.test", "A", "127.0.0.1")
        self.finder = self.make(("", 25))
        self.assertEqual(await self.found("a.test"), ["x.a.test [192.0.2.1]:25"])
        self.finder = self.make(("", 26))
        self.assertEqual(len(await self.found("a.test")), 2)

    async def test_nobodyElse(self) -> None:
        self.exchangers("a.test", (10, "us.test"), (20, "y.a.test"))
        self.assertEqual(await self.refused("a.test"), ("554 5.4.6", Action.REFUSE))
        self.finder = self.make(("127.0.0.1", 25))
        self.assertEqual(await self.refused("[127.0.0.1]", isConfigured=True), ("451 4.4.6", Action.DEFER))

    async def test_literal(self) -> None:
        self.assertEqual(await self.found("[192.0.2.9]"), ["192.0.2.9 [192.0.2.9]:25"])
        self.assertEqual(await self.found("[IPv6:2001:db8::1]"), ["2001:db8::1 [2001:db8::1]:25"])
        self.assertEqual(self.names.asked, [])

    async def test_exactSkipsMX(self) -> None:
        self.exchangers("a.test", (10, "x.a.test"))
        self.names.add("a.test", "A", "192.0.2.9")
        self.assertEqual(await self.found("[a.test]:26"), ["a.test [192.0.2.9]:26"])
        self.assertEqual(await self.found("a.test", usesMX=False), ["a.test [192.0.2.9]:25"])
        self.assertEqual(await self.found("a.test:26"), ["x.a.test [192.0.2.1]:26"])

    async def test_configuredIsNeverFinal(self) -> None:
        self.names.addNullMX("null.test")
        for host in ("none.test", "null.test"):
            self.assertEqual((await self.refused(host, isConfigured=True))[1], Action.DEFER)
        self.assertEqual(await self.refused("none.test", usesMX=False, isConfigured=True), ("451 4.4.4", Action.DEFER))

    async def test_limits(self) -> None:
        self.exchangers("a.test", *((10, f"mx{n}.a.test") for n in range(nexthops.MAX_MX_HOSTS + 5)))
        self.assertEqual(len(await self.found("a.test")), nexthops.MAX_ADDRESSES)
        asked = {name for name, kind, _ in self.names.asked if kind == "A"}
        self.assertEqual(len(asked), nexthops.MAX_MX_HOSTS)
        self.names.add("b.test", "A", *(f"192.0.2.{n}" for n in range(1, 20)))
        self.assertEqual(len(await self.found("b.test")), nexthops.MAX_ADDRESSES_PER_HOST)
