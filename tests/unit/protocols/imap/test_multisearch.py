"""
Tests of L{osxmail.protocols.imap.multisearch}; what is said, C{tests/conversations} shows.
"""

from __future__ import annotations

from osxmail.protocols.imap import multisearch
from tests.unit.protocols.imap.sessions import SessionCase


class LimitTests(SessionCase):
    async def test_mailboxes(self) -> None:
        """
        RFC 7377 2.4: too many mailboxes are not searched at all.
        """
        await self.fill(b"Subject: a\r\n\r\n1\r\n")
        client = await self.selected()
        self.patch(multisearch, "MAX_SEARCHED", 2)
        self.assertIn(b"NO [LIMIT]", await client.do(b"ESEARCH IN (personal) ALL"))
        said = await client.do(b"ESEARCH IN (mailboxes (INBOX Sent)) ALL")
        self.assertIn(b"UID ALL 1\r\n", said)

    async def test_relevancy(self) -> None:
        """
        Scores of a mailbox that is not selected.
        """
        await self.fill(b"Subject: apple pie\r\n\r\n1\r\n", b"Subject: pie\r\n\r\n1\r\n")
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        said = await client.do(b"ESEARCH IN (mailboxes INBOX) RETURN (ALL RELEVANCY) FUZZY SUBJECT pie")
        self.assertRegex(said, rb"UID ALL 1:2 RELEVANCY \(\d+ \d+\)\r\n")
        self.assertIn(b" BAD ", await client.do(b"ESEARCH IN (mailboxes INBOX) RETURN (RELEVANCY) ALL"))

    async def test_recent(self) -> None:
        await self.fill(b"Subject: a\r\n\r\n1\r\n")
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        self.assertIn(b"UID ALL 1\r\n", await client.do(b"ESEARCH IN (mailboxes INBOX) RECENT"))
        await self.selected()
        self.assertNotIn(b"UID ALL", await client.do(b"ESEARCH IN (mailboxes INBOX) RECENT"))
