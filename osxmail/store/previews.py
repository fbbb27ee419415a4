# -*- test-case-name: tests.unit.store.test_previews -*-
"""
PREVIEW (RFC 8970): made of a message's text when it is first asked for, in a thread, and kept beside its renderings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from itertools import islice

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from osxmail.errors import MailError
from osxmail.mail.preview import preview
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.numbers import UidCondition, numbersFrom
from osxmail.store.search import Search
from osxmail.store.searchtests import BODY, Candidate

MAX_AT_ONCE = 1_000  # messages of one call
MADE_AT_ONCE = 50  # messages that are looked into in one hop
MAX_WAITING = 5_000  # messages whose previews somebody would like to have later; what comes more is passed over
KEPT_AT_ONCE = 500  # previews that are written in one transaction

log = Logger(namespace="osxmail.store")


class Previews:
    """
    Reads, makes and keeps previews.
    """

    def __init__(self, database: Database, search: Search) -> None:
        self._database = database
        self._search = search
        self._waiting: dict[tuple[int, int], None] = {}
        self._isMaking = False
        self._unwritten: dict[int, str] = {}
        self._onItsWay: dict[int, str] = {}
        self._isWriting = False
        self._isStopped = False

    def stop(self) -> None:
        """
        Begin nothing new: what was not kept is made again when it is asked for.
        """
        self._isStopped = True
        self._waiting.clear()
        self._unwritten.clear()

    def previews(
        self, mailboxId: int, uids: Sequence[int], isLazy: bool = False
    ) -> Deferred[list[tuple[int, bytes | None]]]:
        """
        See L{osxmail.interfaces.IMailbox.previews}.
        """
        if len(uids) > MAX_AT_ONCE:
            return fail(ValueError(f"{len(uids)} previews at once"))
        return Deferred.fromCoroutine(self._previews(mailboxId, uids, isLazy))

    async def _previews(self, mailboxId: int, uids: Sequence[int], isLazy: bool) -> list[tuple[int, bytes | None]]:
        if not uids:
            return []
        rows = await self._database.read(lambda txn: _read(txn, mailboxId, uids), isSingle=True)
        found = [(uid, self._fresh(octetsId) if text is None else text) for uid, octetsId, text in rows]
        missing = [uid for uid, text in found if text is None]
        if not missing:
            return found
        if isLazy:
            self._wish(mailboxId, missing)
            return found
        made = await self._make(mailboxId, missing)
        return [(uid, made.get(uid) if text is None else text) for uid, text in found]

    def _fresh(self, octetsId: int) -> bytes | None:
        """
        One that was made and is not kept yet.
        """
        text = self._unwritten.get(octetsId, self._onItsWay.get(octetsId))
        return None if text is None else text.encode("utf-8")

    async def _make(self, mailboxId: int, uids: Sequence[int]) -> dict[int, bytes]:
        """
        Previews of these messages; of one that cannot be read, none.
        """
        made: dict[int, bytes] = {}
        kept: dict[int, str] = {}

        def look(candidate: Candidate) -> bool:
            source = candidate.source
            assert source is not None
            text = preview(source.rendering().part, source.read)
            made[candidate.uid] = text.encode("utf-8")
            kept[candidate.octetsId] = text
            return True

        for start in range(0, len(uids), MADE_AT_ONCE):
            await self._search.lookThrough(mailboxId, uids[start : start + MADE_AT_ONCE], BODY, look)
        if not self._isStopped:
            self._unwritten.update(kept)
            self._write()
        return made

    # ----------------------------------------------------------------------------------------- when there is time

    def _wish(self, mailboxId: int, uids: Sequence[int]) -> None:
        """
        Somebody would like to have these, and does not wait for them.
        """
        for uid in uids:
            if len(self._waiting) >= MAX_WAITING or self._isStopped:
                break
            self._waiting[(mailboxId, uid)] = None
        if self._waiting and not self._isMaking:
            self._isMaking = True
            Deferred.fromCoroutine(self._makeWaiting()).addErrback(self._failed)

    async def _makeWaiting(self) -> None:
        try:
            while self._waiting:
                mailboxId = next(iter(self._waiting))[0]
                some = sorted(uid for box, uid in self._waiting if box == mailboxId)[:MADE_AT_ONCE]
                for uid in some:
                    del self._waiting[(mailboxId, uid)]
                await self._make(mailboxId, some)
        finally:
            self._isMaking = False

    def _write(self) -> None:
        if self._unwritten and not self._isWriting:
            self._isWriting = True
            Deferred.fromCoroutine(self._writeAll()).addErrback(self._failed)

    async def _writeAll(self) -> None:
        try:
            while self._unwritten:
                self._onItsWay = dict(islice(self._unwritten.items(), KEPT_AT_ONCE))
                for octetsId in self._onItsWay:
                    del self._unwritten[octetsId]
                await self._database.write(partial(_keep_txn, rows=json.dumps(list(self._onItsWay.items()))))
        finally:
            self._onItsWay = {}
            self._isWriting = False

    def _failed(self, failure: Failure) -> None:
        # Nobody waits for it, and whoever asks for one gets it all the same.
        if isinstance(failure.value, MailError):
            log.info("{event}", event="previews.not_kept", reason=str(failure.value))
        else:
            log.failure("{event}", failure=failure, event="fault.happened", where="previews")


def _read(txn: Transaction, mailboxId: int, uids: Sequence[int]) -> list[tuple[int, int, bytes | None]]:
    # All in one row: a length of -1 is one that is not there.
    condition = UidCondition(uids)
    row = txn.execute(
        f"""SELECT group_concat(uid), group_concat(octets_id), group_concat(length),
                CAST(group_concat(preview, '') AS BLOB)
            FROM (SELECT m.uid, m.octets_id, coalesce(length(CAST(r.preview AS BLOB)), -1) AS length,
                    coalesce(r.preview, '') AS preview
                FROM message m LEFT JOIN rendering r ON r.octets_id = m.octets_id
                WHERE m.mailbox_id = :mailbox{condition.sql} ORDER BY m.uid)""",
        {"mailbox": mailboxId, **condition.args},
    ).fetchone()
    found: list[tuple[int, int, bytes | None]] = []
    at = 0
    columns = (numbersFrom(text, code) for text, code in zip(row[:3], "Iqq", strict=True))
    for uid, octetsId, length in zip(*columns, strict=True):
        found.append((uid, octetsId, row[3][at : at + length] if length >= 0 else None))
        at += max(0, length)
    return found


def _keep_txn(txn: Transaction, rows: str) -> None:
    txn.execute(
        """UPDATE rendering SET preview = new.value ->> 1 FROM json_each(?) AS new
            WHERE rendering.octets_id = new.value ->> 0""",
        (rows,),
    )
