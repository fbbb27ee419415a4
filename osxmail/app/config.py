# -*- test-case-name: tests.unit.app.test_config -*-
"""
How this node runs: the TOML file, checked as a whole.

Every problem is reported, each with file, line and key path, and what would be right.
"""

from __future__ import annotations

import copy
import difflib
import os
import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen
from pydantic import ValidationError

from osxmail.app.configfile import LATER_LISTENERS, LISTENERS, DirectorySection, File, knownKeys
from osxmail.app.settings import TABLE
from osxmail.app.tomllines import KeyPath, dotted, keyLines, lineOf
from osxmail.directory.ldapconfiguration import LDAPConfiguration
from osxmail.directory.schemas import SCHEMAS
from osxmail.errors import ConfigurationError, ParseError
from osxmail.net.tls import CertificateFiles

MAX_OCTETS = 1 << 20
#: Of a password in a file of its own.
MAX_SECRET_CHARACTERS = 4096
#: Stands where what is needed is missing, while the rest is looked at.
_PLACEHOLDER = "missing.invalid"


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
        parsed = File.model_validate(tree)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        problems += [_problem(detail) for detail in faults]
        parsed = _withoutFaults(tree, [_place(detail) for detail in faults])
    problems += _pinProblems(tree.get("settings"))
    # What stands right is looked at even where something else does not: all is told at once.
    configuration = None if parsed is None else _build(parsed, path, problems)
    if problems or configuration is None:
        raise ConfigurationError(
            [
                f"{path}:{lineOf(where, lines, isOne)}: {dotted(where, isOne)}: {what}"
                for where, what in sorted(problems, key=lambda p: (lineOf(p[0], lines, isOne), str(p[0])))
            ]
        )
    return configuration


def _place(detail: Any) -> KeyPath:
    return tuple(part for part in detail["loc"] if part != "[key]")


def _withoutFaults(tree: dict[str, Any], places: list[KeyPath]) -> File | None:
    """
    What remains of a file without the keys that have a fault; C{None} when that is none either.
    """
    rest = copy.deepcopy(tree)
    for place in places:
        section: Any = rest
        for part in place[:-1]:
            try:
                section = section[part]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if isinstance(section, list):
                section.clear()
            elif place[:1] == ("domain",):
                section["name"] = _PLACEHOLDER
            else:
                section.pop(place[-1], None)
    for key in ("hostname", "data"):
        rest.setdefault(key, _PLACEHOLDER)
    try:
        return File.model_validate(rest)
    except ValidationError:
        return None


def _problem(detail: Any) -> tuple[KeyPath, str]:
    where = _place(detail)
    kind, given = detail["type"], detail["input"]
    if "password" in str(where[-1]):
        return where, "not a text"
    if kind == "extra_forbidden":
        known = knownKeys(where)
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


def _build(parsed: File, path: Path, problems: list[tuple[KeyPath, str]]) -> Configuration:
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
    for name, file in (("certificate", files.certificate), *([("key", files.key)] if key else [])):
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
    row: DirectorySection, folder: Path, where: KeyPath, domains: tuple[str, ...], problems: list[Any]
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
