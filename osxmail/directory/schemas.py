# -*- test-case-name: tests.unit.directory.test_schemas -*-
"""
What an LDAP entry means, by the schema of its directory: filters to ask with, and records out of entries.

Nothing here waits or asks; an entry that cannot be read without guessing where mail goes is a
L{osxmail.errors.ParseError}, and then the directory "cannot say".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, frozen

from osxmail.directory.ldapfilter import Entry, allOf, anyOf, equals
from osxmail.errors import ParseError
from osxmail.mail.address import Address, displayDomain, normalizeDomain
from osxmail.mail.appleattribute import AppleMail, parseAppleMail
from osxmail.mail.quantities import parseSize
from osxmail.mail.record import AccountState, Record

MAX_VALUES = 1000  # of one attribute; a warning says when there are more
MAX_VALUE_OCTETS = 1024  # of a value that is a name, an address or a number
MAX_ACCOUNT_ID = 128

_STATES = {
    **dict.fromkeys(("enabled", "active", "true", "yes", "on", "1"), AccountState.ENABLED),
    **dict.fromkeys(("off", "disabled", "inactive", "deleted", "false", "no", "0"), AccountState.OFF),
}


@frozen
class Role:
    """
    Something that is read from a directory, under a name that a configuration can override.

    @ivar help: what it is, for people.
    @ivar isBase: it is part of a DN, in place of attribute names.
    """

    help: str
    isBase: bool = False


#: What a configuration can override, by name.
ATTRIBUTE_NAMES: Mapping[str, Role] = {
    "person_class": Role("object classes of people"),
    "users_base": Role("where people are, relative to the base", isBase=True),
    "account_id": Role("the stable identifier of a person: names the mailboxes"),
    "login": Role("short names"),
    "mail": Role("mail addresses, the primary one first"),
    "alias": Role("further mail addresses"),
    "full_name": Role("a person's name"),
    "forward": Role("addresses that mail is forwarded to"),
    "mail_host": Role("the server that keeps a person's mail"),
    "quota": Role("space for mail: octets, or with a unit such as 500M"),
    "state": Role("whether the account is enabled or off"),
    "administrator": Role("whether the person administers this server: TRUE"),
    "apple_mail": Role("Mac OS X Server's property list"),
    "group_class": Role("object classes of groups"),
    "groups_base": Role("where groups are, relative to the base", isBase=True),
    "group_mail": Role("mail addresses of a group"),
    "group_name": Role("names that are addresses of a group in each domain"),
    "alias_class": Role("object classes of groups whose cn is always an address (NIS mail aliases)"),
    "group_id": Role("the identifier by which groups name nested groups"),
    "member_dn": Role("members of a group by DN"),
    "member_uid": Role("members by short name"),
    "member_id": Role("members by identifier"),
    "member_address": Role("members by address"),
    "nested_id": Role("nested groups by identifier"),
}


def attributeNames(written: str) -> tuple[str, ...]:
    """
    The attribute names of an override, which have spaces or commas between them.
    """
    return tuple(written.replace(",", " ").split())


@frozen
class Schema:
    """
    Where a kind of directory keeps what.

    @ivar attributes: attribute names by the names of L{ATTRIBUTE_NAMES}.
    @ivar bases: DNs relative to the base, for those that are bases.
    @ivar stateUnstated: the state of a person about whom the directory says none.
    @ivar loginIsPrimary: the first short name makes the primary address, and C{mail} further ones; else it is the other
        way round.
    """

    name: str
    attributes: Mapping[str, tuple[str, ...]]
    bases: Mapping[str, str]
    stateUnstated: AccountState = AccountState.ENABLED
    loginIsPrimary: bool = False

    def overridden(self, overrides: Mapping[str, str]) -> Schema:
        """
        The same with other attributes, as a configuration writes them.
        """
        names = {key: attributeNames(text) for key, text in overrides.items() if not ATTRIBUTE_NAMES[key].isBase}
        bases = {key: text.strip() for key, text in overrides.items() if ATTRIBUTE_NAMES[key].isBase}
        return evolve(self, attributes={**self.attributes, **names}, bases={**self.bases, **bases})

    def base(self, key: str, base: str) -> str:
        """
        The whole DN of C{users_base} or C{groups_base}.
        """
        relative = self.bases.get(key, "")
        return f"{relative},{base}" if relative else base

    def wanted(self, *keys: str) -> tuple[str, ...]:
        """
        Attribute names to ask for.
        """
        return tuple(dict.fromkeys(name for key in keys for name in self.attributes.get(key, ())))


SCHEMAS: Mapping[str, Schema] = {
    "inetorgperson": Schema(
        "inetorgperson",
        {
            "person_class": ("inetOrgPerson",),
            "account_id": ("entryUUID",),
            "login": ("uid",),
            "mail": ("mail",),
            "alias": ("mailLocalAddress", "mailAlternateAddress"),
            "full_name": ("displayName", "cn"),
            "forward": ("mailRoutingAddress", "mailForwardingAddress"),
            "mail_host": ("mailHost",),
            "group_class": ("groupOfNames", "groupOfUniqueNames", "nisMailAlias", "posixGroup"),
            "group_mail": ("mail",),
            "alias_class": ("nisMailAlias",),
            "member_dn": ("member", "uniqueMember"),
            "member_uid": ("memberUid",),
            "member_address": ("rfc822MailMember", "mgrpRFC822MailMember"),
        },
        {},
    ),
    "apple": Schema(
        "apple",
        {
            "person_class": ("apple-user", "posixAccount"),
            "account_id": ("apple-generateduid", "entryUUID"),
            "login": ("uid",),
            "mail": ("mail",),
            "full_name": ("cn",),
            "apple_mail": ("apple-user-mailattribute",),
            "group_class": ("apple-group", "posixGroup"),
            "group_mail": ("mail",),
            "group_id": ("apple-generateduid",),
            "member_uid": ("memberUid",),
            "member_id": ("apple-group-memberguid",),
            "nested_id": ("apple-group-nestedgroup",),
        },
        {"users_base": "cn=users", "groups_base": "cn=groups"},
        # The old service gave mail to those for whom an administrator had switched it on.
        stateUnstated=AccountState.OFF,
        loginIsPrimary=True,
    ),
}

_PERSON = (
    "account_id", "login", "mail", "alias", "full_name", "forward", "mail_host", "quota", "state", "administrator",
    "apple_mail",
)  # fmt: skip
_GROUP = ("group_mail", "group_name", "group_id", "member_dn", "member_uid", "member_id", "member_address", "nested_id")


def sameName(one: str, other: str) -> bool:
    """
    Do two short names mean the same person?  Directories compare without case.
    """
    return unicodedata.normalize("NFC", one).casefold() == unicodedata.normalize("NFC", other).casefold()


class Reader:
    """
    A schema applied: one directory's filters and entries.
    """

    def __init__(self, schema: Schema, domains: Iterable[str], name: str) -> None:
        """
        @param domains: normalised; where short names are addresses.
        @param name: what the records' C{source} calls the directory.
        """
        self.schema = schema
        self.name = name
        self._names = schema.attributes
        self._domains = tuple(domains)
        self._people = anyOf(f"(objectClass={c})" for c in schema.attributes["person_class"])
        self._groups = anyOf(f"(objectClass={c})" for c in schema.attributes["group_class"])
        self.personAttributes = schema.wanted(*_PERSON)
        self.memberAttributes = ("objectClass", *schema.wanted(*_PERSON, *_GROUP))
        self.groupAttributes = ("objectClass", "cn", *schema.wanted(*_GROUP))

    # -- filters

    def personWithAddress(self, address: Address) -> str:
        return allOf(self._people, anyOf(self._addressFilters(address)))

    def personWithLogin(self, login: str) -> str:
        filters = [equals(self._names["login"], login)]
        try:
            filters += self._addressFilters(Address.parse(login))
        except ParseError:
            pass
        return allOf(self._people, anyOf(filters))

    def peopleWithLogins(self, logins: Sequence[str]) -> str:
        return allOf(self._people, anyOf(equals(self._names["login"], login) for login in logins))

    def peopleWithIds(self, ids: Sequence[str]) -> str:
        return allOf(self._people, anyOf(equals(self._names["account_id"], i) for i in ids))

    def groupsWithIds(self, ids: Sequence[str]) -> str:
        return allOf(self._groups, anyOf(equals(self._names.get("group_id", ()), i) for i in ids))

    def groupWithAddress(self, address: Address) -> str:
        filters = [equals(self._names.get("group_mail", ()), text) for text in _spellings(address)]
        if address.domain in self._domains:
            filters.append(equals(self._names.get("group_name", ()), address.local))
            classes = anyOf(f"(objectClass={c})" for c in self._names.get("alias_class", ()))
            filters.append(allOf(classes, equals(("cn",), address.local)))
        return allOf(self._groups, anyOf(filters))

    def _addressFilters(self, address: Address) -> list[str]:
        names = (*self._names.get("mail", ()), *self._names.get("alias", ()), *self._names["login"])
        filters = [equals(names, text) for text in _spellings(address)]
        if address.domain in self._domains:
            filters.append(equals(self._names["login"], address.local))
        return filters

    # -- entries

    def texts(self, entry: Entry, key: str, maxOctets: int = MAX_VALUE_OCTETS) -> tuple[str, ...]:
        """
        The values of a role that are text of a sane length, in the directory's order.
        """
        found = []
        for name in self._names.get(key, ()):
            for value in entry.attributes.get(name.lower(), ())[:MAX_VALUES]:
                if len(value) <= maxOctets:
                    try:
                        found.append(value.decode("utf-8"))
                    except UnicodeDecodeError:
                        continue
        return tuple(found)

    def isGroup(self, entry: Entry) -> bool:
        wanted = {name.lower().encode() for name in self._names["group_class"]}
        return any(value.lower() in wanted for value in entry.attributes.get("objectclass", ()))

    def logins(self, entry: Entry) -> tuple[str, ...]:
        return self.texts(entry, "login")

    def addresses(self, entry: Entry) -> tuple[Address, ...]:
        """
        Every address of a person, the primary one first, each once.
        """
        written: list[Address] = []
        for text in (*self.texts(entry, "mail"), *self.texts(entry, "alias")):
            _parseInto(written, text.strip())
        made: list[Address] = []
        for login in self.logins(entry):
            if "@" in login:
                _parseInto(made, login)
            else:
                for domain in self._domains:
                    _parseInto(made, f"{login}@{domain}")
        return tuple(dict.fromkeys([*made, *written] if self.schema.loginIsPrimary else [*written, *made]))

    def groupAddresses(self, entry: Entry) -> tuple[Address, ...]:
        """
        Every address of a group, each once.
        """
        found: list[Address] = []
        for text in self.texts(entry, "group_mail"):
            _parseInto(found, text.strip())
        names = list(self.texts(entry, "group_name"))
        classes = {value.lower() for value in entry.attributes.get("objectclass", ())}
        if any(name.lower().encode() in classes for name in self._names.get("alias_class", ())):
            names += [value.decode("utf-8", "replace") for value in entry.attributes.get("cn", ())[:MAX_VALUES]]
        for name in names:
            for domain in self._domains:
                _parseInto(found, f"{name}@{domain}")
        return tuple(dict.fromkeys(found))

    def memberAddress(self, text: str) -> Address | None:
        """
        An address as a group names it: whole, or a short name of the first domain; C{None} for what is neither, such as
        the programs and files of NIS mail aliases.
        """
        text = text.strip()
        if text.lstrip('"').startswith(("|", "/", ":")):
            return None
        try:
            if "@" not in text and self._domains:
                return Address.parse(f"{text}@{self._domains[0]}")
            return Address.parse(text)
        except ParseError:
            return None

    def record(self, entry: Entry) -> Record | None:
        """
        The person that an entry describes, or C{None} if it has no address at all.

        @raise ParseError: it does not say, in a readable way, where this person's mail goes.
        """
        addresses = self.addresses(entry)
        if not addresses:
            return None
        warnings: list[str] = []
        logins = self.logins(entry)
        login = logins[0] if logins else addresses[0].local
        names = self.texts(entry, "full_name")
        record = Record(
            accountId=self._accountId(entry, login, warnings),
            login=login,
            address=addresses[0],
            addresses=frozenset(addresses),
            fullName=names[0].strip() if names else "",
            state=self._state(entry),
            mailHost=self._mailHost(self._single(entry, "mail_host"), warnings),
            quotaOctets=self._quota(self._single(entry, "quota"), warnings),
            administrator=self._single(entry, "administrator").lower() in ("true", "yes", "1"),
            source=(("directory", self.name), ("dn", entry.dn)),
        )
        record = self._withForward(record, self.texts(entry, "forward"), warnings)
        if self._names.get("apple_mail"):
            record = self._withApple(record, entry, warnings)
        if any(len(values) > MAX_VALUES for values in entry.attributes.values()):
            warnings.append(f"an attribute has more than {MAX_VALUES} values; the rest was not read")
        return evolve(record, warnings=tuple(warnings))

    def _single(self, entry: Entry, key: str) -> str:
        found = self.texts(entry, key)
        return found[0].strip() if found else ""

    def _accountId(self, entry: Entry, login: str, warnings: list[str]) -> str:
        for text in self.texts(entry, "account_id", MAX_ACCOUNT_ID):
            if text.isascii() and text.isprintable() and text.strip():
                return text.strip().lower()
        warnings.append("the entry has no stable identifier; mailboxes go by the short name")
        return f"login:{unicodedata.normalize('NFC', login).casefold()}"

    def _state(self, entry: Entry) -> AccountState:
        text = self._single(entry, "state")
        if not text:
            return self.schema.stateUnstated
        state = _STATES.get(text.lower())
        if state is None:
            raise ParseError(f"the state is {text[:40]!r}, which is unknown")
        return state

    def _mailHost(self, text: str, warnings: list[str]) -> str:
        if not text:
            return ""
        host = text.lower().rstrip(".").strip("[]")
        if ":" not in host:
            try:
                host = normalizeDomain(host)
            except ParseError:
                warnings.append(f"the mail host {text[:80]!r} is no host; read as this server")
                return ""
        return host

    def _quota(self, text: str, warnings: list[str]) -> int | None:
        try:
            return parseSize(text) if text else None
        except ParseError:
            warnings.append(f"the quota {text[:40]!r} is no size")
            return None

    def _withForward(self, record: Record, texts: Sequence[str], warnings: list[str]) -> Record:
        forwards: list[Address] = []
        wrong = [text for text in texts if not _parseInto(forwards, text.strip())]
        if wrong and not forwards:
            raise ParseError(f"the forward {wrong[0][:80]!r} is no address")
        warnings += [f"the forward {text[:80]!r} is no address" for text in wrong]
        others = tuple(dict.fromkeys(a for a in forwards if a not in record.addresses))
        if not others or record.state is AccountState.OFF:
            return record
        return evolve(record, state=AccountState.FORWARD, forwardTo=others, keepCopy=len(others) < len(set(forwards)))

    def _withApple(self, record: Record, entry: Entry, warnings: list[str]) -> Record:
        found: AppleMail | None = None
        for name in self._names["apple_mail"]:
            for value in entry.attributes.get(name.lower(), ())[:1]:
                found = found or parseAppleMail(value)
        if found is None or found.state is None:
            warnings.append(f"{self._names['apple_mail'][0]} does not switch mail on; read as {record.state.value}")
        if found is None:
            return record
        warnings += found.warnings
        return evolve(
            record,
            state=found.state or record.state,
            forwardTo=(found.forwardTo,) if found.forwardTo else record.forwardTo,
            keepCopy=False if found.forwardTo else record.keepCopy,
            mailHost=self._mailHost(found.location, warnings) if found.location else record.mailHost,
            quotaOctets=record.quotaOctets if found.quotaOctets is None else found.quotaOctets,
            popAllowed=found.popAllowed,
            imapAllowed=found.imapAllowed,
        )


def _spellings(address: Address) -> list[str]:
    # A directory may have an international domain in letters; we look for both.
    shown = displayDomain(address.domain)
    text = str(address)
    return [text] if shown == address.domain else [text, f"{text[: -len(address.domain)]}{shown}"]


def _parseInto(found: list[Address], text: str) -> bool:
    try:
        found.append(Address.parse(text))
    except ParseError:
        return False
    return True
