"""
What every store keeps to when it takes responsibility for a message.
"""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from osxmail.mail.acceptance import QueueRecipient, TraceEvent
from osxmail.mail.address import Address
from osxmail.mail.flags import FLAGGED, SEEN
from tests.contracts.mailstore import ALICE, BOB, TEXT, StoreTools, asynchronous

REMOTE = Address.parse("far@away.test")


class AcceptContract(StoreTools):
    """
    L{osxmail.interfaces.IMailStore.accept}.
    """

    @asynchronous
    async def test_copies(self):
        prefixes = [b"Delivered-To: alice@example.test\r\n", b"Delivered-To: bob@example.test\r\n"]
        acceptance = self.acceptance(
            self.copyFor(prefix=prefixes[0]),
            self.copyFor("bob-id", BOB, prefix=prefixes[1], flags=("\\Flagged",)),
        )
        accepted = await self.store.accept(acceptance, self.incoming())
        self.assertEqual((accepted.queueId, accepted.overQuota, accepted.queued), (acceptance.queueId, (), 0))
        self.assertEqual([each.accountId for each in accepted.appended], ["alice-id", "bob-id"])
        self.assertEqual(accepted.appended[0].mailboxId, self.inbox.mailboxId)
        self.assertEqual(await self.whole(self.inbox, 1), prefixes[0] + TEXT)
        bob = await (await self.store.existingAccount("bob-id")).mailbox("INBOX")
        self.assertEqual(await self.whole(bob, 1), prefixes[1] + TEXT)
        self.assertEqual(await self.flagsOf(bob), {1: FLAGGED})
        status = await bob.status()
        self.assertEqual(status.sizeOctets, len(prefixes[1] + TEXT))
        changes = await bob.changesSince(0)
        self.assertEqual(changes.changed[0][4], int(acceptance.received))
        ((_, message),) = await bob.messages([1])
        self.assertEqual((message.prefix, message.sizeOctets), (prefixes[1], len(prefixes[1] + TEXT)))

    @asynchronous
    async def test_octetsAreThereOnce(self):
        await self.store.accept(self.acceptance(*[self.copyFor(f"id-{n}") for n in range(10)]), self.incoming())
        count = await self.store.database.read(lambda txn: txn.execute("SELECT count(*) FROM octets").fetchone()[0])
        self.assertEqual(count, 1)

    @asynchronous
    async def test_renderedWithItsPrefix(self):
        """
        Fields that reception adds (Date, Message-ID) show in ENVELOPE.
        """
        prefix = b"Message-ID: <made@example.test>\r\n"
        await self.store.accept(self.acceptance(self.copyFor(prefix=prefix)), self.incoming())
        ((_, (envelope,)),) = await self.inbox.renderings([1], ["envelope"])
        self.assertIn(b"<made@example.test>", envelope)

    @asynchronous
    async def test_mailboxByNameOrInbox(self):
        await self.account.createMailbox("Lists/twisted")
        acceptance = self.acceptance(
            self.copyFor(mailbox="lists/twisted"), self.copyFor(mailbox="Lists/twisted"), self.copyFor(mailbox="inbox")
        )
        await self.store.accept(acceptance, self.incoming())
        listing = {each.name: each.messages for each in await self.account.listMailboxes()}
        self.assertEqual((listing["INBOX"], listing["Lists/twisted"]), (2, 1))

    @asynchronous
    async def test_keywordsOfADelivery(self):
        """
        A delivery does not fail because a mailbox has no more room for a keyword.
        """
        from osxmail.mail.flags import MAX_KEYWORDS

        await self.fill(1, flags=[f"k{number}" for number in range(MAX_KEYWORDS)])
        append = self.copyFor(flags=("\\Seen", "new", "K3"))
        await self.store.accept(self.acceptance(append), self.incoming())
        self.assertEqual((await self.flagsOf(self.inbox))[2], SEEN | 1 << (8 + 3))

    @asynchronous
    async def test_overQuotaIsQueued(self):
        append = self.copyFor(
            quotaOctets=len(TEXT) + 1, original="rfc822;alice@example.test", notify=frozenset(["NEVER"])
        )
        await self.store.accept(self.acceptance(append), self.incoming())
        acceptance = self.acceptance(append, self.copyFor("bob-id", BOB))
        accepted = await self.store.accept(acceptance, self.incoming())
        self.assertEqual(
            ([each.accountId for each in accepted.appended], accepted.overQuota, accepted.queued),
            (["bob-id"], (ALICE,), 1),
        )
        self.assertEqual((await self.inbox.status()).messages, 1)
        (item,) = await self.store.queue.list()
        self.assertEqual((item.queueId, item.recipients[0].destination), (acceptance.queueId, "local"))
        (lease,) = await self.store.queue.claim(10, 60.0, ())
        self.assertEqual(
            lease.recipients,
            (QueueRecipient(ALICE, local=True, original=append.original, notify=append.notify),),
        )

    @asynchronous
    async def test_quotaWithinABatch(self):
        accepted = await gatherResults(
            [
                self.store.accept(self.acceptance(self.copyFor(quotaOctets=3 * len(TEXT))), self.incoming())
                for _ in range(8)
            ]
        )
        self.assertEqual(sum(len(each.appended) for each in accepted), 3)
        self.assertEqual(sum(each.queued for each in accepted), 5)
        self.assertEqual((await self.account.quota()).usedMessages, 3)

    @asynchronous
    async def test_queued(self):
        woken = []
        self.store.queue.addListener(lambda: woken.append(1))
        acceptance = self.acceptance(
            self.copyFor(prefix=b"A: b\r\n"), queued=(QueueRecipient(REMOTE),), queuePrefix=b"C: d\r\n"
        )
        accepted = await self.store.accept(acceptance, self.incoming())
        self.assertEqual((len(accepted.appended), accepted.queued, woken), (1, 1, [1]))
        message = await self.store.queue.message(acceptance.queueId)
        self.assertEqual(await message.read(0, 10_000), b"C: d\r\n" + TEXT)
        self.assertEqual(message.sizeOctets, len(TEXT) + 6)
        self.assertEqual(await self.whole(self.inbox, 1), b"A: b\r\n" + TEXT)

    @asynchronous
    async def test_onlyQueued(self):
        """
        What nobody here reads is not rendered at once, but can be.
        """
        from osxmail.mail.mime import renderMessage

        for size in (1, 3_000):
            text = TEXT + b"more text\r\n" * size
            acceptance = self.acceptance(queued=(QueueRecipient(REMOTE),))
            await self.store.accept(acceptance, self.incoming(text))
            message = await self.store.queue.message(acceptance.queueId)
            self.assertEqual(await message.rendering(), renderMessage(text))

    @asynchronous
    async def test_traced(self):
        acceptance = self.acceptance(self.copyFor())
        event = TraceEvent(1.0, "message.accepted", acceptance.queueId, "id@x", (str(ALICE),), {"size": 3})
        accepted = self.acceptance(self.copyFor(), queueId=acceptance.queueId, trace=(event,))
        await self.store.accept(accepted, self.incoming())
        self.assertEqual(await self.store.trace("<id@x>", 0.0, 10), (event,))

    @asynchronous
    async def test_thrownAway(self):
        """
        Nobody wants it: only the trace remembers.
        """
        queueId = self.store.newQueueId()
        event = TraceEvent(1.0, "message.discarded", queueId)
        accepted = await self.store.accept(self.acceptance(queueId=queueId, trace=(event,)), self.incoming())
        self.assertEqual((accepted.appended, accepted.queued), ((), 0))
        self.assertEqual(await self.store.trace(queueId, 0.0, 10), (event,))
        count = await self.store.database.read(lambda txn: txn.execute("SELECT count(*) FROM octets").fetchone()[0])
        self.assertEqual(count, 0)

    @asynchronous
    async def test_manyAtOnce(self):
        """
        200 messages of all sizes for 7 people, at once: each arrives once, whole, with a UID of its own.
        """
        texts = [b"Subject: %d\r\n\r\n" % n + b"%06d\r\n" % n * (4 ** (n % 8)) for n in range(200)]
        people = [Address.parse(f"p{n}@example.test") for n in range(7)]
        accepted = await gatherResults(
            [
                self.store.accept(
                    self.acceptance(
                        *[self.copyFor(f"id-{p}", people[p]) for p in range(7) if (n + p) % 3 == 0],
                        queued=(QueueRecipient(REMOTE),) if n % 5 == 0 else (),
                    ),
                    self.incoming(text),
                )
                for n, text in enumerate(texts)
            ]
        )
        for p in range(7):
            mailbox = await (await self.store.account(f"id-{p}", people[p])).mailbox("INBOX")
            places = {}
            for n, each in enumerate(accepted):
                for appended in each.appended:
                    if appended.accountId == f"id-{p}":
                        places[appended.uid] = texts[n]
            self.assertEqual(sorted(places), list(range(1, len(places) + 1)))
            status = await mailbox.status()
            self.assertEqual((status.messages, status.sizeOctets), (len(places), sum(map(len, places.values()))))
            for uid in places:
                self.assertEqual(await self.whole(mailbox, uid), places[uid])
        self.assertEqual(len(await self.store.queue.list()), 40)

    @asynchronous
    async def test_refusedAloneInItsBatch(self):
        """
        One that cannot be kept does not harm those that share its commit, and can be tried again or aborted.
        """
        bad = self.acceptance(self.copyFor(flags=("\\NoSuchFlag",)))
        incoming = self.incoming()
        calls = [self.store.accept(self.acceptance(self.copyFor()), self.incoming()) for _ in range(3)]
        failed = self.store.accept(bad, incoming)
        calls += [self.store.accept(self.acceptance(self.copyFor()), self.incoming()) for _ in range(3)]
        await gatherResults(calls)
        await self.assertFailure(failed, ValueError)
        self.assertEqual((await self.inbox.status()).messages, 6)
        await self.store.accept(self.acceptance(self.copyFor()), incoming)
        self.assertEqual((await self.inbox.status()).messages, 7)
        self.assertEqual(await self.whole(self.inbox, 7), TEXT)

    @asynchronous
    async def test_abortedIsNotTaken(self):
        from osxmail.errors import StoreAway

        incoming = self.incoming()
        incoming.abort()
        await self.assertFailure(self.store.accept(self.acceptance(self.copyFor()), incoming), StoreAway)
        self.assertEqual((await self.inbox.status()).messages, 0)
