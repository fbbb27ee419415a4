"""
Tests for L{osxmail.store.sorting}: a real store, sorted and threaded.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from osxmail.errors import NoSuchMailbox
from osxmail.mail import searchkeys as keys
from osxmail.mail.address import Address
from osxmail.mail.sortcriteria import SortCriterion
from osxmail.mail.threading import rendered
from osxmail.store.store import Store
from tests.fakes.mailstores import put


class SortTests(TestCase):
    """
    A store with one mailbox.
    """

    timeout = 60

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.open())

    async def open(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        self.store = Store(folder)
        await self.store.open()
        self.addCleanup(self.store.close)
        self.account = await self.store.account("a", Address.parse("ann@example.test"))
        self.mailbox = await self.account.mailbox("INBOX")

    async def append(self, header: str, day: int = 0, body: str = "hello\r\n") -> int:
        return await put(self.store, self.mailbox, f"{header}\r\n\r\n{body}".encode(), (), day * 86_400.0)

    async def sort(self, *names: str, key: keys.SearchKey = keys.All()) -> list[int]:  # noqa: B008
        criteria = [SortCriterion(name.removeprefix("-"), name.startswith("-")) for name in names]
        return await self.mailbox.sort(key, criteria)

    async def test_criteria(self) -> None:
        """
        RFC 5256 3 and RFC 5957 3: each criterion, both ways; what is equal stays in the order of the mailbox.
        """
        await self.append(
            "From: Zoe <b@x>\r\nTo: x@x\r\nCc: c@x\r\nSubject: Re: beta\r\nDate: 3 Jan 1970 00:00:00 +0000", 5
        )
        await self.append("From: a@x\r\nTo: y@x\r\nSubject: ALPHA\r\nDate: 2 Jan 1970 00:00:00 +0000", 4, "x" * 500)
        await self.append("From: =?utf-8?q?=C3=84rmel?= <c@x>\r\nTo: Beate <x@y>\r\nSubject: =?utf-8?q?=C3=84?=", 3)
        await self.append("Subject: [list] beta", 1)
        for names, expected in (
            (("ARRIVAL",), [4, 3, 2, 1]),
            (("-ARRIVAL",), [1, 2, 3, 4]),
            (("DATE",), [2, 4, 1, 3]),
            (("-DATE",), [3, 1, 2, 4]),
            (("FROM",), [4, 2, 1, 3]),
            (("CC",), [2, 3, 4, 1]),
            (("-CC",), [1, 2, 3, 4]),
            (("TO",), [4, 1, 3, 2]),
            (("SUBJECT",), [2, 3, 1, 4]),
            (("SUBJECT", "-ARRIVAL"), [2, 3, 1, 4]),
            (("SUBJECT", "ARRIVAL"), [2, 3, 4, 1]),
            (("-SUBJECT",), [1, 4, 3, 2]),
            (("-SIZE",), [2, 1, 3, 4]),
            (("DISPLAYFROM",), [4, 2, 3, 1]),
            (("DISPLAYTO",), [4, 3, 1, 2]),
        ):
            self.assertEqual(await self.sort(*names), expected, names)
        self.assertEqual(await self.sort("ARRIVAL", key=keys.Header("subject", "beta")), [4, 1])
        self.assertEqual(await self.sort("ARRIVAL", key=keys.Header("subject", "no")), [])
        self.assertEqual(await self.mailbox.sort(keys.All(), [SortCriterion("DATE")], [1, 2, 9]), [2, 1])

    async def test_relevancy(self) -> None:
        """
        RFC 6203 5: the most relevant first.
        """
        await self.append("Subject: other", body="the broken imap server\r\n")
        await self.append("Subject: imap is broken")
        await self.append("Subject: Broken IMAP")
        key = keys.Fuzzy(keys.Text("broken imap"))
        self.assertEqual(await self.sort("RELEVANCY", key=key), [3, 2, 1])
        self.assertEqual(await self.sort("-RELEVANCY", key=key), [1, 2, 3])
        self.assertEqual(await self.mailbox.relevancies(key, [3, 1, 2, 9]), [100, 60, 75, 1])
        self.assertEqual(await self.mailbox.relevancies(keys.All(), [1]), [100])

    async def test_threads(self) -> None:
        await self.append("Message-ID: <a@x>\r\nSubject: one\r\nDate: 1 Jan 1970 00:00:00 +0000", 9)
        await self.append("Message-ID: <b@x>\r\nSubject: other\r\nDate: 2 Jan 1970 00:00:00 +0000", 2)
        await self.append(
            "Message-ID: <c@x>\r\nReferences: <a@x>\r\nSubject: Re: one\r\nDate: 3 Jan 1970 00:00:00 +0000", 3
        )
        await self.append("Message-ID: <d@x>\r\nIn-Reply-To: <b@x>\r\nSubject: new", 4)
        await self.append("Subject: Re: other", 8)
        for algorithm, expected in (
            ("REFERENCES", b"(1 3)(2 (4)(5))"),
            ("REFS", b"(2 4)(5)(1 3)"),
            ("ORDEREDSUBJECT", b"(1 3)(2 5)(4)"),
        ):
            found = await self.mailbox.thread(keys.All(), algorithm)
            self.assertEqual(b"".join(rendered(found)), expected)
        found = await self.mailbox.thread(keys.Header("subject", "one"), "REFERENCES")
        self.assertEqual(b"".join(rendered(found)), b"(1 3)")
        self.assertEqual(b"".join(rendered(await self.mailbox.thread(keys.Text("nothing"), "REFERENCES"))), b"")

    async def test_gone(self) -> None:
        await self.account.createMailbox("Other")
        other = await self.account.mailbox("Other")
        await self.account.deleteMailbox("Other")
        with self.assertRaises(NoSuchMailbox):
            await other.sort(keys.All(), [SortCriterion("DATE")])
        with self.assertRaises(NoSuchMailbox):
            await other.thread(keys.All(), "REFS")
