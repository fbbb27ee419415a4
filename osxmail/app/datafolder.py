# -*- test-case-name: tests.unit.app.test_datafolder -*-
"""
The folder that all a server keeps is in, and that no two servers share.

Not by Twisted's lock beside a Unix socket: that one holds a process number, and after a crash a container gives the
same number again, to us.  The kernel lets go of this lock whatever the process dies of.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from osxmail.errors import Refused

LOCK_NAME = "osxmail.lock"


class DataFolder:
    """
    @ivar path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    def make(self) -> None:
        """
        Make it, for the user who runs us and nobody else.

        @raise OSError: it cannot be made.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def take(self) -> None:
        """
        From now on it is ours alone, until L{release} or the end of the process.  Two servers would take the same
        messages out of the queue, and send each twice.

        @raise Refused: another server has it.
        @raise OSError: it cannot be written to.
        """
        lock = os.open(self.path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise Refused(f"data: {self.path}: another osxmail runs on it; stop that one first") from None
            raise
        self._lock = lock

    def removeSocket(self, name: str) -> None:
        """
        Take away the socket that a server which is no more has left.  Only who holds the folder may say so.
        """
        assert self._lock >= 0
        (self.path / name).unlink(missing_ok=True)
        # What earlier versions had beside it.
        (self.path / f"{name}.lock").unlink(missing_ok=True)

    def release(self) -> None:
        """
        Let others have it.
        """
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)
