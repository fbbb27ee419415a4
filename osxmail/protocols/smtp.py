# -*- test-case-name: tests.unit.protocols.test_smtp -*-
"""
SMTP (RFC 5321) with PIPELINING, SIZE, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES, CHUNKING, STARTTLS and AUTH.

What a peer may do is decided by L{IReception}; this module reads commands and renders decisions.  DSN (RFC 3461) is not
offered, for reports of success are not made: its parameters are refused as unknown.  NULs in the content are let
through: RFC 5321 2.3.1 and 4.1.1.4 know no octet that a message may not have, and they do no harm in octets that are
kept as they came; a bare CR or LF does (see L{osxmail.protocols.smtpcontent}).
"""

from __future__ import annotations

from typing import ClassVar

import attrs
from twisted.cred.portal import Portal

from osxmail.interfaces import IReception
from osxmail.mail.decision import Route
from osxmail.mail.envelope import Envelope, Recipient
from osxmail.mail.smtpcommand import CommandError, MailCommand, parseBdat, parseMail, parseRcpt
from osxmail.mail.smtpreply import Reply
from osxmail.protocols.base import Gate, GateFactory
from osxmail.protocols.entrance import Entrance
from osxmail.protocols.replies import smtpReply
from osxmail.protocols.smtpcontent import Content
from osxmail.protocols.smtpsession import (
    HELLO_FIRST,
    IN_TRANSACTION,
    NO_ARGUMENT,
    SMTPSession,
    reply,
)

#: What the recipients of one transaction may lead to beyond a few each, in copies and steps: lists that are named
#: again and again, each time with another detail, are not to fill the memory.
MAX_BRANCHES = 20_000
#: Of one recipient, not counted.
FREE_BRANCHES = 10

# RFC 3461 is not offered: RET, ENVID, NOTIFY and ORCPT are unknown.
MAIL_PARAMETERS = frozenset({"SIZE", "BODY", "SMTPUTF8", "AUTH"})
RCPT_PARAMETERS: frozenset[str] = frozenset()

_GO_AHEAD = reply(354, "", "Go ahead; end with a dot on a line by itself").render()
_MAIL_FIRST = reply(503, "5.5.1", "MAIL comes first")
_IN_CONTENT = reply(503, "5.5.1", "The content has begun")
_TOO_MANY_RECIPIENTS = reply(452, "4.5.3", "Too many recipients; send them another copy")


class SMTPFactory(GateFactory):
    """
    Makes SMTP sessions.

    @ivar portal: for AUTH; C{None} lets nobody in.
    """

    def __init__(self, entrance: Entrance, reception: IReception, portal: Portal | None = None) -> None:
        super().__init__(entrance)
        self.reception = reception
        self.portal = portal

    def gate(self) -> Gate:
        return SMTP(self)


