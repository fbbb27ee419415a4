"""
Tests of L{osxmail.filters.clienthost}, with a real name server.
"""

from __future__ import annotations

from zope.interface.verify import verifyObject

from osxmail.errors import ResolverAway
from osxmail.filters.clienthost import HelloFilter, ReverseDNSFilter
from osxmail.interfaces import IFilter
from osxmail.mail.envelope import Client
from tests.unit.filters.resolving import ResolvingCase

HOST = "192.0.2.5"


class ReverseTests(ResolvingCase):
    def setUp(self) -> None:
        super().setUp()
        self.filter = ReverseDNSFilter(self.settings, self.resolver)
        verifyObject(IFilter, self.filter)

    async def verdict(self, host: str = HOST):
        return await self.filter.checkConnection(Client(host))

    async def test_bothWays(self) -> None:
        self.server.addPointer(HOST, "other.test", "mail.test")
        self.server.add("mail.test", "A", "192.0.2.4", HOST)
        verdict = await self.verdict()
        self.assertEqual(self.said(verdict), ("accept", "192.0.2.5 is mail.test, both ways", None))
        self.assertEqual(verdict.results, ("iprev=pass policy.iprev=192.0.2.5",))

    async def test_IPv6(self) -> None:
        self.server.addPointer("2001:db8::5", "mail.test")
        self.server.add("mail.test", "AAAA", "2001:db8:0:0::5")
        self.assertEqual(self.said(await self.verdict("2001:db8::5"))[0], "accept")

    async def test_noName(self) -> None:
        verdict = await self.verdict()
        self.assertEqual(self.said(verdict), ("defer", "192.0.2.5 has no name", 450))
        self.assertEqual(verdict.results, ("iprev=fail policy.iprev=192.0.2.5",))

    async def test_elsewhere(self) -> None:
        self.server.addPointer(HOST, "mail.test")
        self.server.add("mail.test", "A", "192.0.2.4")
        self.assertEqual(
            self.said(await self.verdict()), ("defer", "192.0.2.5 calls itself mail.test, which is elsewhere", 450)
        )

    async def test_away(self) -> None:
        self.server.fault("5.2.0.192.in-addr.arpa", "servfail")
        with self.assertRaises(ResolverAway):
            await self.verdict()


class HelloTests(ResolvingCase):
    def setUp(self) -> None:
        super().setUp()
        self.filter = HelloFilter(self.settings, self.resolver, "Mail.Example.test")
        verifyObject(IFilter, self.filter)

    async def verdict(self, helo: str):
        return await self.filter.checkConnection(Client(HOST, helo=helo))

    async def test_ours(self) -> None:
        self.assertEqual(self.said(await self.verdict("mail.example.test."))[::2], ("refuse", 554))

    async def test_literals(self) -> None:
        self.assertIsNone(await self.verdict(f"[{HOST}]"))
        self.assertEqual(self.said(await self.verdict("[192.0.2.77]"))[0], "tag")
        self.assertEqual(self.said(await self.verdict("[nonsense"))[0], "tag")

    async def test_names(self) -> None:
        self.server.add("there.test", "A", "192.0.2.77")
        self.server.add("exchanger.test", "MX", (10, "mx.test"))
        self.server.add("empty.test", "TXT", "x")
        self.assertIsNone(await self.verdict("There.test"))
        self.assertIsNone(await self.verdict("exchanger.test"))
        for name in ("nowhere.test", "empty.test", "no name", ""):
            self.assertEqual(self.said(await self.verdict(name))[::2], ("defer", 450), name)
