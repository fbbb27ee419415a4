"""
Tests of L{osxmail.filters.spf} and L{osxmail.filters.lookups}, with a real name server: the zone and the examples of
RFC 7208 appendix A among others.
"""

from __future__ import annotations

from twisted.internet import reactor
from zope.interface.verify import verifyObject

from osxmail.errors import ResolverAway
from osxmail.filters.lookups import BlockingLookups
from osxmail.filters.spf import MAX_REMEMBERED, REMEMBERED_SECONDS, SPFChecker, SPFFilter
from osxmail.interfaces import IFilter
from osxmail.mail.address import Address
from osxmail.mail.envelope import Client
from osxmail.net.threads import Pool
from tests.unit.filters.resolving import ResolvingCase

BOB = Address.parse("bob@example.com")


class SPFCase(ResolvingCase):
    def setUp(self) -> None:
        super().setUp()
        self.pool = Pool("spf-test", 2, 100)
        self.pool.start()
        self.addCleanup(self.pool.stop)
        self.time = 0.0
        self.checker = SPFChecker(self.resolver, self.pool, "mail.receiver.test", reactor, lambda: self.time)
        self.filter = SPFFilter(self.settings, self.checker)
        self.zone()

    def zone(self) -> None:
        """
        RFC 7208 appendix A.
        """
        add = self.server.add
        add("amy.example.com", "A", "192.0.2.65")
        add("bob.example.com", "A", "192.0.2.66")
        add("mail-a.example.com", "A", "192.0.2.129")
        add("mail-b.example.com", "A", "192.0.2.130")
        add("www.example.com", "CNAME", "example.com")
        add("example.org", "MX", (10, "mail-c.example.org"))
        add("mail-c.example.org", "A", "192.0.2.140")
        for host, name in [
            ("192.0.2.10", "example.com"),
            ("192.0.2.11", "example.com"),
            ("192.0.2.65", "amy.example.com"),
            ("192.0.2.66", "bob.example.com"),
            ("192.0.2.129", "mail-a.example.com"),
            ("192.0.2.130", "mail-b.example.com"),
            ("192.0.2.140", "mail-c.example.org"),
            ("10.0.0.4", "bob.example.com"),
        ]:
            self.server.addPointer(host, name)

    def record(self, text: str) -> None:
        """
        What stands at C{example.com}.
        """
        self.server.remove("example.com")
        self.server.add("example.com", "MX", (10, "mail-a.example.com"), (20, "mail-b.example.com"))
        self.server.add("example.com", "A", "192.0.2.10", "192.0.2.11")
        self.server.add("example.com", "TXT", text)
        self.asksAgain()
        self.time += REMEMBERED_SECONDS

    async def result(self, host: str, record: str, sender: Address | None = BOB, helo: str = "client.test") -> str:
        self.record(record)
        return (await self.checker.check(Client(host, helo=helo), sender)).result


class ExampleTests(SPFCase):
    async def test_simpleExamples(self) -> None:
        """
        RFC 7208 A.1.
        """
        hosts = ("192.0.2.10", "192.0.2.65", "192.0.2.129", "192.0.2.131", "192.0.2.140", "198.51.100.1")
        for record, passes in [
            ("v=spf1 +all", set(hosts)),
            ("v=spf1 a -all", {"192.0.2.10"}),
            ("v=spf1 a:example.org -all", set()),
            ("v=spf1 mx -all", {"192.0.2.129"}),
            ("v=spf1 mx:example.org -all", {"192.0.2.140"}),
            ("v=spf1 mx mx:example.org -all", {"192.0.2.129", "192.0.2.140"}),
            ("v=spf1 mx/30 mx:example.org/30 -all", {"192.0.2.129", "192.0.2.131", "192.0.2.140"}),
            ("v=spf1 ptr -all", {"192.0.2.10", "192.0.2.65", "192.0.2.129"}),
            ("v=spf1 ip4:192.0.2.128/28 -all", {"192.0.2.129", "192.0.2.131", "192.0.2.140"}),
        ]:
            found = {host for host in hosts if await self.result(host, record) == "pass"}
            self.assertEqual(found, passes, record)

    async def test_ptrMustLeadBack(self) -> None:
        """
        RFC 7208 A.1: 10.0.0.4 claims to be bob.example.com, whose address is another.
        """
        self.assertEqual(await self.result("10.0.0.4", "v=spf1 ptr -all"), "fail")

    async def test_multipleDomains(self) -> None:
        """
        RFC 7208 A.2: include, and redirect.
        """
        self.server.add("la.example.org", "TXT", "v=spf1 redirect=example.com")
        self.server.add("example.org", "TXT", "v=spf1 include:example.com include:example.net -all")
        self.server.add("example.net", "TXT", "v=spf1 ip4:203.0.113.0/24 -all")
        for host, sender, wanted in [
            ("192.0.2.129", "x@example.org", "pass"),
            ("203.0.113.5", "x@example.org", "pass"),
            ("198.51.100.1", "x@example.org", "fail"),
            ("192.0.2.129", "x@la.example.org", "pass"),
            ("198.51.100.1", "x@la.example.org", "fail"),
        ]:
            self.assertEqual(await self.result(host, "v=spf1 mx -all", Address.parse(sender)), wanted, (host, sender))

    async def test_blockListStyle(self) -> None:
        """
        RFC 7208 A.3: macros in exists.
        """
        self.server.add("bob._spf.example.com", "A", "127.0.0.1")
        self.server.add("5.2.0.192.in.bl.example.com", "A", "127.0.0.2")
        record = "v=spf1 -exists:%{ir}.in.bl.example.com exists:%{l1r-}._spf.%{d} -all"
        self.assertEqual(await self.result("192.0.2.4", record), "pass")
        self.assertEqual(await self.result("192.0.2.5", record), "fail")
        self.assertEqual(await self.result("192.0.2.4", record, Address.parse("carl@example.com")), "fail")

    async def test_IPv6(self) -> None:
        record = "v=spf1 ip6:2001:db8::/32 a:six.example.com -all"
        self.server.add("six.example.com", "AAAA", "2001:db9::1")
        self.assertEqual(await self.result("2001:db8::99", record), "pass")
        self.assertEqual(await self.result("2001:db9::1", record), "pass")
        self.assertEqual(await self.result("2001:dba::1", record), "fail")


