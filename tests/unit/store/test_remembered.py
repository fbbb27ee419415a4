from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import StoreAway
from osxmail.store.remembered import REMEMBERED_SECONDS, Remembered


class RememberedTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.remembered = Remembered(self.clock, most=3)
        self.asked = []

    def ask(self, key):
        def question():
            self.asked.append(key)
            return succeed(len(self.asked))

        return self.successResultOf(self.remembered.ask(key, question))

    def test_askedOnce(self):
        self.assertEqual([self.ask("a"), self.ask("a"), self.ask("b"), self.ask("a")], [1, 1, 2, 1])

    def test_forAMoment(self):
        self.ask("a")
        self.clock.advance(REMEMBERED_SECONDS - 0.01)
        self.assertEqual(self.ask("a"), 1)
        self.clock.advance(0.01)
        self.assertEqual(self.ask("a"), 2)

    def test_forgotten(self):
        self.ask("a")
        self.remembered.forget()
        self.assertEqual(self.ask("a"), 2)

    def test_bounded(self):
        for key in "abcd":
            self.ask(key)
        self.ask("d")
        self.assertEqual(self.asked, list("abcd"))
        self.ask("a")
        self.assertEqual(self.asked, list("abcda"))

    def test_failuresAreNotRemembered(self):
        self.failureResultOf(self.remembered.ask("a", lambda: fail(StoreAway())), StoreAway)
        self.assertEqual(self.ask("a"), 1)

    def test_anAnswerOfBeforeTheChange(self):
        """
        It was read before the change, and comes after it: whoever asked gets it, nobody else.
        """
        late = Deferred()
        answer = self.remembered.ask("a", lambda: late)
        self.remembered.forget()
        late.callback("old")
        self.assertEqual(self.successResultOf(answer), "old")
        self.assertEqual(self.ask("a"), 1)
