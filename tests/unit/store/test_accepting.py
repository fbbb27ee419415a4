"""
Where a new message is rendered; what becomes of it is in the contracts.
"""

from __future__ import annotations

import threading
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import TestCase

from osxmail.mail.address import Address
from osxmail.mail.mime import renderMessage
from osxmail.store import accepting
from osxmail.store.store import Store
from tests.fakes.mailstores import append

MESSAGES = Path(__file__).parent.parent.parent / "messages"
PARTS = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 1400
SIGNS = (b",", b'""', b";", b"a@b:", b"( ", b"=?a?q??= ")
HARD = [
    *(b"To: " + sign * (15_000 // len(sign)) + b"\r\n\r\nx" for sign in SIGNS),
    PARTS,
    ("To: " + "ä@ö.test, " * 300 + "\r\n\r\n").encode(),
]


class RenderTests(TestCase):
    """
    A small message may take 20 ms to render, where it was made to: not on the reactor.
    """

    async def whereRendered(self, octets: bytes) -> str:
        threads: list[threading.Thread] = []

        def render(*args: object, **more: object) -> object:
            threads.append(threading.current_thread())
            return renderMessage(*args, **more)  # type: ignore[arg-type]

        with patch.object(accepting, "renderMessage", render):
            incoming = self.store.incoming(100_000)
            incoming.write(octets)
            await append(self.inbox, incoming, (), None)
        (thread,) = threads
        return "reactor" if thread is threading.main_thread() else "thread"

    async def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.store = Store(folder)
        await self.store.open()
        self.addCleanup(self.store.close)
        account = await self.store.account("id", Address.parse("a@example.test"))
        self.inbox = await account.mailbox("INBOX")

    async def test_ordinary(self) -> None:
        for path in sorted(MESSAGES.glob("*.eml")):
            if path.stat().st_size <= accepting.RENDERED_AT_ONCE_OCTETS:
                self.assertEqual(await self.whereRendered(path.read_bytes()), "reactor", path.name)

    async def test_hard(self) -> None:
        for octets in HARD:
            self.assertLess(len(octets), accepting.RENDERED_AT_ONCE_OCTETS)
            self.assertEqual(await self.whereRendered(octets), "thread", octets[:20])
