# -*- test-case-name: tests.unit.store.test_collection -*-
"""
Collection: in the background, in small steps between the work of others, what nobody names any more goes.

Octets go that no message and no queue item names, with their prefixes and renderings; a segment that is all dead is
deleted; of one that is mostly dead the living records are copied to the current segment, in transactions like any
other; old traces go.  A crash at any point leaves something to be collected, and nothing to be missed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from osxmail.errors import MailError, StoreDamaged
from osxmail.interfaces import ISettings
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.octets import Octets, Place
from osxmail.store.segments import HEADER_OCTETS, isCurrent, segmentNumbers
from osxmail.store.trace import collectTrace

ROUND_SECONDS = 60.0  # from the end of a round to the next
WHOLE_ROUND_SECONDS = 24 * 3600.0  # between rounds that look at every segment and every trace
PAUSE_SECONDS = 0.02  # between two steps
OCTETS_A_STEP = 100  # loose octets that are looked at in one transaction
SEGMENTS_A_STEP = 100
#: A dead segment is deleted so long after it was found: who reads a message that is gone may still finish.
GRACE_SECONDS = 600.0
COMPACT_BELOW = 0.5  # the living part of a segment
COMPACT_FROM_OCTETS = 1024 * 1024  # smaller segments are not worth the work
MOVED_A_STEP_OCTETS = 1024 * 1024
MOVED_A_STEP_RECORDS = 64

#: Tables with rows of one message's octets, and their columns.
_NAMED_BY_OCTETS = (
    ("octets", "id"),
    ("prefix", "octets_id"),
    ("rendering", "octets_id"),
    ("unended_octets", "octets_id"),
)

log = Logger(namespace="osxmail.store")


@define(eq=False)
class Collected:
    """
    What a round has done.
    """

    octets: int = 0
    segments: int = 0
    moved: int = 0

    @property
    def isNothing(self) -> bool:
        return not (self.octets or self.segments or self.moved)


class Collection:
    """
    See the module.  One process of those that share a store is enough.
    """

    def __init__(
        self,
        database: Database,
        octets: Octets,
        settings: ISettings,
        clock: IReactorTime,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param settings: C{trace.days}.
        """
        self._database = database
        self._octets = octets
        self._clock = clock
        self._isRunning = False
        self._next: IDelayedCall | None = None
        self._round: Deferred[None] | None = None
        self._whenDone: list[Deferred[None]] = []
        self._touched: set[int] = set()  # segments of which something has died
        self._dead: dict[int, float] = {}  # segments, and when they were found dead
        self._wholeRoundAt = 0.0
        self._traceStep = collectTrace(database, lambda: now() - settings.number("trace.days") * 86400.0)

    def start(self) -> None:
        """
        Begin the rounds; the first one a while from now.
        """
        self._isRunning = True
        self._wholeRoundAt = self._clock.seconds()
        self._next = self._clock.callLater(ROUND_SECONDS, self._begin)

    def stop(self) -> Deferred[None]:
        """
        No more rounds.

        @return: fires when the step that runs is done.
        """
        self._isRunning = False
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._round is None:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._whenDone.append(done)
        return done

    def _begin(self) -> None:
        self._next = None
        isWhole = self._clock.seconds() >= self._wholeRoundAt
        if isWhole:
            self._wholeRoundAt = self._clock.seconds() + WHOLE_ROUND_SECONDS
        self._round = Deferred.fromCoroutine(self._runRound(isWhole))
        self._round.addErrback(self._failed).addCallback(self._ended)

    async def _runRound(self, isWhole: bool) -> None:
        started = self._clock.seconds()
        collected = await self._collect(isWhole, lambda: self._isRunning)
        if not collected.isNothing:
            log.info(
                "{event}",
                event="store.collected",
                octets=collected.octets,
                segments=collected.segments,
                moved=collected.moved,
                tookSeconds=round(self._clock.seconds() - started, 3),
            )

    def _failed(self, failure: Failure) -> None:
        # The next round tries again: a full disk, or a store that is closing.
        if failure.check(MailError):
            log.warn("{event}", event="store.collection_failed", reason=repr(failure.value))
        else:
            log.failure("{event}", failure, event="store.collection_failed")

    def _ended(self, result: None) -> None:
        self._round = None
        if self._isRunning:
            self._next = self._clock.callLater(ROUND_SECONDS, self._begin)
        waiting, self._whenDone = self._whenDone, []
        for deferred in waiting:
            deferred.callback(None)

    def collect(self) -> Deferred[Collected]:
        """
        One whole round, now.  What is found dead only now goes in a later one.
        """
        return Deferred.fromCoroutine(self._collect(True, lambda: True))

    # ------------------------------------------------------------------------------------------------ rounds

    async def _collect(self, isWhole: bool, mayGoOn: Callable[[], bool]) -> Collected:
        collected = Collected()
        while mayGoOn():
            looked, gone, segments = await self._database.write(_collectOctets_txn)
            collected.octets += gone
            self._touched.update(segments)
            if looked < OCTETS_A_STEP:
                break
            await self._pause()
        if isWhole:
            await self._octets.spool.removeLeftovers()
            self._touched.update(await self._octets.inThread(lambda: list(segmentNumbers(self._octets.folder))))
        numbers = sorted(self._touched | self._dead.keys())
        self._touched.clear()
        for start in range(0, len(numbers), SEGMENTS_A_STEP):
            if not mayGoOn():
                self._touched.update(numbers[start:])
                break
            await self._lookAt(numbers[start : start + SEGMENTS_A_STEP], collected, mayGoOn)
            await self._pause()
        while isWhole and mayGoOn() and await self._traceStep():
            await self._pause()
        return collected

    def _pause(self) -> Deferred[None]:
        return deferLater(self._clock, PAUSE_SECONDS)

    async def _lookAt(self, numbers: Sequence[int], collected: Collected, mayGoOn: Callable[[], bool]) -> None:
        live = await self._database.read(lambda txn: _liveOctets(txn, numbers))
        sizes = await self._octets.inThread(lambda: self._sizes_inThread(numbers))
        now = self._clock.seconds()
        for number in numbers:
            size = sizes.get(number)
            if size is None:
                self._dead.pop(number, None)
            elif number not in live:
                if now - self._dead.setdefault(number, now) >= GRACE_SECONDS:
                    collected.segments += await self._delete(number)
            else:
                self._dead.pop(number, None)
                if size >= COMPACT_FROM_OCTETS and live[number] < COMPACT_BELOW * size:
                    collected.moved += await self._compact(number, mayGoOn)

    def _sizes_inThread(self, numbers: Iterable[int]) -> dict[int, int]:
        """
        The lengths of those that have a file and that nobody appends to.
        """
        sizes = {}
        for number in numbers:
            path = self._octets.segments.path(number)
            try:
                size = os.stat(path).st_size
            except FileNotFoundError:
                continue
            if not isCurrent(path):
                sizes[number] = size
        return sizes

    async def _delete(self, number: int) -> int:
        # In a transaction nobody else writes: what no row names now, and nobody appends to, nobody will ever name.
        if await self._database.write(lambda txn: number in _liveOctets(txn, (number,))):
            return 0
        if not await self._octets.inThread(lambda: self._sizes_inThread((number,))):
            return 0
        self._octets.reader.forget(number)
        await self._octets.inThread(lambda: self._octets.segments.path(number).unlink(missing_ok=True))
        self._dead.pop(number, None)
        return 1

    async def _compact(self, number: int, mayGoOn: Callable[[], bool]) -> int:
        moved = 0
        after = -1
        while mayGoOn():
            places = await self._database.read(partial(_recordsOf, number=number, after=after))
            if not places:
                # All of it has moved: dead from now on.
                break
            after = places[-1].place
            records = await self._octets.inThread(partial(self._read_inThread, places))
            moved += await self._database.write(partial(self._move_txn, records=records))
            await self._pause()
        self._touched.add(number)
        return moved

    def _read_inThread(self, places: Sequence[Place]) -> list[tuple[Place, bytes, int]]:
        records = []
        for place in places:
            try:
                data, checksum = self._octets.reader.readWhole(place)
            except StoreDamaged:
                # It stays where it is: whoever wants it is told.
                continue
            records.append((place, data, checksum))
        return records

    def _move_txn(self, txn: Transaction, records: Sequence[tuple[Place, bytes, int]]) -> int:
        text = txn.execute(
            "SELECT json_group_array(json_array(id, segment, place)) FROM octets"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps([place.octetsId for place, _, _ in records]),),
        ).get
        known = {octetsId: (segment, offset) for octetsId, segment, offset in json.loads(text)}
        moved = [
            (place.octetsId, *self._octets.segments.append_txn(txn, place.octetsId, data, checksum))
            for place, data, checksum in records
            if known.get(place.octetsId) == (place.segment, place.place)
        ]
        txn.execute(
            "UPDATE octets SET segment = new.value ->> 1, place = new.value ->> 2 FROM json_each(?) AS new"
            " WHERE octets.id = new.value ->> 0",
            (json.dumps(moved),),
        )
        return len(moved)


