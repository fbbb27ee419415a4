from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.copies import Copies, originalOf
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, Decision, MailboxTarget, RemoteTarget, Route, Step
from osxmail.mail.envelope import Recipient
from osxmail.mail.smtpreply import Reply
from tests.fakes.settings import FakeSettings

ANN, BOB, FAR = map(Address.parse, ("ann@example.test", "bob@example.test", "x@far.test"))


class CopiesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.copies = Copies(FakeSettings({"account.quota": "1K"}), FAR, b"X: y\r\n")

    def test_nothing(self) -> None:
        self.assertFalse(self.copies)
        self.assertEqual(self.copies.queuePrefix, b"X: y\r\n")

    def test_mailboxesOfOneAccount(self) -> None:
        for mailbox in ("INBOX", "Lists", "INBOX"):
            target = MailboxTarget("id-ann", ANN, ANN, mailbox)
            self.copies.add(Recipient(ANN), Route(ANN, (target,), isLocal=True))
        self.assertEqual([append.mailbox for append in self.copies.appends.values()], ["INBOX", "Lists"])
        self.assertEqual(len(self.copies), 2)

    def test_nextHops(self) -> None:
        for hop in ("", "a.test", ""):
            self.copies.add(Recipient(FAR), Route(FAR, remotes=(RemoteTarget(FAR, hop),)))
        self.assertEqual([row.nextHop for row in self.copies.queued.values()], ["", "a.test"])
        self.assertEqual([row.destination for row in self.copies.queued.values()], ["far.test", "a.test"])

    def test_skippedForwarderIsNotNamed(self) -> None:
        self.copies.before = frozenset({"bob@example.test"})
        self.copies.add(Recipient(BOB), Route(BOB, remotes=(RemoteTarget(FAR),), isLocal=True))
        self.assertFalse(self.copies)
        self.assertEqual([step.rule for step in self.copies.skipped], ["loop.delivered"])
        self.copies.add(Recipient(ANN), Route(ANN, remotes=(RemoteTarget(FAR),), isLocal=True))
        self.assertEqual(self.copies.queuePrefix, b"Delivered-To: ann@example.test\r\nX: y\r\n")

    def test_refusedRoute(self) -> None:
        step = Step("a.b", "x")
        refusal = Decision(Action.REFUSE, step, Reply(550, "5.1.1", ("no",)))
        self.assertRaises(ValueError, self.copies.add, Recipient(ANN), Route(ANN, refusal=refusal))

    def test_original(self) -> None:
        self.assertEqual(originalOf(Recipient(ANN), ANN), "")
        self.assertEqual(originalOf(Recipient(ANN), BOB), "rfc822;ann@example.test")
        self.assertEqual(originalOf(Recipient(ANN, "rfc822;z@far.test"), BOB), "rfc822;z@far.test")
        self.assertEqual(originalOf(Recipient(Address.parse("jürgen@example.test")), BOB), "utf-8;jürgen@example.test")
