# -*- test-case-name: tests.integration.test_command -*-
"""
Domains, accounts and aliases.
"""

from __future__ import annotations

import secrets
from typing import Any

from attrs import evolve

from osxmail.app.control import text
from osxmail.app.parts import Commands, addressIn
from osxmail.errors import AlreadyExists, NotFound, ParseError, Refused
from osxmail.mail.acceptance import Alias, Domain, LocalAccount
from osxmail.mail.address import Address, displayDomain, normalizeDomain
from osxmail.mail.quantities import formatSize, parseSize
from osxmail.mail.record import AccountState

#: Letters and digits that nobody confuses when reading a password aloud.
_PASSWORD_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # noqa: S105


def newPassword() -> str:
    """
    A random password of 80 bits, in groups that people can type.
    """
    return "-".join("".join(secrets.choice(_PASSWORD_ALPHABET) for _ in range(4)) for _ in range(4))


def _domainName(arguments: dict[str, Any], name: str = "name") -> str:
    written = text(arguments, name)
    try:
        domain = normalizeDomain(written)
    except ParseError as error:
        raise Refused(f"{written!r}: {error}") from None
    if domain.startswith("["):
        raise Refused("an address literal is no domain of ours")
    return domain


class DomainCommands(Commands):
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
        catchAll = addressIn(arguments, "catchAll") if text(arguments, "catchAll", "") else None
        await self.house.domains.updateDomain(Domain(name, catchAll))
        self._changed("domain changed", name)
        return {"name": name}

    async def domain_remove(self, arguments: dict[str, Any]) -> Any:
        name = _domainName(arguments)
        if await self.house.domains.domain(name) is None:
            raise Refused(f"{name} is no domain of ours; osxmail domain list shows them")
        accounts = [a.address for a in await self.house.accounts.listAccounts() if a.address.domain == name]
        aliases = [a.address for a in await self.house.domains.listAliases() if a.address.domain == name]
        for what, plural, held in (("account", "accounts", accounts), ("alias", "aliases", aliases)):
            if held:
                raise Refused(
                    f"{name} still has {len(held)} {what if len(held) == 1 else plural}, {held[0]} for one; "
                    f"remove them first: osxmail {what} remove ADDRESS"
                )
        await self.house.domains.removeDomain(name)
        self._changed("domain removed", name)
        return {"name": name}


