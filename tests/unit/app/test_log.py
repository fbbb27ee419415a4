from __future__ import annotations

import errno
import gzip
import io
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from osxmail.app.log import LogFiles, lineOf, logOf
from tests.fakes.settings import FakeSettings


def event(**fields: object) -> dict[str, object]:
    return {"log_time": 1100000000.25, "log_level": LogLevel.info, "log_namespace": "osxmail.protocols", **fields}


class LineTests(TestCase):
    def test_fields(self) -> None:
        line = lineOf(event(event="message.accepted", queueId="A1", recipients=("a@b", "c@d"), tls=True, empty=""))
        self.assertTrue(line.endswith(' info message.accepted queueId=A1 recipients="a@b,c@d" tls=yes\n'), line)

    def test_noLineHoldsASecond(self) -> None:
        line = lineOf(event(event="session.closed", helo="x\n2004 forged", client="\x1b[31m"))
        self.assertEqual(line.count("\n"), 1)
        self.assertNotIn("\x1b", line)

    def test_nothingATerminalObeys(self) -> None:
        """
        C1 controls, line separators, what turns the direction of text, half a surrogate pair: JSON leaves them.
        """
        for odd in "\x7f\x85\x9b\u2028\u2029\u202e\u2066\ud800":
            line = lineOf(event(event="recipient.refused", recipient=f"a{odd}b@example.test"))
            self.assertNotIn(odd, line)
            self.assertIn(f"a\\u{ord(odd):04x}b@example.test", line)
            self.assertEqual(len(line.splitlines()), 1)
        self.assertIn('"grüße"', lineOf(event(event="a.b", text="grüße")))

    def test_tracebacksNeither(self) -> None:
        line = lineOf(event(event="a.b", log_failure=Failure(ValueError("\x1b[2J\u2028\n2004 forged"))))
        self.assertNotIn("\x1b", line)
        self.assertTrue(all(each.startswith("    ") for each in line.splitlines()[1:]), line)

    def test_whatTwistedSays(self) -> None:
        self.assertIn('twisted.said text="Starting factory"', lineOf(event(log_format="Starting factory")))

    def test_whichLog(self) -> None:
        for fields, log in [
            ({"service": "submissions"}, "smtp"),
            ({"protocol": "pop3"}, "pop3"),
            ({"log_namespace": "osxmail.delivery"}, "delivery"),
            ({"log_namespace": "twisted.internet"}, "server"),
        ]:
            self.assertEqual(logOf(event(**fields)), log)


class FileTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.now = 1100000000.0
        self.settings = FakeSettings({"log.archive_days": "2", "log.keep_archives": "2"})

    def write(self, *events: dict[str, object], console: io.StringIO | None = None) -> None:
        files = LogFiles(self.folder, self.settings, console, now=lambda: self.now)
        files.startService()
        for each in events:
            files(each)
        files.stopService()

    def test_oneFileForEachService(self) -> None:
        console = io.StringIO()
        self.write(event(event="a.b", service="imap"), event(event="c.d", service="smtp"), console=console)
        self.assertIn("a.b", (self.folder / "imap.log").read_text())
        self.assertIn("c.d", (self.folder / "smtp.log").read_text())
        self.assertEqual((self.folder / "smtp.log").stat().st_mode & 0o777, 0o640)
        self.assertIn("a.b", console.getvalue())

    def test_fullDisk(self) -> None:
        """
        That the logs cannot be written is said on the terminal, once in a while, and is no event: its line could not
        be written either.
        """
        said = io.StringIO()
        self.patch(sys, "__stderr__", said)

        class Full(LogFiles):
            def _open(self, name: str) -> TextIO:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        files = Full(self.folder, self.settings)
        files.startService()
        events: list[object] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for _ in range(50):
            files(event(event="a.b", service="imap"))
            files(event(event="a.b"))
        files.stopService()
        self.assertEqual(said.getvalue().count("No space left on device"), 1)
        self.assertEqual(events, [])

    def test_aFaultOfOurOwnDoesNotEndTheLog(self) -> None:
        said = io.StringIO()
        self.patch(sys, "__stderr__", said)

        class Faulty(LogFiles):
            def _open(self, name: str) -> TextIO:
                if name == "imap":
                    raise ImportError("not a fault of the disk")
                return super()._open(name)

        files = Faulty(self.folder, self.settings)
        files.startService()
        files(event(event="a.b", service="imap"))
        deadline = time.monotonic() + 20
        while not said.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        files(event(event="c.d"))
        files.stopService()
        self.assertIn("the log has a fault", said.getvalue())
        self.assertIn("c.d", (self.folder / "server.log").read_text())

    def test_eventThatCannotBeWritten(self) -> None:
        class Broken:
            def __str__(self) -> str:
                raise ValueError

        self.write(event(event="a.b", field=Broken()), event(event="c.d"))
        text = (self.folder / "server.log").read_text()
        self.assertIn("log.unreadable", text)
        self.assertIn("c.d", text)

    def test_detailIsAChoice(self) -> None:
        self.write(event(event="a.b", log_level=LogLevel.debug), event(log_format="starting on 25"))
        self.assertFalse((self.folder / "server.log").exists())
        self.write(event(log_format="a warning", log_level=LogLevel.warn))
        self.settings.change("log.detailed", "yes")
        self.write(event(event="a.b", log_level=LogLevel.debug), event(log_format="starting on 25"))
        text = (self.folder / "server.log").read_text()
        for words in ("a warning", "a.b", "starting on 25"):
            self.assertIn(words, text)

    def test_archives(self) -> None:
        for day in range(0, 13, 3):
            self.now = 1100000000.0 + day * 86400
            self.write(event(event=f"day.{day}", log_time=self.now))
        archives = sorted(self.folder.glob("server.log-*.gz"))
        self.assertEqual(len(archives), 2)
        self.assertIn(b"day.9", gzip.decompress(archives[-1].read_bytes()))
        self.assertNotIn("day.9", (self.folder / "server.log").read_text())

    def test_tracebackIsIndented(self) -> None:
        files = LogFiles(self.folder, self.settings, now=lambda: self.now)
        files.startService()
        log = Logger(namespace="osxmail.app", observer=files)
        try:
            raise RuntimeError("cause")
        except RuntimeError:
            log.failure("{event}", event="fault.happened", errorId="x1")
        files.stopService()
        text = (self.folder / "server.log").read_text()
        self.assertIn("fault.happened errorId=x1\n    Traceback", text)
        self.assertIn("cause", text)
