# -*- test-case-name: tests.unit.mail.imap.test_grammar -*-
"""
The grammar of IMAP commands (RFC 3501 9 and the extensions that we have): out of what a client sends, the values of
L{osxmail.mail.imap.command}.
"""

from __future__ import annotations

from collections.abc import Callable

from osxmail.mail.imap.accessgrammar import (
    parseAccessOf,
    parseGetMetadata,
    parseQuotaOf,
    parseSetAccess,
    parseSetMetadata,
    parseSetQuota,
)
from osxmail.mail.imap.command import (
    Authenticate,
    Command,
    Compress,
    Create,
    Enable,
    Expunge,
    Fetch,
    Identify,
    Languages,
    Login,
    Named,
    Password,
    Plain,
    Rename,
    Resync,
    Search,
    Select,
    Store,
    Transfer,
)
from osxmail.mail.imap.fetchattributes import parseFetchItems
from osxmail.mail.imap.listgrammar import parseList, parseLsub, parseStatus
from osxmail.mail.imap.reader import BadCommand, BadUse, Cursor
from osxmail.mail.imap.resultoptions import PartialRange, parsePartialRange
from osxmail.mail.imap.searchgrammar import parseSearch
from osxmail.mail.imap.sortgrammar import parseCancelUpdate, parseSort, parseThread
from osxmail.mail.imap.urlauthgrammar import parseFetchUrls, parseGenerateUrls, parseResetKeys
from osxmail.mail.imap.watchgrammar import parseMultiSearch, parseNotify
from osxmail.mail.sequenceset import SequenceSet

MAX_OPTIONS = 30  # in one list of options, parameters or items of STATUS
MAX_ID_PAIRS = 30  # RFC 2971 3.3
MAX_ID_KEY_OCTETS = 30
MAX_ID_VALUE_OCTETS = 1024
MAX_CREDENTIAL_OCTETS = 1024
MAX_ENABLED = 30


def parseCommand(name: str, cursor: Cursor) -> Command:
    """
    The arguments of the command C{name} (upper case; C{"UID FETCH"} is one name).

    @param cursor: after the space that follows the name.
    @raise BadCommand: they do not follow the grammar, or there is no such command.
    """
    try:
        parse = _GRAMMAR[name]
    except KeyError:
        raise BadCommand("no such command") from None
    command = parse(cursor)
    cursor.end()
    return command


# ------------------------------------------------------------------------------------------- before the mailbox


def _plain(cursor: Cursor) -> Plain:
    return Plain()


def _authenticate(cursor: Cursor) -> Authenticate:
    mechanism = cursor.atom("a mechanism")
    if cursor.isAtEnd:
        return Authenticate(mechanism, None)
    cursor.space()
    return Authenticate(mechanism, cursor.base64())


def _credential(cursor: Cursor, what: str) -> str:
    raw = cursor.astring(what)
    if len(raw) > MAX_CREDENTIAL_OCTETS:
        raise BadCommand(f"{what} is too long")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadCommand(f"{what} in UTF-8 expected") from None


def _login(cursor: Cursor) -> Login:
    user = _credential(cursor, "a user name")
    cursor.space()
    return Login(user, Password(_credential(cursor, "a password")))


def _enable(cursor: Cursor) -> Enable:
    names = [cursor.atom("the name of an extension")]
    while not cursor.isAtEnd and len(names) < MAX_ENABLED:
        cursor.space()
        names.append(cursor.atom("the name of an extension"))
    return Enable(tuple(names))


def _languages(cursor: Cursor) -> Languages:
    ranges: list[str] = []
    while not cursor.isAtEnd and len(ranges) < MAX_OPTIONS:
        if ranges:
            cursor.space()
        ranges.append(cursor.astring("a language").decode("ascii", "replace"))
    return Languages(tuple(ranges))


def _compress(cursor: Cursor) -> Compress:
    return Compress(cursor.atom("an algorithm"))


