# -*- test-case-name: tests.contracts -*-
"""
What is kept, and one person's part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from osxmail.mail.acceptance import (
    Acceptance,
    Accepted,
    AnnotationChange,
    Annotations,
    MailboxStatus,
    Quota,
    SharedMailbox,
    TraceEvent,
)
from osxmail.mail.address import Address
from osxmail.mail.rights import AccessEntry

if TYPE_CHECKING:
    from osxmail.interfaces.mailbox import IMailbox
    from osxmail.interfaces.messages import IIncoming

# mypy: disable-error-code="empty-body"


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