def _collectOctets_txn(txn: Transaction) -> tuple[int, int, list[int]]:
    """
    Look at some loose octets.

    @return: how many were looked at, how many are gone, and the segments that they stood in.
    """
    text = txn.execute(
        "SELECT json_group_array(json_array(octets_id, EXISTS (SELECT 1 FROM message m WHERE m.octets_id = l.octets_id)"
        " OR EXISTS (SELECT 1 FROM queue q WHERE q.octets_id = l.octets_id),"
        " (SELECT segment FROM octets o WHERE o.id = l.octets_id)))"
        " FROM (SELECT octets_id FROM loose_octets ORDER BY octets_id LIMIT ?) l",
        (OCTETS_A_STEP,),
    ).get
    rows: list[list[Any]] = json.loads(text)
    if not rows:
        return 0, 0, []
    dead = json.dumps([octetsId for octetsId, isNamed, _ in rows if not isNamed])
    for table, column in _NAMED_BY_OCTETS:
        txn.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (dead,))
    txn.execute(
        "DELETE FROM loose_octets WHERE octets_id IN (SELECT value FROM json_each(?))",
        (json.dumps([row[0] for row in rows]),),
    )
    gone = [segment for _, isNamed, segment in rows if not isNamed]
    return len(rows), len(gone), sorted({segment for segment in gone if segment is not None})


