# -*- test-case-name: tests.unit.protocols.test_submission -*-
"""
Submission of mail by our own people (RFC 6409), with STARTTLS or TLS from the first octet on (RFC 8314): nobody sends
who has not logged in.
"""

from __future__ import annotations

from osxmail.mail.smtpreply import Reply
from osxmail.protocols.base import Gate
from osxmail.protocols.smtp import SMTP, SMTPFactory

# RFC 4954 6.
_LOGIN_FIRST = Reply(530, "5.7.0", ("Log in first",))
# RFC 3207 4.
_TLS_FIRST = Reply(530, "5.7.0", ("Start TLS and log in first",))


class SubmissionFactory(SMTPFactory):
    def gate(self) -> Gate:
        return Submission(self)


class Submission(SMTP):
    """
    One session of a mail program.
    """

    protocolName = "submission"

    def _offersLogin(self) -> bool:
        return True

    def _mayNotSend(self) -> Reply | None:
        if self._door.loggedIn is not None:
            return None
        return _LOGIN_FIRST if self._door.mayShowPassword else _TLS_FIRST

    def _limitTime(self) -> None:
        if self._door.loggedIn is None:
            self.setDeadline(self.entrance.settings.seconds("login.timeout"))
        else:
            super()._limitTime()
