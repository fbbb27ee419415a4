# -*- test-case-name: tests.unit.store.test_snapshot -*-
"""
The selected mailbox in memory: parallel arrays, shared by all its sessions, that catch up with the mailbox's log.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Sequence
from itertools import compress

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from osxmail.interfaces import IMailboxListener, ISnapshot
from osxmail.mail.flags import FIRST_KEYWORD_BIT
from osxmail.store.changes import Columns, Delta, FlagChange, Opening

#: Rows that are taken over in one step of the reactor: some 1.5 ms.
APPLIED_AT_ONCE = 2_000
#: Runs of vanished messages up to which arrays are cut, and above which they are made anew, in slices.
MAX_CUTS = 64
COMPRESSED_AT_ONCE = 20_000
#: What is remembered of what changed when, so that a session learns it without looking at every message.
MAX_LOG_ENTRIES = 128
MAX_LOG_UIDS = 200_000

_NOTHING = array("I")

#: The flags that a message has after a STORE, of those before and those of the command.
_BECOMES: dict[str, Callable[[int, int], int]] = {
    "+": lambda old, bits: old | bits,
    "-": lambda old, bits: old ^ (old & bits),
    "=": lambda old, bits: bits,
}


@implementer(ISnapshot)
class Snapshot:
    """
    See L{ISnapshot}.

    @ivar mailboxId: the store's number of the mailbox.
    @ivar listeners: who is told of changes.
    @ivar isCurrent: nothing is known that it has not caught up with.
    """

    __slots__ = (
        "_changedLog",
        "_loadedWaiters",
        "_logFloor",
        "_logModseqs",
        "_loggedUids",
        "_vanishedLog",
        "announcedUid",
        "dates",
        "flags",
        "highestModseq",
        "isLoaded",
        "keywords",
        "listeners",
        "mailboxId",
        "modseqs",
        "sizes",
        "uids",
    )

    def __init__(self, mailboxId: int, opening: Opening) -> None:
        self.mailboxId = mailboxId
        self.uids = opening.uids
        self.flags = array("Q")
        self.modseqs = array("Q")
        self.sizes = array("Q")
        self.dates = array("q")
        self.highestModseq = opening.highestModseq
        self.keywords = opening.keywords
        self.announcedUid = 0
        self.listeners: set[IMailboxListener] = set()
        self.isLoaded = False
        self._loadedWaiters: list[Deferred[None]] = []
        # Three parallel lists: the MODSEQ that a catching up has reached, what it changed, what vanished.
        self._logModseqs: list[int] = []
        self._changedLog: list[array[int]] = []
        self._vanishedLog: list[array[int]] = []
        self._loggedUids = 0
        self._logFloor = opening.highestModseq

    # --------------------------------------------------------------------------------------------- ISnapshot

    def indexOf(self, uid: int) -> int:
        """
        See L{ISnapshot.indexOf}.
        """
        uids = self.uids
        index = bisect_left(uids, uid)
        return index if index < len(uids) and uids[index] == uid else -1

    def changedSince(self, modseq: int) -> tuple[Sequence[int], Sequence[int]]:
        """
        See L{ISnapshot.changedSince}.  May name a little more than asked for, never less.
        """
        if modseq >= self.highestModseq:
            return _NOTHING, _NOTHING
        if modseq < self._logFloor:
            return self._changedSinceByLooking(modseq)
        index = bisect_right(self._logModseqs, modseq)
        if index == len(self._logModseqs) - 1:
            return self._changedLog[index], self._vanishedLog[index]
        return self._union(index, len(self._logModseqs))

    def loaded(self) -> Deferred[None]:
        """
        See L{ISnapshot.loaded}.
        """
        if self.isLoaded:
            return succeed(None)
        deferred: Deferred[None] = Deferred()
        self._loadedWaiters.append(deferred)
        return deferred

    # -------------------------------------------------------------------------------------------- the store's

    def fill(self, columns: Columns) -> None:
        """
        The other arrays are there.
        """
        self.flags = columns.flags
        self.modseqs = columns.modseqs
        self.sizes = columns.sizes
        self.dates = columns.dates
        self.isLoaded = True
        waiting, self._loadedWaiters = self._loadedWaiters, []
        for deferred in waiting:
            deferred.callback(None)

    def abandon(self, error: BaseException) -> None:
        """
        The other arrays will not come.
        """
        waiting, self._loadedWaiters = self._loadedWaiters, []
        for deferred in waiting:
            deferred.errback(error)

    def apply(self, delta: Delta) -> Generator[None, None, bool]:
        """
        Take over what has changed, with a pause (a C{yield}) after each few milliseconds.  What is new and what has
        vanished shows at the end, in one step.

        @return: whether anything changed.
        """
        if delta.highestModseq <= self.highestModseq:
            return False
        if delta.keywords is not None:
            self.keywords = delta.keywords
        changed = delta.changed
        last = self.uids[-1] if self.uids else 0
        news = bisect_right(changed.uids, last)
        position = 0
        while position < news:
            end = min(position + APPLIED_AT_ONCE, news)
            self._update(changed, position, end)
            position = end
            if position < news:
                yield
        gone = yield from self._cut(delta.vanished)
        if news < len(changed.uids):
            self.uids.extend(changed.uids[news:])
            self.flags.extend(changed.flags[news:])
            self.modseqs.extend(changed.modseqs[news:])
            self.sizes.extend(changed.sizes[news:])
            self.dates.extend(changed.dates[news:])
        self.highestModseq = delta.highestModseq
        self._remember(changed.uids, gone)
        return True

    def applyFlags(self, change: FlagChange) -> Generator[None, None, bool]:
        """
        As L{apply}, what a STORE has done.
        """
        if change.highestModseq <= self.highestModseq:
            return False
        uids = change.uids
        first = self.indexOf(uids[0])
        end = first + len(uids)
        if first >= 0 and end <= len(self.uids) and self.uids[end - 1] == uids[-1]:
            # They follow one another here, so that many can be changed as one large number.
            for start in range(first, end, COMPRESSED_AT_ONCE):
                part = slice(start, min(start + COMPRESSED_AT_ONCE, end))
                self.flags[part] = _changedFlags(self.flags[part], change.operation, change.bits)
                self.modseqs[part] = array("Q", (change.highestModseq,)) * (part.stop - part.start)
                if part.stop < end:
                    yield
        else:
            for start in range(0, len(uids), APPLIED_AT_ONCE):
                if start:
                    yield
                for uid in uids[start : start + APPLIED_AT_ONCE]:
                    index = self.indexOf(uid)
                    if index >= 0:
                        self.flags[index] = _BECOMES[change.operation](self.flags[index], change.bits)
                        self.modseqs[index] = change.highestModseq
        self.highestModseq = change.highestModseq
        self._remember(uids, _NOTHING)
        return True

    def canTake(self, change: Delta | FlagChange) -> bool:
        """
        Nothing lies between what we have and this change, and all its keywords are known: it need not be read.
        """
        if change.since != self.highestModseq:
            return False
        if isinstance(change, FlagChange):
            bits = change.bits
        else:
            bits = max(change.changed.flags, default=0)
        return not bits >> FIRST_KEYWORD_BIT >> len(self.keywords)

    def _update(self, changed: Columns, start: int, end: int) -> None:
        uids, flags, modseqs = self.uids, self.flags, self.modseqs
        size = len(uids)
        index = bisect_left(uids, changed.uids[start])
        newFlags, newModseqs = changed.flags, changed.modseqs
        for position in range(start, end):
            uid = changed.uids[position]
            # Mostly they follow one another.
            if index >= size or uids[index] != uid:
                index = bisect_left(uids, uid)
                if index >= size or uids[index] != uid:
                    continue
            flags[index] = newFlags[position]
            modseqs[index] = newModseqs[position]
            index += 1

    def _cut(self, vanished: array[int]) -> Generator[None, None, array[int]]:
        """
        Leave out what has vanished.  C{uids} becomes another array: sessions keep the old one.
        """
        gone = array("I")
        runs: list[list[int]] = []
        uids = self.uids
        for count, uid in enumerate(vanished):
            if count % APPLIED_AT_ONCE == APPLIED_AT_ONCE - 1:
                yield
            index = self.indexOf(uid)
            if index < 0:
                continue
            gone.append(uid)
            if runs and runs[-1][1] == index:
                runs[-1][1] = index + 1
            else:
                runs.append([index, index + 1])
        if not runs:
            return gone
        columns = [uids, self.flags, self.modseqs, self.sizes, self.dates]
        if len(runs) <= MAX_CUTS:
            columns = [_withoutRuns(column, runs) for column in columns]
        else:
            keep = bytearray(b"\x01") * len(uids)
            for start, end in runs:
                keep[start:end] = bytes(end - start)
            columns = [array(column.typecode) for column in columns]
            for start in range(0, len(uids), COMPRESSED_AT_ONCE):
                end = start + COMPRESSED_AT_ONCE
                for old, new in zip((uids, self.flags, self.modseqs, self.sizes, self.dates), columns, strict=True):
                    new.extend(compress(old[start:end], keep[start:end]))
                yield
        self.uids, self.flags, self.modseqs, self.sizes, self.dates = columns
        return gone

    # ------------------------------------------------------------------------------------------- the delta log

    def _remember(self, changed: array[int], vanished: array[int]) -> None:
        self._logModseqs.append(self.highestModseq)
        self._changedLog.append(changed)
        self._vanishedLog.append(vanished)
        self._loggedUids += len(changed) + len(vanished)
        if len(self._logModseqs) > MAX_LOG_ENTRIES:
            # Fewer, larger entries: who is that far behind gets a little more than was asked for.
            half = len(self._logModseqs) // 2
            merged = self._union(0, half)
            self._loggedUids += len(merged[0]) + len(merged[1])
            self._loggedUids -= sum(map(len, self._changedLog[:half])) + sum(map(len, self._vanishedLog[:half]))
            self._logModseqs[:half] = [self._logModseqs[half - 1]]
            self._changedLog[:half] = [merged[0]]
            self._vanishedLog[:half] = [merged[1]]
        while self._loggedUids > MAX_LOG_UIDS and len(self._logModseqs) > 1:
            self._loggedUids -= len(self._changedLog.pop(0)) + len(self._vanishedLog.pop(0))
            self._logFloor = self._logModseqs.pop(0)

    def _union(self, start: int, end: int) -> tuple[array[int], array[int]]:
        changed: set[int] = set()
        vanished: set[int] = set()
        for index in range(start, end):
            changed.update(self._changedLog[index])
            vanished.update(self._vanishedLog[index])
        changed -= vanished
        return array("I", sorted(changed)), array("I", sorted(vanished))

    def _changedSinceByLooking(self, modseq: int) -> tuple[array[int], array[int]]:
        changed = array("I", compress(self.uids, [each > modseq for each in self.modseqs]))
        missing = array("I")
        expected = 1
        uids = self.uids
        if uids and uids[-1] - uids[0] + 1 == len(uids):
            missing.extend(range(1, uids[0]))
            expected = uids[-1] + 1
        else:
            for uid in uids:
                if uid != expected:
                    missing.extend(range(expected, uid))
                expected = uid + 1
        highest = max((log[-1] for log in self._vanishedLog if log), default=0)
        missing.extend(range(expected, highest + 1))
        return changed, missing


def _changedFlags(flags: array[int], operation: str, bits: int) -> array[int]:
    count = len(flags)
    old = int.from_bytes(flags.tobytes(), sys.byteorder)
    mask = int.from_bytes(array("Q", (bits,)).tobytes() * count, sys.byteorder)
    new = array("Q")
    new.frombytes(_BECOMES[operation](old, mask).to_bytes(count * new.itemsize, sys.byteorder))
    return new


def _withoutRuns(column: array[int], runs: Sequence[Sequence[int]]) -> array[int]:
    kept = array(column.typecode)
    position = 0
    for start, end in runs:
        kept.extend(column[position:start])
        position = end
    kept.extend(column[position:])
    return kept
