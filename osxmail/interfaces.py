# -*- test-case-name: tests.contracts -*-
"""
The contracts between the rooms.  What can wait returns a Deferred, always.

Failures are the classes of L{osxmail.errors} and no others.  "There is none" is C{None} or empty; "cannot say
now" is L{osxmail.errors.TemporaryError}.  No transaction leaves the store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from osxmail.mail.acceptance import (
    Acceptance,
    Accepted,
    Alias,
    AnnotationChange,
    Annotations,
    Appended,
    Changes,
    Copied,
    Domain,
    FlagsStored,
    LocalAccount,
    MailboxStatus,
    QueueItem,
    QueueLease,
    QueueOutcome,
    Quota,
    SharedMailbox,
    TraceEvent,
)
from osxmail.mail.address import Address
from osxmail.mail.decision import Decision, DeliveryStatus, Route
from osxmail.mail.envelope import Client, Envelope, Recipient
from osxmail.mail.record import Group, Record
from osxmail.mail.rights import AccessEntry
from osxmail.mail.verdict import Verdict

if TYPE_CHECKING:
    from osxmail.mail.mime import Rendering
    from osxmail.mail.searchkeys import SearchKey
    from osxmail.mail.sortcriteria import SortCriterion
    from osxmail.mail.threading import Threads

# mypy: disable-error-code="empty-body"


# ------------------------------------------------------------------------------------------------ settings


class ISettings(Interface):
    """
    How the service behaves: the typed table of C{app/settings.py}, read by key.  Each reading gives the value
    of this moment; an unknown key or the wrong type is a C{KeyError} or C{TypeError}, a fault of ours.
    """

    def text(key: str) -> str: ...
    def flag(key: str) -> bool: ...
    def number(key: str) -> int: ...
    def seconds(key: str) -> float: ...
    def octets(key: str) -> int: ...
    def words(key: str) -> tuple[str, ...]: ...


# ----------------------------------------------------------------------------------------------- directory


class IDirectory(Interface):
    """
    Who lives here.  Raises L{osxmail.errors.DirectoryAway} (in the Deferred) when it cannot say.
    """

    def recordWithAddress(address: Address) -> Deferred[Record | None]:
        """
        The person with this address (case and C{+detail} do not matter to the caller: the router has taken
        detail off where the address with it is unknown).
        """

    def recordWithLogin(login: str) -> Deferred[Record | None]:
        """
        The person who logs in by this name: an address, or a short name where only one domain has it.
        """

    def verifyPassword(record: Record, password: str) -> Deferred[bool]:
        """
        Is it this person's password?  Never cached, never logged, in constant time where it is compared here.
        """

    def groupWithAddress(address: Address) -> Deferred[Group | None]:
        """
        The group with this address.
        """


# -------------------------------------------------------------------------------------------------- octets


class IIncoming(Interface):
    """
    A message on its way into the store: its octets as they arrive, bounded.  Small ones stay in memory, larger
    ones go to a spool file in a thread.  Either handed to C{accept} or C{append}, or aborted.
    """

    sizeOctets: int = Attribute("octets written so far")

    def write(data: bytes) -> Deferred[None] | None:
        """
        Take a piece.  A Deferred means: wait for it before the next one (back-pressure).

        @raise osxmail.errors.TooLarge: (also in the Deferred) past the limit; what was written is gone.
        @raise osxmail.errors.StoreFull: (in the Deferred).
        """

    def header() -> bytes:
        """
        The header section as far as it is there, blank line included; at most 256 KiB of it.
        """

    def abort() -> None:
        """
        Forget it.  Harmless after the store has taken it.
        """


@frozen
class NewMessage:
    """
    A message for a mailbox, as it is to be there.

    @ivar incoming: has come as a whole, and is the store's from the call on that it is handed over with.
    @ivar flags: system flags and keywords.
    @ivar internalDate: seconds since the epoch; C{None} is now.
    """

    incoming: IIncoming
    flags: Sequence[str] = ()
    internalDate: float | None = None


class IMessage(Interface):
    """
    A stored message: a prefix of header fields and the octets as they came, seen as one.
    """

    sizeOctets: int = Attribute("prefix and octets together: RFC822.SIZE")
    prefix: bytes = Attribute("header fields that were put before the octets, each ended by CRLF")
    inline: bytes | None = Attribute("prefix and octets, when the message is small enough to stand in a row")

    def rendering() -> Deferred[Rendering]:
        """
        Structure and section offsets, made at arrival.  Offsets count from the octets, after the prefix.
        """

    def read(offset: int, length: int) -> Deferred[bytes]:
        """
        Octets from C{offset} of prefix and octets together; fewer than C{length} only at the end.  The caller
        keeps C{length} at 256 KiB or below.

        @raise osxmail.errors.StoreDamaged: the checksum does not match (checked when a record is first read).
        """


# --------------------------------------------------------------------------------------------------- store


class IMailStore(Interface):
    """
    What is kept.  One writer, group commit: a Deferred of something that changes fires after the fsync.
    """

    def incoming(limitOctets: int) -> IIncoming:
        """
        A place for a message to arrive in.
        """

    def newQueueId() -> str:
        """
        A fresh queue ID: short, unique for ever, sortable by time, letters and digits only.
        """

    def accept(acceptance: Acceptance, incoming: IIncoming) -> Deferred[Accepted]:
        """
        The one durable act.  An append that finds no room becomes a queue row (local) in the same transaction.
        Listeners of the mailboxes and of the queue are told after the commit.

        @raise osxmail.errors.StoreFull: nothing was kept.
        """

    def account(accountId: str, address: Address) -> Deferred[IAccount]:
        """
        The account, made now with its usual folders if the store has none of this id.
        """

    def existingAccount(accountId: str) -> Deferred[IAccount | None]:
        """
        The account, if the store has it.
        """

    def removeAccount(accountId: str) -> Deferred[None]:
        """
        Everything the account has, for good.

        @raise osxmail.errors.NoSuchAccount:
        """

    accessVersion: int = Attribute(
        "another number as soon as this process has changed an access list, or renamed or deleted a mailbox"
    )

    def accountWithAddress(address: Address) -> Deferred[IAccount | None]:
        """
        The account whose primary address this was when its owner was seen last.
        """

    def accountsAfter(key: str, limit: int) -> Deferred[tuple[IAccount, ...]]:
        """
        Accounts of people, in the order of the keys of their addresses.

        @param key: begin behind this one.
        """

    def sharedAccount() -> Deferred[IAccount]:
        """
        The account of the mailboxes that are nobody's.
        """

    def sharedWith(identifiers: Sequence[str]) -> Deferred[tuple[SharedMailbox, ...]]:
        """
        The mailboxes whose access lists grant something to one of these identifiers, in the order of the keys of their
        owners' addresses, then as in L{IAccount.listMailboxes}.
        """

    def groupsWithAccess() -> Deferred[tuple[str, ...]]:
        """
        The identifiers of groups that access lists name, in order.
        """

    def forgetRights(address: Address) -> Deferred[None]:
        """
        Take an address out of all access lists: its owner has left, and somebody else may get it.
        """

    def mailboxNumbered(mailboxId: int) -> Deferred[SharedMailbox | None]:
        """
        The mailbox of this number, whosever it is.
        """

    def annotations(
        owner: str, entries: Sequence[str], depth: int | None, maxOctets: int | None
    ) -> Deferred[Annotations]:
        """
        Of the server: see L{IMailbox.annotations}.
        """

    def annotationsOf(
        mailboxIds: Sequence[int], owner: str, entries: Sequence[str]
    ) -> Deferred[dict[int, dict[str, bytes]]]:
        """
        These entries of many mailboxes at once: see L{IMailbox.annotations}.  A mailbox without one is not in the
        answer, nor is C{/private/specialuse}, which the mailbox's status has.
        """

    def setAnnotations(owner: str, values: Mapping[str, bytes | None], author: str = "") -> Deferred[None]:
        """
        Of the server: see L{IMailbox.setAnnotations}.
        """

    def addAnnotationListener(listener: Callable[[AnnotationChange], None]) -> None:
        """
        Call it on the reactor after this process has changed annotations.
        """

    def removeAnnotationListener(listener: Callable[[AnnotationChange], None]) -> None:
        """
        Do so no more; harmless for one that was not added.
        """

    def watch(watcher: IMailStoreWatcher, mailboxIds: Collection[int], accountIds: Collection[str]) -> None:
        """
        Tell this watcher, from now on, what this process changes in these mailboxes, and in the mailboxes that these
        accounts have; whatever it watched before, it does no more.
        """

    def unwatch(watcher: IMailStoreWatcher) -> None:
        """
        Tell it nothing more; harmless for one that does not watch.
        """

    def recordTrace(events: Sequence[TraceEvent]) -> Deferred[None]:
        """
        Remember what happened to messages, in a batch.
        """

    def trace(term: str, since: float, limit: int) -> Deferred[tuple[TraceEvent, ...]]:
        """
        The lines of every message that has this queue ID, Message-ID (with or without brackets) or address, in
        order of time.
        """


class IMailStoreWatcher(Interface):
    """
    Who wants to know that mailboxes have changed which nobody need have selected.  Called on the reactor, after the
    commit; must not block.
    """

    def messagesChanged(mailboxId: int) -> None:
        """
        Messages have come, changed or gone there.
        """

    def mailboxesChanged() -> None:
        """
        Mailboxes were made, renamed or deleted, or subscriptions or access lists changed.
        """


class IAccount(Interface):
    """
    One person's mailboxes.  Names are Unicode with C{/} between levels; INBOX in any case is INBOX; one that is no
    name at all is a L{osxmail.errors.ParseError} in the Deferred (see L{osxmail.mail.mailboxname}).
    """

    accountId: str = Attribute("the directory's identifier")
    address: str = Attribute("the primary address; empty for the account of the shared mailboxes")

    def listMailboxes() -> Deferred[tuple[MailboxStatus, ...]]:
        """
        Every mailbox, ordered by name, INBOX first.
        """

    def subscriptions() -> Deferred[tuple[str, ...]]:
        """
        Subscribed names, which need not exist (RFC 3501 6.3.6), in order.
        """

    def subscribe(name: str, subscribed: bool) -> Deferred[None]: ...

    def mailbox(name: str) -> Deferred[IMailbox]:
        """
        @raise osxmail.errors.NoSuchMailbox:
        """

    def find(name: str) -> Deferred[tuple[IMailbox, tuple[AccessEntry, ...]]]:
        """
        L{mailbox} and its access list at once.

        @raise osxmail.errors.NoSuchMailbox:
        """

    def mailboxAt(mailboxId: int) -> IMailbox:
        """
        The mailbox of this number, which was listed as one of this account's: nobody is asked.
        """

    def createMailbox(name: str, specialUse: str = "") -> Deferred[IMailbox]:
        """
        Make it, and what is missing above it, each with the access list of the mailbox above.

        @raise osxmail.errors.AlreadyExists:
        @raise osxmail.errors.LimitExceeded: too deep, too long, too many.
        """

    def deleteMailbox(name: str) -> Deferred[None]:
        """
        @raise osxmail.errors.NoSuchMailbox:
        @raise osxmail.errors.NotAllowed: INBOX.
        @raise osxmail.errors.HasChildren: it has mailboxes below.
        """

    def renameMailbox(name: str, newName: str) -> Deferred[None]:
        """
        With everything below it.  INBOX: its messages move to a new mailbox (RFC 3501 6.3.5).
        """

    def quota() -> Deferred[Quota]: ...

    def setQuota(limitOctets: int, limitMessages: int = 0) -> Deferred[None]:
        """
        What the directory and the settings say; 0 is unlimited.  Appends by IMAP are held to it.
        """

    def overrideQuota(limitOctets: int | None, limitMessages: int | None) -> Deferred[None]:
        """
        What an administrator says, which wins over L{setQuota} and over what a delivery brings with it.

        @param limitOctets: 0 is unlimited, below 0 there is room for nothing; C{None} leaves it to L{setQuota}.
        """

    def removeUrlKeys() -> Deferred[None]:
        """
        Take their keys from all mailboxes (see L{IMailbox.urlKey}).
        """

    def lockMaildrop() -> Callable[[], None]:
        """
        The exclusive hold of a POP3 session on the INBOX; what is returned gives it back (RFC 1939 4).

        @raise osxmail.errors.InUse: another session has it.
        """


class IMailboxListener(Interface):
    """
    Who wants to know that a mailbox has changed.
    """

    def mailboxChanged() -> None:
        """
        The snapshot has caught up with a change.  Called on the reactor, after the commit; must not block.
        """

    def mailboxGone() -> None:
        """
        The mailbox was deleted.
        """


class ISnapshot(Interface):
    """
    The selected mailbox in memory, shared by all its sessions, ascending by UID.  Nobody but the store changes it.

    The five arrays are parallel.  C{uids} is B{replaced} by a new array when messages vanish, and only appended to
    otherwise: a session that keeps the array and a count has a stable view of its sequence numbers.
    """

    uids = Attribute("array('I') of UIDs")
    flags = Attribute("array('Q') of flag bits: see osxmail.mail.flags")
    modseqs = Attribute("array('Q')")
    sizes = Attribute("array('Q') of RFC822.SIZE")
    dates = Attribute("array('q') of internal dates, seconds since the epoch")
    highestModseq: int = Attribute("what the arrays have caught up with")
    keywords: tuple[str, ...] = Attribute("keyword names, in order of their bits (bit 8 is the first)")

    def indexOf(uid: int) -> int:
        """
        Its index in the arrays, or -1.
        """

    def changedSince(modseq: int) -> tuple[Sequence[int], Sequence[int]]:
        """
        UIDs that are new or changed, and UIDs that vanished, since C{modseq}, each ascending; from memory.
        """

    def loaded() -> Deferred[None]:
        """
        Fires when all five arrays are there: C{uids} always is, the others may be filled in a moment later.
        """


class IMailbox(Interface):
    """
    A mailbox is a log of changes; UIDs only, each call one transaction.  A set of UIDs is an ascending sequence;
    those that do not exist (any more) are passed over.  What changes the mailbox fires when its snapshot in this
    process, if somebody has it, has caught up with the change.
    """

    mailboxId: int = Attribute("the store's number for it")

    def access() -> Deferred[tuple[AccessEntry, ...]]:
        """
        The access list, in order of the identifiers.  What the owner may do, where no entry says otherwise, is not in
        it.
        """

    def setAccess(identifier: str, operation: str, rights: str) -> Deferred[None]:
        """
        Change one entry of the access list; one without rights is none.

        @param operation: C{"+"} to add, C{"-"} to take away, C{"="} to replace, C{""} to remove the entry.
        @raise osxmail.errors.LimitExceeded: the list is too long.
        """

    def annotations(
        owner: str, entries: Sequence[str], depth: int | None, maxOctets: int | None
    ) -> Deferred[Annotations]:
        """
        Annotations (RFC 5464), and the special use of an owner's mailbox as C{/private/specialuse} (RFC 6154).

        @param owner: the identifier of the account whose private ones are meant.
        @param entries: with C{/shared} or C{/private} before them, lower case.
        @param depth: how far below these: 0, 1, or C{None} for all.
        @param maxOctets: larger values are left out; C{None} is any.
        """

    def setAnnotations(owner: str, values: Mapping[str, bytes | None], author: str = "") -> Deferred[None]:
        """
        Set some, or remove them (C{None}); all or nothing.

        @param author: handed to listeners.
        @raise osxmail.errors.LimitExceeded: there would be too many.
        """

    def deletedOctets() -> Deferred[int]:
        """
        The size of the messages with C{\\Deleted} together.
        """

    def status() -> Deferred[MailboxStatus]:
        """
        @raise osxmail.errors.NoSuchMailbox: deleted meanwhile; so does every other method.
        """

    def claimRecent() -> Deferred[tuple[int, int]]:
        """
        The range (first UID, UIDNEXT) of messages that are recent to the caller and, from now on, to nobody else.
        """

    def appendAll(messages: Sequence[NewMessage]) -> Deferred[tuple[Appended, ...]]:
        """
        Add new messages, all or none; their UIDs ascend.

        @raise osxmail.errors.OverQuota: there is no room for all of them.
        @raise osxmail.errors.LimitExceeded: too many keywords in the mailbox.
        """

    def replace(uid: int, target: IMailbox, message: NewMessage) -> Deferred[Appended]:
        """
        Remove a message and add one to C{target}, which may be this mailbox, in its place; the quota counts the
        difference.

        @raise osxmail.errors.NoSuchMessage: there is none to be removed; nothing was added.
        @raise osxmail.errors.OverQuota: nothing was removed.
        @raise osxmail.errors.LimitExceeded: too many keywords in C{target}.
        """

    def messages(uids: Sequence[int]) -> Deferred[list[tuple[int, IMessage]]]:
        """
        Messages to read, in one hop; at most 100 at a time.
        """

    def renderings(
        uids: Sequence[int], columns: Sequence[str], isUtf8: bool = False
    ) -> Deferred[list[tuple[int, tuple[bytes, ...]]]]:
        """
        Ready-made bytes; at most 2,000 UIDs at a time.  Columns are C{"envelope"}, C{"body"}, C{"bodystructure"};
        C{"savedate"}, decimal seconds since the epoch; C{"emailid"} and C{"threadid"}, without parentheses.

        @param isUtf8: for a client that takes quoted strings in UTF-8: where the message has UTF-8, the first three
            have it too (RFC 6855 3).  They are ASCII otherwise.

        @return: of those of the UIDs that are there, as many from the first on as have 4 MiB together, and one at
            least: where the last is not the last that was asked for, ask for the rest.
        """

    def previews(uids: Sequence[int], isLazy: bool = False) -> Deferred[list[tuple[int, bytes | None]]]:
        """
        The beginnings of messages' texts (RFC 8970), in UTF-8, one line of at most 200 characters each; at most 1,000
        UIDs at a time.  They are made when they are first asked for, and kept.

        @param isLazy: do not wait for what is not there: it is made when there is time.
        @return: of those of the UIDs that are there; C{None} of one that cannot be read, or, lazily, is not made yet.
        """

    def storeFlags(
        uids: Sequence[int], operation: str, flags: Sequence[str], unchangedSince: int | None = None
    ) -> Deferred[FlagsStored]:
        """
        @param operation: C{"+"}, C{"-"} or C{"="}.  A message that has those flags already is not changed.
        @raise osxmail.errors.LimitExceeded: too many keywords in the mailbox.
        """

    def search(
        key: SearchKey, uids: Sequence[int] | None = None, progress: Callable[[int, int], object] | None = None
    ) -> Deferred[list[int]]:
        """
        UIDs that match, ascending.  What only a session knows the caller has resolved: see
        L{osxmail.mail.searchkeys}.
        @param uids: look at these only.
        @param progress: called on the reactor now and then while it takes long, with how many messages were looked at
            and how many there are to look at (RFC 9585).
        """

    def sort(
        key: SearchKey,
        criteria: Sequence[SortCriterion],
        uids: Sequence[int] | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Deferred[list[int]]:
        """
        UIDs that match, in the order of the criteria (RFC 5256 3).
        @param uids: look at these only.
        @param progress: see L{search}.
        """

    def thread(
        key: SearchKey,
        algorithm: str,
        uids: Sequence[int] | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Deferred[Threads]:
        """
        UIDs that match, in threads (RFC 5256 3).
        @param algorithm: one of L{osxmail.mail.threading.ALGORITHMS}.
        @param uids: look at these only.
        @param progress: see L{search}.
        """

    def relevancies(key: SearchKey, uids: Sequence[int]) -> Deferred[list[int]]:
        """
        How well messages that were found match, for FUZZY (RFC 6203 4): for each of the UIDs a score from 1 to 100;
        one that is gone has 1.  Asked for only where a client wants scores.
        @param uids: what L{search} has found with this key, or some of it.
        """

    def copy(uids: Sequence[int], target: IMailbox, flags: int = -1) -> Deferred[Copied]:
        """
        @param flags: the bits of flags that the copies keep; keywords all or none (RFC 4314 4).
        @raise osxmail.errors.OverQuota:
        """

    def move(uids: Sequence[int], target: IMailbox, flags: int = -1) -> Deferred[Copied]: ...

    def expunge(uids: Sequence[int] | None = None) -> Deferred[tuple[int, ...]]:
        """
        Remove messages that have C{\\Deleted}.
        @param uids: of these only.
        @return: the UIDs that are gone.
        """

    def remove(uids: Sequence[int]) -> Deferred[tuple[int, ...]]:
        """
        Remove these messages whatever their flags (POP3's QUIT).
        """

    def unended() -> Deferred[list[tuple[int, int]]]:
        """
        UIDs of messages that do not end with CRLF, and how many octets of it are missing: 1 or 2.  For POP3, which
        adds them.
        """

    def noteFetched(uids: Sequence[int]) -> Deferred[None]:
        """
        Remember that these were fetched now, by POP3, for the first time if that is not known of them.
        """

    def fetchedBefore(seconds: float, limit: int) -> Deferred[list[int]]:
        """
        UIDs of messages that L{noteFetched} has first told of so long ago, or longer; so many at most.
        """

    def urlKey() -> Deferred[bytes]:
        """
        The secret that allows others to use URLs of what is in this mailbox (RFC 4467 2.2); empty if there is none.
        """

    def makeUrlKey(isNew: bool) -> Deferred[bytes]:
        """
        L{urlKey}, made now if there is none.

        @param isNew: a fresh one in any case, which makes worthless what another one has allowed.
        """

    def changesSince(modseq: int) -> Deferred[Changes]: ...

    def expungedSince(modseq: int) -> Deferred[Sequence[int] | None]:
        """
        UIDs that were expunged since C{modseq}, ascending (RFC 7162 3.2.5.1); C{None} where the log has forgotten: then
        any UID that is missing may have been.
        """

    def snapshot(listener: IMailboxListener) -> Deferred[ISnapshot]:
        """
        The shared snapshot; C{listener} is told of changes until it is handed to L{release}.
        """

    def release(listener: IMailboxListener) -> None: ...


# --------------------------------------------------------------------------------------------------- queue


class IQueue(Interface):
    """
    What has been accepted for somebody who could not have it yet.
    """

    def claim(
        limit: int, leaseSeconds: float, full: Sequence[str], localOnly: bool = False
    ) -> Deferred[list[QueueLease]]:
        """
        Lease what is due, oldest first, grouped by item and destination.
        @param limit: at most so many leases.
        @param full: destinations of which nothing is wanted now.
        @param localOnly: only what is for our own mailboxes (C{relay.hold_outbound}).
        """

    def message(queueId: str) -> Deferred[IMessage]:
        """
        @raise osxmail.errors.NoSuchMessage:
        """

    def messages(queueIds: Sequence[str]) -> Deferred[dict[str, IMessage]]:
        """
        Several messages in one hop, at most 100; those that are gone are not in the answer.
        """

    def report(lease: QueueLease, outcomes: Sequence[QueueOutcome], trace: Sequence[TraceEvent]) -> Deferred[None]:
        """
        What became of a lease: its recipients leave or wait, the lease ends, the trace is kept; one transaction.
        Recipients without an outcome are given back.  What an administrator has removed meanwhile is passed over.

        @raise osxmail.errors.InUse: the lease ran out and somebody else has it.
        """

    def giveBack(leases: Sequence[QueueLease]) -> Deferred[None]:
        """
        End leases without an attempt (a clean stop).
        """

    def bounce(
        lease: QueueLease,
        outcomes: Sequence[QueueOutcome],
        acceptance: Acceptance,
        incoming: IIncoming,
        trace: Sequence[TraceEvent],
    ) -> Deferred[Accepted]:
        """
        C{report} and C{accept} in one transaction: a recipient never leaves without its notice, nor twice with one.

        @raise osxmail.errors.InUse: the lease ran out, or an administrator has removed a recipient meanwhile: nothing
            was accepted.
        """

    def nextDue() -> Deferred[float | None]:
        """
        When something may be claimed next, seconds since the epoch: a recipient that is neither held nor leased is
        due, or a lease runs out whose holder may have died.
        """

    def addListener(listener: Callable[[], None]) -> None:
        """
        Called on the reactor when something may have become due.
        """

    def list(
        queueId: str = "", sender: str = "", recipient: str = "", destination: str = "", limit: int = 1000
    ) -> Deferred[tuple[QueueItem, ...]]:
        """
        Items that match all that is given, in order of arrival, each with all its recipients; C{sender} and
        C{recipient} may hold C{*}; the sender C{<>} is the null sender.
        """

    def retry(queueIds: Sequence[str]) -> Deferred[int]:
        """
        Make them due now; how many recipients.
        """

    def hold(queueIds: Sequence[str]) -> Deferred[int]: ...
    def release(queueIds: Sequence[str]) -> Deferred[int]: ...

    def remove(queueIds: Sequence[str]) -> Deferred[int]:
        """
        Delete without telling anybody; how many recipients.
        """


# ------------------------------------------------------------------------------- what administrators keep


class ILocalAccounts(Interface):
    """
    The accounts of our own directory.
    """

    def accountWithAddress(address: Address) -> Deferred[LocalAccount | None]: ...

    def accountsWithLocalPart(local: str) -> Deferred[tuple[LocalAccount, ...]]:
        """
        At most two: enough to know whether a short name is unambiguous.
        """

    def listAccounts() -> Deferred[tuple[LocalAccount, ...]]: ...

    def addAccount(account: LocalAccount) -> Deferred[None]:
        """
        @raise osxmail.errors.AlreadyExists:
        """

    def updateAccount(account: LocalAccount) -> Deferred[None]:
        """
        @raise osxmail.errors.NoSuchAccount:
        """

    def removeAccount(accountId: str) -> Deferred[None]:
        """
        @raise osxmail.errors.NoSuchAccount:
        """


class IDomains(Interface):
    """
    Our domains and aliases.  To add what is there is L{osxmail.errors.AlreadyExists}; to change or remove what is
    not, L{osxmail.errors.NotFound}.
    """

    def domain(name: str) -> Deferred[Domain | None]: ...
    def listDomains() -> Deferred[tuple[Domain, ...]]: ...
    def addDomain(domain: Domain) -> Deferred[None]: ...
    def updateDomain(domain: Domain) -> Deferred[None]: ...
    def removeDomain(name: str) -> Deferred[None]: ...
    def alias(address: Address) -> Deferred[Alias | None]: ...
    def listAliases() -> Deferred[tuple[Alias, ...]]: ...
    def addAlias(alias: Alias) -> Deferred[None]: ...
    def removeAlias(address: Address) -> Deferred[None]: ...


class ISettingRows(Interface):
    """
    The rows of the setting table: text by key, and who changed what when.
    """

    def settings() -> Deferred[dict[str, str]]: ...

    def setSetting(key: str, value: str | None, who: str) -> Deferred[None]:
        """
        @param value: C{None} goes back to the default.
        """


# ------------------------------------------------------------------------------------------------- filters


class IFilter(Interface):
    """
    Looks at what strangers bring, and says what it thinks: a verdict, or C{None} where there is nothing to say.  Fails
    with L{osxmail.errors.TemporaryError} where it cannot say now; that stops no mail.  Changes nothing.
    """

    name: str = Attribute("what the setting C{filter.NAME} and the trace call it")

    def mode() -> str:
        """
        C{"off"}, C{"observe"} or C{"on"}, at this moment.
        """

    def checkConnection(client: Client) -> Deferred[Verdict | None]:
        """
        Asked once for each connection and EHLO, at the first MAIL.
        """

    def checkSender(client: Client, sender: Address | None) -> Deferred[Verdict | None]: ...

    def checkRecipient(
        client: Client, sender: Address | None, recipient: Recipient, route: Route
    ) -> Deferred[Verdict | None]: ...

    def checkMessage(client: Client, envelope: Envelope, incoming: IIncoming) -> Deferred[Verdict | None]:
        """
        Asked once, at the end of DATA.
        """


# ------------------------------------------------------------------------------------------------ delivery


class IRouter(Interface):
    def route(address: Address) -> Deferred[Route]:
        """
        Where mail for this address goes.  Never fails: what cannot be said now is a DEFER refusal.
        """


class IReception(Interface):
    """
    Takes responsibility for mail, whatever protocol it comes by.  None of these ever fails: what cannot be said now
    is a DEFER decision.
    """

    def checkSender(client: Client, sender: Address | None, sizeOctets: int) -> Deferred[Decision]:
        """
        May this client send as this sender, now, a message of this size (0: not stated)?
        """

    def checkRecipient(
        client: Client, sender: Address | None, recipient: Recipient
    ) -> Deferred[tuple[Decision, Route]]: ...

    def incoming(client: Client) -> IIncoming:
        """
        A place for the message, with the limit that counts for this client.
        """

    def accept(client: Client, envelope: Envelope, routes: Sequence[Route], incoming: IIncoming) -> Deferred[Decision]:
        """
        The end of DATA: one durable act.  C{routes} are the recipients' in the order of the envelope.
        An ACCEPT is on disk.
        """


class IDeliveryAgent(Interface):
    def deliver(lease: QueueLease, message: IMessage) -> Deferred[tuple[DeliveryStatus, ...]]:
        """
        Try it once: a status for each recipient, in order.  The Deferred never fails.  Where the statuses say
        C{isReported}, the agent has told the queue itself and the lease has ended: report nothing.
        """


# ----------------------------------------------------------------------------------------------------- net


class IResolver(Interface):
    """
    DNS.  "No such name" is L{osxmail.errors.NoSuchDomain}, no records of the type is an empty answer, and
    "cannot say" is L{osxmail.errors.ResolverAway}.  C{secure}: the resolver we trust has set the AD bit.
    """

    def lookupMX(name: str) -> Deferred[tuple[tuple[tuple[int, str], ...], bool]]:
        """
        Pairs (preference, host in lower case without final dot; C{""} for the root, RFC 7505), and secure.
        """

    def lookupAddress(name: str) -> Deferred[tuple[tuple[str, ...], bool]]:
        """
        IPv6 and IPv4 addresses as text, asked for together, and secure.
        """

    def lookupTXT(name: str) -> Deferred[tuple[tuple[bytes, ...], bool]]:
        """
        Each record with its strings joined, and secure.
        """

    def lookupPointer(address: str) -> Deferred[tuple[tuple[str, ...], bool]]: ...

    def lookupTLSA(name: str) -> Deferred[tuple[tuple[tuple[int, int, int, bytes], ...], bool]]: ...
