# -*- test-case-name: tests.unit.app.test_config -*-
"""
How this node runs: the TOML file, checked as a whole.

Every problem is reported, each with file, line and key path, and what would be right.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from attrs import frozen
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from twisted.internet.endpoints import serverFromString

from osxmail.app.settings import TABLE
from osxmail.app.tomllines import KeyPath, dotted, keyLines, lineOf
from osxmail.directory.ldapconfiguration import LDAPConfiguration
from osxmail.directory.schemas import SCHEMAS
from osxmail.errors import ConfigurationError, ParseError
from osxmail.mail.address import normalizeDomain
from osxmail.net.tls import CertificateFiles

MAX_OCTETS = 1 << 20
#: Of a password in a file of its own.
MAX_SECRET_CHARACTERS = 4096

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


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Listen(_Section):
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


class _Pair(_Section):
    certificate: str
    key: str = ""


class _TLS(_Section):
    certificate: str = ""
    key: str = ""
    names: dict[Domain, _Pair] = {}


class _DNS(_Section):
    servers: list[Server] = []


class _Directory(_Section):
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


class _DomainRow(_Section):
    name: Domain


class _File(_Section):
    hostname: Hostname
    data: str
    store: str = "sqlite"
    workers: int = 1
    listen: _Listen = _Listen()
    tls: _TLS = _TLS()
    dns: _DNS = _DNS()
    directory: list[_Directory] = [_Directory()]
    domain: list[_DomainRow] = []
    settings: dict[str, Any] = {}


@frozen
class Configuration:
    """
    A checked configuration.

    @ivar path: the file, or C{None} for the quickstart.
    @ivar listen: pairs of service and endpoint string.
    @ivar certificate: of the TLS listeners; C{None} means one of our own making.
    @ivar certificates: more, each with the server name it is for.
    @ivar resolvers: pairs of address and port; empty means the system's.
    @ivar directories: in order; C{None} stands for the local one.
    @ivar pins: settings held against change, by key, as text.
    @ivar later: listeners named that this version does not have.
    """

    path: Path | None
    hostname: str
    data: Path
    listen: tuple[tuple[str, str], ...]
    certificate: CertificateFiles | None
    certificates: tuple[CertificateFiles, ...]
    resolvers: tuple[tuple[str, int], ...]
    directories: tuple[LDAPConfiguration | None, ...]
    domains: tuple[str, ...]
    pins: dict[str, str]
    later: tuple[str, ...] = ()


def readConfiguration(path: Path) -> Configuration:
    """
    Read and check a file.

    @raise ConfigurationError: with every problem.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from None
    if len(raw) > MAX_OCTETS:
        raise ConfigurationError([f"{path}: larger than 1 MiB; is it a configuration?"])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigurationError([f"{path}:{line}: not UTF-8 text"]) from None
    return parseConfiguration(text, path)


def parseConfiguration(text: str, path: Path) -> Configuration:
    """
    Check the text of a configuration.

    @param path: where it came from; relative paths in it count from its folder.
    @raise ConfigurationError: with every problem.
    """
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = re.search(r"\(at line (\d+), column \d+\)", str(error))
        # "(at end of document)" is the other place that it may name.
        line = where.group(1) if where else str(max(1, len(text.splitlines())))
        what = str(error)[: where.start()].strip() if where else str(error)
        raise ConfigurationError([f"{path}:{line}: not TOML: {what}"]) from None
    lines = keyLines(text)
    # One directory may be written as [directory], several as [[directory]].
    isOne = isinstance(tree.get("directory"), dict)
    if isOne:
        tree["directory"] = [tree["directory"]]
    problems: list[tuple[KeyPath, str]] = []
    parsed = None
    try:
        parsed = _File.model_validate(tree)
    except ValidationError as error:
        problems += [_problem(detail, tree) for detail in error.errors(include_url=False)]
    problems += _pinProblems(tree.get("settings"))
    configuration = None
    if parsed is not None:
        configuration = _build(parsed, path, problems)
    if problems or configuration is None:
        raise ConfigurationError(
            [
                f"{path}:{lineOf(where, lines, isOne)}: {dotted(where, isOne)}: {what}"
                for where, what in sorted(problems, key=lambda p: (lineOf(p[0], lines, isOne), str(p[0])))
            ]
        )
    return configuration


