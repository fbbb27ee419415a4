# -*- test-case-name: tests.unit.delivery.test_explain -*-
"""
C{osxmail explain}: what would happen to a message, by asking what the mail path itself asks.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.logger import Logger

from osxmail.delivery.faults import localFault
from osxmail.errors import TemporaryError
from osxmail.interfaces import IDirectory, IReception
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, Decision, Route, Step
from osxmail.mail.envelope import Client, Recipient
from osxmail.mail.record import AccountState
from osxmail.mail.smtpreply import Reply

UNKNOWN_LOGIN = Reply(535, "5.7.8", ("Wrong login or password",))
REFUSED_LOGIN = Reply(535, "5.7.1", ("This account may not log in here",))
AWAY = Reply(454, "4.7.0", ("Cannot check a login now",))


class Explainer:
    """
    Asks L{IReception} as a protocol would, and renders the values that it gives.
    """

    log = Logger(namespace="osxmail.delivery")

    def __init__(self, reception: IReception, directory: IDirectory) -> None:
        self._reception = reception
        self._directory = directory

    async def explain(
        self, sender: Address | None, recipient: Address, clientHost: str, login: str = ""
    ) -> dict[str, Any]:
        """
        Every rule that would be looked at, in order.

        @param sender: C{None} is the null sender.
        @param clientHost: the client's IP address.
        @param login: as if this account had authenticated, by submission; C{""}: a client from the Internet.
        @return: JSON values: C{accepted}, C{stages} (of C{AUTH}, C{MAIL}, C{RCPT}, each with C{action}, C{reply} and
            C{steps}), C{mailboxes}, C{remotes}, and C{text}: the same for people.
        """
        client = Client(clientHost, helo="explain", protocol="ESMTP", sessionId="explain", isHypothetical=True)
        stages: list[tuple[str, Decision]] = []
        route = Route(recipient)
        if login:
            decision, client = await self._logIn(client, login)
            stages.append((f"AUTH as {login}", decision))
        if not stages or stages[-1][1].accepted:
            decision = await self._reception.checkSender(client, sender, 0)
            stages.append((f"MAIL FROM:<{sender or ''}>", decision))
        if stages[-1][1].accepted:
            decision, route = await self._reception.checkRecipient(client, sender, Recipient(recipient))
            stages.append((f"RCPT TO:<{recipient}>", decision))
        return _render(client, stages, route)

    async def _logIn(self, client: Client, login: str) -> tuple[Decision, Client]:
        try:
            record = await self._directory.recordWithLogin(login)
        except TemporaryError as error:
            step = Step("login.away", "the directory cannot be asked now", (("detail", str(error)),))
            return Decision(Action.DEFER, step, AWAY, (step,)), client
        except Exception:  # noqa: BLE001 — a fault is an answer too
            return localFault(self.log, "explain", login=login), client
        if record is None:
            several = "" if "@" in login else ", or more than one could: the whole address tells them apart"
            step = Step("login.unknown", f"nobody logs in as {login}{several}")
            return Decision(Action.REFUSE, step, UNKNOWN_LOGIN, (step,)), client
        if record.state is AccountState.OFF:
            step = Step("login.off", f"{login} is {record.address}, whose mail is switched off", record.source)
            return Decision(Action.REFUSE, step, REFUSED_LOGIN, (step,)), client
        step = Step("login.known", f"{login} is {record.address}", record.source)
        asPerson = evolve(
            client, protocol="ESMTPSA", service="submission", login=record.address, accountId=record.accountId
        )
        return Decision(Action.ACCEPT, step, Reply(235, "2.7.0", ("Authenticated",)), (step,)), asPerson


def _render(client: Client, stages: list[tuple[str, Decision]], route: Route) -> dict[str, Any]:
    accepted = all(decision.accepted for _, decision in stages)
    who = f"logged in as {client.login}" if client.login else "not logged in"
    lines = [f"A client at {client.host}, {who}, service {client.service}."]
    rendered = []
    for command, decision in stages:
        steps = decision.steps or (decision.step,)
        rendered.append(
            {
                "stage": command.partition(" ")[0],
                "command": command,
                "action": decision.action.value,
                "reply": str(decision.reply),
                "rule": decision.step.rule,
                "steps": [_step(step) for step in steps],
            }
        )
        lines += ["", command]
        for step in steps:
            evidence = ", ".join(f"{name} {value}" for name, value in step.evidence)
            lines.append(f"  {step.rule}: {step.text}" + (f"  [{evidence}]" if evidence else ""))
        lines.append(f"  => {decision.reply}")
    mailboxes = [
        {
            "account": target.accountId,
            "address": str(target.address),
            "mailbox": target.mailbox,
            "deliveredTo": str(target.deliveredTo),
        }
        for target in (route.mailboxes if accepted else ())
    ]
    remotes = [
        {"address": str(remote.address), "nextHop": remote.nextHop} for remote in (route.remotes if accepted else ())
    ]
    lines.append("")
    for box in mailboxes:
        lines.append(f"Delivered to {box['mailbox']} of {box['address']}.")
    for hop in remotes:
        lines.append(f"Sent on to {hop['address']}" + (f" by {hop['nextHop']}." if hop["nextHop"] else "."))
    if not accepted:
        lines.append(f"Not accepted: {stages[-1][1].step.text}.")
    return {
        "accepted": accepted,
        "client": client.host,
        "service": client.service,
        "login": str(client.login or ""),
        "stages": rendered,
        "mailboxes": mailboxes,
        "remotes": remotes,
        "text": "\n".join(lines) + "\n",
    }


def _step(step: Step) -> dict[str, Any]:
    return {"rule": step.rule, "text": step.text, "evidence": [list(pair) for pair in step.evidence]}
