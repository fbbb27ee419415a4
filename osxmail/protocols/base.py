# -*- test-case-name: tests.unit.protocols.test_base -*-
"""
The gate: what every line protocol is built on.

A protocol is a coroutine that I{pulls} its input: C{await readLine()}, C{await readChunk()}.  From that follow the
rules that a server on the open net needs: commands are handled one at a time and in order, however they were
pipelined; nothing is read that nobody asked for, beyond one bounded buffer; a slow client holds up nobody but
itself; STARTTLS forgets what came before it (RFC 3207 4.2); every wait has an end.
"""

from __future__ import annotations

import secrets
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IPushProducer,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from osxmail.protocols.entrance import Entrance
from osxmail.protocols.output import Output
from osxmail.protocols.replies import fault
from osxmail.protocols.sessions import Disconnected, Ended, Flooded, GoingAway, SessionEnd, TimedOut

#: Read and not yet asked for: past this the transport is paused.
MAX_BUFFERED_OCTETS = 65536
#: Of an over-long line: so much is passed over to find its end, then the session ends.
MAX_DISCARDED_OCTETS = 262144
#: Lines answered out of the buffer before others get their turn.
MAX_BURST_LINES = 32
#: How long a peer may take to let go of a connection that we have ended.
LINGER_SECONDS = 20.0
#: The same for one that floods us: it reads nothing, least of all the end of TLS.
FLOODED_LINGER_SECONDS = 1.0


class LineTooLong(Exception):
    """
    The line was longer than it may be, and has been passed over: the session is in step and can go on.
    """


class GateFactory(Factory):
    """
    Makes the sessions of one listener.
    """

    noisy = False

    def __init__(self, entrance: Entrance) -> None:
        self.entrance = entrance

    def gate(self) -> Gate:
        """
        A new session of the listener's protocol.
        """
        raise NotImplementedError

    def buildProtocol(self, addr: IAddress | None) -> Gate:  # type: ignore[override]
        return self.gate()


