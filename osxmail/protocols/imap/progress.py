# -*- test-case-name: tests.unit.protocols.imap.test_progress -*-
"""
Telling a client that a long command is still being carried out (RFC 9585).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from osxmail.mail.imap.response import renderString
from osxmail.protocols.imap.speaking import tell

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

_Result = TypeVar("_Result")

#: After so long, and then so often, a client hears how far a command is.
INTERVAL_SECONDS = 5.0


class Progress:
    """
    How far the command under way is: C{* OK [INPROGRESS …]}.  To be called between responses, never inside of one.
    """

    __slots__ = ("_session", "_since", "_tag")

    def __init__(self, session: Imap) -> None:
        self._session = session
        self._tag = session.tag
        self._since = session.clock.seconds()

    def __call__(self, done: int, total: int) -> None:
        """
        Tell it, unless that was done a moment ago or the client does not listen.

        @param total: 0 if it is not known.
        """
        session = self._session
        now = session.clock.seconds()
        if now - self._since < INTERVAL_SECONDS or session.isCongested:
            return
        self._since = now
        # RFC 9585 4: done is less than total as long as the command lasts.
        goal = b"%d" % max(total, done + 1) if total else b"NIL"
        tell(session, b"* OK [INPROGRESS (%b %d %b)] Working\r\n" % (renderString(self._tag), done, goal))

    async def during(self, work: Deferred[_Result]) -> _Result:
        """
        The result of work of which nobody knows how far it is.
        """
        session = self._session
        timer: IDelayedCall

        def beat() -> None:
            nonlocal timer
            timer = session.clock.callLater(INTERVAL_SECONDS, beat)
            if not session.isCongested:
                tell(session, b"* OK [INPROGRESS (%b NIL NIL)] Working\r\n" % renderString(self._tag))

        timer = session.clock.callLater(INTERVAL_SECONDS, beat)
        try:
            return await work
        finally:
            timer.cancel()
