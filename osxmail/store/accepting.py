# -*- test-case-name: tests.unit.store.test_accepting -*-
"""
New messages: the one durable act of mail that comes in, and IMAP's APPEND.

What shares a commit shares its statements: the functions ending in C{All_txn} write a whole batch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from osxmail.errors import LimitExceeded, NoSuchMailbox, NoSuchMessage, OverQuota
from osxmail.interfaces import NewMessage
from osxmail.mail.acceptance import Acceptance, Accepted, Append, Appended, QueueRecipient
from osxmail.mail.header import headerEnd
from osxmail.mail.mailboxname import INBOX, normalizeMailboxName
from osxmail.mail.mime import Rendering, renderMessage
from osxmail.store.accountrows import MAX_ACCOUNTS_REMEMBERED, findAccount_txn, findMailbox_txn, makeAccount_txn
from osxmail.store.changes import Delta
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.expunging import remove_txn
from osxmail.store.flagging import flagBits_txn
from osxmail.store.incoming import Incoming
from osxmail.store.octets import Octets
from osxmail.store.placing import Placed, Placing
from osxmail.store.queuerows import QueueEntry, enqueue_txn
from osxmail.store.renderings import packedUtf8
from osxmail.store.trace import recordTrace_txn

#: Up to this size a message is rendered on the reactor (some 20 µs), unless it was made to be hard; above, in a thread.
RENDERED_AT_ONCE_OCTETS = 16 * 1024
#: Messages of one APPEND that are made ready without letting others have their turn.
PREPARED_AT_ONCE = 40
#: Of these no message that is rendered at once has more, in its header and in all: a microsecond and ten for each.
MAX_QUICK_SIGNS = 2_000
MAX_QUICK_DELIMITERS = 100
_SIGNS = b' \t,;:=?"()<>@[]\\'


@define(eq=False, slots=True)
class Arrival:
    """
    An acceptance that is ready for the writer.

    @ivar rendering: C{None} where nobody has a copy: it is made when somebody gets one.
    """

    acceptance: Acceptance
    incoming: Incoming
    rendering: Rendering | None


@define(eq=False, slots=True)
class Batch:
    """
    The messages of one APPEND, ready for the writer.

    @ivar flags: of each.
    @ivar dates: of each, seconds since the epoch.
    @ivar freedOctets: what the same transaction has removed from the account: that much may come whatever the quota.
    """

    accountId: str
    mailboxId: int
    incomings: list[Incoming]
    renderings: list[Rendering]
    flags: list[Sequence[str]]
    dates: list[float]
    freedOctets: int = 0

    def release(self) -> None:
        """
        The store could not take them.
        """
        for incoming in self.incomings:
            incoming.release()


class _Prefixes:
    """
    The prefixes of one message: each distinct text has a number, from 1.
    """

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    def number(self, prefix: bytes) -> int:
        return self._numbers.setdefault(prefix, len(self._numbers) + 1) if prefix else 0

    def rows(self, octetsId: int) -> Iterable[tuple[int, int, bytes]]:
        return ((octetsId, number, prefix) for prefix, number in self._numbers.items())


def _isQuick(octets: bytes) -> bool:
    """
    Is this small message not made to be hard?  Then it is not worth a thread.
    """
    if octets.count(b"\n--") > MAX_QUICK_DELIMITERS:
        return False
    header = octets[: headerEnd(octets)]
    # What is not in ASCII is rendered twice, and domains in it take ten times as long.
    most = MAX_QUICK_SIGNS if octets.isascii() or header.isascii() else MAX_QUICK_SIGNS // 4
    return len(header) - len(header.translate(None, _SIGNS)) <= most


class Accepting:
    """
    See the module.
    """

    def __init__(
        self,
        database: Database,
        octets: Octets,
        placed: Callable[[Iterable[Placed]], object],
        queueChanged: Callable[[], object],
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param placed: called on the reactor after a commit, with what mailboxes have got.
        @param queueChanged: called on the reactor after a commit that has put something into the queue.
        """
        self._database = database
        self._octets = octets
        self._placed = placed
        self._queueChanged = queueChanged
        self._now = now
        # The writer's thread only.  An INBOX keeps its number as long as its account lives, whatever another process
        # does; each use looks whether it is still there.
        self._inboxes: dict[str, int] = {}
        database.afterRollback.append(self._inboxes.clear)

    def accept(self, acceptance: Acceptance, incoming: Incoming) -> Deferred[Accepted]:
        """
        See L{osxmail.interfaces.IMailStore.accept}.
        """
        return Deferred.fromCoroutine(self._accept(acceptance, incoming))

    async def _accept(self, acceptance: Acceptance, incoming: Incoming) -> Accepted:
        arrival = await self._prepare(acceptance, incoming)
        try:
            accepted: Accepted = await self._database.writeTogether(self.acceptAll_txn, arrival, _heldOctets(incoming))
        except BaseException:
            incoming.release()
            raise
        return accepted

    def prepare(self, acceptance: Acceptance, incoming: Incoming) -> Deferred[Arrival]:
        """
        What L{acceptAll_txn} wants, for one who calls it in a transaction of its own (a bounce): on failure that one
        calls C{incoming.release()}.

        @raise StoreFull: (in the Deferred) the spool could not be written.
        """
        return Deferred.fromCoroutine(self._prepare(acceptance, incoming))

    async def _prepare(self, acceptance: Acceptance, incoming: Incoming) -> Arrival:
        waiting = incoming.seal()
        if waiting is not None:
            await waiting
        rendering = None
        if acceptance.appends:
            rendering = await self._render(incoming, acceptance.appends[0].prefix)
        return Arrival(acceptance, incoming, rendering)

    async def _render(self, incoming: Incoming, prefix: bytes) -> Rendering:
        if incoming.isInMemory and incoming.sizeOctets <= RENDERED_AT_ONCE_OCTETS:
            octets = incoming.content()
            if _isQuick(octets):
                return renderMessage(octets, prefix)
        try:
            return await incoming.examineInThread(partial(renderMessage, prefix=prefix))
        except BaseException:
            incoming.release()
            raise

    def append(self, accountId: str, mailboxId: int, messages: Sequence[NewMessage]) -> Deferred[tuple[Appended, ...]]:
        """
        See L{osxmail.interfaces.IMailbox.appendAll}.
        """
        return Deferred.fromCoroutine(self._append(accountId, mailboxId, messages))

    async def _append(self, accountId: str, mailboxId: int, messages: Sequence[NewMessage]) -> tuple[Appended, ...]:
        if not messages:
            return ()
        batch = await self.prepareBatch(accountId, mailboxId, messages)
        held = sum(map(_heldOctets, batch.incomings))
        try:
            appended: tuple[Appended, ...] = await self._database.writeTogether(self.appendAll_txn, batch, held)
        except BaseException:
            batch.release()
            raise
        return appended

    def replace(
        self,
        sourceId: int,
        uid: int,
        accountId: str,
        mailboxId: int,
        message: NewMessage,
        vanished: Callable[[int, Delta], object],
    ) -> Deferred[Appended]:
        """
        See L{osxmail.interfaces.IMailbox.replace}.

        @param vanished: called on the reactor after the commit, with what has left the source.
        """
        return Deferred.fromCoroutine(self._replace(sourceId, uid, accountId, mailboxId, message, vanished))

    async def _replace(
        self,
        sourceId: int,
        uid: int,
        accountId: str,
        mailboxId: int,
        message: NewMessage,
        vanished: Callable[[int, Delta], object],
    ) -> Appended:
        batch = await self.prepareBatch(accountId, mailboxId, [message])

        def write_txn(txn: Transaction) -> Appended:
            row = txn.execute(
                """SELECT message.size, mailbox.account_id = (SELECT account_id FROM mailbox WHERE id = ?)
                    FROM message JOIN mailbox ON mailbox.id = message.mailbox_id
                    WHERE message.mailbox_id = ? AND message.uid = ?""",
                (mailboxId, sourceId, uid),
            ).fetchone()
            delta = remove_txn(txn, sourceId, [uid])
            if row is None or delta is None:
                raise NoSuchMessage("the message to be replaced is gone")
            batch.freedOctets = row[0] if row[1] else 0
            # Before what comes: a snapshot takes changes over in the order of their MODSEQs.
            txn.afterCommit(partial(vanished, sourceId, delta))
            (result,) = self.appendAll_txn(txn, [batch])
            if isinstance(result, Exception):
                raise result
            return result[0]

        try:
            return await self._database.write(write_txn, sum(map(_heldOctets, batch.incomings)))
        except BaseException:
            batch.release()
            raise

    async def prepareBatch(self, accountId: str, mailboxId: int, messages: Sequence[NewMessage]) -> Batch:
        """
        What L{appendAll_txn} wants; one who calls it in a transaction of its own calls C{Batch.release()} on failure.

        @raise StoreFull: the spool could not be written.
        """
        now = self._now()
        batch = Batch(accountId, mailboxId, [], [], [], [])
        try:
            for count, message in enumerate(messages, 1):
                if count % PREPARED_AT_ONCE == 0:
                    await deferLater(self._database.reactor, 0.0)  # type: ignore[arg-type]
                incoming = message.incoming
                assert isinstance(incoming, Incoming), "a message comes in by the store's own incoming()"
                batch.incomings.append(incoming)
                waiting = incoming.seal()
                if waiting is not None:
                    await waiting
                batch.renderings.append(await self._render(incoming, b""))
                batch.flags.append(message.flags)
                batch.dates.append(now if message.internalDate is None else message.internalDate)
        except BaseException:
            batch.release()
            raise
        return batch

    # --------------------------------------------------------------------------------- in the writer's thread

    def acceptAll_txn(self, txn: Transaction, items: Sequence[Arrival]) -> list[Accepted]:
        """
        Commit acceptances: copies, queue entries, traces.
        """
        placing = Placing(self._now())
        targets = self._targets_txn(txn, placing, items)
        kept = [each for each in items if each.acceptance.appends or each.acceptance.queued]
        octetsIds = dict(
            zip(map(id, kept), self._octets.putAll_txn(txn, [each.incoming for each in kept]), strict=True)
        )
        prefixes: list[tuple[int, int, bytes]] = []
        entries: list[QueueEntry] = []
        results = []
        for item, mailboxIds in zip(items, targets, strict=True):
            acceptance = item.acceptance
            octetsId = octetsIds.get(id(item))
            if octetsId is None:
                # Nobody wants it (a filter has thrown it away): only the trace remembers.
                txn.afterCommit(item.incoming.taken)
                results.append(Accepted(acceptance.queueId, (), (), 0))
                continue
            numbers = _Prefixes()
            appended = []
            refused = []
            for append, mailboxId in zip(acceptance.appends, mailboxIds, strict=True):
                size = item.incoming.sizeOctets + len(append.prefix)
                if not placing.takeRoom(mailboxId, size, append.quotaOctets, 1, append.quotaMessages):
                    refused.append(append)
                    continue
                bits = self._deliveredBits_txn(txn, mailboxId, append.flags) if append.flags else 0
                number = numbers.number(append.prefix)
                appended.append(
                    placing.place(append.accountId, mailboxId, octetsId, number, size, bits, acceptance.received)
                )
            recipients = acceptance.queued + tuple(map(_queuedInstead, refused))
            if recipients:
                size = item.incoming.sizeOctets + len(acceptance.queuePrefix)
                number = numbers.number(acceptance.queuePrefix)
                entries.append(QueueEntry(acceptance, octetsId, number, size, recipients))
            prefixes.extend(numbers.rows(octetsId))
            overQuota = tuple(append.recipient for append in refused)
            results.append(Accepted(acceptance.queueId, tuple(appended), overQuota, len(recipients)))
        txn.insertRows("INSERT INTO prefix (octets_id, number, data)", prefixes)
        _putRenderings_txn(txn, [(octetsIds[id(each)], each.rendering) for each in kept])
        placed = placing.flush_txn(txn)
        if enqueue_txn(txn, entries):
            txn.afterCommit(self._queueChanged)
        recordTrace_txn(txn, [event for item in items for event in item.acceptance.trace])
        if placed:
            txn.afterCommit(partial(self._placed, placed))
        return results

    def appendAll_txn(self, txn: Transaction, items: Sequence[Batch]) -> list[tuple[Appended, ...] | Exception]:
        """
        Commit APPENDs, each as a whole or not at all.
        """
        placing = Placing(self._now())
        placing.load_txn(txn, {item.mailboxId for item in items})
        bits = [self._admit_txn(txn, placing, item) for item in items]
        good = [item for item, each in zip(items, bits, strict=True) if not isinstance(each, Exception)]
        incomings = [incoming for item in good for incoming in item.incomings]
        octetsIds = self._octets.putAll_txn(txn, incomings)
        _putRenderings_txn(txn, zip(octetsIds, [each for item in good for each in item.renderings], strict=True))
        places = iter(octetsIds)
        results: list[tuple[Appended, ...] | Exception] = []
        for item, refusalOrBits in zip(items, bits, strict=True):
            if isinstance(refusalOrBits, Exception):
                results.append(refusalOrBits)
                continue
            results.append(
                tuple(
                    placing.place(item.accountId, item.mailboxId, next(places), 0, incoming.sizeOctets, flags, date)
                    for incoming, flags, date in zip(item.incomings, refusalOrBits, item.dates, strict=True)
                )
            )
        placed = placing.flush_txn(txn)
        if placed:
            txn.afterCommit(partial(self._placed, placed))
        return results

    @staticmethod
    def _admit_txn(txn: Transaction, placing: Placing, item: Batch) -> list[int] | Exception:
        """
        May these messages come in?  If so their room is taken, and their flags' bits are the answer.
        """
        if item.mailboxId not in placing:
            return NoSuchMailbox("deleted meanwhile")
        octets = sum(incoming.sizeOctets for incoming in item.incomings)
        if octets <= item.freedOctets:
            placing.count(item.mailboxId, octets, len(item.incomings))
        elif not placing.takeRoom(item.mailboxId, octets, None, len(item.incomings)):
            return OverQuota("the account has no room for the messages")
        names = dict.fromkeys(flag for flags in item.flags for flag in flags)
        try:
            # All at once: where there are too many keywords, none is made.
            bits = flagBits_txn(txn, item.mailboxId, names) if names else 0
        except LimitExceeded as error:
            placing.count(item.mailboxId, -octets, -len(item.incomings))
            return error
        if not bits or len(item.flags) == 1:
            return [bits] * len(item.flags)
        return [flagBits_txn(txn, item.mailboxId, flags) for flags in item.flags]

    def _targets_txn(self, txn: Transaction, placing: Placing, items: Sequence[Arrival]) -> list[list[int]]:
        """
        The mailbox of every append, and their rows in C{placing}.
        """
        inboxes = self._inboxes
        self._remember_txn(txn, {each.accountId for item in items for each in item.acceptance.appends} - inboxes.keys())
        targets = [
            [
                (append.mailbox == INBOX and inboxes.get(append.accountId)) or self._lookUp_txn(txn, append)
                for append in item.acceptance.appends
            ]
            for item in items
        ]
        placing.load_txn(txn, {mailboxId for mailboxIds in targets for mailboxId in mailboxIds})
        for item, mailboxIds in zip(items, targets, strict=True):
            for index, append in enumerate(item.acceptance.appends):
                if mailboxIds[index] not in placing:
                    # The account was removed, and may have been made again, since we looked.
                    mailboxIds[index] = self._lookUp_txn(txn, append)
                    placing.load_txn(txn, [mailboxIds[index]])
        return targets

    def _remember_txn(self, txn: Transaction, accountIds: set[str]) -> None:
        """
        Look up the INBOXes of all these that exist, in one step.
        """
        if not accountIds:
            return
        if len(self._inboxes) + len(accountIds) > MAX_ACCOUNTS_REMEMBERED:
            self._inboxes.clear()
        row = txn.execute(
            """SELECT json_group_array(json_array(a.identifier, m.id)) FROM json_each(?) AS wanted
                JOIN account a ON a.identifier = wanted.value
                JOIN mailbox m ON m.account_id = a.id AND m.name = 'INBOX'""",
            (json.dumps(sorted(accountIds)),),
        ).fetchone()
        self._inboxes.update(json.loads(row[0]))

    def _lookUp_txn(self, txn: Transaction, append: Append) -> int:
        account = findAccount_txn(txn, append.accountId)
        if account is None:
            account = makeAccount_txn(txn, append.accountId, str(append.address), self._now())
        name = normalizeMailboxName(append.mailbox)
        if name != INBOX:
            mailboxId = findMailbox_txn(txn, account, name)
            if mailboxId is not None:
                return mailboxId
        inbox = findMailbox_txn(txn, account, INBOX)
        assert inbox is not None, "an account has its INBOX as long as it lives"
        self._inboxes[append.accountId] = inbox
        return inbox

    @staticmethod
    def _deliveredBits_txn(txn: Transaction, mailboxId: int, flags: Sequence[str]) -> int:
        """
        A delivery does not fail for want of a keyword.
        """
        bits = 0
        for flag in flags:
            try:
                bits |= flagBits_txn(txn, mailboxId, (flag,))
            except LimitExceeded:
                continue
        return bits


def _heldOctets(incoming: Incoming) -> int:
    """
    The memory that it holds on to.
    """
    return incoming.sizeOctets if incoming.isInMemory else 0


def _queuedInstead(append: Append) -> QueueRecipient:
    return QueueRecipient(append.recipient, local=True, original=append.original, notify=append.notify)


def _putRenderings_txn(txn: Transaction, renderings: Iterable[tuple[int, Rendering | None]]) -> None:
    txn.insertRows(
        "INSERT INTO rendering (octets_id, envelope, body, bodystructure, structure, utf8)",
        [
            (octetsId, each.envelope, each.body, each.bodystructure, each.encode(), packedUtf8(each))
            for octetsId, each in renderings
            if each is not None
        ],
    )
