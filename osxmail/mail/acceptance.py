# -*- test-case-name: tests.unit.mail.test_acceptance -*-
"""
The values that go in and out of the store: one durable act and its result, queue items, statuses, changes.
"""

from __future__ import annotations

from attrs import field, frozen

from osxmail.mail.address import Address
from osxmail.mail.envelope import Envelope
from osxmail.mail.rights import AccessEntry
from osxmail.mail.smtpreply import Reply


@frozen
class Append:
    """
    A copy for one mailbox.

    @ivar accountId: whose.
    @ivar address: the account's primary address; names the account if the store has none of this id yet.
    @ivar mailbox: its name; INBOX where there is none of that name.
    @ivar prefix: header fields that stand before the stored octets (Return-Path, Delivered-To, Received …),
        each ended by CRLF.
    @ivar flags: system flags and keywords, C{"\\\\Seen"}, C{"$Junk"}.
    @ivar quotaOctets: the quota that counts now, unless an administrator has set another: 0 is unlimited.
    @ivar quotaMessages: the same, in messages.
    @ivar recipient: what is queued (local) when there is no room: the address that leads to this mailbox, not an
        alias of several, so that trying it again reaches nobody twice.
    @ivar original: that queue row's ORCPT, or C{""}.
    @ivar notify: that queue row's NOTIFY.
    """

    accountId: str
    address: Address
    mailbox: str
    prefix: bytes
    recipient: Address
    flags: tuple[str, ...] = ()
    quotaOctets: int = 0
    original: str = ""
    notify: frozenset[str] = frozenset()
    quotaMessages: int = 0


@frozen
class QueueRecipient:
    """
    A recipient in the queue.

    @ivar address: where to.
    @ivar nextHop: as in L{osxmail.mail.decision.RemoteTarget}.
    @ivar local: to be delivered into a mailbox of ours (it could not be at first), not over the net.
    @ivar original: ORCPT, or C{""}.
    @ivar notify: NOTIFY.
    """

    address: Address
    nextHop: str = ""
    local: bool = False
    original: str = ""
    notify: frozenset[str] = frozenset()

    @property
    def destination(self) -> str:
        """
        What deliveries are grouped, limited and counted by: C{"local"}, the next hop, or the domain.
        """
        return "local" if self.local else (self.nextHop or self.address.domain)


@frozen
class TraceEvent:
    """
    One line of a message's life.

    @ivar time: seconds since the epoch.
    @ivar event: past tense: C{"message.accepted"}.
    @ivar queueId: the message's queue ID.
    @ivar messageId: its Message-ID field without brackets, or C{""}.
    @ivar addresses: the addresses that it can be found by.
    @ivar fields: everything else, JSON values only.
    """

    time: float
    event: str
    queueId: str
    messageId: str = ""
    addresses: tuple[str, ...] = ()
    fields: dict[str, object] = field(factory=dict)


@frozen
class Acceptance:
    """
    What the end of DATA commits, in one transaction.

    @ivar queueId: the identifier that the peer is told.
    @ivar envelope: as it came.
    @ivar received: seconds since the epoch; the internal date of the copies.
    @ivar appends: the local copies.
    @ivar queued: the recipients that go into the queue.
    @ivar queuePrefix: header fields that stand before the octets for those.
    @ivar trace: what is remembered about this act.
    @ivar heldSeconds: the queue item is not due before so long.
    @ivar isHeld: the queue item is held until released.
    """

    queueId: str
    envelope: Envelope
    received: float
    appends: tuple[Append, ...] = ()
    queued: tuple[QueueRecipient, ...] = ()
    queuePrefix: bytes = b""
    trace: tuple[TraceEvent, ...] = ()
    heldSeconds: float = 0.0
    isHeld: bool = False


@frozen
class Appended:
    """
    Where a copy landed.

    @ivar mailboxId: the store's number for the mailbox.
    @ivar uidvalidity: its UIDVALIDITY.
    @ivar uid: the message's UID.
    """

    accountId: str
    mailboxId: int
    uidvalidity: int
    uid: int


@frozen
class Accepted:
    """
    The result of one durable act: all of it is on disk.

    @ivar appended: the copies that were made, in the order of C{appends}.
    @ivar overQuota: the recipients whose copy went into the queue instead, for want of room.
    @ivar queued: how many queue recipients there are now.
    """

    queueId: str
    appended: tuple[Appended, ...]
    overQuota: tuple[Address, ...]
    queued: int


@frozen
class QueueLease:
    """
    Recipients of one queue item, at one destination, that the holder of this lease may try now.

    @ivar leaseId: names the lease; a lease that has run out is no longer accepted by C{report}.
    @ivar queueId: the item.
    @ivar envelope: its sender and parameters, with just the leased recipients.
    @ivar recipients: the same recipients as the queue knows them, in the same order.
    @ivar destination: see L{QueueRecipient.destination}.
    @ivar received: when the item was accepted, seconds since the epoch.
    @ivar attempts: how often these were tried before.
    @ivar delayNotified: the sender has been told about the delay.
    @ivar sizeOctets: prefix and octets together.
    """

    leaseId: str
    queueId: str
    envelope: Envelope
    recipients: tuple[QueueRecipient, ...]
    destination: str
    received: float
    attempts: int
    delayNotified: bool
    sizeOctets: int


