"""
L{osxmail.protocols.imap.appending} and C{catenating}: bounds, and what a failure in the middle leaves behind.
"""

from __future__ import annotations

from twisted.internet.defer import fail
from twisted.internet.task import deferLater

from osxmail.errors import NoSuchMessage, StoreFull
from osxmail.protocols.imap import appending
from osxmail.store.incoming import Incoming
from osxmail.store.message import Message
from tests.unit.protocols.imap.sessions import Client, SessionCase, Turns, clock

TEXT = b"Subject: x\r\n\r\n" + b"line\r\n" * 100


def literal(octets: bytes, before: bytes = b" ") -> bytes:
    return b"%b{%d+}\r\n%b" % (before, len(octets), octets)


class AppendingCase(SessionCase):
    async def entered(self) -> Client:
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        return client

    async def count(self) -> int:
        return (await self.inbox.status()).messages

    def watch(self) -> list[Incoming]:
        """
        The places that messages come into from now on.
        """
        made: list[Incoming] = []
        incoming = self.store.incoming

        def here(limitOctets: int) -> Incoming:
            place = incoming(limitOctets)
            assert isinstance(place, Incoming)
            made.append(place)
            return place

        self.patch(self.store, "incoming", here)
        return made


class BoundsTests(AppendingCase):
    async def test_number(self) -> None:
        self.patch(appending, "MAX_MESSAGES", 5)
        client = await self.entered()
        said = await client.do(b"APPEND INBOX" + literal(TEXT) * 5)
        self.assertRegex(said, rb"OK \[APPENDUID \d+ 1:5\]")
        made = self.watch()
        said = await client.do(b"APPEND INBOX" + literal(TEXT) * 6)
        self.assertIn(b"NO [LIMIT]", said)
        self.assertEqual(await self.count(), 5)
        self.assertTrue(all(place._isGone for place in made))
        self.assertEqual(len(made), 5)
        self.assertIn(b"OK", await client.do(b"NOOP"))

    async def test_othersHaveTheirTurn(self) -> None:
        """
        However many messages come at once.
        """
        client = await self.entered()
        text = b"".join(b"X-Field-%d: some words\r\n" % n for n in range(20)) + b"To: a@x, b@x, c@x\r\n" * 5 + TEXT
        with Turns() as turns:
            said = await client.do(b"APPEND INBOX" + literal(text) * 1000)
        self.assertIn(b" 1:1000]", said)
        self.assertLess(turns.longestSeconds, 0.015)

    async def test_files(self) -> None:
        self.patch(appending, "MAX_FILES", 2)
        large = TEXT + b"x" * 70_000
        client = await self.entered()
        self.assertIn(b"NO [LIMIT]", await client.do(b"APPEND INBOX" + literal(large) * 3))
        self.assertIn(b" 1:2]", await client.do(b"APPEND INBOX" + literal(large) * 2))

    async def test_memory(self) -> None:
        self.patch(appending, "MAX_HELD_OCTETS", 2 * len(TEXT))
        client = await self.entered()
        self.assertIn(b"NO [LIMIT]", await client.do(b"APPEND INBOX" + literal(TEXT) * 3))
        self.assertIn(b" 1:2]", await client.do(b"APPEND INBOX" + literal(TEXT) * 2))

    async def test_parts(self) -> None:
        self.patch(appending, "MAX_PARTS", 3)
        client = await self.entered()
        parts = [literal(TEXT, b"TEXT ")] * 4
        self.assertIn(b"NO [LIMIT]", await client.do(b"APPEND INBOX CATENATE (" + b" ".join(parts) + b")"))
        self.assertIn(b" 1]", await client.do(b"APPEND INBOX CATENATE (" + b" ".join(parts[1:]) + b")"))

    async def test_text(self) -> None:
        """
        The text between literals is bounded too.
        """
        client = await self.entered()
        flags = b" (" + b" ".join(b"%060d" % n for n in range(60)) + b")"
        said = await client.do(b"APPEND INBOX" + (flags + literal(TEXT)) * 100)
        self.assertIn(b"BAD APPEND: the command is too large", said)
        self.assertEqual(await self.count(), 0)
        self.assertIn(b"OK", await client.do(b"NOOP"))


