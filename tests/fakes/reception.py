"""
A reception for tests of the protocols: C{anna} and C{ben} at C{example.test} are here, C{all} leads to 1,000
mailboxes, C{full@example.test} is not now, who has logged in may send anywhere.  What it accepts is in C{accepted}.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from osxmail.errors import StoreFull, TooLarge
from osxmail.interfaces import IIncoming, IReception, ISettings
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, Decision, MailboxTarget, RemoteTarget, Route, Step
from osxmail.mail.envelope import Client, Envelope, Recipient
from osxmail.mail.smtpreply import Reply
from tests.fakes.settings import FakeSettings


@implementer(IIncoming)
class FakeIncoming:
    """
    Octets in memory.

    @ivar slow: C{write} answers with these Deferreds, one after the other.
    """

    def __init__(self, limitOctets: int) -> None:
        self.sizeOctets = 0
        self.pieces: list[bytes] = []
        self.isAborted = False
        self.error: Exception | None = None
        self.slow: list[Deferred[None]] = []
        self._limit = limitOctets

    def write(self, data: bytes) -> Deferred[None] | None:
        if self.error is not None:
            raise self.error
        if self.sizeOctets + len(data) > self._limit:
            self.abort()
            raise TooLarge
        self.sizeOctets += len(data)
        self.pieces.append(data)
        return self.slow.pop(0) if self.slow else None

    def header(self) -> bytes:
        head, blank, _body = b"".join(self.pieces).partition(b"\r\n\r\n")
        return head + blank

    def abort(self) -> None:
        self.isAborted = True
        self.pieces = []


@frozen
class Taken:
    client: Client
    envelope: Envelope
    routes: tuple[Route, ...]
    content: bytes


def decide(action: Action, rule: str, code: int, enhanced: str, text: str) -> Decision:
    return Decision(action, Step(rule, text), Reply(code, enhanced, (text,)))


@implementer(IReception)
class FakeReception:
    """
    @ivar accepted: what was taken, the oldest first.
    @ivar incomings: every place for a message that was asked for.
    @ivar waiting: a Deferred that the next C{accept} waits for.
    @ivar isFull: the store is.
    """

    def __init__(self, settings: ISettings | None = None) -> None:
        self.settings = settings or FakeSettings()
        self.accepted: list[Taken] = []
        self.incomings: list[FakeIncoming] = []
        self.waiting: Deferred[None] | None = None
        self.isFull = False
        self.broken: Exception | None = None

    def checkSender(self, client: Client, sender: Address | None, sizeOctets: int) -> Deferred[Decision]:
        if self.broken is not None:
            raise self.broken
        if sizeOctets > self.settings.octets("smtp.message_size_limit"):
            return succeed(decide(Action.REFUSE, "size", 552, "5.3.4", "The message is too large"))
        if sender is not None and sender.local == "later":
            return succeed(decide(Action.DEFER, "filter", 451, "4.7.1", "Come back later"))
        return succeed(decide(Action.ACCEPT, "sender", 250, "2.1.0", "Sender OK"))

    def checkRecipient(
        self, client: Client, sender: Address | None, recipient: Recipient
    ) -> Deferred[tuple[Decision, Route]]:
        address = recipient.address
        if address.domain != "example.test":
            if client.login is None and client.service != "lmtp":
                refusal = decide(Action.REFUSE, "relay", 554, "5.7.1", "Relaying is not allowed")
                return succeed((refusal, Route(address, refusal=refusal)))
            decision = decide(Action.ACCEPT, "relay", 250, "2.1.5", "Recipient OK")
            return succeed((decision, Route(address, remotes=(RemoteTarget(address),))))
        if address.local.lower() == "full":
            decision = decide(Action.DEFER, "directory", 451, "4.3.0", "Try again later")
            return succeed((decision, Route(address, isLocal=True, refusal=decision)))
        local = address.withoutDetail().local.lower().rstrip("0123456789")
        if local not in ("anna", "ben", "all", "postmaster", "jürgen"):
            decision = decide(Action.REFUSE, "route", 550, "5.1.1", "No such address")
            return succeed((decision, Route(address, isLocal=True, refusal=decision)))
        decision = decide(Action.ACCEPT, "route", 250, "2.1.5", "Recipient OK")
        if address.withoutDetail().local == "all":
            everybody = tuple(MailboxTarget(f"id-{n}", Address(f"u{n}", address.domain), address) for n in range(1000))
            return succeed((decision, Route(address, everybody, (), True)))
        return succeed((decision, Route(address, (MailboxTarget(f"id-{address.local}", address, address),), (), True)))

    def incoming(self, client: Client) -> FakeIncoming:
        incoming = FakeIncoming(self.settings.octets("smtp.message_size_limit"))
        if self.isFull:
            incoming.error = StoreFull("/var")
        self.incomings.append(incoming)
        return incoming

    def accept(
        self, client: Client, envelope: Envelope, routes: Sequence[Route], incoming: IIncoming
    ) -> Deferred[Decision]:
        return Deferred.fromCoroutine(self._accept(client, envelope, tuple(routes), incoming))

    async def _accept(
        self, client: Client, envelope: Envelope, routes: tuple[Route, ...], incoming: IIncoming
    ) -> Decision:
        if self.waiting is not None:
            await self.waiting
        assert isinstance(incoming, FakeIncoming) and not incoming.isAborted
        content = b"".join(incoming.pieces)
        if b"X-Virus: yes" in content:
            return decide(Action.REFUSE, "filter", 554, "5.7.1", "We do not want that")
        self.accepted.append(Taken(client, envelope, routes, content))
        return decide(Action.ACCEPT, "reception", 250, "2.0.0", f"Accepted as Q{len(self.accepted)}")
