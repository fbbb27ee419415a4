"""
Tests of L{osxmail.protocols.imap.progress}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from osxmail.protocols.imap.progress import INTERVAL_SECONDS, Progress
from osxmail.protocols.languages import ENGLISH


class Session:
    tag = b"a1"
    isCongested = False
    language = ENGLISH

    def __init__(self) -> None:
        self.clock = Clock()
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data


class ProgressTests(SynchronousTestCase):
    session: Any

    def setUp(self) -> None:
        self.session = Session()
        self.progress = Progress(self.session)

    def test_notAtOnceAndNotOften(self) -> None:
        """
        RFC 9585 4: only what takes long, and not for each step of it.
        """
        self.progress(1, 100)
        self.session.clock.advance(INTERVAL_SECONDS - 0.01)
        self.progress(50, 100)
        self.assertEqual(self.session.said, b"")
        self.session.clock.advance(0.01)
        self.progress(60, 100)
        self.progress(61, 100)
        self.assertEqual(self.session.said, b'* OK [INPROGRESS ("a1" 60 100)] Working\r\n')
        self.session.clock.advance(INTERVAL_SECONDS)
        self.progress(99, 100)
        self.assertIn(b'("a1" 99 100)', self.session.said)

    def test_unknownGoal(self) -> None:
        self.session.clock.advance(INTERVAL_SECONDS)
        self.progress(7, 0)
        self.assertEqual(self.session.said, b'* OK [INPROGRESS ("a1" 7 NIL)] Working\r\n')

    def test_neverDone(self) -> None:
        """
        RFC 9585 4: as long as the command lasts, there is something left.
        """
        self.session.clock.advance(INTERVAL_SECONDS)
        self.progress(100, 100)
        self.assertEqual(self.session.said, b'* OK [INPROGRESS ("a1" 100 101)] Working\r\n')

    def test_whoDoesNotListen(self) -> None:
        self.session.clock.advance(INTERVAL_SECONDS)
        self.session.isCongested = True
        self.progress(1, 2)
        self.assertEqual(self.session.said, b"")

    def test_whatNobodyKnows(self) -> None:
        """
        RFC 9585 4: a sign of life where there are no numbers; none after the end.
        """
        clock = self.session.clock
        work: Deferred[str] = Deferred()
        waiting = Deferred.fromCoroutine(self.progress.during(work))
        clock.advance(INTERVAL_SECONDS - 0.01)
        self.assertEqual(self.session.said, b"")
        clock.advance(0.01)
        clock.advance(INTERVAL_SECONDS)
        self.assertEqual(self.session.said, b'* OK [INPROGRESS ("a1" NIL NIL)] Working\r\n' * 2)
        work.callback("done")
        self.assertEqual(self.successResultOf(waiting), "done")
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_whatFails(self) -> None:
        work: Deferred[str] = Deferred()
        waiting = Deferred.fromCoroutine(self.progress.during(work))
        work.errback(ValueError())
        self.failureResultOf(waiting, ValueError)
        self.assertEqual(self.session.clock.getDelayedCalls(), [])
