# -*- test-case-name: tests.unit.protocols.test_lmtp -*-
"""
LMTP (RFC 2033): mail from a server in front of us, on a Unix socket or TCP.  Every recipient has its own reply at the
end of the content.
"""

from __future__ import annotations

from osxmail.mail.smtpreply import Reply
from osxmail.protocols.base import Gate
from osxmail.protocols.smtp import SMTP, SMTPFactory


class LMTPFactory(SMTPFactory):
    def gate(self) -> Gate:
        return LMTP(self)


class LMTP(SMTP):
    """
    One session.
    """

    protocolName = "lmtp"
    # RFC 2033 4.1: LHLO in place of HELO and EHLO.
    verbs = (SMTP.verbs - {"HELO", "EHLO", "AUTH"}) | {"LHLO"}
    extendedWord = "LMTP"
    # RFC 2033 4.2: 503, not 554.
    noRecipients = Reply(503, "5.5.1", ("There are no recipients",))

    async def smtp_LHLO(self, argument: bytes) -> None:
        await self.smtp_EHLO(argument)

    def _offersLogin(self) -> bool:
        return False

    def _contentReply(self, answer: Reply, isLast: bool) -> bytes:
        # RFC 2033 4.2, 4.3: one for each RCPT that was accepted, in their order; they share one durable act.
        return answer.render() * (self._answers if isLast and self._answers else 1)