class AccountCommands(Commands):
    """
    Accounts of our own directory; C{show} knows those of every directory.
    """

    async def account_add(self, arguments: dict[str, Any]) -> Any:
        house, address = self.house, addressIn(arguments, "address")
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
        try:
            await house.accounts.addAccount(account)
        except AlreadyExists as error:
            raise AlreadyExists(f"{error}; to change it: osxmail account set {address}") from None
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
                addressIn({"forward": one}, "forward") for one in text(arguments, "forward").replace(",", " ").split()
            )
            # Who names addresses to forward to wants it done; who takes them away wants it ended.
            if changes["forwardTo"] and account.state == "enabled":
                changes["state"] = "forward"
            elif not changes["forwardTo"] and account.state == "forward":
                changes["state"] = "enabled"
        if arguments.get("state") is not None:
            changes["state"] = text(arguments, "state")
        account = evolve(account, **changes)
        if account.state not in {state.value for state in AccountState}:
            raise Refused("state: write enabled, off or forward")
        if account.state == "forward" and not account.forwardTo:
            raise Refused("state forward needs an address: --forward ADDRESS")
        if account.address in account.forwardTo:
            raise Refused(f"{account.address} cannot forward to itself; --keep-copy keeps a copy here")
        return account

    async def _local(self, address: Address) -> LocalAccount:
        account = await self.house.accounts.accountWithAddress(address)
        if account is None:
            raise Refused(f"{address} is no account of the local directory; osxmail account list shows them")
        return account

    async def account_set(self, arguments: dict[str, Any]) -> Any:
        address = addressIn(arguments, "address")
        before = await self._local(address)
        account = self._with(before, arguments)
        if arguments.get("password"):
            account = evolve(account, passwordHash=await self.house.passwords.hash(text(arguments, "password")))
        await self.house.accounts.updateAccount(account)
        if arguments.get("quota") is not None:
            # The last word counts: what was set by IMAP gives way to what is set here.
            kept = await self.house.store.existingAccount(account.accountId)
            quota = await kept.quota() if kept is not None else None
            if kept is not None and quota is not None and quota.setOctets is not None:
                await kept.overrideQuota(None, quota.setMessages)
        self._changed("account changed", str(address))
        if account.passwordHash != before.passwordHash or _mayLess(account, before):
            # Whoever is in by what counts no more: a password that was stolen, say.
            self.house.sessions.endAllOf(account.accountId)
        return {"address": str(address)}

    async def account_remove(self, arguments: dict[str, Any]) -> Any:
        address = addressIn(arguments, "address")
        account = await self._local(address)
        await self.house.accounts.removeAccount(account.accountId)
        await self.house.store.forgetRights(address)
        # A session would have what its address is given next, when it is somebody else's.
        self.house.sessions.endAllOf(account.accountId)
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
            if quota is not None and quota.setOctets is not None:
                limit = quota.setOctets
            rows.append(
                {
                    "address": str(account.address), "name": account.fullName, "state": account.state,
                    "admin": account.administrator, "quota": formatSize(max(0, limit)), "quotaOctets": limit,
                    "usedOctets": quota.usedOctets if quota else 0, "messages": quota.usedMessages if quota else 0,
                }
            )  # fmt: skip
        return rows

    async def account_show(self, arguments: dict[str, Any]) -> Any:
        address = addressIn(arguments, "address")
        record = await self.house.directory.recordWithAddress(address)
        if record is None:
            raise Refused(f"no directory has an account with {address}; osxmail explain --to {address} says more")
        kept = await self.house.store.existingAccount(record.accountId)
        quota = await kept.quota() if kept is not None else None
        mailboxes = await kept.listMailboxes() if kept is not None else ()
        limit = record.quotaOctets if record.quotaOctets is not None else self.house.settings.octets("account.quota")
        messages = self.house.settings.number("account.quota_messages")
        isSet = quota is not None and (quota.setOctets is not None or quota.setMessages is not None)
        if quota is not None:
            limit = limit if quota.setOctets is None else quota.setOctets
            messages = messages if quota.setMessages is None else quota.setMessages
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
            "quota": formatSize(max(0, limit)),
            "quotaOctets": limit,
            "quotaMessages": messages,
            "quotaIsSet": isSet,
            "usedOctets": quota.usedOctets if quota else 0,
            "messages": quota.usedMessages if quota else 0,
            "source": [list(pair) for pair in record.source],
            "warnings": list(record.warnings),
            "mailboxes": [
                {"name": m.name, "messages": m.messages, "unseen": m.unseen, "octets": m.sizeOctets} for m in mailboxes
            ],
        }


def _mayLess(account: LocalAccount, before: LocalAccount) -> bool:
    """
    Something that allows to log in, or to do more than others, was taken away.
    """
    return (
        (account.state == "off" and before.state != "off")
        or account.administrator < before.administrator
        or account.imapAllowed < before.imapAllowed
        or account.popAllowed < before.popAllowed
    )


class AliasCommands(Commands):
    """
    Addresses that lead to others.
    """

    async def alias_list(self, arguments: dict[str, Any]) -> Any:
        return [
            {"address": str(a.address), "targets": [str(t) for t in a.targets]}
            for a in await self.house.domains.listAliases()
        ]

    async def alias_add(self, arguments: dict[str, Any]) -> Any:
        address = addressIn(arguments, "address")
        if await self.house.domains.domain(address.domain) is None:
            raise Refused(f"{address.domain} is no domain of ours; add it first: osxmail domain add {address.domain}")
        if await self.house.accounts.accountWithAddress(address) is not None:
            raise Refused(f"{address} is an account; to send its mail on: osxmail account set {address} --forward TO")
        if await self.house.domains.alias(address) is not None:
            raise AlreadyExists(
                f"{address} is an alias already; to change it: osxmail alias remove {address}, then add"
            )
        written = arguments.get("targets")
        if not isinstance(written, list) or not written:
            raise Refused("an alias needs at least one target")
        targets = tuple(addressIn({"target": one}, "target") for one in written)
        if address in targets:
            raise Refused(f"{address} cannot lead to itself")
        await self.house.domains.addAlias(Alias(address, targets))
        self._changed("alias added", str(address))
        return {"address": str(address)}

    async def alias_remove(self, arguments: dict[str, Any]) -> Any:
        address = addressIn(arguments, "address")
        if await self.house.domains.alias(address) is None:
            raise Refused(f"{address} is no alias; osxmail alias list shows them")
        await self.house.domains.removeAlias(address)
        self._changed("alias removed", str(address))
        return {"address": str(address)}
