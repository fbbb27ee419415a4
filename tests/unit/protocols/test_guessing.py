"""
Against guessing passwords.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import Overloaded, TooManyFailures
from osxmail.protocols import guessing
from osxmail.protocols.guessing import AT_ONCE, FORGET_SECONDS, MAX_TRIED, MAX_WAITING, MOST_WAIT_SECONDS, Guard
from tests.fakes.settings import FakeSettings

HOST = "192.0.2.1"


class GuardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.settings = FakeSettings({"auth.failures_per_address": "3", "auth.wait_after_failures": "10s"})
        self.guard = Guard(self.settings, self.clock)

    def enter(self, host: str = HOST, username: str = "anna") -> Deferred[str]:
        return Deferred.fromCoroutine(self.guard.enter(host, username))

    def guess(self, password: str, host: str = HOST, username: str = "anna") -> None:
        """
        A wrong login.
        """
        place = self.successResultOf(self.enter(host, username))
        self.guard.failed(host, username, password)
        self.guard.leave(place)

    def held(self, host: str = HOST) -> bool:
        entering = self.enter(host)
        if entering.called and not isinstance(entering.result, str):
            self.failureResultOf(entering, TooManyFailures)
            return True
        self.guard.leave(self.successResultOf(entering))
        return False

    def test_afterSomeFailuresAPlaceWaitsAndLongerEachTime(self) -> None:
        for password in "ab":
            self.guess(password)
        self.assertFalse(self.held())
        self.guess("c")
        self.assertTrue(self.held())
        self.assertEqual(self.guard.waitingPlaces, 1)
        self.assertFalse(self.held("192.0.2.2"))
        self.clock.advance(9.9)
        self.assertTrue(self.held())
        self.clock.advance(0.2)
        self.assertFalse(self.held())
        self.assertEqual(self.guard.waitingPlaces, 0)
        self.guess("d")
        self.clock.advance(19.9)
        self.assertTrue(self.held())
        self.clock.advance(0.2)
        self.assertFalse(self.held())

    def test_theLongestWait(self) -> None:
        for number in range(40):
            self.guess(f"p{number}")
            self.clock.advance(MOST_WAIT_SECONDS - 1)
            self.clock.advance(2 if self.held() else 0)
            if number < 20:
                # It is forgotten in between, if it need not wait for so long.
                self.guard._failures[HOST].last = self.clock.seconds()
        self.assertFalse(self.held())

    def test_theSameOldPasswordIsNoGuess(self) -> None:
        for _ in range(50):
            self.guess("old")
        self.assertFalse(self.held())

    def test_whoIsRightInTheEnd(self) -> None:
        self.guess("a")
        self.guess("b")
        self.guard.succeeded(HOST, "anna")
        self.guess("c")
        self.guess("d")
        self.assertFalse(self.held())
        # Another name's success takes nothing away.
        self.guard.succeeded(HOST, "ben")
        self.guess("e")
        self.assertTrue(self.held())

    def test_placesOfIPv6AreNetworks(self) -> None:
        for number in range(3):
            self.guess(f"p{number}", f"2001:db8:1:2::{number}")
        self.assertTrue(self.held("2001:db8:1:2:ffff::1"))
        self.assertFalse(self.held("2001:db8:1:3::1"))

    def test_sparedNetworks(self) -> None:
        for number in range(50):
            self.guess(f"p{number}", "127.0.0.1")
        self.assertFalse(self.held("127.0.0.1"))
        self.settings.change("connections.spared_networks", "")
        for number in range(3):
            self.guess(f"p{number}", "127.0.0.1")
        self.assertTrue(self.held("127.0.0.1"))

    def test_noLimit(self) -> None:
        self.settings.change("auth.failures_per_address", "0")
        for number in range(50):
            self.guess(f"p{number}")
        self.assertFalse(self.held())
        self.assertEqual(len(self.guard), 0)

    def test_forgotten(self) -> None:
        self.guess("a")
        self.guess("b")
        self.clock.advance(FORGET_SECONDS)
        self.assertFalse(self.held())
        self.assertEqual(len(self.guard), 0)

    def test_aFewAtOnceAndInOrder(self) -> None:
        places = [self.successResultOf(self.enter()) for _ in range(AT_ONCE)]
        waiting = [self.enter() for _ in range(3)]
        for each in waiting:
            self.assertNoResult(each)
        # Elsewhere nobody waits.
        self.guard.leave(self.successResultOf(self.enter("192.0.2.2")))
        self.guard.leave(places[0])
        self.successResultOf(waiting[0])
        self.assertNoResult(waiting[1])
        for place in [*places[1:], places[0]]:
            self.guard.leave(place)
        for each in waiting[1:]:
            self.guard.leave(self.successResultOf(each))
        self.assertEqual(self.guard._queues, {})

    def test_whoWaitsIsNotLookedAtAfterTooManyFailures(self) -> None:
        places = [self.successResultOf(self.enter()) for _ in range(AT_ONCE)]
        waiting = [self.enter() for _ in range(100)]
        for place, password in zip(places, "abcd", strict=True):
            self.guard.failed(HOST, "anna", password)
            self.guard.leave(place)
        # Two had their turn before the third failure.
        for each in waiting[:2]:
            self.guard.leave(self.successResultOf(each))
        for each in waiting[2:]:
            self.failureResultOf(each, TooManyFailures)
        self.assertEqual(self.guard._queues, {})

    def test_whereItIsSparedNamesDoNotWaitForEachOther(self) -> None:
        for _ in range(AT_ONCE + 10):
            self.enter("127.0.0.1", "anna")
        self.assertNoResult(self.enter("127.0.0.1", "Anna"))
        self.successResultOf(self.enter("127.0.0.1", "ben"))

    def test_mostThatWait(self) -> None:
        for _ in range(AT_ONCE + MAX_WAITING):
            self.enter()
        self.failureResultOf(self.enter(), Overloaded)

    def test_whatIsRememberedIsBounded(self) -> None:
        self.patch(guessing, "MAX_PLACES", 10)
        for number in range(50):
            self.guess("x", f"192.0.2.{number}")
        self.assertEqual(len(self.guard), 10)
        self.settings.change("auth.failures_per_address", "100")
        for number in range(MAX_TRIED + 50):
            self.guard.failed(HOST, "anna", f"p{number}")
        self.assertEqual(len(self.guard._failures[HOST].tried), MAX_TRIED)

    def test_noSecretIsKept(self) -> None:
        self.guess("hunter2")
        self.assertNotIn("hunter2", repr(self.guard._failures))
        self.assertNotIn(b"hunter2", b"".join(self.guard._failures[HOST].tried))
