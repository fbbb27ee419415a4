"""
Tests for L{osxmail.store.changes}: what changed since a MODSEQ, found without an index over MODSEQs.
"""

from __future__ import annotations

from functools import partial

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.acceptance import FlagsStored
from osxmail.store.accountrows import makeAccount_txn, makeMailbox_txn
from osxmail.store.changes import readDelta
from osxmail.store.connection import Transaction
from osxmail.store.copying import copy_txn
from osxmail.store.expunging import expunge_txn
from osxmail.store.flagging import storeFlags_txn
from osxmail.store.migrate import knownVersions, schemaFiles
from osxmail.store.placing import Placing

_SETS = st.frozensets(st.integers(1, 9), min_size=1).map(sorted)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 5), st.sampled_from((0, 1, 8))),
        st.tuples(st.just("store"), _SETS, st.sampled_from("+-="), st.sampled_from(("\\Seen", "\\Deleted", "word"))),
        st.tuples(st.just("copy"), _SETS),
        st.tuples(st.just("move"), _SETS),
        st.tuples(st.just("expunge"), _SETS),
    ),
    max_size=12,
)


def opened() -> Transaction:
    connection = apsw.Connection(":memory:")
    for text in knownVersions(schemaFiles()).values():
        connection.execute(text)
    return Transaction(connection)


def append(txn: Transaction, mailboxId: int, count: int, bits: int) -> None:
    placing = Placing(1000.0)
    placing.load_txn(txn, [mailboxId])
    for _ in range(count):
        placing.takeRoom(mailboxId, 10, 0)
        placing.place("a", mailboxId, 1, 0, 10, bits, 1000.0)
    placing.flush_txn(txn)


class Mailboxes(SynchronousTestCase):
    def setUp(self) -> None:
        self.txn = opened()
        account = makeAccount_txn(self.txn, "a", "a@example.test", 0.0)
        self.inbox, self.other = (makeMailbox_txn(self.txn, account, name, "") for name in ("One", "Other"))

    def rows(self, mailboxId: int) -> dict[int, tuple[int, int]]:
        found = self.txn.execute("SELECT uid, flags, modseq FROM message WHERE mailbox_id = ?", (mailboxId,))
        return {uid: (flags, modseq) for uid, flags, modseq in found}

    def step(self, step: tuple) -> None:
        match step:
            case ("append", count, bits):
                append(self.txn, self.inbox, count, bits)
            case ("store", uids, operation, flag):
                storeFlags_txn(self.txn, self.inbox, uids, operation, (flag,), None)
            case ("copy", uids):
                copy_txn(self.txn, self.inbox, uids, self.inbox, 1000.0, False)
            case ("move", uids):
                copy_txn(self.txn, self.inbox, uids, self.other, 1000.0, True)
            case ("expunge", uids):
                expunge_txn(self.txn, self.inbox, uids)


