"""
Drives a store until it is killed: C{python -m tests.crash.driver FOLDER LOG SEED POINT NTH}.

Each line of the log is one fact, written before or after the store has answered: C{try}, C{kept}; C{drop}, C{dropped};
C{report}, C{reported}; C{group}, the names of what was handed over together; C{redraft}, C{redrafted}: in the Drafts,
one message takes the place of another (C{-}: of none).  At the C{NTH} passing of C{POINT} the process kills itself;
without one, somebody else does.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import zlib
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from osxmail.errors import InUse
from osxmail.interfaces import NewMessage
from osxmail.mail.acceptance import Acceptance, Append, QueueOutcome, QueueRecipient
from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.store import collection, segments
from osxmail.store.collection import Collection
from osxmail.store.store import Store
from tests.fakes.settings import FakeSettings

USERS = [Address.parse(f"user{n}@example.test") for n in range(5)]
SIZES = (300, 4_000, 16_384, 16_385, 30_000, 66_000, 200_000, 1_100_000)
SENDERS = 6
POINTS = ("before-sync", "after-sync", "after-commit", "in-append", "after-link")


def content(name: str, size: int) -> bytes:
    """
    The message of this name: no two have the same octets.
    """
    head = f"Subject: {name}\r\nX-Size: {size}\r\n\r\n".encode()
    filling = random.Random(zlib.crc32(head)).randbytes(997)
    return (head + filling * (size // 997 + 1))[:size]


class Driver:
    def __init__(self, folder: Path, logFile: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.log = os.open(logFile, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.store = Store(folder)
        self.count = 0

    def say(self, *words: object) -> None:
        os.write(self.log, (" ".join(map(str, words)) + "\n").encode())

    def dieAt(self, point: str, nth: int) -> None:
        passed = 0

        def here() -> None:
            nonlocal passed
            passed += 1
            if passed == nth:
                os.kill(os.getpid(), signal.SIGKILL)

        database = self.store.database
        match point:
            case "before-sync":
                database.beforeCommit.insert(0, here)
            case "after-sync":
                database.beforeCommit.append(here)
            case "after-commit":
                database.committed.append(here)
            case "in-append":
                writeAll = segments.writeAll

                def write(fd, pieces, offset):
                    # Half of it, as a process that dies in the middle would leave it.
                    data = b"".join(pieces)
                    writeAll(fd, (data[: len(data) // 2],), offset)
                    here()
                    writeAll(fd, (data[len(data) // 2 :],), offset + len(data) // 2)

                segments.writeAll = write
            case "after-link":
                link = os.link

                def linked(*args):
                    link(*args)
                    here()

                os.link = linked

    async def run(self, point: str, nth: int) -> None:
        await self.store.open()
        if point != "-":
            self.dieAt(point, nth)
        self.say("ready")
        # Small, so that segments are finished, die and are compacted while we watch.
        self.store.octets.segments._segmentOctets = 1_000_000
        for name, value in [("GRACE_SECONDS", 0.1), ("COMPACT_FROM_OCTETS", 100_000), ("COMPACT_BELOW", 0.9)]:
            setattr(collection, name, value)
        jobs = [self.send] * SENDERS + [self.deliver, self.deliver, self.drop, self.collect]
        jobs += [self.appendSeveral, self.redraft]
        for job in jobs:
            Deferred.fromCoroutine(self.forever(job)).addErrback(self.fail)

    def fail(self, failure) -> None:
        self.say("failed", repr(failure.getTraceback()))
        os._exit(3)

    async def forever(self, job) -> None:
        while True:
            await job()

    async def send(self) -> None:
        self.count += 1
        name = f"{self.seed}-{self.count}"
        size = self.random.choice(SIZES)
        users = self.random.sample(USERS, self.random.choice((1, 1, 2)))
        queued = tuple(
            QueueRecipient(Address.parse(f"r{n}@{self.random.choice('abc')}.test"))
            for n in range(self.random.choice((0, 0, 1, 2)))
        )
        if queued and self.random.random() < 0.5:
            users = []
        queueId = self.store.newQueueId()
        recipients = [*users, *[each.address for each in queued]]
        acceptance = Acceptance(
            queueId,
            Envelope(USERS[0], tuple(Recipient(each) for each in recipients)),
            1_700_000_000.0,
            tuple(Append(str(each), each, "INBOX", b"", each) for each in users),
            queued,
        )
        incoming = self.store.incoming(1 << 24)
        data = content(name, size)
        for start in range(0, size, 60_000):
            waiting = incoming.write(data[start : start + 60_000])
            if waiting is not None:
                await waiting
        fact = (name, size, queueId, ",".join(map(str, users)) or "-", ",".join(str(e.address) for e in queued) or "-")
        self.say("try", *fact)
        await self.store.accept(acceptance, incoming)
        self.say("kept", *fact)

    async def arrive(self, name: str, size: int) -> NewMessage:
        incoming = self.store.incoming(1 << 24)
        data = content(name, size)
        for start in range(0, size, 60_000):
            waiting = incoming.write(data[start : start + 60_000])
            if waiting is not None:
                await waiting
        return NewMessage(incoming)

    async def appendSeveral(self) -> None:
        """
        MULTIAPPEND: all or none.
        """
        user = self.random.choice(USERS)
        inbox = await (await self.store.account(str(user), user)).mailbox("INBOX")
        facts = []
        messages = []
        for _ in range(self.random.choice((2, 3, 8))):
            self.count += 1
            name, size = f"{self.seed}-{self.count}", self.random.choice(SIZES)
            messages.append(await self.arrive(name, size))
            facts.append((name, size, "-", user, "-"))
        for fact in facts:
            self.say("try", *fact)
        self.say("group", user, ",".join(fact[0] for fact in facts))
        await inbox.appendAll(messages)
        for fact in facts:
            self.say("kept", *fact)
        await deferLater(reactor, 0.02)

    async def redraft(self) -> None:
        """
        REPLACE: one comes and one goes.
        """
        user = self.random.choice(USERS)
        drafts = await (await self.store.account(str(user), user)).mailbox("Drafts")
        rows = (await drafts.changesSince(0)).changed
        self.count += 1
        name, size = f"{self.seed}-{self.count}", self.random.choice(SIZES)
        message = await self.arrive(name, size)
        before = "-"
        if rows:
            ((_, old),) = await drafts.messages([rows[0][0]])
            before = (await old.read(0, 100)).split(b"\r\n")[0].decode().removeprefix("Subject: ")
        self.say("redraft", user, before, name, size)
        if rows:
            await drafts.replace(rows[0][0], drafts, message)
        else:
            await drafts.appendAll([message])
        self.say("redrafted", user, before, name, size)
        await deferLater(reactor, 0.02)

    async def deliver(self) -> None:
        leases = await self.store.queue.claim(5, 600.0, ())
        for lease in leases:
            message = await self.store.queue.message(lease.queueId)
            await message.read(0, 1000)
            names = ",".join(str(each.address) for each in lease.recipients)
            self.say("report", lease.queueId, names)
            try:
                await self.store.queue.report(
                    lease, [QueueOutcome(each.address, True) for each in lease.recipients], ()
                )
            except InUse:
                self.say("failed", "the lease was lost")
            self.say("reported", lease.queueId, names)
        await deferLater(reactor, 0.01)

    async def drop(self) -> None:
        user = self.random.choice(USERS)
        account = await self.store.account(str(user), user)
        inbox = await account.mailbox("INBOX")
        rows = (await inbox.changesSince(0)).changed
        some = [row[0] for row in rows if self.random.random() < 0.3]
        if some:
            heads = [await message.read(0, 100) for _, message in await inbox.messages(some[:100])]
            some = some[:100]
            named = ",".join(head.split(b"\r\n")[0].decode().removeprefix("Subject: ") for head in heads)
            self.say("drop", user, named)
            await inbox.remove(some)
            self.say("dropped", user, named)
        await deferLater(reactor, 0.05)

    async def collect(self) -> None:
        await Collection(self.store.database, self.store.octets, FakeSettings(), reactor).collect()
        await deferLater(reactor, 0.02)


def main() -> None:
    folder, logFile, seed, point, nth = sys.argv[1:]
    driver = Driver(Path(folder), Path(logFile), int(seed))
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(driver.run(point, int(nth))).addErrback(driver.fail))
    reactor.run()


if __name__ == "__main__":
    main()
