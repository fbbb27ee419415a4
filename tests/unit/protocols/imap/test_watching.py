"""
Tests of L{osxmail.protocols.imap.watching}; what is said in which order, C{tests/conversations} shows.
"""

from __future__ import annotations

import random
import re
from typing import Any

from twisted.internet.defer import fail

from osxmail.errors import StoreAway
from osxmail.mail.address import Address
from osxmail.protocols.imap import filters, watching
from tests.fakes.mailstores import put
from tests.unit.protocols.imap.sessions import Client, SessionCase

BENS = b'"Other Users/ben@example.test/Work"'
MESSAGE = b"Subject: a\r\n\r\n1\r\n"
NEW = b"(MessageNew MessageExpunge FlagChange)"


class WatchCase(SessionCase):
    async def setUp(self) -> None:
        await super().setUp()
        ben = await self.store.account("id-ben", Address("ben", "example.test"))
        self.work: Any = await ben.createMailbox("Work")
        self.anna = await self.store.account("id-anna", Address("anna", "example.test"))

    async def client(self, *groups: bytes) -> Client:
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        if groups:
            said = await client.do(b"NOTIFY SET " + b" ".join(groups))
            self.assertIn(b" OK ", said)
        return client


class RightsTests(WatchCase):
    async def test_noAccess(self) -> None:
        """
        RFC 5465 3.1: what may not be known is ignored, what may be seen only is said to be so.
        """
        group = b"(mailboxes %b %b)" % (BENS, NEW)
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        self.assertNotIn(b"ben", await client.do(b"NOTIFY SET STATUS " + group))
        await self.work.setAccess("anna@example.test", "=", "l")
        said = await client.do(b"NOTIFY SET STATUS " + group)
        self.assertIn(b'* LIST (\\NoAccess) "/" ' + BENS, said)
        self.assertNotIn(b"* STATUS", said)
        await self.work.setAccess("anna@example.test", "=", "lr")
        said = await client.do(b"NOTIFY SET STATUS " + group)
        self.assertIn(b"* STATUS " + BENS + b" (MESSAGES 0 ", said)

    async def test_givenAndTaken(self) -> None:
        """
        RFC 5465 5.4, 5.9: the right l is like the mailbox itself; what was taken away is watched no longer.
        """
        client = await self.client(b'(subtree "Other Users" (MessageNew MessageExpunge MailboxName))')
        await self.work.setAccess("anna@example.test", "=", "lr")
        await client.until(b'* LIST (\\HasNoChildren) "/" ' + BENS)
        await put(self.store, self.work, MESSAGE)
        await client.until(b"* STATUS " + BENS + b" (UIDNEXT 2 MESSAGES 1)")
        await self.work.setAccess("anna@example.test", "=", "")
        await client.until(b'* LIST (\\NonExistent \\HasNoChildren) "/" ' + BENS)
        await put(self.store, self.work, MESSAGE)
        self.assertNotIn(b"STATUS", await client.do(b"NOOP"))

    async def test_newWhileLooking(self) -> None:
        """
        What comes into a mailbox that is new, just before it is watched, is told.
        """
        client = await self.client(b'(subtree "Other Users" (MessageNew MessageExpunge MailboxName))')
        meant = watching.meant
        came: list[None] = []

        async def late(*arguments: Any) -> Any:
            found = await meant(*arguments)
            if found and not came:
                came.append(None)
                await put(self.store, self.work, MESSAGE)
            return found

        self.patch(watching, "meant", late)
        await self.work.setAccess("anna@example.test", "=", "lr")
        await client.until(b"* STATUS " + BENS + b" (UIDNEXT 2 MESSAGES 1)")


