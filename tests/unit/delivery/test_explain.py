from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.explain import Explainer
from osxmail.delivery.reception import Reception
from osxmail.delivery.router import Router
from osxmail.mail.address import Address
from osxmail.mail.envelope import Client, Recipient
from osxmail.mail.record import AccountState
from tests.fakes.directory import FakeDirectory, record
from tests.fakes.domains import FakeDomains
from tests.fakes.settings import FakeSettings

ANN = Address.parse("ann@example.test")
FAR = Address.parse("x@far.test")


class ExplainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.domains = FakeDomains("example.test")
        self.directory = FakeDirectory()
        self.directory.add(record("ann@example.test", source=(("dn", "uid=ann"),)))
        self.settings = FakeSettings()
        # The store is not asked for any of this.
        self.router = Router("mail.test", self.domains, self.directory, self.settings, None, clock=Clock())
        self.reception = Reception("mail.test", None, self.router, self.directory, self.settings)
        self.explainer = Explainer(self.reception, self.directory)

    def test_aQuestionIsNoEvent(self) -> None:
        """
        What is only asked about is not in the log as if mail had been refused.
        """
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.explain(None, Address.parse("nobody@example.test"))
        self.explain(ANN, Address.parse("nobody@example.test"), login="ann")
        self.explain(FAR, FAR, login="ann")
        self.assertEqual([e.get("event") for e in events if str(e.get("event")).endswith(".refused")], [])

    def explain(self, sender: Address | None, to: Address, client: str = "192.0.2.1", login: str = ""):
        coroutine = self.explainer.explain(sender=sender, recipient=to, clientHost=client, login=login)
        value = self.successResultOf(Deferred.fromCoroutine(coroutine))
        self.assertEqual(json.loads(json.dumps(value)), value)
        return value

    def rules(self, value) -> list[str]:
        return [step["rule"] for stage in value["stages"] for step in stage["steps"]]

    def test_stranger(self) -> None:
        value = self.explain(FAR, ANN)
        self.assertTrue(value["accepted"])
        self.assertEqual(self.rules(value), ["sender.any", "route.domain", "route.mailbox", "relay.local"])
        self.assertEqual([stage["stage"] for stage in value["stages"]], ["MAIL", "RCPT"])
        self.assertEqual(value["mailboxes"][0]["address"], "ann@example.test")
        self.assertIn("dn uid=ann", value["text"])
        self.assertIn("Delivered to INBOX of ann@example.test.", value["text"])

    def test_relayDenied(self) -> None:
        value = self.explain(None, FAR)
        self.assertFalse(value["accepted"])
        self.assertEqual(value["remotes"], [])
        self.assertIn("=> 550 5.7.1", value["text"])
        self.assertIn("Not accepted: 192.0.2.1 has not authenticated.", value["text"])

    def test_login(self) -> None:
        value = self.explain(ANN, FAR, login="ann")
        self.assertEqual([stage["stage"] for stage in value["stages"]], ["AUTH", "MAIL", "RCPT"])
        self.assertEqual((value["service"], value["login"]), ("submission", "ann@example.test"))
        self.assertEqual(value["remotes"], [{"address": "x@far.test", "nextHop": ""}])

    def test_stopsAtTheFirstRefusal(self) -> None:
        value = self.explain(FAR, FAR, login="ann")
        self.assertEqual([stage["stage"] for stage in value["stages"]], ["AUTH", "MAIL"])
        self.assertIn("553 5.7.1", value["text"])
        value = self.explain(ANN, FAR, login="nobody")
        self.assertEqual([stage["reply"][:3] for stage in value["stages"]], ["535"])

    def test_loginOfSomebodySwitchedOff(self) -> None:
        self.directory.add(record("off@example.test", state=AccountState.OFF))
        value = self.explain(Address.parse("off@example.test"), FAR, login="off")
        self.assertEqual([stage["reply"][:9] for stage in value["stages"]], ["535 5.7.1"])
        self.assertEqual(self.rules(value), ["login.off"])

    def test_evidenceOnce(self) -> None:
        self.directory.add(record("bob@example.test", accountId="b1", source=(("directory", "d"), ("account", "b1"))))
        value = self.explain(FAR, Address.parse("bob@example.test"))
        self.assertIn("[account b1, directory d]", value["text"])

    def test_away(self) -> None:
        self.directory.isAway = True
        self.assertEqual(self.explain(ANN, FAR, login="ann")["stages"][0]["action"], "defer")
        self.assertEqual(self.explain(FAR, ANN)["stages"][-1]["reply"][:9], "451 4.3.0")

    def test_sameAsTheMailPath(self) -> None:
        """
        What is explained is what a client of that address gets.
        """
        self.domains.lead("sales@example.test", "ann@example.test", "gone@example.test", "x@far.test")
        self.settings.change("relay.approved_networks", "198.51.100.0/24")
        for host in ("192.0.2.1", "198.51.100.1"):
            for to in ("sales@example.test", "gone@example.test", "x@far.test", "postmaster@example.test"):
                value = self.explain(FAR, Address.parse(to), host)
                decision, _ = self.successResultOf(
                    self.reception.checkRecipient(Client(host), FAR, Recipient(Address.parse(to)))
                )
                self.assertEqual(value["stages"][-1]["reply"], str(decision.reply))
                self.assertEqual(
                    [step["text"] for step in value["stages"][-1]["steps"]], [step.text for step in decision.steps]
                )
