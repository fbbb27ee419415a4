# -*- test-case-name: tests.unit.store.test_sorting -*-
"""
SORT and THREAD over a mailbox (RFC 5256): what was found, in order.

What messages are sorted by comes as columns out of the account's index; of messages that it does not have, out of what
was kept when they arrived.  The work is done in threads, in pieces: nobody waits for long for the interpreter.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import apsw
from twisted.internet.defer import Deferred

from osxmail.errors import Overloaded
from osxmail.mail.header import firstFields
from osxmail.mail.indexentry import NO_DATE, displayName, identifierNumber, sortText
from osxmail.mail.mimestructure import SortKeys
from osxmail.mail.ordering import inOrder
from osxmail.mail.searchkeys import SearchKey
from osxmail.mail.sortcriteria import SortCriterion
from osxmail.mail.threading import ThreadKeys, Threads, threads
from osxmail.net.threads import Pool
from osxmail.store.connection import Transaction
from osxmail.store.indexblocks import (
    CCS,
    DISPLAY_FROMS,
    DISPLAY_TOS,
    IDENTIFIERS,
    LINES,
    REFERENCE_COUNTS,
    REFERENCES,
    REPLIES,
    SENDERS,
    SENT,
    SUBJECTS,
    TOS,
    UIDS,
    numbersOf,
    readColumns,
)
from osxmail.store.numbers import UidCondition, ascending, numbersFrom
from osxmail.store.relevancy import Relevancy
from osxmail.store.search import Progress, Search
from osxmail.store.searchtests import HEADER, Candidate
from osxmail.store.searchtests import SENT as NEED_SENT

SORT_THREADS = 2
MAX_WAITING_SORTS = 10_000
READ_AT_ONCE = 1_000  # messages of which what was kept is read, where no index has them

#: What each criterion is sorted by (RFC 5256 3, RFC 5957 3): a column of the index.
_KINDS = {
    "DATE": SENT,
    "SUBJECT": SUBJECTS,
    "FROM": SENDERS,
    "TO": TOS,
    "CC": CCS,
    "DISPLAYFROM": DISPLAY_FROMS,
    "DISPLAYTO": DISPLAY_TOS,
}
_THREAD_KINDS = (SENT, SUBJECTS, REPLIES, IDENTIFIERS, REFERENCES)


class Columns:
    """
    Columns of messages, parallel to their UIDs.

    @ivar uids: ascending.
    @ivar values: by kind: see L{osxmail.store.indexblocks}.  Of C{REFERENCES} the lists of those messages that have
        some, by their place.
    @ivar missing: the places of messages that have none yet.
    """

    def __init__(self, uids: Sequence[int], kinds: Iterable[int]) -> None:
        self.uids = uids
        self.values: dict[int, Any] = {kind: {} if kind == REFERENCES else [None] * len(uids) for kind in kinds}
        self.missing: list[int] = list(range(len(uids)))

    def fill(self, known: array[int], columns: dict[int, Any]) -> None:
        """
        Take over what an index has.

        @param known: its UIDs, ascending.
        @param columns: by kind, parallel to them.
        """
        uids = self.uids
        if len(uids) == len(known) and array("I", uids) == known:
            self.values.update(columns)
            self.missing = []
            return
        places = self._placesIn(known)
        for kind, column in columns.items():
            if kind == REFERENCES:
                self.values[kind] = {place: column[at] for place, at in enumerate(places) if at >= 0 and at in column}
            else:
                self.values[kind] = [column[at] if at >= 0 else None for at in places]
        self.missing = [place for place, at in enumerate(places) if at < 0]

    def _placesIn(self, known: array[int]) -> list[int]:
        if len(self.uids) * 8 < len(known):
            places = []
            for uid in self.uids:
                at = bisect_left(known, uid)
                places.append(at if at < len(known) and known[at] == uid else -1)
            return places
        where = dict(zip(known, range(len(known)), strict=True))
        return [where.get(uid, -1) for uid in self.uids]

    def put(self, place: int, keys: SortKeys, header: bytes) -> None:
        """
        Take over what was kept of one message.

        @param header: where it is needed, for C{DISPLAY_FROMS} and C{DISPLAY_TOS}.
        """
        names = firstFields(header, (b"from", b"to")) if header else {}
        for kind, column in self.values.items():
            if kind == REFERENCES:
                if keys.references:
                    column[place] = tuple(map(identifierNumber, keys.references))
            elif kind == DISPLAY_FROMS:
                column[place] = sortText(displayName(names.get(b"from", b"")))
            elif kind == DISPLAY_TOS:
                column[place] = sortText(displayName(names.get(b"to", b"")))
            else:
                column[place] = _VALUES[kind](keys)


# The same as in osxmail.mail.indexentry.indexEntry: a test compares the orders that follow.
_VALUES: dict[int, Callable[[SortKeys], Any]] = {
    SENT: lambda keys: keys.sent.time if keys.sent is not None else NO_DATE,
    SUBJECTS: lambda keys: sortText(keys.subject),
    SENDERS: lambda keys: sortText(keys.sender),
    TOS: lambda keys: sortText(keys.to),
    CCS: lambda keys: sortText(keys.cc),
    REPLIES: lambda keys: keys.isReply,
    IDENTIFIERS: lambda keys: identifierNumber(keys.messageId) if keys.messageId else 0,
}


class Sorting:
    """
    Sorts and threads mailboxes; one for each store.
    """

    def __init__(self, search: Search, pool: Pool | None = None) -> None:
        """
        @param pool: threads that sort; one of its own if it is C{None}.
        """
        self._search = search
        self._database = search.database
        self._relevancy = Relevancy(search)
        self._pool = pool or Pool("store-sort", SORT_THREADS, MAX_WAITING_SORTS)

    def start(self) -> None:
        """
        Accept work.
        """
        self._pool.start()

    def stop(self) -> Deferred[None]:
        """
        Accept no more; fires when what runs is done.
        """
        return self._pool.stop()

    def sort(
        self,
        mailboxId: int,
        key: SearchKey,
        criteria: Sequence[SortCriterion],
        uids: Sequence[int] | None = None,
        progress: Progress | None = None,
    ) -> Deferred[list[int]]:
        """
        See L{osxmail.interfaces.IMailbox.sort}.
        """
        return Deferred.fromCoroutine(self._sort(mailboxId, key, criteria, uids, progress))

    def thread(
        self,
        mailboxId: int,
        key: SearchKey,
        algorithm: str,
        uids: Sequence[int] | None = None,
        progress: Progress | None = None,
    ) -> Deferred[Threads]:
        """
        See L{osxmail.interfaces.IMailbox.thread}.
        """
        return Deferred.fromCoroutine(self._thread(mailboxId, key, algorithm, uids, progress))

    def relevancies(self, mailboxId: int, key: SearchKey, uids: Sequence[int]) -> Deferred[list[int]]:
        """
        See L{osxmail.interfaces.IMailbox.relevancies}.
        """
        return Deferred.fromCoroutine(self._relevancy.scores(mailboxId, key, uids))

    # ------------------------------------------------------------------------------------------------ sorting

    async def _sort(
        self,
        mailboxId: int,
        key: SearchKey,
        criteria: Sequence[SortCriterion],
        uids: Sequence[int] | None,
        progress: Progress | None,
    ) -> list[int]:
        found = await self._search.found(mailboxId, key, uids, progress)
        if len(found) < 2:
            return found
        names = {each.name for each in criteria}
        columns = await self._columns(mailboxId, found, {_KINDS[name] for name in names & _KINDS.keys()}, progress)
        isDateMissing = "DATE" in names and await self._pool.run(_hasNone, columns.values[SENT])
        dates: list[int] = []
        sizes: list[int] = []
        scores: list[int] = []
        if isDateMissing or "ARRIVAL" in names:
            dates = await self._column(mailboxId, found, "internal_date")
        if "SIZE" in names:
            sizes = await self._column(mailboxId, found, "size")
        if isDateMissing:
            columns.values[SENT] = await self._pool.run(_withDates, columns.values[SENT], dates)
        if "RELEVANCY" in names:
            scores = await self._relevancy.scores(mailboxId, key, found)
        columnsOf = {"ARRIVAL": dates, "SIZE": sizes, "RELEVANCY": scores}
        sortedBy = []
        for each in criteria:
            column = columnsOf[each.name] if each.name in columnsOf else columns.values[_KINDS[each.name]]
            # RFC 6203 5: the most relevant first.
            sortedBy.append((column, each.isReversed != (each.name == "RELEVANCY")))
        return await self._pool.run(_sorted, found, sortedBy)

    async def _thread(
        self, mailboxId: int, key: SearchKey, algorithm: str, uids: Sequence[int] | None, progress: Progress | None
    ) -> Threads:
        found = await self._search.found(mailboxId, key, uids, progress)
        columns = await self._columns(mailboxId, found, _THREAD_KINDS, progress)
        values = columns.values
        dates: Sequence[int] = values[SENT]
        if algorithm == "REFS":
            # draft-ietf-morg-inthread: when they came.
            dates = await self._column(mailboxId, found, "internal_date")
        elif found:
            isDateMissing = await self._pool.run(_hasNone, dates)
            if isDateMissing:
                received = await self._column(mailboxId, found, "internal_date")
                dates = await self._pool.run(_withDates, dates, received)
        keys = ThreadKeys(found, dates, values[SUBJECTS], values[REPLIES], values[IDENTIFIERS], values[REFERENCES])
        return await self._pool.run(threads, keys, algorithm)

    # ------------------------------------------------------------------------------------------------ columns

    async def _columns(
        self, mailboxId: int, found: Sequence[int], kinds: Iterable[int], progress: Progress | None
    ) -> Columns:
        columns = await self._pool.run(Columns, found, tuple(kinds))
        if not columns.values or not found:
            return columns
        index = self._search.index
        if index is not None:
            where = await self._search.whereabouts(mailboxId)
            index.wanted(mailboxId)
            try:
                known = await index.ask(
                    where.account, where.octets, partial(_readKnown, mailboxId=mailboxId, kinds=tuple(columns.values))
                )
            except Overloaded:
                known = None
            # One that is ahead of its mailbox is of a later state of the store, which was put back.
            if known is not None and known[0][-1] < where.uidnext:
                await self._pool.run(columns.fill, *known)
        need = HEADER if {DISPLAY_FROMS, DISPLAY_TOS} & columns.values.keys() else NEED_SENT
        missing = columns.missing
        for start in range(0, len(missing), READ_AT_ONCE):
            places = missing[start : start + READ_AT_ONCE]
            where_ = {found[place]: place for place in places}

            def take(candidate: Candidate, where: dict[int, int] = where_) -> bool:
                header = candidate.header() if need == HEADER else b""
                keys = candidate.rendering().keys
                columns.put(where.pop(candidate.uid), keys, header)
                return False

            await self._search.lookThrough(mailboxId, [found[place] for place in places], need, take)
            for place in where_.values():
                # It is gone since it was found.
                columns.put(place, SortKeys(), b"")
            if progress is not None:
                progress(start + len(places), len(missing))
        return columns

    async def _column(self, mailboxId: int, found: Sequence[int], name: str) -> list[int]:
        """
        A column of numbers of the table C{message}; 0 where a message is gone.
        """

        def read(txn: Transaction) -> Any:
            condition = UidCondition(found)
            return txn.execute(
                f"""SELECT min(uid), max(uid), count(*), group_concat(uid), group_concat({name}) FROM
                    (SELECT uid, {name} FROM message WHERE mailbox_id = :mailbox{condition.sql} ORDER BY uid)""",
                {"mailbox": mailboxId, **condition.args},
            ).fetchone()

        if not found:
            return []
        row = await self._database.read(read, isSingle=True, isLong=True)
        return await self._pool.run(_aligned, found, row)


def _readKnown(
    connection: apsw.Connection, mailboxId: int, kinds: Sequence[int]
) -> tuple[array[int], dict[int, Any]] | None:
    """
    What the index has of a mailbox.
    """
    wanted = [UIDS, *kinds]
    if REFERENCES in kinds:
        wanted.append(REFERENCE_COUNTS)
    uids = array("I")
    columns: dict[int, Any] = {kind: {} if kind == REFERENCES else [] for kind in kinds}
    for pieces in readColumns(connection, mailboxId, wanted):
        found = dict(zip(wanted, pieces, strict=True))
        start = len(uids)
        uids.frombytes(found[UIDS])
        for kind in kinds:
            if kind == REFERENCES:
                _addReferences(
                    columns[kind], start, numbersOf(found[REFERENCE_COUNTS], REFERENCE_COUNTS), found[REFERENCES]
                )
            elif kind in LINES:
                columns[kind].extend(found[kind].decode("utf-8").split("\n"))
            else:
                columns[kind].extend(numbersOf(found[kind], kind))
    if any(len(column) != len(uids) for kind, column in columns.items() if kind != REFERENCES):
        raise ValueError("columns of different lengths")
    return (uids, columns) if len(uids) else None


def _addReferences(column: dict[int, Any], start: int, counts: array[int], piece: bytes) -> None:
    if not piece:
        return
    numbers = numbersOf(piece, REFERENCES)
    at = 0
    for place, count in enumerate(counts, start):
        if count:
            column[place] = numbers[at : at + count]
            at += count


def _hasNone(dates: Sequence[int]) -> bool:
    return NO_DATE in dates


def _withDates(sent: Sequence[int], received: Sequence[int]) -> list[int]:
    # RFC 5256 2.2: where the sent date cannot be determined, the internal date is used.
    return [other if each == NO_DATE else each for each, other in zip(sent, received, strict=True)]


def _aligned(found: Sequence[int], row: Sequence[Any]) -> list[int]:
    first, last, count, uids, numbers = row
    values = numbersFrom(numbers, "q")
    if count == len(found):
        return list(values)
    known = dict(zip(ascending(first, last, count, uids), values, strict=True))
    return [known.get(uid, 0) for uid in found]


def _sorted(uids: Sequence[int], sortedBy: Sequence[tuple[Any, bool]]) -> list[int]:
    order: Sequence[int] = range(len(uids))
    # The least important first: what is equal later on keeps its order, in the end that of the sequence numbers.
    for column, isReversed in reversed(sortedBy):
        order = inOrder(order, column, isReversed)
    return [uids[place] for place in order]
