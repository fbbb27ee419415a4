# -*- test-case-name: tests.integration.test_command -*-
"""
The server as a whole: status, connections, explain, trace.
"""

from __future__ import annotations

import ipaddress
import time
from typing import Any

from osxmail import __version__
from osxmail.app.control import text
from osxmail.app.parts import MAX_TRACE_EVENTS, Commands, addressIn, log
from osxmail.errors import ParseError, Refused
from osxmail.mail.quantities import parseDuration

#: A client from somewhere on the Internet (RFC 5737).
OUTSIDE = "192.0.2.1"


class StatusCommands(Commands):
    """
    The server as a whole.
    """

    async def server_status(self, arguments: dict[str, Any]) -> Any:
        house = self.house
        queued = await house.queue.list(limit=10000)
        protocols: dict[str, int] = {}
        for connection in house.sessions.list():
            if connection.protocol != "control":
                protocols[connection.protocol] = protocols.get(connection.protocol, 0) + 1
        return {
            "version": __version__,
            "hostname": house.hostname,
            "since": house.started,
            "upSeconds": round(time.time() - house.started),
            "services": [{"name": s.name, "endpoint": s.endpoint, "address": s.address} for s in house.services()],
            "connections": protocols,
            "addressesHeld": house.sessions.guard.waitingPlaces,
            "queue": {
                "messages": len(queued),
                "recipients": sum(len(item.recipients) for item in queued),
                "held": sum(item.held for item in queued),
                "oldest": min((item.received for item in queued), default=None),
            },
            "holdOutbound": house.settings.flag("relay.hold_outbound"),
            "blockInbound": house.settings.flag("smtp.block_inbound"),
            "directoriesAway": [{"name": name, "reason": reason} for name, reason in house.away()],
            "domains": len(await house.domains.listDomains()),
        }

    async def server_reload(self, arguments: dict[str, Any]) -> Any:
        return {"notes": list(await self.house.reload())}

    async def connections_list(self, arguments: dict[str, Any]) -> Any:
        return [
            {
                "id": c.sessionId, "protocol": c.protocol, "service": c.service, "host": c.host, "port": c.port,
                "login": c.login, "tls": c.tls, "seconds": c.seconds, **c.details,
            }
            for c in self.house.sessions.list()
            if c.protocol != "control"
        ]  # fmt: skip

    async def connections_end(self, arguments: dict[str, Any]) -> Any:
        sessionId = text(arguments, "id")
        sessions = self.house.sessions
        line = next((c for c in sessions.list() if c.sessionId == sessionId and c.protocol != "control"), None)
        if line is None or not sessions.end(sessionId):
            raise Refused(f"there is no connection {sessionId}; osxmail connections lists them")
        log.info(
            "{event}", event="administration.changed", what="connection ended", name=sessionId, host=line.host,
            login=line.login,
        )  # fmt: skip
        return {"id": sessionId, "protocol": line.protocol, "host": line.host, "login": line.login}

    async def explain_route(self, arguments: dict[str, Any]) -> Any:
        sender = text(arguments, "from", "")
        host = text(arguments, "client", OUTSIDE)
        try:
            host = str(ipaddress.ip_address(host))
        except ValueError:
            raise Refused(f"client: {host!r} is no IP address; write one such as 192.0.2.1 or 2001:db8::1") from None
        return await self.house.explainer.explain(
            sender=addressIn(arguments, "from") if sender not in ("", "<>") else None,
            recipient=addressIn(arguments, "to"),
            clientHost=host,
            login=text(arguments, "login", ""),
        )

    async def trace_find(self, arguments: dict[str, Any]) -> Any:
        try:
            seconds = parseDuration(text(arguments, "since", "30d"))
        except ParseError as error:
            raise Refused(f"since: {error}") from None
        found = await self.house.store.trace(text(arguments, "term"), time.time() - seconds, MAX_TRACE_EVENTS)
        return [
            {
                "time": e.time, "event": e.event, "queueId": e.queueId, "messageId": e.messageId,
                "addresses": list(e.addresses), "fields": e.fields,
            }
            for e in found
        ]  # fmt: skip
