# -*- test-case-name: tests.unit.delivery.test_smtpclient -*-
"""
A connection to the next mail server, from its greeting to QUIT (RFC 5321).

The conversation is a coroutine; the commands of a transaction go out in one write where the server has PIPELINING
(RFC 2920), and so does a small message.  Nothing here raises for what a server does: a transaction that breaks
has a reply of ours for each recipient, and says whether the message may have arrived all the same.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IReactorTime

from osxmail.delivery.commands import (
    Content,
    Extensions,
    mailCommand,
    obstacle,
    parseExtensions,
    rcptCommand,
)
from osxmail.delivery.replyconnection import ReplyConnection
from osxmail.delivery.replyreader import ReplyReader
from osxmail.errors import MailError
from osxmail.interfaces import IMessage
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.mail.smtpdata import LINE_START, dotStuff, endOfData
from osxmail.mail.smtpreply import Reply
from osxmail.net.tls import describeTLS

MAX_RECIPIENTS = 100  # RFC 5321 4.5.3.1.8: every server takes so many in one transaction
CHUNK_OCTETS = 65536  # of a message that is read and sent in one go


@frozen
class Timeouts:
    """
    How long each step may take, in seconds (RFC 5321 4.5.3.2).
    """

    greeting: float = 300.0
    hello: float = 300.0
    tls: float = 60.0
    login: float = 120.0
    mail: float = 300.0
    recipient: float = 300.0
    dataStart: float = 120.0
    dataBlock: float = 180.0
    dataEnd: float = 600.0
    quit: float = 5.0


@frozen
class Terms:
    """
    On which terms to speak with a host.

    @ivar hello: our host name.
    @ivar remoteHost: the peer, for statuses: C{"mx1.example.net [192.0.2.1]:25"}.
    @ivar tls: makes TLS connections; C{None} is clear text only.
    @ivar needsTLS: rather fail than send in clear text.
    @ivar isLoopback: the peer is this machine: a password may pass without TLS.
    """

    hello: str
    remoteHost: str
    tls: IOpenSSLClientConnectionCreator | None = None
    needsTLS: bool = False
    isLoopback: bool = False
    login: str = ""
    password: str = field(default="", repr=False)
    timeouts: Timeouts = Timeouts()


class HostFailed(Exception):
    """
    The host did not get as far as a transaction.

    @ivar reply: its reply, or one of ours.
    @ivar isFinal: it has refused us for good.
    @ivar isTLS: it was TLS that failed; clear text may do better.
    """

    def __init__(self, reply: Reply, isFinal: bool = False, isTLS: bool = False) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.isFinal = isFinal
        self.isTLS = isTLS


class SMTPClient(ReplyConnection):
    """
    One connection.  One transaction at a time: L{open} first, then L{send} as often as C{isUsable} says.

    @ivar isUncertain: the last transaction broke after the end of its message was sent: it may have arrived.
    @ivar isStale: the last transaction did not begin: the server had closed the connection already.
    @ivar transactions: how many were begun.
    @ivar tls: version and cipher, or C{""}.
    """

    def __init__(self, terms: Terms, clock: IReactorTime) -> None:
        super().__init__(clock)
        self.terms = terms
        self.extensions: Extensions = {}
        self.isUncertain = False
        self.isStale = False
        self.transactions = 0
        self.tls = ""
        self._needsReset = False

    # ----------------------------------------------------------------------------------------- conversation

    async def open(self) -> None:
        """
        Greeting, EHLO or HELO, STARTTLS where it is offered, AUTH where we have a login.

        @raise HostFailed: no transaction is possible; the connection is closed.
        """
        try:
            terms = self.terms
            greeting = await self._reply(terms.timeouts.greeting)
            if greeting.code != 220:
                raise HostFailed(greeting)
            await self._hello()
            await self._startTLS()
            if terms.login:
                await self._login()
        except HostFailed:
            self.quit()
            raise
        self.isUsable = self._ended is None

    def quit(self) -> None:
        """
        Let go, politely (RFC 5321 4.1.1.10).
        """
        self.close(b"QUIT\r\n", self.terms.timeouts.quit)

    async def _hello(self) -> None:
        terms = self.terms
        reply = await self._ask(f"EHLO {terms.hello}", terms.timeouts.hello)
        if reply.code == 250:
            self.extensions = parseExtensions(reply)
            return
        if reply.isPermanent and not self.tls:
            # RFC 5321 3.2: a server that does not know EHLO.
            reply = await self._ask(f"HELO {terms.hello}", terms.timeouts.hello)
            if reply.code == 250:
                self.extensions = {}
                return
        raise HostFailed(reply, isFinal=reply.isPermanent)

    async def _startTLS(self) -> None:
        terms = self.terms
        if terms.tls is not None and "STARTTLS" in self.extensions:
            reply = await self._ask("STARTTLS", terms.timeouts.hello)
            if reply.code == 220:
                await self._shakeHands(terms.tls)
                # RFC 3207 4.2: what was said before TLS is forgotten.
                await self._hello()
                return
            if self._ended is not None:
                raise HostFailed(reply)
        if terms.needsTLS:
            raise HostFailed(Reply(451, "4.7.10", ("TLS is required, and the host does not offer it",)))

    async def _shakeHands(self, creator: IOpenSSLClientConnectionCreator) -> None:
        if self._replies or self._reader.isAmidReply:
            # Octets that came in clear text must not be read as if they had come by TLS.
            self._end(Reply(451, "4.7.5", ("The host said more after it had agreed to TLS",)))
            raise HostFailed(self._endReply(), isTLS=True)
        self._waiting = Deferred()
        self._arm(self.terms.timeouts.tls)
        waiting = self._waiting
        self.transport.startTLS(creator)
        await waiting
        self._deadline = None
        if self._ended is not None:
            raise HostFailed(Reply(451, "4.7.5", (f"TLS failed: {self._ended.text}",)), isTLS=True)
        self.tls = describeTLS(self.transport)
        self._reader = ReplyReader()
        self.extensions = {}

    async def _login(self) -> None:
        terms = self.terms
        seconds = terms.timeouts.login
        if not self.tls and not terms.isLoopback:
            raise HostFailed(Reply(451, "4.7.11", ("No TLS: the password is not sent in clear text",)))
        mechanisms = self.extensions.get("AUTH", "").upper().split()
        if "PLAIN" in mechanisms:
            # RFC 4616 2: no authorisation identity, login, password.
            reply = await self._ask("AUTH PLAIN " + _base64(f"\0{terms.login}\0{terms.password}"), seconds)
        elif "LOGIN" in mechanisms:
            reply = await self._ask("AUTH LOGIN", seconds)
            for answer in (terms.login, terms.password):
                if reply.code == 334:
                    reply = await self._ask(_base64(answer), seconds)
        else:
            raise HostFailed(Reply(451, "4.7.4", ("The host offers no way to log in that we know",)))
        if reply.code != 235:
            # An administrator can mend this: mail waits rather than going back.
            raise HostFailed(Reply(451, "4.7.8", (f"The login was refused: {reply}",)))

    # ----------------------------------------------------------------------------------------- transactions

    async def send(self, envelope: Envelope, recipients: Sequence[Recipient], message: IMessage) -> list[Reply]:
        """
        One message to some of its recipients, L{MAX_RECIPIENTS} at most.

        @return: a reply for each, in order: 2xx is delivered, 4xx not now, 5xx never.
        """
        self.isUncertain = self.isStale = False
        self.transactions += 1
        try:
            content = await _contentOf(message, envelope, self.extensions)
        except MailError as error:
            return [_unreadable(error)] * len(recipients)
        stop = obstacle(envelope, content, self.extensions)
        if stop is not None:
            return [stop] * len(recipients)
        results: list[Reply | None] = []
        commands: list[bytes] = []
        for recipient in recipients:
            command = rcptCommand(recipient, self.extensions)
            if isinstance(command, Reply):
                results.append(command)
            else:
                results.append(None)
                commands.append(command)
        if commands:
            first = mailCommand(envelope, content, self.extensions)
            if "PIPELINING" in self.extensions:
                verdict, replies = await self._pipelined(first, commands)
            else:
                verdict, replies = await self._inTurn(first, commands)
            outcome = await self._conclude(verdict, replies, message)
            said = iter(outcome)
            results = [next(said) if result is None else result for result in results]
            if self._replies or self._reader.isAmidReply:
                # It is out of step: what it says next would be taken for the answer to something else.
                self.isUsable = False
        return [result for result in results if result is not None]

    async def _pipelined(self, mail: bytes, rcpts: list[bytes]) -> tuple[Reply, list[Reply]]:
        # RFC 2920 3.1: RSET, MAIL and RCPT in one group, DATA as the last of it.
        commands = [mail, *rcpts, b"DATA\r\n"]
        skipped = 0
        if self._needsReset:
            commands.insert(0, b"RSET\r\n")
            skipped = 1
        self._needsReset = True
        self.transport.write(b"".join(commands))
        timeouts = self.terms.timeouts
        replies = (await self._collect(len(commands), timeouts.mail))[skipped:]
        end = self._ended
        if end is not None:
            replies += [_brokenBy(replies, end)] * (len(rcpts) + 2 - len(replies))
        first, verdict, said = replies[0], replies[-1], replies[1:-1]
        self.isStale = end is not None and first is end
        if not first.isPositive:
            said = [first] * len(rcpts)
        return verdict, said

    async def _inTurn(self, mail: bytes, rcpts: list[bytes]) -> tuple[Reply, list[Reply]]:
        timeouts = self.terms.timeouts
        if self._needsReset:
            await self._ask("RSET", timeouts.mail)
        self._needsReset = True
        self.transport.write(mail)
        first = await self._reply(timeouts.mail)
        if not first.isPositive:
            self.isStale = first is self._ended
            return first, [first] * len(rcpts)
        said: list[Reply] = []
        for rcpt in rcpts:
            self.transport.write(rcpt)
            said.append(await self._reply(timeouts.recipient))
        if not any(reply.isPositive for reply in said):
            return said[-1], said
        return await self._ask("DATA", timeouts.dataStart), said

    async def _conclude(self, verdict: Reply, said: list[Reply], message: IMessage) -> list[Reply]:
        if not any(reply.isPositive for reply in said):
            if verdict.code == 354 and self._ended is None:
                # RFC 2920 3.1: it wants data although nobody is to have it: nothing, then.
                self.transport.write(b".\r\n")
                self.isUncertain = False
                await self._reply(self.terms.timeouts.dataEnd)
            return said
        if verdict.code != 354:
            final = verdict if not verdict.isPositive else _odd(verdict)
            if verdict.isPositive:
                self._end(final)
        else:
            final = await self._transmit(message)
        if final.isPositive:
            self._needsReset = False
        return [final if reply.isPositive else reply for reply in said]

    async def _transmit(self, message: IMessage) -> Reply:
        inline = message.inline
        if self._replies:
            return self._premature()
        if inline is not None:
            stuffed, state = dotStuff(inline)
            self.isUncertain = True
            self.transport.write(stuffed + endOfData(state))
        else:
            broken = await self._stream(message)
            if broken is not None:
                return broken
        reply = await self._reply(self.terms.timeouts.dataEnd)
        if self._ended is not reply or reply.code == 421:
            self.isUncertain = False
            if reply.code // 100 == 3:
                return self._end(_odd(reply))
        return reply

    async def _stream(self, message: IMessage) -> Reply | None:
        # What stops the message before its end, if anything does.
        offset, state = 0, LINE_START
        seconds = self.terms.timeouts.dataBlock
        self.transport.registerProducer(self, True)
        try:
            while offset < message.sizeOctets:
                try:
                    chunk = await message.read(offset, CHUNK_OCTETS)
                except MailError as error:
                    return self._end(_unreadable(error))
                if not chunk:
                    return self._end(_unreadable(EOFError()))
                if self._ended is not None:
                    return self._ended
                if self._replies:
                    return self._premature()
                offset += len(chunk)
                stuffed, state = dotStuff(chunk, state)
                self.transport.write(stuffed)
                if self._isCongested:
                    self._draining = Deferred()
                    self._arm(seconds)
                    await self._draining
                    self._deadline = None
        finally:
            self.transport.unregisterProducer()
        if self._ended is not None:
            return self._ended
        if self._replies:
            return self._premature()
        self.isUncertain = True
        self.transport.write(endOfData(state))
        return None

    def _premature(self) -> Reply:
        # An answer before the end of the message can be a refusal; it cannot be an acceptance.
        reply = self._replies[0]
        return self._end(reply if reply.code >= 400 else _odd(reply))


async def _contentOf(message: IMessage, envelope: Envelope, extensions: Extensions) -> Content:
    inline = message.inline
    if inline is not None:
        if inline.isascii():
            return Content(message.sizeOctets, False, False)
        return Content(message.sizeOctets, True, not inline.partition(b"\r\n\r\n")[0].isascii())
    is8bit = envelope.body == "8BITMIME"
    if is8bit and "8BITMIME" not in extensions:
        # Only now does it matter whether what was announced is true.
        is8bit = False
        for offset in range(0, message.sizeOctets, CHUNK_OCTETS):
            if not (await message.read(offset, CHUNK_OCTETS)).isascii():
                is8bit = True
                break
    headerIs8bit = False
    if envelope.smtputf8 and "SMTPUTF8" not in extensions:
        head = await message.read(0, CHUNK_OCTETS)
        headerIs8bit = not head.partition(b"\r\n\r\n")[0].isascii()
    return Content(message.sizeOctets, is8bit, headerIs8bit)


def _brokenBy(replies: list[Reply], end: Reply) -> Reply:
    for reply in replies:
        if reply.code == 421:
            return reply
    return end


def _odd(reply: Reply) -> Reply:
    return Reply(451, "4.5.0", (f"The host gave an answer that does not fit: {reply}",))


def _unreadable(error: Exception) -> Reply:
    return Reply(451, "4.3.0", (f"The message cannot be read now: {type(error).__name__}",))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")
