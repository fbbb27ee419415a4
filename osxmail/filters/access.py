# -*- test-case-name: tests.unit.filters.test_access -*-
"""
Hosts, senders and recipients that an administrator refuses, or trusts.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import ClassVar

from twisted.internet.defer import Deferred, succeed

from osxmail.filters.base import Filter
from osxmail.interfaces import ISettings
from osxmail.mail.address import Address
from osxmail.mail.decision import Route
from osxmail.mail.envelope import Client, Recipient
from osxmail.mail.smtpreply import Reply
from osxmail.mail.verdict import Severity, Verdict

HOST_REFUSED = Reply(554, "5.7.1", ("Mail from your network is refused here",))
SENDER_REFUSED = Reply(554, "5.7.1", ("Mail from this sender is refused here",))
RECIPIENT_REFUSED = Reply(554, "5.7.1", ("Mail for this recipient is refused here",))

Network = IPv4Network | IPv6Network


class AccessFilter(Filter):
    """
    The lists of the settings.
    """

    name: ClassVar[str] = "access"

    def __init__(self, settings: ISettings) -> None:
        self._settings = settings

    def mode(self) -> str:
        settings = self._settings
        if not (
            settings.words("filter.refused_networks")
            or settings.words("filter.refused_senders")
            or settings.words("filter.refused_recipients")
        ):
            # Nothing to look for: where no other filter is on either, mail comes in without asking any.
            return "off"
        return settings.text("filter.access")

    def checkConnection(self, client: Client) -> Deferred[Verdict | None]:
        network = networkOf(client.host, self._settings.words("filter.refused_networks"))
        if network is None:
            return succeed(None)
        return succeed(
            self.verdict(
                Severity.REFUSE,
                f"{client.host} is in {network}, which is refused",
                ("setting", "filter.refused_networks"),
                reply=HOST_REFUSED,
            )
        )

    def checkSender(self, client: Client, sender: Address | None) -> Deferred[Verdict | None]:
        entry = entryFor(sender, self._settings.words("filter.refused_senders")) if sender else ""
        if not entry:
            return succeed(None)
        return succeed(
            self.verdict(
                Severity.REFUSE,
                f"{sender} is refused as {entry}",
                ("setting", "filter.refused_senders"),
                reply=SENDER_REFUSED,
            )
        )

    def checkRecipient(
        self, client: Client, sender: Address | None, recipient: Recipient, route: Route
    ) -> Deferred[Verdict | None]:
        entry = entryFor(recipient.address, self._settings.words("filter.refused_recipients"))
        if not entry:
            return succeed(None)
        return succeed(
            self.verdict(
                Severity.REFUSE,
                f"{recipient.address} is refused as {entry}",
                ("setting", "filter.refused_recipients"),
                reply=RECIPIENT_REFUSED,
            )
        )


@lru_cache(maxsize=16)
def _networks(words: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(word, strict=False) for word in words)


def networkOf(host: str, words: tuple[str, ...]) -> Network | None:
    """
    The network among these that an address is in, if any.

    @param host: an IP address as text.
    """
    if not words:
        return None
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return next((network for network in _networks(words) if address in network), None)


def entryFor(address: Address, words: tuple[str, ...]) -> str:
    """
    The entry that names an address: the address, with or without its detail; C{example.test}, its domain;
    C{.example.test}, a domain below that.

    @return: C{""}: none does.
    """
    if not words:
        return ""
    domain = address.domain.lower()
    names = {str(address).lower(), str(address.withoutDetail()).lower(), domain}
    labels = domain.split(".")
    names.update("." + ".".join(labels[index:]) for index in range(1, len(labels)))
    return next((word for word in words if word.lower() in names), "")
