# -*- test-case-name: tests.integration.test_daemon -*-
"""
The parts, put together: this reads as a parts list.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import ILogObserver, Logger
from twisted.python.failure import Failure

from osxmail import __version__
from osxmail.app import quickstart
from osxmail.app.commands import commandsOf
from osxmail.app.config import Configuration, readConfiguration
from osxmail.app.configfile import LISTENERS
from osxmail.app.control import ControlFactory
from osxmail.app.controlclient import SOCKET_NAME
from osxmail.app.datafolder import DataFolder
from osxmail.app.directories import Directories
from osxmail.app.early import readEarly
from osxmail.app.listeners import Listener
from osxmail.app.log import LogFiles
from osxmail.app.parts import House, Service
from osxmail.app.settings import Settings
from osxmail.app.terminal import cannotStart, complain, letTerminalGo, say
from osxmail.delivery.bounces import Bounces
from osxmail.delivery.explain import Explainer
from osxmail.delivery.local import LocalDelivery
from osxmail.delivery.reception import Reception
from osxmail.delivery.remote import RemoteDelivery
from osxmail.delivery.router import Router
from osxmail.delivery.scheduler import Scheduler
from osxmail.directory.checkers import DirectoryChecker
from osxmail.directory.local import LocalDirectory
from osxmail.directory.passwords import Passwords
from osxmail.errors import AlreadyExists, ConfigurationError, Refused
from osxmail.filters.access import AccessFilter
from osxmail.filters.clienthost import HelloFilter, ReverseDNSFilter
from osxmail.filters.dnsbl import DNSBLFilter
from osxmail.filters.spf import SPFChecker, SPFFilter
from osxmail.mail.acceptance import Domain
from osxmail.net.dns import Resolver
from osxmail.net.dnswire import Server
from osxmail.net.threads import Pool
from osxmail.net.tls import CertificateFiles, ClientTLS, ServerCertificates, makeSelfSigned
from osxmail.protocols.base import GateFactory
from osxmail.protocols.entrance import Entrance
from osxmail.protocols.imap.session import ImapFactory
from osxmail.protocols.lmtp import LMTPFactory
from osxmail.protocols.pop3 import POP3Factory
from osxmail.protocols.realm import MailRealm
from osxmail.protocols.sessions import Sessions
from osxmail.protocols.smtp import SMTPFactory
from osxmail.protocols.submission import SubmissionFactory
from osxmail.store.collection import Collection
from osxmail.store.domains import Domains
from osxmail.store.indexing import Indexing
from osxmail.store.localaccounts import LocalAccounts
from osxmail.store.settingrows import SettingRows
from osxmail.store.store import Store

log = Logger(namespace="osxmail.app")

#: How long a stop waits for commands and deliveries that are under way.
STOP_GRACE_SECONDS = 10.0
#: Threads that check signatures and wait for name servers, and messages that wait for one of them.
FILTER_THREADS = 8
MAX_WAITING_CHECKS = 1_000
#: Objects made since the last look, and looks at the younger generations before one at the next.
GC_THRESHOLDS = (50_000, 20, 50)


class Osxmail(MultiService):
    """
    The whole service.  Its children are the listeners and the log.

    @ivar configuration: the one that counts.
    """

    def __init__(self, configuration: Configuration) -> None:
        from twisted.internet import reactor

        super().__init__()
        self.configuration = configuration
        self._startedWith = configuration
        self._reactor: Any = reactor
        self._started = time.time()
        self._certificates = _configuredCertificates(configuration)
        readEarly()
        self.folder = DataFolder(configuration.data)
        self.settings = Settings(configuration.pins)
        self.listeners = [Listener(name, endpoint) for name, endpoint in configuration.listen]
        self.controlListener = Listener("control", f"unix:{_socketPath(configuration.data)}:mode=600:lockfile=0")
        for listener in self.listeners:
            listener.setServiceParent(self)
        self.logs = LogFiles(configuration.data / "logs", self.settings, sys.stdout)
        self._build()

    def _build(self) -> None:
        configuration, settings, reactor = self.configuration, self.settings, self._reactor
        hostname = configuration.hostname
        self.store = Store(configuration.data, reactor)
        self.domains = Domains(self.store.database, reactor)
        self.accounts = LocalAccounts(self.store.database, reactor)
        self.settingRows = SettingRows(self.store.database)
        self.collection = Collection(self.store.database, self.store.octets, settings, reactor)
        self.indexing = Indexing(self.store.database, self.store.octets, self.store.index, settings, reactor)
        self.sessions = Sessions(settings, reactor)
        self.resolver = Resolver([Server(host, port) for host, port in configuration.resolvers])
        self.passwords = Passwords(settings)
        self.directory = Directories(LocalDirectory(self.accounts, self.passwords), configuration.directories)
        self.router = Router(
            hostname, self.domains, self.directory, settings, self.store, self.accounts, clock=reactor
        )  # fmt: skip
        self.checks = Pool("filters", FILTER_THREADS, MAX_WAITING_CHECKS)
        filters = (
            AccessFilter(settings),
            DNSBLFilter(settings, self.resolver),
            ReverseDNSFilter(settings, self.resolver),
            HelloFilter(settings, self.resolver, hostname),
            SPFFilter(settings, SPFChecker(self.resolver, self.checks, hostname)),
        )
        self.reception = Reception(hostname, self.store, self.router, self.directory, settings, filters=filters)
        self.scheduler = Scheduler(
            queue=self.store.queue,
            remote=RemoteDelivery(hostname, self.resolver, settings, ClientTLS(), (), self._ownListeners, reactor),
            local=LocalDelivery(self.store, self.store.queue, self.router, settings),
            bounces=Bounces(hostname, self.store, self.router, settings),
            settings=settings,
        )
        realm = MailRealm(self.store, settings, self.router.keepsMailOf)
        self.portal = Portal(realm, [DirectoryChecker(self.directory)])
        self.commands = commandsOf(
            House(
                hostname=hostname,
                started=self._started,
                settings=settings,
                settingRows=self.settingRows,
                store=self.store,
                queue=self.store.queue,
                domains=self.domains,
                accounts=self.accounts,
                directory=self.directory,
                forget=self.directory.forget,
                away=self.directory.away,
                sessions=self.sessions,
                passwords=self.passwords,
                explainer=Explainer(self.reception, self.directory),
                services=lambda: [Service(one.service, one.endpoint, one.address) for one in self.listeners],
                reload=self.reload,
            )
        )

    def _ownListeners(self) -> list[tuple[str, int]]:
        """
        Where we listen for SMTP, so that the queue does not send to ourselves.
        """
        return [one.place for one in self.listeners if one.service == "smtp" and one.place[1]]

    def _factory(self, service: str) -> GateFactory:
        entrance = self._entrance(service, LISTENERS[service])
        if service in ("imap", "imaps"):
            return ImapFactory(entrance, self.portal, self.store, self.directory)
        if service in ("pop3", "pop3s"):
            return POP3Factory(entrance, self.portal)
        if service == "lmtp":
            return LMTPFactory(entrance, self.reception)
        kind: type[SMTPFactory] = SMTPFactory if service == "smtp" else SubmissionFactory
        return kind(entrance, self.reception, self.portal)

    def _entrance(self, service: str, isTLS: bool = False) -> Entrance:
        return Entrance(
            service=service,
            hostname=self.configuration.hostname,
            settings=self.settings,
            sessions=self.sessions,
            clock=self._reactor,
            tls=self.certificates,
            isTLS=isTLS,
        )

    # ------------------------------------------------------------------------------------------------- start

    def setServiceParent(self, parent: Any) -> None:
        # twistd asks its application for a log observer: events have fields, which its own would not show.
        super().setServiceParent(parent)
        if hasattr(parent, "setComponent"):
            parent.setComponent(ILogObserver, self.logs)

    def startService(self) -> None:
        data = self.configuration.data
        try:
            # Only now: before, with --uid, it would have been root's.
            self.folder.make()
            self.folder.take()
            self.logs.startService()
        except Refused as error:
            raise cannotStart(str(error)) from None
        except OSError as error:
            where = error.filename or data
            what = f"data: {where}: {error.strerror}; make the folder, for the user who runs osxmail"
            raise cannotStart(what) from None
        # Ignored until there is something to read again; it would end us.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        super().startService()
        starting = Deferred.fromCoroutine(self._start())
        starting.addErrback(self._giveUp)

    async def _start(self) -> None:
        configuration = self.configuration
        self.certificates = self._certificates or _ownCertificate(configuration)
        self.passwords.start()
        self.directory.start()
        await self.store.open()
        await self.reloadSettings()
        for name in configuration.domains:
            if await self.domains.domain(name) is None:
                await self.domains.addDomain(Domain(name))
        text = ""
        if configuration.path is None:
            passwords = quickstart.quickstartPasswords(configuration.data)
            await quickstart.makeAccounts(self.commands["account.add"], passwords)
            text = quickstart.firstSteps(passwords)
        _collectLess()
        self.scheduler.startService()
        self.collection.start()
        self.indexing.start()
        self.checks.start()
        for listener in self.listeners:
            listener.door.open(self._factory(listener.service), self.certificates)
        self.folder.removeSocket(SOCKET_NAME)
        self.controlListener.startService()
        control = ControlFactory(self._entrance("control"), self.commands)
        self.controlListener.door.open(control, self.certificates)
        await DeferredList([listener.bound for listener in (*self.listeners, self.controlListener)])
        signal.signal(signal.SIGHUP, self._hangUp)
        for name in configuration.later:
            log.warn("{event}", event="listener.left_out", listener=name, text="this version has none yet")
        log.info("{event}", event="server.started", version=__version__, hostname=configuration.hostname)
        say(text)
        say("osxmail is ready")
        letTerminalGo()

    async def reloadSettings(self) -> None:
        """
        Take the store's rows.
        """
        self.settings.load(await self.settingRows.settings())

    def _giveUp(self, failure: Failure) -> None:
        errorText = str(failure.value) or type(failure.value).__name__
        if isinstance(failure.value, ConfigurationError | Refused):
            log.critical("{event}", event="server.failed", text=errorText)
        else:
            log.failure("{event}", failure, event="server.failed")
        complain(f"cannot start: {errorText}")
        letTerminalGo()

        # twistd's exit status does not tell of a start that failed later.
        def leave() -> None:
            self.logs.flush()
            os._exit(1)

        self._reactor.addSystemEventTrigger("after", "shutdown", leave)
        self._reactor.stop()

    # ------------------------------------------------------------------------------------------------ reload

    def _hangUp(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._reloadForSignal)

    def _reloadForSignal(self) -> None:
        reloading = Deferred.fromCoroutine(self.reload())
        # What is wrong has been logged by reload.
        reloading.addErrback(lambda failure: failure.trap(Refused))

    async def reload(self) -> list[str]:
        """
        Read the configuration again and take what can change while we run.

        @return: what was done, and what waits for a restart, a line each.
        @raise Refused: it cannot be used; nothing has changed.
        """
        old = self.configuration
        if old.path is None:
            await self.reloadSettings()
            return ["the quickstart has no configuration file; settings were read again"]
        try:
            new = readConfiguration(old.path)
            files = _certificateFiles(new)
            if files:
                self.certificates.reload(files)
        except ConfigurationError as error:
            log.error("{event}", event="configuration.refused", problems=tuple(error.problems))
            raise Refused("nothing was changed:\n" + "\n".join(error.problems)) from None
        notes = ["certificates: read again"] if files else []
        if self.directory.replace(new.directories):
            notes.append("directory: replaced")
        self.settings.pin(new.pins)
        await self.reloadSettings()
        notes += [
            f"{key}: {'pinned' if key in new.pins else 'no longer pinned'}"
            for key in sorted({*new.pins, *old.pins})
            if new.pins.get(key) != old.pins.get(key)
        ]
        for name in new.domains:
            try:
                await self.domains.addDomain(Domain(name))
                notes.append(f"domain {name}: added")
            except AlreadyExists:
                continue
        running = self._startedWith
        for what, differs in [
            ("hostname", new.hostname != running.hostname),
            ("data", new.data != running.data),
            ("listen", new.listen != running.listen),
            ("dns", new.resolvers != running.resolvers),
            ("tls", not files and bool(_certificateFiles(old) or _certificateFiles(running))),
        ]:
            if differs:
                notes.append(f"{what}: changed in the file; counts from the next start on")
        self.configuration = new
        log.info("{event}", event="configuration.reloaded", notes=tuple(notes))
        return notes or ["nothing has changed"]

    # -------------------------------------------------------------------------------------------------- stop

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        log.info("{event}", event="server.stopping")
        # No new work: nobody gets in, nothing is claimed.
        await DeferredList([listener.stopService() for listener in (*self.listeners, self.controlListener)])
        for listener in list(self.listeners):
            listener.running = 0
        await DeferredList([self.sessions.stop(STOP_GRACE_SECONDS), self.scheduler.stopService()])
        await DeferredList([self.directory.stop(), self.passwords.stop(), self.collection.stop(), self.checks.stop()])
        await self.indexing.stop()
        await self.store.close()
        self.folder.release()
        self.running = 0
        log.info("{event}", event="server.stopped")
        self.logs.stopService()


def _collectLess() -> None:
    """
    Garbage in cycles is looked for less often, and not among what stands for ever: a look at everything stops all
    sessions for 60 ms, and what a message leaves behind goes by reference counts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _socketPath(data: Path) -> Path:
    path = data / SOCKET_NAME
    # sun_path has 108 octets on Linux.
    if len(os.fsencode(path)) > 100:
        raise ConfigurationError([f"data: {data}: too long a path for a Unix socket in it; choose a shorter one"])
    return path


def _certificateFiles(configuration: Configuration) -> list[CertificateFiles]:
    first = [configuration.certificate] if configuration.certificate else []
    return first + list(configuration.certificates)


def _configuredCertificates(configuration: Configuration) -> ServerCertificates | None:
    files = _certificateFiles(configuration)
    return ServerCertificates(files) if files else None


def _ownCertificate(configuration: Configuration) -> ServerCertificates:
    """
    One that nobody vouches for, made once.
    """
    certificate, key = configuration.data / "self-signed.pem", configuration.data / "self-signed.key"
    if not (certificate.exists() and key.exists()):
        makeSelfSigned([configuration.hostname, "localhost", "127.0.0.1"], certificate, key)
    return ServerCertificates([CertificateFiles(certificate, key)])
