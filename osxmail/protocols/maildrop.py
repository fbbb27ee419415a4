# -*- test-case-name: tests.unit.protocols.test_maildrop -*-
"""
A maildrop as POP3 sees it (RFC 1939 3): the INBOX as it was at the login, numbered from 1, and the marks of this
session.  What arrives meanwhile is for the next one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import compress

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from osxmail.interfaces import IMailbox, IMailboxListener, IMessage

#: Messages that are read in one hop when a client takes one after the other, and their octets.
READ_AHEAD = 64
READ_AHEAD_OCTETS = 262_144
#: When no more of them are left, the next ones are read.
READ_AGAIN = 32
READ_AGAIN_OCTETS = READ_AHEAD_OCTETS // 2
#: Larger ones are not read ahead.
SMALL_OCTETS = 16_384


class Listing:
    """
    The messages of a login.

    @ivar count: of those that are not marked as deleted.
    @ivar octets: theirs together.
    """

    def __init__(self, uidvalidity: int, uids: array[int], sizes: array[int]) -> None:
        """
        @param uids: ascending; the listing's own.
        @param sizes: of each, as RETR sends it.
        """
        self.uids = uids
        self.sizes = sizes
        self.count = len(uids)
        self.octets = sum(sizes)
        self._totalOctets = self.octets
        # RFC 1939 7: stable for ever, as UIDs are.
        self._prefix = f"{uidvalidity:08x}".encode()
        # By index: 1 is marked.
        self._deleted = bytearray(len(uids))
        self._fetched = bytearray(len(uids))

    @classmethod
    def empty(cls) -> Listing:
        """
        Of no mailbox.
        """
        return cls(0, array("I"), array("Q"))

    def __len__(self) -> int:
        """
        How many numbers there are, those of deleted ones too.
        """
        return len(self.uids)

    def isDeleted(self, number: int) -> bool:
        return self._deleted[number - 1] != 0

    def uniqueId(self, number: int) -> bytes:
        """
        The unique-id: UIDVALIDITY and UID in hexadecimal, together (RFC 1939 7).
        """
        return self._prefix + b"%08x" % self.uids[number - 1]

    def size(self, number: int) -> int:
        return self.sizes[number - 1]

    def delete(self, number: int) -> None:
        """
        Mark it.
        """
        if not self._deleted[number - 1]:
            self._deleted[number - 1] = 1
            self.count -= 1
            self.octets -= self.sizes[number - 1]

    def fetch(self, number: int) -> None:
        """
        Remember that the client has it.
        """
        self._fetched[number - 1] = 1

    def reset(self) -> None:
        """
        Take the marks back.
        """
        self._deleted = bytearray(len(self.uids))
        self.count = len(self.uids)
        self.octets = self._totalOctets

    @property
    def deletedUids(self) -> list[int]:
        return list(compress(self.uids, self._deleted))

    @property
    def fetchedUids(self) -> list[int]:
        """
        Those that the client has fetched, and not deleted.
        """
        return [uid for uid, has, dead in zip(self.uids, self._fetched, self._deleted, strict=True) if has and not dead]

    @property
    def leavingUids(self) -> list[int]:
        """
        Those that are deleted and those that were fetched.
        """
        return [uid for uid, has, dead in zip(self.uids, self._fetched, self._deleted, strict=True) if has or dead]

    def sizeLines(self, start: int, end: int) -> bytes:
        """
        Lines of LIST for the numbers from C{start} up to before C{end}.
        """
        deleted, sizes = self._deleted, self.sizes
        return b"".join([b"%d %d\r\n" % (n, sizes[n - 1]) for n in range(start, end) if not deleted[n - 1]])

    def idLines(self, start: int, end: int) -> bytes:
        """
        Lines of UIDL, likewise.
        """
        deleted, uids, prefix = self._deleted, self.uids, self._prefix
        return b"".join([b"%d %b%08x\r\n" % (n, prefix, uids[n - 1]) for n in range(start, end) if not deleted[n - 1]])


@implementer(IMailboxListener)
class _Nobody:
    """
    A listener that wants to know nothing: a maildrop does not change during a session.
    """

    def mailboxChanged(self) -> None: ...
    def mailboxGone(self) -> None: ...


async def listMaildrop(mailbox: IMailbox) -> Listing:
    """
    The listing of this moment.

    @raise osxmail.errors.MailError: it cannot be had.
    """
    uidvalidity = (await mailbox.status()).uidvalidity
    nobody = _Nobody()
    snapshot = await mailbox.snapshot(nobody)
    try:
        await snapshot.loaded()
        # The store goes on with the arrays; a session that lasts does not keep the snapshot alive.
        uids = snapshot.uids[:]
        sizes = snapshot.sizes[: len(uids)]
    finally:
        mailbox.release(nobody)
    for uid, octets in await mailbox.unended():
        index = bisect_left(uids, uid)
        if index < len(uids) and uids[index] == uid:
            sizes[index] += octets
    return Listing(uidvalidity, uids, sizes)


class Shelf:
    """
    Messages on their way to the client: small ones are read ahead when it takes them in turn, and the next ones while
    it takes the last of those.
    """

    def __init__(self, mailbox: IMailbox, listing: Listing) -> None:
        self._mailbox = mailbox
        self._listing = listing
        self._ahead: dict[int, IMessage] = {}
        self._last = 0
        # What is being read in the background.
        self._coming: range = range(0)
        self._waiting: Deferred[None] | None = None

    async def message(self, number: int) -> IMessage | None:
        """
        @return: C{None} if it was removed meanwhile (by IMAP).
        @raise osxmail.errors.MailError:
        """
        inTurn, self._last = number == self._last + 1, number
        message = self._ahead.pop(number, None)
        if message is None and number in self._coming:
            waiting = self._waiting = Deferred()
            await waiting
            message = self._ahead.pop(number, None)
        if message is None:
            # Of all that was read ahead before, the client wants nothing.
            numbers = self._following(number + 1, number) if inTurn else range(number, number + 1)
            self._ahead = await self._read(numbers)
            return self._ahead.pop(number, None)
        if len(self._ahead) <= READ_AGAIN and inTurn and not self._coming and self._aheadOctets() <= READ_AGAIN_OCTETS:
            self._readOn(max(self._ahead, default=number) + 1)
        return message

    def _aheadOctets(self) -> int:
        return sum(map(self._listing.size, self._ahead))

    def _following(self, start: int, first: int) -> range:
        """
        The numbers from C{first} that are read together; from C{start} on, what is small and not deleted.
        """
        listing = self._listing
        room = READ_AHEAD_OCTETS
        end = start
        last = min(first + READ_AHEAD, len(listing) + 1)
        while end < last:
            size = listing.size(end)
            room -= size
            if size > SMALL_OCTETS or room < 0 or listing.isDeleted(end):
                break
            end += 1
        return range(first, end)

    async def _read(self, numbers: range) -> dict[int, IMessage]:
        uids = self._listing.uids[numbers.start - 1 : numbers.stop - 1]
        found = dict(await self._mailbox.messages(uids.tolist()))
        return {number: found[uid] for number, uid in zip(numbers, uids, strict=True) if uid in found}

    def _readOn(self, start: int) -> None:
        numbers = self._following(start, start)
        if numbers:
            self._coming = numbers
            Deferred.fromCoroutine(self._read(numbers)).addBoth(self._arrived)

    def _arrived(self, result: dict[int, IMessage] | Failure) -> None:
        # A failure is met again, and told, when the client asks for the message.
        if not isinstance(result, Failure):
            self._ahead.update(result)
        self._coming = range(0)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


class Top:
    """
    The header and the first lines of the body (RFC 1939 7), out of chunks of any size.

    @ivar isComplete: nothing more of the message is wanted.
    """

    def __init__(self, lines: int) -> None:
        self.isComplete = False
        self._lines = lines
        # A message without header fields begins with the blank line.
        self._tail: bytes | None = b"\r\n"

    def feed(self, chunk: bytes) -> bytes:
        """
        Take the next chunk; what of it is wanted.
        """
        start = 0
        if self._tail is not None:
            seen = self._tail + chunk
            blank = seen.find(b"\r\n\r\n")
            if blank < 0:
                self._tail = seen[-3:]
                return chunk
            start = blank + 4 - len(self._tail)
            self._tail = None
        lines = chunk.count(b"\n", start)
        if lines < self._lines:
            self._lines -= lines
            return chunk
        self.isComplete = True
        if not self._lines:
            return chunk[:start]
        rest = chunk[start:].split(b"\n", self._lines)[-1]
        return chunk[: len(chunk) - len(rest)]


class Stuffing:
    """
    Byte-stuffing of a multi-line answer in chunks (RFC 1939 3).

    A dot after a bare LF gets its second dot, too: most clients take LF for the end of a line, and what follows
    C{LF . CRLF} in a message would be the next answer to them.
    """

    def __init__(self) -> None:
        self._isLineStart = True
        self._missing = b""

    def stuff(self, chunk: bytes) -> bytes:
        if not chunk:
            return chunk
        stuffed = chunk.replace(b"\n.", b"\n..")
        if self._isLineStart and chunk[0] == 46:
            stuffed = b"." + stuffed
        self._isLineStart = chunk[-1] == 10
        if chunk[-1] == 13:
            self._missing = b"\n"
        elif chunk.endswith(b"\r\n") or (chunk == b"\n" and self._missing == b"\n"):
            self._missing = b""
        else:
            self._missing = b"\r\n"
        return stuffed

    def end(self) -> bytes:
        """
        The line end that is missing, and the dot.
        """
        return self._missing + b".\r\n"
