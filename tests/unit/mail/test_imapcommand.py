"""
Tests of L{osxmail.mail.imapcommand}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imapcommand import Login, Password


class PasswordTests(SynchronousTestCase):
    def test_isNotShown(self) -> None:
        self.assertNotIn("secret", repr(Login("u", Password("secret"))))
