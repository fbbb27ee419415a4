# -*- test-case-name: tests.integration.test_command -*-
"""
Every command that a running server answers, by name.
"""

from __future__ import annotations

from osxmail.app.control import Command
from osxmail.app.parts import House
from osxmail.app.peoplecommands import AccountCommands, AliasCommands, DomainCommands
from osxmail.app.queuecommands import QueueCommands
from osxmail.app.settingcommands import SettingCommands
from osxmail.app.statuscommands import StatusCommands


def commandsOf(house: House) -> dict[str, Command]:
    """
    Every command by its name, C{noun.verb}.
    """
    found: dict[str, Command] = {}
    for part in (StatusCommands, DomainCommands, AccountCommands, AliasCommands, QueueCommands, SettingCommands):
        instance = part(house)
        for name in dir(part):
            if "_" in name and not name.startswith("_"):
                found[name.replace("_", ".")] = getattr(instance, name)
    return found
