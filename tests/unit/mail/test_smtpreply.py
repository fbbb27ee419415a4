"""
Tests for L{osxmail.mail.smtpreply}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.smtpreply import Reply


class ReplyTests(SynchronousTestCase):
    """
    Replies as values and as octets.
    """

    def test_render(self) -> None:
        self.assertEqual(Reply(250, "2.0.0", ("Ok",)).render(), b"250 2.0.0 Ok\r\n")
        self.assertEqual(Reply(250, "", ("mail", "SIZE 10")).render(), b"250-mail\r\n250 SIZE 10\r\n")
        self.assertEqual(Reply(550, "5.1.1", ("a", "b")).render(), b"550-5.1.1 a\r\n550 5.1.1 b\r\n")
        self.assertEqual(Reply(550, "5.1.1", ("jörg",)).render(), "550 5.1.1 jörg\r\n".encode())

    def test_make(self) -> None:
        self.assertEqual(Reply.make(250, "", "a\nb").lines, ("a", "b"))
        self.assertEqual(Reply.make(250, "", "").lines, ("",))

    def test_text(self) -> None:
        reply = Reply(451, "4.3.0", ("Try ", "later"))
        self.assertEqual(reply.text, "Try later")
        self.assertEqual(str(reply), "451 4.3.0 Try later")
        self.assertEqual(str(Reply(220, "", ("hi",))), "220 hi")

    def test_classes(self) -> None:
        self.assertTrue(Reply(354, "", ("",)).isPositive)
        self.assertTrue(Reply(451, "", ("",)).isTransient)
        self.assertTrue(Reply(550, "", ("",)).isPermanent)
        self.assertFalse(Reply(451, "", ("",)).isPermanent or Reply(451, "", ("",)).isPositive)

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.text(max_size=900), min_size=1, max_size=3))
    def test_oneReply(self, lines: list[str]) -> None:
        """
        Whatever the text: as many lines as it has, none too long, UTF-8, the last and only the last without a hyphen.
        """
        written = Reply(550, "5.0.0", tuple(lines)).render()
        self.assertTrue(written.endswith(b"\r\n"))
        got = written[:-2].split(b"\r\n")
        self.assertEqual(len(got), len(lines))
        self.assertEqual([line[3:4] for line in got], [b"-"] * (len(lines) - 1) + [b" "])
        for line in got:
            self.assertLessEqual(len(line), 510)
            self.assertTrue(line.decode("utf-8").isprintable())
