"""
Looks at the room in mailboxes before the store's own; how they show at RCPT stands in C{test_reception.py}.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.quotas import FULL_LIFE_SECONDS, MAX_FULL, FullMailboxes, Room, fullDecision, quotaOf
from osxmail.mail.acceptance import Acceptance, Accepted, Append
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, Decision, MailboxTarget, RemoteTarget, Route, Step
from osxmail.mail.envelope import Envelope
from osxmail.mail.smtpreply import Reply
from tests.fakes.settings import FakeSettings
from tests.unit.delivery.test_reception import Ledger

ANN = Address("ann", "example.test")
TARGET = MailboxTarget("id-ann", ANN, ANN, quotaOctets=1000)
BEFORE = Step("relay.local", "x")
YES = Decision(Action.ACCEPT, BEFORE, Reply(250, "2.1.5", ("OK",)), (BEFORE,))


class QuotaTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.settings = FakeSettings({"account.quota": "2K"})
        self.store: Any = Ledger()
        self.store.usedOctets = 900

    def now(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))


class RoomTests(QuotaTestCase):
    def test_whichQuotaCounts(self) -> None:
        self.assertEqual(quotaOf(self.settings, TARGET), 1000)
        self.assertEqual(quotaOf(self.settings, MailboxTarget("a", ANN, ANN)), 2048)
        self.assertEqual(quotaOf(self.settings, MailboxTarget("a", ANN, ANN, quotaOctets=0)), 0)

    def test_whatWasTakenCounts(self) -> None:
        room = Room(self.store, self.settings)
        self.assertTrue(self.now(room.has(TARGET, 100)))
        self.assertFalse(self.now(room.has(TARGET, 101)))
        room.take(TARGET, 60)
        self.assertTrue(self.now(room.has(TARGET, 40)))
        self.assertFalse(self.now(room.has(TARGET, 41)))
        self.assertEqual(self.store.asked, 1)

    def test_unlimited(self) -> None:
        unlimited = MailboxTarget("a", ANN, ANN, quotaOctets=0)
        self.assertTrue(self.now(Room(self.store, self.settings).has(unlimited, 1 << 40)))

    def test_messages(self) -> None:
        self.settings.change("account.quota_messages", "3")
        room = Room(self.store, self.settings)
        self.assertTrue(self.now(room.has(TARGET, 1)))
        room.take(TARGET, 1)
        self.assertTrue(self.now(room.has(TARGET, 1)))
        room.take(TARGET, 1)
        self.assertFalse(self.now(room.has(TARGET, 1)))

    def test_whatAnAdministratorHasSetWins(self) -> None:
        self.settings.change("account.quota_messages", "1")
        self.store.setOctets, self.store.setMessages = 2000, 0
        self.assertTrue(self.now(Room(self.store, self.settings).has(TARGET, 1100)))
        self.store.setOctets = -1
        self.assertFalse(self.now(Room(self.store, self.settings).has(TARGET, 1)))
        self.store.setOctets, self.store.setMessages = 0, -1
        self.assertFalse(self.now(Room(self.store, self.settings).has(TARGET, 1)))

    def test_decision(self) -> None:
        decision = fullDecision(self.settings, TARGET, (BEFORE,))
        self.assertEqual((decision.action, decision.reply.code, decision.reply.enhanced), (Action.DEFER, 452, "4.2.2"))
        self.assertEqual(decision.steps, (BEFORE, decision.step))
        self.assertIn(("quota", "1000"), decision.step.evidence)
        self.settings.change("mail.over_quota", "refuse")
        decision = fullDecision(self.settings, TARGET, ())
        self.assertEqual((decision.action, decision.reply.code, decision.reply.enhanced), (Action.REFUSE, 552, "5.2.2"))


class FullMailboxTests(QuotaTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.time = 0.0
        self.full = FullMailboxes(self.store, self.settings, lambda: self.time)

    def fill(self, accountId: str = "id-ann", sizeOctets: int = 200) -> None:
        acceptance = Acceptance("Q1", Envelope(None, ()), 0.0, (Append(accountId, ANN, "INBOX", b"", ANN),))
        self.full.remember(acceptance, Accepted("Q1", (), (ANN,), 1), sizeOctets)

    def check(self, *targets: MailboxTarget, remotes: tuple[RemoteTarget, ...] = ()) -> Action:
        return self.now(self.full.check(YES, Route(ANN, targets, remotes))).action

    def test_onlyWhatHadNoRoomIsRemembered(self) -> None:
        acceptance = Acceptance("Q1", Envelope(None, ()), 0.0, (Append("id-ann", ANN, "INBOX", b"", ANN),))
        self.full.remember(acceptance, Accepted("Q1", (), (), 0), 200)
        self.assertEqual(len(self.full), 0)

    def test_stillFull(self) -> None:
        self.fill()
        self.assertIs(self.check(TARGET), Action.DEFER)

    def test_onlyOneOfSeveralPlaces(self) -> None:
        """
        The others can have it.
        """
        self.fill()
        self.assertIs(self.check(TARGET, MailboxTarget("id-bob", ANN, ANN)), Action.ACCEPT)
        self.assertIs(self.check(TARGET, remotes=(RemoteTarget(ANN),)), Action.ACCEPT)

    def test_roomAgain(self) -> None:
        self.fill()
        self.store.usedOctets = 800
        self.assertIs(self.check(TARGET), Action.ACCEPT)
        self.assertEqual(len(self.full), 0)

    def test_forgottenInTime(self) -> None:
        self.fill()
        self.time = FULL_LIFE_SECONDS - 1
        self.assertIs(self.check(TARGET), Action.DEFER)
        self.time = FULL_LIFE_SECONDS
        self.assertIs(self.check(TARGET), Action.ACCEPT)

    def test_memoryIsBounded(self) -> None:
        for number in range(MAX_FULL):
            self.fill(f"other{number}")
        self.fill()
        self.assertEqual(len(self.full), MAX_FULL)
        self.assertIs(self.check(TARGET), Action.DEFER)
