"""
What servers and networks do: stop, come back, hang, dribble, lie; TLS in all its forms; and where passwords go.
"""

from __future__ import annotations

import datetime
import ipaddress
import threading
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor
from twisted.internet.defer import DeferredList
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from osxmail.directory import ldapconnections
from osxmail.directory.ldap import LDAPConfiguration, LDAPDirectory
from osxmail.errors import DirectoryAway
from osxmail.mail.address import Address
from osxmail.mail.record import Record
from tests.fakes.directory import record
from tests.integration.slapd import BIND_DN, BIND_PASSWORD, SUFFIX, Slapd, slapdMissing

ANNA = Address.parse("anna@example.test")
PEOPLE = f"ou=people,{SUFFIX}"
#: A referral to a server that must never be asked; the port is put in.
REFERRAL = f"""
dn: ou=far,{PEOPLE}
objectClass: referral
objectClass: extensibleObject
ou: far
ref: ldap://127.0.0.1:%d/ou=far,{PEOPLE}
"""


def sleep(seconds: float):
    return deferLater(reactor, seconds, lambda: None)


class LDAPCase(TestCase):
    """
    @ivar events: what was logged during the test.
    """

    timeout = 60

    def setUp(self) -> None:
        self.events: list[dict] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def happened(self, event: str) -> list[dict]:
        return [e for e in self.events if e.get("event") == event]

    def connect(self, url: str, **fields: object) -> LDAPDirectory:
        values: dict = {
            "base": SUFFIX, "bindDN": BIND_DN, "bindPassword": BIND_PASSWORD, "timeoutSeconds": 1.0, "poolSize": 2,
            "backoffFirstSeconds": 0.1, "backoffMostSeconds": 0.4, "domains": ("example.test",),
        }  # fmt: skip
        directory = LDAPDirectory(LDAPConfiguration(url, **{**values, **fields}))
        directory.start()
        self.addCleanup(directory.stop)
        return directory

    async def away(self, asked, within: float) -> str:
        """
        It fails with L{DirectoryAway} within so many seconds; what it says.
        """
        start = time.monotonic()
        error = await self.assertFailure(asked, DirectoryAway)
        self.assertLess(time.monotonic() - start, within)
        return str(error)

    async def back(self, directory: LDAPDirectory) -> Record:
        """
        It answers again, within five seconds.
        """
        deadline = time.monotonic() + 5
        while True:
            try:
                return await directory.recordWithAddress(ANNA)
            except DirectoryAway:
                self.assertLess(time.monotonic(), deadline)
                await sleep(0.05)


