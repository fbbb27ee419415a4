"""
The search index of the real daemon: filled behind a client's back, kept over kill -9, made anew when it is broken; the
answers are always the same.
"""

from __future__ import annotations

import contextlib
import imaplib
import os
import signal
from pathlib import Path

import apsw
from twisted.trial.unittest import TestCase

from tests.integration.daemon import PASSWORD, Daemon, until
from tests.integration.wire import faults

ANNA = "anna@example.test"
MESSAGES = 40


def message(number: int) -> bytes:
    word = "needle" if number % 10 == 3 else "straw"
    answers = f"References: <{number - 1}@x>\r\n" if number % 4 else ""
    return (
        f"From: sender{number % 3}@far.test\r\nTo: {ANNA}\r\nSubject: number {MESSAGES - number:02}\r\n"
        f"Message-ID: <{number}@x>\r\n{answers}\r\nThe {word} is in here.\r\n"
    ).encode()


class SearchIndexTests(TestCase):
    timeout = 180

    def setUp(self) -> None:
        self.daemon = Daemon(("imap",)).start()
        self.addCleanup(self.daemon.remove)
        self.daemon.addAccount(ANNA)

    def client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.daemon.ports["imap"])
        self.addCleanup(self.leave, client)
        client.login(ANNA, PASSWORD)
        client.select("INBOX")
        return client

    def leave(self, client: imaplib.IMAP4) -> None:
        with contextlib.suppress(OSError, imaplib.IMAP4.abort):
            client.shutdown()

    def answers(self, client: imaplib.IMAP4) -> list[bytes]:
        found = [
            client.search(None, *words.split())[1][0]
            for words in (
                "FROM sender1",
                "TEXT needle",
                'BODY "needle is"',
                "NOT TEXT needle",
                "OR SUBJECT 07 BODY straw",
                "FUZZY TEXT hare",
                "HEADER message-id 1@",
            )
        ]
        found.append(client.sort("(SUBJECT)", "UTF-8", "ALL")[1][0])
        found.append(client.thread("REFERENCES", "UTF-8", "ALL")[1][0])
        return found

    def index(self) -> Path | None:
        files = list((self.daemon.data / "index").glob("*/*.sqlite"))
        self.assertLessEqual(len(files), 1)
        return files[0] if files else None

    def isFilled(self, messages: int) -> bool:
        path = self.index()
        if path is None:
            return False
        connection = apsw.Connection(str(path))
        try:
            return connection.execute("SELECT count(*) FROM document").get == messages
        except apsw.Error:
            return False
        finally:
            connection.close()

    def test_index(self) -> None:
        client = self.client()
        for number in range(MESSAGES):
            client.append("INBOX", "", "", message(number))
        client.noop()
        expected = self.answers(client)
        self.assertEqual(expected[1], b"4 14 24 34")
        self.assertEqual(expected[2], b"4 14 24 34")
        self.assertEqual(expected[7].split(), [b"%d" % number for number in range(MESSAGES, 0, -1)])
        until(lambda: self.isFilled(MESSAGES), 60)
        self.assertEqual(self.answers(client), expected)
        path = self.index()
        assert path is not None
        for each in path.parent.iterdir():
            self.assertEqual(os.stat(each).st_mode & 0o077, 0)
        self.daemon.stop(signal.SIGKILL)
        self.daemon.start()
        self.assertEqual(self.answers(self.client()), expected)
        self.daemon.stop()
        path.write_bytes(os.urandom(20_000))
        self.daemon.start()
        client = self.client()
        self.assertEqual(self.answers(client), expected)
        until(lambda: self.isFilled(MESSAGES), 60)
        self.assertEqual(self.answers(client), expected)
        client.store("4", "+FLAGS", "\\Deleted")
        client.expunge()
        self.assertEqual(client.search(None, "TEXT", "needle")[1][0], b"13 23 33")
        self.assertEqual([line for line in faults(self.daemon) if "index." not in line], [])
