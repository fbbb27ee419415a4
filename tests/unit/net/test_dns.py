"""
L{osxmail.net.dns}: what answers mean, and how long they are remembered.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.names import dns as names
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from osxmail.errors import NoSuchDomain, ResolverAway
from osxmail.interfaces import IResolver
from osxmail.net import dns
from osxmail.net.dns import Resolver, reverseName
from osxmail.net.dnswire import Server, Wire
from tests.fakes.dnsserver import FakeNameServer


class ResolverTests(TestCase):
    def setUp(self) -> None:
        self.server = FakeNameServer()
        self.server.start()
        self.addCleanup(self.server.stop)
        self.clock = Clock()
        wire = Wire((Server("127.0.0.1", self.server.port),), roundSeconds=(0.1,))
        self.resolver = Resolver(wire=wire, reactor=self.clock)

    def test_interface(self) -> None:
        verifyObject(IResolver, self.resolver)

    async def test_MX(self) -> None:
        self.server.add("a.test", "MX", (20, "MX2.a.test"), (10, "mx1.a.test"))
        self.assertEqual(await self.resolver.lookupMX("A.test."), (((10, "mx1.a.test"), (20, "mx2.a.test")), False))

    async def test_nullMX(self) -> None:
        self.server.addNullMX("a.test")
        self.assertEqual((await self.resolver.lookupMX("a.test"))[0], ((0, ""),))

    async def test_threeKindsOfNothing(self) -> None:
        self.server.add("a.test", "A", "192.0.2.1")
        self.server.fault("away.test", "servfail")
        self.assertEqual(await self.resolver.lookupMX("a.test"), ((), False))
        with self.assertRaises(NoSuchDomain):
            await self.resolver.lookupMX("none.test")
        with self.assertRaises(ResolverAway):
            await self.resolver.lookupMX("away.test")

    async def test_address(self) -> None:
        self.server.add("a.test", "A", "192.0.2.1", "192.0.2.2")
        self.server.add("a.test", "AAAA", "2001:db8::1")
        self.assertEqual((await self.resolver.lookupAddress("a.test"))[0], ("2001:db8::1", "192.0.2.1", "192.0.2.2"))
        with self.assertRaises(NoSuchDomain):
            await self.resolver.lookupAddress("none.test")

    async def test_oneHalfIsEnough(self) -> None:
        self.server.add("a.test", "A", "192.0.2.1")
        self.assertEqual((await self.resolver.lookupAddress("a.test"))[0], ("192.0.2.1",))

    async def test_halfAway(self) -> None:
        class HalfAway:
            async def ask(wire, name: str, kind: int) -> Any:
                if kind == names.AAAA:
                    raise ResolverAway("no")
                message = names.Message(1, answer=1, authenticData=1)
                if name == "a.test":
                    message.answers = [names.RRHeader(name, names.A, payload=names.Record_A("192.0.2.1"))]
                return message

        resolver = Resolver(wire=HalfAway(), reactor=self.clock)
        self.assertEqual(await resolver.lookupAddress("a.test"), (("192.0.2.1",), False))
        with self.assertRaises(ResolverAway):
            await resolver.lookupAddress("b.test")

    async def test_localhostIsNotAsked(self) -> None:
        self.assertEqual((await self.resolver.lookupAddress("localhost"))[0], ("::1", "127.0.0.1"))
        self.assertEqual(self.server.asked, [])

    async def test_TXT(self) -> None:
        self.server.add("a.test", "TXT", ("v=spf1 ", "-all"), "other")
        self.assertEqual((await self.resolver.lookupTXT("a.test"))[0], (b"v=spf1 -all", b"other"))

    async def test_pointer(self) -> None:
        self.server.addPointer("192.0.2.1", "Host.a.test")
        self.server.addPointer("2001:db8::1", "six.a.test")
        self.assertEqual((await self.resolver.lookupPointer("192.0.2.1"))[0], ("host.a.test",))
        self.assertEqual((await self.resolver.lookupPointer("::ffff:192.0.2.1"))[0], ("host.a.test",))
        self.assertEqual((await self.resolver.lookupPointer("2001:db8::1"))[0], ("six.a.test",))
        with self.assertRaises(NoSuchDomain):
            await self.resolver.lookupPointer("rubbish")

    async def test_TLSA(self) -> None:
        self.server.add("_25._tcp.a.test", "TLSA", (3, 1, 1, b"digest"))
        self.server.secure("_25._tcp.a.test")
        self.assertEqual(await self.resolver.lookupTLSA("_25._tcp.a.test"), (((3, 1, 1, b"digest"),), True))

    async def test_aliases(self) -> None:
        self.server.add("www.a.test", "CNAME", "b.a.test")
        self.server.add("b.a.test", "CNAME", "c.a.test")
        self.server.add("c.a.test", "A", "192.0.2.1")
        self.assertEqual((await self.resolver.lookupAddress("www.a.test"))[0], ("192.0.2.1",))

    async def test_secure(self) -> None:
        self.server.add("a.test", "A", "192.0.2.1")
        self.server.secure("a.test")
        self.assertEqual(await self.resolver.lookupAddress("a.test"), (("192.0.2.1",), True))

    async def test_namesThatCannotBe(self) -> None:
        for name in ("", ".", "a..test", "a b.test", "ü.test", "x" * 64 + ".test", "a." * 127 + "test", "a\0.test"):
            with self.assertRaises(NoSuchDomain, msg=name):
                await self.resolver.lookupMX(name)
        self.assertEqual(self.server.asked, [])

    async def count(self, *seconds: float) -> list[int]:
        """
        How many questions had gone out after each wait.
        """
        counts = []
        for wait in seconds:
            self.clock.advance(wait)
            try:
                await self.resolver.lookupMX("a.test")
            except NoSuchDomain:
                pass
            counts.append(len(self.server.asked))
        return counts

    async def test_answersAreKept(self) -> None:
        self.server.add("a.test", "MX", (10, "mx.a.test"), ttl=100)
        self.assertEqual(await self.count(0, 99, 2), [1, 1, 2])

    async def test_leastAndMost(self) -> None:
        self.server.add("a.test", "MX", (10, "mx.a.test"), ttl=0)
        self.assertEqual(await self.count(0, 4, 2), [1, 1, 2])
        self.server.remove("a.test")
        self.server.add("a.test", "MX", (10, "mx.a.test"), ttl=10**6)
        self.clock.advance(10)
        self.assertEqual(await self.count(0, 3599, 2), [3, 3, 4])

    async def test_negativeAnswersAreKept(self) -> None:
        self.server.soaMinimum = 30
        self.assertEqual(await self.count(0, 29, 2), [1, 1, 2])
        self.server.soaMinimum = None
        self.clock.advance(31)
        self.assertEqual(await self.count(0, 59, 2), [3, 3, 4])

    async def test_cannotSayIsNotKept(self) -> None:
        self.server.fault("a.test", "servfail")
        for _ in range(2):
            with self.assertRaises(ResolverAway):
                await self.resolver.lookupMX("a.test")
        self.assertEqual(len(self.server.asked), 2)

    async def test_forget(self) -> None:
        self.server.add("a.test", "MX", (10, "mx.a.test"))
        await self.count(0)
        self.resolver.forget()
        self.assertEqual(await self.count(0), [2])

    async def test_equalQuestionsShareOneAnswer(self) -> None:
        self.server.add("a.test", "MX", (10, "mx.a.test"))
        answers = await gatherResults([self.resolver.lookupMX("a.test") for _ in range(20)])
        self.assertEqual(len(self.server.asked), 1)
        self.assertEqual(len(set(answers)), 1)

    async def test_cacheIsBounded(self) -> None:
        self.patch(dns, "MAX_CACHED", 3)
        for number in range(5):
            self.server.add(f"a{number}.test", "MX", (10, "mx.a.test"))
            await self.resolver.lookupMX(f"a{number}.test")
        self.assertEqual(len(self.resolver._cache), 3)


class SilentWire:
    async def ask(self, name: str, kind: int) -> Any:
        await Deferred()


class LimitTests(SynchronousTestCase):
    def test_asking(self) -> None:
        self.patch(dns, "MAX_ASKING", 3)
        self.patch(dns, "MAX_SHARING", 2)
        resolver = Resolver(wire=SilentWire(), reactor=Clock())
        for name in ("a.test", "b.test", "c.test", "a.test"):
            self.assertNoResult(resolver.lookupMX(name))
        self.failureResultOf(resolver.lookupMX("d.test"), ResolverAway)
        self.failureResultOf(resolver.lookupMX("a.test"), ResolverAway)

    def test_cancellingIsOnesOwn(self) -> None:
        resolver = Resolver(wire=SilentWire(), reactor=Clock())
        first, second = resolver.lookupMX("a.test"), resolver.lookupMX("a.test")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)

    def test_reverseNames(self) -> None:
        self.assertEqual(reverseName("192.0.2.1"), "1.2.0.192.in-addr.arpa")
        self.assertTrue(reverseName("2001:db8::1").endswith(".8.b.d.0.1.0.0.2.ip6.arpa"))
