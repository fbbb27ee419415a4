# -*- test-case-name: tests.unit.directory.test_checkers -*-
"""
The directory as a credentials checker of L{twisted.cred}: who logs in, and is it them?
"""

from __future__ import annotations

import unicodedata
from collections import deque

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.internet.defer import Deferred
from zope.interface import implementer

from osxmail.directory.decoy import IDecoy
from osxmail.errors import AuthenticationFailed, Overloaded
from osxmail.interfaces import IDirectory
from osxmail.mail.address import MAX_PATH_OCTETS
from osxmail.mail.record import Record

MAX_CONCURRENT = 64  # verifications at once
MAX_WAITING = 2000  # that wait for one of these; more are told to come again


@implementer(ICredentialsChecker)
class DirectoryChecker:
    """
    Checks a name and a password.  The avatar ID is the L{Record} itself: what the login was checked against is what
    the session goes by, and the realm need not ask again.

    Login and password are UTF-8.  A login is taken in NFC; a password as
    L{osxmail.directory.passwords.preparePassword} says, in the directory.  Neither is trimmed.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(
        self, directory: IDirectory, maxConcurrent: int = MAX_CONCURRENT, maxWaiting: int = MAX_WAITING
    ) -> None:
        self._directory = directory
        self._free = maxConcurrent
        self._maxWaiting = maxWaiting
        self._waiting: deque[Deferred[None]] = deque()

    def requestAvatarId(  # type: ignore[override]  # Twisted's annotation knows only octets
        self, credentials: IUsernamePassword
    ) -> Deferred[Record]:
        """
        @return: the person, whatever their state: the realm (C{protocols/realm.py}) refuses those whose mail is off or
            to whom a protocol is denied.
        @raise AuthenticationFailed: (in the Deferred) no such login, or not its password.
        @raise osxmail.errors.TemporaryError: (in the Deferred) it cannot be said now.
        """
        return Deferred.fromCoroutine(self._check(credentials.username, credentials.password))

    async def _check(self, username: bytes, password: bytes) -> Record:
        login, secret = _text(username), _text(password)
        if not secret or not login or len(login) > MAX_PATH_OCTETS:
            # What nobody can have costs nothing, and tells nothing.
            raise AuthenticationFailed("not a login and a password")
        await self._enter()
        try:
            record = await self._directory.recordWithLogin(unicodedata.normalize("NFC", login))
            if record is None:
                decoy = IDecoy(self._directory, None)
                if decoy is not None:
                    await decoy.spendTime(secret)
                raise AuthenticationFailed("no such login")
            if not await self._directory.verifyPassword(record, secret):
                raise AuthenticationFailed("wrong password")
        finally:
            self._leave()
        return record

    async def _enter(self) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= self._maxWaiting:
            raise Overloaded("too many logins wait")
        turn: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(turn)
        await turn

    def _leave(self) -> None:
        # The place goes to the next who waits, and is free only if nobody does.
        if self._waiting:
            self._waiting.popleft().callback(None)
        else:
            self._free += 1


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return ""