class TargetTests(AppendingCase):
    """
    The mailbox of the last APPEND is remembered, and what others do to it is seen all the same.
    """

    async def test_remembered(self) -> None:
        client = await self.entered()
        await client.do(b"APPEND INBOX" + literal(TEXT))
        self.patch(type(client.gate.namespaces), "find", None)
        self.assertIn(b" 2]", await client.do(b"APPEND INBOX" + literal(TEXT)))

    async def test_renamed(self) -> None:
        client = await self.entered()
        account = await self.store.existingAccount("id-anna")
        assert account is not None
        await client.do(b"CREATE here")
        await client.do(b"APPEND here" + literal(TEXT))
        await account.renameMailbox("here", "there")
        self.assertIn(b"NO [TRYCREATE]", await client.do(b"APPEND here" + literal(TEXT)))
        await account.createMailbox("here")
        self.assertIn(b" 1]", await client.do(b"APPEND here" + literal(TEXT)))

    async def test_deleted(self) -> None:
        client = await self.entered()
        account = await self.store.existingAccount("id-anna")
        assert account is not None
        await client.do(b"CREATE here")
        await client.do(b"APPEND here" + literal(TEXT))
        await account.deleteMailbox("here")
        await account.createMailbox("here")
        self.assertIn(b" 1]", await client.do(b"APPEND here" + literal(TEXT)))

    async def test_rights(self) -> None:
        client = await self.entered()
        await client.do(b"CREATE here")
        await client.do(b"APPEND here" + literal(TEXT))
        account = await self.store.existingAccount("id-anna")
        assert account is not None
        here = await account.mailbox("here")
        await here.setAccess(client.gate.login, "=", "lr")
        self.assertIn(b"NO [NOPERM]", await client.do(b"APPEND here" + literal(TEXT)))


class ReplaceTests(AppendingCase):
    async def entered(self) -> Client:
        return await self.selected()

    async def test_quota(self) -> None:
        """
        RFC 8508 3.4: the difference counts.
        """
        account = await self.store.existingAccount("id-anna")
        assert account is not None
        await self.fill(TEXT, TEXT)
        client = await self.entered()
        await account.setQuota(2 * len(TEXT))
        self.assertIn(b"OK REPLACE", await client.do(b"REPLACE 1 Drafts" + literal(TEXT)))
        self.assertIn(b"NO [OVERQUOTA]", await client.do(b"REPLACE 1 Drafts" + literal(TEXT + b"x")))
        self.assertEqual((await account.quota()).usedOctets, 2 * len(TEXT))
        self.assertEqual(await self.count(), 1)
        # Where there is too much already, less may take its place.
        await account.setQuota(10)
        self.assertIn(b"OK REPLACE", await client.do(b"REPLACE 1 Drafts" + literal(TEXT[:-1])))
        quota = await account.quota()
        self.assertEqual((quota.usedOctets, quota.usedMessages), (2 * len(TEXT) - 1, 2))

    async def test_quotaIsAskedEarly(self) -> None:
        account = await self.store.existingAccount("id-anna")
        assert account is not None
        await self.fill(TEXT + b"x" * 70_000)
        client = await self.entered()
        await account.setQuota(75_000)
        client.send(b"a REPLACE 1 INBOX {80000}\r\n")
        await client.until(b"a NO [OVERQUOTA]")
        self.assertIn(b"OK REPLACE", await client.do(b"REPLACE 1 INBOX" + literal(TEXT + b"x" * 70_000)))

    async def test_storeFails(self) -> None:
        """
        Nothing comes and nothing goes; what came is given back.
        """
        await self.fill(TEXT, TEXT)
        client = await self.entered()
        made = self.watch()

        def failing(*args: object) -> None:
            raise StoreFull("full")

        self.patch(self.store.octets, "putAll_txn", failing)
        said = await client.do(b"REPLACE 1 INBOX" + literal(TEXT))
        self.assertRegex(said, rb"^t\d+ NO \[LIMIT\]")
        self.assertEqual([place._isGone for place in made], [True])
        self.assertEqual(await self.count(), 2)

    async def test_uidOnly(self) -> None:
        """
        RFC 9586 3: REPLACE comes as UID REPLACE.
        """
        await self.fill(TEXT)
        client = await self.entered()
        await client.do(b"ENABLE UIDONLY")
        self.assertIn(b"BAD [UIDREQUIRED]", await client.do(b"REPLACE 1 INBOX" + literal(TEXT)))
        said = await client.do(b"UID REPLACE 1 INBOX" + literal(TEXT))
        self.assertRegex(said, rb"(?s)^\* OK \[APPENDUID \d+ 2\].*\* VANISHED 1\r\n.*OK REPLACE")