class SMTP(SMTPSession):
    """
    One session.
    """

    protocolName = "smtp"
    verbs = SMTPSession.verbs | {"MAIL", "RCPT", "DATA", "BDAT"}
    #: The answer to content for nobody.
    noRecipients: ClassVar[Reply] = reply(554, "5.5.1", "There are no recipients")
    factory: SMTPFactory

    def __init__(self, factory: SMTPFactory) -> None:
        super().__init__(factory, factory.portal)
        self._mail: MailCommand | None = None
        self._routes: dict[Recipient, Route] = {}
        # Recipients that were accepted, those that were named twice as well.
        self._answers = 0
        self._branches = 0
        self._content: Content | None = None

    @property
    def _inTransaction(self) -> bool:
        return self._mail is not None

    def _forget(self) -> None:
        content, self._content = self._content, None
        if content is not None:
            content.abort()
        self._mail = None
        self._routes = {}
        self._answers = self._branches = 0

    # ------------------------------------------------------------------------------------------- envelope

    def _mayNotSend(self) -> Reply | None:
        """
        Why this session may not begin a transaction, whatever the sender.
        """
        return None

    async def smtp_MAIL(self, argument: bytes) -> None:
        if not self._helo:
            return self._reject(HELLO_FIRST)
        if self._mail is not None:
            return self._reject(IN_TRANSACTION)
        why = self._mayNotSend()
        if why is not None:
            return self._reject(why)
        mail = parseMail(argument, MAIL_PARAMETERS)
        if self._answer(await self.factory.reception.checkSender(self._clientNow(), mail.sender, mail.sizeOctets)):
            self._mail = mail
        return None

    async def smtp_RCPT(self, argument: bytes) -> None:
        mail = self._mail
        if mail is None:
            return self._reject(_MAIL_FIRST)
        if self._content is not None:
            return self._reject(_IN_CONTENT)
        command = parseRcpt(argument, mail.smtputf8, RCPT_PARAMETERS)
        isFull = self._answers >= self.entrance.settings.number("smtp.max_recipients")
        if isFull or self._branches >= MAX_BRANCHES:
            # RFC 5321 4.5.3.1.10.  No error of the peer's: it will send these another copy.
            self.write(_TOO_MANY_RECIPIENTS.render())
            return None
        recipient = Recipient(command.completed(self.entrance.hostname), command.original, command.notify)
        decision, route = await self.factory.reception.checkRecipient(self._clientNow(), mail.sender, recipient)
        if self._answer(decision):
            self._routes[recipient] = route
            self._answers += 1
            branches = len(route.mailboxes) + len(route.remotes) + len(route.steps)
            self._branches += max(0, branches - FREE_BRANCHES)
        return None

    # -------------------------------------------------------------------------------------------- content

    def _notReady(self) -> Reply | None:
        if self._mail is None:
            return _MAIL_FIRST
        return None if self._routes else self.noRecipients

    def _newContent(self) -> Content:
        reception = self.factory.reception
        content = Content(
            self, reception.incoming(self._clientNow()), self.entrance.settings.octets("smtp.message_size_limit")
        )
        self._content = content
        return content

    async def smtp_DATA(self, argument: bytes) -> None:
        why = NO_ARGUMENT if argument else _IN_CONTENT if self._content is not None else self._notReady()
        if why is not None:
            return self._reject(why)
        content = self._newContent()
        self.write(_GO_AHEAD)
        await content.readData()
        await self._finish(content)
        return None

    async def smtp_BDAT(self, argument: bytes) -> None:
        try:
            command = parseBdat(argument)
        except CommandError:
            # How much content follows is unknown, and content must never be taken for commands.
            self._isOver = True
            raise
        content = self._content
        if content is None:
            why = self._notReady()
            try:
                content = self._newContent() if why is None else None
            except Exception as error:  # noqa: BLE001 — the chunk must be read whatever is wrong with us
                why = smtpReply(error, self.sessionId, "BDAT")
            if content is None:
                content = Content(self, None, self.entrance.settings.octets("smtp.message_size_limit"))
                content.problem = why
        await content.readChunk(command.sizeOctets, command.isLast)
        if command.isLast or content.problem is not None:
            await self._finish(content, command.isLast)
        else:
            self.write(reply(250, "2.0.0", f"{command.sizeOctets} octets").render())

    async def _finish(self, content: Content, isLast: bool = True) -> None:
        """
        The end of the content: the one durable act, its answer, and the end of the transaction.
        """
        answer = content.problem
        mail, incoming = self._mail, content.incoming
        if answer is None and mail is not None and incoming is not None:
            client = self._clientNow()
            if mail.smtputf8 and self._isExtended:
                # RFC 6531 4.3.
                client = attrs.evolve(client, protocol=self._word("UTF8" + self.extendedWord.removeprefix("E")))
            envelope = Envelope(mail.sender, tuple(self._routes), mail.body, mail.smtputf8)
            try:
                decision = await self.factory.reception.accept(client, envelope, tuple(self._routes.values()), incoming)
                answer = decision.reply
                accepted = decision.accepted
            except Exception as error:  # noqa: BLE001 — a fault of ours; LMTP owes a reply for each recipient even then
                answer = smtpReply(error, self.sessionId, "DATA")
                accepted = False
            if accepted:
                self._errors = 0
                self._messages += 1
        assert answer is not None
        self._errors += answer.isPermanent
        self.write(self._contentReply(answer, isLast))
        self._forget()
        if content.isEndless:
            self._isOver = True

    def _contentReply(self, answer: Reply, isLast: bool) -> bytes:
        """
        @param isLast: the content is complete; else it was refused before its end.
        """
        return answer.render()
