# -*- test-case-name: tests.unit.mail.test_decision -*-
"""
Decisions as values: what was decided, by which rule, on what evidence, and what the peer is told.

The SMTP reply, the trace, the log line, the console and C{osxmail explain} all render these same values.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen

from osxmail.mail.address import Address
from osxmail.mail.smtpreply import Reply


class Action(Enum):
    """
    What a decision says.
    """

    ACCEPT = "accept"
    REFUSE = "refuse"
    DEFER = "defer"


@frozen
class Step:
    """
    One rule that was looked at.

    @ivar rule: its name, C{room.rule}: C{"relay.authenticated"}, C{"route.alias"}, C{"directory.ldap"}.
    @ivar text: what it found, in plain words, for people.
    @ivar evidence: what it went by, as pairs: C{("dn", "uid=u,…")}, C{("setting", "smtp.block_inbound")}.
    """

    rule: str
    text: str
    evidence: tuple[tuple[str, str], ...] = ()


@frozen
class Decision:
    """
    An answer with its reasons.

    @ivar action: accept, refuse (for good) or defer (not now).
    @ivar step: the rule that decided.
    @ivar reply: what an SMTP peer is told.
    @ivar steps: everything that was looked at before, in order, the deciding step last.
    """

    action: Action
    step: Step
    reply: Reply
    steps: tuple[Step, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.action is Action.ACCEPT


@frozen
class MailboxTarget:
    """
    A copy for a mailbox of this server.

    @ivar accountId: whose (the directory record's identifier).
    @ivar address: the account's primary address.
    @ivar deliveredTo: the address as it was before the account was found: goes into Delivered-To.
    @ivar mailbox: the mailbox's name, C{"INBOX"} unless C{+detail} named an existing one.
    @ivar quotaOctets: the quota the directory states: C{None} says nothing, 0 is unlimited.
    """

    accountId: str
    address: Address
    deliveredTo: Address
    mailbox: str = "INBOX"
    quotaOctets: int | None = None


@frozen
class RemoteTarget:
    """
    A copy for somebody at another server.

    @ivar address: the recipient there.
    @ivar nextHop: a host to use in place of the domain's MX (a directory's mail server name), or C{""}.
    """

    address: Address
    nextHop: str = ""


@frozen
class Route:
    """
    Where an address leads.

    @ivar address: the address that was asked for.
    @ivar mailboxes: local copies, each account once.
    @ivar remotes: copies for others, each address once.
    @ivar isLocal: the address's domain is one of ours.
    @ivar steps: how we got there, in order.
    @ivar refusal: why it leads nowhere (unknown, switched off, a loop), or "not now"; C{None} if it leads somewhere.
    """

    address: Address
    mailboxes: tuple[MailboxTarget, ...] = ()
    remotes: tuple[RemoteTarget, ...] = ()
    isLocal: bool = False
    steps: tuple[Step, ...] = ()
    refusal: Decision | None = None


@frozen
class DeliveryStatus:
    """
    How an attempt went for one recipient.

    @ivar address: the recipient.
    @ivar action: ACCEPT is delivered, DEFER is to be tried again, REFUSE is a permanent failure.
    @ivar reply: the peer's reply, or one of ours for what happened before there was any.
    @ivar remoteHost: the host that gave it, C{"mx1.example.net [192.0.2.1]:25"}, or C{""}.
    @ivar tls: the TLS version and cipher used, or C{""}.
    @ivar steps: what was tried before (MX lookups, hosts that did not answer), in order.
    @ivar isReported: the queue knows already: the agent has committed the delivery and the queue's report of the
        whole lease in one transaction (C{IQueue.bounce}), so that the lease has ended and nothing is left to
        report.  All statuses of one attempt agree in this.
    """

    address: Address
    action: Action
    reply: Reply
    remoteHost: str = ""
    tls: str = ""
    steps: tuple[Step, ...] = field(default=())
    isReported: bool = False
