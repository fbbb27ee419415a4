"""
Tests for L{osxmail.protocols.imap.access}: what each right lets somebody do, and what is said where it is missing
(RFC 4314 4 and 6).  What the commands about access lists say is in the conversations.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import reactor

from osxmail.mail.address import Address
from osxmail.mail.rights import ALL_RIGHTS, RIGHTS
from osxmail.protocols.imap.session import Imap, ImapFactory
from osxmail.protocols.realm import MailRealm
from tests.fakes.directory import FakeDirectory
from tests.fakes.mailstores import put
from tests.unit.protocols.imap.sessions import Client, SessionCase
from tests.unit.protocols.transports import Checker, entrance, person

WORK = b'"Other Users/anna@example.test/Work"'
NEW = b'"Other Users/anna@example.test/Work/New"'

#: Commands that do no harm, with the rights that they need; a tuple of them: one of each.
COMMANDS: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (b"STATUS " + WORK + b" (MESSAGES)", ("r",)),
    (b"EXAMINE " + WORK, ("r",)),
    (b"SELECT " + WORK, ("r",)),
    (b"MYRIGHTS " + WORK, ("lrikxa",)),
    (b"GETACL " + WORK, ("a",)),
    (b"LISTRIGHTS " + WORK + b" ben", ("a",)),
    (b"SETACL " + WORK + b" anyone p", ("a",)),
    (b"DELETEACL " + WORK + b" anyone", ("a",)),
    (b"GETQUOTAROOT " + WORK, ("lri",)),
    (b"GETMETADATA " + WORK + b" /shared/comment", ("l", "rswip")),
    (b"SETMETADATA " + WORK + b' (/private/comment "x")', ("l", "rswip")),
    (b"SETMETADATA " + WORK + b' (/shared/comment "x")', ("l", "w")),
    (b"APPEND " + WORK + b" {5+}\r\nhello", ("i",)),
    (b"CREATE " + NEW, ("k",)),
    (b"SUBSCRIBE " + WORK, ()),
    (b"UNSUBSCRIBE " + WORK, ()),
)
#: In the selected mailbox.
SELECTED: tuple[tuple[bytes, str], ...] = (
    (b"STORE 1 +FLAGS (\\Seen)", "s"),
    (b"STORE 1 +FLAGS (\\Flagged)", "w"),
    (b"STORE 1 -FLAGS ($None)", "w"),
    (b"STORE 1 +FLAGS (\\Deleted)", "t"),
    (b"STORE 1 FLAGS (\\Draft)", "w"),
    (b"EXPUNGE", "e"),
    (b"UID EXPUNGE 1:*", "e"),
    (b"MOVE 1 Archive", "te"),
    (b"COPY 1 Archive", ""),
    (b"FETCH 1 BODY[]", ""),
    (b"SEARCH ALL", ""),
    (b"CLOSE", ""),
)


class RightsTests(SessionCase):
    async def setUp(self) -> None:
        await super().setUp()
        self.anna = await self.store.account("id-anna", Address.parse("anna@example.test"))
        self.directory = FakeDirectory()
        self.directory.add("anna@example.test")
        self.directory.add("ben@example.test")

    def connect(self, gateClock: Any = reactor) -> Client:
        store: Any = self.store
        checker: Any = Checker(person("anna"), person("ben"))
        portal = Portal(MailRealm(store, self.settings), [checker])
        gates = ImapFactory(entrance("imaps", self.settings, gateClock, isTLS=True), portal, store, self.directory)
        gate = gates.buildProtocol(None)
        assert isinstance(gate, Imap)
        client = Client(gate)
        self.clients.append(client)
        return client

    async def ben(self, rights: str) -> Client:
        """
        A session of ben's, who has these rights in a mailbox with one message.
        """
        for name in ("Work/New", "Work"):
            if any(each.name == name for each in await self.anna.listMailboxes()):
                await self.anna.deleteMailbox(name)
        self.work = await self.anna.createMailbox("Work")
        await put(self.store, self.work, b"Subject: x\r\n\r\n")
        await self.work.setAccess("ben@example.test", "=", rights)
        client = self.connect()
        await client.do(b"LOGIN ben secret")
        return client

    def answered(self, said: bytes, may: bool, rights: str, what: object) -> None:
        last = said.splitlines()[-1]
        if may:
            self.assertIn(b" OK", last, (rights, what))
        else:
            code = b"NOPERM" if "l" in rights else b"NONEXISTENT"
            self.assertIn(b" NO [%b]" % code, last.replace(b"[TRYCREATE]", b"[NONEXISTENT]"), (rights, what))

    def subsets(self) -> list[str]:
        """
        Each right alone, with l, and what is left without it.
        """
        alone = [letter for letter in RIGHTS if letter != "l"]
        return ["", "l", *alone, *("l" + letter for letter in alone), *(RIGHTS.replace(each, "") for each in RIGHTS)]

    async def test_commands(self) -> None:
        for rights in self.subsets():
            client = await self.ben(rights)
            said = await client.do(b'LIST "" "Other Users/*"')
            self.assertEqual(WORK in said, "l" in rights, rights)
            for command, needs in COMMANDS:
                may = all(not set(some).isdisjoint(rights) for some in needs)
                said = await client.do(command)
                if command.startswith(b"CREATE") and not may:
                    # Who may not see what is above it is told the same wherever that is.
                    self.assertIn(b" NO [NOPERM]", said.splitlines()[-1], (rights, command))
                else:
                    self.answered(said, may, rights, command)
            client.hangUp()

    async def test_selected(self) -> None:
        for rights in (each for each in self.subsets() if "r" in each):
            client = await self.ben(rights)
            said = await client.do(b"SELECT " + WORK)
            self.assertIn(b"[READ-WRITE]" if set(rights) & set("iswte") else b"[READ-ONLY]", said, rights)
            for command, needs in SELECTED:
                may = set(needs) <= set(rights)
                said = await client.do(command)
                last = said.splitlines()[-1]
                self.assertIn(b" OK" if may else b" NO [NOPERM]", last, (rights, command))
                if may and command in (b"EXPUNGE", b"UID EXPUNGE 1:*", b"MOVE 1 Archive"):
                    await put(self.store, self.work, b"Subject: x\r\n\r\n")
                    await client.do(b"NOOP")
            client.hangUp()

    async def test_deleting(self) -> None:
        for rights in ("lx", "x", "l", "lrswipktea", ""):
            client = await self.ben(rights)
            self.answered(await client.do(b"DELETE " + WORK), "x" in rights, rights, "DELETE")
            client.hangUp()

    async def test_seenOfBodies(self) -> None:
        """
        RFC 4314 4: FETCH sets \\Seen only where the right is there.
        """
        for rights, isSet in (("lr", False), ("lrw", False), ("lrs", True)):
            client = await self.ben(rights)
            await client.do(b"SELECT " + WORK)
            await client.do(b"FETCH 1 BODY[]")
            self.assertEqual((await self.work.status()).unseen, 0 if isSet else 1, rights)
            client.hangUp()

    async def test_administratorsMayAll(self) -> None:
        self.settings.change("imap.administrators", "ben@example.test")
        client = await self.ben("")
        said = await client.do(b"MYRIGHTS " + WORK)
        self.assertIn(RIGHTS.encode(), said)
        self.assertEqual(len(ALL_RIGHTS), len(RIGHTS))
        for command, _needs in COMMANDS:
            self.assertIn(b" OK", (await client.do(command)).splitlines()[-1], command)
