# -*- test-case-name: tests.integration.test_ldapconnections -*-
"""
Connections to an LDAP directory: blocking work in bounded threads, each question with a deadline of its own.

Nothing that a server or a network does can hold a thread for longer than the deadline: then the reactor shuts the
socket down under it.
"""

from __future__ import annotations

import math
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

from attrs import frozen
from ldap3 import AUTO_BIND_NONE, DEREF_NEVER, NONE, SIMPLE, SYNC, Connection, Server, Tls
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from osxmail.directory.backoff import Backoff
from osxmail.directory.ldapconfiguration import LDAPConfiguration
from osxmail.directory.ldapfilter import Entry
from osxmail.directory.ldapsocket import MeteredSocket
from osxmail.errors import DirectoryAway, Overloaded
from osxmail.net.threads import Pool

MAX_WAITING = 500  # questions that wait for a connection; more are told that the directory is away
MAX_IDLE_SECONDS = 60.0  # an older connection may have died without a word: a new one costs less than a time-out
MAX_ANSWER_OCTETS = 4 * 1024 * 1024
RECEIVE_OCTETS = 64 * 1024
STOP_SECONDS = 2.0
EVENT_INTERVAL_SECONDS = 10.0

# RFC 4511 4.1.9: result codes
_SUCCESS = 0
_SIZE_LIMIT_EXCEEDED = 4
_NO_SUCH_OBJECT = 32
_INVALID_CREDENTIALS = 49
#: timeLimitExceeded, adminLimitExceeded: this question asked too much.
_TOO_MUCH = frozenset({3, 11})
#: busy, unavailable.
_NOT_NOW = frozenset({51, 52})
#: The answer is "no": noSuchObject, invalidDNSyntax, inappropriateAuthentication (the entry has no password),
#: invalidCredentials, insufficientAccessRights, unwillingToPerform (389 DS says it of a locked account), and
#: constraintViolation (a password policy).
_REFUSED = frozenset({_NO_SUCH_OBJECT, 34, 48, _INVALID_CREDENTIALS, 50, 53, 19})

_Answer = TypeVar("_Answer")


class _Unusable(Exception):
    """
    The server has answered this question with something that is no answer; the next one may go better.  The text holds
    no secret.
    """


class _Away(_Unusable):
    """
    What it has answered holds for every question: it is busy, the base does not exist, the service may not log in.
    """


@frozen
class Found:
    """
    The result of a search.

    @ivar isComplete: the size limit was not reached.
    """

    entries: tuple[Entry, ...]
    isComplete: bool


