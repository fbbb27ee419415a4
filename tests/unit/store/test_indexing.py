"""
Tests for L{osxmail.store.indexing}: a real store with an index, searched, sorted and threaded with it and without.
"""

from __future__ import annotations

import os
import random
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.trial.unittest import TestCase

from osxmail.interfaces import IMailbox
from osxmail.mail import searchkeys as keys
from osxmail.mail.address import Address
from osxmail.mail.encodedword import decodeWords
from osxmail.mail.indexentry import indexEntry
from osxmail.mail.mimestructure import SortKeys
from osxmail.mail.searchkeys import SearchKey
from osxmail.mail.sortcriteria import NAMES, SortCriterion
from osxmail.mail.text import folded
from osxmail.mail.threading import ALGORITHMS, rendered
from osxmail.store import indexfilling, indexsearch, indexwriter
from osxmail.store.indexfile import bootId, removeIndex
from osxmail.store.indexing import Indexing
from osxmail.store.indexwriter import Filled, IndexedText, IndexWriter
from osxmail.store.store import Store
from tests.fakes.mailstores import put
from tests.fakes.settings import FakeSettings

MESSAGES = Path(__file__).parent.parent.parent / "messages"
SIGNS = (
    "a", "bcd", "Ef", "é", "ß", "中文", "@x.test", "@", "<", ">", "(", ")", '"', ",", ";", ":", ".", " ", "\r\n ", "\t",
    "=?utf-8?q?=C3=84?=", "=?utf-8?q?a_b?= =?utf-8?b?w6k=?=", "&amp;", "<p>", "_", "-", "\0", "\\", "[", "]",
)  # fmt: skip
WORDS = ("alpha", "Grüße", "straße", "ab", "foo bar", "naïve", "x", "中文字", "beta", "ALPHABET")


