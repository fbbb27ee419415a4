# -*- test-case-name: tests.unit.app.test_settings -*-
"""
How the service behaves: one typed table.

The command, the reference in C{docs/} and the comments of C{etc/osxmail.toml} are made from it.  A value comes from
the first of: a pin in the configuration's C{[settings]}, the store's row, the default.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from enum import Enum

from attrs import frozen
from zope.interface import implementer

from osxmail.delivery.nexthops import Hop
from osxmail.delivery.relayrules import problemWith
from osxmail.errors import ParseError, Refused
from osxmail.filters.dnsbl import MAX_LISTS, parseList
from osxmail.interfaces import ISettings
from osxmail.mail.address import Address
from osxmail.mail.quantities import formatDuration, formatSize, parseDuration, parseSize

Value = str | bool | int | float | tuple[str, ...]


class Kind(Enum):
    """
    What a setting holds, and how it is written.
    """

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 — the kind of a value that is never shown
    FLAG = "yes or no"
    NUMBER = "number"
    DURATION = "duration"
    SIZE = "size"
    WORDS = "list"
    NETWORKS = "list of networks"
    RANGES = "list of networks, however wide"
    LISTS = "list of DNS lists"
    ADDRESS = "address"
    HOP = "server"


#: How a filter may run.
MODES = ("off", "observe", "on")

_TRUE = frozenset({"yes", "true", "on", "1"})
_FALSE = frozenset({"no", "false", "off", "0"})


@frozen
class Setting:
    """
    One row of the table.

    @ivar default: as an administrator would write it.
    @ivar choices: the only values allowed, if not empty.
    @ivar lowest: the least number, seconds or octets.
    @ivar highest: the most.
    @ivar needsRestart: a change counts from the next start on.
    """

    key: str
    kind: Kind
    default: str
    help: str
    choices: tuple[str, ...] = ()
    lowest: float = 0
    highest: float = float(1 << 50)
    needsRestart: bool = False

    def parse(self, text: str) -> Value:
        """
        The value of what somebody wrote.

        @raise ParseError: in plain words, with what would be right.
        """
        text = text.strip()
        match self.kind:
            case Kind.FLAG:
                if text.lower() in _TRUE:
                    return True
                if text.lower() in _FALSE:
                    return False
                raise ParseError("write yes or no")
            case Kind.NUMBER:
                if not text.isascii() or not text.isdigit() or len(text) > 15:
                    raise ParseError("write a whole number")
                return self._within(int(text), text)
            case Kind.DURATION:
                return self._within(parseDuration(text), text)
            case Kind.SIZE:
                return self._within(parseSize(text), text)
            case Kind.WORDS:
                return tuple(text.replace(",", " ").split())
            case Kind.NETWORKS:
                return tuple(_network(word) for word in text.replace(",", " ").split())
            case Kind.RANGES:
                return tuple(_range(word) for word in text.replace(",", " ").split())
            case Kind.LISTS:
                words = tuple(text.replace(",", " ").split())
                if len(words) > MAX_LISTS:
                    raise ParseError(f"{MAX_LISTS} lists are the most")
                for word in words:
                    parseList(word)
                return words
            case Kind.ADDRESS:
                return str(Address.parse(text)) if text else ""
        if self.choices and text not in self.choices:
            raise ParseError(f"write one of: {', '.join(self.choices)}")
        if any(c < " " for c in text):
            raise ParseError("control characters are not allowed")
        return _hop(text) if text and self.kind is Kind.HOP else text

    def _within(self, value: int | float, text: str) -> int | float:
        if not self.lowest <= value <= self.highest:
            raise ParseError(f"{text} is outside {self.render(self.lowest)} to {self.render(self.highest)}")
        return value

    def render(self, value: Value) -> str:
        """
        A value as L{parse} reads it back.
        """
        match self.kind:
            case Kind.FLAG:
                return "yes" if value else "no"
            case Kind.DURATION if isinstance(value, int | float):
                return formatDuration(value)
            case Kind.SIZE if isinstance(value, int | float):
                return formatSize(int(value))
            case Kind.NUMBER if isinstance(value, int | float):
                return str(int(value))
        return ", ".join(value) if isinstance(value, tuple) else str(value)


def _range(word: str) -> str:
    try:
        return str(ipaddress.ip_network(word, strict=False))
    except ValueError:
        raise ParseError(f"{word!r} is no network; write 192.0.2.0/24 or 2001:db8::/32") from None


def _network(word: str) -> str:
    network = _range(word)
    problem = problemWith(network)
    if problem:
        raise ParseError(problem)
    return network


def _hop(text: str) -> str:
    try:
        Hop.parse(text)
    except ParseError as error:
        raise ParseError(f"{text!r}: {error}; write host, host:port or [host]:port") from None
    return text


def _s(key: str, kind: Kind, default: str, help: str, **more: object) -> Setting:
    return Setting(key, kind, default, help, **more)  # type: ignore[arg-type]


T, F, N, D, S, W = Kind.TEXT, Kind.FLAG, Kind.NUMBER, Kind.DURATION, Kind.SIZE, Kind.WORDS

_ROWS: tuple[Setting, ...] = (
    # Who may log in
    _s("auth.cleartext", T, "loopback", "Where a password may pass without TLS: never, from this machine only, or always.",
       choices=("never", "loopback", "always")),
    _s("auth.failures_per_connection", N, "3", "Wrong passwords after which a connection is closed.", lowest=1, highest=100),
    _s("auth.failure_delay", D, "2s", "How long the answer to a wrong password waits.", highest=60),
    _s("auth.failures_per_address", N, "10", "Different wrong logins from one address after which none from there is looked at for a while; 0 is no limit.", highest=100),
    _s("auth.wait_after_failures", D, "1m", "How long that is at first; it doubles each time, up to an hour.", lowest=1, highest=3600),
    _s("auth.password_cost", T, "light", "What the argon2id hash of a new local password costs: light (21 ms of CPU and 19 MiB a login) or rfc9106 (170 ms, 64 MiB).",
       choices=("light", "rfc9106")),
    # Accounts
    _s("account.quota", S, "0", "Space for an account whose directory entry states none; 0 is unlimited."),
    _s("account.quota_messages", N, "0", "Messages that an account may keep, all mailboxes together; 0 is unlimited.", highest=1e12),
    # SMTP, incoming
    _s("smtp.message_size_limit", S, "50M", "The largest message that is accepted, announced as SIZE.", lowest=65536, highest=float(2 << 30)),
    _s("smtp.max_recipients", N, "1000", "Recipients in one transaction; RFC 5321 wants 100 at least.", lowest=100, highest=100000),
    _s("smtp.block_inbound", F, "no", "Refuse new mail from outside for now (451); submission and the queue go on."),
    _s("smtp.authentication", F, "yes", "People may authenticate, and may then send to other domains."),
    _s("smtp.max_errors", N, "20", "Wrong commands and refused recipients after which a connection is closed.", lowest=1, highest=10000),
    _s("smtp.idle_timeout", D, "5m", "How long a silent SMTP client is kept; RFC 5321 wants 5 minutes.", lowest=10, highest=3600),
    _s("smtp.session_limit", D, "1h", "How long one SMTP connection may last in all.", lowest=60, highest=86400),
    # Filters
    _s("filter.access", T, "on", "The lists of refused networks, senders and recipients: off, observe (what they would refuse is only shown) or on.",
       choices=MODES),
    _s("filter.refused_networks", Kind.RANGES, "", "Hosts and networks whose mail is refused (554)."),
    _s("filter.refused_senders", W, "", "Senders whose mail is refused (554): addresses, domains (example.net), or all below a domain (.example.net)."),
    _s("filter.refused_recipients", W, "", "Recipients for whom mail from outside is refused (554): addresses, domains, or all below a domain."),
    _s("filter.trusted_networks", Kind.RANGES, "", "Hosts and networks whose mail no filter looks at."),
    _s("filter.dnsbl", T, "off", "Lists of bad addresses in DNS: off, observe or on.", choices=MODES),
    _s("filter.dnsbl_lists", Kind.LISTS, "", "The lists: a domain, with a weight (bl.example.org*3), or with the answers that count (bl.example.org=127.0.0.2;127.0.0.3*2)."),
    _s("filter.dnsbl_refuse_at", N, "1", "Points, the weights of the lists that have a client added up, at which its mail is refused; below that it is only marked.",
       lowest=1, highest=1000),
    _s("filter.reverse_dns", T, "off", "Whether a client's address has a name that leads back to it: off, observe or on (450 for those without).", choices=MODES),
    _s("filter.hello", T, "off", "Whether the name in EHLO exists and is not ours: off, observe or on (450 for one that does not exist, 554 for our own).",
       choices=MODES),
    _s("filter.spf", T, "off", "Whether the sender's domain lets the client send for it (SPF): off, observe or on (550 where it says no, marked where it is not sure).",
       choices=MODES),
    # Relay
    _s("relay.approved_networks", Kind.NETWORKS, "", "Hosts and networks that may send to other domains without authenticating."),
    _s("relay.hold_outbound", F, "no", "Accept and queue mail for other servers, but do not send it for now."),
    _s("relay.port", N, "25", "The port of other mail servers.", lowest=1, highest=65535),
    _s("relay.smarthost", Kind.HOP, "", "Send all outgoing mail by this server: host, host:port, or [host]:port to skip its MX records."),
    _s("relay.smarthost_login", T, "", "The name to log in to the smart host with; empty for no login."),
    _s("relay.smarthost_password", Kind.SECRET, "", "The password for the smart host."),
    _s("relay.smarthost_tls", T, "opportunistic", "TLS with the smart host: where it offers it, always, or always and with a certificate that authorities vouch for; a login never goes without TLS, except on this machine.",
       choices=("opportunistic", "required", "verified")),
    _s("relay.concurrency", N, "100", "Connections to other servers at once, in all.", lowest=1, highest=5000),
    _s("relay.destination_concurrency", N, "20", "Connections to one destination at once.", lowest=1, highest=1000),
    _s("relay.backoff_first", D, "5m", "The wait after the first failed attempt; it doubles with each further one.", lowest=1, highest=86400),
    _s("relay.backoff_most", D, "4h", "The longest wait between attempts.", lowest=1, highest=604800),
    _s("relay.expire_after", D, "5d", "After so long undelivered mail goes back to its sender.", lowest=60, highest=2592000),
    _s("relay.delay_notice_after", D, "4h", "After so long the sender is told about the delay, once; 0 is never.", highest=2592000),
    # Mail
    _s("mail.postmaster", Kind.ADDRESS, "", "Who gets mail for postmaster and abuse; empty for the administrators."),
    _s("mail.unknown_users_to", Kind.ADDRESS, "", "Who gets mail for unknown local users; empty refuses it."),
    _s("mail.over_quota", T, "defer", "Mail for a full mailbox: defer (kept and tried again until relay.expire_after) or refuse (552).",
       choices=("defer", "refuse")),
    _s("mail.host_aliases", W, "", "Other names of this server, as a directory may state them for the host that keeps a person's mail."),
    # IMAP and POP3
    _s("imap.idle_timeout", D, "30m", "Automatic logout of a silent IMAP client; RFC 9051 wants 30 minutes.", lowest=60, highest=86400),
    _s("imap.most_sessions", N, "10000", "IMAP connections at once.", lowest=1, highest=200000),
    _s("imap.sessions_per_address", N, "500", "IMAP connections at once from one address.", lowest=1, highest=200000),
    _s("imap.sessions_per_user", N, "100", "IMAP sessions of one person at once.", lowest=1, highest=200000),
    _s("imap.append_limit", S, "50M", "The largest message that a mail program may store.", lowest=65536, highest=float(2 << 30)),
    _s("imap.refuse_8bit_headers", F, "no", "Refuse what has 8-bit characters in its header from mail programs that have not enabled UTF8=ACCEPT, to the letter of RFC 6855; old mail that somebody brings along has them."),
    _s("imap.submission_logins", W, "", "The addresses by which other servers log in to fetch, on behalf of people who submit mail there, what URLs with submit+ name (URLAUTH)."),
    _s("imap.administrators", W, "", "People, by address, who see every mailbox of everybody in IMAP and may do everything with it, as well as those the directory makes administrators."),
    _s("imap.search_index", F, "yes", "Keep an index of the mail of everybody who reads it by IMAP, beside the store: half as large as the text of the mail, it makes searching, sorting and threading of large mailboxes fast. Without it nothing is added to what there is, and what is not in it is looked through."),
    _s("pop3.idle_timeout", D, "10m", "Automatic logout of a silent POP3 client; RFC 1939 wants 10 minutes.", lowest=60, highest=86400),
    _s("pop3.most_sessions", N, "5000", "POP3 connections at once; of one person there is never more than one session.", lowest=1, highest=200000),
    _s("pop3.sessions_per_address", N, "100", "POP3 connections at once from one address.", lowest=1, highest=200000),
    _s("pop3.expire_days", N, "0", "Days after which a message that POP3 has fetched is removed, when its owner next ends a POP3 session; 0 is never. Announced as EXPIRE.", highest=3650),
    _s("pop3.remove_fetched", F, "no", "Remove what a POP3 client has fetched when it leaves: nobody keeps mail on the server (EXPIRE 0)."),
    _s("pop3.login_delay", D, "0", "The least time between two POP3 logins of one person; 0 is none. Announced as LOGIN-DELAY.", highest=86400),
    _s("login.language", T, "en", "The language of texts for a client that asks for the server's own: en, de, fr, es or ja.", choices=("en", "de", "fr", "es", "ja")),
    _s("login.timeout", D, "1m", "How long a client may take to log in.", lowest=5, highest=3600),
    # Connections
    _s("connections.most", N, "20000", "Connections at once, all protocols.", lowest=10, highest=200000),
    _s("connections.per_address", N, "500", "Connections at once from one address, all protocols.", lowest=1, highest=200000),
    _s("connections.spared_networks", Kind.NETWORKS, "127.0.0.0/8, ::1/128", "Where no limit for one address counts, nor auth.failures_per_address: this machine, a webmail server, an office behind one address."),
    # Keeping
    _s("trace.days", N, "30", "Days for which the life of each message can be looked up.", lowest=1, highest=3650),
    _s("log.detailed", F, "no", "Log more: sessions as they open, and what Twisted says of itself."),
    _s("log.archive_days", N, "7", "Days after which a log file is archived and compressed.", lowest=1, highest=365),
    _s("log.keep_archives", N, "10", "Archived log files kept of each service.", lowest=1, highest=1000),
)  # fmt: skip

TABLE: Mapping[str, Setting] = {row.key: row for row in _ROWS}


@implementer(ISettings)
class Settings:
    """
    The table with the values of this moment.
    """

    def __init__(self, pins: Mapping[str, str] | None = None) -> None:
        """
        @param pins: what the configuration file holds against change, by key.
        """
        self._rows: dict[str, str] = {}
        self._pins = dict(pins or {})
        self._values: dict[str, Value] = {}
        self._build()

    def _build(self) -> None:
        values: dict[str, Value] = {}
        for key, row in TABLE.items():
            written = self._pins.get(key, self._rows.get(key, row.default))
            try:
                values[key] = row.parse(written)
            except ParseError:
                # A row that an older version wrote and this one does not take: the default counts.  Pins and new
                # values were checked before they came here.
                values[key] = row.parse(row.default)
        self._values = values

    def load(self, rows: Mapping[str, str]) -> None:
        """
        Take the store's rows; keys of other versions are left alone.
        """
        self._rows = {key: value for key, value in rows.items() if key in TABLE}
        self._build()

    def pin(self, pins: Mapping[str, str]) -> None:
        """
        Take the pins of a configuration that was read again.
        """
        self._pins = dict(pins)
        self._build()

    def check(self, key: str, text: str) -> str:
        """
        What would be stored for C{text}.

        @raise Refused: no such setting, pinned, or not a value for it; in plain words.
        """
        row = TABLE.get(key)
        if row is None:
            near = _nearest(key)
            raise Refused(
                f"there is no setting {key}" + (f"; did you mean {near}?" if near else "; osxmail settings shows all")
            )
        if key in self._pins:
            raise Refused(f"{key} is pinned in the configuration file, under [settings]; change it there and reload")
        try:
            return row.render(row.parse(text))
        except ParseError as error:
            raise Refused(f"{key}: {error}") from None

    def shown(self, key: str) -> str:
        """
        The value as an administrator may see it.
        """
        row, value = TABLE[key], self._values[key]
        if row.kind is Kind.SECRET:
            return "(set)" if value else "(not set)"
        return row.render(value)

    def origin(self, key: str) -> str:
        """
        C{"file"}, C{"set"} or C{"default"}.
        """
        return "file" if key in self._pins else "set" if key in self._rows else "default"

    def _typed(self, key: str, *types: type) -> Value:
        value = self._values[key]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TypeError(f"setting {key} is {TABLE[key].kind.value}")
        return value

    def text(self, key: str) -> str:
        return str(self._typed(key, str))

    def flag(self, key: str) -> bool:
        return bool(self._typed(key, bool))

    def number(self, key: str) -> int:
        return int(self._typed(key, int))  # type: ignore[arg-type]

    def seconds(self, key: str) -> float:
        return float(self._typed(key, float, int))  # type: ignore[arg-type]

    def octets(self, key: str) -> int:
        return int(self._typed(key, int))  # type: ignore[arg-type]

    def words(self, key: str) -> tuple[str, ...]:
        value = self._typed(key, tuple)
        assert isinstance(value, tuple)
        return value


def _nearest(key: str) -> str:
    import difflib

    found: Iterable[str] = difflib.get_close_matches(key, TABLE, n=1, cutoff=0.6)
    return next(iter(found), "")
