# -*- test-case-name: tests.integration.test_command -*-
"""
The relay queue.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from osxmail.app.control import text
from osxmail.app.parts import MAX_TRACE_EVENTS, Commands
from osxmail.errors import Refused
from osxmail.mail.acceptance import QueueItem, TraceEvent
from osxmail.mail.header import headerOf

#: Of a message's header, for C{queue show}.
SHOWN_HEADER_OCTETS = 65536
#: Messages that one command works on.
MAX_MESSAGES = 100000
#: Trace lines that are written at once.
TRACE_BATCH = 1000


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
            queueId=text(arguments, "id", "").upper(),
            sender=text(arguments, "sender", ""),
            recipient=text(arguments, "recipient", ""),
            destination=text(arguments, "destination", ""),
        )
        return [_queueRow(item) for item in items]

    async def queue_show(self, arguments: dict[str, Any]) -> Any:
        queueId = text(arguments, "id").upper()
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

    async def _named(self, arguments: dict[str, Any]) -> Sequence[QueueItem]:
        written = arguments.get("ids")
        if written == "all":
            return await self.house.queue.list(limit=MAX_MESSAGES)
        if not isinstance(written, list) or not written:
            raise Refused("name queue IDs, or --all")
        items: list[QueueItem] = []
        for one in written[:MAX_MESSAGES]:
            found = await self.house.queue.list(queueId=str(one).upper())
            if not found:
                raise Refused(f"the queue has no message {one}; osxmail queue list shows what it has")
            items += found
        return items

    async def _apply(self, arguments: dict[str, Any], done: str, act: Callable[[Sequence[str]], Awaitable[int]]) -> Any:
        return await self._applyTo(await self._named(arguments), done, act)

    async def _applyTo(
        self, items: Sequence[QueueItem], done: str, act: Callable[[Sequence[str]], Awaitable[int]]
    ) -> dict[str, Any]:
        ids = [item.queueId for item in items]
        count = await act(ids)
        await self._remember(f"queue.{done}", items)
        self._changed(f"queue {done}", " ".join(ids[:20]))
        return {"messages": len(ids), "recipients": count, "notes": []}

    async def _remember(self, event: str, items: Sequence[QueueItem]) -> None:
        # What an administrator does to a message belongs to its life.
        now = time.time()
        for start in range(0, len(items), TRACE_BATCH):
            events = [
                TraceEvent(now, event, item.queueId, fields={
                    "by": "an administrator", "recipients": [str(r.address) for r in item.recipients[:100]],
                })
                for item in items[start : start + TRACE_BATCH]
            ]  # fmt: skip
            await self.house.store.recordTrace(events)

    async def queue_retry(self, arguments: dict[str, Any]) -> Any:
        items = await self._named(arguments)
        free = [item for item in items if not item.held]
        result = await self._applyTo(free, "retried", self.house.queue.retry)
        held = len(items) - len(free)
        if held:
            what = "1 message is" if held == 1 else f"{held} messages are"
            result["notes"].append(f"{what} held and not tried; osxmail queue release lets go")
        if free and self.house.settings.flag("relay.hold_outbound"):
            result["notes"].append("outbound mail is held (relay.hold_outbound): other servers get nothing now")
        return result

    async def queue_hold(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "held", self.house.queue.hold)

    async def queue_release(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "released", self.house.queue.release)

    async def queue_delete(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "deleted", self.house.queue.remove)
