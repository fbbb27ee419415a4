# -*- test-case-name: tests.conversations -*-
"""
Quotas (RFC 9208): GETQUOTA, GETQUOTAROOT, SETQUOTA.  Each account is one quota root, which has the name of its address;
the shared mailboxes are another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osxmail.errors import NoSuchAccount, NotAllowed, ParseError
from osxmail.interfaces import IAccount
from osxmail.mail.acceptance import Quota
from osxmail.mail.address import Address
from osxmail.mail.imap.accesscommand import QuotaOf, SetQuota
from osxmail.mail.imap.command import Named
from osxmail.mail.imap.response import renderAstring, renderMailbox
from osxmail.protocols.imap.namespaces import ownName

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: RFC 9208 5.1: STORAGE counts in so many octets.
UNIT_OCTETS = 1024
SHARED_ROOT = "Shared"
#: Whoever has one of these rights may know the quota of a mailbox (RFC 9208 6).
ANY_RIGHT = frozenset("lri")
#: What stands in the store for a limit of 0: there it means that there is none.
NOTHING = -1


def _rootOf(account: IAccount) -> bytes:
    root = Address.parse(account.address).key if account.address else SHARED_ROOT
    return renderAstring(root.encode("utf-8"))


def _render(quota: Quota) -> bytes:
    """
    The resources that are limited; C{b""} when none is.
    """
    resources = []
    if quota.limitOctets:
        used = -(-quota.usedOctets // UNIT_OCTETS)
        resources.append(b"STORAGE %d %d" % (used, max(0, quota.limitOctets) // UNIT_OCTETS))
    if quota.limitMessages:
        resources.append(b"MESSAGE %d %d" % (quota.usedMessages, max(0, quota.limitMessages)))
    return b" ".join(resources)


async def _account(session: Imap, root: str) -> IAccount:
    """
    The account that is this quota root.

    @raise NotAllowed: it is not the session's own, and the session is no administrator's.
    @raise NoSuchAccount:
    """
    own = session.ownAccount()
    try:
        address = Address.parse(root)
    except ParseError:
        address = None
    if address is not None and address.key == Address.parse(own.address).key:
        return own
    if not session.namespaces.isAdministrator:
        raise NotAllowed(f"the quota of {root}")
    if root == SHARED_ROOT:
        return await session.factory.store.sharedAccount()
    account = await session.factory.store.accountWithAddress(address) if address is not None else None
    if account is None:
        raise NoSuchAccount(root)
    return account


async def getQuota(session: Imap, command: QuotaOf) -> bytes:
    account = await _account(session, command.root)
    resources = _render(await account.quota())
    if not resources:
        # RFC 9208 7: a QUOTA response names one resource at least.
        return b"NO [NONEXISTENT] There is no limit"
    session.write(b"* QUOTA %b (%b)\r\n" % (_rootOf(account), resources))
    return b"OK GETQUOTA completed"


async def getQuotaRoot(session: Imap, command: Named) -> bytes:
    name = command.mailbox
    if ownName(name):
        # RFC 9208 4.1.2: the mailbox need not exist.
        account = session.ownAccount()
    else:
        place = await session.namespaces.find(name)
        if ANY_RIGHT.isdisjoint(place.rights):
            place.need("l")
        account = place.account
    resources = _render(await account.quota())
    root = _rootOf(account)
    # RFC 9208 4.1.2: a mailbox may have no quota root.
    session.write(b"* QUOTAROOT %b%b\r\n" % (renderMailbox(name, session.isUtf8), b" " + root if resources else b""))
    if resources:
        session.write(b"* QUOTA %b (%b)\r\n" % (root, resources))
    return b"OK GETQUOTAROOT completed"


async def setQuota(session: Imap, command: SetQuota) -> bytes:
    """
    What is set here wins over the directory, and what is not named is left to the directory again: RFC 9208 4.1.3
    discards it.
    """
    if not session.namespaces.isAdministrator:
        raise NotAllowed("only administrators set quotas")
    account = await _account(session, command.root)
    limits = dict(command.limits)
    octets, messages = limits.pop("STORAGE", None), limits.pop("MESSAGE", None)
    if limits:
        return b"NO [CANNOT] STORAGE and MESSAGE can be limited"
    if octets is not None and octets > _MOST_OCTETS // UNIT_OCTETS:
        return b"NO [CANNOT] That is more than anybody has"
    await account.overrideQuota(
        None if octets is None else octets * UNIT_OCTETS or NOTHING,
        None if messages is None else messages or NOTHING,
    )
    session.log.info(
        "{event}",
        event="quota.changed",
        session=session.sessionId,
        login=session.login,
        account=account.accountId,
        octets=octets,
        messages=messages,
    )
    resources = _render(await account.quota())
    if resources:
        session.write(b"* QUOTA %b (%b)\r\n" % (_rootOf(account), resources))
    return b"OK SETQUOTA completed"


_MOST_OCTETS = 1 << 62
