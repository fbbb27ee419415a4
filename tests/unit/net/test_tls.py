"""
L{osxmail.net.tls}: certificates by name, exchanged at run time; TLS for our own connections.
"""

from __future__ import annotations

import os
import stat
import tracemalloc
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from osxmail.errors import ConfigurationError
from osxmail.net.tls import CertificateFiles, ClientTLS, ServerCertificates, describeTLS, makeSelfSigned

CLOCK = Clock()  # small writes are joined until it advances


class Echo(Protocol):
    received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data


def connect(server: Any, client: Any) -> tuple[Echo, Echo, Any, Any]:
    """
    A handshake between the two in memory.
    """
    ends = []
    for creator, isClient in ((server, False), (client, True)):
        factory = TLSMemoryBIOFactory(creator, isClient, Factory.forProtocol(Echo), CLOCK)
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        ends.append((protocol, transport))
    (serverTLS, serverWire), (clientTLS, clientWire) = ends
    for _ in range(8):
        for source, target in ((clientWire, serverTLS), (serverWire, clientTLS)):
            data = source.value()
            source.clear()
            if data:
                target.dataReceived(data)
    return serverTLS.wrappedProtocol, clientTLS.wrappedProtocol, serverTLS, clientTLS


def commonName(tls: Any) -> str:
    certificate = tls.getHandle().get_peer_certificate(as_cryptography=True)
    return certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value


class CertificateCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def make(self, *names: str, file: str = "") -> CertificateFiles:
        stem = file or names[0].replace("*", "star")
        return makeSelfSigned(names, self.folder / f"{stem}.pem", self.folder / f"{stem}.key")


class SelfSignedTests(CertificateCase):
    def test_filesAreTheOwnersOnly(self) -> None:
        old = os.umask(0)
        try:
            files = self.make("mail.example.test", "127.0.0.1")
        finally:
            os.umask(old)
        for path in (files.certificate, files.key):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_namesAndAddresses(self) -> None:
        files = self.make("mail.example.test", "localhost", "127.0.0.1", "::1")
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["mail.example.test", "localhost"])
        self.assertEqual([str(a) for a in names.get_values_for_type(x509.IPAddress)], ["127.0.0.1", "::1"])

    def test_replaces(self) -> None:
        first = self.make("a.test").key.read_bytes()
        self.assertNotEqual(self.make("a.test").key.read_bytes(), first)