class MetadataTests(WatchCase):
    async def test_annotations(self) -> None:
        """
        RFC 5465 5.6, 5.7: as asked for, and not of the session's own doing.
        """
        client = await self.client(b"(mailboxes INBOX (MailboxMetadataChange ServerMetadataChange))")
        sent: Any = await self.anna.mailbox("Sent")
        await sent.setAnnotations("", {"/shared/comment": b"x"})
        await self.inbox.setAnnotations("", {"/shared/comment": b"x"})
        await client.until(b"* METADATA INBOX /shared/comment\r\n")
        await self.store.setAnnotations("", {"/shared/admin": b"x"})
        await client.until(b'* METADATA "" /shared/admin\r\n')
        self.assertNotIn(b"METADATA", await client.do(b"NOOP"))
        self.assertNotIn(b"METADATA", await client.do(b"NOTIFY NONE"))
        await self.inbox.setAnnotations("", {"/shared/comment": b"y"})
        self.assertNotIn(b"METADATA", await client.do(b"NOOP"))


_STATUS = re.compile(rb"\* STATUS (\S+) \(([^)]*)\)\r\n")
_LIST = re.compile(rb'\* LIST \(([^)]*)\) "/" (\S+)(?: \("OLDNAME" \((\S+)\)\))?\r\n')


class Follower:
    """
    What a client knows that believes all it is told.
    """

    def __init__(self) -> None:
        self.numbers: dict[bytes, dict[bytes, int]] = {}
        # By name, whether there is such a mailbox or not (RFC 3501 6.3.6).
        self.subscribed: set[bytes] = set()

    def hear(self, said: bytes) -> None:
        for line in said.splitlines(keepends=True):
            if match := _LIST.match(line):
                attributes, name, oldName = match.groups()
                if oldName:
                    for each in [each for each in self.numbers if each == oldName or each.startswith(oldName + b"/")]:
                        self.numbers[name + each[len(oldName) :]] = self.numbers.pop(each)
                if b"NonExistent" in attributes:
                    self.numbers.pop(name, None)
                else:
                    self.numbers.setdefault(name, {})
                (self.subscribed.add if b"\\Subscribed" in attributes else self.subscribed.discard)(name)
            elif match := _STATUS.match(line):
                words = match[2].split()
                pairs = zip(words[::2], map(int, words[1::2]), strict=True)
                self.numbers.setdefault(match[1], {}).update(pairs)


class ModelTests(WatchCase):
    async def test_likeAsking(self) -> None:
        """
        Whatever others do: who follows what NOTIFY tells knows what LIST and STATUS say.
        """
        chance = random.Random(3)
        client, other = await self.client(), await self.client()
        follower = Follower()
        await client.do(b"ENABLE CONDSTORE")
        follower.hear(await client.do(b'LIST "" * RETURN (SUBSCRIBED)'))
        events = b"(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)"
        follower.hear(await client.do(b"NOTIFY SET STATUS (personal %b)" % events))
        for number in range(80):
            names = sorted(name for name in follower.numbers if name != b"INBOX")
            name = chance.choice(names)
            match chance.randrange(9):
                case 0:
                    await other.do(b"CREATE %b/n%d" % (name, number))
                case 1:
                    await other.do(b"DELETE %b" % name)
                case 2:
                    await other.do(b"RENAME %b m%d" % (name, number))
                case 3:
                    await other.do(b"SUBSCRIBE %b" % name)
                case 4:
                    await other.do(b"UNSUBSCRIBE %b" % name)
                case 5 | 6:
                    await other.do(b"APPEND %b {%d+}\r\n%b" % (name, len(MESSAGE), MESSAGE))
                case 7:
                    await other.do(b"SELECT %b" % name)
                    await other.do(b"STORE 1:* %bFLAGS (\\Seen)" % chance.choice([b"+", b"-"]))
                    await other.do(b"COPY 1:* INBOX")
                    await other.do(b"UNSELECT")
                case 8:
                    await other.do(b"SELECT %b" % name)
                    await other.do(b"STORE 1 +FLAGS (\\Deleted)")
                    await other.do(b"CLOSE")
            follower.hear(await client.do(b"NOOP"))
            truth = Follower()
            items = b"MESSAGES UIDNEXT UNSEEN HIGHESTMODSEQ"
            truth.hear(await other.do(b'LIST "" * RETURN (SUBSCRIBED STATUS (%b))' % items))
            self.assertEqual(follower.numbers.keys(), truth.numbers.keys())
            self.assertEqual(follower.subscribed & truth.numbers.keys(), truth.subscribed)
            for name, numbers in follower.numbers.items():
                for item, value in numbers.items():
                    if item != b"UIDVALIDITY":
                        self.assertEqual(value, truth.numbers[name][item], (number, name, item))


