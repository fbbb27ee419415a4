# -*- test-case-name: tests.unit.filters.test_pipeline -*-
"""
Which filters are asked, and what comes of their verdicts together.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from osxmail.errors import TemporaryError
from osxmail.interfaces import IFilter, IIncoming
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, Decision, Route, Step
from osxmail.mail.envelope import Client, Envelope, Recipient
from osxmail.mail.smtpreply import Reply
from osxmail.mail.verdict import Severity, Verdict, strongest

#: Connections whose verdicts are remembered: they are asked for once, at the first MAIL.
MAX_REMEMBERED = 10_000

REFUSED = Reply(554, "5.7.1", ("This mail is not taken here",))
DEFERRED = Reply(451, "4.7.1", ("This mail is not taken now; try again later",))


@frozen
class Judgement:
    """
    What the filters say together.

    @ivar verdicts: each, in the order of the filters.
    @ivar strongest: the one that counts, or C{None} where nothing is to be done.
    """

    verdicts: tuple[Verdict, ...] = ()
    strongest: Verdict | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """
        For the trace and C{explain}.
        """
        return tuple(verdict.shown for verdict in self.verdicts)

    @property
    def reasons(self) -> tuple[str, ...]:
        """
        In plain words, why a message that is taken is marked.
        """
        return tuple(
            f"{verdict.name}: {verdict.step.text}"
            for verdict in self.verdicts
            if not verdict.isObserved and verdict.severity > Severity.ACCEPT
        )

    @property
    def refusal(self) -> Decision | None:
        """
        The decision that they ask for, where it is not to accept.
        """
        verdict = self.strongest
        if verdict is None or verdict.severity < Severity.DEFER:
            return None
        isFinal = verdict.severity is Severity.REFUSE
        reply = verdict.reply or (REFUSED if isFinal else DEFERRED)
        others = tuple(each.shown for each in self.verdicts if each is not verdict)
        return Decision(Action.REFUSE if isFinal else Action.DEFER, verdict.step, reply, (*others, verdict.step))


NOTHING = Judgement()


def judge(verdicts: Sequence[Verdict]) -> Judgement:
    """
    All verdicts as one.
    """
    return Judgement(tuple(verdicts), strongest(verdicts)) if verdicts else NOTHING


class Pipeline:
    """
    The filters, in order.  Those of one stage are asked together.
    """

    log = Logger(namespace="osxmail.filters")

    def __init__(self, filters: Sequence[IFilter]) -> None:
        self._filters = tuple(filters)
        self._connections: OrderedDict[tuple[str, str, str], tuple[Verdict, ...]] = OrderedDict()

    @property
    def isIdle(self) -> bool:
        """
        Every filter is off.
        """
        return all(each.mode() == "off" for each in self._filters)

    async def checkSender(self, client: Client, sender: Address | None) -> Judgement:
        """
        What the filters say of the connection and of this sender.
        """
        return judge(await self._before(client, sender))

    async def _before(self, client: Client, sender: Address | None) -> tuple[Verdict, ...]:
        key = (client.sessionId, client.host, client.helo)
        known = self._connections.get(key) if client.sessionId else None
        if known is None:
            known = await self._ask(lambda each: each.checkConnection(client))
            if client.sessionId:
                self._connections[key] = known
                if len(self._connections) > MAX_REMEMBERED:
                    self._connections.popitem(last=False)
        return (*known, *await self._ask(lambda each: each.checkSender(client, sender)))

    async def checkRecipient(
        self, client: Client, sender: Address | None, recipient: Recipient, route: Route
    ) -> Judgement:
        """
        What they say of one recipient.
        """
        return judge(await self._ask(lambda each: each.checkRecipient(client, sender, recipient, route)))

    async def checkMessage(self, client: Client, envelope: Envelope, incoming: IIncoming) -> Judgement:
        """
        What they say of a whole message, of its sender and of the connection.
        """
        before = await self._before(client, envelope.sender)
        return judge((*before, *await self._ask(lambda each: each.checkMessage(client, envelope, incoming))))

    async def _ask(self, check: Callable[[IFilter], Deferred[Verdict | None]]) -> tuple[Verdict, ...]:
        asked: list[tuple[IFilter, str, Deferred[Verdict | None]]] = []
        for each in self._filters:
            mode = each.mode()
            if mode != "off":
                asked.append((each, mode, check(each)))
        verdicts = []
        for each, mode, answer in asked:
            try:
                verdict = await answer
            except TemporaryError as error:
                # Mail is not to stop because a filter cannot be asked.
                self.log.warn("{event}", event="filter.away", filter=each.name, reason=str(error))
                continue
            except Exception:  # noqa: BLE001 — one filter's fault is not to keep mail from coming in
                self.log.failure("{event}", event="filter.failed", filter=each.name)
                continue
            if verdict is not None:
                verdicts.append(evolve(verdict, isObserved=True) if mode == "observe" else verdict)
        return tuple(verdicts)
