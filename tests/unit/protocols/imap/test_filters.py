"""
Tests of L{osxmail.protocols.imap.filters}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from osxmail.errors import LimitExceeded
from osxmail.interfaces import IAccount
from osxmail.mail.address import Address
from osxmail.mail.imap.searchcommand import MailboxFilter
from osxmail.protocols.imap import filters
from osxmail.protocols.imap.filters import Reachable, meant
from osxmail.protocols.imap.memberships import Memberships
from osxmail.protocols.imap.namespaces import Namespaces
from osxmail.store.store import Store
from tests.fakes.directory import FakeDirectory
from tests.fakes.mailstores import closeStore, openStore
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import person

BENS = "Other Users/ben@example.test/"


class Session:
    """
    Who looks for mailboxes.
    """

    def __init__(self, namespaces: Any, account: Any) -> None:
        self.namespaces = namespaces
        self.ownAccount = lambda: account

    async def letOthers(self) -> None: ...


class FilterTests(TestCase):
    store: Store
    folder: Path

    async def setUp(self) -> None:
        self.store, self.folder = await openStore(reactor)
        self.settings = FakeSettings({})
        self.accounts: dict[str, IAccount] = {}
        for name in ("anna", "ben"):
            self.accounts[name] = await self.store.account(f"id-{name}", Address(name, "example.test"))
        self.work = await self.accounts["ben"].createMailbox("Work")
        for name in ("Work", "Work/Plans", "Work/Plans/Old", "Workshop"):
            await self.accounts["anna"].createMailbox(name)
        await self.accounts["ben"].createMailbox("Work/Plans")

    async def tearDown(self) -> None:
        await closeStore(self.store, self.folder)

    async def names(self, *each: MailboxFilter, who: str = "anna") -> list[str]:
        account, store, memberships = self.accounts[who], self.store, Memberships(FakeDirectory())
        reached = Namespaces(account, person(who), store, memberships, self.settings, lambda: 0.0)
        session: Any = Session(reached, account)
        return [seen.name for seen in (await meant(session, Reachable(session), each)).values()]

    async def test_personal(self) -> None:
        personal = await self.names(MailboxFilter("PERSONAL"))
        self.assertEqual(personal[0], "INBOX")
        self.assertIn("Work/Plans/Old", personal)
        self.assertFalse([name for name in personal if name.startswith("Other Users")])
        self.assertEqual(await self.names(MailboxFilter("INBOXES")), personal)

    async def test_subtree(self) -> None:
        """
        What begins with the same letters is not below.
        """
        self.assertEqual(
            await self.names(MailboxFilter("SUBTREE", ("Work",))), ["Work", "Work/Plans", "Work/Plans/Old"]
        )
        self.assertEqual(await self.names(MailboxFilter("SUBTREE-ONE", ("Work",))), ["Work", "Work/Plans"])
        self.assertEqual(await self.names(MailboxFilter("SUBTREE", ("Nowhere",))), [])

    async def test_eachOnce(self) -> None:
        found = await self.names(
            MailboxFilter("MAILBOXES", ("Work/Plans", "Nowhere")), MailboxFilter("SUBTREE", ("Work",))
        )
        self.assertEqual(found, ["Work/Plans", "Work", "Work/Plans/Old"])

    async def test_subscribed(self) -> None:
        await self.work.setAccess("anna@example.test", "=", "lr")
        for name in ("Work", BENS + "Work", "Gone"):
            await self.accounts["anna"].subscribe(name, True)
        for name in await self.accounts["anna"].subscriptions():
            if name not in ("Work", BENS + "Work", "Gone"):
                await self.accounts["anna"].subscribe(name, False)
        self.assertEqual(await self.names(MailboxFilter("SUBSCRIBED")), ["Work", BENS + "Work"])

    async def test_rights(self) -> None:
        """
        RFC 7377 2.2: who may not read is told nothing; what is named needs no right l.
        """
        bens = MailboxFilter("SUBTREE", (BENS + "Work",))
        named = MailboxFilter("MAILBOXES", ("Other Users/BEN@example.test/Work",))
        self.assertEqual(await self.names(bens, named), [])
        await self.work.setAccess("anna@example.test", "=", "l")
        self.assertEqual(await self.names(bens, named), [])
        await self.work.setAccess("anna@example.test", "=", "r")
        self.assertEqual((await self.names(bens), await self.names(named)), ([], [BENS + "Work"]))
        await self.work.setAccess("anna@example.test", "=", "lr")
        self.assertEqual(await self.names(bens), [BENS + "Work"])

    async def test_administrators(self) -> None:
        """
        They see what no list gives them; a subtree is that of one person.
        """
        self.settings.change("imap.administrators", "anna@example.test")
        found = await self.names(MailboxFilter("SUBTREE", (BENS + "Work",)))
        self.assertEqual(found, [BENS + "Work", BENS + "Work/Plans"])
        self.assertEqual(await self.names(MailboxFilter("SUBTREE", ("Shared",))), [])
        shared = await self.store.sharedAccount()
        await shared.createMailbox("News")
        self.assertEqual(await self.names(MailboxFilter("SUBTREE", ("Shared/News",))), ["Shared/News"])

    async def test_limit(self) -> None:
        count = len(await self.names(MailboxFilter("PERSONAL")))
        self.patch(filters, "MAX_MAILBOXES", count)
        await self.names(MailboxFilter("PERSONAL"))
        self.patch(filters, "MAX_MAILBOXES", count - 1)
        await self.assertFailure(Deferred.fromCoroutine(self.names(MailboxFilter("PERSONAL"))), LimitExceeded)
