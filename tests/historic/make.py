"""
Makes the store of the newest schema version: C{python -m tests.historic.make}.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from osxmail.interfaces import NewMessage
from osxmail.mail.acceptance import (
    Acceptance,
    Alias,
    Append,
    Domain,
    LocalAccount,
    QueueOutcome,
    QueueRecipient,
    TraceEvent,
)
from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.mail.smtpreply import Reply
from osxmail.store.domains import Domains
from osxmail.store.localaccounts import LocalAccounts
from osxmail.store.migrate import knownVersions, schemaFiles
from osxmail.store.settingrows import SettingRows
from osxmail.store.store import Store

FOLDER = Path(__file__).parent
TIME = 1_700_000_000.0

ANNA = Address.parse("Anna@example.test")
BERT = Address.parse("bert@example.test")
CARL = Address.parse("carl@elsewhere.test")

SMALL = (
    b"From: carl@elsewhere.test\r\nTo: anna@example.test\r\nSubject: small\r\nMessage-ID: <small@x>\r\n\r\nBody.\r\n"
)
LARGE = b"From: carl@elsewhere.test\r\nSubject: large\r\n\r\n" + b"A line of a large message.\r\n" * 900
PREFIX = b"Delivered-To: anna@example.test\r\n"


async def fill(store: Store) -> None:
    """
    One of everything that a store keeps.
    """
    await Domains(store.database, reactor).addDomain(Domain("example.test", BERT))
    await Domains(store.database, reactor).addAlias(Alias(Address.parse("info@example.test"), (ANNA, BERT)))
    await LocalAccounts(store.database, reactor).addAccount(
        LocalAccount("anna-id", ANNA, "$argon2id$x", "Anna", quotaOctets=5)
    )
    await SettingRows(store.database, lambda: TIME).setSetting("relay.port", "2525", "root")
    event = TraceEvent(
        TIME, "message.accepted", "00000000000SMALL", "small@x", ("anna@example.test",), {"size": len(SMALL)}
    )
    await accept(
        store, "00000000000SMALL", SMALL, (append("anna-id", ANNA, PREFIX), append("bert-id", BERT)), (), (event,)
    )
    await accept(store, "00000000000LARGE", LARGE, (append("anna-id", ANNA),), (QueueRecipient(CARL),))
    await accept(store, "000000000000HELD", SMALL, (), (QueueRecipient(CARL),), isHeld=True)
    (lease,) = await store.queue.claim(10, 60.0, ())
    outcome = QueueOutcome(CARL, False, TIME + 300, Reply.make(451, "4.7.1", "later"), "mx.elsewhere.test", True)
    await store.queue.report(lease, [outcome], ())
    account = await store.account("anna-id", ANNA)
    inbox = await account.mailbox("INBOX")
    await inbox.storeFlags([1], "+", ["\\Seen", "$Work"])
    archive = await account.createMailbox("Archive/2023")
    await inbox.copy([1], archive)
    await inbox.appendAll([NewMessage(incoming(store, SMALL), ["\\Deleted"], TIME)])
    await inbox.expunge()
    # From version 2 on.
    await archive.setAccess("bert@example.test", "=", "lrs")
    await archive.setAnnotations("anna-id", {"/shared/comment": b"old", "/private/comment": b"mine"})
    await account.setQuota(1 << 30, 1000)
    await account.overrideQuota(None, 500)
    await (await store.sharedAccount()).createMailbox("News")


def append(accountId: str, address: Address, prefix: bytes = b"") -> Append:
    return Append(accountId, address, "INBOX", prefix, address)


def incoming(store: Store, data: bytes):
    arriving = store.incoming(1 << 20)
    arriving.write(data)
    return arriving


async def accept(store, queueId, data, appends, queued, trace=(), **more) -> None:
    recipients = tuple(Recipient(each.recipient) for each in appends) + tuple(
        Recipient(each.address) for each in queued
    )
    envelope = Envelope(CARL, recipients, "8BITMIME")
    await store.accept(Acceptance(queueId, envelope, TIME, appends, queued, trace=trace, **more), incoming(store, data))


async def make() -> None:
    folder = FOLDER / f"{max(knownVersions(schemaFiles())):03d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    store = Store(folder, now=lambda: TIME)
    await store.open()
    await fill(store)
    await store.close()
    for name in ("osxmail.sqlite.lock", "osxmail.sqlite-wal", "osxmail.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "spool")


if __name__ == "__main__":
    making = Deferred.fromCoroutine(make())
    making.addErrback(lambda failure: failure.printTraceback()).addBoth(lambda _: reactor.callLater(0, reactor.stop))
    reactor.run()