def _identify(cursor: Cursor) -> Identify:
    if cursor.takes(b"NIL"):
        return Identify(())
    cursor.expect(b"(", "a list")
    pairs: list[tuple[str, str]] = []
    for key, value in cursor.restOfList(lambda: _pair(cursor), MAX_ID_PAIRS, mayBeEmpty=True):
        if len(key) > MAX_ID_KEY_OCTETS or len(value) > MAX_ID_VALUE_OCTETS:
            raise BadCommand("the client says too much about itself")
        pairs.append((key.decode("utf-8", "replace").lower(), value.decode("utf-8", "replace")))
    return Identify(tuple(pairs))


def _pair(cursor: Cursor) -> tuple[bytes, bytes]:
    key = cursor.string("a field")
    cursor.space()
    return key, cursor.nstring() or b""


# ------------------------------------------------------------------------------------------------- mailboxes


def _select(cursor: Cursor) -> Select:
    mailbox = cursor.mailbox()
    before = cursor.nameBefore
    condstore = False
    resync = None
    if cursor.takes(b" ("):
        for parameter in cursor.restOfList(lambda: cursor.atom("a parameter"), MAX_OPTIONS):
            if parameter == "QRESYNC" and resync is None:
                cursor.space()
                resync = _resync(cursor)
            elif parameter == "CONDSTORE":
                condstore = True
            else:
                raise BadCommand("no such parameter of SELECT")
    return Select(mailbox, condstore, resync, before)


def _resync(cursor: Cursor) -> Resync:
    """
    RFC 7162 7: select-param, after QRESYNC.
    """
    cursor.expect(b"(", "a list")
    uidvalidity = cursor.number(what="a UIDVALIDITY")
    cursor.space()
    modseq = cursor.modseq()
    known = numbers = uids = None
    if cursor.takes(b" ") and not cursor.looksAt(b"("):
        known = _knownSet(cursor)
        cursor.takes(b" ")
    if cursor.takes(b"("):
        numbers = _knownSet(cursor)
        cursor.space()
        uids = _knownSet(cursor)
        if sum(high - low for low, high in numbers.parts) + len(numbers.parts) != sum(
            high - low for low, high in uids.parts
        ) + len(uids.parts):
            raise BadCommand("as many sequence numbers as UIDs expected")
        cursor.expect(b")", "a closing parenthesis")
    cursor.expect(b")", "a closing parenthesis")
    return Resync(uidvalidity, modseq, known, numbers, uids)


def _knownSet(cursor: Cursor) -> SequenceSet:
    known = cursor.sequenceSet()
    if known.hasSaved or any(not 0 < low <= high for low, high in known.parts):
        raise BadCommand("a set of ascending numbers expected")  # RFC 7162 7: no * in it
    return known


def _named(cursor: Cursor) -> Named:
    return Named(cursor.mailbox())


def _create(cursor: Cursor) -> Create:
    mailbox = cursor.mailbox(isNew=True)
    before = cursor.nameBefore
    specialUse = ""
    if cursor.takes(b" (USE ("):
        while not cursor.takes(b")"):
            if specialUse:
                raise BadUse("one special use for each mailbox")
            specialUse = cursor.specialUse()
        cursor.expect(b")", "a closing parenthesis")
    return Create(mailbox, specialUse, before)


def _rename(cursor: Cursor) -> Rename:
    mailbox = cursor.mailbox()
    cursor.space()
    return Rename(mailbox, cursor.mailbox(isNew=True))


# -------------------------------------------------------------------------------------------------- messages


def _search(isUid: bool) -> Callable[[Cursor], Search]:
    return lambda cursor: parseSearch(cursor, isUid)


def _fetch(isUid: bool) -> Callable[[Cursor], Fetch]:
    def parse(cursor: Cursor) -> Fetch:
        messages = cursor.sequenceSet()
        cursor.space()
        items = parseFetchItems(cursor)
        changedSince = None
        hasVanished = False
        partial: PartialRange | None = None
        if cursor.takes(b" ("):
            for modifier in cursor.restOfList(lambda: cursor.atom("a modifier"), MAX_OPTIONS):
                if modifier == "CHANGEDSINCE" and changedSince is None:
                    cursor.space()
                    changedSince = cursor.modseq()
                elif modifier == "PARTIAL" and isUid and partial is None:  # RFC 9394 3.3
                    cursor.space()
                    partial = parsePartialRange(cursor)
                elif modifier == "VANISHED" and isUid and not hasVanished:
                    hasVanished = True
                else:
                    raise BadCommand("no such modifier of FETCH")
        if hasVanished and changedSince is None:
            raise BadCommand("CHANGEDSINCE expected")  # RFC 7162 3.2.6
        return Fetch(messages, items, changedSince, isUid, hasVanished, partial)

    return parse


