"""
Tests of L{osxmail.protocols.imap.session}: the session's life.  What is said stands in C{tests/conversations/imap}.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import StoreAway
from osxmail.protocols.imap.session import MAX_BAD_COMMANDS, Imap, ImapFactory
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.imap.sessions import Client, SessionCase
from tests.unit.protocols.transports import entrance


def unentered(clock: Clock) -> Client:
    """
    A session that nobody can log in to: there is no store behind it.
    """
    nothing: Any = None
    factory = ImapFactory(entrance("imaps", FakeSettings(), clock, isTLS=True), nothing, nothing)
    gate = factory.buildProtocol(None)
    assert isinstance(gate, Imap)
    return Client(gate)


class BeforeLoginTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.client = unentered(self.clock)

    def test_loginTimeout(self) -> None:
        """
        Who does not log in is sent away, however busy.
        """
        for _ in range(6):
            self.client.send(b"a NOOP\r\n")
            self.clock.advance(10)
        self.client.send(b"a NOOP\r\n")
        self.clock.advance(1)
        self.assertIn(b"* BYE Autologout", self.client.transport.value())
        self.assertTrue(self.client.transport.disconnecting)

    def test_manyOctetsWithoutALine(self) -> None:
        """
        A flood before login costs one buffer, and ends.
        """
        for _ in range(100):
            if self.client.transport.disconnecting:
                break
            self.client.send(b"x" * 65536)
        self.assertTrue(self.client.transport.disconnecting)

    def test_badCommands(self) -> None:
        for _ in range(MAX_BAD_COMMANDS - 1):
            self.client.send(b"a XYZZY\r\n")
        self.assertFalse(self.client.transport.disconnecting)
        self.client.send(b"a XYZZY\r\n")
        self.assertTrue(self.client.transport.disconnecting)

    def test_aGoodCommandInBetween(self) -> None:
        for _ in range(3):
            self.client.send(b"a XYZZY\r\n" * (MAX_BAD_COMMANDS - 1) + b"a NOOP\r\n")
            self.clock.advance(0)
            self.clock.advance(0)
        self.assertFalse(self.client.transport.disconnecting)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.binary(max_size=30)
            | st.sampled_from(
                [
                    b"\r\n",
                    b"a ",
                    b"LOGIN ",
                    b"{3}\r\n",
                    b"{3+}\r\n",
                    b'"',
                    b"AUTHENTICATE PLAIN",
                    b"UID ",
                    b"\0",
                    b"ID (",
                ]
            ),
            max_size=30,
        )
    )
    def test_anything(self, pieces: list[bytes]) -> None:
        """
        Whatever comes, lines come back, and no fault of ours.
        """
        clock = Clock()
        client = unentered(clock)
        for piece in pieces:
            client.send(piece)
        for _ in range(20):
            clock.advance(0)
        said = client.transport.value()
        self.assertTrue(said.endswith(b"\r\n"))
        self.assertNotIn(b"SERVERBUG", said)
        self.assertEqual(self.flushLoggedErrors(), [])


class LifeTests(SessionCase):
    async def test_autologout(self) -> None:
        """
        RFC 3501 5.4: not before half an hour.
        """
        clock = Clock()
        client = self.connect(clock)
        await client.do(b"LOGIN anna secret")
        clock.advance(29 * 60)
        self.assertFalse(client.transport.disconnecting)
        clock.advance(2 * 60)
        await client.until(b"* BYE Autologout: silent for too long\r\n")
        self.assertTrue(client.transport.disconnecting)

    async def test_stalledTransfer(self) -> None:
        """
        In the middle of a message, nobody may be silent for half an hour.
        """
        clock = Clock()
        client = self.connect(clock)
        await client.do(b"LOGIN anna secret")
        client.send(b"a APPEND INBOX {100}\r\n")
        await client.until(b"+ Go ahead\r\n")
        client.send(b"x" * 50)
        clock.advance(200)
        client.send(b"x" * 10)
        clock.advance(200)
        self.assertFalse(client.transport.disconnecting)
        clock.advance(101)
        await client.until(b"* BYE Autologout")

    async def test_theServerStops(self) -> None:
        """
        Also who is in IDLE is told.
        """
        client = await self.selected()
        client.send(b"a IDLE\r\n")
        await client.until(b"+ idling\r\n")
        client.gate.goAway()
        await client.until(b"* BYE [UNAVAILABLE] The server stops; come back in a moment\r\n")
        self.assertTrue(client.transport.disconnecting)

    async def test_theViewIsLetGo(self) -> None:
        client = await self.selected()
        view = client.gate.view
        assert view is not None
        released = []
        self.patch(type(self.inbox), "release", lambda mailbox, listener: released.append(listener))
        client.hangUp()
        self.assertEqual(released, [view])
        self.assertIsNone(client.gate.view)

    async def test_ourFault(self) -> None:
        """
        The peer gets an id that the log has, and the session goes on.
        """
        client = await self.selected()

        def broken(mailbox: object, uids: object = None) -> None:
            raise RuntimeError("secret detail")

        self.patch(type(self.inbox), "expunge", broken)
        said = await client.do(b"EXPUNGE")
        self.assertIn(b"NO [SERVERBUG] A fault of ours (", said)
        self.assertNotIn(b"secret", said)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertIn(b"OK", await client.do(b"NOOP"))

    async def test_theStoreIsAway(self) -> None:
        client = await self.selected()

        def away(mailbox: object, uids: object = None) -> None:
            raise StoreAway("the disk")

        self.patch(type(self.inbox), "expunge", away)
        self.assertIn(b"NO [UNAVAILABLE] The mail store cannot serve now", await client.do(b"EXPUNGE"))

    async def test_whoIsConnected(self) -> None:
        client = await self.selected()
        await client.do(b'ID ("name" "Mail\x7f" "version" "16.0")')
        self.assertEqual(client.gate.describe(), {"mailbox": "INBOX", "client": "Mail  16.0"})

    async def test_whoIsConnectedAfterUnauthenticate(self) -> None:
        """
        RFC 8437: nobody, until the next login; and the session counts for nobody.
        """
        client = await self.selected()
        sessions = client.gate.entrance.sessions
        self.assertEqual([each.login for each in sessions.list()], ["anna@example.test"])
        await client.do(b"LANGUAGE de")
        await client.do(b"UNAUTHENTICATE")
        (connection,) = sessions.list()
        self.assertEqual((connection.login, connection.details), ("", {}))
        self.assertIsNone(client.gate.doorkeeper.loggedIn)
        self.assertIn(b"OK Done", await client.do(b"NOOP"))
        await client.do(b"LOGIN anna secret")
        self.assertEqual([each.login for each in sessions.list()], ["anna@example.test"])

    async def test_loginTimeoutAfterUnauthenticate(self) -> None:
        clock = Clock()
        client = self.connect(clock)
        await client.do(b"LOGIN anna secret")
        clock.advance(600)
        await client.do(b"UNAUTHENTICATE")
        clock.advance(59)
        self.assertFalse(client.transport.disconnecting)
        clock.advance(2)
        await client.until(b"* BYE Autologout")

    async def test_recentIsClaimedOnce(self) -> None:
        """
        RFC 3501 2.3.2: what was recent in one session is not so in the next, also when it came while it was open.
        """
        await self.fill(b"Subject: 1\r\n\r\n")
        client = await self.selected()
        await self.fill(b"Subject: 2\r\n\r\n")
        self.assertIn(b"* 2 EXISTS\r\n* 2 RECENT\r\n", await client.do(b"NOOP"))
        await client.do(b"UNSELECT")
        self.assertIn(b"* 2 EXISTS\r\n* 0 RECENT\r\n", await client.do(b"EXAMINE INBOX"))

    async def test_anything(self) -> None:
        """
        Commands cut up and mixed at random: each is answered, and none is a fault of ours.
        """
        await self.fill(*[b"Subject: %d\r\n\r\nbody\r\n" % n for n in range(5)])
        client = await self.selected()
        words = [
            *b"1:* 1 3,5 * 9 FLAGS +FLAGS (\\Seen) BODY[] BODY.PEEK[1]<0.9>".split(),
            *b"ALL UNSEEN NOT OR TEXT INBOX Trash a/b ( %".split(),
            *(
                b"(\\Deleted $x)",
                b"(UID ENVELOPE MODSEQ)",
                b'"body"',
                b"{3+}\r\nabc",
                b"(UNCHANGEDSINCE 3)",
                b'""',
                b"",
            ),
            *(b"(CHANGEDSINCE 1)", b"(MESSAGES UIDNEXT)", b"\xff", b"CHARSET UTF-8"),
            *(
                b"(QRESYNC (1 1 1:9))",
                b"(CHANGEDSINCE 1 VANISHED)",
                b"QRESYNC",
                b"IMAP4rev2",
                b"UTF8=ACCEPT",
                b"UIDONLY",
            ),
        ]
        names = [
            *b"FETCH STORE SEARCH COPY MOVE EXPUNGE NOOP".split(),
            *b"LIST LSUB STATUS APPEND CREATE RENAME DELETE SELECT EXAMINE".split(),
            *(b"UID FETCH", b"UID STORE", b"UID SEARCH", b"UID MOVE", b"UID COPY", b"UID EXPUNGE"),
            *(b"ENABLE", b"LANGUAGE", b"UID FETCH 1:* FLAGS", b"SELECT INBOX"),
        ]
        chance = random.Random(20031024)
        for number in range(600):
            if client.transport.disconnecting or number % 100 == 99:
                client = await self.selected()
            line = b" ".join([chance.choice(names), *chance.choices(words, k=chance.randrange(4))])
            said = await client.do(line)
            self.assertNotIn(b"SERVERBUG", said, line)
            self.assertTrue(said.endswith(b"\r\n"))
            if number % 10 == 9:
                # Something good, so that there are never too many bad ones.
                await client.do(b"CAPABILITY")
        self.assertEqual(self.flushLoggedErrors(), [])
