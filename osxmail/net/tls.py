# -*- test-case-name: tests.unit.net.test_tls -*-
"""
TLS for listeners, chosen by the name the client asks for (SNI) and exchanged without a restart; and for the
connections that we make.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from zope.interface import implementer

from osxmail.errors import ConfigurationError

SELF_SIGNED_DAYS = 825  # Apple's programs refuse certificates that live longer
EXPIRY_WARNING_DAYS = 14
MAX_PEM_OCTETS = 1 << 20
MAX_CLIENT_CONTEXTS = 100  # verified peers whose context is kept

# RFC 9325 4.2: TLS 1.2 with forward secrecy; the TLS 1.3 suites are OpenSSL's own.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:DHE+AESGCM:!aNULL:!eNULL"

log = Logger(namespace="osxmail.net")


@frozen
class CertificateFiles:
    """
    Where one certificate is kept.

    @ivar certificate: PEM, the server's own first, then the chain.
    @ivar key: its private key, PEM, without a passphrase.
    @ivar names: host names it is for; those in the certificate are added.
    """

    certificate: Path
    key: Path
    names: tuple[str, ...] = ()


@frozen
class CertificateFacts:
    """
    What a loaded certificate says.

    @ivar names: the host names it is chosen for, lower case, C{*.example.org} among them.
    @ivar expires: seconds since the epoch.
    """

    certificate: Path
    names: tuple[str, ...]
    issuer: str
    expires: float


def _context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    # RFC 9325 3.1.1: not below TLS 1.2.
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION)
    context.set_cipher_list(_CIPHERS)
    # An idle connection gives back its 2 x 17 KiB of record buffers.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return context


def _read(path: Path, what: str, problems: list[str], isSecret: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if isSecret and mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
                problems.append(f"{path}: {what} can be read by everybody, or changed by others: chmod 640 it")
                return b""
            return file.read(MAX_PEM_OCTETS)
    except OSError as error:
        problems.append(f"{path}: {what} cannot be read: {error.strerror}")
        return b""


def _namesIn(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))


def _load(files: CertificateFiles, problems: list[str]) -> tuple[SSL.Context, CertificateFacts] | None:
    before = len(problems)
    pem = _read(files.certificate, "the certificate", problems)
    keyPEM = _read(files.key, "the private key", problems, isSecret=True)
    if len(problems) > before:
        return None
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError:
        problems.append(f"{files.certificate}: no certificate in PEM form is in it")
        return None
    try:
        key: Any = serialization.load_pem_private_key(keyPEM, password=None)
    except TypeError:
        problems.append(f"{files.key}: the private key has a passphrase; osxmail needs it without one")
        return None
    except ValueError:
        problems.append(f"{files.key}: no private key in PEM form is in it")
        return None
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    der = serialization.Encoding.DER
    if chain[0].public_key().public_bytes(der, public) != key.public_key().public_bytes(der, public):
        problems.append(f"{files.key}: this private key is not that of {files.certificate}")
        return None
    context = _context()
    try:
        context.use_certificate(chain[0])
        context.use_privatekey(key)
        for certificate in chain[1:]:
            context.add_extra_chain_cert(certificate)
    except SSL.Error as error:
        problems.append(f"{files.certificate}: OpenSSL does not take it: {_reason(error)}")
        return None
    # Resumption goes by tickets (RFC 8446 4.6.1, RFC 5077), which keep nothing here.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(b"osxmail")
    names = tuple(dict.fromkeys((*(name.lower() for name in files.names), *_namesIn(chain[0]))))
    facts = CertificateFacts(
        files.certificate, names, chain[0].issuer.rfc4514_string(), chain[0].not_valid_after_utc.timestamp()
    )
    return context, facts


def _reason(error: SSL.Error) -> str:
    try:
        return str(error.args[0][0][2])
    except (IndexError, TypeError):
        return type(error).__name__


@implementer(IOpenSSLServerConnectionCreator)
class ServerCertificates:
    """
    The certificates of our listeners.  Give it to C{transport.startTLS}, C{TLSMemoryBIOFactory} or an endpoint as
    the context factory: every connection shares the contexts that are current when it begins.

    @ivar facts: what the loaded certificates say; the first is used where the client names none of them.
    """

    def __init__(self, files: Sequence[CertificateFiles], now: Callable[[], float] | None = None) -> None:
        """
        @param files: at least one; the first is the default.
        @raise ConfigurationError: one of them cannot be used; all that is wrong with any.
        """
        self.facts: tuple[CertificateFacts, ...] = ()
        self._now = now or (lambda: datetime.now(UTC).timestamp())
        self._byName: Mapping[str, SSL.Context] = {}
        self._default: SSL.Context
        self._files: tuple[CertificateFiles, ...] = ()
        self.reload(files)

    def reload(self, files: Sequence[CertificateFiles] | None = None) -> None:
        """
        Read the files again, or others in their place.  Connections that are open keep what they have.  May be
        called in a thread.

        @raise ConfigurationError: as before; the old certificates stay in use.
        """
        if files is None:
            files = self._files
        if not files:
            raise ConfigurationError(["tls.certificate: there is no certificate"])
        problems: list[str] = []
        loaded = [pair for pair in (_load(each, problems) for each in files) if pair is not None]
        if problems:
            raise ConfigurationError(problems)
        byName: dict[str, SSL.Context] = {}
        for context, facts in loaded:
            for name in facts.names:
                byName.setdefault(name, context)
            daysLeft = (facts.expires - self._now()) / 86400
            if daysLeft < EXPIRY_WARNING_DAYS:
                log.warn(
                    "{event}", event="certificate.expiring", file=str(facts.certificate), daysLeft=round(daysLeft, 1)
                )
        default = loaded[0][0]
        default.set_tlsext_servername_callback(self._choose)
        self._files = tuple(files)
        self.facts = tuple(facts for _, facts in loaded)
        self._byName = byName
        self._default = default

    def _choose(self, connection: SSL.Connection) -> None:
        # RFC 6066 3: a name that we do not know is served with the default.
        raw = connection.get_servername()
        if not raw:
            return
        name = raw.decode("ascii", "replace").lower().rstrip(".")
        context = self._byName.get(name) or self._byName.get("*." + name.partition(".")[2])
        if context is not None and context is not connection.get_context():
            connection.set_context(context)

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """
        See C{IOpenSSLServerConnectionCreator}.
        """
        return SSL.Connection(self._default, None)


@implementer(IOpenSSLClientConnectionCreator)
class _Opportunistic:
    def __init__(self, context: SSL.Context, host: str) -> None:
        self._context = context
        self._host = host

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self._host:
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        return connection


class ClientTLS:
    """
    TLS for connections that we make.
    """

    def __init__(self) -> None:
        self._context = _context()
        self._context.set_verify(SSL.VERIFY_NONE)
        self._verified: OrderedDict[str, IOpenSSLClientConnectionCreator] = OrderedDict()

    def opportunistic(self, host: str) -> IOpenSSLClientConnectionCreator:
        """
        Encryption without knowing the peer (RFC 7435): better than clear text, and no promise.

        @param host: the name for SNI (RFC 6066 3); an address or C{""} sends none.
        """
        return _Opportunistic(self._context, _serverName(host))

    def verified(self, host: str) -> IOpenSSLClientConnectionCreator:
        """
        Encryption with a peer whose certificate is for C{host} and is vouched for by the system's authorities.
        """
        creator = self._verified.pop(host, None)
        if creator is None:
            creator = optionsForClientTLS(host)
            while len(self._verified) >= MAX_CLIENT_CONTEXTS:
                self._verified.popitem(last=False)
        self._verified[host] = creator
        return creator


def _serverName(host: str) -> str:
    # RFC 6066 3: literal addresses are not permitted.
    try:
        ip_address(host)
    except ValueError:
        return host.rstrip(".") if host.isascii() else ""
    return ""


def describeTLS(transport: Any) -> str:
    """
    Version and cipher of a connection that speaks TLS, C{"TLSv1.3 TLS_AES_256_GCM_SHA384"}; C{""} for one that
    does not, or not yet.
    """
    getHandle = getattr(transport, "getHandle", None)
    handle = getHandle() if getHandle is not None else None
    if not isinstance(handle, SSL.Connection):
        return ""
    cipher = handle.get_cipher_name()
    return f"{handle.get_protocol_version_name()} {cipher}" if cipher else ""


def makeSelfSigned(
    names: Sequence[str], certificate: Path, key: Path, now: Callable[[], float] | None = None
) -> CertificateFiles:
    """
    Make a key (ECDSA P-256) and a certificate that nobody vouches for, to begin with.  Both files are for their
    owner only (0600); files that exist are replaced.

    @param names: host names and addresses; the first is the subject's.
    """
    private = ec.generate_private_key(ec.SECP256R1())
    start = datetime.fromtimestamp(now(), UTC) if now is not None else datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(hours=1))
        .not_valid_after(start + timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    _writePrivate(
        key,
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    _writePrivate(certificate, made.public_bytes(serialization.Encoding.PEM))
    return CertificateFiles(certificate, key)


def _writePrivate(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    beside.replace(path)
