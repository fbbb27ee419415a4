"""
Tests of L{osxmail.protocols.imap.readahead}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import StoreDamaged
from osxmail.protocols.imap.readahead import MOST_FIRSTS, Batches, Firsts


class Mailbox:
    def __init__(self) -> None:
        self.asked: list[tuple[list[int], Deferred[Any]]] = []

    def messages(self, uids: Sequence[int]) -> Deferred[Any]:
        self.asked.append((list(uids), Deferred()))
        return self.asked[-1][1]


class Message:
    def __init__(self, inline: bytes | None = None) -> None:
        self.inline = inline
        self.reading: Deferred[bytes] | None = None

    def read(self, offset: int, length: int) -> Deferred[bytes]:
        assert self.reading is None and offset == 0
        self.reading = Deferred()
        return self.reading


class BatchesTests(SynchronousTestCase):
    def setUp(self) -> None:
        mailbox: Any = Mailbox()
        self.mailbox = mailbox
        self.batches = Batches(mailbox.messages)

    def wanted(self, uids: list[int]) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.batches.of(uids))

    def test_begun(self) -> None:
        """
        What was begun is not asked for again.
        """
        self.batches.begin([3, 4])
        waiting = self.wanted([3, 4])
        self.assertEqual([uids for uids, _ in self.mailbox.asked], [[3, 4]])
        self.mailbox.asked[0][1].callback("messages")
        self.assertEqual(self.successResultOf(waiting), "messages")
        self.wanted([3, 4])
        self.assertEqual(len(self.mailbox.asked), 2)

    def test_others(self) -> None:
        """
        What was begun and is not wanted is forgotten, whatever becomes of it.
        """
        self.batches.begin([3, 4])
        waiting = self.wanted([3])
        self.batches.begin([5])
        self.batches.begin([])
        self.batches.begin([6])
        self.batches.forget()
        for uids, asked in self.mailbox.asked:
            asked.errback(StoreDamaged("")) if uids != [3] else asked.callback("messages")
        self.assertEqual(self.successResultOf(waiting), "messages")
        self.assertEqual([uids for uids, _ in self.mailbox.asked], [[3, 4], [3], [5], [6]])


class FirstsTests(SynchronousTestCase):
    def of(self, firsts: Firsts, message: Any) -> Deferred[bytes]:
        return Deferred.fromCoroutine(firsts.of(message))

    def begun(self, messages: list[Message]) -> list[int]:
        return [index for index, message in enumerate(messages) if message.reading is not None]

    def test_fewAtATime(self) -> None:
        messages: Any = [Message(b"" if index == 1 else None) for index in range(12)]
        firsts = Firsts(messages)
        self.assertEqual(self.begun(messages), [])
        first = self.of(firsts, messages[0])
        self.assertEqual(self.begun(messages), [0, *range(2, 2 + MOST_FIRSTS)])
        messages[0].reading.callback(b"first")
        self.assertEqual(self.successResultOf(first), b"first")
        # Whoever is passed over is read in vain, and no more than that.
        self.of(firsts, messages[8])
        self.assertEqual(self.begun(messages), [0, 2, 3, 4, 5, 8])
        self.of(firsts, messages[2])
        self.assertEqual(self.begun(messages), [0, 2, 3, 4, 5, 8, 9])

    def test_failure(self) -> None:
        messages: Any = [Message(), Message(), Message()]
        firsts = Firsts(messages)
        first = self.of(firsts, messages[0])
        for message in messages:
            message.reading.errback(StoreDamaged(""))
        self.failureResultOf(first, StoreDamaged)
        firsts.forget()
        self.assertEqual(self.flushLoggedErrors(), [])
