# -*- test-case-name: tests.unit.protocols.test_base -*-
"""
Where sessions come in: what a listener gives to each of them, whatever it speaks.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IReactorTime

from osxmail.interfaces import ISettings
from osxmail.protocols.sessions import Sessions


@frozen
class Entrance:
    """
    One listener.

    @ivar service: its name in the configuration: C{"smtp"}, C{"imaps"} …
    @ivar hostname: our name, as greetings tell it.
    @ivar sessions: where its sessions are counted, with those of all others.
    @ivar tls: for STARTTLS; C{None} if there is no certificate.
    @ivar isTLS: it speaks TLS from the first octet on.
    """

    service: str
    hostname: str
    settings: ISettings
    sessions: Sessions
    clock: IReactorTime
    tls: IOpenSSLServerConnectionCreator | None = None
    isTLS: bool = False