class IndexCase(TestCase):
    """
    A store with an index, and one mailbox.
    """

    timeout = 120

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.open())

    async def open(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.settings = FakeSettings()
        await self.openStore()
        self.addCleanup(self.close)

    async def openStore(self) -> None:
        self.store = Store(self.folder)
        await self.store.open()
        self.account = await self.store.account("a", Address.parse("ann@example.test"))
        self.mailbox = await self.account.mailbox("INBOX")
        self.row = (await self.store.parts.search.whereabouts(self.mailbox.mailboxId)).account
        self.indexing = Indexing(
            self.store.database,
            self.store.octets,
            self.store.index,
            self.settings,
            reactor,  # type: ignore[arg-type]
        )
        self.indexing.start()

    async def close(self) -> None:
        await self.indexing.stop()
        await self.store.close()

    @property
    def path(self) -> Path:
        return self.store.index.path(self.row)

    async def append(self, octets: bytes, mailbox: IMailbox | None = None) -> int:
        return await put(self.store, mailbox or self.mailbox, octets)

    async def fill(self) -> None:
        self.store.index.wanted(self.mailbox.mailboxId)
        await self.indexing.caughtUp()

    def looked(self) -> Any:
        """
        Counts messages that are looked through.
        """
        search = self.store.parts.search
        counted: list[int] = []
        lookThrough = search.lookThrough

        def counting(mailboxId: int, uids: Any, *rest: Any) -> Any:
            counted.extend(uids)
            return lookThrough(mailboxId, uids, *rest)

        self.patch(search, "lookThrough", counting)
        return counted

    def scanning(self) -> Any:
        return patch.object(self.store.parts.search, "index", None)


def message(subject: str = "hello", body: str = "text", sender: str = "ann@example.test", fields: str = "") -> bytes:
    head = f"From: {sender}\r\nTo: bob@example.test\r\nSubject: {subject}\r\n{fields}"
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n".encode()


class FillTests(IndexCase):
    async def test_found(self) -> None:
        """
        What is in the index is not looked through, unless its text may match.
        """
        self.patch(indexsearch, "MANY_HEADERS", 0)
        for number in range(20):
            await self.append(
                message(f"number {number}", f"body {'needle' if number == 7 else 'straw'}", f"a{number}@x")
            )
        await self.fill()
        looked = self.looked()
        for key, expected, seen in (
            (keys.Header("subject", "number 1"), [2, *range(11, 21)], []),
            (keys.Not(keys.Header("subject", "number 1")), [1, *range(3, 11)], []),
            (keys.Header("from", "A7@X"), [8], []),
            (keys.Header("cc", ""), [], []),
            (keys.Header("subject", ""), list(range(1, 21)), []),
            (keys.Text("needle"), [8], []),
            (keys.Body("NEEDLE"), [8], []),
            (keys.Body("eed"), [8], []),
            (keys.Body("dy needle"), [8], [8]),
            (keys.Text("body needle"), [8], [8]),
            (keys.Text("number"), list(range(1, 21)), []),
            (keys.Text("bob"), list(range(1, 21)), []),
            (keys.Body("number"), [], []),
            (keys.Text("charset"), list(range(1, 21)), list(range(1, 21))),
            (keys.Text("no such"), [], []),
            (keys.And((keys.Text("needle"), keys.Header("from", "a6"))), [], []),
            (keys.Or(keys.Text("needle"), keys.Header("from", "a6@")), [7, 8], []),
            (keys.Fuzzy(keys.Text("needle body")), [8], [8]),
            (keys.Header("x-none", "needle"), [], []),
            (keys.Header("content-type", "utf"), list(range(1, 21)), list(range(1, 21))),
            (keys.SentSince(date(1970, 1, 1)), [], []),
            (keys.Not(keys.Text("needle")), [*range(1, 8), *range(9, 21)], []),
            (keys.Body("ne"), [8], list(range(1, 21))),
        ):
            del looked[:]
            self.assertEqual(await self.mailbox.search(key), expected, key)
            self.assertEqual(looked, seen, key)
        self.assertEqual(await self.mailbox.search(keys.Text("needle"), [1, 2, 3]), [])
        self.assertEqual(await self.mailbox.search(keys.Text("needle"), [7, 8, 900]), [8])

    async def test_catchesUp(self) -> None:
        """
        What comes later is looked through, and then in the index; also after a restart.
        """
        await self.append(message("old needle"))
        await self.fill()
        looked = self.looked()
        await self.append(message("new needle"))
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), [1, 2])
        self.assertEqual(looked, [2])
        await self.indexing.caughtUp()
        del looked[:]
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), [1, 2])
        self.assertEqual(looked, [])
        await self.append(message("newer needle"))
        await self.close()
        await self.openStore()
        looked = self.looked()
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), [1, 2, 3])
        self.assertEqual(looked, [3])
        await self.fill()
        del looked[:]
        self.assertEqual(await self.mailbox.search(keys.Body("text")), [1, 2, 3])
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), [1, 2, 3])
        self.assertEqual(looked, [])

    async def test_deliveryFills(self) -> None:
        """
        A mailbox that somebody has opened is filled when something comes; others are not.
        """
        other = await self.account.createMailbox("Other")
        await self.mailbox.claimRecent()
        await self.indexing.caughtUp()
        await self.append(message("needle"))
        await self.append(message("needle"), other)
        self.assertEqual(list(self.indexing._due), [self.mailbox.mailboxId])

    async def test_expunged(self) -> None:
        """
        What is removed is found no more; what is moved is found where it is, and its text is not read again.
        """
        other = await self.account.createMailbox("Other")
        for number in range(6):
            await self.append(message(f"needle {number}", "a text of its own"))
        await self.fill()
        await self.mailbox.remove([2, 3])
        for key in (keys.Header("subject", "needle"), keys.Text("needle"), keys.Body("own")):
            self.assertEqual(await self.mailbox.search(key), [1, 4, 5, 6])
        self.assertEqual(await self.mailbox.sort(keys.All(), [SortCriterion("SUBJECT", True)]), [6, 5, 4, 1])
        await self.mailbox.move([4, 5], other)
        self.assertEqual(await other.search(keys.Text("needle")), [1, 2])
        with patch.object(indexfilling, "bodyWords", side_effect=AssertionError):
            self.store.index.wanted(other.mailboxId)
            await self.indexing.caughtUp()
        looked = self.looked()
        self.assertEqual(await other.search(keys.Header("subject", "needle 4")), [2])
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), [1, 6])
        self.assertEqual(looked, [])
        self.assertEqual(await other.search(keys.Text("needle 4")), [2])

    async def test_cleaned(self) -> None:
        """
        An index does not grow for ever: what is gone goes when it is more than what is there.
        """
        self.patch(indexfilling, "SLACK_MESSAGES", 2)
        other = await self.account.createMailbox("Other")
        for number in range(12):
            await self.append(message(f"needle {number}"), other)
        self.store.index.wanted(other.mailboxId)
        await self.indexing.caughtUp()
        await other.remove(list(range(1, 12)))
        await self.append(message("other"))
        await self.indexing.caughtUp()
        self.store.index.wanted(other.mailboxId)
        await self.indexing.caughtUp()
        connection = apsw.Connection(str(self.path))
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("SELECT sum(messages) FROM block").get, 2)
        self.assertEqual(connection.execute("SELECT count(*) FROM document").get, 2)
        self.assertEqual(connection.execute("SELECT count(*) FROM header").get, 2)
        self.assertEqual(connection.execute("SELECT count(*) FROM body").get, 2)
        self.assertEqual(await other.search(keys.Text("needle")), [12])
        await self.account.deleteMailbox("Other")
        await self.fill()
        self.assertEqual(connection.execute("SELECT count(DISTINCT mailbox_id) FROM block").get, 1)

    async def test_words(self) -> None:
        """
        Nor do its words: with many that nobody has any more, it is made anew.
        """
        self.patch(indexfilling, "SLACK_MESSAGES", 2)
        self.patch(indexfilling, "SLACK_WORDS", 10)
        self.patch(indexfilling, "WORDS_A_MESSAGE", 5)
        for number in range(9):
            await self.append(message(f"needle {number}", " ".join(f"word{number}x{other}" for other in range(20))))
        await self.fill()
        await self.mailbox.remove([2, 3, 4, 5, 6, 7, 8])
        for _ in range(2):
            await self.fill()
        self.assertEqual(await self.mailbox.search(keys.Body("word8x7")), [9])
        connection = apsw.Connection(str(self.path))
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("SELECT count(*) FROM word").get, 40)

    async def test_steps(self) -> None:
        """
        More messages than a step takes; blocks are joined, and the columns stay in order.
        """
        self.patch(indexfilling, "COLUMNS_A_STEP", 7)
        self.patch(indexfilling, "TEXTS_A_STEP", 5)
        self.patch(indexfilling, "TEXT_OCTETS_A_STEP", 600)
        for number in range(40):
            await self.append(message(f"number {number:02}", f"word{number}word"))
        await self.mailbox.remove([3, 4, 20, 40])
        await self.fill()
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "number 2")), [*range(21, 31)])
        self.assertEqual(await self.mailbox.search(keys.Text("word38word")), [39])
        looked = self.looked()
        expected = sorted(set(range(1, 41)) - {3, 4, 20, 40}, reverse=True)
        self.assertEqual(await self.mailbox.sort(keys.All(), [SortCriterion("SUBJECT", True)]), expected)
        self.assertEqual(looked, [])

    async def test_long(self) -> None:
        """
        What is too long to be in the index as a whole is looked through; so is a text with signs that it has not.
        """
        self.patch(indexfilling, "MAX_TEXT_CHARACTERS", 500)
        await self.append(message("long", "x" * 600 + " needle"))
        await self.append(message("needle " * 1_000))
        await self.append(message("other"))
        await self.fill()
        looked = self.looked()
        for key, expected in (
            (keys.Text("needle"), [1, 2]),
            (keys.Body("needle"), [1]),
            (keys.Header("subject", "needle"), [2]),
            (keys.Not(keys.Header("subject", "needle")), [1, 3]),
            (keys.Header("subject", "a\nb"), []),
            (keys.Text("a\0b"), []),
            (keys.Text("\ud800bc"), []),
            (keys.Header("subject", "\ud800"), []),
        ):
            self.assertEqual(await self.mailbox.search(key), expected, key)
        self.assertIn(1, looked)

    async def test_columnsFirst(self) -> None:
        """
        Where the texts are not there yet, the columns help, and what is in texts is looked for in the mail.
        """
        await self.append(message("needle one", "alpha"))
        await self.fill()
        await self.append(message("needle two", "alpha"))
        with patch.object(self.indexing._filling, "_fillTexts", return_value=succeed(None)):
            await self.indexing.caughtUp()
        looked = self.looked()
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), [1, 2])
        self.assertEqual(looked, [])
        for key in (keys.Body("alpha"), keys.Text("alpha"), keys.Text("needle"), keys.Header("content-type", "utf")):
            self.assertEqual(await self.mailbox.search(key), [1, 2], key)
        self.assertEqual(await self.mailbox.search(keys.Not(keys.Text("alpha"))), [])
        self.assertIn(2, looked)
        await self.fill()
        del looked[:]
        self.assertEqual(await self.mailbox.search(keys.Body("alpha")), [1, 2])
        self.assertEqual(looked, [])

    async def test_addresses(self) -> None:
        """
        What stands in addresses only as ENVELOPE has them is found by FROM and TO, not by TEXT.
        """
        self.patch(indexsearch, "MANY_HEADERS", 0)
        senders = (
            "undisclosed", '"Q" (note) <q @x>', 'a@x\r\nFrom: "b" <b\r\n @y>', "x <c . d@z>", "<e f@z>", "g\r\n\t@h.z",
            "i@z (one\r\n two)", "x: j@z;", "@r:k@z", "<@r:l@z>", "<long er@z>",
        )  # fmt: skip
        for sender in senders:
            await self.append(message(sender=sender))
        await self.fill()
        for wanted, expected in (
            ("missing", []),
            ("domain", []),
            ("q <q@x>", [2]),
            ("q@x", [2]),
            ("b@y", [3]),
            ("c.d@z", [4]),
            ("ef@z", [5]),
            ("g@h.z", [6]),
            ("one", [7]),
            ("j@z", [8]),
            ("k@z", [9]),
            ("l@z", [10]),
        ):
            key = keys.Header("from", wanted)
            self.assertEqual(await self.mailbox.search(key), expected, key)
            text = await self.mailbox.search(keys.Text(wanted))
            with self.scanning():
                self.assertEqual(await self.mailbox.search(key), expected, key)
                self.assertEqual(await self.mailbox.search(keys.Text(wanted)), text, wanted)
        self.assertEqual(await self.mailbox.search(keys.Header("from", "longer")), [11])
        self.assertEqual(await self.mailbox.search(keys.Text("longer")), [])
        for key, expected in ((keys.Text("note"), [2]), (keys.Text("undisclosed"), [1]), (keys.Text("q <q@x>"), [])):
            self.assertEqual(await self.mailbox.search(key), expected, key)

    async def test_turns(self) -> None:
        """
        An account with much to fill makes room for others.
        """
        self.patch(indexfilling, "TURN_SECONDS", -1.0)
        self.patch(indexfilling, "COLUMNS_A_STEP", 2)
        self.patch(indexfilling, "TEXTS_A_STEP", 2)
        other = await self.store.account("b", Address.parse("bob@example.test"))
        theirs = await other.mailbox("INBOX")
        for _ in range(9):
            await self.append(message("needle"))
        await self.append(message("needle"), theirs)
        order: list[str] = []
        filling = self.indexing._fillAccountOf

        def noting(mailboxId: int) -> Any:
            order.append("a" if mailboxId == self.mailbox.mailboxId else "b")
            return filling(mailboxId)

        with patch.object(self.indexing, "_fillAccountOf", noting):
            self.store.index.wanted(self.mailbox.mailboxId)
            self.store.index.wanted(theirs.mailboxId)
            await self.indexing.caughtUp()
        self.assertEqual(order[:3], ["a", "b", "a"])
        looked = self.looked()
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), list(range(1, 10)))
        self.assertEqual(await theirs.search(keys.Body("text")), [1])
        self.assertEqual(looked, [])

    async def test_sweep(self) -> None:
        """
        The index of an account that is gone goes at the next start.
        """
        path = self.store.index.path(self.row + 1)
        await self.append(message())
        await self.fill()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left behind")
        await self.close()
        await self.openStore()
        await self.indexing.caughtUp()
        self.assertFalse(path.exists())
        self.assertTrue(self.path.exists())

    async def test_off(self) -> None:
        """
        The setting.
        """
        self.settings.change("imap.search_index", "no")
        await self.append(message("needle"))
        await self.fill()
        self.assertFalse(self.path.exists())
        self.assertEqual(await self.mailbox.search(keys.Text("needle")), [1])

    async def test_private(self) -> None:
        """
        Nobody else reads it; it goes with its account.
        """
        await self.append(message("needle"))
        await self.fill()
        for path in (*self.path.parent.iterdir(), self.path.parent, self.path.parent.parent):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        await self.store.removeAccount("a")
        self.assertFalse(self.path.exists())

    async def test_deliveriesMeanwhile(self) -> None:
        """
        What comes while an index is filled comes, and is found.
        """
        self.patch(indexfilling, "COLUMNS_A_STEP", 5)
        self.patch(indexfilling, "TEXTS_A_STEP", 5)
        for number in range(30):
            await self.append(message(f"old {number}"))
        self.store.index.wanted(self.mailbox.mailboxId)
        filling = self.indexing.caughtUp()
        for _ in range(5):
            await gatherResults([Deferred.fromCoroutine(self.append(message("new needle"))) for _ in range(10)])
            self.assertEqual(len(await self.mailbox.search(keys.Header("subject", "old"))), 30)
        await filling
        self.assertEqual(await self.mailbox.search(keys.Text("needle")), list(range(31, 81)))
        await self.indexing.caughtUp()
        self.assertEqual(await self.mailbox.search(keys.Text("needle")), list(range(31, 81)))


