# -*- test-case-name: tests.unit.app.test_commands -*-
"""
What C{osxmail} can ask a running server: each function takes arguments and returns JSON values.

The command line, and later the API and the console, use these functions and nothing else.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve, frozen
from twisted.logger import Logger

from osxmail import __version__
from osxmail.app.control import Command, text
from osxmail.app.settings import TABLE, Settings
from osxmail.delivery.explain import Explainer
from osxmail.directory.passwords import Passwords
from osxmail.errors import NotFound, ParseError, Refused
from osxmail.interfaces import IDirectory, IDomains, ILocalAccounts, IMailStore, IQueue, ISettingRows
from osxmail.mail.acceptance import Alias, Domain, LocalAccount, QueueItem
from osxmail.mail.address import Address, displayDomain, normalizeDomain
from osxmail.mail.header import headerOf
from osxmail.mail.quantities import formatSize, parseDuration, parseSize
from osxmail.mail.record import AccountState
from osxmail.protocols.sessions import Sessions

log = Logger(namespace="osxmail.app")

#: Of a message's header, for C{queue show}.
SHOWN_HEADER_OCTETS = 65536
MAX_TRACE_EVENTS = 10000
#: Letters and digits that nobody confuses when reading a password aloud.
_PASSWORD_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # noqa: S105


def newPassword() -> str:
    """
    A random password of 80 bits, in groups that people can type.
    """
    return "-".join("".join(secrets.choice(_PASSWORD_ALPHABET) for _ in range(4)) for _ in range(4))


def _address(arguments: dict[str, Any], name: str) -> Address:
    written = text(arguments, name)
    try:
        return Address.parse(written)
    except ParseError as error:
        raise Refused(f"{written!r}: {error}") from None


def _domainName(arguments: dict[str, Any], name: str = "name") -> str:
    written = text(arguments, name)
    try:
        domain = normalizeDomain(written)
    except ParseError as error:
        raise Refused(f"{written!r}: {error}") from None
    if domain.startswith("["):
        raise Refused("an address literal is no domain of ours")
    return domain


@frozen
class Service:
    """
    A listener as C{osxmail status} shows it.
    """

    name: str
    endpoint: str
    address: str


@frozen
class House:
    """
    The parts that the commands work on.

    @ivar services: what listens just now.
    @ivar reload: reads the configuration again; returns lines about what changed and what needs a restart.
    @ivar forget: makes the directories forget what they remember of accounts.
    """

    hostname: str
    started: float
    settings: Settings
    settingRows: ISettingRows
    store: IMailStore
    queue: IQueue
    domains: IDomains
    accounts: ILocalAccounts
    directory: IDirectory
    sessions: Sessions
    passwords: Passwords
    explainer: Explainer
    services: Callable[[], Sequence[Service]]
    reload: Callable[[], Any]
    forget: Callable[[], None]


def commandsOf(house: House) -> dict[str, Command]:
    """
    Every command by its name, C{noun.verb}.
    """
    found: dict[str, Command] = {}
    for part in (StatusCommands, DomainCommands, AccountCommands, AliasCommands, QueueCommands, SettingCommands):
        instance = part(house)
        for name in dir(part):
            if "_" in name and not name.startswith("_"):
                found[name.replace("_", ".")] = getattr(instance, name)
    return found


class _Commands:
    def __init__(self, house: House) -> None:
        self.house = house

    def _changed(self, what: str, name: str) -> None:
        self.house.forget()
        log.info("{event}", event="administration.changed", what=what, name=name)


class StatusCommands(_Commands):
    """
    The server as a whole.
    """

    async def server_status(self, arguments: dict[str, Any]) -> Any:
        house = self.house
        queued = await house.queue.list(limit=10000)
        protocols: dict[str, int] = {}
        for connection in house.sessions.list():
            if connection.protocol != "control":
                protocols[connection.protocol] = protocols.get(connection.protocol, 0) + 1
        return {
            "version": __version__,
            "hostname": house.hostname,
            "since": house.started,
            "upSeconds": round(time.time() - house.started),
            "services": [{"name": s.name, "endpoint": s.endpoint, "address": s.address} for s in house.services()],
            "connections": protocols,
            "queue": {
                "messages": len(queued),
                "recipients": sum(len(item.recipients) for item in queued),
                "held": sum(item.held for item in queued),
                "oldest": min((item.received for item in queued), default=None),
            },
            "holdOutbound": house.settings.flag("relay.hold_outbound"),
            "blockInbound": house.settings.flag("smtp.block_inbound"),
            "domains": len(await house.domains.listDomains()),
        }

    async def server_reload(self, arguments: dict[str, Any]) -> Any:
        return {"notes": list(await self.house.reload())}

    async def connections_list(self, arguments: dict[str, Any]) -> Any:
        return [
            {
                "id": c.sessionId, "protocol": c.protocol, "service": c.service, "host": c.host, "port": c.port,
                "login": c.login, "tls": c.tls, "seconds": c.seconds, **c.details,
            }
            for c in self.house.sessions.list()
            if c.protocol != "control"
        ]  # fmt: skip

    async def connections_end(self, arguments: dict[str, Any]) -> Any:
        sessionId = text(arguments, "id")
        if not self.house.sessions.end(sessionId):
            raise Refused(f"there is no connection {sessionId}; osxmail connections lists them")
        self._changed("connection ended", sessionId)
        return {}

    async def explain_route(self, arguments: dict[str, Any]) -> Any:
        sender = text(arguments, "from", "")
        return await self.house.explainer.explain(
            sender=_address(arguments, "from") if sender not in ("", "<>") else None,
            recipient=_address(arguments, "to"),
            clientHost=text(arguments, "client", "192.0.2.1"),
            login=text(arguments, "login", ""),
        )

    async def trace_find(self, arguments: dict[str, Any]) -> Any:
        try:
            seconds = parseDuration(text(arguments, "since", "30d"))
        except ParseError as error:
            raise Refused(f"since: {error}") from None
        found = await self.house.store.trace(text(arguments, "term"), time.time() - seconds, MAX_TRACE_EVENTS)
        return [
            {
                "time": e.time, "event": e.event, "queueId": e.queueId, "messageId": e.messageId,
                "addresses": list(e.addresses), "fields": e.fields,
            }
            for e in found
        ]  # fmt: skip


class DomainCommands(_Commands):
    """
    Domains whose mail is ours.
    """

    async def domain_list(self, arguments: dict[str, Any]) -> Any:
        return [
            {"name": d.name, "shown": displayDomain(d.name), "catchAll": str(d.catchAll) if d.catchAll else ""}
            for d in await self.house.domains.listDomains()
        ]

    async def domain_add(self, arguments: dict[str, Any]) -> Any:
        name = _domainName(arguments)
        await self.house.domains.addDomain(Domain(name))
        self._changed("domain added", name)
        return {"name": name}

    async def domain_set(self, arguments: dict[str, Any]) -> Any:
        name = _domainName(arguments)
        if await self.house.domains.domain(name) is None:
            raise Refused(f"{name} is no domain of ours; osxmail domain list shows them")
        catchAll = _address(arguments, "catchAll") if text(arguments, "catchAll", "") else None
        await self.house.domains.updateDomain(Domain(name, catchAll))
        self._changed("domain changed", name)
        return {"name": name}

    async def domain_remove(self, arguments: dict[str, Any]) -> Any:
        name = _domainName(arguments)
        if await self.house.domains.domain(name) is None:
            raise Refused(f"{name} is no domain of ours; osxmail domain list shows them")
        held = [a for a in await self.house.accounts.listAccounts() if a.address.domain == name]
        if held:
            raise Refused(
                f"{name} still has {len(held)} account{'s' if len(held) > 1 else ''}, {held[0].address} for one; "
                "remove them first"
            )
        await self.house.domains.removeDomain(name)
        self._changed("domain removed", name)
        return {"name": name}


class AccountCommands(_Commands):
    """
    Accounts of our own directory; C{show} knows those of every directory.
    """

    async def account_add(self, arguments: dict[str, Any]) -> Any:
        house, address = self.house, _address(arguments, "address")
        if await house.domains.domain(address.domain) is None:
            raise Refused(f"{address.domain} is no domain of ours; add it first: osxmail domain add {address.domain}")
        if "+" in address.local:
            raise Refused("an account's address has no +: what follows it is a detail that mail programs use")
        if await house.domains.alias(address) is not None:
            raise Refused(f"{address} is an alias; remove it first: osxmail alias remove {address}")
        password = text(arguments, "password", "") or newPassword()
        account = self._with(
            LocalAccount(
                accountId=f"local-{secrets.token_hex(8)}",
                address=address,
                passwordHash=await house.passwords.hash(password),
            ),
            arguments,
        )
        await house.accounts.addAccount(account)
        await house.store.account(account.accountId, address)
        self._changed("account added", str(address))
        result = {"address": str(address)}
        if not arguments.get("password"):
            result["password"] = password
        return result

    def _with(self, account: LocalAccount, arguments: dict[str, Any]) -> LocalAccount:
        changes: dict[str, Any] = {}
        if arguments.get("quota") is not None:
            written = text(arguments, "quota")
            try:
                changes["quotaOctets"] = None if written == "default" else parseSize(written)
            except ParseError as error:
                raise Refused(f"quota: {error}") from None
        for argument, name in (
            ("admin", "administrator"), ("pop", "popAllowed"), ("imap", "imapAllowed"), ("keepCopy", "keepCopy"),
        ):  # fmt: skip
            if arguments.get(argument) is not None:
                changes[name] = bool(arguments[argument])
        if arguments.get("name") is not None:
            changes["fullName"] = text(arguments, "name")[:200]
        if arguments.get("forward") is not None:
            changes["forwardTo"] = tuple(
                _address({"forward": one}, "forward") for one in text(arguments, "forward").replace(",", " ").split()
            )
        if arguments.get("state") is not None:
            changes["state"] = text(arguments, "state")
        account = evolve(account, **changes)
        if account.state not in {state.value for state in AccountState}:
            raise Refused("state: write enabled, off or forward")
        if account.state == "forward" and not account.forwardTo:
            raise Refused("state forward needs an address: --forward ADDRESS")
        return account

    async def _local(self, address: Address) -> LocalAccount:
        account = await self.house.accounts.accountWithAddress(address)
        if account is None:
            raise Refused(f"{address} is no account of the local directory; osxmail account list shows them")
        return account

    async def account_set(self, arguments: dict[str, Any]) -> Any:
        address = _address(arguments, "address")
        account = self._with(await self._local(address), arguments)
        if arguments.get("password"):
            account = evolve(account, passwordHash=await self.house.passwords.hash(text(arguments, "password")))
        await self.house.accounts.updateAccount(account)
        self._changed("account changed", str(address))
        return {"address": str(address)}

    async def account_remove(self, arguments: dict[str, Any]) -> Any:
        address = _address(arguments, "address")
        account = await self._local(address)
        await self.house.accounts.removeAccount(account.accountId)
        if not arguments.get("keepMail"):
            try:
                await self.house.store.removeAccount(account.accountId)
            except NotFound:
                # It never got any mail.
                pass
        self._changed("account removed", str(address))
        return {"address": str(address)}

    async def account_list(self, arguments: dict[str, Any]) -> Any:
        rows = []
        for account in await self.house.accounts.listAccounts():
            kept = await self.house.store.existingAccount(account.accountId)
            quota = await kept.quota() if kept is not None else None
            limit = (
                account.quotaOctets if account.quotaOctets is not None else self.house.settings.octets("account.quota")
            )
            rows.append(
                {
                    "address": str(account.address), "name": account.fullName, "state": account.state,
                    "admin": account.administrator, "quota": formatSize(limit), "quotaOctets": limit,
                    "usedOctets": quota.usedOctets if quota else 0, "messages": quota.usedMessages if quota else 0,
                }
            )  # fmt: skip
        return rows

    async def account_show(self, arguments: dict[str, Any]) -> Any:
        address = _address(arguments, "address")
        record = await self.house.directory.recordWithAddress(address)
        if record is None:
            raise Refused(f"no directory knows {address}")
        kept = await self.house.store.existingAccount(record.accountId)
        quota = await kept.quota() if kept is not None else None
        mailboxes = await kept.listMailboxes() if kept is not None else ()
        limit = record.quotaOctets if record.quotaOctets is not None else self.house.settings.octets("account.quota")
        return {
            "address": str(record.address),
            "login": record.login,
            "name": record.fullName,
            "addresses": sorted(map(str, record.addresses)),
            "state": record.state.value,
            "forward": [str(a) for a in record.forwardTo],
            "keepCopy": record.keepCopy,
            "mailHost": record.mailHost,
            "pop": record.popAllowed,
            "imap": record.imapAllowed,
            "admin": record.administrator,
            "quota": formatSize(limit),
            "quotaOctets": limit,
            "usedOctets": quota.usedOctets if quota else 0,
            "messages": quota.usedMessages if quota else 0,
            "source": [list(pair) for pair in record.source],
            "warnings": list(record.warnings),
            "mailboxes": [
                {"name": m.name, "messages": m.messages, "unseen": m.unseen, "octets": m.sizeOctets} for m in mailboxes
            ],
        }


class AliasCommands(_Commands):
    """
    Addresses that lead to others.
    """

    async def alias_list(self, arguments: dict[str, Any]) -> Any:
        return [
            {"address": str(a.address), "targets": [str(t) for t in a.targets]}
            for a in await self.house.domains.listAliases()
        ]

    async def alias_add(self, arguments: dict[str, Any]) -> Any:
        address = _address(arguments, "address")
        if await self.house.domains.domain(address.domain) is None:
            raise Refused(f"{address.domain} is no domain of ours; osxmail domain list shows them")
        if await self.house.accounts.accountWithAddress(address) is not None:
            raise Refused(f"{address} is an account; osxmail account set {address} --forward sends its mail on")
        written = arguments.get("targets")
        if not isinstance(written, list) or not written:
            raise Refused("an alias needs at least one target")
        targets = tuple(_address({"target": one}, "target") for one in written)
        await self.house.domains.addAlias(Alias(address, targets))
        self._changed("alias added", str(address))
        return {"address": str(address)}

    async def alias_remove(self, arguments: dict[str, Any]) -> Any:
        address = _address(arguments, "address")
        if await self.house.domains.alias(address) is None:
            raise Refused(f"{address} is no alias; osxmail alias list shows them")
        await self.house.domains.removeAlias(address)
        self._changed("alias removed", str(address))
        return {"address": str(address)}


def _queueRow(item: QueueItem) -> dict[str, Any]:
    return {
        "id": item.queueId, "sender": str(item.sender) if item.sender else "<>", "received": item.received,
        "octets": item.sizeOctets, "held": item.held,
        "recipients": [
            {
                "address": str(r.address), "destination": r.destination, "attempts": r.attempts, "nextTry": r.nextTry,
                "trying": r.leased, "lastReply": r.lastReply, "host": r.remoteHost,
            }
            for r in item.recipients
        ],
    }  # fmt: skip


class QueueCommands(_Commands):
    """
    The relay queue.
    """

    async def queue_list(self, arguments: dict[str, Any]) -> Any:
        items = await self.house.queue.list(
            queueId=text(arguments, "id", ""),
            sender=text(arguments, "sender", ""),
            recipient=text(arguments, "recipient", ""),
            destination=text(arguments, "destination", ""),
        )
        return [_queueRow(item) for item in items]

    async def queue_show(self, arguments: dict[str, Any]) -> Any:
        queueId = text(arguments, "id")
        items = await self.house.queue.list(queueId=queueId)
        if not items:
            raise Refused(f"the queue has no message {queueId}; osxmail trace {queueId} tells what became of it")
        message = await self.house.queue.message(queueId)
        start = await message.read(0, SHOWN_HEADER_OCTETS)
        events = await self.house.store.trace(queueId, 0.0, MAX_TRACE_EVENTS)
        return {
            **_queueRow(items[0]),
            "header": headerOf(start).decode("utf-8", "replace"),
            "trace": [{"time": e.time, "event": e.event, "fields": e.fields} for e in events],
        }

    async def _apply(self, arguments: dict[str, Any], what: str, act: Any) -> Any:
        written = arguments.get("ids")
        if written == "all":
            ids = [item.queueId for item in await self.house.queue.list(limit=100000)]
        elif isinstance(written, list) and written:
            ids = [str(one) for one in written]
            for queueId in ids:
                if not await self.house.queue.list(queueId=queueId):
                    raise Refused(f"the queue has no message {queueId}; osxmail queue list shows what it has")
        else:
            raise Refused("name queue IDs, or --all")
        count = await act(ids)
        self._changed(f"queue {what}", " ".join(ids[:20]))
        return {"recipients": count}

    async def queue_retry(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "retry", self.house.queue.retry)

    async def queue_hold(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "hold", self.house.queue.hold)

    async def queue_release(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "release", self.house.queue.release)

    async def queue_delete(self, arguments: dict[str, Any]) -> Any:
        return await self._apply(arguments, "delete", self.house.queue.remove)


class SettingCommands(_Commands):
    """
    The typed table.
    """

    def _row(self, key: str) -> dict[str, Any]:
        row, settings = TABLE[key], self.house.settings
        return {
            "key": key, "value": settings.shown(key), "default": row.default, "kind": row.kind.value,
            "choices": list(row.choices), "origin": settings.origin(key), "needsRestart": row.needsRestart,
            "help": row.help,
        }  # fmt: skip

    async def settings_list(self, arguments: dict[str, Any]) -> Any:
        return [self._row(key) for key in TABLE]

    async def settings_get(self, arguments: dict[str, Any]) -> Any:
        key = text(arguments, "key")
        if key not in TABLE:
            self.house.settings.check(key, "")
        return self._row(key)

    async def settings_set(self, arguments: dict[str, Any]) -> Any:
        key = text(arguments, "key")
        stored = self.house.settings.check(key, text(arguments, "value"))
        return await self._store(key, stored)

    async def settings_reset(self, arguments: dict[str, Any]) -> Any:
        key = text(arguments, "key")
        self.house.settings.check(key, TABLE[key].default if key in TABLE else "")
        return await self._store(key, None)

    async def _store(self, key: str, stored: str | None) -> Any:
        await self.house.settingRows.setSetting(key, stored, "command")
        self.house.settings.load(await self.house.settingRows.settings())
        self._changed("setting", key)
        return self._row(key)
