# -*- test-case-name: tests.unit.delivery.test_router -*-
"""
Where mail for an address goes, and by which rules it got there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from osxmail.delivery.faults import localFault
from osxmail.errors import DirectoryAway, NoSuchMailbox, TemporaryError
from osxmail.interfaces import IDirectory, IDomains, ILocalAccounts, IMailStore, IRouter, ISettings
from osxmail.mail.acceptance import Domain
from osxmail.mail.address import Address, normalizeDomain
from osxmail.mail.decision import Action, Decision, MailboxTarget, RemoteTarget, Route, Step
from osxmail.mail.record import AccountState, Record
from osxmail.mail.smtpreply import Reply
from osxmail.net.addresses import isOwnAddress

#: How many addresses may lead to one another in a row: alias to alias, forward to forward.
MAX_DEPTH = 10
#: Mailboxes and remote addresses that one address may lead to.
MAX_RESULTS = 1000
#: Addresses looked at on the way to them, so that names that lead nowhere cost a bounded time as well.
MAX_VISITS = 2000
#: Addresses looked at before other work gets a turn: under 5 ms with a directory that answers from memory.
VISITS_IN_A_SLICE = 50
#: Administrators that get postmaster's mail when nobody else is named.
MAX_POSTMASTERS = 20
#: How long the list of administrators is believed.
ADMINISTRATORS_LIFE_SECONDS = 60.0

_LOCALHOST = frozenset({"localhost", "localhost.localdomain"})
#: RFC 5321 4.5.1, RFC 2142 5.
ALWAYS_DELIVERABLE = frozenset({"postmaster", "abuse"})
#: Mailboxes whose meaning a stranger's mail must not take on (RFC 6154).
NOT_FOR_DETAIL = frozenset({"\\Sent", "\\Drafts", "\\Trash", "\\All", "\\Flagged"})

NO_SUCH_USER = Reply(550, "5.1.1", ("No such recipient here",))
SWITCHED_OFF = Reply(550, "5.2.1", ("This mailbox is switched off",))
LOOP = Reply(550, "5.4.6", ("Mail for this address goes in a circle",))
MISCONFIGURED = Reply(451, "4.3.5", ("This address leads too far; its administrator has to look at it",))
NO_POSTMASTER = Reply(451, "4.3.5", ("Nobody is postmaster here yet; try again later",))
AWAY = Reply(451, "4.3.0", ("Cannot look this recipient up now; try again later",))


@frozen
class _Visit:
    """
    An address on the way, and how we came to it.
    """

    address: Address
    parent: _Visit | None = None
    depth: int = 0
    isFallback: bool = False

    def isBelow(self, address: Address) -> bool:
        """
        Did C{address} lead here?
        """
        visit: _Visit | None = self
        while visit is not None:
            if visit.address == address:
                return True
            visit = visit.parent
        return False


@frozen
class _Way:
    """
    Somebody who takes mail for a name that nobody has.
    """

    rule: str
    why: str
    targets: tuple[Address, ...]
    evidence: tuple[tuple[str, str], ...] = ()


class _TooFar(Exception):
    """
    A limit of the expansion was passed.
    """


@define
class _Walk:
    """
    The state of finding one route.
    """

    steps: list[Step] = field(factory=list)
    pending: list[_Visit] = field(factory=list)
    seen: set[Address] = field(factory=set)
    domains: dict[str, Domain | None] = field(factory=dict)
    mailboxes: dict[tuple[str, str], MailboxTarget] = field(factory=dict)
    remotes: dict[Address, RemoteTarget] = field(factory=dict)
    dead: list[tuple[Reply, Step]] = field(factory=list)
    lastResorts: list[_Visit] = field(factory=list)
    mustDeliver: bool = False

    def say(self, rule: str, text: str, *evidence: tuple[str, str]) -> Step:
        step = Step(rule, text, evidence)
        self.steps.append(step)
        return step

    def die(self, reply: Reply, step: Step) -> None:
        self.dead.append((reply, step))

    def lead(self, visit: _Visit, targets: Collection[Address], *, isFallback: bool = False) -> None:
        """
        Go on to C{targets}, in their order, before anything else that waits.
        """
        fresh = []
        for target in targets:
            if visit.isBelow(target):
                self.die(LOOP, self.say("route.loop", f"{visit.address} leads back to {target}"))
            elif target not in self.seen:
                fresh.append(_Visit(target, visit, visit.depth + 1, isFallback))
        if fresh and visit.depth >= MAX_DEPTH:
            self.say("route.limit", f"{visit.address} is {MAX_DEPTH} addresses deep and leads on")
            raise _TooFar
        if len(self.pending) + len(fresh) > MAX_VISITS:
            self.say("route.limit", f"{visit.address} leads to more than {MAX_VISITS} addresses")
            raise _TooFar
        self.pending.extend(reversed(fresh))

    def found(self) -> None:
        if len(self.mailboxes) + len(self.remotes) > MAX_RESULTS:
            self.say("route.limit", f"more than {MAX_RESULTS} recipients come out of this address")
            raise _TooFar


@implementer(IRouter)
class Router:
    """
    The rules, in order, for an address of ours: the directory's people, aliases, the directory's groups; the same
    without C{+detail}; postmaster and abuse, which always lead to somebody (RFC 5321 4.5.1); the domain's
    catch-all; C{mail.unknown_users_to}.  Each that is looked at leaves a L{Step}.

    @ivar hostname: this server's name; mail for it is ours.
    """

    log = Logger(namespace="osxmail.delivery")

    def __init__(
        self,
        hostname: str,
        domains: IDomains,
        directory: IDirectory,
        settings: ISettings,
        store: IMailStore,
        accounts: ILocalAccounts | None = None,
        isOwnAddress: Callable[[str], bool] = isOwnAddress,
        clock: IReactorTime | None = None,
    ) -> None:
        """
        @param accounts: where administrators are found when C{mail.postmaster} is empty.
        @param isOwnAddress: is this IP address this server's?  For address literals and mail hosts.
        """
        if clock is None:
            from twisted.internet import reactor

            clock = IReactorTime(reactor)
        self.hostname = normalizeDomain(hostname)
        self._domains = domains
        self._directory = directory
        self._settings = settings
        self._store = store
        self._accounts = accounts
        self._isOwnAddress = isOwnAddress
        self._clock = clock
        self._administrators: tuple[float, tuple[Address, ...]] = (0.0, ())

    def route(self, address: Address) -> Deferred[Route]:
        return Deferred.fromCoroutine(self._route(address))

    async def _route(self, address: Address) -> Route:
        walk = _Walk()
        isLocal = False
        try:
            isLocal = await self._isOurs(walk, address.domain)
            if not isLocal:
                walk.say("route.domain", f"{address.domain} is not one of our domains")
                return Route(address, remotes=(RemoteTarget(address),), steps=tuple(walk.steps))
            walk.pending.append(_Visit(address))
            await self._run(walk)
            refusal = None if walk.mailboxes or walk.remotes else self._refusal(walk)
        except _TooFar:
            self.log.warn("{event}", event="route.limited", address=str(address), text=walk.steps[-1].text)
            refusal = Decision(Action.DEFER, walk.steps[-1], MISCONFIGURED, tuple(walk.steps))
        except TemporaryError as error:
            what = "the directory" if isinstance(error, DirectoryAway) else "the store"
            step = walk.say(
                "route.away", f"{what} cannot be asked now", ("error", type(error).__name__), ("detail", str(error))
            )
            refusal = Decision(Action.DEFER, step, AWAY, tuple(walk.steps))
        except Exception:  # noqa: BLE001 — the contract never fails
            refusal = localFault(self.log, "route", tuple(walk.steps), address=str(address))
        if refusal is not None:
            # Half of the copies now and the other half with the next attempt would be two of the first half.
            return Route(address, isLocal=isLocal, steps=refusal.steps, refusal=refusal)
        return Route(address, tuple(walk.mailboxes.values()), tuple(walk.remotes.values()), True, tuple(walk.steps))

    async def _run(self, walk: _Walk) -> None:
        visits = 0
        while walk.pending or (walk.lastResorts and not walk.mailboxes and not walk.remotes):
            visit = walk.pending.pop() if walk.pending else walk.lastResorts.pop(0)
            if visit.address in walk.seen:
                continue
            walk.seen.add(visit.address)
            visits += 1
            if visits > MAX_VISITS:
                walk.say("route.limit", f"more than {MAX_VISITS} addresses were looked at")
                raise _TooFar
            if visits % VISITS_IN_A_SLICE == 0:
                await deferLater(self._clock, 0)
            await self._visit(walk, visit)

    def _refusal(self, walk: _Walk) -> Decision:
        if walk.mustDeliver:
            # RFC 5321 4.5.1: postmaster is never refused for good.
            step = walk.say(
                "route.postmaster", "nobody is postmaster: set mail.postmaster", ("setting", "mail.postmaster")
            )
            return Decision(Action.DEFER, step, NO_POSTMASTER, tuple(walk.steps))
        # Unknown is what remains when nothing more telling was met on the way.
        telling = [end for end in walk.dead if end[0] is not NO_SUCH_USER]
        reply, step = (telling or walk.dead)[0]
        steps = walk.steps if walk.steps[-1] is step else [*walk.steps, step]
        return Decision(Action.REFUSE, step, reply, tuple(steps))

    # ------------------------------------------------------------------------------------------ ours or not

    async def _isOurs(self, walk: _Walk, domain: str) -> bool:
        if domain in walk.domains:
            return True
        if domain.startswith("["):
            # RFC 5321 4.1.3: an address literal of this server is this server.
            if self.isThisServer(domain):
                walk.domains[domain] = Domain(domain)
                walk.say("route.literal", f"{domain} is an address of this server")
                return True
            return False
        found = await self._domains.domain(domain)
        if found is None and domain != self.hostname:
            return False
        if found is None:
            walk.say("route.hostname", f"{domain} is this server's name")
        elif not walk.domains:
            walk.say("route.domain", f"{domain} is one of our domains")
        walk.domains[domain] = found
        return True

    def isThisServer(self, host: str) -> bool:
        """
        Is this host name, alias or address ours?
        """
        host = host.lower().rstrip(".")
        if host == self.hostname or host in _LOCALHOST:
            return True
        if host in (word.lower() for word in self._settings.words("mail.host_aliases")):
            return True
        if host.startswith("["):
            host = host[1:-1].removeprefix("ipv6:")
        return self._isOwnAddress(host)

    def keepsMailOf(self, record: Record) -> bool:
        """
        Is this the server that keeps this person's mail?
        """
        return not record.mailHost or self.isThisServer(record.mailHost)

    # -------------------------------------------------------------------------------------------- one address

    async def _visit(self, walk: _Walk, visit: _Visit) -> None:
        address = visit.address
        if visit.parent is not None and not await self._isOurs(walk, address.domain):
            walk.say("route.remote", f"{address} is at another server")
            walk.remotes[address] = RemoteTarget(address)
            walk.found()
            return
        if address.domain.startswith("["):
            address = Address(address.local, self.hostname)
        if await self._lookUp(walk, visit, address, ""):
            return
        base = address.withoutDetail()
        if base != address:
            walk.say("route.detail", f"{address} is unknown with its detail; {base} is looked up")
            if await self._lookUp(walk, visit, base, address.detail):
                return
        await self._fallBack(walk, visit, address)

    async def _lookUp(self, walk: _Walk, visit: _Visit, address: Address, detail: str) -> bool:
        record = await self._directory.recordWithAddress(address)
        if record is not None:
            await self._person(walk, visit, address, detail, record)
            return True
        alias = await self._domains.alias(address)
        if alias is not None:
            walk.say("route.alias", f"{address} is an alias", ("targets", ", ".join(map(str, alias.targets[:20]))))
            walk.lead(visit, alias.targets)
            if not alias.targets:
                walk.die(NO_SUCH_USER, walk.steps[-1])
            return True
        group = await self._directory.groupWithAddress(address)
        if group is not None:
            step = walk.say("route.group", f"{address} is a group of {len(group.members)}", *group.source)
            walk.lead(visit, group.members)
            if not group.members:
                walk.die(NO_SUCH_USER, step)
            return True
        return False

    async def _person(self, walk: _Walk, visit: _Visit, address: Address, detail: str, record: Record) -> None:
        who = f"{address} is {record.fullName or record.login}"
        if record.state is AccountState.OFF:
            walk.die(SWITCHED_OFF, walk.say("route.off", f"{who}, whose mail is switched off", *record.source))
            return
        if record.state is AccountState.FORWARD:
            targets = ", ".join(map(str, record.forwardTo))
            kept = ", with a copy kept" if record.keepCopy else ""
            step = walk.say("route.forward", f"{who}, whose mail is forwarded to {targets}{kept}", *record.source)
            walk.lead(visit, record.forwardTo)
            if not record.keepCopy:
                if not record.forwardTo:
                    walk.die(SWITCHED_OFF, step)
                return
        if not self.keepsMailOf(record):
            step = walk.say("route.mailhost", f"{who}, whose mail is kept by {record.mailHost}", *record.source)
            there = address if address in record.addresses else record.address
            walk.remotes[there] = RemoteTarget(there, record.mailHost.lower())
            walk.found()
            return
        walk.say("route.mailbox", who, *dict.fromkeys((("account", record.accountId), *record.source)))
        mailbox, deliveredTo = "INBOX", visit.address
        if detail:
            mailbox = await self._mailboxForDetail(walk, record, detail)
        key = (record.accountId, mailbox)
        if key not in walk.mailboxes:
            walk.mailboxes[key] = MailboxTarget(
                record.accountId, record.address, deliveredTo, mailbox, record.quotaOctets
            )
            walk.found()

    async def _mailboxForDetail(self, walk: _Walk, record: Record, detail: str) -> str:
        account = await self._store.existingAccount(record.accountId)
        wanted = detail.casefold()
        if account is not None:
            try:
                mailboxes = await account.listMailboxes()
            except NoSuchMailbox:
                mailboxes = ()
            for status in mailboxes:
                if status.name.casefold() == wanted:
                    if status.specialUse in NOT_FOR_DETAIL:
                        walk.say("route.detail", f"{status.name} takes no mail from outside; INBOX gets it")
                        return "INBOX"
                    walk.say("route.detail", f"the detail names the mailbox {status.name}")
                    return status.name
        walk.say("route.detail", f"no mailbox is called {detail}; INBOX gets it")
        return "INBOX"

    # ------------------------------------------------------------------------------------------- nobody's name

    async def _fallBack(self, walk: _Walk, visit: _Visit, address: Address) -> None:
        unknown = walk.say("route.unknown", f"nobody here is called {address}")
        if visit.isFallback:
            # A catch-all that names nobody catches nothing.
            walk.die(NO_SUCH_USER, unknown)
            return
        ways: list[_Way] = []
        evidence: tuple[tuple[str, str], ...]
        if address.withoutDetail().local.lower() in ALWAYS_DELIVERABLE:
            walk.mustDeliver = True
            configured = self._settings.text("mail.postmaster")
            if configured:
                evidence = (("setting", "mail.postmaster"),)
                ways.append(_Way("route.postmaster", "for postmaster", (Address.parse(configured),), evidence))
            administrators = await self._findAdministrators()
            if administrators:
                ways.append(_Way("route.postmaster", "for postmaster, the administrators", administrators))
        domain = walk.domains.get(address.domain)
        if domain is not None and domain.catchAll is not None:
            evidence = (("domain", domain.name),)
            ways.append(_Way("route.catchall", f"the catch-all of {domain.name}", (domain.catchAll,), evidence))
        luser = self._settings.text("mail.unknown_users_to")
        if luser:
            evidence = (("setting", "mail.unknown_users_to"),)
            ways.append(_Way("route.unknown_users", "for unknown users", (Address.parse(luser),), evidence))
        if not ways:
            walk.die(NO_SUCH_USER, unknown)
            return
        first = ways[0]
        walk.say(first.rule, f"{first.why}: {', '.join(map(str, first.targets))}", *first.evidence)
        walk.lead(visit, first.targets, isFallback=True)
        for way in ways[1:]:
            # What is taken if the ones before lead to nobody.
            walk.lastResorts += [
                _Visit(target, visit, visit.depth + 1, True) for target in way.targets if not visit.isBelow(target)
            ]

    async def _findAdministrators(self) -> tuple[Address, ...]:
        if self._accounts is None:
            return ()
        until, known = self._administrators
        now = self._clock.seconds()
        if now >= until:
            accounts = await self._accounts.listAccounts()
            known = tuple(account.address for account in accounts if account.administrator and account.state != "off")[
                :MAX_POSTMASTERS
            ]
            self._administrators = (now + ADMINISTRATORS_LIFE_SECONDS, known)
        return known
