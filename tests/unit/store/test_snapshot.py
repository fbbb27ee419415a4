"""
Snapshots: their arrays against a model, the delta log, and the shelf's bounds.
"""

from __future__ import annotations

import time
from array import array
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred, fail, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from osxmail.errors import NoSuchMailbox, Overloaded
from osxmail.mail.address import Address
from osxmail.store import shelf as shelfModule
from osxmail.store import snapshot as snapshotModule
from osxmail.store.changes import Delta, FlagChange, Opening, columnsOf, vanishedDelta
from osxmail.store.expunging import remove_txn
from osxmail.store.snapshot import Snapshot
from osxmail.store.store import Store
from tests.fakes.mailstores import append


def made(rows=(), modseq=10):
    columns = columnsOf(rows)
    snapshot = Snapshot(1, Opening(modseq, (), columns.uids))
    snapshot.fill(columns)
    return snapshot


def row(uid, flags=0, modseq=5):
    return (uid, flags, modseq, 100 + uid, 1000 + uid)


def drained(steps):
    """
    How often it paused, and what it returned.
    """
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            return count, finished.value
        count += 1


def rowsOf(snapshot):
    return list(zip(snapshot.uids, snapshot.flags, snapshot.modseqs, snapshot.sizes, snapshot.dates, strict=True))


