# -*- test-case-name: tests.unit.mail.imap.test_command -*-
"""
IMAP commands as values (RFC 3501 6).  L{osxmail.mail.imap.grammar} makes them out of what a client sends.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from osxmail.mail.imap.accesscommand import AccessCommand
from osxmail.mail.imap.fetchattributes import FetchItems
from osxmail.mail.imap.resultoptions import PartialRange, ResultOptions
from osxmail.mail.imap.searchcommand import SearchCommand
from osxmail.mail.searchkeys import SearchKey
from osxmail.mail.sequenceset import SequenceSet


@frozen
class Plain:
    """
    A command without arguments.
    """


@frozen
class Authenticate:
    """
    @ivar mechanism: in upper case.
    @ivar initial: the initial response in base64 (RFC 4959), C{b"="} for an empty one; C{None} if there is none.
    """

    mechanism: str
    initial: bytes | None


@frozen(repr=False)
class Password:
    """
    A password, kept out of logs.
    """

    text: str

    def __repr__(self) -> str:
        return "Password(…)"


@frozen
class Login:
    """
    LOGIN; the password is not shown in C{repr}.
    """

    user: str
    password: Password


@frozen
class Resync:
    """
    What a client remembers of a mailbox (RFC 7162 3.2.5).

    @ivar known: the UIDs that it knows, or C{None}.
    @ivar numbers: sequence numbers that it knows the UIDs of, as many as C{uids} has, or C{None}.
    """

    uidvalidity: int
    modseq: int
    known: SequenceSet | None = None
    numbers: SequenceSet | None = None
    uids: SequenceSet | None = None


@frozen
class Select:
    """
    SELECT and EXAMINE.

    @ivar condstore: with the parameter CONDSTORE (RFC 7162 3.1.8).
    @ivar resync: the parameter QRESYNC, or C{None}.
    @ivar nameBefore: the name as the client wrote it, where it is not C{mailbox}; else C{""}.
    """

    mailbox: str
    condstore: bool = False
    resync: Resync | None = None
    nameBefore: str = ""


@frozen
class Named:
    """
    A command about one mailbox: DELETE, SUBSCRIBE, UNSUBSCRIBE.
    """

    mailbox: str


@frozen
class Create:
    """
    @ivar specialUse: of CREATE-SPECIAL-USE (RFC 6154 3), or C{""}.
    @ivar nameBefore: see L{Select}.
    """

    mailbox: str
    specialUse: str = ""
    nameBefore: str = ""


@frozen
class Rename:
    mailbox: str
    newName: str


@frozen
class ListMailboxes:
    """
    LIST (with the options of RFC 5258 and RFC 6154 that we have) and LSUB.

    @ivar select: SUBSCRIBED, SPECIAL-USE, RECURSIVEMATCH, REMOTE.
    @ivar wanted: what is to be returned: SUBSCRIBED, CHILDREN, SPECIAL-USE, MYRIGHTS.
    @ivar statusItems: of RETURN (STATUS (…)) (RFC 5819).
    @ivar isExtended: it has the extended syntax.
    @ivar entries: of RETURN (METADATA (…)) (RFC 9590).
    """

    reference: str
    patterns: tuple[str, ...]
    select: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    statusItems: tuple[str, ...] = ()
    isExtended: bool = False
    entries: tuple[str, ...] = ()


@frozen
class Status:
    mailbox: str
    items: tuple[str, ...]


@frozen
class Search:
    """
    @ivar options: of RETURN (…), or C{None} where there is none.
    @ivar hasCharset: a CHARSET was named.
    """

    key: SearchKey
    isUid: bool = False
    options: ResultOptions | None = None
    hasCharset: bool = False


@frozen
class Fetch:
    """
    @ivar changedSince: RFC 7162 3.1.4.1, or C{None}.
    @ivar partial: RFC 9394 3.3: which of these messages, or C{None} for all.
    @ivar hasVanished: tell also what has vanished since (RFC 7162 3.2.6).
    """

    messages: SequenceSet
    items: FetchItems
    changedSince: int | None = None
    isUid: bool = False
    hasVanished: bool = False
    partial: PartialRange | None = None


@frozen
class Store:
    """
    @ivar operation: C{"+"}, C{"-"} or C{"="}.
    @ivar isSilent: .SILENT.
    @ivar unchangedSince: RFC 7162 3.1.3, or C{None}.
    """

    messages: SequenceSet
    operation: str
    flags: tuple[str, ...]
    isSilent: bool = False
    unchangedSince: int | None = None
    isUid: bool = False


@frozen
class Transfer:
    """
    COPY and MOVE.
    """

    messages: SequenceSet
    mailbox: str
    isUid: bool = False


@frozen
class Expunge:
    """
    @ivar messages: the UIDs of UID EXPUNGE (RFC 4315 2.1), or C{None}.
    """

    messages: SequenceSet | None = None


@frozen
class Enable:
    """
    Names of extensions, in upper case.
    """

    extensions: tuple[str, ...]


@frozen
class Languages:
    """
    @ivar ranges: language ranges (RFC 5255 3.2), the best first; none asks which languages there are.
    """

    ranges: tuple[str, ...]


@frozen
class Compress:
    """
    @ivar algorithm: in upper case.
    """

    algorithm: str


@frozen
class Identify:
    """
    The pairs of ID (RFC 2971), keys in lower case.
    """

    pairs: tuple[tuple[str, str], ...]


@frozen
class GenerateUrls:
    """
    GENURLAUTH (RFC 4467 7).

    @ivar pairs: each URL, and the mechanism that is to authorise it, in upper case.
    """

    pairs: tuple[tuple[bytes, str], ...]


@frozen
class FetchUrls:
    """
    URLFETCH (RFC 4467 7).
    """

    urls: tuple[bytes, ...]


@frozen
class ResetKeys:
    """
    RESETKEY (RFC 4467 7).

    @ivar mailbox: C{""}: of all mailboxes.
    @ivar mechanisms: in upper case.
    """

    mailbox: str
    mechanisms: tuple[str, ...] = ()


Command: TypeAlias = (
    Plain
    | Authenticate
    | Login
    | Select
    | Named
    | Create
    | Rename
    | ListMailboxes
    | Status
    | Search
    | SearchCommand
    | Fetch
    | Store
    | Transfer
    | Expunge
    | Enable
    | Compress
    | Languages
    | Identify
    | AccessCommand
    | GenerateUrls
    | FetchUrls
    | ResetKeys
)
