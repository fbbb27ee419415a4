"""
Tests for L{osxmail.store.indexblocks}.
"""

from __future__ import annotations

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.indexentry import TEXT_FIELDS, IndexEntry
from osxmail.store import indexblocks as blocks
from osxmail.store.indexblocks import appendBlock, documentOf, linesWith, numbersOf, readColumns, removeBlocks


def entry(number: int) -> IndexEntry:
    texts: list[str | None] = [f"\x1fä{number}" if number % 3 else "" for _ in TEXT_FIELDS]
    if number % 7 == 0:
        texts[0] = None
    return IndexEntry(
        sent=number - 50,
        sentDay=number,
        isReply=number % 2 == 0,
        subject=f"S{number}",
        sender=f"F{number}",
        to="",
        cc="C",
        displayFrom="",
        displayTo="Ö",
        identifier=number << 40,
        references=tuple(range(number % 4)),
        thread=number,
        texts=tuple(texts),
    )


class BlockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = apsw.Connection(":memory:")
        self.connection.execute(
            "CREATE TABLE block (id INTEGER PRIMARY KEY, mailbox_id, first_uid, last_uid, messages);"
            "CREATE TABLE piece (id INTEGER PRIMARY KEY, data);"
            "CREATE TABLE progress (mailbox_id INTEGER PRIMARY KEY, columns_uid, text_uid)"
        )

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.integers(1, 40), max_size=20))
    def test_columns(self, batches: list[int]) -> None:
        """
        However messages come, the columns are those of all of them, in few blocks; another mailbox has its own.
        """
        self.patch(blocks, "BLOCK_MESSAGES", 64)
        for mailboxId in (1, 2):
            removeBlocks(self.connection, mailboxId)
        appendBlock(self.connection, 2, [(5, documentOf(5, 1), entry(5))])
        uid = 0
        for batch in batches:
            rows = [(each, documentOf(each, 0), entry(each)) for each in range(uid + 1, uid + batch + 1)]
            appendBlock(self.connection, 1, rows)
            uid += batch
        found = [entry(each) for each in range(1, uid + 1)]
        columns: dict[int, list[object]] = {
            blocks.UIDS: list(range(1, uid + 1)),
            blocks.DOCUMENTS: [each << 16 for each in range(1, uid + 1)],
            blocks.SENT: [each.sent for each in found],
            blocks.REPLIES: [each.isReply for each in found],
            blocks.REFERENCES: [number for each in found for number in each.references],
            blocks.ODD: [int(each.texts[0] is None) for each in found],
            blocks.SUBJECTS: [each.subject for each in found],
            blocks.FIELD_TEXTS[0]: [each.texts[0] or "" for each in found],
        }
        for kind, expected in columns.items():
            seen: list[object] = []
            for (piece,) in readColumns(self.connection, 1, (kind,)):
                seen += piece.decode().split("\n") if kind in blocks.LINES else numbersOf(piece, kind)
            self.assertEqual(seen, expected, kind)
        sizes = [row[0] for row in self.connection.execute("SELECT messages FROM block WHERE mailbox_id = 1")]
        self.assertEqual(sum(sizes), uid)
        self.assertLessEqual(len(sizes), uid // 24 + 8)
        self.assertTrue(all(size <= 64 for size in sizes))
        self.assertEqual([numbersOf(*each, blocks.UIDS)[0] for each in readColumns(self.connection, 2, (0,))], [5])

    def test_documents(self) -> None:
        self.assertEqual(documentOf(3, 5), 3 << 16 | 5)
        self.assertEqual(documentOf(3, 1 << 16), -1)

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(st.text(alphabet="abé", max_size=6), min_size=1, max_size=12), st.text("abé", min_size=1, max_size=3)
    )
    def test_lines(self, lines: list[str], wanted: str) -> None:
        found = linesWith("\n".join(lines).encode(), wanted.encode())
        self.assertEqual(found, [number for number, line in enumerate(lines) if wanted in line])
