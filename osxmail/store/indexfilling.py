# -*- test-case-name: tests.unit.store.test_indexing -*-
"""
Fills the index of one account, in steps: first the columns of its mailboxes, which cost little, then the texts.

What a step has done is in the index as a whole or not at all, so that it can be stopped at any time; how far it is,
each mailbox says by a UID, because new messages, copies too, always have a higher one.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import apsw
from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from osxmail.mail.indexentry import NO_DATE, TEXT_FIELDS, IndexEntry, indexEntry
from osxmail.mail.searchtext import bodyWords, indexedHeader
from osxmail.net.threads import Pool
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.index import Index
from osxmail.store.indexblocks import documentOf
from osxmail.store.indexfile import bootId, removeIndex
from osxmail.store.indexwriter import Filled, IndexedText, IndexWriter
from osxmail.store.numbers import numbersFrom
from osxmail.store.octets import Octets
from osxmail.store.search import Search
from osxmail.store.searchtests import BODY, HEADER, Candidate

T = TypeVar("T")

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
WORDS_A_MESSAGE = 200  # that are in no other, at most: with more, an index is made anew
SLACK_WORDS = 100_000
SLACK_MESSAGES = 1_000  # as many more than twice those that are there may be in an index

log = Logger(namespace="osxmail.store")


@frozen
class FilledMailbox:
    mailboxId: int
    uidnext: int
    messages: int


@frozen
class Account:
    """
    What the store says.

    @ivar octets: the last id of octets that was given.
    """

    account: int
    octets: int
    mailboxes: tuple[FilledMailbox, ...]


class Stopped(Exception):
    """
    No more steps.
    """


class TurnOver(Exception):
    """
    Others wait: this account goes on after them.
    """


class Filling:
    """
    Fills indexes, one at a time.
    """

    def __init__(
        self,
        database: Database,
        octets: Octets,
        index: Index,
        clock: IReactorTime,
        pool: Pool,
        othersWait: Callable[[], bool],
    ) -> None:
        """
        @param pool: the thread that fills.
        @param othersWait: is there another account to be filled now?
        """
        self._database = database
        self._index = index
        self._clock = clock
        self._pool = pool
        self._othersWait = othersWait
        self._search = Search(database, octets, pool=pool)
        self._writers: OrderedDict[int, IndexWriter] = OrderedDict()
        self._boot = ""
        self._began = 0.0
        self._isStopping = False

    def stop(self) -> None:
        """
        The next step is not taken.
        """
        self._isStopping = True

    async def close(self) -> None:
        """
        Put all that was written on disk.
        """
        while self._writers:
            _, writer = self._writers.popitem()
            await self._pool.run(_close_inThread, writer)

    async def account(self, mailboxId: int) -> Account | None:
        """
        The account of a mailbox, C{None} where there is no such mailbox.
        """
        return await self._database.read(partial(_readAccount, mailboxId=mailboxId), isSingle=True)

    async def fill(self, account: Account, first: int) -> int:
        """
        Fill an account's index.

        @param first: the mailbox that somebody works with.
        @return: how many messages are new in it.
        @raise Stopped: L{stop} was called.
        @raise TurnOver: it has had its turn, and others wait.
        @raise ValueError: (and others of L{osxmail.store.index.DAMAGE}) the index is damaged.
        """
        self._began = self._clock.seconds()
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

    async def _fillColumns(self, writer: IndexWriter, account: Account, mailbox: FilledMailbox, filled: Filled) -> int:
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

    async def _fillTexts(self, writer: IndexWriter, account: Account, mailbox: FilledMailbox, filled: Filled) -> None:
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

    async def _removeUnnamed(self, writer: IndexWriter, account: Account) -> None:
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
        # Words stay when their texts go.
        if await self._step(writer.wordCount) > WORDS_A_MESSAGE * messages + SLACK_WORDS:
            raise ValueError("the index has many more words than its messages")

    # -------------------------------------------------------------------------------------------------- steps

    async def _step(self, function: Callable[..., T], *args: Any) -> T:
        """
        Call it in the thread, and then let others have their turn.

        @raise Stopped: the store is about to close.
        """
        for _ in range(MAX_BUSY_WAITS):
            if self._isStopping:
                raise Stopped
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
        @raise TurnOver: an account that has had its turn makes room for others.
        """
        if self._clock.seconds() - self._began > TURN_SECONDS and self._othersWait():
            raise TurnOver

    async def _writer(self, account: Account) -> IndexWriter:
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

    async def forget(self, number: int) -> None:
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


def _readAccount(txn: Transaction, mailboxId: int) -> Account | None:
    text = txn.execute(
        """SELECT json_array(a.account_id, (SELECT value FROM counter WHERE name = 'octets'),
                json_group_array(json_array(m.id, m.uidnext, m.messages)))
            FROM mailbox a JOIN mailbox m ON m.account_id = a.account_id WHERE a.id = ? GROUP BY a.account_id""",
        (mailboxId,),
    ).get
    if text is None:
        return None
    account, octets, mailboxes = json.loads(text)
    return Account(account, octets, tuple(FilledMailbox(*each) for each in mailboxes))


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
