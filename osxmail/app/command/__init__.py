"""
C{osxmail}: the administrator's command, a client of the running server's control socket.

Every reading command has C{--json}.  Exit status: 0 done, 1 refused with the reason, 2 wrong usage.
"""

from osxmail.app.command import people, queue, settings
from osxmail.app.command.server import main

__all__ = ["main", "people", "queue", "settings"]