class TwoTests(IndexCase):
    async def test_writers(self) -> None:
        """
        Who is behind changes nothing.
        """
        await self.fill()
        entry = indexEntry(b"Subject: x\r\n\r\n", SortKeys(), 1, 0)
        one, two = IndexWriter(self.path, 9, bootId()), IndexWriter(self.path, 9, bootId())
        self.assertTrue(one.addColumns(77, 0, [(1, 5, entry), (2, 6, entry)], 2, 9))
        self.assertFalse(two.addColumns(77, 0, [(1, 5, entry)], 1, 9))
        self.assertTrue(two.addColumns(77, 2, [(3, 7, entry)], 3, 9))
        self.assertTrue(two.addTexts(77, 0, [IndexedText(5, "x", {"word"}, True)], 1, 9))
        self.assertFalse(one.addTexts(77, 0, [IndexedText(6, "y")], 2, 9))
        self.assertTrue(one.addTexts(77, 1, [IndexedText(5, "x"), IndexedText(6, "y")], 2, 9))
        self.assertEqual(one.filled()[77], Filled(3, 2, 3))
        self.assertEqual(one.documents(-1, 10), [5, 6])
        one.close()
        two.close()

    async def test_two(self) -> None:
        """
        Two processes that fill one index do not disturb one another: each step counts once.
        """
        self.patch(indexfilling, "COLUMNS_A_STEP", 3)
        self.patch(indexfilling, "TEXTS_A_STEP", 3)
        for number in range(20):
            await self.append(message(f"needle {number}"))
        other = Indexing(
            self.store.database,
            self.store.octets,
            self.store.index,
            self.settings,
            reactor,  # type: ignore[arg-type]
        )
        other.start()
        self.store.index.wanted(self.mailbox.mailboxId)
        await gatherResults([self.indexing.caughtUp(), other.caughtUp()])
        await other.stop()
        await self.fill()
        connection = apsw.Connection(str(self.path))
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("SELECT sum(messages) FROM block").get, 20)
        self.assertEqual(connection.execute("SELECT count(*) FROM document").get, 20)
        looked = self.looked()
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), list(range(1, 21)))
        self.assertEqual(await self.mailbox.search(keys.Body("text")), list(range(1, 21)))
        self.assertEqual(looked, [])


