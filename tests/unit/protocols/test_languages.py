"""
Languages: every text in each of them, with the same things filled in; and what a language range means.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import osxmail
from osxmail.errors import StoreAway
from osxmail.protocols.languages import ENGLISH, LANGUAGES, Language, languageFor
from osxmail.protocols.replies import TABLE, popReply

PROTOCOLS = Path(osxmail.__file__).parent / "protocols"


def popTexts() -> set[str]:
    """
    What POP3's code says: string literals that are handed to C{_ok}, C{_err}, C{_listing} or C{say}, and the texts
    that have names.
    """
    found = set()
    for name in ("popsession.py", "pop3.py"):
        tree = ast.parse((PROTOCOLS / name).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in ("_ok", "_err", "_listing", "say") and node.args:
                    found |= {each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)}
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                if isinstance(node.value.value, str) and " " in node.value.value:
                    found.add(node.value.value)
            elif isinstance(node, ast.IfExp):
                found |= {
                    each.value
                    for each in (node.body, node.orelse)
                    if isinstance(each, ast.Constant) and isinstance(each.value, str) and " " in each.value
                }
    return {text for text in found if isinstance(text, str) and text and not text.startswith("EXPIRE")}


class LanguageTests(SynchronousTestCase):
    def test_everyTextInEveryLanguage(self) -> None:
        wanted = {row.text for row in TABLE.values()} | popTexts()
        self.assertIn("Another program has removed that message", wanted)
        self.assertIn("That command is not known here", wanted)
        for language in LANGUAGES:
            self.assertEqual(sorted(text for text in wanted if not language.knows(text)), [], language.tag)

    def test_translationsFillInTheSame(self) -> None:
        for english in ENGLISH._texts:
            parts = set(re.findall(r"\{\d\}", english))
            for language in LANGUAGES:
                said = language.say(english)
                self.assertEqual(set(re.findall(r"\{\d\}", said)), parts, said)
                self.assertTrue(said.isprintable(), said)
                # RFC 2449 4: 512 octets with all that stands before.
                self.assertLess(len(said.encode()), 400, said)

    def test_theyAreReallyOthers(self) -> None:
        for language in LANGUAGES[1:]:
            same = [text for text in ENGLISH._texts if language.say(text) == text]
            self.assertLess(len(same), 2, (language.tag, same))

    def test_ranges(self) -> None:
        tags = {
            "en": "en", "EN-us": "en", "de": "de", "de-AT": "de", "fr-CA": "fr", "es-419": "es", "ja": "ja",
            "i-default": "en", "*": "ja",
        }  # fmt: skip
        for wanted, tag in tags.items():
            language = languageFor(wanted, "ja")
            assert language is not None, wanted
            self.assertEqual(language.tag, tag)
        for wanted in ("tlh", "", "deutsch", "d", "-de", "e n", "*-de", "de" + "-x" * 100):
            self.assertIsNone(languageFor(wanted), wanted)

    @settings(deadline=None, max_examples=200)
    @given(st.text())
    def test_anyRange(self, wanted: str) -> None:
        self.assertIsInstance(languageFor(wanted), Language | None)

    def test_failures(self) -> None:
        german = languageFor("de")
        assert german is not None
        self.assertTrue(popReply(StoreAway("x"), "s", "RETR", german).startswith(b"-ERR [SYS/TEMP] Der Mailspeicher "))
        try:
            raise RuntimeError("x")
        except RuntimeError as error:
            self.assertRegex(
                popReply(error, "s", "RETR", german).decode(), r"^-ERR \[SYS/TEMP\] Ein Fehler bei uns \([0-9a-f]{8}\);"
            )
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
