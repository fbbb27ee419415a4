# -*- test-case-name: tests.unit.mail.test_threading -*-
"""
Messages into threads: ORDEREDSUBJECT and REFERENCES (RFC 5256 3), and REFS (draft-ietf-morg-inthread 4), which is
REFERENCES without looking at subjects, the thread with the most recent message last.

Nothing here recurses, however deep a thread is; to be run in a thread, where there are many messages.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence

from attrs import define, field, frozen

from osxmail.mail.ordering import inOrder

#: RFC 5256 3; REFS of the draft.
ALGORITHMS = ("ORDEREDSUBJECT", "REFERENCES", "REFS")

#: So many steps upwards a loop is looked for; a parent that is under more than so many others, where there may be one,
#: is none.  Without a bound, messages that were made to be hard would take a time in the square of their number.
MAX_LOOKED_UP = 1_000

RENDERED_AT_ONCE = 1_000  # messages in a piece of L{rendered}
FORKS_AT_ONCE = 4_000  # messages that are looked at before the first of them is written


@frozen
class Threads:
    """
    Threads in their order, each from its root on: a message, then what answers it, each with what answers that.

    @ivar uids: the UID of each message; 0 stands for a root that is missing, and has two messages or more below it.
    @ivar depths: how many messages are above each in its thread: 0 begins a new one.
    """

    uids: array[int]
    depths: array[int]


@define(eq=False, slots=True)
class ThreadKeys:
    """
    What messages are threaded by: parallel columns, in the order of the sequence numbers.

    @ivar uids: UIDs.
    @ivar dates: when each was sent, or else came, seconds since the epoch; for REFS, when it came.
    @ivar subjects: base subjects, folded (for REFS they are not looked at).
    @ivar replies: does the subject say that it is a reply or a forward?
    @ivar identifiers: the Message-ID, or a number for it; C{""} or 0 for none (ORDEREDSUBJECT does not look at it).
    @ivar references: for each message that has some, by its index: identifiers of the same kind, the oldest first.
    """

    uids: Sequence[int]
    dates: Sequence[int]
    subjects: Sequence[Hashable]
    replies: Sequence[bool | int]
    identifiers: Sequence[Hashable]
    references: dict[int, Sequence[Hashable]] = field(factory=dict)


def threads(keys: ThreadKeys, algorithm: str) -> Threads:
    """
    The threads of these messages.

    @param algorithm: one of L{ALGORITHMS}.
    """
    if algorithm == "ORDEREDSUBJECT":
        return _byOrderedSubject(keys)
    if algorithm not in ALGORITHMS:
        raise ValueError(f"no such algorithm: {algorithm}")
    forest = _Forest(keys)
    if algorithm == "REFERENCES":
        forest.mergeSubjects()
        return forest.sorted()
    return forest.sortedByLatest()


def rendered(found: Threads, numberOf: Callable[[int], int] | None = None) -> Iterator[bytes]:
    """
    As THREAD answers (RFC 5256 4), without C{* THREAD}, in pieces of L{RENDERED_AT_ONCE} messages.

    @param numberOf: gives the number to be written for a UID; C{None} writes UIDs.
    """
    uids, depths = found.uids, found.depths
    count = len(uids)
    out: list[bytes] = []
    written = start = 0
    while start < count:
        end = start + 1
        while end < count and depths[end]:
            end += 1
        if end - start > RENDERED_AT_ONCE:
            yield b"".join(out)
            out, written = [], 0
            yield from _renderedForked(uids[start:end], depths[start:end], numberOf)
        elif depths[end - 1] != end - start - 1 or not uids[start]:
            out += _renderedForked(uids[start:end], depths[start:end], numberOf)
        else:
            # As deep as there are messages: each answers the one before, or it is alone.
            numbers = uids[start:end] if numberOf is None else map(numberOf, uids[start:end])
            out.append(b"(" + b" ".join([b"%d" % number for number in numbers]) + b")")
        written += end - start
        if written >= RENDERED_AT_ONCE:
            yield b"".join(out)
            out, written = [], 0
        start = end
    if out:
        yield b"".join(out)


def _renderedForked(
    uids: Sequence[int], depths: Sequence[int], numberOf: Callable[[int], int] | None
) -> Iterator[bytes]:
    """
    One thread.
    """
    isForked = yield from _forks(depths)
    out: list[bytes] = []
    opened: list[int] = []  # the depths at which a parenthesis is open
    path: list[int] = []  # the messages above, by depth
    for index, uid in enumerate(uids):
        depth = depths[index]
        while opened and opened[-1] >= depth:
            opened.pop()
            out.append(b")")
        del path[depth:]
        if not depth:
            out.append(b"(")
            opened.append(depth)
        elif isForked[path[-1]]:
            # RFC 5256 5: thread-nested; a blank stands between a message and the first of several answers.
            isFirst = path[-1] == index - 1
            out.append(b" (" if isFirst and uids[path[-1]] else b"(")
            opened.append(depth)
        elif uids[path[-1]]:
            out.append(b" ")
        path.append(index)
        if uid:
            out.append(b"%d" % (uid if numberOf is None else numberOf(uid)))
        if index % RENDERED_AT_ONCE == RENDERED_AT_ONCE - 1:
            yield b"".join(out)
            out = []
    out.append(b")" * len(opened))
    yield b"".join(out)


def _forks(depths: Sequence[int]) -> Generator[bytes, None, bytearray]:
    """
    A 1 for each message that has several answers; with a pause, which adds nothing, after so many.
    """
    isForked = bytearray(len(depths))
    path: list[int] = []
    hasAnswer = bytearray(len(depths))
    for index, depth in enumerate(depths):
        del path[depth:]
        if depth:
            above = path[-1]
            if hasAnswer[above]:
                isForked[above] = 1
            hasAnswer[above] = 1
        path.append(index)
        if index % FORKS_AT_ONCE == FORKS_AT_ONCE - 1:
            yield b""
    return isForked


def _byOrderedSubject(keys: ThreadKeys) -> Threads:
    # RFC 5256 3: by base subject, then by sent date; the first of each is the root, all others are its children.
    dates, subjects = keys.dates, keys.subjects
    groups: dict[Hashable, list[int]] = {}
    for index in inOrder(range(len(keys.uids)), dates):
        groups.setdefault(subjects[index], []).append(index)
    # Dictionaries keep their order: each group came with its earliest message.
    uids, depths = array("I"), array("I")
    for group in groups.values():
        uids.extend([keys.uids[index] for index in group])
        depths.append(0)
        depths.extend([1] * (len(group) - 1))
    return Threads(uids, depths)


class _Forest:
    """
    Messages with their parents.  Numbers below L{count} are messages, those from there on are missing ones.

    @ivar children: of each that has some.
    @ivar roots: those without a parent; a missing one has two children or more.
    """

    def __init__(self, keys: ThreadKeys) -> None:
        self.keys = keys
        self.count = len(keys.uids)
        self.children: dict[int, list[int]] = {}
        self.roots: list[int] = []
        self._nextMissing = self.count
        self._gather(self._linked())

    # ---------------------------------------------------------------------------------- RFC 5256 3, steps 1 to 3

    def _linked(self) -> list[int]:
        """
        The parent of each, -1 for none.
        """
        keys, count = self.keys, self.count
        nodes: dict[Hashable, int] = {}
        for index, identifier in enumerate(keys.identifiers):
            # RFC 5256 3: who has no identifier, or one that another has already, gets one of its own.
            if identifier:
                nodes.setdefault(identifier, index)
        parents = [-1] * count
        isParent = bytearray(count)
        known, referencesOf = nodes.get, keys.references.get
        for index in range(count):
            references = referencesOf(index)
            if references is None:
                parents[index] = -1
                continue
            above = -1
            for identifier in references:
                node = known(identifier)
                if node is None:
                    node = nodes[identifier] = len(parents)
                    parents.append(-1)
                    isParent.append(0)
                # Step 1 A: a link that is there stays, and no link makes a loop.
                if (
                    parents[node] < 0
                    and above >= 0
                    and (not isParent[node] or self._mayFollow(node, above, parents))
                    and node != above
                ):
                    parents[node] = above
                    isParent[above] = 1
                above = node
            # Step 1 B: what the message itself says counts.
            parents[index] = -1
            if above >= 0 and above != index and (not isParent[index] or self._mayFollow(index, above, parents)):
                parents[index] = above
                isParent[above] = 1
        return parents

    @staticmethod
    def _mayFollow(node: int, above: int, parents: list[int]) -> bool:
        """
        Is C{node}, which has something below it, not above C{above}?
        """
        for _ in range(MAX_LOOKED_UP):
            above = parents[above]
            if above < 0:
                return True
            if above == node:
                return False
        return False

    def _gather(self, parents: list[int]) -> None:
        """
        Step 3: missing ones go, their children take their place, unless these are several and would be roots.
        """
        count = self.count
        children = self.children
        for index in range(count):
            above = parents[index]
            if above >= count:
                # Up to one who is there, or the topmost who is not.
                passed = []
                while above >= count and parents[above] >= 0:
                    passed.append(above)
                    above = parents[above]
                for each in passed:
                    parents[each] = above
            if above < 0:
                self.roots.append(index)
            else:
                children.setdefault(above, []).append(index)
        for node in range(count, len(parents)):
            below = children.get(node)
            if below is not None:
                if len(below) == 1:
                    del children[node]
                self.roots.append(below[0] if len(below) == 1 else node)
        self._nextMissing = len(parents)

    # --------------------------------------------------------------------------------------------------- sorting

    def _sortChildren(self) -> None:
        # The columns ascend by sequence number, which decides where dates are equal: Python's sort is stable.
        date = self.keys.dates.__getitem__
        for below in self.children.values():
            if len(below) > 1:
                below.sort()
                below.sort(key=date)

    def _sortRoots(self) -> None:
        """
        Step 4: by date; a missing root by the first of its children, which are sorted.
        """
        dates, children, count = self.keys.dates, self.children, self.count
        first = {node: node if node < count else children[node][0] for node in self.roots}
        self.roots = inOrder(self.roots, first)
        self.roots = inOrder(self.roots, {node: dates[index] for node, index in first.items()})

    def sorted(self) -> Threads:
        """
        Step 6, and the threads.
        """
        self._sortChildren()
        self._sortRoots()
        return self._flat()

    def sortedByLatest(self) -> Threads:
        """
        The threads, each by its most recent message.
        """
        self._sortChildren()
        dates, children, count = self.keys.dates, self.children, self.count
        # Of messages with one date the last counts: one number for both.
        ranks = [(date << 32) + index for index, date in enumerate(dates)]
        latest: dict[int, int] = {}
        for root in self.roots:
            below = children.get(root)
            if below is None:
                latest[root] = ranks[root]
                continue
            best = ranks[root] if root < count else ranks[below[0]]
            waiting = below.copy()
            while waiting:
                node = waiting.pop()
                best = max(best, ranks[node])
                if node in children:
                    waiting += children[node]
            latest[root] = best
        self.roots = inOrder(self.roots, latest)
        return self._flat()

    def _flat(self) -> Threads:
        uids: list[int] = []
        depths: list[int] = []
        children, count = self.children, self.count
        column = self.keys.uids
        below = children.get
        for root in self.roots:
            uids.append(column[root] if root < count else 0)
            depths.append(0)
            several = below(root)
            if several is None:
                continue
            waiting = several[::-1]
            levels = [1] * len(several)
            while waiting:
                node = waiting.pop()
                depth = levels.pop()
                uids.append(column[node])
                depths.append(depth)
                several = below(node)
                if several is not None:
                    waiting += several[::-1]
                    levels += [depth + 1] * len(several)
        return Threads(array("I", uids), array("I", depths))

    # --------------------------------------------------------------------------------------- RFC 5256 3, step 5

    def mergeSubjects(self) -> None:
        """
        Threads with the same base subject become one.
        """
        self._sortChildren()
        self._sortRoots()
        subjects, replies, count = self.keys.subjects, self.keys.replies, self.count
        children = self.children
        table: dict[Hashable, int] = {}
        spoken = [root if root < count else children[root][0] for root in self.roots]
        for root, index in zip(self.roots, spoken, strict=True):
            subject = subjects[index]
            if not subject:
                continue
            known = table.setdefault(subject, root)
            # Step 5 B: a missing root is preferred, then one that is no reply.
            if known < count and (root >= count or (replies[known] and not replies[index])):
                table[subject] = root
        merged: list[int] = []
        replaced: dict[int, int] = {}
        for root, index in zip(self.roots, spoken, strict=True):
            subject = subjects[index]
            if not subject or table[subject] == root:
                merged.append(root)
                continue
            known = table[subject]
            if known >= count:
                # Step 5 C: both are missing, or the one in the table is.
                children[known].extend(children.pop(root) if root >= count else (root,))
            elif replies[index] and not replies[known]:
                children.setdefault(known, []).append(root)
            else:
                missing = self._nextMissing
                self._nextMissing += 1
                children[missing] = [known, root]
                table[subject] = missing
                replaced[known] = missing
        self.roots = [replaced.get(root, root) for root in merged]
