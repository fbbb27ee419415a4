"""
A real SMTP server on loopback that takes everything, or does what a test has scripted.

A script maps a verb (C{"CONNECT"}, C{"EHLO"}, C{"MAIL"}, C{"RCPT"}, C{"DATA"}, C{"DOT"} …) to what is done instead of
the usual: reply octets, L{CLOSE}, L{SILENT}, C{None} for the usual, a callable of (session, argument) that gives one
of these, or a list of them, one for each time; after its last comes the usual.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

CLOSE = "close"
SILENT = "silent"
#: Closes the connection after the reply.
LAST = "last"

EXTENSIONS = ("PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")


@define
class Taken:
    """
    A message as it came.
    """

    sender: str
    recipients: list[str]
    data: bytes
    tls: bool
    hello: str
    login: tuple[str, ...] = ()


class SinkSession(Protocol):
    noisy = False

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.lines: list[str] = []
        self.hello = ""
        self.isTLS = False
        self.login: tuple[str, ...] = ()
        self._buffer = b""
        self._isData = False
        self._isOver = False
        self._expects: list[Any] = []
        self._reset()

    def _reset(self) -> None:
        self.sender = ""
        self.recipients: list[str] = []
        self._parts: list[bytes] = []

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.sink.sessions.append(self)
        self.sink.open.add(self)
        self._do("CONNECT", "", b"220 sink.test ESMTP\r\n")

    def connectionLost(self, reason: Any = None) -> None:
        self.sink.open.discard(self)
        self.sink._closed()

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while not self._isOver:
            if self._isData:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    if len(self._buffer) > 1 << 16:
                        self._parts.append(self._buffer[:-4])
                        self._buffer = self._buffer[-4:]
                    return
                self._parts.append(self._buffer[: end + 2])
                self._buffer = self._buffer[end + 5 :]
                self._isData = False
                self._dot()
            else:
                line, newline, rest = self._buffer.partition(b"\r\n")
                if not newline:
                    return
                self._buffer = rest
                self._line(line.decode("utf-8", "surrogateescape"))

    def _line(self, line: str) -> None:
        self.lines.append(line)
        if self._expects:
            self._expects.pop(0)(line)
            return
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        usual = b"250 2.0.0 OK\r\n"
        if verb == "EHLO":
            words = [w for w in self.sink.extensions if w != "STARTTLS" or not self.isTLS]
            lines = ["sink.test", *words]
            usual = b"".join(f"250{' ' if i == len(lines) - 1 else '-'}{w}\r\n".encode() for i, w in enumerate(lines))
        elif verb == "STARTTLS":
            usual = b"220 2.0.0 go\r\n"
        elif verb == "DATA":
            usual = b"354 go\r\n" if self.recipients else b"503 5.5.1 no recipients\r\n"
        elif verb == "QUIT":
            usual = b"221 2.0.0 bye\r\n"
        elif verb == "AUTH":
            self._auth(argument)
            return
        done = self._do(verb, argument, usual)
        good = done[:1] in (b"2", b"3")
        if verb in ("EHLO", "HELO") and good:
            self.hello = line
            self._reset()
        elif verb == "STARTTLS" and good:
            self._buffer = b""
            self.isTLS = True
            self.transport.startTLS(self.sink.tls)
        elif verb == "MAIL" and good:
            self._reset()
            self.sender = argument
        elif verb == "RCPT" and good:
            self.recipients.append(argument)
        elif verb == "RSET":
            self._reset()
        elif verb == "DATA" and done[:3] == b"354":
            self._isData = True
            self._parts = []
            # So that a dot right away is found.
            self._buffer = b"\r\n" + self._buffer
        elif verb == "QUIT":
            self.transport.loseConnection()

    def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if mechanism == "PLAIN":
            self.login = (mechanism, initial)
            self._do("AUTH", argument, b"235 2.7.0 welcome\r\n")
            return

        def password(line: str) -> None:
            self.login += (line,)
            self._do("AUTH", argument, b"235 2.7.0 welcome\r\n")

        def login(line: str) -> None:
            self.login = (mechanism, line)
            self._expects.append(password)
            self.transport.write(b"334 UGFzc3dvcmQ6\r\n")

        self._expects.append(login)
        self.transport.write(b"334 VXNlcm5hbWU6\r\n")

    def _dot(self) -> None:
        data = b"".join(self._parts)[2:].replace(b"\r\n.", b"\r\n")
        if data.startswith(b"."):
            data = data[1:]
        recipients = self.recipients
        sender = self.sender
        done = self._do("DOT", "", b"250 2.0.0 taken\r\n")
        if done[:1] == b"2" and recipients:
            self.sink._take(Taken(sender, recipients, data, self.isTLS, self.hello, self.login))
        self._reset()

    def _do(self, verb: str, argument: str, usual: bytes) -> bytes:
        action = self.sink._scripted(verb)
        if callable(action):
            action = action(self, argument)
        isLast = False
        if isinstance(action, tuple):
            isLast = action[0] == LAST
            action = action[1]
        if action is None:
            action = usual
        if action == CLOSE:
            self._isOver = True
            self.transport.loseConnection()
            return b""
        if action == SILENT:
            return b""
        self.transport.write(action)
        if isLast:
            self._isOver = True
            self.transport.loseConnection()
        return action


@define(eq=False)
class Sink(Factory):
    """
    @ivar taken: what was accepted.
    @ivar sessions: every connection there has been.
    @ivar keepsData: C{False} for speed tests, which only count.
    """

    extensions: tuple[str, ...] = EXTENSIONS
    script: dict[str, Any] = field(factory=dict)
    tls: Any = None
    keepsData: bool = True
    taken: list[Taken] = field(factory=list)
    sessions: list[SinkSession] = field(factory=list)
    open: set[SinkSession] = field(factory=set)
    count: int = 0
    port: int = 0
    _listening: Any = None
    _waiting: list[tuple[int, Deferred[None]]] = field(factory=list)
    _stopping: Deferred[None] | None = None
    noisy = False

    def buildProtocol(self, addr: Any) -> SinkSession:
        return SinkSession(self)

    def start(self, reactor: Any = None, port: int = 0, interface: str = "127.0.0.1") -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._listening = reactor.listenTCP(port, self, interface=interface)
        self.port = self._listening.getHost().port

    async def stop(self) -> None:
        await self._listening.stopListening()
        for session in list(self.open):
            session.transport.abortConnection()
        if self.open:
            self._stopping = Deferred()
            await self._stopping

    def took(self, count: int) -> Deferred[None]:
        """
        Fires when so many messages have come.
        """
        waiting: Deferred[None] = Deferred()
        if self.count >= count:
            waiting.callback(None)
        else:
            self._waiting.append((count, waiting))
        return waiting

    def verbs(self, session: int = -1) -> list[str]:
        """
        The verbs of one session, without their arguments.
        """
        return [line.partition(" ")[0].upper() for line in self.sessions[session].lines]

    def _take(self, taken: Taken) -> None:
        self.count += 1
        if self.keepsData:
            self.taken.append(taken)
        for entry in [entry for entry in self._waiting if self.count >= entry[0]]:
            self._waiting.remove(entry)
            entry[1].callback(None)

    def _scripted(self, verb: str) -> Any:
        action = self.script.get(verb)
        if isinstance(action, list):
            return action.pop(0) if action else None
        return action

    def _closed(self) -> None:
        if self._stopping is not None and not self.open:
            stopping, self._stopping = self._stopping, None
            stopping.callback(None)
