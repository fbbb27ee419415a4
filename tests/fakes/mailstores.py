"""
The real store in a folder of its own, for tests of those who read and write mail.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from osxmail.interfaces import IIncoming, IMailbox, NewMessage
from osxmail.mail.acceptance import Appended
from osxmail.mail.address import Address
from osxmail.store.store import Store


async def openStore(reactor: Any, now: float = 1_700_000_000.0) -> tuple[Store, Path]:
    """
    An empty store with a clock that stands still, and its folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="osxmail-test-"))
    store = Store(folder, reactor, now=lambda: now)
    await store.open()
    return store, folder


async def closeStore(store: Store, folder: Path) -> None:
    await store.close()
    shutil.rmtree(folder, ignore_errors=True)


async def inboxOf(store: Store, name: str) -> IMailbox:
    """
    The INBOX of the person that C{tests.unit.protocols.transports.person} makes.
    """
    account = await store.account(f"id-{name}", Address(name, "example.test"))
    return await account.mailbox("INBOX")


async def put(store: Store, mailbox: IMailbox, octets: bytes, flags: Sequence[str] = (), date: float = 0.0) -> int:
    """
    Append a message; its UID.
    """
    incoming = store.incoming(len(octets))
    waiting = incoming.write(octets)
    if waiting is not None:
        await waiting
    return (await append(mailbox, incoming, flags, date)).uid


def append(
    mailbox: IMailbox, incoming: IIncoming, flags: Sequence[str] = (), date: float | None = None
) -> Deferred[Appended]:
    """
    Append one message.
    """
    return mailbox.appendAll([NewMessage(incoming, flags, date)]).addCallback(lambda appended: appended[0])