class DeltaTests(Mailboxes):
    @settings(deadline=None, max_examples=150)
    @given(_STEPS)
    def test_everyTimeLeadsToNow(self, steps: list[tuple]) -> None:
        """
        Whoever knows the mailbox as it was at any MODSEQ has it as it is, with what changed since.
        """
        self.setUp()
        append(self.txn, self.inbox, 4, 0)
        states = []
        for mailboxId in (self.inbox, self.other):
            states.append((mailboxId, 5 if mailboxId == self.inbox else 1, self.rows(mailboxId)))
        for step in steps:
            self.step(step)
            for mailboxId in (self.inbox, self.other):
                modseq = self.txn.execute("SELECT highestmodseq FROM mailbox WHERE id = ?", (mailboxId,)).get
                states.append((mailboxId, modseq, self.rows(mailboxId)))
        for mailboxId, modseq, rows in states:
            delta = readDelta(self.txn, mailboxId, modseq)
            for uid in delta.vanished:
                rows.pop(uid, None)
            changed = delta.changed
            self.assertTrue(all(each > modseq for each in changed.modseqs))
            rows.update(zip(changed.uids, zip(changed.flags, changed.modseqs, strict=True), strict=True))
            self.assertEqual(rows, self.rows(mailboxId))

    def test_newMessagesAreFoundFromTheEnd(self) -> None:
        """
        Where no flags have changed since, a delivery into a large mailbox costs no look at all of it.
        """
        append(self.txn, self.inbox, 5000, 0)
        modseq = self.txn.execute("SELECT highestmodseq FROM mailbox WHERE id = ?", (self.inbox,)).get
        append(self.txn, self.inbox, 3, 0)
        self.assertLess(self.stepsOf(modseq), 1000)
        storeFlags_txn(self.txn, self.inbox, [1], "+", ["\\Seen"], None)
        self.assertEqual(list(readDelta(self.txn, self.inbox, modseq).changed.uids), [1, 5001, 5002, 5003])
        self.assertGreater(self.stepsOf(modseq), 5000)

    def stepsOf(self, modseq: int) -> int:
        """
        Instructions of SQLite's machine: a look at every row takes a few for each.
        """
        connection = self.txn.connection
        counted = []
        connection.set_progress_handler(lambda: bool(counted.append(1)), 1)
        try:
            readDelta(self.txn, self.inbox, modseq)
        finally:
            connection.set_progress_handler(None)
        return len(counted)

    def test_anUpgradedMailbox(self) -> None:
        """
        Flags may have changed at any time before the upgrade: the mailbox is looked at as a whole.
        """
        connection = apsw.Connection(":memory:")
        first, *later = knownVersions(schemaFiles()).values()
        connection.execute(first)
        connection.execute(
            "INSERT INTO mailbox VALUES (1, 1, 'INBOX', 1, 4, 9, 1, '', 3, 3, 0, 30, 0);"
            "INSERT INTO message VALUES (1, 1, 1, 0, 9, 2, 0, 10, 0), (1, 2, 1, 0, 3, 0, 0, 10, 0),"
            " (1, 3, 1, 0, 4, 0, 0, 10, 0)"
        )
        for text in later:
            connection.execute(text)
        self.assertEqual(list(readDelta(Transaction(connection), 1, 5).changed.uids), [1])


class CountTests(Mailboxes):
    @settings(deadline=None, max_examples=150)
    @given(_STEPS)
    def test_countsAreThoseOfTheMessages(self, steps: list[tuple]) -> None:
        self.setUp()
        append(self.txn, self.inbox, 4, 0)
        for step in steps:
            self.step(step)
        for mailboxId in (self.inbox, self.other):
            flags = [flags for flags, _ in self.rows(mailboxId).values()]
            counts = self.txn.execute("SELECT messages, unseen, deleted FROM mailbox WHERE id = ?", (mailboxId,))
            expected = len(flags), sum(not each & 1 for each in flags), sum(each >> 3 & 1 for each in flags)
            self.assertEqual(counts.fetchone(), expected)

    def test_changed(self) -> None:
        """
        Only what was not so already is named, and has the new MODSEQ.
        """
        append(self.txn, self.inbox, 5, 0)
        everything = range(1, 6)
        store = partial(storeFlags_txn, self.txn, self.inbox)
        self.assertEqual(store([4], "+", ["\\Seen"], None)[0].changed, (4,))
        stored, change = store(everything, "+", ["\\Seen"], None)
        self.assertEqual((stored.changed, list(change.uids)), ((1, 2, 3, 5), [1, 2, 3, 5]))
        self.assertEqual(store(everything, "-", ["\\Seen"], None)[0].changed, tuple(everything))
        self.assertEqual(store(everything, "-", ["\\Seen"], None), (FlagsStored(0, ()), None))
        # One that does not exist.
        self.assertEqual(store(range(1, 7), "+", ["\\Deleted", "word"], None)[0].changed, tuple(everything))
        self.assertEqual(store([1, 9], "=", [], None)[0].changed, (1,))
        self.assertEqual(store([1, 2], "=", ["\\Deleted", "WORD"], None)[0].changed, (1,))
