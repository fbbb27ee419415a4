# -*- test-case-name: tests.conversations -*-
"""
IMAP commands that need no mailbox: what we can, TLS, logging in, who the client is (RFC 3501 6.1, 6.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osxmail import __version__
from osxmail.errors import MailError, ParseError
from osxmail.mail.imap.command import Authenticate, Compress, Identify, Login, Plain
from osxmail.mail.imap.response import renderString
from osxmail.protocols.base import LineTooLong
from osxmail.protocols.imap.speaking import inLanguage
from osxmail.protocols.replies import imapReply
from osxmail.protocols.sasl import Cancelled, Credentials, UnknownMechanism

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: What works in every state; a client needs no more to decide what it will do.
_ALWAYS = (
    "IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE "
    "CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE CONDSTORE OBJECTID BINARY PREVIEW SAVEDATE QRESYNC "
    "UIDONLY LANGUAGE UTF8=ACCEPT"
).encode("ascii")
#: What the searching commands can.
_SEARCHING = (
    b"ESEARCH SEARCHRES WITHIN PARTIAL SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS "
    b"CONTEXT=SEARCH CONTEXT=SORT MULTISEARCH NOTIFY SEARCH=FUZZY INPROGRESS I18NLEVEL=1"
)

#: What the commands about mailboxes as wholes can.
_MAILBOXES = b"ACL RIGHTS=kxte LIST-MYRIGHTS METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE QUOTASET"

#: What the commands that carry messages can.
_APPENDING = b"MULTIAPPEND CATENATE URLAUTH REPLACE APPENDLIMIT=%d"


def capabilities(session: Imap) -> bytes:
    """
    What we can, as this session is now.
    """
    # RFC 7889 2: a limit that is the same for all mailboxes is told here.
    words = [_ALWAYS, _SEARCHING, _MAILBOXES, _APPENDING % session.entrance.settings.octets("imap.append_limit")]
    if session.account is None:
        mechanisms = session.doorkeeper.mechanisms
        if session.entrance.tls is not None and not session.isSecure:
            words.append(b"STARTTLS")
        if not mechanisms:
            words.append(b"LOGINDISABLED")  # RFC 3501 6.2.3
        words.append(b"SASL-IR")
        words += [b"AUTH=%b" % name.encode("ascii") for name in mechanisms]
    else:
        words.insert(1, b"UNAUTHENTICATE" if session.isCompressed else b"UNAUTHENTICATE COMPRESS=DEFLATE")
    return b" ".join(words)


async def capability(session: Imap, command: Plain) -> bytes:
    session.write(b"* CAPABILITY %b\r\n" % capabilities(session))
    return b"OK CAPABILITY completed"


async def noop(session: Imap, command: Plain) -> bytes:
    return b"OK Done"


async def logout(session: Imap, command: Plain) -> bytes:
    session.isFinished = True
    session.write(inLanguage(session.language, b"* BYE Until next time\r\n"))
    return b"OK LOGOUT completed"


async def identify(session: Imap, command: Identify) -> bytes:
    """
    ID (RFC 2971).  What the client says is logged once, shown in the list of connections, and used for nothing.
    """
    said = dict(command.pairs)
    name = " ".join(filter(None, (said.get("name"), said.get("version"))))[:100]
    session.client = "".join(c if c.isprintable() else " " for c in name)
    session.log.info(
        "{event}",
        event="client.identified",
        session=session.sessionId,
        login=session.login,
        client=session.client,
        os="".join(c if c.isprintable() else " " for c in said.get("os", "")[:100]),
    )
    session.write(b'* ID ("name" "osxmail" "version" %b)\r\n' % renderString(__version__.encode()))
    return b"OK ID completed"


async def startTLS(session: Imap, command: Plain) -> bytes:
    if session.isSecure:
        return b"BAD TLS is on already"
    if session.isCompressed:
        return b"BAD TLS comes before compression"
    if session.entrance.tls is None:
        return b"NO There is no TLS here"
    session.write(b"%b %b\r\n" % (session.tag, inLanguage(session.language, b"OK Begin TLS now")))
    session.startTLS()
    return b""


async def compress(session: Imap, command: Compress) -> bytes:
    """
    COMPRESS (RFC 4978).  TLS does not compress: it is told not to (L{osxmail.net.tls}).
    """
    if command.algorithm != "DEFLATE":
        return b"BAD COMPRESS: DEFLATE expected"
    if session.isCompressed:
        return b"NO [COMPRESSIONACTIVE] DEFLATE is on already"
    session.write(b"%b %b\r\n" % (session.tag, inLanguage(session.language, b"OK DEFLATE is on")))
    session.startCompression()
    return b""


async def login(session: Imap, command: Login) -> bytes:
    return await _enter(session, Credentials(command.user, command.password.text, "LOGIN"))


async def authenticate(session: Imap, command: Authenticate) -> bytes:
    try:
        credentials = await session.doorkeeper.converse(command.mechanism, command.initial, b"+ ")
    except UnknownMechanism:
        return b"NO [CANNOT] There is no such mechanism"
    except Cancelled:
        return b"BAD AUTHENTICATE was called off"  # RFC 3501 6.2.2
    except (ParseError, LineTooLong):
        session.countBad()
        return b"BAD That is no response of this mechanism"
    return await _enter(session, credentials)


async def unauthenticate(session: Imap, command: Plain) -> bytes:
    """
    UNAUTHENTICATE (RFC 8437): for who serves several people over one connection.
    """
    await session.forget()
    return b"OK [CAPABILITY %b] Logged out; log in again" % capabilities(session)


async def _enter(session: Imap, credentials: Credentials) -> bytes:
    try:
        session.enter(await session.doorkeeper.authenticate(credentials))
    except MailError as error:
        code, text = imapReply(error, session.sessionId, "LOGIN")
        if session.doorkeeper.isExhausted:
            session.write(inLanguage(session.language, b"* BYE Too many wrong passwords\r\n"))
            session.isFinished = True
        return f"NO [{code}] {text}".encode()
    # RFC 3501 7.1: the capabilities have changed, so the client is told at once.
    return b"OK [CAPABILITY %b] Logged in" % capabilities(session)
