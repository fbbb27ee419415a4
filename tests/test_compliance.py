"""
C{docs/compliance.md}, and that what we announce is shown.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.compliance import citations, dialogueCitations, dialogues, render, standardOf
from tests.unit.protocols.imap.sessions import Client, SessionCase
from tests.unit.protocols.transports import entrance

DOCS = Path(__file__).parent.parent / "docs"


class PageTests(SynchronousTestCase):
    def test_isUpToDate(self) -> None:
        self.assertEqual(
            (DOCS / "compliance.md").read_text(encoding="utf-8"), render(), "docs/compliance.md is old: make docs"
        )

    def test_citations(self) -> None:
        for text, expected in [
            ("# RFC 9051 6.4.5: so", [(9051, "6.4.5")]),
            ("as RFC 5256 3, RFC 5957 says", [(5256, "3"), (5957, "")]),
            ("(RFC 5182 2.1 and 2.4, RFC 9394 3.2)", [(5182, "2.1"), (5182, "2.4"), (9394, "3.2")]),
            ("RFC 5465 5.1 to 5.3", [(5465, "5.1"), (5465, "5.3")]),
            ("RFC 9051 E: no", [(9051, "E")]),
            ("RFC 3501 A message", [(3501, "")]),
            ("RFC\n    # 3501 2.3.2", [(3501, "2.3.2")]),
            ("RFC 5322 2.1.1 likes 78", [(5322, "2.1.1")]),
            ("RFC 2045, 7bit", [(2045, "")]),
        ]:
            with self.subTest(text=text):
                self.assertEqual(list(citations(text)), expected)

    def test_dialogues(self) -> None:
        text = "# RFC 5465 3: NOTIFY\n# 3.1: a\n# nothing\nC: a1 NOOP\n# 5.1, 5.2: b (RFC 7162 3)\n"
        self.assertEqual(
            list(dialogueCitations(text)), [(5465, "3"), (5465, "3.1"), (7162, "3"), (5465, "5.1"), (5465, "5.2")]
        )


class CapabilityTests(SessionCase):
    async def test_eachHasADialogue(self) -> None:
        """
        Whatever a session announces, before the login and after it, with TLS and without: its standard is known, and a
        dialogue is about that.
        """
        client = self.connect()
        words = await self.announced(client)
        await client.do(b"LOGIN anna secret")
        words |= await self.announced(client)
        factory = self.factory()
        factory.entrance = entrance("imap", self.settings, factory.entrance.clock, tls=object(), isTLS=False)
        gate: Any = factory.buildProtocol(None)
        self.clients.append(Client(gate))
        words |= await self.announced(self.clients[-1])
        self.assertIn("STARTTLS", words)
        self.assertIn("NOTIFY", words)
        missing = []
        for word in sorted(words):
            number = standardOf(word)
            if number is None or not dialogues(number):
                missing.append(word)
        self.assertEqual(missing, [])

    async def announced(self, client: Client) -> set[str]:
        match = re.search(rb"\r\n\* CAPABILITY ([^\r]*)\r\n", b"\r\n" + await client.do(b"CAPABILITY"))
        assert match is not None
        return set(match[1].decode("ascii").split())
