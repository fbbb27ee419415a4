"""
L{osxmail.protocols.imap.urlauth}: who may use a URL, and when.
"""

from __future__ import annotations

import re

from osxmail.interfaces import IMailbox
from osxmail.protocols.imap.urlauth import tokenOf
from tests.unit.protocols.imap.sessions import Client, SessionCase

TEXT = b"Subject: x\r\n\r\nbody\r\n"
URL = b"imap://anna@x/INBOX/;uid=1;urlauth="


class UrlAuthCase(SessionCase):
    async def entered(self) -> Client:
        client = self.connect()
        await client.do(b"LOGIN anna secret")
        return client

    async def made(self, client: Client, access: bytes, url: bytes = URL) -> bytes:
        said = await client.do(b'GENURLAUTH "%b%b" INTERNAL' % (url, access))
        match = re.match(rb'\* GENURLAUTH "(.*)"\r\n', said)
        assert match is not None, said
        return match[1]


class TokenTests(UrlAuthCase):
    def test_token(self) -> None:
        """
        It tells how it was made, and depends on every octet.
        """
        token = tokenOf(b"k" * 32, b"imap://a")
        self.assertEqual((token[:1], len(token)), (b"\x01", 33))
        self.assertNotEqual(token, tokenOf(b"l" * 32, b"imap://a"))
        self.assertNotEqual(token, tokenOf(b"k" * 32, b"imap://b"))

    async def test_everyOctetCounts(self) -> None:
        await self.fill(TEXT)
        client = await self.entered()
        url = await self.made(client, b"anonymous")
        self.assertIn(TEXT, await client.do(b"URLFETCH " + url))
        others = (
            url.replace(b"uid=1", b"uid=01"),
            url.replace(b"anonymous", b"authuser"),
            url[:-1] + b"g",
            url[:-2],
        )
        for wrong in others:
            self.assertIn(b" NIL\r\n", await client.do(b'URLFETCH "%b"' % wrong))

    async def test_keyIsMadeOnce(self) -> None:
        client = await self.entered()
        self.assertEqual(await self.made(client, b"anonymous"), await self.made(client, b"anonymous"))
        drafts = await (await self.store.existingAccount("id-anna")).mailbox("Drafts")
        self.assertNotEqual(await self.inbox.urlKey(), await drafts.makeUrlKey(False))


class SubmitTests(UrlAuthCase):
    settingTexts = {"imap.submission_logins": "Anna@example.test"}

    async def test_submit(self) -> None:
        """
        RFC 4467 3: for a server that submits on behalf of somebody.
        """
        await self.fill(TEXT)
        client = await self.entered()
        url = await self.made(client, b"submit+ben")
        self.assertIn(TEXT, await client.do(b"URLFETCH " + url))
        self.settings.change("imap.submission_logins", "other@example.test")
        self.assertIn(b" NIL\r\n", await client.do(b"URLFETCH " + url))


class MailboxTests(UrlAuthCase):
    async def test_deleted(self) -> None:
        """
        The key goes with its mailbox, and a new one of the name has another.
        """
        client = await self.entered()
        await client.do(b"CREATE here")
        await client.do(b"APPEND here {%d+}\r\n%b" % (len(TEXT), TEXT))
        url = await self.made(client, b"anonymous", URL.replace(b"INBOX", b"here"))
        self.assertIn(TEXT, await client.do(b"URLFETCH " + url))
        await client.do(b"DELETE here")
        self.assertIn(b" NIL\r\n", await client.do(b"URLFETCH " + url))
        await client.do(b"CREATE here")
        await client.do(b"APPEND here {%d+}\r\n%b" % (len(TEXT), TEXT))
        self.assertIn(b" NIL\r\n", await client.do(b"URLFETCH " + url))

    async def test_large(self) -> None:
        """
        Streamed, and not marked as seen.
        """
        text = TEXT + b"0123456789" * 50_000
        await self.fill(text)
        client = await self.entered()
        url = await self.made(client, b"anonymous")
        said = await client.do(b"URLFETCH " + url)
        self.assertEqual(said, b'* URLFETCH "%b" {%d}\r\n%b\r\nt3 OK URLFETCH completed\r\n' % (url, len(text), text))
        self.assertEqual((await self.inbox.status()).unseen, 1)

    async def test_idleIsTold(self) -> None:
        """
        RFC 4467 7: others that have the mailbox selected hear that it has a new key.
        """
        factory = self.factory()
        self.patch(self, "factory", lambda clock: factory)
        idle, other = await self.selected(), await self.entered()
        idle.send(b"i IDLE\r\n")
        await idle.until(b"+ idling\r\n")
        await other.do(b"RESETKEY INBOX")
        await idle.until(b"* OK [URLMECH INTERNAL]")

    async def test_keysAreSecret(self) -> None:
        client = await self.entered()
        await self.made(client, b"anonymous")
        mailbox: IMailbox = self.inbox
        key = await mailbox.urlKey()
        self.assertEqual(len(key), 32)
        self.assertNotIn(key.hex(), repr(mailbox))