class ServerCertificatesTests(CertificateCase):
    def name(self, server: ServerCertificates, asked: str) -> str:
        return commonName(connect(server, ClientTLS().opportunistic(asked))[3])

    def test_byName(self) -> None:
        server = ServerCertificates(
            [self.make("default.test"), self.make("other.test"), self.make("*.wild.test", file="wild")]
        )
        for asked, expected in (
            ("default.test", "default.test"),
            ("other.test", "other.test"),
            ("OTHER.test", "other.test"),
            ("mail.wild.test", "*.wild.test"),
            ("a.mail.wild.test", "default.test"),
            ("unknown.test", "default.test"),
            ("192.0.2.1", "default.test"),
            ("", "default.test"),
        ):
            self.assertEqual(self.name(server, asked), expected, asked)

    def test_furtherNames(self) -> None:
        other = self.make("other.test")
        server = ServerCertificates(
            [self.make("default.test"), CertificateFiles(other.certificate, other.key, ("Extra.test",))]
        )
        self.assertEqual(self.name(server, "extra.test"), "other.test")
        self.assertEqual(server.facts[1].names, ("extra.test", "other.test"))

    def test_dataBothWays(self) -> None:
        server, _, serverTLS, clientTLS = connect(
            ServerCertificates([self.make("a.test")]), ClientTLS().opportunistic("a.test")
        )
        clientTLS.write(b"hello")
        CLOCK.advance(0)
        serverTLS.dataReceived(clientTLS.transport.value())
        self.assertEqual(server.received, b"hello")

    def test_reloadExchanges(self) -> None:
        files = self.make("a.test")
        server = ServerCertificates([files])
        before = (
            connect(server, ClientTLS().opportunistic("a.test"))[3]
            .getHandle()
            .get_peer_certificate(as_cryptography=True)
        )
        self.make("a.test")
        server.reload()
        after = (
            connect(server, ClientTLS().opportunistic("a.test"))[3]
            .getHandle()
            .get_peer_certificate(as_cryptography=True)
        )
        self.assertNotEqual(before.serial_number, after.serial_number)

    def test_reloadKeepsTheOldOnError(self) -> None:
        files = self.make("a.test")
        server = ServerCertificates([files])
        files.certificate.write_bytes(b"rubbish")
        with self.assertRaises(ConfigurationError) as caught:
            server.reload()
        self.assertEqual(len(caught.exception.problems), 1)
        self.assertIn("a.test.pem", caught.exception.problems[0])
        self.assertEqual(self.name(server, "a.test"), "a.test")
        with self.assertRaises(ConfigurationError):
            server.reload([])
        self.assertEqual(self.name(server, "a.test"), "a.test")

    def problems(self, *files: CertificateFiles) -> list[str]:
        with self.assertRaises(ConfigurationError) as caught:
            ServerCertificates(files)
        return caught.exception.problems

    def test_everyProblemIsTold(self) -> None:
        a, b, c = self.make("a.test"), self.make("b.test"), self.make("c.test")
        c.key.chmod(0o644)
        problems = self.problems(
            CertificateFiles(self.folder / "none.pem", a.key), CertificateFiles(a.certificate, b.key), c
        )
        self.assertEqual(len(problems), 3)
        for problem, words in zip(problems, ("cannot be read", "is not that of", "read by everybody"), strict=True):
            self.assertIn(words, problem)

    def test_groupMayRead(self) -> None:
        files = self.make("a.test")
        files.key.chmod(0o640)
        ServerCertificates([files])

    def test_keyWithPassphrase(self) -> None:
        files = self.make("a.test")
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        self.assertIn("passphrase", self.problems(files)[0])

    def test_expiryIsTold(self) -> None:
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        files = self.make("a.test")
        ServerCertificates([files])
        self.assertEqual([e for e in events if e.get("event") == "certificate.expiring"], [])
        ServerCertificates([files], now=lambda: 1e10)
        self.assertEqual(
            [e["file"] for e in events if e.get("event") == "certificate.expiring"], [str(files.certificate)]
        )

    def test_oldVersionsAreRefused(self) -> None:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        context.set_min_proto_version(SSL.TLS1_VERSION)
        context.set_max_proto_version(SSL.TLS1_1_VERSION)
        client = ClientTLS().opportunistic("a.test")
        client._context = context
        _, _, serverTLS, _ = connect(ServerCertificates([self.make("a.test")]), client)
        self.assertFalse(serverTLS._handshakeDone)

    def test_resumption(self) -> None:
        server = ServerCertificates([self.make("a.test")])
        client = ClientTLS().opportunistic("a.test")
        session = connect(server, client)[3].getHandle().get_session()

        class Resuming:
            def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
                connection = client.clientConnectionForTLS(protocol)
                connection.set_session(session)
                return connection

        from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
        from zope.interface import directlyProvides

        resuming = Resuming()
        directlyProvides(resuming, IOpenSSLClientConnectionCreator)
        self.assertTrue(SSL._lib.SSL_session_reused(connect(server, resuming)[3].getHandle()._ssl))

    def test_contextsAreShared(self) -> None:
        """
        A hundred connections do not cost a hundred contexts.
        """
        server = ServerCertificates([self.make("a.test")])
        client = ClientTLS()
        tracemalloc.start()
        try:
            kept = [connect(server, client.opportunistic("a.test")) for _ in range(50)]
            self.assertLess(tracemalloc.get_traced_memory()[0] / 50, 60_000)
        finally:
            tracemalloc.stop()
        self.assertEqual(len({id(tls.getHandle().get_context()) for _, _, tls, _ in kept}), 1)


class ClientTests(CertificateCase):
    def test_verifiedRefusesWhatNobodyVouchesFor(self) -> None:
        server = ServerCertificates([self.make("a.test")])
        tls = ClientTLS()
        _, _, serverTLS, _ = connect(server, tls.verified("a.test"))
        self.assertFalse(serverTLS._handshakeDone)
        self.assertIs(tls.verified("a.test"), tls.verified("a.test"))

    def test_verifiedContextsAreBounded(self) -> None:
        from osxmail.net import tls as module

        self.patch(module, "MAX_CLIENT_CONTEXTS", 2)
        tls = ClientTLS()
        first = tls.verified("a.test")
        for name in ("b.test", "c.test"):
            tls.verified(name)
        self.assertEqual(len(tls._verified), 2)
        self.assertIsNot(tls.verified("a.test"), first)

    def test_describe(self) -> None:
        _, client, _, _ = connect(ServerCertificates([self.make("a.test")]), ClientTLS().opportunistic("a.test"))
        self.assertRegex(describeTLS(client.transport), r"^TLSv1\.3 TLS_\w+$")
        self.assertEqual(describeTLS(StringTransport()), "")
