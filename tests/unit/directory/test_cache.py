from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from osxmail.directory import cache
from osxmail.directory.cache import CachedDirectory
from osxmail.errors import DirectoryAway
from osxmail.interfaces import IDirectory
from osxmail.mail.address import Address
from tests.fakes.directory import FakeDirectory

ANNA, NOBODY = Address.parse("anna@example.test"), Address.parse("nobody@example.test")


@implementer(IDirectory)
class SlowDirectory:
    """
    Answers when told to.
    """

    def __init__(self) -> None:
        self.asked: list[Deferred] = []

    def recordWithAddress(self, address):
        self.asked.append(Deferred())
        return self.asked[-1]

    recordWithLogin = groupWithAddress = recordWithAddress

    def verifyPassword(self, record, password):
        raise NotImplementedError


class CacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.inner = FakeDirectory()
        self.inner.add("anna@example.test", "secret")
        self.cached = CachedDirectory(self.inner, 30, self.clock, maxEntries=3)

    def ask(self, address: Address):
        return self.successResultOf(self.cached.recordWithAddress(address))

    def test_remembers(self) -> None:
        first = self.ask(ANNA)
        self.clock.advance(29.9)
        self.assertIs(self.ask(ANNA), first)
        self.assertEqual(len(self.inner.asked), 1)
        self.clock.advance(0.1)
        self.assertEqual(self.ask(ANNA), first)
        self.assertEqual(len(self.inner.asked), 2)

    def test_nobodyIsForgottenSooner(self) -> None:
        self.assertIsNone(self.ask(NOBODY))
        self.clock.advance(4.9)
        self.assertIsNone(self.ask(NOBODY))
        self.assertEqual(len(self.inner.asked), 1)
        self.inner.add("nobody@example.test")
        self.clock.advance(0.1)
        self.assertIsNotNone(self.ask(NOBODY))

    def test_awayIsNotRemembered(self) -> None:
        self.inner.isAway = True
        self.failureResultOf(self.cached.recordWithAddress(ANNA), DirectoryAway)
        self.inner.isAway = False
        self.assertIsNotNone(self.ask(ANNA))

    def test_knownWhileAway(self) -> None:
        self.ask(ANNA)
        self.inner.isAway = True
        self.assertIsNotNone(self.ask(ANNA))
        self.failureResultOf(self.cached.recordWithAddress(NOBODY), DirectoryAway)

    def test_kindsAreApart(self) -> None:
        """
        A person's address, a login and a group of the same spelling are three questions.
        """
        self.inner.addGroup("team@example.test", "anna@example.test")
        team = Address.parse("team@example.test")
        self.assertIsNone(self.ask(team))
        self.assertIsNone(self.successResultOf(self.cached.recordWithLogin("team@example.test")))
        self.assertIsNotNone(self.successResultOf(self.cached.groupWithAddress(team)))

    def test_bounded(self) -> None:
        for n in range(10):
            self.ask(Address.parse(f"a{n}@example.test"))
            self.assertLessEqual(len(self.cached), 3)
        asked = len(self.inner.asked)
        self.ask(Address.parse("a9@example.test"))
        self.assertEqual(len(self.inner.asked), asked)
        self.ask(Address.parse("a0@example.test"))
        self.assertEqual(len(self.inner.asked), asked + 1)

    def test_usedLastStaysLongest(self) -> None:
        for text in ("a@x.test", "b@x.test", "c@x.test", "a@x.test", "d@x.test"):
            self.ask(Address.parse(text))
        asked = len(self.inner.asked)
        self.ask(Address.parse("a@x.test"))
        self.assertEqual(len(self.inner.asked), asked)

    def test_longLoginsAreNotRemembered(self) -> None:
        self.successResultOf(self.cached.recordWithLogin("x" * 10_000))
        self.assertEqual(len(self.cached), 0)

    def test_passwordsAreNotRemembered(self) -> None:
        anna = self.ask(ANNA)
        for _ in range(3):
            self.assertTrue(self.successResultOf(self.cached.verifyPassword(anna, "secret")))
        self.assertEqual(self.inner.verifications, 3)
        self.assertNotIn("secret", repr(vars(self.cached)))

    def test_forget(self) -> None:
        self.ask(ANNA)
        self.cached.forget()
        self.ask(ANNA)
        self.assertEqual(len(self.inner.asked), 2)

    def test_noLife(self) -> None:
        cached = CachedDirectory(self.inner, 0, self.clock)
        self.successResultOf(cached.recordWithAddress(ANNA))
        self.assertEqual(len(cached), 0)

    def test_decoy(self) -> None:
        self.successResultOf(self.cached.spendTime("x"))
        self.assertEqual(self.inner.timeSpent, 1)


class CoalescingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.inner = SlowDirectory()
        self.cached = CachedDirectory(self.inner, 30, Clock())

    def test_oneQuestion(self) -> None:
        asked = [self.cached.recordWithAddress(ANNA) for _ in range(5)]
        other = self.cached.recordWithAddress(NOBODY)
        self.assertEqual(len(self.inner.asked), 2)
        self.inner.asked[0].callback("record")
        self.assertEqual([self.successResultOf(d) for d in asked], ["record"] * 5)
        self.assertNoResult(other)
        self.inner.asked[1].callback(None)

    def test_oneFailure(self) -> None:
        asked = [self.cached.recordWithAddress(ANNA) for _ in range(3)]
        self.inner.asked[0].errback(DirectoryAway("x"))
        for deferred in asked:
            self.failureResultOf(deferred, DirectoryAway)
        self.cached.recordWithAddress(ANNA)
        self.assertEqual(len(self.inner.asked), 2)

    def test_cancelled(self) -> None:
        """
        Who gives up does not take the answer from the others.
        """
        one, two = self.cached.recordWithAddress(ANNA), self.cached.recordWithAddress(ANNA)
        one.addErrback(lambda _: None)
        one.cancel()
        self.inner.asked[0].callback("record")
        self.assertEqual(self.successResultOf(two), "record")

    def test_waitingIsBounded(self) -> None:
        self.patch(cache, "MAX_WAITING", 3)
        asked = [self.cached.recordWithAddress(ANNA) for _ in range(7)]
        self.assertEqual(len(self.inner.asked), 3)
        for deferred in self.inner.asked:
            deferred.callback("record")
        self.assertEqual([self.successResultOf(d) for d in asked], ["record"] * 7)

    def test_forgetWhileAsking(self) -> None:
        """
        An answer from before is given, and not kept.
        """
        asked = self.cached.recordWithAddress(ANNA)
        self.cached.forget()
        self.inner.asked[0].callback("old")
        self.assertEqual(self.successResultOf(asked), "old")
        self.assertEqual(len(self.cached), 0)
