"""
kill -9 of a process that drives the store, at random and at chosen points: nothing that was acknowledged is lost,
nothing is doubled, and what was not acknowledged is there as a whole or not at all.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import apsw
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from osxmail.mail.address import Address
from osxmail.store.collection import Collection
from osxmail.store.store import Store
from tests.crash.driver import USERS, content
from tests.fakes.settings import FakeSettings

ROOT = Path(__file__).parents[2]
RANDOM_ROUNDS = 5
READY_SECONDS = 30.0
ROUND_SECONDS = 20.0  # in which a chosen point is passed often enough


class Facts:
    """
    What the driver has said, of all its lives.
    """

    def __init__(self, text: str) -> None:
        self.tried = {}  # name: (size, queueId, users, queue recipients)
        self.kept = set()
        self.dropping = defaultdict(set)  # user: names
        self.dropped = defaultdict(set)
        self.reporting = set()  # (queueId, address)
        self.reported = set()
        self.groups = []  # (user, names)
        self.drafts = defaultdict(lambda: "-")  # user: the name of the draft that is there for sure
        self.drafting = {}  # user: what may have taken its place
        self.failed = []
        for line in text.splitlines():
            word, *rest = line.split(" ")
            match word:
                case "try" | "kept":
                    name, size, queueId, users, queued = rest
                    self.tried[name] = (int(size), queueId, _words(users), _words(queued))
                    if word == "kept":
                        self.kept.add(name)
                case "drop" | "dropped":
                    (self.dropping if word == "drop" else self.dropped)[rest[0]].update(_words(rest[1]))
                case "report" | "reported":
                    pairs = {(rest[0], address) for address in _words(rest[1])}
                    (self.reporting if word == "report" else self.reported).update(pairs)
                case "settled":
                    self.drafts[rest[0]] = rest[1]
                    self.drafting.pop(rest[0], None)
                case "group":
                    self.groups.append((rest[0], _words(rest[1])))
                case "redraft" | "redrafted":
                    user, _before, name, size = rest
                    self.tried[name] = (int(size), "-", [], [])
                    if word == "redraft":
                        self.drafting[user] = name
                    else:
                        self.drafts[user] = name
                        del self.drafting[user]
                case "failed":
                    self.failed.append(line)


def _words(text):
    return [] if text == "-" else text.split(",")


class CrashTests(TestCase):
    timeout = 240

    def setUp(self):
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.log = self.folder / "facts"
        self.data = self.folder / "data"
        self.data.mkdir()
        self.lives = 0

    def live(self, point, nth, seconds):
        """
        One life of the driver.  Blocking.

        @return: its exit status.
        """
        self.lives += 1
        before = self.log.read_text().count("ready\n") if self.log.exists() else 0
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.driver", self.data, self.log, str(self.lives), point, str(nth)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            end = time.monotonic() + READY_SECONDS
            while not (self.log.exists() and self.log.read_text().count("ready\n") > before):
                if process.poll() is not None or time.monotonic() > end:
                    break
                time.sleep(0.02)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        finally:
            process.kill()
        return process.wait()

    async def crash(self, point, nth, seconds=ROUND_SECONDS):
        status = await deferToThread(self.live, point, nth, seconds)
        self.assertEqual(status, -signal.SIGKILL)
        await self.check()

    async def check(self):
        facts = Facts(self.log.read_text())
        self.assertEqual(facts.failed, [])
        connection = apsw.Connection(str(self.data / "osxmail.sqlite"))
        self.assertEqual(connection.execute("PRAGMA integrity_check").get, "ok")
        connection.close()
        store = Store(self.data)
        await store.open()
        try:
            boxes = {str(user): await self.mailbox(store, user, facts) for user in USERS}
            queue = await self.queue(store, facts)
            await Collection(store.database, store.octets, FakeSettings(), reactor).collect()
            for user, names in facts.groups:
                counts = {boxes[user][name] for name in names if name not in facts.dropping[user]}
                self.assertLessEqual(len(counts), 1, f"of {names} some are there")
            for name, (_, queueId, users, recipients) in facts.tried.items():
                self.checkMessage(facts, name, users, boxes, [(queueId, address) for address in recipients], queue)
        finally:
            await store.close()
        return facts

    async def mailbox(self, store, user, facts):
        """
        Names of what is in a mailbox; each has all its octets.
        """
        account = await store.account(str(user), user)
        inbox = await account.mailbox("INBOX")
        uids = [row[0] for row in (await inbox.changesSince(0)).changed]
        status = await inbox.status()
        self.assertEqual(status.messages, len(uids))
        self.assertEqual(len(set(uids)), len(uids))
        names = []
        total = 0
        for start in range(0, len(uids), 100):
            for _, message in await inbox.messages(uids[start : start + 100]):
                names.append(await self.name(message, facts))
                total += message.sizeOctets
        self.assertEqual(status.sizeOctets, total)
        total += await self.draft(account, str(user), facts)
        self.assertEqual((await account.quota()).usedOctets, total)
        return Counter(names)

    async def draft(self, account, user, facts):
        """
        There is one draft, the last or the one that was to take its place, and all of it.

        @return: how large it is.
        """
        drafts = await account.mailbox("Drafts")
        uids = [row[0] for row in (await drafts.changesSince(0)).changed]
        messages = await drafts.messages(uids)
        names = [await self.name(message, facts) for _, message in messages] or ["-"]
        self.assertEqual(len(names), 1, names)
        self.assertIn(names[0], (facts.drafts[user], facts.drafting.get(user)))
        # The next life goes on from here.
        with self.log.open("a") as log:
            if facts.drafting.get(user) is not None:
                log.write(f"settled {user} {names[0]}\n")
        return sum(message.sizeOctets for _, message in messages)

    async def queue(self, store, facts):
        found = []
        for item in await store.queue.list(limit=100_000):
            await self.name(await store.queue.message(item.queueId), facts)
            self.assertTrue(item.recipients)
            found += [(item.queueId, str(state.address)) for state in item.recipients]
        return Counter(found)

    async def name(self, message, facts):
        data = b""
        while piece := await message.read(len(data), 262_144):
            data += piece
        name = re.match(rb"Subject: (\S+)\r\n", data).group(1).decode()
        self.assertEqual(data, content(name, facts.tried[name][0]), name)
        return name

    def checkMessage(self, facts, name, users, boxes, places, queue):
        sure = []
        for user in users:
            count = boxes[user][name]
            self.assertLessEqual(count, 1, f"{name} is doubled for {user}")
            if name in facts.dropped[user]:
                self.assertEqual(count, 0, f"{name} came back to {user}")
            elif name not in facts.dropping[user]:
                sure.append(count)
        for place in places:
            count = queue[place]
            self.assertLessEqual(count, 1, f"{place} is doubled")
            if place in facts.reported:
                self.assertEqual(count, 0, f"{place} came back")
            elif place not in facts.reporting:
                sure.append(count)
        if name in facts.kept:
            self.assertEqual(sure, [1] * len(sure), f"{name} is lost")
        else:
            self.assertEqual(len(set(sure)), min(1, len(sure)), f"{name} is there in part")

    async def test_atChosenPoints(self):
        for point, nth in [
            ("before-sync", 25), ("after-sync", 25), ("after-commit", 25), ("in-append", 12), ("after-link", 2),
            ("after-sync", 3), ("after-commit", 2),
        ]:  # fmt: skip
            await self.crash(point, nth)
        facts = Facts(self.log.read_text())
        self.assertGreater(len(facts.kept), 100)
        # There were some of each kind that the crashes have cut off.
        self.assertGreater(len(facts.tried), len(facts.kept))

    async def test_atRandom(self):
        chance = random.Random(int(os.environ.get("OSXMAIL_CRASH_SEED", "1")))
        for _ in range(RANDOM_ROUNDS):
            await self.crash("-", 0, chance.uniform(0.2, 1.5))
        facts = Facts(self.log.read_text())
        self.assertGreater(len(facts.kept), 100)
        self.assertGreater(len(facts.reported), 10)
        self.assertGreater(len(facts.groups), 10)
        self.assertEqual(len(facts.drafts), len(USERS))
        self.assertGreater(sum(map(len, facts.dropped.values())), 10)

    async def test_theCheckSees(self):
        """
        What these tests look for they would find: a message twice, and none.
        """
        await self.crash("-", 0, 0.7)
        facts = Facts(self.log.read_text())
        user, name = next(
            (user, name)
            for name in sorted(facts.kept)
            for user in facts.tried[name][2]
            if name not in facts.dropping[user]
        )
        await self.inStore(user, facts, name, lambda inbox, uids: inbox.copy(uids, inbox))
        with self.assertRaises(self.failureException):
            await self.check()
        await self.inStore(user, facts, name, lambda inbox, uids: inbox.remove(uids[:1]))
        await self.check()
        await self.inStore(user, facts, name, lambda inbox, uids: inbox.remove(uids))
        with self.assertRaises(self.failureException):
            await self.check()

    async def inStore(self, user, facts, name, function):
        """
        Do something with the copies of a message that a user has.
        """
        store = Store(self.data)
        await store.open()
        inbox = await (await store.account(user, Address.parse(user))).mailbox("INBOX")
        uids = []
        for row in (await inbox.changesSince(0)).changed:
            ((_, message),) = await inbox.messages([row[0]])
            if await self.name(message, facts) == name:
                uids.append(row[0])
        await function(inbox, uids)
        await store.close()
