"""
One large mailbox, as a mail program uses it: selecting, listing, searching, sorting, changing, copying.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from attrs import define

from bench import corpus
from bench.clients import IMAP, Server, now
from bench.processes import cpuSeconds, settle
from bench.results import Bench, Line

_FILL_BATCH = 200
BACKGROUND_SECONDS = 4  # of nothing to do, before a server is taken to have done all


def fill(server: Server, user: int, mailbox: str, count: int, mail: Callable[[int], bytes] = corpus.mail) -> None:
    """
    A mailbox of so many messages, of which seven in ten have been read; what it has already is left alone.
    """
    client = IMAP(server, user)
    client.attempt(f'CREATE "{mailbox}"')
    have = client.count(mailbox)
    while have < count:
        numbers = range(have, min(have + _FILL_BATCH, count))
        batch = [
            (f'{"(" + chr(92) + "Seen) " if corpus.isSeen(n) else ""}"{corpus.internalDate(n)}" ', mail(n))
            for n in numbers
        ]
        client.append(mailbox, batch)
        have = numbers[-1] + 1
    client.close()


def prepare(server: Server, user: int, mailbox: str, atMostSeconds: float = 300) -> None:
    """
    Somebody looks at the mailbox, and then the server has time for what it does in the background.
    """
    client = IMAP(server, user)
    client.command(f'SELECT "{mailbox}"')
    client.command(f'SEARCH TEXT "{corpus.ABSENT_WORD}"')
    client.close()
    settle(server.pids, BACKGROUND_SECONDS, atMostSeconds)


@define
class _Visit:
    """
    One server's part in a round.
    """

    server: Server
    mailbox: str
    copy: str
    client: IMAP

    def again(self, mailbox: str) -> None:
        """
        A new connection, so that nothing is left of the session's memory.
        """
        self.client.close()
        self.client = IMAP(self.server)
        if mailbox:
            self.client.command(f'SELECT "{mailbox}"')


@define
class _Step:
    """
    @ivar needs: a capability without which the step is left out.
    @ivar before: what must be done first, not measured.
    @ivar check: what the answer must have, and how often, by the number of messages.
    """

    name: str
    command: str
    ratio: float | None = None
    needs: str = ""
    before: Callable[[_Visit], object] | None = None
    check: tuple[bytes, Callable[[int], int]] | None = None


def _forget(visit: _Visit) -> None:
    visit.client.close()
    settle(visit.server.pids)
    visit.server.forget()
    visit.client = IMAP(visit.server)


def _freshCopy(visit: _Visit) -> None:
    visit.client.attempt("UNSELECT")
    visit.client.attempt(f'DELETE "{visit.copy}"')
    visit.client.command(f'CREATE "{visit.copy}"')
    settle(visit.server.pids)
    visit.again(visit.mailbox)


def _selectCopy(visit: _Visit) -> None:
    settle(visit.server.pids)
    visit.again(visit.copy)
    visit.client.command("NOOP")


def _markHalf(visit: _Visit) -> None:
    count = visit.client.count(visit.copy)
    visit.client.command(f"STORE 1:{count // 2} +FLAGS.SILENT (\\Deleted)")
    settle(visit.server.pids)


def _fetches(count: int) -> int:
    return count


_FETCH = (rb"^\* \d+ FETCH \(", _fetches)


def _steps(mailbox: str, copy: str, count: int) -> Iterator[_Step]:
    selected = f'SELECT "{mailbox}"'
    yield _Step("SELECT, first", selected, before=_forget)
    yield _Step("SELECT, again", selected, before=lambda visit: visit.again(""))
    yield _Step("FETCH 1:* (FLAGS)", "FETCH 1:* (FLAGS)", 0.6, check=_FETCH)
    listing = "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)"
    yield _Step(f"{listing}, first", listing, 0.5, check=_FETCH)
    yield _Step(f"{listing}, again", listing, 0.5, check=_FETCH)
    envelope = "FETCH 1:* (ENVELOPE)"
    yield _Step(f"{envelope}, first", envelope, 0.3, check=_FETCH)
    yield _Step(f"{envelope}, again", envelope, 0.3, check=_FETCH, before=lambda visit: visit.again(visit.mailbox))
    structure = "FETCH 1:* (BODYSTRUCTURE)"
    yield _Step(f"{structure}, first", structure, 0.3, check=_FETCH)
    yield _Step(f"{structure}, again", structure, 0.3, check=_FETCH, before=lambda visit: visit.again(visit.mailbox))
    yield _Step("SEARCH ALL", "SEARCH ALL")
    yield _Step("SEARCH UNSEEN", "SEARCH UNSEEN")
    for kind, person in (("rare", corpus.RARE_PERSON), ("frequent", corpus.FREQUENT_PERSON)):
        yield _Step(f"SEARCH FROM, a {kind} name", f'SEARCH FROM "{person}"', 0.2)
    words = (("rare", corpus.RARE_WORD), ("frequent", corpus.FREQUENT_WORD), ("absent", corpus.ABSENT_WORD))
    for kind, word in words:
        yield _Step(f"SEARCH BODY, {kind} word", f'SEARCH BODY "{word}"')
    for kind, word in words:
        yield _Step(f"SEARCH TEXT, {kind} word", f'SEARCH TEXT "{word}"', 0.02)
    yield _Step("SORT (DATE)", "SORT (DATE) UTF-8 ALL", 0.5, "SORT")
    yield _Step("SORT (SUBJECT)", "SORT (SUBJECT) UTF-8 ALL", None, "SORT")
    yield _Step("THREAD REFERENCES", "THREAD REFERENCES UTF-8 ALL", 0.5, "THREAD=REFERENCES")
    yield _Step("THREAD REFS", "THREAD REFS UTF-8 ALL", 0.5, "THREAD=REFS")
    bodies = (rb"BODY\[\] \{", lambda count: min(count, 1000))
    fetch = f"FETCH 1:{min(count, 1000)} (BODY.PEEK[])"
    yield _Step(f"{min(count, 1000):,} bodies, {fetch}", fetch, 1.5, check=bodies)
    yield _Step("COPY 1:* to an empty mailbox", f'COPY 1:* "{copy}"', 0.3, before=_freshCopy)
    store = "STORE 1:* +FLAGS (\\Flagged)"
    yield _Step(store, store, 1, before=_selectCopy, check=_FETCH)
    silent = "STORE 1:* -FLAGS.SILENT (\\Flagged)"
    yield _Step(silent, silent, 1)
    gone = (rb"^\* \d+ EXPUNGE", lambda count: count // 2)
    yield _Step("EXPUNGE of half", "EXPUNGE", 0.6, before=_markHalf, check=gone)


def measure(bench: Bench, only: tuple[str, ...] = ()) -> None:
    """
    Every step on every server, in turn.

    @param only: parts of the names of those that are wanted, and of what they need.
    """
    for count in bench.sizes:
        mailbox, copy = f"bench-{count}", f"bench-copy-{count}"
        for server in bench.servers:
            fill(server, 0, mailbox, count)
            prepare(server, 0, mailbox)
        section = f"A mailbox of {count:,} messages"
        for number in range(bench.rounds):
            visits = [_Visit(server, mailbox, copy, IMAP(server)) for server in bench.servers]
            for step in _steps(mailbox, copy, count):
                if only and not any(part in step.name for part in (*only, "SELECT, again", "COPY")):
                    continue
                line = Line(section, step.name, ratio=step.ratio)
                # The other one first, each second time.
                for visit in visits if number % 2 == 0 else reversed(visits):
                    _measure(bench, line, step, visit, count)
            for visit in visits:
                visit.client.attempt("UNSELECT")
                visit.client.attempt(f'DELETE "{copy}"')
                visit.client.close()


def _measure(bench: Bench, line: Line, step: _Step, visit: _Visit, count: int) -> None:
    if step.needs and step.needs not in visit.client.capabilities:
        return
    if step.before is not None:
        step.before(visit)
    cpuBefore = cpuSeconds(visit.server.pids)
    started = now()
    answer = visit.client.command(step.command)
    seconds = now() - started
    bench.record(line, visit.server, seconds, cpuSeconds(visit.server.pids) - cpuBefore)
    if step.check is not None:
        found, wanted = len(re.findall(step.check[0], answer, re.MULTILINE)), step.check[1](count)
        if found != wanted:
            raise RuntimeError(f"{visit.server.name}, {step.name}: {found} of {wanted}")
