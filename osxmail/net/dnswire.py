# -*- test-case-name: tests.unit.net.test_dnswire -*-
"""
One DNS question and its answer: over UDP with EDNS, again over TCP where it was cut off, at the next server where
one says nothing usable (RFC 1035, RFC 6891, RFC 7766).
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed, ConnectionRefusedError
from twisted.internet.protocol import ClientFactory, DatagramProtocol, connectionDone
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from osxmail.errors import ResolverAway

PORT = 53
MAX_SERVERS = 3  # of those configured, as resolv.conf(5) has it
ROUND_SECONDS = (1.0, 2.0, 4.0)  # how long each server has, in the first round, the second …
TCP_SECONDS = 5.0
UDP_PAYLOAD_OCTETS = 1232  # fits an IPv6 packet that is not fragmented
RESOLV_CONF = Path("/etc/resolv.conf")
CONF_CHECK_SECONDS = 30.0

#: Answers that speak about the name; every other code speaks about the server.
_ABOUT_THE_NAME = frozenset({dns.OK, dns.ENAME})


class _Unusable(Exception):
    """
    This server's answer, or its silence, is no answer.
    """


@frozen
class Server:
    """
    A name server.
    """

    host: str
    port: int = PORT

    @classmethod
    def parse(cls, text: str) -> Server:
        """
        C{192.0.2.1}, C{192.0.2.1:5353}, C{2001:db8::1} or C{[2001:db8::1]:5353}.

        @raise ValueError: it is none of these.
        """
        host, port = text, str(PORT)
        if text.startswith("["):
            host, bracket, rest = text[1:].partition("]")
            if not bracket or (rest and rest[0] != ":"):
                raise ValueError(f"{text!r}: write [2001:db8::1]:53")
            if rest:
                port = rest[1:]
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
        if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            raise ValueError(f"{text!r}: write 192.0.2.1:53 or [2001:db8::1]:53")
        return cls(str(ip_address(host)), int(port))


def serversOf(conf: str) -> tuple[Server, ...]:
    """
    The name servers of a C{resolv.conf}; as libc does, this machine where it names none.
    """
    found = []
    for line in conf.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                found.append(Server(str(ip_address(words[1]))))
            except ValueError:
                continue
    return tuple(found[:MAX_SERVERS]) or (Server("127.0.0.1"),)


class _Datagram(DatagramProtocol):
    """
    One question over UDP, from a port of its own: a forged answer has to guess port and identifier.
    """

    noisy = False

    def __init__(self, server: Server, question: bytes) -> None:
        self.server = server
        self.question = question
        self.answered: Deferred[bytes] = Deferred()

    def startProtocol(self) -> None:
        assert self.transport is not None
        # A connected socket takes datagrams of that server only, and hears of a closed port at once.
        self.transport.connect(self.server.host, self.server.port)
        self.transport.write(self.question, None)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if datagram[:2] == self.question[:2]:
            self.answered.callback(datagram)
            self.answered = Deferred()

    def connectionRefused(self) -> None:
        self.answered.errback(ConnectionRefusedError())
        self.answered = Deferred()


class _Stream(Int16StringReceiver):
    factory: _StreamFactory

    def connectionMade(self) -> None:
        self.sendString(self.factory.question)

    def stringReceived(self, string: bytes) -> None:
        self.factory.finish(string)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.finish(reason)


class _StreamFactory(ClientFactory):
    noisy = False
    protocol = _Stream  # type: ignore[assignment]

    def __init__(self, question: bytes) -> None:
        self.question = question
        self.answered: Deferred[bytes] = Deferred()
        self.isFinished = False

    def finish(self, result: bytes | Failure) -> None:
        if not self.isFinished:
            self.isFinished = True
            if isinstance(result, Failure):
                self.answered.errback(result)
            else:
                self.answered.callback(result)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.finish(reason)


class Wire:
    """
    Asks name servers.

    @ivar servers: whom; those of the system's C{resolv.conf}, read again when it changes, if none were given.
    """

    def __init__(
        self,
        servers: Sequence[Server] = (),
        reactor: Any = None,
        resolvConf: Path = RESOLV_CONF,
        roundSeconds: Sequence[float] = ROUND_SECONDS,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._reactor = reactor
        self._isSystem = not servers
        self._resolvConf = resolvConf
        self._confSeen: tuple[float, float] = (float("-inf"), -1.0)
        self._roundSeconds = roundSeconds
        self.servers = tuple(servers)[:MAX_SERVERS]

    def _current(self) -> tuple[Server, ...]:
        if self._isSystem:
            now = self._reactor.seconds()
            looked, modified = self._confSeen
            if now - looked >= CONF_CHECK_SECONDS:
                try:
                    changed = self._resolvConf.stat().st_mtime
                    text = self._resolvConf.read_text("utf-8", "replace") if changed != modified else None
                except OSError:
                    changed, text = -1.0, ""
                if text is not None:
                    self.servers = serversOf(text)
                self._confSeen = (now, changed)
        return self.servers

    async def ask(self, name: str, kind: int) -> dns.Message:
        """
        The answer to a question: its code is that of success or of a name that does not exist.

        @param name: ASCII, labels of 1 to 63 octets.
        @raise ResolverAway: no server gave one.
        """
        last = "no name server is known"
        hasEDNS = True
        for seconds in self._roundSeconds:
            for server in self._current():
                try:
                    message = await self._askOne(server, name, kind, seconds, hasEDNS)
                    if message.rCode == dns.EFORMAT and hasEDNS:
                        # RFC 6891 7: a server that does not know EDNS says FORMERR.
                        hasEDNS = False
                        message = await self._askOne(server, name, kind, seconds, hasEDNS)
                except _Unusable as error:
                    last = f"{server.host}: {error}"
                    continue
                if message.rCode in _ABOUT_THE_NAME:
                    if server is not self.servers[0] and server in self.servers:
                        self.servers = (server, *(other for other in self.servers if other != server))
                    return message
                last = f"{server.host}: response code {message.rCode}"
        raise ResolverAway(f"{name}: {last}")

    async def _askOne(self, server: Server, name: str, kind: int, seconds: float, hasEDNS: bool) -> dns.Message:
        query = dns.Query(name, kind)
        # RFC 6840 5.7: AD in a question asks for AD in its answer.
        message = dns.Message(secrets.randbelow(1 << 16), recDes=1, authenticData=1)
        message.queries = [query]
        if hasEDNS:
            # RFC 6891 6.1.2: the OPT record's class is how much we take by UDP.
            message.additional = [dns.RRHeader(b"", dns.OPT, UDP_PAYLOAD_OCTETS, 0, dns.UnknownRecord(b""))]
        question = message.toStr()
        answer = _decode(await self._byUDP(server, question, seconds), question, query)
        if answer.trunc:
            answer = _decode(await self._byTCP(server, question), question, query)
        return answer

    async def _byUDP(self, server: Server, question: bytes, seconds: float) -> bytes:
        protocol = _Datagram(server, question)
        answered = protocol.answered
        anywhere = "::" if ":" in server.host else ""
        try:
            port = self._reactor.listenUDP(0, protocol, interface=anywhere, maxPacketSize=4096)
        except OSError as error:
            raise _Unusable(f"no UDP socket: {error}") from None
        except Exception as error:  # noqa: BLE001 -- CannotListenError is not an OSError
            raise _Unusable(f"no UDP socket: {type(error).__name__}") from None
        return await self._within(answered, seconds, port.stopListening)

    async def _byTCP(self, server: Server, question: bytes) -> bytes:
        factory = _StreamFactory(question)
        connector = self._reactor.connectTCP(server.host, server.port, factory, timeout=TCP_SECONDS)
        return await self._within(factory.answered, TCP_SECONDS, connector.disconnect)

    async def _within(self, answered: Deferred[bytes], seconds: float, close: Callable[[], object]) -> bytes:
        late = self._reactor.callLater(seconds, answered.cancel)
        try:
            return await answered
        except ConnectionRefusedError:
            raise _Unusable("connection refused") from None
        except ConnectionClosed:
            raise _Unusable("it closed the connection") from None
        except Exception as error:  # noqa: BLE001 -- cancelled, unreachable …: this server does not answer
            raise _Unusable("time-out" if not late.active() else type(error).__name__) from None
        finally:
            if late.active():
                late.cancel()
            close()


def _decode(data: bytes, question: bytes, query: dns.Query) -> dns.Message:
    message = dns.Message()
    try:
        message.fromStr(data)
        answers = struct.unpack_from("!H", data, 6)[0]
    except Exception as error:  # noqa: BLE001 -- whatever bytes come, they are only an unusable answer
        raise _Unusable(f"malformed answer: {type(error).__name__}") from None
    if data[:2] != question[:2] or not message.answer:
        raise _Unusable("this is not an answer to the question")
    if message.rCode in _ABOUT_THE_NAME and (
        len(message.queries) != 1
        or message.queries[0].type != query.type
        or message.queries[0].name.name.lower() != query.name.name.lower()
    ):
        raise _Unusable("this is not an answer to the question")
    if len(message.answers) != answers and not message.trunc:
        raise _Unusable("malformed answer: fewer records than announced")
    return message
