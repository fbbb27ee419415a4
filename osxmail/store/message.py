# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
Messages to read: rows of C{message} with their prefix and octets, many in one hop.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from osxmail.errors import NoSuchMailbox
from osxmail.interfaces import IMessage
from osxmail.mail.mime import Rendering, renderMessage
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.numbers import UidCondition
from osxmail.store.octets import Octets, Place

MAX_MESSAGES_AT_ONCE = 100
READ_OCTETS = 256 * 1024  # in one call


@implementer(IMessage)
class Message:
    """
    See L{IMessage}.
    """

    __slots__ = ("_octets", "_octetsId", "_place", "_rendering", "inline", "prefix", "sizeOctets")

    def __init__(
        self,
        octets: Octets,
        octetsId: int,
        prefix: bytes,
        size: int,
        data: bytes | None,
        segment: int | None,
        place: int | None,
    ) -> None:
        """
        @param size: of the octets, without the prefix.
        @param data: the octets, where they stand in a row.
        @param segment: else the segment that they stand in,
        @param place: and the place there.
        """
        self.sizeOctets = len(prefix) + size
        self.prefix = prefix
        self.inline = None if data is None else (prefix + data if prefix else data)
        self._octets = octets
        self._octetsId = octetsId
        self._place = None if segment is None or place is None else Place(octetsId, size, segment, place)
        self._rendering: Rendering | None = None

    def __repr__(self) -> str:
        return f"<Message {self._octetsId}, {self.sizeOctets} octets>"

    def rendering(self) -> Deferred[Rendering]:
        """
        See L{IMessage.rendering}.

        @raise NoSuchMessage: (in the Deferred) it was removed meanwhile.
        """
        if self._rendering is not None:
            return succeed(self._rendering)
        return Deferred.fromCoroutine(self._readRendering())

    async def _readRendering(self) -> Rendering:
        row = await self._octets.database.read(self._renderingRow_inThread, isSingle=True)
        if row is not None:
            self._rendering = Rendering.decode(row[0], row[1], row[2], row[3])
        elif self.inline is not None:
            # What came for the queue alone was not rendered.
            self._rendering = renderMessage(self.inline[len(self.prefix) :], self.prefix)
        else:
            assert self._place is not None
            self._rendering = await self._octets.whole(self._place, partial(renderMessage, prefix=self.prefix))
        return self._rendering

    def _renderingRow_inThread(self, txn: Transaction) -> tuple[bytes, bytes, bytes, bytes] | None:
        row: tuple[bytes, bytes, bytes, bytes] | None = txn.execute(
            "SELECT structure, envelope, body, bodystructure FROM rendering WHERE octets_id = ?", (self._octetsId,)
        ).fetchone()
        return row

    def read(self, offset: int, length: int) -> Deferred[bytes]:
        """
        See L{IMessage.read}.

        @raise NoSuchMessage: (in the Deferred) it was removed meanwhile.
        """
        if offset < 0 or not 0 <= length <= READ_OCTETS:
            return fail(ValueError(f"read of {length} octets from {offset}"))
        if self.inline is not None:
            return succeed(self.inline[offset : offset + length])
        assert self._place is not None
        before = self.prefix[offset : offset + length]
        length -= len(before)
        if not length:
            return succeed(before)
        rest = self._octets.read(self._place, max(0, offset - len(self.prefix)), length)
        return rest.addCallback(lambda data: before + data) if before else rest


# All messages in one row (see the manual): what is small as JSON, what is long joined, to be cut by its lengths.
_PACKED = """SELECT json_group_array(json_array(key, id, size, segment, place, length(data), length(prefix))),
    CAST(group_concat(data, '') AS BLOB), CAST(group_concat(prefix, '') AS BLOB) FROM """
_COLUMNS = "o.id, o.size, o.segment, o.place, o.data, p.data AS prefix"


def _unpacked(octets: Octets, row: tuple[str, bytes | None, bytes | None]) -> list[tuple[Any, IMessage]]:
    descriptions, datas, prefixes = row
    found: list[tuple[Any, IMessage]] = []
    dataAt = prefixAt = 0
    for key, octetsId, size, segment, place, dataLength, prefixLength in json.loads(descriptions):
        data = prefix = b""
        if dataLength:
            assert datas is not None
            data = datas[dataAt : dataAt + dataLength]
            dataAt += dataLength
        if prefixLength:
            assert prefixes is not None
            prefix = prefixes[prefixAt : prefixAt + prefixLength]
            prefixAt += prefixLength
        found.append((key, Message(octets, octetsId, prefix, size, data if segment is None else None, segment, place)))
    return found


def messagesOfQueue(txn: Transaction, octets: Octets, queueIds: Sequence[str]) -> dict[str, IMessage]:
    """
    The messages of queue items, in one statement; those that are gone are left out.
    """
    row = txn.execute(
        f"""{_PACKED} (SELECT q.id AS key, {_COLUMNS} FROM json_each(?) wanted JOIN queue q ON q.id = wanted.value
            JOIN octets o ON o.id = q.octets_id
            LEFT JOIN prefix p ON p.octets_id = q.octets_id AND p.number = q.prefix)""",
        (json.dumps(list(queueIds)),),
    ).fetchone()
    return dict(_unpacked(octets, row))


class MessageRows:
    """
    Reads messages of mailboxes.
    """

    def __init__(self, database: Database, octets: Octets) -> None:
        self._database = database
        self._octets = octets

    def messages(self, mailboxId: int, uids: Sequence[int]) -> Deferred[list[tuple[int, IMessage]]]:
        """
        See L{osxmail.interfaces.IMailbox.messages}.
        """
        if len(uids) > MAX_MESSAGES_AT_ONCE:
            return fail(ValueError(f"{len(uids)} messages at once"))
        if not uids:
            return succeed([])

        def read(txn: Transaction) -> list[tuple[int, IMessage]]:
            condition = UidCondition(uids)
            row = txn.execute(
                f"""{_PACKED} (SELECT m.uid AS key, {_COLUMNS} FROM message m JOIN octets o ON o.id = m.octets_id
                    LEFT JOIN prefix p ON p.octets_id = m.octets_id AND p.number = m.prefix
                    WHERE m.mailbox_id = :mailbox{condition.sql} ORDER BY m.uid)""",
                {"mailbox": mailboxId, **condition.args},
            ).fetchone()
            found = _unpacked(self._octets, row)
            if not found:
                requireMailbox(txn, mailboxId)
            return found

        return self._database.read(read, isSingle=True)


def requireMailbox(txn: Transaction, mailboxId: int) -> None:
    """
    @raise NoSuchMailbox: it was deleted.
    """
    if txn.execute("SELECT 1 FROM mailbox WHERE id = ?", (mailboxId,)).fetchone() is None:
        raise NoSuchMailbox("deleted meanwhile")
