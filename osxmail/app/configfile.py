# -*- test-case-name: tests.unit.app.test_config -*-
"""
What may stand in the configuration file: its sections and keys, and what each value must be.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from twisted.internet.endpoints import serverFromString

from osxmail.app.tomllines import KeyPath
from osxmail.errors import ParseError
from osxmail.mail.address import normalizeDomain

#: The services that can listen, and whether they speak TLS from the first octet on.
LISTENERS = {
    "smtp": False,
    "submission": False,
    "submissions": True,
    "lmtp": False,
    "imap": False,
    "imaps": True,
    "pop3": False,
    "pop3s": True,
}
#: Listeners of the plan that this version does not have yet: said at start, and passed over.
LATER_LISTENERS = ("console", "managesieve")


def _domain(text: str) -> str:
    return normalizeDomain(text)


def _hostname(text: str) -> str:
    name = normalizeDomain(text)
    if "." not in name or name.startswith("["):
        raise ParseError("write the host's full name, such as mail.example.org")
    return name


def _endpoint(text: str) -> str:
    try:
        serverFromString(None, text)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ParseError(
            f"no endpoint that can be listened on ({error}); write tcp:25, tcp:25:interface=127.0.0.1 or unix:/run/x"
        ) from None
    if re.match("unix:(?:address=)?[^/]", text):
        raise ParseError("write the socket's whole path, such as unix:/run/osxmail/lmtp:mode=660")
    # What would be found only when it is bound.
    port = re.match(r"tcp6?:(?:port=)?(\d+)", text)
    if port and int(port[1]) > 65535:
        raise ParseError("a port is 1 to 65535")
    interface = re.search(r":interface=((?:[^:\\]|\\.)*)", text)
    if interface and not _isAddressOrName(interface[1].replace("\\", "")):
        raise ParseError(f"{interface[1]} is no address of a machine; write one such as 127.0.0.1 or \\:\\:1")
    return text


def _isAddressOrName(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return bool(re.search("[g-z]", host.lower())) and ":" not in host
    return True


def _server(text: str) -> str:
    host, _, port = text.rpartition(":") if re.fullmatch(r"[^:]+:\d+|\[.*\]:\d+", text) else (text, "", "53")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ParseError("write an address, or address:port, such as 127.0.0.1:5353 or [::1]:53") from None
    if not 0 < int(port) < 65536:
        raise ParseError("a port is 1 to 65535")
    return f"{host.strip('[]')} {port}"


Domain = Annotated[str, AfterValidator(_domain)]
Hostname = Annotated[str, AfterValidator(_hostname)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Server = Annotated[str, AfterValidator(_server)]


class Section(BaseModel):
    """
    A table of the file.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


class ListenSection(Section):
    """
    C{[listen]}: endpoints, by service.
    """

    smtp: list[Endpoint] = []
    submission: list[Endpoint] = []
    submissions: list[Endpoint] = []
    lmtp: list[Endpoint] = []
    imap: list[Endpoint] = []
    imaps: list[Endpoint] = []
    pop3: list[Endpoint] = []
    pop3s: list[Endpoint] = []
    managesieve: list[Endpoint] = []
    console: list[Endpoint] = []


class PairSection(Section):
    """
    A certificate and its key.
    """

    certificate: str
    key: str = ""


class TLSSection(Section):
    """
    C{[tls]}: the certificate, and others by server name.
    """

    certificate: str = ""
    key: str = ""
    names: dict[Domain, PairSection] = {}


class DNSSection(Section):
    """
    C{[dns]}.
    """

    servers: list[Server] = []


class DirectorySection(Section):
    """
    C{[[directory]]}.
    """

    kind: str = "local"
    url: str = ""
    base: str = ""
    bind_dn: str = ""
    bind_password: str = ""
    bind_password_file: str = ""
    starttls: bool = False
    ca_file: str = ""
    schema_name: str = Field(default="inetorgperson", alias="schema")
    attributes: dict[str, str] = {}
    domains: list[Domain] = []
    timeout_seconds: float = Field(default=5.0, gt=0, le=60)
    pool_size: int = Field(default=8, ge=1, le=64)
    cache_seconds: float = Field(default=30.0, ge=0, le=3600)

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for key in ("timeout_seconds", "cache_seconds"):
                if type(value.get(key)) is int:
                    value = {**value, key: float(value[key])}
        return value


class DomainSection(Section):
    """
    C{[[domain]]}.
    """

    name: Domain


class File(Section):
    """
    The whole.
    """

    hostname: Hostname
    data: str
    store: str = "sqlite"
    workers: int = 1
    listen: ListenSection = ListenSection()
    tls: TLSSection = TLSSection()
    dns: DNSSection = DNSSection()
    directory: list[DirectorySection] = [DirectorySection()]
    domain: list[DomainSection] = []
    settings: dict[str, Any] = {}


def knownKeys(where: KeyPath) -> list[str]:
    """
    The keys that may stand where this one does.
    """
    model: type[BaseModel] = File
    sections: dict[str, type[BaseModel]] = {
        "listen": ListenSection,
        "tls": TLSSection,
        "dns": DNSSection,
        "directory": DirectorySection,
        "domain": DomainSection,
    }
    if len(where) > 1:
        model = sections.get(str(where[0]), File)
        if where[:2] == ("tls", "names"):
            model = PairSection
    return [field.alias or name for name, field in model.model_fields.items()]
