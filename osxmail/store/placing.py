# -*- test-case-name: tests.contracts.test_sqlite_store -*-
"""
Places for new messages: UIDs, MODSEQs and quota for all the messages of a batch, with few statements.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import apsw
from attrs import define, field, frozen

from osxmail.mail.acceptance import Appended
from osxmail.mail.flags import DELETED, SEEN
from osxmail.store.changes import Delta, columnsOf
from osxmail.store.connection import Transaction
from osxmail.store.flagging import jsonNumbers


@define(eq=False, slots=True)
class _Quota:
    octets: int
    messages: int
    limitOctets: int
    limitMessages: int
    setOctets: int | None
    setMessages: int | None
    newOctets: int = 0
    newMessages: int = 0

    def hasRoom(self, octets: int, messages: int, limitOctets: int | None, limitMessages: int | None) -> bool:
        """
        What an administrator has set counts first, then the limits that come with the message, then the account's own.
        """
        limit = self.setOctets if self.setOctets is not None else limitOctets
        if limit is None:
            limit = self.limitOctets
        if limit and self.octets + self.newOctets + octets > limit:
            return False
        limit = self.setMessages if self.setMessages is not None else limitMessages
        if limit is None:
            limit = self.limitMessages
        return not limit or self.messages + self.newMessages + messages <= limit


@define(eq=False, slots=True)
class _Place:
    uidnext: int
    modseq: int
    uidvalidity: int
    account: int
    quota: _Quota
    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    octets: int = 0
    rows: list[tuple[int, ...]] = field(factory=list)


@frozen
class Placed:
    """
    What a batch has put into one mailbox.

    @ivar rows: C{(uid, flags, modseq, size, internal date)}, ascending.
    """

    mailboxId: int
    rows: tuple[tuple[int, int, int, int, int], ...]

    def delta(self) -> Delta:
        """
        The same, as a snapshot takes it over.
        """
        first, last = self.rows[0][2], self.rows[-1][2]
        return Delta(last, None, columnsOf(self.rows), array("I"), first - 1)


_COLUMNS = """m.id, m.uidnext, m.highestmodseq, m.uidvalidity, m.account_id, q.octets, q.messages, q.limit_octets,
    q.limit_messages, q.set_octets, q.set_messages"""
_TABLES = "mailbox m JOIN quota q ON q.account_id = m.account_id"


class Placing:
    """
    What a batch appends: read the mailboxes' rows once (L{load_txn}), give places in memory (L{place}), write
    everything at the end (L{flush_txn}).  Lives no longer than the call that made it.
    """

    def __init__(self, now: float) -> None:
        """
        @param now: seconds since the epoch: the saved date.
        """
        self._saved = int(now)
        self._places: dict[int, _Place] = {}
        self._quotas: dict[int, _Quota] = {}

    def load_txn(self, txn: Transaction, mailboxIds: Iterable[int]) -> None:
        """
        Read what is not known yet; a mailbox that does not exist is passed over.
        """
        wanted = array("q", [each for each in mailboxIds if each not in self._places])
        if not wanted:
            return
        rows: Sequence[Sequence[Any]]
        if len(wanted) == 1:
            # As it is for who stores one message after the other: a fifth of the time.
            row = txn.execute(f"SELECT {_COLUMNS} FROM {_TABLES} WHERE m.id = ?", (wanted[0],)).fetchone()
            rows = [row] if row is not None else []
        else:
            text = txn.execute(
                f"""SELECT json_group_array(json_array({_COLUMNS})) FROM {_TABLES}
                    WHERE m.id IN (SELECT value FROM carray(?))""",
                (apsw.carray(wanted),),
            ).fetchone()[0]
            rows = jsonNumbers(text)
        for mailboxId, uidnext, modseq, uidvalidity, account, *numbers in rows:
            quota = self._quotas.get(account)
            if quota is None:
                quota = self._quotas[account] = _Quota(*numbers)
            self._places[mailboxId] = _Place(uidnext, modseq, uidvalidity, account, quota)

    def __contains__(self, mailboxId: int) -> bool:
        """
        Does it exist?
        """
        return mailboxId in self._places

    def takeRoom(
        self,
        mailboxId: int,
        sizeOctets: int,
        limitOctets: int | None,
        messages: int = 1,
        limitMessages: int | None = None,
    ) -> bool:
        """
        Does the quota allow one more message, or so many?  If so they are counted, and L{place} must follow for each.

        @param sizeOctets: of all of them.
        @param limitOctets: the limit that counts unless an administrator has set one, 0 for none; C{None} is the
            account's own.
        @param limitMessages: the same, in messages.
        """
        quota = self._places[mailboxId].quota
        if not quota.hasRoom(sizeOctets, messages, limitOctets, limitMessages):
            return False
        quota.newOctets += sizeOctets
        quota.newMessages += messages
        return True

    def count(self, mailboxId: int, sizeOctets: int, messages: int) -> None:
        """
        As L{takeRoom}, whatever the quota says; less than nothing takes that back.
        """
        quota = self._places[mailboxId].quota
        quota.newOctets += sizeOctets
        quota.newMessages += messages

    def place(
        self,
        accountId: str,
        mailboxId: int,
        octetsId: int,
        prefix: int,
        sizeOctets: int,
        bits: int,
        internalDate: float,
    ) -> Appended:
        """
        Give the message its UID and MODSEQ.
        """
        place = self._places[mailboxId]
        uid = place.uidnext
        place.uidnext = uid + 1
        place.modseq += 1
        place.messages += 1
        place.octets += sizeOctets
        if not bits & SEEN:
            place.unseen += 1
        if bits & DELETED:
            place.deleted += 1
        place.rows.append(
            (mailboxId, uid, octetsId, prefix, place.modseq, bits, int(internalDate), sizeOctets, self._saved)
        )
        return Appended(accountId, mailboxId, place.uidvalidity, uid)

    def flush_txn(self, txn: Transaction) -> list[Placed]:
        """
        Write everything.

        @return: what each mailbox has got.
        """
        # In the order of the table: its pages are touched once.
        changed = sorted(mailboxId for mailboxId, place in self._places.items() if place.messages)
        if not changed:
            return []
        txn.insertRows(
            """INSERT INTO message
                (mailbox_id, uid, octets_id, prefix, modseq, flags, internal_date, size, saved_date)""",
            [row for mailboxId in changed for row in self._places[mailboxId].rows],
        )
        self._writeCounts_txn(txn, changed)
        return [
            Placed(
                mailboxId,
                tuple(
                    (uid, flags, modseq, size, date)
                    for _, uid, _, _, modseq, flags, date, size, _ in self._places[mailboxId].rows
                ),
            )
            for mailboxId in changed
        ]

    def _writeCounts_txn(self, txn: Transaction, changed: list[int]) -> None:
        mailboxes = []
        for mailboxId in changed:
            place = self._places[mailboxId]
            mailboxes.append(
                (mailboxId, place.uidnext, place.modseq, place.messages, place.unseen, place.deleted, place.octets)
            )
        quotas = [
            (account, quota.newOctets, quota.newMessages)
            for account, quota in self._quotas.items()
            if quota.newMessages
        ]
        if len(mailboxes) == 1:
            txn.execute(
                """UPDATE mailbox SET uidnext = ?2, highestmodseq = ?3, messages = messages + ?4, unseen = unseen + ?5,
                        deleted = deleted + ?6, octets = octets + ?7 WHERE id = ?1""",
                mailboxes[0],
            )
        else:
            txn.execute(
                """UPDATE mailbox SET uidnext = new.value ->> 1, highestmodseq = new.value ->> 2,
                        messages = messages + (new.value ->> 3), unseen = unseen + (new.value ->> 4),
                        deleted = deleted + (new.value ->> 5), octets = mailbox.octets + (new.value ->> 6)
                    FROM json_each(?) AS new WHERE mailbox.id = new.value ->> 0""",
                (json.dumps(mailboxes),),
            )
        if len(quotas) == 1:
            txn.execute(
                "UPDATE quota SET octets = octets + ?2, messages = messages + ?3 WHERE account_id = ?1", quotas[0]
            )
        elif quotas:
            txn.execute(
                """UPDATE quota SET octets = quota.octets + (new.value ->> 1),
                        messages = messages + (new.value ->> 2)
                    FROM json_each(?) AS new WHERE quota.account_id = new.value ->> 0""",
                (json.dumps(quotas),),
            )
