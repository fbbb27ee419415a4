# -*- test-case-name: tests.unit.mail.test_smtpcommand -*-
"""
SMTP and LMTP command lines, from octets to values (RFC 5321 4.1, RFC 2033).

Each function takes what follows the verb, without the CRLF, and returns a frozen value or raises
L{CommandError}, which tells the kinds of error apart and has the reply for each.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import field, frozen

from osxmail.errors import ParseError
from osxmail.mail.address import MAX_PATH_OCTETS, Address
from osxmail.mail.smtpreply import Reply

#: The longest command line, CRLF included.  RFC 5321 4.5.3.1.4 asks for 512, and each extension adds to it:
#: RFC 1870 3 (26), RFC 6152 2 (17), RFC 4954 3 (500), RFC 3461 4 (500), RFC 6531 3.4 (10).
MAX_COMMAND_OCTETS = 2048
#: RFC 4954 4: the AUTH command and the answers to its challenges.
MAX_AUTH_OCTETS = 12288
MAX_PARAMETERS = 20
MAX_SIZE_DIGITS = 20  # RFC 1870 3
MAX_ENVELOPE_ID_OCTETS = 100  # RFC 3461 4.4
MAX_ORIGINAL_OCTETS = 500  # RFC 3461 4.2

MAIL_PARAMETERS = frozenset({"SIZE", "BODY", "SMTPUTF8", "AUTH", "RET", "ENVID"})
RCPT_PARAMETERS = frozenset({"NOTIFY", "ORCPT"})

_VERB = re.compile(rb"([A-Za-z][A-Za-z0-9-]{0,15})(?:[ \t]+(.*))?", re.DOTALL)
# RFC 5321 4.1.2: a path, with the old source route that 4.1.1.3 and appendix C tell us to pass over.
_PATH = re.compile(
    r'[ \t]*(?:<(?P<route>(?:@(?:\[[^\]<>\s]*+\]|[^:,@<>"\[\s]++),?+)++:)?'
    r'(?P<path>(?:"(?:[^"\\]|\\.)*+"|[^"<>])*+)>|(?P<bare>[^<>"\s=]+@[^<>"\s]+))(?P<rest>(?:[ \t].*)?)'
)
# RFC 5321 4.1.2: esmtp-param; the value may be UTF-8 (RFC 6531 3.3).
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]{0,63})(?:=([!-<>-~\u0080-\U0010ffff]+))?")
_AUTH_VALUE = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]{0,63})=([!-~\u0080-\U0010ffff]*)")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_HELLO = re.compile(rb"[!-~]{1,255}")
_BDAT = re.compile(rb"([0-9]{1,20})(?:[ \t]+([Ll][Aa][Ss][Tt]))?")
_MECHANISM = re.compile(rb"([A-Za-z0-9_-]{1,20})(?:[ \t]+([!-~]+))?")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_UTF8_XTEXT = re.compile(r"(?:[!-*,-<>-\[\]-~\u0080-\U0010ffff]|\\x\{[0-9A-F]{2,6}\})*")
_NOTIFY = frozenset({"SUCCESS", "FAILURE", "DELAY"})


class Problem(Enum):
    """
    What is wrong with a command.
    """

    SYNTAX = "syntax"
    ADDRESS = "address"
    UNKNOWN_PARAMETER = "unknown parameter"
    DUPLICATE_PARAMETER = "duplicate parameter"
    UTF8 = "UTF-8 without SMTPUTF8"
    TOO_LONG = "too long"


class CommandError(ParseError):
    """
    A command line does not follow its grammar.

    @ivar problem: the kind of error.
    @ivar reply: what the peer is told.
    """

    def __init__(self, problem: Problem, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.problem = problem
        self.reply = Reply(code, enhanced, (text,))


def _syntax(text: str) -> CommandError:
    return CommandError(Problem.SYNTAX, 501, "5.5.4", text)


@frozen
class Command:
    """
    A command line.

    @ivar verb: in upper case.
    @ivar argument: what follows it, without blanks at the ends; not in the repr, for it may be a secret (AUTH).
    """

    verb: str
    argument: bytes = field(repr=False)


@frozen
class MailCommand:
    """
    MAIL FROM (RFC 5321 4.1.1.2).

    @ivar sender: the reverse-path, C{None} for C{<>}.
    @ivar sizeOctets: SIZE (RFC 1870), 0 when not given.
    @ivar body: C{"7BIT"} or C{"8BITMIME"} (RFC 6152).
    @ivar smtputf8: SMTPUTF8 was given (RFC 6531).
    @ivar auth: AUTH (RFC 4954 5): an address, C{""} for C{<>}; C{None} when not given.
    @ivar returnContent: RET (RFC 3461 4.3), C{"FULL"}, C{"HDRS"} or C{""}.
    @ivar envelopeId: ENVID, decoded (RFC 3461 4.4), or C{""}.
    """

    sender: Address | None
    sizeOctets: int = 0
    body: str = "7BIT"
    smtputf8: bool = False
    auth: str | None = None
    returnContent: str = ""
    envelopeId: str = ""


@frozen
class RcptCommand:
    """
    RCPT TO (RFC 5321 4.1.1.3).

    @ivar address: the forward-path; C{None} for C{<Postmaster>} without a domain, which the caller completes
        with our own host name (RFC 5321 4.5.1): see L{completed}.
    @ivar original: ORCPT, decoded, C{"rfc822;a@b"} (RFC 3461 4.2), or C{""}.
    @ivar notify: NOTIFY, in upper case; empty when not given.
    """

    address: Address | None
    original: str = ""
    notify: frozenset[str] = frozenset()

    def completed(self, hostname: str) -> Address:
        """
        The address, with C{hostname} where there was no domain.
        """
        return self.address if self.address is not None else Address("postmaster", hostname)


@frozen
class BdatCommand:
    """
    BDAT (RFC 3030 2): how many octets follow, and whether they are the last.
    """

    sizeOctets: int
    isLast: bool


@frozen
class AuthCommand:
    """
    AUTH (RFC 4954 4).

    @ivar mechanism: in upper case.
    @ivar initial: the initial response in base64, C{b"="} for an empty one; C{None} when there was none.
    """

    mechanism: str
    initial: bytes | None = field(repr=False)


def parseCommand(line: bytes) -> Command:
    """
    Verb and argument of a command line.

    @raise CommandError: it is empty, too long, has control characters, or does not begin with a verb.
    """
    if len(line) > MAX_AUTH_OCTETS:
        raise CommandError(Problem.TOO_LONG, 500, "5.5.2", "Line too long")
    match = _VERB.fullmatch(line.rstrip(b" \t"))
    if match is None:
        raise CommandError(Problem.SYNTAX, 500, "5.5.2", "That is not a command")
    if _CONTROL.search(line):
        raise CommandError(Problem.SYNTAX, 500, "5.5.2", "A command has no control characters")
    verb, argument = match.groups()
    return Command(verb.decode("ascii").upper(), argument or b"")


def parseHello(argument: bytes) -> str:
    """
    The name in EHLO, HELO or LHLO.  Whatever is printable is let through: many clients do not know their name,
    and nothing is decided by its form alone.

    @raise CommandError: there is none, or it is not one printable word of up to 255 octets.
    """
    if not _HELLO.fullmatch(argument):
        raise _syntax("Say the name of your host")
    return argument.decode("ascii")


def parseMail(argument: bytes, parameters: frozenset[str] = MAIL_PARAMETERS) -> MailCommand:
    """
    The argument of MAIL.

    @param parameters: the ESMTP parameters that this listener offers.
    @raise CommandError: with every L{Problem}.
    """
    path, given = _pathAndParameters(argument, b"FROM:", parameters, "5.1.7")
    smtputf8 = _flag(given, "SMTPUTF8")
    body = given.get("BODY", "7BIT")
    body = "" if body is None else body.upper()
    # RFC 3030 3: BINARYMIME is not offered.
    if body not in ("7BIT", "8BITMIME"):
        raise _syntax("BODY is 7BIT or 8BITMIME")
    returnContent = ""
    if "RET" in given:
        returnContent = (given["RET"] or "").upper()
        if returnContent not in ("FULL", "HDRS"):
            raise _syntax("RET is FULL or HDRS")
    sender = _address(path, smtputf8, "5.1.7") if path else None
    return MailCommand(
        sender,
        _size(given),
        body,
        smtputf8,
        _authParameter(given, smtputf8),
        returnContent,
        _envelopeId(given),
    )


def parseRcpt(argument: bytes, smtputf8: bool = False, parameters: frozenset[str] = RCPT_PARAMETERS) -> RcptCommand:
    """
    The argument of RCPT (and of VRFY-like commands with a path).

    @param smtputf8: MAIL had SMTPUTF8: the path may hold UTF-8.
    @param parameters: the ESMTP parameters that this listener offers.
    @raise CommandError: with every L{Problem}.
    """
    path, given = _pathAndParameters(argument, b"TO:", parameters, "5.1.3")
    if not path:
        raise CommandError(Problem.ADDRESS, 501, "5.1.3", "A recipient has an address")
    # RFC 5321 4.1.1.3: "<Postmaster>" in any case, with no domain.
    address = None if path.lower() == "postmaster" else _address(path, smtputf8, "5.1.3")
    return RcptCommand(address, _original(given, smtputf8), _notify(given))


def parseBdat(argument: bytes) -> BdatCommand:
    """
    The argument of BDAT (RFC 3030 2).

    @raise CommandError: it has no size, or something other than LAST follows it.
    """
    match = _BDAT.fullmatch(argument)
    if match is None:
        raise _syntax("BDAT takes a size, and LAST")
    return BdatCommand(int(match.group(1)), match.group(2) is not None)


def parseAuth(argument: bytes) -> AuthCommand:
    """
    The argument of AUTH (RFC 4954 4).

    @raise CommandError: no mechanism, or more than one word behind it.
    """
    match = _MECHANISM.fullmatch(argument)
    if match is None:
        raise _syntax("AUTH takes a mechanism and an initial response")
    mechanism, initial = match.groups()
    return AuthCommand(mechanism.decode("ascii").upper(), initial)


def decodeXtext(text: str) -> str:
    """
    Undo xtext (RFC 3461 4).

    @raise ParseError: it is not xtext, or stands for something that is not printable ASCII: decoded text goes
        into reports and logs.
    """
    if not _XTEXT.fullmatch(text):
        raise ParseError("not xtext")
    decoded = re.sub(r"\+([0-9A-F]{2})", lambda match: chr(int(match.group(1), 16)), text)
    if not (decoded.isascii() and decoded.isprintable()):
        raise ParseError("xtext that is not printable")
    return decoded


def encodeXtext(text: str) -> str:
    """
    Printable ASCII as xtext (RFC 3461 4).

    @raise ParseError: it is not printable ASCII.
    """
    if not (text.isascii() and text.isprintable()):
        raise ParseError("xtext holds printable ASCII")
    return re.sub(r"[+= ]", lambda match: f"+{ord(match.group()):02X}", text)


def _pathAndParameters(
    argument: bytes, keyword: bytes, parameters: frozenset[str], enhanced: str
) -> tuple[str, dict[str, str | None]]:
    if len(argument) > MAX_COMMAND_OCTETS:
        raise CommandError(Problem.TOO_LONG, 500, "5.5.2", "Line too long")
    if argument[: len(keyword)].upper() != keyword:
        raise _syntax(f"Write {keyword.decode('ascii')}<address>")
    try:
        text = argument[len(keyword) :].decode("utf-8")
    except UnicodeDecodeError:
        raise _syntax("That is not UTF-8") from None
    match = _PATH.fullmatch(text)
    if match is None:
        raise CommandError(Problem.ADDRESS, 501, enhanced, f"Write {keyword.decode('ascii')}<address>")
    path = match["path"] if match["bare"] is None else match["bare"]
    if len(path.encode("utf-8")) > MAX_PATH_OCTETS:
        raise CommandError(Problem.ADDRESS, 501, enhanced, "That address is too long")
    rest = match["rest"]
    return path, _parameters(rest, parameters) if rest else {}


def _parameters(text: str, known: frozenset[str]) -> dict[str, str | None]:
    words = text.split()
    if len(words) > MAX_PARAMETERS:
        raise _syntax("Too many parameters")
    given: dict[str, str | None] = {}
    for word in words:
        # RFC 4954 5: xtext excludes "=", yet some clients send it in AUTH=.
        match = _PARAMETER.fullmatch(word) or _AUTH_VALUE.fullmatch(word)
        if match is None:
            raise _syntax("A parameter is KEYWORD or KEYWORD=value")
        name = match.group(1).upper()
        if name not in known:
            # RFC 5321 4.1.1.11.
            raise CommandError(Problem.UNKNOWN_PARAMETER, 555, "5.5.4", f"Parameter {name} is not known")
        if name in given:
            raise CommandError(Problem.DUPLICATE_PARAMETER, 501, "5.5.4", f"Parameter {name} is given twice")
        given[name] = match.group(2)
    return given


def _address(path: str, smtputf8: bool, enhanced: str) -> Address:
    if not smtputf8 and not path.isascii():
        # RFC 6531 3.5.
        raise CommandError(Problem.UTF8, 553, "5.6.7", "An address that is not ASCII needs SMTPUTF8")
    try:
        return Address.parse(path)
    except ParseError as error:
        raise CommandError(Problem.ADDRESS, 501, enhanced, f"Not an address: {error}") from None


def _flag(given: dict[str, str | None], name: str) -> bool:
    if name not in given:
        return False
    if given[name] is not None:
        raise _syntax(f"{name} takes no value")
    return True


def _size(given: dict[str, str | None]) -> int:
    if "SIZE" not in given:
        return 0
    value = given["SIZE"]
    # RFC 1870 3: 1*20DIGIT.
    if not value or len(value) > MAX_SIZE_DIGITS or not (value.isascii() and value.isdigit()):
        raise _syntax("SIZE is a number of octets")
    return int(value)


def _authParameter(given: dict[str, str | None], smtputf8: bool) -> str | None:
    if "AUTH" not in given:
        return None
    value = given["AUTH"]
    if value == "<>":
        return ""
    if not value:
        raise _syntax("AUTH is an address or <>")
    if not smtputf8 and not value.isascii():
        raise CommandError(Problem.UTF8, 553, "5.6.7", "A parameter that is not ASCII needs SMTPUTF8")
    try:
        return decodeXtext(value) if value.isascii() and "=" not in value else value
    except ParseError:
        raise _syntax("AUTH is xtext") from None


def _envelopeId(given: dict[str, str | None]) -> str:
    if "ENVID" not in given:
        return ""
    value = given["ENVID"]
    if not value or len(value) > MAX_ENVELOPE_ID_OCTETS:
        raise _syntax("ENVID has 1 to 100 octets")
    try:
        return decodeXtext(value)
    except ParseError:
        raise _syntax("ENVID is xtext") from None


def _notify(given: dict[str, str | None]) -> frozenset[str]:
    if "NOTIFY" not in given:
        return frozenset()
    words = (given["NOTIFY"] or "").upper().split(",")
    if words == ["NEVER"]:
        return frozenset(words)
    # RFC 3461 4.1: NEVER stands alone, and nothing stands twice.
    if not _NOTIFY.issuperset(words) or len(set(words)) != len(words):
        raise _syntax("NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY")
    return frozenset(words)


def _original(given: dict[str, str | None], smtputf8: bool) -> str:
    if "ORCPT" not in given:
        return ""
    value = given["ORCPT"] or ""
    kind, semicolon, text = value.partition(";")
    if not semicolon or not kind or not text or not kind.isascii() or len(value) > MAX_ORIGINAL_OCTETS:
        raise _syntax("ORCPT is type;address")
    if not smtputf8 and not text.isascii():
        raise CommandError(Problem.UTF8, 553, "5.6.7", "A parameter that is not ASCII needs SMTPUTF8")
    try:
        return f"{kind};{_utf8Address(text) if kind.lower() == 'utf-8' else decodeXtext(text)}"
    except ParseError:
        raise _syntax("ORCPT is type;xtext") from None


def _utf8Address(text: str) -> str:
    # RFC 6533 3: utf-8-addr-xtext, \x{HEX} for a character.
    if not _UTF8_XTEXT.fullmatch(text):
        return decodeXtext(text)
    try:
        decoded = re.sub(r"\\x\{([0-9A-F]+)\}", lambda match: chr(int(match.group(1), 16)), text)
        decoded.encode("utf-8")
    except (ValueError, OverflowError):
        raise ParseError("not a Unicode character") from None
    if not decoded.isprintable():
        raise ParseError("an address that is not printable")
    return decoded
