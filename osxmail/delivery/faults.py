# -*- test-case-name: tests.unit.delivery.test_faults -*-
"""
What becomes of failures on the mail path, where the contracts do not fail: decisions, all of them "not now".

A fault of ours stands whole in the log; the peer gets an id to it and a 451.
"""

from __future__ import annotations

from secrets import token_hex

from twisted.logger import Logger
from twisted.python.failure import Failure

from osxmail.errors import StoreFull, TemporaryError
from osxmail.mail.decision import Action, Decision, Step
from osxmail.mail.smtpreply import Reply

AWAY = Reply(451, "4.3.0", ("That cannot be done now; try again later",))
FULL_DISK = Reply(452, "4.3.1", ("No room for mail now; try again later",))


def notNow(error: Exception, log: Logger, where: str, steps: tuple[Step, ...] = (), **fields: str) -> Decision:
    """
    The exception that is being handled as a decision.

    @param where: the unit of work: C{"route"}, C{"accept"}.
    @param steps: what was looked at before.
    @param fields: for the log, where the exception is a fault of ours.
    """
    if not isinstance(error, TemporaryError):
        return localFault(log, where, steps, **fields)
    if isinstance(error, StoreFull):
        step, reply = Step("store.full", "the disk of the store is full", (("detail", str(error)),)), FULL_DISK
    else:
        evidence = (("error", type(error).__name__), ("detail", str(error)))
        step, reply = Step("service.away", "something this depends on cannot be asked now", evidence), AWAY
    return Decision(Action.DEFER, step, reply, (*steps, step))


def localFault(log: Logger, where: str, steps: tuple[Step, ...] = (), **fields: str) -> Decision:
    """
    Log the exception that is being handled, with its traceback, under a fresh id.

    @return: a DEFER that tells the id and nothing else (RFC 3463 X.3.0).
    """
    errorId = token_hex(4)
    log.failure("{event}", Failure(), event="fault.happened", where=where, errorId=errorId, **fields)  # type: ignore[arg-type]
    step = Step("fault.local", f"a fault of this server, {errorId} in its log", (("errorId", errorId),))
    reply = Reply(451, "4.3.0", (f"A fault of ours ({errorId}); try again later",))
    return Decision(Action.DEFER, step, reply, (*steps, step))
