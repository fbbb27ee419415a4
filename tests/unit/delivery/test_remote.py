"""
L{osxmail.delivery.remote}: attempts at real SMTP servers on loopback, found by a real name server there.

Each host has an address of its own in 127.0.0.0/8, and all listen on one port.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from osxmail.delivery import remote
from osxmail.delivery.remote import RemoteDelivery
from osxmail.delivery.smtpclient import Timeouts
from osxmail.interfaces import IDeliveryAgent
from osxmail.mail.acceptance import QueueLease, QueueRecipient
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, DeliveryStatus
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.net.dns import Resolver
from osxmail.net.dnswire import Server, Wire
from osxmail.net.tls import ServerCertificates, makeSelfSigned
from tests.fakes.dnsserver import FakeNameServer
from tests.fakes.messages import FakeMessage
from tests.fakes.settings import FakeSettings
from tests.fakes.sink import CLOSE, LAST, SILENT, Sink

MESSAGE = FakeMessage(b"Subject: x\r\n\r\ntext\r\n")
ACCEPT, DEFER, REFUSE = Action.ACCEPT, Action.DEFER, Action.REFUSE


def lease(*addresses: str, nextHop: str = "") -> QueueLease:
    parsed = [Address.parse(address) for address in addresses]
    rows = tuple(QueueRecipient(address, nextHop) for address in parsed)
    return QueueLease(
        leaseId="1",
        queueId="q1",
        envelope=Envelope(Address.parse("me@example.test"), tuple(Recipient(address) for address in parsed)),
        recipients=rows,
        destination=rows[0].destination,
        received=0.0,
        attempts=0,
        delayNotified=False,
        sizeOctets=MESSAGE.sizeOctets,
    )


class RemoteCase(TestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.names = FakeNameServer()
        self.names.start()
        self.addCleanup(self.names.stop)
        self.sink = self.host(1, port=0)
        self.port = self.sink.port
        self.settings = FakeSettings({"relay.port": str(self.port)})
        resolver = Resolver(wire=Wire((Server("127.0.0.1", self.names.port),), roundSeconds=(0.3,)))
        self.agent = RemoteDelivery(
            "us.test",
            resolver,
            self.settings,
            reactor=reactor,
            timeouts=evolve(Timeouts(), dataEnd=0.3, quit=0.2),
            shuffle=lambda hosts: None,
        )
        self.addCleanup(self.agent.abort)
        self.addCleanup(self.agent.close)

    def host(self, number: int, port: int | None = None, **more: Any) -> Sink:
        """
        An SMTP server at 127.0.0.NUMBER, C{mxNUMBER.a.test}, an exchanger of a.test.
        """
        sink = Sink(**more)
        sink.start(port=self.port if port is None else port, interface=f"127.0.0.{number}")
        self.addCleanup(sink.stop)
        self.exchanger(number)
        return sink

    def exchanger(self, number: int, preference: int | None = None) -> None:
        self.names.add("a.test", "MX", (preference or number * 10, f"mx{number}.a.test"))
        self.names.add(f"mx{number}.a.test", "A", f"127.0.0.{number}")

    async def deliver(self, *addresses: str, nextHop: str = "", message: Any = MESSAGE) -> list[DeliveryStatus]:
        return list(await self.agent.deliver(lease(*(addresses or ("ann@a.test",)), nextHop=nextHop), message))

    async def one(self, *addresses: str, **more: Any) -> DeliveryStatus:
        return (await self.deliver(*addresses, **more))[0]


class DeliveryTests(RemoteCase):
    def test_interface(self) -> None:
        verifyObject(IDeliveryAgent, self.agent)

    async def test_delivered(self) -> None:
        status = await self.one()
        self.assertEqual((status.action, status.reply.code), (ACCEPT, 250))
        self.assertEqual(status.remoteHost, f"mx1.a.test [127.0.0.1]:{self.port}")
        self.assertEqual([step.rule for step in status.steps], ["relay.mx"])
        self.assertEqual(self.sink.taken[0].data, MESSAGE.inline)
        self.assertEqual(self.sink.taken[0].hello, "EHLO us.test")

    async def test_severalRecipients(self) -> None:
        self.sink.script = {"RCPT": [None, b"550 5.1.1 who\r\n", b"450 4.2.1 later\r\n"]}
        statuses = await self.deliver("a@a.test", "b@a.test", "c@a.test")
        self.assertEqual([s.action for s in statuses], [ACCEPT, REFUSE, DEFER])
        self.assertEqual([s.reply.enhanced for s in statuses], ["2.0.0", "5.1.1", "4.2.1"])

    async def test_moreThanATransactionHolds(self) -> None:
        statuses = await self.deliver(*(f"a{n}@a.test" for n in range(250)))
        self.assertEqual({s.action for s in statuses}, {ACCEPT})
        self.assertEqual([len(taken.recipients) for taken in self.sink.taken], [100, 100, 50])
        self.assertEqual(len(self.sink.sessions), 1)

    async def test_tooManyForTheHost(self) -> None:
        def atMostThree(session: Any, argument: str) -> bytes | None:
            return b"452 4.5.3 too many\r\n" if len(session.recipients) >= 3 else None

        self.sink.script = {"RCPT": atMostThree}
        statuses = await self.deliver(*(f"a{n}@a.test" for n in range(8)))
        self.assertEqual({s.action for s in statuses}, {ACCEPT})
        self.assertEqual([len(taken.recipients) for taken in self.sink.taken], [3, 3, 2])

    async def test_connectionIsReused(self) -> None:
        for _ in range(5):
            self.assertEqual((await self.one()).action, ACCEPT)
        self.assertEqual(len(self.sink.sessions), 1)
        self.assertEqual([step.rule for step in (await self.one()).steps], ["relay.reused"])
        self.names.add("b.test", "A", "127.0.0.1")
        await self.one("ann@b.test")
        self.assertEqual(len(self.sink.sessions), 2)

    async def test_staleConnectionCostsNothing(self) -> None:
        await self.one()
        self.sink.script = {"MAIL": [(LAST, b"421 4.4.2 idle too long\r\n")]}
        self.assertEqual((await self.one()).action, ACCEPT)
        self.assertEqual(len(self.sink.sessions), 2)
        self.sink.script = {"MAIL": [CLOSE]}
        self.assertEqual((await self.one()).action, ACCEPT)
        self.assertEqual(len(self.sink.sessions), 3)

    async def test_literal(self) -> None:
        self.assertEqual((await self.one("ann@[127.0.0.1]")).action, ACCEPT)

    async def test_refusalsBeforeAnyHost(self) -> None:
        self.names.addNullMX("null.test")
        self.names.fault("away.test", "servfail")
        for domain, action, enhanced in (
            ("null.test", REFUSE, "5.1.10"),
            ("none.test", REFUSE, "5.1.2"),
            ("away.test", DEFER, "4.4.3"),
        ):
            status = await self.one(f"ann@{domain}")
            self.assertEqual((status.action, status.reply.enhanced, status.remoteHost), (action, enhanced, ""))
            self.assertTrue(status.steps)

    async def test_faultOfOurs(self) -> None:
        class Broken(FakeMessage):
            @property
            def inline(self) -> bytes:
                raise ZeroDivisionError

            @inline.setter
            def inline(self, value: Any) -> None: ...

        status = await self.one(message=Broken(b"x"))
        self.assertEqual((status.action, status.reply.enhanced), (DEFER, "4.3.0"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class NextHostTests(RemoteCase):
    async def second(self) -> Sink:
        return self.host(2)

    async def test_refusedConnection(self) -> None:
        self.exchanger(3, preference=5)
        status = await self.one()
        self.assertEqual((status.action, status.remoteHost[:10]), (ACCEPT, "mx1.a.test"))
        self.assertIn("Connection refused", status.steps[1].text)

    async def test_allRefuseTheConnection(self) -> None:
        await self.sink.stop()
        self.sink.start(port=self.port, interface="127.0.0.99")
        status = await self.one()
        self.assertEqual((status.action, status.reply.enhanced), (DEFER, "4.4.1"))

    async def test_temporaryGoesOn(self) -> None:
        second = self.host(2)
        for script in (
            {"CONNECT": (LAST, b"421 busy\r\n")},
            {"CONNECT": (LAST, b"554 no SMTP here\r\n")},
            {"CONNECT": CLOSE},
            {"MAIL": b"451 4.3.0 no\r\n"},
            {"RCPT": b"450 4.2.0 no\r\n"},
            {"DATA": b"451 4.3.0 no\r\n"},
            {"DOT": b"451 4.3.0 no\r\n"},
            {"RCPT": (LAST, b"421 4.3.0 no\r\n")},
            {"EHLO": (LAST, b"451 4.3.0 no\r\n")},
        ):
            self.sink.script = script
            status = await self.one()
            self.assertEqual((status.action, status.remoteHost[:3]), (ACCEPT, "mx2"), script)
            self.agent._connections.borrow(("a.test", self.port), 0.0).quit()
        self.assertEqual(second.count, 9)

    async def test_refusalIsFinal(self) -> None:
        second = self.host(2)
        for script in (
            {"MAIL": b"550 5.7.1 no\r\n"},
            {"RCPT": b"550 5.1.1 no\r\n"},
            {"DATA": b"554 5.7.1 no\r\n"},
            {"DOT": b"554 5.7.1 no\r\n"},
        ):
            self.sink.script = script
            status = await self.one()
            self.assertEqual((status.action, status.remoteHost[:3]), (REFUSE, "mx1"), script)
        self.assertEqual(second.sessions, [])

    async def test_helloRefusedByAll(self) -> None:
        self.sink.script = {"EHLO": b"550 5.7.1 no\r\n", "HELO": b"550 5.7.1 no\r\n"}
        self.assertEqual((await self.one()).action, REFUSE)
        self.host(2)
        self.agent._finder._resolver.forget()
        self.assertEqual((await self.one()).action, ACCEPT)

    async def test_eachRecipientItsOwnWay(self) -> None:
        second = self.host(2)
        self.sink.script = {"RCPT": [None, b"550 5.1.1 who\r\n", b"450 4.2.1 later\r\n"]}
        statuses = await self.deliver("a@a.test", "b@a.test", "c@a.test")
        self.assertEqual([s.action for s in statuses], [ACCEPT, REFUSE, ACCEPT])
        self.assertEqual([s.remoteHost[:3] for s in statuses], ["mx1", "mx1", "mx2"])
        self.assertEqual(second.taken[0].recipients, ["TO:<c@a.test>"])

    async def test_uncertainGoesNowhereElse(self) -> None:
        second = self.host(2)
        for script in ({"DOT": [CLOSE]}, {"DOT": [SILENT]}):
            self.sink.script = script
            status = await self.one()
            self.assertEqual((status.action, status.reply.enhanced), (DEFER, "4.4.2"))
        self.assertEqual(second.sessions, [])

    async def test_sessionsAreBounded(self) -> None:
        sinks = [self.sink, *(self.host(n) for n in (2, 3, 4))]
        for sink in sinks:
            sink.script = {"RCPT": b"450 4.2.0 greylisted\r\n"}
        self.assertEqual((await self.one()).action, DEFER)
        self.assertEqual([len(sink.sessions) for sink in sinks], [1, 1, 0, 0])

    async def test_attemptIsBounded(self) -> None:
        self.patch(remote, "ATTEMPT_SECONDS", 0.2)
        self.sink.script = {"CONNECT": SILENT}
        second = self.host(2)
        status = await self.one()
        self.assertEqual((status.action, status.reply.enhanced), (DEFER, "4.4.2"))
        self.assertEqual(second.sessions, [])

    async def test_abort(self) -> None:
        self.sink.script = {"MAIL": SILENT}
        delivering = Deferred.fromCoroutine(self.one())
        while not self.sink.sessions or "DATA" not in self.sink.verbs():
            await self.turn()
        self.agent.close()
        self.agent.abort()
        status = await delivering
        self.assertEqual((status.action, status.reply.enhanced), (DEFER, "4.3.2"))

    async def turn(self) -> None:
        from twisted.internet import reactor

        waiting: Deferred[None] = Deferred()
        reactor.callLater(0.005, waiting.callback, None)
        await waiting


class TLSTests(RemoteCase):
    def setUp(self) -> None:
        super().setUp()
        folder = Path(self.mktemp())
        folder.mkdir()
        files = makeSelfSigned(["mx1.a.test"], folder / "c.pem", folder / "c.key")
        self.sink.tls = ServerCertificates([files])
        self.sink.extensions += ("STARTTLS", "AUTH PLAIN LOGIN")

    async def test_opportunistic(self) -> None:
        status = await self.one()
        self.assertEqual(status.action, ACCEPT)
        self.assertRegex(status.tls, r"^TLSv1\.3 ")
        self.assertTrue(self.sink.taken[0].tls)

    async def test_brokenTLSFallsBackToClearText(self) -> None:
        self.sink.script = {"STARTTLS": [b"220 go\r\n250 injected\r\n"]}
        status = await self.one()
        self.assertEqual((status.action, status.tls), (ACCEPT, ""))
        self.assertEqual(len(self.sink.sessions), 2)
        self.assertEqual(self.sink.verbs()[:2], ["EHLO", "MAIL"])


class SmartHostTests(TLSTests):
    def smarthost(self, **settings: str) -> None:
        for key, value in {"smarthost": f"[mx1.a.test]:{self.port}", **settings}.items():
            self.settings.change(f"relay.{key}", value)

    async def test_everythingGoesThere(self) -> None:
        self.smarthost()
        for domain in ("b.test", "c.test"):
            self.assertEqual((await self.one(f"ann@{domain}")).action, ACCEPT)
        self.assertEqual(len(self.sink.sessions), 1)

    async def test_itsMXRecords(self) -> None:
        self.smarthost(smarthost="a.test")
        self.assertEqual((await self.one("ann@b.test")).action, ACCEPT)

    async def test_login(self) -> None:
        self.smarthost(smarthost_login="me", smarthost_password="secret")
        self.assertEqual((await self.one("ann@b.test")).action, ACCEPT)
        self.assertEqual(self.sink.taken[0].login, ("PLAIN", "AG1lAHNlY3JldA=="))
        self.assertTrue(self.sink.taken[0].tls)

    async def test_loginRefused(self) -> None:
        self.smarthost(smarthost_login="me", smarthost_password="wrong")
        self.sink.script = {"AUTH": b"535 5.7.8 wrong\r\n"}
        status = await self.one("ann@b.test")
        self.assertEqual((status.action, status.reply.enhanced), (DEFER, "4.7.8"))

    async def test_requiredTLSIsNotLeftOut(self) -> None:
        self.smarthost(smarthost_tls="required")
        self.sink.script = {"STARTTLS": [b"220 go\r\n250 injected\r\n"]}
        self.assertEqual((await self.one("ann@b.test")).reply.enhanced, "4.7.5")
        self.sink.extensions = ("PIPELINING",)
        self.assertEqual((await self.one("ann@b.test")).reply.enhanced, "4.7.10")
        self.assertEqual(self.sink.taken, [])

    async def test_verifiedTLS(self) -> None:
        self.smarthost(smarthost_tls="verified")
        self.assertEqual((await self.one("ann@b.test")).reply.enhanced, "4.7.5")
        self.assertEqual(self.sink.taken, [])

    async def test_nonsenseWaits(self) -> None:
        self.smarthost()
        # Past the table, which takes no nonsense.
        self.settings._values["relay.smarthost"] = "[nonsense"
        self.assertEqual((await self.one("ann@b.test")).action, DEFER)
        self.smarthost(smarthost="none.test")
        self.assertEqual((await self.one("ann@b.test")).action, DEFER)

    async def test_nextHopOfTheDirectoryGoesFirst(self) -> None:
        other = self.host(2)
        self.smarthost()
        status = await self.one("ann@b.test", nextHop=f"mx2.a.test:{self.port}")
        self.assertEqual(status.action, ACCEPT)
        self.assertEqual(other.count, 1)