@implementer(IPushProducer)
class Gate(Protocol):
    """
    One session.

    @cvar protocolName: C{"smtp"}, C{"imap"} …
    @cvar isAlwaysAdmitted: for administrators, who must get in when clients fill the house.
    @cvar closedLevel: of the line about each session.
    @ivar sessionId: what the log and C{osxmail connections} call it.
    @ivar timeoutSeconds: how long one wait for the peer may last; change it at any time.
    @ivar isSecure: TLS is on.
    @ivar isCongested: the peer does not take what we send; whoever writes unasked should wait (L{drained}).
    @ivar login: the address of the account that has logged in, or C{""}.
    """

    protocolName: ClassVar[str] = ""
    isAlwaysAdmitted: ClassVar[bool] = False
    closedLevel: ClassVar[Any] = LogLevel.info
    log: ClassVar[Logger] = Logger(namespace="osxmail.protocols")
    # TCP, TLS or a Unix socket: their common interface has no one name in Twisted.
    transport: Any

    def __init__(self, factory: GateFactory) -> None:
        self.factory: GateFactory = factory
        self.entrance = factory.entrance
        self.clock = self.entrance.clock
        self.sessionId = secrets.token_hex(4)
        self.timeoutSeconds = 60.0
        self.isSecure = self.entrance.isTLS
        self.isCongested = False
        self.login = ""
        self.peerHost = ""
        self.peerPort = 0
        self.startedAt = 0.0
        self.octetsIn = 0
        self.octetsOut = 0
        self.commands = 0
        self._buffer = b""
        self._offset = 0
        self._scanned = 0
        self._burst = 0
        self._isPaused = False
        self._isStopping: SessionEnd | None = None
        self._isAtRest = False
        self._end: SessionEnd | None = None
        self._waiting: Deferred[None] | None = None
        self._draining: Deferred[None] | None = None
        self._since = 0.0
        self._deadline = 0.0
        self._timer: IDelayedCall | None = None

    # ------------------------------------------------------------------------------- for the protocol to say

    async def session(self) -> None:
        """
        The whole conversation, from the greeting on.  Returning ends the connection.
        """
        raise NotImplementedError

    def notLetIn(self, why: str) -> bytes:
        """
        The greeting of a session that is not let in.
        """
        return b""

    def lastWords(self, end: SessionEnd) -> bytes:
        """
        What the peer is told when the session ends before its time.
        """
        return b""

    def brokenWords(self, errorId: str) -> bytes:
        """
        What the peer is told when we have a fault; the log has the id.
        """
        return b""

    def describe(self) -> dict[str, str]:
        """
        More about the session for C{osxmail connections}: mailbox, client …
        """
        return {}

    def drained(self) -> None:
        """
        The peer takes what we send again.
        """

    # --------------------------------------------------------------------------------------------- reading

    async def readLine(self, maxOctets: int, atRest: bool = False) -> bytes:
        """
        The next line, without its CRLF (or LF).

        @param maxOctets: the longest line allowed, its end included.
        @param atRest: no work is under way: a stop of the server ends the session here.
        @raise LineTooLong: it was longer; it has been passed over.
        @raise SessionEnd: there will be none.
        """
        # Octets of the line that came before what the buffer has: not 0 while a line is passed over.
        passed = 0
        while True:
            buffer = self._buffer
            newline = buffer.find(b"\n", max(self._offset, self._scanned))
            if newline >= 0:
                start = self._offset
                self._consume(newline + 1)
                if passed or newline + 1 - start > maxOctets:
                    raise LineTooLong
                self._burst += 1
                if self._burst > MAX_BURST_LINES:
                    await self.letOthers()
                if newline > start and buffer[newline - 1] == 13:
                    newline -= 1
                return buffer[start:newline]
            if passed or len(buffer) - self._offset > maxOctets:
                passed += len(buffer) - self._offset
                self._consume(len(buffer))
                if passed > MAX_DISCARDED_OCTETS:
                    raise self._endWith(Flooded())
            self._scanned = len(self._buffer)
            await self._more(atRest)

    async def readChunk(self, maxOctets: int) -> bytes:
        """
        What there is, 1 to C{maxOctets} octets.

        @raise SessionEnd: there will be nothing more.
        """
        while self._offset >= len(self._buffer):
            await self._more(False)
        buffer, start = self._buffer, self._offset
        if start == 0 and len(buffer) <= maxOctets:
            self._consume(len(buffer))
            return buffer
        chunk = buffer[start : start + maxOctets]
        self._consume(start + len(chunk))
        return chunk

    def unread(self, data: bytes) -> None:
        """
        Put back what belongs to whoever reads next.
        """
        if data:
            self._buffer = data + self._buffer[self._offset :]
            self._offset = self._scanned = 0

    def _consume(self, offset: int) -> None:
        if offset >= len(self._buffer):
            self._buffer = b""
            self._offset = 0
        else:
            self._offset = offset
        self._scanned = 0

    async def _more(self, atRest: bool) -> None:
        if self._end is not None:
            raise self._end
        if atRest and self._isStopping is not None:
            raise self._endWith(self._isStopping)
        self._burst = 0
        self._isAtRest = atRest
        self._since = self.clock.seconds()
        waiting = self._waiting = Deferred()
        if self._isPaused:
            self._isPaused = False
            self.transport.resumeProducing()
        await waiting
        if self._end is not None and self._offset >= len(self._buffer):
            raise self._end

    async def letOthers(self) -> None:
        """
        Give the reactor a turn: long work is done in slices.
        """
        self._burst = 0
        await self.entrance.sessions.turn()

    def dataReceived(self, data: bytes) -> None:
        self.octetsIn += len(data)
        if self._offset < len(self._buffer):
            self._buffer = self._buffer[self._offset :] + data
            self._scanned = max(0, self._scanned - self._offset)
        else:
            self._buffer = data
            self._scanned = 0
        self._offset = 0
        waiting = self._waiting
        if waiting is not None:
            self._waiting = None
            # The replies to what was pipelined go out in one piece.
            self._output.isGathering = True
            waiting.callback(None)
            self._output.isGathering = False
            self._output.flush()
        if len(self._buffer) - self._offset >= MAX_BUFFERED_OCTETS and self._waiting is None and not self._isPaused:
            self._isPaused = True
            self.transport.pauseProducing()

    # --------------------------------------------------------------------------------------------- writing

    def write(self, data: bytes) -> None:
        """
        Send, at once and bounded only by what the caller does between two L{drain}s.
        """
        self.octetsOut += len(data)
        self._output.write(data)

    async def drain(self) -> None:
        """
        Wait until the peer has taken enough of what was sent.

        @raise SessionEnd: it has left, or takes too long.
        """
        self._output.flush()
        while self.isCongested and self._end is None:
            self._since = self.clock.seconds()
            self._draining = Deferred()
            await self._draining
        if self._end is not None:
            raise self._end

    def pauseProducing(self) -> None:
        self.isCongested = True

    def resumeProducing(self) -> None:
        self.isCongested = False
        draining, self._draining = self._draining, None
        if draining is not None:
            draining.callback(None)
        else:
            self.drained()

    def stopProducing(self) -> None:
        """
        The connection is gone; L{connectionLost} says so to whom it concerns.
        """

    # ------------------------------------------------------------------------------------------------- TLS

    def startTLS(self) -> None:
        """
        Go over to TLS; the reply that allows it has been written.  Whatever the peer sent before is forgotten: it was
        not protected, and an attacker may have put it there (RFC 3207 4.2, RFC 9051 6.2.1).
        """
        assert self.entrance.tls is not None
        self._output.flush()
        self._buffer = b""
        self._offset = self._scanned = 0
        self.isSecure = True
        self._output.isPlain = False
        self.transport.startTLS(self.entrance.tls)

    def tlsDescription(self) -> str:
        """
        C{"TLSv1.3 TLS_AES_256_GCM_SHA384"}, or C{""} in clear text.
        """
        if not self.isSecure:
            return ""
        handle = self.transport.getHandle()
        try:
            return f"{handle.get_protocol_version_name()} {handle.get_cipher_name() or ''}".strip()
        except AttributeError:
            # TLS ended before us, as in a test's transport.
            return "TLS"

    # ------------------------------------------------------------------------------------- beginning and end

    def connectionMade(self) -> None:
        transport = self.transport
        peer = transport.getPeer()
        self.peerHost = str(getattr(peer, "host", "") or "127.0.0.1")
        if self.peerHost.startswith("::ffff:"):
            self.peerHost = self.peerHost[7:]
        self.peerPort = int(getattr(peer, "port", 0))
        self.startedAt = self._since = self.clock.seconds()
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        self._output = Output(transport)
        why = self.entrance.sessions.admit(self)
        if why:
            self._end = Ended()
            transport.write(self.notLetIn(why))
            transport.loseConnection()
            self._linger()
            return
        transport.registerProducer(self, True)
        self._timer = self.clock.callLater(self.timeoutSeconds, self._checkTime)
        self.log.debug(
            "{event}", event="session.opened", session=self.sessionId, protocol=self.protocolName, host=self.peerHost
        )
        Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        why = "the session was finished"
        words = b""
        try:
            await self.session()
        except SessionEnd as end:
            why = end.why
            words = self.lastWords(end)
        except Exception:  # noqa: BLE001 — the last line of defence: logged, and the peer gets an id
            errorId = fault(self.sessionId, self.protocolName, "session")
            why = f"our fault {errorId}"
            words = self.brokenWords(errorId)
        self._close(why, words)

    def _close(self, why: str, words: bytes) -> None:
        gone = isinstance(self._end, Disconnected)
        if self._end is None:
            self._end = Ended()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.entrance.sessions.leave(self)
        self._buffer = b""
        self.log.emit(
            self.closedLevel,
            "{event}",
            event="session.closed",
            session=self.sessionId,
            protocol=self.protocolName,
            service=self.entrance.service,
            host=self.peerHost,
            login=self.login,
            tls=self.isSecure,
            seconds=round(self.clock.seconds() - self.startedAt, 3),
            octetsIn=self.octetsIn,
            octetsOut=self.octetsOut,
            commands=self.commands,
            why=why,
        )
        if gone:
            return
        self._output.isGathering = False
        self._output.write(words)
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self._linger()

    def _linger(self) -> None:
        seconds = FLOODED_LINGER_SECONDS if isinstance(self._end, Flooded) else LINGER_SECONDS
        self._timer = self.clock.callLater(seconds, self._abort)

    def _abort(self) -> None:
        self._timer = None
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._end is not None and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._endWith(Disconnected())

    def _endWith(self, end: SessionEnd) -> SessionEnd:
        """
        From now on every wait raises C{end}.
        """
        self._end = end
        waiting, self._waiting = self._waiting, None
        draining, self._draining = self._draining, None
        if waiting is not None:
            waiting.callback(None)
        if draining is not None:
            draining.callback(None)
        return end

    def goAway(self, end: SessionEnd | None = None) -> None:
        """
        End the session as soon as no command is under way.

        @param end: why; the server stops, if it is not given.
        """
        self._isStopping = end or GoingAway()
        if self._waiting is not None and self._isAtRest:
            self._endWith(self._isStopping)

    # ------------------------------------------------------------------------------------------------ time

    def setDeadline(self, seconds: float) -> None:
        """
        The session ends so long from now, whatever it does (a login that must come, a session's greatest length); 0
        takes that back.
        """
        self._deadline = self.clock.seconds() + seconds if seconds else 0.0
        if seconds and self._timer is not None and self._timer.getTime() > self._deadline:
            self._timer.reset(seconds)

    def setTimeout(self, seconds: float) -> None:
        """
        How long one wait for the peer may last, from now on.
        """
        self.timeoutSeconds = seconds
        if self._timer is not None and self._timer.getTime() > self.clock.seconds() + seconds:
            self._timer.reset(seconds)

    def _checkTime(self) -> None:
        now = self.clock.seconds()
        isWaiting = self._waiting is not None or self._draining is not None
        due = (self._since if isWaiting else now) + self.timeoutSeconds
        if self._deadline:
            due = min(due, self._deadline)
        if due > now:
            self._timer = self.clock.callLater(due - now, self._checkTime)
            return
        self._timer = None
        if isWaiting:
            self._endWith(TimedOut())
        else:
            # A command is under way: it is answered, and the next wait ends the session.
            self._end = TimedOut()
