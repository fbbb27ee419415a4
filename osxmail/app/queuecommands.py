# -*- test-case-name: tests.integration.test_command -*-
"""
The relay queue.
"""

from __future__ import annotations

from typing import Any

from osxmail.app.control import text
from osxmail.app.parts import MAX_TRACE_EVENTS, Commands
from osxmail.errors import Refused
from osxmail.mail.acceptance import QueueItem
from osxmail.mail.header import headerOf

#: Of a message's header, for C{queue show}.
SHOWN_HEADER_OCTETS = 65536


def _queueRow(item: QueueItem) -> dict[str, Any]:
    return {
        "id": item.queueId, "sender": str(item.sender) if item.sender else "<>", "received": item.received,
        "octets": item.sizeOctets, "held": item.held,
        "recipients": [
            {
                "address": str(r.address), "destination": r.destination, "attempts": r.attempts, "nextTry": r.nextTry,
                "trying": r.leased, "lastReply": r.lastReply, "host": r.remoteHost,
            }
            for r in item.recipients
        ],
    }  # fmt: skip


class QueueCommands(Commands):
    """
    The relay queue.
    """

    async def queue_list(self, arguments: dict[str, Any]) -> Any:
        items = await self.house.queue.list(
            queueId=text(arguments, "id", ""),
            sender=text(arguments, "sender", ""),
            recipient=text(arguments, "recipient", ""),
            destination=text(arguments, "destination", ""),
        )
        return [_queueRow(item) for item in items]

    async def queue_show(self, arguments: dict[str, Any]) -> Any:
        queueId = text(arguments, "id")
        items = await self.house.queue.list(queueId=queueId)
        if not items:
            raise Refused(f"the queue has no message {queueId}; osxmail trace {queueId} tells what became of it")
        message = await self.house.queue.message(queueId)
        start = await message.read(0, SHOWN_HEADER_OCTETS)
        events = await self.house.store.trace(queueId, 0.0, MAX_TRACE_EVENTS)
        return {
            **_queueRow(items[0]),
            "header": headerOf(start).decode("utf-8", "replace"),
            "trace": [{"time": e.time, "event": e.event, "fields": e.fields} for e in events],
        }

    async def _apply(self, arguments: dict[str, Any], what: str, act: Any) -> Any:
        written = arguments.get("ids")
        if written == "all":
            ids = [item.queueId for item in await self.house.queue.list(limit=100000)]
        elif isinstance(written, list) and written:
            ids = [str(one) for one in written]
            for queueId in ids:
                if not await self.house.queue.list(queueId=queueId):
                    raise Refused(f"the queue has no message {queueId}; osxmail queue list shows what it has")
        else:
            raise Refused("name queue IDs, or --all")
        count = await act(ids)
        self._changed(f"queue {what}", " ".join(ids[:20]))
        return {"recipients": count}

    async def queue_retry(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "retry", self.house.queue.retry)

    async def queue_hold(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "hold", self.house.queue.hold)

    async def queue_release(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "release", self.house.queue.release)

    async def queue_delete(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "delete", self.house.queue.remove)
