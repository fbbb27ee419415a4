"""
One user with 100 mailboxes and 1,000,000 messages, 300,000 of them in one mailbox.

Distinct messages are stored first; COPY makes the rest of them, within the server.
"""

from __future__ import annotations

from bench.clients import IMAP, Server, now
from bench.mailboxes import fill, prepare
from bench.processes import memoryOctets
from bench.results import Bench, Line

MAILBOXES = 100
MESSAGES = 1_000_000
LARGEST = 300_000
DISTINCT = 20_000
_USER = 16


def build(server: Server, mailboxes: int = MAILBOXES, messages: int = MESSAGES, largest: int = LARGEST) -> None:
    """
    Fill the account; what is there already stays.
    """
    distinct = min(DISTINCT, largest)
    user = 0 if server.shared else _USER
    fill(server, user, "largest", distinct)
    client = IMAP(server, user)
    client.command('SELECT "largest"')
    have = client.count("largest")
    while have < largest:
        more = min(distinct, largest - have)
        client.command(f'COPY 1:{more} "largest"')
        have += more
    others = mailboxes - 1
    left = messages - largest
    for place in range(others):
        name = f"folder {place // 10}/{place % 10}"
        size = left // others + (1 if place < left % others else 0)
        client.attempt(f'CREATE "{name}"')
        have = client.count(name)
        while have < size:
            start = (place * 7919) % max(1, largest - distinct)
            more = min(distinct, size - have)
            client.command(f'COPY {start + 1}:{start + more} "{name}"')
            have += more
    client.close()


def measure(bench: Bench) -> None:
    """
    What such a user waits for, and what it costs; of ours only.
    """
    server = bench.servers[0]
    user = 0 if server.shared else _USER
    build(server)
    prepare(server, user, "largest", 1800)
    section = f"One user with {MAILBOXES} mailboxes and {MESSAGES:,} messages"
    login = f'LOGIN "{server.login(user)}" "{server.password}"'
    commands = [
        ("login", login, 0.05),
        ('LIST "" "*"', 'LIST "" "*"', None),
        (f"SELECT of the {LARGEST:,}", 'SELECT "largest"', None),
        ("FETCH 1:* (FLAGS)", "FETCH 1:* (FLAGS)", None),
        ("SEARCH UNSEEN", "SEARCH UNSEEN", None),
        ("SEARCH FROM, a rare name", 'SEARCH FROM "zwiebelhuber"', None),
        ("SEARCH TEXT, a rare word", 'SEARCH TEXT "quetzalcoatl"', None),
    ]
    for _ in range(bench.rounds):
        client = IMAP(server, None)
        for name, command, goal in commands:
            started = now()
            client.command(command)
            bench.record(Line(section, name, goal=goal), server, now() - started)
            if name.startswith("FETCH"):
                # With the listing just written: the most that a session makes of it.
                rss = memoryOctets(server.pids, "Rss") / 1e6
                bench.record(
                    Line(section, "memory of the server (RSS), the largest selected", "MB", goal=300), server, rss
                )
        client.close()
