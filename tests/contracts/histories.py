"""
Long histories of a mailbox against a model of it in a few lines.
"""

from __future__ import annotations

import random

from osxmail.mail.flags import DELETED, FIRST_KEYWORD_BIT, SEEN, SYSTEM_FLAGS
from tests.contracts.mailstore import TEXT, Listener, StoreTools, asynchronous
from tests.fakes.mailstores import append

WORDS = ("\\Seen", "\\Deleted", "\\Flagged", "alpha", "Beta", "gamma")


class Model:
    """
    One mailbox: sets of flag names by UID.
    """

    def __init__(self):
        self.messages = {}
        self.uidnext = 1
        self.vanished = set()

    def add(self, flags):
        uid = self.uidnext
        self.uidnext += 1
        self.messages[uid] = set(flags)
        return uid

    def remove(self, uids):
        gone = [uid for uid in uids if self.messages.pop(uid, None) is not None]
        self.vanished.update(gone)
        return tuple(gone)


class HistoryContract(StoreTools):
    """
    Whatever is done to two mailboxes, rows, counts, changes, quota and snapshots agree with the model.
    """

    async def check(self, mailbox, model, snapshot, before):
        changes = await mailbox.changesSince(0)
        bits = dict(SYSTEM_FLAGS)
        for index, name in enumerate(snapshot.keywords):
            bits[name] = 1 << (FIRST_KEYWORD_BIT + index)
        expected = {uid: sum(bits[flag] for flag in flags) for uid, flags in model.messages.items()}
        self.assertEqual({row[0]: row[1] for row in changes.changed}, expected)
        rows = zip(snapshot.uids, snapshot.flags, snapshot.modseqs, snapshot.sizes, snapshot.dates, strict=True)
        self.assertEqual(tuple(rows), changes.changed)
        self.assertEqual(set(changes.vanished), model.vanished)
        status = await mailbox.status()
        self.assertEqual(
            (status.messages, status.unseen, status.deleted, status.sizeOctets, status.uidnext, status.highestModseq),
            (
                len(expected),
                sum(1 for each in expected.values() if not each & SEEN),
                sum(1 for each in expected.values() if each & DELETED),
                len(expected) * len(TEXT),
                model.uidnext,
                snapshot.highestModseq,
            ),
        )
        # What changed since an earlier look, from the log and from memory, leaves nothing out.
        modseq, old, oldVanished = before
        since = await mailbox.changesSince(modseq)
        different = {uid for uid, each in expected.items() if old.get(uid) != each}
        for changed, vanished in (
            ({row[0] for row in since.changed}, set(since.vanished)),
            map(set, snapshot.changedSince(modseq)),
        ):
            self.assertLessEqual(different, changed)
            self.assertLessEqual(changed, expected.keys())
            self.assertLessEqual(model.vanished - oldVanished, vanished)
            self.assertFalse(vanished & expected.keys())
        return snapshot.highestModseq, expected, set(model.vanished)

    def some(self, dice, model):
        """
        UIDs, some of which are there: a range, or any.
        """
        top = model.uidnext + 1
        if dice.random() < 0.5:
            first = dice.randrange(1, top + 1)
            return list(range(first, dice.randrange(first, top + 2)))
        return sorted(dice.sample(range(1, top + 1), dice.randrange(0, min(top, 12) + 1)))

    async def live(self, seed, steps):
        dice = random.Random(seed)
        mailboxes = [self.inbox, await self.account.mailbox("Archive")]
        models = [Model(), Model()]
        snapshots = []
        for mailbox in mailboxes:
            snapshot = await mailbox.snapshot(Listener())
            await snapshot.loaded()
            snapshots.append(snapshot)
        befores = [(snapshot.highestModseq, {}, set()) for snapshot in snapshots]
        for _ in range(steps):
            here = dice.randrange(2)
            mailbox, model = mailboxes[here], models[here]
            flags = dice.sample(WORDS, dice.randrange(0, 4))
            uids = self.some(dice, model)
            there = [uid for uid in uids if uid in model.messages]
            action = dice.choice(("append", "append", "deliver", "store", "store", "copy", "move", "expunge", "remove"))
            if action == "append":
                appended = await append(mailbox, self.incoming(), flags, None)
                self.assertEqual(appended.uid, model.add(flags))
            elif action == "deliver":
                copies = [self.copyFor(mailbox=("INBOX", "Archive")[here], flags=tuple(flags))] * dice.randrange(1, 4)
                accepted = await self.store.accept(self.acceptance(*copies), self.incoming())
                self.assertEqual([each.uid for each in accepted.appended], [model.add(flags) for _ in copies])
                # Deliveries do not wait for the snapshot.
                await mailbox.storeFlags([1], "+", [])
            elif action == "store":
                operation = dice.choice("+-=")
                changed = []
                for uid in there:
                    old = model.messages[uid]
                    new = {"+": old | set(flags), "-": old - set(flags), "=": set(flags)}[operation]
                    if new != old:
                        changed.append(uid)
                        model.messages[uid] = new
                stored = await mailbox.storeFlags(uids, operation, flags)
                self.assertEqual(stored.changed, tuple(changed))
            elif action in ("copy", "move"):
                other = models[1 - here]
                targets = tuple(other.add(model.messages[uid]) for uid in there)
                if action == "move":
                    model.remove(there)
                copied = await getattr(mailbox, action)(uids, mailboxes[1 - here])
                self.assertEqual((copied.sources, copied.targets), (tuple(there), targets))
            elif action == "expunge":
                chosen = uids if dice.random() < 0.5 else None
                deleted = [
                    uid
                    for uid in (sorted(model.messages) if chosen is None else there)
                    if "\\Deleted" in model.messages[uid]
                ]
                self.assertEqual(await mailbox.expunge(chosen), model.remove(deleted))
            else:
                self.assertEqual(await mailbox.remove(uids), model.remove(uids))
            for index in range(2):
                await self.check(mailboxes[index], models[index], snapshots[index], befores[index])
            if dice.random() < 0.3:
                befores[here] = await self.check(mailbox, model, snapshots[here], befores[here])
        quota = await self.account.quota()
        total = sum(len(model.messages) for model in models)
        self.assertEqual((quota.usedMessages, quota.usedOctets), (total, total * len(TEXT)))

    @asynchronous
    async def test_history1(self):
        await self.live(1, 60)

    @asynchronous
    async def test_history2(self):
        await self.live(2, 60)

    @asynchronous
    async def test_history3(self):
        await self.live(3, 60)

    @asynchronous
    async def test_history4(self):
        await self.live(4, 60)
