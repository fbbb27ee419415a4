# -*- test-case-name: tests.integration.test_daemon -*-
"""
C{twistd osxmail}: from options to a service tree.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from osxmail.app.config import readConfiguration
from osxmail.app.house import Osxmail
from osxmail.app.memory import shareArenas
from osxmail.app.places import findConfiguration
from osxmail.app.quickstart import quickstartConfiguration
from osxmail.app.terminal import keepTerminal
from osxmail.errors import ConfigurationError


class Options(usage.Options):
    """
    What C{twistd osxmail} takes.
    """

    synopsis = "[--config FILE]"
    longdesc = "Runs the mail service. Without a configuration: a quickstart on this machine only, below ./var."
    optParameters = [
        ["config", "c", None, "The configuration; else $OSXMAIL_CONFIG, then /etc/osxmail/osxmail.toml."],
    ]


def makeService(options: Options) -> IService:
    """
    The service tree.

    @raise SystemExit: the configuration cannot be used; with every problem.
    """
    shareArenas()
    path = findConfiguration(options["config"])
    try:
        configuration = readConfiguration(path) if path is not None else quickstartConfiguration()
        service = Osxmail(configuration)
    except ConfigurationError as error:
        raise SystemExit("\n".join(["osxmail: the configuration cannot be used", *error.problems])) from None
    _prepare(service, options.parent or {})
    return service


def _prepare(service: Osxmail, twistd: Mapping[str, Any]) -> None:
    """
    @param twistd: its options.
    @raise SystemExit: it would wait for ever for a process that may not become another user.
    """
    uid, gid = twistd.get("uid"), twistd.get("gid")
    if uid is not None and uid != os.geteuid():
        if os.geteuid() != 0:
            raise SystemExit("osxmail: --uid: only root can become another user; start as root, or without it")
        for listener in service.listeners:
            listener.owner = (uid, pwd.getpwuid(uid).pw_gid if gid is None else gid)
    if not twistd.get("nodaemon", True):
        keepTerminal()
