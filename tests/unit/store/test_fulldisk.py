"""
A full disk: what does not fit is refused with StoreFull, nothing is damaged, reading goes on, and there is service
again when there is room.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import subprocess
from pathlib import Path

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SkipTest, TestCase

from osxmail.errors import MailError, StoreFull
from osxmail.mail.acceptance import QueueOutcome
from osxmail.mail.address import Address
from tests.contracts.engines import SQLiteEngine, acceptance, append, incomingOf

ANNA = "anna@example.test"


class FullDiskContract:
    """
    C{fill} leaves little room; C{makeRoom} gives it back.
    """

    async def deliver(self, data, *queued):
        sent = acceptance(self.store.newQueueId(), *queued, received=self.wallTime, appends=(append(ANNA),))
        incoming = self.store.incoming(1 << 30)
        try:
            for start in range(0, len(data), 65536):
                waiting = incoming.write(data[start : start + 65536])
                if waiting is not None:
                    await waiting
            return await self.store.accept(sent, incoming)
        finally:
            incoming.abort()

    async def contents(self):
        account = await self.store.account(ANNA, Address.parse(ANNA))
        inbox = await account.mailbox("INBOX")
        uids = [row[0] for row in (await inbox.changesSince(0)).changed]
        found = []
        for start in range(0, len(uids), 100):
            for _, message in await inbox.messages(uids[start : start + 100]):
                pieces = []
                while piece := await message.read(sum(map(len, pieces)), 262_144):
                    pieces.append(piece)
                found.append(b"".join(pieces))
        status = await inbox.status()
        self.assertEqual((status.messages, status.sizeOctets), (len(found), sum(map(len, found))))
        return found

    async def untilFull(self, size, most=400):
        """
        Messages that were taken until one is refused.
        """
        kept = []
        for number in itertools.count():
            self.assertLess(number, most, "the disk was never full")
            data = (b"Subject: %d\r\n\r\n" % number) + b"x" * size
            try:
                await self.deliver(data)
            except StoreFull:
                return kept
            kept.append(data)
        return None

    async def checkSize(self, size):
        kept = [b"Subject: before\r\n\r\n" + b"y" * size]
        await self.deliver(kept[0])
        await self.fill()
        kept += await self.untilFull(size)
        # Again and again without harm.  A checkpoint may have made a little room meanwhile.
        for number in range(3):
            data = b"Subject: again %d\r\n\r\n" % number + b"z" * max(size, 200_000)
            try:
                await self.deliver(data)
            except StoreFull:
                continue
            kept.append(data)
        self.assertEqual(await self.contents(), kept)
        await self.makeRoom()
        kept.append(b"Subject: after\r\n\r\n" + b"z" * size)
        await self.deliver(kept[-1])
        self.assertEqual(await self.contents(), kept)
        await self.reopen()
        self.assertEqual(await self.contents(), kept)
        check = await self.store.database.read(lambda txn: txn.execute("PRAGMA integrity_check").get)
        self.assertEqual(check, "ok")
        self.assertEqual(os.listdir(self.data / "spool"), [])

    async def test_rows(self):
        await self.checkSize(8_000)

    async def test_records(self):
        await self.checkSize(50_000)

    async def test_spooled(self):
        await self.checkSize(300_000)

    async def test_adopted(self):
        await self.checkSize(1_500_000)

    async def test_manyAtOnce(self):
        """
        Every one of a batch is told, and what was kept is exactly what was acknowledged.
        """
        await self.fill()
        kept = refused = 0
        for _ in range(60):
            answers = await gatherResults(
                [
                    self.store.accept(
                        acceptance(self.store.newQueueId(), received=self.wallTime, appends=(append(ANNA),)),
                        incomingOf(self.store, b"x" * 10_000),
                    ).addErrback(lambda failure: failure.trap(StoreFull) and None)
                    for _ in range(20)
                ]
            )
            refused += answers.count(None)
            kept += len(answers) - answers.count(None)
            if refused > 60:
                break
        self.assertGreater(refused, 60)
        self.assertEqual(len(await self.contents()), kept)
        await self.makeRoom()
        await self.deliver(b"after")
        self.assertEqual(len(await self.contents()), kept + 1)

    async def test_theQueueGoesOnAfterwards(self):
        await self.deliver(b"x" * 1000, "a@a.test", "b@a.test")
        (lease,) = await self.store.queue.claim(10, 600.0, ())
        await self.fill()
        await self.untilFull(8_000)
        outcomes = [QueueOutcome(each.address, True) for each in lease.recipients]
        try:
            await self.store.queue.report(lease, outcomes, ())
        except MailError as error:
            self.assertIsInstance(error, StoreFull)
            await self.makeRoom()
            (item,) = await self.store.queue.list()
            self.assertEqual(len(item.recipients), 2)
            await self.store.queue.report(lease, outcomes, ())
        self.assertEqual(await self.store.queue.list(), ())


class LimitedFilesTests(FullDiskContract, SQLiteEngine, TestCase):
    """
    No file may grow past a limit: what a quota (EDQUOT) or a file system's largest file (EFBIG) is like.
    """

    def setUp(self):
        self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.addCleanup(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, self.limits))
        return super().setUp()

    async def fill(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, self.limits[1]))

    async def makeRoom(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)


class FullFileSystemTests(FullDiskContract, SQLiteEngine, TestCase):
    """
    A small file system that is really full (root, for the mount).
    """

    def setUp(self):
        if os.geteuid() != 0 or shutil.which("mount") is None:
            raise SkipTest("mount, as root: a tmpfs is mounted")
        self.disk = Path(self.mktemp()).absolute()
        self.disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", self.disk], check=False, capture_output=True, text=True
        )
        if mounted.returncode:
            raise SkipTest(f"mount: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=True)
        return super().setUp()

    def mktemp(self):
        return str(self.disk / "data") if hasattr(self, "disk") else super().mktemp()

    async def fill(self):
        free = shutil.disk_usage(self.disk).free
        with (self.disk / "filling").open("wb") as file:
            file.write(b"x" * (free - 4_000_000))

    async def makeRoom(self):
        (self.disk / "filling").unlink()
