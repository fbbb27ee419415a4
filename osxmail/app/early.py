# -*- test-case-name: tests.integration.test_daemon -*-
"""
What has to be read before C{--uid} takes effect: after that, where Python is installed may be closed to us.
"""

from __future__ import annotations

import encodings
import importlib
import os
import pkgutil

from osxmail.store.migrate import knownVersions, schemaFiles


def readEarly() -> None:
    """
    The schema's files, and, while we are root, the codecs, which Python looks for only when a name or a charset wants
    one.
    """
    knownVersions(schemaFiles())
    if os.geteuid() != 0:
        return
    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            importlib.import_module(f"encodings.{module.name}")
        except ImportError:
            # Those of Windows.
            continue
