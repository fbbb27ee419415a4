"""
A real name server on loopback, UDP and TCP on one port, with zones that a test writes and faults that it orders.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.names import dns

TTL = 300
_TYPES = {"A": dns.A, "AAAA": dns.AAAA, "MX": dns.MX, "TXT": dns.TXT, "PTR": dns.PTR, "CNAME": dns.CNAME, "TLSA": 52}
_NAMES = {number: name for name, number in _TYPES.items()}


def _payload(kind: str, value: Any, ttl: int) -> Any:
    if kind == "A":
        return dns.Record_A(value, ttl)
    if kind == "AAAA":
        return dns.Record_AAAA(value, ttl)
    if kind == "MX":
        return dns.Record_MX(value[0], value[1], ttl)
    if kind == "TXT":
        return dns.Record_TXT(*(v.encode() for v in (value if isinstance(value, tuple) else (value,))), ttl=ttl)
    if kind == "PTR":
        return dns.Record_PTR(value, ttl)
    if kind == "CNAME":
        return dns.Record_CNAME(value, ttl)
    usage, selector, matching, data = value
    return dns.UnknownRecord(bytes((usage, selector, matching)) + data, ttl)


class FakeNameServer:
    """
    Names that were never added do not exist.

    @ivar port: where it listens, on 127.0.0.1.
    @ivar asked: what came: C{(name, type, "udp" or "tcp")}.
    """

    def __init__(self, reactor: Any = None) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._reactor = reactor
        self._records: dict[tuple[str, str], list[tuple[Any, int]]] = {}
        self._faults: dict[str, str] = {}
        self._secure: set[str] = set()
        self.asked: list[tuple[str, str, str]] = []
        self.port = 0
        self.refusesEDNS = False
        self.soaMinimum: int | None = 60

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    # ------------------------------------------------------------------------------------------------- zones

    def add(self, name: str, kind: str, *values: Any, ttl: int = TTL) -> None:
        """
        C{add("a.test", "MX", (10, "mx.a.test"))}, C{add("a.test", "A", "192.0.2.1", "192.0.2.2")},
        C{add("a.test", "TXT", "v=spf1 -all")}, C{add("_25._tcp.mx.a.test", "TLSA", (3, 1, 1, b"…"))}; without values
        the name exists and has no such records.
        """
        self._records.setdefault((name.lower(), kind), []).extend((value, ttl) for value in values)

    def addPointer(self, address: str, *names: str) -> None:
        self.add(ip_address(address).reverse_pointer, "PTR", *names)

    def addNullMX(self, name: str) -> None:
        self.add(name, "MX", (0, ""))

    def remove(self, name: str) -> None:
        for key in [key for key in self._records if key[0] == name.lower()]:
            del self._records[key]

    def secure(self, *names: str) -> None:
        """
        Answers about these have the AD bit.
        """
        self._secure.update(names)

    def fault(self, name: str, fault: str) -> None:
        """
        C{"servfail"}, C{"refused"}, C{"silent"}, C{"truncated"} (over UDP), C{"malformed"}, C{"short"} (fewer records
        than announced), C{"other"} (an answer to another question) or C{""} to mend it.
        """
        self._faults[name.lower()] = fault

    # ----------------------------------------------------------------------------------------------- serving

    def start(self) -> None:
        factory = ServerFactory()
        factory.noisy = False
        factory.buildProtocol = lambda _: dns.DNSProtocol(self)  # type: ignore[method-assign,assignment]
        while True:
            protocol = dns.DNSDatagramProtocol(self)
            protocol.noisy = False
            self._udp = self._reactor.listenUDP(0, protocol, interface="127.0.0.1", maxPacketSize=4096)
            self.port = self._udp.getHost().port
            try:
                self._tcp = self._reactor.listenTCP(self.port, factory, interface="127.0.0.1")
            except CannotListenError:
                self._udp.stopListening()
            else:
                return

    def stop(self) -> Any:
        return gatherResults([self._udp.stopListening(), self._tcp.stopListening()])

    def connectionMade(self, protocol: Any) -> None: ...

    def connectionLost(self, protocol: Any) -> None: ...

    def messageReceived(self, message: dns.Message, protocol: Any, address: Any = None) -> None:
        query = message.queries[0]
        name = query.name.name.decode("ascii").lower()
        via = "tcp" if address is None else "udp"
        self.asked.append((name, _NAMES.get(query.type, str(query.type)), via))
        fault = self._faults.get(name, "")
        answer = dns.Message(message.id, answer=1, recDes=1, recAv=1, maxSize=0)
        answer.queries = message.queries
        if fault == "silent":
            return
        if self.refusesEDNS and message.additional:
            answer.rCode = dns.EFORMAT
        elif fault == "servfail":
            answer.rCode = dns.ESERVER
        elif fault == "refused":
            answer.rCode = dns.EREFUSED
        elif fault == "truncated" and via == "udp":
            answer.trunc = 1
        elif fault == "other":
            answer.queries = [dns.Query("other.invalid", query.type)]
        else:
            self._answer(answer, name, query.type)
        data = answer.toStr()
        if fault == "malformed":
            data = data[:12] + b"\xc0\x0c" * 20
        elif fault == "short":
            data = data[:6] + b"\x00\x09" + data[8:]
        if address is None:
            protocol.sendString(data)
            protocol.transport.loseConnection()
        else:
            protocol.transport.write(data, address)

    def _answer(self, answer: dns.Message, name: str, kind: int) -> None:
        answer.authenticData = int(name in self._secure)
        for _ in range(8):
            alias = self._records.get((name, "CNAME"))
            if not alias or kind == dns.CNAME:
                break
            self._put(answer, name, "CNAME", alias)
            name = alias[0][0].lower()
        wanted = _NAMES.get(kind, "")
        found = self._records.get((name, wanted), [])
        self._put(answer, name, wanted, found)
        if not found:
            if not any(key[0] == name or key[0].endswith("." + name) for key in self._records):
                answer.rCode = dns.ENAME
            if self.soaMinimum is not None:
                soa = dns.Record_SOA("ns.test", "hostmaster.test", 1, minimum=self.soaMinimum, ttl=TTL)
                answer.authority.append(dns.RRHeader("test", dns.SOA, ttl=TTL, payload=soa))

    def _put(self, answer: dns.Message, name: str, kind: str, records: list[tuple[Any, int]]) -> None:
        for value, ttl in records:
            answer.answers.append(dns.RRHeader(name, _TYPES[kind], ttl=ttl, payload=_payload(kind, value, ttl)))
