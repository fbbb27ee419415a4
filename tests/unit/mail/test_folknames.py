"""
What mail programs call the usual folders.
"""

from __future__ import annotations

import unicodedata

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.folknames import _NAMES, useOfName
from osxmail.mail.mailboxname import SPECIAL_USES, normalizeMailboxName


class FolkNamesTests(SynchronousTestCase):
    def test_known(self) -> None:
        for name, use in (
            ("Sent Items", "\\Sent"), ("sent items", "\\Sent"), ("Gesendete Objekte", "\\Sent"),
            ("ÉLÉMENTS ENVOYÉS", "\\Sent"), ("送信済み", "\\Sent"), ("Papierkorb", "\\Trash"), ("Corbeille", "\\Trash"),
            ("Deleted Items", "\\Trash"), ("Entwürfe", "\\Drafts"), ("Brouillons", "\\Drafts"),
            ("Junk E-mail", "\\Junk"),
            ("Archives", "\\Archive"),
        ):  # fmt: skip
            self.assertEqual(useOfName(name), use, name)
            self.assertEqual(useOfName(unicodedata.normalize("NFD", name)), use, name)

    def test_unknown(self) -> None:
        for name in ("INBOX", "Work", "Work/Sent", "Sent 2024", ""):
            self.assertEqual(useOfName(name), "", name)

    def test_eachNameOnce(self) -> None:
        """
        No name means two things, each is a name, and each use is one that there is.
        """
        seen: dict[str, str] = {}
        for use, names in _NAMES.items():
            self.assertIn(use, SPECIAL_USES)
            for name in names:
                self.assertEqual(normalizeMailboxName(name), name)
                self.assertEqual(seen.setdefault(name.casefold(), use), use, name)
