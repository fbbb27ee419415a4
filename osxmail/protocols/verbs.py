# -*- test-case-name: tests.unit.protocols.test_pop3 -*-
"""
Sessions whose commands are lines that begin with a verb: what SMTP, LMTP and POP3 have in common.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.cred.portal import Portal
from zope.interface import Interface

from osxmail.protocols.base import Gate, GateFactory, LineTooLong
from osxmail.protocols.sasl import Doorkeeper
from osxmail.protocols.sessions import SessionEnd


class VerbSession(Gate):
    """
    One session: commands in order, each a method of its own; errors counted; a login that ends with it.

    @cvar dispatch: what stands before the verb in the name of the method that carries it out.
    @cvar longestLineOctets: of a command, its end included.
    @ivar lineTooLong: the answer to a longer one.
    @ivar tooManyErrors: the last words for who errs too often.
    """

    dispatch: ClassVar[str]
    longestLineOctets: ClassVar[int]
    lineTooLong: bytes
    tooManyErrors: bytes

    def __init__(self, factory: GateFactory, portal: Portal | None, avatar: type[Interface]) -> None:
        super().__init__(factory)
        self._door = Doorkeeper(self, portal, avatar)
        self._errors = 0
        self._isOver = False

    def _mostErrors(self) -> int:
        """
        How many commands may be refused.
        """
        raise NotImplementedError

    async def _obey(self, line: bytes) -> None:
        """
        Answer one command.
        """
        raise NotImplementedError

    def _told(self, error: Exception, verb: str) -> bytes:
        """
        The answer to a command that failed; called while C{error} is being handled.
        """
        raise NotImplementedError

    def _leave(self) -> None:
        """
        Give back what the session holds.
        """

    async def _converse(self) -> None:
        """
        Command after command, to the session's end.
        """
        try:
            while not self._isOver:
                try:
                    line = await self.readLine(self.longestLineOctets, atRest=True)
                except LineTooLong:
                    self._refuse(self.lineTooLong)
                else:
                    self.commands += 1
                    await self._obey(line)
                if self.isCongested:
                    # Answers that nobody reads must not pile up.
                    await self.drain()
                if self._errors and not self._isOver and self._errors >= self._mostErrors():
                    self.write(self.tooManyErrors)
                    return
        finally:
            self._leave()
            self._door.leave()

    async def _carryOut(self, verb: str, argument: bytes) -> None:
        try:
            await getattr(self, self.dispatch + verb)(argument)
        except SessionEnd:
            raise
        except Exception as error:  # noqa: BLE001 — a fault of ours is answered with an id, and the session goes on
            self._refuse(self._told(error, verb))

    def _refuse(self, answer: bytes) -> None:
        self._errors += 1
        self.write(answer)
