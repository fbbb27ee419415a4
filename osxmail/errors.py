# -*- test-case-name: tests.unit.test_errors -*-
"""
The failures of osxmail: what a room may raise across a contract, and nothing else.

They tell apart *not there*, *not allowed* and *not now*, and know no protocol: C{protocols/replies.py} is
the one table from these classes to SMTP, IMAP and POP3 replies.  The text of an error is for the log; a peer
only ever sees the table's text (and, where a decision was made, that decision's reply).
"""

from __future__ import annotations


class MailError(Exception):
    """
    The base of all failures that cross a contract.
    """


class ParseError(MailError, ValueError):
    """
    Input does not follow its grammar.  Raised by C{osxmail.mail} only.
    """


class NotFound(MailError):
    """
    The thing that was named does not exist.
    """


class NoSuchAccount(NotFound):
    """
    No account has this identifier.
    """


class NoSuchMailbox(NotFound):
    """
    The account has no mailbox of this name, or the mailbox was deleted meanwhile.
    """


class NoSuchMessage(NotFound):
    """
    The mailbox, or the queue, has no message of this number.
    """


class NoSuchDomain(NotFound):
    """
    DNS says with authority that the name does not exist.
    """


class AlreadyExists(MailError):
    """
    A mailbox, account, domain or alias of this name exists.
    """


class UseTaken(AlreadyExists):
    """
    Another mailbox has this special use.
    """


class NotAllowed(MailError):
    """
    It exists, and this person may not do that with it.
    """


class HasChildren(NotAllowed):
    """
    A mailbox that has others below is not deleted.
    """


class AuthenticationFailed(NotAllowed):
    """
    Wrong login or wrong password: nobody outside is told which.
    """


class LoginRefused(NotAllowed):
    """
    The password was right, but this account may not log in here (mail is off, or POP or IMAP is denied).
    """


class EncryptionRequired(NotAllowed):
    """
    A password would pass in clear text, which C{auth.cleartext} forbids here.
    """


class TooManySessions(MailError):
    """
    The account has as many sessions of this protocol as it may.
    """


class LoginTooSoon(MailError):
    """
    The password was right, but the last POP3 login of this account is not C{pop3.login_delay} ago.
    """


class OverQuota(MailError):
    """
    The account's quota (octets or messages) has no room for this.
    """


class LimitExceeded(MailError):
    """
    A stated limit was passed: too large, too many, too deep, too long.
    """


class TooLarge(LimitExceeded):
    """
    A message is larger than C{smtp.message_size_limit} or the peer's SIZE.
    """


class InUse(MailError):
    """
    Somebody else holds what must be held alone (a POP3 maildrop, a lease).
    """


class TemporaryError(MailError):
    """
    Cannot say, or cannot do it, now; the same request may succeed later.  A directory that is away is this,
    never L{NotFound}.
    """


class DirectoryAway(TemporaryError):
    """
    The directory cannot be asked now.
    """


class ResolverAway(TemporaryError):
    """
    DNS gave no usable answer: time-out, SERVFAIL, refused, malformed.
    """


class StoreFull(TemporaryError):
    """
    The disk that holds the store is full.  Nothing was changed; reading goes on.
    """


class StoreAway(TemporaryError):
    """
    The store cannot serve now: it is stopping, or its disk fails.  The cause is in the log.
    """


class Overloaded(TemporaryError):
    """
    A bounded pool or queue is full.
    """


class TooManyFailures(TemporaryError):
    """
    So many logins from the client's address were wrong that none is looked at for a while.
    """


class StoreDamaged(MailError):
    """
    Stored octets do not match their checksum, or a row breaks an invariant.  C{osxmail verify} finds out more.
    """


class ConfigurationError(MailError):
    """
    The configuration cannot be used.

    @ivar problems: every problem found, each a line C{"FILE:LINE: key.path: what is wrong and what to do"}.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Refused(MailError):
    """
    An administration request was understood and refused; the text is shown to the person who asked.
    """
