# -*- test-case-name: tests.unit.store.test_indexblocks -*-
"""
The columns of an index: for some thousand messages of a mailbox at once, each column in one piece.  A search that looks
at one column reads nothing else; a sort has its numbers as an array, without a step for each message.

Blocks that come in small batches are joined to larger ones as they grow, so that there are few.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import apsw
from attrs import frozen

from osxmail.mail.indexentry import TEXT_FIELDS, IndexEntry

BLOCK_MESSAGES = 4_096
KINDS = 32  # that a block may have

#: Arrays of numbers, with their type; of L{REFERENCES} each message has as many as L{REFERENCE_COUNTS} says.
UIDS, DOCUMENTS, SENT, SENT_DAYS, REPLIES, IDENTIFIERS, REFERENCE_COUNTS, REFERENCES, THREADS, ODD = range(10)
TYPECODES = {
    UIDS: "I",
    DOCUMENTS: "q",
    SENT: "q",
    SENT_DAYS: "i",
    REPLIES: "B",
    IDENTIFIERS: "Q",
    REFERENCE_COUNTS: "B",
    REFERENCES: "Q",
    THREADS: "Q",
    ODD: "B",
}
#: Texts, in UTF-8, a line a message.
SUBJECTS, SENDERS, TOS, CCS, DISPLAY_FROMS, DISPLAY_TOS = range(10, 16)
#: The texts of L{TEXT_FIELDS}; bit n of L{ODD} says that the message's text of field n is not there.
FIELD_TEXTS = range(16, 16 + len(TEXT_FIELDS))

#: L{ODD} of a message of which nothing could be kept.
NOTHING_KEPT = (1 << len(TEXT_FIELDS)) - 1

LINES = (SUBJECTS, SENDERS, TOS, CCS, DISPLAY_FROMS, DISPLAY_TOS, *FIELD_TEXTS)

MAX_PREFIX_BITS = 16


def documentOf(octetsId: int, prefix: int) -> int:
    """
    The number of a document: octets with a prefix.  -1 where there is none: what has a greater number of a prefix is
    never in an index.
    """
    return octetsId << MAX_PREFIX_BITS | prefix if prefix >> MAX_PREFIX_BITS == 0 else -1


@frozen
class Block:
    """
    A row of C{block}.
    """

    blockId: int
    firstUid: int
    lastUid: int
    messages: int


def packed(rows: Sequence[tuple[int, int, IndexEntry]]) -> dict[int, bytes]:
    """
    The pieces of a block.

    @param rows: UID, document and entry of each message, ascending, not empty.
    """
    entries = [entry for _, _, entry in rows]
    numbers: dict[int, Sequence[int]] = {
        UIDS: [uid for uid, _, _ in rows],
        DOCUMENTS: [document for _, document, _ in rows],
        SENT: [each.sent for each in entries],
        SENT_DAYS: [each.sentDay for each in entries],
        REPLIES: [each.isReply for each in entries],
        IDENTIFIERS: [each.identifier for each in entries],
        REFERENCE_COUNTS: [len(each.references) for each in entries],
        REFERENCES: [number for each in entries for number in each.references],
        THREADS: [each.thread for each in entries],
        ODD: [sum(1 << bit for bit, text in enumerate(each.texts) if text is None) for each in entries],
    }
    pieces = {kind: array(TYPECODES[kind], column).tobytes() for kind, column in numbers.items()}
    texts: dict[int, list[str]] = {
        SUBJECTS: [each.subject for each in entries],
        SENDERS: [each.sender for each in entries],
        TOS: [each.to for each in entries],
        CCS: [each.cc for each in entries],
        DISPLAY_FROMS: [each.displayFrom for each in entries],
        DISPLAY_TOS: [each.displayTo for each in entries],
    }
    for index, kind in enumerate(FIELD_TEXTS):
        texts[kind] = [each.texts[index] or "" for each in entries]
    for kind, lines in texts.items():
        pieces[kind] = "\n".join(lines).encode("utf-8", "replace")
    return pieces


def appendBlock(connection: apsw.Connection, mailboxId: int, rows: Sequence[tuple[int, int, IndexEntry]]) -> None:
    """
    Put messages behind those that are there, in the transaction that is open.
    """
    pieces = packed(rows)
    firstUid, lastUid, messages = rows[0][0], rows[-1][0], len(rows)
    while True:
        last = _lastBlock(connection, mailboxId)
        # Joined while the one before is not much larger: so each message is written again a few times only.
        if last is None or last.messages > 2 * messages or last.messages + messages > BLOCK_MESSAGES:
            break
        before = _pieces(connection, last)
        pieces = {kind: before[kind] + (b"\n" if kind in LINES else b"") + data for kind, data in pieces.items()}
        firstUid, messages = last.firstUid, messages + last.messages
        _remove(connection, last)
    connection.execute(
        "INSERT INTO block (mailbox_id, first_uid, last_uid, messages) VALUES (?, ?, ?, ?)",
        (mailboxId, firstUid, lastUid, messages),
    ).fetchall()
    blockId = connection.last_insert_rowid()
    connection.executemany(
        "INSERT INTO piece (id, data) VALUES (?, ?)",
        [(blockId * KINDS + kind, data) for kind, data in pieces.items()],
    ).fetchall()


def removeBlocks(connection: apsw.Connection, mailboxId: int) -> None:
    """
    Forget a mailbox: its columns, and how far it is.
    """
    while (last := _lastBlock(connection, mailboxId)) is not None:
        _remove(connection, last)
    connection.execute("DELETE FROM progress WHERE mailbox_id = ?", (mailboxId,)).fetchall()


def readColumns(connection: apsw.Connection, mailboxId: int, kinds: Sequence[int]) -> Iterator[list[bytes]]:
    """
    Columns of a mailbox, block by block, ascending.

    @param kinds: which.
    @return: for each block its pieces in the order of C{kinds}.
    """
    joins = "".join(f" JOIN piece p{n} ON p{n}.id = b.id * {KINDS} + {kind}" for n, kind in enumerate(kinds))
    columns = ", ".join(f"p{n}.data" for n in range(len(kinds)))
    for row in connection.execute(
        f"SELECT {columns} FROM block b{joins} WHERE b.mailbox_id = ? ORDER BY b.first_uid",
        (mailboxId,),
    ):
        yield list(row)


def findInColumn(
    connection: apsw.Connection, mailboxId: int, kind: int, wanted: bytes
) -> Iterator[tuple[bytes, bytes]]:
    """
    Blocks of a mailbox in which a text stands somewhere: their UIDs, and the lines.
    """
    yield from connection.execute(
        f"""SELECT u.data, p.data FROM block b JOIN piece p ON p.id = b.id * {KINDS} + {kind}
            JOIN piece u ON u.id = b.id * {KINDS} + {UIDS}
            WHERE b.mailbox_id = ? AND instr(p.data, ?) ORDER BY b.first_uid""",
        (mailboxId, wanted),
    )


def linesWith(lines: bytes, wanted: bytes) -> list[int]:
    """
    The numbers of the lines in which C{wanted}, which has no line feed, stands.
    """
    found: list[int] = []
    number = counted = 0
    at = lines.find(wanted)
    while at >= 0:
        number += lines.count(b"\n", counted, at)
        found.append(number)
        counted = lines.find(b"\n", at)
        if counted < 0:
            break
        at = lines.find(wanted, counted)
    return found


def numbersOf(piece: bytes, kind: int) -> array[int]:
    """
    A piece that has numbers.
    """
    numbers = array(TYPECODES[kind])
    numbers.frombytes(piece)
    return numbers


def _lastBlock(connection: apsw.Connection, mailboxId: int) -> Block | None:
    row = connection.execute(
        "SELECT id, first_uid, last_uid, messages FROM block WHERE mailbox_id = ? ORDER BY first_uid DESC LIMIT 1",
        (mailboxId,),
    ).fetchone()
    return Block(*row) if row is not None else None


def _pieces(connection: apsw.Connection, block: Block) -> dict[int, bytes]:
    start = block.blockId * KINDS
    return {
        number - start: data
        for number, data in connection.execute(
            "SELECT id, data FROM piece WHERE id BETWEEN ? AND ?", (start, start + KINDS - 1)
        )
    }


def _remove(connection: apsw.Connection, block: Block) -> None:
    start = block.blockId * KINDS
    connection.execute("DELETE FROM piece WHERE id BETWEEN ? AND ?", (start, start + KINDS - 1)).fetchall()
    connection.execute("DELETE FROM block WHERE id = ?", (block.blockId,)).fetchall()