class LimitTests(SPFCase):
    async def test_results(self) -> None:
        for record, wanted in [
            ("v=spf1 ~all", "softfail"),
            ("v=spf1 ?all", "neutral"),
            ("v=spf1 moo -all", "permerror"),
            ("v=spf2.0 -all", "none"),
        ]:
            self.assertEqual(await self.result("192.0.2.1", record), wanted, record)

    async def test_tooManyQuestions(self) -> None:
        """
        RFC 7208 4.6.4: ten mechanisms that ask, and two of them without an answer; loops end there.
        """
        for n in range(12):
            self.server.add(f"i{n}.example.com", "TXT", f"v=spf1 include:i{n + 1}.example.com -all")
        self.assertEqual(await self.result("192.0.2.1", "v=spf1 include:i0.example.com -all"), "permerror")
        self.assertEqual(await self.result("192.0.2.1", "v=spf1 include:example.com -all"), "permerror")
        record = "v=spf1 a:no1.example.com a:no2.example.com a:no3.example.com -all"
        self.assertEqual(await self.result("192.0.2.1", record), "permerror")

    async def test_twoRecords(self) -> None:
        self.server.add("example.com", "TXT", "v=spf1 +all", "v=spf1 -all")
        self.assertEqual((await self.checker.check(Client("192.0.2.1"), BOB)).result, "permerror")

    async def test_away(self) -> None:
        self.server.fault("example.com", "servfail")
        found = await self.checker.check(Client("192.0.2.1"), BOB)
        self.assertEqual(found.result, "temperror")
        self.server.fault("example.com", "")
        self.server.add("example.com", "TXT", "v=spf1 +all")
        self.asksAgain()
        # That nobody could say is not remembered.
        self.assertEqual((await self.checker.check(Client("192.0.2.1"), BOB)).result, "pass")

    async def test_hello(self) -> None:
        """
        RFC 7208 2.4: of a notice, the name in EHLO counts.
        """
        self.server.add("client.test", "TXT", "v=spf1 ip4:192.0.2.1 -all")
        found = await self.checker.check(Client("192.0.2.1", helo="Client.test"), None)
        self.assertEqual((found.result, found.identity, found.domain), ("pass", "helo", "client.test"))
        for helo in ("", "[192.0.2.1]", "localhost", "xn--\xfc.test"):
            self.assertEqual((await self.checker.check(Client("192.0.2.1", helo=helo), None)).result, "none", helo)

    async def test_questionsOfOneCheckAreBounded(self) -> None:
        self.server.add("a.test", "A", "192.0.2.1")
        lookups = BlockingLookups(self.resolver, reactor, 2)
        self.assertEqual(await self.pool.run(lookups.ask, "a.test", "A"), ["192.0.2.1"])
        self.assertEqual(await self.pool.run(lookups.ask, "a.test", "AAAA"), [])
        with self.assertRaises(ResolverAway):
            await self.pool.run(lookups.ask, "a.test", "A")

    async def test_pointers(self) -> None:
        self.server.addPointer("2001:db8::1", "six.test")
        lookups = BlockingLookups(self.resolver, reactor)
        name = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        self.assertEqual(await self.pool.run(lookups.ask, name, "PTR"), ["six.test"])
        for odd in ("x.in-addr.arpa", "zz.ip6.arpa", "example.com"):
            self.assertEqual(await self.pool.run(lookups.ask, odd, "PTR"), [])

    async def test_remembered(self) -> None:
        self.server.add("example.com", "TXT", "v=spf1 +all")
        for _ in range(3):
            await self.checker.check(Client("192.0.2.1", helo="a.test"), BOB)
        self.assertEqual(sum(name == "example.com" for name, _, _ in self.server.asked), 1)
        self.checker._known.update(((f"h{n}", "", ""), (0.0, None)) for n in range(MAX_REMEMBERED))  # type: ignore[misc]
        await self.checker.check(Client("192.0.2.2", helo="a.test"), BOB)
        self.assertLessEqual(len(self.checker._known), MAX_REMEMBERED + 1)


class FilterTests(SPFCase):
    async def test_contract(self) -> None:
        verifyObject(IFilter, self.filter)
        self.assertEqual(self.filter.mode(), "off")

    async def test_verdicts(self) -> None:
        for record, severity, code in [
            ("v=spf1 -all", "refuse", 550),
            ("v=spf1 ~all", "tag", None),
            ("v=spf1 ?all", "accept", None),
            ("v=spf1 +all", "accept", None),
            ("v=spf1 junk", "accept", None),
        ]:
            self.record(record)
            verdict = await self.filter.checkSender(Client("192.0.2.1"), BOB)
            self.assertEqual(self.said(verdict)[::2], (severity, code), record)
        self.assertEqual(verdict.results, ("spf=permerror smtp.mailfrom=bob@example.com",))
        self.assertIn(("domain", "example.com"), verdict.step.evidence)
