"""
Filters that ask a real name server.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from osxmail.mail.verdict import Verdict
from osxmail.net.dns import Resolver
from osxmail.net.dnswire import Server, Wire
from tests.fakes.dnsserver import FakeNameServer
from tests.fakes.settings import FakeSettings


class ResolvingCase(TestCase):
    settingTexts: dict[str, str] = {}

    def setUp(self) -> None:
        self.server = FakeNameServer()
        self.server.start()
        self.addCleanup(self.server.stop)
        self.clock = Clock()
        wire = Wire((Server("127.0.0.1", self.server.port),), roundSeconds=(0.1,))
        self.resolver = Resolver(wire=wire, reactor=self.clock)
        self.settings = FakeSettings(self.settingTexts)

    def asksAgain(self) -> None:
        """
        Nothing is remembered of what the name server said.
        """
        self.resolver.forget()

    def said(self, verdict: Verdict | None) -> tuple[Any, ...]:
        """
        Severity, text and reply code of a verdict.
        """
        assert verdict is not None
        return verdict.severity.word, verdict.step.text, verdict.reply.code if verdict.reply else None
