# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
What accounts and mailboxes are made with.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from osxmail.store.accepting import Accepting
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

    def accessChanged(self) -> None:
        """
        An access list was changed, or a mailbox renamed or deleted.
        """
        self.accessVersion += 1