class BoundTests(WatchCase):
    async def test_tooMany(self) -> None:
        """
        RFC 5465 3.1, 5.8: too many mailboxes are not watched, nor some of them.
        """
        client = await self.client()
        count = len(await self.anna.listMailboxes())
        self.patch(filters, "MAX_MAILBOXES", count - 1)
        self.assertIn(b"NO [NOTIFICATIONOVERFLOW]", await client.do(b"NOTIFY SET (personal %b)" % NEW))
        self.patch(filters, "MAX_MAILBOXES", count)
        self.assertIn(b" OK ", await client.do(b"NOTIFY SET (personal %b)" % NEW))
        await self.anna.createMailbox("More")
        await client.until(b"* OK [NOTIFICATIONOVERFLOW]")
        await put(self.store, self.inbox, MESSAGE)
        self.assertNotIn(b"STATUS", await client.do(b"NOOP"))

    async def test_nothingIsLeft(self) -> None:
        """
        A session that ends, logs out of its account or asks for nothing is watching nothing.
        """
        watchers = self.store.parts.shelf.watchers
        client = await self.client(b"(personal (MessageNew MessageExpunge ServerMetadataChange))")
        self.assertTrue(watchers._watched)
        self.assertTrue(self.store.parts.annotationListeners)
        await client.do(b"NOTIFY NONE")
        self.assertFalse(watchers._watched or watchers._byMailbox or watchers._byAccount)
        self.assertFalse(self.store.parts.annotationListeners)
        await client.do(b"NOTIFY SET (personal (MessageNew MessageExpunge ServerMetadataChange))")
        await client.do(b"UNAUTHENTICATE")
        self.assertFalse(watchers._watched or self.store.parts.annotationListeners)
        await client.do(b"LOGIN anna secret")
        await client.do(b"NOTIFY SET (personal (MessageNew MessageExpunge ServerMetadataChange))")
        # also with ENABLE METADATA in between
        await client.do(b"ENABLE METADATA")
        client.hangUp()
        self.assertFalse(watchers._watched or self.store.parts.annotationListeners)

    async def test_slowClients(self) -> None:
        """
        What happens while a client does not read is one thing to tell.
        """
        client = await self.client(b"(mailboxes INBOX %b)" % NEW)
        await client.do(b"NOOP")
        client.gate.pauseProducing()
        for _ in range(5):
            await put(self.store, self.inbox, MESSAGE)
        client.gate.resumeProducing()
        said = await client.do(b"NOOP")
        self.assertEqual(said.count(b"* STATUS"), 1)
        self.assertIn(b"UIDNEXT 6 MESSAGES 5", said)

    async def test_later(self) -> None:
        """
        What cannot be read now is told with the next change.
        """
        client = await self.client(b"(mailboxes INBOX %b)" % NEW)
        await client.do(b"NOOP")
        namespaces: Any = client.gate.namespaces
        seenAt = namespaces.seenAt
        namespaces.seenAt = lambda mailboxId: fail(StoreAway("broken"))
        await put(self.store, self.inbox, MESSAGE)
        self.assertNotIn(b"STATUS", await client.do(b"NOOP"))
        namespaces.seenAt = seenAt
        self.assertIn(b"* STATUS INBOX (UIDNEXT 2 MESSAGES 1 UNSEEN 1)", await client.do(b"NOOP"))
