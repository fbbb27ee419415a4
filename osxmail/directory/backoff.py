# -*- test-case-name: tests.unit.directory.test_backoff -*-
"""
When a directory that does not answer is asked again.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger


class Backoff:
    """
    After a failure nothing is asked for a while, which doubles; then one question goes out to see, and the rest wait
    for what it finds by being told that the directory is away.

    @ivar isAway: the last thing known is a failure.
    """

    log = Logger(namespace="osxmail.directory")

    def __init__(self, name: str, firstSeconds: float, mostSeconds: float, clock: IReactorTime) -> None:
        self._name = name
        self._firstSeconds = firstSeconds
        self._mostSeconds = mostSeconds
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._since = 0.0
        self._isProbing = False
        self.reason = ""

    @property
    def isAway(self) -> bool:
        return self._failures > 0

    def mayAsk(self) -> bool:
        """
        May a question go out now?  If so, L{succeeded}, L{failed} or L{learnedNothing} must follow.
        """
        if not self._failures:
            return True
        if self._isProbing or self._clock.seconds() < self._until:
            return False
        self._isProbing = True
        return True

    def succeeded(self) -> None:
        """
        The directory has answered.
        """
        if self._failures:
            self.log.info(
                "{event}", event="directory.back", directory=self._name,
                seconds=round(self._clock.seconds() - self._since, 3),
            )  # fmt: skip
        self._failures = 0
        self._isProbing = False

    def learnedNothing(self) -> None:
        """
        The question did not go out after all.
        """
        self._isProbing = False

    def failed(self, reason: str) -> None:
        """
        The directory has not answered.  Questions that went out together fail together, and count as one.
        """
        if self._failures and not self._isProbing:
            return
        now = self._clock.seconds()
        if not self._failures:
            self._since = now
            self.log.error("{event}", event="directory.away", directory=self._name, reason=reason)
        self.reason = reason
        self._until = now + min(self._mostSeconds, self._firstSeconds * 2.0 ** min(self._failures, 30))
        self._failures += 1
        self._isProbing = False
