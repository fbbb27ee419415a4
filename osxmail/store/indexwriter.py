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
from osxmail.store.indexblocks import appendBlock, removeBlocks
from osxmail.store.indexfile import closeWritten, openForWriting


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

    def addTexts(
        self, mailboxId: int, afterUid: int, texts: Sequence[tuple[int, str, bool]], lastUid: int, octets: int
    ) -> bool:
        """
        The texts of the messages after C{afterUid}, up to C{lastUid}.

        @param texts: of each document that is not there yet, its number, its text, and whether that is all of it.
        @return: nobody else has written in between.
        """
        with self._connection:
            if self._progress(mailboxId)[1] != afterUid:
                return False
            new = self.unknown(document for document, _, _ in texts)
            rows = [each for each in texts if each[0] in new]
            self._connection.executemany(
                "INSERT INTO document (id, whole) VALUES (?, ?)", [(document, whole) for document, _, whole in rows]
            ).fetchall()
            self._connection.executemany(
                "INSERT INTO text (rowid, words) VALUES (?, ?)", [(document, text) for document, text, _ in rows]
            ).fetchall()
            self._connection.execute(
                "UPDATE progress SET text_uid = ? WHERE mailbox_id = ?", (lastUid, mailboxId)
            ).fetchall()
            self._note(octets)
        return True

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
            self._connection.executemany("DELETE FROM text WHERE rowid = ?", rows).fetchall()
            self._connection.executemany("DELETE FROM document WHERE id = ?", rows).fetchall()

    def _progress(self, mailboxId: int) -> tuple[int, int]:
        # The lock is taken before it is read: nobody writes between the two.
        self._connection.execute("UPDATE state SET version = version").fetchall()
        row = self._connection.execute(
            "SELECT columns_uid, text_uid FROM progress WHERE mailbox_id = ?", (mailboxId,)
        ).fetchone()
        return (int(str(row[0])), int(str(row[1]))) if row is not None else (0, 0)

    def _note(self, octets: int) -> None:
        self._connection.execute("UPDATE state SET octets = max(octets, ?)", (octets,)).fetchall()
