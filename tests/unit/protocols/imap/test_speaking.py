"""
Tests of L{osxmail.protocols.imap.speaking}: every text that a person may read is there in every language.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import osxmail.protocols.imap
from osxmail.protocols.imap.speaking import TEXTS, inLanguage, said
from osxmail.protocols.languages import LANGUAGES

_HERE = Path(osxmail.protocols.imap.__file__ or "").parent
_ANSWER = re.compile(r"(?:\* |%b )?(?:BYE|NO|OK)(?: \[[^\]]*\])? (.+?)(?:\r\n)?")


def answers() -> set[str]:
    """
    The texts of answers that stand in the code as they are.
    """
    found = set()
    for path in _HERE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                text = node.value.decode("utf-8", "replace")
                match = _ANSWER.fullmatch(text)
                if match is not None and "%b" not in match.group(1):
                    found.add(match.group(1))
    return found


class SpeakingTests(SynchronousTestCase):
    def test_everyAnswerInEveryLanguage(self) -> None:
        texts = answers()
        self.assertIn("CLOSE completed", texts)
        self.assertIn("There is nothing of that name", texts)
        for language in LANGUAGES[1:]:
            self.assertEqual(sorted(text for text in texts if said(language, text) == text), [], language.tag)

    def test_translationsFillInTheSame(self) -> None:
        for english, row in TEXTS.items():
            for text in row:
                self.assertEqual(re.findall(r"\{\d\}", text), re.findall(r"\{\d\}", english))
                self.assertTrue(text.isprintable(), text)

    def test_answers(self) -> None:
        english, german = LANGUAGES[:2]
        for answer, translated in (
            (b"OK [COPYUID 1 2:3 4:5] COPY completed", "OK [COPYUID 1 2:3 4:5] COPY ist getan"),
            (b"NO [NONEXISTENT] There is no such mailbox", "NO [NONEXISTENT] Dieses Postfach gibt es nicht"),
            (b"NO [SERVERBUG] A fault of ours (0123abcd); try again later", "NO [SERVERBUG] Unser Fehler (0123abcd)…"),
            (b"* BYE Until next time\r\n", "* BYE Bis zum nächsten Mal\r\n"),
            (b"BAD FETCH: a set of messages expected", "BAD FETCH: a set of messages expected"),
            (b'NO [BADURL "imap://x]y"] That is not well formed', "…"),
            (b"OK", "OK"),
        ):
            self.assertEqual(inLanguage(english, answer), answer)
            said = inLanguage(german, answer).decode()
            if "…" not in translated:
                self.assertEqual(said, translated)
            elif translated != "…":
                self.assertIn("0123abcd", said)
                self.assertNotIn("fault", said)
