"""
Searching, sorting and watching, on the daemon: by Python's imaplib, and by a client that is told without asking.
"""

from __future__ import annotations

import time

from tests.integration.clients import ClientCase
from tests.integration.daemon import PASSWORD
from tests.integration.wire import Wire, login


class SearchingTests(ClientCase):
    def test_imaplib(self) -> None:
        """
        What a program makes of SORT, THREAD, ESEARCH and what SEARCH has saved.
        """
        self.deliver("banana", "Re: apple", "apple")
        client = login(self.daemon, self.who)
        try:
            client.select("INBOX")
            self.assertEqual(client.sort("(SUBJECT)", "UTF-8", "ALL"), ("OK", [b"2 3 1"]))
            self.assertEqual(client.uid("SORT", "(REVERSE ARRIVAL)", "UTF-8", "SUBJECT", "apple")[0], "OK")
            status, threads = client.thread("ORDEREDSUBJECT", "UTF-8", "ALL")
            self.assertEqual((status, sorted(threads[0].split(b")("))), ("OK", [b"(1", b"2 3)"]))
            self.assertEqual(client.search(None, "RETURN (SAVE)", "SUBJECT apple")[0], "OK")
            status, found = client.fetch("$", "(UID)")
            self.assertEqual((status, found), ("OK", [b"2 (UID 2)", b"3 (UID 3)"]))
        finally:
            client.logout()

    def test_toldWithoutAsking(self) -> None:
        """
        NOTIFY and a search that is kept up to date: mail is told at once, to who reads the folder and to who does not.
        """
        watching, reading = Wire(self.daemon, "imaps"), Wire(self.daemon, "imaps")
        for wire in (watching, reading):
            wire.send(b'a LOGIN %b "%b"\r\n' % (self.who.encode(), PASSWORD.encode()))
            wire.until(b"a OK")
        watching.send(b"b NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))\r\n")
        watching.until(b"b OK")
        reading.send(b"b SELECT INBOX\r\nc NOTIFY SET (selected (MessageNew (UID) MessageExpunge))\r\n")
        reading.until(b"c OK")
        reading.send(b"d UID SEARCH RETURN (UPDATE COUNT) SUBJECT urgent\r\n")
        reading.until(b"d OK")
        started = time.monotonic()
        self.deliver("urgent")
        watching.until(b"* STATUS INBOX (UIDNEXT 2 MESSAGES 1)")
        reading.until(b'* ESEARCH (TAG "d") UID ADDTO (0 1)')
        reading.until(b"* 1 FETCH (UID 1)")
        self.assertLess(time.monotonic() - started, 5.0)
        reading.send(b"e CREATE Letters\r\n")
        reading.until(b"e OK")
        watching.until(b'* LIST (\\HasNoChildren) "/" Letters')