@frozen
class QueueOutcome:
    """
    What is to happen with one leased recipient.

    @ivar address: the recipient.
    @ivar isDone: delivered, bounced or otherwise finished with: it leaves the queue.
    @ivar nextTry: else when to try again, seconds since the epoch.
    @ivar reply: the last reply, for the list and the bounce.
    @ivar remoteHost: who gave it.
    @ivar delayNotified: the sender was told about the delay.
    """

    address: Address
    isDone: bool
    nextTry: float = 0.0
    reply: Reply | None = None
    remoteHost: str = ""
    delayNotified: bool = False


@frozen
class QueueItem:
    """
    One message in the queue, as it is listed: one entry for each of its recipients in C{recipients}.

    @ivar held: on hold until released.
    """

    queueId: str
    sender: Address | None
    received: float
    sizeOctets: int
    held: bool
    recipients: tuple[QueueState, ...]


@frozen
class QueueState:
    """
    One recipient of a L{QueueItem}.

    @ivar leased: being tried just now.
    """

    address: Address
    destination: str
    attempts: int
    nextTry: float
    leased: bool
    lastReply: str
    remoteHost: str


@frozen
class MailboxStatus:
    """
    The numbers of a mailbox (RFC 9051 6.3.11), from its row, without counting anything.

    @ivar firstRecentUid: messages from this UID on are recent to nobody yet (RFC 3501 2.3.2).
    @ivar specialUse: C{"\\\\Sent"} and the like (RFC 6154), or C{""}.
    """

    mailboxId: int
    name: str
    uidvalidity: int
    uidnext: int
    highestModseq: int
    messages: int
    unseen: int
    deleted: int
    sizeOctets: int
    firstRecentUid: int
    subscribed: bool
    specialUse: str


@frozen
class Changes:
    """
    What a mailbox's log says since a MODSEQ.

    @ivar highestModseq: up to where this reaches.
    @ivar changed: rows C{(uid, flags as bits, modseq, size, internal date)} of messages that are new or whose flags
        changed, ascending by UID.
    @ivar vanished: UIDs that were expunged, ascending.
    """

    highestModseq: int
    changed: tuple[tuple[int, int, int, int, int], ...]
    vanished: tuple[int, ...]


@frozen
class FlagsStored:
    """
    The result of a STORE.

    @ivar modseq: of the messages that were changed; 0 if none was.
    @ivar changed: their UIDs, ascending.
    @ivar refused: UIDs whose MODSEQ was above UNCHANGEDSINCE (RFC 7162 3.1.3).
    """

    modseq: int
    changed: tuple[int, ...]
    refused: tuple[int, ...] = ()


@frozen
class Copied:
    """
    The result of COPY or MOVE: pairs of the same length, ascending by source (RFC 4315 3).
    """

    uidvalidity: int
    sources: tuple[int, ...]
    targets: tuple[int, ...]


@frozen
class Quota:
    """
    What an account uses and may use; a limit of 0 is none, one below 0 leaves room for nothing.

    @ivar limitOctets: what counts.
    @ivar limitMessages: what counts.
    @ivar statedOctets: what the directory and the settings said last.
    @ivar statedMessages: the same, in messages.
    @ivar setOctets: what an administrator has set, which wins; C{None} for nothing.
    @ivar setMessages: the same, in messages.
    """

    usedOctets: int
    usedMessages: int
    limitOctets: int
    limitMessages: int = 0
    statedOctets: int = 0
    statedMessages: int = 0
    setOctets: int | None = None
    setMessages: int | None = None


@frozen
class Annotations:
    """
    @ivar values: by entry, with /shared or /private before it.
    @ivar longestOctets: the size of the largest value that was left out because of its size; 0 if none was.
    """

    values: dict[str, bytes]
    longestOctets: int = 0


@frozen
class AnnotationChange:
    """
    @ivar mailboxId: 0 is the server.
    @ivar owner: whose the private ones are.
    @ivar entries: what was set or removed.
    @ivar author: who did it, as the caller named itself.
    """

    mailboxId: int
    owner: str
    entries: tuple[str, ...]
    author: str


@frozen
class SharedMailbox:
    """
    A mailbox that somebody may see who does not own it.

    @ivar accountId: whose it is.
    @ivar address: the owner's; C{""} for a mailbox that is nobody's.
    @ivar access: its access list.
    """

    accountId: str
    address: str
    status: MailboxStatus
    access: tuple[AccessEntry, ...]


@frozen
class LocalAccount:
    """
    An account of our own directory, as the store keeps it.

    @ivar passwordHash: an argon2 hash in PHC form, or C{""} for none.
    """

    accountId: str
    address: Address
    passwordHash: str
    fullName: str = ""
    state: str = "enabled"
    forwardTo: tuple[Address, ...] = ()
    keepCopy: bool = False
    quotaOctets: int | None = None
    popAllowed: bool = True
    imapAllowed: bool = True
    administrator: bool = False


@frozen
class Domain:
    """
    A domain whose mail is ours.

    @ivar catchAll: who gets mail for unknown local parts, or C{None}.
    """

    name: str
    catchAll: Address | None = None


@frozen
class Alias:
    """
    An address that leads to others.
    """

    address: Address
    targets: tuple[Address, ...]
