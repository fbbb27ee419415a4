# -*- test-case-name: tests.unit.delivery.test_smtpclient -*-
"""
The lower half of an outgoing connection: octets, replies, time and back-pressure.  What is said is in
L{osxmail.delivery.smtpclient}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from osxmail.delivery.replyreader import ReplyReader
from osxmail.errors import ParseError
from osxmail.mail.smtpreply import Reply

MAX_UNASKED_REPLIES = 4  # replies beyond those that are waited for

CLOSED = Reply(451, "4.4.2", ("The connection is closed",))


@implementer(IPushProducer, IHandshakeListener)
class ReplyConnection(Protocol):
    """
    Writes commands and waits for replies.  It never fails: once it has ended, whatever is waited for is answered
    by the reply that says why.

    @ivar isUsable: it can be talked to.
    @ivar giveUpAt: no wait goes beyond this, by the clock.
    @ivar madeAt: when it was begun, by the clock.
    @ivar onConnected: called once, when it stands.
    @ivar onLost: called once, when it is gone.
    """

    # TCP or TLS: their common interface has no one name in Twisted.
    transport: Any

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.isUsable = False
        self.giveUpAt: float | None = None
        self.madeAt = clock.seconds()
        self.onConnected: Callable[[], None] | None = None
        self.onLost: Callable[[], None] | None = None
        self._reader = ReplyReader()
        self._replies: list[Reply] = []
        self._wanted = 0
        self._waiting: Deferred[None] | None = None
        self._draining: Deferred[None] | None = None
        self._isCongested = False
        self._isClosing = False
        self._ended: Reply | None = None
        self._deadline: float | None = None
        self._timer: IDelayedCall | None = None

    # ----------------------------------------------------------------------------------------------- replies

    async def _ask(self, command: str, seconds: float) -> Reply:
        self.transport.write(command.encode("utf-8") + b"\r\n")
        return await self._reply(seconds)

    async def _reply(self, seconds: float) -> Reply:
        if not self._replies and self._ended is None:
            await self._arrival(1, seconds)
        if self._replies:
            reply = self._replies.pop(0)
            if reply.code == 421:
                # RFC 5321 3.8: it is closing the connection.
                self._end(reply)
            return reply
        return self._endReply()

    async def _collect(self, count: int, seconds: float) -> list[Reply]:
        if len(self._replies) < count and self._ended is None:
            await self._arrival(count, seconds)
        replies, self._replies = self._replies[:count], self._replies[count:]
        for reply in replies:
            if reply.code == 421:
                self._end(reply)
        return replies

    def _arrival(self, count: int, seconds: float) -> Deferred[None]:
        waiting = self._waiting = Deferred()
        self._wanted = count
        self._arm(seconds)
        return waiting

    def _endReply(self) -> Reply:
        return self._ended or CLOSED

    def dataReceived(self, data: bytes) -> None:
        """
        Octets from the server.
        """
        if self._ended is not None:
            if self._isClosing:
                self.transport.loseConnection()
            return
        try:
            self._replies += self._reader.feed(data)
        except ParseError as error:
            self._end(Reply(451, "4.5.0", (f"The host does not speak SMTP: {error}",)))
            return
        waiting = self._waiting
        if waiting is None:
            # Nobody has asked: it is about to close, or it is out of step.
            self.isUsable = False
            if len(self._replies) > MAX_UNASKED_REPLIES:
                self._end(Reply(451, "4.5.0", ("The host answers what nobody has asked",)))
        elif len(self._replies) >= self._wanted or any(reply.code == 421 for reply in self._replies):
            if len(self._replies) > self._wanted + MAX_UNASKED_REPLIES:
                self._end(Reply(451, "4.5.0", ("The host answers what nobody has asked",)))
                return
            self._waiting = None
            self._deadline = None
            waiting.callback(None)

    # ------------------------------------------------------------------------------------------------ its end

    def _end(self, reply: Reply) -> Reply:
        """
        The conversation is over; C{reply} is what everything that waits is told.
        """
        if self._ended is None:
            self._ended = reply
            self.isUsable = False
            self._deadline = None
            self.transport.abortConnection()
            self._wake()
        return reply

    def _wake(self) -> None:
        for name in ("_waiting", "_draining"):
            waiting = getattr(self, name)
            if waiting is not None:
                setattr(self, name, None)
                waiting.callback(None)

    def abort(self, why: str) -> None:
        """
        End it now, whatever is under way.
        """
        self._end(Reply(451, "4.3.2", (why,)))

    def close(self, lastWords: bytes, seconds: float) -> None:
        """
        Say C{lastWords}, and let go once they are answered, or after C{seconds}.
        """
        if self._ended is None:
            self._ended = CLOSED
            self._isClosing = True
            self.isUsable = False
            self.transport.write(lastWords)
            self._arm(seconds)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The connection is gone.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.isUsable = False
        if self._ended is None:
            what = "The host has closed the connection" if reason.check(type(connectionDone.value)) else _why(reason)
            self._ended = Reply(451, "4.4.2", (what,))
        if self.onLost is not None:
            self.onLost()
        self._wake()

    def connectionMade(self) -> None:
        """
        Small writes go out at once: there is one for each step.
        """
        self.transport.setTcpNoDelay(True)
        if self.onConnected is not None:
            self.onConnected()

    def handshakeCompleted(self) -> None:
        """
        TLS is on.
        """
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    # -------------------------------------------------------------------------------------------------- time

    def _arm(self, seconds: float) -> None:
        now = self.clock.seconds()
        if self.giveUpAt is not None:
            seconds = max(0.0, min(seconds, self.giveUpAt - now))
        self._deadline = now + seconds
        if self._timer is None:
            self._timer = self.clock.callLater(seconds, self._look)
        elif self._timer.getTime() > self._deadline:
            self._timer.reset(seconds)

    def _look(self) -> None:
        # One timer for all steps: it is moved on only when it has run out, not for each of them.
        self._timer = None
        if self._deadline is None:
            return
        left = self._deadline - self.clock.seconds()
        if left > 0.001:
            self._timer = self.clock.callLater(left, self._look)
        elif self._ended is not None:
            self.transport.abortConnection()
        else:
            self._end(Reply(451, "4.4.2", ("The host did not answer in time",)))

    # ------------------------------------------------------------------------------------------ back-pressure

    def pauseProducing(self) -> None:
        """
        The host does not take what we send.
        """
        self._isCongested = True

    def resumeProducing(self) -> None:
        """
        It does again.
        """
        self._isCongested = False
        draining, self._draining = self._draining, None
        if draining is not None:
            draining.callback(None)

    def stopProducing(self) -> None:
        """
        The connection is going; C{connectionLost} follows.
        """


def _why(reason: Failure) -> str:
    return f"The connection was lost: {reason.value}"[:300]
