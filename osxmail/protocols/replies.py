# -*- test-case-name: tests.unit.protocols.test_replies -*-
"""
The one table from our failures to what a peer is told: SMTP code and enhanced code (RFC 3463), IMAP response code
(RFC 5530, RFC 9051 7.1), POP3 response code (RFC 2449 8.1, RFC 3206).

The text of an exception never reaches a peer.  An error that is not in L{osxmail.errors} is a fault of ours: the peer
gets an id that the log has.
"""

from __future__ import annotations

import secrets

from attrs import frozen
from twisted.logger import Logger

from osxmail import errors
from osxmail.mail.smtpreply import Reply
from osxmail.protocols.languages import ENGLISH, Language

log = Logger(namespace="osxmail.protocols")


@frozen
class Row:
    """
    What the peers are told about one class of failures.

    @ivar code: the SMTP reply code.
    @ivar enhanced: the enhanced status code (RFC 3463).
    @ivar imap: the IMAP response code, without brackets, or C{""}.
    @ivar pop: the POP3 response code, without brackets, or C{""}.
    @ivar text: the same words for all of them.
    """

    code: int
    enhanced: str
    imap: str
    pop: str
    text: str

    @property
    def smtp(self) -> Reply:
        return Reply(self.code, self.enhanced, (self.text,))


#: An error that has no row of its own has that of its nearest ancestor.
TABLE: dict[type[errors.MailError], Row] = {
    errors.MailError: Row(451, "4.3.0", "SERVERBUG", "SYS/TEMP", "That cannot be done now; try again later"),
    errors.ParseError: Row(501, "5.5.4", "CLIENTBUG", "", "That is not well formed"),
    errors.NotFound: Row(550, "5.1.1", "NONEXISTENT", "", "There is no such thing"),
    errors.NoSuchAccount: Row(550, "5.1.1", "NONEXISTENT", "", "There is no such account"),
    errors.NoSuchMailbox: Row(550, "5.1.1", "NONEXISTENT", "", "There is no such mailbox"),
    errors.NoSuchMessage: Row(550, "5.1.1", "NONEXISTENT", "", "There is no such message"),
    errors.NoSuchDomain: Row(550, "5.1.2", "NONEXISTENT", "", "There is no such domain"),
    errors.AlreadyExists: Row(550, "5.3.0", "ALREADYEXISTS", "", "It exists already"),
    # RFC 6154 6: USEATTR.
    errors.UseTaken: Row(550, "5.3.0", "USEATTR", "", "Another mailbox is used for that"),
    errors.NotAllowed: Row(550, "5.7.1", "NOPERM", "", "That is not allowed"),
    # RFC 9051 7.1: HASCHILDREN.
    errors.HasChildren: Row(550, "5.7.1", "HASCHILDREN", "", "Delete the mailboxes below it first"),
    # RFC 4954 6: 535 5.7.8; RFC 3206 4: AUTH, also where a policy forbids the login.
    errors.AuthenticationFailed: Row(535, "5.7.8", "AUTHENTICATIONFAILED", "AUTH", "Wrong login or password"),
    errors.LoginRefused: Row(535, "5.7.1", "AUTHORIZATIONFAILED", "AUTH", "This account may not log in here"),
    # RFC 4954 6: 538 5.7.11.
    errors.EncryptionRequired: Row(538, "5.7.11", "PRIVACYREQUIRED", "", "Start TLS before a password passes"),
    errors.OverQuota: Row(552, "5.2.2", "OVERQUOTA", "", "The mailbox is full"),
    errors.LimitExceeded: Row(552, "5.3.4", "LIMIT", "", "That is more than is allowed"),
    # RFC 1870 6.1: 552 5.3.4; RFC 7889 4: TOOBIG.
    errors.TooLarge: Row(552, "5.3.4", "TOOBIG", "", "The message is too large"),
    # RFC 2449 8.1.1: IN-USE.
    errors.InUse: Row(450, "4.2.1", "INUSE", "IN-USE", "Another session has it; try again later"),
    errors.TemporaryError: Row(451, "4.3.0", "UNAVAILABLE", "SYS/TEMP", "That cannot be done now; try again later"),
    errors.DirectoryAway: Row(
        451, "4.3.0", "UNAVAILABLE", "SYS/TEMP", "The directory cannot be asked now; try again later"
    ),
    errors.ResolverAway: Row(451, "4.4.3", "UNAVAILABLE", "SYS/TEMP", "DNS gives no answer now; try again later"),
    errors.StoreFull: Row(452, "4.3.1", "LIMIT", "SYS/TEMP", "There is no room now; try again later"),
    errors.StoreAway: Row(451, "4.3.0", "UNAVAILABLE", "SYS/TEMP", "The mail store cannot serve now; try again later"),
    errors.Overloaded: Row(451, "4.3.2", "UNAVAILABLE", "SYS/TEMP", "Too much to do now; try again later"),
    # RFC 4954 6: 454 4.7.0; RFC 5530 3: LIMIT and UNAVAILABLE; RFC 2449 8.1.1: LOGIN-DELAY.
    errors.TooManyFailures: Row(
        454, "4.7.0", "UNAVAILABLE", "SYS/TEMP", "Too many wrong passwords from your address; try again later"
    ),
    errors.TooManySessions: Row(454, "4.7.0", "LIMIT", "SYS/TEMP", "Too many sessions of this account; end one first"),
    errors.LoginTooSoon: Row(454, "4.7.0", "UNAVAILABLE", "LOGIN-DELAY", "You logged in a moment ago; wait a little"),
    errors.StoreDamaged: Row(451, "4.3.0", "CORRUPTION", "SYS/PERM", "The message cannot be read; ask postmaster"),
}


def rowFor(error: BaseException) -> Row | None:
    """
    The table's row for an error; C{None} for what no contract allows (a fault of ours: see L{fault}).
    """
    for ancestor in type(error).__mro__:
        row = TABLE.get(ancestor)
        if row is not None:
            return row
    return None


def fault(session: str, protocol: str, where: str) -> str:
    """
    Log the exception that is being handled as a fault of ours.

    @param where: the command that it came up in, or another name for what was being done.
    @return: the id that the log has and the peer is told.
    """
    errorId = secrets.token_hex(4)
    log.failure("{event}", event="fault.happened", where=where, errorId=errorId, protocol=protocol, session=session)
    return errorId


def smtpReply(error: BaseException, session: str, command: str) -> Reply:
    """
    What an SMTP or LMTP peer is told about an error; to be called while it is being handled.
    """
    row = rowFor(error)
    if row is None:
        return Reply(451, "4.3.0", (f"A fault of ours ({fault(session, 'smtp', command)}); try again later",))
    return row.smtp


def imapReply(error: BaseException, session: str, command: str) -> tuple[str, str]:
    """
    What an IMAP peer is told about an error: response code without brackets, and text.
    """
    row = rowFor(error)
    if row is None:
        return "SERVERBUG", f"A fault of ours ({fault(session, 'imap', command)}); try again later"
    return row.imap, row.text


def popReply(error: BaseException, session: str, command: str, language: Language = ENGLISH) -> bytes:
    """
    What a POP3 peer is told about an error: the whole line.
    """
    row = rowFor(error)
    if row is None:
        text = language.say("A fault of ours ({0}); try again later", fault(session, "pop3", command))
        return f"-ERR [SYS/TEMP] {text}\r\n".encode()
    code = f"[{row.pop}] " if row.pop else ""
    return f"-ERR {code}{language.say(row.text)}\r\n".encode()
