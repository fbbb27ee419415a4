# -*- test-case-name: tests.unit.delivery.test_outcomes -*-
"""
What becomes of each recipient after an attempt: done, tried again, or given up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve, frozen

from osxmail.mail.acceptance import QueueLease, QueueOutcome, TraceEvent
from osxmail.mail.decision import Action, DeliveryStatus, Step
from osxmail.mail.smtpreply import Reply

MAX_DOUBLINGS = 30
#: Waits differ by up to this part, so that what failed together is not tried again together.
JITTER = 0.1
#: When what failed could not be told to its sender, it is tried again, and told, after so long.
NOTICE_RETRY_SECONDS = 300.0

EVENTS = {
    Action.ACCEPT: "delivery.succeeded",
    Action.DEFER: "delivery.deferred",
    Action.REFUSE: "delivery.failed",
}


@frozen
class Patience:
    """
    How often, and for how long, mail is tried; seconds (C{relay.…} of the settings).

    @ivar delayNoticeAfter: 0 is never.
    """

    backoffFirst: float
    backoffMost: float
    expireAfter: float
    delayNoticeAfter: float

    def wait(self, attempts: int, jitter: Callable[[float, float], float]) -> float:
        """
        How long to wait after an attempt that failed.

        @param attempts: how many there were before it.
        @param jitter: C{random.uniform}, or a test's.
        """
        seconds = min(self.backoffMost, self.backoffFirst * float(1 << min(attempts, MAX_DOUBLINGS)))
        return seconds * jitter(1 - JITTER, 1 + JITTER)


@frozen
class Verdict:
    """
    What a lease's statuses lead to.

    @ivar statuses: as they came; one that is given up for its age has become a REFUSE.
    @ivar outcomes: for the queue, in the same order.
    @ivar failed: of C{statuses}, those that never will be delivered.
    @ivar late: of C{statuses}, those about which the sender is to be told that they take long.
    @ivar giveUpAt: when the late ones are given up, seconds since the epoch.
    """

    statuses: tuple[DeliveryStatus, ...]
    outcomes: tuple[QueueOutcome, ...]
    failed: tuple[DeliveryStatus, ...]
    late: tuple[DeliveryStatus, ...]
    giveUpAt: float


def judge(
    lease: QueueLease,
    statuses: Sequence[DeliveryStatus],
    now: float,
    patience: Patience,
    jitter: Callable[[float, float], float],
) -> Verdict:
    """
    Decide about each recipient of a lease.
    """
    giveUpAt = lease.received + patience.expireAfter
    isExpired = now >= giveUpAt
    kept: list[DeliveryStatus] = []
    failed: list[DeliveryStatus] = []
    waiting: list[DeliveryStatus] = []
    for status in statuses:
        if status.action is Action.DEFER and isExpired:
            days = round(patience.expireAfter / 86400, 1)
            step = Step(
                "relay.expired", f"it could not be delivered for {days:g} days", (("setting", "relay.expire_after"),)
            )
            status = evolve(status, action=Action.REFUSE, steps=(*status.steps, step))
        if status.action is Action.REFUSE:
            failed.append(status)
        elif status.action is Action.DEFER:
            waiting.append(status)
        kept.append(status)
    # RFC 3464 2.3.3: one notice is about failures or about a delay; the failure is more urgent.
    tells = (
        bool(waiting)
        and not failed
        and not lease.delayNotified
        and 0 < patience.delayNoticeAfter <= now - lease.received
    )
    # The last attempt is made when the time is over, and not a whole wait later.
    nextTry = min(now + patience.wait(lease.attempts, jitter), max(giveUpAt, now + patience.backoffFirst))
    outcomes = [
        QueueOutcome(
            address=status.address,
            isDone=status.action is not Action.DEFER,
            nextTry=nextTry if status.action is Action.DEFER else 0.0,
            reply=status.reply,
            remoteHost=status.remoteHost,
            delayNotified=status.action is Action.DEFER and (tells or lease.delayNotified),
        )
        for status in kept
    ]
    return Verdict(tuple(kept), tuple(outcomes), tuple(failed), tuple(waiting) if tells else (), giveUpAt)


def withoutNotice(lease: QueueLease, verdict: Verdict, now: float) -> tuple[QueueOutcome, ...]:
    """
    The outcomes when the sender cannot be told now: nobody leaves the queue without a notice.
    """
    untold = {status.address for status in verdict.failed}
    return tuple(
        evolve(outcome, isDone=False, nextTry=now + NOTICE_RETRY_SECONDS)
        if outcome.address in untold
        else evolve(outcome, delayNotified=lease.delayNotified)
        for outcome in verdict.outcomes
    )


def describe(
    lease: QueueLease, verdict: Verdict, now: float, seconds: float
) -> tuple[tuple[str, dict[str, object], TraceEvent], ...]:
    """
    An attempt as events: one for all recipients that fared alike.

    @return: the event's name, its fields for the log, and the line for the trace.
    """
    alike: dict[tuple[Action, Reply, str], list[int]] = {}
    for index, status in enumerate(verdict.statuses):
        alike.setdefault((status.action, status.reply, status.remoteHost), []).append(index)
    events = []
    for (action, reply, remoteHost), indices in alike.items():
        status = verdict.statuses[indices[0]]
        recipients = tuple(str(verdict.statuses[index].address) for index in indices)
        fields: dict[str, object] = {
            "destination": lease.destination,
            "host": remoteHost,
            "tls": status.tls,
            "reply": str(reply),
            "seconds": round(seconds, 3),
            "attempt": lease.attempts + 1,
            "recipients": recipients,
        }
        if action is Action.DEFER:
            fields["nextTry"] = verdict.outcomes[indices[0]].nextTry
        if action is not Action.ACCEPT:
            fields["steps"] = tuple(f"{step.rule}: {step.text}" for step in status.steps)
        name = EVENTS[action]
        events.append((name, fields, TraceEvent(now, name, lease.queueId, "", recipients, fields)))
    return tuple(events)
