"""
What every L{osxmail.interfaces.IMailbox} and its snapshot keep to.
"""

from __future__ import annotations

from array import array

from twisted.internet import reactor
from twisted.internet.defer import DeferredList, gatherResults
from twisted.internet.task import deferLater
from zope.interface.verify import verifyObject

from osxmail.errors import LimitExceeded, NoSuchMailbox, NoSuchMessage, OverQuota
from osxmail.interfaces import IMailbox, IMessage, ISnapshot, NewMessage
from osxmail.mail.flags import ANSWERED, DELETED, FLAGGED, MAX_KEYWORDS, SEEN, flagNames
from tests.contracts.mailstore import BOB, TEXT, Listener, StoreTools, asynchronous
from tests.fakes.mailstores import append

KEYWORD = 256


class MailboxContract(StoreTools):
    """
    L{IMailbox} without snapshots.
    """

    async def numbers(self, mailbox=None):
        status = await (mailbox or self.inbox).status()
        return status.messages, status.unseen, status.deleted, status.sizeOctets

    @asynchronous
    async def test_append(self):
        before = await self.inbox.status()
        appended = await append(self.inbox, self.incoming(), ["\\seen", "$Work"], 1_234_567_890.9)
        self.assertEqual(
            (appended.accountId, appended.mailboxId, appended.uidvalidity, appended.uid),
            ("alice-id", self.inbox.mailboxId, before.uidvalidity, 1),
        )
        after = await self.inbox.status()
        self.assertEqual((after.messages, after.unseen, after.uidnext), (1, 0, 2))
        self.assertGreater(after.highestModseq, before.highestModseq)
        changes = await self.inbox.changesSince(before.highestModseq)
        self.assertEqual(changes.changed, ((1, SEEN | KEYWORD, after.highestModseq, len(TEXT), 1_234_567_890),))
        self.assertEqual(await self.whole(self.inbox, 1), TEXT)
        verifyObject(IMailbox, self.inbox)

    @asynchronous
    async def test_appendNowByDefault(self):
        self.store.parts.accepting._now = lambda: 1_111_111_111.5
        await append(self.inbox, self.incoming(), (), None)
        changes = await self.inbox.changesSince(0)
        self.assertEqual(changes.changed[0][4], 1_111_111_111)

    @asynchronous
    async def test_appendAll(self):
        """
        Several at once: ascending UIDs, one transaction.
        """
        texts = [TEXT, b"Subject: large\r\n\r\n" + b"x" * 70_000, b"Subject: last\r\n\r\n"]
        messages = [
            NewMessage(self.incoming(texts[0]), ["\\Seen", "$Work"], 1.0),
            NewMessage(self.incoming(texts[1]), (), 2.0),
            NewMessage(self.incoming(texts[2]), ["$Other"], 3.0),
        ]
        appended = await self.inbox.appendAll(messages)
        self.assertEqual([each.uid for each in appended], [1, 2, 3])
        changes = await self.inbox.changesSince(0)
        self.assertEqual([(row[1], row[4]) for row in changes.changed], [(SEEN | KEYWORD, 1), (0, 2), (KEYWORD * 2, 3)])
        for uid, text in enumerate(texts, 1):
            self.assertEqual(await self.whole(self.inbox, uid), text)
        self.assertEqual(await self.numbers(), (3, 2, 0, sum(map(len, texts))))
        quota = await self.account.quota()
        self.assertEqual((quota.usedOctets, quota.usedMessages), (sum(map(len, texts)), 3))
        self.assertEqual(await self.inbox.appendAll([]), ())

    @asynchronous
    async def test_appendAllOrNone(self):
        await self.fill(1)
        before = await self.inbox.status()
        await self.account.setQuota(3 * len(TEXT) - 1)
        for flags in ([], ["$Fresh"]):
            messages = [NewMessage(self.incoming(), flags), NewMessage(self.incoming())]
            await self.assertFailure(self.inbox.appendAll(messages), OverQuota)
        names = [f"k{number}" for number in range(MAX_KEYWORDS)]
        messages = [NewMessage(self.incoming(b""), names), NewMessage(self.incoming(b""), ["one-more"])]
        await self.assertFailure(self.inbox.appendAll(messages), LimitExceeded)
        self.assertEqual(await self.inbox.status(), before)
        # One that cannot be had does not stop others that are committed with it; what it had taken is given back.
        results = await DeferredList(
            [
                self.inbox.appendAll([NewMessage(self.incoming()), NewMessage(self.incoming())]),
                self.inbox.appendAll([NewMessage(self.incoming())]),
                self.inbox.appendAll([NewMessage(self.incoming(b""), names), NewMessage(self.incoming(b""), ["x"])]),
                self.inbox.appendAll([NewMessage(self.incoming(TEXT[:-1]), ["$Last"])]),
            ],
            consumeErrors=True,
        )
        self.assertEqual([isGood for isGood, _ in results], [False, True, False, True])
        self.assertEqual(await self.flagsOf(self.inbox), {1: 0, 2: 0, 3: KEYWORD})
        self.assertEqual((await self.account.quota()).usedOctets, 3 * len(TEXT) - 1)

    @asynchronous
    async def test_replace(self):
        """
        RFC 8508: in the same mailbox, and in another.
        """
        await self.fill(3, flags=["\\Flagged"])
        before = await self.inbox.status()
        text = TEXT + b"more\r\n"
        replaced = await self.inbox.replace(2, self.inbox, NewMessage(self.incoming(text), ["$Work"], 5.0))
        self.assertEqual((replaced.mailboxId, replaced.uid), (self.inbox.mailboxId, 4))
        self.assertEqual(await self.flagsOf(self.inbox), {1: FLAGGED, 3: FLAGGED, 4: KEYWORD})
        changes = await self.inbox.changesSince(before.highestModseq)
        self.assertEqual(([row[0] for row in changes.changed], changes.vanished), ([4], (2,)))
        self.assertEqual(await self.whole(self.inbox, 4), text)
        drafts = await self.account.mailbox("Drafts")
        replaced = await self.inbox.replace(1, drafts, NewMessage(self.incoming()))
        self.assertEqual((replaced.mailboxId, replaced.uid), (drafts.mailboxId, 1))
        self.assertEqual(await self.numbers(), (2, 2, 0, len(TEXT) + len(text)))
        self.assertEqual(await self.numbers(drafts), (1, 1, 0, len(TEXT)))
        quota = await self.account.quota()
        self.assertEqual((quota.usedOctets, quota.usedMessages), (2 * len(TEXT) + len(text), 3))

    @asynchronous
    async def test_replaceFails(self):
        """
        Nothing goes where nothing comes, and the other way round.
        """
        await self.fill(2)
        before = await self.inbox.status()
        drafts = await self.account.mailbox("Drafts")
        await self.assertFailure(self.inbox.replace(9, drafts, NewMessage(self.incoming())), NoSuchMessage)
        await self.account.setQuota(2 * len(TEXT))
        await self.assertFailure(self.inbox.replace(1, drafts, NewMessage(self.incoming(TEXT + b"x"))), OverQuota)
        names = [f"k{number}" for number in range(MAX_KEYWORDS + 1)]
        await self.assertFailure(self.inbox.replace(1, drafts, NewMessage(self.incoming(), names)), LimitExceeded)
        await self.account.deleteMailbox("Drafts")
        await self.assertFailure(self.inbox.replace(1, drafts, NewMessage(self.incoming())), NoSuchMailbox)
        self.assertEqual(await self.inbox.status(), before)
        self.assertEqual((await self.account.quota()).usedMessages, 2)
        # What does not grow comes in though there is too much.
        await self.account.setQuota(1)
        await self.inbox.replace(1, self.inbox, NewMessage(self.incoming()))
        await self.account.setQuota(2 * len(TEXT))
        # Another's message gives no room here.
        bob = await (await self.store.account("bob-id", BOB)).mailbox("INBOX")
        await append(bob, self.incoming())
        await self.assertFailure(bob.replace(1, self.inbox, NewMessage(self.incoming())), OverQuota)
        self.assertEqual((await bob.status()).messages, 1)

    @asynchronous
    async def test_urlKeys(self):
        """
        RFC 4467 2.2: made when it is first wanted, kept, changed, taken away; one for each mailbox.
        """
        drafts = await self.account.mailbox("Drafts")
        self.assertEqual(await self.inbox.urlKey(), b"")
        key = await self.inbox.makeUrlKey(False)
        self.assertGreaterEqual(len(key), 16)
        self.assertEqual((await self.inbox.urlKey(), await self.inbox.makeUrlKey(False)), (key, key))
        self.assertEqual(await drafts.urlKey(), b"")
        other = await drafts.makeUrlKey(True)
        self.assertNotEqual(other, key)
        fresh = await self.inbox.makeUrlKey(True)
        self.assertNotIn(fresh, (key, other))
        bob = await (await self.store.account("bob-id", BOB)).mailbox("INBOX")
        bobs = await bob.makeUrlKey(False)
        await self.account.removeUrlKeys()
        self.assertEqual((await self.inbox.urlKey(), await drafts.urlKey(), await bob.urlKey()), (b"", b"", bobs))
        await drafts.makeUrlKey(False)
        await self.account.deleteMailbox("Drafts")
        for call in (drafts.urlKey, lambda: drafts.makeUrlKey(False), lambda: drafts.makeUrlKey(True)):
            await self.assertFailure(call(), NoSuchMailbox)

    @asynchronous
    async def test_messagesOfAllSizes(self):
        sizes = [0, 1, 100, 16_384, 16_385, 65_536, 65_537, 300_000, 1_100_000]
        texts = [(b"%07d\r\n" % size) * (size // 9 + 1) for size in sizes]
        texts = [text[:size] for text, size in zip(texts, sizes, strict=True)]
        for text in texts:
            incoming = self.store.incoming(10_000_000)
            for start in range(0, len(text), 50_000):
                wait = incoming.write(text[start : start + 50_000])
                if wait is not None:
                    await wait
            await append(self.inbox, incoming, (), None)
        found = await self.inbox.messages(range(1, len(sizes) + 1))
        self.assertEqual([uid for uid, _ in found], list(range(1, len(sizes) + 1)))
        for (_uid, message), text in zip(found, texts, strict=True):
            verifyObject(IMessage, message)
            self.assertEqual(message.sizeOctets, len(text))
            pieces = []
            while sum(map(len, pieces)) < len(text):
                pieces.append(await message.read(sum(map(len, pieces)), 200_000))
            self.assertEqual(b"".join(pieces), text)
            self.assertEqual(await message.read(len(text), 10), b"")
            if message.inline is not None:
                self.assertEqual(message.inline, text)

    @asynchronous
    async def test_messagesAreBounded(self):
        await self.assertFailure(self.inbox.messages(range(1, 200)), ValueError)
        await self.assertFailure(self.inbox.renderings(range(1, 3000), ["envelope"]), ValueError)
        await self.assertFailure(self.inbox.renderings([1], ["nothing"]), ValueError)
        self.assertEqual(await self.inbox.messages([]), [])
        self.assertEqual(await self.inbox.messages([5]), [])
        self.assertEqual(await self.inbox.renderings([5], ["body"]), [])

    @asynchronous
    async def test_renderings(self):
        from osxmail.mail.mime import renderMessage

        texts = [b"Subject: number %d\r\n\r\n" % number + b"x\r\n" * number for number in range(20)]
        for text in texts:
            await append(self.inbox, self.incoming(text), (), None)
        await self.inbox.remove([3])
        uids = [1, 2, 3, 7, 20, 21]
        found = await self.inbox.renderings(uids, ["bodystructure", "envelope"])
        expected = []
        for uid in (1, 2, 7, 20):
            rendering = renderMessage(texts[uid - 1])
            expected.append((uid, (rendering.bodystructure, rendering.envelope)))
        self.assertEqual(found, expected)
        ((_, message),) = await self.inbox.messages([7])
        rendering = await message.rendering()
        self.assertEqual(rendering, renderMessage(texts[6]))

    @asynchronous
    async def test_whatFollowsFromRows(self):
        """
        Save dates, EMAILIDs and THREADIDs; copies keep the identifiers.
        """
        self.store.parts.accepting._now = lambda: 1_111_111_111.5
        await append(self.inbox, self.incoming(b"Message-ID: <root@x>\r\n\r\n"), (), 5.0)
        await append(self.inbox, self.incoming(b"Message-ID: <a@x>\r\nIn-Reply-To: <root@x>\r\n\r\n"), (), 5.0)
        columns = ["emailid", "savedate", "threadid"]
        found = await self.inbox.renderings([1, 2], columns)
        (first, second) = (texts for _, texts in found)
        self.assertEqual((first[1], second[1]), (b"1111111111", b"1111111111"))
        self.assertEqual(first[2], second[2])
        self.assertNotEqual(first[0], second[0])
        await self.inbox.copy([2], self.inbox)
        ((_, copied),) = await self.inbox.renderings([3], columns)
        self.assertEqual((copied[0], copied[2]), (second[0], second[2]))

    @asynchronous
    async def test_renderingsInUtf8(self):
        from osxmail.mail.mime import renderMessage

        text = "Subject: Grüße\r\n\r\n".encode()
        await append(self.inbox, self.incoming(text), (), None)
        await append(self.inbox, self.incoming(b"Subject: x\r\n\r\n"), (), None)
        columns = ["envelope", "body", "bodystructure"]
        wanted = renderMessage(text)
        found = await self.inbox.renderings([1], columns)
        self.assertEqual(found, [(1, (wanted.envelope, wanted.body, wanted.bodystructure))])
        self.assertEqual(await self.inbox.renderings([1], columns, isUtf8=True), [(1, wanted.utf8)])
        self.assertIn("Grüße".encode(), wanted.utf8[0])
        plain = await self.inbox.renderings([2], columns)
        self.assertEqual(await self.inbox.renderings([2], columns, isUtf8=True), plain)

    @asynchronous
    async def test_previews(self):
        """
        Made when they are asked for; lazily, nobody waits for what is not there.
        """
        await append(self.inbox, self.incoming(b"\r\nHallo,\r\nDu\r\n> dort\r\n"), (), None)
        await append(self.inbox, self.incoming(b"Content-Type: image/png\r\n\r\nPNG"), (), None)
        self.assertEqual(await self.inbox.previews([1, 2], isLazy=True), [(1, None), (2, None)])
        self.assertEqual(await self.inbox.previews([1, 2, 3]), [(1, b"Hallo, Du"), (2, b"")])
        self.assertEqual(await self.inbox.previews([1, 2], isLazy=True), [(1, b"Hallo, Du"), (2, b"")])
        await self.assertFailure(self.inbox.previews(range(1, 2000)), ValueError)

    @asynchronous
    async def test_storeFlags(self):
        await self.fill(4)
        stored = await self.inbox.storeFlags([1, 2, 9], "+", ["\\Seen", "$Work"])
        status = await self.inbox.status()
        self.assertEqual((stored.modseq, stored.changed, stored.refused), (status.highestModseq, (1, 2), ()))
        self.assertEqual(await self.flagsOf(self.inbox), {1: SEEN | KEYWORD, 2: SEEN | KEYWORD, 3: 0, 4: 0})
        stored = await self.inbox.storeFlags([1], "-", ["\\Seen", "$unknown"])
        self.assertEqual((await self.flagsOf(self.inbox))[1], KEYWORD)
        stored = await self.inbox.storeFlags([1, 3], "=", ["\\Flagged", "\\Deleted"])
        self.assertEqual(stored.changed, (1, 3))
        self.assertEqual(
            await self.flagsOf(self.inbox),
            {1: FLAGGED | DELETED, 2: SEEN | KEYWORD, 3: FLAGGED | DELETED, 4: 0},
        )
        self.assertEqual(await self.numbers(), (4, 3, 2, 4 * len(TEXT)))

    @asynchronous
    async def test_storeWhatIsThere(self):
        """
        A message that has the flags already does not change.
        """
        await self.fill(3, flags=["\\Seen"])
        before = await self.inbox.status()
        for operation, flags in (("+", ["\\Seen"]), ("-", ["\\Deleted"]), ("=", ["\\Seen"]), ("+", [])):
            stored = await self.inbox.storeFlags([1, 2, 3], operation, flags)
            self.assertEqual((stored.modseq, stored.changed), (0, ()))
        self.assertEqual(await self.inbox.status(), before)

    @asynchronous
    async def test_storeUnchangedSince(self):
        """
        RFC 7162 3.1.3.
        """
        await self.fill(4)
        since = (await self.inbox.status()).highestModseq
        await self.inbox.storeFlags([2], "+", ["\\Answered"])
        stored = await self.inbox.storeFlags([1, 2, 3], "+", ["\\Seen"], since)
        self.assertEqual((stored.changed, stored.refused), ((1, 3), (2,)))
        # Refused also where nothing would change.
        stored = await self.inbox.storeFlags([1, 4], "+", ["\\Seen"], since)
        self.assertEqual((stored.changed, stored.refused), ((4,), (1,)))
        stored = await self.inbox.storeFlags([1, 2, 3, 4], "-", ["\\Seen"], 0)
        self.assertEqual((stored.modseq, stored.changed, stored.refused), (0, (), (1, 2, 3, 4)))
        self.assertEqual(await self.flagsOf(self.inbox), {1: SEEN, 2: ANSWERED, 3: SEEN, 4: SEEN})

    @asynchronous
    async def test_keywords(self):
        """
        Compared without regard to case, kept as they came first; at most as many as there are bits.
        """
        await self.fill(1)
        await self.inbox.storeFlags([1], "+", ["$Forwarded"])
        await self.inbox.storeFlags([1], "+", ["$FORWARDED", "Other"])
        snapshot = await self.inbox.snapshot(Listener())
        await snapshot.loaded()
        self.assertEqual(snapshot.keywords, ("$Forwarded", "Other"))
        self.assertEqual(flagNames(snapshot.flags[0], snapshot.keywords), ("$Forwarded", "Other"))
        names = [f"k{number}" for number in range(MAX_KEYWORDS - 2)]
        await self.inbox.storeFlags([1], "+", names)
        await self.assertFailure(self.inbox.storeFlags([1], "+", ["one-more"]), LimitExceeded)
        await self.assertFailure(append(self.inbox, self.incoming(), ["one-more"], None), LimitExceeded)
        await self.inbox.storeFlags([1], "+", ["k5"])
        self.assertEqual((await self.flagsOf(self.inbox))[1], ((1 << MAX_KEYWORDS) - 1) << 8)
        self.assertEqual((await self.inbox.status()).messages, 1)

    @asynchronous
    async def test_copy(self):
        await self.fill(3, flags=["\\Seen"])
        await self.inbox.storeFlags([2], "+", ["$a", "$b", "\\Deleted"])
        target = await self.account.createMailbox("target")
        await self.fill(1, target, ["$b"])
        copied = await self.inbox.copy([2, 3, 7], target)
        status = await target.status()
        self.assertEqual((copied.uidvalidity, copied.sources, copied.targets), (status.uidvalidity, (2, 3), (2, 3)))
        snapshot = await target.snapshot(Listener())
        await snapshot.loaded()
        names = [set(flagNames(bits, snapshot.keywords)) for bits in snapshot.flags]
        self.assertEqual(names, [{"$b"}, {"\\Seen", "\\Deleted", "$a", "$b"}, {"\\Seen"}])
        self.assertEqual(list(snapshot.dates), [1_600_000_000] * 3)
        self.assertEqual(await self.numbers(target), (3, 1, 1, 3 * len(TEXT)))
        self.assertEqual(await self.numbers(), (3, 0, 1, 3 * len(TEXT)))
        self.assertEqual(await self.whole(target, 3), TEXT)
        self.assertEqual((await self.account.quota()).usedMessages, 6)

    @asynchronous
    async def test_copyIntoItself(self):
        await self.fill(2)
        copied = await self.inbox.copy([1, 2], self.inbox)
        self.assertEqual((copied.sources, copied.targets), ((1, 2), (3, 4)))
        self.assertEqual(sorted(await self.flagsOf(self.inbox)), [1, 2, 3, 4])

    @asynchronous
    async def test_copyNothing(self):
        target = await self.account.mailbox("Sent")
        for uids in ([], [5]):
            copied = await self.inbox.copy(uids, target)
            self.assertEqual((copied.sources, copied.targets), ((), ()))
            self.assertEqual(copied.uidvalidity, (await target.status()).uidvalidity)

    @asynchronous
    async def test_copyKeywordsThatFindNoBit(self):
        """
        Better a copy without a keyword than none.
        """
        target = await self.account.createMailbox("target")
        await self.fill(1, target, [f"k{number}" for number in range(MAX_KEYWORDS)])
        await self.fill(1, flags=["new", "k7", "\\Flagged"])
        await self.inbox.copy([1], target)
        snapshot = await target.snapshot(Listener())
        await snapshot.loaded()
        self.assertEqual(set(flagNames(snapshot.flags[1], snapshot.keywords)), {"k7", "\\Flagged"})

    @asynchronous
    async def test_move(self):
        await self.fill(4, flags=["\\Deleted"])
        target = await self.account.mailbox("Archive")
        before = await self.inbox.status()
        moved = await self.inbox.move([1, 3], target)
        self.assertEqual((moved.sources, moved.targets), ((1, 3), (1, 2)))
        changes = await self.inbox.changesSince(before.highestModseq)
        self.assertEqual((changes.changed, changes.vanished), ((), (1, 3)))
        self.assertEqual(sorted(await self.flagsOf(self.inbox)), [2, 4])
        self.assertEqual(await self.numbers(), (2, 2, 2, 2 * len(TEXT)))
        self.assertEqual(await self.numbers(target), (2, 2, 2, 2 * len(TEXT)))
        self.assertEqual((await self.account.quota()).usedMessages, 4)
        self.assertEqual(await self.whole(target, 2), TEXT)

    @asynchronous
    async def test_moveToAnotherAccount(self):
        other = await self.store.account("bob-id", BOB)
        target = await other.mailbox("INBOX")
        await self.fill(2)
        await other.setQuota(len(TEXT))
        await self.assertFailure(self.inbox.move([1, 2], target), OverQuota)
        self.assertEqual(await self.numbers(), (2, 2, 0, 2 * len(TEXT)))
        await self.inbox.move([1], target)
        mine, theirs = await self.account.quota(), await other.quota()
        self.assertEqual((mine.usedMessages, theirs.usedMessages, theirs.usedOctets), (1, 1, len(TEXT)))

    @asynchronous
    async def test_expunge(self):
        await self.fill(6)
        await self.inbox.storeFlags([1, 2, 4, 5], "+", ["\\Deleted"])
        await self.inbox.storeFlags([4], "+", ["\\Seen"])
        before = await self.inbox.status()
        self.assertEqual(await self.inbox.expunge([2, 3, 4, 9]), (2, 4))
        middle = await self.inbox.status()
        self.assertGreater(middle.highestModseq, before.highestModseq)
        self.assertEqual(await self.numbers(), (4, 4, 2, 4 * len(TEXT)))
        self.assertEqual(await self.inbox.expunge(), (1, 5))
        self.assertEqual(await self.inbox.expunge(), ())
        self.assertEqual(await self.inbox.expunge([]), ())
        self.assertEqual(await self.numbers(), (2, 2, 0, 2 * len(TEXT)))
        changes = await self.inbox.changesSince(before.highestModseq)
        self.assertEqual((changes.changed, changes.vanished), ((), (1, 2, 4, 5)))
        changes = await self.inbox.changesSince(middle.highestModseq)
        self.assertEqual(changes.vanished, (1, 5))
        self.assertEqual((await self.account.quota()).usedMessages, 2)
        # A UID is never given again.
        self.assertEqual(await self.fill(1), [7])

    @asynchronous
    async def test_remove(self):
        await self.fill(3)
        self.assertEqual(await self.inbox.remove([1, 3]), (1, 3))
        self.assertEqual(await self.inbox.remove([1, 3]), ())
        self.assertEqual(sorted(await self.flagsOf(self.inbox)), [2])

    @asynchronous
    async def test_changesSince(self):
        await self.fill(3)
        before = (await self.inbox.status()).highestModseq
        self.assertEqual((await self.inbox.changesSince(before)).changed, ())
        await self.inbox.storeFlags([2], "+", ["\\Seen"])
        await self.fill(1)
        await self.inbox.remove([1])
        changes = await self.inbox.changesSince(before)
        self.assertEqual([row[:2] for row in changes.changed], [(2, SEEN), (4, 0)])
        self.assertEqual(changes.vanished, (1,))
        self.assertEqual(changes.highestModseq, (await self.inbox.status()).highestModseq)
        modseqs = [row[2] for row in changes.changed]
        self.assertEqual(modseqs, [before + 1, before + 2])

    @asynchronous
    async def test_recent(self):
        """
        RFC 3501 2.3.2: recent to the first session that hears of them, to nobody else.
        """
        await self.fill(2)
        claims = await gatherResults([self.inbox.claimRecent() for _ in range(3)])
        self.assertEqual(sorted(claims), [(1, 3), (3, 3), (3, 3)])
        await self.fill(1)
        self.assertEqual(await self.inbox.claimRecent(), (3, 4))
        self.assertEqual((await self.inbox.status()).firstRecentUid, 4)
        # Somebody who has it selected is told of what comes: claimed is it when that session writes so.
        listener = Listener()
        snapshot = await self.inbox.snapshot(listener)
        await self.fill(1)
        self.assertEqual((await self.inbox.status()).firstRecentUid, 4)
        snapshot.announcedUid = 4
        self.assertEqual((await self.inbox.status()).firstRecentUid, 5)
        self.assertEqual(await self.inbox.claimRecent(), (4, 5))
        self.inbox.release(listener)

    @asynchronous
    async def test_manyAtOnce(self):
        """
        What comes at once gets UIDs without a gap, and everybody's counts are right.
        """
        results = await gatherResults(
            [append(self.inbox, self.incoming(), ["\\Seen"] if n % 3 else [], None) for n in range(60)]
        )
        self.assertEqual(sorted(each.uid for each in results), list(range(1, 61)))
        status = await self.inbox.status()
        self.assertEqual((status.messages, status.unseen, status.uidnext), (60, 20, 61))
        changes = await self.inbox.changesSince(0)
        self.assertEqual(len({row[2] for row in changes.changed}), 60)

    @asynchronous
    async def test_sparseSets(self):
        """
        UIDs that do not follow one another.
        """
        await self.fill(30)
        odd = list(range(1, 31, 2))
        self.assertEqual((await self.inbox.storeFlags(odd, "+", ["\\Deleted"])).changed, tuple(odd))
        target = await self.account.mailbox("Trash")
        self.assertEqual((await self.inbox.copy(odd, target)).sources, tuple(odd))
        self.assertEqual(await self.inbox.expunge(odd[:7]), tuple(odd[:7]))
        found = await self.inbox.messages([2, 3, 20, 21])
        self.assertEqual([uid for uid, _ in found], [2, 20, 21])

    @asynchronous
    async def test_search(self):
        from osxmail.mail.searchkeys import Flag

        await self.fill(3)
        await self.inbox.storeFlags([2], "+", ["\\Seen"])
        self.assertEqual(await self.inbox.search(Flag(bits=SEEN)), [2])


class SnapshotContract(StoreTools):
    """
    L{ISnapshot}: always what the database says.
    """

    async def opened(self, mailbox=None):
        listener = Listener()
        snapshot = await (mailbox or self.inbox).snapshot(listener)
        await snapshot.loaded()
        return snapshot, listener

    async def assertCurrent(self, snapshot, mailbox=None):
        mailbox = mailbox or self.inbox
        changes = await mailbox.changesSince(0)
        rows = zip(snapshot.uids, snapshot.flags, snapshot.modseqs, snapshot.sizes, snapshot.dates, strict=True)
        self.assertEqual(tuple(rows), changes.changed)
        self.assertEqual(snapshot.highestModseq, changes.highestModseq)

    @asynchronous
    async def test_empty(self):
        snapshot, _ = await self.opened()
        verifyObject(ISnapshot, snapshot)
        self.assertEqual(len(snapshot.uids), 0)
        self.assertEqual(snapshot.indexOf(1), -1)
        await self.assertCurrent(snapshot)

    @asynchronous
    async def test_types(self):
        await self.fill(2)
        snapshot, _ = await self.opened()
        kinds = [snapshot.uids, snapshot.flags, snapshot.modseqs, snapshot.sizes, snapshot.dates]
        self.assertEqual([each.typecode for each in kinds], ["I", "Q", "Q", "Q", "q"])
        self.assertTrue(all(isinstance(each, array) for each in kinds))

    @asynchronous
    async def test_withGaps(self):
        await self.fill(10)
        await self.inbox.remove([2, 5, 6, 10])
        snapshot, _ = await self.opened()
        self.assertEqual(list(snapshot.uids), [1, 3, 4, 7, 8, 9])
        self.assertEqual([snapshot.indexOf(uid) for uid in (1, 2, 3, 9, 10, 11)], [0, -1, 1, 5, -1, -1])
        await self.assertCurrent(snapshot)

    @asynchronous
    async def test_isShared(self):
        first, _ = await self.opened()
        second, _ = await self.opened()
        self.assertIs(first, second)

    @asynchronous
    async def test_catchesUpBeforeTheAnswer(self):
        """
        Whoever changes a mailbox finds the change in its snapshot when the answer comes.
        """
        snapshot, listener = await self.opened()
        await self.fill(3)
        self.assertEqual(list(snapshot.uids), [1, 2, 3])
        stored = await self.inbox.storeFlags([2], "+", ["\\Seen", "new"])
        self.assertEqual((snapshot.flags[1], snapshot.modseqs[1]), (SEEN | KEYWORD, stored.modseq))
        self.assertEqual(snapshot.keywords, ("new",))
        before = snapshot.uids
        await self.inbox.remove([1])
        self.assertEqual(list(snapshot.uids), [2, 3])
        # Who has kept the array has a stable view.
        self.assertEqual(list(before), [1, 2, 3])
        self.assertIsNot(snapshot.uids, before)
        target, _ = await self.opened(await self.account.mailbox("Sent"))
        await self.inbox.move([2], await self.account.mailbox("Sent"))
        self.assertEqual((list(snapshot.uids), list(target.uids)), ([3], [1]))
        self.assertGreaterEqual(listener.changes, 4)
        await self.assertCurrent(snapshot)

    @asynchronous
    async def test_appendsKeepTheArray(self):
        await self.fill(1)
        snapshot, _ = await self.opened()
        before = snapshot.uids
        await self.fill(2)
        self.assertIs(snapshot.uids, before)

    @asynchronous
    async def test_deliveryIsTold(self):
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        snapshot, listener = await self.opened()
        await self.store.accept(self.acceptance(self.copyFor()), self.incoming())
        for _ in range(200):
            if listener.changes:
                break
            await deferLater(reactor, 0.01)
        self.assertEqual((listener.changes, list(snapshot.uids)), (1, [1]))

    @asynchronous
    async def test_changedSince(self):
        await self.fill(5)
        snapshot, _ = await self.opened()
        start = snapshot.highestModseq
        self.assertEqual([list(each) for each in snapshot.changedSince(start)], [[], []])
        await self.inbox.storeFlags([2, 3], "+", ["\\Seen"])
        middle = snapshot.highestModseq
        await self.inbox.remove([3, 4])
        await self.fill(1)
        self.assertEqual([list(each) for each in snapshot.changedSince(start)], [[2, 6], [3, 4]])
        self.assertEqual([list(each) for each in snapshot.changedSince(middle)], [[6], [3, 4]])
        self.assertEqual([list(each) for each in snapshot.changedSince(snapshot.highestModseq)], [[], []])

    @asynchronous
    async def test_changedSinceBeforeTheSnapshot(self):
        """
        Older than what is remembered: everything that changed, and all UIDs that are missing.
        """
        await self.fill(3)
        old = (await self.inbox.status()).highestModseq
        await self.inbox.storeFlags([3], "+", ["\\Seen"])
        await self.inbox.remove([1])
        snapshot, _ = await self.opened()
        await self.fill(1)
        await self.inbox.remove([4])
        changed, vanished = snapshot.changedSince(old)
        self.assertEqual((list(changed), list(vanished)), ([3], [1, 4]))

    @asynchronous
    async def test_releasedIsNotTold(self):
        _snapshot, listener = await self.opened()
        self.inbox.release(listener)
        await self.fill(1)
        self.assertEqual(listener.changes, 0)
        # Whoever comes next finds it up to date.
        again, _ = await self.opened()
        self.assertEqual(list(again.uids), [1])
        await self.assertCurrent(again)

    @asynchronous
    async def test_listenerThatFailsIsAlone(self):
        _, good = await self.opened()
        bad = Listener()
        bad.mailboxChanged = lambda: 1 / 0
        await self.inbox.snapshot(bad)
        other = Listener()
        await self.inbox.snapshot(other)
        await self.fill(1)
        # Those who come after one that takes long have their turn later.
        for _ in range(100):
            if good.changes and other.changes:
                break
            await deferLater(reactor, 0.01)
        self.assertEqual((good.changes, other.changes), (1, 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    @asynchronous
    async def test_manyChangesAtOnce(self):
        """
        A storm of changes by many, with sessions that come and go: in the end everything agrees.
        """
        await self.fill(20)
        snapshot, _ = await self.opened()
        calls = []
        for number in range(1, 21):
            calls.append(append(self.inbox, self.incoming(), (), None))
            calls.append(self.inbox.storeFlags(range(number, 21), "+", ["\\Seen", f"k{number % 5}"]))
            calls.append(self.inbox.storeFlags([number], "+", ["\\Deleted"]))
            if number % 4 == 0:
                calls.append(self.inbox.expunge())
            calls.append(self.inbox.copy([number], self.inbox))
            calls.append(self.inbox.snapshot(Listener()))
        results = await DeferredList(calls)
        self.assertTrue(all(isGood for isGood, _ in results))
        await self.assertCurrent(snapshot)
        status = await self.inbox.status()
        flags = await self.flagsOf(self.inbox)
        self.assertEqual(status.messages, len(flags))
        self.assertEqual(status.unseen, sum(1 for bits in flags.values() if not bits & SEEN))
        self.assertEqual(status.deleted, sum(1 for bits in flags.values() if bits & DELETED))
        quota = await self.account.quota()
        self.assertEqual((quota.usedMessages, quota.usedOctets), (len(flags), len(flags) * len(TEXT)))
        self.assertEqual(status.sizeOctets, quota.usedOctets)
