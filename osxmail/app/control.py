# -*- test-case-name: tests.unit.app.test_control -*-
"""
The server's end of the command: a Unix socket that only its owner can open, a line of JSON each way.

A request is C{{"command": "queue.list", "arguments": {…}}}; the answer C{{"result": …}} or C{{"error": "…"}}.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from twisted.logger import Logger, LogLevel

from osxmail.errors import MailError, Refused, TemporaryError
from osxmail.protocols.base import Gate, GateFactory, LineTooLong
from osxmail.protocols.entrance import Entrance
from osxmail.protocols.replies import fault

#: Of a request or an answer.
MAX_REQUEST_OCTETS = 1 << 20
MAX_ANSWER_OCTETS = 64 << 20
CHUNK_OCTETS = 65536

Command = Callable[[dict[str, Any]], Awaitable[Any]]


class ControlSession(Gate):
    """
    One run of the command.
    """

    protocolName = "control"
    isAlwaysAdmitted = True
    # A question is no event, and what a command changes has a line of its own.
    closedLevel = LogLevel.debug
    log: ClassVar[Logger] = Logger(namespace="osxmail.app")

    def __init__(self, factory: ControlFactory) -> None:
        super().__init__(factory)
        self._commands = factory.commands

    async def session(self) -> None:
        self.setTimeout(3600)
        while True:
            try:
                line = await self.readLine(MAX_REQUEST_OCTETS, atRest=True)
            except LineTooLong:
                answer: dict[str, Any] = {"error": "the request is too long"}
            else:
                self.commands += 1
                answer = await self._answer(line)
            raw = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
            if len(raw) > MAX_ANSWER_OCTETS:
                raw = b'{"error": "the answer is too long; ask for less"}\n'
            for start in range(0, len(raw), CHUNK_OCTETS):
                self.write(raw[start : start + CHUNK_OCTETS])
                await self.drain()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            name, arguments = request["command"], request.get("arguments", {})
            command = self._commands[name]
            if not isinstance(arguments, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"error": "no such request"}
        try:
            return {"result": await command(arguments)}
        except TemporaryError as error:
            return {"error": f"not now: {error}"}
        except MailError as error:
            return {"error": str(error) or type(error).__name__}
        except Exception:  # noqa: BLE001 — logged with an id; the person gets the id
            errorId = fault(self.sessionId, self.protocolName, name)
            return {"error": f"osxmail has a fault here; the server log has it under {errorId}"}


class ControlFactory(GateFactory):
    """
    @ivar commands: by name.
    """

    def __init__(self, entrance: Entrance, commands: Mapping[str, Command]) -> None:
        super().__init__(entrance)
        self.commands = commands

    def gate(self) -> Gate:
        return ControlSession(self)


def text(arguments: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """
    A text argument.

    @raise Refused: it is missing, or no text.
    """
    value = arguments.get(name, default)
    if not isinstance(value, str):
        raise Refused(f"{name} is missing")
    return value
