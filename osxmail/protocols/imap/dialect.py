# -*- test-case-name: tests.conversations -*-
"""
How a session speaks: what a client has enabled (RFC 5161), and what follows from it for the mailbox that is selected;
and LANGUAGE (RFC 5255 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osxmail.mail.imap.command import Enable, Languages, Plain
from osxmail.mail.imap.response import renderString
from osxmail.mail.sequenceset import MAX_NUMBER
from osxmail.protocols.imap.mailboxes import namespace
from osxmail.protocols.imap.metadata import watchAnnotations
from osxmail.protocols.imap.selected import SelectedView
from osxmail.protocols.imap.speaking import tell
from osxmail.protocols.languages import I_DEFAULT, LANGUAGES, languageFor

if TYPE_CHECKING:
    from osxmail.protocols.imap.session import Imap

#: What can be enabled, by its name in upper case, as we write it.
EXTENSIONS = {
    "CONDSTORE": b"CONDSTORE",
    "QRESYNC": b"QRESYNC",
    "UTF8=ACCEPT": b"UTF8=ACCEPT",
    "IMAP4REV2": b"IMAP4rev2",
    "UIDONLY": b"UIDONLY",
    "METADATA": b"METADATA",
}

#: Commands that take or tell sequence numbers: where UIDs are used only, they come in their UID form (RFC 9586 3).
NUMBERED = frozenset({"FETCH", "STORE", "SEARCH", "COPY", "MOVE", "SORT", "THREAD", "REPLACE"})

UID_REQUIRED = b"BAD [UIDREQUIRED] This session uses UIDs only"


async def enable(session: Imap, command: Enable) -> bytes:
    """
    ENABLE: what we do not have is passed over, and what was enabled before is not named again.  It may come in a
    selected mailbox, too (RFC 5161 3.1: a server need not look).
    """
    names = [name for name in dict.fromkeys(command.extensions) if name in EXTENSIONS and name not in session.enabled]
    if not {"CONDSTORE", "QRESYNC"}.isdisjoint(names):
        session.enableCondstore()  # RFC 7162 3.2.3: who has QRESYNC has CONDSTORE
    session.enabled.update(names)
    if "METADATA" in names:
        watchAnnotations(session)
    if session.view is not None:
        adapt(session, session.view)
    session.write(b"* ENABLED%b\r\n" % b"".join([b" " + EXTENSIONS[name] for name in names]))
    return b"OK ENABLE completed"


def adapt(session: Imap, view: SelectedView) -> None:
    """
    Let the view be as the session speaks.
    """
    if session.isUidOnly and not view.isUidOnly:
        view.isUidOnly = True
        for tag in view.contexts.numbered:
            tell(session, b"* NO [NOUPDATE %b] Not now\r\n" % renderString(tag))  # RFC 5267 4.3.1
            view.contexts.cancel([tag])
    if session.isRev2:
        view.firstRecent = MAX_NUMBER  # RFC 9051 E: there is no \Recent


async def language(session: Imap, command: Languages) -> bytes:
    """
    LANGUAGE: which there are, or the first of these that we speak.  Who asks gets UTF-8.
    """
    if not command.ranges:
        tags = [*(each.tag.encode("ascii") for each in LANGUAGES), I_DEFAULT.encode("ascii")]
        session.write(b"* LANGUAGE (%b)\r\n" % b" ".join(tags))
        return b"OK These languages"
    preferred = session.entrance.settings.text("login.language")
    for wanted in command.ranges:
        # RFC 5255 3.2: "default" is the server's own.
        found = languageFor("*" if wanted.lower() == "default" else wanted, preferred)
        if found is not None:
            session.language = found
            tag = wanted if wanted.lower() == I_DEFAULT else found.tag
            session.write(b"* LANGUAGE (%b)\r\n" % tag.encode("ascii"))
            if session.account is not None:
                # RFC 5255 3.5: the names of namespaces may be others now.
                await namespace(session, Plain())
            return b"OK From now on in English"
    return b"NO There is no such language"
