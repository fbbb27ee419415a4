# -*- test-case-name: tests.unit.store.test_sorting -*-
"""
How well messages match, for FUZZY (RFC 6203 4): a score from 1 to 100.

For each text that is looked for, the best place in which it stands counts: as it is in the subject or in who it is
from, its words in the subject, as it is anywhere, its words anywhere.  A message has the mean of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from osxmail.mail import searchkeys as keys
from osxmail.mail.searchkeys import SearchKey
from osxmail.store.search import Search
from osxmail.store.searchtests import BODY, Candidate, Test, testOf

LEAST, MOST = 1, 100
SCORED_AT_ONCE = 256  # messages
MAX_TEXTS = 20  # of a search that count


class Relevancy:
    """
    Scores messages.
    """

    def __init__(self, search: Search) -> None:
        self._search = search

    async def scores(self, mailboxId: int, key: SearchKey, uids: Sequence[int]) -> list[int]:
        """
        See L{osxmail.interfaces.IMailbox.relevancies}.
        """
        score = scorer(key)
        if score is None:
            return [MOST] * len(uids)
        found: dict[int, int] = {}

        def take(candidate: Candidate) -> bool:
            found[candidate.uid] = score(candidate)
            return False

        wanted = sorted(set(uids))
        for start in range(0, len(wanted), SCORED_AT_ONCE):
            await self._search.lookThrough(mailboxId, wanted[start : start + SCORED_AT_ONCE], BODY, take)
        return [found.get(uid, LEAST) for uid in uids]


def scorer(key: SearchKey) -> Callable[[Candidate], int] | None:
    """
    What scores a message; C{None} where no text is looked for: then all match equally well.
    """
    tiers = [_tiers(text) for text in _texts(key)[:MAX_TEXTS]]
    if not tiers:
        return None

    def score(candidate: Candidate) -> int:
        total = 0
        for each in tiers:
            total += next((points for points, test in each if test(candidate)), LEAST)
        return max(LEAST, total // len(tiers))

    return score


def _texts(key: SearchKey) -> list[SearchKey]:
    """
    The texts that are looked for; what is not wanted does not count.
    """
    match key:
        case keys.And(several):
            return [text for each in several for text in _texts(each)]
        case keys.Or(left, right):
            return _texts(left) + _texts(right)
        case keys.Fuzzy(inner):
            return _texts(inner)
        case keys.Header(_, text) | keys.Body(text) | keys.Text(text) if text.split():
            return [key]
    return []


def _tiers(key: SearchKey) -> list[tuple[int, Test]]:
    """
    Tests, the best first, and the points that each gives.
    """
    loose = keys.loosened(keys.Fuzzy(key))
    match key:
        case keys.Header():
            tiers = [(MOST, key), (60, loose)]
        case keys.Body():
            tiers = [(MOST, key), (50, loose)]
        case keys.Text(text):
            subject, sender = keys.Header("subject", text), keys.Header("from", text)
            words = keys.loosened(keys.Fuzzy(subject))
            tiers = [(MOST, keys.Or(subject, sender)), (75, words), (60, key), (30, loose)]
        case _:
            tiers = []
    return [(points, testOf(each, {})[1]) for points, each in tiers]