class CrashTests(IndexCase):
    """
    An index is never trusted beyond what it says.
    """

    async def check(self) -> None:
        """
        Whatever the file is, the answers are right, before it is made anew and after.
        """
        for _ in range(2):
            self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), [1, 3])
            self.assertEqual(await self.mailbox.search(keys.Text("needle")), [1, 3])
            self.assertEqual(await self.mailbox.sort(keys.All(), [SortCriterion("SUBJECT")]), [2, 1, 3])
            await self.fill()
        looked = self.looked()
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), [1, 3])
        self.assertEqual(looked, [])

    async def prepare(self) -> None:
        for subject in ("needle a", "hay", "needle b"):
            await self.append(message(subject))
        await self.fill()

    async def test_missing(self) -> None:
        await self.prepare()
        removeIndex(self.path)
        await self.check()

    async def test_justBeingMade(self) -> None:
        """
        Who reads does not throw away a file that has no tables yet: somebody is writing them.
        """
        await self.prepare()
        removeIndex(self.path)
        self.path.touch(mode=0o600)
        self.assertIsNone(await self.store.index.ask(self.row, 10**6, lambda connection: "asked"))
        self.assertEqual(self.path.stat().st_size, 0)
        await self.check()

    async def test_damaged(self) -> None:
        """
        Octets that are no database, or one whose pages are garbage.
        """
        await self.prepare()
        for damage in (b"garbage" * 1000, None):
            await self.close()
            if damage is not None:
                self.path.write_bytes(damage)
            else:
                size = self.path.stat().st_size
                with open(self.path, "r+b") as file:
                    file.seek(4096)
                    file.write(os.urandom(size - 4096))
            await self.openStore()
            await self.check()

    async def test_wrongColumns(self) -> None:
        """
        Columns that cannot be.
        """
        await self.prepare()
        for change in (
            "UPDATE piece SET data = substr(data, 1, length(data) - 1) WHERE length(data) > 1",
            "UPDATE piece SET data = x'' WHERE id % 32 = 0",
            "DELETE FROM piece",
        ):
            connection = apsw.Connection(str(self.path))
            connection.execute(change)
            connection.close()
            self.assertEqual(await self.mailbox.sort(keys.All(), [SortCriterion("SUBJECT")]), [2, 1, 3])
            self.assertEqual(await self.mailbox.search(keys.SentOn(date(2000, 1, 1))), [])
            removeIndex(self.path)
            await self.fill()

    async def test_otherBoot(self) -> None:
        """
        One that was being written when the machine went down.
        """
        await self.prepare()
        await self.close()
        connection = apsw.Connection(str(self.path))
        self.assertEqual(connection.execute("SELECT boot FROM state").get, "")
        connection.execute("UPDATE state SET boot = 'another'; DELETE FROM piece; DELETE FROM block")
        connection.close()
        await self.openStore()
        await self.check()

    async def test_sameBoot(self) -> None:
        """
        One whose process was killed: what it had committed is there.
        """
        await self.prepare()
        with patch.object(indexwriter, "closeWritten", apsw.Connection.close):
            await self.close()
        connection = apsw.Connection(str(self.path))
        self.assertNotEqual(connection.execute("SELECT boot FROM state").get, "")
        connection.close()
        await self.openStore()
        looked = self.looked()
        self.assertEqual(await self.mailbox.search(keys.Header("subject", "needle")), [1, 3])
        self.assertEqual(looked, [])
        await self.check()

    async def test_copied(self) -> None:
        """
        A copy of the data folder was put back: nobody knows what its indexes were when they were copied.
        """
        await self.prepare()
        await self.close()
        copy = self.path.with_suffix(".copy")
        copy.write_bytes(self.path.read_bytes())
        connection = apsw.Connection(str(copy))
        self.assertEqual(connection.execute("SELECT boot FROM state").get, "")
        connection.execute("DELETE FROM piece; DELETE FROM block")
        connection.close()
        os.rename(copy, self.path)
        await self.openStore()
        await self.check()

    async def test_others(self) -> None:
        """
        One of another version, or of a store that has given more than this one.
        """
        await self.prepare()
        for change in ("version = version - 1", "octets = octets + 1"):
            await self.close()
            connection = apsw.Connection(str(self.path))
            connection.execute(f"UPDATE state SET {change}; DELETE FROM piece; DELETE FROM block")
            connection.close()
            await self.openStore()
            await self.check()

    async def test_restoredStore(self) -> None:
        """
        The store was put back to an earlier state: its index knows of octets that it never gave.
        """
        await self.append(message("needle a"))
        await self.append(message("hay"))
        await self.close()
        earlier = {path: path.read_bytes() for path in self.folder.glob("osxmail.sqlite*")}
        await self.openStore()
        for _ in range(4):
            await self.append(message("needle that was"))
        await self.fill()
        await self.close()
        for path in self.folder.glob("osxmail.sqlite*"):
            path.unlink()
        for path, data in earlier.items():
            path.write_bytes(data)
        await self.openStore()
        await self.append(message("needle b"))
        await self.check()

    async def test_restoredStoreGoesOn(self) -> None:
        """
        The same, after so much has come elsewhere that only the mailbox itself tells.
        """
        await self.append(message("needle a"))
        await self.append(message("hay"))
        await self.close()
        earlier = {path: path.read_bytes() for path in self.folder.glob("osxmail.sqlite*")}
        await self.openStore()
        for _ in range(4):
            await self.append(message("needle that was"))
        await self.fill()
        await self.close()
        for path in self.folder.glob("osxmail.sqlite*"):
            path.unlink()
        for path, data in earlier.items():
            path.write_bytes(data)
        await self.openStore()
        other = await self.account.createMailbox("Other")
        for _ in range(9):
            await self.append(message("more"), other)
        await self.append(message("needle b"))
        await self.check()