def _liveOctets(txn: Transaction, numbers: Sequence[int]) -> dict[int, int]:
    """
    What the rows name of each of these segments, in octets of its file; those of which they name nothing are missing.
    """
    text = txn.execute(
        "SELECT json_group_array(json_array(segment, octets)) FROM (SELECT segment, sum(size + ?1) AS octets"
        " FROM octets WHERE segment IN (SELECT value FROM json_each(?2)) GROUP BY segment)",
        (HEADER_OCTETS, json.dumps(list(numbers))),
    ).get
    return {segment: octets for segment, octets in json.loads(text)}


def _recordsOf(txn: Transaction, number: int, after: int) -> list[Place]:
    """
    The next living records of a segment, a step's worth.
    """
    text = txn.execute(
        "SELECT json_group_array(json_array(id, size, place)) FROM (SELECT id, size, place FROM octets"
        " WHERE segment = ? AND place > ? ORDER BY place LIMIT ?)",
        (number, after, MOVED_A_STEP_RECORDS),
    ).get
    places: list[Place] = []
    total = 0
    for octetsId, size, place in sorted(json.loads(text), key=lambda row: row[2]):
        total += size
        if places and total > MOVED_A_STEP_OCTETS:
            break
        places.append(Place(octetsId, size, number, place))
    return places
