# -*- test-case-name: tests.integration.test_command -*-
"""
What every command works on: the parts of a running house.

Each function of the C{…commands} modules takes arguments and returns JSON values; the command line, and later the API
and the console, use these functions and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from osxmail.app.control import text
from osxmail.app.settings import Settings
from osxmail.delivery.explain import Explainer
from osxmail.directory.passwords import Passwords
from osxmail.errors import ParseError, Refused
from osxmail.interfaces import IDirectory, IDomains, ILocalAccounts, IMailStore, IQueue, ISettingRows
from osxmail.mail.address import Address
from osxmail.protocols.sessions import Sessions

log = Logger(namespace="osxmail.app")

#: Of one message.
MAX_TRACE_EVENTS = 10000


def addressIn(arguments: dict[str, Any], name: str) -> Address:
    written = text(arguments, name)
    try:
        return Address.parse(written)
    except ParseError as error:
        raise Refused(f"{written!r}: {error}") from None


@frozen
class Service:
    """
    A listener as C{osxmail status} shows it.
    """

    name: str
    endpoint: str
    address: str


@frozen
class House:
    """
    The parts that the commands work on.

    @ivar services: what listens just now.
    @ivar reload: reads the configuration again; returns lines about what changed and what needs a restart.
    @ivar away: the directories that do not answer, each with the reason.
    @ivar forget: makes the directories forget what they remember of accounts.
    """

    hostname: str
    started: float
    settings: Settings
    settingRows: ISettingRows
    store: IMailStore
    queue: IQueue
    domains: IDomains
    accounts: ILocalAccounts
    directory: IDirectory
    sessions: Sessions
    passwords: Passwords
    explainer: Explainer
    services: Callable[[], Sequence[Service]]
    reload: Callable[[], Any]
    forget: Callable[[], None]
    away: Callable[[], Sequence[tuple[str, str]]]


class Commands:
    def __init__(self, house: House) -> None:
        self.house = house

    def _changed(self, what: str, name: str) -> None:
        self.house.forget()
        log.info("{event}", event="administration.changed", what=what, name=name)
