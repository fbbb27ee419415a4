"""
A session on a transport in memory, with a clock of the test's.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from osxmail.errors import AuthenticationFailed
from osxmail.mail.address import Address
from osxmail.mail.record import Record
from osxmail.protocols.entrance import Entrance
from osxmail.protocols.sessions import Sessions


class Transport(StringTransport):
    """
    Remembers what the gate does to it.
    """

    aborted = False
    tlsContext: object = None

    def abortConnection(self) -> None:
        self.aborted = True

    def setTcpNoDelay(self, enabled: bool) -> None: ...
    def setTcpKeepAlive(self, enabled: bool) -> None: ...

    def startTLS(self, context: object) -> None:
        self.tlsContext = context

    def getHandle(self) -> object:
        return None

    def take(self) -> bytes:
        """
        What was written since the last call.
        """
        written = self.value()
        self.clear()
        return written


def entrance(
    service: str, settings: Any, clock: Any, sessions: Sessions | None = None, tls: Any = None, isTLS: bool = False
) -> Entrance:
    """
    Of a listener on C{mail.example.test}.
    """
    if sessions is None:
        sessions = Sessions(settings, clock)
    return Entrance(service, "mail.example.test", settings, sessions, clock, tls, isTLS)


def person(name: str, **more: object) -> Record:
    address = Address(name, "example.test")
    return Record(f"id-{name}", name, address, frozenset({address}), **more)  # type: ignore[arg-type]


@implementer(ICredentialsChecker)
class Checker:
    """
    The directory's checker as this room sees it: the avatar's identifier is the record.

    @ivar people: records by login.
    @ivar error: raised in place of an answer.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, *records: Record, password: bytes = b"secret") -> None:
        self.people = {record.login: record for record in records}
        self.password = password
        self.error: Exception | None = None
        self.asked: list[str] = []

    async def requestAvatarId(self, credentials: object) -> Record:
        username = credentials.username.decode()  # type: ignore[attr-defined]
        self.asked.append(username)
        if self.error is not None:
            raise self.error
        record = self.people.get(username.partition("@")[0])
        if record is None or credentials.password != self.password:  # type: ignore[attr-defined]
            raise AuthenticationFailed
        return record
