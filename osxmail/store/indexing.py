# -*- test-case-name: tests.unit.store.test_indexing -*-
"""
Fills the indexes, in the background: those of accounts in which somebody selects or searches, and after that whatever
comes into such an account.

A step takes a few hundred messages; between two steps others have their turn, and where mail comes in it waits.
First come the columns of a mailbox, which cost little, then the texts.  What a step has done is in the index as a whole
or not at all, so that it can be stopped at any time; how far it is, each mailbox says by a UID, because new messages,
copies too, always have a higher one.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import apsw
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from osxmail.errors import MailError
from osxmail.interfaces import ISettings
from osxmail.mail.indexentry import NO_DATE, TEXT_FIELDS, IndexEntry, indexEntry
from osxmail.mail.searchtext import bodyWords, indexedHeader
from osxmail.net.threads import Pool
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.index import DAMAGE, Index
from osxmail.store.indexblocks import documentOf
from osxmail.store.indexfile import bootId, removeIndex
from osxmail.store.indexwriter import Filled, IndexedText, IndexWriter
from osxmail.store.numbers import numbersFrom
from osxmail.store.octets import Octets
from osxmail.store.search import Search
from osxmail.store.searchtests import BODY, HEADER, Candidate

T = TypeVar("T")

SOON_SECONDS = 1.0  # after somebody has selected or searched
LATER_SECONDS = 20.0  # after something has come: what comes in the meantime is filled with it
COLUMNS_A_STEP = 500  # messages
TEXTS_A_STEP = 200
TEXT_OCTETS_A_STEP = 4 * 1024 * 1024  # of messages whose texts are read in one step
MAX_TEXT_CHARACTERS = 1_000_000  # of one message; what has more is looked through by every search
TURN_SECONDS = 5.0  # that an account takes while others wait
MANY_MESSAGES = 1_000  # are worth an event
REST = 0.5  # of the time that a step took, until the next
LEAST_REST_SECONDS = 0.002
BUSY_SECONDS = 0.1  # while something waits to be written
MAX_BUSY_WAITS = 50
OPEN_WRITERS = 4
MAX_MAILBOXES = 20_000  # that are watched for what comes
DOCUMENTS_A_STEP = 1_000  # that are looked at for whether somebody has them
SLACK_MESSAGES = 1_000  # as many more than twice those that are there may be in an index

log = Logger(namespace="osxmail.store")


@frozen
class _Mailbox:
    mailboxId: int
    uidnext: int
    messages: int


@frozen
class _Account:
    """
    What the store says.

    @ivar octets: the last id of octets that was given.
    """

    account: int
    octets: int
    mailboxes: tuple[_Mailbox, ...]


class _Stopped(Exception):
    """
    No more steps.
    """


class _TurnOver(Exception):
    """
    Others wait: this account goes on after them.
    """


class Indexing:
    """
    See the module.
    """

    def __init__(
        self,
        database: Database,
        octets: Octets,
        index: Index,
        settings: ISettings,
        clock: IReactorTime,
        pool: Pool | None = None,
    ) -> None:
        """
        @param settings: C{imap.search_index}.
        @param pool: a thread that fills; one of its own if it is C{None}.
        """
        self._database = database
        self._index = index
        self._settings = settings
        self._clock = clock
        self._pool = pool or Pool("store-indexing", 1, 100)
        self._search = Search(database, octets, pool=self._pool)
        self._isRunning = False
        self._due: dict[int, float] = {}  # by mailbox
        self._watched: OrderedDict[int, None] = OrderedDict()
        self._next: IDelayedCall | None = None
        self._round: Deferred[None] | None = None
        self._whenDone: list[Deferred[None]] = []
        self._writers: OrderedDict[int, IndexWriter] = OrderedDict()
        self._boot = ""
        self._began = 0.0

    def start(self) -> None:
        """
        Watch what people do.
        """
        self._isRunning = True
        self._pool.start()
        self._index.wantedListeners.append(self._wanted)
        self._index.changedListeners.append(self._changed)
        self._round = Deferred.fromCoroutine(self.sweep())
        self._round.addErrback(self._failed, 0).addCallback(self._ended)

    def stop(self) -> Deferred[None]:
        """
        No more steps; fires when the one that runs is done, and all is on disk.
        """
        return Deferred.fromCoroutine(self._stop())

    async def sweep(self) -> None:
        """
        Remove indexes of accounts that there are no more: one whose account was removed just before a crash.
        """
        there = set(await self._pool.run(self._index.accounts))
        known = await self._database.read(_readAccountNumbers, isSingle=True)
        for account in there - known:
            await self._pool.run(removeIndex, self._index.path(account))

    async def _stop(self) -> None:
        if not self._isRunning:
            return
        self._isRunning = False
        self._index.wantedListeners.remove(self._wanted)
        self._index.changedListeners.remove(self._changed)
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._round is not None:
            done: Deferred[None] = Deferred()
            self._whenDone.append(done)
            await done
        while self._writers:
            _, writer = self._writers.popitem()
            await self._pool.run(_close_inThread, writer)
        await self._pool.stop()

    def caughtUp(self) -> Deferred[None]:
        """
        Fires when nothing is known that is not in the indexes; does at once what could wait.
        """
        return Deferred.fromCoroutine(self._catchUp())

    async def _catchUp(self) -> None:
        while self._isRunning and (self._due or self._round is not None):
            if self._round is None:
                now = self._clock.seconds()
                self._due = dict.fromkeys(self._due, now)
                self._schedule()
            await deferLater(self._clock, LEAST_REST_SECONDS)

    # ------------------------------------------------------------------------------------------------- notes

    def _wanted(self, mailboxId: int) -> None:
        self._watched[mailboxId] = None
        self._watched.move_to_end(mailboxId)
        while len(self._watched) > MAX_MAILBOXES:
            self._watched.popitem(last=False)
        self._note(mailboxId, SOON_SECONDS)

    def _changed(self, mailboxIds: Iterable[int]) -> None:
        for mailboxId in mailboxIds:
            if mailboxId in self._watched:
                self._note(mailboxId, LATER_SECONDS)

    def _note(self, mailboxId: int, delaySeconds: float) -> None:
        due = self._clock.seconds() + delaySeconds
        if len(self._due) >= MAX_MAILBOXES:
            # Whoever searches there later notes it again.
            return
        if due < self._due.get(mailboxId, due + 1.0):
            self._due[mailboxId] = due
            self._schedule()

    def _schedule(self) -> None:
        if not self._isRunning or self._round is not None or not self._due:
            return
        delay = max(0.0, min(self._due.values()) - self._clock.seconds())
        if self._next is not None:
            self._next.cancel()
        self._next = self._clock.callLater(delay, self._begin)

    def _begin(self) -> None:
        self._next = None
        mailboxId = min(self._due, key=self._due.__getitem__)
        self._round = Deferred.fromCoroutine(self._fillAccountOf(mailboxId))
        self._round.addErrback(self._failed, mailboxId).addCallback(self._ended)

    def _failed(self, failure: Failure, mailboxId: int) -> None:
        self._due.pop(mailboxId, None)
        if failure.check(_Stopped):
            return
        if failure.check(MailError, apsw.Error, OSError):
            # Whoever searches next makes it try again.
            log.warn("{event}", event="index.failed", mailboxId=mailboxId, reason=str(failure.value))
        else:
            log.failure("{event}", failure, event="index.failed")

    def _ended(self, result: None) -> None:
        self._round = None
        waiting, self._whenDone = self._whenDone, []
        for deferred in waiting:
            deferred.callback(None)
        self._schedule()

    # ------------------------------------------------------------------------------------------------ filling

    async def _fillAccountOf(self, mailboxId: int) -> None:
        self._began = self._clock.seconds()
        noted = self._due.pop(mailboxId, 0.0)
        if not self._settings.flag("imap.search_index"):
            return
        account = await self._database.read(lambda txn: _readAccount(txn, mailboxId))
        if account is None:
            self._watched.pop(mailboxId, None)
            return
        # What is filled now need not be later on; what comes meanwhile is noted anew.
        for each in account.mailboxes:
            if self._due.get(each.mailboxId, noted + 1.0) <= noted:
                del self._due[each.mailboxId]
        try:
            filled = await self._fill(account, mailboxId)
        except _TurnOver:
            self._due.setdefault(mailboxId, self._clock.seconds())
            return
        except DAMAGE as error:
            log.error("{event}", event="index.damaged", account=account.account, reason=str(error))
            await self._forget(account.account)
            return
        if filled >= MANY_MESSAGES:
            log.info("{event}", event="index.filled", account=account.account, messages=filled)

    async def _fill(self, account: _Account, first: int) -> int:
        writer = await self._writer(account)
        known = await self._step(writer.filled)
        there = {each.mailboxId: each for each in account.mailboxes}
        for mailboxId, filled in known.items():
            mailbox = there.get(mailboxId)
            if mailbox is None or filled.messages > 2 * mailbox.messages + SLACK_MESSAGES:
                await self._step(writer.removeMailbox, mailboxId)
            elif filled.columnsUid >= mailbox.uidnext:
                # An older state of the store was restored.
                raise ValueError("the index is ahead of its mailbox")
        known = await self._step(writer.filled)
        count = 0
        order = sorted(account.mailboxes, key=lambda each: (each.mailboxId != first, each.mailboxId))
        for mailbox in order:
            count += await self._fillColumns(writer, account, mailbox, known.get(mailbox.mailboxId, Filled()))
        known = await self._step(writer.filled)
        for mailbox in order:
            await self._fillTexts(writer, account, mailbox, known.get(mailbox.mailboxId, Filled()))
        await self._removeUnnamed(writer, account)
        return count

    async def _fillColumns(self, writer: IndexWriter, account: _Account, mailbox: _Mailbox, filled: Filled) -> int:
        mailboxId, after, last = mailbox.mailboxId, filled.columnsUid, mailbox.uidnext - 1
        count = 0
        while after < last:
            rows = await self._database.read(
                partial(_readNext, mailboxId=mailboxId, after=after, last=last, limit=COLUMNS_A_STEP), isSingle=True
            )
            documents = {uid: documentOf(octetsId, prefix) for uid, octetsId, prefix, _ in rows}
            entries: dict[int, IndexEntry] = {}

            def take(candidate: Candidate, entries: dict[int, IndexEntry] = entries) -> bool:
                keys = candidate.rendering().keys
                entries[candidate.uid] = indexEntry(candidate.header(), keys, candidate.octetsId, candidate.prefix)
                return False

            if rows:
                await self._search.lookThrough(mailboxId, [row[0] for row in rows], HEADER, take)
            upTo = rows[-1][0] if len(rows) == COLUMNS_A_STEP else last
            made = [(uid, document, entries.get(uid, _UNREADABLE)) for uid, document in documents.items()]
            if not await self._step(writer.addColumns, mailboxId, after, made, upTo, account.octets):
                return count
            count += len(made)
            after = upTo
            self._giveWay()
        return count

    async def _fillTexts(self, writer: IndexWriter, account: _Account, mailbox: _Mailbox, filled: Filled) -> None:
        mailboxId, after, last = mailbox.mailboxId, filled.textUid, filled.columnsUid
        while after < last:
            rows = await self._database.read(
                partial(_readNext, mailboxId=mailboxId, after=after, last=last, limit=TEXTS_A_STEP), isSingle=True
            )
            some = _bounded(rows)
            upTo = some[-1][0] if len(some) < len(rows) or len(rows) == TEXTS_A_STEP else last
            documents = {uid: documentOf(octetsId, prefix) for uid, octetsId, prefix, _ in some}
            new = await self._step(writer.unknown, [each for each in documents.values() if each >= 0])
            texts: dict[int, IndexedText] = {}

            def take(candidate: Candidate, texts: dict[int, IndexedText] = texts) -> bool:
                text = _textOf(candidate)
                texts[text.document] = text
                return False

            wanted = {document: uid for uid, document in documents.items() if document in new}
            if wanted:
                await self._search.lookThrough(mailboxId, sorted(wanted.values()), BODY, take)
            # What cannot be read is looked at by every search: it may be mended.
            made = [texts.get(document) or IndexedText(document) for document in sorted(new)]
            if not await self._step(writer.addTexts, mailboxId, after, made, upTo, account.octets):
                return
            after = upTo
            self._giveWay()

    async def _removeUnnamed(self, writer: IndexWriter, account: _Account) -> None:
        """
        Texts of messages that are gone.
        """
        messages = sum(each.messages for each in account.mailboxes)
        if await self._step(writer.documentCount) <= 2 * messages + SLACK_MESSAGES:
            return
        after = -1
        while documents := await self._step(writer.documents, after, DOCUMENTS_A_STEP):
            after = documents[-1]
            gone = await self._database.read(
                partial(_readUnnamed, account=account.account, documents=documents), isSingle=True
            )
            if gone:
                await self._step(writer.removeDocuments, gone)

    # -------------------------------------------------------------------------------------------------- steps

    async def _step(self, function: Callable[..., T], *args: Any) -> T:
        """
        Call it in the thread, and then let others have their turn.

        @raise _Stopped: the store is about to close.
        """
        for _ in range(MAX_BUSY_WAITS):
            if not self._isRunning:
                raise _Stopped
            if not self._database.isWriting:
                break
            await deferLater(self._clock, BUSY_SECONDS)
        began = self._clock.seconds()
        result = await self._pool.run(function, *args)
        now = self._clock.seconds()
        await deferLater(self._clock, max(LEAST_REST_SECONDS, (now - began) * REST))
        return result

    def _giveWay(self) -> None:
        """
        @raise _TurnOver: an account that has had its turn makes room for others.
        """
        now = self._clock.seconds()
        if now - self._began > TURN_SECONDS and any(due <= now for due in self._due.values()):
            raise _TurnOver

    async def _writer(self, account: _Account) -> IndexWriter:
        number = account.account
        writer = self._writers.get(number)
        if writer is not None and await self._pool.run(writer.isThere):
            self._writers.move_to_end(number)
            return writer
        if writer is not None:
            del self._writers[number]
            await self._pool.run(_close_inThread, writer)
        self._boot = self._boot or await self._pool.run(bootId)
        writer = await self._pool.run(IndexWriter, self._index.path(number), account.octets, self._boot)
        self._writers[number] = writer
        while len(self._writers) > OPEN_WRITERS:
            _, oldest = self._writers.popitem(last=False)
            await self._pool.run(_close_inThread, oldest)
        return writer

    async def _forget(self, number: int) -> None:
        """
        Throw an index away: whoever works with it next makes it anew.
        """
        writer = self._writers.pop(number, None)
        await self._pool.run(removeIndex, self._index.path(number))
        if writer is not None:
            await self._pool.run(_close_inThread, writer)


_UNREADABLE = IndexEntry(NO_DATE, 0, False, "", "", "", "", "", "", 0, (), 0, (None,) * len(TEXT_FIELDS))


def _close_inThread(writer: IndexWriter) -> None:
    try:
        writer.close()
    except apsw.Error as error:
        # It keeps its mark, and is made anew where that counts.
        log.warn("{event}", event="index.close_failed", reason=str(error))


def _textOf(candidate: Candidate) -> IndexedText:
    assert candidate.source is not None
    document = documentOf(candidate.octetsId, candidate.prefix)
    header = indexedHeader(candidate.header())
    words, isWhole = bodyWords(candidate.rendering().part, candidate.source.read, MAX_TEXT_CHARACTERS)
    isWhole = isWhole and len(header) <= MAX_TEXT_CHARACTERS
    header = header[:MAX_TEXT_CHARACTERS].encode("utf-8", "replace").decode()
    # Half a surrogate pair is no letter.
    return IndexedText(document, header, words, isWhole)


def _bounded(rows: Sequence[tuple[int, int, int, int]]) -> Sequence[tuple[int, int, int, int]]:
    octets = 0
    for index, (_, _, _, size) in enumerate(rows):
        octets += size
        if index and octets > TEXT_OCTETS_A_STEP:
            return rows[:index]
    return rows


def _readAccount(txn: Transaction, mailboxId: int) -> _Account | None:
    text = txn.execute(
        """SELECT json_array(a.account_id, (SELECT value FROM counter WHERE name = 'octets'),
                json_group_array(json_array(m.id, m.uidnext, m.messages)))
            FROM mailbox a JOIN mailbox m ON m.account_id = a.account_id WHERE a.id = ? GROUP BY a.account_id""",
        (mailboxId,),
    ).get
    if text is None:
        return None
    account, octets, mailboxes = json.loads(text)
    return _Account(account, octets, tuple(_Mailbox(*each) for each in mailboxes))


def _readAccountNumbers(txn: Transaction) -> set[int]:
    row = txn.execute("SELECT group_concat(id) FROM account").fetchone()
    return set(numbersFrom(row[0], "q"))


def _readNext(txn: Transaction, mailboxId: int, after: int, last: int, limit: int) -> list[tuple[int, int, int, int]]:
    """
    UID, octets, prefix and size of the next messages.
    """
    row = txn.execute(
        """SELECT group_concat(uid), group_concat(octets_id), group_concat(prefix), group_concat(size) FROM
            (SELECT uid, octets_id, prefix, size FROM message
                WHERE mailbox_id = ? AND uid > ? AND uid <= ? ORDER BY uid LIMIT ?)""",
        (mailboxId, after, last, limit),
    ).fetchone()
    columns = [numbersFrom(text, "q") for text in row]
    return list(zip(columns[0], columns[1], columns[2], columns[3], strict=True))


def _readUnnamed(txn: Transaction, account: int, documents: Sequence[int]) -> list[int]:
    """
    Those that no message of the account has.
    """
    text = txn.execute(
        """SELECT json_group_array(d.value) FROM json_each(?) d WHERE NOT EXISTS (
                SELECT 1 FROM message m JOIN mailbox b ON b.id = m.mailbox_id
                WHERE m.octets_id = d.value >> 16 AND m.prefix = d.value & 65535 AND b.account_id = ?)""",
        (json.dumps(documents), account),
    ).get
    found: list[int] = json.loads(text)
    return found
