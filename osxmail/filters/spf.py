# -*- test-case-name: tests.unit.filters.test_spf -*-
"""
SPF (RFC 7208): may this client send for this domain?
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import spf  # type: ignore[import-untyped]
from attrs import frozen
from twisted.internet.defer import Deferred

from osxmail.errors import ResolverAway
from osxmail.filters.base import Filter
from osxmail.filters.lookups import BlockingLookups
from osxmail.interfaces import IResolver, ISettings
from osxmail.mail.address import Address
from osxmail.mail.envelope import Client
from osxmail.mail.smtpreply import Reply
from osxmail.mail.verdict import Severity, Verdict
from osxmail.net.threads import Pool

MAX_REMEMBERED = 10_000
REMEMBERED_SECONDS = 300.0
MAX_EXPLANATION_CHARACTERS = 200
MAX_VOID_LOOKUPS = 2  # RFC 7208 4.6.4
_RESULTS = frozenset({"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"})


@frozen
class SPFResult:
    """
    What the owner of a domain says of a client.

    @ivar result: C{pass}, C{fail}, C{softfail}, C{neutral}, C{none}, C{temperror} or C{permerror} (RFC 7208 2.6).
    @ivar domain: whose record it was, in lower case.
    @ivar identity: C{"mailfrom"} or C{"helo"}.
    @ivar text: the record's explanation, or what is wrong; for people.
    """

    result: str
    domain: str
    identity: str
    text: str = ""

    def clause(self, client: Client, sender: Address | None) -> str:
        """
        For Authentication-Results (RFC 8601 2.7.2).
        """
        who = f"smtp.helo={self.domain}" if sender is None else f"smtp.mailfrom={sender}"
        return f"spf={self.result} {who}"


class _Query(spf.query):  # type: ignore[misc]
    """
    pyspf over our resolver.
    """

    def __init__(self, lookups: BlockingLookups, **arguments: Any) -> None:
        self._lookups = lookups
        super().__init__(**arguments)

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        """
        Records of a name, as pyspf wants them; aliases are followed by our resolver.
        """
        name = str(name).rstrip(".").lower()
        if not name or not all(0 < len(label) < 64 for label in name.split(".")):
            return []
        try:
            values = self._lookups.ask(name, qtype)
        except ResolverAway as error:
            raise spf.TempError(str(error)) from None
        if qtype == "TXT":
            values = [(value,) for value in values]
        if not values and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > MAX_VOID_LOOKUPS:
                raise spf.PermError(f"more than {MAX_VOID_LOOKUPS} questions without an answer")
        return values


class SPFChecker:
    """
    Evaluates SPF, in threads; what was found is remembered for a moment.
    """

    def __init__(
        self,
        resolver: IResolver,
        pool: Pool,
        hostname: str,
        reactor: Any = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        @param hostname: ours, for explanations that name it.
        """
        if reactor is None:
            from twisted.internet import reactor
        self._resolver = resolver
        self._pool = pool
        self._hostname = hostname
        self._reactor = reactor
        self._now = now
        self._known: OrderedDict[tuple[str, str, str], tuple[float, SPFResult]] = OrderedDict()

    async def check(self, client: Client, sender: Address | None) -> SPFResult:
        """
        @raise osxmail.errors.Overloaded: no thread is free for that.
        """
        key = (client.host, client.helo.lower(), str(sender or ""))
        known = self._known.get(key)
        if known is not None and self._now() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        result = await self._pool.run(self._check_inThread, *key)
        if result.result != "temperror":
            self._known[key] = (self._now(), result)
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return result

    def _check_inThread(self, host: str, helo: str, sender: str) -> SPFResult:
        identity = "mailfrom" if sender else "helo"
        domain = (sender.rpartition("@")[2] if sender else helo).lower()
        if not domain.isascii() or "[" in domain or "." not in domain:
            # RFC 7208 4.3: no domain whose owner could have said something.
            return SPFResult("none", domain if domain.isprintable() else "", identity)
        lookups = BlockingLookups(self._resolver, self._reactor)
        query = _Query(lookups, i=host.partition("%")[0], s=sender, h=helo, receiver=self._hostname)
        result, _, text = query.check()
        shown = "".join(c if " " <= c <= "~" else "?" for c in str(text))[:MAX_EXPLANATION_CHARACTERS]
        return SPFResult(result if result in _RESULTS else "permerror", domain, identity, shown)


class SPFFilter(Filter):
    """
    Refuses clients that the sender's domain names as not its own.
    """

    name: ClassVar[str] = "spf"

    def __init__(self, settings: ISettings, checker: SPFChecker) -> None:
        self._settings = settings
        self._checker = checker

    def mode(self) -> str:
        return self._settings.text("filter.spf")

    def checkSender(self, client: Client, sender: Address | None) -> Deferred[Verdict | None]:
        return Deferred.fromCoroutine(self._check(client, sender))

    async def _check(self, client: Client, sender: Address | None) -> Verdict:
        found = await self._checker.check(client, sender)
        clause = found.clause(client, sender)
        evidence = [("domain", found.domain), ("identity", found.identity)]
        if found.text and found.result not in ("pass", "none"):
            evidence.append(("spf", found.text))
        severity, reply = Severity.ACCEPT, None
        if found.result == "fail":
            severity = Severity.REFUSE
            # RFC 7208 8.4, RFC 7372 3.2.
            reply = Reply(550, "5.7.23", (f"{found.domain} says that {client.host} may not send for it (SPF)",))
        elif found.result == "softfail":
            severity = Severity.TAG
        return self.verdict(severity, _TEXTS[found.result].format(domain=found.domain, host=client.host), *evidence,
                            reply=reply, results=(clause,))  # fmt: skip


_TEXTS = {
    "pass": "{domain} lets {host} send for it",
    "fail": "{domain} says that {host} may not send for it",
    "softfail": "{domain} says that {host} should not send for it, and is not sure",
    "neutral": "{domain} says nothing about {host}",
    "none": "{domain} does not say who may send for it",
    "temperror": "what {domain} says cannot be found out now",
    "permerror": "what {domain} says cannot be understood",
}
