from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.relayrules import RelayRules, mayRelay, recipientDecision, rulesOf, senderDecision
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, Decision, MailboxTarget, RemoteTarget, Route, Step
from osxmail.mail.envelope import OURSELVES, Client
from osxmail.mail.smtpreply import Reply
from tests.fakes.directory import record
from tests.fakes.settings import FakeSettings

ANN = record("ann@example.test", addresses=("a.smith@example.test",))
STRANGER = Client("198.51.100.7")
HOST = Client("192.0.2.9")
PERSON = Client("198.51.100.7", service="submission", login=ANN.address, accountId=ANN.accountId)
ON_25 = Client("198.51.100.7", login=ANN.address, accountId=ANN.accountId)
LMTP = Client("192.0.2.9", service="lmtp")

LOCAL = Route(
    ANN.address, (MailboxTarget("id-ann", ANN.address, ANN.address),), isLocal=True, steps=(Step("r.a", "x"),)
)
REMOTE = Route(Address.parse("x@far.test"), remotes=(RemoteTarget(Address.parse("x@far.test")),))


def rules(authentication: str = "yes", networks: str = "", **more: str) -> RelayRules:
    settings = FakeSettings({"smtp.authentication": authentication, **more})
    # Past the table, which takes nothing that is too wide: the rules do not rely on it.
    settings._values["relay.approved_networks"] = tuple(networks.replace(",", " ").split())
    return rulesOf(settings)


class TableTests(SynchronousTestCase):
    """
    Every row of the table: authentication, networks → stranger, host of a network, person.
    """

    def test_table(self) -> None:
        for authentication, networks, expected in (
            ("yes", "", (False, False, True, True)),
            ("yes", "192.0.2.0/24", (False, True, True, True)),
            ("no", "192.0.2.0/24", (False, True, True, True)),
            ("no", "", (False, False, False, False)),
        ):
            now = rules(authentication, networks)
            got = tuple(mayRelay(now, client)[0] for client in (STRANGER, HOST, PERSON, ON_25))
            self.assertEqual(got, expected, (authentication, networks))
            for client in (STRANGER, HOST, PERSON, ON_25, LMTP):
                self.assertTrue(recipientDecision(now, client, LOCAL).accepted)
            self.assertTrue(mayRelay(now, OURSELVES)[0])
            self.assertFalse(mayRelay(now, LMTP)[0])

    def test_evidence(self) -> None:
        step = mayRelay(rules("yes", "192.0.2.0/24"), HOST)[1]
        self.assertEqual(step.evidence, (("setting", "relay.approved_networks"), ("network", "192.0.2.0/24")))

    def test_replies(self) -> None:
        decision = recipientDecision(rules(), STRANGER, REMOTE)
        self.assertEqual(str(decision.reply), "550 5.7.1 We do not relay for you")
        self.assertEqual(decision.step.rule, "relay.denied")
        decision = recipientDecision(rules("yes", "192.0.2.0/24"), LMTP, REMOTE)
        self.assertEqual((decision.reply.code, decision.step.rule), (550, "relay.lmtp"))
        decision = recipientDecision(rules(), PERSON, REMOTE)
        self.assertTrue(decision.accepted)
        self.assertEqual((decision.reply.code, decision.reply.enhanced), (250, "2.1.5"))
        self.assertEqual(decision.steps[-1], decision.step)

    def test_networkCountsOnPort25Only(self) -> None:
        client = Client("192.0.2.9", service="submission")
        decision = recipientDecision(rules("yes", "192.0.2.0/24"), client, REMOTE)
        self.assertFalse(decision.accepted)
        self.assertEqual(recipientDecision(rules(), client, LOCAL).reply.code, 530)

    def test_refusalsOfTheRouteCount(self) -> None:
        step = Step("route.unknown", "x")
        unknown = Decision(Action.REFUSE, step, Reply(550, "5.1.1", ("no",)), (step,))
        self.assertIs(recipientDecision(rules(), STRANGER, Route(ANN.address, isLocal=True, refusal=unknown)), unknown)

    def test_notNowComesBeforeNoRelay(self) -> None:
        """
        While the store is away nobody knows whether the domain is ours: 451, never "no relay".
        """
        step = Step("route.away", "x")
        away = Decision(Action.DEFER, step, Reply(451, "4.3.0", ("later",)), (step,))
        self.assertIs(recipientDecision(rules(), STRANGER, Route(ANN.address, refusal=away)), away)


