# -*- test-case-name: tests.unit.directory.test_checkers -*-
"""
What a directory does when nobody has the login, so that the clock does not tell.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface

# mypy: disable-error-code="empty-body"


class IDecoy(Interface):
    """
    A directory that can take as long over nobody as over somebody.
    """

    def spendTime(password: str) -> Deferred[None]:
        """
        Take the time that C{verifyPassword} would with a wrong password.  It may fail as C{verifyPassword} may.
        """
