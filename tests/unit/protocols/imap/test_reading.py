"""
L{osxmail.protocols.imap.reading}: whatever comes, and in whatever pieces, the session is in step behind it.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.reader import BadCommand
from osxmail.protocols.base import Gate, GateFactory
from osxmail.protocols.imap.reading import Arguments, Limits, LiteralTooLarge, NotTaken, receiveCommand
from osxmail.protocols.sessions import SessionEnd
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import Transport, entrance

LIMITS = Limits(lineOctets=80, literalOctets=20, commandOctets=200, literals=3, passedOverOctets=50)


class Reader(Gate):
    """
    Reads commands; those named P pull their arguments.

    @ivar commands_: what came: name and what was taken.
    """

    protocolName = "imap"

    def __init__(self, factory: GateFactory) -> None:
        super().__init__(factory)
        self.commands_: list[tuple[str, list[bytes]]] = []
        self.stopsAt = -1

    async def session(self) -> None:
        while True:
            try:
                received = await receiveCommand(self, LIMITS, lambda name: b"BAD no" if name == "X" else b"", ("P",))
            except NotTaken as refusal:
                self.commands_.append(("refused", [refusal.reply]))
                continue
            taken = [*received.pieces]
            if received.arguments is not None:
                try:
                    await self.pull(received.arguments, taken)
                except BadCommand as error:
                    taken.append(error.text.encode())
                await received.arguments.passOver()
            self.commands_.append((received.name, taken))

    async def pull(self, arguments: Arguments, taken: list[bytes]) -> None:
        octets = 0

        def write(data: bytes) -> Deferred[None] | None:
            nonlocal octets
            octets += len(data)
            if 0 <= self.stopsAt < octets:
                raise BadCommand("stopped")
            taken.append(data)
            return None

        while not arguments.isAtEnd:
            if arguments.isAtLiteral:
                await arguments.take(write)
            else:
                taken.append(b"text")
                text = arguments.cursor._text[arguments.cursor._offset :]
                assert arguments.cursor.takes(text.upper())


class ReadingCase(SynchronousTestCase):
    def setUp(self) -> None:
        from twisted.internet.task import Clock

        settings_ = FakeSettings()
        clock = Clock()
        self.gate = Reader(GateFactory(entrance("imap", settings_, clock)))
        self.transport = Transport()
        self.gate.makeConnection(self.transport)
        self.clock = clock

    def send(self, *pieces: bytes) -> list[tuple[str, list[bytes]]]:
        for piece in pieces:
            self.gate.dataReceived(piece)
            for _ in range(20):
                self.clock.advance(0)
        return self.gate.commands_


class PullTests(ReadingCase):
    def test_awaited(self) -> None:
        """
        A literal is asked for when it is wanted, and not before.
        """
        self.send(b"a P {3}\r\n")
        self.assertEqual(self.transport.take(), b"+ Go ahead\r\n")
        self.send(b"ab")
        self.assertEqual(self.gate.commands_, [])
        self.send(b"c {2+}\r\nde\r\n")
        self.assertEqual(self.gate.commands_, [("P", [b"ab", b"c", b"text", b"de"])])

    def test_stoppedInTheMiddle(self) -> None:
        """
        The rest of a literal, and other literals behind it, are passed over.
        """
        self.gate.stopsAt = 3
        self.send(b"a P {9+}\r\n123", b"456789 {4+}\r\nabcd {7}\r\n", b"b NOOP\r\n")
        self.assertEqual(self.gate.commands_, [("P", [b"123", b"stopped"]), ("NOOP", [b""])])
        self.assertEqual(self.transport.take(), b"")

    def test_longLine(self) -> None:
        self.send(b"a P {1+}\r\nx" + b"y" * 100 + b"\r\nb NOOP\r\n")
        self.assertEqual(self.gate.commands_, [("P", [b"x", b"the line is too long"]), ("NOOP", [b""])])

    def test_muchText(self) -> None:
        self.send(b"a P" + (b" " + b"t" * 66 + b" {1+}\r\nx") * 4 + b"\r\nb NOOP\r\n")
        (_, taken), last = self.gate.commands_
        self.assertEqual((taken[-1], last), (b"the command is too large", ("NOOP", [b""])))

    def test_tooLargeToPassOver(self) -> None:
        self.gate.stopsAt = 0
        self.send(b"a P {1+}\r\nx {51+}\r\n")
        self.assertTrue(self.transport.disconnecting)
        self.assertIsInstance(LiteralTooLarge(), SessionEnd)

    def test_refusedByName(self) -> None:
        self.send(b"a X {9+}\r\n123456789 {2}\r\nb NOOP\r\n")
        self.assertEqual([name for name, _ in self.gate.commands_], ["refused", "NOOP"])

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([b"P", b"LOGIN", b"X", b"UID FETCH"]),
                st.lists(st.tuples(st.binary(max_size=12), st.sampled_from([b"", b"t", b" (x) "])), max_size=4),
            ),
            max_size=5,
        ),
        st.integers(-1, 8),
        st.lists(st.integers(1, 40), min_size=1, max_size=6),
    )
    def test_alwaysInStep(
        self, commands: list[tuple[bytes, list[tuple[bytes, bytes]]]], stopsAt: int, sizes: list[int]
    ) -> None:
        """
        Commands with literals, in pieces of any size: each is one command, and the one behind them is understood.
        """
        self.setUp()
        self.gate.stopsAt = stopsAt
        octets = b""
        for name, literals in commands:
            octets += b"a " + name + b" "
            for literal, text in literals:
                octets += b"%b {%d+}\r\n%b" % (text, len(literal), literal)
            octets += b"\r\n"
        octets += b"z NOOP\r\n"
        position = index = 0
        while position < len(octets):
            size = sizes[index % len(sizes)]
            self.send(octets[position : position + size])
            position += size
            index += 1
        self.send()
        for _ in range(50):
            self.clock.advance(0)
        self.assertEqual(len(self.gate.commands_), len(commands) + 1)
        self.assertEqual(self.gate.commands_[-1], ("NOOP", [b""]))
