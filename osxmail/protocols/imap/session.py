# -*- test-case-name: tests.unit.protocols.imap.test_session -*-
"""
IMAP: the session.  What each command does, and which may come when, C{commands} says.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from osxmail.errors import MailError
from osxmail.interfaces import IAccount, IDirectory, IMailStore
from osxmail.mail.imap.grammar import parseCommand
from osxmail.mail.imap.reader import BadCharset, BadCommand, BadName, Cursor
from osxmail.mail.imap.searchgrammar import CHARSETS
from osxmail.protocols.base import Gate, GateFactory
from osxmail.protocols.compression import CompressibleGate
from osxmail.protocols.entrance import Entrance
from osxmail.protocols.imap.access import RightsGone, lookAtRights
from osxmail.protocols.imap.changes import tellChanges
from osxmail.protocols.imap.commands import AUTHENTICATED, BEFORE, COMMANDS, PULLED, SELECTED
from osxmail.protocols.imap.dialect import NUMBERED, UID_REQUIRED
from osxmail.protocols.imap.entering import capabilities
from osxmail.protocols.imap.memberships import Memberships
from osxmail.protocols.imap.metadata import Annotated, tellAnnotations, unwatch
from osxmail.protocols.imap.namespaces import Namespaces, Place
from osxmail.protocols.imap.reading import (
    AFTER_LOGIN,
    BEFORE_LOGIN,
    Limits,
    NotTaken,
    Received,
    receiveCommand,
)
from osxmail.protocols.imap.selected import NoSuchNumber, SelectedView, UidRequired
from osxmail.protocols.imap.speaking import inLanguage, tell
from osxmail.protocols.imap.watching import EXPUNGING, Watch, stopWatching
from osxmail.protocols.languages import ENGLISH
from osxmail.protocols.replies import fault, imapReply
from osxmail.protocols.sasl import Doorkeeper, LoggedIn
from osxmail.protocols.sessions import Disconnected, Ended, GoingAway, SessionEnd, TimedOut

#: How long a client may make no progress in the middle of a transfer, where it holds more than a line.
STALLED_SECONDS = 300.0
#: Commands in a row that are none, after which the session ends.
MAX_BAD_COMMANDS = 20


_Result = TypeVar("_Result")


class MailboxGone(SessionEnd):
    """
    The selected mailbox was deleted by another session (RFC 2180 3.3: the session may be ended).
    """

    why: ClassVar[str] = "the selected mailbox was deleted"


class ImapFactory(GateFactory):
    """
    @ivar portal: gives the L{IAccount} of who logs in.
    @ivar store: where APPEND's messages arrive.
    @ivar memberships: who is meant in access lists.
    """

    def __init__(
        self, entrance: Entrance, portal: Portal, store: IMailStore, directory: IDirectory | None = None
    ) -> None:
        super().__init__(entrance)
        self.portal = portal
        self.store = store
        self.memberships = Memberships(directory)

    def gate(self) -> Gate:
        return Imap(self)


class Imap(CompressibleGate):
    """
    One IMAP session.

    @ivar account: of who has logged in, or C{None}.
    @ivar view: of the selected mailbox, or C{None}.
    @ivar place: of the selected mailbox, or C{None}.
    @ivar namespaces: the mailboxes that this person reaches.
    @ivar annotated: what others have changed in annotations, where the client wants to know.
    @ivar enabled: names of extensions that the client has enabled, in upper case (RFC 5161).
    @ivar language: of what people read in answers (RFC 5255).
    @ivar watch: what the client has asked for by NOTIFY, or C{None} before it does.
    @ivar isIdling: in IDLE: changes are told at once.
    @ivar isFinished: the session ends after the command that is under way.
    @ivar ownModseqs: of changes by the command under way that the client has been told of.
    """

    protocolName = "imap"
    factory: ImapFactory

    def __init__(self, factory: ImapFactory) -> None:
        super().__init__(factory)
        self.account: IAccount | None = None
        self.view: SelectedView | None = None
        self.place: Place | None = None
        self.annotated: Annotated | None = None
        self._namespaces: Namespaces | None = None
        self.enabled: set[str] = set()
        self.isIdling = False
        self.watch: Watch | None = None
        self._isWaiting = False
        self._hasNews = False
        self.isFinished = False
        self.tag = b""
        self.client = ""
        self.language = ENGLISH
        self.ownModseqs: set[int] = set()
        self.doorkeeper = Doorkeeper(self, factory.portal, IAccount)
        self._badCommands = 0
        self._telling: Deferred[None] | None = None
        self._work: Deferred[Any] | None = None

    # ---------------------------------------------------------------------------------------- the conversation

    @property
    def state(self) -> int:
        """
        RFC 3501 3.
        """
        return BEFORE if self.account is None else AUTHENTICATED if self.view is None else SELECTED

    def ownAccount(self) -> IAccount:
        """
        L{account}, for commands that come after the login only.
        """
        assert self.account is not None
        return self.account

    def selectedView(self) -> SelectedView:
        """
        L{view}, for commands that come in a selected mailbox only.
        """
        assert self.view is not None
        return self.view

    @property
    def namespaces(self) -> Namespaces:
        """
        For commands that come after the login only.
        """
        assert self._namespaces is not None
        return self._namespaces

    @property
    def isCondstore(self) -> bool:
        """
        Changes are told with MODSEQ (RFC 7162 3.1).
        """
        return "CONDSTORE" in self.enabled

    @property
    def isQresync(self) -> bool:
        """
        What vanishes is told by UID (RFC 7162 3.2).
        """
        return "QRESYNC" in self.enabled

    @property
    def isUidOnly(self) -> bool:
        """
        Sequence numbers are neither taken nor told (RFC 9586).
        """
        return "UIDONLY" in self.enabled

    @property
    def isRev2(self) -> bool:
        """
        The client speaks IMAP4rev2 (RFC 9051).
        """
        return "IMAP4REV2" in self.enabled

    @property
    def isUtf8(self) -> bool:
        """
        Mailbox names and texts are in UTF-8 (RFC 6855 3, RFC 9051 5.1).
        """
        return not self.enabled.isdisjoint(("UTF8=ACCEPT", "IMAP4REV2"))

    @property
    def limits(self) -> Limits:
        """
        What a client may send.
        """
        return BEFORE_LOGIN if self.account is None else AFTER_LOGIN

    async def session(self) -> None:
        settings = self.entrance.settings
        self.setDeadline(settings.seconds("login.timeout"))
        self.setTimeout(settings.seconds("imap.idle_timeout"))
        self.write(b"* OK [CAPABILITY %b] %b IMAP ready\r\n" % (capabilities(self), self.entrance.hostname.encode()))
        try:
            while not self.isFinished:
                await self._oneCommand()
        finally:
            self.unselect()
            stopWatching(self)
            unwatch(self)
            self.doorkeeper.leave()

    async def _oneCommand(self) -> None:
        self._isWaiting = True
        if self._hasNews and self.isListening:
            self.tellSoon()
        try:
            received = await receiveCommand(self, self.limits, self._objection, PULLED, self.isUtf8)
        except NotTaken as refusal:
            self.write(b"%b %b\r\n" % (refusal.tag, inLanguage(self.language, refusal.reply)))
            self.countBad()
            return
        finally:
            self._isWaiting = False
        await self.told()
        self.commands += 1
        self.tag = received.tag
        arguments = received.arguments
        isTransfer = arguments is not None or received.name in ("FETCH", "UID FETCH", "URLFETCH")
        if isTransfer:
            self.setTimeout(STALLED_SECONDS)
        reply = await self._carriedOut(received)
        if arguments is not None:
            await arguments.passOver()
        if isTransfer:
            self.setTimeout(self.entrance.settings.seconds("imap.idle_timeout"))
        view, watch = self.view, self.watch
        self._hasNews = False
        name = received.name
        if view is not None and not self.isFinished and (watch is None or watch.selectedEvents or name in EXPUNGING):
            # RFC 3501 7.4.1, RFC 5256 3: EXPUNGE is not told while these are answered; their UID forms may.
            mayExpunge = name not in ("FETCH", "STORE", "SEARCH", "SORT", "THREAD")
            try:
                await tellChanges(self, mayExpunge, name.startswith("UID "), self.ownModseqs)
            except MailError as error:
                # The snapshot cannot be had: what this session believes about the mailbox is worth nothing.
                self.write(b"* BYE [%b] %b\r\n" % self._told(error, name))
                self.isFinished = True
            self.ownModseqs.clear()
        if not self.isFinished:
            await tellAnnotations(self)
            if self.watch is not None:
                await self.watch.tell()
        # No reply: what carried it out has written it.
        if reply:
            self.write(b"%b %b\r\n" % (received.tag, inLanguage(self.language, reply)))
        if self.isCongested:
            await self.drain()

    def _objection(self, name: str) -> bytes:
        rule = COMMANDS.get(name)
        if rule is None:
            return b"BAD There is no such command"
        if not rule.states & self.state:
            return b"BAD Not now: log in first" if self.account is None else b"BAD Not now"
        if self.isUidOnly and name in NUMBERED:
            return UID_REQUIRED
        return b""

    async def _carriedOut(self, received: Received) -> bytes:
        name = received.name
        try:
            command = received.arguments or parseCommand(name, Cursor(received.pieces, self.isUtf8))
            if self.watch is not None:
                self.watch.note(command)
            if self.place is not None:
                await lookAtRights(self)
            reply = await COMMANDS[name].carryOut(self, command)
        except BadCharset as error:
            if error.isSaving and self.view is not None:
                self.view.forgetSaved()
            return b"NO [BADCHARSET (%b)] Another charset, please" % " ".join(CHARSETS).encode()
        except BadName as error:
            return f"NO [{error.code}] {name}: {error.text}".encode()
        except BadCommand as error:
            self.countBad()
            return f"BAD {name}: {error.text}".encode()
        except UidRequired:
            return UID_REQUIRED
        except NoSuchNumber:
            return b"BAD There is no message of that number"
        except SessionEnd:
            raise
        except Exception as error:  # noqa: BLE001 — the table knows ours; what it does not know is logged with an id
            return b"NO [%b] %b" % self._told(error, name)
        self._badCommands = 0
        return reply

    def _told(self, error: Exception, name: str) -> tuple[bytes, bytes]:
        code, text = imapReply(error, self.sessionId, name)
        return code.encode(), text.encode()

    def countBad(self) -> None:
        """
        One more that was no command.
        """
        self._badCommands += 1
        if self._badCommands >= MAX_BAD_COMMANDS:
            self.write(inLanguage(self.language, b"* BYE Too many bad commands\r\n"))
            self.isFinished = True

    # --------------------------------------------------------------------------------------- coming and going

    def enter(self, loggedIn: LoggedIn) -> None:
        """
        Somebody has logged in.
        """
        account: IAccount = loggedIn.avatar
        self.account = account
        factory = self.factory
        self._namespaces = Namespaces(
            account, loggedIn.record, factory.store, factory.memberships, self.entrance.settings, self.clock.seconds
        )
        self.setDeadline(0)

    async def forget(self) -> None:
        """
        Nobody is logged in any more: all is as it was at the start, but for TLS and compression (RFC 8437 3).
        """
        await self.deselect()
        self.doorkeeper.leave()
        stopWatching(self)
        unwatch(self)
        self.account = self._namespaces = None
        self.login = ""
        self.language = ENGLISH
        self.enabled.clear()
        self.setDeadline(self.entrance.settings.seconds("login.timeout"))

    async def whileClientIsThere(self, work: Deferred[_Result]) -> _Result:
        """
        The result of long work, which is given up when the client leaves: nobody wants it then.

        @raise SessionEnd: it has left.
        """
        self._work = work
        try:
            return await work
        except CancelledError:
            raise Disconnected from None
        finally:
            self._work = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self._work is not None:
            self._work.cancel()

    def unselect(self) -> Deferred[object] | None:
        """
        Let go of the selected mailbox, if there is one, at once.

        @return: fires when other sessions see what that leaves behind; C{None} if that is now.
        """
        view, self.view = self.view, None
        self.place = None
        if view is None:
            return None
        view.mailbox.release(view)
        if self.isRev2 or not view.mayChange or view.lastUid < view.uidnext:
            return None
        # What arrived meanwhile was recent here, and is so to nobody else.
        claimed: Deferred[object] = view.mailbox.claimRecent()  # type: ignore[assignment]
        return claimed.addErrback(self._notClaimed)

    async def deselect(self) -> None:
        """
        L{unselect}, and wait for it.
        """
        waiting = self.unselect()
        if waiting is not None:
            await waiting

    def _notClaimed(self, failure: object) -> None:
        self.log.debug("{event}", event="recent.not_claimed", session=self.sessionId, why=str(failure))

    def enableCondstore(self) -> None:
        """
        From now on, changes are told with MODSEQ (RFC 7162 3.1).
        """
        if self.isCondstore:
            return
        self.enabled.add("CONDSTORE")
        if self.view is not None:
            tell(self, b"* OK [HIGHESTMODSEQ %d] CONDSTORE is on\r\n" % self.view.toldModseq)

    # ------------------------------------------------------------------------------------------ unasked changes

    @property
    def isListening(self) -> bool:
        """
        Changes are told at once: in IDLE, and after NOTIFY between commands.
        """
        return self.isIdling or (self._isWaiting and self.watch is not None)

    def changed(self) -> None:
        """
        The selected mailbox has changed, or something else that the client wants to know.
        """
        self._hasNews = True
        if self.isListening:
            self.tellSoon()

    def gone(self) -> None:
        """
        The selected mailbox was deleted by somebody else.
        """
        self.goAway(MailboxGone())

    def drained(self) -> None:
        if self.isListening:
            self.tellSoon()

    def tellSoon(self) -> None:
        """
        Tell changes now, unless that is going on, or the peer does not take what we send.
        """
        if self._telling is None and not self.isCongested:
            self._telling = telling = Deferred.fromCoroutine(self._tell())
            if telling.called:
                self._telling = None

    async def _tell(self) -> None:
        try:
            await lookAtRights(self)
            while True:
                self._hasNews = False
                await tellAnnotations(self)
                watch = self.watch
                if watch is None or watch.selectedEvents:
                    await tellChanges(self, self.isIdling or watch is None or not watch.isDelayed)
                if watch is not None:
                    await watch.tell()
                if not self._hasNews or not self.isListening or self.isCongested:
                    return
        except RightsGone as end:
            self.goAway(end)
        except SessionEnd:
            # The session's own coroutine hears of it too.
            return
        except Exception:  # noqa: BLE001 — nobody else would hear of it
            fault(self.sessionId, self.protocolName, "IDLE")
            self.goAway(Ended())
        finally:
            self._telling = None

    async def told(self) -> None:
        """
        Wait until nothing is being told.
        """
        telling = self._telling
        if telling is not None:
            await telling

    # ---------------------------------------------------------------------------------------------- last words

    def notLetIn(self, why: str) -> bytes:
        # RFC 5530 3: so that a program comes again later, and does not ask for another password.
        return f"* BYE [UNAVAILABLE] {why}\r\n".encode()

    def lastWords(self, end: SessionEnd) -> bytes:
        words = f"* BYE {end.why}\r\n".encode()
        if isinstance(end, TimedOut):
            words = b"* BYE Autologout: silent for too long\r\n"  # RFC 3501 5.4
        elif isinstance(end, GoingAway):
            words = b"* BYE [UNAVAILABLE] The server stops; come back in a moment\r\n"
        return inLanguage(self.language, words)

    def brokenWords(self, errorId: str) -> bytes:
        return inLanguage(self.language, f"* BYE [SERVERBUG] A fault of ours ({errorId})\r\n".encode())

    def describe(self) -> dict[str, str]:
        fields = {}
        if self.view is not None:
            fields["mailbox"] = self.view.name
        if self.client:
            fields["client"] = self.client
        if self.isIdling:
            fields["state"] = "idle"
        return fields
