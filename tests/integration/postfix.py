"""
A real Postfix of the test's own on a free loopback port: as next hop, as mail exchanger, and as sender.

It lives in a temporary folder with configuration, queue and data of its own, and knows nothing of the system's.
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

from osxmail.net.tls import makeSelfSigned

START_SECONDS = 30.0
STOP_SECONDS = 20.0

#: Tests that need one say C{skip = postfixMissing}.
postfixMissing = (
    "install the package postfix"
    if not shutil.which("postfix", path="/usr/sbin:/sbin")
    else "Postfix needs root"
    if os.geteuid() != 0
    else None
)

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/maillog
maillog_file_prefixes = {folder}
multi_instance_name = postfix-{name}
multi_instance_enable = yes
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = {hostname}
mydestination =
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = regexp:{folder}/etc/users
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
message_size_limit = {sizeLimit}
transport_maps = inline:{{ {routes} }}
smtpd_recipient_restrictions = check_recipient_access regexp:{folder}/etc/recipients, permit_mynetworks, reject
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
smtpd_tls_security_level = {tls}
smtpd_tls_cert_file = {folder}/etc/certificate.pem
smtpd_tls_key_file = {folder}/etc/key.pem
smtpd_tls_received_header = yes
smtp_tls_security_level = {tls}
disable_dns_lookups = yes
smtp_host_lookup = native
bounce_queue_lifetime = 1h
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""

# Nothing is chrooted: the folder has no system files in it.
_SERVICES = """
{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""

#: Local parts that begin so do not exist; are deferred; everybody else is delivered.
_USERS = "!/^unknown/ all/\n"
_RECIPIENTS = "/^later/ 450 4.2.0 come back later\n/^refused/ 554 5.7.1 we do not want this\n"


class Postfix:
    """
    C{Postfix(…).start()}; C{addCleanup(postfix.remove)}.

    @ivar port: where it listens, on 127.0.0.1.
    @ivar delivered: the Maildir into which everything for its domains goes.
    """

    def __init__(
        self,
        domains: tuple[str, ...] = ("next.test",),
        routes: dict[str, int] | None = None,
        hostname: str = "mx.next.test",
        hasTLS: bool = True,
        sizeLimit: int = 50_000_000,
    ) -> None:
        """
        @param routes: domains that go on to a port of this machine.
        """
        if postfixMissing:
            raise SkipTest(postfixMissing)
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.port = _freePort()
        self.hostname = hostname
        for name in ("etc", "queue", "data", "log", "mail"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.folder / "mail", "nobody")
        owner = (self.folder / "mail").stat()
        makeSelfSigned([hostname], self.folder / "etc" / "certificate.pem", self.folder / "etc" / "key.pem")
        routed = ", ".join(f"{{ {domain} = smtp:[127.0.0.1]:{port} }}" for domain, port in (routes or {}).items())
        text = _MAIN.format(
            folder=self.folder,
            name=self.folder.name,
            hostname=hostname,
            domains=" ".join(domains),
            uid=owner.st_uid or 65534,
            gid=owner.st_gid or 65534,
            sizeLimit=sizeLimit,
            routes=routed or "{ none.invalid = error:none }",
            tls="may" if hasTLS else "none",
        )
        (self.folder / "etc" / "main.cf").write_text(text)
        (self.folder / "etc" / "master.cf").write_text(_SERVICES.format(port=f"127.0.0.1:{self.port}"))
        (self.folder / "etc" / "users").write_text(_USERS)
        (self.folder / "etc" / "recipients").write_text(_RECIPIENTS)
        self.delivered = self.folder / "mail" / "all"

    def _postfix(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), *words],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def start(self) -> Postfix:
        result = self._postfix("start")
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise AssertionError(f"Postfix did not start: {result.stdout}{result.stderr}{self.log()}")
            time.sleep(0.05)
        return self

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                return connection.recv(100).startswith(b"220")
        except OSError:
            return False

    def log(self) -> str:
        """
        What it has logged.
        """
        path = self.folder / "log" / "maillog"
        return path.read_text() if path.exists() else ""

    def messages(self) -> list[bytes]:
        """
        What was delivered here, in order of arrival.
        """
        new = self.delivered / "new"
        if not new.exists():
            return []
        return [path.read_bytes() for path in sorted(new.iterdir(), key=lambda path: path.stat().st_mtime_ns)]

    def stop(self) -> None:
        """
        Stop it, and be sure that it has stopped.
        """
        master = self._master()
        if master is None:
            return
        self._postfix("stop")
        deadline = time.monotonic() + STOP_SECONDS
        while self._master() is not None:
            if time.monotonic() > deadline:
                os.kill(master, signal.SIGKILL)
                break
            time.sleep(0.05)

    def _master(self) -> int | None:
        try:
            master = int((self.folder / "queue" / "pid" / "master.pid").read_text())
            command = Path(f"/proc/{master}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return master if b"master" in command else None

    def remove(self) -> None:
        """
        Stop it and take its folder away.
        """
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def _freePort() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
