# -*- test-case-name: tests.unit.app.test_log -*-
"""
The log files: one for each service, a line for each event, written by a thread of their own.

They are observers of the one stream of events (C{twisted.logger}); no room knows of them.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from twisted.application.service import Service
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from osxmail.app.terminal import complain
from osxmail.interfaces import ISettings

#: Lines that wait for the disk; past that they are counted, and the count is logged.
MAX_WAITING_LINES = 20000
#: How long a line may wait for the disk.
WRITE_SECONDS = 0.05
#: While the logs cannot be written, that is said so often.
COMPLAINT_SECONDS = 60.0
#: What is not a field of ours.
_PRIVATE = frozenset({"event", "log_failure", "isError", "time", "system", "format", "message"})
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@<>+\-\[\]*]{1,500}")

#: The log of an event: by the service it names, else by the room that emits it.
SERVICE_LOGS = {
    "smtp": "smtp",
    "submission": "smtp",
    "submissions": "smtp",
    "lmtp": "smtp",
    "imap": "imap",
    "imaps": "imap",
    "pop3": "pop3",
    "pop3s": "pop3",
}
ROOM_LOGS = {"delivery": "delivery", "directory": "directory"}


def logOf(event: LogEvent) -> str:
    """
    Which log an event belongs to: one of the above, or C{"server"}.
    """
    service = event.get("service") or event.get("protocol")
    if isinstance(service, str) and service in SERVICE_LOGS:
        return SERVICE_LOGS[service]
    namespace = str(event.get("log_namespace", ""))
    parts = namespace.split(".")
    return ROOM_LOGS.get(parts[1], "server") if len(parts) > 1 and parts[0] == "osxmail" else "server"


def _value(value: object) -> str:
    if type(value) is str and _PLAIN.fullmatch(value):
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        value = ",".join(map(str, value))
    text = str(value)
    return text if _PLAIN.fullmatch(text) else _visible(json.dumps(text[:2000], ensure_ascii=False))


def _visible(text: str) -> str:
    """
    The same text, with C{\\u} in the place of what a terminal would obey or an editor take for the end of a line: JSON
    leaves U+0085, U+009B, U+2028 and their like as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


