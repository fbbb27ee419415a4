# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
What accounts and mailboxes are made with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred

from osxmail.mail.acceptance import AnnotationChange, Annotations
from osxmail.store.accepting import Accepting
from osxmail.store.annotations import readAnnotations, setAnnotations_txn
from osxmail.store.connection import Transaction
from osxmail.store.database import Database
from osxmail.store.index import Index
from osxmail.store.message import MessageRows
from osxmail.store.octets import Octets
from osxmail.store.previews import Previews
from osxmail.store.renderings import RenderingRows
from osxmail.store.search import Search
from osxmail.store.shelf import Shelf
from osxmail.store.sorting import Sorting


@define(eq=False, slots=True)
class Parts:
    """
    The parts of one store.

    @ivar now: the wall clock, seconds since the epoch.
    @ivar lockedMaildrops: the accounts whose maildrop a POP3 session of this process has.
    @ivar annotationListeners: see L{osxmail.interfaces.IMailStore.addAnnotationListener}.
    @ivar accessVersion: see L{osxmail.interfaces.IMailStore.accessVersion}.
    """

    database: Database
    octets: Octets
    accepting: Accepting
    rows: MessageRows
    renderings: RenderingRows
    shelf: Shelf
    search: Search
    sorting: Sorting
    previews: Previews
    index: Index
    now: Callable[[], float]
    lockedMaildrops: set[str]
    accessVersion: int = 0
    annotationListeners: list[Callable[[AnnotationChange], None]] = field(factory=list)

    def readAnnotations(
        self, mailboxId: int, owner: str, entries: Sequence[str], depth: int | None, maxOctets: int | None
    ) -> Deferred[Annotations]:
        """
        See L{osxmail.interfaces.IMailbox.annotations}.
        """
        return self.database.read(lambda txn: readAnnotations(txn, mailboxId, owner, entries, depth, maxOctets))

    def setAnnotations(
        self, mailboxId: int, owner: str, values: Mapping[str, bytes | None], author: str
    ) -> Deferred[None]:
        """
        See L{osxmail.interfaces.IMailbox.setAnnotations}.
        """
        change = AnnotationChange(mailboxId, owner, tuple(values), author)

        def tell() -> None:
            for listener in list(self.annotationListeners):
                listener(change)

        def write_txn(txn: Transaction) -> None:
            setAnnotations_txn(txn, mailboxId, owner, values)
            txn.afterCommit(tell)

        return self.database.write(write_txn)

    def accessChanged(self) -> None:
        """
        An access list was changed, or a mailbox renamed or deleted.
        """
        self.accessVersion += 1
        self.shelf.watchers.accessChanged()
