"""
Tests for L{osxmail.protocols.imap.mailboxes}: accounts with very many mailboxes and subscriptions.  What each command
says is in the conversations.
"""

from __future__ import annotations

import re

from twisted.internet.defer import gatherResults

from osxmail.mail.address import Address
from tests.unit.protocols.imap.sessions import SessionCase, Turns

MANY = 5000


class ManyTests(SessionCase):
    async def subscribeMany(self) -> None:
        account = await self.store.account("id-anna", Address.parse("anna@example.test"))
        await gatherResults([account.subscribe(f"top{n}/below", True) for n in range(MANY)])

    async def test_subscriptions(self) -> None:
        """
        LSUB with %, and LIST of subscriptions with their parents, let others have their turn.
        """
        await self.subscribeMany()
        client = await self.selected()
        for command in (b'LSUB "" %', b'LIST (SUBSCRIBED RECURSIVEMATCH) "" %', b'LIST "" * RETURN (SUBSCRIBED)'):
            with Turns() as turns:
                said = await client.do(command)
            if command != b'LIST "" * RETURN (SUBSCRIBED)':
                self.assertEqual(
                    len(re.findall(rb"(?m)^\* L(?:SUB|IST) \(.*?\) \"/\" top\d+[ \r]", said)), MANY, command
                )
            self.assertLess(turns.longestSeconds, 0.2, command)

    async def test_mailboxes(self) -> None:
        """
        LIST of very many mailboxes is quick, with all that may be asked besides.
        """
        account = await self.store.account("id-anna", Address.parse("anna@example.test"))
        await gatherResults([account.createMailbox(f"top{n % 50}/below{n}") for n in range(MANY)])
        client = await self.selected()
        for command, count in ((b'LIST "" *', MANY), (b'LIST "" "top7/%" RETURN (STATUS (MESSAGES) MYRIGHTS)', 100)):
            with Turns() as turns:
                said = await client.do(command)
            self.assertEqual(len(re.findall(rb"(?m)^\* LIST \(\\HasNoChildren\) \"/\" top", said)), count, command)
            self.assertLess(turns.longestSeconds, 0.2, command)

    async def test_accounts(self) -> None:
        """
        An administrator's LIST of everybody lets others have their turn.
        """
        self.settings.change("imap.administrators", "anna@example.test")
        people = 1000
        await gatherResults([self.store.account(f"id-{n}", Address(f"p{n:04}", "example.test")) for n in range(people)])
        client = await self.selected()
        for command, count in (
            (b'LIST "" "Other Users/%"', people),
            (b'LIST "" "Other Users/*/INBOX"', people),
            (b'LIST "" "Other Users/p0007@example.test/%"', 6),
            (b'LIST "" *', 0),
        ):
            with Turns() as turns:
                said = await client.do(command)
            self.assertEqual(said.count(b'"Other Users/p'), count, command)
            self.assertLess(turns.longestSeconds, 0.2, command)
