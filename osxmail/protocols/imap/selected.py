# -*- test-case-name: tests.unit.protocols.imap.test_selected -*-
"""
One session's view of the mailbox that it has selected.  Sequence numbers go no lower than here.

The view is a reference to the shared snapshot's array of UIDs and a count: sequence number n is the n-th of the first
C{count} UIDs.  When messages vanish, the store replaces the array, and the view keeps the old one until the session may
tell of it: nothing shifts under a command.  An index here is a sequence number less one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from attrs import frozen
from zope.interface import implementer

from osxmail.interfaces import IMailbox, IMailboxListener, ISnapshot
from osxmail.mail.rights import ALL_RIGHTS, CHANGING_RIGHTS
from osxmail.mail.sequenceset import Range, SequenceSet, merged
from osxmail.protocols.imap.contexts import Contexts

#: Indexes of messages in the view: a C{range} of step one, or a list in ascending order.
Indexes: TypeAlias = range | list[int]


#: To look one UID up takes as long as to look at so many in a row.
SPARSE = 8


class NoSuchNumber(Exception):
    """
    A sequence number that the session was never told of (RFC 3501 6.4.8: an error, unlike an unknown UID).
    """


class UidRequired(Exception):
    """
    A sequence number where the session uses UIDs only (RFC 9586 3).
    """


@frozen
class Located:
    """
    Messages of the view in the snapshot's arrays as they are now: two parallel sequences.

    @ivar numbers: their sequence numbers.
    @ivar places: their places in the arrays.
    @ivar missing: how many of them were expunged by somebody else, which this session has not been told yet.
    """

    numbers: Indexes
    places: Indexes
    missing: int = 0


def _asArray(uids: Sequence[int]) -> array[int]:
    return uids if isinstance(uids, array) and uids.typecode == "I" else array("I", uids)


def picked(column: Sequence[int], places: Indexes) -> Sequence[int]:
    """
    The values at these places.
    """
    if isinstance(places, range):
        return column[places.start : places.stop]
    return [column[place] for place in places]


@implementer(IMailboxListener)
class SelectedView:
    """
    What a session knows about its mailbox.

    @ivar count: how many messages it has been told of: EXISTS.
    @ivar firstRecent: messages from this UID on are recent in this session (RFC 3501 2.3.2).
    @ivar uidnext: UIDNEXT when the mailbox was selected.
    @ivar modseq: flags have been told up to here.
    @ivar keywordsTold: how many keywords the client knows of.
    @ivar isUidOnly: sequence numbers are neither taken nor told (RFC 9586).
    @ivar saved: bounds of ranges of UIDs, first and last by turns: what SEARCH has saved (RFC 5182), C{$}.
    @ivar rights: what the session may do here (RFC 4314 2.1).
    @ivar notes: responses that others have left for this session.
    @ivar contexts: searches that are kept up to date (L{osxmail.protocols.imap.contexts.Contexts}).
    @ivar onChange: called when the mailbox has changed.
    @ivar onGone: called when it was deleted.
    """

    __slots__ = (
        "_expungedModseq",
        "_uids",
        "contexts",
        "count",
        "firstRecent",
        "isReadOnly",
        "isUidOnly",
        "keywordsTold",
        "mailbox",
        "modseq",
        "name",
        "notes",
        "onChange",
        "onGone",
        "rights",
        "saved",
        "snapshot",
        "uidnext",
    )

    def __init__(
        self, name: str, mailbox: IMailbox, isReadOnly: bool, onChange: Callable[[], None], onGone: Callable[[], None]
    ) -> None:
        self.name = name
        self.mailbox = mailbox
        self.isReadOnly = isReadOnly
        self.rights = ALL_RIGHTS
        self.notes = b""
        self.onChange = onChange
        self.onGone = onGone
        self.firstRecent = self.uidnext = 0
        self.isUidOnly = False
        self.saved: array[int] = array("I")
        self.contexts = Contexts()

    def open(self, snapshot: ISnapshot) -> None:
        """
        See the mailbox as it is now.
        """
        self.snapshot = snapshot
        self._uids: array[int] = snapshot.uids
        self.count = len(self._uids)
        self.modseq = self._expungedModseq = snapshot.highestModseq
        self.keywordsTold = len(snapshot.keywords)

    # IMailboxListener

    def mailboxChanged(self) -> None:
        self.onChange()

    def mailboxGone(self) -> None:
        self.onGone()

    # ------------------------------------------------------------------------------------ numbers and UIDs

    @property
    def knownUids(self) -> Sequence[int]:
        """
        The UIDs of the view; there may be more behind them.  This array is replaced when messages vanish.
        """
        return self._uids

    @property
    def lastUid(self) -> int:
        """
        The largest UID in the view, or 0.
        """
        return self._uids[self.count - 1] if self.count else 0

    def uidsOf(self, indexes: Indexes) -> Sequence[int]:
        return picked(self._uids, indexes)

    def indexOf(self, uid: int) -> int:
        """
        The index of a UID, or -1.
        """
        index = bisect_left(self._uids, uid, 0, self.count)
        return index if index < self.count and self._uids[index] == uid else -1

    def indexAfter(self, uid: int) -> int:
        """
        The index of the first message with a greater UID.
        """
        return bisect_right(self._uids, uid, 0, self.count)

    def indexesOf(self, uids: Sequence[int]) -> Indexes:
        """
        The indexes of UIDs in whatever order, in the same order; those that are not in the view are left out.
        """
        if not self.count or not len(uids):
            return range(0)
        length = len(uids)
        if uids[-1] - uids[0] + 1 == length:
            first = self.indexOf(uids[0])
            if first >= 0 and self._uids[first : min(first + length, self.count)] == _asArray(uids):
                return range(first, first + length)
        first, last = self._uids[0], self.lastUid
        if last - first + 1 == self.count:
            # There are no gaps, so that nothing needs to be looked up.
            return [uid - first for uid in uids if first <= uid <= last]
        return [index for index in map(self.indexOf, uids) if index >= 0]

    def indexRanges(self, messages: SequenceSet, isUid: bool, isSearch: bool = False) -> list[range]:
        """
        The indexes that a set names, as ascending ranges none of which is empty.  UIDs that are not there are passed
        over.

        @param isSearch: sequence numbers beyond the last are passed over, too (RFC 7377 2: in a search they are no
            error).
        @raise NoSuchNumber: a sequence number that the session was never told of.
        @raise UidRequired: a sequence number, where only UIDs are used.
        """
        if isUid:
            found = self.indexesInUids(messages.resolved(self.lastUid))
        elif self.isUidOnly and messages.parts:
            raise UidRequired
        elif messages.highestNumber > self.count and not isSearch and (self.count or not messages.isOpen):
            raise NoSuchNumber
        else:
            count = self.count
            found = [range(low - 1, min(high, count)) for low, high in messages.resolved(count) if low <= count]
        return self._withSaved(found) if messages.hasSaved else found

    def _withSaved(self, named: list[range]) -> list[range]:
        """
        These indexes, and those of the messages that SEARCH has saved; what of them has vanished is not among them (RFC
        5182 2.1).
        """
        bounds = iter(self.saved)
        saved = self.indexesInUids(list(zip(bounds, bounds, strict=True)))
        if not named:
            return saved
        ranges = merged([(each.start, each.stop - 1) for each in (*named, *saved)])
        return [range(low, high + 1) for low, high in ranges]

    def forgetSaved(self) -> None:
        """
        Let C{$} be no message.
        """
        self.saved = array("I")

    def indexesInUids(self, ranges: Sequence[Range]) -> list[range]:
        """
        The indexes of messages whose UID is in these ranges.
        """
        found = []
        uids, count = self._uids, self.count
        first, last = (uids[0], self.lastUid) if count else (1, 0)
        if last - first + 1 == count:
            # There are no gaps, so that nothing needs to be looked up.
            return [
                range(max(low, first) - first, min(high, last) - first + 1)
                for low, high in ranges
                if low <= last and high >= first
            ]
        for low, high in ranges:
            start = bisect_left(uids, low, 0, count)
            stop = bisect_right(uids, high, start, count)
            if start < stop:
                found.append(range(start, stop))
        return found

    def uidRanges(self, messages: SequenceSet, isUid: bool) -> tuple[Range, ...]:
        """
        A set of a search as ranges of UIDs: those between them that are not in the view are harmless.
        """
        ranges = self.indexRanges(messages, isUid, isSearch=True)
        return tuple((self._uids[each.start], self._uids[each.stop - 1]) for each in ranges)

    # ---------------------------------------------------------------------------------- into the snapshot

    @property
    def isInStep(self) -> bool:
        """
        Nothing has vanished that the session does not know of.
        """
        return self.snapshot.uids is self._uids

    def located(self, indexes: Indexes) -> Located:
        """
        Where these messages are in the snapshot now.
        """
        if self.isInStep:
            if isinstance(indexes, range):
                return Located(range(indexes.start + 1, indexes.stop + 1), indexes)
            return Located([index + 1 for index in indexes], indexes)
        current = self.snapshot.uids
        length = len(current)
        numbers = []
        places = []
        place = bisect_left(current, self._uids[indexes[0]]) if indexes else 0
        for index in indexes:
            uid = self._uids[index]
            place = bisect_left(current, uid, place, length)
            if place < length and current[place] == uid:
                numbers.append(index + 1)
                places.append(place)
        return Located(numbers, places, len(indexes) - len(numbers))

    @property
    def mayChange(self) -> bool:
        """
        Something in the mailbox may be changed by this session.
        """
        return not (self.isReadOnly or self.rights.isdisjoint(CHANGING_RIGHTS))

    def noteAnnounced(self) -> None:
        """
        Messages that the view knows are recent to nobody who comes later (RFC 3501 2.3.2).
        """
        if self.mayChange and self.lastUid > self.snapshot.announcedUid:
            self.snapshot.announcedUid = self.lastUid

    def recentCount(self) -> int:
        """
        How many messages of the view are recent.
        """
        return self.count - bisect_left(self._uids, self.firstRecent, 0, self.count)

    def firstUnseen(self, seenBit: int) -> int:
        """
        The sequence number of the first message without \\Seen, or 0.
        """
        for number, bits in enumerate(self.snapshot.flags, 1):
            if not bits & seenBit:
                return number
        return 0

    # --------------------------------------------------------------------------------------- what is new

    def takeExpunged(self) -> list[int]:
        """
        Let go of messages that have vanished.

        @return: their sequence numbers from the last to the first, so that each is right when it is told.
        """
        indexes = self._letGo()
        indexes.reverse()
        return [index + 1 for index in indexes]

    def takeVanished(self) -> list[int]:
        """
        L{takeExpunged}, for who is told UIDs.

        @return: their UIDs, ascending.
        """
        before = self._uids
        return [before[index] for index in self._letGo()]

    def _letGo(self) -> list[int]:
        current = self.snapshot.uids
        if current is self._uids:
            self._expungedModseq = self.snapshot.highestModseq
            return []
        last = self.lastUid
        vanished = self.snapshot.changedSince(self._expungedModseq)[1]
        if len(vanished) * SPARSE > self.count:
            gone = frozenset(vanished)
            indexes = [index for index, uid in enumerate(self._uids[: self.count]) if uid in gone]
        else:
            indexes = [index for index in map(self.indexOf, vanished) if index >= 0]
        remaining = bisect_right(current, last)
        if self.count - len(indexes) != remaining:
            # The snapshot does not remember that far back: compare.
            present = set(current[:remaining])
            indexes = [index for index, uid in enumerate(self._uids[: self.count]) if uid not in present]
        self._uids = current
        self.count = remaining
        self._expungedModseq = self.snapshot.highestModseq
        return indexes

    @property
    def toldModseq(self) -> int:
        """
        Everything up to here has been told, also what has vanished.
        """
        return self.modseq if self.isInStep else min(self.modseq, self._expungedModseq)

    def gapsIn(self, ranges: Iterable[Range]) -> Iterator[Range]:
        """
        The UIDs of these ranges that the view does not have, as ascending ranges.

        @param ranges: ascending, none overlapping.
        """
        uids, count = self._uids, self.count
        for low, high in ranges:
            index = bisect_left(uids, low, 0, count)
            while index < count and uids[index] <= high:
                if uids[index] > low:
                    yield low, uids[index] - 1
                low = uids[index] + 1
                index += 1
                # Over a run without a gap in one step.
                if index < count and uids[index] == low:
                    last = min(count, index + high - low + 1) - 1
                    while uids[last] - uids[index] != last - index:
                        last = (index + last) // 2
                    low = uids[last] + 1
                    index = last + 1
            if low <= high:
                yield low, high

    def takeArrived(self) -> bool:
        """
        See messages that have arrived.

        @return: there were some: EXISTS is to be told.
        """
        current = self.snapshot.uids
        if current is self._uids:
            if len(current) == self.count:
                return False
            self.count = len(current)
            return True
        start = bisect_right(current, self.lastUid)
        if start == len(current):
            return False
        # Something has vanished and may not be told now: until then, an array of our own.
        self._uids = self._uids[: self.count] + current[start:]
        self.count = len(self._uids)
        return True

    def changedFlags(self, upTo: int) -> Sequence[int]:
        """
        UIDs of messages whose flags have changed since they were told last; some of them may be in the view no more.

        @param upTo: only messages with this UID or a smaller one: what arrives is told by EXISTS.
        """
        changed = self.snapshot.changedSince(self.modseq)[0]
        return changed[: bisect_right(changed, upTo)]


def cut(ranges: Sequence[range], window: slice) -> list[range]:
    """
    Those indexes that are in a window, counted over all the ranges.
    """
    kept = []
    before = 0
    for each in ranges:
        part = each[max(window.start - before, 0) : max(window.stop - before, 0)]
        if part:
            kept.append(part)
        before += len(each)
    return kept


def slices(ranges: Sequence[range], most: int) -> Iterator[Indexes]:
    """
    The same indexes in portions of at most C{most}: long ranges as ranges, many short ones together.
    """
    gathered: list[int] = []
    for each in ranges:
        start = each.start
        if len(each) < 64 and len(ranges) > 1:
            gathered.extend(each)
            if len(gathered) >= most - 64:
                yield gathered
                gathered = []
            continue
        if gathered:
            yield gathered
            gathered = []
        while start < each.stop:
            stop = min(start + most, each.stop)
            yield range(start, stop)
            start = stop
    if gathered:
        yield gathered
