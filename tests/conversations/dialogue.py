"""
Dialogues as data: a file of what a client says and what the server answers, replayed on a session in memory.

The first line is a comment that cites the standard.  Then, in order:

==================  =======================================================================================
C{@ KEY VALUE}      before the first line of a dialogue: what its world is like (see C{test_conversations.py})
C{C: text}          the client sends a line; CRLF is added
C{C+ text}          the client sends octets: escapes as in Python, nothing is added
C{C* 3000 text}     the client sends C{text} (with escapes) so many times
C{S: text}          the server's next line is this; C{…} stands for anything
C{S! text}          the server's lines up to and with the one that matches; the others may be anything
C{silence}          the server has said nothing more
C{closed}           the server has closed the connection, and said nothing more
C{left}             the client closes the connection
C{# …}              a comment
==================  =======================================================================================

C{‹name›} in a line of the server stands for anything that is one word; in what follows it is that word.

C{C2:}, C{S2:}, C{closed2} … are about a second connection, opened when it is first named, and so on to 9.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, frozen
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from osxmail.protocols.base import Gate
from tests.unit.protocols.transports import Transport

#: How long an answer may take.
PATIENCE_SECONDS = 10.0

_STEP = re.compile(r"(?:(C|S)([1-9]?)([:+*!])(?: (.*))?|(silence|closed|left)([1-9]?))")


@frozen
class Step:
    line: int
    what: str
    connection: int
    text: str


@frozen
class Dialogue:
    """
    @ivar world: the pairs of its C{@} lines, in order.
    """

    path: Path
    citation: str
    world: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]


def read(path: Path) -> Dialogue:
    """
    @raise AssertionError: the file does not follow its grammar.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines and lines[0].startswith("# RFC "), f"{path}: the first line cites the RFC"
    world, steps = [], []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@ "):
            assert not steps, f"{path}:{number}: the world is made before anybody speaks"
            key, _blank, value = line[2:].partition(" ")
            world.append((key, value))
            continue
        match = _STEP.fullmatch(line)
        assert match, f"{path}:{number}: {line!r} is no step"
        who, first, kind, text, other, second = match.groups()
        steps.append(Step(number, other or who + kind, int(first or second or "1"), text or ""))
    return Dialogue(path, lines[0], tuple(world), tuple(steps))


def unescape(text: str) -> bytes:
    return text.encode("utf-8").decode("unicode_escape").encode("latin-1")


def matches(pattern: str, line: str, words: dict[str, str] | None = None) -> bool:
    """
    @param words: what C{‹name›} is, by its name; what is new is put in.
    """
    known = {} if words is None else words
    form = ".*".join(re.escape(part) for part in filled(pattern, known).split("…"))
    form = re.sub(r"‹(\w+)›", r"(?P<\1>[^ ()\\[\\]]+)", form)
    match = re.fullmatch(form, line, re.DOTALL)
    if match is not None:
        known.update(match.groupdict())
    return match is not None


def filled(text: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(f"‹{name}›", word)
    return text


@define
class Line:
    """
    One connection.
    """

    gate: Gate
    transport: Transport
    heard: bytes = b""

    def hear(self) -> None:
        self.heard += self.transport.take()

    def next(self) -> str | None:
        self.hear()
        line, ended, rest = self.heard.partition(b"\r\n")
        if not ended:
            return None
        self.heard = rest
        return line.decode("utf-8", "backslashreplace")

    @property
    def isClosed(self) -> bool:
        return self.transport.disconnecting or self.transport.aborted


async def replay(dialogue: Dialogue, connect: Callable[[], tuple[Gate, Transport]], clock: IReactorTime) -> None:
    """
    @param connect: a new connection of the dialogue's world.
    @raise AssertionError: the server has said something else.
    """
    lines: dict[int, Line] = {}
    words: dict[str, str] = {}

    async def until(ready: Callable[[], Any], otherwise: Callable[[], str]) -> Any:
        limit = clock.seconds() + PATIENCE_SECONDS
        while True:
            result = ready()
            if result is not None and result is not False:
                return result
            if clock.seconds() > limit:
                raise AssertionError(otherwise())
            await deferLater(clock, 0.001)  # type: ignore[arg-type]

    try:
        for step in dialogue.steps:
            where = f"{dialogue.path.name}:{step.line}"
            if step.connection not in lines:
                lines[step.connection] = Line(*connect())
            line = lines[step.connection]
            if step.what == "C:":
                line.gate.dataReceived(filled(step.text, words).encode("utf-8") + b"\r\n")
            elif step.what == "C+":
                line.gate.dataReceived(unescape(filled(step.text, words)))
            elif step.what == "C*":
                count, _blank, text = step.text.partition(" ")
                whole = unescape(text) * int(count)
                for start in range(0, len(whole), 60000):
                    line.gate.dataReceived(whole[start : start + 60000])
            elif step.what in ("S:", "S!"):
                while True:
                    said = await until(line.next, lambda: f"{where}: expected {step.text!r}, got {line.heard!r}")  # noqa: B023
                    if matches(step.text, said, words):
                        break
                    assert step.what == "S!", f"{where}: expected {step.text!r}, got {said!r}"
            elif step.what == "left":
                line.gate.connectionLost(Failure(ConnectionDone()))
            else:
                if step.what == "closed":
                    await until(lambda: line.isClosed, lambda: f"{where}: not closed")  # noqa: B023
                else:
                    await deferLater(clock, 0.02)  # type: ignore[arg-type]
                line.hear()
                assert not line.heard, f"{where}: the server said {line.heard!r}"
    finally:
        for line in lines.values():
            line.gate.connectionLost(Failure(ConnectionDone()))
