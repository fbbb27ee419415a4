# -*- test-case-name: tests.unit.delivery.test_copies -*-
"""
From routes to copies: what a message turns into, each mailbox and each remote address once.
"""

from __future__ import annotations

from attrs import define, field

from osxmail.delivery.quotas import quotaOf
from osxmail.delivery.traceheaders import deliveredToField, returnPath
from osxmail.interfaces import ISettings
from osxmail.mail.acceptance import Append, QueueRecipient
from osxmail.mail.address import Address
from osxmail.mail.decision import MailboxTarget, RemoteTarget, Route, Step
from osxmail.mail.envelope import Recipient


def originalOf(recipient: Recipient, address: Address) -> str:
    """
    ORCPT for a copy that goes on to C{address}: what the sender said, or the address as it was before it changed
    (RFC 3461 4.2).
    """
    if recipient.original or recipient.address == address:
        return recipient.original
    return f"rfc822;{recipient.address}" if recipient.address.isASCII else f"utf-8;{recipient.address}"


def mailboxCopy(
    settings: ISettings, target: MailboxTarget, sender: Address | None, recipient: Recipient, prefix: bytes
) -> Append:
    """
    The copy for one mailbox.  If it finds no room, its queue row leads to this mailbox alone.

    @param prefix: what stands after Return-Path and Delivered-To.
    """
    return Append(
        target.accountId,
        target.address,
        target.mailbox,
        returnPath(sender) + deliveredToField(target.deliveredTo) + prefix,
        target.deliveredTo,
        quotaOctets=quotaOf(settings, target),
        original=originalOf(recipient, target.deliveredTo),
        notify=recipient.notify,
        quotaMessages=settings.number("account.quota_messages"),
    )


def queueRow(remote: RemoteTarget, recipient: Recipient) -> QueueRecipient:
    """
    The queue's row for a copy that goes to another server.
    """
    return QueueRecipient(
        remote.address, remote.nextHop, False, originalOf(recipient, remote.address), recipient.notify
    )


@define
class Copies:
    """
    The copies of one message, as they are found.

    @ivar appends: by account and mailbox.
    @ivar queued: by address and next hop.
    @ivar skipped: who has had it before.
    """

    settings: ISettings
    sender: Address | None
    prefix: bytes
    before: frozenset[str] = frozenset()
    appends: dict[tuple[str, str], Append] = field(factory=dict)
    queued: dict[tuple[Address, str], QueueRecipient] = field(factory=dict)
    skipped: list[Step] = field(factory=list)
    _forwarders: set[Address] = field(factory=set)
    _isDirect: bool = False

    def __len__(self) -> int:
        return len(self.appends) + len(self.queued)

    def add(self, recipient: Recipient, route: Route) -> None:
        """
        Add where a recipient leads, less what C{before} has (addresses of Delivered-To fields, in lower case).
        """
        if route.refusal is not None:
            raise ValueError(f"{recipient.address} was not accepted")
        before = self.before
        for target in route.mailboxes:
            key = (target.accountId, target.mailbox)
            if before and str(target.deliveredTo).lower() in before:
                self.skipped.append(_loop(target.deliveredTo))
            elif key not in self.appends:
                self.appends[key] = mailboxCopy(self.settings, target, self.sender, recipient, self.prefix)
        if not route.remotes:
            return
        if not route.isLocal:
            self._isDirect = True
        elif before and str(route.address).lower() in before:
            self.skipped.append(_loop(route.address))
            return
        else:
            self._forwarders.add(route.address)
        for remote in route.remotes:
            self.queued.setdefault((remote.address, remote.nextHop), queueRow(remote, recipient))

    @property
    def queuePrefix(self) -> bytes:
        """
        What stands before the octets that go on: with a Delivered-To field for the one who forwards.
        """
        if len(self._forwarders) == 1 and not self._isDirect:
            # One forwarder only: a second one's name would tell each of the other.  Then the hops are the limit.
            return deliveredToField(next(iter(self._forwarders))) + self.prefix
        return self.prefix


def _loop(address: Address) -> Step:
    return Step("loop.delivered", f"Delivered-To says that {address} has had it", (("address", str(address)),))
