# -*- test-case-name: tests.integration.test_daemon -*-
"""
The quickstart: what runs when there is no configuration at all.  Loopback only, high ports, one domain, two accounts.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from osxmail.app.config import Configuration
from osxmail.app.control import Command
from osxmail.app.peoplecommands import newPassword
from osxmail.app.places import QUICKSTART_DATA
from osxmail.errors import AlreadyExists

DOMAIN = "example.test"
ACCOUNTS = ("anna", "bert")
PORTS = {
    "smtp": 2525,
    "submission": 2587,
    "submissions": 2465,
    "imap": 2143,
    "imaps": 2993,
    "pop3": 2110,
    "pop3s": 2995,
}


def quickstartConfiguration() -> Configuration:
    """
    The configuration of the quickstart, in the current folder.
    """
    return Configuration(
        path=None,
        hostname="localhost.example.test",
        data=Path(QUICKSTART_DATA).absolute(),
        listen=tuple((name, f"tcp:{port}:interface=127.0.0.1") for name, port in PORTS.items()),
        certificate=None,
        certificates=(),
        resolvers=(),
        directories=(None,),
        domains=(DOMAIN,),
        pins={},
    )


def quickstartPasswords(data: Path) -> dict[str, str]:
    """
    The passwords of the two accounts, kept beside the data so that the next start can print them again.
    """
    path = data / "quickstart-passwords.json"
    if path.exists():
        passwords: dict[str, str] = json.loads(path.read_text())
        return passwords
    passwords = {f"{name}@{DOMAIN}": newPassword() for name in ACCOUNTS}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(passwords, file)
    return passwords


async def makeAccounts(addAccount: Command, passwords: dict[str, str]) -> None:
    """
    Make the accounts that are not there yet.
    """
    for number, (address, password) in enumerate(passwords.items()):
        try:
            await addAccount({"address": address, "password": password, "admin": number == 0})
        except AlreadyExists:
            # It is there from an earlier start.
            continue


def firstSteps(passwords: dict[str, str]) -> str:
    """
    What to try, with real commands.
    """
    (anna, annasPassword), (bert, bertsPassword) = passwords.items()
    return f"""
This is the quickstart: everything below {QUICKSTART_DATA}/, on this machine only.

  {anna}   {annasPassword}   (administrator)
  {bert}   {bertsPassword}

Send:  printf 'Subject: hello\\n\\nIt works.\\n' | curl -s --url smtp://127.0.0.1:{PORTS["smtp"]} \\
         --mail-from {anna} --mail-rcpt {bert} --crlf -T -
Read:  curl -s --url 'imap://127.0.0.1:{PORTS["imap"]}/INBOX;MAILINDEX=1' --user {bert}:{bertsPassword}
Look:  .venv/bin/osxmail status     .venv/bin/osxmail trace {bert}

  SMTP {PORTS["smtp"]}, submission {PORTS["submission"]} and {PORTS["submissions"]} (TLS), \
IMAP {PORTS["imap"]} and {PORTS["imaps"]} (TLS), POP3 {PORTS["pop3"]} and {PORTS["pop3s"]} (TLS)
For good: write a configuration, see etc/osxmail.toml, and start with twistd osxmail --config FILE
"""
