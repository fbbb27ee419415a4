# -*- test-case-name: tests.contracts -*-
"""
How the service behaves, for whoever asks.
"""

from __future__ import annotations

from zope.interface import Interface

# mypy: disable-error-code="empty-body"


class ISettings(Interface):
    """
    How the service behaves: the typed table of C{app/settings.py}, read by key.  Each reading gives the value
    of this moment; an unknown key or the wrong type is a C{KeyError} or C{TypeError}, a fault of ours.
    """

    def text(key: str) -> str: ...
    def flag(key: str) -> bool: ...
    def number(key: str) -> int: ...
    def seconds(key: str) -> float: ...
    def octets(key: str) -> int: ...
    def words(key: str) -> tuple[str, ...]: ...
