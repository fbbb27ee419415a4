"""
The table from failures to replies.
"""

from __future__ import annotations

import inspect

from twisted.trial.unittest import SynchronousTestCase

from osxmail import errors
from osxmail.protocols.replies import TABLE, imapReply, popReply, rowFor, smtpReply


class ReplyTests(SynchronousTestCase):
    def test_everyErrorOfTheMailPathHasARowOfItsOwn(self) -> None:
        #: These never come from a contract that a protocol calls.
        others = {errors.ConfigurationError, errors.Refused}
        missing = [
            name
            for name, value in vars(errors).items()
            if inspect.isclass(value)
            and issubclass(value, errors.MailError)
            and value not in TABLE
            and value not in others
        ]
        self.assertEqual(missing, [])

    def test_notNowIsNeverForGood(self) -> None:
        for error, row in TABLE.items():
            if issubclass(error, errors.TemporaryError):
                self.assertEqual(row.code // 100, 4, error)
                self.assertEqual(row.pop, "SYS/TEMP", error)
            if row.code // 100 == 4:
                self.assertTrue(row.enhanced.startswith("4."), error)
            else:
                self.assertTrue(row.enhanced.startswith("5."), error)

    def test_textsNeverLeak(self) -> None:
        error = errors.DirectoryAway("ldap://10.0.0.1 bind cn=secret")
        self.assertNotIn("secret", str(smtpReply(error, "s", "RCPT")))
        self.assertNotIn("secret", imapReply(error, "s", "LOGIN")[1])
        self.assertNotIn(b"secret", popReply(error, "s", "PASS"))

    def test_nearestAncestor(self) -> None:
        class Special(errors.StoreFull):
            pass

        self.assertIs(rowFor(Special()), TABLE[errors.StoreFull])

    def test_loginsByProtocol(self) -> None:
        wrong = errors.AuthenticationFailed()
        self.assertEqual(str(smtpReply(wrong, "s", "AUTH")), "535 5.7.8 Wrong login or password")
        self.assertEqual(imapReply(wrong, "s", "LOGIN"), ("AUTHENTICATIONFAILED", "Wrong login or password"))
        self.assertEqual(popReply(wrong, "s", "PASS"), b"-ERR [AUTH] Wrong login or password\r\n")

    def test_faultsHaveAnId(self) -> None:
        try:
            raise RuntimeError("secret detail")
        except RuntimeError as error:
            replies = [
                str(smtpReply(error, "s1", "RCPT")),
                " ".join(imapReply(error, "s1", "FETCH")),
                popReply(error, "s1", "RETR").decode(),
            ]
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)
        for reply in replies:
            self.assertNotIn("secret", reply)
            self.assertRegex(reply, r"A fault of ours \([0-9a-f]{8}\); try again later")
