# -*- test-case-name: tests.unit.protocols.imap.test_lines -*-
"""
FETCH responses out of the snapshot: many at a time, ready-made where it pays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from osxmail.mail.imap.response import RECENT, FlagTexts, renderDate
from osxmail.protocols.imap.selected import Located, SelectedView, picked

_FORMS = {
    "UID": b"UID %d",
    "FLAGS": b"FLAGS %b",
    "INTERNALDATE": b"INTERNALDATE %b",
    "RFC822.SIZE": b"RFC822.SIZE %d",
    "MODSEQ": b"MODSEQ (%d)",
}


class Lines:
    """
    FETCH responses of one command.

    @ivar items: items of the snapshot, in the order in which they are written.
    """

    __slots__ = ("_isUidOnly", "_texts", "_view", "_whole", "_withoutEnd", "items")

    def __init__(self, view: SelectedView, items: Sequence[str], isWhole: bool = True) -> None:
        """
        @param isWhole: nothing else follows in the responses.
        """
        self._view = view
        self._texts = FlagTexts(view.snapshot.keywords)
        self._isUidOnly = view.isUidOnly
        start = b"* %d FETCH ("
        if view.isUidOnly:
            # RFC 9586 3: the UID stands in front; a second time only where there would be nothing else.
            start = b"* %d UIDFETCH ("
            items = [item for item in items if item != "UID"] or (["UID"] if isWhole else [])
        self.items = tuple(items)
        self._withoutEnd = start + b" ".join(_FORMS[item] for item in items)
        self._whole = self._withoutEnd + b")\r\n"

    def render(self, located: Located) -> bytes:
        """
        Whole responses, one after the other.
        """
        form = self._whole
        return b"".join([form % row for row in zip(*self._columns(located), strict=True)])

    def heads(self, located: Located) -> list[bytes]:
        """
        The responses up to where further items would follow.
        """
        form = self._withoutEnd
        return [form % row for row in zip(*self._columns(located), strict=True)]

    def _columns(self, located: Located) -> list[Iterable[object]]:
        snapshot = self._view.snapshot
        places = located.places
        columns: list[Iterable[object]] = [picked(snapshot.uids, places) if self._isUidOnly else located.numbers]
        for item in self.items:
            if item == "UID":
                columns.append(picked(snapshot.uids, places))
            elif item == "FLAGS":
                columns.append(self._flags(located))
            elif item == "INTERNALDATE":
                columns.append(map(renderDate, picked(snapshot.dates, places)))
            elif item == "RFC822.SIZE":
                columns.append(picked(snapshot.sizes, places))
            else:
                columns.append(picked(snapshot.modseqs, places))
        return columns

    def _flags(self, located: Located) -> Iterable[bytes]:
        snapshot = self._view.snapshot
        if len(snapshot.keywords) != self._texts.keywordCount:
            self._texts = FlagTexts(snapshot.keywords)
        bits = picked(snapshot.flags, located.places)
        if len(bits):
            firstRecent = self._view.firstRecent
            if snapshot.uids[located.places[-1]] >= firstRecent:
                uids = picked(snapshot.uids, located.places)
                bits = [b | RECENT if u >= firstRecent else b for b, u in zip(bits, uids, strict=True)]
        return map(self._texts.__getitem__, bits)
