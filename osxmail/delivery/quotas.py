# -*- test-case-name: tests.unit.delivery.test_quotas -*-
"""
Which mailbox has room for a message, and what is said when there is none.

What counts at the end of DATA is the store's own look, in the transaction; these are looks before it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from attrs import define, evolve, field

from osxmail.interfaces import IMailStore, ISettings
from osxmail.mail.acceptance import Acceptance, Accepted, Quota
from osxmail.mail.decision import Action, Decision, MailboxTarget, Route, Step
from osxmail.mail.smtpreply import Reply

#: For how long a mailbox that had no room is looked at before more is taken for it.
FULL_LIFE_SECONDS = 300.0
#: How many such mailboxes are remembered; the oldest is forgotten first.
MAX_FULL = 10000

MAILBOX_FULL_NOW = Reply(452, "4.2.2", ("The mailbox is full; try again later",))
MAILBOX_FULL = Reply(552, "5.2.2", ("The mailbox is full",))


def quotaOf(settings: ISettings, target: MailboxTarget) -> int:
    """
    The quota that counts for a copy now, in octets: the directory's, else C{account.quota}; 0 is unlimited.
    """
    return settings.octets("account.quota") if target.quotaOctets is None else target.quotaOctets


def fullDecision(settings: ISettings, target: MailboxTarget, steps: tuple[Step, ...]) -> Decision:
    """
    There is no room: not now, or not at all, as C{mail.over_quota} says.

    @param steps: what was looked at before.
    """
    evidence = (
        ("account", target.accountId),
        ("quota", str(quotaOf(settings, target))),
        ("messages", str(settings.number("account.quota_messages"))),
        ("setting", "mail.over_quota"),
    )
    step = Step("quota.full", f"the mailbox of {target.address} is full", evidence)
    if settings.text("mail.over_quota") == "refuse":
        return Decision(Action.REFUSE, step, MAILBOX_FULL, (*steps, step))
    return Decision(Action.DEFER, step, MAILBOX_FULL_NOW, (*steps, step))


@define
class Room:
    """
    The room in accounts, less what one delivery is going to take.

    @ivar quotas: of each account that was looked at.
    """

    store: IMailStore
    settings: ISettings
    quotas: dict[str, Quota] = field(factory=dict)

    async def has(self, target: MailboxTarget, octets: int) -> bool:
        """
        One message of so many octets has room in the target's account, whatever was taken before.  What an
        administrator has set wins over the directory and the settings.
        """
        quota = self.quotas.get(target.accountId)
        if quota is None:
            account = await self.store.existingAccount(target.accountId)
            quota = self.quotas[target.accountId] = Quota(0, 0, 0) if account is None else await account.quota()
        limitOctets = quota.setOctets if quota.setOctets is not None else quotaOf(self.settings, target)
        if limitOctets and quota.usedOctets + octets > limitOctets:
            return False
        stated = self.settings.number("account.quota_messages")
        limitMessages = quota.setMessages if quota.setMessages is not None else stated
        return not limitMessages or quota.usedMessages < limitMessages

    def take(self, target: MailboxTarget, octets: int) -> None:
        """
        Count on so much of it.
        """
        quota = self.quotas.get(target.accountId, Quota(0, 0, 0))
        self.quotas[target.accountId] = evolve(
            quota, usedOctets=quota.usedOctets + octets, usedMessages=quota.usedMessages + 1
        )


class FullMailboxes:
    """
    Mailboxes that had no room a moment ago, so that more mail for them is not taken only to wait in the queue.
    """

    def __init__(self, store: IMailStore, settings: ISettings, now: Callable[[], float]) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        # By account: until when, and how much there was no room for.
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, acceptance: Acceptance, accepted: Accepted, sizeOctets: int) -> None:
        """
        Take note of copies that have become queue rows.
        """
        if not accepted.overQuota:
            return
        full = frozenset(accepted.overQuota)
        until = self._now() + FULL_LIFE_SECONDS
        for append in acceptance.appends:
            if append.recipient in full:
                self._known[append.accountId] = (until, sizeOctets)
                self._known.move_to_end(append.accountId)
        while len(self._known) > MAX_FULL:
            self._known.popitem(last=False)

    async def check(self, decision: Decision, route: Route) -> Decision:
        """
        An acceptance, or in its place a refusal, when the only place this leads to is a mailbox that was full a moment
        ago and still is.
        """
        if route.remotes or len(route.mailboxes) != 1:
            return decision
        target = route.mailboxes[0]
        until, wantedOctets = self._known.get(target.accountId, (0.0, 0))
        if self._now() >= until or await Room(self._store, self._settings).has(target, wantedOctets):
            self._known.pop(target.accountId, None)
            return decision
        return fullDecision(self._settings, target, decision.steps)
