# -*- test-case-name: tests.unit.delivery.test_faults -*-
"""
What becomes of a fault of ours on the mail path: the log has it whole, the peer a reference to it and a 451.
"""

from __future__ import annotations

from secrets import token_hex

from twisted.logger import Logger
from twisted.python.failure import Failure

from osxmail.mail.decision import Action, Decision, Step
from osxmail.mail.smtpreply import Reply


def localFault(log: Logger, where: str, steps: tuple[Step, ...] = (), **fields: str) -> Decision:
    """
    Log the exception that is being handled, with its traceback, under a fresh reference.

    @param where: the unit of work: C{"route"}, C{"accept"}.
    @return: a DEFER that tells the reference and nothing else (RFC 3463 X.3.0).
    """
    reference = token_hex(6)
    log.failure("{event}", Failure(), event="fault.happened", where=where, reference=reference, **fields)  # type: ignore[arg-type]
    step = Step("fault.local", f"a fault of this server, {reference} in its log", (("reference", reference),))
    reply = Reply(451, "4.3.0", (f"A fault of this server, reference {reference}; try again later",))
    return Decision(Action.DEFER, step, reply, (*steps, step))
