"""
Small blocking clients that know hosts, ports and a login, and nothing of the server.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable

from attrs import field, frozen

now = time.perf_counter  # CLOCK_MONOTONIC: comparable between processes


@frozen
class Server:
    """
    Where the server under test listens, and who it knows: users C{u0}, C{u1} … of one domain with one password, or
    one user.

    @ivar user: the login; C{%d} in it is the user's number.
    @ivar isTLS: IMAP and POP3 are spoken in TLS from the first octet on.
    @ivar lmtp: the port where mail comes in by LMTP, 0 where it comes by SMTP.
    @ivar pids: the roots of its trees of processes, for CPU and memory.
    @ivar forget: makes the server forget what it has computed, so that the next question is a first one.
    """

    name: str = "osxmail"
    host: str = "127.0.0.1"
    imap: int = 143
    pop3: int = 0
    smtp: int = 0
    lmtp: int = 0
    imaps: int = 0
    isTLS: bool = False
    user: str = "u%d@example.test"
    password: str = field(default="pw", repr=False)
    domain: str = "example.test"
    pids: tuple[int, ...] = ()
    forget: Callable[[], object] = field(default=lambda: None, eq=False, repr=False)
    shared: bool = field(init=False)  # one user only

    @shared.default
    def _isShared(self) -> bool:
        return "%d" not in self.user

    def login(self, number: int) -> str:
        return self.user.replace("%d", str(number))

    def address(self, number: int) -> str:
        login = self.login(number)
        return login if "@" in login else f"{login}@{self.domain}"

    def connect(self, port: int) -> socket.socket:
        """
        A connected socket, in TLS where the server wants that; its certificate is not looked at.
        """
        connected = socket.create_connection((self.host, port), timeout=600)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.isTLS:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context.wrap_socket(connected)
        return connected


class IMAP:
    """
    One IMAP connection.

    @ivar capabilities: what the server advertises after login.
    """

    def __init__(self, server: Server, user: int | None = 0) -> None:
        self.socket = server.connect(server.imap)
        self.capabilities: frozenset[str] = frozenset()
        self._count = 0
        self._rest = b""
        self._line()
        if user is not None:
            self.command(f'LOGIN "{server.login(user)}" "{server.password}"')
            self.capabilities = frozenset(self.command("CAPABILITY").decode().upper().split())

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _tag(self) -> bytes:
        self._count += 1
        return b"bench%06dx" % self._count

    def command(self, text: str) -> bytes:
        """
        Everything up to and with the tagged OK.

        @raise RuntimeError: it was not OK.
        """
        tag = self._tag()
        self.socket.sendall(tag + b" " + text.encode() + b"\r\n")
        data = bytearray(self._rest)
        self._rest = b""
        while True:
            if data.endswith(b"\n"):
                start = data.rfind(b"\n", 0, len(data) - 1) + 1
                if data.startswith(tag + b" ", start):
                    if not data.startswith(tag + b" OK", start):
                        raise RuntimeError(f"{text}: " + bytes(data[start:]).decode("utf-8", "replace"))
                    return bytes(data)
            more = self.socket.recv(1 << 20)
            if not more:
                raise ConnectionError("the server closed the connection")
            data += more

    def attempt(self, text: str) -> bool:
        """
        Was it OK?
        """
        try:
            self.command(text)
        except RuntimeError:
            return False
        return True

    def append(self, mailbox: str, messages: list[tuple[str, bytes]]) -> None:
        """
        Store messages, each with what stands before its literal (flags and date, a space at the end, or nothing): in
        one command where the server can (RFC 3502), pipelined where it can do that (RFC 7888), or one by one.
        """
        isMany, isPipelined = "MULTIAPPEND" in self.capabilities, bool({"LITERAL+"} & self.capabilities)
        plus = b"+" if isPipelined else b""
        parts = [before.encode() + b"{%d%b}\r\n" % (len(body), plus) for before, body in messages]
        if isMany and isPipelined:
            tag = self._tag()
            texts = [b" " + part + body for part, (_, body) in zip(parts, messages, strict=True)]
            self.socket.sendall(tag + b' APPEND "' + mailbox.encode() + b'"' + b"".join(texts) + b"\r\n")
            self._expect(tag)
            return
        tags = []
        for part, (_, body) in zip(parts, messages, strict=True):
            tags.append(self._tag())
            start = tags[-1] + b' APPEND "' + mailbox.encode() + b'" ' + part
            if isPipelined:
                self.socket.sendall(start + body + b"\r\n")
                continue
            self.socket.sendall(start)
            while not (line := self._line()).startswith(b"+"):
                if line.startswith(tags[-1]):
                    raise RuntimeError(line.decode("utf-8", "replace"))
            self.socket.sendall(body + b"\r\n")
            self._expect(tags.pop())
        for tag in tags:
            self._expect(tag)

    def _expect(self, tag: bytes) -> None:
        while not (line := self._line()).startswith(tag):
            pass
        if not line.startswith(tag + b" OK"):
            raise RuntimeError(line.decode("utf-8", "replace"))

    def count(self, mailbox: str = "INBOX") -> int:
        found = re.search(rb"MESSAGES (\d+)", self.command(f'STATUS "{mailbox}" (MESSAGES)'))
        assert found is not None
        return int(found.group(1))

    def close(self) -> None:
        self.socket.close()


class POP3:
    """
    One POP3 connection, logged in.
    """

    def __init__(self, server: Server, user: int = 0) -> None:
        self.socket = server.connect(server.pop3)
        self._rest = b""
        self._reply(False)
        self.command(f"USER {server.login(user)}")
        self.command(f"PASS {server.password}")

    def command(self, text: str, isLong: bool = False) -> bytes:
        """
        @raise RuntimeError: -ERR.
        """
        self.socket.sendall(text.encode() + b"\r\n")
        return self._reply(isLong)

    def _reply(self, isLong: bool) -> bytes:
        data = self._rest
        end = b"\r\n.\r\n" if isLong else b"\r\n"
        while not data.endswith(end) and not (data.startswith(b"-ERR") and data.endswith(b"\r\n")):
            more = self.socket.recv(1 << 18)
            if not more:
                raise ConnectionError("the server closed the connection")
            data += more
        if not data.startswith(b"+OK"):
            raise RuntimeError(data.decode("utf-8", "replace"))
        return data

    def close(self) -> None:
        self.socket.close()
