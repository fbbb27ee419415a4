# -*- test-case-name: tests.unit.delivery.test_remote -*-
"""
Delivery to other servers: one attempt, over as many hosts as it is worth.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from osxmail.delivery.connections import Connections
from osxmail.delivery.faults import localFault
from osxmail.delivery.nexthops import Candidate, Hop, HopFinder
from osxmail.delivery.smtpclient import MAX_RECIPIENTS, HostFailed, SMTPClient, Terms, Timeouts
from osxmail.errors import ParseError
from osxmail.interfaces import IDeliveryAgent, IMessage, IResolver, ISettings
from osxmail.mail.acceptance import QueueLease
from osxmail.mail.decision import Action, DeliveryStatus, Step
from osxmail.mail.smtpreply import Reply
from osxmail.net.addresses import isOwnAddress
from osxmail.net.tls import ClientTLS

#: One attempt takes no longer than this, whatever the hosts do.
ATTEMPT_SECONDS = 1800.0
#: Hosts that got as far as a transaction, in one attempt: what two of them defer the third will defer too.
MAX_SESSIONS = 2

_REUSED = (Step("relay.reused", "a connection to this destination was open"),)
_CONFUSED = Reply(451, "4.3.5", ("The next host that is configured cannot be understood",))
_LATE = Reply(451, "4.4.2", ("The attempt took too long",))


@frozen
class _Target:
    """
    Where the recipients of a lease are to be sent, before any name server is asked.

    @ivar key: what connections are shared by.
    """

    hop: Hop
    port: int
    usesMX: bool
    isConfigured: bool
    tlsPolicy: str
    login: str
    password: str
    key: Hashable

    def __repr__(self) -> str:
        return f"<_Target {self.hop} {self.tlsPolicy}>"


@implementer(IDeliveryAgent)
class RemoteDelivery:
    """
    Delivers to other servers.
    """

    log = Logger(namespace="osxmail.delivery")

    def __init__(
        self,
        hostname: str,
        resolver: IResolver,
        settings: ISettings,
        tls: ClientTLS | None = None,
        ownNames: Sequence[str] = (),
        ownListeners: Callable[[], Iterable[tuple[str, int]]] = tuple,
        reactor: Any = None,
        timeouts: Timeouts | None = None,
        shuffle: Callable[[list[tuple[int, str]]], None] = random.shuffle,
    ) -> None:
        """
        @param hostname: what we say in EHLO.
        @param ownNames: further names of ours: mail for a host of these never leaves.
        @param ownListeners: pairs (address, port) at which we listen for SMTP, C{""} for every address.
        """
        if reactor is None:
            from twisted.internet import reactor
        self._hostname = hostname
        self._finder = HopFinder(resolver, (hostname, *ownNames), ownListeners, shuffle)
        self._settings = settings
        self._tls = tls or ClientTLS()
        self._clock = reactor
        self._timeouts = timeouts or Timeouts()
        self._connections = Connections(reactor)

    def deliver(self, lease: QueueLease, message: IMessage) -> Deferred[tuple[DeliveryStatus, ...]]:
        """
        See L{IDeliveryAgent.deliver}.
        """
        return Deferred.fromCoroutine(self._deliver(lease, message))

    def open(self) -> None:
        """
        Make connections, from now on or again.
        """
        self._connections.open()

    def close(self) -> None:
        """
        Make no more connections; what is under way goes on.
        """
        self._connections.close()

    def abort(self) -> None:
        """
        End what is under way: its recipients are deferred.
        """
        self._connections.abort("This server is stopping")

    # ------------------------------------------------------------------------------------------------ inside

    async def _deliver(self, lease: QueueLease, message: IMessage) -> tuple[DeliveryStatus, ...]:
        attempt = _Attempt(lease, message)
        try:
            await self._try(attempt)
        except Exception:  # noqa: BLE001 -- the contract: this never fails
            decision = localFault(self.log, "relay", queueId=lease.queueId, destination=lease.destination)
            attempt.failed(decision.reply)
            attempt.steps += decision.steps
        return attempt.statuses()

    async def _try(self, attempt: _Attempt) -> None:
        lease = attempt.lease
        try:
            target = self._target(lease)
        except ParseError as error:
            attempt.steps = (Step("relay.nexthop", f"{lease.destination}: {error}"),)
            attempt.failed(_CONFUSED)
            return
        giveUpAt = self._clock.seconds() + ATTEMPT_SECONDS
        sessions = 0
        tried = ""
        while (client := self._connections.borrow(target.key, giveUpAt)) is not None:
            attempt.steps = _REUSED
            await attempt.transact(client)
            self._connections.giveBack(target.key, client)
            if not client.isStale:
                sessions += 1
                tried = client.terms.remoteHost
                break
        if not attempt.isOpen:
            return
        found = await self._finder.find(target.hop, target.port, target.usesMX, target.isConfigured)
        attempt.steps = (*attempt.steps, *found.steps)
        if found.refusal is not None:
            attempt.failed(found.refusal, isFinal=found.action is Action.REFUSE)
            return
        for candidate in found.candidates:
            if self._clock.seconds() >= giveUpAt:
                attempt.failed(_LATE)
                break
            if candidate.remoteHost == tried:
                continue
            client = await self._open(attempt, candidate, target, giveUpAt)
            if client is None:
                continue
            sessions += 1
            await attempt.transact(client)
            self._connections.giveBack(target.key, client)
            if not attempt.isOpen or sessions >= MAX_SESSIONS:
                break

    def _target(self, lease: QueueLease) -> _Target:
        settings = self._settings
        port = settings.number("relay.port")
        nextHop = lease.recipients[0].nextHop if lease.recipients else ""
        if nextHop:
            # The directory names the host that keeps the mailbox: its MX records lead here.
            return _Target(Hop.parse(nextHop), port, False, True, "opportunistic", "", "", (nextHop, port))
        smarthost = settings.text("relay.smarthost")
        if smarthost:
            login = settings.text("relay.smarthost_login")
            password = settings.text("relay.smarthost_password") if login else ""
            policy = settings.text("relay.smarthost_tls")
            key = (smarthost, port, login, policy)
            return _Target(Hop.parse(smarthost), port, True, True, policy, login, password, key)

        return _Target(
            Hop.parse(lease.destination), port, True, False, "opportunistic", "", "", (lease.destination, port)
        )

    async def _open(
        self, attempt: _Attempt, candidate: Candidate, target: _Target, giveUpAt: float
    ) -> SMTPClient | None:
        isLoopback = isOwnAddress(candidate.address)
        verifies = target.tlsPolicy == "verified"
        needsTLS = verifies or target.tlsPolicy == "required" or (bool(target.login) and not isLoopback)
        creator = self._tls.verified(candidate.host) if verifies else self._tls.opportunistic(candidate.host)
        for tls in (creator, None):
            terms = Terms(
                hello=self._hostname,
                remoteHost=candidate.remoteHost,
                tls=tls,
                needsTLS=needsTLS,
                isLoopback=isLoopback,
                login=target.login,
                password=target.password,
                timeouts=self._timeouts,
            )
            try:
                return await self._connections.connect(candidate, terms, giveUpAt)
            except HostFailed as failure:
                attempt.hostFailed(candidate, failure)
                if not failure.isTLS or needsTLS:
                    return None
                # RFC 7435 3: encryption that does not work must not stop mail that would go in clear text.
        return None


class _Attempt:
    """
    What is known about each recipient of a lease, as hosts are tried.
    """

    def __init__(self, lease: QueueLease, message: IMessage) -> None:
        self.lease = lease
        self.message = message
        self.steps: tuple[Step, ...] = ()
        self._recipients = lease.envelope.recipients
        self._found: list[tuple[Action, Reply, str, str] | None] = [None] * len(self._recipients)
        self._open = list(range(len(self._recipients)))

    @property
    def isOpen(self) -> bool:
        """
        Another host may do better for somebody.
        """
        return bool(self._open)

    def failed(self, reply: Reply, isFinal: bool = False, remoteHost: str = "") -> None:
        """
        It went no further for those who are open.
        """
        for index in self._open:
            self._found[index] = (Action.REFUSE if isFinal else Action.DEFER, reply, remoteHost, "")

    def hostFailed(self, candidate: Candidate, failure: HostFailed) -> None:
        """
        A host did not get as far as a transaction.
        """
        step = Step("relay.host", f"{candidate.remoteHost}: {failure.reply}")
        self.steps = (*self.steps, step)
        self.failed(failure.reply, failure.isFinal, candidate.remoteHost)

    async def transact(self, client: SMTPClient) -> None:
        """
        Send to everybody who is open, in as many transactions as that takes.
        """
        todo = self._open
        later: list[int] = []
        while todo:
            part, todo = todo[:MAX_RECIPIENTS], todo[MAX_RECIPIENTS:]
            replies = await client.send(self.lease.envelope, [self._recipients[index] for index in part], self.message)
            self._note(client, part, replies)
            overflow = [index for index, reply in zip(part, replies, strict=True) if _tooMany(reply)]
            if client.isUncertain:
                # It may have arrived: somebody who is asked again might get it twice.
                later = []
                self._open = []
                break
            if not client.isUsable:
                later += [index for index in part if self._isDeferred(index)] + todo
                break
            if overflow and any(reply.isPositive for reply in replies):
                # RFC 5321 4.5.3.1.10: who was too many for this transaction goes into the next.
                todo = overflow + todo
                part = [index for index in part if index not in overflow]
            later += [index for index in part if self._isDeferred(index)]
        self._open = later

    def _isDeferred(self, index: int) -> bool:
        found = self._found[index]
        return found is None or found[0] is Action.DEFER

    def _note(self, client: SMTPClient, part: Sequence[int], replies: Sequence[Reply]) -> None:
        remoteHost, tls = client.terms.remoteHost, client.tls
        for index, reply in zip(part, replies, strict=True):
            if reply.isPositive:
                action = Action.ACCEPT
            elif reply.isPermanent and not _tooMany(reply):
                action = Action.REFUSE
            else:
                action = Action.DEFER
            self._found[index] = (action, reply, remoteHost, tls)

    def statuses(self) -> tuple[DeliveryStatus, ...]:
        """
        A status for each recipient, in order.
        """
        statuses = []
        for recipient, found in zip(self._recipients, self._found, strict=True):
            action, reply, remoteHost, tls = found or (Action.DEFER, _LATE, "", "")
            statuses.append(DeliveryStatus(recipient.address, action, reply, remoteHost, tls, self.steps))
        return tuple(statuses)


def _tooMany(reply: Reply) -> bool:
    # RFC 5321 4.5.3.1.10: 552 was once said for too many recipients, and means 452 then.
    return reply.code == 452 or (reply.code == 552 and reply.enhanced == "5.5.3")
