"""
Several sessions on one mailbox, against a model of a client that believes what it is told and nothing else.
"""

from __future__ import annotations

import random
import re

from twisted.internet.defer import Deferred, gatherResults

from tests.unit.protocols.imap.sessions import Client, SessionCase

_FETCH = re.compile(rb"\* (\d+) FETCH \((?:UID (\d+) ?)?(?:FLAGS \(([^)]*)\))?")


class Model:
    """
    A client's idea of the mailbox: a UID (0: not asked yet) and flags (C{None}: not asked yet) for each number.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.uids: list[int] = []
        self.flags: list[frozenset[bytes] | None] = []

    def hear(self, said: bytes, mayExpunge: bool) -> None:
        for line in said.split(b"\r\n"):
            if line.endswith(b" EXISTS"):
                count = int(line.split()[1])
                assert count >= len(self.uids), "EXISTS never shrinks"
                self.uids += [0] * (count - len(self.uids))
                self.flags += [None] * (count - len(self.flags))
            elif line.endswith(b" EXPUNGE"):
                assert mayExpunge, "no EXPUNGE under FETCH, STORE and SEARCH"
                number = int(line.split()[1])
                del self.uids[number - 1]
                del self.flags[number - 1]
            elif match := _FETCH.match(line):
                index = int(match.group(1)) - 1
                if match.group(2):
                    uid = int(match.group(2))
                    assert self.uids[index] in (0, uid), "a number has another UID than before"
                    self.uids[index] = uid
                if match.group(3) is not None:
                    self.flags[index] = frozenset(match.group(3).split()) - {b"\\Recent"}

    async def do(self, line: bytes) -> bytes:
        said = await self.client.do(line)
        self.hear(said, line.split()[0] not in (b"FETCH", b"STORE", b"SEARCH"))
        return said


class ModelTests(SessionCase):
    async def test_severalSessions(self) -> None:
        await self.fill(*[b"Subject: %d\r\n\r\n" % number for number in range(8)])
        models = []
        for number in range(3):
            client = self.connect()
            await client.do(b"LOGIN anna secret")
            if number == 2:
                await client.do(b"ENABLE CONDSTORE")
            model = Model(client)
            await model.do(b"SELECT INBOX")
            models.append(model)
        chance = random.Random(10)

        async def act(model: Model) -> None:
            count = len(model.uids)
            number = chance.randint(1, max(count, 1))
            flag = chance.choice([b"\\Seen", b"\\Flagged", b"\\Deleted", b"$Work"])
            sign = chance.choice([b"+", b"-", b""])
            line = chance.choice(
                [
                    b"NOOP",
                    b"FETCH %d:* (UID FLAGS)" % number,
                    b"UID FETCH 1:* (FLAGS)",
                    b"FETCH %d BODY[]" % number,
                    b"STORE %d %bFLAGS (%b)" % (number, sign, flag),
                    b"STORE %d %bFLAGS.SILENT (%b)" % (number, sign, flag),
                    b"UID STORE %d %bFLAGS (%b)" % (number, sign, flag),
                    b"SEARCH UNSEEN",
                    b"EXPUNGE",
                    b"COPY %d INBOX" % number,
                    b"UID MOVE %d Trash" % chance.choice([uid for uid in model.uids if uid] or [1])
                    if chance.random() < 0.3
                    else b"NOOP",
                ]
            )
            if count == 0 and not line.startswith((b"NOOP", b"EXPUNGE", b"UID")):
                line = b"APPEND INBOX {15+}\r\nSubject: n\r\n\r\n.\r\n"
            said = await model.do(line)
            assert b" BAD " not in said, (line, said)
            if ".SILENT" in line.decode():
                # A client that asks for silence knows what it has done.
                model.flags[number - 1] = None

        # Each session goes on by itself: what the others do comes at any point of its commands.
        async def actOften(model: Model) -> None:
            for _ in range(130):
                await act(model)

        await gatherResults([Deferred.fromCoroutine(actOften(model)) for model in models])
        truth = await self._truth()
        for model in models:
            await model.do(b"NOOP")
            unknown = [uid for uid, flags in zip(model.uids, model.flags, strict=True) if flags is None or not uid]
            self.assertEqual(len(model.uids), len(truth))
            believed = {
                uid: flags for uid, flags in zip(model.uids, model.flags, strict=True) if uid and flags is not None
            }
            for uid, flags in believed.items():
                self.assertEqual(flags, truth[uid], uid)
            self.assertLess(len(unknown), len(truth) or 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def _truth(self) -> dict[int, frozenset[bytes]]:
        model = Model(await self.selected(b"EXAMINE INBOX"))
        model.uids = [0] * 10_000
        model.flags = [None] * 10_000
        await model.do(b"FETCH 1:* (UID FLAGS)")
        return {uid: flags or frozenset() for uid, flags in zip(model.uids, model.flags, strict=True) if uid}
