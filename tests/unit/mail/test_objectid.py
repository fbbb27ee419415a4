"""
Tests for L{osxmail.mail.objectid}.
"""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.mimestructure import SortKeys
from osxmail.mail.objectid import emailId, parseEmailId, threadId

#: RFC 8474 7: objectid.
OBJECTID = re.compile(r"[A-Za-z0-9_-]{1,255}")


class EmailIdTests(SynchronousTestCase):
    def test_both(self) -> None:
        for octetsId, prefix, text in ((1, 0, "E1"), (123, 4, "E123-4"), (10**12, 0, "E1000000000000")):
            self.assertEqual(emailId(octetsId, prefix), text)
            self.assertEqual(parseEmailId(text), (octetsId, prefix))
            self.assertTrue(OBJECTID.fullmatch(text))

    def test_not(self) -> None:
        for text in ("", "E", "e1", "E0", "E01", "E1-", "E1-0", "E1-01", "E1-2-3", "T1", "E1 ", "E" + "9" * 19, "E١"):
            self.assertIsNone(parseEmailId(text), text)

    @settings(deadline=None)
    @given(st.text(max_size=30))
    def test_any(self, text: str) -> None:
        found = parseEmailId(text)
        if found is not None:
            self.assertEqual(emailId(*found), text)


class ThreadIdTests(SynchronousTestCase):
    def test_root(self) -> None:
        """
        A root and all that answer it have one, wherever they are.
        """
        root = threadId(SortKeys(messageId="root@x"), 1, 0)
        self.assertTrue(OBJECTID.fullmatch(root))
        self.assertEqual(threadId(SortKeys(messageId="a@x", references=("root@x",)), 2, 0), root)
        self.assertEqual(threadId(SortKeys(messageId="b@x", references=("root@x", "a@x")), 3, 9), root)
        self.assertNotEqual(threadId(SortKeys(messageId="a@x"), 2, 0), root)

    def test_none(self) -> None:
        """
        A message without any identifier is alone, for ever, and nobody can claim to answer it.
        """
        alone = threadId(SortKeys(), 1, 2)
        self.assertEqual(alone, threadId(SortKeys(), 1, 2))
        self.assertNotEqual(alone, threadId(SortKeys(), 1, 0))
        self.assertNotEqual(alone, threadId(SortKeys(messageId="E1-2"), 7, 0))
        self.assertTrue(OBJECTID.fullmatch(threadId(SortKeys(messageId="\ud800"), 1, 0)))
