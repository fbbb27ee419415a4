"""
The store's real snapshots, fed by hand: a mailbox for tests of who looks at it.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from osxmail.store.changes import Columns, Delta, Opening
from osxmail.store.snapshot import Snapshot


def columns(
    uids: Sequence[int], flags: Mapping[int, int], modseq: int, sizes: Mapping[int, int], dates: Mapping[int, int]
) -> Columns:
    return Columns(
        array("I", uids),
        array("Q", [flags.get(uid, 0) for uid in uids]),
        array("Q", [modseq] * len(uids)),
        array("Q", [sizes.get(uid, 1000 + uid) for uid in uids]),
        array("q", [dates.get(uid, 86400 * uid) for uid in uids]),
    )


def makeSnapshot(
    uids: Sequence[int],
    flags: Mapping[int, int] | None = None,
    modseq: int = 1,
    keywords: tuple[str, ...] = (),
    sizes: Mapping[int, int] | None = None,
    dates: Mapping[int, int] | None = None,
) -> Snapshot:
    """
    A snapshot of messages with these UIDs; what is not said of size and date follows from the UID.
    """
    snapshot = Snapshot(1, Opening(modseq, keywords, array("I", uids)))
    snapshot.fill(columns(uids, flags or {}, modseq, sizes or {}, dates or {}))
    return snapshot


def change(
    snapshot: Snapshot,
    changed: Mapping[int, int] | None = None,
    vanished: Sequence[int] = (),
    keywords: tuple[str, ...] | None = None,
) -> int:
    """
    One change of the mailbox.

    @param changed: flags by UID, of messages that are new or changed.
    @return: its MODSEQ.
    """
    modseq = snapshot.highestModseq + 1
    flags = changed or {}
    delta = Delta(
        modseq,
        snapshot.keywords if keywords is None else keywords,
        columns(sorted(flags), flags, modseq, {}, {}),
        array("I", vanished),
    )
    for _ in snapshot.apply(delta):
        pass
    return modseq