class CatenateTests(AppendingCase):
    async def test_large(self) -> None:
        """
        Octets go from one message to another in pieces, and never stand in memory together.
        """
        text = TEXT + b"0123456789abcde\n" * 200_000
        await self.fill(text)
        client = await self.entered()
        made = self.watch()
        pieces: list[int] = []
        write = Incoming.write

        def watched(incoming: Incoming, data: bytes) -> object:
            pieces.append(len(data))
            return write(incoming, data)

        self.patch(Incoming, "write", watched)
        line = b"APPEND INBOX CATENATE (URL /INBOX/;UID=1 TEXT {3+}\r\nend URL /INBOX/;UID=1/;PARTIAL=1000000.7)"
        self.assertIn(b" 2]", await client.do(line))
        self.assertFalse(made[0].isInMemory)
        self.assertLessEqual(max(pieces), 256 * 1024)
        ((_, message),) = await self.inbox.messages([2])
        octets = b""
        while piece := await message.read(len(octets), 256 * 1024):
            octets += piece
        self.assertEqual(octets, text + b"end" + text[1_000_000:1_000_007])

    async def test_largeHeader(self) -> None:
        """
        Fields that are chosen out of a header that is too large to be looked through at once.
        """
        header = b"".join(b"X-Field-%d: some words\r\n" % n for n in range(3000)) + b"To: a@x\r\n\r\n"
        await self.fill(header + b"body")
        client = await self.entered()
        url = b"/INBOX/;UID=1/;SECTION=HEADER.FIELDS.NOT%20(To)"
        self.assertIn(b" 2]", await client.do(b'APPEND INBOX CATENATE (URL "%b" TEXT {4+}\r\nbody)' % url))
        rows = dict(await self.inbox.messages([1, 2]))
        self.assertEqual(rows[1].sizeOctets - rows[2].sizeOctets, len(b"To: a@x\r\n"))

    async def test_names(self) -> None:
        """
        RFC 5092 6: names are in UTF-8 in a URL, whatever the session speaks.
        """
        client = await self.entered()
        await client.do(b'CREATE "B&APw-ro"')
        await client.do(b'APPEND "B&APw-ro"' + literal(TEXT))
        said = await client.do(b'APPEND INBOX CATENATE (URL "/B%C3%BCro/;UID=1")')
        self.assertIn(b" 1]", said)
        said = await client.do(b'APPEND INBOX CATENATE (URL "/B&APw-ro/;UID=1")')
        self.assertIn(b"NO [BADURL /B&APw-ro/;UID=1]", said)

    async def test_gone(self) -> None:
        """
        A message that is removed in the middle: nothing was appended.
        """
        await self.fill(TEXT + b"x" * 1_100_000)
        client = await self.entered()

        async def failing(*args: object) -> bytes:
            raise NoSuchMessage("collected")

        self.patch(Message, "read", failing)
        said = await client.do(b"APPEND INBOX CATENATE (TEXT {3+}\r\nabc URL /INBOX/;UID=1)")
        self.assertIn(b"NO [BADURL /INBOX/;UID=1]", said)
        self.assertEqual(await self.count(), 1)


class FailureTests(AppendingCase):
    async def test_middle(self) -> None:
        """
        The disk is full in the middle of the second message: none is kept, and the session is in step.
        """
        client = await self.entered()
        made = self.watch()
        write = Incoming.write

        def failing(incoming: Incoming, data: bytes) -> object:
            if len(made) == 2:
                return fail(StoreFull("full"))
            return write(incoming, data)

        self.patch(Incoming, "write", failing)
        said = await client.do(b"APPEND INBOX" + literal(TEXT) * 4)
        self.assertIn(b"NO [LIMIT] There is no room now", said)
        self.assertEqual(await self.count(), 0)
        self.assertEqual([place._isGone for place in made], [True, True])
        self.patch(Incoming, "write", write)
        self.assertIn(b" 1]", await client.do(b"APPEND INBOX" + literal(TEXT)))

    async def test_middleOfAwaited(self) -> None:
        """
        The same, when the client waits for each literal: the next one does not come.
        """
        client = await self.entered()
        client.send(b"a APPEND INBOX {%d}\r\n" % len(TEXT))
        await client.until(b"+ Go ahead\r\n")
        client.send(TEXT + b" {0}\r\n")
        await client.until(b"a NO [CANNOT] An empty message is none\r\n")
        self.assertEqual(await self.count(), 0)
        self.assertIn(b" 1]", await client.do(b"APPEND INBOX" + literal(TEXT)))

    async def test_clientLeaves(self) -> None:
        client = await self.entered()
        made = self.watch()
        client.send(b"a APPEND INBOX" + literal(TEXT) + b" {100000+}\r\n" + b"x" * 80_000)
        while len(made) < 2:
            await deferLater(clock, 0.001)
        client.hangUp()
        self.assertEqual([place._isGone for place in made], [True, True])
        self.assertEqual(await self.count(), 0)

    async def test_storeRefuses(self) -> None:
        """
        What the store does not take is gone too.
        """
        account = await self.store.existingAccount("id-anna")
        assert account is not None
        client = await self.entered()
        await account.setQuota(len(TEXT) * 2 + 1)
        made = self.watch()
        self.assertIn(b"NO [OVERQUOTA]", await client.do(b"APPEND INBOX" + literal(TEXT) * 3))
        self.assertTrue(all(place._isGone for place in made))
        self.assertEqual(await self.count(), 0)
        self.assertIn(b" 1:2]", await client.do(b"APPEND INBOX" + literal(TEXT) * 2))

    async def test_quotaIsAskedEarly(self) -> None:
        account = await self.store.existingAccount("id-anna")
        assert account is not None
        client = await self.entered()
        await account.setQuota(100_000)
        client.send(b"a APPEND INBOX" + literal(TEXT + b"x" * 60_000) + b" {60000}\r\n")
        await client.until(b"a NO [OVERQUOTA] The mailbox is full\r\n")
        self.assertEqual(await self.count(), 0)
        self.assertIn(b"OK", await client.do(b"NOOP"))