class ApplyTests(SynchronousTestCase):
    def test_newAndChangedAndVanished(self):
        snapshot = made([row(uid) for uid in range(1, 6)])
        delta = Delta(12, ("word",), columnsOf([row(2, 1, 11), row(7, 2, 12)]), array("I", [1, 4, 6]), 10)
        self.assertEqual(drained(snapshot.apply(delta)), (0, True))
        self.assertEqual(rowsOf(snapshot), [row(2, 1, 11), row(3), row(5), row(7, 2, 12)])
        self.assertEqual((snapshot.highestModseq, snapshot.keywords), (12, ("word",)))
        self.assertEqual([list(each) for each in snapshot.changedSince(10)], [[2, 7], [1, 4]])

    def test_oldIsPassedOver(self):
        snapshot = made([row(1)])
        delta = Delta(10, None, columnsOf([row(1, 4, 9)]), array("I"), 8)
        self.assertEqual(drained(snapshot.apply(delta)), (0, False))
        self.assertEqual(rowsOf(snapshot), [row(1)])
        change = FlagChange(9, 10, array("I", [1]), "+", 4)
        self.assertEqual(drained(snapshot.applyFlags(change)), (0, False))
        self.assertEqual(rowsOf(snapshot), [row(1)])

    def test_longChangesPause(self):
        snapshot = made([row(uid) for uid in range(1, 10_001)])
        delta = Delta(11, None, columnsOf([row(uid, 1, 11) for uid in range(1, 10_001)]), array("I"), 10)
        pauses, changed = drained(snapshot.apply(delta))
        self.assertGreaterEqual(pauses, 4)
        self.assertTrue(changed)
        self.assertEqual(set(snapshot.flags), {1})
        change = FlagChange(11, 12, array("I", range(2, 10_001, 2)), "=", 8)
        self.assertGreaterEqual(drained(snapshot.applyFlags(change))[0], 2)
        self.assertEqual(list(snapshot.flags), [1, 8] * 5_000)

    def test_arraysChangeInOneStep(self):
        """
        While a long removal is under way, everything is as it was.
        """
        rows = [row(uid) for uid in range(1, 50_001)]
        snapshot = made(rows)
        steps = snapshot.apply(vanishedDelta(11, array("I", range(2, 50_001, 2))))
        for _ in steps:
            self.assertEqual(len(snapshot.uids), 50_000)
            self.assertEqual(snapshot.highestModseq, 10)
        self.assertEqual(rowsOf(snapshot), rows[::2])

    def test_canTake(self):
        snapshot = made([row(1)])
        self.assertTrue(snapshot.canTake(vanishedDelta(11, array("I", [1]))))
        self.assertFalse(snapshot.canTake(vanishedDelta(12, array("I", [1]))))
        self.assertTrue(snapshot.canTake(FlagChange(10, 11, array("I", [1]), "+", 31)))
        self.assertFalse(snapshot.canTake(FlagChange(10, 11, array("I", [1]), "+", 256)))
        snapshot.keywords = ("word",)
        self.assertTrue(snapshot.canTake(FlagChange(10, 11, array("I", [1]), "+", 256)))
        self.assertFalse(snapshot.canTake(Delta(11, None, columnsOf([row(2, 512, 11)]), array("I"), 10)))

    @settings(deadline=None, max_examples=200)
    @given(
        st.sets(st.integers(1, 400)),
        st.lists(
            st.one_of(
                st.tuples(st.just("flags"), st.sets(st.integers(1, 500), min_size=1), st.sampled_from("+-="),
                          st.integers(0, 31)),
                st.tuples(st.just("delta"), st.sets(st.integers(1, 500)), st.integers(0, 5), st.integers(0, 31)),
                st.tuples(st.just("vanish"), st.sets(st.integers(1, 500), min_size=1)),
            ),
            max_size=8,
        ),
        st.integers(0, 10),
    )  # fmt: skip
    def test_likeTheModel(self, uids, actions, behind):
        """
        Whatever happens, the arrays are what happened, and C{changedSince} leaves nothing out.
        """
        self.patch(snapshotModule, "MAX_CUTS", 3)
        self.patch(snapshotModule, "APPLIED_AT_ONCE", 7)
        self.patch(snapshotModule, "COMPRESSED_AT_ONCE", 50)
        self.patch(snapshotModule, "MAX_LOG_ENTRIES", 4)
        model = {uid: row(uid) for uid in sorted(uids)}
        snapshot = made(list(model.values()))
        modseq = 10
        history = {modseq: dict(model)}
        for action in actions:
            modseq += 1
            if action[0] == "flags":
                _, wanted, operation, bits = action
                changed = []
                for uid in sorted(wanted & model.keys()):
                    flags = model[uid][1]
                    new = {"+": flags | bits, "-": flags & ~bits, "=": bits}[operation]
                    if new != flags:
                        changed.append(uid)
                        model[uid] = (uid, new, modseq, *model[uid][3:])
                if not changed:
                    modseq -= 1
                    continue
                drained(snapshot.applyFlags(FlagChange(modseq - 1, modseq, array("I", changed), operation, bits)))
            elif action[0] == "delta":
                _, gone, count, bits = action
                top = max([*model, 500])
                for uid in gone:
                    model.pop(uid, None)
                changed = [row(uid, bits, modseq) for uid in sorted(model)[::3]]
                changed += [row(uid, bits, modseq) for uid in range(top + 1, top + 1 + count)]
                model.update((each[0], each) for each in changed)
                model = dict(sorted(model.items()))
                drained(snapshot.apply(Delta(modseq, None, columnsOf(changed), array("I", sorted(gone)), modseq - 1)))
            else:
                drained(snapshot.apply(vanishedDelta(modseq, array("I", sorted(action[1])))))
                for uid in action[1]:
                    model.pop(uid, None)
            self.assertEqual(rowsOf(snapshot), list(model.values()))
            history[modseq] = dict(model)
        self.assertEqual(snapshot.highestModseq, modseq)
        for uid in range(0, 510, 7):
            index = snapshot.indexOf(uid)
            self.assertEqual(index >= 0, uid in model)
            self.assertTrue(index < 0 or snapshot.uids[index] == uid)
        since = max(10, modseq - behind)
        old = history[since]
        changed, vanished = map(list, snapshot.changedSince(since))
        self.assertEqual((changed, vanished), (sorted(changed), sorted(vanished)))
        self.assertLessEqual({uid for uid in model if model[uid] != old.get(uid)}, set(changed))
        self.assertLessEqual(old.keys() - model.keys(), set(vanished))
        self.assertFalse(set(changed) - model.keys())
        self.assertFalse(set(vanished) & model.keys())


class LogTests(SynchronousTestCase):
    def test_entriesAreBounded(self):
        snapshot = made([row(1)])
        for modseq in range(11, 1_011):
            drained(snapshot.applyFlags(FlagChange(modseq - 1, modseq, array("I", [1]), "=", modseq % 31)))
        self.assertLessEqual(len(snapshot._logModseqs), snapshotModule.MAX_LOG_ENTRIES)
        for since in (10, 500, 1_009):
            self.assertEqual([list(each) for each in snapshot.changedSince(since)], [[1], []])

    def test_uidsAreBounded(self):
        self.patch(snapshotModule, "MAX_LOG_UIDS", 50)
        snapshot = made([row(uid) for uid in range(1, 101)])
        for modseq in range(11, 111):
            drained(snapshot.apply(vanishedDelta(modseq, array("I", [modseq - 10]))))
        self.assertLessEqual(snapshot._loggedUids, 50)
        self.assertEqual(list(snapshot.changedSince(100)[1]), list(range(91, 101)))
        # What the log has forgotten: all that is missing.
        self.assertEqual(list(snapshot.changedSince(20)[1]), list(range(1, 101)))


