"""
Every file C{PROTOCOL/*.txt} here is a test.

Worlds, by their C{@} lines (any number, before the first step):

======================  ==================================================================================
C{@ service NAME}       the listener: smtp, submission, submissions, lmtp, pop3, pop3s …
C{@ peer ADDRESS}       whence the client comes; 192.0.2.1 otherwise
C{@ set KEY = VALUE}    a setting
C{@ tls no}             the listener has no certificate
C{@ denied LOGIN}       this person may use neither POP nor IMAP
C{@ bound NAME = N}     a constant of ours, by its full name, is this number: a limit that is met sooner
C{@ message TEXT}       a message in anna's INBOX, with escapes (pop3, imap)
======================  ==================================================================================

C{anna}, C{ben} and C{root}, who is an administrator, at C{example.test} have the password C{secret}.  The group
C{staff@example.test} has anna and ben.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.python.reflect import namedModule
from twisted.trial.unittest import TestCase

from osxmail.protocols.base import Gate, GateFactory
from osxmail.protocols.entrance import Entrance
from osxmail.protocols.imap.session import ImapFactory
from osxmail.protocols.lmtp import LMTPFactory
from osxmail.protocols.pop3 import POP3Factory
from osxmail.protocols.realm import MailRealm
from osxmail.protocols.smtp import SMTPFactory
from osxmail.protocols.submission import SubmissionFactory
from osxmail.store.store import Store
from tests.conversations.dialogue import Dialogue, read, replay, unescape
from tests.fakes.directory import FakeDirectory
from tests.fakes.mailstores import closeStore, inboxOf, openStore, put
from tests.fakes.reception import FakeReception
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import Checker, Transport, entrance, person

HERE = Path(__file__).parent


class World:
    """
    What a dialogue takes place in.
    """

    def __init__(self, protocol: str, dialogue: Dialogue) -> None:
        self.service = protocol
        self.peer = "192.0.2.1"
        self.settings = FakeSettings({"auth.failure_delay": "0s"})
        self.hasTLS = True
        self.messages: list[str] = []
        self.bounds: list[tuple[str, str, float]] = []
        denied = set()
        for key, value in dialogue.world:
            match key:
                case "service":
                    self.service = value
                case "peer":
                    self.peer = value
                case "set":
                    name, _equals, text = value.partition(" = ")
                    self.settings.change(name, text)
                case "bound":
                    name, _equals, text = value.partition(" = ")
                    module, _dot, constant = name.rpartition(".")
                    self.bounds.append((module, constant, float(text) if "." in text else int(text)))
                case "tls":
                    self.hasTLS = value != "no"
                case "denied":
                    denied.add(value)
                case "message":
                    self.messages.append(value)
                case _:
                    raise AssertionError(f"{dialogue.path}: @ {key} is not known")
        people = [
            person(name, popAllowed=name not in denied, imapAllowed=name not in denied, administrator=name == "root")
            for name in ("anna", "ben", "root")
        ]
        self.directory = FakeDirectory()
        for each in people:
            self.directory.add(each)
        self.directory.addGroup("staff@example.test", "anna@example.test", "ben@example.test")
        self.checker = Checker(*people)
        self.reception = FakeReception(self.settings)
        self.store: Store | None = None
        self.folder = Path()

    async def open(self) -> GateFactory:
        """
        The listener.
        """
        if self.service.startswith(("imap", "pop3")):
            self.store, self.folder = await openStore(reactor)
            inbox = await inboxOf(self.store, "anna")
            for message in self.messages:
                await put(self.store, inbox, unescape(message))
        return WORLDS[self.service](self)

    def portal(self) -> Portal:
        return Portal(MailRealm(self.store, self.settings), [self.checker])  # type: ignore[list-item, arg-type]

    def entrance(self, isTLS: bool) -> Entrance:
        return entrance(self.service, self.settings, reactor, tls=object() if self.hasTLS else None, isTLS=isTLS)

    async def close(self) -> None:
        """
        Give back what L{open} has taken.
        """
        if self.store is not None:
            await closeStore(self.store, self.folder)


def _smtp(kind: type[SMTPFactory], isTLS: bool = False) -> Callable[[World], GateFactory]:
    def make(world: World) -> GateFactory:
        return kind(world.entrance(isTLS), world.reception, world.portal())

    return make


def _imap(isTLS: bool = False) -> Callable[[World], GateFactory]:
    def make(world: World) -> GateFactory:
        store: Any = world.store
        return ImapFactory(world.entrance(isTLS), world.portal(), store, world.directory)  # type: ignore[arg-type]

    return make


def _pop3(isTLS: bool = False) -> Callable[[World], GateFactory]:
    def make(world: World) -> GateFactory:
        return POP3Factory(world.entrance(isTLS), world.portal())

    return make


WORLDS: dict[str, Callable[[World], GateFactory]] = {
    "smtp": _smtp(SMTPFactory),
    "submission": _smtp(SubmissionFactory),
    "submissions": _smtp(SubmissionFactory, isTLS=True),
    "lmtp": _smtp(LMTPFactory),
    "pop3": _pop3(),
    "pop3s": _pop3(isTLS=True),
    "imap": _imap(),
    "imaps": _imap(isTLS=True),
}


class ConversationTests(TestCase):
    """
    One test for each file, made below.
    """

    async def _replay(self, path: Path) -> None:
        dialogue = read(path)
        world = World(path.parent.name, dialogue)
        for module, constant, number in world.bounds:
            assert hasattr(namedModule(module), constant), f"{path}: there is no {module}.{constant}"
            self.patch(namedModule(module), constant, number)
        factory = await world.open()

        def connect() -> tuple[Gate, Transport]:
            gate = factory.buildProtocol(None)
            transport = Transport(peerAddress=IPv4Address("TCP", world.peer, 4321))
            gate.makeConnection(transport)
            return gate, transport

        try:
            await replay(dialogue, connect, reactor)  # type: ignore[arg-type]
        finally:
            await world.close()


def _test(path: Path) -> Callable[[ConversationTests], Any]:
    async def test(self: ConversationTests) -> None:
        await self._replay(path)

    test.__doc__ = read(path).citation
    return test


for _path in sorted(HERE.glob("*/*.txt")):
    setattr(ConversationTests, f"test_{_path.parent.name}_{_path.stem}", _test(_path))
