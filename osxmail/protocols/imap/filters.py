# -*- test-case-name: tests.unit.protocols.imap.test_filters -*-
"""
Which mailboxes the filters of ESEARCH and NOTIFY mean (RFC 5465 6, RFC 7377 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from osxmail.errors import LimitExceeded, NoSuchMailbox, NotAllowed
from osxmail.mail.imap.searchcommand import MailboxFilter
from osxmail.mail.mailboxname import DELIMITER
from osxmail.protocols.imap.namespaces import OTHERS, SHARED, Namespaces, Seen, canonicalName, ownName

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

MAX_MAILBOXES = 10_000  # that one command means
#: Mailboxes that are looked at without letting others have their turn.
SLICE_MAILBOXES = 500


class Reachable:
    """
    The mailboxes that a session reaches, read when they are first needed.
    """

    def __init__(self, session: Imap) -> None:
        self._session = session
        self._namespaces: Namespaces = session.namespaces
        self._personal: list[Seen] | None = None
        self._shared: list[Seen] | None = None
        self._subscribed: frozenset[str] | None = None

    async def personal(self) -> list[Seen]:
        """
        Those of the session's own account.
        """
        if self._personal is None:
            self._personal = await self._namespaces.personal()
        return self._personal

    async def others(self) -> list[Seen]:
        """
        Those of others, and of nobody, that it may see.
        """
        if self._shared is None:
            self._shared = await self._namespaces.shared()
        return self._shared

    async def subscribed(self) -> frozenset[str]:
        """
        The names that are subscribed.
        """
        if self._subscribed is None:
            self._subscribed = frozenset(await self._session.ownAccount().subscriptions())
        return self._subscribed

    async def named(self, name: str) -> Seen | None:
        """
        The mailbox of this name; C{None} if there is none, or the session may not know of it.
        """
        try:
            place = await self._namespaces.find(name)
        except (NoSuchMailbox, NotAllowed):
            return None
        return Seen(name, place.account.accountId, await place.mailbox.status(), place.rights)

    async def below(self, name: str, isOne: bool) -> list[Seen]:
        """
        The mailbox of this name, and those below it.

        @param isOne: only the next level (RFC 7377 2.2).
        """
        start = name + DELIMITER
        found = []
        candidates = await self.personal() if ownName(name) else await self._inOthers(name)
        for count, each in enumerate(candidates, 1):
            if each.name == name or (
                each.name.startswith(start) and not (isOne and DELIMITER in each.name[len(start) :])
            ):
                found.append(each)
            if count % SLICE_MAILBOXES == 0:
                await self._session.letOthers()
        return found

    async def _inOthers(self, name: str) -> list[Seen]:
        if not self._namespaces.isAdministrator:
            return await self.others()
        # Administrators see them whether a list says so or not.
        isShared = f"{name}/".startswith(SHARED)
        owner = "" if isShared else f"{name}/".removeprefix(OTHERS).partition(DELIMITER)[0]
        found: list[Seen] = []
        async for some in self._namespaces.everybodys(owner):
            found += some
            if len(found) > MAX_MAILBOXES:
                raise LimitExceeded("too many mailboxes")
            if isShared:
                break  # nobody's come first
        return found


async def meant(
    session: Imap, reachable: Reachable, filters: Iterable[MailboxFilter], refused: dict[int, Seen] | None = None
) -> dict[int, Seen]:
    """
    The mailboxes that filters mean, but for SELECTED, by the store's number; each once, in the order in which they are
    met.  Those where the rights l and r are missing are passed over (RFC 5465 5, RFC 7377 2.2), but a mailbox that is
    named needs no l.

    @param refused: takes those that the session may see, but not look into.
    @raise LimitExceeded: they are more than L{MAX_MAILBOXES}.
    """
    found: dict[int, Seen] = {}
    for each in filters:
        if each.kind in ("INBOXES", "PERSONAL"):  # RFC 5465 6.3: mail may be filed into any of them
            some = await reachable.personal()
        elif each.kind == "SUBSCRIBED":
            subscribed = await reachable.subscribed()
            some = [
                seen for seen in (*await reachable.personal(), *await reachable.others()) if seen.name in subscribed
            ]
        elif each.kind == "MAILBOXES":
            some = []
            for name in each.names:
                seen = await reachable.named(canonicalName(name))
                if seen is not None:
                    some.append(seen)
        elif each.kind in ("SUBTREE", "SUBTREE-ONE"):
            some = []
            for name in each.names:
                some += await reachable.below(canonicalName(name), each.kind == "SUBTREE-ONE")
        else:
            continue
        needs = {"r"} if each.kind == "MAILBOXES" else {"l", "r"}
        for seen in some:
            if seen.rights >= needs:
                found.setdefault(seen.status.mailboxId, seen)
            elif refused is not None and "l" in seen.rights:
                refused.setdefault(seen.status.mailboxId, seen)
        if len(found) > MAX_MAILBOXES:
            raise LimitExceeded("too many mailboxes")
    return found
