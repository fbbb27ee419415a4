"""
What every store keeps to about searching, sorting and threading.  See C{mailstore}.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

from osxmail.errors import NoSuchMailbox
from osxmail.mail import searchkeys as keys
from osxmail.mail.mime import renderMessage
from osxmail.mail.objectid import emailId, parseEmailId, threadId
from osxmail.mail.sortcriteria import SortCriterion
from osxmail.mail.threading import rendered
from tests.contracts.mailstore import StoreTools, asynchronous
from tests.fakes.mailstores import put


class SearchContract(StoreTools):
    """
    L{IMailbox.search}, C{sort}, C{thread} and C{relevancies}.
    """

    async def add(self, header, mailbox=None, day=0.0, body="hello\r\n"):
        octets = f"{header}\r\n\r\n{body}".encode()
        return await put(self.store, mailbox or self.inbox, octets, (), day * 86_400.0)

    @asynchronous
    async def test_dates(self):
        """
        RFC 5032, as the session has resolved it, and RFC 8514.
        """
        await self.add("Subject: a", day=10)
        await self.add("Subject: b", day=11)
        today = datetime.fromtimestamp(time.time(), UTC).date()
        for key, expected in (
            (keys.ArrivedSince(11 * 86_400), [2]),
            (keys.Not(keys.ArrivedSince(11 * 86_400)), [1]),
            (keys.ArrivedSince(11 * 86_400 + 1), []),
            (keys.SavedBefore(date(2000, 1, 1)), []),
            (keys.SavedSince(date(2000, 1, 1)), [1, 2]),
            (keys.SavedSince(today - timedelta(1)), [1, 2]),
            (keys.SavedBefore(today + timedelta(2)), [1, 2]),
            (keys.Or(keys.SavedOn(today), keys.SavedOn(today - timedelta(1))), [1, 2]),
            (keys.SaveDateSupported(), [1, 2]),
            (keys.Not(keys.SaveDateSupported()), []),
        ):
            self.assertEqual(await self.inbox.search(key), expected, key)

    @asynchronous
    async def test_objectIds(self):
        """
        RFC 8474 5.1 and 5.2: a copy has the same EMAILID, a reply the same THREADID, in whatever mailbox it is.
        """
        root = "Message-ID: <root@x>\r\nSubject: a"
        reply = "Message-ID: <reply@x>\r\nReferences: <root@x>\r\nSubject: b"
        await self.add(reply)
        await self.add(root)
        await self.add("Subject: a")
        other = await self.account.createMailbox("Other")
        await self.inbox.copy([2, 3], other)
        thread = threadId(renderMessage(f"{root}\r\n\r\n".encode()).keys, 1, 0)
        self.assertEqual(await self.inbox.search(keys.ThreadId(thread)), [1, 2])
        self.assertEqual(await other.search(keys.ThreadId(thread)), [1])
        self.assertEqual(await self.inbox.search(keys.ThreadId("T" + "0" * 32)), [])
        self.assertEqual(await self.inbox.search(keys.ThreadId("nonsense")), [])
        found = []
        for number in range(1, 20):
            uids = await self.inbox.search(keys.EmailId(emailId(number, 0)))
            if uids:
                found += uids
                copied = await other.search(keys.EmailId(emailId(number, 0)))
                self.assertEqual(copied, {1: [], 2: [1], 3: [2]}[uids[0]])
        self.assertEqual(found, [1, 2, 3])
        self.assertIsNone(parseEmailId("nonsense"))
        self.assertEqual(await self.inbox.search(keys.EmailId("nonsense")), [])
        self.assertEqual(await self.inbox.search(keys.Not(keys.EmailId("nonsense"))), [1, 2, 3])

    @asynchronous
    async def test_fuzzy(self):
        """
        RFC 6203 3: words in any order, with or without accents; what is no text is as it is without FUZZY.
        """
        await self.add("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=")
        await self.add("Subject: other", body="aus Koeln, viele Grusse\r\n")
        for key, expected in (
            (keys.Header("subject", "koln grusse"), [1]),
            (keys.Text("grusse aus"), [1, 2]),
            (keys.Body("viele aus"), [2]),
            (keys.Text("grusse nothing"), []),
            (keys.Text(""), [1, 2]),
            (keys.Not(keys.Text("viele")), [1]),
            (keys.UidSet(((2, 9),)), [2]),
        ):
            self.assertEqual(await self.inbox.search(keys.Fuzzy(key)), expected, key)
        self.assertEqual(await self.inbox.search(keys.Header("subject", "koln grusse")), [])
        scores = await self.inbox.relevancies(keys.Fuzzy(keys.Text("grusse aus")), [1, 2])
        self.assertTrue(1 <= scores[1] < scores[0] <= 100, scores)

    @asynchronous
    async def test_sort(self):
        await self.add("Subject: b\r\nDate: 2 Jan 2020 00:00:00 +0000", day=3)
        await self.add("Subject: a", day=2)
        await self.add("Subject: B\r\nDate: 1 Jan 2020 00:00:00 +0000", day=1)
        for criteria, expected in (
            ([SortCriterion("ARRIVAL")], [3, 2, 1]),
            ([SortCriterion("DATE")], [2, 3, 1]),
            ([SortCriterion("SUBJECT")], [2, 1, 3]),
            ([SortCriterion("SUBJECT", True), SortCriterion("DATE")], [3, 1, 2]),
        ):
            self.assertEqual(await self.inbox.sort(keys.All(), criteria), expected, criteria)
        self.assertEqual(await self.inbox.sort(keys.Header("subject", "b"), [SortCriterion("ARRIVAL")]), [3, 1])
        self.assertEqual(await self.inbox.sort(keys.All(), [SortCriterion("DATE")], [1, 3]), [3, 1])

    @asynchronous
    async def test_thread(self):
        await self.add("Message-ID: <a@x>\r\nSubject: a")
        await self.add("Message-ID: <b@x>\r\nSubject: b")
        await self.add("Message-ID: <c@x>\r\nReferences: <a@x>\r\nSubject: c")
        found = await self.inbox.thread(keys.All(), "REFERENCES")
        self.assertEqual(b"".join(rendered(found)), b"(1 3)(2)")
        found = await self.inbox.thread(keys.All(), "REFS", [2, 3])
        self.assertEqual(b"".join(rendered(found)), b"(2)(3)")

    @asynchronous
    async def test_progress(self):
        """
        RFC 9585: it grows, and stays within the total.
        """
        for number in range(5):
            await self.add(f"Subject: {number}", body="x" * 1_000_000)
        told = []
        await self.inbox.search(keys.Body("nothing"), None, lambda done, total: told.append((done, total)))
        self.assertEqual(told, sorted(told))
        self.assertTrue(told and all(0 < done <= total == 5 for done, total in told), told)

    @asynchronous
    async def test_gone(self):
        other = await self.account.createMailbox("Other")
        await self.account.deleteMailbox("Other")
        await self.assertFailure(other.search(keys.Text("x")), NoSuchMailbox)
        await self.assertFailure(other.sort(keys.All(), [SortCriterion("DATE")]), NoSuchMailbox)
        await self.assertFailure(other.thread(keys.All(), "REFS"), NoSuchMailbox)