@lru_cache(maxsize=4)
def _second(seconds: int) -> tuple[str, str]:
    """
    What the lines of one second begin with, before and after its fraction.
    """
    local = time.localtime(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", local), time.strftime("%z", local)


def lineOf(event: LogEvent) -> str:
    """
    An event as one line: time, level, name, C{field=value} …; further lines, indented, only for a traceback of ours.
    """
    when = float(event.get("log_time", 0.0))
    date, zone = _second(int(when // 1))
    stamp = f"{date}.{int(when * 1000) % 1000:03d}{zone}"
    level = event.get("log_level", LogLevel.info)
    name = event.get("event")
    words = [stamp, level.name]
    if isinstance(name, str):
        words.append(name)
        words += [
            f"{key}={_value(value)}"
            for key, value in event.items()
            if not key.startswith("log_") and key not in _PRIVATE and value not in (None, "", ())
        ]
    else:
        words += ["twisted.said", f"text={_value(formatEvent(event))}"]
    line = " ".join(words)
    failure = event.get("log_failure")
    if failure is not None:
        trace = failure.getTraceback(elideFrameworkCode=True).rstrip()
        line = "\n    ".join([line, *map(_visible, trace.split("\n"))])
    return line + "\n"


def _anyLineOf(event: LogEvent) -> str:
    try:
        return lineOf(event)
    except Exception as error:  # noqa: BLE001 — the thread must live on, whatever somebody has put into an event
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        return f"{stamp} error log.unreadable fields={_value(sorted(map(str, event)))} error={type(error).__name__}\n"


@implementer(ILogObserver)
class LogFiles(Service):
    """
    The files C{LOG.log} in a folder, archived as C{LOG.log-YYYYMMDD-HHMMSS.gz}.

    @ivar dropped: lines that found no place in memory.
    """

    name = "logs"

    def __init__(
        self, folder: Path, settings: ISettings, console: TextIO | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self.folder = folder
        self.dropped = 0
        self._settings = settings
        self._console = console
        self._now = now
        # Neither lock nor wake-up on the reactor: the thread looks every WRITE_SECONDS.
        self._waiting: deque[LogEvent] = deque()
        self._isStopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._files: dict[str, TextIO] = {}
        self._started: dict[str, float] = {}

        self._quietUntil = 0.0

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        # What Twisted says of itself ("starting on 25") is detail; its warnings and errors are not.
        isDetail = level is LogLevel.debug or (level is LogLevel.info and "event" not in event)
        if isDetail and not self._settings.flag("log.detailed"):
            return
        if len(self._waiting) < MAX_WAITING_LINES:
            self._waiting.append(event)
        else:
            self.dropped += 1

    def startService(self) -> None:
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._isStopping.clear()
        self._thread = threading.Thread(target=self._write_inThread, name="osxmail log", daemon=True)
        self._thread.start()
        super().startService()

    def stopService(self) -> None:
        super().stopService()
        self.flush()

    def flush(self) -> None:
        """
        Write what waits, and end the thread.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            self._isStopping.set()
            thread.join(10)

    def _write_inThread(self) -> None:
        isLast = False
        while not isLast:
            isLast = self._isStopping.wait(WRITE_SECONDS)
            while self._waiting:
                try:
                    self._writeSome()
                except Exception as error:  # noqa: BLE001 — the thread must live on: without it nothing is logged
                    self._complain(f"the log has a fault, lines are lost: {error!r}")
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _writeSome(self) -> None:
        texts: dict[str, list[str]] = {}
        for _ in range(min(len(self._waiting), 1000)):
            event = self._waiting.popleft()
            texts.setdefault(logOf(event), []).append(_anyLineOf(event))
        if self.dropped:
            count, self.dropped = self.dropped, 0
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            texts.setdefault("server", []).append(f"{stamp} warn log.dropped lines={count}\n")
        for name, lines in texts.items():
            self._append(name, "".join(lines))

    def _append(self, name: str, text: str) -> None:
        if self._console is not None:
            try:
                self._console.write(text)
                self._console.flush()
            except (OSError, ValueError):
                # The terminal is gone; the files go on.
                self._console = None
        try:
            file = self._files.get(name)
            if file is not None and self._now() - self._started[name] > self._archiveSeconds():
                file.close()
                del self._files[name]
                self._archive(name)
                file = None
            if file is None:
                file = self._open(name)
            file.write(text)
            file.flush()
        except OSError as error:
            # A full disk must not stop the mail.
            self._complain(f"{name}.log: {error}")

    def _complain(self, text: str) -> None:
        # Where somebody may see it.  Not by sys.stderr, of which twistd makes events: these would come back here, for
        # ever.
        moment = time.monotonic()
        if moment >= self._quietUntil:
            self._quietUntil = moment + COMPLAINT_SECONDS
            complain(text)

    def _archiveSeconds(self) -> float:
        return self._settings.number("log.archive_days") * 86400.0

    def _open(self, name: str) -> TextIO:
        path = self.folder / f"{name}.log"
        if path.exists() and self._now() - _birth(path) > self._archiveSeconds():
            self._archive(name)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        file = self._files[name] = os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")
        self._started[name] = _birth(path) if path.stat().st_size else self._now()
        return file

    def _archive(self, name: str) -> None:
        path = self.folder / f"{name}.log"
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(self._now()))
        archive = self.folder / f"{name}.log-{stamp}.gz"
        with path.open("rb") as source, gzip.open(archive, "wb") as target:
            shutil.copyfileobj(source, target)
        path.unlink()
        archives = sorted(self.folder.glob(f"{name}.log-*.gz"))
        for old in archives[: -self._settings.number("log.keep_archives")]:
            old.unlink()


def _birth(path: Path) -> float:
    """
    When a log began: the time of its first line, or of its last change where that cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            first = file.readline(40).split(" ")[0]
        return datetime.fromisoformat(first[:19]).timestamp()
    except ValueError:
        return path.stat().st_mtime
