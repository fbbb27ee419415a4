"""
L{osxmail.delivery.replyreader}: what other servers say.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.replyreader import MAX_LINE_OCTETS, MAX_LINES, ReplyReader
from osxmail.errors import ParseError
from osxmail.mail.smtpreply import Reply


class ReplyReaderTests(SynchronousTestCase):
    def read(self, data: bytes) -> list[Reply]:
        return ReplyReader().feed(data)

    def test_replies(self) -> None:
        for data, expected in (
            (b"250 OK\r\n", Reply(250, "", ("OK",))),
            (b"250\r\n", Reply(250, "", ("",))),
            (b"250 OK\n", Reply(250, "", ("OK",))),
            (b"550 5.1.1 No such user\r\n", Reply(550, "5.1.1", ("No such user",))),
            (b"550 5.1.1\r\n", Reply(550, "5.1.1", ("",))),
            (b"550 4.1.1 Odd\r\n", Reply(550, "", ("4.1.1 Odd",))),
            (b"250-a\r\n250-b\r\n250 c\r\n", Reply(250, "", ("a", "b", "c"))),
            (b"554-5.7.1 No\r\n554-5.7.1 and\r\n554 5.7.1 no\r\n", Reply(554, "5.7.1", ("No", "and", "no"))),
            (b"550 5.1.1 \xff\xc3\xbc\r\n", Reply(550, "5.1.1", ("\ufffdü",))),
        ):
            self.assertEqual(self.read(data), [expected], data)

    def test_severalAtOnce(self) -> None:
        self.assertEqual([r.code for r in self.read(b"250 a\r\n550 b\r\n354 c\r\n")], [250, 550, 354])

    def test_notSMTP(self) -> None:
        for data in (
            b"HTTP/1.1 400 Bad\r\n",
            b"25 x\r\n",
            b"150 x\r\n",
            b"600 x\r\n",
            b"250x\r\n",
            b"\r\n",
            b"250-a\r\n550 b\r\n",
        ):
            with self.assertRaises(ParseError):
                self.read(data)

    def test_limits(self) -> None:
        self.assertEqual(len(self.read(b"250 " + b"x" * (MAX_LINE_OCTETS - 5) + b"\r\n")), 1)
        for data in (b"250 " + b"x" * MAX_LINE_OCTETS, b"250 " + b"x" * MAX_LINE_OCTETS + b"\r\n"):
            with self.assertRaises(ParseError):
                self.read(data)
        self.assertEqual(len(self.read(b"250-x\r\n" * (MAX_LINES - 1) + b"250 x\r\n")), 1)
        with self.assertRaises(ParseError):
            self.read(b"250-x\r\n" * (MAX_LINES + 1))

    def test_amidReply(self) -> None:
        reader = ReplyReader()
        for piece, amid in ((b"25", True), (b"0-a\r\n", True), (b"250 b\r\n", False)):
            reader.feed(piece)
            self.assertEqual(reader.isAmidReply, amid)

    @given(st.lists(st.sampled_from([b"250 2.0.0 OK\r\n", b"250-a\r\n250 b\r\n", b"550 5.1.1 no\r\n"])), st.data())
    @settings(deadline=None, max_examples=200)
    def test_anyPieces(self, replies: list[bytes], data: st.DataObject) -> None:
        whole = b"".join(replies)
        reader, found, start = ReplyReader(), [], 0
        while start < len(whole):
            size = data.draw(st.integers(1, len(whole) - start))
            found += reader.feed(whole[start : start + size])
            start += size
        self.assertEqual(found, self.read(whole))
        self.assertEqual(len(found), len(replies))

    @given(st.lists(st.binary(max_size=100)))
    @settings(deadline=None, max_examples=300)
    def test_anyOctets(self, pieces: list[bytes]) -> None:
        reader = ReplyReader()
        try:
            for piece in pieces:
                reader.feed(piece)
        except ParseError:
            pass
