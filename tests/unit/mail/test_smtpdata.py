"""
Tests for L{osxmail.mail.smtpdata}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.smtpdata import LINE_START, DataReader, NewlineCheck, dotStuff, endOfData

#: Octets in which every kind of line end, dot and border is frequent.
wire = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\r\n.\r\n", b"xyz"]), max_size=30).map(b"".join)
sizes = st.lists(st.integers(1, 7), min_size=1, max_size=10)


def cut(data: bytes, lengths: list[int]) -> list[bytes]:
    """
    The data in chunks of these lengths, over and over.
    """
    chunks, at, index = [], 0, 0
    while at < len(data):
        step = lengths[index % len(lengths)]
        chunks.append(data[at : at + step])
        at += step
        index += 1
    return chunks


def reference(data: bytes) -> tuple[bytes, bytes | None]:
    """
    The message and what follows it (None: not finished), the slow and plain way.
    """
    if data.startswith(b".\r\n"):
        return b"", data[3:]
    end = data.find(b"\r\n.\r\n")
    content, rest = (data[: end + 2], data[end + 5 :]) if end >= 0 else (data, None)
    lines = content.split(b"\r\n")
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines), rest


def hasBare(data: bytes) -> bool:
    """
    Is there a CR or LF outside of CRLF?
    """
    rest = data.replace(b"\r\n", b"")
    return b"\r" in rest or b"\n" in rest


class DataReaderTests(SynchronousTestCase):
    """
    Reading the data.
    """

    def read(self, *chunks: bytes) -> tuple[DataReader, bytes]:
        reader = DataReader()
        return reader, b"".join(piece for chunk in chunks for piece in reader.feed(chunk))

    def test_plain(self) -> None:
        reader, message = self.read(b"Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n")
        self.assertEqual(message, b"Subject: x\r\n\r\nhello\r\n")
        self.assertTrue(reader.finished)
        self.assertEqual(reader.rest, b"QUIT\r\n")
        self.assertFalse(reader.bareNewline)
        self.assertEqual(reader.sizeOctets, len(message))

    def test_empty(self) -> None:
        reader, message = self.read(b".\r\n")
        self.assertEqual((message, reader.finished, reader.bareNewline), (b"", True, False))

    def test_dots(self) -> None:
        _, message = self.read(b"..\r\n...x\r\n.y\r\na.\r\n.\r\n")
        self.assertEqual(message, b".\r\n..x\r\ny\r\na.\r\n")

    def test_smuggling(self) -> None:
        """
        None of the forms that other servers have taken for the end of data ends it, and each is noticed.
        """
        for form in (
            b"\n.\n",
            b"\n.\r\n",
            b"\r.\r",
            b"\r\n.\n",
            b"\r\n.\r",
            b"\r.\r\n",
            b"\n\n.\r\n",
            b"\r\n\x00.\r\n",
            b"\n.\r",
        ):
            reader, _ = self.read(b"a" + form + b"MAIL FROM:<evil@example.test>\r\n")
            self.assertFalse(reader.finished, form)
            reader.feed(b".\r\nRSET\r\n")
            self.assertTrue(reader.finished, form)
            self.assertEqual(reader.rest, b"RSET\r\n")
            self.assertEqual(reader.bareNewline, b"\x00" not in form, form)

    @settings(deadline=None, max_examples=400)
    @given(wire, sizes)
    def test_anyChunks(self, data: bytes, lengths: list[int]) -> None:
        """
        However the octets are cut: the message, what follows it and the finding about newlines are the same.
        """
        message, rest = reference(data)
        reader, got = self.read(*cut(data, lengths))
        self.assertEqual(reader.finished, rest is not None)
        if rest is not None:
            self.assertEqual((got, reader.rest), (message, rest))
            self.assertEqual(reader.bareNewline, hasBare(data[: len(data) - len(rest)]))
        else:
            self.assertTrue(message.startswith((got, got[:-1])))
            self.assertEqual(reader.rest, b"")


class NewlineCheckTests(SynchronousTestCase):
    """
    The check alone.
    """

    @settings(deadline=None, max_examples=200)
    @given(wire, sizes)
    def test_anyChunks(self, data: bytes, lengths: list[int]) -> None:
        check = NewlineCheck()
        for chunk in cut(data, lengths):
            check.feed(chunk)
        self.assertEqual(check.bareNewline, hasBare(data))


class DotStuffTests(SynchronousTestCase):
    """
    Writing the data.
    """

    def stuffed(self, *chunks: bytes) -> bytes:
        out, state = b"", LINE_START
        for chunk in chunks:
            piece, state = dotStuff(chunk, state)
            out += piece
        return out + endOfData(state)

    def test_borders(self) -> None:
        """
        A dot after a border that cuts CRLF is still stuffed.
        """
        for chunks in ((b"a\r\n", b".b"), (b"a\r", b"\n.b"), (b"a", b"\r\n.b"), (b"a\r", b"\n", b".b")):
            self.assertEqual(self.stuffed(*chunks), b"a\r\n..b\r\n.\r\n", chunks)

    def test_ends(self) -> None:
        self.assertEqual(self.stuffed(), b".\r\n")
        self.assertEqual(self.stuffed(b"a\r\n"), b"a\r\n.\r\n")
        self.assertEqual(self.stuffed(b"a\r"), b"a\r\n.\r\n")
        self.assertEqual(self.stuffed(b"."), b"..\r\n.\r\n")

    @settings(deadline=None, max_examples=400)
    @given(wire, sizes)
    def test_roundTrip(self, data: bytes, lengths: list[int]) -> None:
        """
        What is stuffed is read back as it was, with the final CRLF that was missing.
        """
        reader = DataReader()
        got = b"".join(reader.feed(self.stuffed(*cut(data, lengths)) + b"NEXT"))
        missing = b"" if not data or data.endswith(b"\r\n") else b"\n" if data.endswith(b"\r") else b"\r\n"
        self.assertEqual((got, reader.rest), (data + missing, b"NEXT"))
