# -*- test-case-name: tests.unit.store.test_search -*-
"""
SEARCH over a mailbox (RFC 3501 6.4.4).

First the account's index, where it has one, puts UIDs in place of texts and dates.  What rows know (UIDs, flags, dates,
sizes, MODSEQs) one statement decides, for every message at once: it gives those that match whatever their octets are,
and those that may.  Only the latter are read, in slices, each a statement of its own: no transaction is open while text
is decoded, and what is in memory is bounded.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Any, TypeAlias

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from osxmail.errors import NoSuchMailbox, Overloaded, StoreDamaged
from osxmail.mail.searchkeys import (
    Body,
    Header,
    SearchKey,
    SentBefore,
    SentOn,
    SentSince,
    Text,
    ThreadId,
    leaves,
)
from osxmail.net.threads import Pool
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.index import Index
from osxmail.store.indexsearch import Narrowed, narrowed
from osxmail.store.numbers import UidCondition, numbersFrom
from osxmail.store.octets import ROW_OCTETS, Octets
from osxmail.store.searchplan import Plan, plan
from osxmail.store.searchslices import FIRST_HEAD_OCTETS, More, Moved, candidates, sliceReader
from osxmail.store.searchtests import BODY, ROW, SENT, Candidate

SEARCH_THREADS = 2
MAX_WAITING_SEARCHES = 10_000
SLICE_MESSAGES = 256
SLICES_AT_ONCE = 2  # of one search
TEXTS_A_SLICE = 4  # that are looked for in so many messages and octets; with more, a slice is smaller
SLICE_ROWS = 5_000  # where nothing but rows is looked at
SLICE_OCTETS = 2 * 1024 * 1024  # of messages that are looked through in one go
MAX_TRIES = 3  # of a message whose octets move while it is read

log = Logger(namespace="osxmail.store")

#: Keys with which an index may help.
_LOOKED_FOR = Header | Text | Body | SentBefore | SentOn | SentSince | ThreadId

#: See L{osxmail.interfaces.IMailbox.search}.
Progress: TypeAlias = Callable[[int, int], object]


@frozen
class Whereabouts:
    """
    What an index is asked with.

    @ivar account: the number of the mailbox's account.
    @ivar octets: the last id of octets that was given.
    @ivar uidnext: of the mailbox.
    """

    account: int
    octets: int
    uidnext: int


@frozen
class _Found:
    """
    What the rows say.

    @ivar certain: messages that match, whatever their octets are, ascending.
    @ivar unsure: messages that may match, ascending.
    @ivar sizes: of each of these.
    """

    certain: list[int]
    unsure: array[int]
    sizes: array[int]


class Search:
    """
    Searches mailboxes; one for each store.
    """

    def __init__(
        self, database: Database, octets: Octets, index: Index | None = None, pool: Pool | None = None
    ) -> None:
        """
        @param index: what may help.
        @param pool: threads that look through text; one of its own if it is C{None}.
        """
        self.database = database
        self.octets = octets
        self.index = index
        self._pool = pool or Pool("store-search", SEARCH_THREADS, MAX_WAITING_SEARCHES)

    def start(self) -> None:
        """
        Accept searches.
        """
        self._pool.start()

    def stop(self) -> Deferred[None]:
        """
        Accept no more; fires when those that run have finished their slice.
        """
        return self._pool.stop()

    def search(
        self, mailboxId: int, key: SearchKey, uids: Sequence[int] | None = None, progress: Progress | None = None
    ) -> Deferred[list[int]]:
        """
        See L{osxmail.interfaces.IMailbox.search}.

        @raise NoSuchMailbox: (in the Deferred) it was deleted.
        @raise Overloaded: (in the Deferred) too many searches wait.
        """
        return Deferred.fromCoroutine(self.found(mailboxId, key, uids, progress))

    async def found(
        self, mailboxId: int, key: SearchKey, uids: Sequence[int] | None, progress: Progress | None = None
    ) -> list[int]:
        """
        As L{search}.
        """
        if uids is not None and not len(uids):
            return []
        helped = await self._helped(mailboxId, key)
        rows, made = await self.database.read(lambda txn: _readRows(txn, mailboxId, key, uids, helped), isLong=True)
        matching = rows.certain
        if not rows.unsure:
            return matching
        total = len(matching) + len(rows.unsure)
        # While one slice is looked through, the next is read.
        running: deque[tuple[int, Deferred[list[int]]]] = deque()
        done = len(matching)
        try:
            for piece in _slices(rows, made.need, _textCount(key)):
                running.append((len(piece), self.lookThrough(mailboxId, piece, made.need, made.matches)))
                if len(running) >= SLICES_AT_ONCE:
                    count, deferred = running.popleft()
                    matching.extend(await deferred)
                    done += count
                    if progress is not None:
                        progress(done, total)
            while running:
                matching.extend(await running.popleft()[1])
        finally:
            for _, left in running:
                # The search has failed or was given up: why, the first one has said.
                left.addErrback(lambda failure: None)
                left.cancel()
        # In a thread: there may be hundreds of thousands.
        return await self._pool.run(sorted, matching)

    async def whereabouts(self, mailboxId: int) -> Whereabouts:
        """
        @raise NoSuchMailbox: it was deleted.
        """
        row = await self.database.read(
            lambda txn: txn.execute(
                "SELECT account_id, (SELECT value FROM counter WHERE name = 'octets'), uidnext"
                " FROM mailbox WHERE id = ?",
                (mailboxId,),
            ).fetchone(),
            isSingle=True,
        )
        if row is None:
            raise NoSuchMailbox("deleted meanwhile")
        return Whereabouts(*row)

    async def _helped(self, mailboxId: int, key: SearchKey) -> Narrowed | None:
        if self.index is None or all(not isinstance(leaf, _LOOKED_FOR) for leaf in leaves(key)):
            return None
        where = await self.whereabouts(mailboxId)
        self.index.wanted(mailboxId)
        try:
            return await self.index.ask(
                where.account, where.octets, lambda connection: narrowed(connection, mailboxId, key)
            )
        except Overloaded:
            # Without it, it takes longer.
            return None

    def lookThrough(
        self, mailboxId: int, uids: Sequence[int], need: int, matches: Callable[[Candidate], Any]
    ) -> Deferred[list[int]]:
        """
        UIDs of those messages of which C{matches}, called in a thread, says that they are wanted.

        @param uids: a slice, ascending, not empty.
        @param need: what C{matches} looks at: see L{osxmail.store.searchtests}.
        """
        return Deferred.fromCoroutine(self._lookThrough(mailboxId, uids, need, matches))

    async def _lookThrough(
        self, mailboxId: int, uids: Sequence[int], need: int, matches: Callable[[Candidate], Any]
    ) -> list[int]:
        matching: list[int] = []
        head = ROW_OCTETS if need >= BODY else FIRST_HEAD_OCTETS if need > SENT else 0
        for _ in range(MAX_TRIES):
            read = sliceReader(mailboxId, uids, head, isRowOnly=need == ROW)
            row = await self.database.read(read, isSingle=True)
            good, again = await self._pool.run(self._match_inThread, row, matches)
            matching.extend(good)
            if not again:
                return matching
            uids, head = again, ROW_OCTETS
        for uid in again:
            log.error("{event}", event="search.passed_over", mailboxId=mailboxId, uid=uid)
        return matching

    def _match_inThread(self, row: Sequence[Any], matches: Callable[[Candidate], Any]) -> tuple[list[int], list[int]]:
        """
        UIDs that match, and those to be read again.
        """
        good: list[int] = []
        again: list[int] = []
        for candidate in candidates(row, self.octets):
            try:
                if matches(candidate):
                    good.append(candidate.uid)
            except (Moved, More):
                again.append(candidate.uid)
            except StoreDamaged as error:
                # One damaged message must not keep all others from being found.
                log.error("{event}", event="store.damaged", uid=candidate.uid, reason=str(error))
        return good, again


def _readRows(
    txn: Transaction, mailboxId: int, key: SearchKey, uids: Sequence[int] | None, helped: Narrowed | None
) -> tuple[_Found, Plan]:
    mailbox = txn.execute("SELECT uidnext FROM mailbox WHERE id = ?", (mailboxId,)).fetchone()
    if mailbox is None:
        raise NoSuchMailbox("deleted meanwhile")
    if helped is not None and helped.lastUid >= mailbox[0]:
        # An older state of the store was put back, and this is the index of a later one.
        helped = None
    row = txn.execute(
        "SELECT group_concat(bit), group_concat(name, ' ') FROM keyword WHERE mailbox_id = ?", (mailboxId,)
    )
    bits, names = row.fetchone()
    keywords = dict(zip((names or "").lower().split(), numbersFrom(bits, "I"), strict=True))
    made = plan(helped.key if helped is not None else key, keywords)
    certain: list[int] = []
    if helped is not None and helped.unsure is not None:
        certain = _existing(txn, mailboxId, _within(helped.certain, uids))
        uids = _inDoubt(txn, mailboxId, uids, helped)
        if not uids:
            return _Found(certain, array("I"), array("Q")), made
    found = _readConditions(txn, mailboxId, made, uids)
    return (_Found(sorted(certain + found.certain), found.unsure, found.sizes) if certain else found), made


def _readConditions(txn: Transaction, mailboxId: int, made: Plan, uids: Sequence[int] | None) -> _Found:
    condition = UidCondition(uids)
    args = {"mailbox": mailboxId, **condition.args, **made.args}
    source = f"FROM message WHERE mailbox_id = :mailbox{condition.sql} AND {made.atMost}"
    if made.atLeast == made.atMost:
        # Rows are enough.  Most mailboxes have few gaps, or none.
        first, last, count = txn.execute(f"SELECT min(uid), max(uid), count(*) {source}", args).fetchone()
        if count and last - first + 1 == count:
            return _Found(list(range(first, last + 1)), array("I"), array("Q"))
        row = txn.execute(f"SELECT group_concat(uid) FROM (SELECT uid {source} ORDER BY uid)", args).fetchone()
        return _Found(list(numbersFrom(row[0], "I")), array("I"), array("Q"))
    texts = txn.execute(
        f"""SELECT group_concat(uid), group_concat(certain), group_concat(size) FROM
            (SELECT uid, {made.atLeast} AS certain, size {source} ORDER BY uid)""",
        args,
    ).fetchone()
    found, isCertain, sizes = numbersFrom(texts[0], "I"), numbersFrom(texts[1], "B"), numbersFrom(texts[2], "Q")
    certain = list(compress(found, isCertain))
    if len(certain) == len(found):
        return _Found(certain, array("I"), array("Q"))
    isUnsure = [not each for each in isCertain]
    return _Found(certain, array("I", compress(found, isUnsure)), array("Q", compress(sizes, isUnsure)))


def _existing(txn: Transaction, mailboxId: int, uids: Sequence[int]) -> list[int]:
    """
    Those that are there.
    """
    if not uids:
        return []
    row = txn.execute(
        "SELECT count(*) FROM message WHERE mailbox_id = ? AND uid BETWEEN ? AND ?", (mailboxId, uids[0], uids[-1])
    ).fetchone()
    if row[0] == uids[-1] - uids[0] + 1:
        # Nothing was ever removed from between them.
        return list(uids)
    condition = UidCondition(uids)
    row = txn.execute(
        "SELECT group_concat(uid) FROM"
        f" (SELECT uid FROM message WHERE mailbox_id = :mailbox{condition.sql} ORDER BY uid)",
        {"mailbox": mailboxId, **condition.args},
    ).fetchone()
    return list(numbersFrom(row[0], "I"))


def _within(found: array[int], uids: Sequence[int] | None) -> array[int]:
    """
    Those of what was found that are among these UIDs.
    """
    if uids is None or not found:
        return found
    # Only what lies between the first and the last is worth a set.
    known = set(found[bisect_left(found, uids[0]) : bisect_right(found, uids[-1])])
    return array("I", [uid for uid in uids if uid in known]) if known else array("I")


def _inDoubt(txn: Transaction, mailboxId: int, uids: Sequence[int] | None, helped: Narrowed) -> Sequence[int]:
    """
    Those of the UIDs of which the index is not sure, and those that it does not have yet.
    """
    assert helped.unsure is not None
    if uids is not None:
        return _within(helped.unsure, uids) + array("I", uids[bisect_right(uids, helped.lastUid) :])
    row = txn.execute(
        "SELECT group_concat(uid) FROM (SELECT uid FROM message WHERE mailbox_id = ? AND uid > ? ORDER BY uid)",
        (mailboxId, helped.lastUid),
    ).fetchone()
    return helped.unsure + numbersFrom(row[0], "I")


def _textCount(key: SearchKey) -> int:
    return sum(isinstance(leaf, Text | Body | Header) for leaf in leaves(key))


def _slices(found: _Found, need: int, texts: int) -> Iterator[list[int]]:
    """
    The UIDs to be looked at, in pieces of so many messages and so many octets: other people's searches wait for the
    pieces of this one, so that each is about as much work, whatever is looked for.
    """
    piece: list[int] = []
    octets = 0
    times = max(1, texts // TEXTS_A_SLICE)
    limit = max(1, SLICE_MESSAGES // times) if need > ROW else SLICE_ROWS
    most = SLICE_OCTETS // times
    for uid, size in zip(found.unsure, found.sizes, strict=True):
        octets += (size if need >= BODY else min(size, ROW_OCTETS)) if need > SENT else 0
        if piece and (len(piece) >= limit or octets > most):
            yield piece
            piece, octets = [], size
        piece.append(uid)
    if piece:
        yield piece
