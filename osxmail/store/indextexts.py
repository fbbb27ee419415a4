# -*- test-case-name: tests.unit.store.test_indexing -*-
"""
Documents by their texts: headers by trigrams, bodies by words, words by trigrams.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from osxmail.mail.searchtext import isOneWord, trigrams, wordPatterns
from osxmail.mail.text import withoutAccents
from osxmail.store.numbers import numbersFrom

MAX_WORDS = 3_000  # in which what is looked for may stand; with more, it is no help
WORDS_AT_ONCE = 500  # in one question


class IndexTexts:
    """
    The texts of an index.
    """

    def __init__(self, connection: apsw.Connection, first: int, last: int) -> None:
        """
        @param first: documents before this one are not asked for,
        @param last: nor are those after this one.
        """
        self._connection = connection
        self._range = (first, last)

    def inHeader(self, wanted: str) -> set[int] | None:
        """
        Documents in whose header it may stand; none of the others has it.

        @param wanted: folded, with accents or without.
        @return: C{None}: any may.
        """
        words = trigrams(wanted)
        return self._match("header", words) if words else None

    def inBody(self, wanted: str, isLoose: bool) -> tuple[set[int] | None, bool]:
        """
        Documents in whose body it may stand; none of the others has it.

        @param wanted: folded.
        @param isLoose: accents do not count; C{wanted} has none.
        @return: the documents, or C{None}: any may; and whether it stands in each of them for certain, and in none of
            those that the index has as a whole otherwise.
        """
        found: set[int] | None = None
        isCertain = isOneWord(wanted) and not isLoose
        for pattern in wordPatterns(wanted):
            words = self._wordsLike(pattern.text)
            if words is None:
                continue
            fitting = [word for word in words if pattern.matches(withoutAccents(word) if isLoose else word)]
            if len(fitting) > MAX_WORDS:
                continue
            documents = self._withAny(fitting)
            found = documents if found is None else found & documents
            if isCertain or not found:
                break
        return found, isCertain and found is not None

    def parts(self) -> set[int]:
        """
        Documents that the index does not have as a whole.
        """
        row = self._connection.execute("SELECT group_concat(id) FROM document WHERE whole = 0").fetchone()
        return set(_numbers(row))

    def _wordsLike(self, text: str) -> list[str] | None:
        """
        Words that may have this in them; C{None} where that is no question to ask.
        """
        wanted = trigrams(text)
        if not wanted:
            return None
        rows = self._connection.execute(
            "SELECT group_concat(text, ' ') FROM word WHERE id IN (SELECT rowid FROM part WHERE part MATCH ?)",
            (_all(wanted),),
        ).fetchone()
        return str(rows[0]).split(" ") if rows is not None and rows[0] is not None else []

    def _withAny(self, words: Sequence[str]) -> set[int]:
        found: set[int] = set()
        for start in range(0, len(words), WORDS_AT_ONCE):
            found |= self._match("body", words[start : start + WORDS_AT_ONCE], " OR ")
        return found

    def _match(self, table: str, words: Sequence[str], join: str = " AND ") -> set[int]:
        row = self._connection.execute(
            f"SELECT group_concat(rowid) FROM {table} WHERE {table} MATCH ? AND rowid BETWEEN ? AND ?",
            (_all(words, join), *self._range),
        ).fetchone()
        return set(_numbers(row))


def _all(words: Iterable[str], join: str = " AND ") -> str:
    return join.join('"' + word.replace('"', '""') + '"' for word in words)


def _numbers(row: Sequence[object] | None) -> Sequence[int]:
    return numbersFrom(None if row is None or row[0] is None else str(row[0]), "q")