class Model:
    """
    A naive search over messages in memory.
    """

    def __init__(self, messages: dict[int, tuple[str, str, str]]) -> None:
        self.messages = messages

    def matches(self, uid: int, key: SearchKey) -> bool:
        subject, sender, body = self.messages[uid]
        match key:
            case keys.All():
                return True
            case keys.And(several):
                return all(self.matches(uid, each) for each in several)
            case keys.Or(left, right):
                return self.matches(uid, left) or self.matches(uid, right)
            case keys.Not(inner):
                return not self.matches(uid, inner)
            case keys.UidSet(ranges):
                return any(first <= uid <= last for first, last in ranges)
            case keys.Flag():
                return uid % 3 == 0
            case keys.Header("subject", text):
                return folded(text) in folded(subject)
            case keys.Header("from", text):
                return folded(text) in folded(sender)
            case keys.Header("cc", _):
                return False
            case keys.Body(text):
                return folded(text) in folded(body)
            case keys.Text(text):
                return any(folded(text) in folded(each) for each in (f"subject: {subject}", f"from: {sender}", body))
        raise AssertionError(key)


class PropertyTests(IndexCase):
    """
    With an index, without one, and by a naive model: always the same.
    """

    timeout = 300

    def randomText(self, source: random.Random) -> str:
        return " ".join(source.choice(WORDS) for _ in range(source.randrange(1, 6)))

    def randomFields(self, source: random.Random) -> str:
        """
        What is sorted and threaded by.  It has none of the texts that are looked for.
        """
        fields = []
        if source.random() < 0.8:
            fields.append(f"Message-ID: <{source.randrange(60)}>")
        if source.random() < 0.6:
            fields.append("References: " + " ".join(f"<{source.randrange(60)}>" for _ in range(3)))
        if source.random() < 0.8:
            fields.append(f"Date: {source.randrange(1, 29)} Jun 2020 {source.randrange(10, 24)}:00:00 +0000")
        return "".join(field + "\r\n" for field in fields)

    def randomKey(self, source: random.Random, depth: int = 0) -> SearchKey:
        kind = source.randrange(9 if depth < 3 else 5)
        text = source.choice([*WORDS, "", "alp", "RASSE", "ußen", "文字", "fo", "gru\u0308", "zzz", "a b", "ann"])
        if kind == 0:
            return keys.Header(source.choice(["subject", "from", "cc"]), text)
        if kind == 1:
            return keys.Text(text)
        if kind == 2:
            return keys.Body(text)
        if kind == 3:
            first = source.randrange(1, 40)
            return keys.UidSet(((first, first + source.randrange(20)),))
        if kind == 4:
            return keys.Flag(bits=1)
        if kind == 5:
            return keys.Not(self.randomKey(source, depth + 1))
        if kind == 6:
            return keys.Or(self.randomKey(source, depth + 1), self.randomKey(source, depth + 1))
        return keys.And(tuple(self.randomKey(source, depth + 1) for _ in range(source.randrange(1, 4))))

    async def test_sameAnswers(self) -> None:
        source = random.Random(20_261)
        model = Model({})
        self.patch(indexfilling, "COLUMNS_A_STEP", 6)
        self.patch(indexfilling, "TEXTS_A_STEP", 4)
        for round_ in range(6):
            for _ in range(8):
                subject, body = self.randomText(source), self.randomText(source)
                sender = f"{source.choice(['Ann', 'Zoë'])} <{source.choice('abc')}nn@x>"
                uid = await self.append(message(subject, body, sender, self.randomFields(source)))
                model.messages[uid] = (decodeWords(subject.encode()), sender, body)
                if uid % 3 == 0:
                    await self.mailbox.storeFlags([uid], "+", ["\\Seen"])
            if round_ % 2:
                gone = source.sample(sorted(model.messages), 3)
                await self.mailbox.remove(sorted(gone))
                for uid in gone:
                    del model.messages[uid]
            if round_ % 3 != 1:
                # Sometimes the index is behind, sometimes not.
                await self.fill()
            for turn in range(50):
                self.patch(indexsearch, "MANY_HEADERS", 0 if turn % 2 else 300)
                key = self.randomKey(source)
                expected = [uid for uid in sorted(model.messages) if model.matches(uid, key)]
                self.assertEqual(await self.mailbox.search(key), expected, key)
                with self.scanning():
                    self.assertEqual(await self.mailbox.search(key), expected, key)
                fuzzy = await self.mailbox.search(keys.Fuzzy(key))
                with self.scanning():
                    self.assertEqual(await self.mailbox.search(keys.Fuzzy(key)), fuzzy, key)
                some = sorted(source.sample(sorted(model.messages), 5))
                self.assertEqual(await self.mailbox.search(key, some), [uid for uid in some if uid in expected])
            for name in sorted(NAMES - {"RELEVANCY"}):
                criteria = [SortCriterion(name, source.random() < 0.5), SortCriterion(source.choice(sorted(NAMES)))]
                found = await self.mailbox.sort(keys.All(), criteria)
                with self.scanning():
                    self.assertEqual(await self.mailbox.sort(keys.All(), criteria), found, criteria)
            for algorithm in ALGORITHMS:
                threads = b"".join(rendered(await self.mailbox.thread(keys.All(), algorithm)))
                with self.scanning():
                    again = b"".join(rendered(await self.mailbox.thread(keys.All(), algorithm)))
                self.assertEqual(again, threads)

    async def test_awkward(self) -> None:
        """
        Messages that are hard to read, and headers made of the signs that mean something.
        """
        source = random.Random(31_337)
        octets = [path.read_bytes() for path in sorted(MESSAGES.glob("*.eml"))]
        for _ in range(60):
            value = "".join(source.choice(SIGNS) for _ in range(source.randrange(1, 14)))
            body = "".join(source.choice(SIGNS) for _ in range(source.randrange(1, 30)))
            names = source.sample(["From", "To", "cc", "Subject", "Reply-To", "X-A"], 3)
            fields = "".join(f"{name}: {value}\r\n" for name in [*names, names[0]])
            kind = source.choice(["plain; charset=utf-8", "html; charset=utf-8", "plain; charset=utf-7"])
            octets.append(f"{fields}Content-Type: text/{kind}\r\n\r\n{body}\r\n".encode())
        for each in octets:
            await self.append(each)
        await self.fill()
        self.assertGreater(len(octets), 80)
        for turn in range(50):
            self.patch(indexsearch, "MANY_HEADERS", 0 if turn % 2 else 300)
            whole = source.choice(octets).decode("utf-8", "replace")
            start = source.randrange(len(whole))
            wanted = whole[start : start + source.choice([1, 3, 4, 6, 10, 40])]
            if source.random() < 0.3:
                wanted = "".join(source.choice(SIGNS) for _ in range(source.randrange(1, 4)))
            name = source.choice(["from", "to", "cc", "subject", "reply-to", "x-a", "content-type"])
            for key in (keys.Header(name, wanted), keys.Text(wanted), keys.Body(wanted)):
                for each in (key, keys.Not(key), keys.Fuzzy(key)):
                    found = await self.mailbox.search(each)
                    with self.scanning():
                        self.assertEqual(found, await self.mailbox.search(each), each)
