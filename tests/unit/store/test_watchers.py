"""
Tests of L{osxmail.store.watchers}, and that the store tells them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from osxmail.interfaces import IMailStoreWatcher
from osxmail.mail.address import Address
from osxmail.store.store import Store
from osxmail.store.watchers import Watchers
from tests.fakes.mailstores import closeStore, openStore, put


@implementer(IMailStoreWatcher)
class Watcher:
    def __init__(self) -> None:
        self.heard: list[int] = []

    def messagesChanged(self, mailboxId: int) -> None:
        self.heard.append(mailboxId)

    def mailboxesChanged(self) -> None:
        self.heard.append(0)

    def take(self) -> list[int]:
        heard, self.heard = self.heard, []
        return heard


class WatchersTests(SynchronousTestCase):
    def test_whatIsWatched(self) -> None:
        watchers, one, other = Watchers(), Watcher(), Watcher()
        watchers.watch(one, [1, 2], ["a"])
        watchers.watch(other, [2], [])
        watchers.messagesChanged([1, 2, 3])
        watchers.mailboxesChanged("a")
        watchers.mailboxesChanged("b")
        watchers.accessChanged()
        self.assertEqual((one.take(), other.take()), ([1, 2, 0, 0], [2]))
        watchers.watch(one, [3], [])
        watchers.messagesChanged([1, 2, 3])
        self.assertEqual((one.take(), other.take()), ([3], [2]))

    def test_nothingIsKept(self) -> None:
        watchers, one = Watchers(), Watcher()
        watchers.watch(one, [1], ["a"])
        watchers.unwatch(one)
        watchers.unwatch(one)
        watchers.watch(one, [], [])
        self.assertFalse(watchers._byMailbox or watchers._byAccount or watchers._watched)

    def test_faults(self) -> None:
        """
        One watcher's fault is not the others'.
        """
        watchers, broken, one = Watchers(), Watcher(), Watcher()
        broken.heard = None  # type: ignore[assignment]
        watchers.watch(broken, [1], [])
        watchers.watch(one, [1], [])
        watchers.messagesChanged([1])
        self.assertEqual(one.take(), [1])
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)


class StoreTests(TestCase):
    store: Store
    folder: Path

    async def setUp(self) -> None:
        self.store, self.folder = await openStore(reactor)
        self.account = await self.store.account("id-anna", Address("anna", "example.test"))
        self.inbox: Any = await self.account.mailbox("INBOX")
        self.sent: Any = await self.account.mailbox("Sent")

    async def tearDown(self) -> None:
        await closeStore(self.store, self.folder)

    async def test_messages(self) -> None:
        """
        Everything that changes messages, once each.
        """
        watcher = Watcher()
        self.store.watch(watcher, [self.inbox.mailboxId, self.sent.mailboxId], [])
        inbox, sent = self.inbox.mailboxId, self.sent.mailboxId
        uid = await put(self.store, self.inbox, b"Subject: a\r\n\r\n1\r\n")
        self.assertEqual(watcher.take(), [inbox])
        await self.inbox.storeFlags([uid], "+", ["\\Seen"])
        self.assertEqual(watcher.take(), [inbox])
        await self.inbox.copy([uid], self.sent)
        self.assertEqual(watcher.take(), [sent])
        await self.inbox.move([uid], self.sent)
        self.assertEqual(sorted(watcher.take()), sorted([inbox, sent]))
        await self.sent.storeFlags([1], "+", ["\\Deleted"])
        await self.sent.expunge()
        self.assertEqual(watcher.take(), [sent, sent])
        self.store.unwatch(watcher)
        await put(self.store, self.inbox, b"Subject: a\r\n\r\n1\r\n")
        self.assertEqual(watcher.take(), [])

    async def test_whatIsSelected(self) -> None:
        """
        It makes no difference that somebody has the mailbox selected.
        """

        class Listener:
            def mailboxChanged(self) -> None: ...
            def mailboxGone(self) -> None: ...

        listener: Any = Listener()
        await self.inbox.snapshot(listener)
        await self.test_messages()

    async def test_mailboxes(self) -> None:
        watcher = Watcher()
        self.store.watch(watcher, [], ["id-anna"])
        work = await self.account.createMailbox("Work")
        self.assertEqual(watcher.take(), [0])
        await self.account.subscribe("Work", True)
        self.assertEqual(watcher.take(), [0])
        await self.account.subscribe("Work", False)
        self.assertEqual(watcher.take(), [0])
        await work.setAccess("ben@example.test", "=", "lr")
        self.assertEqual(watcher.take(), [0])
        await self.account.renameMailbox("Work", "Play")
        self.assertIn(0, watcher.take())
        await self.account.deleteMailbox("Play")
        self.assertIn(0, watcher.take())
        ben = await self.store.account("id-ben", Address("ben", "example.test"))
        await ben.createMailbox("Work")
        self.assertEqual(watcher.take(), [])
