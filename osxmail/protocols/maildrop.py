# -*- test-case-name: tests.unit.protocols.test_maildrop -*-
"""
A maildrop as POP3 sees it (RFC 1939 3): the INBOX as it was at the login, numbered from 1, and the marks of this
session.  What arrives meanwhile is for the next one.
"""

from __future__ import annotations

from array import array

from zope.interface import implementer

from osxmail.interfaces import IMailbox, IMailboxListener, IMessage
from osxmail.mail.smtpdata import LINE_START, dotStuff, endOfData

#: Messages that are read in one hop when a client takes one after the other.
READ_AHEAD = 16
#: Larger ones are not read ahead: they may stand in memory.
READ_AHEAD_OCTETS = 16384


class Listing:
    """
    The messages of a login.

    @ivar count: of those that are not marked as deleted.
    @ivar octets: theirs together.
    """

    def __init__(self, uidvalidity: int, uids: array[int], sizes: array[int]) -> None:
        """
        @param uids: ascending; the listing's own.
        @param sizes: RFC822.SIZE of each.
        """
        self.uids = uids
        self.sizes = sizes
        self.count = len(uids)
        self.octets = sum(sizes)
        self._totalOctets = self.octets
        # RFC 1939 7: stable for ever, as UIDs are.
        self._prefix = f"{uidvalidity:08x}".encode()
        self._deleted: set[int] = set()

    def __len__(self) -> int:
        """
        How many numbers there are, those of deleted ones too.
        """
        return len(self.uids)

    def isDeleted(self, number: int) -> bool:
        return number in self._deleted

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
        if number not in self._deleted:
            self._deleted.add(number)
            self.count -= 1
            self.octets -= self.sizes[number - 1]

    def reset(self) -> None:
        """
        Take the marks back.
        """
        self._deleted.clear()
        self.count = len(self.uids)
        self.octets = self._totalOctets

    @property
    def deletedUids(self) -> list[int]:
        return [self.uids[number - 1] for number in sorted(self._deleted)]

    def sizeLines(self, start: int, end: int) -> bytes:
        """
        Lines of LIST for the numbers from C{start} up to before C{end}.
        """
        deleted, sizes = self._deleted, self.sizes
        return b"".join([b"%d %d\r\n" % (n, sizes[n - 1]) for n in range(start, end) if n not in deleted])

    def idLines(self, start: int, end: int) -> bytes:
        """
        Lines of UIDL, likewise.
        """
        deleted, uids, prefix = self._deleted, self.uids, self._prefix
        return b"".join([b"%d %b%08x\r\n" % (n, prefix, uids[n - 1]) for n in range(start, end) if n not in deleted])


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
        return Listing(uidvalidity, snapshot.uids[:], snapshot.sizes[: len(snapshot.uids)])
    finally:
        mailbox.release(nobody)


class Shelf:
    """
    Messages on their way to the client: small ones are read ahead when it takes them in turn.
    """

    def __init__(self, mailbox: IMailbox, listing: Listing) -> None:
        self._mailbox = mailbox
        self._listing = listing
        self._ahead: dict[int, IMessage] = {}
        self._last = 0

    async def message(self, number: int) -> IMessage | None:
        """
        @return: C{None} if it was removed meanwhile (by IMAP).
        @raise osxmail.errors.MailError:
        """
        inTurn, self._last = number == self._last + 1, number
        message = self._ahead.pop(number, None)
        if message is not None:
            return message
        listing = self._listing
        numbers = [number]
        if inTurn:
            room = READ_AHEAD * READ_AHEAD_OCTETS
            for following in range(number + 1, min(number + READ_AHEAD, len(listing) + 1)):
                size = listing.size(following)
                if size > READ_AHEAD_OCTETS or listing.isDeleted(following):
                    break
                room -= size
                numbers.append(following)
        found = dict(await self._mailbox.messages([listing.uids[n - 1] for n in numbers]))
        self._ahead = {n: found[uid] for n in numbers if (uid := listing.uids[n - 1]) in found}
        return self._ahead.pop(number, None)


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
    """

    def __init__(self) -> None:
        self._state = LINE_START

    def stuff(self, chunk: bytes) -> bytes:
        stuffed, self._state = dotStuff(chunk, self._state)
        return stuffed

    def end(self) -> bytes:
        return endOfData(self._state)