class Listener:
    def __init__(self):
        self.changes = 0
        self.isGone = False

    def mailboxChanged(self):
        self.changes += 1

    def mailboxGone(self):
        self.isGone = True


class ShelfTests(TestCase):
    timeout = 60

    def setUp(self):
        async def start():
            folder = Path(self.mktemp())
            folder.mkdir()
            self.store = Store(folder)
            await self.store.open()
            self.addCleanup(self.store.close)
            self.shelf = self.store.parts.shelf
            self.account = await self.store.account("id", Address.parse("a@example.test"))

        return ensureDeferred(start())

    async def mailboxes(self, count):
        return await gatherResults([self.account.createMailbox(f"m{number}") for number in range(count)])

    async def append(self, mailbox, count=1):
        for _ in range(count):
            incoming = self.store.incoming(1000)
            incoming.write(b"Subject: x\r\n\r\n")
            await append(mailbox, incoming, (), None)

    def test_idleAreBounded(self):
        async def test():
            self.patch(shelfModule, "MAX_IDLE_SNAPSHOTS", 3)
            mailboxes = await self.mailboxes(6)
            for mailbox in mailboxes:
                listener = Listener()
                await (await mailbox.snapshot(listener)).loaded()
                mailbox.release(listener)
            self.assertEqual(self.shelf.count, 3)
            # Those with a listener do not count.
            listeners = [Listener() for _ in mailboxes]
            for mailbox, listener in zip(mailboxes, listeners, strict=True):
                await (await mailbox.snapshot(listener)).loaded()
            self.assertEqual(self.shelf.count, 6)
            for mailbox, listener in zip(mailboxes, listeners, strict=True):
                mailbox.release(listener)
            self.assertEqual(self.shelf.count, 3)

        return ensureDeferred(test())

    def test_idleMessagesAreBounded(self):
        async def test():
            self.patch(shelfModule, "MAX_IDLE_MESSAGES", 5)
            mailboxes = await self.mailboxes(4)
            for mailbox in mailboxes:
                await self.append(mailbox, 2)
                listener = Listener()
                await (await mailbox.snapshot(listener)).loaded()
                mailbox.release(listener)
            self.assertEqual(self.shelf.count, 2)

        return ensureDeferred(test())

    def test_oneReleasedOneStays(self):
        async def test():
            (mailbox,) = await self.mailboxes(1)
            first, second = Listener(), Listener()
            snapshot = await mailbox.snapshot(first)
            await mailbox.snapshot(second)
            mailbox.release(first)
            mailbox.release(first)
            await self.append(mailbox)
            self.assertEqual((first.changes, second.changes, len(snapshot.uids)), (0, 1, 1))

        return ensureDeferred(test())

    def test_changesWhileItLoads(self):
        """
        A mailbox that changes between the UIDs and the other arrays.
        """

        async def test():
            self.patch(shelfModule, "MAX_IDLE_SNAPSHOTS", 0)
            (mailbox,) = await self.mailboxes(1)
            await self.append(mailbox, 30)
            for _ in range(10):
                listener = Listener()
                opening = mailbox.snapshot(listener)
                changes = [
                    mailbox.storeFlags([1, 2, 3], "+", ["\\Seen"]),
                    mailbox.storeFlags([1, 2, 3], "-", ["\\Seen"]),
                    mailbox.copy([5], mailbox),
                ]
                snapshot = await opening
                count = len(snapshot.uids)
                self.assertGreaterEqual(count, 30)
                await gatherResults(changes)
                await snapshot.loaded()
                state = await mailbox.changesSince(0)
                again = await mailbox.snapshot(Listener())
                self.assertIs(again, snapshot)
                self.assertEqual(rowsOf(snapshot), list(state.changed))
                for each in tuple(snapshot.listeners):
                    mailbox.release(each)

        return ensureDeferred(test())

    def test_manyListenersWithMuchToDo(self):
        """
        They are told in several turns, who has left meanwhile is not told, and no one is forgotten.
        """

        class Busy(Listener):
            def mailboxChanged(self):
                super().mailboxChanged()
                turns[-1] += 1
                time.sleep(0.003)

        turns = [0]

        def turn():
            turns.append(0)
            self.next = reactor.callLater(0, turn)

        async def test():
            (mailbox,) = await self.mailboxes(1)
            listeners = [Busy() for _ in range(12)]
            for listener in listeners:
                await mailbox.snapshot(listener)
            turn()
            await self.append(mailbox)
            left = [listener for listener in listeners if not listener.changes][-1]
            mailbox.release(left)
            await deferLater(reactor, 0.1)
            self.next.cancel()
            self.assertEqual([listener.changes for listener in listeners if listener is not left], [1] * 11)
            self.assertEqual(left.changes, 0)
            self.assertLess(max(turns), 4)

        return ensureDeferred(test())

    def test_answeredBeforeItIsAnnounced(self):
        """
        Readers hand out their answers together, with a call that may have been waiting already when the UIDs were
        announced.
        """

        class Late:
            """
            A reactor whose other calls come first.
            """

            def callFromThread(self, function, *args):
                reactor.callFromThread(reactor.callLater, 0.02, function, *args)

        async def test():
            (mailbox,) = await self.mailboxes(1)
            await self.append(mailbox, 3)
            self.patch(self.store.database, "reactor", Late())
            listener = Listener()
            snapshot = await mailbox.snapshot(listener)
            await snapshot.loaded()
            self.assertEqual((list(snapshot.uids), len(snapshot.flags)), ([1, 2, 3], 3))
            await self.append(mailbox)
            await deferLater(reactor, 0.05)
            self.assertEqual(list((await mailbox.snapshot(Listener())).uids), [1, 2, 3, 4])
            self.assertEqual(listener.changes, 1)

        return ensureDeferred(test())

    def test_deletedWhileItLoads(self):
        async def test():
            (mailbox,) = await self.mailboxes(1)
            await self.append(mailbox, 5)
            listener = Listener()
            opening = mailbox.snapshot(listener)
            await self.account.deleteMailbox("m0")
            try:
                await opening
            except NoSuchMailbox:
                pass
            else:
                self.assertTrue(listener.isGone)
            await self.assertFailure(mailbox.snapshot(Listener()), NoSuchMailbox)
            self.assertEqual(self.shelf.count, 0)

        return ensureDeferred(test())

    def test_nothingHappensWhereNobodyListens(self):
        async def test():
            (mailbox,) = await self.mailboxes(1)
            listener = Listener()
            snapshot = await mailbox.snapshot(listener)
            await snapshot.loaded()
            mailbox.release(listener)
            await self.append(mailbox)
            self.assertEqual(len(snapshot.uids), 0)
            await mailbox.snapshot(listener)
            self.assertEqual(len(snapshot.uids), 1)

        return ensureDeferred(test())

    def test_changesWhileSomebodyComes(self):
        """
        What is committed between the reading for a session and its coming is not lost.
        """

        async def test():
            (mailbox,) = await self.mailboxes(1)
            for count in range(20):
                listener = Listener()
                opening = mailbox.snapshot(listener)
                delivery = self.append(mailbox)
                snapshot = await opening
                await delivery
                self.assertEqual(len(snapshot.uids), count + 1)
                mailbox.release(listener)

        return ensureDeferred(test())

    def test_oneComesWhileTheOtherLeaves(self):
        async def test():
            self.patch(shelfModule, "MAX_IDLE_SNAPSHOTS", 0)
            (mailbox,) = await self.mailboxes(1)
            first, second = Listener(), Listener()
            await (await mailbox.snapshot(first)).loaded()
            coming = mailbox.snapshot(second)
            mailbox.release(first)
            snapshot = await coming
            await self.append(mailbox)
            self.assertEqual((len(snapshot.uids), second.changes), (1, 1))
            mailbox.release(second)
            self.assertEqual(self.shelf.count, 0)

        return ensureDeferred(test())

    def test_readFailsOnce(self):
        """
        A catching up that fails leaves the snapshot behind, until the next.
        """

        async def test():
            (mailbox,) = await self.mailboxes(1)
            await self.append(mailbox, 2)
            listener = Listener()
            snapshot = await mailbox.snapshot(listener)
            await snapshot.loaded()
            # As another process would.
            await self.store.database.write(lambda txn: remove_txn(txn, mailbox.mailboxId, [1]))
            read = self.store.database.read
            self.store.database.read = lambda *args, **more: fail(Overloaded("test"))
            self.shelf.changed([mailbox.mailboxId])
            await self.shelf.caughtUp(mailbox.mailboxId)
            self.store.database.read = read
            self.assertEqual((list(snapshot.uids), listener.changes), ([1, 2], 0))
            await self.append(mailbox)
            self.assertEqual((list(snapshot.uids), listener.changes), ([2, 3], 1))

        return ensureDeferred(test())