def _store(isUid: bool) -> Callable[[Cursor], Store]:
    def parse(cursor: Cursor) -> Store:
        messages = cursor.sequenceSet()
        cursor.space()
        unchangedSince = None
        if cursor.takes(b"(UNCHANGEDSINCE "):
            unchangedSince = cursor.modseq()
            cursor.expect(b")", "a closing parenthesis")
            cursor.space()
        operation = "+" if cursor.takes(b"+") else "-" if cursor.takes(b"-") else "="
        name = cursor.atom("FLAGS")
        if name not in ("FLAGS", "FLAGS.SILENT"):
            raise BadCommand("FLAGS expected")
        cursor.space()
        flags = cursor.flagsBareOrListed()
        return Store(messages, operation, flags, name == "FLAGS.SILENT", unchangedSince, isUid)

    return parse


def _transfer(isUid: bool) -> Callable[[Cursor], Transfer]:
    def parse(cursor: Cursor) -> Transfer:
        messages = cursor.sequenceSet()
        cursor.space()
        return Transfer(messages, cursor.mailbox(), isUid)

    return parse


def _uidExpunge(cursor: Cursor) -> Expunge:
    return Expunge(cursor.sequenceSet())


def _expunge(cursor: Cursor) -> Expunge:
    return Expunge()


_GRAMMAR: dict[str, Callable[[Cursor], Command]] = {
    **dict.fromkeys(
        (
            "CAPABILITY",
            "NOOP",
            "LOGOUT",
            "STARTTLS",
            "CHECK",
            "CLOSE",
            "UNSELECT",
            "IDLE",
            "NAMESPACE",
            "UNAUTHENTICATE",
        ),
        _plain,
    ),
    "AUTHENTICATE": _authenticate,
    "LOGIN": _login,
    "ENABLE": _enable,
    "COMPRESS": _compress,
    "LANGUAGE": _languages,
    "ID": _identify,
    "SELECT": _select,
    "EXAMINE": _select,
    "CREATE": _create,
    "DELETE": _named,
    "RENAME": _rename,
    "SUBSCRIBE": _named,
    "UNSUBSCRIBE": _named,
    "LIST": parseList,
    "LSUB": parseLsub,
    "STATUS": parseStatus,
    "SETACL": parseSetAccess,
    "DELETEACL": parseAccessOf,
    "GETACL": _named,
    "LISTRIGHTS": parseAccessOf,
    "MYRIGHTS": _named,
    "GETQUOTA": parseQuotaOf,
    "GETQUOTAROOT": _named,
    "SETQUOTA": parseSetQuota,
    "GETMETADATA": parseGetMetadata,
    "SETMETADATA": parseSetMetadata,
    "EXPUNGE": _expunge,
    "UID EXPUNGE": _uidExpunge,
    "SEARCH": _search(False),
    "UID SEARCH": _search(True),
    "SORT": parseSort,
    "UID SORT": lambda cursor: parseSort(cursor, True),
    "THREAD": parseThread,
    "UID THREAD": lambda cursor: parseThread(cursor, True),
    "CANCELUPDATE": parseCancelUpdate,
    "ESEARCH": parseMultiSearch,
    "NOTIFY": parseNotify,
    "FETCH": _fetch(False),
    "UID FETCH": _fetch(True),
    "STORE": _store(False),
    "UID STORE": _store(True),
    "COPY": _transfer(False),
    "UID COPY": _transfer(True),
    "MOVE": _transfer(False),
    "UID MOVE": _transfer(True),
    "GENURLAUTH": parseGenerateUrls,
    "URLFETCH": parseFetchUrls,
    "RESETKEY": parseResetKeys,
}