def _problem(detail: Any, tree: dict[str, Any]) -> tuple[KeyPath, str]:
    where = tuple(part for part in detail["loc"] if part != "[key]")
    kind, given = detail["type"], detail["input"]
    if "password" in str(where[-1]):
        return where, "not a text"
    if kind == "extra_forbidden":
        known = _known(where, tree)
        near = difflib.get_close_matches(str(where[-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
        return where, f"unknown key; {hint}"
    if kind == "missing":
        return where, "is missing; it has no default"
    if kind in ("value_error", "assertion_error"):
        return where, f"{_shown(given)}: {detail['ctx']['error']}"
    return where, f"{_shown(given)}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _known(where: KeyPath, tree: dict[str, Any]) -> list[str]:
    model: type[BaseModel] = _File
    sections: dict[str, type[BaseModel]] = {
        "listen": _Listen, "tls": _TLS, "dns": _DNS, "directory": _Directory, "domain": _DomainRow,
    }  # fmt: skip
    if len(where) > 1:
        model = sections.get(str(where[0]), _File)
        if where[:2] == ("tls", "names"):
            model = _Pair
    return [field.alias or name for name, field in model.model_fields.items()]


def _pinProblems(pins: object) -> list[tuple[KeyPath, str]]:
    problems: list[tuple[KeyPath, str]] = []
    for key, text in _pinTexts(pins).items():
        row = TABLE.get(key)
        if row is None:
            near = difflib.get_close_matches(key, TABLE, n=1)
            problems.append((("settings", key), "no such setting" + (f"; did you mean {near[0]}?" if near else "")))
            continue
        try:
            row.parse(text)
        except ParseError as error:
            problems.append((("settings", key), str(error)))
    return problems


def _pinTexts(pins: object, prefix: str = "") -> dict[str, str]:
    """
    C{relay.port = 2525} is a table in TOML, C{"relay.port" = 2525} a key: both are taken.
    """
    texts: dict[str, str] = {}
    if not isinstance(pins, dict):
        return texts
    for key, value in pins.items():
        if isinstance(value, dict):
            texts |= _pinTexts(value, f"{prefix}{key}.")
        elif isinstance(value, bool):
            texts[prefix + key] = "yes" if value else "no"
        elif isinstance(value, list):
            texts[prefix + key] = " ".join(map(str, value))
        else:
            texts[prefix + key] = str(value)
    return texts


def _build(parsed: _File, path: Path, problems: list[tuple[KeyPath, str]]) -> Configuration:
    folder = path.absolute().parent
    if parsed.store != "sqlite":
        problems.append((("store",), f"{_shown(parsed.store)}: this version keeps mail in sqlite only"))
    if parsed.workers != 1:
        problems.append((("workers",), f"{parsed.workers}: this version runs as one process; write 1"))
    listen = tuple((name, endpoint) for name in LISTENERS for endpoint in getattr(parsed.listen, name))
    firsts: dict[str, str] = {}
    for name, endpoint in listen:
        if firsts.setdefault(endpoint, name) != name and not re.match("tcp6?:0(:|$)", endpoint):
            problems.append((("listen", name), f"{endpoint}: listen.{firsts[endpoint]} has it already"))
    later = tuple(name for name in LATER_LISTENERS if getattr(parsed.listen, name))
    domains = tuple(dict.fromkeys(row.name for row in parsed.domain))
    return Configuration(
        path=path,
        hostname=parsed.hostname,
        data=folder / parsed.data,
        listen=listen,
        certificate=_certificate(parsed.tls.certificate, parsed.tls.key, folder, ("tls",), problems),
        certificates=tuple(
            CertificateFiles(files.certificate, files.key, (name,))
            for name, pair in parsed.tls.names.items()
            if (files := _certificate(pair.certificate, pair.key, folder, ("tls", "names", name), problems))
        ),
        resolvers=tuple((server.split()[0], int(server.split()[1])) for server in parsed.dns.servers),
        directories=tuple(
            _directory(row, folder, ("directory", index), domains, problems)
            for index, row in enumerate(parsed.directory)
        ),
        domains=domains,
        pins=_pinTexts(parsed.settings),
        later=later,
    )


def _certificate(
    certificate: str, key: str, folder: Path, where: KeyPath, problems: list[Any]
) -> CertificateFiles | None:
    if not certificate:
        if key:
            problems.append(((*where, "key"), "a key without its certificate; add certificate"))
        return None
    files = CertificateFiles(folder / certificate, folder / (key or certificate))
    for name, file in (("certificate", files.certificate), ("key", files.key)):
        try:
            file.open("rb").close()
        except OSError as error:
            problems.append(((*where, name), f"{file}: {_reason(error)}"))
    return files


#: The names of L{LDAPConfiguration}'s fields in the file.
_DIRECTORY_KEYS = {"startTLS": "starttls", "bindPassword": "bind_dn", "timeoutSeconds, poolSize": "timeout_seconds"}


def _secretIn(path: Path, wrong: Callable[[str], None]) -> str:
    """
    The first line of a file that is not for everybody.
    """
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IROTH | stat.S_IWOTH):
                wrong(f"{path}: everybody can read it: chmod 640 it, with the group of the server's user")
                return ""
            secret = file.readline(MAX_SECRET_CHARACTERS).rstrip("\r\n")
    except OSError as error:
        wrong(f"{path}: {_reason(error)}")
        return ""
    except UnicodeDecodeError:
        wrong(f"{path}: not UTF-8 text")
        return ""
    if not secret:
        wrong(f"{path}: there is no password on its first line")
    return secret


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()


def _directory(
    row: _Directory, folder: Path, where: KeyPath, domains: tuple[str, ...], problems: list[Any]
) -> LDAPConfiguration | None:
    def wrong(key: str, what: str) -> None:
        problems.append(((*where, key), what))

    if row.kind == "local":
        for key in sorted(row.model_fields_set - {"kind"}):
            wrong("schema" if key == "schema_name" else key, 'is for kind = "ldap"')
        return None
    if row.kind != "ldap":
        wrong("kind", f"{_shown(row.kind)}: write local or ldap")
        return None
    password = row.bind_password
    if row.bind_password_file:
        if password:
            wrong("bind_password_file", "give bind_password or bind_password_file, not both")
        else:
            password = _secretIn(folder / row.bind_password_file, lambda what: wrong("bind_password_file", what))
    if row.ca_file:
        try:
            (folder / row.ca_file).open("rb").close()
        except OSError as error:
            wrong("ca_file", f"{folder / row.ca_file}: {_reason(error)}")
    schema = SCHEMAS.get(row.schema_name)
    if "domains" not in row.model_fields_set and schema is not None and schema.loginIsPrimary:
        # The old service's way: a short name is an address in every domain, unless somebody says otherwise.
        row.domains = list(domains)
    configuration = LDAPConfiguration(
        url=row.url,
        base=row.base,
        bindDN=row.bind_dn,
        bindPassword=password,
        startTLS=row.starttls,
        caFile=str(folder / row.ca_file) if row.ca_file else "",
        schema=row.schema_name,
        attributes=dict(row.attributes),
        domains=tuple(row.domains),
        timeoutSeconds=row.timeout_seconds,
        poolSize=row.pool_size,
        cacheSeconds=row.cache_seconds,
    )
    for problem in configuration.problems():
        name, _, what = problem.partition(": ")
        if name == "bindPassword":
            if row.bind_password_file:
                # That it gives none has been said.
                continue
            what = "this login needs a password: add bind_password_file"
        wrong(_DIRECTORY_KEYS.get(name, name), what)
    return configuration
