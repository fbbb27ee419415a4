# -*- test-case-name: tests.unit.protocols.imap.test_urlauth -*-
"""
URLs that allow others to have a message, or a part of one: GENURLAUTH, URLFETCH, RESETKEY (RFC 4467).

A URL's token is made of the URL and the mailbox's key.  Whoever has the URL has what it names, if the URL says that he
may; until it expires, or until the key is changed.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from osxmail.errors import NotFound, ParseError
from osxmail.interfaces import IAccount, IMailbox
from osxmail.mail.address import Address
from osxmail.mail.imap.command import FetchUrls, GenerateUrls, ResetKeys
from osxmail.mail.imap.reader import BadCommand
from osxmail.mail.imap.response import renderString
from osxmail.mail.imap.url import ImapUrl, UrlAuth, parseImapUrl
from osxmail.protocols.imap.catenating import BadUrl, Source, sourceIn

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

INTERNAL = "INTERNAL"
#: What a token begins with (RFC 4467 2.4.1: how it was made): HMAC-SHA256 of the URL up to the mechanism.
_HMAC_SHA256 = b"\x01"
#: In place of the key of a mailbox that has none, so that the answer takes as long.
_NO_KEY = bytes(32)

URLMECH = b"OK [URLMECH INTERNAL] How URLs are authorised\r\n"


def tokenOf(key: bytes, rump: bytes) -> bytes:
    """
    The token of the mechanism INTERNAL.

    @param rump: the URL up to, and without, the mechanism.
    """
    return _HMAC_SHA256 + hmac.digest(key, rump, "sha256")


async def generate(session: Imap, command: GenerateUrls) -> bytes:
    """
    GENURLAUTH (RFC 4467 7): of mailboxes of one's own.
    """
    made = []
    for raw, mechanism in command.pairs:
        if mechanism != INTERNAL:
            raise BadCommand("no such mechanism")
        mailbox = await _ownMailbox(session, raw)
        token = tokenOf(await mailbox.makeUrlKey(False), raw)
        made.append(renderString(b"%b:%b:%b" % (raw, INTERNAL.encode(), token.hex().encode())))
    session.write(b"* GENURLAUTH %b\r\n" % b" ".join(made))
    return b"OK GENURLAUTH completed"


async def _ownMailbox(session: Imap, raw: bytes) -> IMailbox:
    """
    @raise BadCommand: RFC 4467 7: where one of these is not so.
    """
    try:
        url = parseImapUrl(raw)
    except ParseError:
        raise BadCommand("a URL of a message expected") from None
    if url.auth is None or url.auth.mechanism:
        raise BadCommand("a URL that says who may use it expected")
    owner = _address(url.user, _ownAddress(session)) if url.host else None
    if owner is None or not session.namespaces.isPerson(owner):
        raise BadCommand("a URL of your own expected")
    try:
        return await session.ownAccount().mailbox(url.mailbox)
    except (NotFound, ParseError):
        raise BadCommand("there is no such mailbox") from None


def _ownAddress(session: Imap) -> Address:
    return Address.parse(session.ownAccount().address)


def _address(user: str, near: Address) -> Address | None:
    """
    Who that is; a short name is one of the domain of C{near}.
    """
    try:
        return Address.parse(user if "@" in user else f"{user}@{near.domain}")
    except ParseError:
        return None


async def fetch(session: Imap, command: FetchUrls) -> bytes:
    """
    URLFETCH (RFC 4467 7): NIL for what there is not, or not for this person, whatever the reason.
    """
    for raw in command.urls:
        try:
            source = await _authorised(session, raw)
        except (BadUrl, ParseError, NotFound):
            session.write(b"* URLFETCH %b NIL\r\n" % renderString(raw))
            continue
        session.write(b"* URLFETCH %b {%d}\r\n" % (renderString(raw), source.sizeOctets))
        await source.stream(session)
        session.write(b"\r\n")
        await session.drain()
        await session.letOthers()
    return b"OK URLFETCH completed"


async def _authorised(session: Imap, raw: bytes) -> Source:
    """
    RFC 4467 6: what the URL names.

    @raise BadUrl: this person may not have it, or there is nothing.
    """
    url = parseImapUrl(raw)
    auth = url.auth
    near = _ownAddress(session)
    owner = _address(url.user, near) if url.host else None
    if auth is None or auth.mechanism != INTERNAL or owner is None or not url.mailbox:
        raise BadUrl(raw)
    mailbox = await _mailboxOf(session, owner, url)
    key = b"" if mailbox is None else await mailbox.urlKey()
    isRight = hmac.compare_digest(tokenOf(key or _NO_KEY, auth.rump), auth.token)
    if not (isRight and key) or mailbox is None or not _mayUse(session, auth, owner):
        raise BadUrl(raw)
    return await sourceIn(session, mailbox, url, raw)


async def _mailboxOf(session: Imap, owner: Address, url: ImapUrl) -> IMailbox | None:
    account: IAccount | None
    if session.namespaces.isPerson(owner):
        account = session.ownAccount()
    else:
        account = await session.factory.store.accountWithAddress(owner)
    try:
        return None if account is None else await account.mailbox(url.mailbox)
    except NotFound:
        return None


def _mayUse(session: Imap, auth: UrlAuth, owner: Address) -> bool:
    """
    RFC 4467 3.
    """
    if auth.expiresAt is not None and auth.expiresAt <= session.clock.seconds():
        return False
    if auth.access == "user+":
        user = _address(auth.user, owner)
        return user is not None and session.namespaces.isPerson(user)
    if auth.access == "submit+":
        # A server that submits on behalf of others logs in by a name that is known.
        return session.namespaces.isOneOf(session.entrance.settings.words("imap.submission_logins"))
    # authuser, anonymous: everybody who is here has logged in.
    return True


async def resetKeys(session: Imap, command: ResetKeys) -> bytes:
    """
    RESETKEY (RFC 4467 7): what was authorised before is so no more.
    """
    if not command.mailbox:
        await session.ownAccount().removeUrlKeys()
        return b"OK All keys are gone"
    if any(mechanism != INTERNAL for mechanism in command.mechanisms):
        return b"NO [CANNOT] There is no such mechanism"
    place = await session.namespaces.find(command.mailbox)
    if not session.namespaces.isOwn(place.account):
        place.need("a")
        return b"NO [CANNOT] Keys belong to the owner of a mailbox"
    await place.mailbox.makeUrlKey(True)
    _tellOthers(session, place.mailbox.mailboxId)
    return URLMECH[:-2] if session.isSecure else b"OK The key is another one"


def _tellOthers(session: Imap, mailboxId: int) -> None:
    """
    RFC 4467 7: sessions of the same person that have the mailbox selected are told.
    """
    for gate in session.entrance.sessions:
        other = gate if isinstance(gate, type(session)) and gate is not session else None
        if other is None or other.account is None or other.view is None or not other.isSecure:
            continue
        if other.view.mailbox.mailboxId == mailboxId and session.namespaces.isOwn(other.account):
            other.view.notes += b"* " + URLMECH
            other.changed()