class _Call:
    """
    One question in a thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._connection: Connection | None = None
        self.isAbandoned = False

    def holds(self, connection: Connection | None) -> None:
        with self._lock:
            self._connection = connection

    def abandon(self) -> None:
        """
        On the reactor: wake the thread, if it is waiting for the server.
        """
        self.isAbandoned = True
        with self._lock:
            sock = getattr(self._connection, "socket", None)
            if isinstance(sock, MeteredSocket):
                sock = sock.socket
            if sock is not None:
                try:
                    # Of the plain class: that of TLS would take the session from under the thread.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
                except OSError:
                    pass  # it is closed already


class LDAPConnections:
    """
    A bounded pool of connections for one purpose.
    """

    log = Logger(namespace="osxmail.directory")

    def __init__(
        self, name: str, configuration: LDAPConfiguration, backoff: Backoff, isBound: bool, reactor: Any
    ) -> None:
        """
        @param isBound: connections log in as the service before they are used.
        """
        self._configuration = configuration
        self._backoff = backoff
        self._isBound = isBound
        self._clock = reactor
        self._pool = Pool(name, configuration.poolSize, MAX_WAITING, reactor)
        self._idle: deque[tuple[Connection, float]] = deque()
        self._calls: set[_Call] = set()
        self._lastTold = -EVENT_INTERVAL_SECONDS

    def start(self) -> None:
        self._pool.start()

    def stop(self) -> Deferred[None]:
        """
        Fires when no thread works any more.  Questions that are open have C{STOP_SECONDS}.
        """

        def hurry() -> None:
            for call in self._calls:
                call.abandon()

        patience = self._clock.callLater(STOP_SECONDS, hurry)
        done = self._pool.stop()

        def close(_: None) -> None:
            if patience.active():
                patience.cancel()
            self._closeIdle()

        return done.addCallback(close)

    @property
    def running(self) -> int:
        """
        Questions that have a thread now.
        """
        return self._pool.running

    def search(self, base: str, scope: Any, filter: str, attributes: Sequence[str], sizeLimit: int) -> Deferred[Found]:
        """
        @param scope: C{ldap3.SUBTREE} …
        @raise DirectoryAway: (in the Deferred) also when the base does not exist.
        """
        return self._ask(
            lambda connection: self._search_inThread(connection, base, scope, filter, attributes, sizeLimit)
        )

    def read(self, dns: Sequence[str], filter: str, attributes: Sequence[str]) -> Deferred[tuple[Entry | None, ...]]:
        """
        Entries by their DNs, in order; C{None} for one that does not exist or does not match.
        """
        return self._ask(lambda connection: self._read_inThread(connection, dns, filter, attributes))

    def verify(self, dn: str, password: str) -> Deferred[bool]:
        """
        Is this the entry's password?

        RFC 4513 5.1.1 and 5.1.2: without a DN or without a password a bind is anonymous, and succeeds.  Both are
        refused here, before anything is sent.
        """
        if not dn.strip() or not password or "\0" in password:
            return fail(ValueError("a login has a DN and a password"))
        # As octets: our library would run its own preparation over text.
        octets = password.encode("utf-8")
        return self._ask(lambda connection: self._verify_inThread(connection, dn, octets))

    # -- on the reactor

    def _ask(self, work: Callable[[Connection], _Answer]) -> Deferred[_Answer]:
        if not self._backoff.mayAsk():
            return fail(self._away(f"away: {self._backoff.reason}"))
        call = _Call()
        answer: Deferred[_Answer] = Deferred()
        seconds = self._configuration.timeoutSeconds

        def expire() -> None:
            call.abandon()
            reason = f"no answer within {seconds:g} s"
            self._backoff.failed(reason)
            answer.errback(self._away(reason))

        def done(result: _Answer | Failure) -> None:
            self._calls.discard(call)
            if not deadline.active():
                return
            deadline.cancel()
            if not isinstance(result, Failure):
                self._backoff.succeeded()
                answer.callback(result)
            elif result.check(Overloaded):
                self._backoff.learnedNothing()
                answer.errback(self._away("too many questions wait for it"))
            elif result.check(_Unusable) and not result.check(_Away):
                self._backoff.succeeded()
                self._tellUnusable(result.getErrorMessage())
                answer.errback(self._away(result.getErrorMessage()))
            else:
                self._backoff.failed(result.getErrorMessage())
                answer.errback(self._away(result.getErrorMessage()))

        self._calls.add(call)
        deadline = self._clock.callLater(seconds, expire)
        self._pool.run(self._run_inThread, call, work).addBoth(done)
        return answer

    def _away(self, reason: str) -> DirectoryAway:
        return DirectoryAway(f"the directory {self._configuration.url}: {reason}")

    def _tellUnusable(self, reason: str) -> None:
        now = self._clock.seconds()
        if now - self._lastTold >= EVENT_INTERVAL_SECONDS:
            self._lastTold = now
            self.log.error("{event}", event="directory.unusable", directory=self._configuration.url, reason=reason)

    def _closeIdle(self) -> None:
        while self._idle:
            _close(self._idle.pop()[0])

    # -- in a thread

    def _run_inThread(self, call: _Call, work: Callable[[Connection], _Answer]) -> _Answer:
        while True:
            isFresh = False
            connection = None
            try:
                if call.isAbandoned:
                    raise DirectoryAway("the question came too late")
                connection = self._takeIdle()
                if connection is None:
                    isFresh = True
                    connection = self._open_inThread(call)
                call.holds(connection)
                if isinstance(connection.socket, MeteredSocket):
                    connection.socket.begin()
                answer = work(connection)
            except (_Unusable, DirectoryAway):
                self._giveBack(call, connection)
                raise
            except Exception as error:  # noqa: BLE001 -- a server's bad octets may raise anything in the library
                call.holds(None)
                if connection is not None:
                    _close(connection)
                if isFresh or call.isAbandoned:
                    raise DirectoryAway(_reason(error)) from None
                # The server has closed what lay idle, after its own time-out or a restart; so it has with the others.
                self._closeIdle()
            else:
                self._giveBack(call, connection)
                return answer

    def _takeIdle(self) -> Connection | None:
        while self._idle:
            connection, since = self._idle.pop()
            if monotonic() - since < MAX_IDLE_SECONDS:
                return connection
            _close(connection)
        return None

    def _giveBack(self, call: _Call, connection: Connection | None) -> None:
        # Out of the reactor's reach first: a connection that somebody else uses must not be shut down.
        call.holds(None)
        if connection is None:
            return
        if call.isAbandoned or connection.closed:
            _close(connection)
        else:
            self._idle.append((connection, monotonic()))

    def _open_inThread(self, call: _Call) -> Connection:
        error: Exception | None = None
        for url in self._configuration.urls:
            if call.isAbandoned:
                break
            connection = self._connection(url)
            call.holds(connection)
            try:
                connection.open(read_server_info=False)
                if self._configuration.startTLS:
                    connection.start_tls(read_server_info=False)
                # After TLS has been laid around the socket, which wants a real one.
                connection.socket = MeteredSocket(connection.socket, MAX_ANSWER_OCTETS)
                if self._isBound and self._configuration.bindDN:
                    self._bindService_inThread(connection)
                return connection
            except Exception as caught:  # noqa: BLE001 -- whatever it is, the next replica may do better
                call.holds(None)
                _close(connection)
                error = caught
        raise DirectoryAway(str(error) if isinstance(error, _Unusable) else _reason(error))

    def _connection(self, url: str) -> Connection:
        configuration = self._configuration
        tls = None
        if configuration.startTLS or url.lower().startswith("ldaps:"):
            tls = Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=configuration.caFile or None)
        server = Server(url, get_info=NONE, tls=tls, connect_timeout=configuration.timeoutSeconds)
        connection = Connection(
            server,
            auto_bind=AUTO_BIND_NONE,
            client_strategy=SYNC,
            auto_referrals=False,  # a password never follows a referral to another server
            auto_range=False,
            check_names=False,
            read_only=True,
            return_empty_attributes=False,
            auto_escape=False,
            auto_encode=False,
            receive_timeout=math.ceil(configuration.timeoutSeconds),
        )
        connection.strategy.socket_size = RECEIVE_OCTETS
        return connection

    def _bindService_inThread(self, connection: Connection) -> None:
        code = _bind_inThread(connection, self._configuration.bindDN, self._configuration.bindPassword.encode("utf-8"))
        if code != _SUCCESS:
            raise _Unusable(
                f"the service login was refused ({_described(connection)}): look at bind_dn and its password"
            )

    def _verify_inThread(self, connection: Connection, dn: str, password: bytes) -> bool:
        code = _bind_inThread(connection, dn, password)
        if code == _SUCCESS:
            return True
        if code in _REFUSED:
            return False
        kind = _Away if code in _NOT_NOW else _Unusable
        raise kind(f"a login was answered with {_described(connection)}")

    def _search_inThread(
        self, connection: Connection, base: str, scope: Any, filter: str, attributes: Sequence[str], sizeLimit: int
    ) -> Found:
        code = self._request_inThread(connection, base, scope, filter, attributes, sizeLimit)
        if code not in (_SUCCESS, _SIZE_LIMIT_EXCEEDED):
            kind = _Unusable if code in _TOO_MUCH else _Away
            advice = ": look at base, and at what bind_dn may read" if code == _NO_SUCH_OBJECT else ""
            raise kind(f"a search below {base} was answered with {_described(connection)}{advice}")
        return Found(_entries(connection), code == _SUCCESS)

    def _read_inThread(
        self, connection: Connection, dns: Sequence[str], filter: str, attributes: Sequence[str]
    ) -> tuple[Entry | None, ...]:
        found: list[Entry | None] = []
        for dn in dns:
            code = self._request_inThread(connection, dn, "BASE", filter, attributes, 1)
            if code not in (_SUCCESS, _NO_SUCH_OBJECT, 34):
                raise _Unusable(f"reading {dn} was answered with {_described(connection)}")
            found.append(next(iter(_entries(connection)), None) if code == _SUCCESS else None)
        return tuple(found)

    def _request_inThread(
        self, connection: Connection, base: str, scope: Any, filter: str, attributes: Sequence[str], sizeLimit: int
    ) -> int:
        connection.search(
            base,
            filter,
            search_scope=scope,
            dereference_aliases=DEREF_NEVER,
            attributes=list(attributes),
            size_limit=sizeLimit,
            time_limit=math.ceil(self._configuration.timeoutSeconds),
        )
        return int(connection.result["result"])


def _bind_inThread(connection: Connection, dn: str, password: bytes) -> int:
    try:
        # Not "rebind", which hides what went wrong behind a text of its own.
        connection.authentication = SIMPLE
        connection.user, connection.password = dn, password
        connection.bind(read_server_info=False)
        return int(connection.result["result"])
    finally:
        # What a memory dump or a representation would show.
        connection.user = connection.password = connection.request = None


def _entries(connection: Connection) -> tuple[Entry, ...]:
    # Continuation references (RFC 4511 4.5.3) are passed over: what another server holds does not live here.
    return tuple(
        Entry(
            item["raw_dn"].decode("utf-8", "replace"),
            {name.lower(): tuple(values or ()) for name, values in item["raw_attributes"].items()},
        )
        for item in connection.response or ()
        if item["type"] == "searchResEntry"
    )


def _described(connection: Connection) -> str:
    result = connection.result or {}
    return str(result.get("description", "nothing"))


def _reason(error: Exception | None) -> str:
    if error is None:
        return "it was not asked in time"
    text = str(error)
    if len(text) > 300:
        # A certificate that has another name stands in the middle of its text, what is wrong with it at the end.
        text = f"{text[:140]} … {text[-140:]}"
    return f"{type(error).__name__}: {text}"


def _close(connection: Connection) -> None:
    # Without the courtesy of an unbind: that would be a write to a server that may be hung.
    try:
        connection.strategy.close()
    except Exception:  # noqa: BLE001, S110 -- it is closed, one way or another
        pass