class OutageTests(LDAPCase):
    skip = slapdMissing

    def setUp(self) -> None:
        super().setUp()
        self.slapd = Slapd.inetOrgPerson()
        self.addCleanup(self.slapd.close)
        self.slapd.start()
        self.directory = self.connect(self.slapd.url)

    async def test_stoppedAndBack(self) -> None:
        anna = await self.directory.recordWithAddress(ANNA)
        self.assertTrue(await self.directory.verifyPassword(anna, "annas-secret"))
        self.slapd.stop()
        await self.away(self.directory.recordWithAddress(ANNA), 2)
        await self.away(self.directory.verifyPassword(anna, "annas-secret"), 2)
        self.slapd.start()
        self.assertEqual((await self.back(self.directory)).accountId, anna.accountId)
        self.assertTrue(await self.directory.verifyPassword(anna, "annas-secret"))
        self.assertEqual((len(self.happened("directory.away")), len(self.happened("directory.back"))), (1, 1))

    async def test_restartIsNotNoticed(self) -> None:
        """
        Connections that the server has closed while they lay idle are replaced; the question does not fail.
        """
        many = [self.directory.recordWithAddress(ANNA) for _ in range(4)]
        anna = (await DeferredList(many))[0][1]
        self.assertTrue(await self.directory.verifyPassword(anna, "annas-secret"))
        self.slapd.stop()
        self.slapd.start()
        self.assertIsNotNone(await self.directory.recordWithAddress(ANNA))
        self.assertTrue(await self.directory.verifyPassword(anna, "annas-secret"))
        self.assertEqual(self.happened("directory.away"), [])

    async def test_pause(self) -> None:
        """
        While it is away questions fail at once, and do not knock each.
        """
        self.slapd.stop()
        directory = self.connect(self.slapd.url, backoffFirstSeconds=30.0, backoffMostSeconds=30.0)
        await self.away(directory.recordWithAddress(ANNA), 2)
        start = time.monotonic()
        for _ in range(200):
            await self.assertFailure(directory.recordWithLogin("anna"), DirectoryAway)
        self.assertLess(time.monotonic() - start, 1)
        self.assertEqual(len(self.happened("directory.away")), 1)

    async def test_hung(self) -> None:
        """
        A server that accepts and says nothing: every question ends at its time, threads are few, and it is well again
        when the server is.
        """
        anna = await self.directory.recordWithAddress(ANNA)
        await self.directory.verifyPassword(anna, "annas-secret")
        self.slapd.hang()
        self.addCleanup(self.slapd.stop)
        start = time.monotonic()
        asked = [self.directory.recordWithAddress(Address.parse(f"a{n}@example.test")) for n in range(40)]
        asked += [self.directory.verifyPassword(anna, "annas-secret") for _ in range(40)]
        await sleep(0.5)
        threads = [t.name for t in threading.enumerate() if t.name.startswith("ldap-")]
        self.assertLessEqual(len(threads), 4, threads)
        results = await DeferredList(asked, consumeErrors=True)
        self.assertLess(time.monotonic() - start, 3)
        self.assertTrue(all(not ok and value.check(DirectoryAway) for ok, value in results))
        self.slapd.wake()
        await self.back(self.directory)
        self.assertTrue(await self.directory.verifyPassword(anna, "annas-secret"))
        await sleep(0.2)
        self.assertEqual((self.directory._searches.running, self.directory._logins.running), (0, 0))

    async def test_waitingIsBounded(self) -> None:
        self.patch(ldapconnections, "MAX_WAITING", 3)
        directory = self.connect(self.slapd.url)
        self.slapd.hang()
        asked = [directory.recordWithAddress(ANNA) for _ in range(5)]
        self.assertIn("wait", await self.away(directory.recordWithAddress(ANNA), 0.5))
        await DeferredList(asked, consumeErrors=True)

    async def test_stopWhileHung(self) -> None:
        """
        A stop does not wait for a server.
        """
        self.slapd.hang()
        directory = self.connect(self.slapd.url, timeoutSeconds=60.0)
        asked = directory.recordWithAddress(ANNA)
        await sleep(0.1)
        start = time.monotonic()
        self.patch(ldapconnections, "STOP_SECONDS", 0.3)
        stopped = directory.stop()
        await self.assertFailure(asked, DirectoryAway)
        await stopped
        self.assertLess(time.monotonic() - start, 3)

    async def test_notStarted(self) -> None:
        directory = LDAPDirectory(self.directory.configuration)
        await self.away(directory.recordWithAddress(ANNA), 1)

    async def test_oldConnectionsAreReplaced(self) -> None:
        self.patch(ldapconnections, "MAX_IDLE_SECONDS", 0.0)
        for _ in range(3):
            self.assertIsNotNone(await self.directory.recordWithAddress(ANNA))
        self.assertEqual(len(self.directory._searches._idle), 1)

    async def test_replicas(self) -> None:
        """
        The next one is asked when the first is down.
        """
        spare = Slapd.inetOrgPerson()
        self.addCleanup(spare.close)
        spare.start()
        self.slapd.stop()
        directory = self.connect(f"{self.slapd.url} {spare.url}")
        self.assertIsNotNone(await directory.recordWithAddress(ANNA))

    async def test_serviceLoginRefused(self) -> None:
        directory = self.connect(self.slapd.url, bindPassword="wrong-service-secret")
        reason = await self.away(directory.recordWithAddress(ANNA), 2)
        self.assertIn("service login", reason)
        self.assertIn("invalidCredentials", reason)
        self.assertNotIn("wrong-service-secret", reason + repr(self.events))

    async def test_baseMissing(self) -> None:
        """
        A base that does not exist, or that the service may not see, is not an empty directory.
        """
        directory = self.connect(self.slapd.url, base="dc=other,dc=test")
        self.assertIn("noSuchObject", await self.away(directory.recordWithAddress(ANNA), 2))
        self.assertEqual(len(self.happened("directory.away")), 1)

    async def test_anonymous(self) -> None:
        """
        Who may not read is told so; it is not an empty directory either.
        """
        directory = self.connect(self.slapd.url, bindDN="", bindPassword="")
        await self.away(directory.recordWithAddress(ANNA), 2)

    async def test_unixSocket(self) -> None:
        directory = self.connect(self.slapd.socketURL)
        anna = await directory.recordWithAddress(ANNA)
        self.assertTrue(await directory.verifyPassword(anna, "annas-secret"))

    async def test_limitIsForOneAnswer(self) -> None:
        self.patch(ldapconnections, "MAX_ANSWER_OCTETS", 2000)
        directory = self.connect(self.slapd.url)
        for _ in range(20):
            self.assertIsNotNone(await directory.recordWithAddress(ANNA))
        self.assertEqual(self.happened("directory.away"), [])

    async def test_bindKeepsTheServiceLogin(self) -> None:
        """
        A login does not take the rights of the searches away.
        """
        anna = await self.directory.recordWithAddress(ANNA)
        for password in ("annas-secret", "wrong"):
            await self.directory.verifyPassword(anna, password)
            self.assertIsNotNone(await self.directory.recordWithAddress(ANNA))

    async def test_emptyPassword(self) -> None:
        """
        RFC 4513 5.1.2: this server takes a bind without a password, or without a DN, for an anonymous one.
        """
        anna = await self.directory.recordWithAddress(ANNA)
        self.assertIs(await self.directory.verifyPassword(anna, ""), False)
        for dn in ("", " "):
            nobody = record("anna@example.test", source=(("directory", self.directory.name), ("dn", dn)))
            self.assertIs(await self.directory.verifyPassword(nobody, "annas-secret"), False)
        await self.assertFailure(self.directory._logins.verify(dict(anna.source)["dn"], ""), ValueError)
        await self.assertFailure(self.directory._logins.verify("", "annas-secret"), ValueError)

    async def test_recordOfAnotherDirectory(self) -> None:
        """
        A password goes to the servers of the directory that knows the person.
        """
        anna = await self.directory.recordWithAddress(ANNA)
        other = self.connect(self.slapd.socketURL)
        self.assertIs(await other.verifyPassword(anna, "annas-secret"), False)
        self.assertEqual(len(other._logins._idle), 0)

    async def test_dnsThatAreNone(self) -> None:
        for dn in ("uid=anna", "nonsense", f"uid=*,{PEOPLE}", "\ufffd", "uid=anna\0", f"cn=missing,{SUFFIX}"):
            nobody = record("anna@example.test", source=(("directory", self.directory.name), ("dn", dn)))
            self.assertIs(await self.directory.verifyPassword(nobody, "annas-secret"), False)
        self.assertEqual(self.happened("directory.away"), [])

    async def test_secrets(self) -> None:
        """
        No password is in an event, in what an error says, or in what is kept of a connection.
        """
        anna = await self.directory.recordWithAddress(ANNA)
        await self.directory.verifyPassword(anna, "annas-secret")
        await self.directory.verifyPassword(anna, "a-wrong-secret")
        kept = [connection for connection, _ in (*self.directory._searches._idle, *self.directory._logins._idle)]
        self.assertEqual(len(kept), 2)
        said = repr([vars(connection) for connection in kept]) + repr(vars(self.directory)) + repr(kept)
        self.slapd.hang()
        said += await self.away(self.directory.verifyPassword(anna, "a-third-secret"), 3)
        said += repr(self.events)
        for secret in ("annas-secret", "a-wrong-secret", "a-third-secret", BIND_PASSWORD):
            self.assertNotIn(secret, said)


