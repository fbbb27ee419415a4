"""
Tests of L{osxmail.mail.imap.command}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.command import Login, Password


class PasswordTests(SynchronousTestCase):
    def test_isNotShown(self) -> None:
        self.assertNotIn("secret", repr(Login("u", Password("secret"))))
