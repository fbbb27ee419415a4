# -*- test-case-name: tests.unit.delivery.test_relayrules -*-
"""
Who may send where: pure decisions over values.

Mail for our own people is taken from everybody; mail for others only from those whom this table names
(C{smtp.authentication}, C{relay.approved_networks}):

    ==============  ==============  ====================================================
    authentication  networks        who may relay
    ==============  ==============  ====================================================
    yes             none            whoever has authenticated
    yes             some            hosts in them; everybody else after authenticating
    no              some            the same; mail for local users needs neither
    no              none            nobody
    ==============  ==============  ====================================================

No setting makes an open relay: a network too wide to be anybody's own (L{WIDEST_IPV4}, L{WIDEST_IPV6}) counts as
not written, and says so.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from attrs import evolve, frozen

from osxmail.interfaces import ISettings
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, Decision, Route, Step
from osxmail.mail.envelope import Client
from osxmail.mail.record import Record
from osxmail.mail.smtpreply import Reply

#: The shortest prefixes of a public network that is believed to be somebody's own.
WIDEST_IPV4 = 8
WIDEST_IPV6 = 20

_PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)

#: The whole IPv4 Internet as a translator in front of us shows it (RFC 6052 2.1).
_TRANSLATED = IPv6Network("64:ff9b::/96")

SENDER_OK = Reply(250, "2.1.0", ("Sender OK",))
RECIPIENT_OK = Reply(250, "2.1.5", ("Recipient OK",))
MUST_AUTHENTICATE = Reply(530, "5.7.0", ("Authentication required",))  # RFC 4954 6
NOT_YOURS = Reply(553, "5.7.1", ("This sender address is not yours",))
NO_RELAY = Reply(550, "5.7.1", ("We do not relay for you",))
NO_LMTP_RELAY = Reply(550, "5.7.1", ("Only local recipients here",))
BLOCKED = Reply(451, "4.3.2", ("No new mail is taken just now; try again later",))
TOO_LARGE = Reply(552, "5.3.4", ("The message is larger than we accept",))

SUBMISSION_SERVICES = frozenset({"submission", "submissions"})

Network = IPv4Network | IPv6Network


@frozen
class RelayRules:
    """
    What the settings say, ready to decide by.

    @ivar authentication: C{smtp.authentication}.
    @ivar networks: those of C{relay.approved_networks} that count.
    @ivar blockInbound: C{smtp.block_inbound}.
    @ivar messageSizeLimitOctets: C{smtp.message_size_limit}.
    @ivar problems: what is wrong with the networks, in plain words.
    """

    authentication: bool = True
    networks: tuple[Network, ...] = ()
    blockInbound: bool = False
    messageSizeLimitOctets: int = 50 << 20
    problems: tuple[str, ...] = ()


def rulesOf(settings: ISettings) -> RelayRules:
    """
    The rules of this moment.
    """
    networks, problems = _networks(settings.words("relay.approved_networks"))
    return RelayRules(
        settings.flag("smtp.authentication"),
        networks,
        settings.flag("smtp.block_inbound"),
        settings.octets("smtp.message_size_limit"),
        problems,
    )


@lru_cache(maxsize=8)
def _networks(words: tuple[str, ...]) -> tuple[tuple[Network, ...], tuple[str, ...]]:
    networks, problems = [], []
    for word in words:
        try:
            network = ip_network(word, strict=False)
        except ValueError:
            problems.append(f"{word} is no network")
            continue
        if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
            problems.append(f"{word}: write it as an IPv4 network")
        elif not _isSomebodys(network):
            problems.append(f"{word} is too wide to be anybody's own network, and does not count")
        else:
            networks.append(network)
    return tuple(networks), tuple(problems)


def problemWith(word: str) -> str:
    """
    What is wrong with a word of C{relay.approved_networks}, in plain words; C{""}: nothing.
    """
    return next(iter(_networks((word,))[1]), "")


def _isSomebodys(network: Network) -> bool:
    for private in _PRIVATE:
        if isinstance(private, IPv4Network):
            if isinstance(network, IPv4Network) and network.subnet_of(private):
                return True
        elif isinstance(network, IPv6Network) and network.subnet_of(private):
            return True
    if isinstance(network, IPv4Network):
        return network.prefixlen >= WIDEST_IPV4
    if network.subnet_of(_TRANSLATED):
        return network.prefixlen >= 96 + WIDEST_IPV4
    return network.prefixlen >= WIDEST_IPV6


@lru_cache(maxsize=4096)
def _hostAddress(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def approvedNetwork(rules: RelayRules, client: Client) -> Network | None:
    """
    The network of C{relay.approved_networks} that the client is in, if any.
    """
    if not rules.networks or client.service != "smtp":
        return None
    address = _hostAddress(client.host)
    if address is None:
        return None
    return next((network for network in rules.networks if address in network), None)


def _decide(action: Action, reply: Reply, rule: str, text: str, *evidence: tuple[str, str]) -> Decision:
    step = Step(rule, text, evidence)
    return Decision(action, step, reply, (step,))


_FROM_OURSELVES = _decide(Action.ACCEPT, SENDER_OK, "sender.local", "this server itself")
_FROM_ANYBODY = _decide(Action.ACCEPT, SENDER_OK, "sender.any", "anybody may write to our people")
_MUST_LOG_IN = _decide(
    Action.REFUSE, MUST_AUTHENTICATE, "submission.authenticate", "submission is for those who log in (RFC 6409 4.3)"
)
_FROM_NOBODY = _decide(Action.ACCEPT, SENDER_OK, "sender.null", "the null sender: a notice about mail (RFC 5321 4.5.5)")


def senderDecision(
    rules: RelayRules, client: Client, sender: Address | None, sizeOctets: int, record: Record | None
) -> Decision:
    """
    May this client send as this sender now?

    The null sender is allowed to those who have authenticated too: RFC 8098 3 wants it for the notices that a mail
    program sends about reading, and the login stands in the trace.

    @param record: of the person who has authenticated, C{None} when nobody has or the directory has none (any more).
    """
    limit = rules.messageSizeLimitOctets
    if client.service == "local":
        return _FROM_OURSELVES
    if client.service in SUBMISSION_SERVICES and client.login is None:
        return _MUST_LOG_IN
    if sizeOctets > limit:
        return _decide(
            Action.REFUSE, TOO_LARGE, "smtp.size", f"{sizeOctets} octets are announced, {limit} are allowed",
            ("setting", "smtp.message_size_limit"),
        )  # fmt: skip
    if client.login is not None:
        return _owns(client.login, sender, record)
    if rules.blockInbound and approvedNetwork(rules, client) is None:
        return _decide(
            Action.DEFER, BLOCKED, "smtp.block_inbound", "new mail from outside is blocked for now",
            ("setting", "smtp.block_inbound"),
        )  # fmt: skip
    return _FROM_NOBODY if sender is None else _FROM_ANYBODY


def _owns(login: Address, sender: Address | None, record: Record | None) -> Decision:
    if record is None:
        return _decide(Action.REFUSE, NOT_YOURS, "sender.owner", f"the directory has no {login} any more")
    if sender is None:
        return _decide(
            Action.ACCEPT, SENDER_OK, "sender.null", f"the null sender, used by {login} (RFC 8098 3)", *record.source
        )
    if sender in record.addresses or (sender.detail and sender.withoutDetail() in record.addresses):
        return _decide(Action.ACCEPT, SENDER_OK, "sender.owner", f"{sender} belongs to {login}", *record.source)
    return _decide(
        Action.REFUSE, NOT_YOURS, "sender.owner", f"{sender} does not belong to {login} (RFC 6409 6.1)", *record.source
    )


_LOCAL = Step("relay.local", "the recipient is ours: everybody may write")
_OURSELVES = Step("relay.ourselves", "this server itself")
_LOGGED_IN = "relay.authenticated"


def mayRelay(rules: RelayRules, client: Client) -> tuple[bool, Step]:
    """
    May this client send to other domains?  The table above, and the row that decided.
    """
    if client.service == "local":
        return True, _OURSELVES
    if client.service == "lmtp":
        return False, Step("relay.lmtp", "LMTP is for local recipients only")
    network = approvedNetwork(rules, client)
    if network is not None:
        evidence = (("setting", "relay.approved_networks"), ("network", str(network)))
        return True, Step("relay.network", f"{client.host} is in {network}, which may relay", evidence)
    if not rules.authentication and not rules.networks:
        evidence = (("setting", "smtp.authentication"), ("setting", "relay.approved_networks"))
        return False, Step("relay.nobody", "without authentication and approved networks nobody may relay", evidence)
    if client.login is not None:
        return True, Step(_LOGGED_IN, f"{client.login} has authenticated", (("login", str(client.login)),))
    wanted = f"{client.host} has not authenticated"
    if rules.networks:
        wanted += " and is in no approved network"
    return False, Step("relay.denied", wanted, (("setting", "relay.approved_networks"),))


def recipientDecision(rules: RelayRules, client: Client, route: Route) -> Decision:
    """
    May this client send to where this route leads?
    """
    if route.refusal is not None and route.refusal.action is Action.DEFER:
        # Before anything else: whether a domain is ours is not known either while the store is away.
        return route.refusal
    if route.isLocal:
        step = _LOCAL
    else:
        allowed, step = mayRelay(rules, client)
        if not allowed:
            reply = NO_LMTP_RELAY if client.service == "lmtp" else NO_RELAY
            return Decision(Action.REFUSE, step, reply, (*route.steps, step))
    if client.service in SUBMISSION_SERVICES and client.login is None:
        return evolve(_MUST_LOG_IN, steps=(*route.steps, _MUST_LOG_IN.step))
    if route.refusal is not None:
        return route.refusal
    return Decision(Action.ACCEPT, step, RECIPIENT_OK, (*route.steps, step))
