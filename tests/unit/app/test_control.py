from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from osxmail.app.control import MAX_REQUEST_OCTETS, ControlFactory, text
from osxmail.app.controlclient import ask
from osxmail.errors import NoSuchAccount, Refused, StoreAway
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import Transport, entrance


class ControlTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.waiting: Deferred[None] = Deferred()

        async def echo(arguments: dict[str, Any]) -> Any:
            return {"you said": text(arguments, "word")}

        async def fail(arguments: dict[str, Any]) -> Any:
            raise {"refused": Refused("no, because"), "away": StoreAway("disk"), "none": NoSuchAccount(),
                   "fault": ValueError("hunter2")}[arguments["how"]]  # fmt: skip

        async def wait(arguments: dict[str, Any]) -> Any:
            await self.waiting
            return "done"

        commands = {"echo": echo, "fail": fail, "wait": wait}
        factory = ControlFactory(entrance("control", FakeSettings(), Clock()), commands)
        self.session = factory.buildProtocol(None)
        self.transport = Transport()
        self.session.makeConnection(self.transport)

    def say(self, raw: bytes | dict[str, Any]) -> Any:
        self.transport.clear()
        self.session.dataReceived((raw if isinstance(raw, bytes) else json.dumps(raw).encode()) + b"\n")
        return json.loads(self.transport.value()) if self.transport.value() else None

    def test_result(self) -> None:
        answer = self.say({"command": "echo", "arguments": {"word": "grüezi"}})
        self.assertEqual(answer, {"result": {"you said": "grüezi"}})

    def test_nonsense(self) -> None:
        for raw in [b"", b"x", b"[]", b'{"command": "no"}', b'{"command": []}', b'{"command": "echo", "arguments": 1}',
                    b"\xff\xfe", b"[" * 5000]:  # fmt: skip
            self.assertEqual(self.say(raw), {"error": "no such request"}, raw[:20])

    def test_tooLong(self) -> None:
        self.assertEqual(self.say(b"x" * MAX_REQUEST_OCTETS), {"error": "the request is too long"})

    def test_errors(self) -> None:
        for how, error in [("refused", "no, because"), ("away", "not now: disk"), ("none", "NoSuchAccount")]:
            self.assertEqual(self.say({"command": "fail", "arguments": {"how": how}}), {"error": error})

    def test_missingArgument(self) -> None:
        self.assertEqual(self.say({"command": "echo"}), {"error": "word is missing"})

    def test_faultsAreLoggedNotShown(self) -> None:
        answer = self.say({"command": "fail", "arguments": {"how": "fault"}})
        self.assertNotIn("hunter2", str(answer))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.say({"command": "echo", "arguments": {"word": "x"}}), {"result": {"you said": "x"}})

    def test_aQuestionIsNoEvent(self) -> None:
        """
        Whoever watches the server by this command must not fill the log with it.
        """
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.say({"command": "echo", "arguments": {"word": "x"}})
        self.session.connectionLost(Failure(ConnectionDone()))
        found = [e["log_level"] for e in events if e.get("event") == "session.closed"]
        self.assertEqual(found, [LogLevel.debug])

    def test_whenTheHouseIsFull(self) -> None:
        """
        Who floods us must not keep the administrator out.
        """
        factory = ControlFactory(
            entrance("control", FakeSettings({"connections.most": "10"}), Clock()), {"none": lambda _: succeed("here")}
        )
        for _ in range(12):
            session = factory.buildProtocol(None)
            transport = Transport()
            session.makeConnection(transport)
            session.dataReceived(b'{"command": "none"}\n')
            self.assertEqual(json.loads(transport.value()), {"result": "here"})

    def test_oneAtATime(self) -> None:
        self.assertIsNone(self.say({"command": "wait"}))
        self.assertIsNone(self.say({"command": "echo", "arguments": {"word": "x"}}))
        self.waiting.callback(None)
        lines = self.transport.value().splitlines()
        self.assertEqual([json.loads(line)["result"] for line in lines], ["done", {"you said": "x"}])


class AskTests(SynchronousTestCase):
    def test_noServer(self) -> None:
        error = self.assertRaises(Refused, ask, Path(self.mktemp()), "server.status")
        self.assertIn("twistd osxmail", str(error))
