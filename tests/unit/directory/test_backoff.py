from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from osxmail.directory.backoff import Backoff


class BackoffTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.backoff = Backoff("ldap://x", 1, 8, self.clock)

    def test_open(self) -> None:
        for _ in range(3):
            self.assertTrue(self.backoff.mayAsk())
        self.assertFalse(self.backoff.isAway)

    def test_pause(self) -> None:
        """
        Nothing goes out in the pause; then one question does, and no other before its answer.
        """
        self.backoff.failed("refused")
        self.assertTrue(self.backoff.isAway)
        self.assertFalse(self.backoff.mayAsk())
        self.clock.advance(0.99)
        self.assertFalse(self.backoff.mayAsk())
        self.clock.advance(0.01)
        self.assertTrue(self.backoff.mayAsk())
        self.assertFalse(self.backoff.mayAsk())
        self.backoff.succeeded()
        self.assertTrue(self.backoff.mayAsk())
        self.assertTrue(self.backoff.mayAsk())

    def test_doubles(self) -> None:
        """
        1, 2, 4, 8, 8 seconds; and from the start again after a success.
        """
        for seconds in (1, 2, 4, 8, 8):
            self.assertTrue(self.backoff.mayAsk())
            self.backoff.failed("refused")
            self.clock.advance(seconds - 0.01)
            self.assertFalse(self.backoff.mayAsk())
            self.clock.advance(0.01)
        self.assertTrue(self.backoff.mayAsk())
        self.backoff.succeeded()
        self.backoff.failed("refused")
        self.clock.advance(1)
        self.assertTrue(self.backoff.mayAsk())

    def test_together(self) -> None:
        """
        Questions that went out together count once.
        """
        for _ in range(20):
            self.backoff.failed("refused")
        self.clock.advance(1)
        self.assertTrue(self.backoff.mayAsk())

    def test_learnedNothing(self) -> None:
        self.backoff.failed("refused")
        self.clock.advance(1)
        self.assertTrue(self.backoff.mayAsk())
        self.backoff.learnedNothing()
        self.assertTrue(self.backoff.isAway)
        self.assertTrue(self.backoff.mayAsk())

    def test_manyFailures(self) -> None:
        for _ in range(2000):
            self.clock.advance(8)
            self.assertTrue(self.backoff.mayAsk())
            self.backoff.failed("refused")
