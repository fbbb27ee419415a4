"""
A real slapd on loopback, for one test case: started, stopped, hung and woken at will.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "etc" / "openldap"
SCHEMAS = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")
SUFFIX = "dc=example,dc=test"
BIND_DN = f"cn=osxmail,{SUFFIX}"
BIND_PASSWORD = "service-secret"

#: Tests that need one say C{skip = slapdMissing}.
slapdMissing = None if shutil.which("slapd", path="/usr/sbin:/usr/bin:/sbin") else "install the package slapd"

_CONFIGURATION = """
{includes}
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
modulepath {modules}
moduleload back_mdb
sizelimit 500
# A bind without a password succeeds here, as an anonymous one: what must not be taken for a login.
allow bind_anon_cred
{tls}
database mdb
maxsize 33554432
dbnosync
suffix "{suffix}"
directory {folder}/data
index objectClass,uid,cn,mail eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{bindDN}" read by anonymous auth by * none
"""


class Slapd:
    """
    C{Slapd.inetOrgPerson()} or C{Slapd.apple()}, then L{start}; C{addCleanup(slapd.close)}.

    @ivar url: where it listens.
    @ivar socketURL: the same over a Unix socket.
    """

    def __init__(self, ldif: str, schemas: list[Path], certificate: tuple[Path, Path] | None = None) -> None:
        """
        @param certificate: certificate and key files: then it speaks TLS on C{tlsURL} too.
        """
        if slapdMissing:
            raise SkipTest(slapdMissing)
        self._folder = Path(tempfile.mkdtemp(prefix="slapd-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.tlsPort = _freePort(), _freePort()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.tlsURL = f"ldaps://localhost:{self.tlsPort}"
        self.startTLSURL = f"ldap://localhost:{self.port}"
        self.socketURL = "ldapi://" + str(self._folder / "socket").replace("/", "%2F")
        self._listen = f"{self.url}/ {self.socketURL}/"
        tls = ""
        if certificate:
            self._listen += f" ldaps://127.0.0.1:{self.tlsPort}/"
            tls = f"TLSCertificateFile {certificate[0]}\nTLSCertificateKeyFile {certificate[1]}"
        self._configuration = self._folder / "slapd.conf"
        (self._folder / "data").mkdir()
        self._configuration.write_text(
            _CONFIGURATION.format(
                includes="\n".join(f"include {schema}" for schema in schemas),
                folder=self._folder,
                modules=MODULES,
                suffix=SUFFIX,
                bindDN=BIND_DN,
                tls=tls,
            )
        )
        source = self._folder / "tree.ldif"
        source.write_text(ldif)
        loaded = subprocess.run(
            ["/usr/sbin/slapadd", "-q", "-f", self._configuration, "-l", source], capture_output=True, check=False
        )
        if loaded.returncode:
            shutil.rmtree(self._folder)
            raise AssertionError(f"slapadd: {loaded.stderr.decode()}")

    @classmethod
    def inetOrgPerson(cls, more: str = "", certificate: tuple[Path, Path] | None = None) -> Slapd:
        """
        With the sample tree, and C{more} LDIF.
        """
        names = ("core", "cosine", "nis", "inetorgperson", "misc")
        text = (SAMPLES / "inetorgperson.ldif").read_text()
        return cls(f"{text}\n{more}", [SCHEMAS / f"{n}.schema" for n in names], certificate)

    @classmethod
    def apple(cls, more: str = "") -> Slapd:
        names = ("core", "cosine", "nis", "inetorgperson")
        schemas = [SCHEMAS / f"{n}.schema" for n in names] + [SAMPLES / "apple.schema"]
        return cls(f"{(SAMPLES / 'apple.ldif').read_text()}\n{more}", schemas)

    def start(self) -> Slapd:
        """
        Returns when it accepts connections.
        """
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            ["/usr/sbin/slapd", "-d", "0", "-f", self._configuration, "-h", self._listen], stdout=log, stderr=log
        )
        log.close()
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"slapd: {(self._folder / 'log').read_text()}") from None
                time.sleep(0.02)

    def stop(self) -> None:
        """
        Gone, with its connections.
        """
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def hang(self) -> None:
        """
        It goes on accepting connections (the kernel does), and says nothing.  Returns when it has stopped indeed.
        """
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while not self._isStopped():
            if time.monotonic() > deadline:
                raise AssertionError("slapd does not stop")
            time.sleep(0.005)

    def _isStopped(self) -> bool:
        assert self._process is not None
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)

    def wake(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _freePort() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