def reply(request: bytes, operation: bytes) -> bytes:
    """
    An LDAP message with the number of the request.
    """
    start = 2 + (request[1] - 128 if request[1] > 127 else 0)
    body = request[start : start + 2 + request[start + 1]] + operation
    return b"0" + bytes([len(body)]) + body


class OddServer(Protocol):
    """
    @ivar heard: everything that clients have sent.
    """

    def connectionMade(self) -> None:
        self.factory.connections.append(self)
        if self.factory.greeting:
            self.transport.write(self.factory.greeting)

    def dataReceived(self, data: bytes) -> None:
        self.factory.heard += data
        self.factory.answer(self, data)


class OddServerTests(LDAPCase):
    """
    Servers that are no LDAP servers.
    """

    def serve(self, answer=lambda protocol, data: None, greeting: bytes = b"") -> str:
        self.factory = Factory.forProtocol(OddServer)
        self.factory.noisy = False
        self.factory.answer, self.factory.greeting = answer, greeting
        self.factory.connections, self.factory.heard = [], b""
        port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(lambda: [c.transport.abortConnection() for c in self.factory.connections])
        return f"ldap://127.0.0.1:{port.getHost().port}"

    async def test_silent(self) -> None:
        directory = self.connect(self.serve())
        self.assertIn("no answer within 1 s", await self.away(directory.recordWithAddress(ANNA), 2))

    async def test_garbage(self) -> None:
        """
        Whatever comes back, it is "away", and nothing else.
        """
        for octets in (
            b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 100, b"\xff" * 100, b"0\x0c\x02\x01\x01a\x07\n\x01\x00",
            b"0\x84\x7f\xff\xff\xff", b"0\x80\x00\x00", b"0\x03\x02\x01\x01", b"",
        ):  # fmt: skip
            directory = self.connect(self.serve(lambda protocol, data, o=octets: protocol.transport.write(o)))
            await self.away(directory.recordWithAddress(ANNA), 2)

    async def test_hangsUp(self) -> None:
        directory = self.connect(self.serve(lambda protocol, data: protocol.transport.abortConnection()))
        await self.away(directory.recordWithAddress(ANNA), 1)

    async def test_dribbles(self) -> None:
        """
        An octet now and then does not lengthen the time.
        """
        directory = self.connect(self.serve(greeting=b"0\x84\x00\x10\x00\x00"))
        calls = LoopingCall(lambda: [c.transport.write(b"x") for c in self.factory.connections])
        calls.start(0.1)
        self.addCleanup(calls.stop)
        await self.away(directory.recordWithAddress(ANNA), 2)
        await sleep(0.2)
        self.assertEqual(directory._searches.running, 0)

    async def test_endless(self) -> None:
        """
        An answer that says it is 2 GB long, and goes on and on, is cut off at a limit.
        """
        self.patch(ldapconnections, "MAX_ANSWER_OCTETS", 100_000)
        url = self.serve(lambda p, data: p.transport.write(b"0\x84\x7f\xff\xff\xff" + bytes(200_000)))
        directory = self.connect(url, timeoutSeconds=20.0)
        self.assertIn("100000 octets", await self.away(directory.recordWithAddress(ANNA), 5))

    async def test_startTLSRefused(self) -> None:
        """
        Without TLS nothing secret is sent.
        """
        # RFC 4511 4.14.2: an extended response, protocolError.
        url = self.serve(
            lambda protocol, data: protocol.transport.write(reply(data, b"\x78\x07\x0a\x01\x02\x04\0\x04\0"))
        )
        directory = self.connect(url, startTLS=True)
        await self.away(directory.recordWithAddress(ANNA), 2)
        self.assertIn(b"1.3.6.1.4.1.1466.20037", self.factory.heard)
        self.assertIn("protocolError", self.happened("directory.away")[0]["reason"])
        self.assertNotIn(BIND_PASSWORD.encode(), self.factory.heard)
        await sleep(0.15)
        anna = record(
            "anna@example.test",
            source=(
                ("directory", directory.name),
                ("dn", f"uid=anna,{PEOPLE}"),
            ),
        )
        await self.away(directory.verifyPassword(anna, "annas-secret"), 2)
        self.assertNotIn(b"annas-secret", self.factory.heard)

    async def test_bindReferred(self) -> None:
        """
        A login that is referred to another server ends here.
        """
        far = b"ldap://127.0.0.1:1/"
        referral = b"\xa3" + bytes([len(far) + 2]) + b"\x04" + bytes([len(far)]) + far
        body = b"\x0a\x01\x0a\x04\0\x04\0" + referral
        url = self.serve(lambda p, data: p.transport.write(reply(data, b"\x61" + bytes([len(body)]) + body)))
        directory = self.connect(url)
        anna = record(
            "anna@example.test",
            source=(
                ("directory", directory.name),
                ("dn", f"uid=anna,{PEOPLE}"),
            ),
        )
        await self.away(directory.verifyPassword(anna, "annas-secret"), 1)
        self.assertEqual(len(self.factory.connections), 1)

    async def test_refused(self) -> None:
        directory = self.connect("ldap://127.0.0.1:1")
        self.assertIn("refused", await self.away(directory.recordWithAddress(ANNA), 1))

    async def test_noSuchSocket(self) -> None:
        directory = self.connect("ldapi://%2Fnonexistent%2Fsocket")
        await self.away(directory.recordWithAddress(ANNA), 1)


