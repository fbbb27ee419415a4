# -*- test-case-name: tests.unit.protocols.test_realm -*-
"""
The realm of twisted.cred: what somebody who has logged in gets.

=================  ====================================  ==========================================
Interface          Avatar                                Logged in by
=================  ====================================  ==========================================
L{IAccount}        the account with its mailboxes        IMAP
L{IMaildrop}       the INBOX, held alone                 POP3
L{ISubmitter}      a person who may send                 SMTP, submission
=================  ====================================  ==========================================

The avatar's identifier is the L{Record} that the directory's checker has found: nobody asks the directory twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface, implementer

from osxmail.errors import LoginRefused
from osxmail.interfaces import IAccount, IMailbox, IMailStore, ISettings
from osxmail.mail.record import AccountState, Record


class ISubmitter(Interface):
    """
    A person who may send.
    """

    record: Record = Attribute("who it is")


class IMaildrop(Interface):
    """
    The INBOX as POP3 sees it, held alone by one session.
    """

    mailbox: IMailbox = Attribute("the INBOX")
    record: Record = Attribute("whose it is")


@implementer(ISubmitter)
@frozen
class Submitter:
    record: Record


@implementer(IMaildrop)
@frozen
class Maildrop:
    mailbox: IMailbox
    record: Record


class Visitor:
    """
    The portal's C{mind}: learns who has come in.

    @ivar record: set as soon as the password was right, even where the login is refused then.
    """

    __slots__ = ("record",)

    def __init__(self) -> None:
        self.record: Record | None = None


def _nothing() -> None:
    """
    The logout where there is nothing to give back.
    """


@implementer(IRealm)
class MailRealm:
    """
    Avatars over the mail store.
    """

    def __init__(
        self, store: IMailStore, settings: ISettings, isKeptHere: Callable[[Record], bool] = lambda record: True
    ) -> None:
        """
        @param isKeptHere: this server keeps the person's mail (the directory may name another one).
        """
        self._store = store
        self._settings = settings
        self._isKeptHere = isKeptHere

    def requestAvatar(
        self, avatarId: object, mind: object, *interfaces: type[Interface]
    ) -> Deferred[tuple[type[Interface], object, Callable[[], None]]]:
        """
        @param avatarId: the L{Record} of the person whose password was right.
        @param mind: a L{Visitor}, or C{None}.
        @param interfaces: the first one of ours counts.
        @raise LoginRefused: (in the Deferred) mail is off for this account, POP or IMAP is denied, or its mail is kept
            elsewhere.
        @raise InUse: (in the Deferred) another session has the maildrop.
        @raise NotImplementedError: (in the Deferred) none of the interfaces is ours.
        """
        if not isinstance(avatarId, Record):
            raise TypeError("the avatar's identifier is the directory's record")
        if isinstance(mind, Visitor):
            mind.record = avatarId
        return Deferred.fromCoroutine(self._avatar(avatarId, interfaces))

    async def _avatar(self, record: Record, interfaces: tuple[Any, ...]) -> tuple[Any, object, Callable[[], None]]:
        if record.state is AccountState.OFF:
            raise LoginRefused(f"mail is off for {record.address}")
        for interface in interfaces:
            if interface is ISubmitter:
                return ISubmitter, Submitter(record), _nothing
            if interface in (IAccount, IMaildrop) and not self._isKeptHere(record):
                # An empty mailbox in place of the one elsewhere would make mail programs drop what they have.
                raise LoginRefused(f"the mail of {record.address} is kept by {record.mailHost}")
            if interface is IAccount:
                if not record.imapAllowed:
                    raise LoginRefused(f"IMAP is denied to {record.address}")
                return IAccount, await self._account(record), _nothing
            if interface is IMaildrop:
                if not record.popAllowed:
                    raise LoginRefused(f"POP is denied to {record.address}")
                return await self._maildrop(record)
        raise NotImplementedError("no such avatar")

    async def _account(self, record: Record) -> IAccount:
        account = await self._store.account(record.accountId, record.address)
        limit = record.quotaOctets
        if limit is None:
            limit = self._settings.octets("account.quota")
        messages = self._settings.number("account.quota_messages")
        quota = await account.quota()
        # Reading is cheap and writing is not: the directory's word has hardly ever changed since the last login.
        if (quota.statedOctets, quota.statedMessages) != (limit, messages):
            await account.setQuota(limit, messages)
        return account

    async def _maildrop(self, record: Record) -> tuple[Any, object, Callable[[], None]]:
        account = await self._account(record)
        release = account.lockMaildrop()
        try:
            mailbox = await account.mailbox("INBOX")
        except BaseException:
            release()
            raise
        return IMaildrop, Maildrop(mailbox, record), release
