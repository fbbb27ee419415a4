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
