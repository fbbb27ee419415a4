# -*- test-case-name: tests.contracts -*-
"""
A mailbox, and what a session sees of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from osxmail.mail.acceptance import Annotations, Appended, Changes, Copied, FlagsStored, MailboxStatus
from osxmail.mail.rights import AccessEntry
from osxmail.mail.searchkeys import SearchKey
from osxmail.mail.sortcriteria import SortCriterion
from osxmail.mail.threading import Threads

if TYPE_CHECKING:
    from osxmail.interfaces.messages import IMessage, NewMessage

# mypy: disable-error-code="empty-body"


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
    The selected mailbox in memory, shared by all its sessions, ascending by UID.  Nobody but the store changes it,
    except for C{announcedUid}.

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
    announcedUid: int = Attribute(
        "up to here, messages are recent to nobody who comes later: a session was told of them"
    )

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
