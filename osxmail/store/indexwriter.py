# -*- test-case-name: tests.unit.store.test_indexing -*-
"""
Writes an account's index.  Everything here blocks; one thread at a time works with one of these.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

from osxmail.mail.indexentry import IndexEntry
from osxmail.mail.text import withoutAccents
from osxmail.store.indexblocks import appendBlock, removeBlocks
from osxmail.store.indexfile import closeWritten, openForWriting

REMEMBERED_WORDS = 50_000


@frozen
class Filled:
    """
    How far a mailbox is in an index.

    @ivar columnsUid: up to this UID its columns are there,
    @ivar textUid: and up to this one its texts.
    @ivar messages: that have columns, those that are gone meanwhile included.
    """

    columnsUid: int = 0
    textUid: int = 0
    messages: int = 0


@frozen
class IndexedText:
    """
    The text of a document.

    @ivar header: see L{osxmail.mail.searchtext.indexedHeader}.
    @ivar words: see L{osxmail.mail.searchtext.bodyWords}.
    @ivar isWhole: that is all of it.
    """

    document: int
    header: str = ""
    words: frozenset[str] | set[str] = frozenset()
    isWhole: bool = False


class IndexWriter:
    """
    One index that is being written.
    """

    def __init__(self, path: Path, octets: int, boot: str) -> None:
        """
        Open it, made anew where it is missing or may not be trusted: see L{osxmail.store.indexfile.openForWriting}.
        """
        self._path = path
        self._connection = openForWriting(path, octets, boot)
        self._inode = os.stat(path).st_ino
        # Words that were committed: most of those of the next messages.
        self._words: set[str] = set()

    def isThere(self) -> bool:
        """
        Is it still the account's file?  Who finds damage throws it away.
        """
        try:
            return os.stat(self._path).st_ino == self._inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """
        Put it on disk, and close it.

        @raise apsw.Error: it will not be trusted after a crash.
        """
        if self.isThere():
            closeWritten(self._connection)
        else:
            self._connection.close()

    # --------------------------------------------------------------------------------------------- questions

    def filled(self) -> dict[int, Filled]:
        """
        How far each mailbox is, by its number.
        """
        rows = self._connection.execute(
            """SELECT mailbox_id, columns_uid, text_uid,
                (SELECT coalesce(sum(messages), 0) FROM block b WHERE b.mailbox_id = p.mailbox_id) FROM progress p"""
        ).fetchall()
        return {int(str(mailboxId)): Filled(*(int(str(each)) for each in rest)) for mailboxId, *rest in rows}

    def unknown(self, documents: Iterable[int]) -> set[int]:
        """
        Those that are not in the index.
        """
        wanted = set(documents)
        for document in tuple(wanted):
            if self._connection.execute("SELECT 1 FROM document WHERE id = ?", (document,)).fetchone() is not None:
                wanted.discard(document)
        return wanted

    def documents(self, after: int, limit: int) -> list[int]:
        """
        The next documents, ascending.
        """
        rows = self._connection.execute("SELECT id FROM document WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
        return [int(str(document)) for (document,) in rows]

    def documentCount(self) -> int:
        """
        How many there are.
        """
        row = self._connection.execute("SELECT count(*) FROM document").fetchone()
        assert row is not None
        return int(str(row[0]))

    def wordCount(self) -> int:
        """
        How many different words there are, those of texts that are gone included.
        """
        row = self._connection.execute("SELECT coalesce(max(id), 0) FROM word").fetchone()
        assert row is not None
        return int(str(row[0]))

    # ----------------------------------------------------------------------------------------------- changes

    def addColumns(
        self, mailboxId: int, afterUid: int, rows: Sequence[tuple[int, int, IndexEntry]], lastUid: int, octets: int
    ) -> bool:
        """
        The columns of the messages after C{afterUid}, up to C{lastUid}.

        @param rows: UID, document and entry of each, ascending.
        @param octets: the last id of octets that the store has given.
        @return: nobody else has written in between.
        """
        with self._connection:
            if self._progress(mailboxId)[0] != afterUid:
                return False
            if rows:
                appendBlock(self._connection, mailboxId, rows)
            self._connection.execute(
                """INSERT INTO progress (mailbox_id, columns_uid, text_uid) VALUES (?, ?, 0)
                    ON CONFLICT (mailbox_id) DO UPDATE SET columns_uid = excluded.columns_uid""",
                (mailboxId, lastUid),
            ).fetchall()
            self._note(octets)
        return True

    def addTexts(self, mailboxId: int, afterUid: int, texts: Sequence[IndexedText], lastUid: int, octets: int) -> bool:
        """
        The texts of the messages after C{afterUid}, up to C{lastUid}.

        @param texts: of the documents that are not there yet.
        @return: nobody else has written in between.
        """
        with self._connection:
            if self._progress(mailboxId)[1] != afterUid:
                return False
            new = self.unknown(each.document for each in texts)
            rows = [each for each in texts if each.document in new]
            self._many("INSERT INTO document (id, whole)", [(each.document, each.isWhole) for each in rows])
            self._many("INSERT INTO header (rowid, text)", [(each.document, each.header) for each in rows])
            self._many(
                "INSERT INTO body (rowid, words)",
                [(each.document, " ".join(each.words)) for each in rows if each.words],
            )
            words = set().union(*(each.words for each in rows)) - self._words
            self._addWords(words)
            self._connection.execute(
                "UPDATE progress SET text_uid = ? WHERE mailbox_id = ?", (lastUid, mailboxId)
            ).fetchall()
            self._note(octets)
        # They are there once that is committed, and not before.
        if len(self._words) + len(words) > REMEMBERED_WORDS:
            self._words.clear()
        self._words.update(words)
        return True

    def _addWords(self, words: Iterable[str]) -> None:
        added = [
            (int(str(number)), withoutAccents(str(text)))
            for number, text in self._connection.executemany(
                "INSERT INTO word (text) VALUES (?) ON CONFLICT DO NOTHING RETURNING id, text",
                [(word,) for word in sorted(words)],
            )
        ]
        self._many("INSERT INTO part (rowid, word)", added)

    def _many(self, head: str, rows: Sequence[tuple[object, object]]) -> None:
        self._connection.executemany(f"{head} VALUES (?, ?)", rows).fetchall()

    def removeMailbox(self, mailboxId: int) -> None:
        """
        Forget its columns, and how far it is; its documents stay.
        """
        with self._connection:
            removeBlocks(self._connection, mailboxId)

    def removeDocuments(self, documents: Sequence[int]) -> None:
        """
        Forget texts that no message has.
        """
        rows = [(document,) for document in documents]
        with self._connection:
            for table, column in (("header", "rowid"), ("body", "rowid"), ("document", "id")):
                self._connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", rows).fetchall()

    def _progress(self, mailboxId: int) -> tuple[int, int]:
        # The lock is taken before it is read: nobody writes between the two.
        self._connection.execute("UPDATE state SET version = version").fetchall()
        row = self._connection.execute(
            "SELECT columns_uid, text_uid FROM progress WHERE mailbox_id = ?", (mailboxId,)
        ).fetchone()
        return (int(str(row[0])), int(str(row[1]))) if row is not None else (0, 0)

    def _note(self, octets: int) -> None:
        self._connection.execute("UPDATE state SET octets = max(octets, ?)", (octets,)).fetchall()
