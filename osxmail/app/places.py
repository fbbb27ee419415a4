# -*- test-case-name: tests.integration.test_command -*-
"""
Where things are looked for when nothing is said.  Imports nothing, so that the command starts at once.
"""

from __future__ import annotations

import os
from pathlib import Path

#: Where a configuration is looked for.
DEFAULT_PATH = "/etc/osxmail/osxmail.toml"
#: The data folder of the quickstart, in the current one.
QUICKSTART_DATA = "var"


def findConfiguration(given: str | None) -> Path | None:
    """
    The file to read: the one that was given, C{$OSXMAIL_CONFIG}, the default place, or C{None}: the quickstart.
    """
    if given:
        return Path(given)
    if os.environ.get("OSXMAIL_CONFIG"):
        return Path(os.environ["OSXMAIL_CONFIG"])
    default = Path(DEFAULT_PATH)
    return default if default.exists() else None
