"""
Debian's Dovecot, to compare with: its own configuration in a temporary folder, sdbox, loopback, free ports; the
system's service is not touched.  Needs root, as each of its users has a uid of its own (inotify is limited for each).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.clients import Server
from bench.daemon import freePort
from osxmail.directory.passwords import COSTS

PACKAGES = Path(__file__).with_name("system-packages.txt")

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %n
auth_cache_size = 4M
protocols = imap pop3 lmtp
mail_location = sdbox:{folder}/mail/%n
mail_fsync = optimized
first_valid_uid = 5000
mail_max_userip_connections = 0
default_client_limit = 15000
default_process_limit = 7000
default_vsz_limit = 1G
login_trusted_networks = 127.0.0.0/8
passdb {{
  driver = passwd-file
  args = username_format=%n {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {folder}/users
}}
service imap-login {{
  service_count = 0
  process_min_avail = 2
  process_limit = 4
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  service_count = 0
  process_min_avail = 1
  process_limit = 4
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service imap {{
  process_limit = 7000
  extra_groups = dovecot
  unix_listener imap-master {{
    user = dovecot
  }}
}}
service anvil {{
  client_limit = 19000
}}
service auth {{
  client_limit = 19000
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0666
  }}
}}
protocol imap {{
  imap_hibernate_timeout = 3s
}}
"""


def version() -> str:
    """
    What is installed.

    @raise RuntimeError: nothing is.
    """
    if shutil.which("dovecot") is None:
        raise RuntimeError("Dovecot is not installed: " + " ".join(PACKAGES.read_text().split()))
    return "Dovecot " + subprocess.run(["dovecot", "--version"], capture_output=True, text=True).stdout.split()[0]


@contextmanager
def dovecot(users: int) -> Iterator[Server]:
    """
    A running Dovecot with so many users.

    @raise RuntimeError: it is not there, or we are not root.
    """
    name = version()
    if os.geteuid() != 0:
        raise RuntimeError("Dovecot with a uid for each user needs root")
    with tempfile.TemporaryDirectory(prefix="dovecot-bench-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        for each in ("run", "state", "mail"):
            (folder / each).mkdir()
        (folder / "mail").chmod(0o1777)
        ports = {each: freePort() for each in ("imap", "pop3", "lmtp")}
        # A login costs what it costs here.
        hashed = COSTS["light"].hasher.hash("pw")
        (folder / "users").write_text(
            "".join(f"u{n}:{{ARGON2ID}}{hashed}:{10000 + n}:5000::{folder}/mail/u{n}::\n" for n in range(users))
        )
        configuration = folder / "dovecot.conf"
        configuration.write_text(_CONFIGURATION.format(folder=folder, **ports))
        process = subprocess.Popen(["dovecot", "-F", "-c", str(configuration)])
        try:
            for _ in range(100):
                if (folder / "run" / "master.pid").exists() or process.poll() is not None:
                    break
                time.sleep(0.05)
            time.sleep(0.5)
            if process.poll() is not None:
                raise RuntimeError((folder / "log").read_text())

            def forget() -> None:
                for cache in (folder / "mail").rglob("dovecot.index.cache"):
                    cache.unlink(missing_ok=True)

            yield Server(
                name,
                imap=ports["imap"],
                pop3=ports["pop3"],
                lmtp=ports["lmtp"],
                user="u%d",
                pids=(process.pid,),
                forget=forget,
            )
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
