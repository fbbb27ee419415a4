# -*- test-case-name: tests.unit.protocols.imap.test_mailboxes -*-
"""
Whose mailbox a name means, and what the session may do with it.
"""

from __future__ import annotations

from attrs import frozen

from osxmail.errors import NotAllowed
from osxmail.interfaces import IAccount, IMailbox

#: Every right there is (RFC 4314 2.1): what the owner of an account has.
ALL_RIGHTS = frozenset("lrswipkxtea")


@frozen
class Place:
    """
    A mailbox, as a session reaches it.

    @ivar name: what the session calls it.
    @ivar account: whose it is.
    @ivar nameThere: what it is called in that account.
    @ivar rights: what the session may do with it (RFC 4314 2.1).
    """

    name: str
    account: IAccount
    nameThere: str
    mailbox: IMailbox
    rights: frozenset[str]

    def need(self, rights: str) -> None:
        """
        @raise NotAllowed: one of these rights is missing.
        """
        if not self.rights.issuperset(rights):
            raise NotAllowed(f"that needs the rights {rights} in {self.name}")


class Namespaces:
    """
    The mailboxes that one person reaches.
    """

    def __init__(self, account: IAccount) -> None:
        self._account = account

    async def find(self, name: str, needs: str = "") -> Place:
        """
        The mailbox of this name.

        @param needs: rights that the caller has to have there.
        @raise osxmail.errors.NoSuchMailbox: there is none, or the session may not know of it.
        @raise NotAllowed:
        """
        mailbox = await self._account.mailbox(name)
        place = Place(name, self._account, name, mailbox, ALL_RIGHTS)
        place.need(needs)
        return place
