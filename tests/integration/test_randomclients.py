"""
Random clients, on the daemon.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.integration.daemon import Daemon
from tests.integration.randomclients import Mismatch, RandomClient, play
from tests.integration.wire import faults

SECONDS = 6.0


class RandomClientTests(TestCase):
    def test_viewsAreRight(self) -> None:
        """
        However clients speak and whatever they do in one mailbox, what each of them is told is what there is
        (RFC 3501 7, RFC 5465 5, RFC 7162 3.2, RFC 9586 3).
        """
        daemon = Daemon(services=("imap",))
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.addAccount("anna@example.test")
        self.assertGreater(play(daemon, "anna@example.test", seed=1, seconds=SECONDS), 100)
        self.assertEqual(faults(daemon), [])


class ViewTests(TestCase):
    def setUp(self) -> None:
        self.client = RandomClient.__new__(RandomClient)
        self.client.name = "a client"
        self.client.transcript = []
        self.client.view = [1, 2, 4]
        self.client.flags = {}
        self.client.deleted = None
        self.client.command = b"NOOP"
        self.client.isQresync = self.client.isUidOnly = False
        self.client.mayExpunge = True

    def test_whatDoesNotFit(self) -> None:
        """
        The clients notice what a server must not say.
        """
        for line in (
            b"* 2 EXISTS",
            b"* 4 EXPUNGE",
            b"* VANISHED 2",
            b"* 2 FETCH (UID 3)",
            b"* 4 FETCH (FLAGS ())",
            b"* 4 UIDFETCH (FLAGS ())",
            b"* SEARCH 2 1",
            b"* SEARCH 4",
            b"* BAD what?",
        ):
            self.assertRaises(Mismatch, self.client.untagged, line)
        self.client.mayExpunge = False
        self.assertRaises(Mismatch, self.client.untagged, b"* 1 EXPUNGE")

    def test_whatFits(self) -> None:
        for line in (b"* 4 EXISTS", b"* 2 EXPUNGE", b"* 3 FETCH (UID 9 FLAGS (\\Seen \\Recent))", b"* SEARCH 1 3"):
            self.client.untagged(line)
        self.assertEqual(self.client.flags, {9: frozenset({b"\\seen"})})
        self.assertEqual(self.client.view, [1, 4, 9])
