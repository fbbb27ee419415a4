"""
L{osxmail.net.dnswire}: one question, against a real name server on loopback.
"""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase, TestCase

from osxmail.errors import ResolverAway
from osxmail.net.dnswire import Server, Wire, _decode, _Unusable, serversOf
from tests.fakes.dnsserver import FakeNameServer

#: Where no answer is to be waited for …
SHORT = (0.05, 0.1)
#: … and where one comes, however busy the machine is.
PATIENT = (5.0, 5.0)


class ServerTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for text, expected in (
            ("192.0.2.1", Server("192.0.2.1", 53)),
            ("192.0.2.1:5353", Server("192.0.2.1", 5353)),
            ("2001:db8::1", Server("2001:db8::1", 53)),
            ("[2001:DB8::1]", Server("2001:db8::1", 53)),
            ("[2001:db8::1]:5353", Server("2001:db8::1", 5353)),
        ):
            self.assertEqual(Server.parse(text), expected)

    def test_wrong(self) -> None:
        for text in (
            "",
            "ns.example",
            "192.0.2.1:",
            "192.0.2.1:x",
            "192.0.2.1:0",
            "192.0.2.1:65536",
            "[::1",
            "[::1]53x",
        ):
            with self.assertRaises(ValueError, msg=text):
                Server.parse(text)

    @given(st.text(max_size=40))
    @settings(deadline=None, max_examples=200)
    def test_any(self, text: str) -> None:
        try:
            Server.parse(text)
        except ValueError:
            pass

    def test_resolvConf(self) -> None:
        conf = "# x\nnameserver 192.0.2.1\nnameserver\nnameserver rubbish\nsearch a.test\nnameserver ::1\n"
        self.assertEqual(serversOf(conf), (Server("192.0.2.1"), Server("::1")))
        self.assertEqual(serversOf(""), (Server("127.0.0.1"),))
        self.assertEqual(len(serversOf("nameserver 192.0.2.1\n" * 9)), 3)


class DecodeTests(SynchronousTestCase):
    @given(st.binary(max_size=200), st.booleans())
    @settings(deadline=None, max_examples=300)
    def test_anyBytes(self, data: bytes, hasHeader: bool) -> None:
        query = dns.Query("a.test", dns.MX)
        question = dns.Message(7)
        question.queries = [query]
        raw = question.toStr()
        if hasHeader:
            data = raw[:2] + b"\x84\x00\x00\x01\x00\x05\x00\x00\x00\x00" + raw[12:] + data
        try:
            _decode(data, raw, query)
        except _Unusable:
            pass


class WireTests(TestCase):
    def setUp(self) -> None:
        self.server = FakeNameServer()
        self.server.start()
        self.addCleanup(self.server.stop)
        self.server.add("a.test", "A", "192.0.2.1")

    def wire(self, *servers: Server, roundSeconds: tuple[float, float] = PATIENT) -> Wire:
        return Wire(servers or (Server("127.0.0.1", self.server.port),), roundSeconds=roundSeconds)

    async def test_answer(self) -> None:
        message = await self.wire().ask("a.test", dns.A)
        self.assertEqual([r.payload.dottedQuad() for r in message.answers], ["192.0.2.1"])

    async def test_noSuchNameIsAnAnswer(self) -> None:
        self.assertEqual((await self.wire().ask("none.test", dns.A)).rCode, dns.ENAME)

    async def test_truncatedGoesOverTCP(self) -> None:
        self.server.fault("a.test", "truncated")
        self.assertEqual(len((await self.wire().ask("a.test", dns.A)).answers), 1)
        self.assertEqual([via for _, _, via in self.server.asked], ["udp", "tcp"])

    async def test_faults(self) -> None:
        for fault, words in (
            ("servfail", "response code 2"),
            ("refused", "response code 5"),
            ("silent", "time-out"),
            ("malformed", "malformed"),
            ("short", "fewer records"),
            ("other", "not an answer"),
        ):
            self.server.fault("a.test", fault)
            self.server.asked.clear()
            with self.assertRaises(ResolverAway) as caught:
                await self.wire(roundSeconds=SHORT if fault == "silent" else PATIENT).ask("a.test", dns.A)
            self.assertIn(words, str(caught.exception), fault)
            self.assertEqual(len(self.server.asked), len(SHORT), fault)

    async def test_nextServer(self) -> None:
        other = FakeNameServer()
        other.start()
        self.addCleanup(other.stop)
        other.fault("a.test", "servfail")
        wire = self.wire(Server("127.0.0.1", other.port), Server("127.0.0.1", self.server.port))
        self.assertEqual(len((await wire.ask("a.test", dns.A)).answers), 1)
        # The one that answered is asked first from now on.
        await wire.ask("a.test", dns.A)
        self.assertEqual(len(other.asked), 1)

    async def test_nobodyListens(self) -> None:
        with self.assertRaises(ResolverAway):
            await self.wire(Server("127.0.0.1", 1), roundSeconds=SHORT).ask("a.test", dns.A)

    async def test_withoutEDNS(self) -> None:
        self.server.refusesEDNS = True
        self.assertEqual(len((await self.wire().ask("a.test", dns.A)).answers), 1)
        self.assertEqual(len(self.server.asked), 2)

    async def test_systemsServers(self) -> None:
        conf = Path(self.mktemp())
        wire = Wire(resolvConf=conf, roundSeconds=())
        with self.assertRaises(ResolverAway):
            await wire.ask("a.test", dns.A)
        self.assertEqual(wire._current(), (Server("127.0.0.1"),))
        conf.write_text("nameserver 192.0.2.7\n")
        self.assertEqual(Wire(resolvConf=conf)._current(), (Server("192.0.2.7"),))