class NeverAnOpenRelayTests(SynchronousTestCase):
    def test_wideNetworksDoNotCount(self) -> None:
        wide = "0.0.0.0/0, ::/0, 0.0.0.0/1, 128.0.0.0/1, 2000::/3, 2002::/16, 64:ff9b::/96, ::ffff:0:0/96, 8.0.0.0/7"
        now = rules("no", wide)
        self.assertEqual(now.networks, ())
        self.assertEqual(len(now.problems), 9)
        for host in ("198.51.100.7", "2001:db8::1", "::ffff:198.51.100.7", "2002:c000:204::1", "64:ff9b::c000:204"):
            self.assertFalse(mayRelay(now, Client(host))[0], host)

    def test_privateNetworksCount(self) -> None:
        now = rules("no", "10.0.0.0/8, fc00::/7, 127.0.0.0/8, fe80::/10")
        self.assertEqual(now.problems, ())
        for host in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "127.0.0.1", "fe80::1%eth0"):
            self.assertTrue(mayRelay(now, Client(host))[0], host)

    @settings(deadline=None, max_examples=200)
    @given(
        authentication=st.sampled_from(("yes", "no")),
        networks=st.lists(st.tuples(st.ip_addresses(), st.integers(0, 128)), max_size=4),
        host=st.ip_addresses(),
        service=st.sampled_from(("smtp", "submission", "submissions", "lmtp")),
    )
    def test_whoeverMayRelayHasAReason(self, authentication, networks, host, service) -> None:
        words = ", ".join(f"{address}/{min(width, address.max_prefixlen)}" for address, width in networks)
        now = rules(authentication, words)
        client = Client(str(host), service=service)
        decision = recipientDecision(now, client, REMOTE)
        if decision.accepted:
            self.assertEqual(service, "smtp")
            self.assertEqual(decision.step.rule, "relay.network")
            self.assertTrue(any(width for address, width in networks))
        self.assertEqual(decision.accepted, mayRelay(now, client)[0])

    def test_odditiesOfAHost(self) -> None:
        for host in ("", "localhost", "/run/socket", "192.0.2"):
            self.assertFalse(mayRelay(rules("yes", "192.0.2.0/24"), Client(host))[0])


class SenderTests(SynchronousTestCase):
    def check(self, client: Client, sender: str, size: int = 0, person=ANN, now: RelayRules | None = None) -> Decision:
        address = Address.parse(sender) if sender else None
        return senderDecision(now or rules(), client, address, size, person if client.login else None)

    def test_strangers(self) -> None:
        for sender in ("", "x@far.test", "ann@example.test", "root@localhost"):
            self.assertEqual(self.check(STRANGER, sender).reply.code, 250)

    def test_owners(self) -> None:
        for client in (PERSON, ON_25):
            for sender in ("ANN@example.test", "a.smith@example.test", "ann+shop@example.test", ""):
                decision = self.check(client, sender)
                self.assertTrue(decision.accepted, sender)
                self.assertIn(("directory", "fake"), decision.step.evidence)
            for sender in ("bob@example.test", "ann@far.test", "ann.x@example.test"):
                decision = self.check(client, sender)
                self.assertEqual((decision.reply.code, decision.reply.enhanced), (553, "5.7.1"), sender)

    def test_ownerWhoHasLeft(self) -> None:
        self.assertEqual(self.check(PERSON, "ann@example.test", person=None).reply.code, 553)

    def test_submissionWantsALogin(self) -> None:
        for service in ("submission", "submissions"):
            decision = self.check(Client("192.0.2.9", service=service), "ann@example.test")
            self.assertEqual((decision.reply.code, decision.reply.enhanced), (530, "5.7.0"))

    def test_size(self) -> None:
        now = rules(**{"smtp.message_size_limit": "65536"})
        for client in (STRANGER, PERSON, LMTP):
            self.assertTrue(self.check(client, "ann@example.test", 65536, now=now).accepted)
            decision = self.check(client, "ann@example.test", 65537, now=now)
            self.assertEqual((decision.reply.code, decision.reply.enhanced), (552, "5.3.4"))
        self.assertTrue(self.check(OURSELVES, "", 1 << 40, now=now).accepted)

    def test_blockInbound(self) -> None:
        now = rules("yes", "192.0.2.0/24", **{"smtp.block_inbound": "yes"})
        for client, sender in ((STRANGER, "x@far.test"), (LMTP, "x@far.test"), (STRANGER, "")):
            decision = self.check(client, sender, now=now)
            self.assertEqual((decision.action, decision.reply.code), (Action.DEFER, 451))
            self.assertEqual(decision.step.evidence, (("setting", "smtp.block_inbound"),))
        for client, sender in (
            (PERSON, "ann@example.test"),
            (ON_25, "ann@example.test"),
            (HOST, "x@example.test"),
            (OURSELVES, ""),
        ):
            self.assertTrue(self.check(client, sender, now=now).accepted)