class ReferralTests(LDAPCase):
    skip = slapdMissing

    async def test_notFollowed(self) -> None:
        """
        Nobody goes where a referral points to, neither with a question nor with a password.
        """
        far = Factory.forProtocol(OddServer)
        far.noisy, far.answer, far.greeting, far.connections, far.heard = False, lambda p, d: None, b"", [], b""
        port = reactor.listenTCP(0, far, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        slapd = Slapd.inetOrgPerson(REFERRAL % port.getHost().port)
        self.addCleanup(slapd.close)
        slapd.start()
        directory = self.connect(slapd.url)
        self.assertIsNotNone(await directory.recordWithAddress(ANNA))
        self.assertIsNone(await directory.recordWithLogin("nobody"))
        below = record(
            "x@example.test",
            source=(
                ("directory", directory.name),
                ("dn", f"uid=x,ou=far,{PEOPLE}"),
            ),
        )
        self.assertIs(await directory.verifyPassword(below, "annas-secret"), False)
        self.assertEqual((far.connections, self.happened("directory.away")), ([], []))
        # A base that is somewhere else: the whole answer is a referral.
        elsewhere = self.connect(slapd.url, base=f"ou=far,{PEOPLE}")
        await self.away(elsewhere.recordWithAddress(ANNA), 2)
        self.assertEqual(far.connections, [])


class TLSTests(LDAPCase):
    skip = slapdMissing

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.slapd = Slapd.inetOrgPerson(certificate=self.certificate("localhost"))
        self.addCleanup(self.slapd.close)
        self.slapd.start()
        self.caFile = str(self.folder / "localhost.pem")

    def certificate(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.DNSName(name)]
        if name == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        certificate, keyFile = self.folder.absolute() / f"{name}.pem", self.folder.absolute() / f"{name}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        keyFile.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, keyFile

    async def works(self, directory: LDAPDirectory) -> None:
        anna = await directory.recordWithAddress(ANNA)
        self.assertTrue(await directory.verifyPassword(anna, "annas-secret"))
        self.assertFalse(await directory.verifyPassword(anna, "wrong"))

    async def test_ldaps(self) -> None:
        await self.works(self.connect(self.slapd.tlsURL, caFile=self.caFile))

    async def test_ldapsByAddress(self) -> None:
        await self.works(self.connect(f"ldaps://127.0.0.1:{self.slapd.tlsPort}", caFile=self.caFile))

    async def test_startTLS(self) -> None:
        await self.works(self.connect(self.slapd.startTLSURL, startTLS=True, caFile=self.caFile))

    async def test_unknownAuthority(self) -> None:
        """
        A certificate that nobody vouches for is no directory.
        """
        other = str(self.certificate("other.test")[0])
        for url, startTLS in ((self.slapd.tlsURL, False), (self.slapd.startTLSURL, True)):
            for caFile in ("", other):
                directory = self.connect(url, startTLS=startTLS, caFile=caFile)
                self.assertIn("certificate", (await self.away(directory.recordWithAddress(ANNA), 3)).lower())

    async def test_wrongName(self) -> None:
        slapd = Slapd.inetOrgPerson(certificate=self.certificate("other.test"))
        self.addCleanup(slapd.close)
        slapd.start()
        for url, startTLS in ((slapd.tlsURL, False), (slapd.startTLSURL, True)):
            directory = self.connect(url, startTLS=startTLS, caFile=str(self.folder / "other.test.pem"))
            self.assertIn("match", await self.away(directory.recordWithAddress(ANNA), 3))

    async def test_caFileMissing(self) -> None:
        directory = self.connect(self.slapd.tlsURL, caFile="/nonexistent.pem")
        await self.away(directory.recordWithAddress(ANNA), 2)

    async def test_hungTLS(self) -> None:
        """
        A handshake that never ends has its time as well.
        """
        self.slapd.hang()
        for url, startTLS in ((self.slapd.tlsURL, False), (self.slapd.startTLSURL, True)):
            directory = self.connect(url, startTLS=startTLS, caFile=self.caFile)
            await self.away(directory.recordWithAddress(ANNA), 2)
            await sleep(0.2)
            self.assertEqual(directory._searches.running, 0)
